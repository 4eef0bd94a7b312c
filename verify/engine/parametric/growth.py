"""Views of a system that is let do more, step by step, for as long as no view violates the property.

The views of the system as it is are closed first. Then, switch by switch, what threads do where it is off is added to
what they do: what was found before holds still, and only what is new has to be followed. A switch that leads to a
violation, or too far, is left on. Those may still be off without the others: from the same beginning, more can grow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import NamedTuple

from verify.engine.bdd import Node
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.finder import NoViewsError, begun, by_source, closed, tick
from verify.engine.parametric.prepare import Closure, Prepared, Product, Seen
from verify.engine.parametric.space import Kind
from verify.engine.verdict import Report
from verify.ir import Action, Expr, System
from verify.universal import Clause

LEAST, FACTOR = 4_000, 0.5  # how far one switch may lead: images, and as a part of those that the system as it is took
ALONE = 3  # times that, where no other is off

Values = Mapping[str, int]
Member = Callable[[Action, Values], Action | None]  # the action where rigid globals have these values; None if never


class Grown(NamedTuple):
    """What the views of a system satisfy in which these switches may be on or off at every step."""

    clauses: tuple[Clause, ...]
    off: frozenset[str]
    system: System
    hopeless: frozenset[str]  # switches that were left on though all others were on


class _Mark(NamedTuple):
    """All that grows, at some time."""

    actions: Mapping[int, Sequence[Action]]
    views: Mapping[Kind, Node]
    influences: Mapping[Seen, Node]
    prepared: Mapping[tuple[Kind, int], list[Prepared]]
    stepped: Mapping[tuple[Kind, int], tuple[Node, ...]]
    disturbances: Mapping[tuple[Kind, Seen], tuple[Node, ...]]
    products: Sequence[tuple[Product, list[Node], Node]]


@dataclass(frozen=True, slots=True)
class Trunk:
    """The views of a system with all switches on, from which more can grow."""

    system: System
    switches: Mapping[Action, frozenset[str]]  # that an action reads
    fixed: Member
    run: Closure
    bad: Mapping[Kind, Node]
    mark: _Mark
    images: int  # that it took
    report: Report | None

    @property
    def names(self) -> list[str]:
        """All switches."""
        return [var.name for var in self.system.globals if var.rigid]


def trunk(  # noqa: PLR0913 - what may grow
    system: System, prop: Expr, switches: Mapping[Action, frozenset[str]], fixed: Member, *, deadline: float,
    report: Report | None = None,
) -> Trunk:  # fmt: skip
    """Return the views of the system with all its rigid globals, its switches, on.

    `switches` are those that an action reads; `fixed` puts in values for them. `deadline` is a value of
    time.monotonic(). Raises NoViewsError where the property is violated, or that takes longer.
    """
    every = frozenset(var.name for var in system.globals if var.rigid)
    run, bad = begun(_loosened(system, switches, every, fixed), prop, ())
    run.actions = by_source(_loosened(system, switches, frozenset(), fixed).actions)
    closed(run, partial(tick, run, bad, deadline, report))
    return Trunk(system, switches, fixed, run, bad, _mark(run), run.images, report)


def grow(of: Trunk, order: Sequence[str], deadline: float) -> Grown:
    """Return clauses that imply the property, and those switches of `order`, tried so, that may be off then."""
    run = of.run
    _restore(run, of.mark)
    most = max(LEAST, int(FACTOR * of.images))
    off, hopeless = frozenset[str](), frozenset[str]()
    now = _loosened(of.system, of.switches, off, of.fixed)
    mark = of.mark
    for name in order:
        if time.monotonic() >= deadline:
            break
        wider = _loosened(of.system, of.switches, off | {name}, of.fixed)
        _let(run, by_source(wider.actions))
        try:
            closed(run, partial(_look, of, deadline, run.images + (most if off else ALONE * most)))
        except NoViewsError:
            _restore(run, mark)
            hopeless |= frozenset() if off else {name}
        else:
            off, now, mark = off | {name}, wider, _mark(run)
    found = tuple(clauses(run.space, run.views))
    return Grown(found, off, now, hopeless)


def _look(of: Trunk, deadline: float, images: int) -> None:
    if of.run.images > images:
        raise NoViewsError("it leads too far")
    tick(of.run, of.bad, deadline, of.report)


def _loosened(
    system: System, switches: Mapping[Action, frozenset[str]], off: frozenset[str], fixed: Member
) -> System:
    """The system in which these switches are on or off, and all others on."""
    plain = tuple(var for var in system.globals if not var.rigid)
    return replace(system, globals=plain, actions=tuple(dict.fromkeys(_members(system, switches, off, fixed))))


def _members(
    system: System, switches: Mapping[Action, frozenset[str]], off: frozenset[str], fixed: Member
) -> Iterator[Action]:
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


def _mark(run: Closure) -> _Mark:
    return _Mark(
        run.actions, dict(run.views), dict(run.influences), dict(run.prepared), dict(run.stepped),
        dict(run.disturbances), [(made, made.last, made.result) for made in _products(run)],
    )  # fmt: skip


def _restore(run: Closure, mark: _Mark) -> None:
    """Go back to how things were, so that nothing counts as done that was done with views that are gone."""
    run.actions, run.views, run.influences = mark.actions, dict(mark.views), dict(mark.influences)
    run.prepared, run.stepped = dict(mark.prepared), dict(mark.stepped)
    run.disturbances = dict(mark.disturbances)
    for made in _products(run):
        made.last, made.result = [], None
    for made, last, result in mark.products:
        made.last, made.result = last, result


def _products(run: Closure) -> Iterator[Product]:
    for found in run.prepared.values():
        for ready in found:
            yield from (made for made in (ready.image, ready.influence) if made is not None)
