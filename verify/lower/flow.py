"""Passes over the finished graph: what is reachable, which gotos are no steps, which locals are dead, atomic blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import TypeVar

from verify.diagnostics import Diagnostic, InputError
from verify.ir import PC, TRUE, Action, Const, Expr, Local, Place, Update, Var
from verify.lower.compose import compose
from verify.lower.simplify import OPERANDS, operands

T = TypeVar("T")


def outgoing(actions: Iterable[Action]) -> dict[int, list[Action]]:
    """The actions by the location they leave."""
    found = defaultdict[int, list[Action]](list)
    for action in actions:
        found[action.source].append(action)
    return found


def incoming(actions: Iterable[Action]) -> dict[int, list[Action]]:
    """The actions by the location they lead to."""
    found = defaultdict[int, list[Action]](list)
    for action in actions:
        found[action.target].append(action)
    return found


def spawned(action: Action) -> set[int]:
    """The locations that the action makes other threads start at."""
    return {
        update.value.value
        for update in action.updates
        if isinstance(update.place, Local) and update.place.name == PC and isinstance(update.value, Const)
    }


def reachable(actions: Sequence[Action], roots: Collection[int]) -> list[Action]:
    """The actions that control can come to from the roots, in their order."""
    leaving = outgoing(actions)
    seen, todo = set(roots), list(roots)
    while todo:
        for action in leaving.get(todo.pop(), []):
            for target in {action.target, *spawned(action)} - seen:
                seen.add(target)
                todo.append(target)
    return [action for action in actions if action.source in seen]


def forward(
    actions: Sequence[Action],
    starts: Mapping[int, T],
    after: Callable[[Action, T], T | None],
    met: Callable[[T, T], T],
) -> dict[int, T]:
    """What an analysis of every path finds at each location: what is `met` of all the ways there.

    `after` is what holds after a step, None if it cannot be taken. Locations are looked at in reverse postorder, so
    that most are seen once (Kam & Ullman 1976).
    """
    leaving = outgoing(actions)
    number = {location: n for n, location in enumerate(postorder(leaving, starts))}
    where = {n: location for location, n in number.items()}
    found = dict(starts)
    todo = [-number[location] for location in starts]
    heapify(todo)
    waiting = set(todo)
    while todo:
        first = heappop(todo)
        waiting.discard(first)
        location = where[-first]
        for action in leaving.get(location, ()):
            new = after(action, found[location])
            if new is None:
                continue
            old = found.get(action.target)
            if old is not None:
                new = met(old, new)
                if new == old:
                    continue
            found[action.target] = new
            if -number[action.target] not in waiting:
                waiting.add(-number[action.target])
                heappush(todo, -number[action.target])
    return found


def postorder(leaving: Mapping[int, Sequence[Action]], roots: Iterable[int]) -> list[int]:
    """The locations that control can come to, each after all that it leads to, but for circles."""
    result, seen = list[int](), set[int]()
    for root in roots:
        todo = [(root, False)]
        while todo:
            location, done = todo.pop()
            if done:
                result.append(location)
            elif location not in seen:
                seen.add(location)
                todo.append((location, True))
                todo += ((action.target, False) for action in leaving.get(location, ()))
    return result


def distinct(actions: Iterable[Action]) -> list[Action]:
    """The actions without repetitions."""
    found = list(actions)
    ways = Counter(map(_looks, found))
    seen = set[Action]()
    result = list[Action]()
    for action in found:
        if ways[_looks(action)] > 1:  # else it is not worth the time to work out its hash
            if action in seen:
                continue
            seen.add(action)
        result.append(action)
    return result


def _looks(action: Action) -> tuple[object, ...]:
    """What equal actions have in common, as far as that is soon told."""
    first = action.micro[0]
    guard, sizes = type(action.guard), (len(action.micro), len(action.updates))
    return action.source, action.target, first.function, first.label, guard, *sizes


def is_skip(action: Action) -> bool:
    """Whether the action does nothing but move."""
    return action.guard == TRUE and not action.updates and not action.binders


def without_skips(actions: Sequence[Action], kept: Collection[int]) -> list[Action]:
    """The actions with every location that only passes control on, and is not in `kept`, cut out."""
    leaving = outgoing(actions)
    onward: dict[int, int] = {}
    for location, found in leaving.items():
        if location not in kept and len(found) == 1 and is_skip(found[0]) and found[0].target != location:
            onward[location] = found[0].target
    for location in _in_circles(onward):  # a thread that goes round for ever is not stuck
        del onward[location]

    def final(location: int) -> int:
        while location in onward:
            location = onward[location]
        return location

    staying = [action for action in actions if action.source not in onward]
    moved = [replace(a, target=final(a.target)) if a.target in onward else a for a in staying]
    return distinct(_respawned(action, final) for action in moved)


def _in_circles(onward: Mapping[int, int]) -> set[int]:
    """The locations that lead back to themselves."""
    found = set[int]()
    for location in onward:
        where, seen = onward[location], set[int]()
        while where in onward and where not in seen | {location}:
            seen.add(where)
            where = onward[where]
        if where == location:
            found.add(location)
    return found


def _respawned(action: Action, final: Callable[[int], int]) -> Action:
    if not spawned(action):
        return action
    updates = tuple(
        replace(u, value=Const(final(u.value.value)))
        if isinstance(u.place, Local) and u.place.name == PC and isinstance(u.value, Const)
        else u
        for u in action.updates
    )
    return replace(action, updates=updates)


def merge_inner(actions: Sequence[Action], inner: Collection[int]) -> list[Action]:
    """The actions with the locations inside `atomic` composed away: a path through them is one action."""
    result = list(actions)
    for location in sorted(inner):
        before = [action for action in result if action.target == location]
        after = [action for action in result if action.source == location]
        joined = [_one_step(one, two) for one in before for two in after]
        result = [a for a in result if location not in (a.source, a.target)] + joined
    return result


def _one_step(one: Action, two: Action) -> Action:
    joined = compose(one, two)
    if joined is None:
        message = "this cannot be one step with what is before it in the `atomic`"
        hint = "who refers to an object is asked before anything is stored, and so is `new` before a `foreach`"
        raise InputError([Diagnostic("KC204", message, two.micro[0].span, hint=hint)])
    return joined


# ---- liveness --------------------------------------------------------------------------------------


def reads(action: Action) -> set[str]:
    """The own locals that the action reads."""
    todo: list[Expr] = [action.guard]
    for update in action.updates:
        todo += (update.value, update.when, *operands(update.place))
    found = set[str]()
    for expr in todo:  # which grows meanwhile
        kind = type(expr)
        if kind is Const:
            continue
        if isinstance(expr, Local) and expr.of is None:
            found.add(expr.name)
        else:
            todo += OPERANDS[kind](expr)
    return found


def writes(action: Action) -> set[str]:
    """The own locals that the action surely writes."""
    return {
        update.place.name
        for update in action.updates
        if isinstance(update.place, Local) and update.place.of is None and update.when == TRUE and not update.each
    }


def stored(action: Action) -> set[str]:
    """The own locals that the action may write."""
    return {u.place.name for u in action.updates if isinstance(u.place, Local) and u.place.of is None}


def live(actions: Sequence[Action], uses: Sequence[Collection[str]] | None = None) -> Mapping[int, frozenset[str]]:
    """The locals that some path from each location reads before it writes them; `uses` are what each action reads."""
    names: dict[str, int] = {}  # sets of locals are masks

    def mask(found: Collection[str]) -> int:
        made = 0
        for name in found:
            made |= 1 << names.setdefault(name, len(names))
        return made

    steps, arriving = defaultdict[int, list[tuple[int, int, int]]](list), defaultdict[int, list[int]](list)
    for action, use in zip(actions, uses or map(reads, actions), strict=True):
        steps[action.source].append((action.target, mask(use), ~mask(writes(action))))
        arriving[action.target].append(action.source)
    alive = dict.fromkeys(steps, 0)
    todo = dict.fromkeys(sorted(steps))  # the last first: most lead to later ones
    while todo:
        location, _ = todo.popitem()
        now = 0
        for target, used, kept in steps.get(location, ()):
            now |= used | alive.get(target, 0) & kept
        if now and now != alive[location]:
            alive[location] = now
            todo |= dict.fromkeys(arriving.get(location, ()))
    sets = {now: frozenset(name for name, bit in names.items() if now >> bit & 1) for now in {*alive.values()}}
    return defaultdict(frozenset, {location: sets[now] for location, now in alive.items()})


def reset_dead(actions: Sequence[Action], variables: Sequence[Var]) -> list[Action]:
    """The actions with every local put back to its default where it dies, so that dead values make no states."""
    alive = live(actions)
    default = {var.name: Const(var.default) for var in variables}
    result = list[Action]()
    for action in actions:
        after = alive[action.target]
        kept = tuple(u for u in action.updates if not (_own(u.place) and _name(u.place) not in after))
        gone = sorted((alive[action.source] | writes(action)) - after - {PC})
        held = alive[action.source]
        cleared = tuple(Update(Local(name), default[name]) for name in gone if name in held)
        if cleared or len(kept) < len(action.updates):
            updates = kept + cleared
            action = Action(action.source, action.target, action.guard, updates, action.micro, action.binders)  # noqa: PLW2901 - as it is now
        result.append(action)
    return result


def _own(place: Place) -> bool:
    return isinstance(place, Local) and place.of is None and place.name != PC


def _name(place: Place) -> str:
    assert isinstance(place, Local)  # noqa: S101 - asked after _own
    return place.name
