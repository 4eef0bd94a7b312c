"""Where the ways from a test meet again: immediate postdominators of a control-flow graph.

Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001, run on the reversed graph. An endless loop
has no way out; there the end of a round stands for one, so that tests within a round still have a meeting point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verify.syntax.check.cfg import Graph

OUT = -1  # beyond every return, the end and, in an endless loop, the end of a round


def back_edges(graph: Graph) -> frozenset[tuple[int, int]]:
    """Return the edges that close a loop: those to a point that is still open in a depth-first search."""
    found: set[tuple[int, int]] = set()
    open_: dict[int, bool] = {graph.entry: True}
    stack = [(graph.entry, iter(graph.points[graph.entry].edges))]
    while stack:
        at, edges = stack[-1]
        edge = next(edges, None)
        if edge is None:
            open_[at] = False
            stack.pop()
        elif edge.to not in open_:
            open_[edge.to] = True
            stack.append((edge.to, iter(graph.points[edge.to].edges)))
        elif open_[edge.to]:
            found.add((at, edge.to))
    return frozenset(found)


def meetings(graph: Graph) -> Mapping[int, int]:
    """Return for each reachable point the first that lies on every way from it, OUT if there is none."""
    following = {p: [e.to for e in graph.points[p].edges] or [OUT] for p in graph.reachable}
    leading = _reversed(following)
    out = _order(leading)
    for at, _ in back_edges(graph):
        if at not in out:
            following[at].append(OUT)
    leading = _reversed(following)
    order = _order(leading)
    number = {point: i for i, point in enumerate(order)}
    first: dict[int, int] = {OUT: OUT}
    changed = True
    while changed:
        changed = False
        for point in order[1:]:
            new: int | None = None
            for after in following[point]:
                if after in first:
                    new = after if new is None else _common(new, after, first, number)
            if new is not None and first.get(point) != new:
                first[point] = new
                changed = True
    return first


def _reversed(following: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    leading: dict[int, list[int]] = {}
    for point, afters in following.items():
        for after in afters:
            leading.setdefault(after, []).append(point)
    return leading


def _order(leading: Mapping[int, Sequence[int]]) -> list[int]:
    """Return the points that lead to OUT, in reverse postorder of the reversed graph."""
    done: list[int] = []
    seen = {OUT}
    stack = [(OUT, iter(leading.get(OUT, ())))]
    while stack:
        point, befores = stack[-1]
        before = next(befores, None)
        if before is None:
            done.append(point)
            stack.pop()
        elif before not in seen:
            seen.add(before)
            stack.append((before, iter(leading.get(before, ()))))
    return done[::-1]


def _common(a: int, b: int, first: Mapping[int, int], number: Mapping[int, int]) -> int:
    while a != b:
        while number[a] > number[b]:
            a = first[a]
        while number[b] > number[a]:
            b = first[b]
    return a
