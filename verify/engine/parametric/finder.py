"""From a system to a candidate for a universal invariant."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from verify.engine.bdd import Node
from verify.engine.parametric.axioms import known
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.closure import close
from verify.engine.parametric.initial import initial
from verify.engine.parametric.prepare import Closure
from verify.engine.parametric.reading import OutsideError
from verify.engine.parametric.space import Kind, space
from verify.engine.parametric.violations import violations
from verify.engine.valuesets import WIDE, WIDEST, TooWideError, value_sets
from verify.engine.verdict import Progress, Report
from verify.instances import instance, least_tasks
from verify.ir import PC, TRUE, Action, Expr, System
from verify.universal import Clause, told_in

LEAST = 2  # tasks that show every value a variable can have, one more free, where tasks are not told apart


class NoViewsError(Exception):
    """The views of the system cannot be computed, or not in time."""


class ViolatedError(NoViewsError):
    """A view violates the property."""


def universal_invariant(
    system: System, prop: Expr = TRUE, *, axioms: Sequence[Clause] = (), deadline: float | None = None,
    report: Report | None = None,
) -> tuple[Clause, ...]:
    """Return what all reachable views of one thread and one object satisfy, of a system with history.

    Ends early where a view violates `prop`. The `axioms` are true of every run. `deadline` is a value of
    time.monotonic(). Raises NoViewsError. No word of this is taken on trust: `smt` judges it.
    """
    run, bad = begun(system, prop, axioms)
    closed(run, partial(tick, run, bad, deadline, report))
    return tuple(clauses(run.space, run.views))


def tick(run: Closure, bad: Mapping[Kind, Node], deadline: float | None, report: Report | None) -> None:
    """Say how far the views have grown. Raises NoViewsError where they need grow no more."""
    if deadline is not None and time.monotonic() >= deadline:
        raise NoViewsError("out of time")
    if any(run.views[kind] & node != run.space.false for kind, node in bad.items()):
        raise ViolatedError("a view of one thread and one object violates the property")
    if report is not None:
        report(Progress("views", {"images": run.images}))


def begun(system: System, prop: Expr, axioms: Sequence[Clause]) -> tuple[Closure, Mapping[Kind, Node]]:
    """The initial views, and those that violate the property. Raises NoViewsError."""
    actions = by_source(system.actions)
    try:
        inst = instance(system, max(LEAST, least_tasks(system) + 1))
        of = space(system, value_sets(inst, WIDE if axioms else WIDEST))
        places = any(var.name == told_in(PC) for var in system.classes[system.thread].fields)
        views = initial(of)
        return Closure(of, actions, views, axioms=known(of, axioms, views), places=places), violations(of, prop)
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error


def by_source(actions: Iterable[Action]) -> Mapping[int, Sequence[Action]]:
    """The actions from each location."""
    found: dict[int, list[Action]] = defaultdict(list)
    for action in actions:
        found[action.source].append(action)
    return found


def closed(run: Closure, look: Callable[[], None]) -> None:
    """Grow the views until they are closed; `look` is called now and then. Raises NoViewsError."""
    try:
        close(run, look)
        look()
    except (OutsideError, TooWideError) as error:
        raise NoViewsError(str(error)) from error
