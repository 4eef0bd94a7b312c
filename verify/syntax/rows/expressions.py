"""Expressions, from the parts that the grammar finds."""

from __future__ import annotations

from typing import Literal, cast

from verify.syntax.ast import (
    AnyOf,
    Assign,
    At,
    Binary,
    BinaryOp,
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
    UnaryOp,
)
from verify.syntax.lex import Word
from verify.syntax.rows.declarations import Spec, Star, cast_type
from verify.syntax.rows.place import Place, integer
from verify.syntax.types import INT, Bool, Int, Null

Bound = tuple[str, str]  # variable, struct


def quantified(at: Place, word: Word, *parts: Bound | Expr) -> Quantified:
    """`forall (struct task *k) body`."""
    variables = cast("tuple[Bound, ...]", parts[:-1])
    return Quantified(cast("Literal['forall', 'exists']", word.text), variables, cast("Expr", parts[-1]), span=at.span)


def bound(_at: Place, struct: Word, name: Word) -> Bound:
    """`struct task *k` of a quantifier."""
    return name.text, struct.text


def assign(at: Place, target: Expr, op: Word, value: Expr) -> Assign:
    """`target = value`, `target |= value`."""
    return Assign(target, value, cast("BinaryOp", op.text[:-1]) if op.text != "=" else None, span=at.span)


def choice(at: Place, cond: Expr, then: Expr, other: Expr) -> Conditional:
    """`cond ? then : other`."""
    return Conditional(cond, then, other, span=at.span)


def binary(at: Place, left: Expr, op: Word, right: Expr) -> Binary:
    """`left op right`."""
    return Binary(cast("BinaryOp", op.text), left, right, span=at.span)


def prefix(at: Place, op: Word, operand: Expr) -> Unary:
    """`!operand`."""
    return Unary(cast("UnaryOp", op.text), operand, span=at.span)


def increment(at: Place, op: Word, target: Expr) -> Assign:
    """`++target`, which is `target += 1`."""
    return Assign(target, Number(1, type=INT, span=op.span), cast("BinaryOp", op.text[0]), span=at.span)


def post_increment(at: Place, target: Expr, op: Word) -> PostIncrement:
    """`target++`."""
    return PostIncrement(target, cast("Literal['+', '-']", op.text[0]), span=at.span)


def cast_(at: Place, spec: Spec, *parts: Star | Expr) -> Cast:
    """`(type) operand`."""
    return Cast(cast_type(at, spec, len(parts) - 1), cast("Expr", parts[-1]), span=at.span)


def arrow(at: Place, base: Expr, field: Word) -> Member:
    """`base->field`."""
    return Member(base, field.text, arrow=True, span=at.span)


def dot(at: Place, base: Expr, field: Word) -> Member:
    """`base.field`."""
    return Member(base, field.text, arrow=False, span=at.span)


def name(at: Place, word: Word) -> Name:
    """A name."""
    return Name(word.text, span=at.span)


def number(at: Place, word: Word) -> Number:
    """`3`, `0x10u`; its type is the first of C's list that holds it."""
    value = integer(at, word)
    suffix = word.text.lower()[len(word.text.rstrip("uUlL")) :]
    decimal = word.text[0] != "0"
    for bits in (32, 64):  # C11 6.4.4.1, where `long` has 64
        if bits == INT.bits and "l" in suffix:
            continue
        if "u" not in suffix and value < 1 << bits - 1:
            return Number(value, type=Int(bits, signed=True), span=at.span)
        if ("u" in suffix or not decimal) and value < 1 << bits:
            return Number(value, type=Int(bits, signed=False), span=at.span)
    at.refuse("KC012", "the number does not fit into a signed type of 64 bits", "append `u`")
    return Number(0, type=INT, span=at.span)


def constant(at: Place, word: Word) -> Number:
    """`true`, `false`, `NULL`."""
    return Number(int(word.text == "true"), type=Null() if word.text == "NULL" else Bool(), span=at.span)


def call(at: Place, callee: Word, *args: Expr | None) -> Call:
    """`callee(args)`."""
    return Call(callee.text, tuple(a for a in args if a is not None), span=at.span)


def new(at: Place, struct: Word) -> New:
    """`new struct task`."""
    return New(struct.text, span=at.span)


def any_(at: Place, struct: Word) -> AnyOf:
    """`any(struct task)`."""
    return AnyOf(struct.text, span=at.span)


def nondet(at: Place) -> Nondet:
    """`nondet()`."""
    return Nondet(span=at.span)


def held(at: Place, lock: Expr) -> Held:
    """`held(k->alloc_lock)`."""
    return Held(lock, span=at.span)


def at(at: Place, thread: Expr, label: str) -> At:
    """`at(k, function.label)`."""
    return At(thread, label, span=at.span)
