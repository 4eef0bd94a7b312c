"""Terms of C with the numbers that they lie between, and the operators on them.

A term is an `int` or a `long long`. An operator whose result may not fit into an `int` has its first operand
converted, so that nothing ever overflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import eq, ge, gt, le, lt, ne

from verify.ir import BinaryOp

OPEN, AND, COMPARE, SUM, UNARY, ATOM = range(6)  # how tightly a term binds
INT, LONG = (-(1 << 31), (1 << 31) - 1), (-(1 << 63), (1 << 63) - 1)
SHIFTS = 63  # the largest
OPPOSITE: Mapping[str, BinaryOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
ORDER = {"==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt}
Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Code:
    """A term, which lies between `low` and `high`, both included."""

    text: str
    level: int
    low: int
    high: int
    wide: bool = False  # a `long long`, not an `int`
    truth: bool = False  # 0 or 1, and good as a condition
    chain: str = ""  # the operator that it is a chain of

    def at(self, level: int) -> str:
        """The text, in parentheses where it binds less tightly than `level`."""
        return self.text if self.level >= level else f"({self.text})"

    @property
    def type(self) -> str:
        """Its type in C."""
        return "long long" if self.wide else "int"


def within(code: Code, limits: Bounds) -> bool:
    """Whether all values of a term lie between two numbers."""
    return limits[0] <= code.low and code.high <= limits[1]


def sized(code: Code, operand: Code | None = None) -> Code:
    """The term as a `long long` if an `int` does not hold it; an operator by converting its only operand."""
    if within(code, INT) or code.wide:
        return code
    if operand is not None:
        text = f"{code.text[0]}(long long){operand.at(UNARY)}"
        return replace(code, text=text, wide=True)
    return replace(code, wide=True)


def literal(value: int) -> Code:
    """A number."""
    wide = not INT[0] <= value <= INT[1]
    suffix = "LL" if wide else ""
    if value in (INT[0], LONG[0]):  # -x is an operator, and x alone would not fit
        return Code(f"({value + 1}{suffix} - 1)", ATOM, value, value, wide=wide)
    return Code(f"{value}{suffix}", UNARY if value < 0 else ATOM, value, value, wide=wide, truth=value in (0, 1))


def compared(op: BinaryOp, left: Code, right: Code) -> Code:
    """A comparison, decided where it can be."""
    if left.low == left.high and right.low == right.high:
        return literal(int(ORDER[op](left.low, right.low)))
    if left.text == right.text:
        return literal(int(ORDER[op](0, 0)))
    corners = {ORDER[op](a, b) for a in (left.low, left.high) for b in (right.low, right.high)}
    apart = left.high < right.low or right.high < left.low
    if len(corners) == 1 and (op not in ("==", "!=") or apart):
        return literal(int(corners.pop()))
    for one, two in ((left, right), (right, left)):
        if one.truth and op in ("==", "!=") and two.low == two.high and two.low in (0, 1):
            return one if (two.low == 1) == (op == "==") else Code(f"!{one.at(UNARY)}", COMPARE, 0, 1, truth=True)
    return Code(f"{left.at(SUM)} {op} {right.at(SUM)}", COMPARE, 0, 1, truth=True)


def arithmetic(op: BinaryOp, left: Code, right: Code, helpers: set[str]) -> Code:
    """An operator on numbers; notes in `helpers` the function that it is, where C's operator is another."""
    low, high = _bounds(op, left, right)
    wide = left.wide or right.wide or not within(Code("", ATOM, low, high), INT)
    first = left.at(UNARY) if wide == (left.wide or right.wide) else f"(long long){left.at(UNARY)}"
    constant = right.low == right.high
    match op:
        case "+" | "-" | "*":
            return Code(f"{first} {op} {right.at(UNARY)}", SUM, low, high, wide=wide)
        case "&" | "|" | "^":
            return Code(f"{first} {op} {right.at(UNARY)}", OPEN, low, high, wide=wide)
        case "/" | "%" if right.low > 0 or right.high < 0:
            return Code(f"{first} {op} {right.at(UNARY)}", SUM, low, high, wide=wide)
        case "<<" if constant and left.low >= 0 and 0 <= right.low < SHIFTS:
            return Code(f"{first} << {right.at(UNARY)}", OPEN, low, high, wide=wide)
        case ">>" if right.low >= 0 and right.high < (SHIFTS if left.wide else INT[1].bit_length()):
            return Code(f"{left.at(UNARY)} >> {right.at(UNARY)}", OPEN, low, high, wide=left.wide)
        case _:
            name = {"/": "quotient", "%": "remainder_of", "<<": "shift_left", ">>": "shift_right"}[op]
            helpers.add(name)
            return Code(f"{name}({left.text}, {right.text})", ATOM, low, high, wide=True)


def whole(values: Iterable[int]) -> Bounds:
    """The numbers of two's complement with as many bits as the longest of some needs."""
    bits = max(value.bit_length() if value >= 0 else (~value).bit_length() for value in values)
    return -(1 << bits), (1 << bits) - 1


def _bounds(op: BinaryOp, left: Code, right: Code) -> Bounds:
    (a, b), (c, d) = (left.low, left.high), (right.low, right.high)
    match op:
        case "+":
            return a + c, b + d
        case "-":
            return a - d, b - c
        case "*":
            corners = [x * y for x in (a, b) for y in (c, d)]
            return min(corners), max(corners)
        case "/":
            most = max(abs(a), abs(b))
            return (0 if a >= 0 and c >= 0 else -most), most
        case "%":
            most = min(max(abs(a), abs(b)), max(abs(c), abs(d)))
            return (0 if a >= 0 else -most), (most if b > 0 else 0)
        case "&" if a >= 0 and c >= 0:
            return 0, min(b, d)
        case "&" if a >= 0 or c >= 0:
            return 0, b if a >= 0 else d
        case "&" | "|" | "^":
            low, high = whole((a, b, c, d))
            return (0 if a >= 0 and c >= 0 else low), high
        case "<<" | ">>":
            shifts = range(max(c, 0), min(d, SHIFTS) + 1)
            ends = (shifts[0], shifts[-1]) if shifts else ()
            corners = [(x << y if op == "<<" else x >> y) for x in (a, b) for y in ends]
            corners += [0] if not ends or c < 0 or d > SHIFTS else []
            return min(corners), max(corners)
        case _:
            raise AssertionError(op)
