"""Assignments that read what they change: `x op= v`, `x++`."""

from __future__ import annotations

from dataclasses import replace

from verify.syntax.ast import Assign, Expr, PostIncrement
from verify.syntax.check import operators
from verify.syntax.check.conversions import describe, is_arithmetic, is_object_pointer, promote, usual
from verify.syntax.check.names import readable, writable
from verify.syntax.check.scope import Scope
from verify.syntax.types import Bool, Enum, Int


def increment(expr: PostIncrement, done: Expr, scope: Scope) -> Expr:
    """Return `x++` or `x--`; `done` is `x`, checked as a place."""
    if done.type is None or not writable(done, scope) or readable(done, scope).type is None:
        return replace(expr, target=done)
    if not isinstance(done.type, Int | Bool):
        scope.file.error("KC111", f"`{expr.op}{expr.op}` does not apply to `{describe(done.type)}`", expr.span)
        return replace(expr, target=done)
    return replace(expr, target=done, type=done.type)


def update(expr: Assign, target: Expr, given: Expr, scope: Scope) -> Expr:
    """Return `target op= given`; the type of its value is the type in which C computes, of a shift its own."""
    file = scope.file
    broken = replace(expr, target=target, value=given)
    if target.type is None or not writable(target, scope) or readable(target, scope).type is None or given.type is None:
        return broken
    if not (is_arithmetic(target.type) and is_arithmetic(given.type)):
        wrong = given.type if is_arithmetic(target.type) else target.type
        hint = "there is no pointer arithmetic" if is_object_pointer(wrong) else ""
        file.error("KC111", f"`{expr.op}=` does not apply to `{describe(wrong)}`", expr.span, hint=hint)
        return broken
    if isinstance(target.type, Enum):
        file.error(
            "KC121", f"the result of `{expr.op}=` need not be an enumerator of `{describe(target.type)}`", expr.span,
            hint="declare the variable as an integer if it holds other values",
        )
        return broken
    if expr.op in ("<<", ">>"):
        if not operators.shift_defined(file, promote(target.type), given):
            return broken
        return replace(broken, value=operators.cast(given, promote(given.type)), type=target.type)
    if expr.op in ("/", "%") and not operators.divisor_defined(file, given):
        return broken
    return replace(broken, value=operators.cast(given, usual(target.type, given.type)), type=target.type)
