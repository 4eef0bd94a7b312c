"""What can ever be, whatever the order of the steps: the question that most scenarios fail, asked in milliseconds.

Each variable has one set of values, common to all its cells, which collects whatever a reachable step may store there;
a step is reachable if its location is, and its guard holds for some values of what it reads (a Cartesian abstraction;
Cousot and Cousot 1995). What a search would be for is left out: who points to whom, and what holds together.

Only the order of a hunt depends on this, no verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import assert_never

from verify.ir import (
    FREE,
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
    Fresh,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Unary,
    Wrap,
)
from verify.lower.flow import live, spawned
from verify.lower.simplify import is_boolean, parts
from verify.lower.slice import key_of
from verify.lower.visible import Key, roots
from verify.semantics import operate, wrap

Values = frozenset[int] | None  # None: anything
TRUTHS = frozenset({0, 1})
OBJECTS = 2  # different objects that a pointer may point to, besides globals
WIDEST = 64  # values that are told apart
WIDEST_PAIRS = 1 << 12


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


def _asked(action: Action) -> set[Key]:
    exprs = [action.guard, *(expr for u in action.updates for expr in (u.value, u.when))]
    return {key_of(part) for expr in exprs for part in parts(expr) if isinstance(part, Global | Local | Field)}


def _first(system: System, alive: Mapping[int, Collection[str]]) -> dict[Key, Values]:
    """The values of every variable at the start; of fields, in the objects that exist."""
    sets: dict[Key, Values] = {("", var.name): frozenset({var.default}) for var in system.globals}
    entries = {*roots(system), *(entry for action in system.actions for entry in spawned(action))}
    begun = frozenset().union(*(alive[entry] for entry in entries))
    sets |= {("thread", v.name): frozenset({v.default} if v.name in begun else ()) for v in system.locals}
    there = {static.cls for static in system.statics}
    there |= {value.cls for group in system.groups for value in group.values.values() if isinstance(value, Fresh)}
    for name, cls in system.classes.items():
        for var in cls.fields:
            born = frozenset({system.initial.get((name, var.name), var.default)})
            given = [group.values.get(var.name, tuple(born)) for group in system.groups if name == system.thread]
            found = frozenset[int]().union(*(_objects(system, v.cls) if isinstance(v, Fresh) else v for v in given))
            sets[name, var.name] = found | (born if name in there else frozenset())
        sets[name, LIFE] = frozenset({FREE, PUBLISHED})
    return sets


def nothing_yet(system: System) -> World:
    """The world at the start, in which nothing happens."""
    tables = Tables(system)
    return World(tables, dict(tables.first))


def _objects(system: System, cls: str) -> frozenset[int]:
    return frozenset(range(1, OBJECTS + sum(static.cls == cls for static in system.statics) + 1))


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
        return 0 in _truths(self.values(prop, through_null=True))

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
            action = tables.system.actions[number]
            if number not in self.allowed or action.source not in self.reached:
                continue
            bound = {binder.name: self.choices(binder) for binder in action.binders}
            if 1 not in _truths(self.values(action.guard, bound)):
                continue
            fresh += {action.target, *spawned(action)} - self.reached
            for key in self.stored(action, bound):
                todo += tables.readers.get(key, ())

    def stored(self, action: Action, bound: Mapping[str, Values]) -> Iterable[Key]:
        """Take in what the step may store; the variables that can hold more than before."""
        places = [u.place for u in action.updates if u.value == Const(FREE)]
        freed = [place.pointer for place in places if isinstance(place, Field) and place.name == LIFE]
        for update in action.updates:
            place, key = update.place, key_of(update.place)
            old = self.sets.get(key)
            if old is None or (isinstance(place, Field) and place.pointer in freed):
                continue
            if isinstance(place, Local) and (place.name == PC or place.name not in self.tables.alive[action.target]):
                continue
            scope = bound if update.each is None else {**bound, update.each.name: self.choices(update.each)}
            if 1 not in _truths(self.values(update.when, scope)):
                continue
            found = self.values(update.value, scope)
            new = None if found is None or len(old | found) > WIDEST else old | found
            if new != old:
                self.sets[key] = new
                yield key

    def choices(self, binder: Binder) -> Values:
        """The values of a binder."""
        match binder.domain:
            case Ptr(cls):
                return _objects(self.tables.system, cls)
            case Range(lo, hi):
                return frozenset(range(lo, hi + 1)) if hi - lo < WIDEST else None
            case _:
                assert_never(binder.domain)

    def values(self, expr: Expr, bound: Mapping[str, Values] | None = None, *, through_null: bool = False) -> Values:
        """What the expression may be; code asks first whether a pointer is NULL, a property need not."""
        bound = bound or {}

        def look(part: Expr) -> Values:
            return self.values(part, bound, through_null=through_null)

        match expr:
            case Const(value):
                return frozenset({value})
            case Me():
                return frozenset(range(1, OBJECTS + 1))
            case Bound(name):
                return bound.get(name)
            case Local(name, _) if name == PC:
                return frozenset({*self.reached, 0})
            case Field(pointer, _, _):
                known, to = self.sets.get(key_of(expr)), look(pointer)
                nowhere = through_null and (to is None or 0 in to)
                return known | {0} if known is not None and nowhere else known
            case Global() | Local():
                return self.sets.get(key_of(expr))
            case Unary("!", arg):
                return frozenset(1 - value for value in _truths(look(arg)))
            case Unary(op, arg):
                inner = look(arg)
                return None if inner is None else frozenset(-value if op == "-" else ~value for value in inner)
            case Binary("&&" | "||" as op, left, right):
                return frozenset(operate(op, a, b) for a, b in product(_truths(look(left)), _truths(look(right))))
            case Binary():
                return _combined(expr, look(expr.left), look(expr.right))
            case Ite(cond, then, other):
                found = [look(then if taken else other) for taken in _truths(look(cond))]
                known_all = [values for values in found if values is not None]
                return frozenset[int]().union(*known_all) if len(known_all) == len(found) else None
            case Wrap(bits, signed, arg):
                inner = look(arg)
                return None if inner is None else frozenset(wrap(value, bits, signed=signed) for value in inner)
            case Quant(quantifier, binder, body):
                inside = self.values(body, {**bound, binder.name: self.choices(binder)}, through_null=through_null)
                return _truths(inside) | {int(quantifier == "forall")}
            case Referenced():
                return TRUTHS
            case _:
                assert_never(expr)


def _truths(values: Values) -> frozenset[int]:
    return TRUTHS if values is None else frozenset(int(value != 0) for value in values)


def _combined(expr: Binary, left: Values, right: Values) -> Values:
    if left is None or right is None or len(left) * len(right) > WIDEST_PAIRS:
        return TRUTHS if is_boolean(expr) else None
    return frozenset(operate(expr.op, a, b) for a, b in product(left, right))
