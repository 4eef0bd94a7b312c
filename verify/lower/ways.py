"""All ways of a thread that goes on alone from a location to where it is to stop, each as one action."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from verify.ir import Action, Binary, Const, Expr, Field, Global, Local, Place, Referenced
from verify.lower.compose import compose
from verify.lower.flow import postorder
from verify.lower.simplify import conj, conjuncts, contradictory, disj, operands, parts
from verify.semantics import operate

MOST_WAYS = 64  # to one location, those with the same stores counted once
MOST_SIZE = 4_000  # expressions within one way
MOST_STORES = 64  # within one way
MOST_DEPTH = 80  # of expressions: readers of the IR go down into them
MOST_WORK = 1_000_000  # expressions that all steps of all ways look at
Leaving = Mapping[int, Sequence[Action]]  # the actions by the location that they leave
LOOP = "what comes after the check has a loop"
ASSUMED = "what comes after the check may be what an assumption excludes"
MANY = "the ways on from the check are too many or too long"
REFERENCES = "what comes after the check asks who refers to an object after pointers have been stored"


class UnsaidError(Exception):
    """The ways cannot be written down; the message says why."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where ways go: the steps, the locals that something reads later, and the variable of a place."""

    leaving: Leaving
    alive: Mapping[int, Collection[str]]
    pointers: Mapping[tuple[str, str], str]  # ("", global) or (class, field): the class that it points to
    observed: frozenset[str]  # locals that matter at the end, whoever reads them


def ways(ground: Ground, begin: Iterable[Action], ends: Collection[int]) -> list[Action]:
    """Continue each action of `begin`, all of which lead to one location, by every way to one of `ends`.

    Ways with the same stores to one location are one. A way that nobody can finish alone is none.
    Raises UnsaidError if there are loops, or too many ways, or what no expression can say.
    """
    found = list(begin)
    reached: dict[int, list[Action]] = {found[0].target: found} if found else {}
    done, work = list[Action](), 0
    for location in _in_order(ground.leaving, list(reached), ends):
        here = _merged(reached.pop(location, []))
        if location in ends:
            done += here
            continue
        for way in here:
            for action in ground.leaving.get(location, ()):
                for onward in _onward(ground, way, action):
                    work += _size(onward)
                    if work > MOST_WORK:
                        raise UnsaidError(MANY)
                    reached.setdefault(action.target, []).append(onward)
    return done


def _onward(ground: Ground, way: Action, action: Action) -> list[Action]:
    joined = compose(way, action, _unmoved(ground, way, action))
    if joined is None:
        raise UnsaidError(REFERENCES)
    if contradictory(joined.guard) or joined.guard == Const(0):
        return []
    alive = ground.alive[joined.target]
    updates = tuple(
        u for u in joined.updates
        if not _own(u.place) or u.place.name in alive or u.place.name in ground.observed
    )
    onward = replace(joined, updates=updates, micro=way.micro)
    deepest = max(map(depth, (onward.guard, *(u.value for u in updates))))
    if len(updates) > MOST_STORES or deepest > MOST_DEPTH or _size(onward) > MOST_SIZE:
        raise UnsaidError(MANY)
    return [onward]


def depth(expr: Expr) -> int:
    """How deep an expression is."""
    layer, found = operands(expr), 1
    while layer:
        layer, found = tuple(inner for part in layer for inner in operands(part)), found + 1
    return found


def _size(way: Action) -> int:
    stores = sum(len(parts(expr)) for u in way.updates for expr in (u.place, u.value, u.when))
    return stores + len(parts(way.guard))


def _unmoved(ground: Ground, way: Action, action: Action) -> frozenset[str]:
    """The classes that the action asks references of, and to whose objects the way stores no pointer."""
    exprs = [action.guard, *(expr for u in action.updates for expr in (u.value, u.when))]
    asked = {part.cls for expr in exprs for part in parts(expr) if isinstance(part, Referenced)}
    stored = [u.place for u in way.updates] if asked else []
    keys = [(p.cls if isinstance(p, Field) else "", p.name) for p in stored if not isinstance(p, Local)]
    return frozenset(asked) - {ground.pointers.get(key) for key in keys}


def _own(place: Place) -> bool:
    return isinstance(place, Local) and place.of is None


def _in_order(leaving: Leaving, roots: Sequence[int], ends: Collection[int]) -> list[int]:
    """The locations that control can come to from the roots, each before all that it leads to."""
    within = {location: actions for location, actions in leaving.items() if location not in ends}
    order = postorder(within, roots)
    number = {location: n for n, location in enumerate(order)}
    for location in order:
        if any(number[action.target] >= number[location] for action in within.get(location, ())):
            raise UnsaidError(LOOP)
    return order[::-1]


def _merged(here: Sequence[Action]) -> list[Action]:
    """One way for all that have the same stores."""
    alike: dict[object, list[Action]] = {}
    for way in here:
        alike.setdefault((way.updates, way.binders), []).append(way)
    if len(alike) > MOST_WAYS:
        raise UnsaidError(MANY)
    return [
        group[0] if len(group) == 1 else replace(group[0], guard=disj(dict.fromkeys(way.guard for way in group)))
        for group in alike.values()
    ]


def between(leaving: Leaving, root: int, ends: Collection[int]) -> list[int]:
    """The locations that a thread can stand at on its way from a location to one of `ends`. Raises UnsaidError."""
    return [location for location in _in_order(leaving, [root], ends) if location not in ends]


def decided(leaving: Leaving, locations: Iterable[int]) -> bool:
    """Whether a thread that goes on alone from one of the locations never has a choice: a sufficient test."""
    return all(
        not any(action.binders for action in leaving.get(location, ()))
        and all(_exclusive(one.guard, other.guard) for one, other in combinations(leaving.get(location, ()), 2))
        for location in locations
    )


def _exclusive(one: Expr, other: Expr) -> bool:
    both = conj([one, other])
    return contradictory(both) or _unsatisfiable(both)


def _unsatisfiable(expr: Expr) -> bool:
    """Whether comparisons of one variable with numbers contradict each other: tried at and around each number."""
    asked: dict[Expr, list[Binary]] = {}
    for part in conjuncts(expr):
        match part:
            case Binary("==" | "!=" | "<" | ">" | "<=" | ">=", Global() | Local() | Field() as place, Const()):
                asked.setdefault(place, []).append(part)
    return any(
        not any(all(operate(t.op, value, _number(t)) for t in tests) for value in _around(tests))
        for tests in asked.values()
    )


def _around(tests: Sequence[Binary]) -> set[int]:
    return {_number(test) + more for test in tests for more in (-1, 0, 1)}


def _number(test: Binary) -> int:
    assert isinstance(test.right, Const)  # noqa: S101 - by `_unsatisfiable`
    return test.right.value
