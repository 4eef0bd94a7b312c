"""Broadcasts one object at a time: what lets a localization forget on which objects a `foreach` acts.

One guess does not say which of all objects a broadcast changes, so the variables that its condition reads must be
known. A thread that changes one object after another, as often as it likes, and then goes on, can do all that the
broadcast does, and one guess a step says which. The states in between are new, so the result is for proofs alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from verify.ir import TRUE, Action, Binder, Bound, Expr, Field, Global, Local, Ptr, Referenced, System, Update
from verify.lower.hidden import reads
from verify.lower.simplify import conj, parts
from verify.lower.slice import pointers_to
from verify.lower.visible import Key, key_of


def loosen(system: System) -> System:
    """The system with every broadcast that can be taken apart done one object at a time."""
    return replace(system, actions=tuple(a for action in system.actions for a in _apart(system, action)))


def _apart(system: System, action: Action) -> Iterable[Action]:
    """The steps that together do what the action does."""
    each = [update for update in action.updates if update.each]
    rest = tuple(update for update in action.updates if not update.each)
    if not each or not _independent(system, action.guard, each, rest):
        return [action]
    result = [
        _one(action, binder, [update for update in each if update.each == binder])
        for binder in dict.fromkeys(update.each for update in each)
        if binder is not None
    ]
    return [*result, replace(action, updates=rest)]


def _one(action: Action, binder: Binder, updates: Iterable[Update]) -> Action:
    """The step that changes one object and goes nowhere."""
    whens = dict.fromkeys(update.when for update in updates)
    guard = conj([action.guard, *whens]) if len(whens) == 1 else action.guard
    single = (replace(u, each=None, when=u.when if len(whens) > 1 else TRUE) for u in updates)
    return replace(
        action, target=action.source, guard=guard, updates=tuple(single), binders=(*action.binders, binder)
    )


def _independent(system: System, guard: Expr, each: Iterable[Update], rest: Iterable[Update]) -> bool:
    """Whether changing one object leaves the guard, the changes of the others and the rest of the step as they were."""
    written = {key_of(update.place) for update in each}
    others = [guard, *(expr for u in rest for expr in (u.place, u.value, u.when))]
    if any(reads(system, expr) & written for expr in others):
        return False
    return all(
        isinstance(u.place, Field) and u.each is not None and u.place.pointer == Bound(u.each.name)
        and isinstance(u.each.domain, Ptr)
        and not any(_elsewhere(system, expr, u.each) & written for expr in (u.value, u.when))
        for u in each
    )


def _elsewhere(system: System, expr: Expr, binder: Binder) -> set[Key]:
    """The variables that an expression reads, but not those of the binder's own object."""
    found = set[Key]()
    for part in parts(expr):
        match part:
            case Field(pointer, _, _) if pointer == Bound(binder.name):
                pass
            case Global() | Local() | Field():
                found.add(key_of(part))
            case Referenced(_, cls, _):
                found |= pointers_to(system, cls)
    return found
