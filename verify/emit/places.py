"""Variables, locations and actions of a system, as the emitters go through them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from verify.instances import THREAD
from verify.ir import IDLE, PC, Action, Const, Field, Global, Local, Me, Place, Range, System, Var

Key = tuple[str, str]  # ("", global), ("thread", local) or (class, field)
SHARED = re.compile(r"(?:(\w+)|-?\d+\.\.-?\d+)#(\d+)")  # see `lower.registers`
KINDS: Mapping[str, str] = {
    "idle": "idle",
    "end": "end",
    "null": "null_dereference",
    "freed": "use_after_free",
    "assert": "failed_assertion",
    "unlock": "bad_unlock",
}


def key_of(place: Place) -> Key:
    """The variable of a place."""
    match place:
        case Global(name):
            return "", name
        case Local(name):
            return THREAD, name
        case Field(_, cls, name):
            return cls, name
        case _:
            assert_never(place)


def variables(system: System) -> Iterator[tuple[Key, Var]]:
    """Every variable: globals, fields, locals."""
    yield from ((("", var.name), var) for var in system.globals)
    for cls in system.classes.values():
        yield from (((cls.name, var.name), var) for var in cls.fields)
    yield from (((THREAD, var.name), var) for var in system.locals)


def actions_from(system: System) -> Mapping[int, Sequence[Action]]:
    """The actions by the location that they leave, in the order of the system."""
    found = dict[int, list[Action]]()
    for action in system.actions:
        found.setdefault(action.source, []).append(action)
    return found


def places(system: System) -> frozenset[int]:
    """The locations that a thread can stand at."""
    ends = {location for action in system.actions for location in (action.source, action.target)}
    begun = {
        update.value.value
        for action in system.actions
        for update in action.updates
        if isinstance(update.place, Local) and update.place.name == PC and isinstance(update.value, Const)
    }
    return frozenset(ends | begun | {group.entry for group in system.groups} | {IDLE})


def owner(system: System, location: int) -> str:
    """The function that a location is in; the end of a thread is in none of the source."""
    place = system.locations[location]
    return place.function or ("exit" if place.kind == "end" else "")


def local_of(name: str) -> tuple[str, str]:
    """The function of a local and what it is called there; `tmp1` for one that has no name in the source.

    A local of a system that was made small for a proof is of no function: it stands for some that share it.
    """
    if shared := SHARED.fullmatch(name):
        return "", f"{shared[1] or 'value'}_{shared[2]}"
    function, dot, rest = name.partition(".")
    if not dot:
        return "", name
    text, _, number = rest.partition("#")
    return function, text or f"tmp{number.partition(':')[0]}"


def never_changes(system: System, key: Key) -> bool:
    """Whether a variable is 0 for ever, and none in the module."""
    cell, name = key
    place = Global(name) if not cell else Local(name) if cell == THREAD else Field(Me(), cell, name)
    return system.var(place).domain == Range(0, 0)
