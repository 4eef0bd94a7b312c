"""Every command in the documents is run and prints what they say; every program in them that is meant to, holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from verify.api import Options, check_file
from verify.cli import main
from verify.codes import CODES
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.types import VOID

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGE = ROOT / "docs" / "language.md"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."  # a line that stands for any number of lines


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of that kind, each with its place."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            if found[1].strip() == kind:
                yield f"{path.relative_to(ROOT)}:{text[: found.start()].count(chr(10)) + 1}", found[2]


def commands() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The `verify` commands of each console block that have output, with its place."""
    for place, block in blocks("console"):
        parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
        found = [(_run(command.partition("  #")[0].strip()), output) for command, _, output in parts if output.strip()]
        if any(command.startswith("verify ") for command, _ in found):
            yield place, [(command, output) for command, output in found if command.startswith("verify ")]


def _run(command: str) -> str:
    """What a command comes to: `make demo` runs the last line of its recipe."""
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo:")[2].partition("\n\n")[0]
    return recipe.splitlines()[-1].strip().removeprefix("$(BIN)/") if command == "make demo" else command


def programs() -> Iterator[tuple[str, str]]:
    """The programs that are whole, with their claims; `c` has GitHub colour them."""
    yield from blocks("kc runnable")
    yield from blocks("c runnable")


def masked(text: str) -> str:
    """The text without times and without the blanks at the ends of lines."""
    return re.sub(r" *\d+(\.\d+)? s$", " T s", re.sub(r" +$", "", text, flags=re.MULTILINE), flags=re.MULTILINE).strip()


def pattern(expected: str) -> str:
    """A regular expression for the expected output, in which a line of dots stands for any lines."""
    lines = masked(expected).splitlines()
    return "".join("(?:.*\\n)*?" if line == ANYTHING else re.escape(line) + "\\n" for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("block", [pytest.param(block, id=f"{place} {block[0][0]}") for place, block in commands()])
def test_commands_print_what_the_documents_say(
    block: list[tuple[str, str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    for command, output in block:
        main(shlex.split(command)[1:])
        shown = masked(capsys.readouterr().out)
        assert re.fullmatch(pattern(output), f"{shown}\n"), shown


@pytest.mark.slow
@pytest.mark.parametrize("text", [pytest.param(text, id=place) for place, text in programs()])
def test_programs_in_the_documents_hold(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.kc"
    path.write_text(text)
    result = check_file(str(path), Options(tasks=2, budget=60.0))
    assert result.errors == ()
    assert result.claims
    assert [claim.name for claim in result.claims if not claim.holds] == []


def test_masks_and_dots() -> None:
    shown = "a   bfs   0.41 s\nb  \nc\nd   1.2 s\n"
    assert masked(shown) == "a   bfs T s\nb\nc\nd T s"
    for expected, same in (("...\n", True), ("b\nc\n", True), ("", False), ("b\n", False)):
        found = re.fullmatch(pattern(f"a   bfs   9.99 s\n{expected}d  77 s\n"), masked(shown) + "\n")
        assert bool(found) is same


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def section(title: str) -> str:
    """The part of the language's document under that title."""
    return LANGUAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_table_of_primitives_is_that_of_the_language() -> None:
    described = {
        call: bool(gives.strip())
        for calls, gives in re.findall(r"^\| (`.*?`) \| (.*?) \|", section("Locks, atomics, barriers"), re.MULTILINE)
        for call in re.findall(r"`([^`]+)`", calls)
    }
    assert described == {f"{name}({', '.join(row.params)})": row.type != VOID for name, row in PRIMITIVES.items()}


def test_the_table_of_errors_is_that_of_the_codes() -> None:
    assert re.findall(r"^\| (KC\d+) \| (.*) \|$", section("Errors"), re.MULTILINE) == list(CODES.items())


def test_every_claim_of_the_language_is_described() -> None:
    grammar = (ROOT / "grammar" / "kc.lark").read_text(encoding="utf-8")
    lines = re.findall(r"^CLAIM_\w+: (.*)$", grammar, re.MULTILINE)
    words = {word for line in lines for word in re.findall(r'"(\w+)"', line)}
    words |= {"minimal", "race_free", "writers", "no_starvation", "atomic_sections"}
    assert set(re.findall(r"^\| `(\w+)[^|]*;` \|", section("Claims"), re.MULTILINE)) == words


def test_readme_and_cli_agree_on_the_exit_codes() -> None:
    rows = [set(re.findall(r"^\| (\d+) \|", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in (
        ROOT / "README.md", ROOT / "docs" / "cli.md"
    )]
    assert rows[0] == rows[1] == {"0", "1", "2", "3", "4", "70", "130"}
