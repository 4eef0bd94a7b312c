"""All guards of a program against its invariants: units of work in processes, and the answer of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import assert_never

from verify.answering import judgements
from verify.diagnostics import InputError
from verify.engine.verdict import Progress, Proved, Refuted, Unknown
from verify.judging import Options, Selection, default_system, quiet
from verify.kept import Kept
from verify.lower import lower
from verify.lower.claims import BUILT_IN
from verify.lower.comparison import differs_along
from verify.lower.without import refuse_unbalanced
from verify.redundancy.agenda import Agenda, Alone, Begin, Begun, Found, Grew, Grow, Known, Row, Sets, Unit
from verify.redundancy.bench import NONE, SETS, Bench, claim_about
from verify.redundancy.growing import Growth, apart, enough, grown, near
from verify.redundancy.keeping import as_json, from_json, whole
from verify.redundancy.lattice import explore, hinged
from verify.redundancy.singly import alone, lighter, singly
from verify.redundancy.telling import cell, concluded, jointly
from verify.report.difference import sentence
from verify.report.json_object import difference_object
from verify.report.redundancy import About, Fires, GuardRow
from verify.schedule import Hear, Voice, silent
from verify.selecting import problem
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl
from verify.syntax.program import Program
from verify.workers import Send, can_fork, gather

TIMES = 4  # the time for a question, for all about one invariant
SETTLED = 0.25  # of the time for a question, for sets where proofs have grown: these decide nearly all
Part = tuple[str, str]  # of the answer: ("invariant", its name) or ("check", the guard)
Message = About | GuardRow | Begun | Found | Grew | InputError | tuple[str, Progress]


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked: which guards of one system, and of which invariants."""

    selection: Selection
    options: Options
    system: str
    invariants: tuple[str, ...]
    guards: tuple[str, ...]  # those that threads of the system come to
    fixed: tuple[str, ...] = ()  # locks among these that cannot be removed


def study(selection: Selection, options: Options, invariants: Sequence[str]) -> Study:
    """What to ask; no invariants are those that claims prove, or all if there is no such claim.

    Raises InputError for names that the file does not have, and for what cannot be lowered.
    """
    program, system = selection.program, options.system or default_system(selection.program)
    if system not in program.systems:
        raise InputError([problem("KC164", "the file has no system", selection.file)])
    known = [*program.invariants, *BUILT_IN]
    for name in invariants:
        if name not in known:
            raise InputError([problem("KC160", f"unknown invariant `{name}`", selection.file, name, known)])
    mine = [claim for claim in program.claims if claim.invariant and selection.system(claim) == system]
    claimed = dict.fromkeys(c.invariant for c in mine if c.invariant and c.kind in ("prove", "redundant", "necessary"))
    about = tuple(dict.fromkeys(invariants)) or tuple(claimed) or tuple(program.invariants)
    labels = selection.lower((system, frozenset(options.without), NONE)).labels
    removable = (g for g in program.guards.values() if g.kind != "none" and g.name not in options.without)
    names = [g.name for g in removable if labels.get(g.name)]
    fixed = tuple(name for name in names if not _balanced(program, name))
    return Study(selection, options, system, about, tuple(name for name in names if name not in fixed), fixed)


def _balanced(program: Program, guard: str) -> bool:
    try:
        refuse_unbalanced(program, [guard])
    except InputError:
        return False
    return True


def answers(
    asked: Study, kept: Kept | None = None, *, hear: Hear = silent, at_once: int = 1
) -> Generator[About | GuardRow]:
    """Yield what is found out of each invariant and each guard, in the order in which it is known.

    What is `kept` is not asked again: what is decided, and what was not with the same budget. Raises InputError for
    what cannot be lowered.
    """
    left: list[Part] = [("invariant", name) for name in asked.invariants]
    left += [("check", name) for name in asked.guards if asked.selection.program.guards[name].kind == "check"]
    found = list[About | GuardRow]()
    wrong = list[InputError]()
    for part in list(left):
        known = _found(asked, kept, part)
        if known is not None:
            left.remove(part)
            yield replace(known, kept=True) if isinstance(known, About) else known
    agenda = _agenda(asked, left)

    def take() -> Unit | None:
        return None if wrong else agenda.take()

    def heard(message: Message) -> None:
        match message:
            case InputError():
                wrong.append(message)
            case Begun():
                agenda.begun(message)
            case Grew():
                agenda.grew(message)
            case Found():
                agenda.decided(message)
            case (str(name), Progress() as progress):
                hear(name, progress)
            case About() | GuardRow():
                found.append(message)
                if kept:
                    kept.keep(_key(asked, kept, _part(message), decided=whole(message)), as_json(message))

    def ended(unit: Unit, death: str) -> None:
        if death:
            what = f"the process for `{_called(unit)}` ended early ({death})"
            wrong.append(InputError([problem("KC970", what, asked.selection.program.path)]))

    def work(unit: Unit, send: Send[Message]) -> None:
        _unit(unit, send, asked=asked, agenda=agenda)

    if can_fork() and at_once > 1:
        with closing(gather(take, work, heard, ended, at_once=at_once)) as messages:  # type: ignore[misc] # a unit is of several types
            for _ in messages:
                while found:
                    yield found.pop(0)
    else:
        while (unit := take()) is not None:
            work(unit, heard)
            while found:
                yield found.pop(0)
    if wrong:
        raise wrong[0]
    yield from found


