"""From a system to a candidate for a universal invariant."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

from verify.engine.parametric.axioms import known
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.closure import close
from verify.engine.parametric.initial import initial
from verify.engine.parametric.prepare import Closure
from verify.engine.parametric.reading import OutsideError
from verify.engine.parametric.space import space
from verify.engine.parametric.violations import violations
from verify.engine.valuesets import WIDE, WIDEST, TooWideError, value_sets
from verify.engine.verdict import Progress, Report
from verify.instances import instance, least_tasks
from verify.ir import PC, TRUE, Action, Expr, System
from verify.universal import Clause, told_in

LEAST = 2  # tasks that show every value a variable can have, one more free, where tasks are not told apart


class NoViewsError(Exception):
    """The views of the system cannot be computed, or not in time."""


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
        if any(run.views[kind] & node != of.false for kind, node in bad.items()):
            raise NoViewsError("a view of one thread and one object violates the property")
        if report is not None:
            report(Progress("views", {"images": run.images}))

    actions: dict[int, list[Action]] = defaultdict(list)
    for action in system.actions:
        actions[action.source].append(action)
    try:
        inst = instance(system, max(LEAST, least_tasks(system) + 1))
        of = space(system, value_sets(inst, WIDE if axioms else WIDEST))
        places = any(var.name == told_in(PC) for var in system.classes[system.thread].fields)
        views = initial(of)
        run, bad = Closure(of, actions, views, axioms=known(of, axioms, views), places=places), violations(of, prop)
        close(run, tick)
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error
    return tuple(clauses(of, run.views))
