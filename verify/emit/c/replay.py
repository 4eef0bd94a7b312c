"""A run as numbers, which a program takes to replay it.

They are what is chosen at the start, and then for each step its thread and what that chooses.
"""

from __future__ import annotations

from collections.abc import Iterator

from verify.emit.c.program import Program
from verify.emit.c.starts import beginnings, gapless
from verify.emit.c.steps import alternative
from verify.emit.places import actions_from
from verify.instances import Start, State, Step, Trace


def numbers(program: Program, run: Trace) -> Iterator[int]:
    """The numbers of a run. Raises ValueError if it does not begin where the program can."""
    yield from _begin(program, run.states[0])
    for step in run.steps:
        yield step.thread
        yield from _chosen(program, step)


def _begin(program: Program, state: State) -> Iterator[int]:
    begin = beginnings(program.reader)
    for number, one in enumerate(begin.rest):
        if all(state[slot] in values for slot, values in one.items()):
            yield from _values(begin.common, state)
            if len(begin.rest) > 1:
                yield number
            yield from _values(one, state)
            return
    raise ValueError(state)


def _values(given: Start, state: State) -> Iterator[int]:
    for slot, values in given.items():
        if len(values) > 1:
            yield state[slot] if gapless(values) else values.index(state[slot])


def _chosen(program: Program, step: Step) -> Iterator[int]:
    actions = actions_from(program.reader.instance.system)[step.action.source]
    if len(actions) > 1 and not alternative(actions):
        yield 1 + next(number for number, action in enumerate(actions) if action is step.action)
    yield from step.choice
