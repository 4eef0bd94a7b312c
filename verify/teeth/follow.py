"""A run of one system followed in another that differs in few places, statement by statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verify.instances import THREAD, Instance, Slot, State, Step, Trace, instance, least_tasks, starts
from verify.ir import PC, Action, Expr, Micro, System
from verify.semantics import Context, SemanticsError, apply, contexts, holds

WIDTH = 4  # states that are kept for each place in the run
Statement = tuple[str, str, int, int]  # the function, the file, and where it is in that


class Said(NamedTuple):
    """A part of a step: whose, of which statement, and with which choices."""

    thread: int
    statement: Statement
    choice: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How a state was come to."""

    state: State
    step: Step | None = None
    before: Way | None = None


def follow(trace: Trace, system: System, prop: Expr) -> Trace | None:
    """A run of `system` to a state where `prop` is false, through the statements of `trace` as far as they are there.

    It is a run by how it is made: every step of it is one that `semantics` takes.
    """
    if trace.instance.tasks < least_tasks(system):
        return None
    inst = instance(system, trace.instance.tasks)
    said = _said(trace)
    leaving = defaultdict[int, list[Action]](list)
    for action in system.actions:
        leaving[action.source].append(action)
    at: dict[int, list[Way]] = defaultdict(list, {0: [Way(_first(inst, trace.states[0]))]})
    for place in range(len(said) + 1):
        for way in _different(at.pop(place, [])):
            if not holds(inst, prop, way.state):
                return _run(inst, way)
            if place == len(said):
                continue
            found = [*_steps(inst, leaving, said, place, way)]
            for length, after in found:
                at[place + length].append(after)
            if not found:  # the statement is not there, or does nothing
                at[place + 1].append(way)
    return None


def _said(trace: Trace) -> Sequence[Said]:
    return [
        Said(step.thread, _statement(micro), step.choice) for step in trace.steps for micro in step.action.micro
    ]


def _statement(micro: Micro) -> Statement:
    return micro.function, micro.span.source.path, micro.span.start, micro.span.end


def _first(inst: Instance, like: State) -> State:
    """The initial state that has most in common with another system's."""
    best = max(starts(inst), key=lambda start: sum(like.get(slot) in values for slot, values in start.items()))
    return {slot: like[slot] if like.get(slot) in values else values[0] for slot, values in best.items()}


def _steps(
    inst: Instance, leaving: Mapping[int, Sequence[Action]], said: Sequence[Said], place: int, way: Way
) -> Sequence[tuple[int, Way]]:
    """The steps that are made of the next statements of a run, with how many they are; with its choices if possible."""
    thread, _, chosen = said[place]
    found = list[tuple[int, Way]]()
    for action in leaving.get(way.state[Slot(THREAD, thread, PC)], ()):
        parts = [(thread, _statement(micro)) for micro in action.micro]
        if parts != [(each.thread, each.statement) for each in said[place : place + len(parts)]]:
            continue
        here = list(contexts(action, Context(inst, way.state, thread)))
        for choice, at in [each for each in here if each[0] == chosen] or here[:WIDTH]:
            try:
                found.append((len(parts), Way(apply(action, at), Step(thread, action, choice), way)))
            except SemanticsError:
                continue
    return found


def _different(ways: Sequence[Way]) -> Sequence[Way]:
    """Ways to different states, some of them if there are many."""
    return list({tuple(way.state.values()): way for way in reversed(ways)}.values())[-WIDTH:]


def _run(inst: Instance, last: Way) -> Trace:
    states, steps = [last.state], list[Step]()
    way = last
    while way.before is not None and way.step is not None:
        steps.append(way.step)
        way = way.before
        states.append(way.state)
    return Trace(inst, states[::-1], steps[::-1])
