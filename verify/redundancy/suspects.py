"""Guards that an invariant seems to need, told by a search of a system that knows little of the program.

The search is of what a proof begins with, of few tasks: it sees runs that the program does not have, and not all that
it has. What it says is a guess, of what to look for first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from verify.engine.search import Search, search
from verify.instances import instance, least_tasks
from verify.ir import Expr, System
from verify.lower.members import member, rigid
from verify.lower.small import Passes, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import Bench, Guards
from verify.unbounded import guesses, knowing

GUESSES = 6  # of what a proof has to know
TASKS = (2, 3)  # two are what nearly every race takes (Lu, Park, Seo and Zhou, ASPLOS 2008)
STATES = 20_000
FEW = 2_000  # states of the program itself with two tasks, where there is time to look at three


@dataclass(frozen=True, slots=True)
class Sketch:
    """A small system in which a switch says of each guard that matters whether it is there."""

    system: System
    prop: Expr
    switches: frozenset[str]
    tasks: int

    def breaks(self, removed: Guards) -> bool:
        """Whether a run violates the property without these guards, as far as is searched."""
        return self.search(removed).trace is not None

    def search(self, removed: Guards) -> Search:
        """What a search finds without these guards."""
        off = frozenset(map(switch, removed)) & self.switches
        part = member(self.system, {name: int(name not in off) for name in self.switches})
        return search(instance(part, self.tasks), self.prop, max_states=STATES)

    def matters(self, guard: str) -> bool:
        """Whether the guard is in it."""
        return switch(guard) in self.switches


def sketch(bench: Bench, guards: Guards) -> Sketch | None:
    """The first of the small systems in which all guards together keep the property, if one is soon found."""
    question = bench.question(switched=guards)
    system, prop = question.system, question.prop
    for guess in islice(guesses(system, prop), GUESSES):
        small = small_for_proof(system, prop, knowing(guess, rigid(system)), Passes())
        found = None
        for tasks in TASKS:
            wider = Sketch(small.system, small.prop, rigid(small.system), max(tasks, least_tasks(small.system)))
            whole = wider.search(frozenset())
            if whole.trace is not None or (found is not None and not whole.complete):
                break
            found = wider
            if not whole.complete or whole.states > FEW:
                break
        if found is not None and whole.trace is None:
            return found
    return None


def suspects(by: Sketch, guards: Sequence[str]) -> Iterator[str]:
    """Yield those guards without which, one by one, the property seems to fail."""
    for guard in guards:
        if by.matters(guard) and by.breaks(frozenset({guard})):
            yield guard
