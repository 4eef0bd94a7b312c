"""Few small clauses instead of many large ones: those that induction needs, of all that are true.

Beginning with the property, each thing that every step has to keep is given the clauses that keep it, and these have to
be kept in their turn. What excludes all states from which a step breaks it is found a state at a time (implicit hitting
sets; the states as in IC3, Bradley 2011, but what is true is known beforehand).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from verify.explain.candidates import Candidate, Pool, excluding
from verify.explain.ways import Ways
from verify.ir import Expr
from verify.smt.ground import Key, keys_of
from verify.smt.induct import DOMAINS, SAFETY, Goal, Induction, Missing

AGAIN = 0.2  # how little it is liked to say the same at one more location
BACKGROUND = 0.25  # how little it is liked to say who makes and starts what, or which few values a variable has
MANY = 60  # clauses that are looked at for one state, those liked best
NEW = 1.5  # how little a variable is liked that nothing else speaks of


class StuckError(Exception):
    """The invariant does not exclude a state from which a step breaks it: it is none."""

    def __init__(self, at: int | None) -> None:
        """`at` is where the thread is then of which a clause does not hold, if it is of one."""
        super().__init__()
        self.at = at


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
    narrowed: dict[Candidate, Candidate] = field(default_factory=dict)  # what is, but not at all places

    def run(self) -> frozenset[Goal]:
        """Choose clauses until those chosen are inductive and imply the property."""
        self.chosen, self.cores, self.spoken, self.said = set(), {}, set(keys_of(self.prop)), set()
        self.complete([SAFETY, DOMAINS])
        self.collect()
        return frozenset(self.chosen)

    def complete(self, todo: list[Goal], most: int | None = None) -> bool:
        """Choose what keeps these goals, and what keeps that, and so on; no if that says more than `most` things.

        Background does not count.
        """
        while todo := todo or self._lost():
            goal, core = self.keep(todo.pop(0))
            self.cores = {**self.cores, goal: core}
            todo += sorted(core - self.chosen)
            self.chosen = self.chosen | core
            for number in core:
                self.spoken = self.spoken | self.known[number].reads
                self.said = self.said | {self.known[number].said}
            if most is not None and sum(not self.is_background(said) for said in self.said) > most:
                return False
        return True

    def _lost(self) -> list[Goal]:
        """The goals that were kept by what is not said any more, or has turned out to be no background."""
        return [goal for goal in sorted(self.cores) if not self.cores[goal] <= self.helpers(goal, self.chosen)]

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

    def keep(self, goal: Goal) -> tuple[Goal, frozenset[Goal]]:
        """Well liked clauses that keep a goal, as few as possible that nothing else needs; background of background.

        Of background that is not kept so at all places it is the goal that says it at the others.
        """
        while self.plain(goal):
            try:
                return goal, self._keep(goal, plain=True)
            except StuckError as stuck:
                goal = self._narrow(goal, stuck.at)
        return goal, self._keep(goal, plain=False)

    def _narrow(self, goal: Goal, at: int | None) -> Goal:
        """Say background no longer of threads at a place; if it is not about these, it is none."""
        wide = self.known[goal]
        places = (wide.clause.locations or frozenset(self.pool.live)) - {at}
        if at is None or not wide.clause.thread or not places or not wide.at(at):
            self.mixed.add(wide.said)
            return goal
        narrow = replace(wide, clause=replace(wide.clause, locations=places), parts={}, whole=None)
        self.narrowed[wide.said] = narrow
        number = self.number(narrow)
        if goal in self.chosen:
            self.chosen = self.chosen - {goal} | {number}
        self.cores = {other: core for other, core in self.cores.items() if other != goal}
        return number

    def plain(self, goal: Goal) -> bool:
        """Whether a goal is background, which has to be kept by background."""
        return goal > 0 and self.known[goal].said is not self.pool.nobody and self.is_background(self.known[goal])

    def is_background(self, candidate: Candidate) -> bool:
        """Whether a clause is background, as far as is known."""
        said = candidate.said
        none = said in self.mixed or said in self.narrowed
        return said is self.pool.nobody or (candidate.background and not none)

    def helpers(self, goal: Goal, among: Collection[Goal]) -> frozenset[Goal]:
        """Those of some clauses that may keep a goal."""
        plain = self.plain(goal)
        return frozenset(number for number in among if not plain or self.is_background(self.known[number]))

    def _keep(self, goal: Goal, *, plain: bool) -> frozenset[Goal]:
        free = self.helpers(goal, self.chosen) | ({goal} if goal > 0 else set())
        ways = Ways()
        picked: Collection[Candidate] = ()
        while isinstance(core := self._missing(goal, free.union(map(self.number, picked))), Missing):
            found = self._allowed(core, more=False, plain=plain) or self._allowed(core, more=True, plain=plain)
            if not found:
                raise StuckError(core.at)
            ways.add(self._liked(found))
            picked = ways.cheapest()
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
        whole = part.said
        while whole in self.narrowed:
            whole = self.narrowed[whole]
        here = whole is part.said or all(map(whole.at, part.clause.locations or ()))
        return whole if part.background and here and whole not in self.mixed else part

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
        if self.is_background(candidate) or candidate.said.values:
            return BACKGROUND
        if candidate.said in self.said:
            return AGAIN
        return candidate.cost + NEW * len(candidate.reads - self.spoken)
