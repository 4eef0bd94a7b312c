"""From a system to a candidate for a universal invariant."""

from __future__ import annotations

import time
from collections import defaultdict

from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.closure import close
from verify.engine.parametric.initial import initial
from verify.engine.parametric.prepare import Closure
from verify.engine.parametric.reading import OutsideError
from verify.engine.parametric.space import space
from verify.engine.parametric.violations import violations
from verify.engine.valuesets import TooWideError, value_sets
from verify.engine.verdict import Progress, Report
from verify.instances import instance, least_tasks
from verify.ir import PC, TRUE, Action, Expr, System
from verify.universal import Clause, told_in

LEAST = 2  # tasks that show every value a variable can have, one more free, where tasks are not told apart


class NoViewsError(Exception):
    """The views of the system cannot be computed, or not in time."""


def universal_invariant(
    system: System, prop: Expr = TRUE, *, deadline: float | None = None, report: Report | None = None
) -> tuple[Clause, ...]:
    """Return what all reachable views of one thread and one object satisfy, of a system with history.

    Ends early where a view violates `prop`. `deadline` is a value of time.monotonic(). Raises NoViewsError. No word of
    this is taken on trust: `smt` judges it.
    """

    def tick() -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise NoViewsError("out of time")
        if any(run.views[kind] & node != of.false for kind, node in bad.items()):
            raise NoViewsError("a view of one thread and one object violates the property")
        if report is not None:
            report(Progress("views", {"images": run.images}))

    actions: dict[int, list[Action]] = defaultdict(list)
    for action in system.actions:
        actions[action.source].append(action)
    try:
        of = space(system, value_sets(instance(system, max(LEAST, least_tasks(system) + 1))))
        places = any(var.name == told_in(PC) for var in system.classes[system.thread].fields)
        run, bad = Closure(of, actions, initial(of), places=places), violations(of, prop)
        close(run, tick)
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error
    return tuple(clauses(of, run.views))
