"""Between which numbers the value of an expression lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from verify.ir import (
    Binary,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Wrap,
)

COMPARISONS = frozenset({"<", ">", "<=", ">=", "==", "!=", "&&", "||", "has"})
Bounds = tuple[int, int]
Cells = Mapping[str, int]  # class: number of its cells
UNKNOWN = (0, 1 << 31)
WORD = (-(1 << 63), (1 << 63) - 1)


def bounds(expr: Expr, system: System, ranges: Mapping[str, Bounds], cells: Cells | None = None) -> Bounds:
    """Two numbers that the value of a number lies between; `ranges` are those of the binders.

    With `cells`, also a pointer or a set of threads is a number; without, all that is known of it is that it is none
    below zero.
    """
    match expr:
        case Const(value):
            return value, value
        case Bound(name):
            return ranges.get(name, UNKNOWN)
        case Global() | Local() | Field():
            return _domain(system.var(expr).domain, system, cells)
        case Unary("!") | Quant() | Referenced():
            return 0, 1
        case Unary(op, arg):
            low, high = bounds(arg, system, ranges, cells)
            return (-high, -low) if op == "-" else (~high, ~low)
        case Binary(op, left, right):
            both = bounds(left, system, ranges, cells), bounds(right, system, ranges, cells)
            return (0, 1) if op in COMPARISONS else _binary(op, *both)
        case Ite(_, then, other):
            (a, b), (c, d) = bounds(then, system, ranges, cells), bounds(other, system, ranges, cells)
            return min(a, c), max(b, d)
        case Wrap(bits, signed, arg):
            whole = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            low, high = bounds(arg, system, ranges, cells)
            return (low, high) if whole[0] <= low and high <= whole[1] else whole
        case Me():
            return _domain(Ptr(system.thread), system, cells)
        case _:
            assert_never(expr)


def _domain(domain: Domain, system: System, cells: Cells | None) -> Bounds:
    match domain:
        case Range(lo, hi):
            return min(0, lo), max(0, hi)
        case _ if cells is None:
            return UNKNOWN
        case Ptr(cls):
            return 0, cells[cls]
        case Threads():
            return 0, (1 << cells[system.thread]) - 1
        case _:
            assert_never(domain)


def _binary(op: str, left: Bounds, right: Bounds) -> Bounds:
    (a, b), (c, d) = left, right
    match op:
        case "+":
            return a + c, b + d
        case "-":
            return a - d, b - c
        case "*":
            corners = [x * y for x in left for y in right]
            return min(corners), max(corners)
        case "/":
            most = max(abs(a), abs(b))
            return (0 if a >= 0 and c >= 0 else -most), most
        case "%":
            most = max(abs(a), abs(b))
            return (0 if a >= 0 else -most), (most if b > 0 else 0)
        case "&" if a >= 0 and c >= 0:
            return 0, min(b, d)
        case "&" if a >= 0 or c >= 0:
            return 0, b if a >= 0 else d
        case "&" | "|" | "^":
            width = max(x.bit_length() for x in (a, b, c, d))
            return (0 if a >= 0 and c >= 0 else -(1 << width)), (1 << width) - 1
        case "<<" if c == d and 0 <= c < 63:  # noqa: PLR2004 - as the definition has it
            return a << c, b << c
        case "<<" if c >= 0 and d < 31:  # noqa: PLR2004 - more is more than most tools have
            corners = [x << y for x in left for y in right]
            return min(corners), max(corners)
        case "with" if a >= 0 and 0 <= d < 63:  # noqa: PLR2004 - as many threads as bits
            return 0, (1 << max(b.bit_length(), d)) - 1
        case "without" if a >= 0:
            return 0, b
        case ">>":
            return min(a, 0), max(b, 0)
        case _:
            return WORD
