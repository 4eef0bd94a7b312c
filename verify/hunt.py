"""Hunting: runs to a bad state, looked for where they are likely to be found soon.

A property that fails mostly fails in a few calls of a few threads. So the smallest scenarios that might violate it are
searched before larger ones, and none of them far before each of them a little. How far is counted in states and never
in time: the run that comes first is always the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from verify.engine.search import Exploration, Limits, Search, exploration
from verify.engine.verdict import Report, Trace
from verify.instances import instance
from verify.ir import Expr, System
from verify.lower.scenario import Branches, Ways, core, meddling, scenario, suspects, widened

ROUNDS = (  # how many alternatives more than the fewest, and how many states of each scenario are searched
    (0, 20_000), (0, 200_000), (1, 20_000), (0, 2_000_000), (1, 200_000), (2, 20_000),
)
LEADING = 2  # rounds before the scenarios that differ only in how a thread goes on are told apart
WHOLE = 2_000_000  # states of the system as it is, at last
EVERY = 1 << 62
ROOM = 500_000  # states of searches that may go on, about 100 MB
PAIR = 2  # tasks: what nearly every race takes (Lu, Park, Seo and Zhou, ASPLOS 2008)


@dataclass(slots=True)
class Ground:
    """Where a hunt goes: the scenarios so far, made small, and what has been searched to the end."""

    ways: Ways
    prop: Expr
    sizes: Sequence[int]
    shrink: Callable[[System], System]
    few: list[Branches] = field(default_factory=list)
    small: dict[Branches, System] = field(default_factory=dict)
    done: dict[tuple[Branches, int], int] = field(default_factory=dict)  # states, at least; all: see `EVERY`
    stopped: dict[tuple[Branches, int], Exploration] = field(default_factory=dict)  # searches that can go on

    def places(self) -> Iterator[tuple[Branches, int, int]]:
        """The alternatives to search, the number of tasks, and how many states."""
        every = self.ways.branches
        sizes = sorted(self.sizes, key=lambda tasks: (tasks != PAIR, tasks < PAIR, tasks))
        alike, leading = list[Branches](), list[Branches]()
        for chosen in self.leading(alike):  # found one by one: the first may do
            leading.append(chosen)
            yield chosen, sizes[0], ROUNDS[0][1]
        for _, states in ROUNDS[:LEADING]:
            for tasks in sizes:
                yield from ((chosen, tasks, states) for chosen in self.ordered(leading, tasks))
        self.few = leading + alike
        for more, states in ROUNDS:
            for tasks in sizes:
                yield from ((chosen, tasks, states) for chosen in widened(self.few, every, more))
        if self.few:
            yield from ((frozenset(every), tasks, WHOLE) for tasks in sizes)

    def fresh(self) -> Iterator[tuple[Branches, int, int]]:
        """The places, without what has been searched."""
        for chosen, tasks, states in self.places():
            if self.done.get((chosen, tasks), 0) < states:
                yield chosen, tasks, states

    def ordered(self, few: Sequence[Branches], tasks: int) -> Sequence[Branches]:
        """The scenarios, those first that gain by more than two tasks: where one changes another's object."""
        if tasks <= PAIR:
            return few
        return sorted(few, key=lambda chosen: -meddling(self.ways, self.prop, chosen))

    def leading(self, alike: list[Branches]) -> Iterator[Branches]:
        """The suspects, but of those that differ only in how a thread goes on one; the others are put in `alike`."""
        cores = set[Branches]()
        for chosen in suspects(self.ways, self.prop):
            found = core(self.ways, self.prop, chosen)
            if found in cores:
                alike.append(chosen)
            else:
                cores.add(found)
                yield chosen

    def shrunk(self, chosen: Branches) -> System:
        """The scenario without what the property cannot tell."""
        if chosen not in self.small:
            self.small[chosen] = self.shrink(scenario(self.ways.system, chosen))
        return self.small[chosen]

    def searched(self, chosen: Branches, tasks: int, limits: Limits) -> Search:
        """Search a scenario, from where that was left before, if it is known."""
        going = self.stopped.pop((chosen, tasks), None) or exploration(instance(self.shrunk(chosen), tasks), self.prop)
        found = going.explore(limits)
        over = found.complete or found.trace is not None
        self.done[chosen, tasks] = EVERY if over else limits.max_states
        if not over and len(going.seen) + sum(len(other.seen) for other in self.stopped.values()) <= ROOM:
            self.stopped[chosen, tasks] = going
        return found


def runs(  # noqa: PLR0913 - what to look for, and how far
    by: Ways, prop: Expr, sizes: Sequence[int], shrink: Callable[[System], System], *, deadline: float,
    report: Report, most: int | None = None,
) -> Iterator[Trace]:
    """Runs to states where `prop` is false, of scenarios that `shrink` has made smaller: the likeliest first.

    Each has as many tasks as one of `sizes`. It is a run of the small scenario; whether it is one of the system of `by`
    is for `verify.lower.expand` to say. Ends when `deadline`, a value of time.monotonic(), has passed, or after `most`
    searches.
    """
    ground = Ground(by, prop, sizes, shrink)
    for chosen, tasks, states in islice(ground.fresh(), most):
        if time.monotonic() > deadline:
            return
        found = ground.searched(chosen, tasks, Limits(deadline, report, states))
        if found.trace is not None:
            yield found.trace
