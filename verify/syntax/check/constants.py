"""The value of a checked constant expression, computed as C does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verify.syntax.ast import Binary, BinaryOp, Cast, Conditional, Expr, Name, Number, Unary
from verify.syntax.check.conversions import wrap
from verify.syntax.types import Type


def constant(expr: Expr) -> int | None:
    """Return the value of a checked expression, None if it is not constant."""
    match expr:
        case Number(value):
            return value
        case Name(value=value):
            return value
        case Cast(to, operand):
            return _wrapped(constant(operand), to)
        case Unary(op, operand):
            value = constant(operand)
            return None if value is None or op not in PREFIXES else _wrapped(PREFIXES[op](value), expr.type)
        case Binary("&&" | "||" as op, left, right):
            first = constant(left)
            if first is None or bool(first) == (op == "||"):
                return None if first is None else int(bool(first))
            second = constant(right)
            return None if second is None else int(bool(second))
        case Binary(op, left, right):
            a, b = constant(left), constant(right)
            return None if a is None or b is None else _wrapped(binary(op, a, b), expr.type)
        case Conditional(cond, then, other):
            choice = constant(cond)
            return None if choice is None else constant(then if choice else other)
        case _:
            return None


def _wrapped(value: int | None, to: Type | None) -> int | None:
    return None if value is None else wrap(value, to)


PREFIXES: Mapping[str, Callable[[int], int]] = {
    "!": lambda a: int(not a), "-": int.__neg__, "+": int.__pos__, "~": int.__invert__,
}  # fmt: skip


MAX_SHIFT = 64


def _quotient(a: int, b: int) -> int | None:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else None


def _remainder(a: int, b: int) -> int | None:
    quotient = _quotient(a, b)
    return None if quotient is None else a - b * quotient


OPERATORS: Mapping[str, Callable[[int, int], int | None]] = {
    "*": int.__mul__, "/": _quotient, "%": _remainder, "+": int.__add__, "-": int.__sub__,
    "<<": lambda a, b: a << b if 0 <= b < MAX_SHIFT else None,
    ">>": lambda a, b: a >> b if 0 <= b < MAX_SHIFT else None,
    "<": int.__lt__, ">": int.__gt__, "<=": int.__le__, ">=": int.__ge__, "==": int.__eq__, "!=": int.__ne__,
    "&": int.__and__, "^": int.__xor__, "|": int.__or__,
}  # fmt: skip


def binary(op: BinaryOp, a: int, b: int) -> int | None:
    """Return `a op b` over the integers, rounding towards zero as C does; None where C gives no value.

    `&&` and `||` are no operators on two values: the second may not be evaluated.
    """
    result = OPERATORS[op](a, b)
    return None if result is None else int(result)
