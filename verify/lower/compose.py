"""Two steps of one thread as one: the second read in the state that the first leaves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from verify.ir import (
    TRUE,
    Action,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Place,
    Quant,
    Referenced,
    Update,
)
from verify.lower.simplify import binary, conj, ite, parts, rebuild


def compose(first: Action, second: Action, unmoved: Collection[str] = ()) -> Action | None:
    """The action that does `first` and then `second` at once; None where no expression can say that.

    `second` must leave from where `first` arrives. `unmoved` are classes to whose objects `first` stores no pointer
    that others can read. Source: the sequential substitution of weakest preconditions, Dijkstra 1975, over
    simultaneous updates.
    """
    second = renamed(second, {b.name for b in first.binders} | {u.each.name for u in first.updates if u.each})
    micro, binders = first.micro + second.micro, first.binders + second.binders
    if not first.updates:
        guard = conj([first.guard, second.guard])
        return Action(first.source, second.target, guard, _tidy(second.updates), micro, binders)
    if not _readable(first.updates, second, unmoved):
        return None

    def after(expr: Expr) -> Expr:
        return substitute(expr, first.updates)

    updates = [*first.updates]
    for update in second.updates:
        place = _moved(update.place, first.updates)
        updates.append(Update(place, after(update.value), update.each, after(update.when)))
    return Action(
        first.source,
        second.target,
        conj([first.guard, after(second.guard)]),
        _tidy(updates),
        micro,
        binders,
    )


def substitute(expr: Expr, updates: Sequence[Update]) -> Expr:
    """`expr` as read after the updates, said in terms of the state before them."""
    if isinstance(expr, Const | Me | Bound):
        return expr

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Global() | Local(of=None):
                return value_after(part, updates)
            case Local(name, of) if of is not None:
                return value_after(Local(name, substitute(of, updates)), updates)
            case Field(pointer, cls, name):
                return value_after(Field(substitute(pointer, updates), cls, name), updates)
            case _:
                return None

    return rebuild(expr, leaf)


def value_after(place: Place, updates: Sequence[Update]) -> Expr:
    """The value that a place has after the updates; which place it is, is said in terms of the state before them."""
    value: Expr = place
    for update in updates:
        match place, update.place:
            case (Global() | Local(of=None)), written if written == place:
                value = ite(update.when, update.value, value)
            case Local(name, of), Local(other, to) if other == name and of is not None and to is not None:
                value = ite(conj([_same(to, of), update.when]), update.value, value)
            case Field(pointer, cls, name), Field(written, c, n) if c == cls and n == name:
                if update.each is not None and written == Bound(update.each.name):
                    here = {update.each.name: pointer}
                    value = ite(_bound(update.when, here), _bound(update.value, here), value)
                else:
                    value = ite(conj([_same(written, pointer), update.when]), update.value, value)
    return value


def _same(one: Expr, other: Expr) -> Expr:
    """Whether two pointers are equal and not NULL; equal expressions are not NULL where they are followed."""
    if one == other:
        return TRUE
    return conj([binary("==", one, other), binary("!=", other, Const(0))])


def _bound(expr: Expr, names: dict[str, Expr]) -> Expr:
    return rebuild(expr, lambda part: names.get(part.name) if isinstance(part, Bound) else None)


def _moved(place: Place, updates: Sequence[Update]) -> Place:
    match place:
        case Field(pointer, cls, name):
            return Field(substitute(pointer, updates), cls, name)
        case Local(name, of) if of is not None:
            return Local(name, substitute(of, updates))
        case _:
            return place


def _tidy(updates: Sequence[Update]) -> tuple[Update, ...]:
    """Drop an update that a later one surely overwrites, and those of a local that keep it as it is."""
    if len(updates) <= 1:
        return tuple(update for update in updates if update.value != update.place)
    kept = list[Update]()
    last = {update.place: number for number, update in enumerate(updates) if update.when == TRUE and not update.each}
    for number, update in enumerate(updates):
        overwritten = last.get(update.place, -1) > number and update.each is None
        if not overwritten and update.value != update.place:
            kept.append(update)
    return tuple(kept)


def _readable(updates: Sequence[Update], second: Action, unmoved: Collection[str]) -> bool:
    """Whether everything `second` reads can be said before the updates: not who refers to what, once pointers moved."""
    exprs = [second.guard, *(e for u in second.updates for e in (u.value, u.when, u.place))]
    asking = [part for e in exprs if type(e) is not Const for part in parts(e) if isinstance(part, Referenced | Quant)]
    if any(isinstance(part, Referenced) and part.cls not in unmoved for part in asking):
        return not updates
    broadcast = not all(map(is_plain, updates))
    return not broadcast and not (any(isinstance(p, Quant) for p in asking) and any(u.each for u in updates))


def is_plain(update: Update) -> bool:
    """Whether the update is to one variable, or to a field of each object that it is for."""
    return update.each is None or (
        isinstance(update.place, Field) and update.place.pointer == Bound(update.each.name)
    )


def renamed(action: Action, taken: set[str]) -> Action:
    """The action with binders whose names are not taken."""
    names: dict[str, str] = {}
    if not taken:
        return action
    for name in [b.name for b in action.binders] + [u.each.name for u in action.updates if u.each]:
        fresh = name
        while fresh in taken:
            fresh += "'"
        names[name] = fresh
        taken = taken | {fresh}
    if all(old == new for old, new in names.items()):
        return action
    bound: dict[str, Expr] = {old: Bound(new) for old, new in names.items()}

    def binder(old: Binder) -> Binder:
        return replace(old, name=names.get(old.name, old.name))

    def place(old: Place) -> Place:
        match old:
            case Field(pointer, cls, name):
                return Field(_bound(pointer, bound), cls, name)
            case Local(name, of) if of is not None:
                return Local(name, _bound(of, bound))
            case _:
                return old

    return replace(
        action,
        guard=_bound(action.guard, bound),
        binders=tuple(binder(b) for b in action.binders),
        updates=tuple(
            Update(place(u.place), _bound(u.value, bound), binder(u.each) if u.each else None, _bound(u.when, bound))
            for u in action.updates
        ),
    )
