"""The slice of a system that a property can see (Weiser 1981, on a control-flow graph with locks).

Starting from what the property reads, a variable is relevant if a relevant store or the guard of a step that still
decides something reads it. A location is passed over if every way on from it leads, without a relevant store, to the
same place. A lock is relevant if some step that matters may be taken while it is held.

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
    Bound,
    Class,
    Expr,
    Field,
    Fresh,
    Global,
    Group,
    Local,
    Place,
    Ptr,
    Referenced,
    System,
    Unary,
    Update,
)
from verify.lower.choices import always, fewest, without_idle_choices
from verify.lower.facts import acquires
from verify.lower.flow import forward, outgoing, reachable, spawned
from verify.lower.graph import END, ERRORS, FIXED
from verify.lower.known import settle_locals
from verify.lower.simplify import conj, conjuncts, operands, parts
from verify.lower.visible import Key, roots, seen


@dataclass(slots=True)
class Cut:
    """The slice under construction."""

    relevant: set[Key]
    kept: frozenset[int]  # locations that stay whatever they do
    observed: frozenset[int]  # locations that the property names
    onward: dict[int, int] = field(default_factory=dict)

    def final(self, location: int) -> int:
        """Where control really is once it is at `location`."""
        while location in self.onward:
            location = self.onward[location]
        return location


def slice_for(system: System, prop: Expr) -> System:
    """The part of the system that decides whether `prop` can be violated."""
    to = seen(prop)
    relevant: set[Key] = set(to.keys) | {(cls, LIFE) for cls in (system.thread, *to.exists)}
    entries = {*roots(system), *(entry for action in system.actions for entry in spawned(action))}
    kept = frozenset({*entries, *range(len(FIXED)), *to.locations})
    held = _may_hold(system)
    while True:
        cut = Cut(set(relevant), kept, to.locations)
        _pass_over(system, cut)
        grown = relevant | _needed(system, cut, held)
        if grown == relevant:
            return _built(system, cut)
        relevant = grown


def key_of(place: Place) -> Key:
    """The variable of a place, in any cell."""
    match place:
        case Global(name):
            return ("", name)
        case Local(name):
            return ("thread", name)
        case Field(_, cls, name):
            return (cls, name)


def _matters(update: Update, relevant: Collection[Key]) -> bool:
    place = update.place
    return key_of(place) in relevant or (isinstance(place, Local) and place.of is not None)


def _pass_over(system: System, cut: Cut) -> None:
    """Find, until nothing changes, the locations that only lead on to one other."""
    leaving = outgoing(system.actions)
    changed = True
    while changed:
        changed = False
        for location, found in leaving.items():
            if location in cut.kept or location in cut.onward:
                continue
            targets = {cut.final(a.target) for a in found} - {location}
            if len(targets) != 1 or any(_matters(u, cut.relevant) for a in found for u in a.updates):
                continue
            if always(found) or all(_is_acquire(system, a) or a.target in range(len(FIXED)) for a in found):
                cut.onward[location] = targets.pop()
                changed = True


def _is_acquire(system: System, action: Action) -> bool:
    """Whether waiting for a lock is all that the step can wait for."""
    places = [u for u in action.updates if isinstance(u.place, Global | Field) and system.var(u.place).lock]
    return bool(places) and all(acquires(action, u.place, u.value) is not None for u in places)


def _surviving(system: System, cut: Cut) -> Iterable[Action]:
    """The steps that still do or decide something: a thread that an error stops might as well take no step."""
    for action in system.actions:
        if action.source in cut.onward:
            continue
        acting = [u.place for u in action.updates if _matters(u, cut.relevant)]
        lost = system.locations[action.target].kind in ERRORS and action.target not in cut.observed
        if lost and all(isinstance(place, Local) and place.of is None for place in acting):
            continue
        if acting or cut.final(action.target) != action.source:
            yield action


def _needed(system: System, cut: Cut, held: Mapping[int, Collection[Key]]) -> set[Key]:
    """What the surviving steps read, and the locks that may be held where they are taken."""
    found = set[Key]()
    for action in _surviving(system, cut):
        exprs: list[Expr] = [action.guard]
        for update in action.updates:
            if _matters(update, cut.relevant):
                exprs += [update.value, update.when, *operands(update.place)]
        found |= {key_of(p) for e in exprs for p in parts(e) if isinstance(p, Global | Local | Field)}
        found |= set(held.get(action.source, ()))
    found = {key for key in found if key[1] != PC}
    return found | {twin for key in found for twin in _twins(system, key)}


def _twins(system: System, key: Key) -> Iterable[Key]:
    """Both halves of an rwlock go together."""
    stem = key[1].removesuffix(".readers")
    pool = system.globals if key[0] == "" else system.classes[key[0]].fields if key[0] in system.classes else ()
    names = {var.name for var in pool}
    return [(key[0], name) for name in (stem, f"{stem}.readers") if name in names]


def _may_hold(system: System) -> Mapping[int, Collection[Key]]:
    """The locks that a thread may hold at each location."""
    nothing = frozenset[Key]()

    def after(action: Action, before: frozenset[Key]) -> frozenset[Key]:
        for update in action.updates:
            place = update.place
            if isinstance(place, Global | Field) and system.var(place).lock:
                taken = acquires(action, place, update.value) is not None
                before = before | {key_of(place)} if taken else before - {key_of(place)}
        return before

    starts = dict.fromkeys((action.source for action in system.actions), nothing)
    return forward(system.actions, starts, after, lambda old, new: old | new)


# ---- building the slice ------------------------------------------------------------------------------


def _built(system: System, cut: Cut) -> System:
    trimmed = (_trimmed(system, action, cut) for action in _surviving(system, cut))
    actions = list(dict.fromkeys(action for action in trimmed if action is not None))
    starts = [*roots(system), END]
    actions = reachable(fewest(settle_locals(actions, starts, [var.name for var in system.locals])), starts)
    used = {part.name for a in actions for part in _everything(a) if isinstance(part, Local) and part.of is None}

    owned = _owned(system, cut)

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
        created=frozenset(cls for cls in system.created if _is_created(actions, cls)),
        initial={key: value for key, value in system.initial.items() if key in cut.relevant},
    )


def _everything(action: Action) -> Iterable[Expr]:
    for expr in (action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))):
        yield from parts(expr)


def _is_created(actions: Sequence[Action], cls: str) -> bool:
    places = (update.place for action in actions for update in action.updates)
    return any(isinstance(p, Field) and p.cls == cls and isinstance(p.pointer, Bound) for p in places)


def _trimmed(system: System, action: Action, cut: Cut) -> Action | None:
    """The action without irrelevant stores, and without choices that nothing depends on."""
    updates = tuple(u for u in action.updates if _matters(u, cut.relevant))
    guard = conj(part for part in conjuncts(action.guard) if is_unused(part) or not _asks_lost(system, part, cut))
    return without_idle_choices(replace(action, target=cut.final(action.target), guard=guard, updates=updates))


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


def _owned(system: System, cut: Cut) -> set[Key]:
    """The fields that hold a fresh object at the start, of a class that matters: its cells must stay."""
    matter = {cls for cls, name in cut.relevant if name != LIFE}
    return {
        (system.thread, name)
        for group in system.groups
        for name, value in group.values.items()
        if isinstance(value, Fresh) and value.cls in matter
    }


def _group(group: Group, thread: str, relevant: Collection[Key]) -> Group:
    return replace(group, values={name: v for name, v in group.values.items() if (thread, name) in relevant})
