"""Runs that go on for ever, and whether one of them breaks a response: the judge of counterexamples to liveness.

Fairness is weak, of each thread for itself: a thread that could always change something does so again and again
(Lamport 1994). A step that changes nothing is no step to it, as in TLA+.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from verify.instances import THREAD, Instance, Slot, State, Trace
from verify.ir import PC
from verify.response import Response
from verify.semantics import replay, successors


@dataclass(frozen=True, slots=True)
class Lasso:
    """A run whose last state is that after `loop` steps: from there on it repeats itself.

    With as many steps as the run has, it stays in its last state.
    """

    trace: Trace
    loop: int

    @property
    def repeated(self) -> Sequence[State]:
        """The states that it comes to again and again."""
        states = self.trace.states
        return states[self.loop : -1] or states[-1:]


@dataclass(frozen=True, slots=True)
class Starved:
    """A thread that stands, after so many steps, where a response begins, and never comes to where it ends."""

    thread: int
    since: int


def is_fair_run(lasso: Lasso) -> bool:
    """Whether it is a run of the system that goes on for ever, and fair to every thread."""
    trace = lasso.trace
    closed = 0 <= lasso.loop <= len(trace.steps) and trace.states[lasso.loop] == trace.states[-1]
    return closed and replay(trace) and not any(_kept_back(lasso, thread) for thread in _threads(trace.instance))


def starved(lasso: Lasso, response: Response) -> Starved | None:
    """Who never gets what the response promises in a lasso, the first of them; None if everybody does."""
    trace = lasso.trace
    for since in range(len(trace.states)):
        after = [*trace.states[since:], *lasso.repeated]
        for thread in _threads(trace.instance):
            places = [state[Slot(THREAD, thread, PC)] for state in after]
            if places[0] in response.begin and not any(map(response.ends, places)):
                return Starved(thread, since)
    return None


def _threads(inst: Instance) -> range:
    return range(1, inst.tasks + 1)


def _kept_back(lasso: Lasso, thread: int) -> bool:
    """Whether a thread could always step in the loop, and never does."""
    inst, states = lasso.trace.instance, lasso.trace.states[lasso.loop :]
    able = all(any(_steps(inst, state, thread)) for state in lasso.repeated)
    return able and not any(after in _steps(inst, before, thread) for before, after in pairwise(states))


def _steps(inst: Instance, state: State, thread: int) -> Iterator[State]:
    """The other states that a thread can step to."""
    return (after for step, after in successors(inst, state) if step.thread == thread and after != state)
