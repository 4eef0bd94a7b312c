"""What the IR says of states of any number of cells, in SMT-LIB 2.

A variable is a function of the cell that has it: a field one of objects, a local one of threads. To read it is to apply
it to a pointer, and which pointers are the same is the solver's business. NULL is 0, and all variables are 0 there.
Numbers are bit-vectors of one width, which none outgrows and in which all pointers of a question can differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple, assert_never

from verify import ir
from verify.universal import distinct, operands

GLOBALS, THREADS, CHOICES = "#globals", "#threads", "#choices"  # cells that are no objects; of what a thread chooses
MOST_BITS, MOST_VALUES = 512, 4096  # of a number; of a quantifier over numbers
COMPARED = {"==": "=", "!=": "distinct", "<": "bvslt", "<=": "bvsle", ">": "bvsgt", ">=": "bvsge"}
JOINED = {"&&": "and", "||": "or"}
BIT = "(bvshl c1 (bvsub {b} c1))"  # of a thread, in a set
OPERATORS: Mapping[str, tuple[str, Callable[[int, int], int]]] = {  # the text, and the bits of the result
    "+": ("(bvadd {a} {b})", lambda a, b: max(a, b) + 1), "-": ("(bvsub {a} {b})", lambda a, b: max(a, b) + 1),
    "*": ("(bvmul {a} {b})", lambda a, b: a + b),
    "/": ("(ite (= {b} c0) c0 (bvsdiv {a} {b}))", lambda a, _: a + 1),
    "%": ("(ite (= {b} c0) c0 (bvsrem {a} {b}))", lambda a, _: a),
    "<<": ("(ite (bvule {b} c63) (bvshl {a} {b}) c0)", lambda a, b: a + min(63, 1 << min(b, 7) - 1)),
    ">>": ("(ite (bvule {b} c63) (bvashr {a} {b}) c0)", lambda a, _: a),
    "&": ("(bvand {a} {b})", max), "|": ("(bvor {a} {b})", max), "^": ("(bvxor {a} {b})", max),
    "with": (f"(bvor {{a}} {BIT})", max), "without": (f"(bvand {{a}} (bvnot {BIT}))", max),
    "has": (f"(ite (= c0 (bvand {{a}} {BIT})) c0 c1)", lambda *_: 2),
}  # fmt: skip


class NotCoveredError(Exception):
    """A system or a property that few cells do not tell about, or that there are no words for."""


class TooWideError(Exception):
    """A number may need more bits than are given to any."""


class Term(NamedTuple):
    """A part of a question by its name: a number that so many bits of two's complement hold, or a truth."""

    name: str
    bits: int = 0  # of a truth

    def __str__(self) -> str:
        return self.name


Variable = tuple[str, ir.Var, Term, str]  # of a cell that a pointer leads to; the last is a mark for a state
Env = tuple[tuple[str, Term], ...]  # what names are bound to, innermost last
NULL, ME, OTHER, VIEWED = (Term(f"c{number}", 3) for number in range(4))  # cells with a name; that of globals is ME
ONE, SELF = ir.Const(1), ir.Me()
CERTAIN = {"c0": Term("false"), "c1": Term("true")}


def every(parts: Iterable[object]) -> str:
    """That all parts are true."""
    return f"(and true true {' '.join(map(str, parts))})"


def some(parts: Iterable[object]) -> str:
    """That one of the parts is true."""
    return f"(or false false {' '.join(map(str, parts))})"


