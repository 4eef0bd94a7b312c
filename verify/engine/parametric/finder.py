"""From a system to a candidate for a universal invariant.

A system with rigid globals stands for a family: one system for each of their values. As no step changes them, the views
of all members grow side by side in the same diagrams, and those of a member that violates the property are dropped
(family-based analysis: Thüm, Apel, Kästner, Schaefer and Saake, ACM Computing Surveys 2014).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from verify.engine.diagrams import Node
from verify.engine.parametric.axioms import known
from verify.engine.parametric.clauses import clauses, expression
from verify.engine.parametric.closure import close
from verify.engine.parametric.initial import initial
from verify.engine.parametric.prepare import Closure
from verify.engine.parametric.reading import OutsideError, Reading, truth
from verify.engine.parametric.space import Kind, space
from verify.engine.parametric.violations import violations
from verify.engine.valuesets import WIDE, WIDEST, TooWideError, value_sets
from verify.engine.verdict import Progress, Report
from verify.instances import Slot, instance, least_tasks
from verify.ir import PC, TRUE, Action, Expr, System
from verify.universal import Clause, told_in

LEAST = 2  # tasks that show every value a variable can have, one more free, where tasks are not told apart


class NoViewsError(Exception):
    """The views of the system cannot be computed, or not in time."""


class Family(NamedTuple):
    """What all reachable views satisfy of those members of a family in which no view violates the property."""

    clauses: tuple[Clause, ...]  # true of the members of which `members` is
    members: Expr  # over the rigid globals


def universal_invariant(
    system: System, prop: Expr = TRUE, *, axioms: Sequence[Clause] = (), deadline: float | None = None,
    report: Report | None = None,
) -> tuple[Clause, ...]:
    """Return what all reachable views of one thread and one object satisfy, of a system with history.

    Ends early where a view violates `prop`. The `axioms` are true of every run. `deadline` is a value of
    time.monotonic(). Raises NoViewsError. No word of this is taken on trust: `smt` judges it.
    """

    def tick() -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise NoViewsError("out of time")
        if any(run.views[kind] & node != run.space.false for kind, node in bad.items()):
            raise NoViewsError("a view of one thread and one object violates the property")
        if report is not None:
            report(Progress("views", {"images": run.images}))

    run, bad = _begun(system, prop, axioms)
    _closed(run, tick)
    return tuple(clauses(run.space, run.views))


def universal_family(
    system: System, prop: Expr, among: Expr = TRUE, *, deadline: float | None = None, report: Report | None = None
) -> Family:
    """Return what all reachable views satisfy of the members of a family in which none violates `prop`.

    Only members of which `among` is true are looked at. Raises NoViewsError, also where no member is left.
    """
    run, bad = _begun(system, prop, ())
    of = run.space
    rigid = {bit for var in system.globals if var.rigid for bit in of.bits.get(Slot("", 0, var.name), ())}
    members = truth(among, Reading(of, None, {}))
    for kind in run.views:
        run.views[kind] &= members

    def tick() -> None:
        nonlocal members
        if deadline is not None and time.monotonic() >= deadline:
            raise NoViewsError("out of time")
        for kind, node in bad.items():
            wrong = run.views[kind] & node
            if wrong != of.false:
                members &= ~of.manager.exist(sorted(set(wrong.support) - rigid), wrong)
                for each in run.views:
                    run.views[each] &= members
        if members == of.false:
            raise NoViewsError("a view of one thread and one object violates the property, in every member")
        if report is not None:
            report(Progress("views", {"images": run.images}))

    _closed(run, tick)
    return Family(tuple(clauses(of, run.views)), expression(of, members))


def _begun(system: System, prop: Expr, axioms: Sequence[Clause]) -> tuple[Closure, Mapping[Kind, Node]]:
    """The initial views, and those that violate the property."""
    actions: dict[int, list[Action]] = defaultdict(list)
    for action in system.actions:
        actions[action.source].append(action)
    try:
        inst = instance(system, max(LEAST, least_tasks(system) + 1))
        of = space(system, value_sets(inst, WIDE if axioms else WIDEST))
        places = any(var.name == told_in(PC) for var in system.classes[system.thread].fields)
        views = initial(of)
        return Closure(of, actions, views, axioms=known(of, axioms, views), places=places), violations(of, prop)
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error


def _closed(run: Closure, tick: Callable[[], None]) -> None:
    try:
        close(run, tick)
        tick()
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error
