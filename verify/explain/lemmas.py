"""What follows from the sentences: parts of the code that never run at once on one object, by a lock that both hold.

Nothing here is found by a name: two clauses that say of threads at some places that they hold the same lock, of their
own object or of one that a pointer leads to, say together that these places exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

from verify.explain.places import Places
from verify.ir import Binary, Bound, Expr, Field, Global, Local, System
from verify.universal import OBJECT, THREAD, Clause


class Section(NamedTuple):
    """Places at which every thread holds a lock: a global one, or that of its own object or another."""

    lock: tuple[str, str]  # class, or "" for a global, and name
    whose: str
    places: frozenset[int]


def exclusions(system: System, clauses: Sequence[Clause], where: Places) -> Iterator[str]:
    """Sentences that follow from two clauses about one lock, of places that exclude each other."""
    live, kind = frozenset(where.order), system.thread
    sections = [section for clause in clauses for section in _sections(system, clause, live)]
    for one, other in combinations_with_replacement(sections, 2):
        if one.lock != other.lock or one.whose == other.whose == THREAD:
            continue
        if one.whose == OBJECT:
            one, other = other, one  # noqa: PLW2901 - the thread whose own lock it is comes first
        here, there = where.within(one.places), where.within(other.places)
        held = f"`{one.lock[1]}`" if not one.whose else f"its `{one.lock[1]}`"
        match one.whose, one == other:
            case "", True:
                yield f"no two {kind}s are {here} at once: both hold {held}"
            case "", False:
                yield f"while a {kind} is {here}, no other is {there}: both hold {held}"
            case _, True:
                yield f"no two {kind}s that work on one other {one.lock[0]} are {here} at once: both hold {held}"
            case _:
                on = "it" if one.whose == THREAD else f"the same other {one.lock[0]}"
                yield f"while a {kind} is {here}, no other {kind} that works on {on} is {there}: both hold {held}"


def _sections(system: System, clause: Clause, live: frozenset[int]) -> Iterator[Section]:
    """The lock that a clause says is held, if it says no more."""
    places = live if clause.locations is None else clause.locations & live
    if not clause.thread or not places or places == live:
        return
    match clause.body:
        case Binary("==", Global(name), Bound(owner)) if owner == THREAD and system.var(Global(name)).lock:
            yield Section(("", name), "", places)
        case Binary("==", Field(Bound(whose), cls, name) as lock, Bound(owner)) if owner == THREAD:
            if system.var(lock).lock and whose == THREAD:
                yield Section((cls, name), THREAD, places)
        case Binary("||", left, right):
            held = [test for test in (left, right) if _holds(system, test)]
            tied = [test for test in (left, right) if _ties(test)]
            for test in held if tied else ():
                assert isinstance(test, Binary)  # noqa: S101 - see `_holds`
                assert isinstance(test.left, Field)  # noqa: S101 - the same
                yield Section((test.left.cls, test.left.name), OBJECT, places)
        case _:
            pass


def _holds(system: System, test: Expr) -> bool:
    """Whether a test says that the thread holds a lock of the other object."""
    match test:
        case Binary("==", Field(Bound(whose), _, _) as lock, Bound(owner)):
            return whose == OBJECT and owner == THREAD and system.var(lock).lock
        case _:
            return False


def _ties(test: Expr) -> bool:
    """Whether a test says that a pointer of the thread does not lead to the other object."""
    match test:
        case Binary("!=", Local(), Bound(other)):
            return other == OBJECT
        case _:
            return False
