"""Scenarios: the system with its threads held to a few of the alternatives that their entry functions choose from.

A scenario has fewer runs than the whole, so a run of it is one of the whole; and so few states that a search of it goes
deep. Attacks take few calls (the small-scope hypothesis; Jackson 2006), which is why the smallest scenarios come first,
and few switches between threads (Qadeer and Rehof, TACAS 2005).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from verify.ir import Action, Binary, Const, Expr, Global, Ite, Me, Ptr, Range, System, Update, Var
from verify.lower.flow import reachable
from verify.lower.graph import END
from verify.lower.possible import breakable
from verify.lower.simplify import conj
from verify.lower.visible import Key, changed, roots, seen

Branch = tuple[int, ...]
TURN, SWITCHES = Global("#turn"), Global("#switches")


@dataclass(frozen=True, slots=True)
class Scenario:
    """The system held to some branches."""

    branches: tuple[Branch, ...]
    system: System


def branches(system: System) -> Sequence[Branch]:
    """The innermost alternatives that the entry functions choose from, in the order of the source."""
    found = {system.locations[end].branch for action in system.actions for end in (action.source, action.target)}
    return sorted(b for b in found if b and not any(other != b and other[: len(b)] == b for other in found))


def scenarios(system: System, prop: Expr, size: int) -> Iterator[Scenario]:
    """The scenarios of `size` branches that might violate the property; first those that change most that it sees."""
    test = breakable(system, prop)
    reach = _reach(system, prop)
    found = [(chosen, len(set().union(*(reach[b] for b in chosen)))) for chosen in combinations(branches(system), size)]
    for chosen, _ in sorted(found, key=lambda item: -item[1]):
        allowed = [number for number, action in enumerate(system.actions) if _allows(system, action, chosen)]
        if test(allowed):
            actions = reachable([system.actions[number] for number in allowed], [*roots(system), END])
            yield Scenario(chosen, replace(system, actions=tuple(actions)))


def _reach(system: System, prop: Expr) -> dict[Branch, set[Key]]:
    """What each branch can change of what the property sees."""
    to = seen(prop)
    found = defaultdict[Branch, set[Key]](set)
    for action in system.actions:
        branch = max(system.locations[action.source].branch, system.locations[action.target].branch, key=len)
        found[branch] |= changed(action, to)
    return found


def _allows(system: System, action: Action, chosen: Collection[Branch]) -> bool:
    ends = (system.locations[action.source].branch, system.locations[action.target].branch)
    return all(not end or any(branch[: len(end)] == end for branch in chosen) for end in ends)


def switching(system: System, most: int) -> System:
    """The system in which control passes from one thread to another at most `most` times.

    Two globals more say whose turn it is and how often it may still change; the first turn counts for nothing.
    """
    mine = Binary("==", TURN, Me())
    free = Binary("||", mine, Binary(">", SWITCHES, Const(0)))
    fewer = Binary("-", SWITCHES, Ite(mine, Const(0), Const(1)))
    passing = (Update(TURN, Me()), Update(SWITCHES, fewer))
    actions = [replace(a, guard=conj([a.guard, free]), updates=(*a.updates, *passing)) for a in system.actions]
    added = (Var(TURN.name, Ptr(system.thread)), Var(SWITCHES.name, Range(0, most + 1), most + 1))
    return replace(system, actions=tuple(actions), globals=(*system.globals, *added))
