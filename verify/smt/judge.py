"""Z3 as the judge of a proof: an invariant must hold at the start, survive every action, and imply the property."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import z3

from verify.instances import THREAD, Instance, Slot, State
from verify.ir import PC, Action, Binary, Expr, Quant
from verify.smt.bmc import Report
from verify.smt.frame import Frame, frame, initial, state_in
from verify.smt.integers import Num, conjunction, constant, negation, truth
from verify.smt.reader import Reader, Scope
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.transition import choices, effect


class Obligation(NamedTuple):
    """To refute: that in the state `at` all of `assumed` hold and `broken` too."""

    name: str  # "initiation/3", "consecution/ptrace_attach.flag@T1", "typing/...", "safety"
    z: Terms
    at: Frame
    assumed: Sequence[Num]
    broken: Num


@dataclass(frozen=True, slots=True)
class FailedObligation:
    """An obligation that Z3 did not refute; `state` is where it fails, if Z3 says so."""

    name: str
    reason: str  # "sat" or "unknown"
    state: State | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an invariant proves a property: `ok` if all `count` obligations were refuted and none is left."""

    ok: bool
    count: int
    failed: tuple[FailedObligation, ...]


def judge(
    inst: Instance, clauses: Sequence[Expr], prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Judgement:
    """Whether the conjunction of `clauses` is an inductive invariant of the instance that implies `prop`.

    Each obligation has a solver of its own, in a Z3 context made for this call; nothing is shared with whoever found
    the invariant. (A context for each would cost 7 ms, more than most obligations.) `deadline` is in seconds of
    `time.monotonic`; once it passes, the obligation at hand is unknown and the rest are left out.
    """
    count, failed = 0, list[FailedObligation]()
    for obligation in obligations(inst, clauses, prop):
        found = _refute(obligation, deadline)
        count += 1
        if found is not None:
            failed.append(found)
        if report is not None:
            report("judging", {"obligations": count, "failed": len(failed)})
        if deadline is not None and time.monotonic() > deadline:
            break
    return Judgement(ok=not failed, count=count - len(failed), failed=tuple(failed))


def _refute(what: Obligation, deadline: float | None) -> FailedObligation | None:
    """None if Z3 refutes the obligation, first from the assumptions that share a variable with it, then from all."""
    near = [a for a in what.assumed if a.ast is None or a.reads & what.broken.reads]
    for assumed in (near, what.assumed):
        own = solver(what.z, *assumed, what.broken)
        found = check(own, deadline)
        if found == z3.unsat:
            return None
    return FailedObligation(what.name, str(found), state_in(what.z, own.model(), what.at) if found == z3.sat else None)


def obligations(inst: Instance, clauses: Sequence[Expr], prop: Expr) -> Iterator[Obligation]:
    """To refute: that a clause fails initially, that a step leaves the invariant, that the property fails in it.

    A step that stores a value outside its domain counts as one out of the invariant. Raises EncodingError for an initial
    value outside its domain.
    """
    z = Terms()
    at = frame(z, inst, 0)
    reader = Reader(z, inst, at.values)
    start = initial(z, inst, at)
    for number, clause in enumerate(clauses, start=1):
        yield Obligation(f"initiation/{number}", z, at, (at.typed, start), negation(z, reader.read(clause)))
    parts = [part for clause in clauses for part in _conjuncts(inst, clause)]
    assumed = [at.typed, *(truth(z, reader.read(*part)) for part in parts)]
    sources = groupby(sorted(inst.system.actions, key=lambda a: a.source), key=lambda a: a.source)
    for source, actions in [(source, list(actions)) for source, actions in sources]:
        for me in range(1, inst.tasks + 1):
            pc = Slot(THREAD, me, PC)
            pre = Frame({**at.values, pc: constant(source)}, at.typed)
            yield from _consecution(reader, pre, parts, me, actions)
    yield Obligation("safety", z, at, assumed, negation(z, reader.read(prop)))


def _conjuncts(inst: Instance, clause: Expr) -> Iterator[tuple[Expr, Scope]]:
    """The parts of a clause, all of which must hold."""
    pending: list[tuple[Expr, Scope]] = [(clause, ())]
    while pending:
        expr, scope = pending.pop()
        match expr:
            case Binary("&&", left, right):
                pending += [(right, scope), (left, scope)]
            case Quant("forall", binder, body):
                pending += [(body, (*scope, (binder.name, constant(v)))) for v in reversed(inst.choices(binder))]
            case _:
                yield expr, scope


def _consecution(
    reader: Reader, pre: Frame, parts: Sequence[tuple[Expr, Scope]], me: int, actions: Sequence[Action]
) -> Iterator[Obligation]:
    """That one of `actions` leads the thread from `pre`, where it can take them all, out of the invariant."""
    z, inst = reader.z, reader.inst
    before, mine = Reader(z, inst, pre.values, base=reader), Reader(z, inst, pre.values, me)
    assumed = [pre.typed, *(truth(z, before.read(*part)) for part in parts)]
    for action in actions:
        scope, allowed = choices(z, inst, action.binders, 0)
        does = effect(mine, action, scope)
        enabled, name = conjunction(z, (does.enabled, allowed)), f"{action.label}@T{me}"
        if enabled.hi and not does.typed.lo:
            yield Obligation(f"typing/{name}", z, pre, assumed, conjunction(z, (enabled, negation(z, does.typed))))
        if enabled.hi:
            after = Reader(z, inst, {**pre.values, **does.writes}, base=reader)
            # A part that reads nothing which the action writes holds after it because it held before.
            kept = conjunction(z, [after.read(*part) for part in parts if reader.read(*part).reads & after.changed])
            yield Obligation(f"consecution/{name}", z, pre, assumed, conjunction(z, (enabled, negation(z, kept))))
