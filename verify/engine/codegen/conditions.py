"""Conditions as Python source: comparisons of known bits with known numbers are gathered into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from verify.engine.codegen.operators import binary, members
from verify.engine.codegen.places import Where, lookup
from verify.engine.codegen.pysource import (
    AND,
    ATOM,
    BITAND,
    BITOR,
    COMPARE,
    NO,
    NOT,
    OR,
    YES,
    Code,
    Cond,
    Vector,
    Writer,
)
from verify.ir import BinaryOp
from verify.semantics import operate

OPPOSITE: Mapping[BinaryOp, BinaryOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def truth(code: Code, *, wanted: bool) -> Cond:
    """Whether a number is not 0 (or is)."""
    if code.fixed is not None:
        truths = {(entry != 0) == wanted for entry in code.fixed}
        if len(truths) == 1:
            return YES if truths.pop() else NO
    elif code.lo > 0 or code.hi < 0:
        return YES if wanted else NO
    return Cond(code.text, code.level, depth=code.depth) if wanted else negated(code.at(NOT), code.depth)


def negated(text: str, depth: int) -> Cond:
    """The opposite of a condition that binds at least like `not`."""
    return Cond(f"not {text}", NOT, depth=depth + 1)


def join(writer: Writer, parts: Iterable[Cond], *, every: bool) -> Cond:
    """Whether all of the parts hold (or, `every` false, some): comparisons of fixed bits with fixed numbers as one."""
    rest: list[Cond] = []
    pinned: Cond | None = None
    for part in parts:
        if part.always is not None:
            if part.always != every:
                return part
        elif part.pin is not None and part.sharp != every:
            both = None if pinned is None else _merged(writer, pinned, part)
            if both is not None and both.always is not None:  # no bits can be two things at once
                return both
            if pinned is not None and both is None:
                rest.append(pinned)
            pinned = both or part
        elif part.text not in {other.text for other in rest}:
            rest.append(part)
    if pinned is not None:
        rest.insert(0, pinned)
    if len(rest) <= 1:
        return rest[0] if rest else (YES if every else NO)
    level, word = (AND, " and ") if every else (OR, " or ")
    depth = max(part.depth for part in rest) + 1
    return Cond(word.join(part.at(level + 1) for part in rest), level, depth=depth)


class Operand(NamedTuple):
    """One side of a comparison, and where it is read from if it is a place."""

    code: Code
    place: Where | None = None


def _merged(writer: Writer, one: Cond, two: Cond) -> Cond | None:
    """Both comparisons as one; None where that differs from thread to thread."""
    if one.pin is None or two.pin is None:
        return None
    clash = [(a & b & (c ^ d)) != 0 for a, b, c, d in zip(one.pin[0], two.pin[0], one.pin[1], two.pin[1], strict=True)]
    if all(clash):
        return YES if one.sharp else NO
    if any(clash):
        return None
    masks, values = (tuple(a | b for a, b in zip(one.pin[i], two.pin[i], strict=True)) for i in (0, 1))
    return pin(writer, masks, values, sharp=one.sharp)


def pin(writer: Writer, masks: Vector, values: Vector, *, sharp: bool) -> Cond:
    """Whether the bits of the state under `masks` are (or, `sharp`, are not) `values`."""
    bits = f"s & {writer.number(masks)}"
    if all(v == 0 for v in values):
        text, level = (bits, BITAND) if sharp else (f"not {bits}", NOT)
    elif all(m == v and m.bit_count() == 1 for m, v in zip(masks, values, strict=True)):
        text, level = (f"not {bits}", NOT) if sharp else (bits, BITAND)
    else:
        text, level = f"{bits} {'!=' if sharp else '=='} {writer.number(values)}", COMPARE
    return Cond(text, level, pin=(masks, values), sharp=sharp, depth=1)


def compare(writer: Writer, op: BinaryOp, left: Operand, right: Operand) -> Cond:
    """Whether two numbers are equal, different, or in order."""
    one, two = left.code, right.code
    if one.fixed is not None and two.fixed is not None:
        return truth(binary(writer, op, one, two), wanted=True)
    outcome = _decided(op, one, two)
    if outcome is not None:
        return YES if outcome else NO
    if op in ("==", "!="):
        for found, number in ((left.place, two), (right.place, one)):
            if found is not None and number.fixed is not None:
                if found.shifts is not None:
                    return _pinned(writer, found, number.fixed, sharp=op == "!=")
                if set(number.fixed) == {0} and found.low == 0:
                    ones = (1 << found.width) - 1
                    bits = f"s & {lookup(writer, found, ones.__lshift__, 0)}"
                    depth = found.depth + 1
                    return Cond(bits, BITAND, depth=depth) if op == "!=" else negated(bits, depth)
        if two.fixed is not None and set(two.fixed) == {0}:
            return truth(one, wanted=op == "!=")
    text = f"{one.at(BITOR)} {op} {two.at(BITOR)}"
    return Cond(text, COMPARE, depth=max(one.depth, two.depth) + 1)


def _pinned(writer: Writer, found: Where, numbers: Vector, *, sharp: bool) -> Cond:
    """Whether a place at known bits is (or is not) a number that it can be."""
    if found.shifts is None:
        raise AssertionError
    mask = (1 << found.width) - 1
    if not all(found.low <= n <= found.high for n in numbers):
        text = f"s >> {writer.number(found.shifts)} & {mask}"
        number = writer.number(tuple(n - found.low for n in numbers))
        return Cond(f"{writer.read(text)} {'!=' if sharp else '=='} {number}", COMPARE, depth=2)
    masks = tuple(mask << shift for shift in found.shifts)
    values = tuple((n - found.low) << shift for n, shift in zip(numbers, found.shifts, strict=True))
    return pin(writer, masks, values, sharp=sharp)


def _decided(op: BinaryOp, left: Code, right: Code) -> bool | None:
    """The outcome of a comparison, if the intervals of its operands decide it."""
    below, above = left.hi < right.lo, left.lo > right.hi
    at_most, at_least = left.hi <= right.lo, left.lo >= right.hi
    yes, no = {
        "==": (False, below or above),
        "!=": (below or above, False),
        "<": (below, at_least),
        ">": (above, at_most),
        "<=": (at_most, above),
        ">=": (at_least, below),
    }[op]
    return True if yes else False if no else None


def has(writer: Writer, group: Code, thread: Code, *, wanted: bool) -> Cond:
    """Whether a thread is in a set of threads (or is not)."""
    if group.fixed is not None and thread.fixed is not None:
        return truth(binary(writer, "has", group, thread), wanted=wanted)
    if thread.lo < 0 or thread.hi > writer.places.tasks.count:
        operation = writer.give((operate,) * len(writer.threads))
        bit = Code(f"{operation}('has', {group.text}, {thread.text})", ATOM, 0, 1)
    else:
        bit = Code(f"{group.at(BITAND)} & {members(writer, thread)}", BITAND, 0, 1)
    return truth(bit._replace(depth=max(group.depth, thread.depth) + 1), wanted=wanted)
