"""From a proof to a short one: the clauses that a search chose, said at as many locations at once, none superfluous."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from verify.explain.candidates import Candidate, pool
from verify.explain.search import Search, StuckError
from verify.ir import Expr, System
from verify.smt.ground import keys_of
from verify.smt.implied import OutOfTimeError
from verify.smt.induct import Goal, Missing, induction
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause

SEARCHING = 0.7  # of the time that is left, until a set is made smaller; and of what is left then, until it is judged
POLISHING = 10.0  # seconds, for saying something else instead

@dataclass(frozen=True, slots=True)
class Short:
    """Clauses that Z3 has accepted as a proof; `minimal` if none of them can be left out."""

    clauses: Sequence[Clause]
    minimal: bool


def shortened(system: System, clauses: Sequence[Clause], prop: Expr, deadline: float) -> Short | None:
    """A short proof, of clauses that those of another proof imply; None if none is found in time.

    It is judged like any other. `deadline` is a value of time.monotonic().
    """
    try:
        known = induction(system, prop, _share(deadline, SEARCHING))
        if known is None:
            return None
        search = Search(known, pool(system, clauses, known.deadline), prop)
        search.run()
        known.deadline = search.pool.deadline = _share(deadline, SEARCHING)
        groups, minimal = _fewest(search)
        found = [_joined(search, group) for group in groups.values()]
        judgement = judge_universal(system, found, prop, deadline=deadline)
    except (OutOfTimeError, StuckError, EncodingError):
        return None
    return Short(found, minimal) if judgement.ok else None


def _share(deadline: float, part: float) -> float:
    now = time.monotonic()
    return now + max(0.0, deadline - now) * part


def _fewest(search: Search) -> tuple[Mapping[Candidate, frozenset[Goal]], bool]:
    """What is said, each with its clauses; and whether nothing of it can be left out."""
    _pruned(search)
    limit = search.induction.deadline
    search.induction.deadline = min(limit, time.monotonic() + POLISHING)
    with suppress(OutOfTimeError):
        while sum(_instead(search, said) for said in _worst_first(search)):
            pass
    search.induction.deadline = limit
    minimal = _pruned(search)
    return _groups(search), minimal


def _pruned(search: Search) -> bool:
    """Leave out what can be, one thing at a time; whether there was time for all."""
    with suppress(OutOfTimeError):
        while sum(_without(search, said) for said in _worst_first(search)):
            pass  # what could not be left out for the sake of something that is gone now may be
        return True
    return False


def _worst_first(search: Search) -> Sequence[Candidate]:
    return sorted(_groups(search), key=lambda candidate: -candidate.cost)


def _groups(search: Search) -> Mapping[Candidate, frozenset[Goal]]:
    found = defaultdict[Candidate, set[Goal]](set)
    for number in search.chosen:
        found[search.known[number].said].add(number)
    return {said: frozenset(numbers) for said, numbers in found.items()}


def _without(search: Search, said: Candidate) -> bool:
    """Say it no longer, if nothing else needs it."""
    gone = _groups(search).get(said)
    if gone is None:
        return False
    left = search.chosen - gone
    cores = dict(search.cores)
    for goal, core in cores.items():
        if goal not in gone and core & gone:
            kept = search.induction.missing(goal, left)
            if isinstance(kept, Missing):
                return False
            cores[goal] = kept
    search.cores = {goal: core for goal, core in cores.items() if goal not in gone}
    search.collect()
    return True


def _instead(search: Search, said: Candidate) -> bool:
    """Say something else instead that makes it fewer things to say, if there is anything."""
    groups = _groups(search)
    if said not in groups:
        return False
    before = search.chosen, search.cores, search.spoken, search.said
    search.banned.add(said)
    search.chosen = search.chosen - groups[said]
    search.cores = {goal: core for goal, core in search.cores.items() if goal not in groups[said]}
    search.said = set(groups) - {said}
    search.spoken = set(keys_of(search.prop)).union(*(c.reads for c in search.said))
    todo = [goal for goal, core in search.cores.items() if core & groups[said]]
    fewer = False
    try:
        if search.complete(todo, most=len(groups) + 1):
            search.collect()
            fewer = len(_groups(search)) < len(groups)
    except StuckError:
        pass
    finally:
        search.banned.discard(said)
        if not fewer:
            search.chosen, search.cores, search.spoken, search.said = before
    return fewer


def _joined(search: Search, group: frozenset[Goal]) -> Clause:
    """The clause that says the same at all locations; also where nobody is, so that it may say it anywhere."""
    clauses = [search.known[number].clause for number in group]
    if any(clause.locations is None for clause in clauses):
        return replace(clauses[0], locations=None)
    places = frozenset[int]().union(*(clause.locations or () for clause in clauses))
    return replace(clauses[0], locations=places)
