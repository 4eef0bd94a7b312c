"""What is known of locals at each location: the pass that decides tests whose outcome the way there has settled.

A forward analysis of all paths: a local has one of a few values, or it is not 0. It drops the error steps of pointers
that cannot be NULL, the two cases of a recursive lock whose depth the call path fixes, and tests of a return code for
values that the callee did not return.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_

from verify.ir import (
    FALSE,
    TRUE,
    Action,
    Binary,
    BinaryOp,
    Bound,
    Const,
    Expr,
    Field,
    Ite,
    Local,
    Me,
    Place,
    Ptr,
    Range,
    Update,
)
from verify.lower.flow import forward, live, reads, spawned
from verify.lower.simplify import conjuncts, parts, rebuild
from verify.semantics import operate

MOST_VALUES = 8
COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
Values = frozenset[int]


@dataclass(frozen=True, slots=True)
class Known:
    """Locals with one of a few values, and locals that are not 0."""

    values: Mapping[str, Values] = field(default_factory=dict)
    nonzero: frozenset[str] = frozenset()

    def meet(self, other: Known) -> Known:
        """Return what both know."""
        if self is other:
            return self
        both = {name: v if v == w else v | w for name, v in self.values.items() if (w := other.values.get(name))}
        few = {name: v for name, v in both.items() if len(v) <= MOST_VALUES}
        return Known(few, self._positive() & other._positive())

    def told(self, names: Collection[str]) -> bool:
        """Return whether something is known of one of the locals."""
        return not (self.values.keys().isdisjoint(names) and self.nonzero.isdisjoint(names))

    def _positive(self) -> frozenset[str]:
        return self.nonzero | {name for name, v in self.values.items() if 0 not in v}


def settle_locals(actions: Sequence[Action], roots: Collection[int], zero: Collection[str]) -> list[Action]:
    """The actions with every known local replaced by what it is; `zero` are the locals that are 0 at the roots."""
    guards = [_guard(action.guard) for action in actions]
    uses = [reads(action) for action in actions]
    known = _known_at(actions, guards, uses, roots, zero)
    result = list[Action]()
    for action, asks, used in zip(actions, guards, uses, strict=True):
        here = known.get(action.source)
        if here is None or _where(asks, here) is None:
            continue
        objects = _objects(action)
        if not objects and not here.told(used):
            result.append(action)
            continue
        guard = _decided(action.guard, here, objects) if objects else asks.settled(here)
        if guard != FALSE:
            updates = tuple(_update(update, here, objects) for update in action.updates)
            same = guard is action.guard and all(map(is_, updates, action.updates))
            settled = Action(action.source, action.target, guard, updates, action.micro, action.binders)
            result.append(action if same else settled)
    return result


def _update(update: Update, here: Known, objects: Collection[str]) -> Update:
    place = _place(update.place, here)
    value, when = _decided(update.value, here, objects), _decided(update.when, here, objects)
    same = place is update.place and value is update.value and when is update.when
    return update if same else Update(place, value, update.each, when)


def _place(place: Place, known: Known) -> Place:
    match place:
        case Field(pointer, cls, name):
            found = _decided(pointer, known)
            return place if found is pointer else Field(found, cls, name)
        case _:
            return place


def _objects(action: Action) -> frozenset[str]:
    """The binders that stand for an object, which is not NULL."""
    return frozenset(binder.name for binder in action.binders if isinstance(binder.domain, Ptr))


def _decided(expr: Expr, known: Known, objects: Collection[str] = ()) -> Expr:
    if isinstance(expr, Const | Me) or not (known.values or known.nonzero or objects):
        return expr

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Local(name, None):
                values = known.values.get(name, ())
                return Const(next(iter(values))) if len(values) == 1 else None
            case Binary("==" | "!=" as op, Local(name, None), Const(0)) if name in known.nonzero:
                return TRUE if op == "!=" else FALSE
            case Binary("==" | "!=" as op, Bound(name), Const(0)) if name in objects:
                return TRUE if op == "!=" else FALSE
            case _:
                test = _test(part)
                outcomes = {test.outcome(value) for value in known.values.get(test.name, ())} if test else ()
                return Const(*outcomes) if len(outcomes) == 1 else None

    return rebuild(expr, leaf)


@dataclass(frozen=True, slots=True)
class Test:
    """A condition that one local decides: `name op number`, or `name masked mask op number`."""

    name: str
    op: BinaryOp
    number: int
    masked: BinaryOp = "+"
    mask: int = 0

    def outcome(self, value: int) -> int:
        """Return whether the condition holds of the value."""
        return operate(self.op, operate(self.masked, value, self.mask), self.number)


def _test(part: Expr) -> Test | None:
    if not isinstance(part, Binary) or part.op not in COMPARISONS or not isinstance(part.right, Const):
        return None
    left, number = part.left, part.right.value
    if isinstance(left, Local):
        return Test(left.name, part.op, number) if left.of is None else None
    if isinstance(left, Binary) and isinstance(left.left, Local) and isinstance(left.right, Const):
        return Test(left.left.name, part.op, number, left.op, left.right.value) if left.left.of is None else None
    return None


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, the locals that it reads, and what is known where it holds."""

    expr: Expr
    names: frozenset[str] = frozenset()
    nonzero: frozenset[str] = frozenset()
    equal: tuple[tuple[str, int], ...] = ()
    tests: tuple[Test, ...] = ()
    never: bool = False
    answers: dict[object, Expr] = field(default_factory=dict)  # see `settled`

    def settled(self, before: Known) -> Expr:
        """The guard with what is known in it; asked of an action at every visit, mostly with the same known."""
        values, nonzero = before.values, before.nonzero
        key = tuple([(values.get(name), name in nonzero) for name in self.names])
        found = self.answers.get(key)
        if found is None:
            found = self.answers[key] = _decided(self.expr, before)
        return found


