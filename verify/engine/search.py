"""Breadth-first search over the states of an instance: the shortest run to a bad state, or that there is none.

States are integers, steps are generated functions, and with `symmetry` one state stands for all that differ only in
the numbering of tasks and objects. What is counted: `states` are the distinct states seen (orbits, with symmetry);
`transitions` the quadruples (state, thread, action, choice of its binders) enabled in the states that were explored,
self-loops included.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from verify.engine.packing import Layout, beginnings, layout, pack, unpack
from verify.engine.stepcode import Drive, Seen, Sink, compiled, predicate
from verify.engine.symmetry import canonical
from verify.engine.verdict import Progress, Report, Step, Trace
from verify.instances import THREAD, Instance, Slot, State
from verify.ir import PC, TRUE, Action, Expr
from verify.semantics import FINISHED, Context, apply, contexts

CHUNK = 2048  # states explored between two looks at the clock
REPORT_SECONDS = 0.5
MAX_STATES = 20_000_000  # about 4 GB
LONGEST = 10_000  # steps of a run: it takes a second or two to replay as many


Keep = Callable[[Layout], Callable[[int], bool]]  # of the places of variables, what says which states to go on from


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    `trace` is a shortest run to a state where the property is false or, if `deadlock`, where nobody can step although
    some thread is not finished; none of more than LONGEST steps. `complete`: every reachable state was seen and none is
    bad. Every run of up to `depth` steps was looked at, whether complete or not; -1: not even all initial states were.
    """

    trace: Trace | None
    complete: bool
    states: int
    transitions: int
    depth: int
    deadlock: bool = False


