"""How many states TLC looks at to enumerate an invariant: an estimate, from random descents.

TLC gives the variables values in an order, and goes on where no conjunct is false; that is a search tree, whose size is
estimated from the branches on a few random ways down (Knuth, "Estimating the Efficiency of Backtrack Programs", 1975).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from random import Random
from typing import NamedTuple

from verify.emit.places import Key
from verify.emit.tla.generator import order_of
from verify.emit.tla.invariant import last_read
from verify.emit.tla.kinds import Kind, kinds_of
from verify.emit.tla.model import widths
from verify.emit.tla.module import Spec
from verify.instances import Instance, Slot
from verify.ir import Expr
from verify.semantics import holds
from verify.universal import as_property

DESCENTS = 30
BRANCHES = 60  # of a node that are looked at


class Candidates(NamedTuple):
    """Partial states that are looked at, and whole ones that are kept."""

    seen: float
    kept: float


def candidates(spec: Spec, inst: Instance) -> Candidates:
    """About how many states TLC looks at, and keeps, when it enumerates the invariant of a module."""
    order = order_of(spec.names, spec.conjuncts, widths(spec, inst))
    behind = last_read(spec.conjuncts, order)
    levels = [
        _Level(*_values(spec, inst, key), [as_property(inst.system, c.clause) for c in behind.get(key, ())])
        for key in order
    ]
    random = Random(0)  # noqa: S311 - no secret: the same estimate each time
    found = [_descend(inst, levels, random) for _ in range(DESCENTS)]
    return Candidates(*(sum(column) / DESCENTS for column in zip(*found, strict=True)))


class _Level(NamedTuple):
    slots: Sequence[Slot]
    values: Sequence[Sequence[int]]
    told: Sequence[Expr]


def _values(spec: Spec, inst: Instance, key: Key) -> tuple[Sequence[Slot], Sequence[Sequence[int]]]:
    """The cells of a variable, and the values of each."""
    place = kinds_of(spec.system).of[key] is Kind.PLACE
    mine = {slot: var for slot, var in inst.slots().items() if (slot.cell, slot.name) == key}
    return list(mine), [list(spec.names.labels) if place else inst.values(var.domain) for var in mine.values()]


def _descend(inst: Instance, levels: Sequence[_Level], random: Random) -> tuple[float, float]:
    """An estimate from one way down."""
    state, seen, width = dict[Slot, int](), 0.0, 1.0
    for slots, values, told in levels:
        total = prod(map(len, values))
        seen += width * total
        tried = _some(values, total, random)
        kept = [choice for choice in tried if _allows(inst, state, slots, choice, told)]
        if not kept:
            return seen, 0.0
        width *= total * len(kept) / len(tried)
        state |= dict(zip(slots, random.choice(kept), strict=True))
    return seen, width


def _some(values: Sequence[Sequence[int]], total: int, random: Random) -> Sequence[Sequence[int]]:
    if total <= BRANCHES:
        return list(product(*values))
    return [[random.choice(some) for some in values] for _ in range(BRANCHES)]


def _allows(
    inst: Instance, state: Mapping[Slot, int], slots: Sequence[Slot], choice: Sequence[int], told: Sequence[Expr]
) -> bool:
    whole = {**state, **dict(zip(slots, choice, strict=True))}
    return all(holds(inst, prop, whole) for prop in told)
