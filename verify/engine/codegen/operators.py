"""Operators on numbers as Python source, with the interval that the result lies in."""

from __future__ import annotations

from collections.abc import Mapping

from verify.engine.codegen.pysource import (
    ATOM,
    BITAND,
    BITOR,
    BITXOR,
    COMPARE,
    IF,
    OR,
    PRODUCT,
    SHIFT,
    SUM,
    Code,
    Cond,
    Writer,
    constant,
)
from verify.ir import BinaryOp, UnaryOp
from verify.semantics import SHIFT_MAX, operate, wrap


def flag(writer: Writer, cond: Cond) -> Code:
    """1 if the condition holds, else 0."""
    if cond.always is not None:
        return constant(writer, (int(cond.always),) * len(writer.threads))
    if cond.level == COMPARE:  # Python's bool is a number already
        return Code(cond.text, COMPARE, 0, 1, depth=cond.depth)
    return Code(f"1 if {cond.at(OR)} else 0", IF, 0, 1, depth=cond.depth + 1)


def choice(cond: Cond, then: Code, other: Code) -> Code:
    """The number `then` if the condition holds, else `other`."""
    if cond.always is not None:
        return then if cond.always else other
    depth = max(cond.depth, then.depth, other.depth) + 1
    text = f"{then.at(OR)} if {cond.at(OR)} else {other.text}"
    return Code(text, IF, min(then.lo, other.lo), max(then.hi, other.hi), depth=depth)


def wrapped(writer: Writer, inner: Code, bits: int, *, signed: bool) -> Code:
    """The number as a C integer of `bits` bits."""
    half = 1 << bits - 1
    low, high = (-half, half - 1) if signed else (0, 2 * half - 1)
    if inner.fixed is not None:
        return constant(writer, tuple(wrap(v, bits, signed=signed) for v in inner.fixed))
    if low <= inner.lo and inner.hi <= high:
        return inner
    text = f"{inner.at(BITAND)} & {2 * half - 1}"
    if signed:
        return Code(f"(({text}) ^ {half}) - {half}", SUM, low, high, depth=inner.depth + 3)
    return Code(text, BITAND, low, high, depth=inner.depth + 1)


def unary(writer: Writer, op: UnaryOp, inner: Code) -> Code:
    """The value of `-` or `~`."""
    if inner.fixed is not None:
        return constant(writer, tuple(-v if op == "-" else ~v for v in inner.fixed))
    first = 0 if op == "-" else -1  # ~x is -1 - x, also where Python has x as a bool
    return Code(f"{first} - {inner.at(PRODUCT)}", SUM, first - inner.hi, first - inner.lo, depth=inner.depth + 1)


PYTHON: Mapping[str, int] = {
    "+": SUM, "-": SUM, "*": PRODUCT, "<<": SHIFT, ">>": SHIFT, "&": BITAND, "^": BITXOR, "|": BITOR,
}  # fmt: skip


def binary(writer: Writer, op: BinaryOp, left: Code, right: Code) -> Code:
    """The value of an operator of arithmetic, or on sets of threads."""
    if left.fixed is not None and right.fixed is not None:
        return constant(writer, tuple(operate(op, a, b) for a, b in zip(left.fixed, right.fixed, strict=True)))
    lo, hi = _interval(op, left, right)
    depth = max(left.depth, right.depth) + 1
    natural = op in PYTHON and (op not in ("<<", ">>") or (right.lo >= 0 and right.hi <= SHIFT_MAX))
    if natural:
        level = PYTHON[op]
        return Code(f"{left.at(level)} {op} {right.at(level + 1)}", level, lo, hi, depth=depth)
    if op in ("/", "%") and left.lo >= 0 and right.lo > 0:
        python = "//" if op == "/" else "%"
        return Code(f"{left.at(PRODUCT)} {python} {right.at(ATOM)}", PRODUCT, lo, hi, depth=depth)
    if op in ("with", "without") and right.lo >= 0 and right.hi <= writer.places.tasks.count:
        bit = members(writer, right, invert=op == "without")
        sign, level = ("|", BITOR) if op == "with" else ("&", BITAND)
        return Code(f"{left.at(level)} {sign} {bit}", level, lo, hi, depth=depth)
    operation = writer.give((operate,) * len(writer.threads))
    return Code(f"{operation}({op!r}, {left.text}, {right.text})", ATOM, lo, hi, depth=depth)


def members(writer: Writer, thread: Code, *, invert: bool = False) -> str:
    """The set that holds just `thread`, or (`invert`) all others; nobody for NULL."""
    bits = [1 << index >> 1 for index in range(writer.places.tasks.count + 1)]
    if thread.fixed is not None:
        return f"({writer.number(tuple(~bits[i] if invert else bits[i] for i in thread.fixed))})"
    table = tuple(~bit if invert else bit for bit in bits)
    return f"{writer.give((table,) * len(writer.threads))}[{thread.text}]"


def _interval(op: BinaryOp, left: Code, right: Code) -> tuple[int, int]:
    """The least and the greatest value that the operator can give."""
    size = max(abs(n).bit_length() for n in (left.lo, left.hi, right.lo, right.hi))
    wide = (-(1 << size), (1 << size) - 1)
    positive = left.lo >= 0 and right.lo >= 0
    match op:
        case "+":
            return left.lo + right.lo, left.hi + right.hi
        case "-":
            return left.lo - right.hi, left.hi - right.lo
        case "*":
            corners = [a * b for a in (left.lo, left.hi) for b in (right.lo, right.hi)]
            return min(corners), max(corners)
        case "&":
            bounds = [code.hi for code in (left, right) if code.lo >= 0]
            return (0, min(bounds)) if bounds else wide
        case "|" | "^":
            return (0, wide[1]) if positive else wide
        case "<<":
            top = max(0, min(right.hi, SHIFT_MAX))
            return min(left.lo << top, left.lo, 0), max(left.hi << top, left.hi, 0)
        case ">>":
            return min(left.lo, 0), max(left.hi, 0)
        case "/" | "%":
            bound = max(abs(left.lo), abs(left.hi))
            if op == "%":
                bound = min(bound, max(abs(right.lo), abs(right.hi)))
            return (0 if positive else -bound), (bound if left.hi > 0 or not positive else 0)
        case "with":
            reach = max(0, right.hi)
            return min(left.lo, left.hi, 0), max(left.hi, (1 << max(reach, left.hi.bit_length())) - 1)
        case "without":
            return (0, left.hi) if left.lo >= 0 else (left.lo * 2 - (1 << max(0, right.hi)), max(left.hi, 0))
        case _:
            return 0, 1
