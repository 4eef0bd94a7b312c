"""Z3 as the judge of a run: the run, every state and step of it fixed, must satisfy its own unrolling."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import z3

from verify.instances import Instance, Step, Trace
from verify.ir import Expr
from verify.smt.frame import Frame, frame, initial, is_state
from verify.smt.integers import NO, Num, binary, conjunction, constant, negation
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
    frames = [frame(z, trace.instance, k) for k in range(len(trace.states))]
    parts = [initial(z, trace.instance, frames[0]), ends(z, frames[-1])]
    for at, state in zip(frames, trace.states, strict=True):
        parts += [at.typed, is_state(z, at, state)]
    for step, (pre, post) in zip(trace.steps, pairwise(frames), strict=True):
        parts.append(_is_step(z, trace.instance, pre, step, post))
    return bool(check(solver(z, *parts), None) == z3.sat)


def _is_step(z: Terms, inst: Instance, pre: Frame, step: Step, post: Frame) -> Num:
    """Whether the step leads from one state to the other; what it does not write stays."""
    binders = step.action.binders
    known = 1 <= step.thread <= inst.tasks and step.action in inst.system.actions and len(step.choice) == len(binders)
    if not known or any(v not in inst.choices(b) for b, v in zip(binders, step.choice, strict=True)):
        return NO
    scope = tuple((binder.name, constant(v)) for binder, v in zip(binders, step.choice, strict=True))
    does = effect(Reader(z, inst, pre.values, step.thread), step.action, scope)
    values = {**pre.values, **does.writes}
    same = [binary(z, "==", post.values[slot], value) for slot, value in values.items()]
    return conjunction(z, (does.enabled, does.typed, *same))
