"""Inductive invariants from approximate reachability over overlapping projections.

Reachable states are approximated by the conjunction of one relation for each block of cells: at first the globals,
one thread and one object (Govindaraju & Dill 1998; with blocks of a fixed shape, the view abstraction of Abdulla,
Haziza & Holik 2013). An image is taken of the blocks that a step and its target speak of, and projected. The fixpoint
is inductive; where it is too weak for the property, larger blocks are tried, up to the exact set of reachable states.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verify.engine.diagrams import FALSE, TRUE, Node, Space, cell_of, expression, place_of, space
from verify.engine.fixpoint import close
from verify.engine.images import plan
from verify.engine.orbits import all_objects, freedom
from verify.engine.relations import Relations, Shape, every_block, initial, relation
from verify.engine.symbolic import Reading, truth
from verify.engine.valuesets import Sets, TooWideError, value_sets
from verify.engine.verdict import Invariant, Progress, Report
from verify.instances import THREAD, Instance
from verify.ir import Binary, Const, Expr, Quant


@dataclass(frozen=True, slots=True)
class Found:
    """An invariant, or why there is none; `refuted` if some reachable state violates the property for certain."""

    invariant: Invariant | None
    reason: str
    shape: str  # of the blocks that decided, or that were tried last
    refuted: bool = False
    figures: Mapping[str, int] = field(default_factory=dict)


class _OutOfTimeError(Exception):
    """The deadline has passed."""


class _ViolatedError(Exception):
    """The approximation contains a state that violates the property."""


def find_invariant(
    inst: Instance, prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Found:
    """Return an inductive invariant of the instance that implies `prop`, or why none was found.

    `deadline` is a value of time.monotonic(). No word of this is taken on trust: `smt` judges the invariant.
    """
    tried = "nothing"
    figures: dict[str, int] = {}
    try:
        sets = value_sets(inst)
        for shape in shapes(inst):
            tried = describe(inst, shape)
            relations = initial(space(inst, sets), freedom(inst, prop), shape)
            try:
                _close(relations, prop, deadline, report, figures)
            except _ViolatedError:
                continue
            return Found(Invariant(clauses(relations, sets)), "", tried, figures=figures)
    except TooWideError as error:
        return Found(None, str(error), tried)
    except _OutOfTimeError:
        return Found(None, f"out of time with blocks of {tried}", tried, figures=figures)
    return Found(None, "some reachable state violates the property", tried, refuted=True, figures=figures)


def shapes(inst: Instance) -> list[Shape]:
    """The shapes to try, from one thread and one object to everything."""
    whole = (inst.tasks, len(all_objects(inst)))
    tried = [(1, 1), (1, 2), (2, 1), (2, 2)]
    return [shape for shape in tried if shape[0] <= whole[0] and shape[1] <= whole[1] and shape != whole] + [whole]


def describe(inst: Instance, shape: Shape) -> str:
    """The shape in words."""
    if shape == (inst.tasks, len(all_objects(inst))):
        return "everything"
    return " and ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in zip(shape, ("thread", "object"), strict=True))


def _close(
    of: Relations, prop: Expr, deadline: float | None, report: Report | None, figures: dict[str, int]
) -> None:
    """Grow the relations until they are inductive. Raises _ViolatedError, _OutOfTimeError."""
    wrong = list(violations(of.space, prop))
    rounds = 0

    def tick(images: int) -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise _OutOfTimeError
        figures["images"] = images

    def after_round() -> None:
        nonlocal rounds
        rounds += 1
        figures.update(rounds=rounds, diagrams=sum(node.dag_size for node in of.sets.values()))
        if report is not None:
            report(Progress("views", dict(figures)))
        if any(intersects(of, node) for node in wrong):
            raise _ViolatedError

    after_round()
    close(of, tick, after_round)


# ---- the property --------------------------------------------------------------------------------


def violations(of: Space, prop: Expr) -> Iterator[Node]:
    """Return sets of states whose union are the states in which `prop` is 0, one for each part of a conjunction."""
    pending = [(prop, Reading(of))]
    while pending:
        expr, at = pending.pop()
        match expr:
            case Binary("&&", left, right):
                pending += [(left, at), (right, at)]
            case Quant("forall", binder, body):
                pending += [(body, at.bind(binder, value)) for value in of.instance.choices(binder)]
            case _:
                node = ~truth(expr, at)
                if node != of.false:
                    yield node


def intersects(of: Relations, node: Node) -> bool:
    """Whether the approximation has a state in a set: its cells' objects with every thread, one after the other."""
    cells = {cell_of(slot) for slot in of.space.slots_of(node)}
    objects = {cell for cell in cells if cell[0] not in ("", THREAD)}
    family = [b for b in every_block(of) if objects <= set(b.objects) or objects >= set(b.objects)]
    for block, forget in zip(family, plan(of.space, family, set()), strict=True):
        node = of.space.product(node, relation(of, block), forget)
        if node == of.space.false:
            return False
    return True


# ---- the result ----------------------------------------------------------------------------------


def clauses(of: Relations, sets: Sets) -> list[Expr]:
    """Return the relations as properties, after the values that each variable can hold."""
    result = list(typing(of.space, sets))
    memo: dict[Node, Expr] = {}
    for block in every_block(of):
        clause = expression(of.space, relation(of, block), memo)
        if clause is FALSE:
            return [clause]
        if clause is not TRUE:
            result.append(clause)
    return result


def typing(of: Space, sets: Sets) -> Iterator[Expr]:
    """What the diagrams leave out: that a variable holds one of its values, where its domain has more."""
    for slot, var in of.slots.items():
        values = sorted(sets[(slot.cell, slot.name)])
        place = place_of(slot)
        if len(values) == len(of.instance.values(var.domain)):
            continue
        clause: Expr = FALSE
        start = 0
        for end in range(1, len(values) + 1):
            if end < len(values) and values[end] == values[end - 1] + 1:
                continue
            low, high = values[start], values[end - 1]
            start = end
            part: Expr = Binary("==", place, Const(low))
            if low < high:
                part = Binary("&&", Binary("<=", Const(low), place), Binary("<=", place, Const(high)))
            clause = part if clause is FALSE else Binary("||", clause, part)
        yield clause
