"""Two ways of a call compared: with a check that fires, and without it.

A thread before the check gets one more step, to a location from which nobody goes on. It can take it where, alone, it
has an outcome with the check that it cannot have without it, or the other way round: that nobody ever takes the step is
what `same_outcome` says. Where that cannot be written down, the step is from where the check has fired, to another
location: nobody takes it if the check is dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from verify.alone import Difference, Ending, Fork, Forks, Way, difference
from verify.instances import Trace, instance
from verify.ir import (
    FALSE,
    PC,
    TRUE,
    Action,
    Binder,
    Bound,
    Expr,
    Field,
    Local,
    Location,
    Micro,
    Ptr,
    Quant,
    Update,
    Var,
)
from verify.lower.assumptions import PLACE
from verify.lower.compose import renamed, value_after
from verify.lower.flow import live, outgoing
from verify.lower.graph import ERRORS, FIXED, Graph, Visit
from verify.lower.simplify import binary, conj, contradictory, disj, negate, parts
from verify.lower.visible import Key, key_of
from verify.lower.ways import (
    ASSUMED,
    MANY,
    MOST_WORK,
    Ground,
    UnsaidError,
    between,
    decided,
    depth,
    ways,
)

MOST_PAIRS = 400
DEEPEST = 200  # comparison
MOST_SIZE = 100_000  # expressions in all comparisons of one visit
RETURN: Ending = "return"


@dataclass(frozen=True, slots=True)
class Compared:
    """The forks of a check in a system, and where threads come to that found a difference, or may have."""

    forks: Forks
    differs: int
    unsure: int

    @property
    def places(self) -> frozenset[int]:
        """Where nobody comes if the claim holds."""
        return frozenset({self.differs, self.unsure} if self.forks.why else {self.differs})


@dataclass(slots=True)
class Draft:
    """The ways on from each visit of a check, before the passes; each leads to a location of its own."""

    check: str
    visits: Sequence[Visit]
    differs: int
    unsure: int
    assumed: frozenset[Key]  # what assumptions read
    actions: list[Action] = field(default_factory=list)
    ends: dict[int, tuple[int, bool, Ending]] = field(default_factory=dict)  # visit, whether it is kept, how it ends
    choices: set[int] = field(default_factory=set)  # visits with a choice with the check and without it
    why: dict[int, str] = field(default_factory=dict)  # visits whose ways cannot be written down
    lent: dict[int, frozenset[str]] = field(default_factory=dict)  # by visit: see `Fork`


def draft(graph: Graph, check: str, variables: Sequence[Var], assumed: frozenset[Key]) -> Draft:
    """Write down the ways on from each visit of the check; `variables` are the globals, `assumed` see `Draft`.

    They are those of the text: what is known on a path with the check may be so because of it.
    """
    assert {visit.before for visit in graph.visits} == graph.labels.get(check, set())  # noqa: S101 - or one is missed
    made = Draft(check, tuple(graph.visits), graph.location(), graph.location(), assumed)
    function, span = check.partition(".")[0], graph.program.guards[check].span
    for number, name in ((made.differs, "a difference"), (made.unsure, "what may be a difference")):
        graph.locations[number] = Location(name, function=function, span=span)
    leaving, alive = outgoing(graph.actions), live(graph.actions)
    cells = [("", variables), *graph.fields.items()]
    pointers = {(cell, v.name): v.domain.cls for cell, vs in cells for v in vs if isinstance(v.domain, Ptr)}
    for number, visit in enumerate(made.visits):
        observed = frozenset[str]() if visit.result is None else frozenset({visit.result.name})
        made.lent[number] = alive[visit.exit] - observed - {PC}
        try:
            _add(made, number, Ground(leaving, alive, pointers, observed | made.lent[number]))
        except UnsaidError as error:
            made.why[number] = str(error)
    return made


def _add(made: Draft, number: int, ground: Ground) -> None:
    """Add the ways of one visit. Raises UnsaidError."""
    visit = made.visits[number]
    errors = {at: kind for at, kind in enumerate(FIXED) if kind in ERRORS}
    micro = (Micro(made.check, made.check.partition(".")[0], visit.span),)
    asks = ways(ground, [Action(visit.before, visit.before, TRUE, (), micro)], {visit.fires, visit.spared, *errors})
    fired = [way for way in asks if way.target == visit.fires]
    found = list[tuple[bool, Action]]()
    for kept, begin in ((True, fired), (False, [Action(visit.before, visit.spared, TRUE, (), micro)])):
        found += [(kept, way) for way in ways(ground, begin, {visit.exit, *errors})]
    if any(name.startswith(PLACE) for _, name in made.assumed):
        raise UnsaidError(ASSUMED)
    with_it = between(ground.leaving, visit.before, {visit.spared, visit.exit, *errors})
    without_it = between(ground.leaving, visit.spared, {visit.exit, *errors})
    steps = [action for at in {*with_it, *without_it} for action in ground.leaving.get(at, ())]
    if not made.assumed.isdisjoint(key_of(update.place) for action in steps for update in action.updates):
        raise UnsaidError(ASSUMED)
    if not decided(ground.leaving, with_it) and not decided(ground.leaving, without_it):
        made.choices.add(number)
    first = made.unsure + 1 + len(made.ends)
    for target, (kept, way) in enumerate(found, start=first):
        made.ends[target] = (number, kept, errors.get(way.target, RETURN))
        made.actions.append(replace(way, target=target))


def compared(made: Draft, actions: Sequence[Action]) -> tuple[list[Action], dict[int, Fork]]:
    """The actions after the passes with the ways taken out and the comparisons put in; and the ways by location."""
    plain = [action for action in actions if action.target not in made.ends]
    found: dict[int, Fork] = {}
    for number, visit in enumerate(made.visits):
        fork = _fork(made, number, actions)
        micro = (Micro(made.check, made.check.partition(".")[0], visit.span),)
        try:
            guards = list(dict.fromkeys(_differences(fork, choices=number in made.choices)))
        except UnsaidError as error:
            fork, guards = Fork(why=str(error)), []
        found[visit.before] = fork
        plain += [Action(visit.before, made.differs, guard, (), micro, binders) for guard, binders in guards]
        plain += [Action(visit.fires, made.unsure, TRUE, (), micro)] if fork.why else []
    return plain, found


def _fork(made: Draft, number: int, actions: Sequence[Action]) -> Fork:
    sides: tuple[list[Way], list[Way]] = ([], [])
    for action in actions:
        visit, kept, ending = made.ends.get(action.target, (-1, False, RETURN))
        if visit == number:
            result = made.visits[number].result if ending == RETURN else None
            sides[not kept].append(Way(replace(action, target=made.differs), ending, result))
    return Fork(tuple(sides[0]), tuple(sides[1]), made.lent[number], made.why.get(number, ""))


def _differences(fork: Fork, *, choices: bool) -> Iterator[tuple[Expr, tuple[Binder, ...]]]:
    """When some outcome with the check is none without it or the other way round; as guards with their binders.

    Where one side has one outcome only, that is when two outcomes differ. Raises UnsaidError.
    """
    if len(fork.kept) * len(fork.removed) > MOST_PAIRS:
        raise UnsaidError(MANY)
    size, work, each = 0, 0, len(fork.kept) + len(fork.removed) if choices else 1
    for kept in fork.kept:
        for other in fork.removed:
            work += each * (len(kept.action.updates) + len(other.action.updates)) ** 2
            if work > MOST_WORK:
                raise UnsaidError(MANY)
            removed = _apart(other, kept)
            if choices:
                mine = _none_like(kept, fork.removed, fork, removed)
                differ = disj([mine, _none_like(removed, fork.kept, fork, kept)])
            else:
                differ = negate(_same(kept, removed, fork))
            guard = conj([kept.action.guard, removed.action.guard, differ])
            size += len(parts(guard))
            if size > MOST_SIZE or depth(guard) > DEEPEST:
                raise UnsaidError(MANY)
            if guard != FALSE and not contradictory(guard):
                yield guard, kept.action.binders + removed.action.binders


def _none_like(way: Way, others: Sequence[Way], fork: Fork, besides: Way) -> Expr:
    """Whether none of the others can have the outcome that a way has with the values of its binders."""
    every = list[Expr]()
    for each in others:
        other = _apart(each, way, besides)
        alike: Expr = conj([other.action.guard, _same(way, other, fork)])
        for binder in reversed(other.action.binders):
            alike = alike if alike == FALSE else Quant("exists", binder, alike)
        every.append(negate(alike))
    return conj(every)


def _apart(way: Way, *others: Way) -> Way:
    """The way with names for its binders that the others do not have."""
    taken = {b.name for other in others for b in other.action.binders}
    taken |= {u.each.name for other in others for u in other.action.updates if u.each}
    return replace(way, action=renamed(way.action, taken))


def _same(one: Way, other: Way, fork: Fork) -> Expr:
    """Whether two ways, both taken, have the same outcome."""
    if one.ending != other.ending:
        return FALSE
    mine, theirs = one.action.updates, other.action.updates
    equal = list[Expr]()
    if one.result is not None:
        equal.append(binary("==", value_after(one.result, mine), value_after(one.result, theirs)))
    for update in dict.fromkeys((*mine, *theirs)):
        match update:
            case Update(Local(name, None)) if name not in fork.lent:
                continue
            case Update(Field(Bound(each), cls, name), each=Binder(bound)) if each == bound:
                member = Binder(f"{bound} {name}", Ptr(cls))
                place = Field(Bound(member.name), cls, name)
                alike = binary("==", value_after(place, mine), value_after(place, theirs))
                equal.append(alike if alike == TRUE else Quant("forall", member, alike))
            case Update(place, each=None):
                equal.append(binary("==", value_after(place, mine), value_after(place, theirs)))
            case _:
                raise UnsaidError(MANY)
    return conj(equal)


def told_apart(trace: Trace, both: Compared) -> tuple[Trace, Difference] | None:
    """The run up to where a thread found a difference, and that difference; None if `semantics` finds none there."""
    for length, step in enumerate(trace.steps):
        if step.action.target == both.differs:
            found = difference(both.forks, trace.instance, trace.states[length], step.thread)
            cut = Trace(trace.instance, trace.states[: length + 1], trace.steps[:length])
            return None if found is None else (cut, found)
    return None


def differs_along(trace: Trace, both: Compared) -> tuple[int, Difference] | None:
    """The first state of a run in which a thread that is before the check has another outcome without it.

    The run is of the same system, lowered with or without comparing: their locations are the same, and so are the
    locals that matter there. None if there is no such state.
    """
    inst = instance(both.forks.system, trace.instance.tasks)
    slots = inst.slots()
    for number, state in enumerate(trace.states):
        here = {slot: state.get(slot, var.default) for slot, var in slots.items()}
        for thread in range(1, inst.tasks + 1):
            found = difference(both.forks, inst, here, thread)
            if found is not None:
                return number, found
    return None


__all__ = ["Compared", "Draft", "compared", "differs_along", "draft", "told_apart"]
