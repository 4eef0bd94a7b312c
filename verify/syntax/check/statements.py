"""Statements: the scopes of locals, where jumps may go, and what `atomic` and `foreach` may contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from verify.source import NOWHERE, Span
from verify.syntax.ast import (
    Assert,
    Assume,
    Atomic,
    Block,
    Break,
    Case,
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
from verify.syntax.check.conversions import describe, is_arithmetic, promote
from verify.syntax.check.declared import allowed
from verify.syntax.check.expressions import condition, converted, value
from verify.syntax.check.foreach import broadcast
from verify.syntax.check.operators import convert
from verify.syntax.check.scope import BUILT_IN, CURRENT, File, Local, Scope, closest, once
from verify.syntax.check.walk import parts
from verify.syntax.types import Type, Void


@dataclass(frozen=True, slots=True)
class Target:
    """A label of a function: where it stands, and in which `atomic`."""

    span: Span
    atomic: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands. `loop` and `switch` are those that `break` can leave without leaving `atomic`."""

    result: Type
    labels: Mapping[str, Target]
    loop: bool = False
    switch: bool = False
    outside: bool = False  # `break` would leave an `atomic`
    atomic: int = 0  # 0 is none, else the start of the `atomic` in the source


def function(decl: FunctionDecl, file: File) -> FunctionDecl:
    """Return a function with its body completed."""
    if decl.body is None:
        return decl
    params = {p.name: Local(p.name, p.declared) for p in decl.params}
    scope = Scope(file, "code", decl, params, Counter(params.keys()))
    labels = _labels(decl.body, file)
    body = _sequence(decl.body.body, scope, Place(decl.result, labels), dict.fromkeys(params, decl.span))
    return replace(decl, body=replace(decl.body, body=body))


def _labels(body: Block, file: File) -> Mapping[str, Target]:
    found: dict[str, Target] = {}
    seen: dict[str, Span] = {}
    for stmt, atomic in _with_atomic(body, 0):
        if isinstance(stmt, Labeled):
            span = label_span(stmt)
            if once(file, seen, stmt.label, span, "label"):
                found[stmt.label] = Target(span, atomic)
    return found


def label_span(stmt: Labeled) -> Span:
    """Return the place of the name of a label."""
    return stmt.span if stmt.label_span is NOWHERE else stmt.label_span


def _with_atomic(stmt: Stmt, atomic: int) -> Iterator[tuple[Stmt, int]]:
    yield stmt, atomic
    inside = _identity(stmt) if isinstance(stmt, Atomic) else atomic
    for part in parts(stmt):
        yield from _with_atomic(part, inside)


def _identity(stmt: Atomic) -> int:
    return stmt.span.start + 1


def statement(stmt: Stmt, scope: Scope, at: Place) -> Stmt:
    """Return a statement completed; a declaration as the body of another statement is a block of its own."""
    file = scope.file
    match stmt:
        case Block(body):
            return replace(stmt, body=_sequence(body, scope, at, {}))
        case Declare():
            return _sequence((stmt,), scope, at, {})[0]
        case Do(expr):
            return replace(stmt, expr=value(expr, scope))
        case If(cond, then, other):
            done = condition(cond, scope)
            rest = None if other is None else statement(other, scope, at)
            return replace(stmt, cond=done, then=statement(then, scope, at), other=rest)
        case Loop():
            return _loop(stmt, scope, at)
        case Switch():
            return _switch(stmt, scope, at)
        case Break():
            _leave("break", stmt, at.loop or at.switch, at, file)
            return stmt
        case Continue():
            _leave("continue", stmt, at.loop, at, file)
            return stmt
        case Goto():
            _goto(stmt, at, file)
            return stmt
        case Labeled(_, body):
            return replace(stmt, body=statement(body, scope, at))
        case Return():
            return _return(stmt, scope, at)
        case Choose(branches):
            return replace(stmt, branches=tuple(statement(b, scope, at) for b in branches))
        case Assume(cond) | Assert(cond):
            return replace(stmt, cond=condition(cond, scope))
        case Atomic(body):
            inside = replace(at, loop=False, switch=False, outside=at.loop or at.switch, atomic=_identity(stmt))
            return replace(stmt, body=statement(body, scope, inside))
        case Foreach():
            return broadcast(stmt, scope)
        case Empty():
            return stmt
        case _:
            assert_never(stmt)


def _sequence(body: tuple[Stmt, ...], scope: Scope, at: Place, seen: dict[str, Span]) -> tuple[Stmt, ...]:
    """Check the statements of one block: each declaration is visible from there on."""
    done: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, Declare):
            declared, scope = _declare(stmt, scope, seen)
            done.append(declared)
        else:
            done.append(statement(stmt, scope, at))
    return tuple(done)


