"""Which variables a proof needs: most of a system has nothing to do with a property.

An invariant that speaks of few variables is found fast, judged fast and says what matters (localization; Kurshan 1994).
A variable that is not tracked may have any value whenever it is read, which is sound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from verify.engine.valuesets import Key, key_of
from verify.instances import THREAD, Instance
from verify.ir import (
    PC,
    Action,
    Binary,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Ptr,
    Quant,
    Referenced,
    Unary,
    Wrap,
)


def read_by(expr: Expr, inst: Instance) -> Iterator[Key]:
    """Return the variables that an expression reads."""
    match expr:
        case Global():
            yield key_of(expr)
        case Local(_, of):
            yield key_of(expr)
            if of is not None:
                yield from read_by(of, inst)
        case Field(pointer, _, _):
            yield key_of(expr)
            yield from read_by(pointer, inst)
        case Unary(_, arg) | Wrap(_, _, arg) | Quant(_, _, arg):
            yield from read_by(arg, inst)
        case Binary(_, left, right):
            yield from read_by(left, inst)
            yield from read_by(right, inst)
        case Ite(cond, then, other):
            for part in (cond, then, other):
                yield from read_by(part, inst)
        case Referenced(pointer, cls, _):
            yield from ((slot.cell, slot.name) for slot, var in inst.slots().items() if var.domain == Ptr(cls))
            yield from read_by(pointer, inst)
        case _:
            pass


def distances(inst: Instance, prop: Expr) -> dict[Key, int]:
    """Return how many assignments and tests lie between each variable and the property; unrelated ones are left out."""
    reads = {id(action): sorted(_reads(action, inst)) for action in inst.system.actions}
    writers: dict[Key, list[Action]] = defaultdict(list)
    into: dict[int, list[Action]] = defaultdict(list)
    for action in inst.system.actions:
        into[action.target].append(action)
        for update in action.updates:
            writers[key_of(update.place)].append(action)
    result: dict[Key, int] = {}
    places: dict[int, int] = {}
    serial = count()  # of two at the same distance, the one found first
    queue: list[tuple[int, int, Key | int]] = [(0, next(serial), key) for key in sorted(set(read_by(prop, inst)))]
    while queue:
        distance, _, item = heappop(queue)
        known: dict[Any, int] = places if isinstance(item, int) else result
        if item in known:
            continue
        known[item] = distance
        for action in into[item] if isinstance(item, int) else writers[item]:
            tested = reads[id(action)]
            near = distance + (bool(tested) or not isinstance(item, int))
            heappush(queue, (near, next(serial), action.source))
            for key in tested:
                heappush(queue, (distance + 1, next(serial), key))
    return result


def _reads(action: Action, inst: Instance) -> set[Key]:
    found = set(read_by(action.guard, inst))
    for update in action.updates:
        found |= {*read_by(update.value, inst), *read_by(update.when, inst)}
        found |= set(read_by(update.place, inst)) - {key_of(update.place)}
    return found - {(THREAD, PC)}


def least(keys: Sequence[Key], enough: Callable[[Sequence[Key]], bool]) -> Sequence[Key]:
    """Return a part of `keys` that is enough, and not so without any one of them (Zeller's ddmin, last keys first).

    Minimal only if whatever includes what is enough is enough.
    """
    chunk = -(-len(keys) // 2)
    while chunk:
        end = len(keys)
        while end > 0:
            fewer = [*keys[: max(0, end - chunk)], *keys[end:]]
            if enough(fewer):
                keys = fewer
            end -= chunk
        chunk //= 2
    return keys
