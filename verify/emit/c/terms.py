"""Expressions of the IR as C, exactly.

Cells are counted from 1; cell 0 stands for NULL and is zero for ever, so that a read through NULL needs no test. Every
term knows between which numbers it lies: where that is more than an `int` holds, it is computed in `long long`, and
where it is more than that, EmitError is raised. What is only wanted modulo a power of two may be larger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from verify.emit.c.arithmetic import (
    AND,
    ATOM,
    COMPARE,
    LONG,
    OPEN,
    OPPOSITE,
    SUM,
    UNARY,
    Code,
    arithmetic,
    compared,
    literal,
    sized,
    whole,
    within,
)
from verify.emit.c.layout import statements
from verify.emit.c.names import Names, identifier
from verify.emit.properties import EmitError
from verify.instances import THREAD, Instance
from verify.ir import (
    LIFE,
    PC,
    Binary,
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
    Threads,
    Unary,
    Wrap,
    refers,
)

LIVES = ("FREE", "PRIVATE", "PUBLISHED")
ZERO = literal(0)
MOST_THREADS = 62  # that a set has room for
MOST_VALUES = 256  # that something is written out for each of


@dataclass(frozen=True, slots=True)
class Helpers:
    """The functions that the terms call; grows while they are written."""

    used: set[str] = field(default_factory=set)  # those of `preamble`
    predicates: dict[str, str] = field(default_factory=dict)  # parameters and body: name
    lines: list[str] = field(default_factory=list)  # the definitions of the predicates, each after those it calls
    reads: dict[str, frozenset[str]] = field(default_factory=dict)  # predicate: the variables that it reads


@dataclass(frozen=True, slots=True)
class Reader:
    """Where an expression stands: what names mean there."""

    instance: Instance
    names: Names
    helpers: Helpers
    me: Code = ZERO  # as in a property
    bound: Mapping[str, Code] = field(default_factory=dict)

    def acting(self) -> Reader:
        """The same reader in a function with the acting thread as its argument `me`."""
        return replace(self, me=Code("me", ATOM, 1, self.instance.tasks))

    def binding(self, name: str, code: Code) -> Reader:
        """The same reader where a name is bound to a term."""
        return replace(self, bound={**self.bound, name: code})

    def every(self, binder: Binder) -> range:
        """The values of a binder. Raises EmitError if these are too many to write something out for each."""
        values = self.instance.choices(binder)
        count = values[-1] - values[0] + 1 if values else 0  # `len` has its limits
        if count > MOST_VALUES:
            message = f"something for each of {count} values; at most {MOST_VALUES} are written out"
            raise EmitError(message)
        return values

    def named(self, binder: Binder) -> tuple[Reader, Code]:
        """The same reader with a binder as a variable of C, and that."""
        values = self.instance.choices(binder)
        taken = {code.text for code in self.bound.values()} | self.names.namer.used
        stem = identifier(binder.name.rstrip("0123456789"))
        text, number = stem, 2
        while text in taken:
            text, number = f"{stem}_{number}", number + 1
        low, high = (values[0], values[-1]) if values else (0, 0)
        code = sized(Code(text, ATOM, low, high))
        return self.binding(binder.name, code), code

    # ---- conditions ------------------------------------------------------------------------------

    def cond(self, expr: Expr) -> Code:
        """Whether `expr` is not 0."""
        return _truth(self.value(expr))

    def negated(self, expr: Expr) -> Code:
        """Whether `expr` is 0."""
        match expr:
            case Unary("!", arg):
                return self.cond(arg)
            case Binary(op, left, right) if op in OPPOSITE:
                return self.cond(Binary(OPPOSITE[op], left, right))
            case _:
                return _not(self.cond(expr))

    # ---- values ----------------------------------------------------------------------------------

    def value(self, expr: Expr) -> Code:
        """The value of an expression. Raises EmitError if that may not fit into 64 bits."""
        code = self._value(expr)
        if not within(code, LONG):
            message = f"numbers from {code.low} to {code.high}, which do not fit 64 bits with a sign"
            raise EmitError(message)
        return literal(code.low) if code.low == code.high else code

    def _value(self, expr: Expr) -> Code:
        match expr:
            case Const(value):
                return literal(value)
            case Me():
                return self.me
            case Bound(name):
                return self.bound[name]
            case Global() | Local() | Field():
                return self._read(expr)
            case Unary("!", arg):
                return self.negated(arg)
            case Unary(op, arg):
                code = self.value(arg)
                low, high = (-code.high, -code.low) if op == "-" else (~code.high, ~code.low)
                return sized(Code(f"{op}{code.at(ATOM)}", UNARY, low, high, wide=code.wide), code)
            case Binary("&&" | "||" as op, left, right):
                return self._joined(op, left, right)
            case Binary("==" | "!=" | "<" | ">" | "<=" | ">=" as op, left, right):
                return compared(op, *self._pair(left, right))
            case Binary("has" | "with" | "without" as op, left, right):
                return self._member(op, self.value(left), self.value(right))
            case Binary(op, left, right):
                return arithmetic(op, self.value(left), self.value(right), self.helpers.used)
            case Ite(test, then, other):
                return self._choice(self.cond(test), self.value(then), self.value(other))
            case Wrap(bits, signed, arg):
                return self._wrap(bits, arg, signed=signed)
            case Quant(quantifier, binder, body):
                return self._quantified(quantifier, binder, body)
            case Referenced(pointer, cls, mine):
                return self._referenced(self.value(pointer), cls, mine=mine)
            case _:
                assert_never(expr)

    def _choice(self, test: Code, then: Code, other: Code) -> Code:
        if test.low == test.high:
            return then if test.low else other
        text = f"{test.at(COMPARE)} ? {then.at(AND)} : {other.at(AND)}"
        low, high = min(then.low, other.low), max(then.high, other.high)
        return Code(text, OPEN, low, high, wide=then.wide or other.wide, truth=then.truth and other.truth)

    def _joined(self, op: str, left: Expr, right: Expr) -> Code:
        """A conjunction or disjunction; chains of one need no parentheses."""
        decisive = 0 if op == "&&" else 1
        one = self.cond(left)
        if one.low == one.high == decisive:
            return one
        two = self.cond(right)
        if one.low == one.high or two.low == two.high == decisive:
            return two
        if two.low == two.high:
            return one
        parts = [code.text if code.chain == op else code.at(COMPARE) for code in (one, two)]
        level = AND if op == "&&" else OPEN
        return Code(f" {op} ".join(parts), level, 0, 1, truth=True, chain=op)

    def _pair(self, left: Expr, right: Expr) -> tuple[Code, Code]:
        """Both sides of a comparison; a place and the life of a cell are written by their names."""
        one, two = self.value(left), self.value(right)
        return self._spelled(one, right, two), self._spelled(two, left, one)

    def _spelled(self, code: Code, other: Expr, beside: Code) -> Code:
        if code.low != code.high or beside.low == beside.high:
            return code
        match other:
            case Local(name) if name == PC and code.low in self.names.labels:
                return replace(code, text=self.names.place(code.low))
            case Field(_, _, name) if name == LIFE and 0 <= code.low < len(LIVES):
                return replace(code, text=LIVES[code.low])
            case _:
                return code

    def _member(self, op: str, group: Code, thread: Code) -> Code:
        if not within(thread, (0, MOST_THREADS)):
            message = f"a set with more than {MOST_THREADS} threads"
            raise EmitError(message)
        self.helpers.used.add(op)
        text = f"{op}({group.text}, {thread.text})"
        if op == "has":
            return Code(text, ATOM, 0, 1, truth=True)
        added = (1 << thread.high >> 1) if op == "with" else 0
        low, high = whole([group.low, group.high, added])
        return Code(text, ATOM, 0 if group.low >= 0 else low, high, wide=True)

    # ---- reads -----------------------------------------------------------------------------------

    def _read(self, place: Place) -> Code:
        system = self.instance.system
        domain = system.var(place).domain
        values = self.instance.values(domain)
        if isinstance(domain, Threads) and self.instance.tasks > MOST_THREADS:
            message = f"a set of more than {MOST_THREADS} threads"
            raise EmitError(message)
        low, high = values[0], values[-1]
        name = self.variable(place)
        if not name:
            return literal(0)
        if isinstance(place, Global):
            return sized(Code(name, ATOM, low, high, truth=(low, high) == (0, 1)))
        index = self.index(place)
        if index.low == index.high == 0:
            return literal(0)
        if index.low <= 0:
            low, high = min(low, 0), max(high, 0)
        wide = not within(Code("", ATOM, low, high), (-(1 << 31), (1 << 31) - 1))
        return Code(f"{name}[{index.text}]", ATOM, low, high, wide=wide, truth=(low, high) == (0, 1))

    def variable(self, place: Place) -> str:
        """The variable of a place, an array unless it is global; empty for one that is always 0."""
        match place:
            case Global(name):
                key = ("", name)
            case Local(name):
                key = (THREAD, name)
            case Field(_, cls, name):
                key = (cls, name)
            case _:
                assert_never(place)
        return self.names.variables.get(key, "")

    def index(self, place: Local | Field) -> Code:
        """Which cell a place is in: 0 behind NULL, and behind what is no cell."""
        match place:
            case Local(_, of):
                code, cls = self.me if of is None else self.value(of), self.instance.system.thread
            case Field(pointer, cls, _):
                code = self.value(pointer)
            case _:
                assert_never(place)
        count = self.instance.sizes[cls]
        if within(code, (0, count)):
            return code
        if code.low == code.high:
            return literal(0)
        self.helpers.used.add("cell")
        return Code(f"cell({code.text}, {count})", ATOM, 0, count)

    # ---- wrap-around -----------------------------------------------------------------------------

    def _wrap(self, bits: int, arg: Expr, *, signed: bool) -> Code:
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        try:
            code = self.value(arg)
        except EmitError:
            code = Code(f"(long long){self._modular(arg).at(UNARY)}", UNARY, *LONG, wide=True)
        if within(code, (low, high)):
            return code
        if bits >= LONG[1].bit_length() + 1:
            if signed:
                return code
            message = f"numbers from {low} to {high}, which do not fit 64 bits with a sign"
            raise EmitError(message)
        if not signed:
            mask = literal(high)
            return sized(Code(f"{code.at(UNARY)} & {mask.at(UNARY)}", OPEN, low, high, wide=code.wide or mask.wide))
        self.helpers.used.add("sign")
        return Code(f"sign({code.text}, {bits})", ATOM, low, high, wide=True)

    def _modular(self, expr: Expr) -> Code:
        """The value modulo 2 to the 64, as an `unsigned long long`."""
        match expr:
            case Unary("-" | "~" as op, arg):
                return Code(f"{op}{self._modular(arg).at(ATOM)}", UNARY, 0, 0)
            case Binary("+" | "-" | "*" | "&" | "|" | "^" as op, left, right):
                return Code(f"{self._modular(left).at(UNARY)} {op} {self._modular(right).at(UNARY)}", OPEN, 0, 0)
            case Binary("<<", left, Const(value)) if 0 <= value < LONG[1].bit_length() + 1:
                return Code(f"{self._modular(left).at(UNARY)} << {value}", OPEN, 0, 0)
            case Ite(test, then, other):
                text = f"{self.cond(test).at(COMPARE)} ? {self._modular(then).at(AND)} : {self._modular(other).at(AND)}"
                return Code(text, OPEN, 0, 0)
            case Const(value):
                return Code(f"{value & ((1 << 64) - 1)}ULL", ATOM, 0, 0)
            case _:
                return Code(f"(unsigned long long){self.value(expr).at(UNARY)}", UNARY, 0, 0)

    # ---- functions -------------------------------------------------------------------------------

    def _quantified(self, quantifier: str, binder: Binder, body: Expr) -> Code:
        """A function of one value, called for each of them: no loop, which tools would have to bound."""
        values = self.every(binder)
        every = quantifier == "forall"
        if not values:
            return literal(int(every))
        inner, variable = self.named(binder)
        code = inner.cond(body)
        if code.low == code.high:
            return code
        call = self._predicate("all" if every else "any", code.text, variable)
        op = "&&" if every else "||"
        parts = [call.replace("\0", literal(value).text) for value in values]
        alone = len(set(parts)) == 1
        level = ATOM if alone else AND if every else OPEN
        return Code(f" {op} ".join(dict.fromkeys(parts)), level, 0, 1, truth=True, chain="" if alone else op)

    def _predicate(self, stem: str, body: str, variable: Code | None) -> str:
        """Define a predicate, and return a call of it, with a NUL for the value of the variable."""
        scope = [code for code in (self.me, *self.bound.values(), variable) if code is not None]
        scope = [code for code in scope if not re.fullmatch(r"[-\d].*|\(.*", code.text)]
        words = set(re.findall(r"\w+", body))
        used = [code for code in dict.fromkeys(scope) if code.text in words]
        parameters = ", ".join(f"{code.type} {code.text}" for code in used) or "void"
        key = f"{stem}({parameters}) {body}"
        helpers = self.helpers
        if key not in helpers.predicates:
            name = self.names.namer.name(f"{stem}_{len(helpers.predicates) + 1}", own=True)
            helpers.predicates[key] = name
            helpers.reads[name] = self.reads(body)
            lines = statements("    ", f"return {body};")
            helpers.lines.extend([f"static inline int {name}({parameters})", "{", *lines, "}", ""])
        arguments = ["\0" if variable is not None and code.text == variable.text else code.text for code in used]
        return f"{helpers.predicates[key]}({', '.join(arguments)})"

    def reads(self, text: str) -> frozenset[str]:
        """The variables that a text reads, by itself or in predicates."""
        words = set(re.findall(r"[A-Za-z_]\w*", text))
        direct = words & set(self.names.variables.values())
        return frozenset(direct).union(*(self.helpers.reads[word] for word in words & self.helpers.reads.keys()))

    def _referenced(self, pointer: Code, cls: str, *, mine: bool) -> Code:
        """See `ir.Referenced`: a function that looks at every pointer of the class."""
        if pointer.low == pointer.high == 0:
            return literal(0)
        it = Code("p", ATOM, 0, self.instance.sizes[cls])
        parts = list[str]()
        for slot, var in self.instance.slots().items():
            if not refers(slot.name, var.domain, cls):
                continue
            others = list[str]()
            if slot.cell == THREAD:
                others += [f"me != {slot.index}"]
            else:
                others += [f"p != {slot.index}"] if slot.cell == cls else []
                others += [f"me != {slot.index}"] if slot.cell == self.instance.system.thread and not mine else []
            name = self.names.variables[slot.cell, slot.name]
            same = f"{name}[{slot.index}] == p" if slot.cell else f"{name} == p"
            parts.append(f"({' && '.join([*others, same])})" if others else same)
        if not parts:
            return literal(0)
        body = f"p != 0 && ({' || '.join(parts)})"
        lone = replace(self, me=Code("me", ATOM, 0, self.instance.tasks), bound={"p": it})
        call = lone._predicate("referenced", body, it)  # noqa: SLF001 - of another reader
        call = re.sub(r"\bme\b", self.me.text, call).replace("\0", pointer.text)
        return Code(call, ATOM, 0, 1, truth=True)


def _truth(code: Code) -> Code:
    """Whether a term is not 0."""
    if code.low > 0 or code.high < 0:
        return literal(1)
    if code.truth or code.low == code.high:
        return code
    return Code(f"{code.at(SUM)} != 0", COMPARE, 0, 1, truth=True)


def _not(code: Code) -> Code:
    """The opposite of a truth."""
    if code.low == code.high:
        return literal(1 - code.low)
    return Code(f"!{code.at(UNARY)}", COMPARE, 0, 1, truth=True)


def domain_of(instance: Instance, domain: Range | Ptr | Threads) -> Code:
    """A term that stands for any value of a domain, for its type."""
    values = instance.values(domain)
    return sized(Code("", ATOM, values[0], values[-1]))
