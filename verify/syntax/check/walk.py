"""Everything below a statement or an expression, in the order of the source."""

from __future__ import annotations

from collections.abc import Iterator
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


def parts(stmt: Stmt) -> tuple[Stmt, ...]:
    """Return the statements directly inside a statement."""
    match stmt:
        case Block(body=body):
            return body
        case If(then=then, other=other):
            return (then,) if other is None else (then, other)
        case Loop(init=init, body=body):
            return (body,) if init is None else (init, body)
        case Switch(cases=cases):
            return tuple(s for case in cases for s in case.body)
        case Labeled(body=body) | Atomic(body=body) | Foreach(body=body):
            return (body,)
        case Choose(branches=branches):
            return branches
        case Declare() | Do() | Break() | Continue() | Goto() | Return() | Assume() | Assert() | Empty():
            return ()
        case _:
            assert_never(stmt)


def roots(stmt: Stmt) -> tuple[Expr, ...]:
    """Return the expressions directly inside a statement."""
    match stmt:
        case Do(expr=expr):
            return (expr,)
        case If(cond=cond) | Assume(cond=cond) | Assert(cond=cond):
            return (cond,)
        case Loop(cond=first, step=step):
            return tuple(e for e in (first, step) if e is not None)
        case Switch(subject=subject, cases=cases):
            return (subject, *(v for case in cases for v in case.values))
        case Declare(value=value) | Return(value=value) | Foreach(cond=value):
            return () if value is None else (value,)
        case Block() | Labeled() | Atomic() | Choose() | Break() | Continue() | Goto() | Empty():
            return ()
        case _:
            assert_never(stmt)


def operands(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions directly inside an expression."""
    match expr:
        case Member(base=inner) | Unary(operand=inner) | PostIncrement(target=inner) | Cast(operand=inner):
            return (inner,)
        case Quantified(body=inner) | Held(lock=inner) | At(thread=inner):
            return (inner,)
        case Binary(left=left, right=right) | Assign(target=left, value=right):
            return (left, right)
        case Conditional(cond=cond, then=then, other=other):
            return (cond, then, other)
        case Call(args=args):
            return args
        case Number() | Name() | New() | AnyOf() | Nondet():
            return ()
        case _:
            assert_never(expr)


def statements(stmt: Stmt) -> Iterator[Stmt]:
    """Yield the statement and all below it, outermost first."""
    todo = [stmt]
    while todo:
        here = todo.pop()
        yield here
        todo += reversed(parts(here))


def expressions(stmt: Stmt) -> Iterator[Expr]:
    """Yield every expression below a statement, outermost first."""
    for inner in statements(stmt):
        for root in roots(inner):
            yield from subexpressions(root)


def subexpressions(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and all below it, outermost first."""
    todo = [expr]
    while todo:
        here = todo.pop()
        yield here
        todo += reversed(operands(here))
