"""A question about a property, and what is kept from one question to the next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from verify.engine.search import Search
from verify.engine.verdict import Progress, Proved, Report
from verify.instances import least_tasks
from verify.ir import Expr, System
from verify.lower.scenario import Branch, Ways, ways
from verify.lower.visible import Key
from verify.smt import Terms, begun
from verify.unbounded import Tried

Engine = Literal["auto", "bfs", "views", "chc", "bmc"]


@dataclass(slots=True)
class Memory:
    """What the claims of one file have in common: small systems proved, and what each property needed to know."""

    proofs: dict[object, Proved] = field(default_factory=dict)
    tried: Tried = field(default_factory=Tried)
    keys: dict[Expr, frozenset[Key]] = field(default_factory=dict)
    why: str = ""  # the last proof failed


@dataclass(slots=True)
class Tools:
    """What is worked out once for all claims, and changes no answer."""

    ways: Ways | None = None  # of the last system: most claims are about the same as the one before
    terms: Terms | None = None  # for runs: beginning with none takes Z3 longer than to accept most of them

    def terms_for_runs(self) -> Terms:
        """Terms to say in that a run is one."""
        self.terms = self.terms or begun()
        return self.terms

    def ways_of(self, system: System) -> Ways:
        """The ways of a system, worked out once for claims in a row."""
        if self.ways is None or self.ways.system is not system:
            self.ways = ways(system)
        return self.ways


@dataclass(frozen=True, slots=True)
class Question:
    """One property of one system, and how to go about it."""

    system: System
    prop: Expr
    tasks: int
    deadline: float
    engine: Engine
    report: Report
    reduce: bool
    slice: bool
    memory: Memory
    tools: Tools = field(default_factory=Tools)
    hunt: bool = False  # whether a run is expected, and worth looking for at length first
    deadlock: bool = False
    inside: frozenset[Branch] = frozenset()  # the alternatives in which locks are taken that are gone

    def tell(self, phase: str, figures: Mapping[str, int]) -> None:
        """Report where the solver stands."""
        self.report(Progress(phase, figures))

    def sizes(self) -> Iterator[int]:
        """The numbers of tasks to look at, in growing order."""
        return iter(range(min(least_tasks(self.system), self.tasks), self.tasks + 1))


@dataclass(slots=True)
class Shown:
    """The strongest thing shown so far."""

    depth: int = -1
    tasks: int = 0
    complete: bool = False

    def add(self, result: Search, tasks: int) -> None:
        """Take in a search of a system with at least the runs of the whole that found nothing."""
        self.tasks, self.depth, self.complete = tasks, result.depth, result.complete

    def __str__(self) -> str:
        if self.depth < 0:
            return "nothing"
        steps = "any number of steps" if self.complete else f"up to {self.depth} steps"
        return f"no violation in any run of {steps} with {self.tasks} task{'s' * (self.tasks != 1)}"


def share(deadline: float, part: float = 0.5) -> float:
    """A part of the time that is left."""
    now = time.monotonic()
    return now + max(0.0, deadline - now) * part
