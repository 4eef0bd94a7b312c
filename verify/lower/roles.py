"""Threads that play a part of their own: the code once for each group, with what its tasks are given as constants.

What a task has from the start and nobody changes, such as which locks to take, is known in the code of its group
(partial evaluation, Jones 1996). Threads take the same steps, from locations that also tell their group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from verify.ir import LIFE, PC, Action, Const, Expr, Field, Group, Local, Me, Range, System
from verify.lower.flow import reachable
from verify.lower.graph import FIXED
from verify.lower.known import settle_locals
from verify.lower.simplify import parts, rebuild

MOST = 400  # actions of the result

Given = Mapping[str, Const]  # what the fields of a group's own tasks are worth


def with_roles(system: System) -> System:
    """The system with the code once for each group; as it is if that tells nothing, or is too much."""
    given = [_given(system, group) for group in system.groups]
    size = len(system.groups) * len(system.actions)
    if not any(given) or system.thread in system.created or size > MOST or any(map(_looks_at_places, system.actions)):
        return system
    count = len(system.locations) - len(FIXED)
    shifts = [number * count for number in range(len(system.groups))]
    more = [system.locations[len(FIXED) :]] * (len(shifts) - 1)
    locations = (*system.locations, *(location for copy in more for location in copy))
    pc = replace(system.locals[0], domain=Range(0, len(locations) - 1))
    groups = tuple(
        replace(group, entry=_moved(group.entry, shift)) for group, shift in zip(system.groups, shifts, strict=True)
    )
    actions = [
        _of_role(system, action, shift, mine)
        for shift, mine in zip(shifts, given, strict=True)
        for action in system.actions
    ]
    starts = {group.entry for group in groups}
    settled = settle_locals(actions, starts, [var.name for var in system.locals if var.default == 0])
    return replace(
        system,
        locals=(pc, *system.locals[1:]),
        locations=locations,
        actions=tuple(reachable(settled, starts)),
        groups=groups,
    )


def _given(system: System, group: Group) -> Given:
    """The fields that each task of a group begins with one value of, and that no action stores in."""
    thread = system.thread
    stored = {update.place.name for action in system.actions for update in action.updates
              if isinstance(update.place, Field) and update.place.cls == thread}  # fmt: skip
    found = dict[str, Const]()
    for var in system.classes[thread].fields:
        value = group.values.get(var.name, (system.initial.get((thread, var.name), var.default),))
        if var.name not in (LIFE, *stored) and isinstance(value, tuple) and len(value) == 1:
            found[var.name] = Const(value[0])
    return found


def _looks_at_places(action: Action) -> bool:
    """Whether an action looks at where threads are, or moves another."""
    every = (part for expr in _exprs(action) for part in parts(expr))
    return any(isinstance(part, Local) and (part.name == PC or part.of is not None) for part in every)


def _exprs(action: Action) -> Iterator[Expr]:
    yield action.guard
    for update in action.updates:
        yield from (update.place, update.value, update.when)


def _of_role(system: System, action: Action, shift: int, given: Given) -> Action:
    def known(part: Expr) -> Expr | None:
        match part:
            case Field(Me(), cls, name) if cls == system.thread:
                return given.get(name)
            case _:
                return None

    def told(updates: Sequence[Expr]) -> Sequence[Expr]:
        return [rebuild(expr, known) for expr in updates]

    updates = []
    for update in action.updates:
        place, value, when = told((update.place, update.value, update.when))
        assert isinstance(place, Field | Local) or place == update.place  # noqa: S101 - what is stored in is not known
        updates.append(replace(update, place=place, value=value, when=when))
    return replace(
        action,
        source=_moved(action.source, shift),
        target=_moved(action.target, shift),
        guard=rebuild(action.guard, known),
        updates=tuple(updates),
    )


def _moved(location: int, shift: int) -> int:
    return location if location < len(FIXED) else location + shift
