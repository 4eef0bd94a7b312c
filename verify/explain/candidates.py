"""Small clauses that a large invariant implies: of what shapes sentences are, and where they are true.

A clause is the negation of a cube, tests that are never true at once, said at all locations where that is so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from verify.explain.literals import Literal, Meaning, literals, meaning, negated
from verify.explain.shapes import mentions, of_object, ties
from verify.instances import THREAD as CELL
from verify.instances import Slot
from verify.ir import FALSE, LIFE, PC, Binary, Bound, Const, Expr, Field, Global, Local, Place, Ptr, Range, System
from verify.lower.history import START, STARTER
from verify.lower.simplify import rebuild
from verify.smt.ground import Key, Pair, keys_of
from verify.smt.implied import Implied, implied
from verify.smt.induct import Missing
from verify.universal import MAKER, OBJECT, THREAD, Clause

PAIR, PLACES, EACH = 0.5, 1.0, 1.0  # how little a second object, a part of the code, a test is liked
ENOUGH = 4  # clauses of unusual shapes for one state
VALUES = 4  # that a variable has, if that is worth saying


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A clause that is true: some tests of a pair are never true at once at some locations (None: anywhere)."""

    clause: Clause
    key: tuple[bool, str]  # whether its tests are those of a thread, and the class of the other object
    tests: int  # a mask of those of its kind
    reads: frozenset[Key]
    cost: float
    background: bool  # whether it only says who makes and starts objects, and which of them threads point to
    values: bool = False  # whether it says which few values a variable ever has
    parts: dict[int, Candidate] = field(default_factory=dict, repr=False)  # what it says at single locations
    whole: Candidate | None = field(default=None, repr=False)  # of a part

    def at(self, location: int) -> bool:
        """Whether it says something of a thread at a location."""
        return self.clause.locations is None or location in self.clause.locations

    def only(self, location: int) -> Candidate:
        """What it says of threads at one location; all, if it is about objects."""
        if not self.clause.thread:
            return self
        if location not in self.parts:
            clause = replace(self.clause, locations=frozenset({location}))
            self.parts[location] = replace(self, clause=clause, parts={}, whole=self)
        return self.parts[location]

    @property
    def said(self) -> Candidate:
        """What is said, wherever it is."""
        return self.whole or self


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A thread and an object of a class (or none): what the invariant says of them, and the tests, best liked first."""

    known: Implied
    tests: Sequence[Literal]
    bits: Mapping[Expr, int]  # of each test
    meanings: Mapping[str, Sequence[tuple[Literal, Meaning]]]  # of all, and of those about one of the objects alone

    possible: dict[int | None, list[int]] = field(default_factory=dict)  # masks of tests true at once, by location
    never: dict[int | None, list[int]] = field(default_factory=dict)  # masks of tests that never are

    def excluded(self, site: int | None, mask: int) -> int | None:
        """Tests that are never true at once at a location (None: anywhere), among some; None if all may be."""
        for place in dict.fromkeys((site, None)):
            for core in self.never.get(place, ()):
                if not core & ~mask:
                    return core
        if any(not mask & ~true for true in self.possible.get(site, ())):
            return None
        never = self.known.excluded(site, [test.test for n, test in enumerate(self.tests) if mask >> n & 1])
        if never is not None:
            found = self.mask(never)
            self.never.setdefault(site, []).append(found)
            return found
        values = self.known.seen()
        true = sum(self.bits[test.test] for test in self.true("", self.known.pair, values))
        for place in dict.fromkeys((site, None, values[Slot(CELL, self.known.pair[0], PC)])):
            self.possible.setdefault(place, []).append(true)
        return None

    def mask(self, tests: Iterable[Expr]) -> int:
        """The mask of some tests."""
        return sum(self.bits[test] for test in tests)

    def true(self, owner: str, pair: Pair, values: Mapping[Slot, int]) -> Sequence[Literal]:
        """The tests that are true of a pair; with an owner only those about that object."""
        thread, _, other = pair
        return [test for test, holds in self.meanings[owner] if holds(values, thread, other)]


@dataclass(slots=True, eq=False)
class Pool:
    """Clauses that an invariant implies."""

    system: System
    clauses: Sequence[Clause]
    prop: Expr
    deadline: float
    every: frozenset[int]  # the locations
    live: Sequence[int]  # those where threads are
    creation: frozenset[Key]  # what background reads
    kinds: dict[str, Kind] = field(default_factory=dict)
    found: dict[tuple[bool, str], dict[Clause, Candidate]] = field(default_factory=dict)
    nobody: Candidate | None = None  # where nobody ever is

    def kind(self, cls: str) -> Kind:
        """What is said of a thread and an object of a class."""
        if cls not in self.kinds:
            known = implied(self.system, self.clauses, cls, self.deadline)
            found = literals(self.system, thread=True, cls=cls, prop=self.prop)
            tests = sorted(found, key=lambda literal: literal.weight)
            bits = {test.test: 1 << n for n, test in enumerate(tests)}
            every = [(test, meaning(test.test)) for test in tests]
            of = {name: [(t, m) for t, m in every if of_object(t.test, name)] for name in (THREAD, OBJECT)}
            self.kinds[cls] = Kind(known, tests, bits, {"": every, **of})
        return self.kinds[cls]

    def add(self, candidate: Candidate) -> Candidate:
        """Remember a clause; the one that is remembered already, if there is."""
        return self.found.setdefault(candidate.key, {}).setdefault(candidate.clause, candidate)

    def places(self, cls: str, tests: Sequence[Expr]) -> frozenset[int]:
        """The locations at which tests are never true at once, without those where nobody is unless it is anywhere."""
        kind = self.kind(cls)
        mask = kind.mask(tests)
        if kind.excluded(None, mask) is not None:
            return self.every
        return self.every - self.dead - frozenset(at for at in self.live if kind.excluded(at, mask) is None)

    @property
    def dead(self) -> frozenset[int]:
        """The locations where nobody ever is, which no other clause speaks of."""
        return frozenset() if self.nobody is None else self.nobody.clause.locations or frozenset()


def pool(system: System, clauses: Sequence[Clause], prop: Expr, deadline: float) -> Pool:
    """Return a pool of the clauses that an inductive invariant of the system implies, with those of usual shapes.

    It is for a proof of `prop`.
    """
    sites = {*(a.source for a in system.actions), *(a.target for a in system.actions)}
    every = frozenset(range(len(system.locations)))
    result = Pool(system, clauses, prop, deadline, every, sorted(sites), _creation(system))
    for cube, cls in _usual(result):
        places = result.places(cls, [literal.test for literal in cube])
        if not places.isdisjoint(result.live):
            made = result.add(_candidate(result, cls, cube, places))
            if not cube:
                result.nobody = made
    for cube in _ranges(system, result.kind("")):
        made = replace(_candidate(result, "", cube, result.every), values=True)
        result.found.setdefault(made.key, {})[made.clause] = made
    return result


def _ranges(system: System, kind: Kind) -> Iterator[Sequence[Literal]]:
    """For each variable that only ever has a few of its values, that it has none of these: which is never so."""
    tests = defaultdict[Place, dict[int, Literal]](dict)
    for literal in kind.tests:
        match literal.test:
            case Binary("!=", Global() | Local() | Field() as place, Const(value)):
                tests[place][value] = literal
            case _:
                pass
    for variable, other in tests.items():
        read, found = meaning(variable), list[Literal]()
        while len(found) <= VALUES and kind.known.excluded(None, [literal.test for literal in found]) is None:
            value = read(kind.known.seen(), kind.known.pair[0], 0)
            if value not in other:
                break
            found.append(other[value])
        else:
            domain = system.var(variable).domain
            if isinstance(domain, Range) and len(found) <= min(VALUES, domain.hi - domain.lo):
                yield found


def _creation(system: System) -> frozenset[Key]:
    """Who makes and starts which object, and to what locals point."""
    lives = {(cls, name) for cls in system.classes for name in (LIFE, MAKER, STARTER, START)}
    return frozenset(lives | {(CELL, var.name) for var in system.locals if isinstance(var.domain, Ptr)})


def _usual(pool: Pool) -> Iterator[tuple[Sequence[Literal], str]]:
    """Cubes of the shapes that sentences usually have."""
    for cls in ("", *pool.system.classes):
        kind = pool.kind(cls)
        tests = kind.tests
        if not cls:
            own = [test for test in tests if of_object(test.test, THREAD)]
            yield [], cls  # nobody is there
            for test in tests:
                yield [test], cls
            for one, other in combinations(own, 2):
                if kind.excluded(None, kind.mask([one.test, other.test])) is not None:
                    yield [one, other], cls
            continue
        its = [test for test in tests if of_object(test.test, OBJECT) and mentions(test.test, OBJECT)]
        tied = [test for test in tests if ties(test.test)]
        for test in tied:
            yield [test], cls
        for tie in tied:
            if isinstance(tie.test, Binary) and tie.test.op == "==":
                for test in (*its, *(other for other in tied if other is not tie)):
                    yield [tie, test], cls


def excluding(pool: Pool, missing: Missing, *, more: bool = False, plain: bool = False) -> Iterator[Candidate]:
    """The clauses that are false of a state; `more`: a few of unusual shapes besides; `plain`: background."""
    unusual = 0
    nobody = [pool.nobody.only(at) for at in _sites(missing) if pool.nobody is not None and pool.nobody.at(at)]
    if nobody:
        yield from nobody
        return
    for thread, cls, index in missing.pairs:
        if thread:
            at = missing.values[Slot(CELL, thread, PC)]
            pair, key = (thread, cls, index), (True, cls)
        elif cls == pool.system.thread:
            at, pair, key = -1, (index, "", 0), (False, cls)
        else:
            at, pair, key = -1, (0, cls, index), (False, cls)
        kind = pool.kind(pair[1])
        true = kind.true("" if thread else THREAD if pair[0] else OBJECT, pair, missing.values)
        mask = sum(kind.bits[test.test] for test in true)
        absent = ~mask
        for candidate in list(pool.found.get(key, {}).values()):
            if not candidate.tests & absent and candidate.at(at) and (candidate.background or not plain):
                yield candidate.only(at)
        if more and unusual < ENOUGH:
            told = [test for test in true if not plain or keys_of(test.test) <= pool.creation]
            for candidate in _unusual(pool, pair[1], at if thread else None, told):
                unusual += 1
                yield candidate.only(at)


def _sites(missing: Missing) -> Iterator[int]:
    """Where the threads of a state are."""
    return (missing.values[Slot(CELL, thread, PC)] for thread, cls, _ in missing.pairs if thread and not cls)


def _unusual(pool: Pool, cls: str, location: int | None, true: Sequence[Literal]) -> Iterator[Candidate]:
    known = pool.kind(cls)
    for site in dict.fromkeys((location, None)):
        few = _fewest(known, site, true)
        if few is not None:
            places = pool.places(cls, [test.test for test in few]) if location is not None else pool.every
            yield pool.add(_candidate(pool, cls, few, places))


def _fewest(known: Kind, site: int | None, true: Sequence[Literal]) -> Sequence[Literal] | None:
    """Few and well liked tests, from those that are true, that never are at once at a location (None: anywhere)."""
    if known.excluded(site, known.mask(test.test for test in true)) is None:
        return None
    low, high = 0, len(true)
    while low < high:  # the fewest of the best liked that do
        middle = (low + high) // 2
        if known.excluded(site, known.mask(test.test for test in true[:middle])) is None:
            low = middle + 1
        else:
            high = middle
    core = known.excluded(site, known.mask(test.test for test in true[:high])) or 0
    kept = [test for test in true[:high] if known.bits[test.test] & core]
    for test in reversed(kept):
        if test in kept:
            fewer = known.excluded(site, known.mask(other.test for other in kept if other != test))
            if fewer is not None:
                kept = [other for other in kept if known.bits[other.test] & fewer]
    return kept


def _candidate(pool: Pool, cls: str, cube: Sequence[Literal], places: frozenset[int]) -> Candidate:
    tests, thread = frozenset(test.test for test in cube), pool.system.thread
    body: Expr = FALSE
    for test in sorted(cube, key=lambda literal: literal.weight):
        said = negated(test.test)
        body = said if body == FALSE else Binary("||", body, said)
    cost = sum(EACH + test.weight for test in cube)
    mask = sum(pool.kind(cls).bits[test] for test in tests)
    other = cls if any(mentions(test, OBJECT) for test in tests) else ""
    everywhere, reads = places == pool.every, keys_of(body)
    plain = bool(reads) and reads <= pool.creation
    if everywhere and not other and all(of_object(test, THREAD) for test in tests):
        alone = any(mentions(test, THREAD) for test in tests)
        clause = Clause(False, thread if alone else "", None, _renamed(body))
        return Candidate(clause, (False, thread), mask, reads, cost, plain)
    if everywhere and other != thread and all(of_object(test, OBJECT) for test in tests):
        return Candidate(Clause(False, other, None, body), (False, other), mask, reads, cost, plain)
    clause = Clause(True, other, None if everywhere else places, body)
    cost += PAIR * bool(other) + PLACES * (bool(cube) and not everywhere)
    return Candidate(clause, (True, other), mask, reads, cost, plain)


def _renamed(body: Expr) -> Expr:
    """What is said of the object of a thread, said of an object."""

    def leaf(part: Expr) -> Expr | None:
        return Bound(OBJECT) if part == Bound(THREAD) else None

    return rebuild(body, leaf)
