"""What each thread knows and where it is, told in its own object: history variables for proofs.

A clause about a thread and an object does not speak of the object's thread. With these variables it does (Owicki &
Gries 1976), so that it can say that two threads are not in the same place, or have not drawn the same number.
"""

from __future__ import annotations

from dataclasses import replace

from verify.ir import PC, Action, Const, Field, Group, Local, Me, System, Update
from verify.universal import TOLD


def with_told(system: System) -> System:
    """The system, each object of its thread class with a copy of every local of its thread.

    Threads must start themselves, as `with_history` makes them: a step changes the locals of its own thread only.
    """
    cls = system.classes[system.thread]
    more = tuple(replace(var, name=TOLD + var.name, lock=False) for var in system.locals)
    classes = {**system.classes, cls.name: replace(cls, fields=(*cls.fields, *more))}
    groups = tuple(_begins(group) for group in system.groups)
    return replace(
        system, classes=classes, groups=groups, actions=tuple(_telling(system, action) for action in system.actions)
    )


def _begins(group: Group) -> Group:
    return replace(group, values={**group.values, TOLD + PC: (group.entry,)})


def _telling(system: System, action: Action) -> Action:
    """The action that also says what it does to locals."""
    more = [Update(Field(Me(), system.thread, TOLD + PC), Const(action.target))]
    for update in action.updates:
        match update.place:
            case Local(name, None):
                more.append(replace(update, place=Field(Me(), system.thread, TOLD + name)))
            case _:
                pass
    return replace(action, updates=(*action.updates, *more))
