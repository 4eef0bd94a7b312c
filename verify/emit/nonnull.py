"""What is surely not NULL: of the locals at a location, by a forward analysis of the control flow; in a condition."""

from __future__ import annotations

from collections.abc import Mapping

from verify.emit.places import actions_from
from verify.ir import Action, Binary, Bound, Const, Expr, Field, Global, Ite, Local, Me, System, Unary

Known = frozenset[Expr]


def known_locals(system: System) -> Mapping[int, Known]:
    """The locals of a thread at each location that are surely not NULL there."""
    leaving = actions_from(system)
    foreign = _foreign(system)
    found: dict[int, Known] = {group.entry: frozenset() for group in system.groups}
    for action in system.actions:
        for update in action.updates:
            if isinstance(update.place, Local) and update.place.of is not None and isinstance(update.value, Const):
                found[update.value.value] = frozenset()  # a thread begins there
    waiting = list(found)
    while waiting:
        place = waiting.pop()
        for action in leaving.get(place, ()):
            after = _after(action, found[place]) - foreign
            before = found.get(action.target)
            merged = after if before is None else before & after
            if merged != before:
                found[action.target] = merged
                waiting.append(action.target)
    return found


def _after(action: Action, known: Known) -> Known:
    """What is known after an action."""
    here = known | not_null(action.guard, known)
    result = here
    for update in action.updates:
        if isinstance(update.place, Local) and update.place.of is None:
            sure = isinstance(update.value, Me | Bound) or update.value in here
            result = result | {update.place} if sure and update.when == Const(1) else result - {update.place}
    return frozenset(expr for expr in result if isinstance(expr, Local) and expr.of is None)


def _foreign(system: System) -> Known:
    """The locals that other threads may write, at any time."""
    places = (update.place for action in system.actions for update in action.updates)
    return frozenset(Local(place.name) for place in places if isinstance(place, Local) and place.of is not None)


# ---- expressions --------------------------------------------------------------------------------

def is_cell(expr: Expr, known: Known) -> bool:
    """Whether a pointer is surely not NULL."""
    match expr:
        case Me() | Bound():
            return True
        case Const(value):
            return value != 0
        case Ite(_, then, other):
            return is_cell(then, known) and is_cell(other, known)
        case _:
            return expr in known


def not_null(expr: Expr, known: Known) -> frozenset[Expr]:
    """The pointers that are not NULL where a condition holds."""
    match expr:
        case Binary("&&", left, right):
            return not_null(left, known) | not_null(right, known)
        case Binary("!=", pointer, Const(0)):
            return frozenset({pointer})
        case Binary("==", pointer, other) if is_cell(other, known):
            return frozenset({pointer})
        case Unary("!", arg):
            return not_null_unless(arg, known)
        case Global() | Local() | Field():
            return frozenset({expr})
        case _:
            return frozenset()


def not_null_unless(expr: Expr, known: Known) -> frozenset[Expr]:
    """The pointers that are not NULL where a condition does not hold."""
    match expr:
        case Binary("||", left, right):
            return not_null_unless(left, known) | not_null_unless(right, known)
        case Binary("==", pointer, Const(0)):
            return frozenset({pointer})
        case Unary("!", arg):
            return not_null(arg, known)
        case _:
            return frozenset()
