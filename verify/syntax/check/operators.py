"""The typing rules of C's operators and conversions, for operands that are checked already.

An expression whose type is None has an error in it; nothing more is said about what contains it.
"""

from __future__ import annotations

from dataclasses import replace

from verify.source import Span
from verify.syntax.ast import Binary, BinaryOp, Cast, Conditional, Expr, Number, Unary, UnaryOp
from verify.syntax.check.constants import constant
from verify.syntax.check.conversions import (
    ARITHMETIC,
    describe,
    is_arithmetic,
    is_condition,
    is_object_pointer,
    promote,
    usual,
    wrap,
)
from verify.syntax.check.scope import File
from verify.syntax.types import INT, Bool, Enum, Int, Lock, Null, Pointer, Struct, Type, Void


def cast(expr: Expr, to: Type) -> Expr:
    """Return the expression as a value of an arithmetic type; numbers are converted on the spot."""
    if expr.type == to or expr.type is None:
        return expr
    if isinstance(expr, Number) and is_arithmetic(expr.type):
        return replace(expr, value=wrap(expr.value, to), type=to)
    return Cast(to, expr, type=to, span=expr.span)


def as_null(expr: Expr) -> Expr:
    """Return a literal 0 as NULL, anything else as it is."""
    if isinstance(expr, Number) and expr.value == 0 and isinstance(expr.type, Int):
        return replace(expr, type=Null())
    return expr


def convert(file: File, expr: Expr, to: Type, what: str) -> Expr:
    """Return the expression converted to `to` as by assignment; `what` names the context in an error."""
    source = expr.type
    if source is None or source == to:
        return expr
    match to:
        case Bool() if is_condition(source):
            return cast(expr, to)
        case Int() if is_arithmetic(source):
            return cast(expr, to)
        case Enum() if is_arithmetic(source):
            return _to_enum(file, expr, to)
        case Pointer(Struct()):
            pointer = as_null(expr)
            if isinstance(pointer.type, Null):
                return pointer
        case _:
            pass
    message = f"{what} needs `{describe(to)}`, not `{describe(source)}`"
    file.error("KC110", message, expr.span, hint=_conversion_hint(source, to))
    return replace(expr, type=None)


def _conversion_hint(source: Type, to: Type) -> str:
    match source, to:
        case Void(), _:
            return "the function returns nothing"
        case Lock(), _:
            return "a lock is used through its primitives alone"
        case Pointer(Struct(a)), Pointer(Struct(b)):
            return f"`struct {a}` and `struct {b}` are different types; there are no pointer casts"
        case _:
            return ""


def _to_enum(file: File, expr: Expr, to: Enum) -> Expr:
    value = constant(expr)
    if value is not None and value in file.enums.get(to.name, {}).values():
        return cast(expr, to)
    what = "this value need not be an" if value is None else f"{value} is no"
    file.error(
        "KC121", f"{what} enumerator of `{describe(to)}`", expr.span,
        hint="declare the variable as an integer if it holds other values",
    )
    return replace(expr, type=None)


def condition(file: File, expr: Expr) -> Expr:
    """Return a checked expression that is used as a truth value: nonzero and non-NULL are true."""
    if expr.type is None or is_condition(expr.type):
        return expr
    file.error("KC110", f"a condition needs a number or a pointer, not `{describe(expr.type)}`", expr.span)
    return replace(expr, type=None)


def unary(file: File, op: UnaryOp, operand: Expr, span: Span) -> Expr:
    """Return `op operand` for `!`, `-`, `+`, `~`."""
    if operand.type is None:
        return Unary(op, operand, span=span)
    if op == "!":
        inner = condition(file, operand)
        return Unary(op, inner, type=INT if inner.type is not None else None, span=span)
    if not is_arithmetic(operand.type):
        file.error("KC111", f"`{op}` does not apply to `{describe(operand.type)}`", operand.span)
        return Unary(op, operand, span=span)
    type_ = promote(operand.type)
    inner = cast(operand, type_)
    if op == "-" and isinstance(inner, Number):
        return replace(inner, value=wrap(-inner.value, type_), span=span)
    return Unary(op, inner, type=type_, span=span)


