"""Which assumptions invariants need, as lines of text and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.report.cti import Json
from verify.report.json_object import error_object, scope_object, trace_object
from verify.report.result import BAD_INPUT, HOLDS, INTERRUPTED, UNKNOWN, ClaimResult
from verify.report.run import Styled, run
from verify.report.text import error_lines, scope, seconds

Word = Literal["load-bearing", "needed jointly", "not needed", "unknown", "not enough"]
SCHEMA = "verify-assumptions/1"
MARKS: Mapping[Word, tuple[str, str]] = {
    "load-bearing": ("●", "bold"), "needed jointly": ("◐", "bold"), "not needed": ("○", "dim"),
    "unknown": ("?", "yellow"), "not enough": ("✗", "bold red"),
}  # fmt: skip
BASE = {"proved": "green", "refuted": "bold red", "unknown": "yellow"}


@dataclass(frozen=True, slots=True)
class Need:
    """An assumption, and how an invariant needs it.

    `alone` is what came of leaving it out alone, `together` of leaving it out with the first of `others`: sets of
    assumptions that are not needed alone, without which this one is needed.
    """

    assumption: str
    word: Word
    alone: ClaimResult
    others: tuple[tuple[str, ...], ...] = ()
    together: ClaimResult | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """An invariant under all assumptions, and how it needs each."""

    invariant: str
    under_all: ClaimResult
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class NeededResult:
    """The answer about a file. With `errors` there is nothing else."""

    file: str
    versions: Mapping[str, str] = field(hash=False)
    system: str = ""
    errors: Sequence[Diagnostic] = ()
    rows: tuple[Needs, ...] = ()
    assumptions: tuple[str, ...] = ()
    interrupted: bool = False
    seconds: float = field(default=0.0, compare=False)


def needed_exit(result: NeededResult) -> int:
    """0 all is decided, 2 the input is wrong, 3 something is unknown, 130 interrupted."""
    if result.errors:
        return BAD_INPUT
    if result.interrupted:
        return INTERRUPTED
    words = {need.word for row in result.rows for need in row.needs}
    open_still = "unknown" in words or any(row.under_all.verdict == "unknown" for row in result.rows)
    return UNKNOWN if open_still else HOLDS


def needed_lines(result: NeededResult, width: int, *, runs: bool) -> Iterator[Styled]:
    """A table with a row for each assumption, below each invariant; with `runs` those that show the need."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    if not result.assumptions:
        yield ((f"{result.file}: no assumptions", "yellow"),)
        return
    names = max(len(name) for name in result.assumptions)
    for row in result.rows:
        whole = row.under_all
        yield ((row.invariant, "bold"), (f"   under all: {whole.verdict}", BASE.get(whole.verdict, "yellow")),
               (f"   {scope(whole)}   {seconds(whole.seconds)}", "dim"))  # fmt: skip
        for need in row.needs:
            yield from _need(need, names, width)
            shown = need.together or need.alone
            if runs and need.word in ("load-bearing", "needed jointly"):
                yield ()
                yield from run(shown, width)
                yield ()
        if runs and whole.trace is not None:
            yield ()
            yield from run(whole, width)
    yield ((f"{_count(len(result.rows), 'invariant')}, {_count(len(result.assumptions), 'assumption')}", ""),
           (f"   {seconds(result.seconds)}", "dim"))  # fmt: skip


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _need(need: Need, names: int, width: int) -> Iterator[Styled]:
    mark, style = MARKS[need.word]
    head = f"  {mark} {need.assumption:{names}}   {need.word:14}"
    rows = textwrap.wrap(_evidence(need), max(24, width - len(head) - 3), break_on_hyphens=False) or [""]
    yield ((head, style), (f"   {rows[0]}", "dim"))
    for row in rows[1:]:
        yield ((f"{' ' * (len(head) + 3)}{row}", "dim"),)


def _evidence(need: Need) -> str:
    match need.word:
        case "needed jointly":
            sets = " or ".join(" and ".join(names) for names in need.others)
            return f"without it alone proved; without {sets} too, {scope(need.together) if need.together else ''}"
        case "not enough":
            return "a run breaks the invariant under all assumptions"
        case "unknown":
            return need.alone.reason or "not decided together with others"
        case _:
            return f"without it: {need.alone.verdict}, {scope(need.alone)}"


def needed_text(result: NeededResult) -> str:
    """The answer as one JSON object."""
    whole: dict[str, Json] = {
        "schema": SCHEMA,
        "file": result.file,
        "versions": dict(result.versions),
        "system": result.system or None,
        "errors": [error_object(error) for error in result.errors],
        "assumptions": list(result.assumptions),
        "invariants": [
            {"name": row.invariant, "under_all": _result(row.under_all), "needs": [_need_object(n) for n in row.needs]}
            for row in result.rows
        ],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _need_object(need: Need) -> Json:
    return {
        "assumption": need.assumption,
        "need": need.word,
        "without_it": _result(need.alone),
        "others": [list(names) for names in need.others],
        "without_both": None if need.together is None else _result(need.together),
    }


def _result(result: ClaimResult) -> Json:
    return {
        "verdict": result.verdict,
        "scope": scope_object(result.scope),
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
        "trace": None if result.trace is None else trace_object(result.trace),
    }
