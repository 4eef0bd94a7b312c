"""Pointers that are surely not NULL: the pass that drops the checks and the error steps that they make needless."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from verify.ir import FALSE, TRUE, Action, Binary, Bound, Const, Expr, Local, Me, Ptr, Unary, Update
from verify.lower.flow import outgoing, spawned
from verify.lower.simplify import conjuncts, rebuild


def without_null_checks(actions: Sequence[Action], roots: Collection[int]) -> list[Action]:
    """The actions with every test of a pointer that cannot be NULL decided."""
    known = _valid(actions, roots)
    result = list[Action]()
    for action in actions:
        valid = known.get(action.source, frozenset())
        guard = _decided(action.guard, valid)
        if guard != FALSE:
            updates = tuple(
                Update(u.place, _decided(u.value, valid), u.each, _decided(u.when, valid)) for u in action.updates
            )
            result.append(Action(action.source, action.target, guard, updates, action.micro, action.binders))
    return result


def _decided(expr: Expr, valid: Collection[str]) -> Expr:
    def leaf(part: Expr) -> Expr | None:
        match part:
            case Binary("==" | "!=" as op, Local(name, None), Const(0)) if name in valid:
                return TRUE if op == "!=" else FALSE
            case Unary("!", Local(name, None)) if name in valid:
                return FALSE
            case _:
                return None

    return rebuild(expr, leaf)


def _valid(actions: Sequence[Action], roots: Collection[int]) -> dict[int, frozenset[str]]:
    """The locals that are not 0 at each location, by a forward must-analysis."""
    leaving = outgoing(actions)
    known = {root: frozenset[str]() for root in {*roots, *(entry for a in actions for entry in spawned(a))}}
    todo = list(known)
    while todo:
        location = todo.pop()
        for action in leaving.get(location, []):
            if _decided(action.guard, known[location]) == FALSE:
                continue
            after = _after(action, known[location])
            old = known.get(action.target)
            new = after if old is None else old & after
            if new != old:
                known[action.target] = new
                todo.append(action.target)
    return known


def _after(action: Action, before: frozenset[str]) -> frozenset[str]:
    tested = {
        part.left.name
        for part in conjuncts(action.guard)
        if isinstance(part, Binary) and part.op == "!=" and isinstance(part.left, Local) and part.right == Const(0)
    }
    here = before | tested
    objects = {binder.name for binder in action.binders if isinstance(binder.domain, Ptr)}
    valid = set(here)
    for update in action.updates:
        match update.place:
            case Local(name, None):
                (valid.add if _not_null(update.value, here, objects) else valid.discard)(name)
    return frozenset(valid)


def _not_null(value: Expr, valid: Collection[str], objects: Collection[str]) -> bool:
    match value:
        case Me():
            return True
        case Bound(name):
            return name in objects
        case Const(number):
            return number > 0
        case Local(name, None):
            return name in valid
        case _:
            return False
