"""Unbounded integers in bit-vectors: each number carries the interval it lies in, and is just wide enough for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, assert_never

from verify.ir import BinaryOp, UnaryOp
from verify.smt.terms import Ast, Terms
from verify.smt.widths import MAX_BITS, SHIFTS, EncodingError, Interval, hull, result, signed_bits, wrapped

BOOL = Interval(0, 1)


class Num(NamedTuple):
    """An integer in `lo`..`hi`.

    `ast` is None where lo = hi; a Bool for 0..1; else a bit-vector of `Interval(lo, hi).bits` bits, unsigned where `lo`
    is not negative. `reads` is a mask of the variables it may depend on.
    """

    lo: int
    hi: int
    ast: Ast
    reads: int = 0

    def __hash__(self) -> int:
        return hash((self.lo, self.hi))  # a ctypes pointer has no hash

    @property
    def interval(self) -> Interval:
        """Where it lies."""
        return Interval(self.lo, self.hi)

    @property
    def bits(self) -> int:
        """The width of its bit-vector."""
        return self.hi.bit_length() if self.lo >= 0 else signed_bits(self.interval)


YES, NO = Num(1, 1, None), Num(0, 0, None)


def constant(value: int) -> Num:
    """The integer `value`."""
    return Num(value, value, None)


def variable(z: Terms, name: str, lo: int, hi: int, reads: int = 0) -> Num:
    """A free integer, in lo..hi once `limits` is assumed."""
    if lo == hi:
        return Num(lo, hi, None)
    return Num(lo, hi, z.variable(name, None if (lo, hi) == BOOL else Interval(lo, hi).bits), reads)


def limits(z: Terms, a: Num) -> Num:
    """Whether a `variable` lies in its interval: what its sort does not say."""
    if a.ast is None or (a.lo, a.hi) == BOOL:
        return YES
    bits, sign = a.bits, a.lo < 0
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if sign else (0, (1 << bits) - 1)
    low = YES if a.lo == least else _bool(z.signed(">=", a.ast, z.numeral(a.lo, bits), sign=sign), a.reads)
    high = YES if a.hi == most else _bool(z.signed("<=", a.ast, z.numeral(a.hi, bits), sign=sign), a.reads)
    return conjunction(z, (low, high))


def _bool(ast: Ast, reads: int) -> Num:
    return Num(0, 1, ast, reads)


def bits_of(z: Terms, a: Num, bits: int) -> Ast:
    """The bit-vector of `a` modulo 2^bits."""
    if a.ast is None:
        return z.numeral(a.lo, bits)
    if (a.lo, a.hi) == BOOL:
        return z.ite(a.ast, z.numeral(1, bits), z.numeral(0, bits))
    have = a.bits
    if have == bits:
        return a.ast
    return z.extract(bits - 1, 0, a.ast) if have > bits else z.extend(bits - have, a.ast, sign=a.lo < 0)


def _number(z: Terms, ast: Ast, bits: int, at: Interval, reads: int) -> Num:
    """The number in the interval `at` that `ast`, of `bits` bits, is modulo 2^bits."""
    if at.lo == at.hi:
        return Num(at.lo, at.hi, None, reads)
    if at == BOOL:
        return _bool(z.equal(z.extract(0, 0, ast), z.numeral(1, 1)), reads)
    return Num(at.lo, at.hi, ast if at.bits == bits else z.extract(at.bits - 1, 0, ast), reads)


def narrow(z: Terms, a: Num, at: Interval) -> Num:
    """`a`, which the caller knows to lie in `at`; where it does not, the result means nothing."""
    if at.lo <= a.lo and a.hi <= at.hi:
        return a
    bits = max(at.bits, 1)
    return _number(z, bits_of(z, a, bits), bits, at, a.reads)


# ---- truth ---------------------------------------------------------------------------------------


def truth(z: Terms, a: Num) -> Num:
    """Whether `a` is not 0."""
    if (a.lo, a.hi) == BOOL:
        return a
    if a.lo > 0 or a.hi < 0:
        return YES
    return NO if a.lo == a.hi else negation(z, _equal(z, a, NO, a.reads))


def negation(z: Terms, a: Num) -> Num:
    """1 for 0, 0 for any other."""
    a = truth(z, a)
    return Num(1 - a.hi, 1 - a.lo, None if a.ast is None else z.negation(a.ast), a.reads)


def conjunction(z: Terms, parts: Iterable[Num]) -> Num:
    """Whether none of `parts` is 0."""
    return _junction(z, parts, NO)


def disjunction(z: Terms, parts: Iterable[Num]) -> Num:
    """Whether some of `parts` is not 0."""
    return _junction(z, parts, YES)


def _junction(z: Terms, parts: Iterable[Num], decisive: Num) -> Num:
    open_parts, reads = [], 0
    for part in parts:
        found = truth(z, part)
        reads |= found.reads
        if found.ast is not None:
            open_parts.append(found.ast)
        elif found.lo == decisive.lo:
            return decisive
    if not open_parts:
        return NO if decisive is YES else YES
    if len(open_parts) == 1:
        return _bool(open_parts[0], reads)
    return _bool((z.disjunction if decisive is YES else z.conjunction)(open_parts), reads)


def choose(z: Terms, cond: Num, then: Num, other: Num) -> Num:
    """`then` if `cond` is not 0, else `other`."""
    test = truth(z, cond)
    if test.ast is None:
        return then if test.lo else other
    reads = test.reads | then.reads | other.reads
    at = hull(then.interval, other.interval)
    if at.lo == at.hi:
        return Num(at.lo, at.hi, None, reads)
    if at == BOOL:
        return _bool(_choose_bool(z, test.ast, then, other), reads)
    a, b = bits_of(z, then, at.bits), bits_of(z, other, at.bits)
    return Num(at.lo, at.hi, a if a.value == b.value else z.ite(test.ast, a, b), reads)


def _choose_bool(z: Terms, test: Ast, then: Num, other: Num) -> Ast:
    match then.ast, other.ast:
        case None, None:
            return test if then.lo else z.negation(test)
        case None, b:
            return z.either(test, b) if then.lo else z.both(z.negation(test), b)
        case a, None:
            return z.either(z.negation(test), a) if other.lo else z.both(test, a)
        case a, b:
            return a if a.value == b.value else z.ite(test, a, b)


# ---- operators -----------------------------------------------------------------------------------


def unary(z: Terms, op: UnaryOp, a: Num) -> Num:
    """`op a`."""
    match op:
        case "!":
            return negation(z, a)
        case "-":
            return binary(z, "-", constant(0), a)
        case "~":
            return binary(z, "-", constant(-1), a)
        case _:
            assert_never(op)


def binary(z: Terms, op: BinaryOp, a: Num, b: Num) -> Num:
    """`a op b`."""
    match op:
        case "&&":
            return conjunction(z, (a, b))
        case "||":
            return disjunction(z, (a, b))
        case "has":
            return _has(z, a, b)
        case "with":
            return binary(z, "|", a, _singleton(z, b))
        case "without":
            return binary(z, "&", a, unary(z, "~", _singleton(z, b)))
        case _:
            pass
    reads = a.reads | b.reads
    at = result(op, a.interval, b.interval)
    if at.lo == at.hi:
        return Num(at.lo, at.hi, None, reads)
    match op:
        case "==":
            return _equal(z, a, b, reads)
        case "!=":
            return negation(z, _equal(z, a, b, reads))
        case "<" | ">" | "<=" | ">=":
            bits, sign = _common(a, b)
            return _bool(z.signed(op, bits_of(z, a, bits), bits_of(z, b, bits), sign=sign), reads)
        case "+" | "-" | "*":
            # The low bits of a result depend on those of its arguments alone.
            bits = max(at.bits, 1)
            return _number(z, z.bits(op, bits_of(z, a, bits), bits_of(z, b, bits)), bits, at, reads)
        case "&" | "|" | "^":
            bits, _ = _common(a, b)
            return _number(z, z.bits(op, bits_of(z, a, bits), bits_of(z, b, bits)), bits, at, reads)
        case "/" | "%":
            return _divide(z, op, a, b, at)
        case "<<" | ">>":
            return _shift(z, op, a, b, at)
        case _:
            assert_never(op)


def wrap(z: Terms, bits: int, a: Num, *, signed: bool) -> Num:
    """`a` as a C integer of `bits` bits."""
    at = wrapped(bits, a.interval, signed=signed)
    return a if at == a.interval else _number(z, bits_of(z, a, bits), bits, at, a.reads)


def _common(a: Num, b: Num) -> tuple[int, bool]:
    """A width that holds both, and whether it is that of two's complement."""
    if a.lo >= 0 and b.lo >= 0:
        return max(1, a.hi.bit_length(), b.hi.bit_length()), False
    return max(signed_bits(a.interval), signed_bits(b.interval)), True


