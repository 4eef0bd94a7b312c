"""What decides an expression in a state of few cells: its value, and the variables that give it that value."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from verify.instances import THREAD, Slot
from verify.ir import (
    Binary,
    BinaryOp,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Quant,
    Referenced,
    Unary,
    UnaryOp,
    Wrap,
)
from verify.semantics import operate, wrap

DECISIVE = {"&&": False, "||": True}  # what one side alone decides


class Decided(NamedTuple):
    """A value, None where the cells at hand do not tell it, and the variables that were looked at."""

    value: int | None
    slots: frozenset[Slot]


@dataclass(frozen=True, slots=True)
class Known:
    """A state of few cells: thread `me` reads it, with names bound."""

    values: Mapping[Slot, int]
    me: int = 0
    bound: Mapping[str, int] = field(default_factory=dict)


NOTHING = frozenset[Slot]()


def decided(expr: Expr, at: Known) -> Decided:
    """The value of an expression, by as few variables as a reader from left to right needs; however deep it is."""
    found: dict[int, Decided] = {}
    stack = [(expr, _decide(expr, at))]
    answer: Decided | None = None
    while stack:
        part, run = stack[-1]
        try:
            asked = run.send(answer) if answer is not None else next(run)
        except StopIteration as done:
            answer = found[id(part)] = done.value
            stack.pop()
            continue
        answer = found.get(id(asked))
        if answer is None:
            stack.append((asked, _decide(asked, at)))
    return found[id(expr)]


def _decide(expr: Expr, at: Known) -> Generator[Expr, Decided, Decided]:
    """Asks for the parts of an expression that matter, and returns what the whole is."""
    match expr:
        case Const(value):
            return Decided(value, NOTHING)
        case Me():
            return Decided(at.me, NOTHING)
        case Bound(name):
            return Decided(at.bound.get(name), NOTHING)
        case Global(name):
            return _at(at, Slot("", 0, name), NOTHING)
        case Local(name, of):
            whose = Decided(at.me, NOTHING) if of is None else (yield of)
            return _through(at, THREAD, whose, name)
        case Field(pointer, cls, name):
            return _through(at, cls, (yield pointer), name)
        case Unary(op, arg):
            inner = yield arg
            return inner._replace(value=None if inner.value is None else _unary(op, inner.value))
        case Binary("&&" | "||" as op, left, right):
            one = yield left
            if _decides(op, one):
                return one._replace(value=int(DECISIVE[op]))
            other = yield right
            return other._replace(value=int(DECISIVE[op])) if _decides(op, other) else _joined(op, one, other)
        case Binary(op, left, right):
            return _joined(op, (yield left), (yield right))
        case Ite(cond, then, other_):
            test = yield cond
            if test.value is None:
                return test
            chosen = yield (then if test.value else other_)
            return chosen._replace(slots=chosen.slots | test.slots)
        case Wrap(bits, signed, arg):
            inner = yield arg
            return inner._replace(value=None if inner.value is None else wrap(inner.value, bits, signed=signed))
        case Quant() | Referenced():
            return Decided(None, NOTHING)  # other cells have a say
        case _:
            assert_never(expr)


def _unary(op: UnaryOp, value: int) -> int:
    return int(not value) if op == "!" else -value if op == "-" else ~value


def _decides(op: str, side: Decided) -> bool:
    return side.value is not None and bool(side.value) is DECISIVE[op]


def _joined(op: BinaryOp, one: Decided, other: Decided) -> Decided:
    slots = one.slots | other.slots
    if one.value is None or other.value is None:
        return Decided(None, slots)
    return Decided(operate(op, one.value, other.value), slots)


def _through(at: Known, cell: str, pointer: Decided, name: str) -> Decided:
    if not pointer.value:  # NULL, or nobody knows
        return pointer
    return _at(at, Slot(cell, pointer.value, name), pointer.slots)


def _at(at: Known, slot: Slot, slots: frozenset[Slot]) -> Decided:
    value = at.values.get(slot)
    return Decided(value, slots if value is None else slots | {slot})
