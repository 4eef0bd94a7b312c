"""What TLC says of a system beside what is said here: as lines of text, and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.report.json_object import error_object
from verify.report.result import BAD_INPUT, FAILS, HOLDS, INTERNAL, UNKNOWN, ClaimResult
from verify.report.run import Styled, run
from verify.report.text import FINITE_RUNS, INDENT, MARKS, error_lines, seconds

Said = Literal["holds", "violated", "unknown"]
SCHEMA = "verify-tlc/1"


@dataclass(frozen=True, slots=True)
class Counts:
    """All states: how many different ones, how many of them initial, and those on the longest of the shortest runs."""

    states: int
    initial: int
    depth: int

    def __str__(self) -> str:
        return f"{self.states:,} states, {self.initial:,} of them initial, depth {self.depth:,}"


@dataclass(frozen=True, slots=True)
class TlcClaim:
    """A claim, and what TLC says of the property behind it.

    `steps` are those of the shortest run to where the property is false, `ours` the same as found here; each is None
    where there is no such run, and where it is not known. What is to happen later is false on runs that go on for ever:
    `steps` are those of TLC's up to where it repeats itself, `loop` those of them before the part that is repeated.
    """

    name: str
    property: str
    said: Said
    holds: bool | None
    steps: int | None = None
    ours: int | None = None
    run: ClaimResult | None = field(default=None, repr=False)  # with the run that TLC shows
    reason: str = ""
    later: bool = False  # what is to happen later, on fair runs
    loop: int | None = None
    whole: bool = False  # what each run is to have a counterpart of


@dataclass(frozen=True, slots=True)
class TlcResult:
    """The answer of TLC about a file, with `theirs` and `ours` the counts of all states; None where not known."""

    file: str
    system: str = ""
    tasks: int = 0
    version: str = ""
    sha256: str = ""
    claims: tuple[TlcClaim, ...] = ()
    left: tuple[str, ...] = ()  # claims about other systems, or such as are no property of states
    theirs: Counts | None = None
    ours: Counts | None = None
    differences: tuple[str, ...] = ()
    parts: int | None = None  # of how many parts these are the counts, where the whole has too many states
    reason: str = ""  # why the run of TLC did not come to its end
    errors: Sequence[Diagnostic] = ()
    seconds: float = field(default=0.0, compare=False)
    assumptions: tuple[str, ...] = ()  # under which all of it is asked


def exit_code(result: TlcResult) -> int:
    """0 all claims hold, 1 some fails, 2 the input is wrong, 3 some is unknown, 70 the two do not agree."""
    if result.errors:
        return BAD_INPUT
    if result.differences:
        return INTERNAL
    found = {claim.holds for claim in result.claims}
    if result.left and not found:
        return UNKNOWN
    return FAILS if False in found else UNKNOWN if None in found or result.reason else HOLDS


def tlc_lines(result: TlcResult, width: int) -> Iterator[Styled]:
    """Claims with what TLC says, runs where a claim fails, and the counts of both."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    checker = result.version or "TLC was not started"
    yield ((f"system `{result.system}` of {result.file}, {_tasks(result.tasks)}; {checker}", "dim"),)
    if result.assumptions:
        yield ((f"under {', '.join(result.assumptions)}", "dim"),)
    names = max((len(claim.name) for claim in result.claims), default=0)
    names = min(names, max(24, width - len(INDENT) - 42))
    for claim in result.claims:
        yield from _claim(claim, names, width)
    yield from _counts(result)
    for text in result.differences:
        yield ((f"differs    {text}", "bold red"),)
    if result.reason:
        for row in textwrap.wrap(f"TLC did not come to its end: {result.reason}", max(24, width)):
            yield ((row, "yellow"),)
    if result.left:
        several = "s that are" if len(result.left) != 1 else " that is"
        text = f"not asked  {len(result.left)} claim{several} about another system, or this one without guards"
        text += ", or about outcomes" * any(name.startswith("same_outcome ") for name in result.left)
        yield ((text, "dim"),)


def _claim(claim: TlcClaim, names: int, width: int) -> Iterator[Styled]:
    mark, word, style = MARKS[claim.holds]
    first, *rest = textwrap.wrap(claim.name, names, subsequent_indent="  ", break_on_hyphens=False) or [""]
    yield ((f"{mark} {word:7}  ", style), (f"{first:{names}}", ""), (f"   {_said(claim)}", "dim"))
    for row in rest:
        yield ((INDENT + row, ""),)
    if claim.reason:
        yield ((f"{INDENT}{claim.reason}", style),)
    if claim.run is not None and (claim.holds is not True or claim.run.kind in FINITE_RUNS):
        yield ()
        yield from run(claim.run, width)
        yield ()


def _said(claim: TlcClaim) -> str:
    match claim.said:
        case "holds" if claim.whole:
            return "in every run" if claim.holds else "of nobody"
        case "holds":
            return "in every state" if not claim.later else "on every fair run" if claim.holds else "of nobody"
        case "violated" if claim.loop is not None:
            end = f"after step {claim.loop}"
            return f"a run that stays {end}" if claim.loop == claim.steps else f"a run that repeats itself {end}"
        case "violated" if claim.steps is not None:
            return f"a run of {claim.steps} step{'s' * (claim.steps != 1)}"
        case _:
            return ""


def _counts(result: TlcResult) -> Iterator[Styled]:
    if result.theirs is not None:
        where = f", in {result.parts} part{'s' * (result.parts != 1)} of the system" if result.parts else ""
        agreed = "; as many as found here" if result.theirs == result.ours else ""
        took = f"   {seconds(result.seconds)}"
        yield ((f"TLC        {result.theirs}{where}{agreed}", "green" if agreed else ""), (took, "dim"))
    if result.ours is not None and result.ours != result.theirs:
        yield ((f"here       {result.ours}", ""),)
    if result.parts is not None:
        text = f"not asked  what is in every state: with {_tasks(result.tasks)} there are more than are counted"
        yield ((text, "yellow"),)


def _tasks(tasks: int) -> str:
    return f"{tasks} task{'s' * (tasks != 1)}"


def tlc_text(result: TlcResult) -> str:
    """The answer as one JSON object."""
    whole = {
        "schema": SCHEMA,
        "file": result.file,
        "system": result.system,
        "tasks": result.tasks,
        "assumptions": list(result.assumptions),
        "tlc": {"version": result.version, "sha256": result.sha256},
        "errors": [error_object(error) for error in result.errors],
        "claims": [
            {
                "name": claim.name, "property": claim.property, "said": claim.said, "holds": claim.holds,
                "steps": claim.steps, "ours": claim.ours, "loop": claim.loop, "reason": claim.reason,
            }
            for claim in result.claims
        ],
        "left": list(result.left),
        "parts": result.parts,
        "counts": {"tlc": _object(result.theirs), "verify": _object(result.ours)},
        "differences": list(result.differences),
        "reason": result.reason,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _object(counts: Counts | None) -> dict[str, int] | None:
    return None if counts is None else {"states": counts.states, "initial": counts.initial, "depth": counts.depth}
