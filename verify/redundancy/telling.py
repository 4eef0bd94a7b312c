"""What was found out about an invariant, in the words of the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verify.engine.verdict import Proved, Refuted, Verdict
from verify.instances import exact_tasks
from verify.outcome import Judgement, conclude
from verify.redundancy.bench import Bench
from verify.redundancy.lattice import Lattice
from verify.redundancy.singly import Singly
from verify.report.json_object import trace_object
from verify.report.redundancy import Answer, Broken, Cell, Need
from verify.syntax.ast import ClaimKind


def cell(bench: Bench, verdict: Verdict, guard: str) -> Cell:
    """What an invariant needs of a guard, by what holds without it."""
    match verdict:
        case Proved():
            need: Need = "unknown" if bench.short(verdict) else "redundant"
            return Cell(guard, need, concluded(bench, "redundant", (guard,), verdict))
        case Refuted():
            return Cell(guard, "necessary", concluded(bench, "necessary", (guard,), verdict))
        case _:
            return Cell(guard, "unknown", concluded(bench, "redundant", (guard,), verdict))


def jointly(bench: Bench, known: Singly, sets: Lattice) -> Iterator[Broken]:
    """The smallest sets of guards, each of them redundant alone, without which a run breaks the invariant."""
    for guards, run in sets.broken():
        if len(guards) > 1 and guards.isdisjoint(known.needed()):
            names = tuple(name for name in sets.universe if name in guards)
            yield Broken(names, concluded(bench, "necessary", names, run))


def concluded(bench: Bench, kind: ClaimKind, guards: tuple[str, ...], verdict: Verdict) -> Answer:
    """The answer to the claim that these guards are redundant, or necessary."""
    claim = replace(bench.claim, kind=kind, targets=guards)
    lowered = bench.lower(frozenset(guards)) if isinstance(verdict, Refuted) else bench.lower()
    judgement = Judgement(verdict, bench.property(lowered), exact_tasks(lowered.system) is not None)
    result = conclude(claim, judgement, seconds=0.0, any_asked=bench.tasks is None)
    trace = result.trace
    return Answer(
        result.verdict, result.scope.tasks if result.scope else None, None if trace is None else len(trace.steps),
        result.engine, result.reason, None if trace is None else trace_object(trace),
    )  # fmt: skip
