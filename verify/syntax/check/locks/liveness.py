"""Which locals a point may still read: what a path knows of the others is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verify.syntax.ast import Assign, Declare, Do, Expr, Foreach, Loop, Name, Stmt
from verify.syntax.check.cfg import Graph, Point
from verify.syntax.check.walk import expressions, roots, subexpressions


def live(graph: Graph) -> Sequence[frozenset[str]]:
    """Return for each point the locals that some way from it reads before it sets them."""
    uses = [frozenset(_reads(p)) for p in graph.points]
    kills = [_set(p.stmt) for p in graph.points]
    result = list(uses)
    before: dict[int, list[int]] = {}
    for at, point in enumerate(graph.points):
        for edge in point.edges:
            before.setdefault(edge.to, []).append(at)
    todo = list(range(len(graph.points)))
    while todo:
        at = todo.pop()
        after = frozenset().union(*(result[e.to] for e in graph.points[at].edges))
        new = uses[at] | (after - kills[at])
        if new != result[at]:
            result[at] = new
            todo += before.get(at, [])
    return result


def _reads(point: Point) -> Iterator[str]:
    if point.effect is not None:
        return _names(point.effect)
    if point.test is not None:
        return _names(point.test)
    if point.stmt is None:
        return iter(())
    match point.stmt:
        case Do(Assign(Name(kind="local"), value, None)):
            return _names(value)
        case Foreach():
            return (e.unique for e in expressions(point.stmt) if isinstance(e, Name) and e.kind == "local")
        case Loop():
            return iter(())  # tests and steps are above
        case _:
            return (n for e in roots(point.stmt) for n in _names(e))


def _names(expr: Expr) -> Iterator[str]:
    return (e.unique for e in subexpressions(expr) if isinstance(e, Name) and e.kind == "local")


def _set(stmt: Stmt | None) -> frozenset[str]:
    match stmt:
        case Declare(unique=unique):
            return frozenset({unique})
        case Do(Assign(Name(kind="local", unique=unique), _, None)):
            return frozenset({unique})
        case _:
            return frozenset()
