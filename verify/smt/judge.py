"""Z3 as the judge of a proof: an invariant must hold at the start, survive every action, and imply the property."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from verify.induction import Broken
from verify.instances import Instance, State
from verify.ir import Expr
from verify.smt.bmc import Report
from verify.smt.frame import state_in
from verify.smt.integers import Num
from verify.smt.obligations import Obligation, obligations
from verify.smt.solver import assume, check, solver


@dataclass(frozen=True, slots=True)
class FailedObligation:
    """An obligation that Z3 did not refute; `state` is where it fails, if Z3 says so.

    Of a proof for any number of tasks, `broken` is that, of few cells.
    """

    name: str
    reason: str  # "sat" or "unknown"
    state: State | None
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an invariant proves a property: `ok` if every obligation was refuted; `count` is how many were."""

    ok: bool
    count: int
    failed: tuple[FailedObligation, ...]


def judge(
    inst: Instance, clauses: Sequence[Expr], prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Judgement:
    """Whether the conjunction of `clauses` is an inductive invariant of the instance that implies `prop`.

    Each obligation has a solver of its own, in a Z3 context made for this call; nothing is shared with whoever found
    the invariant. (A context for each would cost 7 ms, more than most obligations.) `deadline` is in seconds of
    `time.monotonic`; once it passes, the next obligation counts as unknown, and the rest are left out.
    """
    count, failed = 0, list[FailedObligation]()
    for obligation in obligations(inst, clauses, prop):
        if deadline is not None and time.monotonic() > deadline:
            failed.append(FailedObligation(obligation.name, "unknown", None))
            break
        found = _refute(obligation, deadline)
        if found is None:
            count += 1
        else:
            failed.append(found)
        if report is not None:
            report("judging", {"obligations": count + len(failed), "failed": len(failed)})
    return Judgement(ok=not failed, count=count, failed=tuple(failed))


def _refute(what: Obligation, deadline: float | None) -> FailedObligation | None:
    """None if Z3 refutes the obligation, from what is near or else from all that is assumed."""
    own = _posed(what, what.near)
    if check(own, deadline) == z3.unsat:
        return None
    own = _posed(what, what.assumed())
    found = check(own, deadline)
    if found == z3.unsat:
        return None
    return FailedObligation(what.name, str(found), state_in(what.z, own.model(), what.at) if found == z3.sat else None)


def _posed(what: Obligation, assumed: Sequence[Num]) -> z3.Solver:
    return solver(what.z, what.at.typed, *assumed, what.broken)


def script(what: Obligation) -> str:
    """The obligation in SMT-LIB 2, for any solver of quantifier-free bit-vectors: `unsat` discharges it."""
    plain = z3.SimpleSolver(ctx=what.z.context)  # the solver for finite domains does not say what it was told
    assume(what.z, plain, what.at.typed, *what.assumed(), what.broken)
    return f"(set-logic QF_BV)\n{plain.to_smt2()}"
