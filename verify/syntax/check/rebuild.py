"""Trees with parts replaced, everything else as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from verify.syntax.ast import (
    AnyOf,
    Assert,
    Assign,
    Assume,
    At,
    Atomic,
    Binary,
    Block,
    Break,
    Call,
    Cast,
    Choose,
    Conditional,
    Continue,
    Declare,
    Do,
    Empty,
    Expr,
    Foreach,
    Goto,
    Held,
    If,
    Labeled,
    Loop,
    Member,
    Name,
    New,
    Nondet,
    Number,
    PostIncrement,
    Quantified,
    Return,
    Stmt,
    Switch,
    Unary,
)


def with_operands(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Return the expression with `change` applied to each expression directly inside it."""
    match expr:
        case Member(base=inner):
            return replace(expr, base=change(inner))
        case Unary(operand=inner) | Cast(operand=inner):
            return replace(expr, operand=change(inner))
        case PostIncrement(target=inner):
            return replace(expr, target=change(inner))
        case Quantified(body=inner):
            return replace(expr, body=change(inner))
        case Held(lock=inner):
            return replace(expr, lock=change(inner))
        case At(thread=inner):
            return replace(expr, thread=change(inner))
        case Binary(left=left, right=right):
            return replace(expr, left=change(left), right=change(right))
        case Assign(target=target, value=value):
            return replace(expr, target=change(target), value=change(value))
        case Conditional(cond=cond, then=then, other=other):
            return replace(expr, cond=change(cond), then=change(then), other=change(other))
        case Call(args=args):
            return replace(expr, args=tuple(change(a) for a in args))
        case Number() | Name() | New() | AnyOf() | Nondet():
            return expr
        case _:
            assert_never(expr)


def with_broadcasts(stmt: Stmt, change: Callable[[Foreach], Foreach]) -> Stmt:
    """Return the statement with `change` applied to every `foreach` in it."""
    match stmt:
        case Foreach():
            return change(stmt)
        case Block(body):
            return replace(stmt, body=tuple(with_broadcasts(s, change) for s in body))
        case If(_, then, other):
            rest = None if other is None else with_broadcasts(other, change)
            return replace(stmt, then=with_broadcasts(then, change), other=rest)
        case Loop(body=body) | Labeled(body=body) | Atomic(body=body):
            return replace(stmt, body=with_broadcasts(body, change))
        case Switch(_, cases):
            return replace(
                stmt, cases=tuple(replace(c, body=tuple(with_broadcasts(s, change) for s in c.body)) for c in cases)
            )
        case Choose(branches):
            return replace(stmt, branches=tuple(with_broadcasts(b, change) for b in branches))
        case Declare() | Do() | Break() | Continue() | Goto() | Return() | Assume() | Assert() | Empty():
            return stmt
        case _:
            assert_never(stmt)
