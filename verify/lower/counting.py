"""How many threads are at a location, or point to an object from there: history variables for proofs.

A view of one thread and one object does not show how many others there are, nor who else has a pointer to the object.
Here a global counts the threads at some locations, or a field of the object those whose local leads to it from there
(counter abstraction: Pnueli, Xu & Zuck 2002; cardinalities as auxiliary variables: von Gleissenthall, Bjorner &
Rybalchenko 2016). A counter says `MOST` where there are as many or more: when one of these leaves, it may say so still.
That whoever is there is counted is true by what the counters are. It is assumed, and not proved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from verify.ir import (
    IDLE,
    PC,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Range,
    System,
    Threads,
    Update,
    Var,
)
from verify.lower.flow import forward, live
from verify.lower.simplify import binary, conj, disj, ite, negate
from verify.lower.visible import roots
from verify.universal import OBJECT, THREAD, Clause, told_in

MOST = 7  # what is told apart from more; three bits
MANY = 10  # counters that views cannot tell apart in time
COUNT, STAYS = "#count.", "#many"  # what counters are called, and the choices whether a full one stays so
COUNTS = ("", "threads", "pointers")
Spot = tuple[int, str, str]  # a location; with a local that is live there and the class it points to, or two times ""
Counters = Mapping[Spot, str]  # the name of the counter of each


@dataclass(frozen=True, slots=True)
class Counted:
    """A system with counters, and what is true of every run of it because they count."""

    system: System
    axioms: tuple[Clause, ...]


def with_counts(system: System, what: str) -> Counted:
    """The system, whose threads start themselves, with counters of threads, or of their pointers to other objects.

    There are none where a step moves another thread, nor where they would be too many.
    """
    counters = counters_of(system, what)
    added = {
        cls: tuple(dict.fromkeys(Var(name, Range(0, MOST)) for (_, _, c), name in counters.items() if c == cls))
        for cls in ("", *system.classes)
    }
    told = replace(
        system,
        globals=(*system.globals, *(replace(var, default=_first(system, counters, var)) for var in added[""])),
        classes={name: replace(cls, fields=(*cls.fields, *added[name])) for name, cls in system.classes.items()},
        actions=tuple(_counting(action, counters) for action in system.actions),
    )
    return Counted(told, tuple(_axioms(told, counters)))


# ---- which counters ------------------------------------------------------------------------------


def counters_of(system: System, what: str) -> Counters:
    """The counters, if they are not too many. Spots between which nothing is done that others see have one together."""
    places = [update.place for action in system.actions for update in action.updates]
    if not what or any(isinstance(place, Local) and place.of is not None for place in places):
        return {}
    spots = list(_spots(system, what))
    first = {spot: spot for spot in spots}
    for action in system.actions:
        if any(not isinstance(u.place, Local) and not _own(u.place) for u in action.updates):
            continue
        for place, local, cls in spots:
            here, there = (place, local, cls), (action.target, local, cls)
            if place == action.source and there in first and _after(action, local) == Local(local):
                one, other = sorted((first[here], first[there]))
                first = {spot: one if found == other else found for spot, found in first.items()}
    endless = {first.get((group.entry, "", "")) for group in system.groups if group.count is None}
    found = {spot: _name(first[spot]) for spot in spots if first[spot] not in endless}
    return found if len(set(found.values())) <= MANY else {}


def _spots(system: System, what: str) -> Iterator[Spot]:
    """Where threads may be that can go on, or with which local that leads to an object of another class."""
    alive = live(system.actions)
    pointers = {v.name: v.domain.cls for v in system.locals if isinstance(v.domain, Ptr)}
    for place in sorted({action.source for action in system.actions} - {IDLE}):
        if what == "threads":
            yield place, "", ""
        else:
            found = sorted(alive[place] & pointers.keys())
            yield from ((place, local, pointers[local]) for local in found if pointers[local] != system.thread)


def _own(place: Global | Local | Field) -> bool:
    return isinstance(place, Field) and place.pointer == Me()


def _name(spot: Spot) -> str:
    return f"{COUNT}{spot[0]}" + (spot[1] and f".{spot[1].removeprefix('#')}")


# ---- how they count ------------------------------------------------------------------------------


def _first(system: System, counters: Counters, var: Var) -> int:
    """How many are there at the start."""
    return min(MOST, sum(g.count or 0 for g in system.groups if counters.get((g.entry, "", "")) == var.name))


def _counting(action: Action, counters: Counters) -> Action:
    """The action that counts as well."""
    binders, updates = list[Binder](), list[Update]()
    for place, local, cls in counters:
        if place != action.source or _stays(action, counters, local, cls):
            continue
        counter = _counter(cls, Local(local), counters[place, local, cls])
        binders.append(Binder(f"{STAYS}{len(binders)}", Range(0, 1)))
        kept = conj([binary("==", counter, Const(MOST)), Bound(binders[-1].name)])
        less = Ite(disj([binary("==", counter, Const(0)), kept]), counter, binary("-", counter, Const(1)))
        updates.append(Update(counter, less))
    for place, local, cls in counters:
        if place != action.target or _stays(action, counters, local, cls):
            continue
        counter = _counter(cls, _after(action, local), counters[place, local, cls])
        more = Ite(binary("==", counter, Const(MOST)), counter, binary("+", counter, Const(1)))
        moves: Expr = TRUE  # to another object than what it is taken from, of those counted by the same counter
        if cls and counters.get((action.source, local, cls)) == counters[place, local, cls]:
            moves = binary("!=", Local(local), _after(action, local))
            updates = [replace(u, when=moves) if _same_field(u.place, counter) else u for u in updates]
        updates.append(Update(counter, more, when=moves))
    return replace(action, updates=(*action.updates, *updates), binders=(*action.binders, *binders))


def _after(action: Action, local: str) -> Expr:
    """What a local holds after the action."""
    found: Expr = Local(local)
    for update in action.updates:
        if update.place == Local(local):
            found = ite(update.when, update.value, found)
    return found


def _same_field(one: Global | Local | Field, other: Global | Field) -> bool:
    return isinstance(one, Field) and isinstance(other, Field) and (one.cls, one.name) == (other.cls, other.name)


def _stays(action: Action, counters: Counters, local: str, cls: str) -> bool:
    """Whether the thread is counted by the same counter before and after the action, for the same object."""
    before, after = (counters.get((place, local, cls)) for place in (action.source, action.target))
    return before is not None and before == after and _after(action, local) == Local(local)


def _counter(cls: str, pointer: Expr, name: str) -> Global | Field:
    return Field(pointer, cls, name) if cls else Global(name)


# ---- what is true because they count -------------------------------------------------------------


def _axioms(system: System, counters: Counters) -> Iterator[Clause]:
    """That whoever is there is counted, and that who is counted is in the sets that all are in who are there."""
    t, o = Bound(THREAD), Bound(OBJECT)
    sections = _sections(system)
    for cls, name in sorted({(cls, name) for (_, _, cls), name in counters.items()}):
        spots = [(place, local) for (place, local, c), other in counters.items() if (c, other) == (cls, name)]
        places = frozenset(place for place, _ in spots)
        counter = _counter(cls, o, name)
        some = binary(">=", counter, Const(1))
        for members, section in sections.items():
            if places <= section:
                yield Clause(False, cls, None, disj([negate(some), binary("!=", members, Const(0))]))
        if cls:
            elsewhere = binary("!=", Local(spots[0][1], t), o)
            yield Clause(True, cls, places, disj([elsewhere, some]))
            continue
        yield Clause(True, "", places, some)
        if any(var.name == told_in(PC) for var in system.classes[system.thread].fields):
            at = Field(o, system.thread, told_in(PC))
            elsewhere = negate(disj(binary("==", at, Const(place)) for place in sorted(places)))
            yield Clause(False, system.thread, None, disj([elsewhere, some]))
            yield Clause(True, system.thread, places, disj([elsewhere, binary(">=", counter, Const(min(2, MOST)))]))


def _sections(system: System) -> Mapping[Global, frozenset[int]]:
    """The global sets in which a thread surely is while it is at some locations, and these."""
    found = {Global(var.name): _section(system, Global(var.name)) for var in system.globals if var.domain == Threads()}
    return {members: section for members, section in found.items() if section is not None}


def _section(system: System, members: Global) -> frozenset[int] | None:
    """The locations at which a thread is surely in the set; None if others may put it there or take it out."""
    change: dict[Expr, frozenset[bool]] = {
        Binary("with", members, Me()): frozenset({True}),
        Binary("without", members, Me()): frozenset({False}),
    }
    stored = [u for action in system.actions for u in action.updates if u.place == members]
    if any(u.value not in change or u.when != TRUE for u in stored):
        return None

    def after(action: Action, inside: frozenset[bool]) -> frozenset[bool]:
        return ([change[u.value] for u in action.updates if u.place == members] or [inside])[-1]

    starts = dict.fromkeys([IDLE, *roots(system)], frozenset({False}))
    found = forward(system.actions, starts, after, frozenset.union)
    return frozenset(place for place, inside in found.items() if inside == {True})
