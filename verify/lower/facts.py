"""What surely holds at each location: the locks its thread has, and the objects that only it can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    Local,
    Me,
    Place,
    Referenced,
    System,
)
from verify.lower.flow import outgoing, spawned
from verify.lower.simplify import conjuncts, parts


@dataclass(frozen=True, slots=True)
class Facts:
    """Locks as (place, exclusively); private locals point to objects that no other thread can reach."""

    locks: frozenset[tuple[Place, bool]]
    private: frozenset[str]


def facts(system: System, roots: Sequence[int]) -> Mapping[int, Facts]:
    """The facts at every location, by a forward must-analysis from the roots."""
    leaving = outgoing(system.actions)
    starts = {*roots, *(entry for action in system.actions for entry in spawned(action))}
    found = {entry: Facts(frozenset(), frozenset()) for entry in starts}
    dangling = freed_classes(system)
    todo = list(found)
    while todo:
        location = todo.pop()
        for action in leaving.get(location, []):
            after = _after(system, action, found[location], dangling)
            old = found.get(action.target)
            new = after if old is None else Facts(old.locks & after.locks, old.private & after.private)
            if new != old:
                found[action.target] = new
                todo.append(action.target)
    return found


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


def releases(place: Place, value: Expr) -> bool:
    """Whether the update lets go of a lock, given that the place is one."""
    return value in (Const(0), Binary("without", place, Me()))


def _after(system: System, action: Action, before: Facts, dangling: frozenset[str]) -> Facts:
    locks, private = set(before.locks), set(before.private)
    gained = set[str]()
    for update in action.updates:
        place, value = update.place, update.value
        match place:
            case Local(name, None):
                locks = {lock for lock in locks if Local(name) not in set(parts(lock[0]))}
                private.discard(name)
                source = value.name if isinstance(value, Local) and value.of is None else None
                birth = isinstance(value, Bound) and is_birth(action, value)
                nothing = value == Const(0)  # NULL is nobody's
                if source in before.private or nothing or (birth and not _dangles(system, name, dangling)):
                    gained.add(name)
            case Local(name, _) if name == PC:
                private.clear()
            case Global() | Field():
                if system.var(place).lock:
                    locks = {lock for lock in locks if lock[0] != place}
                    mode = acquires(action, place, value)
                    if mode is not None:
                        locks.add((place, mode))
                published = isinstance(place, Field) and place.name == LIFE and value == Const(PUBLISHED)
                if published or (isinstance(value, Local) and value.name in private):
                    private.clear()
            case _:
                pass
    return Facts(frozenset(locks), frozenset(private | gained))


def _dangles(system: System, name: str, dangling: frozenset[str]) -> bool:
    domain = system.var(Local(name)).domain
    return getattr(domain, "cls", "") in dangling
