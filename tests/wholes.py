"""Counterparts of a run as the definition has them: an instant for each section, and the steps of all in that order.

Every choice of instants is tried, one after the other, and each is played through on its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import permutations, product

from verify.counterparts import Followed, first, follow
from verify.instances import THREAD, Instance, Slot, State, Step, Trace
from verify.ir import PC
from verify.semantics import initial_states, successors

NEVER = -1
Event = tuple[str, int, int]  # a step outside, a whole section, the end of one, or a state to compare; of whom; where


def has_counterpart(trace: Trace, inside: Collection[int]) -> bool:
    """Whether some choice of an instant for each section gives a run that shows the same."""
    return any(_plays(trace, inside, events) for events in _orders(trace, inside))


def _orders(trace: Trace, inside: Collection[int]) -> Iterator[Sequence[Event]]:
    """The steps of the run with each section as one event at an instant, in every way."""
    intervals, where = list[tuple[int, Sequence[int]]](), dict[int, int]()
    for number, step in enumerate(trace.steps, start=1):
        was, now = (_at(trace.states[n], step.thread) in inside for n in (number - 1, number))
        if now and not was:
            where[step.thread] = number
        elif was and not now:
            intervals.append((step.thread, range(where.pop(step.thread), number)))
    intervals += [(thread, (NEVER, *range(begin, len(trace.steps) + 1))) for thread, begin in where.items()]
    for instants in product(*(choices for _, choices in intervals)):
        at = {n: [t for (t, _), instant in zip(intervals, instants, strict=True) if instant == n] for n in instants}
        for mixed in product(*(permutations(at.get(n, [])) for n in range(1, len(trace.steps) + 1))):
            events = list[Event]()
            for number, step in enumerate(trace.steps, start=1):
                was, now = (_at(trace.states[n], step.thread) in inside for n in (number - 1, number))
                events += [("step", step.thread, number)] if not was and not now else []
                events += [("end", step.thread, number)] if was and not now else []
                events += [("section", thread, number) for thread in mixed[number - 1]]
                events.append(("state", 0, number))
            yield events


def _plays(trace: Trace, inside: Collection[int], events: Sequence[Event]) -> bool:
    """Whether the events can be played one after the other, with what the run shows."""
    inst = trace.instance
    states = [trace.states[0]]
    for what, thread, number in events:
        shown = trace.states[number]
        match what:
            case "step":
                states = [after for state in states for after in _after(inst, state, thread)]
                states = [state for state in states if _mine(state, thread) == _mine(shown, thread)]
            case "section":
                states = [after for state in states for after in _alone(inst, inside, state, thread)]
            case "end":
                states = [state for state in states if _mine(state, thread) == _mine(shown, thread)]
            case _ if not any(_at(shown, t) in inside for t in range(1, inst.tasks + 1)):
                states = [state for state in states if state == shown]
        states = [state for number, state in enumerate(states) if state not in states[:number]]
    return bool(states)


def _alone(inst: Instance, inside: Collection[int], state: State, thread: int) -> Iterator[State]:
    """The ends of the runs of one thread from where a section begins to where it has ended."""
    paths: list[list[State]] = [[state]]
    while paths:
        path = paths.pop()
        for after in _after(inst, path[-1], thread):
            if _at(after, thread) not in inside:
                if len(path) > 1:
                    yield after
            elif after not in path:
                paths.append([*path, after])


def _after(inst: Instance, state: State, thread: int) -> list[State]:
    return [after for step, after in successors(inst, state) if step.thread == thread]


def _at(state: State, thread: int) -> int:
    return state[Slot(THREAD, thread, PC)]


def _mine(state: State, thread: int) -> dict[str, int]:
    return {slot.name: value for slot, value in state.items() if slot.cell == THREAD and slot.index == thread}


# ---- all runs --------------------------------------------------------------------------------------------


def runs(inst: Instance, steps: int, most: int) -> Iterator[Trace]:
    """Runs of up to so many steps, at most so many of them."""
    todo: list[tuple[list[State], list[Step]]] = [([state], []) for state in initial_states(inst)]
    for _ in range(most):
        if not todo:
            return
        states, taken = todo.pop(0)
        yield Trace(inst, tuple(states), tuple(taken))
        if len(taken) < steps:
            todo += [([*states, after], [*taken, step]) for step, after in successors(inst, states[-1])]


def explored(inst: Instance, inside: Collection[int], limit: int) -> tuple[int, int | None] | None:
    """How many pairs of a state and its counterparts there are, and the steps of a shortest run without any.

    None if there are more than `limit` pairs; once there is a run without any, the number is of those found until then.
    """
    names = list(inst.slots())

    def pair(state: State, might: Followed) -> tuple[tuple[int, ...], Followed]:
        return tuple(state[name] for name in names), might

    level = {pair(state, first(inst, state)): state for state in initial_states(inst)}
    seen, steps = set(level), 0
    while level and len(seen) <= limit:
        steps += 1
        new = dict[tuple[tuple[int, ...], Followed], State]()
        for (_, might), state in level.items():
            for step, after in successors(inst, state):
                more = follow(inst, inside, might, (state, step.thread, after))
                if not more:
                    return len(seen), steps
                found = pair(after, more)
                if found not in seen:
                    seen.add(found)
                    new[found] = after
        level = new
    return None if level else (len(seen), None)