def binary(file: File, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr:
    """Return `left op right` with the operands converted to the type in which C computes it."""
    broken = Binary(op, left, right, span=span)
    if left.type is None or right.type is None:
        return broken
    if op in ("&&", "||"):
        left, right = condition(file, left), condition(file, right)
        return replace(broken, type=None if left.type is None or right.type is None else INT)
    if op in ("==", "!="):
        left, right = _null_beside_pointer(left, right)
        if is_object_pointer(left.type) and is_object_pointer(right.type):
            return _compare_pointers(file, Binary(op, left, right, span=span))
    if not isinstance(left.type, ARITHMETIC) or not isinstance(right.type, ARITHMETIC):
        _report_operands(file, op, left, right, span)
        return broken
    common = usual(left.type, right.type)
    if op in ("<<", ">>"):
        type_ = promote(left.type)
        right = cast(right, promote(right.type))
        if not shift_defined(file, type_, right):
            return broken
        return Binary(op, cast(left, type_), right, type=type_, span=span)
    if op in ("/", "%") and not divisor_defined(file, right):
        return broken
    result = INT if op in ("<", ">", "<=", ">=", "==", "!=") else common
    return Binary(op, cast(left, common), cast(right, common), type=result, span=span)


def shift_defined(file: File, type_: Int, count: Expr) -> bool:
    """Whether C defines a shift by this count, if it is constant; reports if not."""
    value = constant(count)
    if value is None or 0 <= value < type_.bits:
        return True
    file.error("KC119", f"shift by {value} of a value of {type_.bits} bits", count.span)
    return False


def divisor_defined(file: File, divisor: Expr) -> bool:
    """Whether a divisor is no constant zero; reports if it is."""
    if constant(divisor) != 0:
        return True
    file.error("KC119", "division by zero", divisor.span)
    return False


def _null_beside_pointer(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    if is_object_pointer(left.type):
        return left, as_null(right)
    if is_object_pointer(right.type):
        return as_null(left), right
    return left, right


def _compare_pointers(file: File, expr: Binary) -> Expr:
    left, right = expr.left.type, expr.right.type
    if left == right or isinstance(left, Null) or isinstance(right, Null):
        return replace(expr, type=INT)
    if left is not None and right is not None:
        file.error("KC111", f"comparison of `{describe(left)}` with `{describe(right)}`", expr.span)
    return expr


def _report_operands(file: File, op: BinaryOp, left: Expr, right: Expr, span: Span) -> None:
    wrong = right if is_arithmetic(left.type) else left
    if wrong.type is None:
        return
    hint = "there is no pointer arithmetic" if is_object_pointer(wrong.type) else ""
    if isinstance(wrong.type, Lock):
        hint = "a lock is used through its primitives alone"
    file.error("KC111", f"`{op}` does not apply to `{describe(wrong.type)}`", span, hint=hint)


def conditional(file: File, cond: Expr, then: Expr, other: Expr, span: Span) -> Expr:
    """Return `cond ? then : other` with both values converted to one type."""
    cond = condition(file, cond)
    broken = Conditional(cond, then, other, span=span)
    if cond.type is None or then.type is None or other.type is None:
        return broken
    then, other = _null_beside_pointer(then, other)
    if then.type is None or other.type is None:
        return broken
    if then.type == other.type:
        return Conditional(cond, then, other, type=then.type, span=span)
    if is_arithmetic(then.type) and is_arithmetic(other.type):
        common = usual(then.type, other.type)
        return Conditional(cond, cast(then, common), cast(other, common), type=common, span=span)
    if isinstance(then.type, Null) and is_object_pointer(other.type):
        return Conditional(cond, then, other, type=other.type, span=span)
    if isinstance(other.type, Null) and is_object_pointer(then.type):
        return Conditional(cond, then, other, type=then.type, span=span)
    file.error("KC111", f"`?:` between `{describe(then.type)}` and `{describe(other.type)}`", span)
    return broken
