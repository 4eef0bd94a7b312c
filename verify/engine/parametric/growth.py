"""Views of a system that is let do more, step by step, for as long as no view violates the property.

The views of the system as it is are closed first. Then, switch by switch, what threads do where it is off is added to
what they do: what was found before holds still, and only what is new has to be followed. A switch that leads to a
violation, or too far, is left on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import NamedTuple

from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.finder import NoViewsError, begun, by_source, closed, tick
from verify.engine.parametric.prepare import Closure
from verify.engine.verdict import Report
from verify.ir import Action, Expr, System
from verify.universal import Clause

LEAST, FACTOR = 1.0, 0.5  # how long one switch may take: seconds, and as a part of what the system as it is took


class Grown(NamedTuple):
    """What the views of a system satisfy in which these switches may be on or off at every step."""

    clauses: tuple[Clause, ...]
    off: frozenset[str]
    system: System


Values = Mapping[str, int]
Member = Callable[[Action, Values], Action | None]  # the action where rigid globals have these values; None if never


def grow(  # noqa: PLR0913 - what may grow, and how far
    system: System, prop: Expr, switches: Mapping[Action, frozenset[str]], order: Sequence[str], fixed: Member, *,
    deadline: float, report: Report | None = None,
) -> Grown:  # fmt: skip
    """Return clauses that imply the property, and the switches of `order` that may be off then; all are on at first.

    `switches` are those that an action reads; `fixed` puts in values for them. `deadline` is a value of
    time.monotonic(). Raises NoViewsError where the property is violated with all on, or that takes longer.
    """
    plain = replace(system, globals=tuple(var for var in system.globals if not var.rigid))

    def loosened(off: frozenset[str]) -> System:
        return replace(plain, actions=tuple(dict.fromkeys(_loosened(system, switches, off, fixed))))

    run, bad = begun(loosened(frozenset(order)), prop, ())
    now = loosened(frozenset())
    run.actions = by_source(now.actions)
    start = time.monotonic()
    closed(run, partial(tick, run, bad, deadline, report))
    most = max(LEAST, FACTOR * (time.monotonic() - start))
    off = frozenset[str]()
    for name in order:
        if time.monotonic() >= deadline:
            break
        wider = loosened(off | {name})
        before = dict(run.views), dict(run.influences), run.actions
        _let(run, by_source(wider.actions))
        try:
            closed(run, partial(tick, run, bad, min(deadline, time.monotonic() + most), report))
        except NoViewsError:
            run.views, run.influences = before[0], before[1]
            _let(run, before[2])
            _forget(run)
        else:
            off, now = off | {name}, wider
    return Grown(tuple(clauses(run.space, run.views)), off, now)


def _loosened(
    system: System, switches: Mapping[Action, frozenset[str]], off: frozenset[str], fixed: Member
) -> Iterator[Action]:
    """The actions with these switches on or off, and all others on."""
    for action in system.actions:
        read = sorted(switches[action])
        for values in product(*([0, 1] if name in off else [1] for name in read)):
            found = fixed(action, dict(zip(read, values, strict=True)))
            if found is not None:
                yield found


def _let(run: Closure, actions: Mapping[int, Sequence[Action]]) -> None:
    """Let threads take these actions from now on."""
    changed = {source for source in actions if actions[source] != run.actions.get(source)}
    run.actions = actions
    for key in [key for key in run.prepared if key[1] in changed]:
        del run.prepared[key]
    for key in [key for key in run.stepped if key[1] in changed]:
        del run.stepped[key]


def _forget(run: Closure) -> None:
    """Let nothing count as done that was done with views that are gone."""
    run.stepped.clear()
    run.disturbances.clear()
    for found in run.prepared.values():
        for ready in found:
            for made in (ready.image, ready.influence):
                if made is not None:
                    made.last, made.result = [], None
