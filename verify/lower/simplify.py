"""Build IR expressions already simplified: constants folded, trivial operators gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, assert_never

from verify.ir import (
    FALSE,
    TRUE,
    Binary,
    BinaryOp,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Quant,
    Referenced,
    Unary,
    UnaryOp,
    Wrap,
)
from verify.semantics import operate, wrap

COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">=", "&&", "||", "has"})
FEW = 3
INVERSE: dict[BinaryOp, BinaryOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def is_boolean(expr: Expr) -> bool:
    """Whether the value can only be 0 or 1."""
    match expr:
        case Const(value):
            return value in (0, 1)
        case Unary(op, _):
            return op == "!"
        case Binary(op, left, right):
            return op in COMPARISONS or (op in ("&", "|") and is_boolean(left) and is_boolean(right))
        case Ite(_, then, other):
            return is_boolean(then) and is_boolean(other)
        case Quant() | Referenced():
            return True
        case Wrap(_, _, arg):
            return is_boolean(arg)
        case _:
            return False


def negate(expr: Expr) -> Expr:
    """`!expr`."""
    match expr:
        case Const(value):
            return Const(int(value == 0))
        case Unary("!", arg) if is_boolean(arg):
            return arg
        case Unary("!", arg):
            return binary("!=", arg, FALSE)
        case _ if not is_boolean(expr):
            return Binary("==", expr, FALSE)
        case Binary("||", left, right):
            return binary("&&", negate(left), negate(right))
        case Binary(op, left, right) if op in INVERSE:
            return Binary(INVERSE[op], left, right)
        case _:
            return Unary("!", expr)


def binary(op: BinaryOp, left: Expr, right: Expr) -> Expr:
    """`left op right`."""
    if isinstance(left, Const) and isinstance(right, Const):
        return Const(operate(op, left.value, right.value))
    if op == "&&" and not isinstance(left, Const) and not isinstance(right, Const):  # most of all
        return truth(left) if left == right else Binary(op, left, right)
    match op, left, right:
        case ("==" | "!=", Const(), _):
            return binary(op, right, left)
        case ("&&", Const(value), other) | ("&&", other, Const(value)):
            return truth(other) if value else FALSE
        case ("||", Const(value), other) | ("||", other, Const(value)):
            return TRUE if value else truth(other)
        case ("!=", other, Const(0)) if is_boolean(other):
            return other
        case ("==", other, Const(0)) if is_boolean(other):
            return negate(other)
        case ("==" | "!=", Ite(cond, Const(a), Const(b)), Const(c)):
            return ite(cond, Const(operate(op, a, c)), Const(operate(op, b, c)))
        case ("==" | "<=" | ">=", _, _) if left == right:
            return TRUE
        case ("!=" | "<" | ">", _, _) if left == right:
            return FALSE
        case ("==", Me(), Const(0)):
            return FALSE
        case ("!=", Me(), Const(0)):
            return TRUE
        case ("+" | "-" | "|" | "^" | "<<" | ">>", other, Const(0)) | ("+" | "|" | "^", Const(0), other):
            return other
        case ("&&" | "||", _, _) if left == right:
            return truth(left)
    return Binary(op, left, right)


def truth(expr: Expr) -> Expr:
    """1 where `expr` is not 0."""
    return expr if is_boolean(expr) else binary("!=", expr, FALSE)


def conj(parts: Iterable[Expr]) -> Expr:
    """The conjunction, without repeated parts."""
    found = [part for whole in parts for part in conjuncts(whole)]
    result: Expr = TRUE
    for part in dict.fromkeys(found) if len(found) > 1 else found:
        result = binary("&&", result, part)
    return result


def disj(parts: Iterable[Expr]) -> Expr:
    """The disjunction."""
    result: Expr = FALSE
    for part in parts:
        result = binary("||", result, part)
    return result


def contradictory(expr: Expr) -> bool:
    """Whether a conjunction asks for something and for its opposite: a sufficient test that it never holds."""
    found = conjuncts(expr)
    if len(found) <= 1:
        return False
    asked = set(found) if len(found) > FEW else found  # a few are sooner compared than hashed
    equal: dict[Expr, Expr] = {}
    for part in asked:
        match part:
            case Binary("==", left, Const() as right) if equal.setdefault(left, right) != right:
                return True
    return any(negate(part) in asked for part in asked)


def conjuncts(expr: Expr) -> list[Expr]:
    """The parts of a conjunction; none of TRUE."""
    if isinstance(expr, Binary) and expr.op == "&&":
        return conjuncts(expr.left) + conjuncts(expr.right)
    return [] if isinstance(expr, Const) and expr.value else [expr]


def ite(cond: Expr, then: Expr, other: Expr) -> Expr:
    """`cond ? then : other`."""
    match cond:
        case Const(value):
            return then if value else other
        case _ if then == other:
            return then
        case _ if then == TRUE and other == FALSE:
            return truth(cond)
        case _ if then == FALSE and other == TRUE:
            return negate(cond)
        case _:
            return Ite(cond, then, other)


def wrapped(bits: int, arg: Expr, *, signed: bool) -> Expr:
    """`arg` as a C integer."""
    match arg:
        case Const(value):
            return Const(wrap(value, bits, signed=signed))
        case Wrap(inner, was_signed, _) if was_signed == signed and inner <= bits:
            return arg
        case _ if is_boolean(arg) and (bits > 1 or not signed):
            return arg
        case _:
            return Wrap(bits, signed, arg)


def rebuild(expr: Expr, leaf: Callable[[Expr], Expr | None]) -> Expr:
    """`expr` with every part for which `leaf` has an answer replaced by it; what is around those simplified again."""
    found = leaf(expr)
    if found is not None:
        return found
    match expr:
        case Const() | Me() | Bound() | Global():
            return expr
        case Local(name, of):
            place = None if of is None else rebuild(of, leaf)
            return expr if place is of else Local(name, place)
        case Binary(op, left, right):
            one, two = rebuild(left, leaf), rebuild(right, leaf)
            return expr if one is left and two is right else binary(op, one, two)
        case Field(pointer, cls, name):
            inner = rebuild(pointer, leaf)
            return expr if inner is pointer else Field(inner, cls, name)
        case Unary(op, arg):
            inner = rebuild(arg, leaf)
            return expr if inner is arg else unary(op, inner)
        case Ite(cond, then, other):
            new = [rebuild(part, leaf) for part in (cond, then, other)]
            return expr if new[0] is cond and new[1] is then and new[2] is other else ite(*new)
        case Wrap(bits, signed, arg):
            inner = rebuild(arg, leaf)
            return expr if inner is arg else wrapped(bits, inner, signed=signed)
        case Quant(quantifier, binder, body):
            inner = rebuild(body, leaf)
            return expr if inner is body else Quant(quantifier, binder, inner)
        case Referenced(pointer, cls, mine):
            inner = rebuild(pointer, leaf)
            return expr if inner is pointer else Referenced(inner, cls, mine)
        case _:
            assert_never(expr)


def unary(op: UnaryOp, arg: Expr) -> Expr:
    """`op arg`."""
    if op == "!":
        return negate(arg)
    if isinstance(arg, Const):
        return Const(-arg.value if op == "-" else ~arg.value)
    return Unary(op, arg)


OPERANDS: Mapping[type, Callable[[Any], tuple[Expr, ...]]] = {
    Const: lambda _: (),
    Me: lambda _: (),
    Bound: lambda _: (),
    Global: lambda _: (),
    Local: lambda expr: () if expr.of is None else (expr.of,),
    Field: lambda expr: (expr.pointer,),
    Referenced: lambda expr: (expr.pointer,),
    Unary: lambda expr: (expr.arg,),
    Wrap: lambda expr: (expr.arg,),
    Binary: lambda expr: (expr.left, expr.right),
    Ite: lambda expr: (expr.cond, expr.then, expr.other),
    Quant: lambda expr: (expr.body,),
}  # a table, as every pass asks this of everything


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly within."""
    return OPERANDS[type(expr)](expr)


def parts(expr: Expr) -> Sequence[Expr]:
    """The expression and everything in it, from the outside in."""
    within = OPERANDS[type(expr)](expr)
    if not within:
        return (expr,)
    found = [expr, *within]
    for part in islice(found, 1, None):  # which grows meanwhile
        found += OPERANDS[type(part)](part)
    return found
