"""What surely holds at each location: the locks its thread has, and the objects that only it can reach."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from verify.ir import (
    FREE,
    LIFE,
    PC,
    PUBLISHED,
    Action,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Ptr,
    Referenced,
    System,
)
from verify.lower.effects import BIG_LOCK
from verify.lower.flow import forward, spawned
from verify.lower.simplify import conjuncts, parts


@dataclass(frozen=True, slots=True)
class Facts:
    """Locks as (place, exclusively); private locals point to objects that no other thread can reach.

    A live local that is not private points to no such object either.
    """

    locks: frozenset[tuple[Place, bool]]
    private: frozenset[str]


def facts(system: System, roots: Sequence[int], alive: Mapping[int, frozenset[str]]) -> Mapping[int, Facts]:
    """The facts at every location, by a forward must-analysis from the roots; `alive` are the locals live there."""
    entries = {*roots, *(entry for action in system.actions for entry in spawned(action))}
    starts = {entry: Facts(frozenset(), frozenset()) for entry in entries}
    dangling = freed_classes(system)

    def after(action: Action, before: Facts) -> Facts:
        found = _after(system, action, before, dangling)
        return Facts(found.locks, found.private & alive[action.target])

    def met(one: Facts, other: Facts) -> Facts:
        aliases = {system.var(Local(name)).domain for name in one.private ^ other.private}
        private = (name for name in one.private & other.private if system.var(Local(name)).domain not in aliases)
        return Facts(one.locks & other.locks, frozenset(private))

    return forward(system.actions, starts, after, met)


def freed_classes(system: System) -> frozenset[str]:
    """The classes whose objects are freed while pointers to them may remain."""
    return frozenset(
        update.place.cls
        for action in system.actions
        for update in action.updates
        if isinstance(update.place, Field)
        and update.place.name == LIFE
        and update.value == Const(FREE)
        and not any(isinstance(part, Referenced) for part in parts(action.guard))
    )


def is_birth(action: Action, pointer: Expr) -> bool:
    """Whether the action takes `pointer`'s object from the free cells."""
    if not isinstance(pointer, Bound):
        return False
    return any(
        isinstance(part, Binary)
        and part.op == "=="
        and part.right == Const(FREE)
        and isinstance(part.left, Field)
        and part.left.name == LIFE
        and part.left.pointer == pointer
        for part in conjuncts(action.guard)
    )


def acquires(action: Action, place: Place, value: Expr) -> bool | None:
    """Whether the update takes a lock exclusively (True) or for reading (False); None if it takes none."""
    if value == Me() and Binary("==", place, Const(0)) in conjuncts(action.guard):
        return True
    if value == Binary("with", place, Me()):
        return False
    return None


def releases(action: Action, place: Place, value: Expr) -> bool:
    """Whether the update lets go of a lock, given that the place is one, that its thread has or that goes itself."""
    if value != Const(0):
        return value == Binary("without", place, Me())
    gone = isinstance(place, Field) and any(
        u.place == Field(place.pointer, place.cls, LIFE) and u.value == Const(FREE) for u in action.updates
    )
    return gone or place == BIG_LOCK or Binary("==", place, Me()) in conjuncts(action.guard)


def _after(system: System, action: Action, before: Facts, dangling: frozenset[str]) -> Facts:
    locks, private = set(before.locks), set(before.private)
    gained, shown = set[str](), set[str]()  # an object is shown by its own address: it is in no field while private
    for update in action.updates:
        place, value = update.place, update.value
        mine = any(_is_private(action, part, before) for part in outcomes(value))
        match place:
            case Local(name, None):
                locks = {lock for lock in locks if Local(name) not in set(parts(lock[0]))}
                private.discard(name)
                nothing = value == Const(0)  # NULL is nobody's
                if value == place or (mine and not _is_private(action, value, before)):
                    shown.add(_class(system, place))
                if nothing or (_is_private(action, value, before) and _class(system, place) not in dangling):
                    gained.add(name)
            case Local(name, _) if name == PC:
                shown.add(system.thread)
            case Global() | Field():
                if system.var(place).lock:
                    mode = acquires(action, place, value)
                    gone = set[Place]() if mode is not None or is_attempt(place, value) else _same_locks(place, locks)
                    locks = {lock for lock in locks if lock[0] not in {place, *gone}}
                    if mode is not None:
                        locks.add((place, mode))
                if mine:
                    shown.add(_class(system, place))
                if isinstance(place, Field) and place.name == LIFE and value == Const(PUBLISHED):
                    shown.add(place.cls)
            case _:
                pass
    held = (name for name in private | gained if _class(system, Local(name)) not in shown)
    return Facts(frozenset(locks), frozenset(held))


def is_attempt(place: Place, value: Expr) -> bool:
    """Whether an update takes the lock if it is free, and else leaves it."""
    return isinstance(value, Ite) and value.then == Me() and value.other == place


def _same_locks(place: Place, locks: Collection[tuple[Place, bool]]) -> set[Place]:
    """The locks that may be the one at `place`, by another pointer to its object.

    Not those that the thread has exclusively if it has that too: it took the one when it had the other already.
    """
    mine = (place, True) in locks
    return {
        lock for lock, exclusive in locks
        if isinstance(lock, Field) and isinstance(place, Field) and (lock.cls, lock.name) == (place.cls, place.name)
        and not (mine and exclusive) and not (isinstance(lock.pointer, Const) and isinstance(place.pointer, Const))
    }  # fmt: skip


def _is_private(action: Action, value: Expr, before: Facts) -> bool:
    """Whether the value is a pointer to an object that only this thread can reach."""
    return is_birth(action, value) or (isinstance(value, Local) and value.of is None and value.name in before.private)


def outcomes(value: Expr) -> Iterable[Expr]:
    """What the value can come out as."""
    match value:
        case Ite(_, then, other):
            yield from (*outcomes(then), *outcomes(other))
        case _:
            yield value


def _class(system: System, place: Place) -> str:
    """The class of the objects that a variable points to; "" if it is no pointer."""
    domain = system.var(place).domain
    return domain.cls if isinstance(domain, Ptr) else ""
