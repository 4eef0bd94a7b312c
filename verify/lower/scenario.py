"""Scenarios: the system with its threads held to a few of the alternatives that they choose from.

A scenario has fewer runs than the whole, so a run of it is one of the whole; and so few states that a search of it goes
deep. Attacks take few calls (the small-scope hypothesis; Jackson 2006): the smallest scenarios come first, and of those
only the ones that `verify.lower.possible` does not rule out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from verify.ir import Action, Expr, System
from verify.lower.flow import reachable
from verify.lower.graph import END
from verify.lower.possible import World, nothing_yet
from verify.lower.visible import roots

Branch = tuple[int, ...]
Branches = frozenset[Branch]


def branches(system: System) -> Sequence[Branch]:
    """The innermost alternatives that threads choose from, in the order of the source."""
    found = {system.locations[end].branch for action in system.actions for end in (action.source, action.target)}
    return sorted(b for b in found if b and not any(other != b and other[: len(b)] == b for other in found))


def scenario(system: System, chosen: Branches) -> System:
    """The system held to these alternatives: where there is a choice, no other is taken."""
    actions = [action for action in system.actions if _allows(system, action, chosen)]
    return replace(system, actions=tuple(reachable(actions, [*roots(system), END])))


def suspects(system: System, prop: Expr) -> Iterator[Branches]:
    """The smallest sets of alternatives that might violate the property: by size, none within another."""
    every = branches(system)
    allowed = {branch: [n for n, a in enumerate(system.actions) if _allows(system, a, {branch})] for branch in every}
    common = [n for n, action in enumerate(system.actions) if _allows(system, action, ())]
    hitting = _Hitting(prop, nothing_yet(system).with_more(common), allowed)
    for size in range(len(every) + 1):
        yield from hitting.sets(frozenset(), size)


def widened(found: Sequence[Branches], every: Sequence[Branch], more: int) -> Iterator[Branches]:
    """The sets with `more` further alternatives, each once."""
    seen = set[Branches]()
    for chosen in found:
        for added in combinations([branch for branch in every if branch not in chosen], more):
            wider = chosen | frozenset(added)
            if wider not in seen:
                seen.add(wider)
                yield wider


def _allows(system: System, action: Action, chosen: Collection[Branch]) -> bool:
    ends = (system.locations[action.source].branch, system.locations[action.target].branch)
    return all(not end or any(branch[: len(end)] == end for branch in chosen) for end in ends)


@dataclass(slots=True)
class _Hitting:
    """The search for the smallest sets of branches in whose worlds the property might be violated.

    A set that fails is grown for as long as it fails; every set that does not has one of the branches left out, a
    `need`. So what is to be tried are the sets that hit every need (Reiter 1987; Liffiton et al., "MARCO", 2016).
    """

    prop: Expr
    common: World  # of what no branch is needed for
    allowed: Mapping[Branch, Sequence[int]]
    needs: list[Branches] = field(default_factory=list)
    found: list[Branches] = field(default_factory=list)
    tried: set[Branches] = field(default_factory=set)

    def sets(self, chosen: Branches, left: int) -> Iterator[Branches]:
        """Those of exactly `left` branches more than `chosen`; the smaller ones have been found."""
        if any(smaller <= chosen for smaller in self.found):
            return
        need = next((need for need in self.needs if not need & chosen), None)
        if need is None:
            world = self.common.with_more([n for branch in sorted(chosen) for n in self.allowed[branch]])
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
        for branch in sorted(self.allowed.keys() - failing):
            wider = world.with_more(self.allowed[branch])
            if wider.breaks(self.prop):
                left_out.add(branch)
            else:
                world = wider
        self.needs.append(frozenset(left_out))
        return self.needs[-1]
