"""Runs in the Informal Trace Format (ITF), JSON that trace viewers read; as Apalache's ADR-015 describes it.

A run has the variables, values and actions of the TLA+ module of its system, so that a state here is one of the module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from verify.emit.places import Key, variables
from verify.emit.tla.kinds import Kind, Kinds, kinds_of
from verify.emit.tla.names import Names, cells_of, names_of
from verify.emit.tla.terms import LIVES, ZERO
from verify.instances import THREAD, Instance, Slot, State, Step, Trace
from verify.ir import Ptr, System
from verify.source import where

FORMAT = "https://apalache-mc.org/docs/adr/015adr-trace.html"
TYPES: Mapping[Kind, str] = {
    Kind.NUMBER: "Int",
    Kind.TRUTH: "Bool",
    Kind.CELL: "Str",
    Kind.THREADS: "Set(Str)",
    Kind.PLACE: "Str",
    Kind.LIFE: "Str",
}
Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class _Writer:
    """What values of one instance are called."""

    system: System
    names: Names
    kinds: Kinds
    cells: Mapping[tuple[str, int], str] = field(hash=False)
    targets: Mapping[Key, str] = field(hash=False)  # the class that a pointer leads to

    def state(self, state: State) -> dict[str, Json]:
        """The value of every variable: of one that cells have, a function of them."""
        found = dict[Key, Json]()
        pairs = dict[Key, list[Json]]()
        for slot, value in state.items():
            key = (slot.cell, slot.name)
            if key not in self.names.variables:
                continue
            written = self._value(key, value)
            if slot.cell:
                pairs.setdefault(key, []).append([self.cell(slot), written])
            else:
                found[key] = written
        found |= {key: {"#map": pairs.get(key, [])} for key in self.names.variables if key[0]}
        return {name: found[key] for key, name in self.names.variables.items()}

    def cell(self, slot: Slot) -> str:
        """The cell that a variable belongs to; a thread is the object that it is."""
        return self.cells[self.system.thread if slot.cell == THREAD else slot.cell, slot.index]

    def _value(self, key: Key, value: int) -> Json:
        match self.kinds.of[key]:
            case Kind.NUMBER:
                return {"#bigint": str(value)}
            case Kind.TRUTH:
                return bool(value)
            case Kind.CELL:
                return self.cells[self.targets[key], value] if value else ZERO[Kind.CELL]
            case Kind.THREADS:
                members = [i for i in range(1, value.bit_length() + 1) if value >> (i - 1) & 1]
                return {"#set": [self.cells[self.system.thread, i] for i in members]}
            case Kind.PLACE:
                return self.names.labels[value]
            case Kind.LIFE:
                return LIVES[value].strip('"')
            case _ as unreachable:
                assert_never(unreachable)

    def step(self, step: Step) -> dict[str, Json]:
        """The action that leads to a state, and where it stands in the source; a thread that ends stands nowhere."""
        source, micro = self.system.locations[step.action.source], step.action.micro[0]
        ended = source.kind == "end"
        return {
            "action": self.names.labels[step.action.source],
            "label": (micro.label or None) if not ended else None,
            "thread": self.cells[self.system.thread, step.thread],
            "file": None if ended else where(micro.span).rpartition(":")[0],
            "line": None if ended else micro.span.line,
        }

    def types(self) -> dict[str, Json]:
        """The type of each variable, in the notation of Apalache."""
        return {
            name: f"Str -> {TYPES[self.kinds.of[key]]}" if key[0] else TYPES[self.kinds.of[key]]
            for key, name in self.names.variables.items()
        }


def itf(trace: Trace, about: Mapping[str, str]) -> str:
    """A run as ITF; `about` is what its head says besides.

    Every state but the first says which action led to it: its name in the module, its label in the source or null, the
    thread that took it, the file and the line.
    """
    writer = _writer(trace.instance)
    head: dict[str, Json] = {"format": "ITF", "format-description": FORMAT, **about, "varTypes": writer.types()}
    names: Json = list(writer.names.variables.values())
    states = ",\n  ".join(_object(state, "  ") for state in _states(trace, writer))
    return f'{{\n "#meta": {_object(head, " ")},\n "vars": {json.dumps(names)},\n "states": [\n  {states}\n ]\n}}\n'


def _object(value: Mapping[str, Json], indent: str) -> str:
    """A record with a line for each field: a reader compares states line by line."""
    return "{" + f",\n{indent} ".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()) + "}"


def _writer(inst: Instance) -> _Writer:
    system = inst.system
    names = names_of(system)
    cells = {cell: name for name, cell in cells_of(names, inst.sizes).items()}
    targets = {key: var.domain.cls for key, var in variables(system) if isinstance(var.domain, Ptr)}
    return _Writer(system, names, kinds_of(system), cells, targets)


def _states(trace: Trace, writer: _Writer) -> Iterator[dict[str, Json]]:
    for index, state in enumerate(trace.states):
        led = writer.step(trace.steps[index - 1]) if index else {}
        yield {"#meta": {"index": index, **led}, **writer.state(state)}
