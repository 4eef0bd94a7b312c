"""All guards of a program against its invariants: units of work in processes, and the answer of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from verify.answering import judgements
from verify.diagnostics import InputError
from verify.engine.verdict import Progress, Proved, Refuted, Unknown, Verdict
from verify.instances import exact_tasks
from verify.judging import Options, Selection, default_system
from verify.kept import Kept
from verify.lower import lower
from verify.lower.claims import BUILT_IN
from verify.lower.comparison import differs_along
from verify.lower.without import refuse_unbalanced
from verify.outcome import Judgement, conclude
from verify.redundancy.bench import NONE, SETS, Bench, claim_about
from verify.redundancy.growing import grown
from verify.redundancy.keeping import as_json, from_json, whole
from verify.redundancy.lattice import Lattice, explore
from verify.redundancy.singly import Singly, singly
from verify.report.difference import sentence
from verify.report.json_object import difference_object, trace_object
from verify.report.redundancy import About, Answer, Broken, Cell, Fires, GuardRow, Need
from verify.schedule import Hear, Voice, silent
from verify.selecting import problem
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl, ClaimKind
from verify.syntax.program import Program
from verify.workers import Send, can_fork, gather

TIMES = 4  # the time for a question, for all about one invariant
Unit = tuple[str, str]  # ("invariant", its name) or ("check", the guard)
Message = About | GuardRow | InputError | tuple[str, Progress]


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

    What is `kept` is not asked again, and what is decided is kept. Raises InputError for what cannot be lowered.
    """
    program = asked.selection.program
    left: list[Unit] = [("invariant", name) for name in asked.invariants]
    left += [("check", name) for name in asked.guards]
    found = list[About | GuardRow]()
    wrong = list[InputError]()
    for asking in list(left) if kept else ():
        known = from_json(kept.find(_key(asked, kept, asking))) if kept else None
        if known is not None and _asking(known) == asking:
            left.remove(asking)
            yield replace(known, kept=True) if isinstance(known, About) else known
    units = list(left)

    def take() -> Unit | None:
        return units.pop(0) if units and not wrong else None

    def heard(message: Message) -> None:
        match message:
            case InputError():
                wrong.append(message)
            case (str(name), Progress() as progress):
                hear(name, progress)
            case About() | GuardRow():
                found.append(message)
                if kept and whole(message):
                    kept.keep(_key(asked, kept, _asking(message)), as_json(message))

    def ended(unit: Unit, death: str) -> None:
        if death:
            what = f"the process for `{unit[1]}` ended early ({death})"
            wrong.append(InputError([problem("KC970", what, program.path)]))

    work = partial(_unit, asked=asked)
    if can_fork() and at_once > 1:
        with closing(gather(take, work, heard, ended, at_once=at_once)) as messages:
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


def _key(asked: Study, kept: Kept, unit: Unit) -> str:
    """All that the answer to a unit depends on, but for time."""
    program, options = asked.selection.program, asked.options
    return kept.key(
        *unit, asked.system, *asked.guards, repr(sorted(options.without)), repr(sorted(options.defines.items())),
        repr(options.tasks), *(part for source in program.sources for part in (source.path, source.text)),
    )  # fmt: skip


def _asking(found: About | GuardRow) -> Unit:
    return ("invariant", found.invariant) if isinstance(found, About) else ("check", found.name)


def _unit(unit: Unit, send: Send[Message], *, asked: Study) -> None:
    voice = Voice(lambda name, progress: send((name, progress)), unit[1])
    try:
        send(_row(asked, unit[1], voice) if unit[0] == "check" else _about(asked, unit[1], voice))
    except InputError as error:
        send(error)


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


def _about(asked: Study, invariant: str, voice: Callable[[Progress], None]) -> About:
    bench = _bench(asked, claim_about(invariant, asked.system), voice)
    many = grown(bench, asked.guards)
    bench.deadline = time.monotonic() + TIMES * asked.options.budget
    program = asked.selection.program
    known = singly(bench, asked.guards, many)
    if not isinstance(known.whole, Proved):
        return About(invariant, _concluded(bench, "prove", (), known.whole))
    universe = tuple(name for name in asked.guards if program.guards[name].kind in SETS)
    sets = explore(bench, universe, known)
    cells = tuple(_cell(bench, known, name) for name in asked.guards)
    return About(
        invariant, _concluded(bench, "prove", (), known.whole), cells, universe,
        tuple(tuple(name for name in universe if name in one) for one in sets.sufficient()),
        tuple(_jointly(bench, known, sets)), sets.whole,
    )  # fmt: skip


def _cell(bench: Bench, known: Singly, guard: str) -> Cell:
    match known.verdicts.get(guard, Unknown("out of time", "", "")):
        case Proved() as verdict:
            return Cell(guard, _short(bench, verdict) or "redundant", _concluded(bench, "redundant", (guard,), verdict))
        case Refuted() as verdict:
            return Cell(guard, "necessary", _concluded(bench, "necessary", (guard,), verdict))
        case verdict:
            return Cell(guard, "unknown", _concluded(bench, "redundant", (guard,), verdict))


def _short(bench: Bench, verdict: Proved) -> Need | None:
    """That nothing is known, where any number of tasks is asked for and the proof is of fewer."""
    exact = exact_tasks(bench.lower().system) is not None
    return "unknown" if verdict.scope.tasks is not None and bench.tasks is None and not exact else None


def _jointly(bench: Bench, known: Singly, sets: Lattice) -> Iterator[Broken]:
    """The smallest sets of guards, each of them redundant alone, without which a run breaks the invariant."""
    for guards, run in sets.broken():
        if len(guards) > 1 and guards.isdisjoint(known.needed()):
            names = tuple(name for name in sets.universe if name in guards)
            yield Broken(names, _concluded(bench, "necessary", names, run))


def _concluded(bench: Bench, kind: ClaimKind, guards: tuple[str, ...], verdict: Verdict) -> Answer:
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
    if row.kind != "check":
        return row
    bench = _bench(asked, ClaimDecl("dead", targets=(name,), system=asked.system, span=NOWHERE), voice)
    verdict = bench.decide(hunt=True)
    result = _concluded(bench, "dead", (), verdict)
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