def _guard(expr: Expr) -> Guard:
    if expr == TRUE:
        return Guard(expr)
    names = frozenset(part.name for part in parts(expr) if isinstance(part, Local) and part.of is None)
    nonzero, equal, tests = set[str](), list[tuple[str, int]](), list[Test]()
    for part in conjuncts(expr) if names else ():
        match part:
            case Binary("!=", Local(name, None), Const(0)):
                nonzero.add(name)
            case Binary("==", Local(name, None), Const(number)):
                equal.append((name, number))
        test = _test(part)
        if test:
            tests.append(test)
    return Guard(expr, names, frozenset(nonzero), tuple(equal), tuple(tests), never=expr == FALSE)


def known_at(actions: Sequence[Action], roots: Collection[int], zero: Collection[str]) -> dict[int, Known]:
    """What is known at each location of the locals that are live there."""
    guards = [_guard(action.guard) for action in actions]
    return _known_at(actions, guards, [reads(action) for action in actions], roots, zero)


def _known_at(
    actions: Sequence[Action], guards: Sequence[Guard], uses: Sequence[set[str]], roots: Collection[int],
    zero: Collection[str],
) -> dict[int, Known]:
    asked = {id(action): (guard, _stores(action)) for action, guard in zip(actions, guards, strict=True)}
    alive = live(actions, uses)
    nought = frozenset({0})
    entries = {*roots, *(entry for a in actions for entry in spawned(a))}
    starts = {entry: Known(dict.fromkeys(alive[entry].intersection(zero), nought)) for entry in entries}

    def after(action: Action, before: Known) -> Known | None:
        guard, stores = asked[id(action)]
        here = _where(guard, before)
        return None if here is None else _after(action, stores, here, alive[action.target])

    return forward(actions, starts, after, Known.meet)


def _where(guard: Guard, before: Known) -> Known | None:
    """What is known where the guard holds; None if it never does."""
    if not guard.names:
        return None if guard.never else before
    if before.told(guard.names) and guard.settled(before) == FALSE:
        return None
    if not guard.nonzero and not guard.equal and before.values.keys().isdisjoint(guard.names):
        return before
    values = dict(before.values)
    for name, number in guard.equal:
        values.setdefault(name, frozenset({number}))
    for test in guard.tests:
        if test.name in values:
            values[test.name] = frozenset(filter(test.outcome, values[test.name]))
            if not values[test.name]:
                return None
    return Known(values, before.nonzero | guard.nonzero)


def _stores(action: Action) -> list[tuple[str, Update]]:
    """The updates of the thread's own locals."""
    return [(u.place.name, u) for u in action.updates if isinstance(u.place, Local) and u.place.of is None]


def _after(action: Action, stores: Sequence[tuple[str, Update]], here: Known, alive: frozenset[str]) -> Known:
    if not stores and alive.issuperset(here.values) and alive >= here.nonzero:
        return here
    values = {name: few for name, few in here.values.items() if name in alive}
    nonzero = {name for name in here.nonzero if name in alive}
    for name, update in stores:
        if name in alive:
            values.pop(name, None)
            nonzero.discard(name)
            found = _decided(update.value, here)
            few = _few(found, here, action)
            if few and update.when == TRUE:
                values[name] = few
            elif update.when == TRUE and _not_zero(found, here, _objects(action)):
                nonzero.add(name)
    return Known(values, frozenset(nonzero))


def _few(value: Expr, known: Known, action: Action) -> Values:
    """The values that an expression can have; none if they are not known to be few."""
    match value:
        case Const(number):
            return frozenset({number})
        case Local(name, None):
            return known.values.get(name, frozenset())
        case Bound(name):
            domain = next((b.domain for b in action.binders if b.name == name), None)
            few = isinstance(domain, Range) and domain.hi - domain.lo < MOST_VALUES
            return frozenset(range(domain.lo, domain.hi + 1)) if few and isinstance(domain, Range) else frozenset()
        case Ite(_, then, other):
            one, two = _few(then, known, action), _few(other, known, action)
            return one | two if one and two and len(one | two) <= MOST_VALUES else frozenset()
        case _:
            return frozenset()


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
