"""Graphs of all states: as TLC writes them, and as the definition has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from verify.by_tlc.decode import decode
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.engine.packing import beginnings, layout, unpack
from verify.instances import Instance, State
from verify.semantics import successors
from verify.tlc.values import Value, parse_state

Packed = tuple[int, ...]  # the values of all slots, in their order
TERMINATING = "Terminating"
_NODE = re.compile(r'(-?\d+) \[label="(.*?)"(,style = filled)?\];?')
_EDGE = re.compile(r'(-?\d+) -> (-?\d+) \[label="(\w+)"')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Graph:
    """States, those that are initial, and steps with the names of their actions."""

    states: frozenset[Packed]
    initial: frozenset[Packed]
    steps: frozenset[tuple[Packed, str, Packed]]


def graph_of(spec: Spec, inst: Instance) -> Graph:
    """What the definition has, explored with nothing but `successors`."""
    names, places = spec.names.labels, layout(inst)
    begun = [unpack(places, state) for state in beginnings(places)]
    waiting, seen = list(begun), {packed(inst, state) for state in begun}
    steps = set[tuple[Packed, str, Packed]]()
    while waiting:
        state = waiting.pop()
        here = packed(inst, state)
        for step, after in successors(inst, state):
            new = packed(inst, after)
            steps.add((here, names[step.action.source], new))
            if new not in seen:
                seen.add(new)
                waiting.append(after)
    return Graph(frozenset(seen), frozenset(packed(inst, state) for state in begun), frozenset(steps))


def read_graph(path: Path, spec: Spec, model: Model, inst: Instance) -> Graph:
    """What TLC has written with `-dump dot,actionlabels`."""
    states, initial, edges = dict[str, Packed](), set[Packed](), list[tuple[str, str, str]]()
    known = dict[str, Value]()
    for line in path.read_text().splitlines():
        if edge := _EDGE.match(line):
            edges.append((edge[1], edge[3], edge[2]))
        elif node := _NODE.match(line):
            text = _ESCAPED.sub(lambda m: {"n": "\n"}.get(m[1], m[1]), node[2])
            states[node[1]] = packed(inst, decode(spec, model, inst, parse_state(text, known)))
            if node[3]:
                initial.add(states[node[1]])
    steps = {(states[one], label, states[two]) for one, label, two in edges if label != TERMINATING}
    return Graph(frozenset(states.values()), frozenset(initial), frozenset(steps))


def packed(inst: Instance, state: State) -> Packed:
    """A state that can be in a set."""
    return tuple(state[slot] for slot in inst.slots())
