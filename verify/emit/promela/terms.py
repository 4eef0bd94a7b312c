"""Expressions of the IR as Promela, in which everything is a number of 32 bits, as it is there but for the size.

Cell 0 of every array stands behind NULL and is 0 for ever, so that a field read through NULL is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from verify.emit.bounds import Bounds, bounds
from verify.emit.nonnull import Known, not_null, not_null_unless
from verify.emit.places import key_of, variables
from verify.emit.promela.names import LIVES, Names
from verify.emit.properties import EmitError
from verify.instances import THREAD, Instance
from verify.ir import (
    LIFE,
    PC,
    Binary,
    BinaryOp,
    Bound,
    Const,
    Domain,
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
    refers,
)

OR, AND, COMPARED, OPERATED, NEGATED, WORD_LEVEL = range(6)  # how tightly a term binds
INT: Final = (1 - (1 << 31), (1 << 31) - 1)  # what Spin reads and counts with
WIDTH_OF_INT: Final = 31
MOST_THREADS: Final = 30  # of which an int can be a set
MOST_CHOICES: Final = 1000  # values of a binder that are written one by one
LONGEST: Final = 100_000  # characters of a term
Read = tuple[str, str]  # a variable and its index, "" of a global, "*" for any
SELF: Final = "self"


@dataclass(frozen=True, slots=True)
class Reader:
    """Where an expression stands: what names mean there, and which pointers are not NULL."""

    inst: Instance
    names: Names
    referenced: dict[tuple[str, bool, bool], str]  # (class, mine, in a property): macro; grows
    me: str = ""  # empty in a property
    bound: Mapping[str, str] = field(default_factory=dict)  # binder: a value or a name
    ranges: Mapping[str, Bounds] = field(default_factory=dict)
    known: Known = frozenset()  # not NULL
    seen: set[Read] = field(default_factory=set)  # what has been read; grows

    def bind(self, name: str, text: str, limits: Bounds) -> Reader:
        """The same reader inside of a binder, whose value is written so and lies there."""
        return replace(
            self,
            bound={**self.bound, name: text},
            ranges={**self.ranges, name: limits},
            known=frozenset() if name in self.bound else self.known,  # the name may stand in what is known
        )

    def knowing(self, exprs: Iterable[Expr]) -> Reader:
        """The same reader, where more pointers are not NULL."""
        return replace(self, known=self.known | frozenset(exprs))

    def unless(self, cond: Expr) -> Reader:
        """The same reader, where a condition does not hold."""
        return self.knowing(not_null_unless(cond, self.known))

    def where(self, cond: Expr) -> Reader:
        """The same reader, where a condition holds."""
        return self.knowing(not_null(cond, self.known))

    # ---- terms -----------------------------------------------------------------------------------

    def text(self, expr: Expr, level: int = OR) -> str:
        """The expression, in parentheses if it binds less tightly than `level`. Raises EmitError if it is too large."""
        low, high = self.bounds(expr)
        if not (INT[0] <= low and high <= INT[1]):
            message = f"numbers from {low} to {high}: Spin counts with 32 bits"
            raise EmitError(message)
        if low == high and not isinstance(expr, Me | Bound):
            return literal(low)
        found, own = self._text(expr)
        if len(found) > LONGEST:
            raise EmitError("a condition that gets too long when it is written for every cell")
        return found if own >= level else f"({found})"

    def truth(self, expr: Expr) -> str:
        """The expression as 0 or 1, as a part of a conjunction or disjunction."""
        low, high = self.bounds(expr)
        if low == high:
            return str(int(low != 0))
        return self.text(expr, COMPARED) if (low, high) == (0, 1) else f"{self.text(expr, WORD_LEVEL)} != 0"

    def bounds(self, expr: Expr) -> Bounds:
        """Two numbers that the value lies between."""
        return bounds(expr, self.inst.system, self.ranges, self.inst.sizes)

    def named(self, expr: Expr, place: Expr, level: int = OR) -> str:
        """A value of that variable: where a thread stands and the life of a cell have names."""
        table = self._table(place)
        match expr:
            case Const(value) if value in table:
                return table[value]
            case Ite(cond, then, other) if table:
                yes, no = self.where(cond).named(then, place), self.unless(cond).named(other, place)
                return f"({self.text(cond, AND)} -> {yes} : {no})"
            case _:
                return self.text(expr, level)

    def _text(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Const(value):
                return literal(value), WORD_LEVEL
            case Me():
                return self.me or "0", WORD_LEVEL
            case Bound(name):
                return self.bound[name], WORD_LEVEL
            case Global() | Local() | Field():
                return self.place(expr), WORD_LEVEL
            case Unary("!", arg):
                return self._negated(arg)
            case Unary(op, arg):
                return f"({op}{self.text(arg, WORD_LEVEL)})", WORD_LEVEL
            case Binary("&&" | "||" as op):
                return self._chain(_parts(expr, op), op)
            case Binary(op, left, right):
                return self._binary(op, left, right)
            case Ite(cond, then, other):
                return self._either(cond, then, other), WORD_LEVEL
            case Wrap(bits, signed, arg):
                return self._wrapped(bits, arg, signed=signed), WORD_LEVEL
            case Quant(quantifier, binder, body):
                readers = (self.bind(binder.name, literal(v), (v, v)) for v in choices(self.inst, binder.domain))
                return joined([reader.truth(body) for reader in readers], "&&" if quantifier == "forall" else "||")
            case Referenced(pointer, cls, mine):
                return self._referenced(pointer, cls, mine=mine), WORD_LEVEL
            case _:
                assert_never(expr)

    def _negated(self, arg: Expr) -> tuple[str, int]:
        match arg:
            case Unary("!", inner):
                return self.truth(inner), COMPARED
            case Binary("==" | "!=" as op, left, right):
                return self._binary("!=" if op == "==" else "==", left, right)
            case _:
                text = self.text(arg, WORD_LEVEL)
                constant = _number(text)
                return (f"!{text}", NEGATED) if constant is None else (str(int(constant == 0)), WORD_LEVEL)

    def _chain(self, parts: Iterable[Expr], op: BinaryOp) -> tuple[str, int]:
        """A conjunction or disjunction; each part may rely on those before it."""
        here, found = self, list[str]()
        for part in parts:
            found.append(here.truth(part))
            here = here.where(part) if op == "&&" else here.unless(part)
        return joined(found, op)

    def _binary(self, op: BinaryOp, left: Expr, right: Expr) -> tuple[str, int]:
        match op:
            case "==" | "!=" | "<" | ">" | "<=" | ">=":
                return self._compared(op, left, right)
            case "+" | "-" | "*" | "&" | "|" | "^":
                return f"{self.text(left, WORD_LEVEL)} {op} {self.text(right, WORD_LEVEL)}", OPERATED
            case "/" | "%":
                return self._divided(op, left, right)
            case "<<" | ">>":
                return self._shifted(op, left, right)
            case "has" | "with" | "without":
                return self._set(op, left, right)
            case _:
                raise EmitError(f"`{op}` between numbers")

    def _compared(self, op: BinaryOp, left: Expr, right: Expr) -> tuple[str, int]:
        if isinstance(left, Const) and op in ("==", "!="):
            left, right = right, left
        (a, b), (c, d) = self.bounds(left), self.bounds(right)
        decided = _decided(op, (a, b), (c, d))
        if decided is not None:
            return str(int(decided)), WORD_LEVEL
        if (a, b) == (0, 1) and c == d and op in ("==", "!="):  # what it is compared with is 0 or 1
            return self._negated(left) if (c == 0) == (op == "==") else (self.text(left, WORD_LEVEL), WORD_LEVEL)
        return f"{self.text(left, WORD_LEVEL)} {op} {self.named(right, left, WORD_LEVEL)}", COMPARED

    def _divided(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        low, high = self.bounds(right)
        over = self.text(right, WORD_LEVEL)
        whole = f"{self.text(left, WORD_LEVEL)} {op} {over}"
        return (f"({over} == 0 -> 0 : {whole})", WORD_LEVEL) if low <= 0 <= high else (whole, OPERATED)

    def _shifted(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        (low, high), (least, _) = self.bounds(right), self.bounds(left)
        by = self.text(right, WORD_LEVEL)
        whole = f"{self.text(left, WORD_LEVEL)} {op} {by}"
        if low >= 0 and high <= WIDTH_OF_INT:
            return whole, OPERATED
        sign = f"({self.text(left, COMPARED)} < 0 && {by} > 31 && {by} < 64 -> -1 : 0)" if least < 0 else "0"
        return f"({by} >= 0 && {by} < 32 -> {whole} : {sign})", WORD_LEVEL

    def _set(self, op: str, left: Expr, right: Expr) -> tuple[str, int]:
        some, one = self.text(left, WORD_LEVEL), self.index(right, self.inst.system.thread, WORD_LEVEL)
        sure = self.is_cell(right)
        match op:
            case _ if one == "0":
                return ("0" if op == "has" else some), WORD_LEVEL
            case "has":
                bit = f"({some} >> ({one} - 1)) & 1"
                return (f"({bit})" if sure else f"({one} && ({bit}))"), WORD_LEVEL
            case "with":
                changed = f"{some} | (1 << ({one} - 1))"
            case _:
                changed = f"{some} & (~(1 << ({one} - 1)))"
        return (changed, OPERATED) if sure else (f"({one} -> {changed} : {some})", WORD_LEVEL)

    def _either(self, cond: Expr, then: Expr, other: Expr) -> str:
        test = self.text(cond, AND)
        constant = _number(test)
        if constant is not None:
            return self.text(then if constant else other, WORD_LEVEL)
        return f"({test} -> {self.where(cond).text(then, COMPARED)} : {self.unless(cond).text(other, COMPARED)})"

    def _wrapped(self, bits: int, arg: Expr, *, signed: bool) -> str:
        low, high = self.bounds(arg)
        least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        text = self.text(arg, WORD_LEVEL)
        if least <= low and high <= most:
            return text
        if bits > WIDTH_OF_INT:
            message = f"a number of {bits} bits that may wrap around: Spin counts with 32"
            raise EmitError(message)
        kept = f"({text} & {(1 << bits) - 1})"
        return f"(({kept} ^ {1 << (bits - 1)}) - {1 << (bits - 1)})" if signed else kept

    def _referenced(self, pointer: Expr, cls: str, *, mine: bool) -> str:
        key = (cls, mine, not self.me)
        if key not in self.referenced:
            self.referenced[key] = self.names.namer.name(f"{cls}_referenced")
        system = self.inst.system
        self.seen.update(
            (self.names.variables[key], "*")
            for key, var in variables(system)
            if var.domain == Ptr(cls) and key in self.names.variables
        )
        return f"{self.referenced[key]}({self.index(pointer, cls)}, {self.me or '0'})"

    # ---- variables -------------------------------------------------------------------------------

    def place(self, place: Place) -> str:
        """The variable of a place, as it is read and stored to; that of no cell is the one behind NULL."""
        name = self.names.variables.get(key_of(place))
        if name is None:
            return "0"
        match place:
            case Global():
                self.seen.add((name, ""))
                return name
            case Local(_, of):
                index = self.index(Me() if of is None else of, self.inst.system.thread)
            case Field(pointer, cls, _):
                index = self.index(pointer, cls)
            case _:
                assert_never(place)
        self.seen.add((name, index))
        return f"{name}[{index}]"

    def index(self, pointer: Expr, cls: str, level: int = OR) -> str:
        """A pointer as the index of a cell. Raises EmitError if it may be none of any."""
        low, high = self.bounds(pointer)
        if low < 0 or high > self.inst.sizes[cls]:
            message = f"what may be no struct {cls} is used as a pointer to one"
            raise EmitError(message)
        return self.text(pointer, level)

    def is_cell(self, pointer: Expr) -> bool:
        """Whether a pointer is surely not NULL."""
        match pointer:
            case Me():
                return bool(self.me)
            case Bound(name):
                return self.ranges[name][0] > 0
            case Const(value):
                return value != 0
            case Ite(_, then, other):
                return self.is_cell(then) and self.is_cell(other)
            case _:
                return pointer in self.known

    def _table(self, place: Expr) -> Mapping[int, str]:
        match place:
            case Local(name) if name == PC:
                return self.names.labels
            case Field(_, _, name) if name == LIFE:
                return LIVES
            case _:
                return {}


def choices(inst: Instance, domain: Domain) -> range:
    """The values of a binder of that domain. Raises EmitError if they are too many to be written one by one."""
    values = inst.values(domain)
    if len(values) > MOST_CHOICES:
        message = f"a choice of {len(values)} values, each of which has to be written: more than {MOST_CHOICES}"
        raise EmitError(message)
    return values[1:] if isinstance(domain, Ptr) else values


def macros(inst: Instance, names: Names, referenced: Mapping[tuple[str, bool, bool], str]) -> Iterable[tuple[str, str]]:
    """Head and body of every macro that tells whether something points to an object."""
    for (cls, mine, free), name in referenced.items():
        tests = list[str]()
        for slot, var in inst.slots().items():
            key = (slot.cell, slot.name)
            if not refers(slot.name, var.domain, cls) or key not in names.variables:
                continue
            variable = names.variables[key] + (f"[{slot.index}]" if slot.cell else "")
            test = f"{variable} == (object)"
            own = slot.cell == THREAD or (not mine and slot.cell == inst.system.thread)
            test += f" && (self) != {slot.index}" if own and not free else ""
            test += f" && (object) != {slot.index}" if slot.cell == cls else ""
            tests.append(f"({test})")
        yield f"{name}(object, self)", f"((object) != 0 && ({' || '.join(tests) or '0'}))"


def joined(parts: Iterable[str], op: str) -> tuple[str, int]:
    """A conjunction or disjunction of terms that are 0 or 1, without those that are constant."""
    neutral = op == "&&"
    found = list[str]()
    for part in parts:
        value = _number(part)
        if value is None:
            found.append(part)
        elif bool(value) != neutral:
            return str(int(not neutral)), WORD_LEVEL
    if not found:
        return str(int(neutral)), WORD_LEVEL
    level = COMPARED if len(found) == 1 else AND if neutral else OR
    return f" {op} ".join(found), level


def literal(value: int) -> str:
    """A number, which an operator may stand in front of."""
    return str(value) if value >= 0 else f"(-{-value})"


def _number(text: str) -> int | None:
    digits = text.strip("()")
    return int(digits) if digits.lstrip("-").isdigit() else None


def _parts(expr: Expr, op: str) -> list[Expr]:
    match expr:
        case Binary(found, left, right) if found == op:
            return [*_parts(left, op), *_parts(right, op)]
        case _:
            return [expr]


def _decided(op: str, left: Bounds, right: Bounds) -> bool | None:
    """What a comparison always comes to, if it does."""
    (a, b), (c, d) = left, right
    match op:
        case "==" | "!=" if b < c or d < a:
            return op == "!="
        case "==" | "!=" if a == b == c == d:
            return op == "=="
        case "<" | ">=" if b < c:
            return op == "<"
        case "<" | ">=" if a >= d:
            return op == ">="
        case ">" | "<=" if a > d:
            return op == ">"
        case ">" | "<=" if b <= c:
            return op == "<="
        case _:
            return None
