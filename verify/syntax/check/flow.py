"""Statements that no path reaches, and paths that reach the end of a function without a result."""

from __future__ import annotations

from collections.abc import Iterator

from verify.source import Span
from verify.syntax.ast import Block, Break, Empty, Foreach, FunctionDecl, Labeled, Stmt
from verify.syntax.check.cfg import END, Graph
from verify.syntax.check.conversions import describe
from verify.syntax.check.scope import File
from verify.syntax.check.walk import parts, statements
from verify.syntax.types import Void


def check_flow(function: FunctionDecl, graph: Graph, file: File) -> None:
    """Report unreachable statements and a missing `return` of a function with a body."""
    if function.body is None:
        return
    for stmt in _unreachable(function.body, graph):
        hint = "no claim can speak of it, and nothing in it can happen"
        if isinstance(stmt, Labeled):
            hint = f"no path reaches the label `{stmt.label}` either"
        file.error("KC136", "no path reaches this statement", _head(stmt), hint=hint)
    if not isinstance(function.result, Void) and END in graph.reachable:
        file.error(
            "KC132", f"`{function.name}` can end without returning a `{describe(function.result)}`",
            end_of(function), hint="add a `return` at the end",
        )


def end_of(function: FunctionDecl) -> Span:
    """Return the place of the closing brace of a function."""
    span = function.span if function.body is None else function.body.span
    return Span(span.source, max(span.start, span.end - 1), span.end)


def _head(stmt: Stmt) -> Span:
    """Return the place of the first line of a statement, label included."""
    span = stmt.span
    text = span.source.text[span.start : span.end].split("\n", 1)[0]
    return Span(span.source, span.start, span.start + len(text.rstrip()))


def _unreachable(stmt: Stmt, graph: Graph) -> Iterator[Stmt]:
    """Yield the outermost unreachable statements, of neighbours the first; `break` and `;` after a jump do no harm."""
    if isinstance(stmt, Foreach):
        return  # one statement
    dead = False
    for part in parts(stmt):
        if any(graph.starts.get(id(s)) in graph.reachable for s in statements(part)):
            dead = False
            yield from _unreachable(part, graph)
        elif not dead and not isinstance(part, Break | Empty) and not (isinstance(part, Block) and not part.body):
            dead = True
            yield part
