"""`foreach`: one simultaneous broadcast. All values are those from before it, so its body is plain stores alone."""

from __future__ import annotations

from dataclasses import replace

from verify.syntax.ast import (
    AnyOf,
    Assign,
    BinaryOp,
    Block,
    Call,
    Do,
    Empty,
    Expr,
    Foreach,
    Member,
    Name,
    New,
    Nondet,
    Number,
    PostIncrement,
    Stmt,
)
from verify.syntax.check import operators
from verify.syntax.check.expressions import condition, value
from verify.syntax.check.scope import BUILT_IN, READS, Local, Scope
from verify.syntax.check.walk import subexpressions
from verify.syntax.types import INT, Pointer, Struct, Type


def broadcast(stmt: Foreach, scope: Scope) -> Stmt:
    """Return a `foreach` completed, its body a block of `Assign` without operator."""
    file, variable = scope.file, stmt.variable
    if stmt.struct not in file.structs:
        scope.unknown("KC103", "struct", stmt.struct, stmt.span, file.structs)
    if variable in scope.locals or variable in BUILT_IN:
        file.error("KC105", f"`{variable}` is declared twice", stmt.span, hint="choose another name")
    type_ = Pointer(Struct(stmt.struct)) if stmt.struct in file.structs else None
    inner = replace(scope, locals={**scope.locals, variable: Local(variable, type_, "bound")})
    cond = None if stmt.cond is None else condition(stmt.cond, inner)
    if cond is not None:
        cond = pure(cond, inner)
    stores: list[Stmt] = []
    stored: set[tuple[Type | None, str]] = set()
    for part in _flat(stmt.body):
        done = _store(part, variable, inner, stored)
        if done is not None:
            stores.append(done)
    return replace(stmt, cond=cond, body=Block(tuple(stores), span=stmt.body.span))


def _flat(stmt: Stmt) -> tuple[Stmt, ...]:
    match stmt:
        case Block(body):
            return tuple(s for part in body for s in _flat(part))
        case Empty():
            return ()
        case _:
            return (stmt,)


def _store(stmt: Stmt, variable: str, scope: Scope, stored: set[tuple[Type | None, str]]) -> Stmt | None:
    """Check one store; `x op= v` and `x++` become plain stores, for nothing can come between."""
    match stmt:
        case Do(Assign(Member(Name(name), arrow=True)) | PostIncrement(Member(Name(name), arrow=True)) as expr) if (
            name == variable
        ):
            done = value(expr, scope)
        case _:
            scope.file.error(
                "KC134", f"a `foreach` contains only stores to fields of `{variable}`", stmt.span,
                hint=f"write `{variable}->field = value;`, and conditions in `where` or as `c ? a : b`",
            )
            return None
    if done.type is None:
        return replace(stmt, expr=done)
    match done:
        case Assign(target, given, op):
            given = given if op is None else _computed(op, target, given, scope)
        case PostIncrement(target, op):
            given = _computed(op, target, Number(1, type=INT, span=done.span), scope)
        case _:
            raise AssertionError(done)  # checking keeps the form of an expression
    given = pure(given, scope)
    _unstored(given, stored, scope)
    if isinstance(target, Member):
        stored.add((target.base.type, target.field))
    return replace(stmt, expr=Assign(target, given, type=target.type, span=done.span))


def _computed(op: BinaryOp, target: Expr, given: Expr, scope: Scope) -> Expr:
    result = operators.binary(scope.file, op, target, given, target.span.to(given.span))
    return result if target.type is None else operators.cast(result, target.type)


def _unstored(given: Expr, stored: set[tuple[Type | None, str]], scope: Scope) -> None:
    """Report a value that reads what the same `foreach` stored above: C and a simultaneous store would differ."""
    for expr in subexpressions(given):
        if isinstance(expr, Member) and (expr.base.type, expr.field) in stored:
            scope.file.error(
                "KC134", f"`{expr.field}` is read after the same `foreach` stored it", expr.span,
                hint="all stores of a `foreach` happen at once: compute the value from what was there before",
            )


def pure(expr: Expr, scope: Scope) -> Expr:
    """Return the expression, without type after reporting what would be a step of its own inside a `foreach`."""
    for inner in subexpressions(expr):
        effect = isinstance(inner, Assign | PostIncrement | New | AnyOf | Nondet)
        if effect or (isinstance(inner, Call) and inner.kind != "function" and inner.callee not in READS):
            scope.file.error(
                "KC134", "a `foreach` has no side effects but its stores, and no choices", inner.span,
                hint="compute the value in a local variable first",
            )
            return replace(expr, type=None)
    return expr
