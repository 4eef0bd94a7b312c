"""What an expression may be where each variable has one of a set of values: prepared once, then asked often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from typing import Protocol, assert_never

from verify.ir import (
    PC,
    Binary,
    BinaryOp,
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
    Quant,
    Range,
    Referenced,
    System,
    Unary,
    Wrap,
)
from verify.lower.simplify import is_boolean
from verify.lower.visible import Key, key_of
from verify.semantics import operate, wrap

Values = frozenset[int] | None  # None: anything
TRUTHS = frozenset({0, 1})
OBJECTS = 2  # different objects that a pointer may point to, besides globals
WIDEST = 64  # values that are told apart
WIDEST_PAIRS = 1 << 12


Reading = Callable[["Possible", Mapping[str, Values]], Values]  # what an expression may be, given the bound names


class Possible(Protocol):
    """The values that each variable may have, and the locations where a thread can be."""

    @property
    def sets(self) -> Mapping[Key, Values]:
        """The values by variable."""

    @property
    def reached(self) -> set[int]:
        """The locations."""


def reading(system: System, expr: Expr, *, through_null: bool = False) -> Reading:
    """What the expression may be; code asks first whether a pointer is NULL, a property need not."""

    def of(part: Expr) -> Reading:
        return reading(system, part, through_null=through_null)

    match expr:
        case Const(value):
            return _always(frozenset({value}))
        case Me():
            return _always(frozenset(range(1, OBJECTS + 1)))
        case Bound(name):
            return lambda _, bound: bound.get(name)
        case Local(name, _) if name == PC:
            return lambda world, _: frozenset({*world.reached, 0})
        case Field(pointer, _, _) if through_null:
            return _through(key_of(expr), of(pointer))
        case Global() | Local() | Field():
            key = key_of(expr)
            return lambda world, _: world.sets.get(key)
        case Unary("!", arg):
            return _each(of(arg), lambda values: frozenset(1 - value for value in truths(values)))
        case Unary(op, arg):
            return _each(of(arg), lambda values: _signed(op, values))
        case Binary("&&" | "||" as op, left, right):
            return _junction(op, of(left), of(right))
        case Binary(op, left, right):
            one, two, unknown = of(left), of(right), TRUTHS if is_boolean(expr) else None
            return lambda world, bound: combined(op, one(world, bound), two(world, bound), unknown)
        case Ite(cond, then, other):
            return _choice(of(cond), of(then), of(other))
        case Wrap(bits, signed, arg):
            return _each(of(arg), lambda values: _wrapped(values, bits, signed=signed))
        case Quant(quantifier, binder, body):
            inside, values, none = of(body), choices(system, binder), frozenset({int(quantifier == "forall")})
            return lambda world, bound: truths(inside(world, {**bound, binder.name: values})) | none
        case Referenced():
            return _always(TRUTHS)
        case _:
            assert_never(expr)


def choices(system: System, binder: Binder) -> Values:
    """The values of a binder."""
    match binder.domain:
        case Ptr(cls):
            return objects(system, cls)
        case Range(lo, hi):
            return frozenset(range(lo, hi + 1)) if hi - lo < WIDEST else None
        case _:
            assert_never(binder.domain)


def objects(system: System, cls: str) -> frozenset[int]:
    """The objects of a class that are told apart."""
    return frozenset(range(1, OBJECTS + sum(static.cls == cls for static in system.statics) + 1))


def _always(values: Values) -> Reading:
    return lambda _world, _bound: values


def _each(arg: Reading, change: Callable[[Values], Values]) -> Reading:
    return lambda world, bound: change(arg(world, bound))


def _through(key: Key, pointer: Reading) -> Reading:
    """What a field may be where its pointer may be NULL."""

    def read(world: Possible, bound: Mapping[str, Values]) -> Values:
        known, to = world.sets.get(key), pointer(world, bound)
        return known | {0} if known is not None and (to is None or 0 in to) else known

    return read


def _junction(op: BinaryOp, left: Reading, right: Reading) -> Reading:
    def read(world: Possible, bound: Mapping[str, Values]) -> Values:
        one, two = truths(left(world, bound)), truths(right(world, bound))
        return frozenset(operate(op, a, b) for a in one for b in two)

    return read


def _choice(cond: Reading, then: Reading, other: Reading) -> Reading:
    def read(world: Possible, bound: Mapping[str, Values]) -> Values:
        found = [(then if taken else other)(world, bound) for taken in truths(cond(world, bound))]
        known = [values for values in found if values is not None]
        return frozenset[int]().union(*known) if len(known) == len(found) else None

    return read


@lru_cache(maxsize=1 << 14)
def truths(values: Values) -> frozenset[int]:
    """What of true and false the values are."""
    return TRUTHS if values is None else frozenset(int(value != 0) for value in values)


def _signed(op: str, values: Values) -> Values:
    return None if values is None else frozenset(-value if op == "-" else ~value for value in values)


def _wrapped(values: Values, bits: int, *, signed: bool) -> Values:
    return None if values is None else frozenset(wrap(value, bits, signed=signed) for value in values)


@lru_cache(maxsize=1 << 14)
def combined(op: BinaryOp, left: Values, right: Values, unknown: Values) -> Values:
    """What an operator may give for some value on either side; `unknown` where they are too many."""
    if left is None or right is None or len(left) * len(right) > WIDEST_PAIRS:
        return unknown
    if left and right and op in ("==", "!="):
        same, differ = not left.isdisjoint(right), len(left) > 1 or len(right) > 1 or left != right
        return frozenset(truth for truth, found in ((int(op == "=="), same), (int(op == "!="), differ)) if found)
    return frozenset(operate(op, a, b) for a, b in product(left, right))
