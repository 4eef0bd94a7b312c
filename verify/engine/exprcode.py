"""IR expressions as Python source over packed states.

Only positional identifiers and integers reach the text: `s` the state, `r3` a part of it that is read, `k3` an object
handed to the generated code (numbers that differ from thread to thread, tables indexed by a pointer), `b3` a loop
variable. What the numbers can be is known by interval arithmetic: wrapping and checks that cannot matter are left out.

A vector is a tuple with one entry for each thread that the code is made for: the same text serves them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from verify.engine.packing import Layout
from verify.instances import THREAD, Slot
from verify.ir import (
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Ptr,
    Quant,
    Referenced,
    Unary,
    Wrap,
)
from verify.semantics import SHIFT_MAX, SemanticsError, operate, wrap

# Levels of Python's grammar, loosest first.
IF, OR, AND, NOT, COMPARE, BITOR, BITXOR, BITAND, SHIFT, SUM, PRODUCT, ATOM = range(12)
UNROLL = 256  # bodies of nested quantifiers and broadcasts that are written out; beyond, a loop
DEEP = 40  # an expression nested deeper is computed ahead of time
LOOPS = re.compile(r"\bb\d+\b")
READS = re.compile(r"\br(\d+)\b")

Vector = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression whose value lies in `lo` to `hi`; `fixed` if it is known beforehand."""

    text: str
    level: int
    lo: int
    hi: int
    fixed: Vector | None = None
    depth: int = 0

    def at(self, level: int) -> str:
        """The text, in parentheses where an operand of `level` needs them."""
        return self.text if self.level >= level else f"({self.text})"


@dataclass(frozen=True, slots=True)
class Cond:
    """A Python condition. `always`: its truth is known. `pin`: it says that s & mask == value (or, `sharp`, !=)."""

    text: str
    level: int
    always: bool | None = None
    pin: tuple[Vector, Vector] | None = None
    sharp: bool = False
    depth: int = 0

    def at(self, level: int) -> str:
        """The text, in parentheses where an operand of `level` needs them."""
        return self.text if self.level >= level else f"({self.text})"


YES, NO = Cond("True", ATOM, always=True), Cond("False", ATOM, always=False)
Env = Mapping[str, Code]  # what the bound names stand for


@dataclass(slots=True)
class Writer:
    """What is collected while the text of one function is written, for the threads `threads` (0: a property)."""

    places: Layout
    threads: Vector
    given: dict[tuple[object, ...], str] = field(default_factory=dict)  # entries for each thread: name
    reads: list[str] = field(default_factory=list)  # the text of r0, r1, ...
    named: dict[str, int] = field(default_factory=dict)  # text: its number in `reads`
    eager: set[int] = field(default_factory=set)  # reads to be made once, at the top
    looped: set[int] = field(default_factory=set)  # reads that depend on a loop variable
    loops: int = 0  # loop variables so far
    within: int = 0  # loops around the text being written

    def give(self, entries: Sequence[object]) -> str:
        """Return the name of an object that has one value for each thread."""
        return self.given.setdefault(tuple(entries), f"k{len(self.given)}")

    def number(self, entries: Vector) -> str:
        """Return a literal or a name for numbers fixed beforehand."""
        if len(set(entries)) > 1:
            return self.give(entries)
        return str(entries[0]) if abs(entries[0]) < 1 << 16 else hex(entries[0])

    def read(self, text: str, *, eager: bool = False) -> str:
        """Return the name of a part of the state."""
        index = self.named.setdefault(text, len(self.reads))
        if index == len(self.reads):
            self.reads.append(text)
            if self.varies(text):
                self.looped.add(index)
        if eager or self.within:
            self.eager.add(index)
        return f"r{index}"

    def varies(self, text: str) -> bool:
        """Whether the text depends on a loop variable."""
        return LOOPS.search(text) is not None or any(int(found[1]) in self.looped for found in READS.finditer(text))


