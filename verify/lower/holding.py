"""The locks that a thread may hold, by location."""

from __future__ import annotations

from collections.abc import Mapping

from verify.ir import Action, Binary, Field, Global, Me, System, Update
from verify.lower.facts import acquires
from verify.lower.flow import forward
from verify.lower.simplify import parts
from verify.lower.visible import Key, key_of


def may_hold(system: System, *, tried: bool = False) -> Mapping[int, frozenset[Key]]:
    """The locks that a thread may hold at each location, with `tried` those too that it may have failed to take."""

    def takes(action: Action, update: Update) -> bool:
        if not tried:
            return acquires(action, update.place, update.value) is not None
        left = isinstance(update.value, Binary) and update.value.op == "without"
        return Me() in parts(update.value) and not left

    def after(action: Action, before: frozenset[Key]) -> frozenset[Key]:
        for update in action.updates:
            if isinstance(update.place, Global | Field) and system.var(update.place).lock:
                key = {key_of(update.place)}
                before = before | key if takes(action, update) else before - key
        return before

    starts = dict.fromkeys((action.source for action in system.actions), frozenset[Key]())
    return forward(system.actions, starts, after, lambda old, new: old | new)
