"""A smaller system to prove something of: fewer locals, locations and actions, the same states seen by the property.

Its locations are not those of the source any more, one to one, so a run of it says less than a run of what it is made
from; that is why only proofs are about it. A location with a local that has one of few constants becomes as many
locations (partial evaluation, Jones 1996); locals that are never live at once share a variable; locations from where
the same happens are one (as in the minimization of automata, Hopcroft 1971); steps that do the same are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verify.ir import FALSE, TRUE, Action, Binder, Bound, Const, Expr, Field, Local, Place, Range, System, Update
from verify.lower.choices import tautology
from verify.lower.flow import live, outgoing, spawned
from verify.lower.graph import FIXED
from verify.lower.known import known_at
from verify.lower.reduce import reduce
from verify.lower.registers import named_at, share_locals
from verify.lower.simplify import conj, conjuncts, contradictory, disj, rebuild
from verify.lower.slice import slice_for
from verify.lower.visible import roots, seen

MOST_COPIES = 4  # locations that getting rid of one local may cost

Environment = tuple[tuple[str, int], ...]  # what the locals that are gone are worth


def compact(system: System, prop: Expr) -> System:
    """The system with as few locals, locations and actions as these passes find, of which `prop` says the same."""
    kept = _kept(system, prop)
    system = share_locals(_fewer_locals(system, kept, prop))
    actions = [_numbered(action) for action in system.actions]
    return replace(system, actions=tuple(_joined(_merged(actions, kept))))


def local_names(system: System, prop: Expr) -> Mapping[tuple[int, str], str]:
    """What the locals of the compact system are in the system: by location and local, where they are live."""
    return named_at(_fewer_locals(system, _kept(system, prop), prop))


def _fewer_locals(system: System, kept: Collection[int], prop: Expr) -> System:
    return slice_for(reduce(_split(system, kept), prop), prop)


def _kept(system: System, prop: Expr) -> frozenset[int]:
    """The locations that mean something to others than the thread that is there."""
    named = {*seen(prop).locations, *(n for action in system.actions for n in seen(action.guard).locations)}
    entries = {*roots(system), *(entry for action in system.actions for entry in spawned(action))}
    return frozenset({*named, *entries, *range(len(FIXED))})


# ---- locals with few constants -----------------------------------------------------------------------


@dataclass(slots=True)
class Copies:
    """The locations of the result: each is one of the system where the locals that are gone have certain values."""

    first: int  # the number of the next new location
    number: dict[tuple[int, Environment], int] = field(default_factory=dict)
    made: list[int] = field(default_factory=list)  # the location that each new one is a copy of
    todo: list[tuple[int, Environment]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    def at(self, location: int, values: Environment) -> int:
        """Return the location for these values; the first keeps its number."""
        if (location, values) not in self.number:
            if location in self.taken:
                self.number[location, values] = self.first + len(self.made)
                self.made.append(location)
            else:
                self.number[location, values] = location
                self.taken.add(location)
            self.todo.append((location, values))
        return self.number[location, values]


def _split(system: System, kept: Collection[int]) -> System:
    """The system without the locals whose values few more locations can say."""
    alive = live(system.actions)
    gone = _constants(system, alive, kept)
    leaving = outgoing(system.actions)
    copies = Copies(len(system.locations))
    for location in sorted(kept):
        copies.at(location, ())
    actions = list[Action]()
    while copies.todo:
        location, values = copies.todo.pop()
        source = copies.at(location, values)
        for action in leaving.get(location, ()):
            known = dict(values)
            special = _specialized(action, known, gone)
            if special.guard == FALSE or contradictory(special.guard):
                continue
            for update in action.updates:
                if isinstance(update.place, Local) and update.place.name in gone:
                    known[update.place.name] = _constant(update, known)
            after = tuple((name, known[name]) for name in sorted(gone & alive[action.target]))
            actions.append(replace(special, source=source, target=copies.at(action.target, after)))
    locations = (*system.locations, *(system.locations[number] for number in copies.made))
    return replace(
        system,
        locals=(
            replace(system.locals[0], domain=Range(0, len(locations) - 1)),
            *(var for var in system.locals[1:] if var.name not in gone),
        ),
        locations=locations,
        actions=tuple(sorted(actions, key=lambda action: (action.source, action.target))),
    )


def _constants(system: System, alive: Mapping[int, frozenset[str]], kept: Collection[int]) -> frozenset[str]:
    """The locals that are only ever given constants, and are worth few of them where they are live."""
    known = known_at(system.actions, [*roots(system)], [var.name for var in system.locals])
    cost = {var.name: 0 for var in system.locals[1:]}
    for location in known:
        for name in alive[location]:
            values = known[location].values.get(name, frozenset())
            cost[name] += len(values) - 1 if values and location not in kept else MOST_COPIES + 1
    given = defaultdict[str, list[Update]](list)
    for action in system.actions:
        for update in action.updates:
            if isinstance(update.place, Local) and update.place.of is None:
                given[update.place.name].append(update)
    return frozenset(
        name for name, copies in cost.items()
        if copies <= MOST_COPIES and all(u.when == TRUE and _is_constant(u) for u in given[name])
    )


def _is_constant(update: Update) -> bool:
    return isinstance(update.value, Const) or update.value == update.place


def _constant(update: Update, known: Mapping[str, int]) -> int:
    """The number that one of the locals that are gone is given, by an update that `_is_constant`."""
    match update.value:
        case Const(value):
            return value
        case Local(name):
            return known.get(name, 0)
        case _:
            raise AssertionError(update)


def _specialized(action: Action, known: Mapping[str, int], gone: Collection[str]) -> Action:
    """The action where the locals that are gone are worth these numbers, without what it stores in them."""

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Local(name, None) if name in known:
                return Const(known[name])
            case _:
                return None

    def is_gone(place: Place) -> bool:
        return isinstance(place, Local) and place.of is None and place.name in gone

    updates = tuple(_rebuilt(u, leaf) for u in action.updates if not is_gone(u.place))
    return replace(action, guard=rebuild(action.guard, leaf), updates=updates)


def _rebuilt(update: Update, leaf: Callable[[Expr], Expr | None]) -> Update:
    match update.place:
        case Field(pointer, cls, name):
            place: Place = Field(rebuild(pointer, leaf), cls, name)
        case Local(name, of) if of is not None:
            place = Local(name, rebuild(of, leaf))
        case _:
            place = update.place
    return Update(place, rebuild(update.value, leaf), update.each, rebuild(update.when, leaf))


# ---- what happens alike ------------------------------------------------------------------------------


def _numbered(action: Action) -> Action:
    """The action with its binders called by their number."""
    bound = [*action.binders, *(u.each for u in action.updates if u.each)]
    names = {binder.name: f"b{number}" for number, binder in enumerate(bound)}

    def leaf(part: Expr) -> Expr | None:
        return Bound(names.get(part.name, part.name)) if isinstance(part, Bound) else None

    def binder(old: Binder) -> Binder:
        return replace(old, name=names[old.name])

    updates = (replace(_rebuilt(u, leaf), each=u.each and binder(u.each)) for u in action.updates)
    return replace(
        action, guard=rebuild(action.guard, leaf), updates=tuple(updates), binders=tuple(map(binder, action.binders))
    )


def _merged(actions: Sequence[Action], kept: Collection[int]) -> Sequence[Action]:
    """The actions with locations that are left in the same ways made one, until no two are."""
    while True:
        first: dict[object, int] = {}
        home: dict[int, int] = {}
        for location, found in sorted(outgoing(actions).items()):
            if location not in kept:
                ways = frozenset((a.target if a.target != location else None, *_deed(a), a.guard) for a in found)
                other = first.setdefault(ways, location)
                if other != location:
                    home[location] = other
        if not home:
            return actions
        actions = [replace(a, target=home.get(a.target, a.target)) for a in actions if a.source not in home]


def _deed(action: Action) -> tuple[object, ...]:
    return action.updates, action.binders


def _joined(actions: Sequence[Action]) -> Iterable[Action]:
    """The actions with those that do the same made one, which can be taken when one of them can."""
    alike = defaultdict[tuple[object, ...], list[Action]](list)
    for action in actions:
        alike[action.source, action.target, *_deed(action)].append(action)
    for found in alike.values():
        common = [part for part in conjuncts(found[0].guard) if all(part in conjuncts(a.guard) for a in found)]
        rest = disj(conj(part for part in conjuncts(a.guard) if part not in common) for a in found)
        shortest = min(found, key=lambda action: len(action.micro))
        yield replace(shortest, guard=conj([*common, TRUE if tautology(rest) else rest]))
