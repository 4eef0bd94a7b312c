"""Scenarios: the system with its threads held to a few of the alternatives that they choose from.

A scenario has fewer runs than the whole, so a run of it is one of the whole; and so few states that a search of it goes
deep. Attacks take few calls (the small-scope hypothesis; Jackson 2006): the smallest scenarios come first, and of those
only the ones that `verify.lower.possible` does not rule out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from verify.ir import Action, Expr, Field, Me, System
from verify.lower.flow import reachable
from verify.lower.graph import END
from verify.lower.possible import World, nothing_yet
from verify.lower.visible import key_of, roots, seen

Branch = tuple[int, ...]
Branches = frozenset[Branch]


def branches(system: System) -> Sequence[Branch]:
    """The innermost alternatives that threads choose from, in the order of the source."""
    found = {system.locations[end].branch for action in system.actions for end in (action.source, action.target)}
    return sorted(b for b in found if b and not any(other != b and other[: len(b)] == b for other in found))


def scenario(system: System, chosen: Branches) -> System:
    """The system held to these alternatives: where there is a choice, no other is taken."""
    actions = list(filter(within(system, chosen), system.actions))
    return replace(system, actions=tuple(reachable(actions, [*roots(system), END])))


@dataclass(slots=True)
class Ways:
    """The alternatives of a system, and what can be in its scenarios: worked out once for all its properties."""

    system: System
    common: World  # of what no alternative is needed for
    ends: Mapping[tuple[Branch, Branch], Sequence[int]]  # where actions begin and end: their numbers
    branches: Sequence[Branch]  # the innermost, in the order of the source
    worlds: dict[Branches, World] = field(default_factory=dict)

    def world(self, chosen: Branches) -> World:
        """What can be if these alternatives, or the ways there, are taken."""
        if not chosen:
            return self.common
        last = max(chosen)
        return self.wider(chosen - {last}, self.world(chosen - {last}), last)

    def wider(self, chosen: Branches, world: World, branch: Branch) -> World:
        """What can be with one alternative more than the `chosen` ones of a `world`."""
        key = chosen | {branch}
        if key not in self.worlds:
            self.worlds[key] = world.with_more(self.allowed(branch))
        return self.worlds[key]

    def allowed(self, branch: Branch) -> Sequence[int]:
        """The numbers of the actions that an alternative has or shares with others."""
        return [number for ends, found in self.ends.items() if _within(ends, {branch}) for number in found]


def ways(system: System) -> Ways:
    """The ways of a system."""
    ends = defaultdict[tuple[Branch, Branch], list[int]](list)
    for number, action in enumerate(system.actions):
        ends[_ends(system, action)].append(number)
    common = [number for ends_of, found in ends.items() if _within(ends_of, ()) for number in found]
    return Ways(system, nothing_yet(system).with_more(common), ends, branches(system))


def suspects(by: Ways, prop: Expr) -> Iterator[Branches]:
    """The smallest sets of alternatives that might violate the property: by size, none within another.

    Single ones that take few actions come first, since of those most are false alarms, told soon; what takes several
    alternatives at once is mostly real, and comes in the order of the source.
    """
    hitting = _Hitting(prop, by, by.branches)
    for size in range(len(by.branches) + 1):
        found = hitting.sets(frozenset(), size)
        yield from sorted(found, key=lambda chosen: len(by.allowed(*chosen))) if size == 1 else found


def core(by: Ways, prop: Expr, chosen: Branches) -> Branches:
    """The alternatives without the last choice in them, where the property might be violated before that."""
    for branch in sorted(chosen):
        before = chosen - {branch} | {branch[:-1]}
        if branch[:-1] and by.world(before).breaks(prop):
            chosen = before
    return chosen


def meddling(by: Ways, prop: Expr, chosen: Branches) -> int:
    """How many of the alternatives change, in another's object, what the property reads, where not all do."""
    to = seen(prop).keys

    def meddles(action: Action) -> bool:
        places = [update.place for update in action.updates]
        return any(isinstance(p, Field) and p.pointer != Me() and key_of(p) in to for p in places)

    actions, common = by.system.actions, by.common.allowed
    return sum(any(meddles(actions[n]) for n in by.allowed(branch) if n not in common) for branch in chosen)


def widened(found: Sequence[Branches], every: Sequence[Branch], more: int) -> Iterator[Branches]:
    """The sets with `more` further alternatives, each once."""
    seen = set[Branches]()
    for chosen in found:
        for added in combinations([branch for branch in every if branch not in chosen], more):
            wider = chosen | frozenset(added)
            if wider not in seen:
                seen.add(wider)
                yield wider


def within(system: System, chosen: Collection[Branch]) -> Callable[[Action], bool]:
    """Whether a thread that takes these alternatives alone may take an action."""
    known: dict[tuple[Branch, Branch], bool] = {}

    def may(action: Action) -> bool:
        ends = _ends(system, action)
        if ends not in known:
            known[ends] = _within(ends, chosen)
        return known[ends]

    return may


def _ends(system: System, action: Action) -> tuple[Branch, Branch]:
    return system.locations[action.source].branch, system.locations[action.target].branch


def _within(ends: tuple[Branch, Branch], chosen: Collection[Branch]) -> bool:
    return all(not end or any(branch[: len(end)] == end for branch in chosen) for end in ends)


@dataclass(slots=True)
class _Hitting:
    """The search for the smallest sets of branches in whose worlds the property might be violated.

    A set that fails is grown for as long as it fails; every set that does not has one of the branches left out, a
    `need`. So what is to be tried are the sets that hit every need (Reiter 1987; Liffiton et al., "MARCO", 2016).
    """

    prop: Expr
    ways: Ways
    every: Sequence[Branch]
    needs: list[Branches] = field(default_factory=list)
    found: list[Branches] = field(default_factory=list)
    tried: set[Branches] = field(default_factory=set)

    def sets(self, chosen: Branches, left: int) -> Iterator[Branches]:
        """Those of exactly `left` branches more than `chosen`; the smaller ones have been found."""
        if any(smaller <= chosen for smaller in self.found):
            return
        need = next((need for need in self.needs if not need & chosen), None)
        if need is None:
            world = self.ways.world(chosen)
            if world.breaks(self.prop):
                self.found.append(chosen)
                yield chosen
                return
            need = self.learn(chosen, world)
        if left:
            for branch in sorted(need):
                wider = chosen | {branch}
                if left > 1 or wider not in self.tried:
                    self.tried.add(wider)
                    yield from self.sets(wider, left - 1)

    def learn(self, failing: Branches, world: World) -> Branches:
        """The branches of which one is needed, seen from a set that fails."""
        left_out = set[Branch]()
        for branch in self.every:
            if branch in failing:
                continue
            wider = self.ways.wider(failing, world, branch)
            if wider.breaks(self.prop):
                left_out.add(branch)
            else:
                failing, world = failing | {branch}, wider
        self.needs.append(frozenset(left_out))
        return self.needs[-1]