def _declare(stmt: Declare, scope: Scope, seen: dict[str, Span]) -> tuple[Declare, Scope]:
    name, file = stmt.name, scope.file
    if name in BUILT_IN:
        what = "the thread's own object" if name == CURRENT else "built in"
        file.error("KC106", f"`{name}` is {what}", stmt.span, hint="choose another name")
    once(file, seen, name, stmt.span, "variable")
    type_ = stmt.declared if allowed(stmt.declared, "local", stmt.span, scope) else None
    scope.counts[name] = scope.counts.get(name, 0) + 1
    unique = name if scope.counts[name] == 1 else f"{name}#{scope.counts[name]}"
    inner = replace(scope, locals={**scope.locals, name: Local(unique, type_)})
    # As in C the variable is visible in its own initial value; that value reads it before it is set, but is typed.
    given = None if stmt.value is None else converted(stmt.value, type_, inner, f"`{name}`")
    return replace(stmt, value=given, unique=unique), inner


def _loop(stmt: Loop, scope: Scope, at: Place) -> Stmt:
    if at.atomic:
        hint = "an `atomic` is one step; `foreach` changes many objects at once"
        scope.file.error("KC135", "a loop inside `atomic`", stmt.span, hint=hint)
    init = stmt.init
    if isinstance(init, Declare):
        init, scope = _declare(init, scope, {})
    elif init is not None:
        init = statement(init, scope, at)
    cond = None if stmt.cond is None else condition(stmt.cond, scope)
    step = None if stmt.step is None else value(stmt.step, scope)
    body = statement(stmt.body, scope, replace(at, loop=True, switch=False, outside=False))
    return replace(stmt, init=init, cond=cond, step=step, body=body)


def _switch(stmt: Switch, scope: Scope, at: Place) -> Stmt:
    subject = value(stmt.subject, scope)
    type_ = subject.type
    if type_ is not None and not is_arithmetic(type_):
        scope.file.error("KC110", f"`switch` needs a number, not `{describe(type_)}`", subject.span)
        type_ = None
    common = None if type_ is None else promote(type_)
    subject = subject if common is None else convert(scope.file, subject, common, "`switch`")
    seen: dict[str, Span] = {}
    inside, cases = replace(at, switch=True, outside=False), []
    inner, declared = scope, dict[str, Span]()
    for case in stmt.cases:
        values = tuple(_case_value(v, common, scope, seen) for v in case.values)
        if case.default:
            once(scope.file, seen, "default", case.span, "case")
        body: list[Stmt] = []
        for part in case.body:  # one scope for all cases, as in C
            if isinstance(part, Declare):
                done, inner = _declare(part, inner, declared)
                body.append(done)
            else:
                body.append(statement(part, inner, inside))
        cases.append(Case(values, case.default, tuple(body), span=case.span))
    return replace(stmt, subject=subject, cases=tuple(cases))


def _case_value(given: Expr, common: Type | None, scope: Scope, seen: dict[str, Span]) -> Expr:
    done = converted(given, common, scope, "`case`")
    number = constant(done)
    if number is not None:
        once(scope.file, seen, str(number), given.span, "case")
    elif done.type is not None:
        scope.file.error("KC118", "the value of a `case` is not constant", given.span)
    return done


def _leave(word: str, stmt: Break | Continue, allowed_here: bool, at: Place, file: File) -> None:  # noqa: FBT001
    if allowed_here:
        return
    if at.outside:
        file.error("KC135", f"`{word}` leaves an `atomic`", stmt.span)
    else:
        file.error("KC133", f"`{word}` outside of a loop{' or `switch`' if word == 'break' else ''}", stmt.span)


def _goto(stmt: Goto, at: Place, file: File) -> None:
    target = at.labels.get(stmt.label)
    if target is None:
        file.error("KC104", f"unknown label `{stmt.label}`", stmt.span, hint=closest(stmt.label, at.labels))
    elif target.atomic != at.atomic:
        file.error(
            "KC135", f"`goto {stmt.label}` {'leaves' if at.atomic else 'enters'} an `atomic`", stmt.span,
            notes=((f"`{stmt.label}` is here", target.span),),
        )
    elif at.atomic and target.span.start < stmt.span.start:
        file.error("KC135", "a loop inside `atomic`", stmt.span, notes=((f"`{stmt.label}` is here", target.span),))


def _return(stmt: Return, scope: Scope, at: Place) -> Stmt:
    file, name = scope.file, "" if scope.function is None else scope.function.name
    if at.atomic:
        file.error("KC135", "`return` leaves an `atomic`", stmt.span, hint="set a variable and return after it")
    if isinstance(at.result, Void):
        if stmt.value is not None:
            value(stmt.value, scope)
            file.error("KC132", f"`{name}` returns nothing", stmt.span)
        return stmt
    if stmt.value is None:
        file.error("KC132", f"`{name}` must return a `{describe(at.result)}`", stmt.span)
        return stmt
    return replace(stmt, value=converted(stmt.value, at.result, scope, f"the result of `{name}`"))
