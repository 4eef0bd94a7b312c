"""From a run of a sliced and reduced system to one of the whole system, step by step of the source.

This is what makes both passes harmless to a refutation: a run counts only if the whole system takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.instances import THREAD, Instance, Slot, State, Step, Trace, starts
from verify.ir import PC, Action, Local
from verify.lower.flow import outgoing
from verify.lower.localize import reads
from verify.lower.slice import key_of
from verify.lower.visible import Key
from verify.semantics import Context, apply, contexts

MOST_STATES = 20_000  # how many states one step may pass through, all paths together


@dataclass(frozen=True, slots=True)
class Expansion:
    """What came of a run of the small system in the whole one.

    `trace` is the run, None if there is none; `marks` are the steps of it that the small system has too; `blocked` are
    the shared variables that kept the whole system from going on where it failed.
    """

    trace: Trace | None
    marks: frozenset[int] = frozenset()
    blocked: frozenset[Key] = frozenset()


@dataclass(slots=True)
class Goal:
    """Where one step of the small system must lead the whole one: who steps, and what is known of the end."""

    thread: int
    known: Mapping[Slot, int]
    wanted: frozenset[tuple[int, str, str]]  # the accesses that the step is made of
    blocked: set[Action] = field(default_factory=set)  # actions found disabled on the way


def expand(trace: Trace, whole: Instance) -> Expansion:
    """Find the run of `whole` that goes where `trace` goes.

    Between two states of the trace only the thread that the trace names may step.
    """
    leaving = outgoing(whole.system.actions)
    slots = whole.slots().keys()
    goals = [
        Goal(step.thread, {s: v for s, v in _known(trace, n + 1).items() if s in slots}, _accesses(step.action))
        for n, step in enumerate(trace.steps)
    ]
    failed: Goal | None = None
    for first in _starts(whole, _known(trace, 0)):
        states, steps, marks = [first], list[Step](), set[int]()
        for goal in goals:
            path = _path(whole, leaving, states[-1], goal)
            if path is None:
                failed = goal
                break
            for step, state in path:
                if _accesses(step.action) & goal.wanted:
                    marks.add(len(steps))
                steps.append(step)
                states.append(state)
        else:
            return Expansion(Trace(whole, tuple(states), tuple(steps)), frozenset(marks))
    return Expansion(None, blocked=_reasons(whole, failed) if failed else frozenset())


def _accesses(action: Action) -> frozenset[tuple[int, str, str]]:
    return frozenset((micro.span.start, micro.function, micro.label) for micro in action.micro)


def _reasons(whole: Instance, failed: Goal) -> frozenset[Key]:
    """The shared variables that the disabled actions read, through the locals that hold them."""
    system = whole.system
    sources: dict[Key, set[Key]] = {}
    for action in system.actions:
        for update in action.updates:
            if isinstance(update.place, Local):
                sources.setdefault(key_of(update.place), set()).update(reads(system, update.value))
    chosen = [a for a in failed.blocked if _accesses(a) & failed.wanted] or list(failed.blocked)
    found = {key for action in chosen for key in reads(system, action.guard)}
    while True:
        grown = found | {key for local in found for key in sources.get(local, ())}
        if grown == found:
            return frozenset(found)
        found = grown


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
            found = list(contexts(action, at))
            if not found:
                goal.blocked.add(action)
            for choice, here in found:
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
