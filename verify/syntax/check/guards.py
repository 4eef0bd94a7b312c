"""The named statements of a file, and how each can be removed."""

from __future__ import annotations

from collections.abc import Mapping

from verify.syntax.ast import Assign, Call, Do, FunctionDecl, If, Labeled, PostIncrement, Stmt
from verify.syntax.check.statements import label_span
from verify.syntax.check.walk import statements
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Guard, GuardKind


def guards(functions: Mapping[str, FunctionDecl]) -> Mapping[str, Guard]:
    """Return every label as `function.label`, in the order of the source."""
    found: dict[str, Guard] = {}
    for function in functions.values():
        for stmt in () if function.body is None else statements(function.body):
            if isinstance(stmt, Labeled):
                name = f"{function.name}.{stmt.label}"
                found.setdefault(name, Guard(name, kind(stmt.body), label_span(stmt)))
    return found


def kind(stmt: Stmt) -> GuardKind:
    """Return how the statement under a label can be removed."""
    match stmt:
        case Labeled(_, body):
            return kind(body)
        case If():
            return "check"
        case Do(Call(callee, kind="primitive")):
            return "lock" if PRIMITIVES[callee].lock == "acquire" else "statement"
        case Do(Assign() | PostIncrement() | Call()):
            return "statement"
        case _:
            return "none"
