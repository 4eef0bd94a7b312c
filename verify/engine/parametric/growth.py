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

from verify.engine.bdd import Node
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.finder import NoViewsError, begun, by_source, closed, tick
from verify.engine.parametric.prepare import Closure, Prepared, Product, Seen
from verify.engine.parametric.space import Kind
from verify.engine.verdict import Report
from verify.instances import Slot
from verify.ir import Action, Expr, System
from verify.universal import Clause

LEAST = 8_000  # images to which one switch may lead, however few those of the system as it is are


class Grown(NamedTuple):
    """What the views of a system satisfy in which these switches may be on or off at every step."""

    clauses: tuple[Clause, ...]
    off: frozenset[str]
    system: System


class _Mark(NamedTuple):
    """All that grows, at some time."""

    actions: Mapping[int, Sequence[Action]]
    views: Mapping[Kind, Node]
    influences: Mapping[Seen, Node]
    prepared: Mapping[tuple[Kind, int], list[Prepared]]
    stepped: Mapping[tuple[Kind, int], tuple[Node, ...]]
    disturbances: Mapping[tuple[Kind, Seen], tuple[Node, ...]]
    products: Sequence[tuple[Product, list[Node], Node]]


Values = Mapping[str, int]
Member = Callable[[Action, Values], Action | None]  # the action where rigid globals have these values; None if never


def grow(  # noqa: PLR0913 - what may grow, and how far
    system: System, prop: Expr, switches: Mapping[Action, frozenset[str]], order: Sequence[str], fixed: Member, *,
    lasting: frozenset[str] = frozenset(), far: float, deadline: float, report: Report | None = None,
) -> Grown:  # fmt: skip
    """Return clauses that imply the property, and the switches of `order` that may be off then; all are on at first.

    `switches` are those that an action reads; `fixed` puts in values for them. Those that are `lasting` are on or off
    for all of a run, any other anew at every step. One switch may lead `far` times as far as the system as it is.
    `deadline` is a value of time.monotonic(). Raises NoViewsError where the property is violated with all on, or that
    takes longer.
    """
    passing = {action: read - lasting for action, read in switches.items()}
    plain = _keeping(system, lasting)

    def loosened(off: frozenset[str]) -> System:
        return replace(plain, actions=tuple(dict.fromkeys(_loosened(system, passing, off, fixed))))

    run, bad = begun(loosened(frozenset(order)), prop, ())
    first, now = dict(run.views), loosened(frozenset())
    run.views = _with(run, first, lasting)
    run.actions = by_source(now.actions)
    look = partial(tick, run, bad, deadline, report)
    closed(run, look)
    most = max(LEAST, int(far * run.images))
    off = frozenset[str]()
    for name in order:
        if time.monotonic() >= deadline:
            break
        before = _mark(run)
        wider = now if name in lasting else loosened(off | {name})
        if name in lasting:
            added = _with(run, first, lasting - off - {name})
            run.views = {kind: run.views[kind] | added[kind] for kind in run.views}
        _let(run, by_source(wider.actions))
        try:
            closed(run, partial(_look, run, run.images + most, look))
        except NoViewsError:
            _restore(run, before)
        else:
            off, now = off | {name}, wider
    return _grown(run, now, off, lasting - off, fixed)


def _grown(run: Closure, system: System, off: frozenset[str], on: frozenset[str], fixed: Member) -> Grown:
    """What the views satisfy, with the lasting switches that are always `on` no longer spoken of."""
    values = dict.fromkeys(on, 1)
    code = {bit: True for name in on for bit in run.space.bits.get(Slot("", 0, name), ())}
    views = {kind: run.space.manager.let(code, node) for kind, node in run.views.items()}
    actions = dict.fromkeys(found for action in system.actions if (found := fixed(action, values)) is not None)
    kept = replace(_keeping(system, off), actions=tuple(actions))
    return Grown(tuple(clauses(run.space, views)), off, kept)


def _keeping(system: System, names: frozenset[str]) -> System:
    """The system without the rigid globals that are none of these."""
    return replace(system, globals=tuple(var for var in system.globals if not var.rigid or var.name in names))


def _with(run: Closure, views: Mapping[Kind, Node], on: frozenset[str]) -> dict[Kind, Node]:
    """The views in which these switches are on."""
    here = run.space.true
    for slot in (Slot("", 0, name) for name in on):
        here &= run.space.tests[slot][1] if slot in run.space.tests else run.space.true
    return {kind: node & here for kind, node in views.items()}


def _look(run: Closure, images: int, look: Callable[[], None]) -> None:
    if run.images > images:
        raise NoViewsError("it leads too far")
    look()


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
    for made, last, result in mark.products:
        made.last, made.result = last, result


def _products(run: Closure) -> Iterator[Product]:
    for found in run.prepared.values():
        for ready in found:
            yield from (made for made in (ready.image, ready.influence) if made is not None)
