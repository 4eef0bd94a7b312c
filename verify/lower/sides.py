"""Threads that keep to one side: a scenario in which each takes alternatives of one of a few sets, and no other.

A race mostly takes threads that do different things, each of them few (the small-scope hypothesis; Jackson 2006).
What a thread has done says on which side it is, and so what it may do: a local of its own. All else is as it was, so
a run of this system is one of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verify.ir import IDLE, TRUE, Action, Const, Local, Range, System, Update, Var
from verify.lower.flow import outgoing, reachable
from verify.lower.graph import END
from verify.lower.scenario import Branches, within
from verify.lower.simplify import binary, conj, disj
from verify.lower.visible import roots

SIDE = "#side"  # 0 as long as a thread is on none


def with_sides(system: System, sides: Sequence[Branches]) -> System:
    """The system in which every thread takes the alternatives of one of these sides, or those of all, and goes on.

    Where a thread can go on for ever, what leads to its end is left out.
    """
    allowed = [within(system, side) for side in sides]
    actions = list[Action]()
    for action in system.actions:
        of = [number for number, may in enumerate(allowed, 1) if may(action)]
        actions += [action] if len(of) == len(sides) else [_kept_to(action, side) for side in of]
    endless = _endless(actions)
    begins = roots(system)
    kept = endless if all(any(action.source == begin for action in endless) for begin in begins) else actions
    found = reachable([_reset(action) for action in kept], [*begins, END])
    return replace(system, locals=(*system.locals, Var(SIDE, Range(0, len(sides)))), actions=tuple(found))


def resting(system: System) -> frozenset[int]:
    """The locations between calls, and those where a thread waits for others, but not for a lock."""
    leaving = outgoing(system.actions)
    between = {number for number, at in enumerate(system.locations) if at.rest or at.kind in {"idle", "end"}}
    return frozenset(between | {place for place, found in leaving.items() if _waits(system, found)})


def _waits(system: System, leaving: Sequence[Action]) -> bool:
    places = [update.place for action in leaving for update in action.updates]
    takes = any(not isinstance(place, Local) and system.var(place).lock for place in places)
    return len(leaving) == 1 and leaving[0].guard != TRUE and not takes


def _kept_to(action: Action, side: int) -> Action:
    on = disj([binary("==", Local(SIDE), Const(0)), binary("==", Local(SIDE), Const(side))])
    told = Update(Local(SIDE), Const(side))
    return replace(action, guard=conj([action.guard, on]), updates=(*action.updates, told))


def _endless(actions: Sequence[Action]) -> Sequence[Action]:
    """The actions after which a thread can take one more, and one more after that."""
    kept = actions
    while len(fewer := _with_a_next(kept)) < len(kept):
        kept = fewer
    return kept


def _with_a_next(actions: Sequence[Action]) -> Sequence[Action]:
    sources = {action.source for action in actions}
    return [action for action in actions if action.target in sources]


def _reset(action: Action) -> Action:
    """A thread that is over is on no side."""
    if action.target not in {IDLE, END}:
        return action
    kept = (update for update in action.updates if update.place != Local(SIDE))
    return replace(action, updates=(*kept, Update(Local(SIDE), Const(0))))
