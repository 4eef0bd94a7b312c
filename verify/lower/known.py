"""What is known of locals at each location: the pass that decides tests whose outcome the way there has settled.

A forward must-analysis: a local is a certain number, or it is not 0. It drops the error steps of pointers that cannot
be NULL, and the two cases of a recursive lock whose depth the call path fixes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from verify.ir import FALSE, PC, TRUE, Action, Binary, Bound, Const, Expr, Field, Local, Me, Place, Ptr, Update
from verify.lower.flow import forward, spawned
from verify.lower.simplify import conjuncts, rebuild


@dataclass(frozen=True, slots=True)
class Known:
    """Locals with a certain value, and locals that are not 0."""

    value: Mapping[str, int] = field(default_factory=dict)
    nonzero: frozenset[str] = frozenset()

    def meet(self, other: Known) -> Known:
        """Return what both know."""
        same = {name: v for name, v in self.value.items() if other.value.get(name) == v}
        return Known(same, self._positive() & other._positive())

    def _positive(self) -> frozenset[str]:
        return self.nonzero | {name for name, v in self.value.items() if v}


def settle_locals(actions: Sequence[Action], roots: Collection[int], zero: Collection[str]) -> list[Action]:
    """The actions with every known local replaced by what it is; `zero` are the locals that are 0 at the roots."""
    known = _analysis(actions, roots, zero)
    result = list[Action]()
    for action in actions:
        if action.source not in known:
            continue
        here = known[action.source]
        objects = _objects(action)
        guard = _decided(action.guard, here, objects)
        if guard != FALSE:
            updates = tuple(
                Update(_place(u.place, here), _decided(u.value, here, objects), u.each, _decided(u.when, here, objects))
                for u in action.updates
            )
            result.append(Action(action.source, action.target, guard, updates, action.micro, action.binders))
    return result


def _place(place: Place, known: Known) -> Place:
    match place:
        case Field(pointer, cls, name):
            return Field(_decided(pointer, known), cls, name)
        case _:
            return place


def _objects(action: Action) -> frozenset[str]:
    """The binders that stand for an object, which is not NULL."""
    return frozenset(binder.name for binder in action.binders if isinstance(binder.domain, Ptr))


def _decided(expr: Expr, known: Known, objects: Collection[str] = ()) -> Expr:
    def leaf(part: Expr) -> Expr | None:
        match part:
            case Local(name, None) if name in known.value:
                return Const(known.value[name])
            case Binary("==" | "!=" as op, Local(name, None), Const(0)) if name in known.nonzero:
                return TRUE if op == "!=" else FALSE
            case Binary("==" | "!=" as op, Bound(name), Const(0)) if name in objects:
                return TRUE if op == "!=" else FALSE
            case _:
                return None

    return rebuild(expr, leaf)


def _analysis(actions: Sequence[Action], roots: Collection[int], zero: Collection[str]) -> dict[int, Known]:
    start = Known(dict.fromkeys(zero, 0))
    starts = dict.fromkeys({*roots, *(entry for a in actions for entry in spawned(a))}, start)

    def after(action: Action, before: Known) -> Known | None:
        return None if _decided(action.guard, before) == FALSE else _after(action, before)

    return forward(actions, starts, after, Known.meet)


def _after(action: Action, before: Known) -> Known:
    value, nonzero = dict(before.value), set(before.nonzero)
    for part in conjuncts(action.guard):
        match part:
            case Binary("!=", Local(name, None), Const(0)):
                nonzero.add(name)
            case Binary("==", Local(name, None), Const(number)):
                value[name] = number
    here = Known(value, frozenset(nonzero))
    objects = _objects(action)
    after, positive = dict(value), set(nonzero)
    for update in action.updates:
        match update.place:
            case Local(name, None) if name != PC:
                after.pop(name, None)
                positive.discard(name)
                found = _decided(update.value, here)
                if isinstance(found, Const) and update.when == TRUE:
                    after[name] = found.value
                elif _not_zero(found, here, objects) and update.when == TRUE:
                    positive.add(name)
    return Known(after, frozenset(positive))


def _not_zero(value: Expr, known: Known, objects: Collection[str]) -> bool:
    match value:
        case Me():
            return True
        case Bound(name):
            return name in objects
        case Local(name, None):
            return name in known.nonzero
        case _:
            return False
