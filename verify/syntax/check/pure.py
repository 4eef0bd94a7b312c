"""Pure functions written out: lowering sees no call in an invariant or a `foreach`.

A function is pure when it is a single `return EXPRESSION;` without side effects. A call of it is its expression with
the parameters replaced; nothing that the arguments read can change while it is evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from verify.source import Span
from verify.syntax.ast import (
    AnyOf,
    Assign,
    Block,
    Call,
    Do,
    Expr,
    Foreach,
    FunctionDecl,
    Name,
    New,
    Nondet,
    Number,
    PostIncrement,
    Return,
    Unary,
)
from verify.syntax.check import operators
from verify.syntax.check.rebuild import with_broadcasts, with_operands
from verify.syntax.check.scope import CURRENT, READS, File
from verify.syntax.check.walk import parts, subexpressions
from verify.syntax.types import INT, Pointer

MAX_SIZE = 10_000  # expressions in one invariant, all calls written out


@dataclass(frozen=True, slots=True)
class _Work:
    file: File
    functions: Mapping[str, FunctionDecl]  # completed
    where: str  # "an invariant" or "a `foreach`"
    current: bool  # whether `current` has a meaning there
    open: tuple[str, ...] = ()  # functions being written out
    size: list[int] = field(default_factory=lambda: [0])


def expand(
    expr: Expr, file: File, functions: Mapping[str, FunctionDecl], *, current: bool = False
) -> Expr:
    """Return a checked expression of an invariant with all calls written out; `current` is whether it has one."""
    return _expand(expr, _Work(file, functions, "a condition" if current else "an invariant", current=current))


def expand_broadcasts(function: FunctionDecl, file: File, functions: Mapping[str, FunctionDecl]) -> FunctionDecl:
    """Return a checked function with all calls in its `foreach` statements written out."""
    work = _Work(file, functions, "a `foreach`", current=True)

    def change(stmt: Foreach) -> Foreach:
        cond = None if stmt.cond is None else _expand(stmt.cond, work)
        stores = tuple(replace(s, expr=_expand(s.expr, work)) for s in parts(stmt.body) if isinstance(s, Do))
        return replace(stmt, cond=cond, body=Block(stores, span=stmt.body.span))

    if function.body is None:
        return function
    body = with_broadcasts(function.body, change)
    return replace(function, body=body) if isinstance(body, Block) else function


def _expand(expr: Expr, work: _Work) -> Expr:
    if expr.type is None:
        return expr
    work.size[0] += 1
    if not isinstance(expr, Call):
        return with_operands(expr, lambda inner: _expand(inner, work))
    args = tuple(_expand(a, work) for a in expr.args)
    return _call(expr, args, work) if expr.kind == "function" else _read(expr, args, work)


def _read(expr: Call, args: tuple[Expr, ...], work: _Work) -> Expr:
    """Write out a primitive that only reads."""
    match expr.callee, args:
        case "READ_ONCE", (place,):
            return place
        case "atomic_read", (reference,):
            return replace(_target(reference), type=INT)
        case _, (count, reference):  # test_bit
            shifted = operators.binary(work.file, ">>", _target(reference), count, expr.span)
            one = Number(1, type=INT, span=expr.span)
            return operators.cast(operators.binary(work.file, "&", shifted, one, expr.span), INT)
        case _:
            raise AssertionError(expr.callee)  # READS holds no other


def _target(reference: Expr) -> Expr:
    """Return what a checked reference refers to."""
    if isinstance(reference, Unary) and reference.op == "&":
        return reference.operand
    to = reference.type.to if isinstance(reference.type, Pointer) else None
    return Unary("*", reference, type=to, span=reference.span)


def _call(expr: Call, args: tuple[Expr, ...], work: _Work) -> Expr:
    decl = work.functions.get(expr.callee)
    broken = replace(expr, type=None)
    if decl is None or decl.body is None or expr.callee in work.open:
        return broken  # reported as a call without a body, or as recursion
    match decl.body.body:
        case (Return(result),) if result is not None:
            pass
        case _:
            _impure(expr, f"`{expr.callee}` is more than a single `return EXPRESSION;`", decl.span, work)
            return broken
    if result.type is None:
        return broken
    for inner in subexpressions(result):
        call = isinstance(inner, Call) and inner.kind != "function" and inner.callee not in READS
        if call or isinstance(inner, Assign | PostIncrement | New | AnyOf | Nondet):
            _impure(expr, f"`{expr.callee}` has side effects or choices", inner.span, work)
            return broken
        if isinstance(inner, Name) and inner.unique == CURRENT and not work.current:
            _impure(expr, f"`{expr.callee}` uses `current`", inner.span, work)
            return broken
    if work.size[0] > MAX_SIZE:
        _impure(expr, f"more than {MAX_SIZE} expressions with all calls written out", decl.span, work)
        return broken
    given = {p.name: a for p, a in zip(decl.params, args, strict=True)}
    return _expand(_substituted(result, given), replace(work, open=(*work.open, expr.callee)))


def _impure(expr: Call, why: str, where: Span, work: _Work) -> None:
    work.file.error(
        "KC150", f"{work.where} cannot call `{expr.callee}`: {why}", expr.span, notes=((why, where),)
    )


def _substituted(expr: Expr, given: Mapping[str, Expr]) -> Expr:
    match expr:
        case Name(name, kind="local") if name in given:
            return given[name]
        case Unary("*", Name(name, kind="local")) if name in given:
            return replace(_target(given[name]), type=expr.type) if given[name].type == expr.operand.type else expr
        case _:
            return with_operands(expr, lambda inner: _substituted(inner, given))
