"""What is shipped, and what the project promises about itself."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = (".kc", ".lark", ".json")
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT: dict[str, Any] = tomllib.loads(PYPROJECT)


def run(command: list[str], cwd: Path, **extra: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **extra}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*pip, "-w", str(folder), str(ROOT)], folder, PIP_DISABLE_PIP_VERSION_CHECK="1")
    (wheel,) = folder.glob("kcverify-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_the_wheel_ships_grammar_specs_and_schema(unpacked: Path) -> None:
    for folder in ("grammar", "specs"):
        here = sorted(p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.suffix in SHIPPED)
        there = unpacked / "verify" / "_data" / folder
        assert sorted(p.relative_to(there) for p in there.rglob("*") if p.suffix in SHIPPED) == here
        assert here
    for name in ("py.typed", "report/verify-1.schema.json"):
        assert (unpacked / "verify" / name).is_file()
    assert {p.name for p in unpacked.iterdir()} == {"verify", f"kcverify-{PROJECT['project']['version']}.dist-info"}


@pytest.mark.slow
def test_the_wheel_works_on_its_own(unpacked: Path, tmp_path: Path) -> None:
    code = (
        "import verify.api as api; print(api.__file__); api.new_file('ring'); "
        "print(*(c.name for c in api.select('fix.kc', api.Options()).claims), sep='\\n')"
    )
    place, *claims = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(unpacked)).splitlines()
    assert Path(place) == unpacked / "verify" / "api.py"
    assert "prove no_traced_kernel_thread" in claims
    assert (tmp_path / "ring.kc").read_text() == (ROOT / "specs" / "skeleton.kc").read_text()


@pytest.mark.slow
def test_the_entry_points(unpacked: Path) -> None:
    (info,) = unpacked.glob("*.dist-info")
    text = (info / "entry_points.txt").read_text()
    assert "verify = verify.cli:main" in text
    assert "kcverify = verify.pytest_plugin" in text


def imported() -> set[str]:
    """Every top-level package that the tool imports."""
    found: set[str] = set()
    for path in (ROOT / "verify").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    found |= {alias.name.split(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module), level=0):
                    found.add(module.split(".")[0])
                case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module))]):
                    found.add(module.split(".")[0])
                case _:
                    pass
    return found - set(sys.stdlib_module_names) - {"verify"}


def test_every_import_is_declared_and_every_dependency_used() -> None:
    project = PROJECT["project"]
    wanted = (*project["dependencies"], *project["optional-dependencies"]["check"])
    names = {re.split(r"[<>=~!]", spec)[0] for spec in wanted}
    packages = {{"z3-solver": "z3"}.get(name, name) for name in names}
    assert imported() - {"pytest", "_pytest"} == packages  # pytest itself loads the plugin


def test_the_solver_is_pinned() -> None:
    assert any(re.fullmatch(r"z3-solver==\d+(\.\d+)+", spec) for spec in PROJECT["project"]["dependencies"])


def test_every_exception_to_the_linter_has_its_reason() -> None:
    lists = re.findall(r"(?:ignore|\"tests/\*\") = \[\n(.*?)\]", PYPROJECT, re.DOTALL)
    rows = [row for text in lists for row in text.splitlines() if row.strip()]
    assert len(rows) > 10
    for row in rows:
        assert re.fullmatch(r' +"[A-Z]+\d*",? +# \w.*', row), row


def test_make_lists_its_targets() -> None:
    text = run(["make", "-s"], ROOT)
    targets = ["help", "demo", "test", "check", "bench", "clean", "specs", "manifest", "matrix"]
    assert [line.split()[1] for line in text.splitlines()] == targets


def test_ci_runs_the_checks_and_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\w+)$", script.read_text(), re.MULTILINE) == ["check", "test"]


def test_the_version_is_in_the_changelog() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[(Unreleased|{re.escape(PROJECT['project']['version'])})\]", changes, re.MULTILINE)
