"""What the claims of a file notice of changes to its program: as lines of text, and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.report.json_object import error_object
from verify.report.result import BAD_INPUT, HOLDS, INTERRUPTED, UNKNOWN
from verify.report.run import Styled
from verify.report.text import error_lines, seconds
from verify.source import NOWHERE, Span

Fate = Literal["killed", "refused", "equivalent", "survives", "undecided"]
SCHEMA = "verify-teeth/1"
MARKS: Mapping[Fate, tuple[str, str]] = {
    "killed": ("✓", "green"), "refused": ("✓", "green"), "equivalent": ("=", "dim"), "survives": ("?", "yellow"),
    "undecided": ("…", "yellow"),
}  # fmt: skip
COUNTED: Mapping[Fate, str] = {
    "killed": "killed", "refused": "refused by the checker", "equivalent": "equivalent", "undecided": "undecided",
}
DONE: Mapping[str, str] = {
    "remove": "removed", "drop": "dropped", "negate": "negated", "delay": "after", "hasten": "before",
}
LATE = "not looked at in time"
INDENT = " " * 14
NARROW = 40


@dataclass(frozen=True, slots=True)
class MutantResult:
    """A mutant, and what became of it.

    `by` is the claim that notices it, `how` the evidence, or why it is none; of a run, `steps` and `tasks` are its
    numbers. `says` is the claim of the file that the change does no harm, `open` are the claims that are not decided.
    """

    operator: str
    what: str
    sort: str
    fate: Fate
    neighbour: str = ""
    span: Span = field(default=NOWHERE, compare=False)
    by: str | None = None
    how: str = ""
    steps: int | None = None
    tasks: int | None = None
    says: str | None = None
    open: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The mutant in a few words."""
        past = f" {self.neighbour}" if self.neighbour else ""
        return f"{self.what} {DONE[self.operator]}{past}"

    @property
    def question(self) -> str | None:
        """What a survivor asks of who wrote the claims; nothing if a claim answers it."""
        if self.fate != "survives" or self.says is not None:
            return None
        return f"{self.what} {_can(self)} and no claim notices: is a claim missing, or {_else(self)}?"


@dataclass(frozen=True, slots=True)
class TeethResult:
    """The answer about a file: the claims that were asked, those that were not and why, and every mutant."""

    file: str
    system: str = ""
    asked: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()  # claims that were not asked, and why
    mutants: tuple[MutantResult, ...] = ()
    errors: Sequence[Diagnostic] = ()
    interrupted: bool = False
    seconds: float = field(default=0.0, compare=False)

    @property
    def score(self) -> tuple[int, int]:
        """How many mutants are noticed, of those whose fate is known and that are no other way to say the same."""
        counts = Counter(mutant.fate for mutant in self.mutants)
        noticed = counts["killed"] + counts["refused"]
        return noticed, noticed + counts["survives"]


def teeth_exit(result: TeethResult) -> int:
    """0 the fate of every mutant is known, 2 the input is wrong, 3 some is not known, 130 interrupted."""
    if result.errors:
        return BAD_INPUT
    if result.interrupted:
        return INTERRUPTED
    known = result.asked and all(mutant.fate != "undecided" for mutant in result.mutants)
    return HOLDS if known else UNKNOWN


# ---- text ----------------------------------------------------------------------------------------


