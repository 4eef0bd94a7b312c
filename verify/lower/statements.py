"""Statements: control flow into locations and actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from verify.diagnostics import Diagnostic, InputError
from verify.ir import BOOL, LIFE, PUBLISHED, Binder, Bound, Const, Expr, Field, Ptr, Update
from verify.lower.constants import constant
from verify.lower.expressions import branch, evaluate, point, settle
from verify.lower.formulas import formula
from verify.lower.graph import Graph, Visit, domain_of
from verify.lower.scope import Scope, name_value, variable
from verify.lower.simplify import binary, conj, disj, negate, rebuild, truth, wrapped
from verify.syntax import ast
from verify.syntax.types import Bool, Int


def statement(graph: Graph, scope: Scope, stmt: ast.Stmt) -> None:
    """Add the steps of a statement from `graph.here` on; leave `graph.here` where control comes out."""
    label, scope.label = scope.label, ""
    match stmt:
        case ast.Labeled(label=name, body=body):
            if graph.atomic:
                raise InputError([_inside(stmt)])
            _label(graph, scope, name)
            scope.label = name
            statement(graph, scope, body)
            return
        case ast.If():
            _if(graph, scope, stmt, label)
            return
        case ast.Block(body=body):
            for inner in body:
                statement(graph, scope, inner)
            return
        case ast.Switch():
            _switch(graph, scope, stmt, label)
            return
        case ast.Loop():
            _loop(graph, scope, stmt, label)
            return
    scope.label = label
    point(graph, scope, stmt)
    _simple(graph, scope, stmt)
    scope.label = ""


def _inside(stmt: ast.Labeled) -> Diagnostic:
    message = f"`{stmt.label}` names a statement inside `atomic`, where control never stands"
    return Diagnostic("KC203", message, stmt.label_span, hint="name the `atomic` statement itself")


def _simple(graph: Graph, scope: Scope, stmt: ast.Stmt) -> None:
    """A statement that has no statement of its own label inside."""
    match stmt:
        case ast.Declare():
            _declare(graph, scope, stmt)
        case ast.Do(expr=expr):
            evaluate(graph, scope, expr)
        case ast.Break():
            _jump(graph, scope.breaks[-1])
        case ast.Continue():
            _jump(graph, scope.continues[-1])
        case ast.Goto(label=target):
            _jump(graph, scope.jumps[target] if target in scope.jumps else _target(graph, scope, target))
        case ast.Return(value=value):
            _return(graph, scope, value)
        case ast.Choose(branches=branches):
            _choose(graph, scope, branches)
        case ast.Assume(cond=cond):
            graph.waits.add(graph.here)
            graph.note_marked()
            graph.step(guard=_formula(graph, scope, cond))
        case ast.Assert(cond=cond):
            holds = _formula(graph, scope, cond)
            graph.note_marked()
            graph.error("assert", negate(holds))
            graph.step(guard=holds)
        case ast.Atomic(body=body):
            graph.outside = graph.standing
            graph.begun.add(graph.outside)
            graph.note_marked()
            graph.atomic += 1
            statement(graph, scope, body)
            graph.atomic -= 1
            graph.step()
            for lock, places in graph.waiting.items():
                if graph.outside in places:
                    graph.past[lock].add(graph.here)
        case ast.Foreach():
            _foreach(graph, scope, stmt)
        case ast.Empty(gone=(how, lock)) if lock in graph.tracked:
            before = graph.here
            graph.step()
            after, graph.here = graph.here, before
            graph.mark(lock, how, after)
            graph.here = after
        case ast.Empty():
            pass
        case ast.Labeled() | ast.If() | ast.Block() | ast.Switch() | ast.Loop():
            statement(graph, scope, stmt)
        case _:
            assert_never(stmt)


def _formula(graph: Graph, scope: Scope, expr: ast.Expr) -> Expr:
    return truth(formula(expr, lambda name: name_value(scope, name), {}, graph.program.functions))


def _jump(graph: Graph, target: int) -> None:
    graph.step(to=target)
    graph.here = graph.location()  # what follows is reached by a label or not at all


def _target(graph: Graph, scope: Scope, label: str) -> int:
    scope.jumps[label] = graph.location()
    return scope.jumps[label]


def _label(graph: Graph, scope: Scope, name: str) -> None:
    """Name the location before a statement, for claims and for goto."""
    if name in scope.jumps:
        graph.step(to=scope.jumps[name])
    else:
        scope.jumps[name] = graph.here
    graph.labels.setdefault(f"{scope.function}.{name}", set()).add(graph.here)


def _declare(graph: Graph, scope: Scope, stmt: ast.Declare) -> None:
    """A local; one that never changes after a constant or a copy of one stands for that value."""
    domain, truth = domain_of(stmt.declared), isinstance(stmt.declared, Bool)
    if stmt.value is None:
        graph.local(variable(scope, stmt.unique), domain, truth=truth)
        return
    value = evaluate(graph, scope, stmt.value)
    stands = isinstance(value, Const) or value == name_value(scope, ast.Name("current", "local", "current"))
    if stands and stmt.unique not in graph.assigned(scope.function):
        scope.values[stmt.unique] = value
        return
    graph.step(Update(graph.local(variable(scope, stmt.unique), domain, truth=truth), value))


def _if(graph: Graph, scope: Scope, stmt: ast.If, label: str) -> None:
    yes, no, join = graph.location(), graph.location(), graph.location()
    if label and graph.compared == f"{scope.function}.{label}":
        graph.visits.append(Visit(graph.here, yes, no, scope.exit, scope.result, stmt.cond.span))
    scope.label = label
    point(graph, scope, stmt.cond)
    branch(graph, scope, stmt.cond, yes, no)
    scope.label = ""
    if label:
        graph.fires.setdefault(f"{scope.function}.{label}", set()).add(yes)
    for start, part in ((yes, stmt.then), (no, stmt.other)):
        graph.here = start
        if part is not None:
            statement(graph, scope, part)
        graph.step(to=join)


def _switch(graph: Graph, scope: Scope, stmt: ast.Switch, label: str) -> None:
    scope.label = label
    point(graph, scope, stmt.subject)
    subject = settle(graph, scope, evaluate(graph, scope, stmt.subject), domain_of(stmt.subject.type))
    scope.label = ""
    starts = [graph.location() for _ in stmt.cases]
    after = graph.location()
    tests = [
        disj(binary("==", subject, Const(constant(value, scope.statics))) for value in case.values)
        for case in stmt.cases
    ]
    rest = conj(negate(test) for test in tests)
    default = next((start for start, case in zip(starts, stmt.cases, strict=True) if case.default), after)
    for start, test in zip(starts, tests, strict=True):
        graph.action(start, test)
    graph.action(default, rest)
    scope.breaks.append(after)
    for number, case in enumerate(stmt.cases):
        graph.here = starts[number]
        for inner in case.body:
            statement(graph, scope, inner)
        graph.step(to=starts[number + 1] if number + 1 < len(starts) else after)
    scope.breaks.pop()
    graph.here = after


def _loop(graph: Graph, scope: Scope, stmt: ast.Loop, label: str) -> None:
    if stmt.init is not None:
        statement(graph, scope, stmt.init)
    head, body, test, after = (graph.location(rest=scope.outermost) for _ in range(4))
    graph.step(to=test if stmt.test_first else body)
    graph.here = test
    scope.label = label
    point(graph, scope, stmt.cond if stmt.cond is not None else stmt)
    if stmt.cond is None:
        graph.step(to=body)
    else:
        branch(graph, scope, stmt.cond, body, after)
    scope.label = ""
    scope.breaks.append(after)
    scope.continues.append(head)
    graph.here = body
    statement(graph, scope, stmt.body)
    graph.step(to=head)
    scope.breaks.pop()
    scope.continues.pop()
    if stmt.step is not None:
        point(graph, scope, stmt.step)
        evaluate(graph, scope, stmt.step)
    graph.step(to=test)
    graph.here = after


def _return(graph: Graph, scope: Scope, value: ast.Expr | None) -> None:
    if value is not None and scope.result is not None:
        graph.step(Update(scope.result, evaluate(graph, scope, value)), to=scope.exit)
    else:
        if value is not None:
            evaluate(graph, scope, value)
        graph.step(to=scope.exit)
    graph.here = graph.location()


def _choose(graph: Graph, scope: Scope, branches: Sequence[ast.Stmt]) -> None:
    here, join, outside = graph.here, graph.location(), graph.branch
    for part in branches:
        graph.here = here
        graph.branch = graph.alternative()
        graph.step()
        statement(graph, scope, part)
        graph.branch = outside
        graph.step(to=join)


def _foreach(graph: Graph, scope: Scope, stmt: ast.Foreach) -> None:
    """One action that stores to fields of every published object for which the condition holds."""
    binder = Binder(graph.fresh(stmt.variable), Ptr(stmt.struct))
    member = Bound(binder.name)

    def names(name: ast.Name) -> Expr:
        return member if name.kind == "bound" or name.name == stmt.variable else name_value(scope, name)

    functions = graph.program.functions
    found = binary("==", Field(member, stmt.struct, LIFE), Const(PUBLISHED))
    when = conj([found] if stmt.cond is None else [found, truth(formula(stmt.cond, names, {}, functions))])
    body = stmt.body.body if isinstance(stmt.body, ast.Block) else (stmt.body,)
    updates = list[Update]()
    for inner in body:
        match inner:
            case ast.Do(expr=ast.Assign(target=ast.Member(field=name) as target, value=value, op=op)):
                stored = formula(value, names, {}, functions)
                if op is not None:
                    stored = binary(op, formula(target, names, {}), stored)
                cell = Field(member, stmt.struct, name)
                graph.note_store(cell, scope.function, inner.expr.span)
                before = {update.place: update.value for update in updates}  # the stores of the body, in order
                stored = rebuild(stored, lambda part, known=before: known.get(part))  # type: ignore[misc]
                updates.append(Update(cell, _fitted(graph, stmt.struct, name, stored), binder, when))
            case ast.Empty():
                pass
            case _:
                raise AssertionError("the checker allows plain stores only")
    graph.step(*updates)


def _fitted(graph: Graph, struct: str, name: str, value: Expr) -> Expr:
    declared = next(f for f in graph.program.structs[struct].fields if f.name == name)
    match declared.declared:
        case Int(bits, signed):
            return wrapped(declared.bits or bits, value, signed=signed)
        case _ if next(var for var in graph.fields[struct] if var.name == name).domain == BOOL:
            return truth(value)
        case _:
            return value


