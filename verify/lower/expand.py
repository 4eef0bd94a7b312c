"""From a run of a localized, sliced and reduced system to one of the whole system, step by step of the source.

This is what makes the passes harmless to a refutation: a run counts only if the whole system takes it. Where it cannot,
the steps that it had to force say which variables the small system should have known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from verify.instances import THREAD, Instance, Slot, State, Step, Trace, starts
from verify.ir import PC, TRUE, Action, Local, Ptr
from verify.lower.flow import live, outgoing
from verify.lower.localize import reads, shared_keys
from verify.lower.simplify import conjuncts
from verify.lower.visible import Key, key_of
from verify.semantics import Context, SemanticsError, apply, contexts, evaluate

MOST_STATES = 4_000  # how many states the search for one step may take from its queue
SENSELESS = 8  # the cost of forcing what the small system knows not to be so



@dataclass(frozen=True, slots=True)
class Expansion:
    """What came of a run of the small system in the whole one.

    `trace` is the run, None if there is none; each of `reasons` is a set of shared variables that would have shown the
    small system that it cannot go there.
    """

    trace: Trace | None
    reasons: tuple[frozenset[Key], ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the whole system on the way; where its guard does not hold, what that guard reads."""

    step: Step
    state: State
    forced: frozenset[Key] | None


@dataclass(frozen=True, slots=True)
class Guide:
    """The whole system, and what the small one leaves to find out."""

    whole: Instance
    leaving: Mapping[int, Sequence[Action]]
    stops: Collection[int]  # locations that the small system has too
    hidden: Collection[Key]
    sources: Mapping[Key, Collection[Key]]  # what flows into each local that is no pointer


def expand(trace: Trace, whole: Instance, known: Collection[Key]) -> Expansion:
    """Find the run of `whole` that goes where `trace` goes, a run of a system that knows only some shared variables.

    Between two states of the trace only the thread that the trace names may step, and only through locations that the
    small system has cut out.
    """
    guide = _guide(trace, whole, known)
    slots = whole.slots().keys()
    reasons = list[frozenset[Key]]()
    known_at = _known(trace)
    for first in _starts(whole, known_at[0]):
        states, steps = [first], list[Step]()
        wrong = list[frozenset[Key]]()
        for number, small in enumerate(trace.steps):
            goal = {slot: v for slot, v in known_at[number + 1].items() if slot in slots}
            path = _path(guide, states[-1], small.thread, goal)
            if path is None:
                wrong.append(frozenset())
                break
            for move in path:
                if move.forced is not None:
                    wrong.append(move.forced)
                steps.append(move.step)
                states.append(move.state)
            wrong += [_feeding(guide, path, slot) for slot, value in goal.items() if states[-1][slot] != value]
            states[-1] = {**states[-1], **goal}
        if not wrong:
            return Expansion(Trace(whole, tuple(states), tuple(steps)))
        reasons += wrong
    return Expansion(None, reasons=tuple(dict.fromkeys(reason for reason in reasons if reason)))


def _guide(trace: Trace, whole: Instance, known: Collection[Key]) -> Guide:
    system = whole.system
    sources: dict[Key, set[Key]] = defaultdict(set)
    for action in system.actions:
        for update in action.updates:
            if isinstance(update.place, Local) and not isinstance(system.var(update.place).domain, Ptr):
                sources[key_of(update.place)] |= reads(system, update.value)
    stops = frozenset(action.source for action in trace.instance.system.actions)
    hidden = frozenset(shared_keys(system) - set(known))
    return Guide(whole, outgoing(system.actions), stops, hidden, sources)



def _known(trace: Trace) -> list[Mapping[Slot, int]]:
    """What each state of the small system says of the whole one: everything but locals that are dead in it."""
    defaults = {slot: var.default for slot, var in trace.instance.slots().items()}
    alive = live(trace.instance.system.actions)

    def told(state: State, slot: Slot) -> bool:
        if slot.cell != THREAD or slot.name == PC or state[slot] != defaults[slot]:
            return True
        return slot.name in alive[state[Slot(THREAD, slot.index, PC)]]

    return [{slot: value for slot, value in state.items() if told(state, slot)} for state in trace.states]


