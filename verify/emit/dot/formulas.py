"""Expressions of the IR as a reader of C knows them, for the labels of pictures."""

from __future__ import annotations

from typing import assert_never

from verify.emit.places import local_of
from verify.ir import (
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Referenced,
    System,
    Unary,
    Wrap,
)

LIVES = {FREE: "free", PRIVATE: "private", PUBLISHED: "published"}


def said(expr: Expr, system: System) -> str:
    """An expression on one line."""
    return _said(expr, system)[0]


def _said(expr: Expr, system: System) -> tuple[str, bool]:
    """The text, and whether it may stand beside an operator."""

    def operand(part: Expr) -> str:
        text, tight = _said(part, system)
        return text if tight else f"({text})"

    match expr:
        case Const(value):
            return str(value), value >= 0
        case Me():
            return "current", True
        case Bound(name):
            return name, True
        case Global(name):
            return name, True
        case Local(name, of):
            text = "place" if name == PC else local_of(name)[1]
            return (text if of is None else f"{text} of {said(of, system)}"), of is None
        case Field(pointer, _, name):
            return f"{operand(pointer)}->{name.removeprefix('#')}", True
        case Unary(op, arg):
            return f"{op}{operand(arg)}", True
        case Binary("!=", arg, Const(0)) if _is_truth(arg, system):
            return _said(arg, system)
        case Binary("==", arg, Const(0)) if _is_truth(arg, system):
            return f"!{operand(arg)}", True
        case Binary(op, left, right):
            return f"{operand(left)} {op} {_named(left, right, system) or operand(right)}", False
        case Ite(test, then, other):
            return f"{operand(test)} ? {operand(then)} : {operand(other)}", False
        case Wrap(bits, signed, arg):
            return f"({'s' if signed else 'u'}{bits}) {operand(arg)}", False
        case Quant(quantifier, binder, body):
            kind = f"struct {binder.domain.cls} *" if isinstance(binder.domain, Ptr) else "int "
            return f"{quantifier} ({kind}{binder.name}) {operand(body)}", False
        case Referenced(pointer, _, _):
            return f"referenced({said(pointer, system)})", True
        case _:
            assert_never(expr)


def _is_truth(expr: Expr, system: System) -> bool:
    match expr:
        case Global() | Local() | Field():
            return system.var(expr).truth or (isinstance(expr, Local) and ".#" in expr.name)
        case Unary("!") | Binary("&&" | "||" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "has"):
            return True
        case _:
            return False


def _named(left: Expr, right: Expr, system: System) -> str:
    """A number by the name that it has for what it is compared with; empty if that has none."""
    match left, right:
        case Local(name), Const(value) if name == PC and 0 <= value < len(system.locations):
            return system.locations[value].name
        case Field(_, _, name), Const(value) if name == LIFE and value in LIVES:
            return LIVES[value]
        case Global() | Local() | Field(), Const(0) if isinstance(system.var(left).domain, Ptr):
            return "NULL"
        case _:
            return ""
