"""Expressions over views, as decision diagrams: for each value the views in which an expression has it.

What `semantics` says of one state, this says of all states that a view stands for. What lies outside of the view may
be anything, and an expression that depends on it is told by a bit of its own, free to be either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import assert_never

from verify.engine.bdd import Node
from verify.engine.parametric.space import ME, OUT, REFERENCED, VIEWED, Cell, Space
from verify.engine.valuesets import WIDEST_OPERAND, TooWideError
from verify.instances import THREAD, Slot
from verify.ir import (
    IDLE,
    PC,
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
    Place,
    Ptr,
    Quant,
    Range,
    Referenced,
    Unary,
    Wrap,
    refers,
)
from verify.semantics import operate, wrap

Values = Mapping[int, Node]  # disjoint, and together every view


class SplitError(Exception):
    """An expression goes through a pointer whose value is to be told first."""

    def __init__(self, slot: Slot) -> None:
        """Name the pointer variable."""
        self.slot = slot
        super().__init__(slot)


class OutsideError(Exception):
    """A step does what views of one thread and one object cannot follow."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an expression is read. `fixed` are pointer variables with a known value, `viewed` the class in view."""

    space: Space
    viewed: str | None
    bound: Mapping[str, int] = field(default_factory=dict)
    fixed: Mapping[Slot, int] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)  # the bits used up so far
    me: int = ME

    def bind(self, binder: Binder, value: int) -> Reading:
        """Return the reading with one more name bound."""
        return replace(self, bound={**self.bound, binder.name: value})

    def either(self) -> Node:
        """A condition that may hold or not."""
        bit = f"#free{len(self.free)}"
        self.free.append(bit)
        self.space.manager.declare(bit)
        return self.space.manager.var(bit)

    def present(self, cls: str) -> list[int]:
        """The cells of a class that are in view."""
        own = [ME] if cls == self.space.system.thread else []
        return [*own, VIEWED] if cls == self.viewed else own


def truth(expr: Expr, at: Reading) -> Node:
    """Return the views in which `expr` is not 0."""
    of = at.space
    match expr:
        case Unary("!", arg):
            return ~truth(arg, at)
        case Binary("&&", left, right):
            node = truth(left, at)
            return node if node == of.false else node & truth(right, at)
        case Binary("||", left, right):
            node = truth(left, at)
            return node if node == of.true else node | truth(right, at)
        case Binary("==", Local(name, of_), Const(value)) if name == PC and value == IDLE and of_ is not None:
            return of.any_of(cond & _idle(index, at) for index, cond in _pointed(of_, at).items())
        case Binary("==", left, right):
            return _equal(values(left, at), values(right, at), at)
        case Binary("!=", left, right):
            return ~truth(Binary("==", left, right), at)
        case Ite(cond, then, other):
            node = truth(cond, at)
            return of.manager.ite(node, _where(node, then, at), _where(~node, other, at))
        case Quant(quantifier, Binder(_, Range(lo, hi)) as binder, body):
            found = [truth(body, at.bind(binder, v)) for v in range(lo, hi + 1)]
            return of.any_of(found) if quantifier == "exists" else ~of.any_of(~node for node in found)
        case Quant(quantifier, Binder(_, Ptr(cls)) as binder, body):
            found = [truth(body, at.bind(binder, v)) for v in at.present(cls)]
            if quantifier == "exists":
                return of.any_of(found) | at.either()
            return ~of.any_of(~node for node in found) & at.either()
        case Referenced(pointer, cls, mine):
            parts = [cond & _referenced(v, cls, at, mine=mine) for v, cond in values(pointer, at).items() if v != 0]
            return of.any_of(parts)
        case _:
            return ~values(expr, at).get(0, of.false)


def values(expr: Expr, at: Reading) -> Values:
    """Return where `expr` has which value. Raises SplitError, TooWideError for too many, OutsideError."""
    of = at.space
    match expr:
        case Const(value):
            return {value: of.true}
        case Me():
            return {at.me: of.true}
        case Bound(name):
            return {at.bound[name]: of.true}
        case Global() | Local() | Field():
            return _place(expr, at)
        case Unary(op, arg) if op != "!":
            return merge(of, ((c, {-v if op == "-" else ~v: of.true}) for v, c in values(arg, at).items()))
        case Binary(op, left, right) if op not in ("&&", "||", "==", "!="):
            sets = op in ("has", "with", "without")
            return _operate(lambda a, b: operate(op, a, b), values(left, at), values(right, at), of, sets=sets)
        case Ite(cond, then, other):
            node = truth(cond, at)
            if node == of.true:
                return values(then, at)
            if node == of.false:
                return values(other, at)
            return merge(of, [(node, values(then, at)), (~node, values(other, at))])
        case Wrap(bits, signed, arg):
            return merge(of, ((c, {wrap(v, bits, signed=signed): of.true}) for v, c in values(arg, at).items()))
        case Unary() | Binary() | Quant() | Referenced():
            node = truth(expr, at)
            return {v: c for v, c in ((1, node), (0, ~node)) if c != of.false}
        case _:
            assert_never(expr)