def _starts(whole: Instance, known: Mapping[Slot, int]) -> Iterator[State]:
    """Initial states that agree with what is known."""
    for start in starts(whole):
        if all(known.get(slot, value[0]) in value for slot, value in start.items()):
            yield {slot: known.get(slot, value[0]) for slot, value in start.items()}


def _path(guide: Guide, first: State, thread: int, goal: Mapping[Slot, int]) -> list[Move] | None:
    """The way of one thread to a state that agrees with the goal, with as little forced and wrong as can be."""
    end = goal[Slot(THREAD, thread, PC)]
    came: dict[int, tuple[int, Move]] = {}
    states: list[State] = [first]
    queue = [(0, 0, 0)]  # cost, steps, number of the state
    done = set[tuple[int, ...]]()
    best: tuple[int, int] | None = None
    for _ in range(MOST_STATES):
        if not queue or (best is not None and queue[0][0] >= best[0]):
            break
        cost, length, number = heappop(queue)
        key = tuple(states[number].values())
        where = states[number][Slot(THREAD, thread, PC)]
        if key in done or (number and where in guide.stops):
            continue
        done.add(key)
        for action in guide.leaving.get(where, ()):
            for move in _moves(guide, action, Context(guide.whole, states[number], thread)):
                came[len(states)] = (number, move)
                states.append(move.state)
                now = cost + (0 if move.forced is None else 1 if move.forced else SENSELESS)
                if action.target == end:
                    total = now + _wrong(_back(came, len(states) - 1), goal)
                    if best is None or total < best[0]:
                        best = (total, len(states) - 1)
                heappush(queue, (now, length + 1, len(states) - 1))
    return None if best is None else _back(came, best[1])


def _wrong(path: Sequence[Move], goal: Mapping[Slot, int]) -> int:
    """The cost of ending otherwise: twice as much for what the path never stores, since nothing then says why."""
    slots = [slot for slot, value in goal.items() if path[-1].state[slot] != value]
    stored = {key_of(u.place) for move in path for u in move.step.action.updates} if slots else set[Key]()
    return sum(1 if (slot.cell, slot.name) in stored else 2 for slot in slots)


def _moves(guide: Guide, action: Action, at: Context) -> Iterator[Move]:
    """The ways to take the action, and if there is none, one in which it is forced."""
    taken = False
    for choice, here in contexts(action, at):
        taken = True
        yield Move(Step(at.me, action, choice), apply(action, here), None)
    if not taken and action.guard != TRUE:
        free = replace(action, guard=TRUE)
        for choice, here in contexts(free, at):
            failing = [part for part in conjuncts(action.guard) if not evaluate(part, here)]
            found = {key for part in failing for key in reads(guide.whole.system, part)}
            try:
                post = apply(free, here)
            except SemanticsError:  # what the guard is there to prevent
                continue
            yield Move(Step(at.me, action, choice), post, _origins(guide, found))
            return


def _origins(guide: Guide, keys: Collection[Key]) -> frozenset[Key]:
    """The hidden variables among these, or behind the locals among them."""
    found = set(keys)
    while True:
        grown = found | {key for local in found for key in guide.sources.get(local, ())}
        if grown == found:
            return frozenset(found & set(guide.hidden))
        found = grown


def _feeding(guide: Guide, path: Sequence[Move], slot: Slot) -> frozenset[Key]:
    """The hidden variables from which the path works out the value of a slot."""
    system = guide.whole.system
    found = set[Key]()
    for move in path:
        for update in move.step.action.updates:
            if key_of(update.place) == (slot.cell, slot.name):
                found |= reads(system, update.value) | reads(system, update.when)
    return _origins(guide, found)


def _back(came: Mapping[int, tuple[int, Move]], last: int) -> list[Move]:
    path = list[Move]()
    while last:
        last, move = came[last]
        path.append(move)
    return path[::-1]
