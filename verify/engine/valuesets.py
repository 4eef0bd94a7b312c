"""Which values each variable can ever hold, whatever the order of the steps.

A set per field, local or global, common to all its cells: the least sets that hold the initial values and are closed
under every assignment, guards ignored (a flow-insensitive constant propagation). They make wide C types small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import assert_never

from verify.instances import THREAD, Instance, starts
from verify.ir import (
    PC,
    Binary,
    Binder,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Quant,
    Referenced,
    Unary,
    Wrap,
)
from verify.semantics import operate, wrap

Key = tuple[str, str]  # a slot without its index
Sets = Mapping[Key, frozenset[int]]

WIDEST = 64  # values of one variable
WIDE = 256  # where one that has more than 64 is worth it, as a semaphore may be
WIDEST_OPERAND = 1 << 10  # values of one intermediate result
TRUTHS = frozenset({0, 1})
BOOLEAN = frozenset({"<", ">", "<=", ">=", "==", "!=", "&&", "||", "has"})


class TooWideError(Exception):
    """A variable can hold more values than a decision diagram should test."""


def value_sets(inst: Instance, widest: int = WIDEST) -> Sets:
    """Return the possible values of every variable. Raises TooWideError where one has more than `widest`."""
    sets: dict[Key, frozenset[int]] = {}
    for start in starts(inst):
        for slot, values in start.items():
            key = (slot.cell, slot.name)
            sets[key] = sets.get(key, frozenset()) | frozenset(values)
    domains = {(slot.cell, slot.name): var.domain for slot, var in inst.slots().items()}
    pc = (THREAD, PC)
    sets[pc] |= {action.target for action in inst.system.actions}
    grown = True
    while grown:
        grown = False
        for action in inst.system.actions:
            bound = {binder.name: _choices(inst, binder) for binder in action.binders}
            for update in action.updates:
                scope = bound if update.each is None else bound | {update.each.name: _choices(inst, update.each)}
                key = key_of(update.place)
                if key not in domains:
                    continue  # a class without objects
                wider = sets[key] | _assigned(inst, domains[key], possible(update.value, inst, sets, scope))
                if len(wider) > widest and key != pc:
                    raise TooWideError(f"`{key[1]}` can hold more than {widest} values")
                grown = grown or wider != sets[key]
                sets[key] = wider
    return sets


def key_of(place: Place) -> Key:
    """Return the variable that a place names."""
    match place:
        case Global(name):
            return ("", name)
        case Local(name):
            return (THREAD, name)
        case Field(_, cls, name):
            return (cls, name)
        case _:
            assert_never(place)


def _choices(inst: Instance, binder: Binder) -> frozenset[int] | None:
    values = inst.choices(binder)
    return frozenset(values) if len(values) <= WIDEST_OPERAND else None


def _assigned(inst: Instance, domain: Domain, values: frozenset[int] | None) -> frozenset[int]:
    """The values of an assignment that the variable can take; None is any value."""
    allowed = inst.values(domain)
    if values is not None:
        return frozenset(v for v in values if v in allowed)
    if len(allowed) > WIDEST:
        raise TooWideError(f"a variable can hold more than {WIDEST} values")
    return frozenset(allowed)


def possible(
    expr: Expr, inst: Instance, sets: Sets, bound: Mapping[str, frozenset[int] | None]
) -> frozenset[int] | None:
    """Return a superset of the values of `expr`; None where it is too large to write down."""
    match expr:
        case Const(value):
            return frozenset({value})
        case Me():
            return frozenset(range(1, inst.tasks + 1))
        case Bound(name):
            return bound[name]
        case Global(name):
            return sets[("", name)]
        case Local(name, of):
            return sets[(THREAD, name)] | (frozenset() if of is None else {0})
        case Field(pointer, cls, name):
            null = frozenset() if isinstance(pointer, Me | Bound) else {0}
            return sets.get((cls, name), frozenset()) | null
        case Quant() | Referenced() | Unary("!"):
            return TRUTHS
        case Unary(op, arg):
            values = possible(arg, inst, sets, bound)
            return None if values is None else frozenset(-v if op == "-" else ~v for v in values)
        case Binary(op, left, right):
            if op in BOOLEAN:
                return TRUTHS
            return _combined(expr, possible(left, inst, sets, bound), possible(right, inst, sets, bound))
        case Ite(_, then, other):
            return _union([possible(then, inst, sets, bound), possible(other, inst, sets, bound)])
        case Wrap(bits, signed, arg):
            values = possible(arg, inst, sets, bound)
            if values is None:
                return possible_wraps(bits, signed=signed)
            return frozenset(wrap(v, bits, signed=signed) for v in values)
        case _:
            assert_never(expr)


def possible_wraps(bits: int, *, signed: bool) -> frozenset[int] | None:
    """Every value of a C integer, or None where they are too many."""
    if 1 << bits > WIDEST:
        return None
    return frozenset(wrap(v, bits, signed=signed) for v in range(1 << bits))


def _combined(expr: Binary, left: frozenset[int] | None, right: frozenset[int] | None) -> frozenset[int] | None:
    if left is None or right is None:
        known = right if left is None else left
        masked = expr.op == "&" and known is not None and all(0 <= v < WIDEST for v in known)
        return frozenset(range(max(known or {0}) + 1)) if masked else None
    if len(left) * len(right) > WIDEST_OPERAND * 4:
        return None
    return frozenset(operate(expr.op, a, b) for a, b in product(left, right))


def _union(parts: Iterable[frozenset[int] | None]) -> frozenset[int] | None:
    result: frozenset[int] = frozenset()
    for part in parts:
        if part is None:
            return None
        result |= part
    return result
