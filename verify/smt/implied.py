"""What a universal invariant implies of few cells: asked again and again, of some tests, in a solver for each kind.

What an invariant implies is true wherever it is. An answer counts for nothing by itself: a judge sees what is made of
it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import z3

from verify.instances import THREAD, Slot
from verify.ir import PC, Expr, System
from verify.smt.frame import value_in
from verify.smt.ground import Ground, Pair, all_pairs
from verify.smt.integers import Num, binary, constant, limits, truth, variable
from verify.smt.patch import PatchReader, free_values, patch
from verify.smt.solver import check, formula, solver
from verify.smt.terms import Terms
from verify.universal import OBJECT, Clause
from verify.universal import THREAD as THE_THREAD

MINE, ITS = 1, 2  # the numbers of the thread and of the other object, which may have a thread of its own


class OutOfTimeError(Exception):
    """The deadline has passed."""


@dataclass(frozen=True, slots=True, eq=False)
class Implied:
    """An invariant of a thread and its object, and of one more object of a class (or none)."""

    of: Ground
    solver: z3.Solver
    pair: Pair
    deadline: float
    names: dict[Expr, z3.BoolRef] = field(default_factory=dict)  # of tests
    sites: dict[int, z3.BoolRef] = field(default_factory=dict)  # of locations

    def excluded(self, location: int | None, tests: Collection[Expr]) -> Collection[Expr] | None:
        """Tests that together with the location are never true at once, among `tests`; None if all may be."""
        literals = [self.name(test) for test in tests]
        if location is not None:
            literals.append(self.site(location))
        found = check(self.solver, self.deadline, *literals)
        if found == z3.unknown:
            raise OutOfTimeError
        if found == z3.sat:
            return None
        core = {literal.get_id() for literal in self.solver.unsat_core()}
        return [test for test in tests if self.name(test).get_id() in core]

    def seen(self) -> Mapping[Slot, int]:
        """A state in which the tests that were asked for last are true at once, where they may be."""
        model = self.solver.model()
        return {slot: value_in(self.of.z, model, value) for slot, value in self.of.reader.values.items()}

    def name(self, test: Expr) -> z3.BoolRef:
        """A literal that is true only if the test is."""
        if test not in self.names:
            thread, _, index = self.pair
            scope = ((THE_THREAD, constant(thread)), (OBJECT, constant(index)))
            said = truth(self.of.z, self.of.reader.read(test, scope))
            self.names[test] = self._literal(f"test {len(self.names)}", said)
        return self.names[test]

    def site(self, location: int) -> z3.BoolRef:
        """A literal that is true only if the thread is at the location."""
        if location not in self.sites:
            pc = self.of.reader.values[Slot(THREAD, MINE, PC)]
            said = binary(self.of.z, "==", pc, constant(location))
            self.sites[location] = self._literal(f"at {location}", said)
        return self.sites[location]

    def _literal(self, name: str, said: Num) -> z3.BoolRef:
        z = self.of.z
        literal = z.formula(variable(z, name, 0, 1).ast)
        self.solver.add(z3.Implies(literal, z.formula(formula(z, said))))
        return literal


def implied(system: System, clauses: Sequence[Clause], cls: str, deadline: float) -> Implied:
    """Return what the clauses say of a thread and its object, and of one more object of a class (or none)."""
    z = Terms()
    named = {name: [MINE, ITS] for name in system.classes}
    inst = patch(system, named, [MINE, ITS], 0)
    here = {(system.thread, MINE), (cls, ITS)}
    real = {
        (name, i): constant(int((name, i) in here)) for name in system.classes for i in (MINE, ITS)
    }
    of = Ground(z, inst, PatchReader(z, inst, free_values(z, inst, "0")), real)
    said = list(_says(of, clauses, here))
    typed = [limits(z, value) for value in of.reader.values.values()]
    pair = (MINE, cls, ITS if cls else 0)
    return Implied(of, solver(z, *typed, *said), pair, deadline)


def _says(of: Ground, clauses: Sequence[Clause], here: Collection[tuple[str, int]]) -> Iterator[Num]:
    """What clauses say of the cells that are here."""
    thread = of.inst.system.thread
    for pair in all_pairs(of):
        if (not pair[0] or (thread, pair[0]) in here) and (not pair[1] or pair[1:] in here):
            yield from (of.says(clause, pair) for clause in clauses)
