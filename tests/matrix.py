"""The versions of the kmod/ptrace fix by the properties they are asked: `make matrix`.

Decides the claims of specs/ptrace/matrix/column_*.kc and compares them with expected.toml beside these: `python -m
tests.matrix [--markdown] [--recorded] [VERSION]...`. Exit code 1 if a cell is not what is expected and no difference
says so. `--recorded` decides nothing, and prints what expected.toml says that would be found.
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import wrap

from verify.api import ClaimResult, Options, Selection, cores, default_system, judgements, select
from verify.resources import specs_root
from verify.schedule import units
from verify.syntax.ast import ClaimDecl
from verify.workers import Send, gather

FOLDER = specs_root() / "ptrace" / "matrix"
LETTERS = {"proved": "P", "refuted": "R"}  # what any other verdict is, is not known
UNKNOWN, NONE = "?", "-"  # a verdict that is none; no claim
BUDGET = 300.0  # seconds for a claim, by the clock: both cores are busy


@dataclass(frozen=True, slots=True)
class Row:
    """A property: the claims that decide it, without their first word, and the verdict expected of each version."""

    name: str
    says: str
    claims: Sequence[str]
    expected: Mapping[str, str]  # P or R, with a star if nobody has explored it


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell in which something else is found than is expected, and why."""

    row: str
    version: str
    found: str
    why: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What expected.toml says."""

    rows: Sequence[Row]
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is found, as text, and what is wrong with it, if anything."""

    text: str
    fault: str = ""
    differs: Difference | None = None


Found = Mapping[tuple[str, str], Sequence[ClaimResult]]  # by row and version


def read(text: str) -> Expected:
    """Read expected.toml."""
    data = tomllib.loads(text)
    return Expected(
        [Row(**row) for row in data["row"]], [Difference(**difference) for difference in data["difference"]]
    )


def about(claim: str) -> str:
    """What a claim is about: its name without the word that says which verdict is wanted."""
    return claim.partition(" ")[2]


def placed(expected: Expected, version: str, results: Sequence[ClaimResult]) -> Iterator[tuple[str, ClaimResult]]:
    """The row of each result. Raises ValueError for a claim that is in none."""
    for result in results:
        row = next((row for row in expected.rows if about(result.name) in row.claims), None)
        if row is None:
            raise ValueError(f"{version}: `{result.name}` is in no row")
        yield row.name, result


def cell(row: Row, version: str, results: Sequence[ClaimResult], differences: Sequence[Difference]) -> Cell:
    """Compare what is found with what is expected."""
    want = row.expected.get(version, "")
    known = next((one for one in differences if (one.row, one.version) == (row.name, version)), None)
    if not results:
        if known is not None and known.found == NONE:
            return Cell(f"{NONE} ≠", "", known)
        return Cell(NONE, f"{want} is expected, and nothing is claimed" if want else "")
    if len(results) > 1:
        return Cell(UNKNOWN, "several claims decide it")
    letter, shown = LETTERS.get(results[0].verdict, UNKNOWN), text(results[0]) + "*" * want.endswith("*")
    if known is not None:
        fault = "" if known.found == letter != want[:1] else f"a difference is recorded, {known.found} for {want}"
        return Cell(f"{shown} ≠", fault, known)
    return Cell(shown, "" if letter == want[:1] else f"{want or 'nothing'} is expected")


def text(result: ClaimResult) -> str:
    """A verdict with its scope: `P any`, `R 73/3` for a run of 73 steps of 3 tasks."""
    letter, scope = LETTERS.get(result.verdict, UNKNOWN), result.scope
    match letter:
        case "P" if scope is not None:
            return "P any" if scope.tasks is None else f"P {scope.tasks}"
        case "R" if scope is not None:
            return f"R {scope.steps}/{scope.tasks}"
        case _:
            return UNKNOWN


def compared(expected: Expected, versions: Sequence[str], found: Found) -> dict[tuple[str, str], Cell]:
    """All cells, by row and version."""
    return {
        (row.name, version): cell(row, version, found.get((row.name, version), ()), expected.differences)
        for row in expected.rows
        for version in versions
    }


def recorded(expected: Expected, versions: Sequence[str]) -> dict[tuple[str, str], Cell]:
    """The cells that are right: what is expected or, where that differs, what is said to be found."""
    known = {(one.row, one.version): one for one in expected.differences}
    cells = dict[tuple[str, str], Cell]()
    for row in expected.rows:
        for version in versions:
            want, differs = row.expected.get(version, NONE), known.get((row.name, version))
            cells[row.name, version] = Cell(want) if differs is None else Cell(f"{differs.found} ≠", "", differs)
    return cells