def _agenda(asked: Study, left: Sequence[Part]) -> Agenda:
    """What to ask first of all that is left to be answered."""

    def together(names: Sequence[str], numbers: Sequence[int]) -> Sequence[Sequence[int]]:
        return near([_bench(asked, claim_about(name, asked.system), quiet) for name in names], numbers)

    names = [name for kind, name in left if kind == "invariant"]
    parts = apart(asked.selection.program, asked.guards)
    agenda = Agenda(names, asked.guards, parts, together, rows=[Row(name) for kind, name in left if kind == "check"])
    agenda.begin(names)
    return agenda


def _found(asked: Study, kept: Kept | None, part: Part) -> About | GuardRow | None:
    """What is kept of a part of the answer, if anything is."""
    if kept is None:
        return None
    for decided in (True, False):
        known = from_json(kept.find(_key(asked, kept, part, decided=decided)))
        if known is not None and _part(known) == part:
            return known
    return None


def _key(asked: Study, kept: Kept, part: Part, *, decided: bool) -> str:
    """All that a part of the answer depends on, if it is not `decided` with the time that there was."""
    program, options = asked.selection.program, asked.options
    return kept.key(
        *part, asked.system, *asked.guards, repr(sorted(options.without)), repr(sorted(options.defines.items())),
        repr(options.tasks), *([] if decided else [repr(options.budget)]),
        *(part for source in program.sources for part in (source.path, source.text)),
    )  # fmt: skip


def _part(found: About | GuardRow) -> Part:
    return ("invariant", found.invariant) if isinstance(found, About) else ("check", found.name)


def _called(unit: Unit) -> str:
    """What the meter calls a unit."""
    match unit:
        case Grow(invariants):
            return invariants[0]
        case Begin(invariant) | Alone(invariant) | Sets(invariant):
            return invariant
        case Row(guard):
            return guard
        case _:
            assert_never(unit)


def _unit(unit: Unit, send: Send[Message], *, asked: Study, agenda: Agenda) -> None:
    voice = Voice(lambda name, progress: send((name, progress)), _called(unit))
    try:
        match unit:
            case Begin(invariant):
                send(Begun(unit, enough(_bench(asked, claim_about(invariant, asked.system), voice))))
            case Grow(invariants, guards, first):
                benches = [_bench(asked, claim_about(name, asked.system), voice) for name in invariants]
                send(Grew(unit, _light(grown(benches, guards, first))))
            case Alone(invariant):
                send(_alone(asked, unit, agenda.known[invariant], voice))
            case Sets(invariant):
                send(_about(asked, invariant, agenda.known[invariant], voice))
            case Row(guard):
                send(_row(asked, guard, voice))
            case _:
                assert_never(unit)
    except InputError as error:
        send(error)


def _light(growth: Growth | None) -> Growth | None:
    if growth is None:
        return None
    together = growth.together
    return growth._replace(together=together._replace(proof=lighter(together.proof)))


def certified(asked: Study, about: About, *, hear: Hear = silent, at_once: int = 1) -> About:
    """The same with a certificate of each guard that is redundant, where there is a proof for any number of tasks."""
    claim = replace(claim_about(about.invariant, asked.system), kind="redundant", without=asked.options.without)
    claims = {c.guard: replace(claim, targets=(c.guard,)) for c in about.cells if c.need == "redundant"}
    selection = replace(asked.selection, claims=tuple(claims.values()))
    results = judgements(selection, asked.options, hear=hear, at_once=at_once)
    paths = {guard: result.certificate for guard, result in zip(claims, results, strict=True)}
    return replace(
        about, cells=tuple(replace(c, result=replace(c.result, certificate=paths.get(c.guard))) for c in about.cells)
    )


# ---- an invariant --------------------------------------------------------------------------------


def _bench(asked: Study, claim: ClaimDecl, voice: Callable[[Progress], None]) -> Bench:
    budget = asked.options.budget
    return Bench(
        asked.selection.program, claim, asked.options.tasks, frozenset(asked.options.without), budget,
        time.monotonic() + TIMES * budget, voice,
    )  # fmt: skip


def _alone(asked: Study, unit: Alone, known: Known, voice: Callable[[Progress], None]) -> Found:
    bench = _bench(asked, claim_about(unit.invariant, asked.system), voice)
    bench.first = known.first()
    verdict, more = alone(bench, unit.guard, known.together())
    program, hinges = asked.selection.program, None
    if isinstance(verdict, Refuted) and program.guards[unit.guard].kind in SETS:
        hinges = hinged(bench, frozenset({unit.guard}), verdict, frozenset(asked.guards) - {unit.guard})
    light = [one._replace(proof=lighter(one.proof)) for one in more]
    return Found(unit, cell(bench, verdict, unit.guard), lighter(verdict), light, hinges)


def _about(asked: Study, invariant: str, known: Known, voice: Callable[[Progress], None]) -> About:
    bench = _bench(asked, claim_about(invariant, asked.system), voice)
    bench.first = known.first()
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
    bench = _bench(asked, ClaimDecl("dead", targets=(name,), system=asked.system, span=NOWHERE), voice)
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