def _equal(z: Terms, a: Num, b: Num, reads: int) -> Num:
    if a.ast is not None and b.ast is not None and (a.lo, a.hi) == (b.lo, b.hi) == BOOL:
        return _bool(z.equal(a.ast, b.ast), reads)
    for one, other in ((a, b), (b, a)):
        if (one.lo, one.hi) == BOOL and other.ast is None:
            return _bool(one.ast if other.lo else z.negation(one.ast), reads)
    bits, _ = _common(a, b)
    return _bool(z.equal(bits_of(z, a, bits), bits_of(z, b, bits)), reads)


def _divide(z: Terms, op: Literal["/", "%"], a: Num, b: Num, at: Interval) -> Num:
    bits, sign = _common(a, b)
    bits += sign  # the least number has no opposite of its own width
    quotient = z.signed(op, bits_of(z, a, bits), bits_of(z, b, bits), sign=sign)
    if b.lo <= 0 <= b.hi:
        quotient = z.ite(z.equal(bits_of(z, b, bits), z.numeral(0, bits)), z.numeral(0, bits), quotient)
    return _number(z, quotient, bits, at, a.reads | b.reads)


def _shift(z: Terms, op: Literal["<<", ">>"], a: Num, b: Num, at: Interval) -> Num:
    inside = conjunction(z, (binary(z, ">=", b, constant(SHIFTS[0])), binary(z, "<=", b, constant(SHIFTS[1]))))
    sign = a.lo < 0 or at.lo < 0
    widths = [signed_bits(i) if sign else i.bits for i in (a.interval, at)]
    bits = max(*widths, SHIFTS[1].bit_length() + 1)
    distance = bits_of(z, b, bits)
    value = bits_of(z, a, bits)
    moved = z.bits("<<", value, distance) if op == "<<" else z.signed(">>", value, distance, sign=sign)
    if inside.ast is not None:
        moved = z.ite(inside.ast, moved, z.numeral(0, bits))
    return _number(z, moved, bits, at, a.reads | b.reads)