@dataclass(slots=True)
class Question:
    """Whether all that is claimed can be so at once. Equal terms are written once, behind what they are made of."""

    system: ir.System
    me: Term  # who takes the step
    threads: list[Term]  # at hand where they are not NULL, as are objects of each class
    objects: dict[str, list[Term]]
    lines: list[str] = field(default_factory=list)
    terms: dict[str, Term] = field(default_factory=dict)  # by what they stand for
    numbers: dict[str, int] = field(default_factory=lambda: {f"c{value}": value for value in (0, 1, 2, 3, 63)})
    variables: dict[Term, Variable] = field(default_factory=dict)
    members: set[Term] = field(default_factory=set)  # threads that sets are asked for
    known: dict[tuple[int, Env, str], tuple[ir.Expr, Term]] = field(default_factory=dict)
    width: int = 7

    def script(self) -> str:
        """The question as text. A set has a bit for each thread that is asked for, and at least one for all others."""
        pointers = 4 + sum(isinstance(var.domain, ir.Ptr) for _, var, _, _ in self.variables.values())
        few = 3 + len(self.members)
        width = max(self.width, pointers.bit_length(), few + 1 if self.members else 0)
        if width > MOST_BITS:
            raise TooWideError(f"a number may need {width} bits")
        head = ["(set-logic QF_UFBV)", f"(define-sort Word () (_ BitVec {width}))"]
        head += [f"(define-fun {name} () Word (_ bv{v % (1 << width)} {width}))" for name, v in self.numbers.items()]
        limits = [f"(assert (bvule {member} (_ bv{few} {width})))" for member in sorted(self.members)]
        return "\n".join([*head, *self.lines, *limits, "(check-sat)", ""])

    def claim(self, truths: Iterable[object]) -> None:
        """Claim that all of these are so."""
        self.lines += [f"(assert {truth})" for truth in truths]

    # ---- terms -----------------------------------------------------------------------------------

    def term(self, text: str, bits: int = 0) -> Term:
        """What a text stands for."""
        if text not in self.terms:
            found = self.terms[text] = Term(f"{'n' if bits else 'b'}{len(self.terms)}", bits)
            self.width = max(self.width, bits)
            self.lines.append(f"(define-fun {found} () {'Word' if bits else 'Bool'} {text})")
        return self.terms[text]

    def number(self, value: int) -> Term:
        """The number `value`."""
        self.numbers[f"c{value}"] = value
        self.width = max(self.width, value.bit_length() + 1)
        return Term(f"c{value}", value.bit_length() + 1)

    def truth(self, a: Term) -> Term:
        """That `a` is true, or a number other than 0."""
        return CERTAIN.get(a.name) or (self.term(f"(distinct {a} c0)") if a.bits else a)

    def value(self, a: Term) -> Term:
        """`a` as a number: 0 or 1 for a truth."""
        return a if a.bits else self.term(f"(ite {a} c1 c0)", 2)

    def either(self, test: object, then: Term, other: Term) -> Term:
        """One of two terms, by whether something is true."""
        as_truths = all(not CERTAIN.get(each.name, each).bits for each in (then, other))
        then, other = map(self.truth if as_truths else self.value, (then, other))
        return self.term(f"(ite {test} {then} {other})", max(then.bits, other.bits))

    def variable(self, cell: str, var: ir.Var, at: Term, prime: str = "") -> Term:
        """A variable of the cell that a pointer leads to, within its domain."""
        function = f"|{cell}.{var.name}{prime}|"
        if function not in self.terms:
            self.terms[function] = NULL
            self.lines += [f"(declare-fun {function} (Word) Word)", f"(assert (= ({function} c0) c0))"]
        if (text := f"({function} {at})") in self.terms:
            return self.terms[text]
        match var.domain:
            case ir.Range(lo, hi):
                ends = self.number(lo), self.number(hi)
                found = self.term(text, max(end.bits for end in ends))
                self.claim([f"(or (= {at} c0) (and (bvsle {ends[0]} {found}) (bvsle {found} {ends[1]})))"])
            case _:
                found = self.term(text, 1)
        self.variables[found] = (cell, var, at, prime)
        return found

    def free(self) -> Term:
        """A truth that may be either."""
        return self.truth(self.chosen(f"{len(self.terms)}", ir.BOOL))

    def chosen(self, name: str, domain: ir.Range | ir.Ptr) -> Term:
        """Some value of a domain, for each name, or NULL."""
        return self.variable(CHOICES, ir.Var(f"{name}: {domain}", domain), ME)

    # ---- expressions -----------------------------------------------------------------------------

    def holds(self, expr: ir.Expr, env: Env, prime: str = "") -> Term:
        """That an expression is true."""
        return self.truth(self.read(expr, env, prime))

    def read(self, expr: ir.Expr, env: Env, prime: str = "") -> Term:
        """What an expression is, before a step or after it; deep ones are read with a stack of our own."""
        todo = [expr]
        while todo:
            part = todo.pop()
            inner = () if isinstance(part, ir.Quant) else operands(part)
            missing = [each for each in inner if (id(each), env, prime) not in self.known]
            if missing:
                todo += [part, *missing]
            elif (id(part), env, prime) not in self.known:
                args = [self.known[id(each), env, prime][1] for each in inner]
                self.known[id(part), env, prime] = (part, self._term(part, args, env, prime))
        return self.known[id(expr), env, prime][1]

    def cell(self, place: ir.Place, env: Env, prime: str = "") -> Term:
        """The pointer to the cell that a place is in."""
        return self.value(self.read(place_of(place)[2], env, prime))

    def _term(self, expr: ir.Expr, args: Sequence[Term], env: Env, prime: str) -> Term:
        match expr:
            case ir.Const(value):
                return self.number(value)
            case ir.Me():
                return self.me
            case ir.Bound(name):
                return dict(env)[name]
            case ir.Global() | ir.Local() | ir.Field():
                return self.variable(place_of(expr)[0], self.system.var(expr), self.cell(expr, env, prime), prime)
            case ir.Unary("!"):
                return self.term(f"(not {self.truth(args[0])})")
            case ir.Unary(op):
                return self._operated("-", self.number(0 if op == "-" else -1), args[0])
            case ir.Binary("&&" | "||" as op, _, _):
                return self.term(f"({JOINED[op]} {self.truth(args[0])} {self.truth(args[1])})")
            case ir.Binary(op, _, _):
                return self._operated(op, *args)
            case ir.Ite():
                return self.either(self.truth(args[0]), args[1], args[2])
            case ir.Wrap(bits, signed, _):  # half of the values are below 0, or none
                half, mask = self.number(signed << bits - 1), self.number((1 << bits) - 1)
                return self.term(f"(bvsub (bvand {self._operated('+', args[0], half)} {mask}) {half})", bits + 1)
            case ir.Quant():
                return self._quantified(expr, env, prime)
            case ir.Referenced(_, cls, mine):
                found = [self.free(), *self._references(self.value(args[0]), cls, prime, mine=mine)]
                return self.term(f"(and {self.truth(args[0])} {some(found)})")
            case _:
                assert_never(expr)

    def _operated(self, op: str, a: Term, b: Term) -> Term:
        a, b = self.value(a), self.value(b)
        if op in COMPARED:
            return self.term(f"({COMPARED[op]} {a} {b})")
        if op in {"has", "with", "without"}:
            self.members.add(b)
        text, bits = OPERATORS[op]
        return self.term(text.format(a=a, b=b), bits(a.bits, b.bits))

    def _quantified(self, quant: ir.Quant, env: Env, prime: str) -> Term:
        """What every number says, or what the objects at hand say where all others may say either."""
        domain, rest = quant.binder.domain, list[object]()
        if not isinstance(domain, ir.Range):
            cases, rest = [(at, f"(= {at} c0)") for at in self.objects[domain.cls]], [self.free()]
        elif domain.hi - domain.lo < MOST_VALUES:
            cases = [(self.number(value), "false") for value in range(domain.lo, domain.hi + 1)]
        else:
            raise NotCoveredError(f"a quantifier has more than {MOST_VALUES} values")
        says = [(no, self.holds(quant.body, (*env, (quant.binder.name, at)), prime)) for at, no in cases]
        if quant.quantifier == "forall":
            return self.term(every([*rest, *(f"(or {no} {holds})" for no, holds in says)]))
        return self.term(some([*rest, *(f"(and (not {no}) {holds})" for no, holds in says)]))

    def _references(self, pointer: Term, cls: str, prime: str, *, mine: bool) -> Iterator[str]:
        """That something at hand points to an object: see `ir.Referenced`."""
        cells = [(GLOBALS, [ME], self.system.globals), (THREADS, self.threads, self.system.locals)]
        cells += [(name, self.objects[name], struct.fields) for name, struct in self.system.classes.items()]
        for cell, here, variables in cells:
            own = cell == THREADS or (cell == self.system.thread and not mine)
            for at, var in product(here, variables):
                if ir.refers(var.name, var.domain, cls):
                    others = every(f"(distinct {at} {no})" for no in [self.me] * own + [pointer] * (cell == cls))
                    yield f"(and (= {self.variable(cell, var, at, prime)} {pointer}) {others})"

    def follow(self, exprs: Iterable[ir.Expr], env: Env) -> None:
        """Have the objects at hand that pointers in some expressions lead to, but for those of inner names."""
        for part in distinct(*exprs):
            if isinstance(part, ir.Field):
                inner = isinstance(part.pointer, ir.Bound) and part.pointer.name not in dict(env)
                if not inner and (at := self.cell(part, env)) not in self.objects[part.cls]:
                    self.objects[part.cls].append(at)


def place_of(place: ir.Place) -> tuple[str, str, ir.Expr]:
    """The cells that a place is in, its name there, and the pointer to its cell."""
    match place:
        case ir.Global(name):
            return GLOBALS, name, ONE
        case ir.Local(name, of):
            return THREADS, name, SELF if of is None else of
        case ir.Field(pointer, cls, name):
            return cls, name, pointer
        case _:
            assert_never(place)