def columns() -> dict[str, Path]:
    """The file of each version."""
    return {path.stem.removeprefix("column_").upper(): path for path in sorted(FOLDER.glob("column_*.kc"))}


def decided(files: Mapping[str, Path], *, at_once: int) -> Iterator[tuple[str, ClaimResult]]:
    """Decide the claims of all files, in so many processes, and yield each with the version that it is of."""
    waiting = _parts(files)
    heard: list[tuple[str, ClaimResult]] = []
    with closing(gather(lambda: next(waiting, None), _decide, heard.append, _died, at_once=at_once)) as messages:
        for _ in messages:
            yield from heard
            heard.clear()


def _parts(files: Mapping[str, Path]) -> Iterator[tuple[str, Selection]]:
    """The claims that share a proof, of one version after the other; a file is read when its turn has come."""
    for version, path in files.items():
        selection = select(str(path), Options())
        claims = cells_of(selection)
        for places in units(claims, default_system(selection.program)):
            yield version, replace(selection, claims=tuple(claims[place] for place in places))


def cells_of(selection: Selection) -> Sequence[ClaimDecl]:
    """The claims of a column that are cells of the matrix."""
    return [claim for claim in selection.claims if claim.kind != "reach"]


def _decide(part: tuple[str, Selection], send: Send[tuple[str, ClaimResult]]) -> None:
    version, selection = part
    for result in judgements(selection, Options(budget=BUDGET)):
        send((version, result))


def _died(part: tuple[str, Selection], death: str) -> None:
    if death:
        raise ChildProcessError(f"{part[0]}: {death}")


# ---- text ------------------------------------------------------------------------------------------


def table(expected: Expected, versions: Sequence[str], cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    """The matrix in columns."""
    lines = [["", *versions, ""]]
    for row in expected.rows:
        lines.append([row.name, *(cells[row.name, version].text for version in versions), row.says])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]) - 1)]
    for *line, says in lines:
        yield "  ".join([*(word.ljust(width) for word, width in zip(line, widths, strict=True)), says]).rstrip()


def markdown(expected: Expected, versions: Sequence[str], cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    """The same as a table of Markdown."""
    yield f"| property | {' | '.join(versions)} |"
    yield f"|---|{'---|' * len(versions)}"
    for row in expected.rows:
        found = [cells[row.name, version].text.replace("*", r"\*") for version in versions]
        yield f"| {row.name}: {row.says} | {' | '.join(found)} |"


LEGEND = (
    "P any: proved for any number of tasks. R 73/3: refuted, by a run of 73 steps of 3 tasks.",
    "-: says nothing of the version. *: expected by reading the source alone. ≠: something else was expected:",
)


def notes(cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    """What is to be said of cells: what differs and why."""
    yield from LEGEND
    for (row, version), one in cells.items():
        if one.differs is not None:
            yield from wrap(f"{row} {version}: {one.differs.why}", 116, initial_indent="  ", subsequent_indent="    ")


def main(words: Sequence[str]) -> int:
    """Print the matrix, or the columns that are named. 1 if something is not as expected."""
    expected = read((FOLDER / "expected.toml").read_text())
    asked = [word for word in words if not word.startswith("--")] or [*columns()]
    files = {version: path for version, path in columns().items() if version in asked}
    start = time.monotonic()
    if "--recorded" in words:
        cells = recorded(expected, [*files])
    else:
        cells = compared(expected, [*files], _found(expected, files))
    lines = [*(markdown if "--markdown" in words else table)(expected, [*files], cells), "", *notes(cells)]
    if "--recorded" not in words:
        lines += ["", f"{len(cells)} cells in {time.monotonic() - start:.0f} s"]
    faults = [f"{row} {version}: {one.text}, but {one.fault}" for (row, version), one in cells.items() if one.fault]
    sys.stdout.write("\n".join([*lines, *faults, ""]))
    return int(bool(faults))


def _found(expected: Expected, files: Mapping[str, Path]) -> Found:
    """Decide the claims of the files, and say so on the way."""
    found = dict[tuple[str, str], list[ClaimResult]]()
    for version, result in decided(files, at_once=cores()):
        sys.stderr.write(f"{version} {result.name}: {text(result)}\n")
        for row, one in placed(expected, version, [result]):
            found.setdefault((row, version), []).append(one)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
