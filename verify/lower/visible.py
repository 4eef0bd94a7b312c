"""What a property can see of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from verify.ir import (
    FREE,
    LIFE,
    PC,
    Action,
    Binary,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Place,
    Quant,
    System,
    Unary,
)
from verify.lower.facts import is_birth
from verify.lower.simplify import operands

Key = tuple[str, str]  # ("", global), ("thread", local) or (class, field)


def key_of(place: Place) -> Key:
    """The variable of a place, in any cell."""
    match place:
        case Global(name):
            return ("", name)
        case Local(name):
            return ("thread", name)
        case Field(_, cls, name):
            return (cls, name)


@dataclass(frozen=True, slots=True)
class Seen:
    """The variables that a property reads and the locations that it names."""

    keys: frozenset[Key]
    locations: frozenset[int]
    exists: frozenset[str]  # classes of which it asks only whether an object is allocated, of all that LIFE says


def seen(prop: Expr | None) -> Seen:
    """What the property sees; nothing if there is none."""
    keys, locations, exists = set[Key](), set[int](), set[str]()

    def look(expr: Expr) -> None:
        match expr:
            case Binary("==" | "!=", Field(pointer, cls, name), Const(value)) if name == LIFE and value == FREE:
                exists.add(cls)
                look(pointer)
                return
            case Binary("==" | "!=", Local(name, of), Const(value)) if name == PC and of is not None:
                locations.add(value)
                look(of)
                return
            case Global(name):
                keys.add(("", name))
            case Local(name):
                keys.add(("thread", name))
            case Field(_, cls, name):
                keys.add((cls, name))
        for part in operands(expr):
            look(part)

    if prop is not None:
        look(prop)
    return Seen(frozenset(keys), frozenset(locations), frozenset(exists))


def needed_at(prop: Expr, *, true: bool = True) -> frozenset[int]:
    """The locations at which a thread may have to be for the property to be true; or false, if not `true`."""
    match prop:
        case Unary("!", arg):
            return needed_at(arg, true=not true)
        case Binary("&&" | "||", left, right):
            return needed_at(left, true=true) | needed_at(right, true=true)
        case Quant(_, _, body):
            return needed_at(body, true=true)
        case Binary("==" | "!=" as op, Local(name, of), Const(value)) if name == PC and of is not None:
            return frozenset({value} if (op == "==") is true else ()) | seen(of).locations
        case _:
            return seen(prop).locations


def is_visible(action: Action, to: Seen) -> bool:
    """Whether the step can change what the property sees."""
    return bool(changed(action, to))


def changed(action: Action, to: Seen) -> set[Key]:
    """What of all that the property sees the step can change; locations are ("", number)."""
    found = {("", str(location)) for location in (action.source, action.target) if location in to.locations}
    for update in action.updates:
        if _shows(action, update.place, update.value, to):
            place = update.place
            found.add((place.cls if isinstance(place, Field) else "", place.name))
    return found


def _shows(action: Action, place: Place, value: Expr, to: Seen) -> bool:
    match place:
        case Global(name):
            return ("", name) in to.keys
        case Local(name, of):
            started = name == PC and of is not None and bool(to.locations)
            return ("thread", name) in to.keys or started
        case Field(pointer, cls, name) if name == LIFE:
            turns = value == Const(FREE) or is_birth(action, pointer)
            return (cls, LIFE) in to.keys or (cls in to.exists and turns)
        case Field(_, cls, name):
            return (cls, name) in to.keys
        case _:
            assert_never(place)


def roots(system: System) -> list[int]:
    """The locations where threads are at the start."""
    return [group.entry for group in system.groups]
