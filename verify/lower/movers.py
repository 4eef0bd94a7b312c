"""Which steps commute with every step of another thread: right movers, left movers (Lipton 1975)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from verify.ir import (
    IDLE,
    LIFE,
    PC,
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
    Ptr,
    Quant,
    Referenced,
    System,
    Update,
)
from verify.lower.facts import Facts, acquires, facts, freed_classes, is_attempt, is_birth, releases
from verify.lower.flow import live
from verify.lower.simplify import conjuncts, operands, parts

Key = tuple[str, str]  # ("", global) or (class, field)
TURNOVER = frozenset({"birth", "death", "reap"})  # accesses to an object that nobody else can reach


@dataclass(frozen=True, slots=True)
class Touch:
    """One access of an action to shared memory."""

    key: Key
    write: bool
    pointer: Expr | None  # None of a global
    kind: str  # "plain", "lock" (take or let go), "wait" (both at once), "all" (objects of the class), "every" (private
    # ones too), or of TURNOVER
    locks: frozenset[tuple[Place, bool]]
    private: bool
    breaks: bool = False  # a store to a lock that may let go of it for another thread


@dataclass(frozen=True, slots=True)
class Mover:
    """How far a step may be moved past steps of other threads."""

    right: bool
    left: bool


@dataclass(frozen=True, slots=True)
class World:
    """What the other threads of a system may do."""

    touches: Mapping[Key, Sequence[Touch]]
    impure: Collection[Key]  # locks that somebody does more with than take them and let them go
    broken: Collection[Key]  # locks that somebody may let go of for another
    asked: Collection[str]  # classes of which somebody asks whether anybody refers to an object
    counted: Collection[str]  # classes of which somebody goes on one way or the other as anybody refers to an object
    recycled: Collection[str]  # classes whose cells are used again once nobody refers to them


def movers(system: System, roots: Sequence[int]) -> Mapping[int, Mover]:
    """The mover of every action, by its number."""
    alive = live(system.actions)
    known = facts(system, roots, alive)
    dangling = freed_classes(system)
    nothing = Facts(frozenset(), frozenset())
    touches = [
        list(_touches(system, action, known.get(action.source, nothing), dangling)) for action in system.actions
    ]
    by_key = defaultdict[Key, list[Touch]](list)
    for touch in (touch for found in touches for touch in found):
        by_key[touch.key].append(touch)
    plain = ("plain", "all", "every")
    impure = {key for key, found in by_key.items() if any(t.kind in plain and not t.private for t in found)}
    questions = [part for a in system.actions for e in _exprs(a) for part in parts(e) if isinstance(part, Referenced)]
    asked = {part.cls for part in questions if not part.mine}
    recycled = {part.cls for a in system.actions for part in parts(a.guard) if isinstance(part, Referenced)}
    counted = {p.cls for a in system.actions for p in conjuncts(a.guard) if isinstance(p, Referenced)}
    broken = {key for key, found in by_key.items() if any(t.breaks and not t.private for t in found)}
    world = World(by_key, impure, broken, asked, counted, recycled)
    return {
        number: _mover(system, action, touches[number], world, alive[action.source])
        for number, action in enumerate(system.actions)
    }


def broken_locks(system: System, known: Mapping[int, Facts]) -> frozenset[Key]:
    """The locks that somebody may let go of for another thread; `known` are the facts at locations."""
    dangling = freed_classes(system)
    return frozenset(
        touch.key
        for action in system.actions if action.source in known
        for touch in _touches(system, action, known[action.source], dangling) if touch.breaks and not touch.private
    )  # fmt: skip


def _exprs(action: Action) -> Iterable[Expr]:
    yield action.guard
    for update in action.updates:
        yield update.value
        yield update.when
        if isinstance(update.place, Field):
            yield update.place.pointer


def _mover(
    system: System, action: Action, touches: Sequence[Touch], world: World, alive: Collection[str]
) -> Mover:
    right = left = True
    for update in action.updates:
        place = update.place
        if isinstance(place, Local) and place.name == PC and place.of is not None:
            right = left = False  # the thread may step at once; if it runs already, what it did last is not undone
            continue
        domain = system.var(place).domain
        if isinstance(domain, Ptr) and not system.var(place).lock:
            drops = _drops(action, place, alive)
            right = right and domain.cls not in world.asked and not (drops and domain.cls in world.recycled)
            left = left and domain.cls not in world.asked and not (drops and domain.cls in world.counted)
    if any(isinstance(part, Referenced) for expr in _exprs(action) for part in parts(expr)):
        return Mover(right=False, left=False)
    for touch in touches:
        if touch.kind == "wait":
            return Mover(right=False, left=False)
        if touch.kind == "lock" and touch.key not in world.impure:
            taking = _taking(action, touch)
            right, left = right and taking, left and not taking
            continue
        if any(_conflict(touch, other, world.broken) for other in world.touches[touch.key]):
            return Mover(right=False, left=False)
    return Mover(right, left)


def _drops(action: Action, place: Place, alive: Collection[str]) -> bool:
    """Whether a store to a pointer may take a reference away: not where it was NULL."""
    if isinstance(place, Local):
        return place.name in alive
    return not (isinstance(place, Field) and is_birth(action, place.pointer))


def _taking(action: Action, touch: Touch) -> bool:
    return any(
        acquires(action, update.place, update.value) is not None
        for update in action.updates
        if isinstance(update.place, Global | Field) and _key(update.place) == touch.key
    ) or not any(isinstance(u.place, Global | Field) and _key(u.place) == touch.key for u in action.updates)


def _key(place: Global | Field) -> Key:
    return ("", place.name) if isinstance(place, Global) else (place.cls, place.name)


def _conflict(one: Touch, other: Touch, broken: Collection[Key]) -> bool:
    """Whether the two accesses, by two threads, may be to one variable and do not commute."""
    kinds = {one.kind, other.kind}
    if not (one.write or other.write) or ((one.private or other.private) and "every" not in kinds):
        return False
    if kinds & TURNOVER:
        found = "death" in kinds and any(isinstance(t.pointer, Bound) for t in (one, other))
        return one.key[1] == LIFE and (kinds <= TURNOVER or "all" in kinds or found)
    if one.pointer == Me() == other.pointer:
        return False
    return not _protected(one, other, broken)


def _protected(one: Touch, other: Touch, broken: Collection[Key]) -> bool:
    """Whether both threads hold one lock, of the same object or global, and one of them exclusively."""
    for place, exclusive in one.locks:
        for twin, also in other.locks:
            if not (exclusive or also) or _is_broken(place, broken):
                continue
            match place, twin:
                case Global(name), Global(same) if _stem(name) == _stem(same):
                    return True
                case Field(pointer, cls, name), Field(held, kind, same) if (
                    cls == kind == one.key[0] and _stem(name) == _stem(same)
                    and pointer == one.pointer and held == other.pointer
                ):
                    return True
                case Field(Const() as fixed, cls, name), Field(Const() as also_fixed, kind, same) if (
                    fixed == also_fixed and cls == kind and _stem(name) == _stem(same)
                ):
                    return True
    return False


def _is_broken(place: Place, broken: Collection[Key]) -> bool:
    if isinstance(place, Local):
        return False
    found, lock = _key(place)
    return any(cell == found and _stem(name) == _stem(lock) for cell, name in broken)


def _stem(name: str) -> str:
    return name.removesuffix(".readers")


def _touches(system: System, action: Action, known: Facts, dangling: Collection[str]) -> Iterable[Touch]:
    """Every access of the action."""
    if not any(isinstance(part, Global | Field) for expr in _exprs(action) for part in parts(expr)) and not any(
        isinstance(update.place, Global | Field) for update in action.updates
    ):
        return
    dead = "reap" if action.target == IDLE else ""
    if not dead and any(isinstance(part, Referenced) and part.mine for part in parts(action.guard)):
        dead = "death"
    written = {_key(u.place): u for u in action.updates if isinstance(u.place, Global | Field)}
    every = {part.binder.name for part in parts(action.guard) if isinstance(part, Quant)}

    def touch(place: Global | Field, *, write: bool) -> Touch:
        key = _key(place)
        pointer = place.pointer if isinstance(place, Field) else None
        private = isinstance(pointer, Local) and pointer.of is None and pointer.name in known.private
        kind = "plain"
        if system.var(place).lock and _locks(action, key, written.get(key)):
            kind = "lock"
        elif system.var(place).lock and key not in written and _only_waits(action, place):
            kind = "wait"
        elif pointer is not None and is_birth(action, pointer) and key[0] not in dangling:
            kind = "birth"
        elif dead and key[0] not in dangling:
            kind = dead
        elif isinstance(pointer, Bound):
            asked = pointer.name in every and key[1] != LIFE  # whether one exists, the rules of births and deaths tell
            kind = "every" if asked else "all" if not _picked(action, pointer) else "plain"
        breaks = kind in ("plain", "all") and write and system.var(place).lock
        breaks = breaks and not is_attempt(place, written[key].value)
        return Touch(key, write, pointer, kind, known.locks, private, breaks)

    for expr in _exprs(action):
        for part in _reads(system, expr):
            yield touch(part, write=False)
    for update in action.updates:
        if isinstance(update.place, Global | Field):
            yield touch(update.place, write=True)


def _locks(action: Action, key: Key, update: Update | None) -> bool:
    """Whether all that the action does to the lock is take it or let it go (or, of its other half, look at it)."""
    if update is None:
        return any(
            isinstance(u.place, Global | Field) and _stem(_key(u.place)[1]) == _stem(key[1]) and _key(u.place) != key
            for u in action.updates
        )
    place = update.place
    return acquires(action, place, update.value) is not None or releases(action, place, update.value)


def _only_waits(action: Action, place: Place) -> bool:
    """Whether all that the action does with a lock is wait until nobody has it."""
    found = [part for expr in _exprs(action) for part in parts(expr) if part == place]
    return len(found) == 1 and Binary("==", place, Const(0)) in conjuncts(action.guard)


def _picked(action: Action, pointer: Bound) -> bool:
    return any(binder.name == pointer.name for binder in action.binders)


def _reads(system: System, expr: Expr) -> Iterable[Global | Field]:
    """The variables that an expression reads; not a lock in "do I hold it?", which no other thread can change."""
    match expr:
        case Binary("==" | "!=" | "has", (Global() | Field()) as lock, Me()) if system.var(lock).lock:
            return
        case Global() | Field():
            yield expr
    for part in operands(expr):
        yield from _reads(system, part)
