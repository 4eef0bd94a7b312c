"""Inductive invariants from approximate reachability over overlapping projections.

Reachable states are approximated by the conjunction of one relation for each block of cells: at first the globals,
one thread and one object (Govindaraju & Dill 1998; with blocks of a fixed shape, the view abstraction of Abdulla,
Haziza & Holik 2013). An image is taken of the blocks that a step and its target speak of, and projected. The fixpoint
is inductive; where it is too weak for the property, larger blocks are tried, up to the exact set of reachable states.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.engine.diagrams import FALSE, TRUE, Node, Space, cell_of, expression, place_of, space
from verify.engine.fixpoint import Steps, close, steps_of
from verify.engine.images import plan
from verify.engine.blocks import Freedom, all_objects, freedom
from verify.engine.localize import distances, growing, least
from verify.engine.relations import Relations, Shape, every_block, initial, projected, relation
from verify.engine.symbolic import Reading, truth
from verify.engine.valuesets import Key, Sets, TooWideError, value_sets
from verify.engine.verdict import Invariant, Progress, Report
from verify.instances import THREAD, Instance, instance, least_tasks
from verify.ir import PC, Binary, Const, Expr, Quant


HINT_TASKS = 2
HINT_SHAPES = 2  # of them, how many are tried for a hint


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


@dataclass(slots=True)
class _Attempt:
    """What every attempt at one property of one instance has in common."""

    prop: Expr
    sets: Sets
    space: Space
    freedom: Freedom
    steps: Steps
    deadline: float | None
    report: Report | None
    figures: dict[str, int]


def find_invariant(
    inst: Instance, prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Found:
    """Return an inductive invariant of the instance that implies `prop`, or why none was found.

    `deadline` is a value of time.monotonic(). No word of this is taken on trust: `smt` judges the invariant.
    """
    figures: dict[str, int] = {}
    tried = "nothing"
    try:
        run = _begin(inst, prop, deadline, report, figures)
        for shape, keys in (*_hints(inst, prop, deadline, report, figures), *((shape, None) for shape in shapes(inst))):
            tried = describe(inst, shape)
            found = _search(run, shape) if keys is None else _attempt(run, _start(run, shape, keys))
            if found is not None:
                figures["variables"] = len({(slot.cell, slot.name) for slot in found.space.bits if found.space.tracked(slot)})
                return Found(Invariant(clauses(found, run.sets)), "", tried, figures=figures)
    except TooWideError as error:
        return Found(None, str(error), tried, figures=figures)
    except _OutOfTimeError:
        return Found(None, f"out of time with blocks of {tried}", tried, figures=figures)
    return Found(None, "some reachable state violates the property", tried, refuted=True, figures=figures)


def _begin(
    inst: Instance, prop: Expr, deadline: float | None, report: Report | None, figures: dict[str, int]
) -> _Attempt:
    """Return what all attempts begin with. Raises TooWideError."""
    sets = value_sets(inst)
    return _Attempt(prop, sets, space(inst, sets), freedom(inst, prop), steps_of(inst), deadline, report, figures)


def _hints(
    inst: Instance, prop: Expr, deadline: float | None, report: Report | None, figures: dict[str, int]
) -> Iterator[tuple[Shape, Sequence[Key]]]:
    """Return the shape and the variables that are enough for a smaller instance, where they are found much faster."""
    tasks = max(HINT_TASKS, least_tasks(inst.system))
    if tasks < inst.tasks:
        run = _begin(instance(inst.system, tasks), prop, deadline, report, figures)
        for shape in shapes(run.space.instance)[:HINT_SHAPES]:
            found = _search(run, shape)
            if found is not None:
                yield shape, sorted({(s.cell, s.name) for s in found.space.bits if found.space.tracked(s)})
                return


def _search(run: _Attempt, shape: Shape) -> Relations | None:
    """Return relations of few variables that imply the property; None if those of all variables do not."""
    inst = run.space.instance
    keys = sorted({(slot.cell, slot.name) for slot in run.space.bits} - {(THREAD, PC)})
    for some in growing(keys, distances(inst, run.prop)):
        found = _attempt(run, _start(run, shape, some))
        if found is not None:
            return _smallest(run, some, found)
    return None


def _start(run: _Attempt, shape: Shape, keys: Sequence[Key]) -> Relations:
    return initial(run.space.tracking(set(keys)), run.freedom, shape)


def _attempt(run: _Attempt, relations: Relations) -> Relations | None:
    """Close the relations under every step; return None if they are too weak for the property."""
    try:
        _close(run, relations)
    except _ViolatedError:
        return None
    return relations


def _smallest(run: _Attempt, keys: Sequence[Key], found: Relations) -> Relations:
    """Return relations for no more variables than it takes; the time for that may end before it is done.

    The least relations for fewer variables contain the projections of those for more, so it begins with these.
    """

    def enough(fewer: Sequence[Key]) -> bool:
        nonlocal found
        try:
            smaller = _attempt(run, projected(found, run.space.tracking(set(fewer))))
        except _OutOfTimeError:
            return False
        found = smaller or found
        return smaller is not None

    least(keys, enough)
    return found


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


def _close(run: _Attempt, of: Relations) -> None:
    """Grow the relations until they are inductive. Raises _ViolatedError, _OutOfTimeError."""
    wrong = list(violations(of.space, run.prop))

    def tick() -> None:
        if run.deadline is not None and time.monotonic() >= run.deadline:
            raise _OutOfTimeError

    def after_round() -> None:
        size = sum(node.dag_size for node in of.sets.values())
        run.figures |= {"rounds": run.figures.get("rounds", 0) + 1, "diagrams": size}
        if run.report is not None:
            run.report(Progress("views", dict(run.figures)))
        if any(intersects(of, node) for node in wrong):
            raise _ViolatedError

    run.figures["attempts"] = run.figures.get("attempts", 0) + 1
    after_round()
    close(of, run.steps, tick, after_round)


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
    """Return the relations as properties, after the values that each variable can hold; what others imply is left out."""
    result = list(typing(of.space, sets))
    memo: dict[Node, Expr] = {}
    known: list[Node] = []
    for block in every_block(of):
        node = relation(of, block)
        if any(other & ~node == of.space.false for other in known):
            continue
        known.append(node)
        clause = expression(of.space, node, memo)
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
