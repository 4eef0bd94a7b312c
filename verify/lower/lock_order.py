"""Deadlocks, as far as an order of the locks excludes them: from a system to an invariant that says who may hold what.

If threads wait for nothing but locks, and whoever waits for a lock holds only locks that come before it, then of those
who wait, one who waits for a last lock waits for somebody who can step (Coffman, Elphick & Shoshani 1971; the order is
Havender's, 1968). That a lock has an owner, which is somewhere where it may hold it, is an invariant and has to be
proved; that waiting and holding are in order is read off the actions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from verify.ir import (
    LIFE,
    PC,
    PUBLISHED,
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Ptr,
    Quant,
    Range,
    System,
    Threads,
    Unary,
)
from verify.lower.choices import always
from verify.lower.flow import spawned
from verify.lower.holding import may_hold
from verify.lower.simplify import binary, conj, conjuncts, disj, negate, rebuild
from verify.lower.simplify import parts as parts_of
from verify.lower.visible import Key, key_of
from verify.semantics import FINISHED

THREAD, OBJECT = "thread", "object"
CHOSEN = Bound("chosen")


def ordered_locks(system: System) -> Expr | None:
    """Return an invariant without which threads may get stuck, and with which they cannot; None if no order is found.

    It says of every lock that somebody may wait for that its owner, and who reads under it, is at a location where it
    may hold it and where it is not finished; and, where a thread chooses one, that there is a task to choose.
    """
    out = defaultdict[int, list[Action]](list)
    for action in system.actions:
        out[action.source].append(action)
    ends = {target for action in system.actions for target in (action.target, *spawned(action))}
    ends |= {group.entry for group in system.groups}
    if any(system.locations[end].kind not in FINISHED and end not in out for end in ends):
        return None
    held = may_hold(system, tried=True)
    waits: dict[int, frozenset[Key]] = {}
    somebody = _some(Ptr(system.thread), [Binary("==", Field(CHOSEN, system.thread, LIFE), Const(PUBLISHED))])
    asked = False
    for location, actions in out.items():
        if system.locations[location].kind not in FINISHED:
            freed = [_without_waiting(system, action) for action in actions]
            choices = [_of_state(action) for action, _ in freed]
            asked |= any(somebody in conjuncts(choice.guard) for choice in choices)
            choices = [_but_for(choice, somebody) for choice in choices]
            plain = [choice for choice in choices if not any(isinstance(p, Quant) for p in parts_of(choice.guard))]
            if not always(plain) and not always(choices):
                if not always(_of_somebody(system, choices)):
                    return None
                asked = True
            waits[location] = frozenset(key for _, keys in freed for key in keys)
    before = defaultdict[Key, set[Key]](set)
    for location, wanted in waits.items():
        for key in wanted:
            before[key] |= set(held.get(location, ()))
    try:
        TopologicalSorter(before).prepare()
    except CycleError:
        return None
    owned = [_owned(system, key, _places(held, waits, key)) for key in sorted(before)]
    return conj([*owned, *([_published(system)] if asked else [])])


def _places(held: Mapping[int, Collection[Key]], waits: Collection[int], key: Key) -> frozenset[int]:
    """Where a thread that is not finished may hold the lock."""
    return frozenset(location for location, keys in held.items() if key in keys and location in waits)


def _without_waiting(system: System, action: Action) -> tuple[Action, set[Key]]:
    """The action if all locks were free, and the locks that it waits for."""
    waits = {part: key for part in conjuncts(action.guard) if (key := _waited_for(system, part)) is not None}
    rest = conj(part for part in conjuncts(action.guard) if part not in waits)
    return replace(action, guard=rest), set(waits.values())


def _waited_for(system: System, part: Expr) -> Key | None:
    """The lock of which the condition is that nobody has it."""
    match part:
        case Binary("==", (Global() | Field()) as place, Const(0)) if _is_lock(system, place):
            return key_of(place)
        case _:
            return None


def _is_lock(system: System, place: Global | Field) -> bool:
    var = system.var(place)
    return var.lock and isinstance(var.domain, Ptr | Threads)


def _of_state(action: Action) -> Action:
    """The action with a guard that asks whether there is a choice, not which: some objects fit, or none does."""
    parts = [part for part in map(_asked, conjuncts(action.guard)) if part != Const(1)]
    for binder in action.binders:
        fits = [part for part in parts if _speaks_of(part, binder.name)]
        parts = [part for part in parts if part not in fits]
        told = {_renamed(part, binder.name) for part in fits} - {binary("!=", CHOSEN, Const(0))}  # it is never NULL
        if told:
            parts.append(_some(binder.domain, told))
    return replace(action, guard=conj(parts), binders=())


def _but_for(action: Action, part: Expr) -> Action:
    return replace(action, guard=conj(other for other in conjuncts(action.guard) if other != part))


def _of_somebody(system: System, actions: Collection[Action]) -> list[Action]:
    """Those of the actions that choose a task which can be found, with what else they ask of it."""
    found, published = list[Action](), Binary("==", Field(CHOSEN, system.thread, LIFE), Const(PUBLISHED))
    for action in actions:
        match action.guard:
            case Quant("exists", Binder(CHOSEN.name, Ptr(system.thread)), body) if published in conjuncts(body):
                found.append(replace(action, guard=conj(part for part in conjuncts(body) if part != published)))
            case _:
                pass
    return found


def _asked(part: Expr) -> Expr:
    """A condition that no object fits, as one that not some object does."""
    match part:
        case Quant("forall", Binder(name, domain), body):
            return Unary("!", _some(domain, {_renamed(negate(one), name) for one in _disjuncts(body)}))
        case _:
            return part


def _some(domain: Range | Ptr, fits: Collection[Expr]) -> Expr:
    return Quant("exists", Binder(CHOSEN.name, domain), conj(sorted(fits, key=repr)))


def _renamed(expr: Expr, name: str) -> Expr:
    return rebuild(expr, lambda part: CHOSEN if part == Bound(name) else None)


def _speaks_of(expr: Expr, name: str) -> bool:
    return any(part == Bound(name) for part in parts_of(expr))


def _disjuncts(expr: Expr) -> Iterable[Expr]:
    if isinstance(expr, Binary) and expr.op == "||":
        return [*_disjuncts(expr.left), *_disjuncts(expr.right)]
    return [expr]


def _published(system: System) -> Expr:
    """That who is not finished can be found, so that there is always somebody to choose."""
    who = Bound(THREAD)
    finished = (n for n, location in enumerate(system.locations) if location.kind in FINISHED)
    over = disj(Binary("==", Local(PC, who), Const(location)) for location in finished)
    found = Binary("==", Field(who, system.thread, LIFE), Const(PUBLISHED))
    return Quant("forall", Binder(THREAD, Ptr(system.thread)), disj([over, found]))


def _owned(system: System, key: Key, places: Collection[int]) -> Expr:
    """That whoever has the lock is at one of the places."""
    cls, name = key
    place = Field(Bound(OBJECT), cls, name) if cls else Global(name)
    whole = isinstance(system.var(place).domain, Threads)
    has = Binary("has", place, Bound(THREAD)) if whole else Binary("==", place, Bound(THREAD))
    there = disj(Binary("==", Local(PC, Bound(THREAD)), Const(location)) for location in sorted(places))
    said: Expr = Quant("forall", Binder(THREAD, Ptr(system.thread)), disj([negate(has), there]))
    return Quant("forall", Binder(OBJECT, Ptr(cls)), said) if cls else said
