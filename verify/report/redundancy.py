"""Which guards invariants need, as lines of text and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.report.cti import Json
from verify.report.json_object import error_object
from verify.report.result import BAD_INPUT, FAILS, HOLDS, INTERNAL, INTERRUPTED, UNKNOWN, Word
from verify.report.run import Styled
from verify.report.text import error_lines, seconds

SCHEMA = "verify-redundant/1"
Need = Literal["necessary", "redundant", "unknown"]
Fires = Literal["live", "dead", "never reached", "unknown", "cannot be removed", ""]  # of a check: if it is ever true
MARKS: Mapping[Need, tuple[str, str]] = {
    "necessary": ("●", "bold"), "redundant": ("○", "dim"), "unknown": ("?", "yellow"),
}  # fmt: skip
NARROW = 24  # columns that words get however narrow a terminal is
GAP = 3
WHOLE = {"proved": "green", "refuted": "bold red", "unknown": "yellow", "vacuous": "yellow"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found out about one question: plain values, which can be kept as JSON."""

    verdict: Word
    tasks: int | None  # of the proof, or of the run; None is any number
    steps: int | None  # of the run; None for a proof
    engine: str
    reason: str = ""
    trace: Json = None  # the steps of the run
    certificate: str | None = None  # path

    def __str__(self) -> str:
        if self.steps is not None:
            return f"a run of {_count(self.steps, 'step')}, {_count(self.tasks or 0, 'task')}"
        if self.verdict == "proved":
            tasks = "any number of tasks" if self.tasks is None else _count(self.tasks, "task")
            return f"{tasks}, any number of steps"
        return self.reason or self.verdict


@dataclass(frozen=True, slots=True)
class GuardRow:
    """A guard of the program. `cost` is a run in which a check fires, or why none does."""

    name: str
    kind: str  # "check", "lock" or "statement"
    place: str  # "fix.kc:41"
    fires: Fires = ""
    cost: Answer | None = None
    told: str = ""  # in that run: what the caller gets, and what it would get without the check
    difference: Json = None  # the same


@dataclass(frozen=True, slots=True)
class Cell:
    """What one invariant needs of one guard: the answer to it without the guard."""

    guard: str
    need: Need
    result: Answer


@dataclass(frozen=True, slots=True)
class Broken:
    """Guards that can go one by one, but not together: the run without all of them."""

    guards: tuple[str, ...]
    result: Answer


@dataclass(frozen=True, slots=True)
class About:
    """One invariant against all guards. There are no cells where it does not hold with all of them."""

    invariant: str
    whole: Answer
    cells: tuple[Cell, ...] = ()
    universe: tuple[str, ...] = ()  # the checks and locks, of which sets are removed
    sufficient: tuple[tuple[str, ...], ...] = ()  # the smallest sets that are enough
    together: tuple[Broken, ...] = ()
    complete: bool = False  # whether all sets were decided
    kept: bool = False  # whether an earlier run has found it out

    @property
    def must(self) -> tuple[str, ...]:
        """The guards that are in every sufficient set."""
        return tuple(g for g in self.universe if self.sufficient and all(g in one for one in self.sufficient))

    @property
    def never(self) -> tuple[str, ...]:
        """The guards that are in none."""
        return tuple(g for g in self.universe if self.sufficient and not any(g in one for one in self.sufficient))


@dataclass(frozen=True, slots=True)
class RedundancyResult:
    """The answer about a file. With `errors` there is nothing else."""

    file: str
    versions: Mapping[str, str] = field(hash=False)
    system: str = ""
    errors: Sequence[Diagnostic] = ()
    guards: tuple[GuardRow, ...] = ()
    about: tuple[About, ...] = ()
    interrupted: bool = False
    seconds: float = field(default=0.0, compare=False)


def redundancy_exit(result: RedundancyResult) -> int:
    """0 all is decided, 1 an invariant does not hold, 2 bad input, 3 not all is known, 70 a fault, 130 interrupted."""
    if result.errors:
        return INTERNAL if any(error.code == "KC970" for error in result.errors) else BAD_INPUT
    if result.interrupted:
        return INTERRUPTED
    wholes = {about.whole.verdict for about in result.about}
    words = {cell.need for about in result.about for cell in about.cells}
    short = any(about.cells and not about.complete for about in result.about)
    if "unknown" in words | wholes or short or any(row.fires == "unknown" for row in result.guards):
        return UNKNOWN
    return FAILS if "refuted" in wholes else HOLDS


# ---- text ----------------------------------------------------------------------------------------


