"""What the IR says of a few cells, in the words of SMT-LIB: a reader that shares no code with the judges of `smt`.

Objects have numbers from 1, and thread i belongs to object i of the thread class. A pointer that leads to none of the
cells at hand is any other number. What is asked about cells that are not at hand may have either answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from verify.certificates.words import Term, Words
from verify.ir import (
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
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Var,
    Wrap,
)
from verify.universal import operands

THREADS = "#threads"  # the cells that hold locals; cell "" is that of the globals
MOST_VALUES = 4096  # of a quantifier over numbers
Slot = tuple[str, int, str]
Env = tuple[tuple[str, Term], ...]  # what names are bound to, innermost last


class NotCoveredError(Exception):
    """A system or a property that a few cells do not tell about."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The objects of each class and the threads at hand, with a value for each of their variables."""

    words: Words
    system: System
    objects: Mapping[str, Sequence[int]]
    threads: Sequence[int]
    real: Mapping[tuple[str, int], Term]  # which of the objects exist; those not named do
    values: Mapping[Slot, Term]
    further: int  # the number of the first object that is at hand only for pointers to lead to

    def exists(self, cls: str, index: int) -> Term:
        """That an object is one of the state."""
        return self.real.get((cls, index), 1)


def variables(system: System, objects: Mapping[str, Sequence[int]], threads: Sequence[int]) -> Iterator[
    tuple[Slot, Var]
]:
    """Every variable of some cells."""
    yield from ((("", 0, var.name), var) for var in system.globals)
    for name, cls in system.classes.items():
        yield from (((name, i, var.name), var) for i in objects[name] for var in cls.fields)
    yield from (((THREADS, i, var.name), var) for i in threads for var in system.locals)


def at_hand(  # noqa: PLR0913 - what there is
    words: Words, system: System, objects: Mapping[str, Sequence[int]], threads: Sequence[int],
    real: Mapping[tuple[str, int], Term], *, further: int, binders: int = 0,
) -> Cells:  # fmt: skip
    """Cells whose variables have any values."""
    most, tasks = room(system, objects, threads, binders), max(objects[system.thread], default=0)
    values = {slot: any_value(words, var, most, tasks) for slot, var in variables(system, objects, threads)}
    return Cells(words, system, objects, threads, real, values, further)


def room(system: System, objects: Mapping[str, Sequence[int]], threads: Sequence[int], binders: int = 0) -> int:
    """As many numbers as the cells at hand and all that pointers of these and `binders` more lead to can need."""
    pointers = sum(not isinstance(var.domain, Range) for _, var in variables(system, objects, threads))
    return pointers + binders + max((i for numbers in objects.values() for i in numbers), default=0) + 1


def any_value(words: Words, var: Var, most: int, tasks: int) -> Term:
    """Some value of a variable."""
    match var.domain:
        case Range(lo, hi):
            return words.variable(lo, hi)
        case Ptr():
            return words.opaque(most)
        case Threads():
            return words.opaque(1 << tasks + 1)
        case _:
            assert_never(var.domain)


