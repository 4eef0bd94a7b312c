"""What threads do to each other: where one may be put by others, and which locals more than one reads or writes."""

from __future__ import annotations

from verify.emit.places import Key, key_of
from verify.emit.properties import EmitError
from verify.instances import THREAD
from verify.ir import IDLE, PC, Action, Const, Expr, Local, Me, Referenced, System, Update
from verify.universal import parts


def parked(system: System) -> frozenset[int]:
    """The places without a label: where a thread is that has not begun, and where it may begin.

    Raises EmitError if a step puts another thread anywhere else than to where it begins.
    """
    found = {IDLE} | {group.entry for group in system.groups}
    for action in system.actions:
        for update in moves(action):
            match update:
                case Update(Local(_, of), Const(value), None) if of not in (None, Me()) and value != IDLE:
                    found.add(value)
                case _:
                    raise EmitError("a step that puts a thread where it does not begin")
    return frozenset(found)


def starts_others(system: System) -> bool:
    """Whether some step starts another thread."""
    return any(moves(action) for action in system.actions)


def shared_locals(system: System) -> frozenset[Key]:
    """The locals that a step of another thread reads or writes."""
    found = set[Key]()
    for action in system.actions:
        for expr in _exprs(action):
            for part in parts(expr):
                match part:
                    case Local(_, of) if of not in (None, Me()):
                        found.add(key_of(part))
                    case Referenced(_, cls):
                        domains = ((var, getattr(var.domain, "cls", None)) for var in system.locals)
                        found |= {(THREAD, var.name) for var, pointed in domains if pointed == cls}
                    case _:
                        pass
    return frozenset(found)


def _exprs(action: Action) -> list[Expr]:
    updates = [expr for update in action.updates for expr in (update.place, update.value, update.when)]
    return [action.guard, *updates]


def moves(action: Action) -> list[Update]:
    """The updates by which an action says where another thread stands."""
    return [update for update in action.updates if key_of(update.place) == (THREAD, PC)]
