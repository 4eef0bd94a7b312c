"""What a version can be seen to do: the sequences of events, and for each of them all states it may have led to.

Steps that are no events are not seen. Such a sequence is a word of the language of a finite automaton, and what may
have happened besides is followed all at once (the subset construction of Rabin & Scott, 1959), as far as it is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.packing import Layout, beginnings, layout, pack, unpack
from verify.engine.stepcode import Sink, compiled
from verify.instances import Instance, Slot, State, Step, Trace, instance
from verify.ir import System
from verify.lower.observe import EVENT, WHO, says, silent
from verify.semantics import Context, apply, successors

CHUNK = 512  # states stepped from between two looks at the clock


class Event(NamedTuple):
    """Something that is seen to happen: which thread, what by its number, and with which values that are not 0."""

    thread: int
    number: int
    values: tuple[tuple[str, int], ...]


Word = tuple[Event, ...]
Subset = frozenset[int]  # states, packed
After = Mapping[Event, Subset]


class OutOfReachError(Exception):
    """There are more states than may be looked at, or the time is up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to look: until when, a value of time.monotonic(), and at how many states between two events."""

    deadline: float
    states: int = 400_000


@dataclass(slots=True)
class Machine:
    """A version with its number of tasks fixed."""

    inst: Instance
    places: Layout
    step: Callable[[Sequence[int], list[int] | None], int]
    seen: dict[int, int | None]
    found: list[int]
    said: int  # the bits of what is said
    quiet: int  # the same bits where nothing is
    happens: int  # those that say what happens
    events: dict[int, Event] = field(default_factory=dict)
    looked: int = 0  # at how many states

    def starts(self, limits: Limits) -> Subset:
        """The states in which nothing has happened yet. Raises OutOfReachError."""
        found = set[int]()
        for state in beginnings(self.places):
            found.add(state)
            if len(found) > limits.states:
                raise OutOfReachError
        return frozenset(found)

    def after(self, subset: Subset, limits: Limits) -> After:
        """What can be seen next, and the states it may lead to. Raises OutOfReachError."""
        self.seen.clear()
        self.seen.update(dict.fromkeys(subset))
        result: dict[Event, set[int]] = {}
        level = sorted(subset)
        while level:
            self.looked += len(level)
            for start in range(0, len(level), CHUNK):
                self.step(level[start : start + CHUNK], None)
                if time.monotonic() > limits.deadline or len(self.seen) > limits.states:
                    raise OutOfReachError
            level = []
            for state in self._taken():
                if state & self.happens:
                    result.setdefault(self.event(state), set()).add(self.silenced(state))
                else:
                    level.append(state)
        return {event: frozenset(states) for event, states in result.items()}

    def _taken(self) -> list[int]:
        found = self.found.copy()
        self.found.clear()
        return found

    def silenced(self, state: int) -> int:
        """The state without what has just been said."""
        return state & ~self.said | self.quiet

    def event(self, state: int) -> Event:
        """What has just happened."""
        bits = state & self.said
        if bits not in self.events:
            values = {}
            for slot, (shift, width, low, _) in self.places.bits.items():
                if not slot.cell and says(slot.name):
                    values[slot.name] = (state >> shift & (1 << width) - 1) + low
            thread, number = values.pop(WHO), values.pop(EVENT)
            self.events[bits] = Event(thread, number, tuple(sorted((n, v) for n, v in values.items() if v)))
        return self.events[bits]

    def accepts(self, word: Iterable[Event], limits: Limits) -> bool:
        """Whether some run is seen as that. Raises OutOfReachError."""
        subset = self.starts(limits)
        for event in word:
            subset = self.after(subset, limits).get(event, frozenset())
            if not subset:
                return False
        return True

    def run(self, word: Word, limits: Limits) -> Trace | None:
        """A run of the fewest steps that is seen as that, of the system that says nothing. Raises OutOfReachError."""
        starts = [(0, state) for state in sorted(self.starts(limits))]
        parents: dict[tuple[int, int], tuple[int, int] | None] = dict.fromkeys(starts)
        level = starts
        while level:
            following = []
            for count, (length, state) in enumerate(level):
                if length == len(word):
                    return self._trace(parents, (length, state))
                if count % CHUNK == 0 and (time.monotonic() > limits.deadline or len(parents) > limits.states):
                    raise OutOfReachError
                self.seen.clear()
                self.step([state], None)
                for after in self._taken():
                    happened = bool(after & self.happens)
                    if happened and self.event(after) != word[length]:
                        continue
                    place = (length + happened, self.silenced(after))
                    if place not in parents:
                        parents[place] = (length, state)
                        following.append(place)
            level = following
        return None

    def _trace(self, parents: Mapping[tuple[int, int], tuple[int, int] | None], end: tuple[int, int]) -> Trace:
        chain = [end]
        while (before := parents[chain[-1]]) is not None:
            chain.append(before)
        quiet = silent(self.inst.system)
        number = {id(action): place for place, action in enumerate(self.inst.system.actions)}
        states, steps = [unpack(self.places, chain[-1][1])], list[Step]()
        for _, goal in reversed(chain[:-1]):
            step, state = next(
                (step, packed) for step, after in successors(self.inst, states[-1])
                if (packed := self.silenced(pack(self.places, after))) == goal
            )  # fmt: skip
            steps.append(step._replace(action=quiet.actions[number[id(step.action)]]))
            states.append(unpack(self.places, state))
        return Trace(instance(quiet, self.inst.tasks), tuple(map(_plain, states)), tuple(steps))

    def seen_of(self, trace: Trace) -> tuple[tuple[Event, int], ...]:
        """What is seen of a run of the system that says nothing, and after how many of its steps."""
        number = {id(action): place for place, action in enumerate(trace.instance.system.actions)}
        state: State = self._telling(trace.states[0])
        found = list[tuple[Event, int]]()
        for count, (step, after) in enumerate(zip(trace.steps, trace.states[1:], strict=True), start=1):
            action = self.inst.system.actions[number[id(step.action)]]
            bound = {b.name: v for b, v in zip(action.binders, step.choice, strict=True)}
            packed = pack(self.places, apply(action, Context(self.inst, state, step.thread, bound)))
            if packed & self.happens:
                found.append((self.event(packed), count))
            state = self._telling(after)
        return tuple(found)

    def _telling(self, state: State) -> State:
        return {**state, **self._silence()}

    def _silence(self) -> State:
        return {slot: var.default for slot, var in self.inst.slots().items() if not slot.cell and says(slot.name)}


def _plain(state: State) -> State:
    return {slot: value for slot, value in state.items() if slot.cell or not says(slot.name)}


def machine(system: System, tasks: int) -> Machine:
    """A version, whose system says what happens, with so many tasks."""
    inst = instance(system, tasks)
    places = layout(inst)
    seen: dict[int, int | None] = {}
    found: list[int] = []
    said = quiet = 0
    for slot, (shift, width, low, _) in places.bits.items():
        if not slot.cell and says(slot.name):
            said |= ((1 << width) - 1) << shift
            quiet |= -low << shift
    event = places.bits[Slot("", 0, EVENT)]
    happens = ((1 << event.width) - 1) << event.shift
    return Machine(inst, places, compiled(places, Sink(seen, found.append)), seen, found, said, quiet, happens)