def teeth_lines(result: TeethResult, width: int) -> Iterator[Styled]:
    """A line for each mutant, then the questions that survivors raise, and the score."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    yield ((f"system `{result.system}` of {result.file}; asked are {_count(len(result.asked), 'claim')}", "dim"),)
    for why, count in Counter(why for _, why in result.left).items():
        yield ((f"not asked: {_count(count, 'claim')}: {why}", "dim"),)
    for mutant in result.mutants:
        if mutant.how == LATE:
            continue
        mark, style = MARKS[mutant.fate]
        yield from _wrapped(f"{mark} {mutant.fate:10}  ", mutant.name, style, width)
        for row in textwrap.wrap(_told(mutant), max(NARROW, width - len(INDENT)), break_on_hyphens=False):
            yield ((INDENT + row, "dim"),)
    late = sum(mutant.how == LATE for mutant in result.mutants)
    if late:
        yield ((f"{LATE}: {_count(late, 'mutant')}", "yellow"),)
    questions = [mutant.question for mutant in result.mutants if mutant.question]
    if questions:
        yield ()
        yield (("what no claim notices:", "yellow"),)
        for question in questions:
            yield from _wrapped("  - ", question, "yellow", width)
    yield ()
    yield _summary(result)


def _told(mutant: MutantResult) -> str:
    """What follows the name of a mutant: the claim that notices it, and how."""
    match mutant.fate:
        case "killed":
            return f"{mutant.by}: {mutant.how}"
        case "survives" if mutant.says is not None:
            return f"as the file says: {mutant.says}"
        case "undecided" if mutant.open:
            return f"{mutant.how}: {'; '.join(mutant.open)}"
        case _:
            return mutant.how


def _wrapped(head: str, text: str, style: str, width: int) -> Iterator[Styled]:
    rows = textwrap.wrap(text, max(NARROW, width - len(head)), break_on_hyphens=False) or [""]
    for number, row in enumerate(rows):
        yield ((head if number == 0 else " " * len(head), style), (row, ""))


def _summary(result: TeethResult) -> Styled:
    counts = Counter(mutant.fate for mutant in result.mutants)
    parts = [f"{counts[fate]} {word}" for fate, word in COUNTED.items() if counts[fate]]
    if counts["survives"]:
        said = sum(mutant.fate == "survives" and mutant.says is not None for mutant in result.mutants)
        known = f" ({said} as the file says)" if said else ""
        parts.append(f"{counts['survives']} survive{'s' * (counts['survives'] == 1)}{known}")
    noticed, of = result.score
    told = f"{_count(len(result.mutants), 'mutant')}: {', '.join(parts) or 'nothing to change'}"
    style = "green" if noticed == of else "yellow"
    return ((f"{told}; score {noticed} of {of}", style), (f"   {seconds(result.seconds)}", "dim"))


def _can(mutant: MutantResult) -> str:
    match mutant.operator:
        case "negate":
            return "can be negated"
        case "delay":
            return f"can come after {mutant.neighbour}"
        case "hasten":
            return f"can come before {mutant.neighbour}"
        case _:
            return f"can be {DONE[mutant.operator]}"


def _else(mutant: MutantResult) -> str:
    match mutant.operator:
        case "negate":
            return "does it not matter which way it goes"
        case "delay" | "hasten":
            return "need the lock not cover that"
        case _:
            return f"is the {'statement' if mutant.sort == 'store' else mutant.sort} not needed"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


# ---- JSON ----------------------------------------------------------------------------------------


def teeth_text(result: TeethResult) -> str:
    """The answer as one JSON object."""
    noticed, of = result.score
    whole = {
        "schema": SCHEMA,
        "file": result.file,
        "system": result.system,
        "errors": [error_object(error) for error in result.errors],
        "asked": list(result.asked),
        "left": [{"claim": name, "reason": why} for name, why in result.left],
        "mutants": [
            {
                "name": mutant.name, "operator": mutant.operator, "what": mutant.what, "kind": mutant.sort,
                "file": mutant.span.source.path, "line": mutant.span.line, "fate": mutant.fate, "claim": mutant.by,
                "reason": mutant.how, "steps": mutant.steps, "tasks": mutant.tasks, "says": mutant.says,
                "question": mutant.question, "open": list(mutant.open),
            }
            for mutant in result.mutants
        ],
        "score": {"noticed": noticed, "of": of},
        "interrupted": result.interrupted,
    }  # fmt: skip
    return json.dumps(whole, indent=2, ensure_ascii=False)
