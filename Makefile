# The virtual environment is made once and filled again only when pyproject.toml changes.

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIP    := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq

.DEFAULT_GOAL := help
.PHONY: help demo test check bench specs manifest matrix clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## install into .venv and prove the kmod/ptrace fix
	$(BIN)/verify prove fix.kc

test: $(VENV)/installed-test ## install into .venv and run all tests with coverage
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2 --dist worksteal
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

check: $(VENV)/installed-test ## lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/installed ## run the benchmarks
	@for script in bench/*.py; do echo "$$script" >&2; $(BIN)/python $$script || exit 1; done

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
	    .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

specs: $(VENV)/installed-test ## decide every claim of every bundled spec, however long it takes
	$(BIN)/python -m tests.corpus

manifest: $(VENV)/installed-test ## write what the specs come to into specs/manifest.toml
	$(BIN)/python -m tests.outcomes

matrix: $(VENV)/installed-test ## decide the properties of all versions of the fix
	@$(BIN)/python -m tests.matrix

grammar/kc.json: grammar/kc.lark verify/syntax/automaton.py | $(VENV)/installed
	@$(BIN)/python -c 'from verify.syntax.automaton import store; store()'

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; name it with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV)" >&2
	@$(PIP) -e .
	@$(BIN)/python -m compileall -q verify
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV), with what the tests need" >&2
	@$(PIP) -e '.[test]'
	@$(BIN)/python -m compileall -q verify
	@touch $(VENV)/installed $@
