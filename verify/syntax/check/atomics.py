"""What `atomic` calls: it is one step, so nothing called in it loops or sleeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from verify.source import Span
from verify.syntax.ast import Atomic, Call, FunctionDecl, Labeled, Stmt
from verify.syntax.check.cfg import graph as flow_graph
from verify.syntax.check.postdominators import back_edges
from verify.syntax.check.recursion import Context, Graph, called
from verify.syntax.check.scope import File
from verify.syntax.check.walk import expressions, statements
from verify.syntax.primitives import PRIMITIVES


def check_atomic(
    functions: Mapping[str, FunctionDecl], graph: Graph, file: File, assumed: Collection[str] = ()
) -> None:
    """Report calls inside `atomic` that lead to a loop or to `sleep()`; the call graph is acyclic.

    `assumed` are the labels "function.label" of statements that are assumed to be single steps.
    """
    for context in graph:
        body = functions[context.function].body
        for stmt in () if body is None else statements(body):
            single = isinstance(stmt, Labeled) and f"{context.function}.{stmt.label}" in assumed
            if isinstance(stmt, Atomic) or (isinstance(stmt, Labeled) and single):
                _atomic(stmt, context, functions, graph, file)


def _atomic(
    stmt: Atomic | Labeled, context: Context, functions: Mapping[str, FunctionDecl], graph: Graph, file: File
) -> None:
    for call in _calls(stmt.body):
        if _sleeps(call):
            _report(file, f"`{call.callee}` inside `atomic`", call.span, ())
            continue
        to = None if call.kind == "primitive" else called(call, context, functions)
        for inner in () if to is None else _below(to, graph):
            function = functions[inner.function]
            found = [c for c in _calls(function.body) if _sleeps(c)]
            if back_edges(flow_graph(function)):
                _report(file, f"`{call.callee}` loops inside `atomic`", call.span, (
                    (f"the loop is in `{inner.function}`", function.span),
                ))  # fmt: skip
            elif found:
                note = ("it sleeps here", found[0].span)
                _report(file, f"`{call.callee}` sleeps inside `atomic`", call.span, (note,))


def _report(file: File, message: str, span: Span, notes: tuple[tuple[str, Span], ...]) -> None:
    if not any(e.code == "KC135" and e.span == span for e in file.errors):
        file.error("KC135", message, span, hint="an `atomic` is one step: move this before or after it", notes=notes)


def _calls(body: Stmt | None) -> Iterator[Call]:
    return (e for e in (() if body is None else expressions(body)) if isinstance(e, Call))


def _sleeps(call: Call) -> bool:
    return call.kind == "primitive" and PRIMITIVES[call.callee].special == "sleep"


def _below(start: Context, graph: Graph) -> Iterator[Context]:
    """Yield a context and all that it leads to."""
    seen = {start}
    todo = [start]
    while todo:
        context = todo.pop()
        yield context
        for edge in graph[context]:
            if edge.to not in seen:
                seen.add(edge.to)
                todo.append(edge.to)
