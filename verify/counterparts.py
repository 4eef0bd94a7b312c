"""Runs in which sections are single steps: whether a run has one as its counterpart.

A counterpart takes each step outside of sections when the run does, and each section in one step, whose instant is
somewhere between the section's beginning and its end. The thread that takes a step outside, or ends a section, then
stands where it stands in the run, with the same locals; and whenever no thread is within a section, the whole state is
the same. That is linearizability (Herlihy & Wing 1990) of sections. All counterparts are followed at once, as in a
forward-backward simulation (Lynch & Vaandrager 1995), so that none is missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from verify.instances import THREAD, Instance, Slot, State, Trace
from verify.ir import PC
from verify.semantics import Context, apply, contexts


class Counterpart(NamedTuple):
    """A state of a counterpart, as values in the order of the slots, and who is within a section that it has taken."""

    values: tuple[int, ...]
    done: frozenset[int] = frozenset()


Followed = frozenset[Counterpart]


def first(inst: Instance, state: State) -> Followed:
    """The counterparts of a run of no steps."""
    return frozenset({Counterpart(_values(inst, state))})


def follow(inst: Instance, inside: Collection[int], might: Followed, steps: tuple[State, int, State]) -> Followed:
    """The counterparts of a run with one step more: from a state, of a thread, to another. `inside` are locations."""
    before, me, after = steps
    was, now = (state[Slot(THREAD, me, PC)] in inside for state in (before, after))
    if was and now:
        return might
    if was:
        might = frozenset(Counterpart(one.values, one.done - {me}) for one in might if me in one.done)
    elif not now:
        might = frozenset(
            Counterpart(_values(inst, new), one.done)
            for one in might
            for new in steps_of(inst, _state(inst, one), me)
        )
    busy = frozenset(t for t in range(1, inst.tasks + 1) if after[Slot(THREAD, t, PC)] in inside)
    mine = [place for place, slot in enumerate(inst.slots()) if not busy or (slot.cell == THREAD and slot.index == me)]
    wanted = _values(inst, after)
    compared: Sequence[int] = [] if now else mine
    return frozenset(
        one for one in _closed(inst, inside, might, busy) if all(one.values[p] == wanted[p] for p in compared)
    )


def without_counterpart(trace: Trace, inside: Collection[int]) -> int | None:
    """How many steps of a run it takes until it has no counterpart; None if it has one."""
    might = first(trace.instance, trace.states[0])
    for number, step in enumerate(trace.steps, start=1):
        might = follow(
            trace.instance, inside, might, (trace.states[number - 1], step.thread, trace.states[number])
        )
        if not might:
            return number
    return None


def steps_of(inst: Instance, state: State, thread: int) -> Iterator[State]:
    """The states that a thread can step to."""
    for action in inst.system.actions:
        for _, here in contexts(action, Context(inst, state, thread)):
            yield apply(action, here)


def section_of(inst: Instance, inside: Collection[int], state: State, thread: int) -> Iterator[State]:
    """The states that a thread can come to by a whole section, in which no other thread steps."""
    at = Slot(THREAD, thread, PC)
    todo = [after for after in steps_of(inst, state, thread) if after[at] in inside]
    seen = set[tuple[int, ...]]()
    while todo:
        for after in _new(inst, steps_of(inst, todo.pop(), thread), seen):
            if after[at] in inside:
                todo.append(after)
            else:
                yield after


def _closed(inst: Instance, inside: Collection[int], might: Followed, busy: frozenset[int]) -> Followed:
    """The counterparts, and those after sections that threads within one have not yet taken, in any order."""
    found, todo = set(might), list(might)
    while todo:
        one = todo.pop()
        for thread in busy - one.done:
            for after in section_of(inst, inside, _state(inst, one), thread):
                more = Counterpart(_values(inst, after), one.done | {thread})
                if more not in found:
                    found.add(more)
                    todo.append(more)
    return frozenset(found)


def _new(inst: Instance, states: Iterable[State], seen: set[tuple[int, ...]]) -> Iterator[State]:
    for state in states:
        values = _values(inst, state)
        if values not in seen:
            seen.add(values)
            yield state


def _values(inst: Instance, state: State) -> tuple[int, ...]:
    return tuple(state[slot] for slot in inst.slots())


def _state(inst: Instance, one: Counterpart) -> State:
    return dict(zip(inst.slots(), one.values, strict=True))
