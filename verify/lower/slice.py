"""The slice of a system that a property can see (Weiser 1981, on a control-flow graph with locks).

Starting from what the property reads, a variable is relevant if a relevant store or the guard of a step that still
decides something reads it. A location is passed over if every way on from it leads, without a relevant store, to the
same place, unless a thread has to be there for the property to be true. A lock is relevant if a step that matters may
be taken while it is held.

The slice allows at least the runs of the whole system, seen through the property: pointers that are cut away no longer
keep an ended thread's cell from being used again. So a proof on the slice is a proof, and a run of the slice counts
only once the whole system has taken it too (`verify.lower.expand`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verify.ir import (
    LIFE,
    PC,
    Action,
    Binary,
    Class,
    Const,
    Expr,
    Field,
    Fresh,
    Global,
    Group,
    Local,
    Ptr,
    Referenced,
    System,
    Unary,
    Update,
)
from verify.lower.choices import always, fewest, without_idle_choices
from verify.lower.facts import acquires
from verify.lower.flow import distinct, outgoing, postorder, reachable, reads, spawned, stored
from verify.lower.graph import END, ERRORS, FIXED
from verify.lower.holding import may_hold
from verify.lower.known import settle_locals
from verify.lower.simplify import conj, conjuncts, operands, parts
from verify.lower.visible import Key, key_of, needed_at, roots, seen


@dataclass(frozen=True, slots=True)
class Store:
    """An update, and the variables that it reads."""

    update: Update
    key: Key
    reads: frozenset[Key]

    def matters(self, relevant: Collection[Key]) -> bool:
        """Whether it is to a relevant variable, or starts another thread."""
        return self.key in relevant or self.starts()

    def starts(self) -> bool:
        """Whether it is to the control of another thread."""
        return isinstance(self.update.place, Local) and self.update.place.of is not None

    def shared(self) -> bool:
        """Whether another thread can see it."""
        return not isinstance(self.update.place, Local) or self.starts()


@dataclass(frozen=True, slots=True)
class Step:
    """An action, and the variables that its guard reads and that are locks which may be held before it."""

    action: Action
    stores: tuple[Store, ...]
    reads: frozenset[Key]
    keys: frozenset[Key]  # that it stores to
    starts: bool  # another thread

    def acting(self, relevant: Collection[Key]) -> list[Store]:
        """The stores that matter."""
        if not self.starts and self.keys.isdisjoint(relevant):
            return []
        return [store for store in self.stores if store.matters(relevant)]


@dataclass(slots=True)
class Cut:
    """The slice under construction."""

    leaving: Mapping[int, Sequence[Step]]  # every location after those that it leads to, but for circles
    passable: frozenset[int]  # locations that stop no thread for ever
    observed: frozenset[int]  # locations that the property names
    needed: frozenset[int]  # those at which a thread may have to be for it to be true
    relevant: frozenset[Key]
    spins: bool  # whether going round in a circle is more than to wait
    onward: dict[int, int] = field(default_factory=dict)

    def final(self, location: int) -> int:
        """Where control really is once it is at `location`."""
        while location in self.onward:
            location = self.onward[location]
        return location


def slice_for(system: System, prop: Expr, *, spins: bool = False) -> System:
    """The part of the system that decides whether `prop` can be violated; with `spins`, how long threads spin too."""
    to = seen(prop)
    entries = {*roots(system), *(entry for action in system.actions for entry in spawned(action))}
    kept = {*entries, *range(len(FIXED)), *to.locations}
    out = outgoing(system.actions)
    held = may_hold(system)
    twins = _twins(system)
    leaving = {n: [_step(action, held) for action in out[n]] for n in postorder(out, out) if n in out}
    passable = frozenset(n for n, found in out.items() if n not in kept and _passable(system, found))
    relevant = to.keys | {(cls, LIFE) for cls in (system.thread, *to.exists)}
    while True:
        cut = Cut(leaving, passable, to.locations, needed_at(prop), relevant, spins)
        _pass_over(cut)
        found = _needed(system, cut)
        grown = relevant | found | {twins[key] for key in found if key in twins}
        if grown == relevant:
            return _built(system, cut)
        relevant = grown


def _step(action: Action, held: Mapping[int, Collection[Key]]) -> Step:
    stores = tuple(Store(u, key_of(u.place), _read([u.value, u.when, *operands(u.place)])) for u in action.updates)
    reads = _read([action.guard]).union(held.get(action.source, ()))
    return Step(action, stores, reads, frozenset(s.key for s in stores), any(s.starts() for s in stores))


def _read(exprs: Iterable[Expr]) -> frozenset[Key]:
    """The variables that some of the expressions read; which location a thread is at is no variable."""
    found = set[Key]()
    for part in (part for expr in exprs if not isinstance(expr, Const) for part in parts(expr)):
        if isinstance(part, Field):
            found.add((part.cls, part.name))
        elif isinstance(part, Global | Local) and part.name != PC:
            found.add(key_of(part))
    return frozenset(found)


def _passable(system: System, found: Sequence[Action]) -> bool:
    """Whether some step out of a location can be taken at some time: locks are let go, and errors stop anyway."""
    return always(found) or all(_is_acquire(system, a) or a.target in range(len(FIXED)) for a in found)


def _is_acquire(system: System, action: Action) -> bool:
    """Whether waiting for a lock is all that the step can wait for; it may let go of it at once."""
    places = [u for u in action.updates if isinstance(u.place, Global | Field) and system.var(u.place).lock]
    if not places:
        return all(_is_free(system, part) for part in conjuncts(action.guard))
    return all(acquires(action, u.place, u.value) is not None for u in places)


def _is_free(system: System, part: Expr) -> bool:
    """Whether the condition is that nobody has a lock."""
    match part:
        case Binary("==", (Global() | Field()) as place, Const(0)):
            return system.var(place).lock
        case _:
            return False


def _pass_over(cut: Cut) -> None:
    """Find, until nothing changes, the locations that only lead on to one other."""
    todo = [
        location for location, steps in cut.leaving.items()
        if location in cut.passable and not any(step.acting(cut.relevant) for step in steps)
    ]
    changed = True
    while changed:
        changed = False
        for location in [location for location in todo if location not in cut.onward]:
            targets = {cut.final(step.action.target) for step in cut.leaving[location]}
            targets -= set() if cut.spins else {location}
            if len(targets) == 1 and targets.isdisjoint({location, *cut.needed}):
                cut.onward[location] = targets.pop()
                changed = True


def _surviving(system: System, cut: Cut) -> Iterable[tuple[Step, list[Store]]]:
    """The steps that still do or decide something: a thread that an error stops might as well stay where it is."""
    for location, steps in cut.leaving.items():
        if location in cut.onward:
            continue
        for step in steps:
            acting = step.acting(cut.relevant)
            target = step.action.target
            lost = system.locations[target].kind in ERRORS and target not in cut.observed and location not in cut.needed
            if lost and not any(store.shared() for store in acting):
                continue
            if acting or cut.final(target) != location:
                yield step, acting


def _needed(system: System, cut: Cut) -> frozenset[Key]:
    """What the surviving steps read, and the locks that may be held where they are taken."""
    found = set[Key]()
    for step, acting in _surviving(system, cut):
        found |= step.reads
        for store in acting:
            found |= store.reads
    return frozenset(found)


def _twins(system: System) -> Mapping[Key, Key]:
    """Both halves of an rwlock go together: each by the other."""
    pool = [("", var.name) for var in system.globals]
    pool += [(name, var.name) for name, cls in system.classes.items() for var in cls.fields]
    halves = [((cell, name.removesuffix(".readers")), (cell, name)) for cell, name in pool if name.endswith(".readers")]
    return {one: other for pair in halves for one, other in (pair, pair[::-1])}


# ---- building the slice ------------------------------------------------------------------------------


def _built(system: System, cut: Cut) -> System:
    surviving = {id(step.action): acting for step, acting in _surviving(system, cut)}
    kept = [a for a in system.actions if id(a) in surviving]
    trimmed = (_trimmed(system, a, tuple(store.update for store in surviving[id(a)]), cut) for a in kept)
    actions = distinct(action for action in trimmed if action is not None)
    starts = [*roots(system), END]
    actions = reachable(fewest(settle_locals(actions, starts, [var.name for var in system.locals])), starts)
    used = {name for action in actions for name in (*reads(action), *stored(action))}

    # A step that chooses an object finds none, and is never taken, where the class has no cells.
    chosen = {b.domain.cls for action in actions for b in action.binders if isinstance(b.domain, Ptr)}
    owned = _owned(system, cut, chosen)

    def fields(cls: Class) -> Class:
        kept = cut.relevant | owned | {(cls.name, LIFE)}
        return replace(cls, fields=tuple(v for v in cls.fields if (cls.name, v.name) in kept))

    classes = {name: fields(cls) for name, cls in system.classes.items()}
    return replace(
        system,
        classes=classes,
        globals=tuple(v for v in system.globals if ("", v.name) in cut.relevant),
        locals=tuple(v for v in system.locals if v.name == PC or v.name in used),
        actions=tuple(actions),
        groups=tuple(_group(group, system.thread, cut.relevant | owned) for group in system.groups),
        created=system.created & chosen,
        initial={key: value for key, value in system.initial.items() if key in cut.relevant},
    )


def _trimmed(system: System, action: Action, updates: tuple[Update, ...], cut: Cut) -> Action | None:
    """The action with these of its stores, and without choices that nothing depends on."""
    guard, target = action.guard, cut.final(action.target)
    lost = [part for part in conjuncts(guard) if _asks_lost(system, part, cut) and not is_unused(part)]
    if lost:
        guard = conj(part for part in conjuncts(guard) if part not in lost)
    if lost or target != action.target or len(updates) != len(action.updates):
        action = Action(action.source, target, guard, updates, action.micro, action.binders)
    return without_idle_choices(action)


def pointers_to(system: System, cls: str) -> set[Key]:
    """The shared variables that may point to an object of the class."""
    fields = {(name, v.name) for name, c in system.classes.items() for v in c.fields if v.domain == Ptr(cls)}
    return fields | {("", var.name) for var in system.globals if var.domain == Ptr(cls)}


def is_unused(part: Expr) -> bool:
    """Whether the condition is that nobody refers to an object: true more often where pointers are cut away."""
    return isinstance(part, Unary) and part.op == "!" and isinstance(part.arg, Referenced)


def _asks_lost(system: System, part: Expr, cut: Cut) -> bool:
    """Whether the condition asks who refers to an object, and some of those pointers are cut away."""
    asked = {inner.cls for inner in parts(part) if isinstance(inner, Referenced)}
    return any(pointers_to(system, cls) - cut.relevant for cls in asked)


def _owned(system: System, cut: Cut, chosen: Collection[str]) -> set[Key]:
    """The fields that hold a fresh object at the start, of a class that matters or is chosen from: its cells stay."""
    matter = {cls for cls, name in cut.relevant if name != LIFE} | set(chosen)
    return {
        (system.thread, name)
        for group in system.groups
        for name, value in group.values.items()
        if isinstance(value, Fresh) and value.cls in matter
    }


def _group(group: Group, thread: str, relevant: Collection[Key]) -> Group:
    return replace(group, values={name: v for name, v in group.values.items() if (thread, name) in relevant})
