"""Z3's solver for finite domains, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Sequence

import z3
from z3 import z3core

from verify.smt.integers import Num, conjunction
from verify.smt.terms import Ast, Terms

MOST_MILLISECONDS = 2**32 - 2  # the largest number is Z3's word for no limit


def version() -> str:
    """The version of Z3."""
    return str(z3.get_version_string())


def formula(z: Terms, a: Num) -> Ast:
    """The Bool term of `a` not being 0; `a` lies in 0..1."""
    return a.ast if a.ast is not None else z.true if a.lo else z.false


def solver(z: Terms, *assumed: Num) -> z3.Solver:
    """A new solver that assumes all of `assumed`."""
    # It turns everything into one SAT problem, at a third of the cost of starting Z3's general solver.
    found = z3.SolverFor("QF_FD", ctx=z.context)
    found.set("simplify.delay", 100_000)  # conflicts: most queries have far fewer, and simplifying costs more than they
    found.set("phase", "always_false")  # few of the cases of a disjunction hold
    assume(z, found, *assumed)
    return found


def assume(z: Terms, into: z3.Solver, *assumed: Num) -> None:
    """Add assumptions to a solver."""
    add(z, into, formula(z, conjunction(z, assumed)))


def add(z: Terms, into: z3.Solver, said: Ast) -> None:
    """Add a Bool term to a solver: Z3's Python interface would take longer to look at it than Z3 to take it."""
    z3core.Z3_solver_assert(z.context.ref(), into.solver, said)


def check_many(z: Terms, what: z3.Solver, deadline: float, literals: Sequence[Ast]) -> z3.CheckSatResult:
    """What `check` says, of many literals: Z3's Python interface would take longer to pass them on than to answer."""
    left = deadline - time.monotonic()
    if left <= 0:
        return z3.unknown
    what.set("timeout", _milliseconds(left))
    passed = (z3core.Ast * len(literals))(*literals)
    return z3.CheckSatResult(z3core.Z3_solver_check_assumptions(z.context.ref(), what.solver, len(literals), passed))


def check(what: z3.Solver, deadline: float | None, *literals: z3.BoolRef) -> z3.CheckSatResult:
    """Whether all that is assumed can hold: sat, unsat, or unknown once `time.monotonic()` passes `deadline`."""
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            return z3.unknown
        what.set("timeout", _milliseconds(left))
    return what.check(*literals)


def _milliseconds(left: float) -> int:
    """The seconds that are left, as Z3 takes them."""
    return max(1, int(min(left * 1000, MOST_MILLISECONDS)))
