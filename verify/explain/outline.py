"""Which clauses are one sentence: those about threads at the same places, and those with the same condition.

What is said of threads at a part of these places is a clause more of that sentence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from verify.ir import FALSE, Binary, Const, Expr, Field, Global, Local
from verify.universal import Clause

PARTS = 3  # of the places of a sentence about which it says more


@dataclass(frozen=True, slots=True)
class Topic:
    """Clauses that are one sentence; with `shared` all are an implication of the opposite of this test."""

    clauses: Sequence[Clause]
    shared: Expr | None = None
    places: frozenset[int] | None = None  # of threads
    inner: tuple[Topic, ...] = ()  # at a part of the places


def topics(clauses: Collection[Clause], every: frozenset[int]) -> Sequence[Topic]:
    """Group clauses by what they speak of: threads at the same places among `every`, or objects with one condition."""
    places, objects, found = defaultdict[frozenset[int], list[Clause]](list), defaultdict[str, list[Clause]](list), []
    for clause in clauses:
        if not clause.thread:
            objects[clause.cls].append(clause)
        elif clause.body == FALSE:
            found.append(Topic([clause]))
        else:
            places[every if clause.locations is None else clause.locations & every].append(clause)
    alike = [topic for some in objects.values() for topic in _alike(some)]
    return [*alike, *_nested([Topic(some, None, where) for where, some in places.items()], len(every) / 2), *found]


def _nested(topics: Sequence[Topic], wide: float) -> Iterator[Topic]:
    """What is said of a part of the places of another sentence, unless these are most, is put into that one."""
    found = {topic.places or frozenset(): topic for topic in topics}
    for places in sorted(found, key=lambda some: (len(some), sorted(some))):
        mine = found[places].inner
        outer = [o for o in found if places < o and len(o) <= wide and len(found[o].inner) + len(mine) < PARTS]
        if outer:
            least = min(outer, key=lambda some: (len(some), sorted(some)))
            topic = replace(found.pop(places), inner=())
            found[least] = replace(found[least], inner=(*found[least].inner, topic, *mine))
    yield from found.values()


def disjuncts(body: Expr) -> list[Expr]:
    """The tests of a body of which one is true."""
    match body:
        case Binary("||", left, right):
            return [*disjuncts(left), *disjuncts(right)]
        case _:
            return [body]


def of_one_variable(tests: Sequence[Expr]) -> bool:
    """Whether each of some tests, of which one is true, says that the same variable has a certain value."""
    found = set[Expr]()
    for test in tests:
        match test:
            case Binary("==", Global() | Local() | Field() as place, Const()):
                found.add(place)
            case _:
                return False
    return len(found) == 1


def _alike(clauses: Sequence[Clause]) -> Iterator[Topic]:
    """Those without a condition, then those with the same one, the one of most clauses first."""
    tests = {clause: disjuncts(clause.body) for clause in clauses}
    plain = [clause for clause in clauses if len(tests[clause]) == 1 or of_one_variable(tests[clause])]
    if plain:
        yield Topic(plain)
    left = [clause for clause in clauses if clause not in plain]
    while left:
        often = Counter(test for clause in left for test in tests[clause])
        shared, times = max(often.items(), key=lambda item: item[1])
        if times == 1:
            yield from (Topic([clause]) for clause in left)
            return
        yield Topic([clause for clause in left if shared in tests[clause]], shared)
        left = [clause for clause in left if shared not in tests[clause]]
