"""Scenarios: the system with its threads held to a few of the alternatives that their entry functions choose from.

A scenario has fewer runs than the whole, so a run of it is one of the whole; and so few states that a search of it goes
deep. Attacks take few calls (the small-scope hypothesis; Jackson 2006), which is why the smallest scenarios come first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations

from verify.ir import Action, Expr, System
from verify.lower.flow import reachable
from verify.lower.graph import END
from verify.lower.visible import Key, changed, roots, seen

Branch = tuple[int, ...]


def scenarios(system: System, prop: Expr, *, most: int) -> Iterator[System]:
    """Every scenario of up to `most` branches: those first that can change most of what the property sees."""
    to = seen(prop)
    changes = defaultdict[Branch, set[Key]](set)
    for action in system.actions:
        branch = max(system.locations[action.source].branch, system.locations[action.target].branch, key=len)
        if branch:
            changes[branch] |= changed(action, to)
    inner = sorted(b for b in changes if not any(other != b and other[: len(b)] == b for other in changes))
    found = [chosen for size in range(1, min(most, len(inner) - 1) + 1) for chosen in combinations(inner, size)]
    reach = {chosen: len(set().union(*(changes[branch] for branch in chosen))) for chosen in found}
    for chosen in sorted(found, key=lambda c: (-reach[c], len(c), c)):
        if reach[chosen]:
            yield _held_to(system, chosen)


def _held_to(system: System, chosen: Collection[Branch]) -> System:
    def allowed(action: Action) -> bool:
        ends = (system.locations[action.source].branch, system.locations[action.target].branch)
        return all(not end or any(branch[: len(end)] == end for branch in chosen) for end in ends)

    actions = [action for action in system.actions if allowed(action)]
    return replace(system, actions=tuple(reachable(actions, [*roots(system), END])))
