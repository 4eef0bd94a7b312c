"""Views of a system that is let do more, step by step, for as long as no view violates the property.

The views of the system as it is are closed first. Then, switch by switch, what threads do where it is off is added to
what they do: what was found before holds still, and only what is new has to be followed. A switch that leads to a
violation, or too far, is left on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from typing import NamedTuple

from verify.engine.diagrams import Node
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.finder import NoViewsError, begun, by_source, closed, tick
from verify.engine.parametric.prepare import Closure
from verify.engine.parametric.space import Kind
from verify.engine.parametric.violations import violations
from verify.engine.verdict import Report
from verify.ir import TRUE, Action, Expr, System
from verify.universal import Clause

LEAST, FACTOR = 1.0, 0.5  # how long one switch may take: seconds, and as a part of what the system as it is took


class Grown(NamedTuple):
    """What the views of a system satisfy in which these switches may be on or off at every step."""

    clauses: tuple[Clause, ...]
    off: frozenset[str]
    system: System


Values = Mapping[str, int]
Member = Callable[[Action, Values], Action | None]  # the action where rigid globals have these values; None if never


@dataclass(slots=True)
class _Growing:
    """A fixpoint that is let do more: what its threads may do now, and which switches may be off."""

    run: Closure
    look: Callable[[float], None]  # raises NoViewsError where a view violates a property, or after that time
    off: frozenset[str] = frozenset()

    def more(
        self, order: Sequence[str], loosened: Callable[[frozenset[str]], System], most: float, until: float
    ) -> None:
        """Let switches of `order` be off, but those with which something is violated, or that take `most` seconds."""
        run = self.run
        for name in order:
            if time.monotonic() >= until:
                return
            before = dict(run.views), dict(run.influences), run.actions
            _let(run, by_source(loosened(self.off | {name}).actions))
            try:
                closed(run, partial(self.look, min(until, time.monotonic() + most)))
            except NoViewsError:
                run.views, run.influences = before[0], before[1]
                _let(run, before[2])
                _forget(run)
            else:
                self.off |= {name}


def grow(  # noqa: PLR0913 - what may grow, and how far
    system: System, props: Sequence[Expr], switches: Mapping[Action, frozenset[str]], order: Sequence[str],
    fixed: Member, *, deadline: float, report: Report | None = None,
) -> list[Grown]:  # fmt: skip
    """Return for each property the clauses that imply it, and the switches of `order` that may be off then.

    All switches are on at first; then those are let be off that all properties allow, and from there those that each
    allows. `switches` are those that an action reads; `fixed` puts in values for them. Raises NoViewsError where some
    property is violated with all on, or this takes until the `deadline`, a value of time.monotonic().
    """
    plain = replace(system, globals=tuple(var for var in system.globals if not var.rigid))

    @cache
    def loosened(off: frozenset[str]) -> System:
        return replace(plain, actions=tuple(dict.fromkeys(_loosened(system, switches, off, fixed))))

    run, _ = begun(loosened(frozenset(order)), TRUE, ())
    bad = [violations(run.space, prop) for prop in props]

    def looking(which: Sequence[Mapping[Kind, Node]]) -> Callable[[float], None]:
        def look(until: float) -> None:
            for node in which:
                tick(run, node, until, report)

        return look

    growing = _Growing(run, looking(bad))
    run.actions = by_source(loosened(frozenset()).actions)
    start = time.monotonic()
    closed(run, partial(growing.look, deadline))
    most = max(LEAST, FACTOR * (time.monotonic() - start))
    growing.more(order, loosened, most, deadline)
    shared = Grown(tuple(clauses(run.space, run.views)), growing.off, loosened(growing.off))
    if len(props) == 1:
        return [shared]
    found = list[Grown]()
    views, influences, actions = dict(run.views), dict(run.influences), run.actions
    for node in bad:
        run.views, run.influences = dict(views), dict(influences)
        _let(run, actions)
        _forget(run)
        one = _Growing(run, looking([node]), shared.off)
        one.more([name for name in order if name not in shared.off], loosened, most, deadline)
        same = one.off == shared.off
        found.append(shared if same else Grown(tuple(clauses(run.space, run.views)), one.off, loosened(one.off)))
    return found


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
