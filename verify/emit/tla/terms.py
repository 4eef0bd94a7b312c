"""Expressions of the IR as TLA+.

Each comes as the kind that is wanted: a formula, a number, a cell, a set of threads. What the IR says is total, so a
field read through NULL is `Get(field, pointer, zero)` unless the pointer is known not to be NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import eq, ge, gt, le, lt, ne
from typing import assert_never

from verify.emit.bounds import WORD, Bounds, bounds
from verify.emit.nonnull import is_cell, not_null, not_null_unless
from verify.emit.places import Key, key_of
from verify.emit.properties import EmitError
from verify.emit.tla.idents import identifier
from verify.emit.tla.kinds import Kind, Kinds
from verify.emit.tla.names import Names
from verify.ir import (
    FREE,
    IDLE,
    PRIVATE,
    PUBLISHED,
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
    Range,
    Referenced,
    System,
    Unary,
    Wrap,
)

LIVES = {FREE: '"free"', PRIVATE: '"private"', PUBLISHED: '"published"'}
ZERO: Mapping[Kind, str] = {
    Kind.NUMBER: "0",
    Kind.TRUTH: "FALSE",
    Kind.CELL: "NULL",
    Kind.THREADS: "{}",
    Kind.LIFE: LIVES[FREE],
}
DIV = "\\div"
COMPARE = {"==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt}
SYMBOLS = {"==": "=", "!=": "#", "<=": "<=", ">=": ">=", "<": "<", ">": ">"}
OPEN, CHAINED, COMPARED, WORD_LEVEL = range(4)  # how tightly a formula binds
INT = (1 - (1 << 31), (1 << 31) - 1)  # what TLC can count with


@dataclass(frozen=True, slots=True)
class Helpers:
    """Which operators of the preamble the module needs; grows while expressions are written."""

    used: set[str] = field(default_factory=set)
    bits: list[int] = field(default_factory=lambda: [1])  # the width that BitAnd has to have
    referenced: dict[tuple[str, bool, bool], str] = field(default_factory=dict)  # (class, mine, in a property): name
    state: str = ""  # the record that variables are fields of, if they are: an argument of operators that read them


@dataclass(frozen=True, slots=True)
class Reader:
    """Where an expression stands: what names mean there, and which pointers are not NULL."""

    system: System
    names: Names
    kinds: Kinds
    helpers: Helpers
    me: str = ""  # empty in a property
    bound: Mapping[str, str] = field(default_factory=dict)  # binder: identifier
    sorts: Mapping[str, Kind] = field(default_factory=dict)
    ranges: Mapping[str, Bounds] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[Expr] = frozenset()  # not NULL
    own: frozenset[Key] = frozenset()  # locals that are written as a value of the acting thread alone
    eager: bool = False  # in a guard: there TLC looks at every part of a disjunction, also behind one that is true

    def knowing(self, exprs: Iterable[Expr]) -> Reader:
        """The same reader, where more pointers are not NULL."""
        return replace(self, known=self.known | frozenset(exprs))

    def bind(self, binder: Binder) -> tuple[Reader, str, str]:
        """Return the reader inside of a binder, the identifier and the set that it ranges over."""
        stem = identifier(binder.name.rstrip("0123456789"))
        name = _fresh(stem, {*self.bound.values(), self.me}, self.names)
        match binder.domain:
            case Ptr(cls):
                sort, values, limits = Kind.CELL, self.names.sets[cls], (0, 1 << 31)
            case Range(lo, hi):
                sort, values, limits = Kind.NUMBER, f"{_int(lo)}..{_int(hi)}", (lo, hi)
        inner = replace(
            self,
            bound={**self.bound, binder.name: name},
            sorts={**self.sorts, binder.name: sort},
            ranges={**self.ranges, binder.name: limits},
            classes={**self.classes, binder.name: binder.domain.cls if isinstance(binder.domain, Ptr) else ""},
            known=frozenset() if binder.name in self.bound else self.known,  # the name may stand in what is known
        )
        return inner, name, values

    # ---- formulas --------------------------------------------------------------------------------

    def cond(self, expr: Expr, least: int = OPEN) -> str:
        """The formula that says that `expr` is not 0; in parentheses where it binds less tightly than `least`."""
        text, level = self._cond(expr)
        return text if level >= least else f"({text})"

    def _cond(self, expr: Expr) -> tuple[str, int]:
        match expr:
            case Const(value):
                return ("TRUE" if value else "FALSE"), WORD_LEVEL
            case Unary("!", Binary("||") as either) if among := self._among(chain(either, "||"), "\\notin"):
                return among, COMPARED
            case Unary("!", arg):
                return f"~{self.value().cond(arg, WORD_LEVEL)}", COMPARED
            case Binary("&&" | "||"):
                return self._chain(expr)
            case Binary("has", left, right):
                return f"{self.cell(right, self.system.thread)} \\in {self.threads(left)}", COMPARED
            case Binary("==" | "!=" | "<" | ">" | "<=" | ">=" as op, left, right):
                return self._compare(op, left, right)
            case Ite(test, then, other):
                yes, no = self.branches(test)
                return f"IF {self.value().cond(test)} THEN {yes.cond(then)} ELSE {no.cond(other)}", OPEN
            case Quant(quantifier, binder, body):
                inner, name, values = self.bind(binder)
                letter = "A" if quantifier == "forall" else "E"
                return f"\\{letter} {name} \\in {values} : {inner.cond(body)}", OPEN
            case Referenced(pointer, cls, mine):
                return self._referenced(pointer, cls, mine=mine), WORD_LEVEL
            case _:
                return self._nonzero(expr)

    def value(self) -> Reader:
        """The same reader, where TLC wants a value and looks at no more than it has to."""
        return replace(self, eager=False) if self.eager else self

    def branches(self, test: Expr) -> tuple[Reader, Reader]:
        """The same reader where a condition holds, and where it does not."""
        return self.knowing(not_null(test, self.known)), self.knowing(not_null_unless(test, self.known))

    def _nonzero(self, expr: Expr) -> tuple[str, int]:
        kind = self._kind(expr)
        match kind:
            case Kind.TRUTH if bounds(expr, self.system, self.ranges) == (0, 0):
                return "FALSE", WORD_LEVEL
            case Kind.TRUTH:
                return self._read(expr), WORD_LEVEL
            case Kind.PLACE:
                return f"{self._read(expr)} # {self.place(IDLE)}", COMPARED
            case _:
                kind = kind or Kind.NUMBER
                return f"{self.of_kind(expr, kind)} # {ZERO[kind]}", COMPARED

    def _chain(self, expr: Binary) -> tuple[str, int]:
        """A conjunction or disjunction; each part may rely on those before it."""
        parts = chain(expr, expr.op)
        if expr.op == "||" and (among := self._among(parts)):
            return among, COMPARED
        here, found = self, list[str]()
        for part in parts:
            found.append(here.cond(part, COMPARED))
            if expr.op == "&&" or not self.eager:
                here = here.branches(part)[0 if expr.op == "&&" else 1]
        return (" /\\ " if expr.op == "&&" else " \\/ ").join(found), CHAINED

    def _among(self, parts: Sequence[Expr], symbol: str = "\\in") -> str:
        """One test of where a thread stands, if that is all the parts are about; else empty."""
        found = list[tuple[Expr, int]]()
        for part in parts:
            match part:
                case Binary("==", (Local() | Field()) as left, Const(value)) if self._kind(left) is Kind.PLACE:
                    found.append((left, value))
                case _:
                    return ""
        if len({where for where, _ in found}) != 1:
            return ""
        listed = ", ".join(self.place(place) for _, place in found if place in self.names.labels)
        return f"{self._read(found[0][0])} {symbol} {{{listed}}}"

    def _compare(self, op: BinaryOp, left: Expr, right: Expr) -> tuple[str, int]:
        if self.eager:
            return self.value()._compare(op, left, right)  # noqa: SLF001 - of another reader
        kinds = {self._kind(left), self._kind(right)} - {None}
        equality = op in ("==", "!=")
        kind = next(iter(kinds)) if len(kinds) == 1 else Kind.NUMBER
        if kind in (Kind.LIFE, Kind.PLACE) and not (equality and all(self._named(e, kind) for e in (left, right))):
            kind = Kind.NUMBER
        if kind is Kind.TRUTH and equality:
            return self._same_truth(left, right, same=op == "==")
        if kind in (Kind.TRUTH, Kind.NUMBER, None):
            (a, b), (c, d) = (bounds(e, self.system, self.ranges) for e in (left, right))
            if a == b and c == d:
                return ("TRUE" if COMPARE[op](a, c) else "FALSE"), WORD_LEVEL
            return f"{self.number(left)} {SYMBOLS[op]} {self.number(right)}", COMPARED
        if not equality:
            message = f"`{op}` between what are no numbers"
            raise EmitError(message)
        cls = self._class(left) or self._class(right)
        return f"{self.of_kind(left, kind, cls)} {SYMBOLS[op]} {self.of_kind(right, kind, cls)}", COMPARED

    def _named(self, expr: Expr, kind: Kind | None) -> bool:
        """Whether a place or the life of a cell is one that has a name, if it is written as a number."""
        return not isinstance(expr, Const) or expr.value in (LIVES if kind is Kind.LIFE else self.names.labels)

    def _same_truth(self, left: Expr, right: Expr, *, same: bool) -> tuple[str, int]:
        if isinstance(left, Const):
            left, right = right, left
        if isinstance(right, Const) and right.value in (0, 1):
            positive = (right.value == 1) == same
            return self._cond(left) if positive else (f"~{self.cond(left, WORD_LEVEL)}", COMPARED)
        if isinstance(right, Const):
            return ("FALSE" if same else "TRUE"), WORD_LEVEL
        return f"{self.cond(left, WORD_LEVEL)} {'=' if same else '#'} {self.cond(right, WORD_LEVEL)}", COMPARED

    def _referenced(self, pointer: Expr, cls: str, *, mine: bool) -> str:
        key = (cls, mine, not self.me)
        if key not in self.helpers.referenced:
            self.helpers.referenced[key] = self.names.namer.name(f"{self.names.sets[cls][:-1]}Referenced")
        name = self.helpers.referenced[key]
        given = filter(None, (self.cell(pointer, cls), self.me, self.helpers.state))
        return f"{name}({', '.join(given)})"

    # ---- values ----------------------------------------------------------------------------------

    def of_kind(self, expr: Expr, kind: Kind, cls: str = "") -> str:
        """The value as a kind, an object as one of class `cls`; an operand where it is one."""
        match kind:
            case Kind.NUMBER:
                return self.number(expr)
            case Kind.TRUTH:
                return self.cond(expr, WORD_LEVEL)
            case Kind.CELL:
                return self.cell(expr, cls)
            case Kind.THREADS:
                return self.threads(expr)
            case Kind.PLACE | Kind.LIFE:
                return self.word(expr, kind)
            case _:
                assert_never(kind)

    def word(self, expr: Expr, kind: Kind) -> str:
        """The value as a place, or as the life of a cell."""
        match expr:
            case Const(value):
                return self.place(value) if kind is Kind.PLACE else self.life(value)
            case Ite(test, then, other):
                yes, no = self.branches(test)
                return f"(IF {self.cond(test)} THEN {yes.word(then, kind)} ELSE {no.word(other, kind)})"
            case _:
                return self._plain(expr, kind)

    def place(self, location: int) -> str:
        """The label of a location."""
        return f'"{self.names.labels[location]}"'

    def life(self, value: int) -> str:
        """A value of LIFE. Raises EmitError if it is none."""
        if value not in LIVES:
            message = f"{value} is no state of a cell"
            raise EmitError(message)
        return LIVES[value]

    def number(self, expr: Expr) -> str:
        """The value as a number, which another operator may stand beside."""
        low, high = bounds(expr, self.system, self.ranges)
        if (low, high) != WORD and not (INT[0] <= low and high <= INT[1]) and not isinstance(expr, Bound | Me):
            message = f"numbers from {low} to {high}: TLC counts with 32 bits"
            raise EmitError(message)
        if low == high:
            return _int(low)
        match expr:
            case Unary("-", arg):
                return f"(-{self.number(arg)})"
            case Unary("~", arg):
                return self._helper("BitNot", arg)
            case Binary(op, left, right) if op in ARITHMETIC:
                return self._arithmetic(op, left, right)
            case Wrap(bits, signed, arg):
                return self._wrap(bits, arg, signed=signed)
            case Ite(test, then, other):
                yes, no = self.branches(test)
                return f"(IF {self.cond(test)} THEN {yes.number(then)} ELSE {no.number(other)})"
            case _:
                return self._number(expr)

    def _number(self, expr: Expr) -> str:
        match self._kind(expr):
            case Kind.TRUTH:
                self.helpers.used.add("Num")
                return f"Num({self.cond(expr)})"
            case Kind.NUMBER:
                return self._read(expr)
            case Kind.LIFE | Kind.PLACE as kind:
                helper = "LifeNumber" if kind is Kind.LIFE else "PlaceNumber"
                self.helpers.used.add(helper)
                return f"{helper}({self._read(expr)})"
            case _:
                message = f"a number is wanted of {expr}"
                raise EmitError(message)

    def _arithmetic(self, op: str, left: Expr, right: Expr) -> str:
        (a, b), (c, d) = (bounds(e, self.system, self.ranges) for e in (left, right))
        match op, right:
            case ("+" | "-" | "*"), _:
                return f"({self.number(left)} {op} {self.number(right)})"
            case ("/" | "%"), Const(value) if value > 0 and a >= 0:
                return f"({self.number(left)} {'%' if op == '%' else DIV} {value})"
            case ("<<" | ">>"), Const(value) if 0 <= value <= 30:  # noqa: PLR2004 - powers that TLC has
                return f"({self.number(left)} {'*' if op == '<<' else DIV} {1 << value})"
            case "&", Const(value) if value > 0 and value.bit_count() == 1:
                self.helpers.used.add("Bit")
                bit = f"Bit({self.number(left)}, {value})"
                return bit if value == 1 else f"({value} * {bit})"
            case ("&" | "|" | "^"), _:
                self.helpers.bits.append(max(x.bit_length() for x in (a, b, c, d)))
        return self._helper(ARITHMETIC[op], left, right)

    def _helper(self, name: str, *args: Expr) -> str:
        self.helpers.used.add(name)
        return f"{name}({', '.join(self.number(arg) for arg in args)})"

    def _wrap(self, bits: int, arg: Expr, *, signed: bool) -> str:
        low, high = bounds(arg, self.system, self.ranges)
        least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        if least <= low and high <= most:
            return self.number(arg)
        if bits > 30:  # noqa: PLR2004 - powers that TLC has
            message = f"a number of {bits} bits that may wrap around: TLC counts with 32"
            raise EmitError(message)
        self.helpers.used.add("Signed" if signed else "Unsigned")
        return f"{'Signed' if signed else 'Unsigned'}({self.number(arg)}, {1 << bits})"

    def cell(self, expr: Expr, cls: str) -> str:
        """The value as an object of a class or NULL."""
        match expr:
            case Const(0):
                return "NULL"
            case Const(value):
                return self.names.statics.get((cls, value)) or f"{self.names.ids[cls]}[{value}]"
            case Ite(test, then, other):
                yes, no = self.branches(test)
                return f"(IF {self.cond(test)} THEN {yes.cell(then, cls)} ELSE {no.cell(other, cls)})"
            case _:
                return self._plain(expr, Kind.CELL)

    def threads(self, expr: Expr) -> str:
        """The value as a set of threads."""
        match expr:
            case Const(0):
                return "{}"
            case Const(value):
                ids = self.names.ids[self.system.thread]
                return f"{{{', '.join(f'{ids}[{i + 1}]' for i in range(value.bit_length()) if value >> i & 1)}}}"
            case Binary("with" | "without" as op, left, right):
                one = f"{{{self.cell(right, self.system.thread)}}}"
                some = one if is_cell(right, self.known) or op == "without" else f"({one} \\ {{NULL}})"
                symbol = "\\cup" if op == "with" else "\\"
                return f"({self.threads(left)} {symbol} {some})"
            case Binary("&" | "|" as op, left, right):
                symbol = "\\cap" if op == "&" else "\\cup"
                return f"({self.threads(left)} {symbol} {self.threads(right)})"
            case Binary("^", left, right):
                one, two = self.threads(left), self.threads(right)
                return f"(({one} \\ {two}) \\cup ({two} \\ {one}))"
            case Ite(test, then, other):
                yes, no = self.branches(test)
                return f"(IF {self.cond(test)} THEN {yes.threads(then)} ELSE {no.threads(other)})"
            case _:
                return self._plain(expr, Kind.THREADS)

    # ---- variables -------------------------------------------------------------------------------

    def _kind(self, expr: Expr) -> Kind | None:
        return self.kinds.kind(expr, self.sorts)

    def _class(self, expr: Expr) -> str:
        """The class of the object that a value is; empty where the value does not tell."""
        match expr:
            case Me():
                return self.system.thread
            case Bound(name):
                return self.classes.get(name, "")
            case Global() | Local() | Field():
                domain = self.system.var(expr).domain
                return domain.cls if isinstance(domain, Ptr) else ""
            case Ite(_, then, other):
                return self._class(then) or self._class(other)
            case _:
                return ""

    def _plain(self, expr: Expr, kind: Kind) -> str:
        if self._kind(expr) is not kind:
            message = f"a value of kind {kind.value} is wanted of {expr}"
            raise EmitError(message)
        return self._read(expr)

    def _read(self, expr: Expr) -> str:
        match expr:
            case Me():
                return self.me
            case Bound(name):
                return self.bound[name]
            case Global() | Local() | Field():
                return self._variable(expr)
            case _:
                raise EmitError("no value is kept here")

    def _variable(self, place: Place) -> str:
        name = self.names.variables[key_of(place)]
        match place:
            case Global():
                return name
            case Local(_, None | Me()) if key_of(place) in self.own:
                return name
            case Local(_, of):
                index, cls = Me() if of is None else of, self.system.thread
            case Field(pointer, cls, _):
                index = pointer
            case _:
                assert_never(place)
        if is_cell(index, self.known):
            return f"{name}[{self.cell(index, cls)}]"
        self.helpers.used.add("Get")
        kind = self.kinds.of[key_of(place)]
        zero = self.place(IDLE) if kind is Kind.PLACE else ZERO[kind]
        return f"Get({name}, {self.cell(index, cls)}, {zero})"


ARITHMETIC: Mapping[str, str] = {
    "+": "", "-": "", "*": "", "/": "Div", "%": "Rem", "<<": "Shl", ">>": "Shr",
    "&": "BitAnd", "|": "BitOr", "^": "BitXor",
}


# ---- text ----------------------------------------------------------------------------------------


def chain(expr: Expr, op: str) -> list[Expr]:
    """The parts of a conjunction or disjunction."""
    match expr:
        case Binary(found, left, right) if found == op:
            return [*chain(left, op), *chain(right, op)]
        case _:
            return [expr]


def _int(value: int) -> str:
    return str(value) if value >= 0 else f"(-{-value})"


def _fresh(stem: str, taken: set[str], names: Names) -> str:
    """An identifier that nothing else in sight has."""
    used = taken | names.namer.used
    number, name = 1, stem
    while name in used:
        number += 1
        name = f"{stem}{number}"
    return name
