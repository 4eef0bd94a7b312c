"""Reduction: fewer interleavings, the same verdict (Lipton, "Reduction", CACM 18(12), 1975).

A location may be cut out, each step into it joined with each step out of it, in two cases. Either every step into it
is a right mover that the property cannot see: whatever other threads do before the next step could as well have been
done before. Or every step out of it is a left mover that the property cannot see and one of them can always be
taken: it could as well have been taken at once. No state that the property can tell apart is lost. Where a thread has
the only processor, every step moves: nobody else takes one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product

from verify.ir import FALSE, Action, Binary, Expr, Field, Local, System, Update
from verify.lower.choices import always, fewest
from verify.lower.compose import compose
from verify.lower.flow import reachable, reset_dead, spawned
from verify.lower.graph import END, FIXED
from verify.lower.movers import Mover, movers
from verify.lower.simplify import conj, conjuncts, contradictory
from verify.lower.uniprocessor import gives_way, keeps_cpu, with_cpu
from verify.lower.visible import is_visible, roots, seen

MOST_GROWTH = 8  # how many actions a cut may add


@dataclass(frozen=True, slots=True)
class Step:
    """An action with what reduction knows of it."""

    action: Action
    mover: Mover
    visible: bool


def reduce(system: System, prop: Expr | None, *, deadlocks: bool = False) -> System:
    """The system with every location cut out that neither another thread nor the property can tell from its neighbours.

    With `deadlocks`, a step that may have to wait is never joined to one before it that changes shared memory, so
    that the states in which threads wait for each other stay.
    """
    starts = roots(system)
    kept = {*starts, *range(len(FIXED)), *(e for a in system.actions for e in spawned(a))}
    to = seen(prop)
    found = movers(system, starts)
    steps = [Step(a, found[n], is_visible(a, to)) for n, a in enumerate(system.actions)]
    steps = _cut_all(steps, kept | to.locations, deadlocks=deadlocks, one_cpu=gives_way(system))
    actions = reachable([a for a in (_settled(s.action) for s in steps) if deadlocks or not _idle(a)], [*starts, END])
    return replace(system, actions=tuple(reset_dead(actions, system.locals[1:])))


def _idle(action: Action) -> bool:
    """Whether the step leaves everything as it is."""
    return action.source == action.target and not action.updates


def _settled(action: Action) -> Action:
    """The action without stores of what its guard has found there, as by a lock taken and let go at once."""
    if not action.updates:
        return action
    known = {part.left: part.right for part in conjuncts(action.guard) if isinstance(part, Binary) and part.op == "=="}
    rest = tuple(u for u in action.updates if u.each or known.get(u.place) != u.value or _crossed(u, action.updates))
    return action if len(rest) == len(action.updates) else replace(action, updates=rest)


def _crossed(update: Update, updates: Sequence[Update]) -> bool:
    """Whether another update may be to the same variable."""
    place = update.place
    return any(
        other is not update and isinstance(place, Field) and isinstance(other.place, Field)
        and (other.place.cls, other.place.name) == (place.cls, place.name)
        for other in updates
    )


def _cut_all(steps: Sequence[Step], kept: Collection[int], *, deadlocks: bool, one_cpu: bool) -> list[Step]:
    """Cut out locations until none is left that can go; one that must stay is tried again when its steps change."""
    arriving, leaving = defaultdict[int, list[Step]](list), defaultdict[int, list[Step]](list)
    for step in steps:
        arriving[step.action.target].append(step)
        leaving[step.action.source].append(step)
    todo = dict.fromkeys(sorted(arriving.keys() - set(kept)))
    while todo:
        location = next(iter(todo))
        del todo[location]
        before, after = arriving[location], leaving[location]
        decided = not deadlocks or all(_is_decided(step, leaving[step.action.source]) for step in before)
        alone = one_cpu and all(keeps_cpu(step.action) for step in before)
        joined = _joined(before, after, deadlocks=deadlocks, decided=decided, alone=alone)
        if joined is None:
            continue
        fewer = _fewest(joined)
        sources, targets = {s.action.source for s in before}, {s.action.target for s in after}
        del arriving[location], leaving[location]
        for source in sources:
            leaving[source] = [s for s in leaving[source] if s.action.target != location]
        for target in targets:
            arriving[target] = [s for s in arriving[target] if s.action.source != location]
        for step in fewer:
            leaving[step.action.source].append(step)
            arriving[step.action.target].append(step)
        todo |= dict.fromkeys(sorted((sources | targets) - set(kept)))
    return sorted((s for found in leaving.values() for s in found), key=lambda s: (s.action.source, s.action.target))


def _fewest(steps: Sequence[Step]) -> list[Step]:
    """The steps without those that only repeat another; what is left moves as far as all that it stands for."""
    few = fewest([step.action for step in steps])
    if {id(action) for action in few} == {id(step.action) for step in steps}:
        return list(steps)
    alike = defaultdict[tuple[object, ...], list[Step]](list)
    for step in steps:
        alike[_deed(step.action)].append(step)
    result = list[Step]()
    for action in few:
        found = alike[_deed(action)]
        mover = Mover(all(s.mover.right for s in found), all(s.mover.left for s in found))
        result.append(Step(action, mover, any(s.visible for s in found)))
    return result


def _deed(action: Action) -> tuple[object, ...]:
    return action.source, action.target, action.updates, action.binders


def _joined(
    before: Sequence[Step], after: Sequence[Step], *, deadlocks: bool, decided: bool, alone: bool
) -> list[Step] | None:
    """The steps that replace those into and out of a location; None if it must stay.

    Who is `alone` there has the processor, so that what comes between the steps is nothing.
    Of deadlocks more is seen: who waits after a choice has made it, so that the steps before have to be `decided`.
    """
    if not before or not after or any(s.action.source == s.action.target for s in (*before, *after)):
        return None
    if len(before) * len(after) > len(before) + len(after) + MOST_GROWTH:
        return None
    early = all((alone or s.mover.right) and not s.visible for s in before)
    late = all((alone or s.mover.left) and not s.visible for s in after)
    goes_on = always([with_cpu(s.action) if alone else s.action for s in after])
    if deadlocks:
        waits = not goes_on
        early = early and (not waits or (decided and all(_local(s.action) for s in before)))
    if not early and not (late and goes_on):
        return None
    result = list[Step]()
    for one, two in product(before, after):
        action = compose(one.action, two.action)
        if action is None:
            return None
        if action.guard == FALSE or contradictory(action.guard):
            continue
        mover = Mover(one.mover.right and two.mover.right, one.mover.left and two.mover.left)
        result.append(Step(action, mover, one.visible or two.visible))
    return result


def _is_decided(step: Step, leaving: Sequence[Step]) -> bool:
    """Whether a thread that can take the step can take no other, and in one way."""
    others = (other.action.guard for other in leaving if other is not step)
    return not step.action.binders and all(contradictory(conj([step.action.guard, guard])) for guard in others)


def _local(action: Action) -> bool:
    return all(isinstance(u.place, Local) and u.place.of is None for u in action.updates)
