"""Counterexamples to induction: a state of few cells in which an invariant holds, a step after which it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verify.instances import Slot
from verify.ir import Action, Expr
from verify.universal import Clause


@dataclass(frozen=True, slots=True)
class Broken:
    """An obligation that a solver finds not met, and where.

    Thread 1 takes the `action`, if there is one: else `before` and `after` are the same, a state at the start, or one
    that the invariant allows. `body` is what is false in `after`, of the cells that it calls by the names in `bound`;
    it is None if what the step stores lies outside of the domain of its variable. Of variables without a value nothing
    is known; a pointer that leads to no object at hand has a number that none of them has.
    """

    obligation: str
    action: Action | None
    choices: Mapping[str, int] = field(hash=False)  # of the action's binders
    clause: Clause | None  # that `body` is of
    body: Expr | None
    bound: Mapping[str, int] = field(hash=False)
    before: Mapping[Slot, int] = field(hash=False)
    after: Mapping[Slot, int] = field(hash=False)
