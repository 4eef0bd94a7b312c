"""Recursion: functions are inlined, so none may be entered again before it returns.

Functions passed by name are followed: what counts is each function together with what its function parameters stand
for, so that two functions that call what they are given are no recursion unless one is given a caller of itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from verify.source import Span
from verify.syntax.ast import Call, Expr, FunctionDecl, Name
from verify.syntax.check.scope import File
from verify.syntax.check.walk import expressions
from verify.syntax.types import Function

MAX_CONTEXTS = 2_000  # functions times what their parameters stand for


class Context(NamedTuple):
    """A function, and the functions its function parameters stand for: (parameter, function)."""

    function: str
    given: tuple[tuple[str, str], ...] = ()


class Edge(NamedTuple):
    """A call."""

    to: Context
    span: Span


Graph = Mapping[Context, tuple[Edge, ...]]


def call_graph(functions: Mapping[str, FunctionDecl], file: File) -> Graph:
    """Return the calls of every function in every context in which it is called."""
    calls = {f.name: _calls(f) for f in functions.values()}
    graph: dict[Context, tuple[Edge, ...]] = {}
    queue = deque(Context(f) for f in functions)
    while queue:
        context = queue.popleft()
        if context in graph:
            continue
        if len(graph) >= max(MAX_CONTEXTS, 2 * len(functions)):
            span = functions[context.function].span
            file.error("KC130", f"more than {MAX_CONTEXTS} combinations of functions passed by name", span)
            graph.update((c, ()) for c in (context, *queue))
            break
        graph[context] = tuple(_edges(context, calls[context.function], functions))
        queue.extend(edge.to for edge in graph[context])
    return {c: tuple(e for e in edges if e.to in graph) for c, edges in graph.items()}


def _calls(function: FunctionDecl) -> tuple[Call, ...]:
    body = () if function.body is None else expressions(function.body)
    return tuple(e for e in body if isinstance(e, Call) and e.kind in ("function", "parameter"))


def _edges(context: Context, calls: tuple[Call, ...], functions: Mapping[str, FunctionDecl]) -> Iterator[Edge]:
    for call in calls:
        to = called(call, context, functions)
        if to is not None:
            yield Edge(to, call.span)


def called(call: Call, context: Context, functions: Mapping[str, FunctionDecl]) -> Context | None:
    """Return what a call in a context calls; None if it calls a parameter that nothing is known of."""
    given = dict(context.given)
    name = given.get(call.callee, "") if call.kind == "parameter" else call.callee
    if name not in functions:
        return None
    pairs = zip(functions[name].params, call.args, strict=True)
    bound = ((p.name, _named(a, given)) for p, a in pairs if isinstance(p.declared, Function))
    return Context(name, tuple(b for b in bound if b[1] in functions))


def _named(arg: Expr, given: Mapping[str, str]) -> str:
    if not isinstance(arg, Name):
        return ""
    return arg.name if arg.kind == "function" else given.get(arg.name, "")


def recursion(graph: Graph, file: File) -> frozenset[str]:
    """Report every cycle of calls, the shortest through its first function; return the functions on cycles."""
    on_cycles: set[str] = set()
    suspects = _suspects(graph)
    for start in graph:
        if start.function in suspects and start.function not in on_cycles:
            cycle = _cycle(start, graph)
            if cycle:
                _report(start.function, cycle, file)
                on_cycles.update(e.to.function for e in cycle)
    return frozenset(on_cycles)


def _suspects(graph: Graph) -> set[str]:
    """Return the functions left after removing, again and again, those that call none that is left."""
    calls: dict[str, set[str]] = {}
    callers: dict[str, set[str]] = {}
    for context, edges in graph.items():
        calls.setdefault(context.function, set()).update(e.to.function for e in edges)
        for edge in edges:
            callers.setdefault(edge.to.function, set()).add(context.function)
    leaves = [f for f, called in calls.items() if not called]
    while leaves:
        leaf = leaves.pop()
        for caller in callers.get(leaf, ()):
            calls[caller].discard(leaf)
            if not calls[caller]:
                leaves.append(caller)
    return {f for f, called in calls.items() if called}


def _cycle(start: Context, graph: Graph) -> tuple[Edge, ...]:
    """Return the shortest chain of calls from a context back to the same function, or nothing."""
    came: dict[Context, tuple[Context, Edge] | None] = {start: None}
    queue = deque([start])
    while queue:
        context = queue.popleft()
        for edge in graph[context]:
            if edge.to.function == start.function:
                chain = [edge]
                step = came[context]
                while step is not None:
                    chain.append(step[1])
                    step = came[step[0]]
                return tuple(reversed(chain))
            if edge.to not in came:
                came[edge.to] = (context, edge)
                queue.append(edge.to)
    return ()


def _report(name: str, cycle: tuple[Edge, ...], file: File) -> None:
    names = (name, *(e.to.function for e in cycle))
    notes = tuple(
        (f"`{caller}` calls `{edge.to.function}` here", edge.span)
        for caller, edge in zip(names, cycle, strict=False)
    )
    file.error(
        "KC130", "recursion: " + " calls ".join(f"`{n}`" for n in names), cycle[0].span,
        notes=notes if len(cycle) > 1 else (), hint="functions are inlined: write the recursion as a loop",
    )
