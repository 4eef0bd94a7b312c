"""What is done for a unit of work: the questions of an invariant or of a guard, and the answers as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from verify.diagnostics import InputError
from verify.engine.verdict import Progress, Proved, Refuted, Unknown, Verdict
from verify.lower import lower
from verify.lower.comparison import differs_along
from verify.redundancy.agenda import Agenda, Alone, Begin, Begun, Found, Grew, Grow, Left, Look, Row, Sets, Unit
from verify.redundancy.asked import Study
from verify.redundancy.bench import SETS, Bench, Together, claim_about
from verify.redundancy.growing import enough, grown, shared
from verify.redundancy.lattice import explore, hinged
from verify.redundancy.singly import alone, lighter, look, singly
from verify.redundancy.telling import cell, concluded, jointly
from verify.refuting import taken_over
from verify.report.difference import sentence
from verify.report.json_object import difference_object
from verify.report.redundancy import About, Fires, GuardRow
from verify.schedule import Voice
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl
from verify.workers import Send

TIMES = 4  # the time for a question, for all about one invariant
SETTLED = 2.0  # of the time for a question, for sets where proofs have grown: these decide nearly all
Message = About | GuardRow | Begun | Found | Grew | Left | InputError | tuple[str, Progress]


def called(unit: Unit) -> str:
    """What the meter calls a unit."""
    match unit:
        case Grow(invariants):
            return invariants[0]
        case Begin(invariant) | Look(invariant) | Alone(invariant) | Sets(invariant):
            return invariant
        case Row(guard):
            return guard
        case _:
            assert_never(unit)


def do(unit: Unit, send: Send[Message], *, asked: Study, agenda: Agenda) -> None:
    """Do what there is to do for a unit; what is wrong with the program is sent like an answer."""
    voice = Voice(lambda name, progress: send((name, progress)), called(unit))
    try:
        match unit:
            case Begin(invariant):
                send(Begun(unit, enough(bench_of(asked, claim_about(invariant, asked.system), voice))))
            case Grow(invariants, guards):
                benches = [bench_of(asked, claim_about(name, asked.system), voice) for name in invariants]
                known = shared(benches, [agenda.numbers[name] for name in invariants])
                send(Grew(unit, _light(grown(benches, guards, known))))
            case Look(invariant, guards):
                bench = bench_of(asked, claim_about(invariant, asked.system), voice)
                for guard in sorted(guards, key=bench.said_necessary().__contains__):  # what takes longer, soon
                    run = look(bench, frozenset({guard}))
                    send(Left(invariant, guard) if run is None else _decided(asked, bench, guard, run))
            case Alone():
                send(_alone(asked, unit, agenda, voice))
            case Sets(invariant):
                send(_about(asked, invariant, agenda, voice))
            case Row(guard):
                send(_row(asked, guard, voice))
            case _:
                assert_never(unit)
    except InputError as error:
        send(error)


def _light(together: Together | None) -> Together | None:
    return None if together is None else together._replace(proof=lighter(together.proof))


# ---- an invariant --------------------------------------------------------------------------------


def bench_of(asked: Study, claim: ClaimDecl, voice: Callable[[Progress], None]) -> Bench:
    """The bench on which a claim is asked from now on."""
    budget = asked.options.budget
    return Bench(
        asked.selection.program, claim, asked.options.tasks, frozenset(asked.options.without), budget,
        time.monotonic() + TIMES * budget, voice,
    )  # fmt: skip


def _alone(asked: Study, unit: Alone, agenda: Agenda, voice: Callable[[Progress], None]) -> Found:
    bench = bench_of(asked, claim_about(unit.invariant, asked.system), voice)
    bench.enough = agenda.numbers.get(unit.invariant)
    run = taken_over(bench.question(frozenset({unit.guard}), hunt=True), agenda.runs(unit.guard))
    if run is not None:
        return _decided(asked, bench, unit.guard, run)
    return _decided(asked, bench, unit.guard, *alone(bench, unit.guard, agenda.known[unit.invariant].together()))


def _decided(asked: Study, bench: Bench, guard: str, verdict: Verdict, more: Sequence[Together] = ()) -> Found:
    hinges = None
    if isinstance(verdict, Refuted) and asked.selection.program.guards[guard].kind in SETS:
        hinges = hinged(bench, frozenset({guard}), verdict, frozenset(asked.guards) - {guard})
    light = [one._replace(proof=lighter(one.proof)) for one in more]
    return Found(bench.claim.invariant or "", guard, cell(bench, verdict, guard), lighter(verdict), light, hinges)


def _about(asked: Study, invariant: str, agenda: Agenda, voice: Callable[[Progress], None]) -> About:
    known = agenda.known[invariant]
    bench = bench_of(asked, claim_about(invariant, asked.system), voice)
    bench.enough = agenda.numbers.get(invariant)
    every = known.singly() or singly(bench, asked.guards, ())
    if known.many:
        bench.deadline = bench.until(SETTLED)
    whole = concluded(bench, "prove", (), every.whole)
    if not isinstance(every.whole, Proved):
        return About(invariant, whole)
    program = asked.selection.program
    universe = tuple(name for name in asked.guards if program.guards[name].kind in SETS)
    sets = explore(bench, universe, every)
    cells = {guard: found.cell for guard, found in known.found.items()}
    for name in asked.guards:
        if name not in cells:
            cells[name] = cell(bench, every.verdicts.get(name, Unknown("out of time", "", "")), name)
    return About(
        invariant, whole, tuple(cells[name] for name in asked.guards), universe,
        tuple(tuple(name for name in universe if name in one) for one in sets.sufficient()),
        tuple(jointly(bench, every, sets)), sets.whole,
    )  # fmt: skip


# ---- a guard -------------------------------------------------------------------------------------


def plain_row(asked: Study, name: str) -> GuardRow:
    """What is known of a guard before anything is asked."""
    guard = asked.selection.program.guards[name]
    line, _ = guard.span.source.position(guard.span.start)
    place = f"{guard.span.source.path}:{line}"
    return GuardRow(name, guard.kind, place, fires="cannot be removed" if name in asked.fixed else "")


def _row(asked: Study, name: str, voice: Callable[[Progress], None]) -> GuardRow:
    """What is to be said of a guard whatever the invariant: of a check, a run in which it fires and what it costs."""
    row = plain_row(asked, name)
    bench = bench_of(asked, ClaimDecl("dead", targets=(name,), system=asked.system, span=NOWHERE), voice)
    verdict = bench.decide(hunt=True)
    result = concluded(bench, "dead", (), verdict)
    words: dict[str, Fires] = {"proved": "dead", "refuted": "live"}
    told = None
    if isinstance(verdict, Refuted):
        gone = frozenset(asked.options.without)
        both = lower(asked.selection.program, asked.system, removed=gone, compare=name).compared
        told = None if both is None else differs_along(verdict.trace, both)
    fires = words.get(result.verdict, "unknown")
    if told is None:
        return replace(row, fires=fires, cost=result)
    return replace(row, fires=fires, cost=result, told=sentence(told[1], name), difference=difference_object(told[1]))
