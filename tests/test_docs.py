"""Every command in the documents is run and prints what they say; every program in them that is meant to, holds."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import matrix
from verify.api import Options, check_file, select
from verify.cli import main
from verify.codes import CODES
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.types import VOID

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGE = ROOT / "docs" / "language.md"
PTRACE = ROOT / "docs" / "ptrace.md"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("verify", "pytest", "echo")  # the commands that are run; `echo` is of `$?`, the code of the one before
ANYTHING = "..."  # a line that stands for any number of lines


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, its place, and the files that the blocks before it in the document have made."""

    place: str
    kind: str
    text: str
    files: Mapping[str, str]


def blocks() -> Iterator[Block]:
    """All fenced blocks. ```` ```c NAME.kc ```` is the text of a file, ```` ```diff NAME.kc ```` a change to it."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        files: dict[str, str] = {}
        for found in BLOCK.finditer(text):
            kind, body = found[1].strip(), found[2]
            yield Block(f"{path.relative_to(ROOT)}:{text[: found.start()].count(chr(10)) + 1}", kind, body, {**files})
            match kind.split():
                case ["c", name] if name.endswith(".kc"):
                    files[name] = body
                case ["diff", name]:
                    files[name] = patched(files[name], body)
                case _:
                    pass


def patched(text: str, diff: str) -> str:
    """The text with a unified diff applied to it, each hunk where it says, as `patch -F 0` does."""
    lines, made, at = text.splitlines(), list[str](), 0
    for hunk in re.split(r"^(?=@@ )", diff, flags=re.MULTILINE)[1:]:
        head, *body = hunk.splitlines()
        found = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*", head)
        assert found, head
        first, before, now, after = (int(number or 1) for number in found.groups())
        assert {line[:1] for line in body} <= {" ", "-", "+"}, hunk
        old, new = ([line[1:] for line in body if line[0] in kept] for kept in (" -", " +"))
        made += lines[at : first - 1]
        assert (lines[first - 1 : first - 1 + before], len(new), len(made)) == (old, after, now - 1), hunk
        made += new
        at = first - 1 + before
    return "\n".join([*made, *lines[at:], ""])


def commands() -> Iterator[tuple[Block, list[tuple[str, str]]]]:
    """The console blocks with commands that are run and have output, and these commands."""
    for block in blocks():
        if block.kind == "console":
            parts = [part.partition("\n") for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]]
            found = [(_run(command.partition("  #")[0].strip()), out) for command, _, out in parts if out.strip()]
            found = [(command, out) for command, out in found if command.split()[0] in RUN]
            if found:
                yield block, found


def _run(command: str) -> str:
    """What a command comes to: `make demo` runs the last line of its recipe."""
    recipe = (ROOT / "Makefile").read_text().partition("\ndemo:")[2].partition("\n\n")[0]
    return recipe.splitlines()[-1].strip().removeprefix("$(BIN)/") if command == "make demo" else command


def programs() -> Iterator[tuple[str, str]]:
    """The programs that are whole, with their claims; `c` has GitHub colour them."""
    yield from ((block.place, block.text) for block in blocks() if block.kind in {"kc runnable", "c runnable"})


def masked(text: str) -> str:
    """The text without times and without the blanks at the ends of lines."""
    ends = re.sub(r" +$", "", text, flags=re.MULTILINE)
    return re.sub(r" *\d+(\.\d+)? ?s$", " T s", ends, flags=re.MULTILINE).strip()


def pattern(expected: str) -> str:
    """A regular expression for the expected output, in which a line of dots stands for any lines."""
    lines = masked(expected).splitlines()
    return "".join("(?:.*\\n)*?" if line == ANYTHING else re.escape(line) + "\\n" for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "shown"), [pytest.param(*found, id=f"{found[0].place} {found[1][0][0]}") for found in commands()]
)
def test_commands_print_what_the_documents_say(
    block: Block,
    shown: list[tuple[str, str]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    for name, text in block.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    code = 0
    for command, expected in shown:
        name, *words = shlex.split(command)
        args = [arg for word in words for arg in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        match name:
            case "verify":
                code = main(args)
            case "pytest":
                code = subprocess.run([sys.executable, "-m", "pytest", *args], check=False, timeout=300).returncode
            case _:
                print(code, flush=True)  # noqa: T201 - `echo $?`
        captured = capfd.readouterr()
        printed = masked(captured.out or captured.err)  # errors stand alone, on stderr
        assert re.fullmatch(pattern(expected), f"{printed}\n"), printed


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


def test_diffs_are_applied_where_they_say_and_nowhere_else() -> None:
    text = "a\nb\nc\nd\ne\n"
    assert patched(text, "@@ -1,2 +1,3 @@\n a\n-b\n+B\n+C\n@@ -5 +6 @@ of e\n-e\n+E\n") == "a\nB\nC\nc\nd\nE\n"
    assert patched(text, "--- a/x\n+++ b/x\n@@ -2,2 +2 @@\n b\n-c\n") == "a\nb\nd\ne\n"
    for wrong in ("@@ -2 +2 @@\n-a\n+A\n", "@@ -1 +1,2 @@\n-a\n+A\n", "@@ -1 +2 @@\n-a\n+A\n", "@@ 1 @@\n-a\n"):
        with pytest.raises(AssertionError):
            patched(text, wrong)


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_matrix_is_the_one_that_is_recorded() -> None:
    """Another test decides a part of it, `make matrix` all."""
    expected = matrix.read((matrix.FOLDER / "expected.toml").read_text(encoding="utf-8"))
    versions = [*matrix.columns()]
    lines = [*matrix.markdown(expected, versions, matrix.recorded(expected, versions))]
    assert "\n".join(["", *lines, ""]) in PTRACE.read_text(encoding="utf-8")


def test_the_claims_of_the_mail_are_claims_of_their_files() -> None:
    """So that what the page says of them is what the specs say."""
    text = PTRACE.read_text(encoding="utf-8").partition("\n## The sentences\n")[2].partition("\n### ")[0]
    named = re.findall(r"`([\w/]+\.kc)`: ((?:`[^`]+`(?:; )?)+)", text)
    claimed = {spec: {claim.name for claim in select(spec, Options()).claims} for spec in {spec for spec, _ in named}}
    wrong = [(spec, claim) for spec, row in named for claim in re.findall("`(.*?)`", row) if claim not in claimed[spec]]
    assert len(named) > 15
    assert wrong == []


def test_the_fix_is_shown_as_it_is() -> None:
    shown = next(block.text for block in blocks() if block.place.startswith("docs/ptrace.md") and block.kind == "c")
    written = (ROOT / "specs" / "fix.kc").read_text(encoding="utf-8")
    lines = iter(written.splitlines())
    assert shown.count("\n") > 40
    assert [line for line in shown.splitlines() if line.strip() not in ("", ANYTHING) and line not in lines] == []


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
