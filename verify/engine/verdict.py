"""What an engine can say: proved, refuted or unknown, and with what evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verify.instances import Step, Trace
from verify.ir import Expr, Micro
from verify.universal import Clause


@dataclass(frozen=True, slots=True)
class Scope:
    """What a verdict speaks of; None is any number."""

    tasks: int | None
    steps: int | None

    def __str__(self) -> str:
        tasks = "any number of tasks" if self.tasks is None else f"{self.tasks} task{'s' * (self.tasks != 1)}"
        steps = "any number of steps" if self.steps is None else f"up to {self.steps} steps"
        return f"{tasks}, {steps}"


@dataclass(frozen=True, slots=True)
class Invariant:
    """An inductive invariant that implies the property: the conjunction of `clauses`, each an IR property.

    `summary` is the same in source terms, for the reader; it may be empty.
    """

    clauses: Sequence[Expr]
    summary: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Basis:
    """What a proof for any number of tasks knows of the system, and says of it: with the source, enough to check it.

    The `clauses` are about the system that knows only the shared variables `keys` (class or "", name) and what
    `pending`, `spins`, `places` and `counts` say (see `lower.small.Guess`); it is made smaller by the passes that
    `reduce` and `slice` stand for.
    """

    keys: frozenset[tuple[str, str]]
    pending: bool
    spins: bool
    places: bool
    counts: str
    reduce: bool
    slice: bool
    clauses: Sequence[Clause]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A counterexample to induction, in words: why an invariant that was found is none.

    Task 1 takes a step, from a state that the invariant allows to one that it does not; without a step it is how the
    system starts, or what the invariant allows and the property does not.
    """

    obligation: str
    step: tuple[Micro, ...]  # what the step is made of
    before: tuple[str, ...]  # of what the step and the clause look at
    after: tuple[str, ...]  # of what the clause looks at, as far as the step changed it
    false: str  # what does not hold then


@dataclass(frozen=True, slots=True)
class Proved:
    """Z3 discharged every obligation in a fresh solver."""

    scope: Scope
    invariant: Invariant
    engine: str
    obligations: int = 0
    basis: Basis | None = None  # of a proof for any number of tasks
    cti: Counterexample | None = None  # why there is no proof for any number of tasks


@dataclass(frozen=True, slots=True)
class Refuted:
    """The run replays in `semantics` and Z3 accepts it."""

    scope: Scope
    trace: Trace
    engine: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither; `shown` is the strongest thing that was shown."""

    reason: str
    shown: str
    engine: str
    cti: Counterexample | None = None  # why an invariant that was found is none


Verdict = Proved | Refuted | Unknown


class Progress(NamedTuple):
    """Where an engine stands, for the impatient."""

    phase: str
    figures: Mapping[str, int]


Report = Callable[[Progress], None]

__all__ = [
    "Basis",
    "Counterexample",
    "Invariant",
    "Progress",
    "Proved",
    "Refuted",
    "Report",
    "Scope",
    "Step",
    "Trace",
    "Unknown",
    "Verdict",
]