def finish(writer: Writer, lines: Sequence[str]) -> list[str]:
    """Return `lines` with every read written out where it is used once, and made ahead where it is used often."""
    body = "\n".join(lines)
    ahead: list[str] = []
    for index in reversed(range(len(writer.reads))):
        name = re.compile(rf"\br{index}\b")
        uses = sum(len(name.findall(text)) for text in (body, *ahead))
        if index not in writer.looped and uses > (0 if index in writer.eager else 1):
            ahead.insert(0, f"r{index} = {writer.reads[index]}")
        elif uses:
            text = f"({writer.reads[index]})"
            body = name.sub(text, body)
            ahead = [name.sub(text, line) for line in ahead]
    return [*ahead, *body.split("\n")]


# ---- values --------------------------------------------------------------------------------------


def constant(writer: Writer, entries: Vector) -> Code:
    """Numbers known beforehand."""
    text = writer.number(entries)
    return Code(text, SUM if text.startswith("-") else ATOM, min(entries), max(entries), entries)


def value(writer: Writer, expr: Expr, env: Env) -> Code:
    """The number that `expr` denotes. Raises SemanticsError for a name that nothing binds."""
    code = _value(writer, expr, env)
    if code.depth <= DEEP or writer.varies(code.text):
        return code
    return replace(code, text=writer.read(code.text, eager=True), level=ATOM, depth=0)


def _value(writer: Writer, expr: Expr, env: Env) -> Code:
    match expr:
        case Const(number):
            return constant(writer, (number,) * len(writer.threads))
        case Me():
            return constant(writer, writer.threads)
        case Bound(name):
            if name not in env:
                raise SemanticsError(f"unbound name `{name}`")
            return env[name]
        case Global() | Local() | Field():
            return _read(writer, expr, env)
        case Unary("!") | Binary("&&" | "||" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "has") | Quant() | Referenced():
            return _flag(writer, test(writer, expr, env))
        case Unary(op, arg):
            inner = value(writer, arg, env)
            if op == "-":
                made = Code(f"0 - {inner.at(PRODUCT)}", SUM, -inner.hi, -inner.lo)
            else:
                made = Code(f"-1 - {inner.at(PRODUCT)}", SUM, -1 - inner.hi, -1 - inner.lo)
            if inner.fixed is not None:
                return constant(writer, tuple(-v if op == "-" else ~v for v in inner.fixed))
            return replace(made, depth=inner.depth + 1)
        case Binary(op, left, right):
            return _binary(writer, op, value(writer, left, env), value(writer, right, env))
        case Ite(cond, then, other):
            return _choice(test(writer, cond, env), value(writer, then, env), value(writer, other, env))
        case Wrap(bits, signed, arg):
            return _wrap(writer, value(writer, arg, env), bits, signed=signed)
        case _:
            assert_never(expr)


def _flag(writer: Writer, cond: Cond) -> Code:
    if cond.always is not None:
        return constant(writer, (int(cond.always),) * len(writer.threads))
    if cond.level == COMPARE:  # Python's bool is a number already
        return Code(cond.text, COMPARE, 0, 1, depth=cond.depth)
    return Code(f"1 if {cond.at(OR)} else 0", IF, 0, 1, depth=cond.depth + 1)


def _choice(cond: Cond, then: Code, other: Code) -> Code:
    if cond.always is not None:
        return then if cond.always else other
    depth = max(cond.depth, then.depth, other.depth) + 1
    text = f"{then.at(OR)} if {cond.at(OR)} else {other.text}"
    return Code(text, IF, min(then.lo, other.lo), max(then.hi, other.hi), depth=depth)


def _wrap(writer: Writer, inner: Code, bits: int, *, signed: bool) -> Code:
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


PYTHON: Mapping[str, int] = {
    "+": SUM, "-": SUM, "*": PRODUCT, "<<": SHIFT, ">>": SHIFT, "&": BITAND, "^": BITXOR, "|": BITOR,
}  # fmt: skip


def _binary(writer: Writer, op: BinaryOp, left: Code, right: Code) -> Code:
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
        bit = _members(writer, right, invert=op == "without")
        sign, level = ("|", BITOR) if op == "with" else ("&", BITAND)
        return Code(f"{left.at(level)} {sign} {bit}", level, lo, hi, depth=depth)
    operation = writer.give((operate,) * len(writer.threads))
    return Code(f"{operation}({op!r}, {left.text}, {right.text})", ATOM, lo, hi, depth=depth)


