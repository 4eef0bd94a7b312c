"""Statements, from the parts that the grammar finds."""

from __future__ import annotations

from dataclasses import dataclass

from verify.syntax.ast import (
    Assert,
    Assume,
    Atomic,
    Binary,
    Block,
    Break,
    Case,
    Choose,
    Continue,
    Declare,
    Do,
    Empty,
    Expr,
    Foreach,
    Goto,
    If,
    Labeled,
    Loop,
    Name,
    Return,
    Stmt,
    Switch,
)
from verify.syntax.lex import Word
from verify.syntax.rows.place import Place, only

Body = Stmt | tuple[Declare, ...]  # a declaration is as many statements as it declares variables


@dataclass(frozen=True, slots=True)
class CaseLabel:
    """`case value:`, or `default:` if there is no value."""

    value: Expr | None


def _spliced(parts: tuple[Body, ...]) -> tuple[Stmt, ...]:
    return tuple(stmt for part in parts for stmt in (part if isinstance(part, tuple) else (part,)))


def block(at: Place, *parts: Body) -> Block:
    """`{ ... }`."""
    return Block(_spliced(parts), span=at.span)


def labeled(at: Place, name: Word, body: Stmt) -> Labeled:
    """`name: stmt` and `name> stmt`."""
    return Labeled(name.text, body, label_span=name.span, span=at.span)


def if_(at: Place, cond: Expr, then: Stmt, other: Stmt | None) -> If:
    """`if (cond) then else other`."""
    return If(cond, then, other, span=at.span)


def while_(at: Place, cond: Expr, body: Stmt) -> Loop:
    """`while (cond) body`."""
    return Loop(None, cond, None, body, span=at.span)


def do_while(at: Place, body: Stmt, cond: Expr) -> Loop:
    """`do body while (cond);`."""
    return Loop(None, cond, None, body, test_first=False, span=at.span)


def for_(at: Place, init: Stmt | None, cond: Expr | None, step: Expr | None, body: Stmt) -> Loop:
    """`for (init; cond; step) body`."""
    return Loop(init, cond, step, body, span=at.span)


def for_init(at: Place, part: Expr | tuple[Declare, ...] | None) -> Stmt | None:
    """The first part of a `for` header, with its `;`."""
    if part is None:
        return None
    if not isinstance(part, tuple):
        return Do(part, span=part.span)
    if len(part) > 1:
        at.refuse("KC043", "a `for` header declares one variable", "declare the others before", part[1].span)
    return part[0]


def for_step(_at: Place, part: Expr | None) -> Expr | None:
    """The last part of a `for` header."""
    return part


def switch(at: Place, subject: Expr, *cases: Case) -> Switch:
    """`switch (subject) { cases }`."""
    return Switch(subject, cases, span=at.span)


def case(at: Place, *parts: CaseLabel | Body) -> Case:
    """`case 1: case 2: body`."""
    labels = only(CaseLabel, parts)
    body = tuple(part for part in parts if not isinstance(part, CaseLabel))
    values = tuple(label.value for label in labels if label.value is not None)
    return Case(values, len(values) < len(labels), _spliced(body), span=at.span)


def case_label(_at: Place, value: Expr | None = None) -> CaseLabel:
    """`case value:`."""
    return CaseLabel(value)


def break_(at: Place) -> Break:
    """`break;`."""
    return Break(span=at.span)


def continue_(at: Place) -> Continue:
    """`continue;`."""
    return Continue(span=at.span)


def goto(at: Place, label: Word) -> Goto:
    """`goto label;`."""
    return Goto(label.text, span=at.span)


def return_(at: Place, value: Expr | None) -> Return:
    """`return value;`."""
    return Return(value, span=at.span)


def choose(at: Place, *branches: Stmt) -> Choose:
    """`choose { a; b; }`."""
    return Choose(branches, span=at.span)


def atomic(at: Place, body: Block) -> Atomic:
    """`atomic { ... }`."""
    return Atomic(body, span=at.span)


def foreach(at: Place, struct: Word, name: Word, cond: Expr | None, body: Stmt) -> Foreach:
    """`foreach (struct task *c where cond) body`."""
    return Foreach(name.text, struct.text, cond, body, span=at.span)


def assume(at: Place, cond: Expr) -> Assume:
    """`assume(cond);`."""
    return Assume(cond, span=at.span)


def assert_(at: Place, cond: Expr) -> Assert:
    """`assert(cond);`."""
    return Assert(cond, span=at.span)


def do(at: Place, expr: Expr) -> Do:
    """`expr;`."""
    match expr:
        case Binary("*", Name(type_), Name(name)):  # a product that nobody uses
            at.refuse("KC032", f"unknown type `{type_}`", f"write `struct {type_} *{name}`", expr.left.span)
    return Do(expr, span=at.span)


def empty(at: Place) -> Empty:
    """`;`."""
    return Empty(span=at.span)
