"""What two systems must have in common to be the same to a property: all but names and places of the source."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from verify.ir import PC, Action, Binary, Binder, Bound, Const, Expr, Local, Quant, Range, System, Update
from verify.lower.simplify import rebuild


def locations_in_order(system: System) -> tuple[int, ...]:
    """The locations that threads may come to; of two systems with one fingerprint, those at one place are alike."""
    entries = (group.entry for group in system.groups)
    ends = (location for action in system.actions for location in (action.source, action.target))
    return tuple(dict.fromkeys((*entries, *ends)))


def fingerprint(system: System, prop: Expr) -> Hashable:
    """A value that is equal for systems which differ only in the numbering of locations and the names of binders."""
    order = {location: number for number, location in enumerate(locations_in_order(system))}
    kinds = tuple((n, system.locations[location].kind) for location, n in order.items())
    return (
        tuple((name, cls.fields) for name, cls in sorted(system.classes.items())),
        system.globals,
        system.locals[1:],
        tuple(_plain(action, order) for action in system.actions),
        tuple((g.count, order[g.entry], tuple(sorted(g.values.items(), key=str))) for g in system.groups),
        system.statics,
        tuple(sorted(system.initial.items())),
        kinds,
        _renumbered(prop, order),
    )


def _plain(action: Action, order: dict[int, int]) -> tuple[object, ...]:
    """The action without its place in the source, its binders called by their number."""
    bound = [b.name for b in action.binders] + [u.each.name for u in action.updates if u.each]
    names = {name: f"b{number}" for number, name in enumerate(bound)}

    def expr(old: Expr) -> Expr:
        renamed = rebuild(old, lambda p: Bound(names.get(p.name, p.name)) if isinstance(p, Bound) else None)
        return _renumbered(renamed, order)

    def binder(old: Binder) -> Binder:
        return replace(old, name=names[old.name])

    def update(old: Update) -> tuple[object, ...]:
        starts = isinstance(old.place, Local) and old.place.name == PC and isinstance(old.value, Const)
        value = Const(order.get(old.value.value, -1)) if starts and isinstance(old.value, Const) else expr(old.value)
        return expr(old.place), value, old.each and binder(old.each), expr(old.when)

    binders = tuple(binder(b) for b in action.binders)
    return order[action.source], order[action.target], binders, expr(action.guard), tuple(map(update, action.updates))


def _renumbered(expr: Expr, order: dict[int, int]) -> Expr:
    """The expression with locations by their new numbers, and quantified names by their domain."""

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Binary("==" | "!=" as op, Local(name, of), Const(value)) if name == PC and of is not None:
                return Binary(op, Local(name, rebuild(of, leaf)), Const(order.get(value, -1)))
            case Quant(quantifier, binder, body) if not isinstance(binder.domain, Range):
                name = f"q{binder.domain.cls}"
                inner = rebuild(body, lambda p: Bound(name) if p == Bound(binder.name) else None)
                return Quant(quantifier, replace(binder, name=name), rebuild(inner, leaf))
            case _:
                return None

    return rebuild(expr, leaf)
