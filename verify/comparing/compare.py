"""Two files compared: claims, text, and runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from verify.answering import judgements
from verify.comparing.behaviour import Hints, behaviour
from verify.comparing.claims import HOLD, Version, in_common, key, statement
from verify.comparing.texts import texts
from verify.diagnostics import InputError
from verify.judging import Options, Selection, default_system
from verify.outcome import adapted, removed
from verify.report.diff import DiffResult, Row, Texts
from verify.report.result import ClaimResult
from verify.schedule import Hear, silent
from verify.selecting import find, problem, select
from verify.syntax import parse_file
from verify.syntax.ast import ClaimDecl


def compare(
    before: str, after: str, options: Options, *, hear: Hear = silent, at_once: int = 1
) -> DiffResult:
    """Compare two versions; `options` say of which system, how many tasks, and for how long. Raises InputError."""
    start = time.perf_counter()
    versions = [_version(file, options) for file in (before, after)]
    selections, left = in_common(versions[0], versions[1], options)
    systems = [options.system or default_system(version.program) for version in versions]
    one, other = (_judged(selection, version, options, hear, at_once)
                  for selection, version in zip(selections, versions, strict=True))  # fmt: skip
    rows = tuple(
        Row(statement(claim), mine, theirs)
        for claim, mine, theirs in zip(selections[0].claims, one, other, strict=True)
    )
    programs = [version.program for version in versions]
    changes = texts(*programs)
    seen = behaviour(selections, systems, _hints(selections, systems, rows, changes), options, hear)
    return DiffResult(
        before, after, " and ".join(dict.fromkeys(systems)), rows, left, changes, seen,
        seconds=time.perf_counter() - start,
    )  # fmt: skip


def _hints(
    selections: Sequence[Selection], systems: Sequence[str], rows: Sequence[Row], changes: Texts
) -> Hints:
    """Where each version may do what the other cannot.

    Where it breaks what the other keeps, and where it comes to a statement, or a check of it fires, that the other does
    not have.
    """
    found = list[list[ClaimDecl]]()
    for place, selection in enumerate(selections):
        about = [selection.system(claim) == systems[place] and not removed(claim) for claim in selection.claims]
        broken = [
            claim for claim, row, asked in zip(selection.claims, rows, about, strict=True)
            if asked and claim.kind in HOLD and row.differs is not False
            and (row.before, row.after)[place].verdict == "refuted"
        ]  # fmt: skip
        guards = [selection.program.guards[change.name] for change in changes.guards
                  if (change.before, change.after)[place] is not None]  # fmt: skip
        fires = [ClaimDecl("dead" if g.kind == "check" else "reach", targets=(g.name,)) for g in guards]
        found.append([*broken, *fires])
    return found[0], found[1]


def _judged(
    selection: Selection, version: Version, options: Options, hear: Hear, at_once: int
) -> list[ClaimResult]:
    """The results of all claims: of the version's own first, which profit from each other, then of the others."""
    mine_are = {key(adapted(claim, options.system, ()), version.program) for claim in version.program.claims}
    own = [key(claim, version.program) in mine_are for claim in selection.claims]
    found: dict[int, ClaimResult] = {}
    for mine in (True, False):
        places = [place for place, kept in enumerate(own) if kept == mine]
        part = replace(selection, claims=tuple(selection.claims[place] for place in places))
        found |= zip(places, judgements(part, options, hear=hear, at_once=at_once), strict=True)
    return [found[place] for place in range(len(own))]


def _version(file: str, options: Options) -> Version:
    selection = select(file, Options(defines=options.defines, system=options.system))
    if not selection.program.systems:
        raise InputError([problem("KC164", "the file has no system", selection.file)])
    return Version(file, parse_file(find(file), defines=options.defines), selection.program)
