"""Where each thread is and what its locals hold, told in its object: history variables for proofs about two threads.

A view of one thread and another's object does not show the other thread; with these variables the object shows it
(Owicki & Gries 1976), so that clauses of a thread and an object speak of two threads. It is as if both were in view,
and as costly: for small systems.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verify.ir import PC, Action, Const, Field, Group, Local, Me, System, Update
from verify.universal import told_in

MOST = 80  # actions of a system of which as much may be told


def with_whereabouts(system: System) -> System:
    """The system, whose threads start themselves, with a field for the location and for each local of a thread."""
    if len(system.actions) > MOST:
        return system
    thread = system.classes[system.thread]
    told = replace(thread, fields=(*thread.fields, *(replace(var, name=told_in(var.name)) for var in system.locals)))
    return replace(
        system,
        classes={**system.classes, system.thread: told},
        actions=tuple(_telling(system, action) for action in system.actions),
        groups=tuple(_beginning(group) for group in system.groups),
    )


def _beginning(group: Group) -> Group:
    return replace(group, values={**group.values, told_in(PC): (group.entry,)})


def _telling(system: System, action: Action) -> Action:
    return replace(action, updates=(*action.updates, *_told(system, action)))


def _told(system: System, action: Action) -> Iterator[Update]:
    """What the action does to its own thread, said in its object."""
    if action.target != action.source:
        yield Update(Field(Me(), system.thread, told_in(PC)), Const(action.target))
    for update in action.updates:
        match update.place:
            case Local(name, None) if name != PC:
                yield replace(update, place=Field(Me(), system.thread, told_in(name)))
            case _:
                pass