def search(  # noqa: PLR0913 - what to look for, and how far
    inst: Instance,
    prop: Expr | None,
    *,
    symmetry: bool = True,
    deadline: float | None = None,
    report: Report | None = None,
    max_depth: int | None = None,
    deadlock: bool = False,
    max_states: int = MAX_STATES,
) -> Search:
    """Find a shortest run of `inst` to a state where `prop` is false, or with `deadlock` to a deadlock; or show none.

    Units: `max_depth` in steps; `deadline` a value of time.monotonic(), looked at, like `max_states`, every 2048
    states. Without `prop` everything is explored. Raises SemanticsError where a step would leave the domain of a
    variable.
    """
    limits = Limits(deadline, report, max_states, max_depth, deadlock)
    return exploration(inst, prop, symmetry=symmetry).explore(limits)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to search: see `search`."""

    deadline: float | None = None
    report: Report | None = None
    max_states: int = MAX_STATES
    max_depth: int | None = None
    deadlock: bool = False


def exploration(inst: Instance, prop: Expr | None, *, symmetry: bool = True, keep: Keep | None = None) -> Exploration:
    """A search that has not begun: see `search`. With `keep` it goes on only from states for which that is so."""
    places = layout(inst)
    canon = canonical(places, prop) if symmetry else None
    kept = None if keep is None else keep(places)
    return Exploration(places, canon, predicate(places, TRUE if prop is None else prop), kept)


@dataclass(slots=True)
class Exploration:
    """A search under way: what was seen so far. One that ran out of time or room can go on where it stopped."""

    places: Layout
    canon: Callable[[int], int] | None
    holds: Callable[[int], bool]
    keep: Callable[[int], bool] | None = None
    seen: Seen = field(default_factory=dict)
    found: list[int] = field(default_factory=list)  # states one step further than those being explored
    level: Sequence[int] = ()  # those being explored
    next: int = 0  # the place in `level` of the first that was not
    transitions: int = 0
    depth: int = -1
    reported: float = field(default_factory=time.monotonic)  # when
    step: Drive | None = None
    bad: int | None = None  # a state that was found

    def late(self, limits: Limits) -> bool:
        """Whether time or room is used up; now and then, say where the search stands."""
        now = time.monotonic()
        if limits.report is not None and now - self.reported >= REPORT_SECONDS:
            self.reported = now
            figures = {"tasks": self.places.instance.tasks, "states": len(self.seen), "depth": self.depth}
            limits.report(Progress("search", figures))
        return (limits.deadline is not None and now >= limits.deadline) or len(self.seen) >= limits.max_states

    def result(self, bad: int | None, *, complete: bool = False, deadlock: bool = False, short: int = 0) -> Search:
        """What was found so far: the state `bad`, if there is one; the depth is `short` steps less than explored."""
        if bad is not None and self.depth >= LONGEST:
            return Search(None, complete=False, states=len(self.seen), transitions=self.transitions, depth=LONGEST)
        trace = None if bad is None else _trace(self.places, self.canon, self.seen, bad)
        depth = self.depth - short if trace is None else len(trace.steps)
        return Search(trace, complete, len(self.seen), self.transitions, depth, deadlock)

    def explore(self, limits: Limits) -> Search:
        """Search level by level."""
        if self.depth < 0:
            self.bad = self.begin(limits)
        if self.bad is not None or self.depth < 0:
            return self.result(self.bad)
        step = self.step = self.step or compiled(self.places, Sink(self.seen, self.found.append, self.canon))
        while self.level or self.found:
            if not self.level:
                self.level, self.next = self.found.copy(), 0
                self.found.clear()
                if self.depth == limits.max_depth:
                    stuck = self.last(self.level) if limits.deadlock else None
                    return self.result(stuck, deadlock=stuck is not None)
            while self.next < len(self.level):
                fresh, quiet = len(self.found), cast("list[int]", []) if limits.deadlock else None
                self.transitions += step(self.level[self.next : self.next + CHUNK], quiet)
                self.next += CHUNK
                stuck = next(filter(self.unfinished, quiet or ()), None)
                if stuck is not None:  # one step nearer than any `bad`
                    return self.result(stuck, deadlock=True)
                if self.bad is None:
                    self.bad = next((state for state in self.found[fresh:] if not self.holds(state)), None)
                over = self.late(limits)
                if (self.bad is not None and not limits.deadlock) or over:
                    unseen = int(limits.deadlock)  # not all of this level was looked at for deadlocks
                    return self.result(self.bad, short=unseen)
            self.level = ()
            if self.bad is not None:
                return self.result(self.bad)
            if self.keep is not None:
                self.found[:] = filter(self.keep, self.found)
            self.depth += bool(self.found)
        return self.result(None, complete=self.keep is None)

    def begin(self, limits: Limits) -> int | None:
        """Enter the initial states; return one that is bad, if any. `depth` stays -1 if time is up before the end."""
        for count, state in enumerate(beginnings(self.places)):
            first = state if self.canon is None else self.canon(state)
            if first not in self.seen:
                self.seen[first] = None
                self.found.append(first)
                if not self.holds(first):
                    return first
            if count % CHUNK == 0 and self.late(limits):
                return None
        self.depth = 0
        return None

    def last(self, level: Sequence[int]) -> int | None:
        """A deadlock among `level`, if any, without entering the states after it."""
        quiet: list[int] = []
        compiled(self.places, Sink({}, _drop))(level, quiet)
        return next(filter(self.unfinished, quiet), None)

    def unfinished(self, state: int) -> bool:
        """Whether some thread is neither idle nor at its end nor stopped by an error."""
        locations = self.places.instance.system.locations
        counters = (self.places.bits[Slot(THREAD, me, PC)] for me in range(1, self.places.instance.tasks + 1))
        at = (locations[(state >> bits.shift & (1 << bits.width) - 1) + bits.low] for bits in counters)
        return any(location.kind not in FINISHED for location in at)


def _drop(_: int) -> None:
    pass


def _trace(places: Layout, canon: Callable[[int], int] | None, seen: Seen, bad: int) -> Trace:
    """The run to `bad` through the states that each was first reached from, stepped through by the definition."""
    choose = canon or _same
    chain = [bad]
    while (before := seen[chain[-1]]) is not None:
        chain.append(before)
    first = next(state for state in beginnings(places) if choose(state) == chain[-1])
    states, steps = [unpack(places, first)], list[Step]()
    leaving = defaultdict[int, list[Action]](list)
    for action in places.instance.system.actions:
        leaving[action.source].append(action)
    for goal in reversed(chain[:-1]):
        choices = _successors(places.instance, leaving, states[-1])
        step, state = next((step, state) for step, state in choices if choose(pack(places, state)) == goal)
        steps.append(step)
        states.append(state)
    return Trace(places.instance, tuple(states), tuple(steps))


def _successors(inst: Instance, leaving: Mapping[int, Sequence[Action]], state: State) -> Iterator[tuple[Step, State]]:
    """What `semantics.successors` finds, with the actions by the location that they leave."""
    for me in range(1, inst.tasks + 1):
        at = Context(inst, state, me)
        for action in leaving[state[Slot(THREAD, me, PC)]]:
            for choice, here in contexts(action, at):
                yield Step(me, action, choice), apply(action, here)


def _same(state: int) -> int:
    return state


@dataclass(frozen=True, slots=True)
class Growth:
    """What searches of growing size found: a shortest run over all sizes searched, and each search by its tasks.

    `finished`: none of them was cut short by the deadline or for want of room.
    """

    trace: Trace | None
    searches: Mapping[int, Search] = field(hash=False)
    finished: bool
    deadlock: bool = False


def shortest(  # noqa: PLR0913 - the same
    inst_for: Callable[[int], Instance],
    prop: Expr | None,
    tasks: Iterable[int],
    *,
    symmetry: bool = True,
    deadline: float | None = None,
    report: Report | None = None,
    deadlock: bool = False,
) -> Growth:
    """Find a shortest run to a bad state over instances of each number of `tasks`, in that order.

    Once there is a run, larger instances are searched for shorter ones only.
    """
    best: Search | None = None
    searches: dict[int, Search] = {}
    finished = True
    for count in tasks:
        depth = None if best is None else best.depth - 1
        if depth is not None and depth < 0:
            break
        inst = inst_for(count)
        searches[count] = made = search(
            inst, prop, symmetry=symmetry, deadline=deadline, report=report, max_depth=depth, deadlock=deadlock
        )
        if made.trace is not None:
            best = made
        elif not made.complete and made.depth != depth:
            finished = False
            break
    return Growth(best.trace if best else None, searches, finished, best is not None and best.deadlock)