def _members(writer: Writer, thread: Code, *, invert: bool = False) -> str:
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


# ---- places --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """The bits of a place: at `shifts` if they are known beforehand, else at entry `pointer` of a table.

    Entry 0, NULL, is None. `key` names the variable: two places with different keys are never the same slot.
    """

    key: tuple[str, str]
    width: int
    low: int
    high: int
    shifts: Vector | None
    table: tuple[int | None, ...] = ()
    pointer: str = ""
    null: bool = False  # the pointer may be NULL
    depth: int = 0


def where(writer: Writer, place: Place, env: Env) -> Where | None:
    """The bits that a place denotes; None if it lies behind NULL for sure."""
    match place:
        case Global(name):
            cell, pointer = "", constant(writer, (0,) * len(writer.threads))
        case Local(name, of):
            cell, pointer = THREAD, value(writer, of or Me(), env)
        case Field(target, cls, name):
            cell, pointer = cls, value(writer, target, env)
        case _:
            assert_never(place)
    bits = writer.places.bits
    slots = {index: bits.get(Slot(cell, index, name)) for index in range(_last(writer, cell) + 1)}
    found = [place for place in slots.values() if place is not None]
    if not found:
        return None
    _, width, low, high = found[0]
    key = (cell, name)
    if pointer.fixed is not None:
        targets = [slots.get(index) for index in pointer.fixed]
        if all(target is None for target in targets):
            return None
        known = [target.shift for target in targets if target is not None]
        if len(known) == len(targets):
            return Where(key, width, low, high, tuple(known))
    table = tuple(None if place is None else place.shift for place in slots.values())
    text = pointer.text
    if pointer.lo < 0 or pointer.hi >= len(table):
        valid = {index: index for index in range(1, len(table))}
        text = f"{writer.give((_getter(valid),) * len(writer.threads))}({text}, 0)"
    null = not (pointer.lo > 0 and pointer.hi < len(table))
    return Where(key, width, low, high, None, table, text, null, pointer.depth + 1)


def _getter(valid: Mapping[int, int]) -> Callable[[int, int], int]:
    return lambda index, default: valid.get(index, default)


def _last(writer: Writer, cell: str) -> int:
    if not cell:
        return 0
    inst = writer.places.instance
    return max(inst.tasks if cell == THREAD else 0, inst.sizes.get(cell, 0))


def lookup(writer: Writer, place: Where, entry: Callable[[int], int], null: int) -> str:
    """Text for what `entry` gives for the shift of a place behind a pointer, or `null`."""
    table = tuple(null if shift is None else entry(shift) for shift in place.table)
    return f"{writer.give((table,) * len(writer.threads))}[{place.pointer}]"


def _read(writer: Writer, place: Place, env: Env) -> Code:
    found = where(writer, place, env)
    if found is None:
        return constant(writer, (0,) * len(writer.threads))
    mask = (1 << found.width) - 1
    if found.low == found.high and not (found.null and found.low):
        return constant(writer, (found.low,) * len(writer.threads))
    if found.shifts is not None:
        text, low = writer.read(f"s >> {writer.number(found.shifts)} & {mask}"), str(found.low)
    else:
        text = writer.read(f"s >> {lookup(writer, found, int, writer.places.size)} & {mask}")
        low = lookup(writer, found, lambda _: found.low, 0) if found.null else str(found.low)
    bounds = (min(found.low, 0), max(found.high, 0)) if found.null else (found.low, found.high)
    if found.low == 0:
        return Code(text, ATOM, *bounds, depth=found.depth)
    return Code(f"{text} + {low}", SUM, *bounds, depth=found.depth + 1)


# ---- conditions ----------------------------------------------------------------------------------


def test(writer: Writer, expr: Expr, env: Env, *, wanted: bool = True) -> Cond:
    """Whether `expr` is nonzero (or, `wanted` false, is zero)."""
    cond = _test(writer, expr, env, wanted=wanted)
    if cond.depth <= DEEP or writer.varies(cond.text):
        return cond
    return Cond(writer.read(cond.text, eager=True), ATOM)


def _test(writer: Writer, expr: Expr, env: Env, *, wanted: bool) -> Cond:
    match expr:
        case Unary("!", arg):
            return test(writer, arg, env, wanted=not wanted)
        case Binary("&&" | "||" as op, _, _):
            parts = [test(writer, part, env, wanted=wanted) for part in flat(expr, op)]
            return join(writer, parts, every=(op == "&&") == wanted)
        case Binary("==" | "!=" | "<" | ">" | "<=" | ">=" as op, left, right):
            return _compare(writer, op if wanted else OPPOSITE[op], (left, right), env)
        case Binary("has", group, thread):
            return _has(writer, value(writer, group, env), value(writer, thread, env), wanted=wanted)
        case Ite(cond, then, other):
            chosen = test(writer, cond, env)
            yes, no = (test(writer, branch, env, wanted=wanted) for branch in (then, other))
            if chosen.always is not None:
                return yes if chosen.always else no
            depth = max(chosen.depth, yes.depth, no.depth) + 1
            return Cond(f"{yes.at(OR)} if {chosen.at(OR)} else {no.text}", IF, depth=depth)
        case Quant(quantifier, binder, body):
            return _quantified(writer, binder, body, env, every=(quantifier == "forall") == wanted, wanted=wanted)
        case Referenced():
            return _referenced(writer, expr, env, wanted=wanted)
        case Global() | Local() | Field():
            return _compare(writer, "!=" if wanted else "==", (expr, Const(0)), env)
        case _:
            return _truth(writer, value(writer, expr, env), wanted=wanted)


OPPOSITE: Mapping[BinaryOp, BinaryOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _truth(writer: Writer, code: Code, *, wanted: bool) -> Cond:
    """Whether a number is not 0 (or is)."""
    if code.fixed is not None:
        truths = {(entry != 0) == wanted for entry in code.fixed}
        if len(truths) == 1:
            return YES if truths.pop() else NO
    elif code.lo > 0 or code.hi < 0:
        return YES if wanted else NO
    return Cond(code.text, code.level, depth=code.depth) if wanted else _negated(code.at(NOT), code.depth)


def _negated(text: str, depth: int) -> Cond:
    return Cond(f"not {text}", NOT, depth=depth + 1)


def flat(expr: Expr, op: BinaryOp) -> Iterable[Expr]:
    """The operands of a chain of one operator, in order."""
    if isinstance(expr, Binary) and expr.op == op:
        yield from flat(expr.left, op)
        yield from flat(expr.right, op)
    else:
        yield expr


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


def _compare(writer: Writer, op: BinaryOp, operands: tuple[Expr, Expr], env: Env) -> Cond:
    left, right = (value(writer, operand, env) for operand in operands)
    if left.fixed is not None and right.fixed is not None:
        return _truth(writer, _binary(writer, op, left, right), wanted=True)
    truth = _decided(op, left, right)
    if truth is not None:
        return YES if truth else NO
    if op in ("==", "!="):
        for place, number in ((operands[0], right), (operands[1], left)):
            if isinstance(place, Global | Local | Field) and number.fixed is not None:
                found = where(writer, place, env)
                if found is not None and found.shifts is not None:
                    return _pinned(writer, found, number.fixed, sharp=op == "!=")
                if found is not None and set(number.fixed) == {0} and found.low == 0:
                    mask = (1 << found.width) - 1
                    bits = f"s & {lookup(writer, found, lambda shift: mask << shift, 0)}"
                    depth = found.depth + 1
                    return Cond(bits, BITAND, depth=depth) if op == "!=" else _negated(bits, depth)
        if right.fixed is not None and set(right.fixed) == {0}:
            return _truth(writer, left, wanted=op == "!=")
    text = f"{left.at(BITOR)} {op} {right.at(BITOR)}"
    return Cond(text, COMPARE, depth=max(left.depth, right.depth) + 1)


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


def _has(writer: Writer, group: Code, thread: Code, *, wanted: bool) -> Cond:
    if group.fixed is not None and thread.fixed is not None:
        return _truth(writer, _binary(writer, "has", group, thread), wanted=wanted)
    if thread.lo < 0 or thread.hi > writer.places.tasks.count:
        operation = writer.give((operate,) * len(writer.threads))
        bit = Code(f"{operation}('has', {group.text}, {thread.text})", ATOM, 0, 1)
    else:
        bit = Code(f"{group.at(BITAND)} & {_members(writer, thread)}", BITAND, 0, 1)
    return _truth(writer, replace(bit, depth=max(group.depth, thread.depth) + 1), wanted=wanted)


def unrolled(writer: Writer, binder: Binder, env: Env, *, limit: int = UNROLL) -> list[Env] | None:
    """One environment for each value of a binder; None if there are too many."""
    values = writer.places.instance.choices(binder)
    if len(values) > limit:
        return None
    return [{**env, binder.name: constant(writer, (number,) * len(writer.threads))} for number in values]


def loop(writer: Writer, binder: Binder, env: Env) -> tuple[str, str, Env]:
    """A loop variable for a binder, the text of its values, and the environment within."""
    values = writer.places.instance.choices(binder)
    name = f"b{writer.loops}"
    writer.loops += 1
    low, high = (values[0], values[-1]) if values else (1, 1)
    return name, writer.give((values,) * len(writer.threads)), {**env, binder.name: Code(name, ATOM, low, high)}


def _quantified(writer: Writer, binder: Binder, body: Expr, env: Env, *, every: bool, wanted: bool) -> Cond:
    nested = _size(writer, body)
    envs = unrolled(writer, binder, env, limit=UNROLL // nested)
    if envs is not None:
        return join(writer, [test(writer, body, inner, wanted=wanted) for inner in envs], every=every)
    name, values, inner = loop(writer, binder, env)
    writer.within += 1
    cond = test(writer, body, inner, wanted=wanted)
    writer.within -= 1
    text = f"{'all' if every else 'any'}({cond.text if cond.always is None else cond.always} for {name} in {values})"
    return Cond(text, ATOM, depth=cond.depth + 1)


def _size(writer: Writer, expr: Expr) -> int:
    """How many bodies the quantifiers inside `expr` come to; at most UNROLL."""
    match expr:
        case Quant(_, binder, body):
            return max(1, min(UNROLL, len(writer.places.instance.choices(binder)) * _size(writer, body)))
        case Unary(_, arg) | Wrap(arg=arg):
            return _size(writer, arg)
        case Binary(_, left, right):
            return max(_size(writer, left), _size(writer, right))
        case Ite(cond, then, other):
            return max(_size(writer, part) for part in (cond, then, other))
        case _:
            return 1


def _referenced(writer: Writer, expr: Referenced, env: Env, *, wanted: bool) -> Cond:
    """See `ir.Referenced`: one comparison for each variable that may point to the object."""
    pointer = value(writer, expr.pointer, env)
    if pointer.hi <= 0:
        return NO if wanted else YES
    threads, layout = writer.threads, writer.places
    system = layout.instance.system

    def relevant(slot: Slot, me: int) -> bool:
        return not (slot.index == me and (slot.cell == THREAD or (slot.cell == system.thread and not expr.mine)))

    pointers = [slot for slot, var in layout.instance.slots().items() if var.domain == Ptr(expr.cls)]
    columns = zip(*([slot for slot in pointers if relevant(slot, me)] for me in threads), strict=True)
    yes: list[Cond] = []
    for column in columns:
        shifts = tuple(layout.bits[slot].shift for slot in column)
        mask = (1 << layout.bits[column[0]].width) - 1
        part = f"s >> {writer.number(shifts)} & {mask} == {pointer.at(BITOR)}"
        if column[0].cell == expr.cls:  # an object does not refer to itself
            part = f"{part} != {writer.number(tuple(slot.index for slot in column))}"
        yes.append(Cond(part, COMPARE, depth=pointer.depth + 2))
    found = join(writer, yes, every=False)
    if found.always is None:
        found = join(writer, [_truth(writer, pointer, wanted=True), found], every=True)
    return found if wanted else Cond(f"not {found.at(NOT)}", NOT, depth=found.depth + 1)
