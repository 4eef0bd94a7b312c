"""Intervals: how wide a bit-vector must be so that an expression of unbounded integers cannot overflow."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from verify.ir import BinaryOp

SHIFTS = (0, 63)  # the distances that shift; any other gives 0
MAX_BITS = 4096


class EncodingError(Exception):
    """The system cannot be put into bit-vectors: a name that nothing binds, or a value that may need too many bits."""


class Interval(NamedTuple):
    """The integers `lo` to `hi`, both included."""

    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """The width of its bit-vector: unsigned where `lo` is not negative, else two's complement."""
        return self.hi.bit_length() if self.lo >= 0 else signed_bits(self)


def signed_bits(of: Interval) -> int:
    """The width of a two's complement number that holds the interval."""
    return max((~of.lo if of.lo < 0 else of.lo).bit_length(), (~of.hi if of.hi < 0 else of.hi).bit_length()) + 1


def hull(a: Interval, b: Interval) -> Interval:
    """The least interval around both."""
    return Interval(min(a.lo, b.lo), max(a.hi, b.hi))


def wrapped(bits: int, of: Interval, *, signed: bool) -> Interval:
    """Where the values of `of` land as C integers of `bits` bits."""
    full = Interval(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else Interval(0, (1 << bits) - 1)
    return of if full.lo <= of.lo and of.hi <= full.hi else full


# ---- arithmetic on intervals ---------------------------------------------------------------------


def _around(values: list[int]) -> Interval:
    return Interval(min(values), max(values))


def _corners(of: Callable[[int, int], int], a: Interval, b: Interval) -> Interval:
    """The interval of an operator that is monotone in each argument."""
    return _around([of(x, y) for x in a for y in b])


def _truncated(left: int, right: int) -> int:
    quotient = abs(left) // abs(right) if right else 0
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _truncated(left, right) if right else 0


def _quotients(a: Interval, b: Interval) -> Interval:
    divisors = [d for d in (b.lo, b.hi, -1, 1) if b.lo <= d <= b.hi and d != 0]
    zero = [0] if b.lo <= 0 <= b.hi else []
    return _around([_truncated(n, d) for n in a for d in divisors] + zero)


def _remainders(a: Interval, b: Interval) -> Interval:
    most = max(abs(b.lo), abs(b.hi), 1) - 1
    return Interval(max(min(a.lo, 0), -most), min(max(a.hi, 0), most))


def _shifted(of: Callable[[int, int], int]) -> Callable[[Interval, Interval], Interval]:
    def result(a: Interval, b: Interval) -> Interval:
        least, most = max(b.lo, SHIFTS[0]), min(b.hi, SHIFTS[1])
        if least > most:
            return Interval(0, 0)
        inside = _corners(of, a, Interval(least, most))
        return inside if (least, most) == b else hull(inside, Interval(0, 0))

    return result


def _all_bits(a: Interval, b: Interval) -> Interval:
    bits = max(signed_bits(a), signed_bits(b))
    return Interval(-(1 << bits - 1), (1 << bits - 1) - 1)


def _conjunctions(a: Interval, b: Interval) -> Interval:
    if a.lo >= 0 or b.lo >= 0:
        return Interval(0, min(i.hi for i in (a, b) if i.lo >= 0))
    return Interval(_all_bits(a, b).lo, max(a.hi, b.hi))


def _disjunctions(a: Interval, b: Interval) -> Interval:
    return _all_bits(a, b) if min(a.lo, b.lo) < 0 else Interval(max(a.lo, b.lo), _all_bits(a, b).hi)


def _differences(a: Interval, b: Interval) -> Interval:
    return _all_bits(a, b) if min(a.lo, b.lo) < 0 else Interval(0, _all_bits(a, b).hi)


def _decided(*, yes: bool, no: bool) -> Interval:
    return Interval(int(yes), int(not no))


ARITHMETIC: Mapping[str, Callable[[Interval, Interval], Interval]] = {
    "+": lambda a, b: Interval(a.lo + b.lo, a.hi + b.hi),
    "-": lambda a, b: Interval(a.lo - b.hi, a.hi - b.lo),
    "*": lambda a, b: _corners(operator.mul, a, b),
    "/": _quotients,
    "%": _remainders,
    "<<": _shifted(operator.lshift),
    ">>": _shifted(operator.rshift),
    "&": _conjunctions,
    "|": _disjunctions,
    "^": _differences,
    "==": lambda a, b: _decided(yes=a.lo == a.hi == b.lo == b.hi, no=a.hi < b.lo or b.hi < a.lo),
    "!=": lambda a, b: _decided(yes=a.hi < b.lo or b.hi < a.lo, no=a.lo == a.hi == b.lo == b.hi),
    "<": lambda a, b: _decided(yes=a.hi < b.lo, no=a.lo >= b.hi),
    ">": lambda a, b: _decided(yes=a.lo > b.hi, no=a.hi <= b.lo),
    "<=": lambda a, b: _decided(yes=a.hi <= b.lo, no=a.lo > b.hi),
    ">=": lambda a, b: _decided(yes=a.lo >= b.hi, no=a.hi < b.lo),
}
CONSTANTS: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _truncated,
    "%": _remainder,
    "<<": lambda a, b: a << b if SHIFTS[0] <= b <= SHIFTS[1] else 0,
    ">>": lambda a, b: a >> b if SHIFTS[0] <= b <= SHIFTS[1] else 0,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


def result(op: BinaryOp, a: Interval, b: Interval) -> Interval:
    """An interval around `x op y` for every x in `a` and y in `b`; for constants, the value alone.

    Raises EncodingError for one of more than MAX_BITS bits.
    """
    if a.lo == a.hi and b.lo == b.hi and op in CONSTANTS:
        value = CONSTANTS[op](a.lo, b.lo)
        found = Interval(value, value)
    else:
        found = ARITHMETIC[op](a, b)
    if found.bits > MAX_BITS:
        raise EncodingError(f"a value of `{op}` may need {found.bits} bits")
    return found
