"""Assumptions: conditions that every step can keep to, and statements that can be one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verify.source import Span
from verify.syntax.ast import (
    AssumptionDecl,
    Binary,
    Decl,
    Expr,
    FunctionDecl,
    Quantified,
)
from verify.syntax.check.expressions import condition
from verify.syntax.check.pure import expand
from verify.syntax.check.scope import File, Scope, closest, once
from verify.syntax.check.walk import subexpressions
from verify.syntax.program import Guard

MOST_OBJECTS = 3  # that a condition speaks of at once: each step is asked about all choices of them

def assumptions(
    declarations: Sequence[Decl], file: File, functions: Mapping[str, FunctionDecl], guards: Mapping[str, Guard]
) -> Mapping[str, AssumptionDecl]:
    """Return the assumptions completed, calls written out, in the order of the source."""
    done: dict[str, AssumptionDecl] = {}
    seen: dict[str, Span] = {}
    for decl in declarations:
        if not isinstance(decl, AssumptionDecl):
            continue
        once(file, seen, decl.name, decl.span, "assumption")
        for target in decl.atomic:
            _single(target, decl, file, guards)
        cond = decl.cond
        if cond is not None:
            cond = expand(condition(cond, Scope(file, "invariant")), file, functions)
            universal(cond, decl.name, file)
        done[decl.name] = AssumptionDecl(decl.name, cond, decl.atomic, span=decl.span)
    return done


def _single(target: str, decl: AssumptionDecl, file: File, guards: Mapping[str, Guard]) -> None:
    guard = guards.get(target)
    if guard is None:
        file.error("KC161", f"unknown label `{target}`", decl.span, hint=closest(target, guards))
    elif guard.kind != "statement":
        file.error(
            "KC181", f"`{target}` is no store or call that could be one step", decl.span,
            notes=((f"`{target}` is here", guard.span),), hint="label an assignment or a call",
        )


def universal(cond: Expr, name: str, file: File, objects: int = 0) -> None:
    """Report a quantifier that is not `forall` outside of all but `&&` and `forall`; `objects` are bound around it.

    `name` is what the condition is called.
    """
    match cond:
        case Binary("&&", left, right):
            universal(left, name, file, objects)
            universal(right, name, file, objects)
        case Quantified("forall", variables, body):
            if objects <= MOST_OBJECTS < objects + len(variables):
                message = f"`{name}` speaks of more than {MOST_OBJECTS} objects at once"
                file.error("KC180", message, cond.span)
            universal(body, name, file, objects + len(variables))
        case _:
            inner = next((e for e in subexpressions(cond) if isinstance(e, Quantified)), None)
            if inner is not None:
                file.error(
                    "KC180", f"`{name}` asks more of a state than what holds of its objects one by one",
                    inner.span, hint="write `forall (...) CONDITION`, or several of these with `&&`",
                )
