"""Bounded search: the shortest run to a violation, found by unrolling the transition relation.

Source: Biere, Cimatti, Clarke, Zhu, "Symbolic Model Checking without BDDs", TACAS 1999.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import z3

from verify.instances import Instance, Trace
from verify.ir import Expr
from verify.smt.frame import Frame, frame, initial, state_in
from verify.smt.integers import Num, negation, truth
from verify.smt.reader import Reader
from verify.smt.solver import assume, check, formula, solver
from verify.smt.terms import Terms
from verify.smt.transition import Transition, locations, step_in, transition
from verify.smt.widths import EncodingError

Report = Callable[[str, Mapping[str, int]], None]  # phase, figures


@dataclass(frozen=True, slots=True)
class Bmc:
    """A shortest run to a violation, or None; no run of up to `steps` steps violates (-1: not even that was shown)."""

    trace: Trace | None
    steps: int


def bmc(
    inst: Instance, prop: Expr, *, max_steps: int, deadline: float | None = None, report: Report | None = None
) -> Bmc:
    """Search all runs of 0, 1, ... `max_steps` steps for the first state in which `prop` is 0.

    `deadline` is in seconds of `time.monotonic`. Raises EncodingError if a run can store a value outside its domain.
    """
    z = Terms()
    frames: list[Frame] = [frame(z, inst, 0)]
    steps: list[Transition] = []
    unrolling = solver(z, frames[0].typed, initial(z, inst, frames[0]))
    for k, at in zip(range(max_steps + 1), locations(inst), strict=False):
        holds = truth(z, Reader(z, inst, frames[k].values).read(prop))
        found = _ask(z, unrolling, f"violated@{k}", negation(z, holds), deadline)
        if found == z3.sat:
            return Bmc(_run(z, inst, unrolling.model(), frames, steps), k - 1)
        if found == z3.unknown:
            return Bmc(None, k - 1)
        if report is not None:
            report("unrolling", {"steps": k})
        if k == max_steps:
            break
        frames.append(frame(z, inst, k + 1))
        steps.append(transition(z, inst, frames[k], frames[k + 1], at))
        found = _ask(z, unrolling, f"untyped@{k}", steps[k].untyped, deadline)
        if found == z3.sat:
            raise EncodingError(f"a run of {k + 1} steps stores a value outside its domain")
        if found == z3.unknown:
            return Bmc(None, k)
        assume(z, unrolling, holds, frames[k + 1].typed, steps[k].relation)
    return Bmc(None, max_steps)


def _ask(z: Terms, unrolling: z3.Solver, name: str, what: Num, deadline: float | None) -> z3.CheckSatResult:
    """Whether `what` is possible in some run; `name` is new, and stands for it in this one question."""
    if not what.hi:
        return z3.unsat
    literal = z.formula(z.variable(name, None))
    unrolling.add(z3.Implies(literal, z.formula(formula(z, what))))
    return check(unrolling, deadline, literal)


def _run(z: Terms, inst: Instance, found: z3.ModelRef, frames: Sequence[Frame], steps: Sequence[Transition]) -> Trace:
    return Trace(inst, [state_in(z, found, at) for at in frames], [step_in(z, found, step) for step in steps])
