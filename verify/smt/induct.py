"""Whether clauses are inductive, asked again and again: of any of them, from any others, with what is missing.

This is how an explanation is found, not how it is judged: see `verify.smt.universal`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import z3

from verify.instances import THREAD, Slot
from verify.ir import PC, Binder, Bound, Expr, System
from verify.smt.frame import value_in
from verify.smt.ground import (
    ACTOR,
    Ground,
    Later,
    Pair,
    Said,
    Step,
    all_pairs,
    among,
    around,
    followed,
    ground,
    keys_of,
    later,
    others,
    own,
    step,
)
from verify.smt.implied import OutOfTimeError
from verify.smt.integers import Num, conjunction, disjunction, negation, variable
from verify.smt.safety import cells_of, false_of
from verify.smt.solver import add, check_many, formula, solver
from verify.smt.terms import Ast
from verify.universal import Clause, prenex

SAFETY, DOMAINS = 0, -1  # goals that are no clause: the property, and that no value leaves its domain
Goal = int  # of a clause its number, from 1


@dataclass(frozen=True, slots=True)
class Missing:
    """A state from which a step breaks a goal: the pairs of cells in it, and their variables.

    `at` is where the thread is after the step of which a clause does not hold then; None if it is of none.
    """

    pairs: Sequence[Pair]
    values: Mapping[Slot, int]
    at: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """The obligations about one pair of cells."""

    of: Ground
    assumed: Sequence[Num]
    pairs: Sequence[Pair]
    at: Num | None = None  # where the thread is of which something is said, after a step
    goals: dict[Goal, Num] = field(default_factory=dict)  # that a goal is broken
    uses: dict[Goal, tuple[Ast, Ast]] = field(default_factory=dict)

    def use(self, number: Goal, clause: Clause) -> tuple[Ast, Ast]:
        """A literal, and that a clause holds of all cells before if it is true."""
        if number not in self.uses:
            z = self.of.z
            literal = variable(z, f"use {number}", 0, 1)
            said = [self.of.says(clause, pair) for pair in self.pairs]
            meant = formula(z, disjunction(z, (negation(z, literal), conjunction(z, said))))
            self.uses[number] = literal.ast, meant
        return self.uses[number]


@dataclass(slots=True, eq=False)
class _Asked:
    """An obligation in a solver of its own, which is told of a clause when it is used."""

    kind: _Kind
    solver: z3.Solver
    uses: set[Goal] = field(default_factory=set)
    core: frozenset[Goal] | None = None  # clauses that met it the last time that it was met

    def use(self, number: Goal, clause: Clause) -> Ast:
        """A literal that is true only if the clause holds before."""
        literal, meant = self.kind.use(number, clause)
        if number not in self.uses:
            self.uses.add(number)
            add(self.kind.of.z, self.solver, meant)
        return literal


@dataclass(slots=True, eq=False)
class Induction:
    """Clauses by number, and the solvers that know them."""

    system: System
    deadline: float
    of: Ground
    after: Later
    steps: Sequence[tuple[Step, Mapping[bool, Num]]]  # with what each does to all, and to what others see
    safe: Sequence[_Kind]
    kinds: dict[Pair, _Kind] = field(default_factory=dict)
    clauses: dict[Goal, Clause] = field(default_factory=dict)
    aimed: set[Goal] = field(default_factory=set)
    last: tuple[Goal, Sequence[_Asked]] | None = None

    def add(self, clause: Clause) -> Goal:
        """Give a clause its number."""
        number = len(self.clauses) + 1
        self.clauses[number] = clause
        return number

    def _aim(self, number: Goal) -> None:
        """Say what it means that a step breaks a clause."""
        self.aimed.add(number)
        said = Said(number, self.clauses[number], keys_of(self.clauses[number].body))
        broken = defaultdict[Pair, list[Num]](list)
        z = self.of.z
        for does, leaves in self.steps:
            for shared, found in ((False, own(self.after, does, [said])), (True, others(self.after, does, [said]))):
                for pair, lost in found.items():
                    parts = [failed for _, failed in lost]
                    broken[pair].append(conjunction(z, (does.enabled, leaves[shared], disjunction(z, parts))))
        for pair, some in broken.items():
            self._kind(pair).goals[number] = disjunction(z, some)

    def missing(self, goal: Goal, using: Collection[Goal]) -> Missing | frozenset[Goal]:
        """A state from which a goal is broken; or which of the clauses used keep it. Raises OutOfTimeError."""
        if goal > 0 and goal not in self.aimed:
            self._aim(goal)
        every = self._ask(goal)
        met = [asked for asked in every if asked.core is not None and asked.core.issubset(using)]
        for asked in [*(asked for asked in every if asked not in met), *met]:  # what is met is asked for who meets it
            uses = {number: asked.use(number, self.clauses[number]) for number in using}
            found = check_many(asked.kind.of.z, asked.solver, self.deadline, [*uses.values()])
            if found == z3.unknown:
                raise OutOfTimeError
            if found == z3.sat:
                return _missing(asked)
            core = {literal.as_ast().value for literal in asked.solver.unsat_core()}
            asked.core = frozenset(number for number, literal in uses.items() if literal.value in core)
        return frozenset[Goal]().union(*(asked.core or () for asked in every))

    def _ask(self, goal: Goal) -> Sequence[_Asked]:
        """The solvers of a goal; those of the last one are kept."""
        if self.last is None or self.last[0] != goal:
            kinds = self.safe if goal == SAFETY else list(self.kinds.values())
            here = [kind for kind in kinds if goal in kind.goals]
            found = [_Asked(kind, solver(kind.of.z, *kind.assumed, kind.goals[goal])) for kind in here]
            self.last = goal, found
        return self.last[1]

    def _kind(self, pair: Pair) -> _Kind:
        if pair not in self.kinds:
            of, z = self.of, self.of.z
            cells = around(of, pair)
            gone = [negation(z, there) for cell, there in of.real.items() if cell not in cells]
            at = self.after.reader.values[Slot(THREAD, pair[0], PC)] if pair[0] else None
            self.kinds[pair] = _Kind(of, [of.typed, self.after.typed, *gone], among(of, cells), at)
        return self.kinds[pair]


def induction(system: System, prop: Expr, deadline: float) -> Induction | None:
    """Return an induction that knows no clause yet; None for a property that is no universal one.

    Raises EncodingError for a system that the argument for few cells does not cover.
    """
    conjuncts = prenex(prop)
    if conjuncts is None:
        return None
    of = ground(system)
    after, z = later(of), of.z
    found = [does for action in system.actions if (does := step(of, action)) is not None]
    steps = [(does, {shared: after.leaves(does, shared=shared) for shared in (False, True)}) for does in found]
    safe = [_safe(system, binders, matrix) for binders, matrix in conjuncts]
    result = Induction(system, deadline, of, after, steps, safe)
    untyped = [conjunction(z, (does.enabled, negation(z, does.typed))) for does in found if not does.typed.lo]
    if untyped:
        result._kind((ACTOR, "", 0)).goals[DOMAINS] = disjunction(z, untyped)  # noqa: SLF001 - as it is made
    return result


def _safe(system: System, binders: Sequence[Binder], matrix: Expr) -> _Kind:
    further = followed(matrix) - {Bound(binder.name) for binder in binders}
    of = cells_of(system, max(len(binders), 1), len(further))
    return _Kind(of, [of.typed], list(all_pairs(of)), goals={SAFETY: false_of(of, binders, matrix)})


def _missing(asked: _Asked) -> Missing:
    of, model = asked.kind.of, asked.solver.model()
    z, thread = of.z, of.inst.system.thread
    there = {cell for cell, real in of.real.items() if value_in(z, model, real)} | {(thread, ACTOR)}
    pairs = [p for p in asked.kind.pairs if (not p[0] or (thread, p[0]) in there) and (not p[1] or p[1:] in there)]
    at = None if asked.kind.at is None else value_in(z, model, asked.kind.at)
    return Missing(pairs, {slot: value_in(z, model, value) for slot, value in of.reader.values.items()}, at)
