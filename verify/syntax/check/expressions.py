"""Expressions: every name resolved, every operator typed, every conversion written out.

`value` checks what is read, `place` what is named, `_argument` what is passed. For `x op= v` the type of the completed
`v` is the type in which C computes `x op v`; of a shift, that is computed in the promoted type of `x`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from verify.syntax.ast import (
    AnyOf,
    Assign,
    At,
    Binary,
    Call,
    Cast,
    Conditional,
    Expr,
    Held,
    Member,
    Name,
    New,
    Nondet,
    Number,
    PostIncrement,
    Quantified,
    Unary,
)
from verify.syntax.check import operators
from verify.syntax.check.arguments import function_given, kept, place_given, reference, task_lock
from verify.syntax.check.assignments import increment, update
from verify.syntax.check.calls import Signature, has_type_of_variable, signature, takes_reference
from verify.syntax.check.conversions import (
    describe,
    is_arithmetic,
    is_object_pointer,
    is_reference,
)
from verify.syntax.check.names import (
    bind,
    ghost,
    label_known,
    member,
    name,
    readable,
    without_ampersand,
    writable,
)
from verify.syntax.check.scope import READS, Scope
from verify.syntax.primitives import Param as Rule
from verify.syntax.types import INT, Bool, Enum, Function, Int, Lock, Pointer, Struct, Type, Void

OWNED = ("spinlock", "rwlock", "mutex", "rwsem")


def value(expr: Expr, scope: Scope, want: Type | None = None) -> Expr:
    """Return the expression completed, as a value; `want` is the type that `nondet()` takes here."""
    match expr:
        case Number():
            return expr  # the parser gave it its type
        case Name() | Member() | Unary("*"):
            return readable(place(expr, scope), scope)
        case Unary("&"):
            return _address(expr, scope)
        case Unary(op, operand):
            return operators.unary(scope.file, op, value(operand, scope, Bool() if op == "!" else None), expr.span)
        case Binary(op, left, right):
            inner = Bool() if op in ("&&", "||") else None
            return operators.binary(
                scope.file, op, value(left, scope, inner), value(right, scope, inner), expr.span
            )
        case Conditional(cond, then, other):
            return operators.conditional(
                scope.file, value(cond, scope, Bool()), value(then, scope, want), value(other, scope, want), expr.span
            )
        case Cast(to, operand):
            return _cast(expr, to, operand, scope)
        case Call():
            return _call(expr, scope)
        case Assign() | PostIncrement() | New() | AnyOf() | Nondet():
            return _effect(expr, scope, want)
        case Quantified() | Held() | At():
            return _specification(expr, scope)
        case _:
            assert_never(expr)


def condition(expr: Expr, scope: Scope) -> Expr:
    """Return an expression used as a truth value, completed."""
    return operators.condition(scope.file, value(expr, scope, Bool()))


def converted(expr: Expr, to: Type | None, scope: Scope, what: str) -> Expr:
    """Return an expression completed and converted to `to`; `what` names the context in an error."""
    done = value(expr, scope, to)
    return done if to is None else operators.convert(scope.file, done, to, what)


def place(expr: Expr, scope: Scope) -> Expr:
    """Return a variable, field, object or `*p` completed, whether it is read or written."""
    match expr:
        case Name():
            return name(expr, scope)
        case Member(base):
            inner = place(base, scope)
            return member(expr, inner if isinstance(inner.type, Struct) else readable(inner, scope), scope)
        case Unary("*", operand):
            inner = place(operand, scope) if isinstance(operand, Name) else value(operand, scope)
            match inner.type:
                case None:
                    return Unary("*", inner, span=expr.span)
                case Pointer(to):
                    if not is_reference(inner.type):
                        inner = readable(inner, scope)
                    return Unary("*", inner, type=to if inner.type is not None else None, span=expr.span)
                case other:
                    scope.file.error("KC111", f"`*` does not apply to `{describe(other)}`", expr.span)
                    return Unary("*", inner, span=expr.span)
        case _:
            return value(expr, scope)


def _address(expr: Unary, scope: Scope) -> Expr:
    inner = place(expr.operand, scope)
    if isinstance(inner.type, Function):
        return readable(inner, scope)
    if inner.type is not None and not isinstance(inner.type, Struct):
        scope.file.error(
            "KC115", f"the address of a `{describe(inner.type)}` is no value", expr.span,
            hint="`&x` may be passed to a function or primitive; only objects have addresses to keep",
        )
        return Unary("&", inner, span=expr.span)
    if isinstance(inner, Unary) and inner.op == "*":
        return inner.operand
    if inner.type is not None and ghost(inner, scope):
        return readable(inner, scope)
    return Unary("&", inner, type=Pointer(inner.type) if inner.type is not None else None, span=expr.span)


def _cast(expr: Cast, to: Type, operand: Expr, scope: Scope) -> Expr:
    done = value(operand, scope, to)
    if isinstance(to, Void) or done.type is None:
        return done
    if isinstance(to, Int | Bool) and is_arithmetic(done.type):
        return replace(operators.cast(done, to), span=expr.span)
    return operators.convert(scope.file, done, to, "this cast")


def _effect(expr: Assign | PostIncrement | New | AnyOf | Nondet, scope: Scope, want: Type | None) -> Expr:
    if scope.mode == "invariant":
        scope.file.error("KC150", "an invariant has no side effects and no choices", expr.span)
        return expr
    match expr:
        case Assign(target, given, op):
            if op is None:
                return _assign(expr, place(target, scope), given, scope)
            return update(expr, place(target, scope), value(given, scope), scope)
        case PostIncrement(target, _):
            return increment(expr, place(target, scope), scope)
        case New(struct) | AnyOf(struct):
            if struct not in scope.file.structs:
                scope.unknown("KC103", "struct", struct, expr.span, scope.file.structs)
                return expr
            return replace(expr, type=Pointer(Struct(struct)))
        case Nondet():
            if isinstance(want, Bool | Int | Enum):
                return replace(expr, type=want)
            hint = "`any(struct S)` chooses an object" if is_object_pointer(want) else "assign it to a variable first"
            scope.file.error("KC117", "`nondet()` has no number type here", expr.span, hint=hint)
            return expr
        case _:
            assert_never(expr)


def _assign(expr: Assign, target: Expr, given: Expr, scope: Scope) -> Expr:
    if target.type is None or not writable(target, scope):
        value(given, scope, target.type)
        return replace(expr, target=target)
    if not isinstance(target.type, Struct):
        done = converted(given, target.type, scope, "this assignment")
        return replace(expr, target=target, value=done, type=target.type if done.type is not None else None)
    source = place(given, scope)
    if source.type is not None and source.type != target.type:
        scope.file.error("KC110", f"`{describe(target.type)}` is copied from `{describe(source.type)}`", expr.span)
        source = replace(source, type=None)
    return replace(expr, target=target, value=source, type=target.type if source.type is not None else None)


# ---- calls -----------------------------------------------------------------------------------------


def _call(expr: Call, scope: Scope) -> Expr:
    found = signature(expr, scope)
    if found is None:
        for arg in expr.args:  # what each should be is not known
            inner = without_ampersand(arg)
            if isinstance(inner, Name | Member):
                place(inner, scope)
            elif inner is arg:
                value(arg, scope, INT)
        return expr
    if scope.mode == "invariant" and found.kind != "function" and expr.callee not in READS:
        scope.file.error(
            "KC150", f"an invariant cannot call `{expr.callee}`", expr.span,
            hint="only functions that are a single `return EXPRESSION;` can be called",
        )
        return expr
    if found.kind == "task_lock":
        return task_lock(expr, value(expr.args[0], scope), scope)
    args = _arguments(expr, found, scope)
    result: Type | None = found.result
    if has_type_of_variable(found.result):
        first = args[0].type
        result = first.to if isinstance(first, Pointer) and found.params[0] == "cell" else first
    if any(a.type is None for a in args):
        result = None
    return Call(expr.callee, args, found.kind, type=result, span=expr.span)


def _arguments(expr: Call, found: Signature, scope: Scope) -> tuple[Expr, ...]:
    """Check the arguments; the values for a variable come after it, and take its type."""
    args: list[Expr] = []
    variable: Type | None = None
    for arg, rule in zip(expr.args, found.params, strict=True):
        done = _argument(expr, arg, rule, variable, scope)
        if rule in ("cell", "place"):
            variable = done.type.to if rule == "cell" and isinstance(done.type, Pointer) else done.type
        args.append(done)
    return tuple(args)


def _argument(call: Call, arg: Expr, rule: Type | Rule, variable: Type | None, scope: Scope) -> Expr:
    what = f"an argument of `{call.callee}`"
    if takes_reference(rule):
        return reference(call, arg, place(without_ampersand(arg), scope), rule, scope)
    match rule:
        case "int":
            return converted(arg, INT, scope, what)
        case "value":
            return converted(arg, variable, scope, what)
        case "place":
            return place_given(call, arg, place(arg, scope), scope)
        case "object":
            done = value(arg, scope)
            if done.type is not None and not is_object_pointer(done.type):
                scope.file.error("KC110", f"{what} needs a pointer to an object", arg.span)
                return replace(done, type=None)
            return kept(call, done, scope)
        case "thread":
            thread = Pointer(Struct(scope.file.thread)) if scope.file.thread else None
            return converted(arg, thread, scope, what)
        case "function":
            return function_given(call, arg, _function(arg, scope), None, scope)
        case Function(result):
            return function_given(call, arg, _function(arg, scope), result, scope)
        case str():
            raise AssertionError(rule)  # every other rule takes a reference
        case _:
            return converted(arg, rule, scope, what)


def _function(arg: Expr, scope: Scope) -> Expr:
    inner = without_ampersand(arg)
    return place(inner, scope) if isinstance(inner, Name) else value(inner, scope)


# ---- what only invariants say ----------------------------------------------------------------------


def _specification(expr: Quantified | Held | At, scope: Scope) -> Expr:
    if scope.mode != "invariant":
        word = expr.quantifier if isinstance(expr, Quantified) else "held" if isinstance(expr, Held) else "at"
        scope.file.error("KC151", f"`{word}` can only stand in an invariant", expr.span)
        return expr
    match expr:
        case Quantified(_, variables, body):
            inner = bind(expr, variables, scope)
            done = condition(body, inner)
            return replace(expr, body=done, type=INT if done.type is not None else None)
        case Held(lock):
            done = place(without_ampersand(lock), scope)
            if done.type is not None and not (isinstance(done.type, Lock) and done.type.kind in OWNED):
                scope.file.error(
                    "KC110", f"`held` needs a lock that has a holder, not a `{describe(done.type)}`", expr.span
                )
                return replace(expr, lock=done)
            return replace(expr, lock=done, type=Bool() if done.type is not None else None)
        case At(thread, label):
            class_ = Pointer(Struct(scope.file.thread)) if scope.file.thread else None
            done = converted(thread, class_, scope, "`at`")
            known = label_known(label, expr, scope)
            return replace(expr, thread=done, type=Bool() if known and done.type is not None else None)
        case _:
            assert_never(expr)
