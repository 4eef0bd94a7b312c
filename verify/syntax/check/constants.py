"""The value of a checked constant expression, computed as C does."""

from __future__ import annotations

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
            return None if value is None else _wrapped(_unary(op, value), expr.type)
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


def _unary(op: str, value: int) -> int | None:
    match op:
        case "!":
            return int(not value)
        case "-":
            return -value
        case "+":
            return value
        case "~":
            return ~value
        case _:
            return None


MAX_SHIFT = 64


def binary(op: BinaryOp, a: int, b: int) -> int | None:
    """Return `a op b` over the integers, rounding towards zero as C does; None where C gives no value."""
    match op:
        case "*":
            return a * b
        case "/" | "%":
            if b == 0:
                return None
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            return quotient if op == "/" else a - b * quotient
        case "+":
            return a + b
        case "-":
            return a - b
        case "<<" | ">>":
            if not 0 <= b < MAX_SHIFT:
                return None
            return a << b if op == "<<" else a >> b
        case "<":
            return int(a < b)
        case ">":
            return int(a > b)
        case "<=":
            return int(a <= b)
        case ">=":
            return int(a >= b)
        case "==":
            return int(a == b)
        case "!=":
            return int(a != b)
        case "&":
            return a & b
        case "^":
            return a ^ b
        case "|":
            return a | b
        case "&&":
            return int(bool(a and b))
        case "||":
            return int(bool(a or b))