# ---- sets of threads -----------------------------------------------------------------------------


def _has(z: Terms, a: Num, b: Num) -> Num:
    """Whether bit b - 1 of `a` is set."""
    bits = signed_bits(a.interval)  # its last bit stands for all that follow
    cases = [
        conjunction(z, (binary(z, "==", b, constant(i)), _bit(z, a, i - 1)))
        for i in range(max(b.lo, 1), min(b.hi + 1, bits))
    ]
    return disjunction(z, [*cases, conjunction(z, (binary(z, ">=", b, constant(bits)), _bit(z, a, bits - 1)))])


def _bit(z: Terms, a: Num, index: int) -> Num:
    if a.ast is None:
        return constant(a.lo >> index & 1)
    if a.lo >= 0 and index >= a.interval.bits:
        return NO
    if (a.lo, a.hi) == BOOL:
        return a
    return _bool(z.equal(z.extract(index, index, a.ast), z.numeral(1, 1)), a.reads)


def _singleton(z: Terms, b: Num) -> Num:
    """The set of thread `b` alone; empty for NULL. Raises EncodingError for a set of more than MAX_BITS threads."""
    if b.hi <= 0:
        return NO
    if b.hi > MAX_BITS:
        raise EncodingError(f"a set of threads may have {b.hi} members")
    if b.ast is None:
        return constant(1 << (b.lo - 1))
    found = NO
    for i in range(max(b.lo, 1), b.hi + 1):
        found = choose(z, binary(z, "==", b, constant(i)), constant(1 << (i - 1)), found)
    return found
