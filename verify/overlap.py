"""Calls that overlap where a lock is gone: a hunt for the runs that it kept from happening.

It takes a thread in a call that took the lock and changes another's object, one more in such a call, and somebody for
whom that is bad, each with nothing else to do (`verify.lower.sides`). Two threads within a call at once are enough for
nearly every race, as two are all in all (Lu, Park, Seo and Zhou, ASPLOS 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice

from verify.engine.packing import Layout
from verify.engine.search import Limits, exploration
from verify.engine.verdict import Report, Trace
from verify.instances import THREAD, Slot, instance
from verify.ir import PC, Action, Const, Expr, Field, Local, Me, System
from verify.lower import Lowered
from verify.lower.scenario import Branch, Branches, Ways, suspects
from verify.lower.sides import resting, with_sides
from verify.lower.visible import key_of, roots, seen

AT_ONCE = 2  # threads within a call
MOST = 24  # scenarios that are looked at for who suffers
STATES = 2_000_000  # of one system that are searched


def taken_in(lowered: Lowered, locks: Collection[str]) -> frozenset[Branch]:
    """The alternatives in which guards that are locks are taken, of the system with them."""
    places = (place for lock in locks for place in lowered.labels.get(lock, ()))
    return frozenset(lowered.system.locations[place].branch for place in places)


def overlaps(  # noqa: PLR0913, PLR0917 - what to look for, and how far
    by: Ways, prop: Expr, inside: Collection[Branch], tasks: int, shrink: Callable[[System], System], deadline: float,
    report: Report,
) -> Iterator[Trace]:  # fmt: skip
    """Runs to states where `prop` is false, in which calls overlap that begin in alternatives `inside`.

    Each is one of a small system, with `tasks` tasks. Whether it is one of the system of `by` is for
    `verify.lower.expand` to say. `deadline` is a value of time.monotonic().
    """
    sides = _sides(by, prop, inside)
    if sides is not None:
        part = instance(shrink(with_sides(by.system, sides)), tasks)
        few = partial(_few_within, resting(by.system))
        found = exploration(part, prop, keep=few).explore(Limits(deadline, report, STATES))
        if found.trace is not None:
            yield found.trace


def _sides(by: Ways, prop: Expr, inside: Collection[Branch]) -> tuple[Branches, Branches] | None:
    """Who suffers, and who is within such calls or makes tasks; None if nobody is."""
    within = frozenset(b for b in by.branches if any(b[: len(begin)] == begin for begin in inside))
    meddlers = frozenset(branch for branch in within if _meddles(by, prop, branch))
    likely = (chosen for chosen in islice(suspects(by, prop), MOST) if chosen & meddlers)
    victims = next((chosen - within for chosen in likely if chosen - within), None)
    if victims is None:
        return None
    makers = [branch for branch in by.branches if _makes_tasks(by, branch) and branch not in victims]
    return victims, meddlers | frozenset(sorted(makers, key=lambda branch: len(by.allowed(branch)))[:1])


def _meddles(by: Ways, prop: Expr, branch: Branch) -> bool:
    """Whether it changes, in another's object, what the property reads, locks aside."""
    system, to = by.system, seen(prop).keys
    places = (update.place for action in _own(by, branch) for update in action.updates)
    others = (place for place in places if isinstance(place, Field) and place.pointer != Me())
    return any(key_of(place) in to and not system.var(place).lock for place in others)


def _makes_tasks(by: Ways, branch: Branch) -> bool:
    """Whether it starts threads that do what those do which are there from the start."""
    begins = [Const(place) for place in roots(by.system)]
    begun = (update for action in _own(by, branch) for update in action.updates if update.value in begins)
    return any(isinstance(update.place, Local) and update.place.of is not None for update in begun)


def _own(by: Ways, branch: Branch) -> Iterator[Action]:
    """The actions that an alternative has and not everybody takes."""
    return (by.system.actions[number] for number in by.allowed(branch) if number not in by.common.allowed)


def _few_within(at_rest: Collection[int], places: Layout) -> Callable[[int], bool]:
    """Whether few threads of a state are within a call, as they are unless they rest."""
    counters = [places.bits[Slot(THREAD, me, PC)] for me in range(1, places.instance.tasks + 1)]
    parts = [(bits.shift, (1 << bits.width) - 1, bits.low) for bits in counters]

    def few(state: int) -> bool:
        return sum((state >> shift & mask) + low not in at_rest for shift, mask, low in parts) <= AT_ONCE

    return few
