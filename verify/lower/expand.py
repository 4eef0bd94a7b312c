"""From a run of a sliced and reduced system to one of the whole system, step by step of the source.

This is what makes both passes harmless to a refutation: a run counts only if the whole system takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.instances import THREAD, Instance, Slot, State, Step, Trace, starts
from verify.ir import PC, Action
from verify.lower.flow import outgoing
from verify.semantics import Context, apply, contexts

MOST_STATES = 20_000  # how many states one step may pass through, all paths together


@dataclass(frozen=True, slots=True)
class Goal:
    """Where one step of the small system must lead the whole one: who steps, and what is known of the end."""

    thread: int
    known: Mapping[Slot, int]


def expand(trace: Trace, whole: Instance) -> tuple[Trace, frozenset[int]] | None:
    """The run of `whole` that goes where `trace` goes, and which of its steps the small system has too.

    Between two states of the trace only the thread that the trace names may step. None if there is no such run.
    """
    leaving = outgoing(whole.system.actions)
    goals = [Goal(step.thread, _known(trace, n + 1)) for n, step in enumerate(trace.steps)]
    for first in _starts(whole, _known(trace, 0)):
        states, steps, marks = [first], list[Step](), set[int]()
        for goal, small in zip(goals, trace.steps, strict=True):
            path = _path(whole, leaving, states[-1], goal)
            if path is None:
                break
            wanted = {(m.span.start, m.function, m.label) for m in small.action.micro}
            for step, state in path:
                micro = step.action.micro[0]
                if (micro.span.start, micro.function, micro.label) in wanted:
                    marks.add(len(steps))
                steps.append(step)
                states.append(state)
        else:
            return Trace(whole, tuple(states), tuple(steps)), frozenset(marks)
    return None


def _known(trace: Trace, number: int) -> Mapping[Slot, int]:
    """What a state of the small system says of the whole one: everything but locals that are dead in it."""
    defaults = {slot: var.default for slot, var in trace.instance.slots().items()}
    state = trace.states[number]
    return {s: v for s, v in state.items() if s.cell != THREAD or s.name == PC or v != defaults[s]}


def _starts(whole: Instance, known: Mapping[Slot, int]) -> Iterator[State]:
    """Initial states that agree with what is known."""
    for start in starts(whole):
        if all(known.get(slot, value[0]) in value for slot, value in start.items()):
            yield {slot: known.get(slot, value[0]) for slot, value in start.items()}


def _path(
    whole: Instance, leaving: Mapping[int, Sequence[Action]], first: State, goal: Goal
) -> list[tuple[Step, State]] | None:
    """The shortest way, by steps of one thread, to a state that agrees with the goal; at least one step."""
    came: dict[int, tuple[int, Step]] = {}
    states: list[State] = [first]
    seen = {_key(first)}
    number = 0
    while number < len(states) and len(states) < MOST_STATES:
        at = Context(whole, states[number], goal.thread)
        for action in leaving.get(states[number][Slot(THREAD, goal.thread, PC)], ()):
            for choice, here in contexts(action, at):
                post = apply(action, here)
                key = _key(post)
                if key in seen and not all(post[slot] == value for slot, value in goal.known.items()):
                    continue
                seen.add(key)
                came[len(states)] = (number, Step(goal.thread, action, choice))
                states.append(post)
                if all(post[slot] == value for slot, value in goal.known.items()):
                    return _back(came, states, len(states) - 1)
        number += 1
    return None


def _key(state: State) -> tuple[int, ...]:
    return tuple(state.values())


def _back(came: Mapping[int, tuple[int, Step]], states: Sequence[State], last: int) -> list[tuple[Step, State]]:
    path = list[tuple[Step, State]]()
    while last:
        before, step = came[last]
        path.append((step, states[last]))
        last = before
    return path[::-1]