def _where(cond: Node, expr: Expr, at: Reading) -> Node:
    return cond if cond == at.space.false else truth(expr, at)


def _equal(left: Values, right: Values, at: Reading) -> Node:
    same = at.space.any_of(cond & right[v] for v, cond in left.items() if v in right and v != OUT)
    if OUT in left and OUT in right:
        same |= left[OUT] & right[OUT] & at.either()
    return same


def _operate(op: Callable[[int, int], int], left: Values, right: Values, of: Space, *, sets: bool) -> Values:
    if len(left) * len(right) > WIDEST_OPERAND * 4:
        raise TooWideError("an expression can have too many values")
    if OUT in left or OUT in right or (sets and not right.keys() <= {0, ME}):
        raise OutsideError("a step computes with what lies outside of its view")
    pairs = ((op(a, b), c & d) for (a, c), (b, d) in product(left.items(), right.items()))
    return merge(of, ((cond, {v: of.true}) for v, cond in pairs))


def merge(of: Space, parts: Iterable[tuple[Node, Values]]) -> Values:
    """The values of each part where its condition holds; the conditions are disjoint."""
    result: dict[int, Node] = {}
    for cond, table in parts:
        for value, node in table.items():
            both = cond & node
            if both != of.false:
                result[value] = result[value] | both if value in result else both
    return result


def read(slot: Slot, at: Reading) -> Values:
    """The values of one variable."""
    of = at.space
    if slot in at.fixed:
        return {at.fixed[slot]: of.true}
    if slot in of.constants:
        return {of.constants[slot]: of.true}
    return of.tests[slot]


def _place(place: Place, at: Reading) -> Values:
    of = at.space
    parts = list(places(place, at))
    return merge(of, ((cond, _at(slot, at)) for cond, slot in parts))


def _at(slot: Slot | None, at: Reading) -> Values:
    """The values at a place: behind NULL 0, of what is not in view any."""
    of = at.space
    if slot is None:
        return {0: of.true}
    if slot in of.slots:
        return read(slot, at)
    raise OutsideError("a step reads what lies outside of its view")


def _idle(index: int, at: Reading) -> Node:
    """Whether a thread is idle: of another it is not known."""
    return read(Slot(THREAD, ME, PC), at).get(IDLE, at.space.false) if index == ME else at.either()


def places(place: Place, at: Reading) -> Iterator[tuple[Node, Slot | None]]:
    """Return which variable a place denotes where; None behind NULL."""
    match place:
        case Global(name):
            yield at.space.true, Slot("", 0, name)
        case Local(name, None):
            yield at.space.true, Slot(THREAD, at.me, name)
        case Local(name, of) if of is not None:
            for index, cond in _pointed(of, at).items():
                yield cond, Slot(THREAD, index, name) if index else None
        case Field(pointer, cls, name):
            for index, cond in _pointed(pointer, at).items():
                yield cond, Slot(cls, index, name) if index else None
        case _:
            raise AssertionError("no such place")


def _pointed(expr: Expr, at: Reading) -> Values:
    """The values of a pointer that is gone through. Raises SplitError where they are to be told apart first."""
    if isinstance(expr, Global | Local | Field):
        for _, slot in places(expr, at):
            if slot is not None and slot not in at.fixed and slot not in at.space.constants:
                raise SplitError(slot)
    found = values(expr, at)
    if OUT in found:
        raise OutsideError("a step goes through a pointer out of its view")
    return found


def _referenced(index: int, cls: str, at: Reading, *, mine: bool) -> Node:
    """See `ir.Referenced`: what is in view tells, what is not may."""
    of = at.space
    either = at.either()
    if index == OUT:
        return either
    if index == (ME if at.viewed is None else VIEWED) and cls in (at.viewed, of.system.thread):
        either |= of.manager.var(REFERENCED)
    cells: list[Cell] = [("", 0)]
    cells += [(name, i) for name in of.system.classes for i in at.present(name)]
    for slot, var in of.slots.items():
        if (slot.cell, slot.index) not in cells or (slot.cell, slot.index) == (cls, index):
            continue
        if not refers(slot.name, var.domain, cls):
            continue
        if mine or (slot.cell, slot.index) != (of.system.thread, ME):
            either |= read(slot, at).get(index, of.false)
    return either
