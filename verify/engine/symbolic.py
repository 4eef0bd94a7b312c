"""Expressions as decision diagrams: for each value the states in which the expression has it.

No arithmetic is turned into bits: variables hold few values, so operators work on values. What `semantics` says in a
state, this says of all states at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import assert_never

from verify.engine.bdd import Node
from verify.engine.diagrams import Space
from verify.engine.valuesets import WIDEST_OPERAND, TooWideError
from verify.instances import THREAD, Slot
from verify.ir import (
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
    Quant,
    Referenced,
    Unary,
    Wrap,
    refers,
)
from verify.semantics import operate, wrap

Values = Mapping[int, Node]  # disjoint, and together every state


class SplitError(Exception):
    """An expression goes through a pointer whose value should be fixed first."""

    def __init__(self, slot: Slot) -> None:
        """Name the pointer variable."""
        self.slot = slot
        super().__init__(slot)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where an expression is read. `fixed` are slots whose value is known.

    With `split`, going through a pointer variable that is not fixed raises SplitError. `seen` collects the slots read
    one by one, as against those read of every cell alike by a quantifier, a broadcast or `Referenced`.
    """

    space: Space
    me: int = 0
    bound: Mapping[str, int] = field(default_factory=dict)
    fixed: Mapping[Slot, int] = field(default_factory=dict)
    split: bool = False
    seen: set[Slot] | None = None

    def bind(self, binder: Binder, value: int) -> Reading:
        """Return the reading inside a binder that ranges over all cells."""
        return replace(self, bound={**self.bound, binder.name: value}, split=False, seen=None)

    def outside(self) -> Reading:
        """Return the reading of what a step leaves as it is."""
        return replace(self, seen=None)


def truth(expr: Expr, at: Reading) -> Node:
    """Return the states in which `expr` is not 0."""
    space = at.space
    match expr:
        case Unary("!", arg):
            return ~truth(arg, at)
        case Binary("&&", left, right):
            node = truth(left, at)
            return node if node == space.false else node & truth(right, at)
        case Binary("||", left, right):
            node = truth(left, at)
            return node if node == space.true else node | truth(right, at)
        case Binary("==", left, right):
            return _equal(values(left, at), values(right, at), space)
        case Binary("!=", left, right):
            return ~_equal(values(left, at), values(right, at), space)
        case Ite(cond, then, other):
            node = truth(cond, at)
            return space.manager.ite(node, _where(node, then, at), _where(~node, other, at))
        case Quant(quantifier, binder, body):
            choices = space.instance.choices(binder)
            if quantifier == "exists":
                return space.any_of(truth(body, at.bind(binder, v)) for v in choices)
            return ~space.any_of(~truth(body, at.bind(binder, v)) for v in choices)
        case Referenced(pointer, cls, mine):
            targets = pointed(pointer, at)
            return space.any_of(cond & _referenced(v, cls, at, mine=mine) for v, cond in targets.items())
        case _:
            return ~values(expr, at).get(0, space.false)


def values(expr: Expr, at: Reading) -> Values:
    """Return where `expr` has which value. Raises TooWideError for too many."""
    space = at.space
    match expr:
        case Const(value):
            return {value: space.true}
        case Me():
            return {at.me: space.true}
        case Bound(name):
            return {at.bound[name]: space.true}
        case Global() | Local() | Field():
            parts = [(cond, {0: space.true} if slot is None else read(slot, at)) for cond, slot in places(expr, at)]
            return parts[0][1] if len(parts) == 1 else merge(space, parts)
        case Unary(op, arg) if op != "!":
            return merge(space, ((c, {-v if op == "-" else ~v: space.true}) for v, c in values(arg, at).items()))
        case Binary(op, left, right) if op not in ("&&", "||", "==", "!="):
            return _operate(lambda a, b: operate(op, a, b), values(left, at), values(right, at), space)
        case Ite(cond, then, other):
            node = truth(cond, at)
            if node == space.true:
                return values(then, at)
            if node == space.false:
                return values(other, at)
            return merge(space, [(node, values(then, at)), (~node, values(other, at))])
        case Wrap(bits, signed, arg):
            wrapped = ((c, {wrap(v, bits, signed=signed): space.true}) for v, c in values(arg, at).items())
            return merge(space, wrapped)
        case Unary() | Binary() | Quant() | Referenced():
            node = truth(expr, at)
            return {v: c for v, c in ((1, node), (0, ~node)) if c != space.false}
        case _:
            assert_never(expr)


def _where(cond: Node, expr: Expr, at: Reading) -> Node:
    return at.space.false if cond == at.space.false else truth(expr, at)


def _equal(left: Values, right: Values, space: Space) -> Node:
    return space.any_of(cond & right[v] for v, cond in left.items() if v in right)


def _operate(op: Callable[[int, int], int], left: Values, right: Values, space: Space) -> Values:
    if len(left) * len(right) > WIDEST_OPERAND * 4:
        raise TooWideError("an expression can have too many values")
    pairs = ((op(a, b), c & d) for (a, c), (b, d) in product(left.items(), right.items()))
    return merge(space, ((cond, {v: space.true}) for v, cond in pairs))


def merge(space: Space, parts: Iterable[tuple[Node, Values]]) -> Values:
    """The values of each part where its condition holds; the conditions are disjoint."""
    result: dict[int, Node] = {}
    for cond, table in parts:
        for value, node in table.items():
            both = cond & node
            if both != space.false:
                result[value] = result[value] | both if value in result else both
    return result


def read(slot: Slot, at: Reading) -> Values:
    """The values of one slot."""
    space = at.space
    if slot in at.fixed:
        return {at.fixed[slot]: space.true}
    if slot in space.constants:
        return {space.constants[slot]: space.true}
    if at.seen is not None:
        at.seen.add(slot)
    return space.tests[slot]


def places(place: Place, at: Reading) -> Iterator[tuple[Node, Slot | None]]:
    """Return which slot a place denotes where; None behind NULL."""
    inst, true = at.space.instance, at.space.true
    match place:
        case Global(name):
            yield true, Slot("", 0, name)
            return
        case Local(name, of):
            cell, count, targets = THREAD, inst.tasks, {at.me: true} if of is None else pointed(of, at)
        case Field(pointer, cls, name):
            cell, count, targets = cls, inst.sizes[cls], pointed(pointer, at)
        case _:
            assert_never(place)
    for index, cond in targets.items():
        yield cond, Slot(cell, index, name) if 1 <= index <= count else None


def pointed(expr: Expr, at: Reading) -> Values:
    """The values of a pointer that is gone through. Raises SplitError where they should be told apart first."""
    if at.split and isinstance(expr, Global | Local | Field):
        for _, slot in places(expr, at):
            if slot is not None and slot not in at.fixed and slot not in at.space.constants:
                raise SplitError(slot)
    return values(expr, at)


def _referenced(index: int, cls: str, at: Reading, *, mine: bool) -> Node:
    space = at.space
    if not 1 <= index <= space.instance.sizes[cls]:
        return space.false
    everywhere = replace(at, seen=None)

    def counts(slot: Slot) -> bool:
        if slot.cell == THREAD:
            return slot.index != at.me
        if slot.cell == cls and slot.index == index:
            return False
        return mine or slot.cell != space.instance.system.thread or slot.index != at.me

    slots = (slot for slot, var in space.slots.items() if refers(slot.name, var.domain, cls) and counts(slot))
    return space.any_of(read(slot, everywhere).get(index, space.false) for slot in slots)
