"""One system of a family: rigid globals replaced by their values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from verify.ir import FALSE, Action, Const, Expr, Global, System, Update
from verify.lower.simplify import parts, rebuild


def rigid(system: System) -> frozenset[str]:
    """The globals that no step changes and that begin with any value."""
    return frozenset(var.name for var in system.globals if var.rigid)


def member(system: System, values: Mapping[str, int]) -> System:
    """The system in which these rigid globals have these values; the locations are the same."""
    found = (fixed(action, values) for action in system.actions)
    kept = tuple(var for var in system.globals if var.name not in values)
    return replace(system, globals=kept, actions=tuple(action for action in found if action is not None))


def fixed(action: Action, values: Mapping[str, int]) -> Action | None:
    """The action where these rigid globals have these values; None if it is never taken then."""
    if not values:
        return action

    def leaf(part: Expr) -> Expr | None:
        return Const(values[part.name]) if isinstance(part, Global) and part.name in values else None

    def update(old: Update) -> Update:
        return replace(old, value=rebuild(old.value, leaf), when=rebuild(old.when, leaf))

    guard = rebuild(action.guard, leaf)
    return None if guard == FALSE else replace(action, guard=guard, updates=tuple(map(update, action.updates)))


def read(action: Action, names: Collection[str]) -> frozenset[str]:
    """Those of these globals that the action reads."""
    exprs = [action.guard, *(expr for u in action.updates for expr in (u.value, u.when))]
    return frozenset(p.name for e in exprs for p in parts(e) if isinstance(p, Global) and p.name in names)
