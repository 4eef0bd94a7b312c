"""What can ever be, whatever the order of the steps: the question that most scenarios fail, asked in milliseconds.

Each variable has one set of values, common to all its cells, which collects whatever a reachable step may store there;
a step is reachable if its location is, and its guard holds for some values of what it reads (a Cartesian abstraction;
Cousot and Cousot 1995). What a search would be for is left out: who points to whom, and what holds together.

Only the order of a hunt depends on this, no verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from verify.ir import (
    FREE,
    LIFE,
    PC,
    PUBLISHED,
    TRUE,
    Action,
    Binder,
    Const,
    Expr,
    Field,
    Fresh,
    Global,
    Local,
    System,
)
from verify.lower.flow import live, spawned
from verify.lower.readings import WIDEST, Reading, Values, choices, objects, reading, truths
from verify.lower.simplify import parts
from verify.lower.visible import Key, key_of, roots


@dataclass(frozen=True, slots=True)
class Storing:
    """A store as a world takes it in; no `when` is always."""

    key: Key
    value: Reading
    when: Reading | None
    each: Binder | None


@dataclass(frozen=True, slots=True)
class Rule:
    """An action as a world takes it; no `guard` is none that can fail."""

    guard: Reading | None
    bound: Mapping[str, Values]
    targets: frozenset[int]
    stores: tuple[Storing, ...]


class Tables:
    """What every world of one system shares: which actions leave a location, which read a variable, what is live."""

    def __init__(self, system: System) -> None:
        """Work it out."""
        self.system = system
        self.leaving, self.readers = defaultdict[int, list[int]](list), defaultdict[Key, list[int]](list)
        for number, action in enumerate(system.actions):
            self.leaving[action.source].append(number)
            for key in _asked(action):
                self.readers[key].append(number)
        self.alive = live(system.actions)
        self.first = _first(system, self.alive)
        self._rules: dict[int, Rule] = {}
        self._properties: dict[Expr, Reading] = {}

    def rule(self, number: int) -> Rule:
        """The action of this number, prepared when it is first asked for."""
        if number not in self._rules:
            self._rules[number] = self._prepared(self.system.actions[number])
        return self._rules[number]

    def property(self, prop: Expr) -> Reading:
        """What a property may be."""
        if prop not in self._properties:
            self._properties[prop] = reading(self.system, prop, through_null=True)
        return self._properties[prop]

    def _prepared(self, action: Action) -> Rule:
        places = [u.place for u in action.updates if u.value == Const(FREE)]
        freed = [place.pointer for place in places if isinstance(place, Field) and place.name == LIFE]
        alive = self.alive[action.target]
        kept = [
            u for u in action.updates
            if not (isinstance(u.place, Field) and u.place.pointer in freed)
            and not (isinstance(u.place, Local) and (u.place.name == PC or u.place.name not in alive))
        ]
        return Rule(
            None if action.guard == TRUE else self._read(action.guard),
            {binder.name: choices(self.system, binder) for binder in action.binders},
            frozenset({action.target, *spawned(action)}),
            tuple(
                Storing(key_of(u.place), self._read(u.value), None if u.when == TRUE else self._read(u.when), u.each)
                for u in kept
            ),
        )

    def _read(self, expr: Expr) -> Reading:
        return reading(self.system, expr)


def _asked(action: Action) -> set[Key]:
    exprs = [action.guard, *(expr for u in action.updates for expr in (u.value, u.when))]
    return {key_of(part) for expr in exprs for part in parts(expr) if isinstance(part, Global | Local | Field)}


def _first(system: System, alive: Mapping[int, Collection[str]]) -> dict[Key, Values]:
    """The values of every variable at the start; of fields, in the objects that exist."""
    sets: dict[Key, Values] = {("", var.name): frozenset(var.initially) for var in system.globals}
    entries = {*roots(system), *(entry for action in system.actions for entry in spawned(action))}
    begun = frozenset().union(*(alive[entry] for entry in entries))
    sets |= {("thread", v.name): frozenset({v.default} if v.name in begun else ()) for v in system.locals}
    there = {static.cls for static in system.statics}
    there |= {value.cls for group in system.groups for value in group.values.values() if isinstance(value, Fresh)}
    for name, cls in system.classes.items():
        for var in cls.fields:
            born = frozenset({system.initial.get((name, var.name), var.default)})
            given = [group.values.get(var.name, tuple(born)) for group in system.groups if name == system.thread]
            found = frozenset[int]().union(*(objects(system, v.cls) if isinstance(v, Fresh) else v for v in given))
            sets[name, var.name] = found | (born if name in there else frozenset())
        sets[name, LIFE] = frozenset({FREE, PUBLISHED})
    return sets


def nothing_yet(system: System) -> World:
    """The world at the start, in which nothing happens."""
    tables = Tables(system)
    return World(tables, dict(tables.first))


@dataclass(slots=True)
class World:
    """Which values there are, and where threads can be, if only the allowed actions happen."""

    tables: Tables
    sets: dict[Key, Values]
    reached: set[int] = field(default_factory=set)
    allowed: frozenset[int] = frozenset()

    def with_more(self, numbers: Collection[int]) -> World:
        """The world in which the actions of these numbers happen too."""
        wider = World(self.tables, dict(self.sets), set(self.reached), self.allowed | frozenset(numbers))
        wider.spread([number for number in numbers if number not in self.allowed])
        return wider

    def breaks(self, prop: Expr) -> bool:
        """Whether the property might be violated; if not, it is not."""
        return 0 in truths(self.tables.property(prop)(self, {}))

    def spread(self, todo: list[int]) -> None:
        """Let every allowed step happen until nothing is new."""
        tables, fresh = self.tables, list(roots(self.tables.system))
        while fresh or todo:
            if fresh:
                location = fresh.pop()
                if location not in self.reached:
                    self.reached.add(location)
                    todo += tables.leaving.get(location, ())
                continue
            number = todo.pop()
            if number not in self.allowed or tables.system.actions[number].source not in self.reached:
                continue
            rule = tables.rule(number)
            if rule.guard is not None and 1 not in truths(rule.guard(self, rule.bound)):
                continue
            fresh += rule.targets - self.reached
            for store in rule.stores:
                if self.takes(store, rule.bound):
                    todo += tables.readers.get(store.key, ())

    def takes(self, store: Storing, bound: Mapping[str, Values]) -> bool:
        """Take in what is stored; whether the variable can hold more than before."""
        old = self.sets.get(store.key)
        if old is None:
            return False
        scope = bound if store.each is None else {**bound, store.each.name: choices(self.tables.system, store.each)}
        if store.when is not None and 1 not in truths(store.when(self, scope)):
            return False
        found = store.value(self, scope)
        if found is not None and found <= old:
            return False
        self.sets[store.key] = None if found is None or len(old | found) > WIDEST else old | found
        return True
