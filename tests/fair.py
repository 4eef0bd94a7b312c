"""Responses decided on the whole graph of states: by the parts of it that a fair run can stay in for ever.

A fair run that never gets what it waits for ends up in states that lead to each other. Of such a part all that counts
is whether, for each thread, it has a state in which the thread cannot step or a step of that thread: then the whole
part is as fair as any smaller one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tests.strategies import Space
from verify.instances import THREAD, Slot
from verify.ir import PC
from verify.response import Response


def holds(space: Space, response: Response) -> bool:
    """Whether every thread comes to where the response ends, on every fair run."""
    return not any(_starves(space, response, thread) for thread in range(1, space.instance.tasks + 1))


def _starves(space: Space, response: Response, thread: int) -> bool:
    places = [state[Slot(THREAD, thread, PC)] for state in space.states]
    waiting = {n for n, place in enumerate(places) if not response.ends(place)}
    moves = [(pre, step.thread, post) for pre, step, post in space.steps if pre != post]
    onward = defaultdict[int, list[int]](list)
    for pre, _, post in moves:
        if {pre, post} <= waiting:
            onward[pre].append(post)
    reached = _reached((n for n in waiting if places[n] in response.begin), onward)
    able = defaultdict[int, set[int]](set)  # by state: who can step
    for pre, who, _ in moves:
        able[pre].add(who)
    threads = range(1, space.instance.tasks + 1)
    for part in _parts(reached, onward):
        inside = {who for pre, who, post in moves if pre in part and post in part}
        if all(who in inside or any(who not in able[state] for state in part) for who in threads):
            return True
    return False


def _reached(begin: Iterable[int], onward: Mapping[int, Sequence[int]]) -> set[int]:
    found = set(begin)
    todo = list(found)
    while todo:
        new = set(onward.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return found


def _parts(states: Collection[int], onward: Mapping[int, Sequence[int]]) -> Iterator[set[int]]:
    """The strongly connected components, by what each state reaches: slow and plain."""
    reach = {state: _reached([state], onward) for state in states}
    left = set(states)
    while left:
        first = next(iter(left))
        part = {state for state in reach[first] if first in reach[state]}
        yield part
        left -= part