@dataclass(slots=True)
class Reader:
    """Reads expressions as thread `me`; `touched` collects the pointers that were gone through."""

    cells: Cells
    me: int = 0
    touched: list[tuple[str, Term]] = field(default_factory=list)
    known: dict[tuple[int, Env], Term] = field(default_factory=dict)
    keep: list[Expr] = field(default_factory=list)  # what is known by identity must not go away

    def read(self, expr: Expr, env: Env = ()) -> Term:
        """The term that an expression is; deep ones are read with a stack of our own."""
        self.keep.append(expr)
        todo = [expr]
        while todo:
            part = todo[-1]
            if (id(part), env) in self.known:
                todo.pop()
                continue
            inner = () if isinstance(part, Quant) else operands(part)
            missing = [each for each in inner if (id(each), env) not in self.known]
            if missing:
                todo += missing
                continue
            self.known[id(part), env] = self._term(part, [self.known[id(each), env] for each in inner], env)
            todo.pop()
        return self.known[id(expr), env]

    def _term(self, expr: Expr, args: Sequence[Term], env: Env) -> Term:
        words, values = self.cells.words, self.cells.values
        match expr:
            case Const(value):
                return words.number(value)
            case Me():
                return words.number(self.me)
            case Bound(name):
                return next(term for bound, term in reversed(env) if bound == name)
            case Global(name):
                return values["", 0, name]
            case Local(name, of):
                return self._local(args[0], name) if of is not None else values[THREADS, self.me, name]
            case Field(_, cls, name):
                return self._field(args[0], cls, name)
            case Unary("!"):
                return words.inverse(args[0])
            case Unary(op):
                zero = words.number(0 if op == "-" else -1)
                return words.arithmetic("-", zero, args[0])
            case Binary("&&"):
                return words.both(args)
            case Binary("||"):
                return words.some(args)
            case Binary("==" | "!=" as op, _, _):
                same = words.equal(*args)
                return same if op == "==" else words.inverse(same)
            case Binary("<" | "<=" | ">" | ">=" as op, _, _):
                return words.compare(op, *args)
            case Binary("has"):
                tasks = self.cells.objects[self.cells.system.thread]
                within = [(words.equal(args[1], words.number(i)), words.bit(args[0], i - 1)) for i in tasks]
                return words.some([words.both(pair) for pair in within])
            case Binary("with" | "without" as op, _, _):
                return self._changed(op, *args)
            case Binary(op, _, _):
                return words.arithmetic(op, *args)
            case Ite():
                return words.either(*args)
            case Wrap(bits, signed, _):
                return words.wrapped(bits, args[0], signed=signed)
            case Quant():
                return self._quantified(expr, env)
            case Referenced(_, cls, mine):
                return self._referenced(args[0], cls, mine=mine)
            case _:
                assert_never(expr)

    def _field(self, pointer: Term, cls: str, name: str) -> Term:
        words, found = self.cells.words, self.cells.words.number(0)
        if words.constant(pointer) is None:
            self.touched.append((cls, pointer))
        for index in self.cells.objects[cls]:
            here = words.equal(pointer, words.number(index))
            found = words.either(here, self.cells.values[cls, index, name], found)
        return found

    def _local(self, thread: Term, name: str) -> Term:
        """A local of another thread: any value where that is not at hand."""
        words, var = self.cells.words, self.cells.system.var(Local(name))
        found = words.either(thread, any_value(words, var, 1, max(self.cells.threads, default=1)), words.number(0))
        for index in self.cells.threads:
            here = words.equal(thread, words.number(index))
            found = words.either(here, self.cells.values[THREADS, index, name], found)
        return found

    def _changed(self, op: str, members: Term, one: Term) -> Term:
        words, index = self.cells.words, self.cells.words.constant(one)
        if index is None:
            raise NotCoveredError("a set gets or loses a thread that is not known")
        bit = words.number(1 << index - 1 if index > 0 else 0)
        everyone = words.number(-1)
        rest = words.arithmetic("&", members, words.arithmetic("^", bit, everyone))
        return rest if op == "without" else words.arithmetic("|", members, bit)

    def _quantified(self, quant: Quant, env: Env) -> Term:
        words, domain, every = self.cells.words, quant.binder.domain, quant.quantifier == "forall"
        cases = [] if isinstance(domain, Range) else [words.flag()]  # what the cells that are not at hand say
        for index in each_value(self.cells, quant.binder):
            says = words.truth(self.read(quant.body, (*env, (quant.binder.name, words.number(index)))))
            there = 1 if isinstance(domain, Range) else self.cells.exists(domain.cls, index)
            cases.append(words.some([words.inverse(there), says]) if every else words.both([there, says]))
        return words.both(cases) if every else words.some(cases)

    def _referenced(self, pointer: Term, cls: str, *, mine: bool) -> Term:
        """See `ir.Referenced`: by cells at hand, or perhaps by others. History variables do not count."""
        words, cells = self.cells.words, self.cells
        found = [words.flag()]
        for (cell, index, name), var in variables(cells.system, cells.objects, cells.threads):
            own = cell == THREADS or (cell == cells.system.thread and not mine)
            if var.domain != Ptr(cls) or name.startswith("#") or (own and index == self.me):
                continue
            here = [words.equal(cells.values[cell, index, name], pointer)]
            if cell == cls:
                here.append(words.inverse(words.equal(pointer, words.number(index))))
            if cell and cell != THREADS:
                here.append(cells.exists(cell, index))
            found.append(words.both(here))
        return words.both([pointer, words.some(found)])


def each_value(cells: Cells, binder: Binder) -> Sequence[int]:
    """The values of a binder: numbers, or the objects at hand."""
    match binder.domain:
        case Range(lo, hi) if hi - lo >= MOST_VALUES:
            raise NotCoveredError(f"a quantifier has more than {MOST_VALUES} values")
        case Range(lo, hi):
            return range(lo, hi + 1)
        case Ptr(cls):
            return cells.objects[cls]
        case _:
            assert_never(binder.domain)
