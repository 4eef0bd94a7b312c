"""Z3 as the judge of a run: the run, every state and step of it fixed, must satisfy its own unrolling."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import z3

from verify.instances import Instance, Step, Trace
from verify.ir import Expr
from verify.smt.frame import Frame, frame, initial, interval, is_state
from verify.smt.integers import Num, binary, conjunction, constant, limits, negation, variable
from verify.smt.reader import Reader
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.transition import deadlock, effect


def accepts(trace: Trace, prop: Expr) -> bool:
    """Whether the run is one of its instance and ends where `prop` is 0."""
    return _accepted(trace, lambda z, end: negation(z, Reader(z, trace.instance, end.values).read(prop)))


def accepts_deadlock(trace: Trace) -> bool:
    """Whether the run is one of its instance and ends where nobody can step although some thread is not finished."""
    return _accepted(trace, lambda z, end: deadlock(z, trace.instance, end))


def _accepted(trace: Trace, ends: Callable[[Terms, Frame], Num]) -> bool:
    if not trace.states or len(trace.states) != len(trace.steps) + 1:
        return False
    z = Terms()
    at = frame(z, trace.instance, 0)
    parts = [at.typed, initial(z, trace.instance, at), is_state(z, at, trace.states[0])]
    for step, (before, state) in zip(trace.steps, pairwise(trace.states), strict=True):
        if not _fits(trace.instance, step) or state.keys() != at.values.keys():
            return False
        pre, (holds, at) = at, _after(z, trace.instance, at, step)
        parts += [holds, at.typed]
        for slot, value in at.values.items():
            if value is not pre.values[slot] or state[slot] != before[slot]:  # else it is said already
                parts.append(binary(z, "==", value, constant(state[slot])))
    return bool(check(solver(z, *parts, ends(z, at)), None) == z3.sat)


def _fits(inst: Instance, step: Step) -> bool:
    """Whether the instance has that thread, that action and those choices."""
    binders = step.action.binders
    known = 1 <= step.thread <= inst.tasks and step.action in inst.system.actions and len(step.choice) == len(binders)
    return known and all(value in inst.choices(binder) for binder, value in zip(binders, step.choice, strict=True))


def _after(z: Terms, inst: Instance, pre: Frame, step: Step) -> tuple[Num, Frame]:
    """Whether the step can be taken, and the state after it: new variables for what it may write, the rest stays."""
    scope = tuple((b.name, constant(value)) for b, value in zip(step.action.binders, step.choice, strict=True))
    does = effect(Reader(z, inst, pre.values, step.thread), step.action, scope)
    domains = inst.slots()
    fresh = {
        slot: variable(z, f"{slot}@{pre.k + 1}", *interval(inst, domains[slot].domain)) for slot in does.writes
    }
    same = [binary(z, "==", fresh[slot], value) for slot, value in does.writes.items()]
    typed = conjunction(z, (limits(z, value) for value in fresh.values()))
    return conjunction(z, (does.enabled, does.typed, *same)), Frame(pre.k + 1, {**pre.values, **fresh}, typed)
