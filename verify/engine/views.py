"""Inductive invariants from approximate reachability over overlapping projections.

Reachable states are approximated by the conjunction of one relation for each block of cells: at first what all share,
one thread and one object (Govindaraju & Dill 1998; with blocks of a fixed shape, the view abstraction of Abdulla,
Haziza & Holik 2013). An image is taken of the blocks that a step and its target speak of, and projected. The fixpoint
is inductive; where it is too weak for the property, larger blocks are tried, up to the exact set of reachable states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verify.engine.blocks import all_objects
from verify.engine.clauses import clauses
from verify.engine.creators import with_makers
from verify.engine.refinement import Evidence, GaveUpError, Limits, first_evidence, search, task
from verify.engine.relations import Shape
from verify.engine.valuesets import TooWideError
from verify.engine.verdict import Invariant, Report
from verify.instances import Instance, instance, least_tasks
from verify.ir import Action, Expr

HINT_TASKS = 2
HINT_SHAPES = 2  # of them, how many are tried for a hint


@dataclass(frozen=True, slots=True)
class Found:
    """An invariant, or why there is none.

    `refuted` if some reachable state violates the property for certain. `suspects` are actions with which the blocks
    of the last shape can be led to a violation: where a search for a run may begin.
    """

    invariant: Invariant | None
    reason: str
    shape: str  # of the blocks that decided, or that were tried last
    refuted: bool = False
    suspects: tuple[Action, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)


def find_invariant(
    inst: Instance, prop: Expr, *, deadline: float | None = None, report: Report | None = None
) -> Found:
    """Return an inductive invariant of the instance that implies `prop`, or why none was found.

    `deadline` is a value of time.monotonic(). No word of this is taken on trust: `smt` judges the invariant.
    """
    limits = Limits(deadline, report, {})
    return (
        _find(inst, with_makers(inst), prop, limits)
        or _find(inst, inst, prop, limits)
        or Found(None, "no invariant can be told in the terms of the system", "", figures=limits.figures)
    )


def _find(inst: Instance, known: Instance, prop: Expr, limits: Limits) -> Found | None:
    """What is found for an instance that may have more variables; None if the invariant speaks of these."""
    shape, evidence = (1, 1), Evidence([])

    def none(why: str, *, refuted: bool = False) -> Found:
        plain = dict(zip(map(id, known.system.actions), inst.system.actions, strict=True))
        suspects = tuple(plain[id(action)] for action in evidence.suspects)
        return Found(None, why, describe(inst, shape), refuted, suspects, limits.figures)

    try:
        of = task(known, prop, limits)
        shape, evidence = _hint(known, prop, limits) or (shape, first_evidence(of))
        while (relations := search(of, shape, evidence)) is None:
            wider = [other for other in shapes(inst) if other > shape]
            if not wider:
                return none("some reachable state violates the property", refuted=True)
            shape = wider[0]
    except (TooWideError, GaveUpError) as error:
        return none(str(error))
    found = clauses(relations)
    limits.figures["variables"] = 1 + len(evidence.keys)
    return None if found is None else Found(Invariant(found), "", describe(inst, shape), figures=limits.figures)


def _hint(inst: Instance, prop: Expr, limits: Limits) -> tuple[Shape, Evidence] | None:
    """Return the shape and the evidence that were enough for a smaller instance, where they are found much faster."""
    tasks = max(HINT_TASKS, least_tasks(inst.system))
    if tasks < inst.tasks:
        of = task(instance(inst.system, tasks), prop, limits)
        for shape in shapes(of.space.instance)[:HINT_SHAPES]:
            evidence = first_evidence(of)
            if search(of, shape, evidence) is not None:
                return shape, evidence
    return None


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
