"""The states of an instance and the steps between them, as a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.dot.text import ALARM, BEGIN, THREADS, edge, folded, graph, node
from verify.emit.places import local_of
from verify.instances import THREAD, Instance, Slot, State, Step
from verify.ir import LIFE, PC, PUBLISHED

SPELLED = 150  # states up to which each is told in its node; beyond, where the mouse is
WIDTH = 40  # of a label


@dataclass(frozen=True, slots=True)
class Space:
    """Every state that can be reached, and every step between them, by their numbers."""

    instance: Instance
    states: Sequence[State]
    initial: frozenset[int]
    steps: Sequence[tuple[int, Step, int]]
    wrong: Mapping[int, Sequence[str]]  # state: the properties that do not hold there


def state_graph(space: Space, name: str, header: Sequence[str]) -> str:
    """The graph of the states: initial ones and those where a property does not hold are filled."""
    several = len(space.states) <= SPELLED
    lines = list[str]()
    for number, state in enumerate(space.states):
        text = _state(space.instance, state)
        wrong = space.wrong.get(number, ())
        violated = "\n".join(f"violates {one}" for one in wrong)
        lines.append(
            node(
                str(number),
                label="\n".join(part for part in (text if several else str(number), violated) if part),
                fillcolor=ALARM if wrong else BEGIN if number in space.initial else "",
                tooltip="" if several else text,
                penwidth="2" if number in space.initial else "",
            )
        )
    for source, step, target in space.steps:
        colour = THREADS[(step.thread - 1) % len(THREADS)]
        label = f"{step.thread}: {step.action.label}"
        lines.append(
            edge(
                str(source), str(target), label=f" {label}" if several else "", tooltip="" if several else label,
                color=colour, fontcolor=colour if several else "",
            )
        )
    return graph(name, list(header), [f"    {line}" for line in lines])


def _state(inst: Instance, state: State) -> str:
    """Where each thread stands, and what differs from its default."""
    lines = [
        f"{me}: {inst.system.locations[state[Slot(THREAD, me, PC)]].name}" for me in range(1, inst.tasks + 1)
    ]
    values = folded(_values(inst, state), WIDTH)
    return "\n".join([*lines, values] if values else lines)


def _values(inst: Instance, state: State) -> Iterator[str]:
    for slot, var in inst.slots().items():
        value = state[slot]
        usual = PUBLISHED if slot.name == LIFE else var.default
        if slot.name == PC or value == usual or (slot.name == LIFE and slot.cell == inst.system.thread):
            continue
        name = slot.name.removeprefix("#")
        match slot.cell:
            case "":
                yield f"{name}={value}"
            case "thread":
                yield f"{local_of(slot.name)[1]}{slot.index}={value}"
            case cell:
                yield f"{cell}{slot.index}.{name}={value}"
