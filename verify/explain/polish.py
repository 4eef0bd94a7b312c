"""A search that is done, made to say less: things are left out, or replaced by others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import permutations

from verify.explain.candidates import Candidate
from verify.explain.outline import topics
from verify.explain.search import Search, StuckError
from verify.smt.ground import keys_of
from verify.smt.implied import OutOfTimeError
from verify.smt.induct import Goal, Missing
from verify.universal import Clause

CLOSE = 3  # places, near those or of the same name, that something is said at besides to go on about these

Groups = Mapping[Candidate, frozenset[Goal]]


def groups(search: Search) -> Groups:
    """What is said, each with its clauses."""
    found = defaultdict[Candidate, set[Goal]](set)
    for number in search.chosen:
        found[search.known[number].said].add(number)
    return {said: frozenset(numbers) for said, numbers in found.items()}


def joined(search: Search, group: frozenset[Goal]) -> Clause:
    """The clause that says the same at all locations; also where nobody is, so that it may say it anywhere."""
    clauses = [search.known[number].clause for number in group]
    if any(clause.locations is None for clause in clauses):
        return replace(clauses[0], locations=None)
    places = frozenset[int]().union(*(clause.locations or () for clause in clauses))
    return replace(clauses[0], locations=places)


def background(search: Search) -> frozenset[Candidate]:
    """What is background of what is said, and kept by background."""
    found = groups(search)
    plain = {said for said in found if search.is_background(said) and said is not search.pool.nobody}
    while True:
        helps = {search.pool.nobody, *plain}
        known = frozenset(number for number in search.chosen if search.known[number].said in helps)
        kept = {said for said in plain if all(search.cores[number] <= known for number in found[said])}
        if kept == plain:
            return frozenset(plain)
        plain = kept


def length(search: Search) -> int:
    """In how many sentences it is said; background is one."""
    found, plain = groups(search), background(search)
    rest = [joined(search, group) for said, group in found.items() if said not in plain]
    return len(topics(rest, frozenset(search.pool.live))) + bool(plain)


def prune(search: Search) -> bool:
    """Leave out what can be, one thing at a time; whether there was time for all."""
    with suppress(OutOfTimeError):
        while sum(_without(search, said) for said in _worst_first(search)):
            pass  # what could not be left out for the sake of something that is gone now may be
        return True
    return False


def change(search: Search, most: int) -> None:
    """Say something else instead, where that makes it shorter, until so many questions are asked or time is over."""
    limit = search.asked + most
    with suppress(OutOfTimeError):
        while sum(search.asked < limit and _instead(search, said) for said in _ordinary(search)):
            pass


def align(search: Search) -> None:
    """Say things at places of others too, where they are true and kept, if that makes them one sentence."""
    with suppress(OutOfTimeError):
        while _aligned(search):
            pass


def _aligned(search: Search) -> bool:
    live, found, names = frozenset(search.pool.live), groups(search), search.pool.system.locations
    places = {
        said: (joined(search, group).locations or live) & live
        for said, group in found.items()
        if said.clause.thread and not search.is_background(said)
    }
    for one, other in permutations(places, 2):
        further = places[other] - places[one]
        alike = {names[at].name for at in further} <= {names[at].name for at in places[one]}
        near = len(further) <= CLOSE and (alike or places[one] & places[other])
        close = places[one] < places[other] or near
        if further and close and all(map(one.at, further)) and _also(search, [one.only(at) for at in sorted(further)]):
            return True
    return False


def _also(search: Search, parts: Sequence[Candidate]) -> bool:
    """Say these too, if they are kept then and it is said in fewer sentences."""
    before, size = (search.chosen, search.cores), length(search)
    more = [search.number(part) for part in parts]
    search.chosen = search.chosen.union(more)
    if length(search) < size:
        for goal in more:
            kept = search.induction.missing(goal, search.helpers(goal, search.chosen))
            if isinstance(kept, Missing):
                break
            search.cores = {**search.cores, goal: kept}
        else:
            return True
    search.chosen, search.cores = before
    return False


def _ordinary(search: Search) -> Sequence[Candidate]:
    return [said for said in _worst_first(search) if not search.is_background(said)]


def _worst_first(search: Search) -> Sequence[Candidate]:
    return sorted(groups(search), key=lambda candidate: (search.is_background(candidate), -candidate.cost))


def _without(search: Search, said: Candidate) -> bool:
    """Say it no longer, if nothing else needs it."""
    gone = groups(search).get(said)
    if gone is None:
        return False
    left = search.chosen - gone
    cores = dict(search.cores)
    for goal, core in cores.items():
        if goal not in gone and core & gone:
            kept = search.induction.missing(goal, search.helpers(goal, left))
            if isinstance(kept, Missing):
                return False
            cores[goal] = kept
    search.cores = {goal: core for goal, core in cores.items() if goal not in gone}
    search.collect()
    return True


def _instead(search: Search, said: Candidate) -> bool:
    """Say something else instead that makes it shorter, if there is anything."""
    found = groups(search)
    if said not in found:
        return False

    def begin() -> list[Goal]:
        search.chosen = search.chosen - found[said]
        search.cores = {goal: core for goal, core in search.cores.items() if goal not in found[said]}
        search.said = set(found) - {said}
        search.spoken = set(keys_of(search.prop)).union(*(c.reads for c in search.said))
        return [goal for goal, core in search.cores.items() if core & found[said]]

    search.banned.add(said)
    try:
        return _shorter(search, begin, most=_told(search) + 1)
    finally:
        search.banned.discard(said)


def _told(search: Search) -> int:
    """How many things are said, without background."""
    return len(_ordinary(search))


def _shorter(search: Search, begin: Callable[[], list[Goal]], most: int) -> bool:
    """Whether it is said in fewer sentences if one begins with this and has to keep these goals; else undo it."""
    before, size = (search.chosen, search.cores, search.spoken, search.said), length(search)
    fewer = False
    try:
        if search.complete(begin(), most):
            search.collect()
            fewer = length(search) < size
    except StuckError:
        pass
    finally:
        if not fewer:
            search.chosen, search.cores, search.spoken, search.said = before
    return fewer
