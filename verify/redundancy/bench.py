"""Questions about one invariant of a system, with some of its guards removed or switched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from verify.any_number import any_number
from verify.engine.verdict import Proved, Report, Verdict
from verify.instances import exact_tasks, least_tasks
from verify.ir import Expr
from verify.judging import BOUNDED
from verify.lower import Lowered, lower
from verify.lower.claims import property_of
from verify.lower.scenario import Branch
from verify.lower.small import Guess
from verify.overlap import taken_in
from verify.question import Memory, Question, Tools
from verify.source import NOWHERE
from verify.strategy import decide
from verify.syntax.ast import ClaimDecl
from verify.syntax.program import Program
from verify.unbounded import guesses

Guards = frozenset[str]
GUESSES = 8  # of what a proof has to know
FEW, TIMES = 12, 2  # variables that are few; where some are enough with all guards, no more than so many times as many
MOST = 0.75  # of the time for a question, for these
NONE: Guards = frozenset()
SETS = frozenset({"check", "lock"})  # of which sets are removed


class Together(NamedTuple):
    """One proof for all programs without some guards and, of some others, any."""

    removed: Guards
    optional: Guards
    proof: Proved


@dataclass(slots=True)
class Bench:
    """A claim about one system of a program, asked again and again of the program without some guards."""

    program: Program
    claim: ClaimDecl  # `prove` or `dead`
    tasks: int | None
    without: Guards  # removed whatever is asked
    budget: float  # seconds for each question
    deadline: float  # of all of them, a value of time.monotonic()
    report: Report
    memory: Memory = field(default_factory=Memory)
    tools: Tools = field(default_factory=Tools)
    lowered: dict[tuple[Guards, Guards], Lowered] = field(default_factory=dict)
    asked: dict[Guards, Verdict] = field(default_factory=dict)
    guessed: Sequence[Guess] = ()
    enough: int | None = None  # the number of the guess that is enough with all guards

    def lower(self, removed: Guards = NONE, switched: Guards = NONE) -> Lowered:
        """The system, lowered once. Raises InputError if it cannot be."""
        name, removed = self.claim.system or "", removed | self.without
        key = removed, switched
        if key not in self.lowered:
            self.lowered[key] = lower(self.program, name, removed=removed, switched=switched)
        return self.lowered[key]

    def question(self, removed: Guards = NONE, *, hunt: bool = False, part: float = 1.0) -> Question:
        """The question behind the claim, of the program without these guards."""
        lowered = self.lower(removed)
        tasks = self.tasks or exact_tasks(lowered.system) or max(BOUNDED, least_tasks(lowered.system))
        return Question(
            lowered.system, property_of(self.claim, self.program, lowered), tasks, self.until(part), "auto",
            self.report, reduce=True, slice=True, memory=self.memory, tools=self.tools, hunt=hunt,
        )  # fmt: skip

    def overlap(self, removed: Guards) -> Question:
        """The question without these guards, where calls may overlap that took the locks among them."""
        locks = [name for name in removed if self.program.guards[name].kind == "lock"]
        inside = taken_in(self.lower(), locks) if locks else frozenset[Branch]()
        return replace(self.question(removed, hunt=True), inside=inside)

    def until(self, part: float = 1.0) -> float:
        """When a question that is asked now has to be answered."""
        return min(time.monotonic() + self.budget * part, self.deadline)

    def over(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self.deadline

    def decide(self, removed: Guards = NONE, *, hunt: bool = False, part: float = 1.0) -> Verdict:
        """What holds of the program without these guards, asked for this part of the time for a question."""
        if removed not in self.asked:
            self.asked[removed] = decide(self.question(removed, hunt=hunt, part=part))
        return self.asked[removed]

    def guesses(self) -> Sequence[Guess]:
        """What a proof may have to know, a little first: as the program has it with all guards."""
        if not self.guessed:
            question = self.question()
            self.guessed = tuple(islice(guesses(question.system, question.prop), GUESSES))
        return self.guessed

    def likely(self) -> Sequence[Guess]:
        """The guesses that are likely to be enough without some guards: first those like what is enough with all."""
        known = self.guesses()
        if self.enough is None:
            return known
        first = known[self.enough]
        most = max(FEW, TIMES * len(first.keys))
        later = known[max(0, self.enough - 1) :]
        found = [guess for guess in later if len(guess.keys) <= most and guess.spins <= first.spins]
        return sorted(found, key=lambda guess: guess.pending != first.pending)

    def proof(self, removed: Guards, most: int = GUESSES, part: float = MOST) -> Proved | None:
        """A proof for any number of tasks without these guards, if so many guesses have one in time."""
        return any_number(self.question(removed), self.likely()[:most], self.until(part))

    def said_necessary(self) -> Guards:
        """The guards that claims of the program call necessary for the invariant: a proof without these is unlikely."""
        said = (c for c in self.program.claims if c.kind == "necessary" and c.invariant == self.claim.invariant)
        return frozenset(guard for claim in said for guard in claim.targets)

    def short(self, verdict: Verdict) -> bool:
        """Whether it is a proof for fewer tasks than are asked for."""
        fewer = isinstance(verdict, Proved) and verdict.scope.tasks is not None and self.tasks is None
        return fewer and exact_tasks(self.lower().system) is None

    def property(self, lowered: Lowered) -> Expr:
        """What the claim says of a lowered system."""
        return property_of(self.claim, self.program, lowered)


def claim_about(invariant: str, system: str) -> ClaimDecl:
    """The claim that an invariant holds."""
    return ClaimDecl("prove", invariant, system=system, span=NOWHERE)
