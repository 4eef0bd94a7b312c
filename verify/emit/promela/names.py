"""What everything of a system is called in its Promela model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.emit.idents import Namer
from verify.emit.places import KINDS, Key, actions_from, local_of, never_changes, places, variables
from verify.emit.promela.idents import namer_of_promela
from verify.instances import THREAD
from verify.ir import FREE, LIFE, PC, PRIVATE, PUBLISHED, System

LIVES: Mapping[int, str] = {FREE: "free", PRIVATE: "private", PUBLISHED: "published"}


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers of one model."""

    variables: Mapping[Key, str] = field(hash=False)  # all but those that are 0 for ever
    labels: Mapping[int, str] = field(hash=False)  # of every location that a thread can stand at
    process: str  # the type of the processes that threads are
    namer: Namer = field(hash=False, compare=False)  # for what is named later


def names_of(system: System) -> Names:
    """Name everything in a system."""
    namer = namer_of_promela()
    process = namer.name(system.thread)
    found = {key: "pc" if key == (THREAD, PC) else namer.name(*_wanted(key)) for key in _keys(system)}
    return Names(found, dict(_labels(system, namer)), process, namer)


def _keys(system: System) -> Sequence[Key]:
    return [key for key, _ in variables(system) if not never_changes(system, key)]


def _wanted(key: Key) -> Sequence[str]:
    """What a variable might be called, best first."""
    cell, name = key
    if name == LIFE:
        return [f"{cell}_life"]
    if cell == THREAD:
        function, rest = local_of(name)
        return [f"{function or 'thread'}_{rest}"]
    return [f"{cell}_{name}"] if cell else [name, f"global_{name}"]


def _labels(system: System, namer: Namer) -> Iterator[tuple[int, str]]:
    leaving = actions_from(system)
    steps = Counter[str]()
    for number in sorted(places(system)):
        location = system.locations[number]
        if location.kind != "run":
            yield number, namer.name(KINDS[location.kind], f"at_{KINDS[location.kind]}")
            continue
        label = leaving[number][0].label if number in leaving else ""
        if label and ":" not in label:
            yield number, namer.name(label)
        else:
            function = location.function or "step"
            steps[function] += 1
            yield number, namer.name(f"{function}_{steps[function]}")