def redundancy_lines(result: RedundancyResult, width: int) -> Iterator[Styled]:
    """A row for each guard with a column for each invariant, then what is to be said of sets of guards."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    if result.interrupted and not result.about and not any(row.fires for row in result.guards):
        return  # nothing is known
    if not result.guards:
        yield ((f"{result.file}: no named guards", "yellow"),)
        return
    held = [about for about in result.about if about.cells]
    yield from _heads(result.about, width)
    yield ()
    yield from _table(result, held)
    yield from _costs(result.guards, width)
    for number, about in enumerate(held, start=1):
        yield ()
        yield from _sets(number, about, width)
    yield ()
    done = "interrupted" if result.interrupted else _count(len(result.guards), "guard")
    yield ((f"{done}, {_count(len(result.about), 'invariant')}", ""), (f"   {seconds(result.seconds)}", "dim"))


def _heads(about: Sequence[About], width: int) -> Iterator[Styled]:
    names = max(len(one.invariant) for one in about) if about else 0
    number = 0
    for one in about:
        number += bool(one.cells)
        name = f"[{number}]" if one.cells else "   "
        head, verdict = f"{name} {one.invariant:{names}}   ", one.whole.verdict
        said = f"{one.whole}" + "; kept from an earlier run" * one.kept
        column = len(head) + len(verdict) + GAP
        first, *rest = textwrap.wrap(said, max(NARROW, width - column), break_on_hyphens=False) or [""]
        yield ((head, "bold"), (verdict, WHOLE[verdict]), (" " * GAP + first, "dim"))
        yield from (((" " * column + row, "dim"),) for row in rest)


def _table(result: RedundancyResult, held: Sequence[About]) -> Iterator[Styled]:
    names = max(len(row.name) for row in result.guards)
    columns = [f"[{number}]" for number in range(1, len(held) + 1)]
    heads = "".join(f"  {head:>8}" for head in columns)
    yield ((f"{'guard':{names}}  {'kind':9}{heads}   fires", "dim"),)
    for row in result.guards:
        cells = [next((cell for cell in about.cells if cell.guard == row.name), None) for about in held]
        yield (
            (f"{row.name:{names}}  ", ""), (f"{row.kind:9}", "dim"),
            *((f"  {_cell(cell):>8}", MARKS[cell.need][1] if cell else "dim") for cell in cells),
            (f"   {_fires(row)}", "dim"),
        )  # fmt: skip
    legend = "● 24: necessary, violated in 24 steps without it   ○: redundant, proved without it   ?: unknown"
    yield ((legend, "dim"),)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    mark = MARKS[cell.need][0]
    return mark if cell.result.steps is None else f"{mark} {cell.result.steps}"


def _fires(row: GuardRow) -> str:
    match row.fires:
        case "live":
            return f"in {row.cost}" if row.cost else "live"
        case "dead" | "unknown" | "never reached" | "cannot be removed" as word:
            return word
        case _:
            return ""


def _costs(guards: Sequence[GuardRow], width: int) -> Iterator[Styled]:
    """What those get whom a check refuses, and what they would get without it."""
    told = [row for row in guards if row.told]
    if told:
        yield ()
        yield (("what checks cost", "bold"),)
    for row in told:
        yield from _wrapped(row.told, width)


def _wrapped(text: str, width: int) -> Iterator[Styled]:
    for row in textwrap.wrap(text, width - 4, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False):
        yield ((f"    {row}", ""),)


def _sets(number: int, about: About, width: int) -> Iterator[Styled]:
    """What is to be said of sets of guards."""
    yield ((f"[{number}] {about.invariant}", "bold"),)
    for text in _sentences(about):
        yield from _wrapped(text, width)


def _sentences(about: About) -> Iterator[str]:
    if about.sufficient:
        kept = " or ".join("{" + ", ".join(one) + "}" for one in about.sufficient)
        what = "the smallest sets of checks and locks that suffice" if len(about.sufficient) > 1 else (
            "the smallest set of checks and locks that suffices"
        )
        yield f"{what}: {kept}" if about.complete else f"of checks and locks suffice, as far as is known: {kept}"
    if about.must and about.complete:
        yield f"in every such set: {', '.join(about.must)}"
    if about.never and about.complete:
        yield f"in none: {', '.join(about.never)}"
    for one in about.together:
        others = " and ".join(one.guards)
        yield f"each redundant only while another stays: without {others}, {one.result}"
    if not about.complete:
        yield "not every set of checks and locks was decided"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


# ---- JSON ----------------------------------------------------------------------------------------


def redundancy_text(result: RedundancyResult) -> str:
    """The answer as one JSON object."""
    whole: dict[str, Json] = {
        "schema": SCHEMA,
        "file": result.file,
        "versions": dict(result.versions),
        "system": result.system or None,
        "errors": [error_object(error) for error in result.errors],
        "guards": [
            {
                "name": row.name, "kind": row.kind, "place": row.place, "fires": row.fires or None,
                "cost": None if row.cost is None else _answer(row.cost),
                "difference": row.difference,
            }
            for row in result.guards
        ],
        "invariants": [_about(about) for about in result.about],
    }  # fmt: skip
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _about(about: About) -> Json:
    return {
        "name": about.invariant,
        "with_all": _answer(about.whole),
        "guards": [{"guard": c.guard, "need": c.need, "without_it": _answer(c.result)} for c in about.cells],
        "checks_and_locks": list(about.universe),
        "sufficient": [list(one) for one in about.sufficient],
        "must": list(about.must),
        "never": list(about.never),
        "jointly_needed": [{"guards": list(b.guards), "without_them": _answer(b.result)} for b in about.together],
        "complete": about.complete,
        "kept": about.kept,
    }


def _answer(answer: Answer) -> Json:
    return {
        "verdict": answer.verdict,
        "scope": {"tasks": "any" if answer.tasks is None else answer.tasks, "steps": answer.steps or "any"},
        "engine": answer.engine,
        "reason": answer.reason,
        "trace": answer.trace,
        "certificate": answer.certificate,
    }
