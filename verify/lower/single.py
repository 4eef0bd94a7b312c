"""Statements as single steps, where the program assumes that they are: as if `atomic { }` stood around each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from verify.lower.without import map_statements
from verify.syntax import ast
from verify.syntax.program import Program


def with_single_steps(program: Program, assumed: Iterable[ast.AssumptionDecl]) -> Program:
    """The program in which the statements that assumptions call `atomic` are."""
    targets = {target for decl in assumed for target in decl.atomic}
    if not targets:
        return program
    functions = dict(program.functions)
    for name in dict.fromkeys(target.partition(".")[0] for target in sorted(targets)):
        labels = frozenset(target.partition(".")[2] for target in targets if target.startswith(f"{name}."))
        functions[name] = _single(functions[name], labels)
    return replace(program, functions=functions)


def _single(function: ast.FunctionDecl, labels: frozenset[str]) -> ast.FunctionDecl:
    def edit(stmt: ast.Stmt) -> ast.Stmt:
        return _wrapped(stmt) if isinstance(stmt, ast.Labeled) and stmt.label in labels else stmt

    return replace(function, body=map_statements(function.body, edit))


def _wrapped(stmt: ast.Stmt) -> ast.Stmt:
    match stmt:
        case ast.Labeled(body=body):
            return replace(stmt, body=_wrapped(body))
        case ast.Empty() | ast.Atomic():
            return stmt
        case _:
            return ast.Atomic(ast.Block((stmt,), span=stmt.span), span=stmt.span)
