"""A system of a file as pictures: where its threads go, and, if there are few, its states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from verify.emit.dot.flow import flow
from verify.emit.dot.states import Space, state_graph
from verify.engine.search import search
from verify.exporting.subject import Subject
from verify.instances import Instance, State, Step
from verify.ir import Expr
from verify.semantics import holds, initial_states, stuck, successors

MOST_STATES: Final = 2000  # that a picture can show
REACHED = frozenset({"reach", "dead"})  # claims whose properties say that nobody comes to a place


def export_dot(of: Subject) -> Mapping[str, str]:
    """The files: the control flow, and the states unless there are too many."""
    properties = {one.name: one.prop for one in of.asked if one.claim.kind not in REACHED}
    space = explored(of.instance, properties)
    stem = of.name
    if space is None:
        header = [*of.header, f"There are more than {MOST_STATES:,} states, or many more steps: no picture of them."]
        return {f"{stem}.dot": flow(of.instance.system, stem, header)}
    figures = f"{len(space.states)} states and {len(space.steps)} steps of {of.instance.tasks} tasks."
    return {
        f"{stem}.dot": flow(of.instance.system, stem, of.header),
        f"{stem}_states.dot": state_graph(space, f"{stem}_states", [*of.header, figures]),
    }


def explored(inst: Instance, properties: Mapping[str, Expr | None]) -> Space | None:
    """All states and steps by the definition; None if there are too many to show. A property None is: no deadlock."""
    quick = search(inst, None, symmetry=False, max_states=MOST_STATES)
    if not quick.complete or quick.states > MOST_STATES:
        return None
    states = list[State]()
    numbers = dict[tuple[int, ...], int]()
    steps = list[tuple[int, Step, int]]()
    slots = list(inst.slots())

    def number(state: State) -> int:
        key = tuple(state[slot] for slot in slots)
        if key not in numbers:
            numbers[key] = len(states)
            states.append(state)
        return numbers[key]

    initial = frozenset(number(state) for state in initial_states(inst))
    done = 0
    while done < len(states):
        steps += [(done, step, number(after)) for step, after in successors(inst, states[done])]
        done += 1
    wrong = {
        index: names
        for index, state in enumerate(states)
        if (names := [name for name, prop in properties.items() if not _holds(inst, prop, state)])
    }
    return Space(inst, states, initial, steps, wrong)


def _holds(inst: Instance, prop: Expr | None, state: State) -> bool:
    return not stuck(inst, state) if prop is None else holds(inst, prop, state)
