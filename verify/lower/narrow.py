"""Narrow domains: the values that each variable can ever hold, from what is ever stored to it.

A flow-insensitive analysis of value sets: a variable starts with its initial values and collects the values of every
expression stored to it, evaluated over the sets of the variables it reads. A set that grows past `WIDEST` values is
given up for the variable's whole type. Sound because every store is accounted for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product

from verify.ir import (
    PC,
    Action,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Local,
    Place,
    Range,
    System,
    Unary,
    Var,
    Wrap,
)
from verify.lower.simplify import conjuncts, is_boolean, parts, rebuild, wrapped
from verify.semantics import operate, wrap

WIDEST = 64
Key = tuple[str, str]  # ("", global), ("thread", local) or (class, field)
Values = frozenset[int] | None  # None: anything its type can hold
Sets = Mapping[Key, Values]
BOOLEAN = frozenset({0, 1})


def narrow(system: System) -> System:
    """The system with every Range cut to the values that its variable can hold, and needless wraps dropped."""
    sets = _fixpoint(system)

    def cut(key: Key, var: Var) -> Var:
        values = sets.get(key)
        if not isinstance(var.domain, Range) or values is None:
            return var
        return replace(var, domain=Range(min(values), max(values)))

    classes = {
        name: replace(cls, fields=tuple(cut((name, var.name), var) for var in cls.fields))
        for name, cls in system.classes.items()
    }
    locals_ = tuple(var if var.name == PC else cut(("thread", var.name), var) for var in system.locals)
    actions = tuple(_unwrapped(action, sets) for action in system.actions)
    globals_ = tuple(cut(("", var.name), var) for var in system.globals)
    return replace(system, classes=classes, locals=locals_, globals=globals_, actions=actions)


def _key(place: Place) -> Key:
    match place:
        case Global(name):
            return ("", name)
        case Local(name):
            return ("thread", name)
        case Field(_, cls, name):
            return (cls, name)


def _fixpoint(system: System) -> dict[Key, Values]:
    sets = dict[Key, Values]()
    pool: list[tuple[str, Iterable[Var]]] = [("", system.globals), ("thread", system.locals)]
    pool += [(name, cls.fields) for name, cls in system.classes.items()]
    for cell, variables in pool:
        for var in variables:
            if isinstance(var.domain, Range) and var.name != PC:
                sets[(cell, var.name)] = frozenset(var.initially) | _at_birth(system, cell, var.name)
    readers: dict[Key, list[tuple[Action, int]]] = {}
    asked = {id(action): _mentioned(action.guard) for action in system.actions if action.updates}
    todo = [(action, number) for action in system.actions for number in range(len(action.updates))]
    for action, number in todo:
        for key in _mentioned(action.updates[number].value) | asked[id(action)]:
            readers.setdefault(key, []).append((action, number))
    while todo:
        action, number = todo.pop()
        update = action.updates[number]
        key = _key(update.place)
        old = sets.get(key)
        if old is None:
            continue
        found = _filtered(update.value, action, sets)
        new = None if found is None or len(old | found) > WIDEST else old | found
        if new != old:
            sets[key] = new
            todo += readers.get(key, [])
    return sets


def _at_birth(system: System, cell: str, name: str) -> frozenset[int]:
    values = {system.initial[(cell, name)]} if (cell, name) in system.initial else set[int]()
    if cell == system.thread:
        for group in system.groups:
            values |= _initial(group, name)
    return frozenset(values) | (frozenset({0, 1, 2}) if name == "#life" else frozenset())


def _initial(group: Group, name: str) -> set[int]:
    value = group.values.get(name, ())
    return set(value) if isinstance(value, tuple) else set()


def _mentioned(expr: Expr) -> set[Key]:
    return {_key(part) for part in parts(expr) if isinstance(part, Global | Local | Field)}


def _filtered(value: Expr, action: Action, sets: Sets) -> Values:
    """The values of an expression where the action's guard holds, as far as one variable decides."""
    names = [part for part in (value, *_operands(value)) if isinstance(part, Global | Local | Field)]
    if len(set(names)) == 1:
        place = names[0]
        known = sets.get(_key(place))
        if known is not None:
            fits = [v for v in known if all(_may_hold(part, place, v, sets) for part in conjuncts(action.guard))]
            narrowed = {**sets, _key(place): frozenset(fits)}
            return possible(value, narrowed, action)
    return possible(value, sets, action)


