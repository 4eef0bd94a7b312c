"""Parts of a system, above its model: in each, threads are held to some alternatives, and runs to a number of steps.

A variable says which part a state is of, so that all parts are searched in one run, each for itself. That is how TLC is
asked for runs of a system that has too many states to look at them all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.tla.layout import item
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec

PART, INIT, NEXT, HELD = "CheckPart", "CheckInit", "CheckNext", "CheckHeld"


@dataclass(frozen=True, slots=True)
class Part:
    """Where each thread must not go, as locations by its number, how many steps a run may have, and what is to hold."""

    doors: Mapping[int, Collection[int]]
    steps: int
    holds: str  # the name of a property of the module


def parts_of(spec: Spec, model: Model, parts: Sequence[Part]) -> tuple[list[str], list[str]]:
    """The lines of a module that extends the model, and the name of each part's property there."""
    names = [spec.names.namer.name(f"{part.holds}InPart{number}") for number, part in enumerate(parts, start=1)]
    lines = [
        f"VARIABLE {PART}  \\* each part is searched for itself",
        "",
        f"{INIT} == Init /\\ {PART} \\in 1..{len(parts)}",
        "",
        f"{HELD} ==  \\* an action constraint: TLC goes nowhere else",
        *(line for number, part in enumerate(parts, start=1) for line in _held(spec, model, number, part)),
        "",
        f"{NEXT} ==",
        f"    /\\ UNCHANGED {PART}",
        f"    /\\ \\E self \\in {spec.names.sets[spec.system.thread]} : Step(self)",
        "",
    ]
    for number, (name, part) in enumerate(zip(names, parts, strict=True), start=1):
        lines.append(f"{name} == {PART} = {number} => {part.holds}")
    return [*lines, ""], names


def _held(spec: Spec, model: Model, number: int, part: Part) -> Iterator[str]:
    cells = {index: value for value, (cls, index) in model.cells.items() if cls == spec.system.thread}
    yield f"    \\/ /\\ {PART} = {number}"
    yield f'       /\\ TLCGet("level") <= {part.steps}'
    for thread, doors in sorted(part.doors.items()):
        if doors:
            places = ", ".join(f'"{spec.names.labels[door]}"' for door in sorted(doors))
            yield from item("/\\", f"pc'[{cells[thread]}] \\notin {{{places}}}", 7)
