"""Which errors are certain: those that no correlation between two tests can explain away.

Where some paths hold a lock and others do not, a later test may well be the one that tells them apart, in a way that
symbolic values do not show. An error on a path beyond such a test is not reported. A test that decides nothing about
the lock before its sides meet again explains nothing; neither do two paths that took the lock at the same place and
differ only in that one of them has released it.
"""

from __future__ import annotations

from verify.syntax.check.cfg import Graph
from verify.syntax.check.locks.run import Run
from verify.syntax.check.locks.state import State, Trail, events, field_of, held
from verify.syntax.check.locks.symbols import Sym, mentions
from verify.syntax.check.postdominators import meetings


def certain(run: Run, lock: Sym, trail: Trail | None) -> bool:
    """Whether a path's error about a lock is one on any reading of the tests it passed."""
    name = field_of(lock)
    for event in events(trail):
        if event.point is None or event.state is None or not _decides(run, event.point, name):
            continue
        here = event.state
        for other in run.states.get(event.point, ()):
            differ = other.rounds == here.rounds and held(other, lock) != held(here, lock)
            if differ and not _siblings(here, other, lock, run):
                return False
    return True


def _siblings(a: State, b: State, lock: Sym, run: Run) -> bool:
    """Whether both took the lock at the same place, and nothing that is tested later tells them apart."""
    first, second = a.locks.get(lock), b.locks.get(lock)
    if first is None or second is None or first.site != second.site:
        return False
    for name, value in a.env.items():
        other = b.env.get(name)
        if isinstance(value, int) and isinstance(other, int) and value != other:
            return False
    apart = {s for s, t in a.facts.items() if b.facts.get(s, t) != t}
    apart |= {s for s, n in a.known.items() if b.known.get(s, n) != n}
    return not any(
        len(points) > 1 for test, points in run.tests.items() for s in apart if mentions(test, s)
    )


def _decides(run: Run, point: int, name: str) -> bool:
    """Whether a lock of that field is taken or released on a way from the test, before its sides meet again."""
    touched = run.touches.get(name, set())
    if not run.meetings:
        run.meetings.update(meetings(run.graph))
    stop = run.meetings[point]
    return any(_region(run.graph, edge.to, stop) & touched for edge in run.graph.points[point].edges)


def _region(graph: Graph, start: int, stop: int) -> set[int]:
    """Return the points on ways from `start` that do not pass `stop`."""
    if start == stop:
        return set()
    seen = {start}
    todo = [start]
    while todo:
        for edge in graph.points[todo.pop()].edges:
            if edge.to != stop and edge.to not in seen:
                seen.add(edge.to)
                todo.append(edge.to)
    return seen
