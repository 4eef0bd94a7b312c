"""What `verify redundant` says where not all is known, or something went wrong."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from verify import api
from verify.api import Options, redundant_file
from verify.diagnostics import Diagnostic
from verify.report.redundancy import RedundancyResult, redundancy_exit, redundancy_lines
from verify.report.result import BAD_INPUT, INTERNAL, INTERRUPTED
from verify.report.text import plain
from verify.source import NOWHERE

TEXT = """
struct task { bool a; };
void user(void) {
c>      if (current->a)
            return;
s>      current->a = true;
}
system { task user[*] runs user; }
invariant good = true;
prove good;
"""


def test_a_process_that_dies_is_no_fault_of_the_input() -> None:
    fault = RedundancyResult("a.kc", {}, errors=(Diagnostic("KC970", "the process ended early", NOWHERE),))
    wrong = RedundancyResult("a.kc", {}, errors=(Diagnostic("KC160", "unknown invariant", NOWHERE),))
    assert (redundancy_exit(fault), redundancy_exit(wrong)) == (INTERNAL, BAD_INPUT)


def test_an_interrupt_leaves_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from verify.redundancy import study  # noqa: PLC0415 - what is replaced

    (tmp_path / "a.kc").write_text(TEXT)
    every = study.answers

    def few(*args, **named):  # type: ignore[no-untyped-def] # noqa: ANN002, ANN003, ANN202 - as they come
        for about in every(*args, **named):
            yield about
            raise KeyboardInterrupt

    monkeypatch.setattr(study, "answers", few)
    result = redundant_file(str(tmp_path / "a.kc"), Options(budget=20), fresh=True)
    lines = plain(redundancy_lines(result, 100)).splitlines()
    assert redundancy_exit(result) == INTERRUPTED
    assert [line.split() for line in lines if line.startswith("user.")] == [
        ["user.c", "check", "○"], ["user.s", "statement", "○"],
    ]  # fmt: skip
    assert lines[-1].startswith("interrupted, 1 invariant")


def test_an_interrupt_before_anything_is_known_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from verify.redundancy import study  # noqa: PLC0415 - what is replaced

    (tmp_path / "a.kc").write_text(TEXT)

    monkeypatch.setattr(study, "answers", Mock(side_effect=KeyboardInterrupt))
    result = redundant_file(str(tmp_path / "a.kc"), Options(), fresh=True)
    assert (list(redundancy_lines(result, 100)), redundancy_exit(result)) == ([], INTERRUPTED)


def test_a_budget_without_end_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text(TEXT)
    result = api.check_file(str(tmp_path / "a.kc"), Options(budget=float("inf")))
    assert [claim.verdict for claim in result.claims] == ["proved"]


def test_versions_without_systems_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text(TEXT)
    (tmp_path / "b.kc").write_text("struct task { bool a; };")
    result = api.diff_files(str(tmp_path / "a.kc"), str(tmp_path / "b.kc"))
    assert [(error.code, error.span.source.path) for error in result.errors] == [("KC164", str(tmp_path / "b.kc"))]
