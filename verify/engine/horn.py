"""From a system to a candidate for a universal invariant, by Horn clauses that Spacer solves.

Views of few values are enumerated faster (`engine.parametric`); Spacer says what counters have to do with each other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from verify.engine.verdict import Progress, Report
from verify.ir import TRUE, Expr, System
from verify.smt.horn import How, NoAnswerError, horn_invariant
from verify.universal import Clause

WAYS: Sequence[Mapping[str, object]] = ({}, {"spacer.order_children": 2}, {"spacer.global": True})  # to solve
MOST_PLACES = 1_200  # steps times the places where they are seen, with a predicate for each place


class NoClausesError(Exception):
    """Spacer finds no clauses, or not in time."""


def universal_invariant(
    system: System, prop: Expr = TRUE, *, two: bool = False, deadline: float | None = None,
    report: Report | None = None,
) -> tuple[Clause, ...]:  # fmt: skip
    """Return clauses that imply `prop` and that Spacer takes for an invariant of a system with history.

    With `two` they speak also of what the thread of a task in view knows, which its object tells (`universal.told_in`).
    `deadline` is a value of time.monotonic(). Raises NoClausesError, and EncodingError for what Horn clauses do not
    cover. No word of this is taken on trust: `smt` judges it.
    """
    locations = len({place for action in system.actions for place in (action.source, action.target)})
    located = two and len(system.actions) * locations**2 <= MOST_PLACES  # else the clauses are better to read
    for number, options in enumerate(WAYS):
        if report is not None:
            report(Progress("clauses", {"actions": len(system.actions), "way": number + 1}))
        now, last = time.monotonic(), number == len(WAYS) - 1
        end = deadline if deadline is None or last else now + (deadline - now) / 2
        try:
            return horn_invariant(system, prop, How(two, located), deadline=end, options=options)
        except NoAnswerError as error:
            if not error.late:
                raise NoClausesError(str(error)) from error
    raise NoClausesError("out of time")
