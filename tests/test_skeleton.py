"""`verify new`: what it writes holds at once and can be worked with, and nothing that is there is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verify import writing
from verify.api import Options, check_file, export_file, new_file
from verify.cli import main
from verify.resources import skeleton


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("name", "file"), [
    ("ring", "ring.kc"), ("ring.kc", "ring.kc"), ("ring.c", "ring.c.kc"), ("folder/../'x\" *", "folder/../'x\" *.kc")
])  # fmt: skip
def test_the_file_has_the_name_and_the_text(name: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    assert main(["new", name]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert Path(file).read_text() == skeleton()
    assert Path(file).stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_its_claims_hold_for_any_number_of_tasks() -> None:
    new_file("ring")
    result = check_file("ring.kc")
    assert result.errors == ()
    assert {claim.kind for claim in result.claims} >= {"prove", "reach", "necessary"}
    assert [claim.name for claim in result.claims if not claim.holds] == []
    assert {str(claim.scope) for claim in result.claims if claim.verdict == "proved"} == {
        "any number of tasks, any number of steps"
    }


def test_the_commands_that_it_names_work(capsys: pytest.CaptureFixture[str]) -> None:
    new_file("ring")
    commands = [line.split("  ")[2].split() for line in skeleton().splitlines() if line.startswith("//     verify ")]
    assert [words[1] for words in commands] == ["prove", "prove", "redundant"]
    _, attack, needs = commands
    assert main([word.replace("FILE", "ring") for word in attack[1:]]) == 1
    assert "opened_once is false" in capsys.readouterr().out
    assert main([word.replace("FILE", "ring") for word in needs[1:]]) == 0


def test_it_is_exported(tmp_path: Path) -> None:
    new_file("ring")
    for language in ("c", "pluscal", "promela", "tla"):
        assert export_file("ring.kc", Options(), str(tmp_path / "out"), language).errors == ()


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_that_is_there_is_overwritten(there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ring.kc"
    match there:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")
    assert main(["new", "ring"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error[KC906]: there is already a `ring.kc`" in captured.err
    assert [*tmp_path.iterdir()] == [path]
    assert there != "file" or path.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "folder/", "folder/..", ".kc", "..kc", " ", "--", "./-x", "a\nb", "\x00", "\udcff"]
)
def test_what_is_no_name_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "--", name]) == 2
    assert "NAME" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "reason"), [("none/ring", "no such file or directory"), ("x" * 300, "file name too long")]
)
def test_what_cannot_be_written_is_an_error(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", name]) == 2
    assert f"error[KC906]: `{name}.kc` cannot be written: {reason}" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[str]()

    def failing(name: str, path: Path) -> None:
        seen.append(Path(name).read_text())
        raise PermissionError(path)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(PermissionError):
        writing.create_file(tmp_path / "ring.kc", "all of it")
    assert seen == ["all of it"]
    assert [*tmp_path.iterdir()] == []
