"""Hunting: runs to a bad state, looked for where they are likely to be found soon.

A property that fails mostly fails in a few calls, with few switches between few threads. So small scenarios are
searched before large ones, none of them far before each of them a little; and with many threads, runs of few switches
before all runs. How far is counted in states and never in time: the run that comes first is always the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from verify.engine.search import search
from verify.engine.verdict import Report, Trace
from verify.instances import instance
from verify.ir import Expr, System
from verify.lower.scenario import Branch, Scenario, branches, scenarios, switching

ROUNDS = (  # how many branches, and how many states of each scenario are searched with each number of tasks
    (1, 20_000), (2, 20_000), (1, 200_000), (2, 200_000), (3, 20_000), (2, 2_000_000), (3, 200_000),
)
WHOLE = 2_000_000  # states of the system as it is, at last
CROWD = 3  # tasks, from which on few switches come first
FEW = 1


@dataclass(slots=True)
class Ground:
    """Where a hunt goes: the scenarios so far, made small, and what has been searched to the end."""

    system: System
    prop: Expr
    shrink: Callable[[System], System]
    found: dict[int, list[Scenario]] = field(default_factory=dict)
    more: dict[int, Iterator[Scenario]] = field(default_factory=dict)
    small: dict[tuple[Branch, ...], System] = field(default_factory=dict)
    done: set[tuple[tuple[Branch, ...], int, int | None]] = field(default_factory=set)

    def scenarios(self, size: int) -> Iterator[Scenario]:
        """The scenarios of that size, each tested once however often they are asked for."""
        found = self.found.setdefault(size, [])
        yield from tuple(found)
        for scenario in self.more.setdefault(size, scenarios(self.system, self.prop, size)):
            found.append(scenario)
            yield scenario

    def shrunk(self, scenario: Scenario) -> System:
        """The scenario without what the property cannot tell."""
        if scenario.branches not in self.small:
            self.small[scenario.branches] = self.shrink(scenario.system)
        return self.small[scenario.branches]


def runs(  # noqa: PLR0913 - what to look for, and how far
    system: System, prop: Expr, sizes: Sequence[int], shrink: Callable[[System], System], *, deadline: float,
    report: Report,
) -> Iterator[Trace]:
    """Runs to states where `prop` is false, of scenarios that `shrink` has made smaller: the likeliest first.

    Each has as many tasks as one of `sizes`. It is a run of the small scenario; whether it is one of `system` is for
    `verify.lower.expand` to say. Ends when `deadline`, a value of time.monotonic(), has passed.
    """
    ground = Ground(system, prop, shrink)
    most = len(branches(system))
    for size, states in (*((size, states) for size, states in ROUNDS if size < most), (most, WHOLE)):
        for scenario in ground.scenarios(size):
            for tasks, switches in _order(sizes):
                stage = (scenario.branches, tasks, switches)
                if stage in ground.done:
                    continue
                if time.monotonic() > deadline:
                    return
                small = ground.shrunk(scenario)
                inst = instance(small if switches is None else switching(small, switches), tasks)
                result = search(inst, prop, deadline=deadline, report=report, max_states=states)
                if result.complete or result.trace is not None:
                    ground.done.add(stage)
                if result.trace is not None:
                    yield result.trace
                    break


def _order(sizes: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    """The numbers of tasks to search with, and of switches to allow."""
    for tasks in sizes:
        if tasks >= CROWD:
            yield tasks, FEW
        yield tasks, None
