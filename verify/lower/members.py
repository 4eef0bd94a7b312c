"""One system of a family: rigid globals replaced by their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from verify.ir import FALSE, Const, Expr, Global, System, Update
from verify.lower.simplify import rebuild


def rigid(system: System) -> frozenset[str]:
    """The globals that no step changes and that begin with any value."""
    return frozenset(var.name for var in system.globals if var.rigid)


def member(system: System, values: Mapping[str, int]) -> System:
    """The system in which these rigid globals have these values; the locations are the same."""

    def leaf(part: Expr) -> Expr | None:
        return Const(values[part.name]) if isinstance(part, Global) and part.name in values else None

    def update(old: Update) -> Update:
        return replace(old, value=rebuild(old.value, leaf), when=rebuild(old.when, leaf))

    actions = []
    for action in system.actions:
        guard = rebuild(action.guard, leaf)
        if guard != FALSE:
            actions.append(replace(action, guard=guard, updates=tuple(map(update, action.updates))))
    kept = tuple(var for var in system.globals if var.name not in values)
    return replace(system, globals=kept, actions=tuple(actions))
