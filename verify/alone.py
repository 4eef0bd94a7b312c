"""What a thread does alone, with a check and without it: the outcomes of a call, and whether they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.instances import THREAD, Instance, Slot, State
from verify.ir import PC, Action, Local, LocationKind, System
from verify.semantics import Context, apply, contexts

Ending = LocationKind | Literal["return"]


@dataclass(frozen=True, slots=True)
class Way:
    """All that a thread does alone from before a check to the end of the call, as one action; or to an error."""

    action: Action
    ending: Ending  # "return", or the kind of the error
    result: Local | None = None  # where the result is; None of a function without one, and after an error


@dataclass(frozen=True, slots=True)
class Fork:
    """The ways on from a location before a check where its condition holds: with the check, and without it.

    `lent` are the locals of callers that a way may write and that are read after the call. `why` says why the ways
    cannot be written down; then there are none.
    """

    kept: tuple[Way, ...] = ()
    removed: tuple[Way, ...] = ()
    lent: frozenset[str] = frozenset()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Forks:
    """The forks of a check by the location before it; their ways are actions of `system`."""

    check: str
    system: System
    forks: Mapping[int, Fork] = field(hash=False)

    @property
    def why(self) -> str:
        """Why outcomes cannot be compared everywhere; empty if they can."""
        return next((fork.why for fork in self.forks.values() if fork.why), "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ends: what it returns, and the variables that others or the caller can read then."""

    ending: Ending
    result: int | None
    memory: Mapping[Slot, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """An outcome with a check and one without it, of the call that `thread` is in: one that only one of both has."""

    instance: Instance
    thread: int
    kept: Outcome
    removed: Outcome
    result: Local | None  # where the result was
    before: State = field(hash=False, repr=False)
    only: Literal["kept", "removed"] | None = None  # which of the two only one side can have, where a side has several

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The variables on which the two differ."""
        mine, other = self.kept.memory, self.removed.memory
        return tuple(slot for slot in self.instance.slots() if slot in mine and mine[slot] != other.get(slot))


def outcomes(ways: Sequence[Way], lent: frozenset[str], at: Context) -> list[Outcome]:
    """Every outcome that the thread of `at` can have by one of the ways."""
    found = list[Outcome]()
    for way in ways:
        for _, here in contexts(way.action, at):
            post = apply(way.action, here)
            outcome = Outcome(way.ending, _result(way, post, at.me), _memory(post, lent, at.me))
            found += [outcome] if outcome not in found else []
    return found


def difference(forks: Forks, inst: Instance, state: State, thread: int) -> Difference | None:
    """How the outcomes with the check and without it differ for a thread that is before it; None if they do not.

    That is an outcome of one that the other cannot have, and one that the other has instead. There is none where the
    check does not fire, and where the thread cannot go on to an outcome alone, with the check or without.
    """
    fork = forks.forks.get(state[Slot(THREAD, thread, PC)])
    if fork is None:
        return None
    wide = Instance(forks.system, inst.tasks, inst.sizes)
    at = Context(wide, state, thread)
    kept, removed = outcomes(fork.kept, fork.lent, at), outcomes(fork.removed, fork.lent, at)
    pairs = ((one, other) for one in kept for other in removed if one not in removed or other not in kept)
    first = min(pairs, key=lambda pair: (pair[0].result == pair[1].result, pair[0] in removed), default=None)
    if first is None:
        return None
    result = next((way.result for way in (*fork.kept, *fork.removed) if way.result is not None), None)
    several = len(kept) > 1 or len(removed) > 1
    only: Literal["kept", "removed"] = "removed" if first[0] in removed else "kept"
    return Difference(wide, thread, *first, result, state, only if several else None)


def _result(way: Way, post: State, me: int) -> int | None:
    return None if way.result is None else post[Slot(THREAD, me, way.result.name)]


def _memory(post: State, lent: frozenset[str], me: int) -> dict[Slot, int]:
    """What others can read, and the caller: not the thread's own locals, but where other threads stand."""
    return {
        slot: value for slot, value in post.items()
        if slot.cell != THREAD or (slot.index != me and slot.name == PC) or (slot.index == me and slot.name in lent)
    }