def _operands(expr: Expr) -> list[Expr]:
    match expr:
        case Binary(_, left, right):
            return [left, right, *_operands(left), *_operands(right)]
        case Unary(_, arg) | Wrap(_, _, arg):
            return [arg, *_operands(arg)]
        case Ite(cond, then, other):
            return [cond, then, other, *_operands(cond), *_operands(then), *_operands(other)]
        case _:
            return []


def _may_hold(part: Expr, place: Place, value: int, sets: Sets) -> bool:
    replaced = rebuild(part, lambda e: Const(value) if e == place else None)
    found = possible(replaced, sets, None)
    return found is None or found != frozenset({0})


def possible(expr: Expr, sets: Sets, action: Action | None) -> Values:
    """Every value that the expression can have; None where that is too many to list."""
    match expr:
        case Const(value):
            return frozenset({value})
        case Global() | Local() | Field():
            return sets.get(_key(expr))
        case Bound(name):
            binder = next((b for b in (action.binders if action else ()) if b.name == name), None)
            if binder is None or not isinstance(binder.domain, Range) or binder.domain.hi - binder.domain.lo > WIDEST:
                return None
            return frozenset(range(binder.domain.lo, binder.domain.hi + 1))
        case Unary(op, arg):
            inner = possible(arg, sets, action)
            if op == "!":
                return BOOLEAN if inner is None else frozenset(int(v == 0) for v in inner)
            return None if inner is None else frozenset(-v if op == "-" else ~v for v in inner)
        case Binary(op, left, right):
            one, two = possible(left, sets, action), possible(right, sets, action)
            if one is None or two is None or len(one) * len(two) > WIDEST * WIDEST:
                mask = one if two is None else two if one is None else None
                if op == "&" and mask is not None and all(v >= 0 for v in mask) and max(mask, default=0) < WIDEST:
                    return frozenset(range(max(mask, default=0) + 1))
                return BOOLEAN if is_boolean(expr) else None
            return frozenset(operate(op, a, b) for a, b in product(one, two))
        case Ite(_, then, other):
            one, two = possible(then, sets, action), possible(other, sets, action)
            return None if one is None or two is None else one | two
        case Wrap(bits, signed, arg):
            inner = possible(arg, sets, action)
            if inner is None:
                whole = range(1 << bits) if not signed else range(-(1 << (bits - 1)), 1 << (bits - 1))
                return frozenset(whole) if bits <= 6 else None  # noqa: PLR2004 - WIDEST values
            return frozenset(wrap(v, bits, signed=signed) for v in inner)
        case _:
            return BOOLEAN if is_boolean(expr) else None


def _unwrapped(action: Action, sets: Sets) -> Action:
    """The action without the wraps that can change no value."""
    exprs = [action.guard, *(expr for u in action.updates for expr in (u.value, u.when))]
    if not any(isinstance(part, Wrap) for expr in exprs for part in parts(expr)):
        return action

    def leaf(part: Expr) -> Expr | None:
        if not isinstance(part, Wrap):
            return None
        inner = rebuild(part.arg, leaf)
        values = possible(inner, sets, action)
        fits = values is not None and all(wrap(v, part.bits, signed=part.signed) == v for v in values)
        return inner if fits else wrapped(part.bits, inner, signed=part.signed)

    updates = tuple(
        replace(u, value=rebuild(u.value, leaf), when=rebuild(u.when, leaf)) for u in action.updates
    )
    return replace(action, guard=rebuild(action.guard, leaf), updates=updates)
