"""Few small clauses instead of many large ones: those that induction needs, of all that are true.

Beginning with the property, each thing that every step has to keep is given the clauses that keep it, and these have to
be kept in their turn. What excludes all states from which a step breaks it is found a state at a time (implicit hitting
sets; the states as in IC3, Bradley 2011, but what is true is known beforehand).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from verify.explain.candidates import Candidate, Pool, excluding
from verify.ir import Expr
from verify.smt.ground import Key, keys_of
from verify.smt.induct import DOMAINS, SAFETY, Goal, Induction, Missing

AGAIN = 0.2  # how little it is liked to say the same at one more location
BACKGROUND = 0.25  # how little it is liked to say who makes and starts what
MANY = 60  # clauses that are looked at for one state, those liked best
NEW = 1.5  # how little a variable is liked that nothing else speaks of


class StuckError(Exception):
    """The invariant does not exclude a state from which a step breaks it: it is none."""


@dataclass(slots=True, eq=False)
class Search:
    """The clauses looked at so far, all of them true, and which of them are needed."""

    induction: Induction
    pool: Pool
    prop: Expr
    known: dict[Goal, Candidate] = field(default_factory=dict)
    numbers: dict[Candidate, Goal] = field(default_factory=dict)
    chosen: set[Goal] = field(default_factory=set)
    cores: dict[Goal, frozenset[Goal]] = field(default_factory=dict)
    spoken: set[Key] = field(default_factory=set)
    banned: set[Candidate] = field(default_factory=set)  # what is not to be said
    said: set[Candidate] = field(default_factory=set)  # by those chosen, wherever they say it
    asked: int = 0  # questions so far
    mixed: set[Candidate] = field(default_factory=set)  # what looks like background, but is not kept by background

    def run(self) -> frozenset[Goal]:
        """Choose clauses until those chosen are inductive and imply the property."""
        self.chosen, self.cores, self.spoken, self.said = set(), {}, set(keys_of(self.prop)), set()
        self.complete([SAFETY, DOMAINS])
        while todo := [goal for goal in sorted(self.chosen) if not self.cores[goal] <= self.helpers(goal, self.chosen)]:
            self.complete(todo)  # what kept this background has turned out to be none
        self.collect()
        return frozenset(self.chosen)

    def complete(self, todo: list[Goal], most: int | None = None) -> bool:
        """Choose what keeps these goals, and what keeps that, and so on; no if that says more than `most` things.

        Background does not count.
        """
        while todo:
            goal = todo.pop(0)
            core = self.keep(goal)
            self.cores = {**self.cores, goal: core}
            todo += sorted(core - self.chosen)
            self.chosen = self.chosen | core
            for number in core:
                self.spoken = self.spoken | self.known[number].reads
                self.said = self.said | {self.known[number].said}
            if most is not None and sum(not self.is_background(said) for said in self.said) > most:
                return False
        return True

    def collect(self) -> None:
        """Keep only what the property needs."""
        needed, todo = set[Goal](), [SAFETY, DOMAINS]
        while todo:
            for number in self.cores[todo.pop()]:
                if number not in needed:
                    needed.add(number)
                    todo.append(number)
        self.chosen = needed
        self.cores = {goal: core for goal, core in self.cores.items() if goal in needed or goal <= 0}

    def keep(self, goal: Goal) -> frozenset[Goal]:
        """Well liked clauses that keep a goal, as few as possible that nothing else needs; background of background."""
        if self.plain(goal):
            try:
                return self._keep(goal, plain=True)
            except StuckError:
                self.mixed.add(self.known[goal].said)
        return self._keep(goal, plain=False)

    def plain(self, goal: Goal) -> bool:
        """Whether a goal is background, which has to be kept by background."""
        return goal > 0 and self.known[goal].said is not self.pool.nobody and self.is_background(self.known[goal])

    def is_background(self, candidate: Candidate) -> bool:
        """Whether a clause is background, as far as is known."""
        return candidate.said is self.pool.nobody or (candidate.background and candidate.said not in self.mixed)

    def helpers(self, goal: Goal, among: Collection[Goal]) -> frozenset[Goal]:
        """Those of some clauses that may keep a goal."""
        plain = self.plain(goal)
        return frozenset(number for number in among if not plain or self.is_background(self.known[number]))

    def _keep(self, goal: Goal, *, plain: bool) -> frozenset[Goal]:
        free = self.helpers(goal, self.chosen) | ({goal} if goal > 0 else set())
        ways: list[dict[Candidate, float]] = []  # for each state that had to be excluded, what excludes it
        picked: Collection[Candidate] = ()
        while isinstance(core := self._missing(goal, free.union(map(self.number, picked))), Missing):
            found = self._allowed(core, more=False, plain=plain) or self._allowed(core, more=True, plain=plain)
            if not found:
                raise StuckError
            ways.append(self._liked(found))
            picked = cheapest(ways)
        return core

    def _missing(self, goal: Goal, using: frozenset[Goal]) -> Missing | frozenset[Goal]:
        self.asked += 1
        return self.induction.missing(goal, using)

    def _allowed(self, missing: Missing, *, more: bool, plain: bool) -> Sequence[Candidate]:
        found = dict.fromkeys(excluding(self.pool, missing, more=more, plain=plain))
        wanted = dict.fromkeys(self._entire(c) for c in found if c.said not in self.banned)
        return [c for c in wanted if not plain or self.is_background(c)]

    def _entire(self, part: Candidate) -> Candidate:
        """Background is said wherever it is true, if it is kept so."""
        return part.said if part.background and part.said not in self.mixed else part

    def _liked(self, found: Sequence[Candidate]) -> dict[Candidate, float]:
        prices = {candidate: self.cost(candidate) for candidate in found}
        return dict(sorted(prices.items(), key=lambda item: item[1])[:MANY])

    def number(self, candidate: Candidate) -> Goal:
        """The number of a clause, which it gets when it is asked for."""
        if candidate not in self.numbers:
            number = self.induction.add(candidate.clause)
            self.known[number], self.numbers[candidate] = candidate, number
        return self.numbers[candidate]

    def cost(self, candidate: Candidate) -> float:
        """How little a clause is liked."""
        if self.is_background(candidate):
            return BACKGROUND
        if candidate.said in self.said:
            return AGAIN
        return candidate.cost + NEW * len(candidate.reads - self.spoken)


def cheapest(ways: Sequence[Mapping[Candidate, float]]) -> Collection[Candidate]:
    """Candidates with one of each way, cheap in sum."""
    among: dict[Candidate, int] = {}  # a mask of the ways that each is one of
    prices: dict[Candidate, float] = {}
    for number, way in enumerate(ways):
        for candidate, price in way.items():
            among[candidate] = among.get(candidate, 0) | 1 << number
            prices[candidate] = price
    picked: list[Candidate] = []
    left = (1 << len(ways)) - 1
    while left:
        value = {c: (prices[c] / (mask & left).bit_count(), prices[c]) for c, mask in among.items() if mask & left}
        least = min(value.values())
        equal = {candidate for candidate in value if value[candidate] == least}
        best = next(c for number, way in enumerate(ways) if left >> number & 1 for c in way if c in equal)
        picked.append(best)
        left &= ~among[best]
    for candidate in list(picked):
        rest = [other for other in picked if other != candidate]
        if reduce(or_, (among[other] for other in rest), 0) == (1 << len(ways)) - 1:
            picked = rest
    return picked
