"""Z3 as the judge of a run: the run, every state and step of it fixed, must satisfy its own unrolling."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise

import z3

from verify.instances import Instance, Slot, Step, Trace, starts
from verify.ir import Expr
from verify.smt.frame import Frame, frame, initial, interval, is_state
from verify.smt.integers import Num, binary, conjunction, constant, limits, negation, variable
from verify.smt.reader import Reader
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.transition import deadlock, effect


def accepts(trace: Trace, prop: Expr, z: Terms | None = None) -> bool:
    """Whether the run is one of its instance and ends where `prop` is 0. `z` are terms to build on instead of none."""
    return _accepted(trace, z or Terms(), lambda z, end: negation(z, Reader(z, trace.instance, end.values).read(prop)))


def accepts_deadlock(trace: Trace, z: Terms | None = None) -> bool:
    """Whether the run is one of its instance and ends where nobody can step although some thread is not finished."""
    return _accepted(trace, z or Terms(), lambda z, end: deadlock(z, trace.instance, end))


def _accepted(trace: Trace, z: Terms, ends: Callable[[Terms, Frame], Num]) -> bool:
    if not trace.states or len(trace.states) != len(trace.steps) + 1:
        return False
    inst, first = trace.instance, trace.states[0]
    at = frame(z, inst, 0)
    if first.keys() != at.values.keys():
        return False
    begun = [start for start in starts(inst) if all(first[slot] in values for slot, values in start.items())]
    said = begun[0] if len(begun) == 1 else {}
    parts = [at.typed, initial(z, inst, at, begun), is_state(z, at, first, said)]  # it is none of another beginning
    actions = {id(action) for action in inst.system.actions}
    for step, (before, state) in zip(trace.steps, pairwise(trace.states), strict=True):
        if not _fits(inst, step, actions) or state.keys() != before.keys():
            return False
        holds, at, written = _after(z, inst, at, step)
        parts += [holds, at.typed]
        changed = dict.fromkeys(written)
        changed |= {slot: None for slot, value in state.items() if value != before[slot]}
        parts += [binary(z, "==", at.values[slot], constant(state[slot])) for slot in changed]  # the rest is said
    return bool(check(solver(z, *parts, ends(z, at)), None) == z3.sat)


def _fits(inst: Instance, step: Step, actions: Collection[int]) -> bool:
    """Whether the instance has that thread, that action (`actions` are the identities of its own) and those choices."""
    binders = step.action.binders
    known = id(step.action) in actions or step.action in inst.system.actions
    good = known and 1 <= step.thread <= inst.tasks and len(step.choice) == len(binders)
    return good and all(value in inst.choices(binder) for binder, value in zip(binders, step.choice, strict=True))


def _after(z: Terms, inst: Instance, pre: Frame, step: Step) -> tuple[Num, Frame, Collection[Slot]]:
    """Whether the step can be taken, the state after it, and the new variables in that: what the step may write."""
    scope = tuple((b.name, constant(value)) for b, value in zip(step.action.binders, step.choice, strict=True))
    does = effect(Reader(z, inst, pre.values, step.thread), step.action, scope)
    domains = inst.slots()
    fresh = {
        slot: variable(z, f"{slot}@{pre.k + 1}", *interval(inst, domains[slot].domain)) for slot in does.writes
    }
    same = [binary(z, "==", fresh[slot], value) for slot, value in does.writes.items()]
    typed = conjunction(z, (limits(z, value) for value in fresh.values()))
    after = Frame(pre.k + 1, {**pre.values, **fresh}, typed)
    return conjunction(z, (does.enabled, does.typed, *same)), after, fresh.keys()
