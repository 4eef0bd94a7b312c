"""Systems held to a run: each thread takes no alternatives but those that it takes in the run.

Such a system has fewer runs than the whole, all of them runs of the whole, and the given one among them. It has so few
states that a shortest run can be searched for where the whole has too many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from verify.instances import Instance, Trace
from verify.ir import Action, Binary, Const, Expr, Me, System
from verify.lower.scenario import Branches, within
from verify.lower.simplify import conj, disj

Taken = Mapping[int, Branches]  # by thread: the innermost alternatives; none for a thread that is not there


def taken(trace: Trace) -> Taken:
    """The alternatives that each thread takes in a run."""
    locations = trace.instance.system.locations
    found: dict[int, set[tuple[int, ...]]] = defaultdict(set)
    for step in trace.steps:
        found[step.thread] |= {locations[end].branch for end in (step.action.source, step.action.target)}
    return {thread: _innermost(branches) for thread, branches in found.items()}


@dataclass(frozen=True, slots=True)
class Held:
    """A system with threads held to alternatives; `origins` has, by identity, the action behind each of its own."""

    instance: Instance
    whole: Instance
    origins: Mapping[int, Action]

    def freed(self, trace: Trace) -> Trace:
        """A run of it as one of the whole system."""
        steps = [step._replace(action=self.origins[id(step.action)]) for step in trace.steps]
        return Trace(self.whole, trace.states, steps)


def held(whole: Instance, by: Taken) -> Held:
    """Hold the threads of an instance: what none of them may do is gone, what some may is guarded.

    Threads are told apart: there is no symmetry.
    """
    system, tasks = whole.system, whole.tasks
    actions, origins = list[Action](), dict[int, Action]()
    may = {thread: within(system, by.get(thread, ())) for thread in range(1, tasks + 1)}
    for action in system.actions:
        allowed = [thread for thread in may if may[thread](action)]
        if allowed:
            free = len(allowed) == tasks
            actions.append(action if free else replace(action, guard=conj([_one_of(allowed), action.guard])))
            origins[id(actions[-1])] = action
    return Held(replace(whole, system=replace(system, actions=tuple(actions))), whole, origins)


def doors(system: System, branches: Collection[tuple[int, ...]]) -> frozenset[int]:
    """The locations at which a thread that takes these alternatives alone would begin another."""
    may = within(system, branches)
    inside = {end for action in system.actions if may(action) for end in (action.source, action.target)}
    others = [action for action in system.actions if not may(action)]
    return frozenset(action.target for action in others if action.source in inside)


def _innermost(branches: Collection[tuple[int, ...]]) -> Branches:
    return frozenset(b for b in branches if b and not any(other != b and other[: len(b)] == b for other in branches))


def _one_of(threads: Collection[int]) -> Expr:
    return disj([Binary("==", Me(), Const(thread)) for thread in threads])
