"""The control-flow graph of a function: one point for each statement, edges that say which way a test went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from verify.syntax.ast import (
    Assert,
    Assume,
    Atomic,
    Block,
    Break,
    Choose,
    Continue,
    Declare,
    Do,
    Empty,
    Expr,
    Foreach,
    FunctionDecl,
    Goto,
    If,
    Labeled,
    Loop,
    Return,
    Stmt,
    Switch,
)
from verify.syntax.check.constants import constant

END = 0  # the point after the last statement


@dataclass(frozen=True, slots=True)
class Edge:
    """Where control goes: always (`taken` None), where a test is nonzero or zero, or to a case of a switch."""

    to: int
    taken: bool | None = None
    case: int | None = None  # index of the case; -1 where none fits


@dataclass(frozen=True, slots=True)
class Point:
    """A place of control. `test` is what its edges depend on; `stmt` is what happens here, None at the end."""

    stmt: Stmt | None
    edges: tuple[Edge, ...] = ()
    test: Expr | None = None
    effect: Expr | None = None  # the step of a `for`


@dataclass(frozen=True, slots=True)
class Graph:
    """`points[END]` is the end; `starts` maps the identity of a statement to its point."""

    points: tuple[Point, ...]
    entry: int
    starts: Mapping[int, int]
    reachable: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Exits:
    """Where `break` and `continue` lead."""

    leave: int = END
    again: int = END


@dataclass(frozen=True, slots=True)
class _Builder:
    points: list[Point] = field(default_factory=lambda: [Point(None)])
    starts: dict[int, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, point: Point) -> int:
        self.points.append(point)
        return len(self.points) - 1


def graph(function: FunctionDecl) -> Graph:
    """Return the graph of a checked function with a body."""
    builder = _Builder()
    body: Stmt = Empty() if function.body is None else function.body
    entry = _build(body, END, _Exits(), builder)
    return Graph(tuple(builder.points), entry, builder.starts, _reachable(builder.points, entry))


def _reachable(points: list[Point], entry: int) -> frozenset[int]:
    seen = {entry}
    todo = [entry]
    while todo:
        for edge in points[todo.pop()].edges:
            if edge.to not in seen:
                seen.add(edge.to)
                todo.append(edge.to)
    return frozenset(seen)


def _build(stmt: Stmt, follow: int, exits: _Exits, to: _Builder) -> int:
    """Add the points of a statement after which control goes to `follow`; return the first."""
    start = _points(stmt, follow, exits, to)
    to.starts[id(stmt)] = start
    return start


def _points(stmt: Stmt, follow: int, exits: _Exits, to: _Builder) -> int:
    match stmt:
        case Declare() | Do() | Assume() | Assert() | Foreach() | Empty():
            return to.add(Point(stmt, (Edge(follow),)))
        case Block(body):
            for part in reversed(body):
                follow = _build(part, follow, exits, to)
            return to.add(Point(stmt, (Edge(follow),)))
        case If(cond, then, other):
            yes = Edge(_build(then, follow, exits, to), taken=True)
            no = Edge(follow if other is None else _build(other, follow, exits, to), taken=False)
            return to.add(Point(stmt, (yes, no), cond))
        case Loop():
            return _loop(stmt, follow, to)
        case Switch():
            return _switch(stmt, follow, exits, to)
        case Break():
            return to.add(Point(stmt, (Edge(exits.leave),)))
        case Continue():
            return to.add(Point(stmt, (Edge(exits.again),)))
        case Goto(label):
            return to.add(Point(stmt, (Edge(_label(label, to)),)))
        case Labeled(label, body):
            start = _label(label, to)
            if to.points[start].stmt is not None:
                start = to.add(Point(stmt))  # declared twice: the first is the target
            to.points[start] = Point(stmt, (Edge(_build(body, follow, exits, to)),))
            return start
        case Return():
            return to.add(Point(stmt))
        case Choose(branches):
            return to.add(Point(stmt, tuple(Edge(_build(b, follow, exits, to)) for b in branches)))
        case Atomic(body):
            return to.add(Point(stmt, (Edge(_build(body, follow, exits, to)),)))
        case _:
            assert_never(stmt)


def _label(label: str, to: _Builder) -> int:
    if label not in to.labels:
        to.labels[label] = to.add(Point(None))
    return to.labels[label]


def _loop(stmt: Loop, follow: int, to: _Builder) -> int:
    test = to.add(Point(stmt))
    step = test if stmt.step is None else to.add(Point(stmt, (Edge(test),), effect=stmt.step))
    body = _build(stmt.body, step, _Exits(follow, step), to)
    endless = stmt.cond is None or bool(constant(stmt.cond))
    exits = (Edge(body),) if endless else (Edge(body, taken=True), Edge(follow, taken=False))
    to.points[test] = Point(stmt, exits, None if endless else stmt.cond)
    start = test if stmt.test_first else body
    if stmt.init is not None:
        start = _build(stmt.init, start, _Exits(), to)
    return start


def _switch(stmt: Switch, follow: int, exits: _Exits, to: _Builder) -> int:
    inside = replace(exits, leave=follow)
    edges: list[Edge] = []
    default = follow
    after = follow
    for index, case in reversed(list(enumerate(stmt.cases))):
        for part in reversed(case.body):
            after = _build(part, after, inside, to)
        edges.append(Edge(after, case=index))
        if case.default:
            default = after
    edges.append(Edge(default, case=-1))
    return to.add(Point(stmt, tuple(reversed(edges)), stmt.subject))
