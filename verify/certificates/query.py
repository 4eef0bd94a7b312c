"""Obligations as questions to a solver: what they are called, in parts, and where one is not met."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from verify.certificates.reading import CHOICES, GLOBALS, ME, NULL, OTHER, THREADS, Env, Question, Term
from verify.induction import Broken
from verify.instances import THREAD as CELL
from verify.instances import Slot
from verify.ir import Action, Binary, Expr, Quant
from verify.universal import Clause

SHOWN = re.compile(r"\(([bcn]-?[0-9]+) (#b[01]+|#x[0-9a-f]+|true|false)\)")


DOMAINS = 0  # the number of what is about no clause: that a step stores values of the domains of variables


class Part(NamedTuple):
    """One obligation: about a step of an action, and the clause (or conjunct of the property) of some number."""

    action: Action | None
    number: int


class Pair(NamedTuple):
    """A thread and an object of a class that clauses are about; NULL and "" for none."""

    thread: Term
    cls: str
    object: Term


@dataclass(frozen=True, slots=True)
class Posed:
    """What is asked: what an action chooses, and what is called how in what may be false, a clause or the property."""

    question: Question
    choices: Env
    bound: Env
    action: Action | None
    clause: Clause | None
    prop: Expr | None = None

    def script(self) -> str:
        """Whether it can be."""
        return self.question.script()

    def asking(self) -> str:
        """Whether it can be, and how."""
        read = self.question.variables
        shown = {*read, *(at for _, _, at, _ in read.values()), *(term for _, term in (*self.choices, *self.bound))}
        return f"{self.script()}(get-value ({' '.join(sorted(map(str, shown)))}))\n"

    def broken(self, name: str, said: str) -> Broken:
        """What a solver said that it can be."""
        values = {term: _numeral(value) for term, value in SHOWN.findall(said)}
        before, after = dict[Slot, int](), dict[Slot, int]()
        for term, (cell, var, at, prime) in self.question.variables.items():
            index = 0 if cell == GLOBALS else values[at.name]
            if cell != CHOICES and (index or cell == GLOBALS):
                named = {GLOBALS: "", THREADS: CELL}.get(cell, cell)
                (after if prime else before)[Slot(named, index, var.name)] = values[term.name]
        choices, bound = ({name: values[of.name] for name, of in each} for each in (self.choices, self.bound))
        body = self.clause.body if self.clause else self.prop and _matrix(self.prop)
        changed = {**before, **after} if self.clause else before
        return Broken(name, self.action, choices, self.clause, body, bound, before, changed)


def _numeral(value: str) -> int:
    """The number that a numeral in two's complement is, or a truth."""
    if value in {"true", "false"}:
        return int(value == "true")
    bits = (len(value) - 2) * (1 if value[1] == "b" else 4)
    number = int(value[2:], 2 if value[1] == "b" else 16)
    return number - (1 << bits) if number >> bits - 1 else number


def _matrix(prop: Expr) -> Expr:
    """A property without its quantifiers."""
    match prop:
        case Quant(_, _, body):
            return _matrix(body)
        case Binary("&&" | "||" as op, left, right):
            return Binary(op, _matrix(left), _matrix(right))
        case _:
            return prop


@dataclass(frozen=True, slots=True)
class Query:
    """Obligations that are all met if the script is unsatisfiable."""

    kind: str  # safety, initiation or steps
    parts: Sequence[Part]
    posed: Callable[[Sequence[Part]], Posed]
    pair: Pair | None = None  # of which a step keeps what is said

    @property
    def action(self) -> Action | None:
        """The only one whose steps it is about."""
        return self.parts[0].action if self.parts[0].action is self.parts[-1].action else None

    @property
    def name(self) -> str:
        """What it is called."""
        what = ", ".join("domains" if number == DOMAINS else str(number) for _, number in self.parts)
        if self.pair is None:
            return f"{self.kind} x {what}" if len(self.parts) == 1 else self.kind
        whose = {ME: "its own thread", OTHER: "another thread", NULL: "any object"}[self.pair.thread]
        whose += f", {self.pair.cls}" * bool(self.pair.cls) + " of the step" * (self.pair.object == ME)
        if self.action is None:
            return f"{self.kind} x {whose}"
        return f"{self.action.label} x {what}" + f" of {whose}" * (self.pair != (ME, "", NULL))

    @property
    def count(self) -> int:
        """How many obligations there are."""
        return len(self.parts)

    def pose(self) -> Posed:
        """The question, and what its terms are."""
        return self.posed(self.parts)

    def script(self) -> str:
        """The question as text."""
        return self.pose().script()

    def halves(self) -> Sequence[Query]:
        """The same as two, or none: apart by actions first."""
        parts = self.parts
        apart = [n for n in range(1, len(parts)) if parts[n].action is not parts[n - 1].action] or range(1, len(parts))
        cut = apart[len(apart) // 2] if apart else 0
        return [replace(self, parts=half) for half in (parts[:cut], parts[cut:])] if cut else []
