"""Inductive invariants from approximate reachability over overlapping projections.

Reachable states are approximated by the conjunction of one relation for each block of cells: at first the globals,
one thread and one object (Govindaraju & Dill 1998; with blocks of a fixed shape, the view abstraction of Abdulla,
Haziza & Holik 2013). An image is taken of the blocks that a step and its target speak of, and projected. The fixpoint
is inductive; where it is too weak for the property, larger blocks are tried, up to the exact set of reachable states.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.blame import Goal, Replay, actions_of, derivation, missing, one_of
from verify.engine.blocks import Block, Freedom, all_objects, freedom
from verify.engine.creators import HISTORY, makers, with_makers
from verify.engine.diagrams import FALSE, SHARED, TRUE, Node, Space, cell_of, expression, place_of, space
from verify.engine.fixpoint import Closure, Steps, close, steps_of
from verify.engine.images import plan
from verify.engine.localize import distances
from verify.engine.relations import Relations, Shape, every_block, initial, relation
from verify.engine.symbolic import Reading, truth
from verify.engine.valuesets import Key, Sets, TooWideError, value_sets
from verify.engine.verdict import Invariant, Progress, Report
from verify.instances import THREAD, Instance, instance, least_tasks
from verify.ir import PC, Action, Binary, Const, Expr, Quant

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
    wrong: Sequence[Node]  # the states that violate it, part by part
    freedom: Freedom
    steps: Steps
    weight: Callable[[Key], int]  # how little one likes to track a variable
    deadline: float | None
    report: Report | None
    figures: dict[str, int]


@dataclass(slots=True)
class _Evidence:
    """The actions of the derivations of bad states seen so far, and the variables with which they derive none."""

    actions: dict[int, Action] = field(default_factory=dict)
    keys: Sequence[Key] = ()


def find_invariant(
    inst: Instance, prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Found:
    """Return an inductive invariant of the instance that implies `prop`, or why none was found.

    `deadline` is a value of time.monotonic(). No word of this is taken on trust: `smt` judges the invariant.
    """
    figures: dict[str, int] = {}
    tried = "nothing"
    try:
        for known in (with_makers(inst), inst):
            run = _begin(known, prop, deadline, report, figures)
            hint = _hint(known, prop, deadline, report, figures)
            first, evidence = hint or ((1, 1), _Evidence(keys=_of_property(run)))
            for shape in shapes(inst):
                if shape < first:
                    continue
                tried = describe(inst, shape)
                found = _search(run, shape, evidence)
                if found is not None:
                    break
            else:
                return Found(None, "some reachable state violates the property", tried, refuted=True, figures=figures)
            result = clauses(found, run.sets)
            if result is not None:
                figures["variables"] = len({(s.cell, s.name) for s in found.space.bits if found.space.tracked(s)})
                return Found(Invariant(result), "", tried, figures=figures)
    except TooWideError as error:
        return Found(None, str(error), tried, figures=figures)
    except _OutOfTimeError:
        return Found(None, f"out of time with blocks of {tried}", tried, figures=figures)
    raise AssertionError("without makers there are none to need")


def _begin(
    inst: Instance, prop: Expr, deadline: float | None, report: Report | None, figures: dict[str, int]
) -> _Attempt:
    """Return what all attempts begin with. Raises TooWideError."""
    sets = value_sets(inst)
    diagrams = space(inst, sets)
    wrong = list(violations(diagrams, prop))
    steps = steps_of(inst, inst.system.actions)
    weight = _weight(diagrams, prop)
    return _Attempt(prop, sets, diagrams, wrong, freedom(inst, prop), steps, weight, deadline, report, figures)


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


def _of_property(run: _Attempt) -> Sequence[Key]:
    return sorted({(slot.cell, slot.name) for node in run.wrong for slot in run.space.slots_of(node)} - {(THREAD, PC)})


def _hint(
    inst: Instance, prop: Expr, deadline: float | None, report: Report | None, figures: dict[str, int]
) -> tuple[Shape, _Evidence] | None:
    """Return the shape and the evidence that were enough for a smaller instance, where they are found much faster."""
    tasks = max(HINT_TASKS, least_tasks(inst.system))
    if tasks < inst.tasks:
        run = _begin(instance(inst.system, tasks), prop, deadline, report, figures)
        for shape in shapes(run.space.instance)[:HINT_SHAPES]:
            evidence = _Evidence(keys=_of_property(run))
            if _search(run, shape, evidence) is not None:
                return shape, evidence
    return None


def _search(run: _Attempt, shape: Shape, evidence: _Evidence) -> Relations | None:
    """Return relations of few variables that imply the property; None if those of all variables do not.

    Counterexample-guided: as long as a bad state is derived, the actions of its derivation join the evidence, and
    what is missing in it is tracked from then on.
    """
    replay = Replay(initial(run.space, run.freedom, shape), run.steps, run.weight)
    while True:
        closure = Closure(_start(run, shape, evidence.keys), run.steps)
        bad = _close(run, closure)
        if bad is None:
            return closure.relations
        while bad is not None:
            found, goals = derivation(closure, bad.goals)
            evidence.actions |= {id(action): action for action in actions_of(closure, found)}
            seen_by = list(zip(bad.family, goals, strict=True))
            more = missing(replay, found, bad.wrong, seen_by, frozenset(evidence.keys))
            if not more:
                return None
            evidence.keys = [*evidence.keys, *sorted(more)]
            steps = steps_of(run.space.instance, evidence.actions.values())
            closure = Closure(_start(run, shape, evidence.keys), steps)
            bad = _close(run, closure)


def _start(run: _Attempt, shape: Shape, keys: Sequence[Key]) -> Relations:
    return initial(run.space.tracking(set(keys)), run.freedom, shape)


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


class _Bad(NamedTuple):
    """Part of the property, the blocks that see it broken, and a state of each in which it is."""

    wrong: Node
    family: Sequence[Block]
    goals: Sequence[Goal]


def _close(run: _Attempt, closure: Closure) -> _Bad | None:
    """Grow the relations until they are inductive, or a bad state is derived: return that. Raises _OutOfTimeError."""
    of = closure.relations
    bad: list[_Bad] = []

    def tick() -> None:
        if run.deadline is not None and time.monotonic() >= run.deadline:
            raise _OutOfTimeError

    def after_round() -> None:
        run.figures["rounds"] = run.figures.get("rounds", 0) + 1
        if run.report is not None:
            run.report(Progress("views", dict(run.figures)))
        for node in run.wrong:
            family = witnesses(of, node)
            if family:
                bad.append(_Bad(node, family, one_of(of, node, family)))
                raise _ViolatedError

    run.figures["attempts"] = run.figures.get("attempts", 0) + 1
    try:
        after_round()
        close(closure, tick, after_round)
    except _ViolatedError:
        return bad[0]
    return None


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


def witnesses(of: Relations, node: Node) -> list[Block]:
    """Return the blocks that see a set's objects, with every thread, if together they allow a state of the set."""
    cells = {cell_of(slot) for slot in of.space.slots_of(node)}
    objects = {cell for cell in cells if cell[0] not in ("", THREAD)}
    family = [b for b in every_block(of) if objects <= set(b.objects) or objects >= set(b.objects)]
    for block, forget in zip(family, plan(of.space, family, set()), strict=True):
        node = of.space.product(node, relation(of, block), forget)
        if node == of.space.false:
            return []
    return family


# ---- the result ----------------------------------------------------------------------------------


def clauses(of: Relations, sets: Sets) -> list[Expr] | None:
    """Return the relations as properties, after the values that each variable can hold; None if they need makers.

    What others imply is left out.
    """
    found = makers(of)
    if found is None:
        return None
    memo: dict[Node, Expr] = {}
    tests = {
        slot: {thread: expression(of.space, node, memo) for thread, node in table.items()}
        for slot, table in found.items()
    }
    result = list(typing(of.space, sets))
    known: list[Node] = []
    for block in every_block(of):
        node = relation(of, block)
        if any(other & ~node == of.space.false for other in known):
            continue
        known.append(node)
        clause = expression(of.space, node, memo, tests)
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
        if slot.name in HISTORY or len(values) == len(of.instance.values(var.domain)):
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
