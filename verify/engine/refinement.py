"""Relations on blocks that speak of few variables and yet imply a property.

Counterexample-guided: as long as a bad state is derived, the actions of its derivation join the evidence, and what is
missing in it is tracked from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from verify.engine.bdd import Node
from verify.engine.blame import Replay, missing
from verify.engine.blocks import Block, Freedom, freedom
from verify.engine.creators import HISTORY
from verify.engine.derivation import Goal, actions_of, derivation, one_of
from verify.engine.diagrams import SHARED, Space, cell_of, space
from verify.engine.fixpoint import Closure, Steps, close, steps_of
from verify.engine.localize import distances
from verify.engine.relations import Relations, Shape, initial
from verify.engine.valuesets import WIDE, Key, value_sets
from verify.engine.verdict import Progress, Report
from verify.engine.witnesses import violations, witnesses
from verify.instances import THREAD, Instance
from verify.ir import PC, Action, Expr

MOST_NODES = 6_000_000  # of all diagrams together
TICKS = 200  # counting them takes milliseconds


class GaveUpError(Exception):
    """Time or memory is used up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up (a value of time.monotonic()), and whom to tell how it goes; `figures` counts."""

    deadline: float | None
    report: Report | None
    figures: dict[str, int]

    def count(self, name: str) -> None:
        """Add one to a figure."""
        self.figures[name] = self.figures.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class Task:
    """A property of an instance, and what every attempt at it has in common."""

    space: Space
    wrong: Sequence[Node]  # the states that violate the property, part by part
    freedom: Freedom
    steps: Steps
    weight: Callable[[Key], int]  # how little one likes to track a variable
    limits: Limits


@dataclass(slots=True)
class Evidence:
    """The variables that are tracked, and why: the actions of the derivations of bad states seen so far.

    `suspects` are the actions of the last of them.
    """

    keys: Sequence[Key]
    actions: dict[int, Action] = field(default_factory=dict)
    suspects: Sequence[Action] = ()


class _Bad(NamedTuple):
    """Part of the property, the blocks that see it violated, and a state of each in which it is."""

    wrong: Node
    family: Sequence[Block]
    goals: Sequence[Goal]


class _ViolatedError(Exception):
    """The approximation contains a state that violates the property."""


def task(inst: Instance, prop: Expr, limits: Limits) -> Task:
    """Return what all attempts begin with. Raises TooWideError."""
    diagrams = space(inst, value_sets(inst, WIDE))
    wrong = list(violations(diagrams, prop))
    steps = steps_of(inst, inst.system.actions)
    return Task(diagrams, wrong, freedom(inst, prop), steps, _weight(diagrams, prop), limits)


def _weight(of: Space, prop: Expr) -> Callable[[Key], int]:
    """Variables are light near the property and where they have few bits."""
    distance = distances(of.instance, prop)
    size: dict[Key, int] = {}
    for slot, names in of.bits.items():
        size.setdefault((slot.cell, slot.name), 0)
        if cell_of(slot) == SHARED or slot.index == 1:
            size[slot.cell, slot.name] += len(names)
        if slot.name in HISTORY:
            distance[slot.cell, slot.name] = 1
    return lambda key: (1 + distance.get(key, len(distance))) * size[key]


def first_evidence(of: Task) -> Evidence:
    """Return the variables that the property speaks of."""
    keys = {(slot.cell, slot.name) for node in of.wrong for slot in of.space.slots_of(node)}
    return Evidence(sorted(keys - {(THREAD, PC)}))


def search(of: Task, shape: Shape, evidence: Evidence) -> Relations | None:
    """Return relations that imply the property; None if those of all variables do not. Raises GaveUpError."""
    replay = Replay(initial(of.space, of.freedom, shape), of.steps, of.weight)
    while True:
        closure = _begin(of, shape, evidence.keys, of.steps)
        bad = _close(of, closure)
        if bad is None:
            return closure.relations
        while bad is not None:
            found, goals = derivation(closure, bad.goals)
            evidence.suspects = list(dict.fromkeys(actions_of(closure, found)))
            evidence.actions |= {id(action): action for action in evidence.suspects}
            seen_by = list(zip(bad.family, goals, strict=True))
            more = missing(replay, found, bad.wrong, seen_by, frozenset(evidence.keys))
            if not more:
                return None
            evidence.keys = [*evidence.keys, *sorted(more)]
            closure = _begin(of, shape, evidence.keys, steps_of(of.space.instance, evidence.actions.values()))
            bad = _close(of, closure)


def _begin(of: Task, shape: Shape, keys: Sequence[Key], steps: Steps) -> Closure:
    return Closure(initial(of.space.tracking(set(keys)), of.freedom, shape), steps)


def _close(of: Task, closure: Closure) -> _Bad | None:
    """Grow the relations until they are inductive, or a bad state is derived: return that. Raises GaveUpError."""
    relations, limits = closure.relations, of.limits
    bad: list[_Bad] = []
    ticks = count(1)

    def tick() -> None:
        if limits.deadline is not None and time.monotonic() >= limits.deadline:
            raise GaveUpError("out of time")
        if next(ticks) % TICKS == 0 and len(of.space.manager) > MOST_NODES:
            raise GaveUpError("the decision diagrams grow too large")

    def after_round() -> None:
        limits.count("rounds")
        if limits.report is not None:
            limits.report(Progress("views", dict(limits.figures)))
        for node in of.wrong:
            family = witnesses(relations, node)
            if family:
                bad.append(_Bad(node, family, one_of(relations, node, family)))
                raise _ViolatedError

    limits.count("attempts")
    try:
        tick()
        after_round()
        close(closure, tick, after_round)
    except _ViolatedError:
        return bad[0]
    return None
