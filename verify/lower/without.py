"""Removing guards: the program without a check, a lock, a write or a barrier.

Or the program in which the guard is anybody's guess, or one in which a switch says in each run whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from verify.diagnostics import Diagnostic, InputError
from verify.syntax import ast
from verify.syntax.check.again import problems
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Program
from verify.syntax.types import INT, Bool, Pointer, Struct

T = TypeVar("T")
FALSE = ast.Number(0)
Edit = Callable[[ast.Stmt], ast.Stmt]


def switch(guard: str) -> str:
    """The rigid global that says whether a guard is there."""
    return f"{guard}?"


def without(
    program: Program, removed: Iterable[str], optional: Iterable[str] = (), switched: Iterable[str] = ()
) -> Program:
    """The program with each guard in `removed` removed, and with each in `optional` there or not, anew at each visit.

    A removed check has a condition that is false; a removed lock has neither its acquire nor the releases that match
    it, which are those of the same lock expression that follow it in its function, up to the next acquire of it;
    any other removed statement is empty. Labels stay. With a guard optional, the program does all that it does with
    the guard and all that it does without, so what holds of it holds of both; but it may also release a lock that it
    has not taken. Each guard in `switched` is there in those runs in which its `switch` is 1.
    """
    functions = dict(program.functions)
    edits = [(guard, _emptied) for guard in removed] + [(guard, _optional) for guard in optional]
    edits += [(guard, partial(_switched, switch(guard))) for guard in switched]
    for guard, edit in edits:
        name, label = guard.split(".", 1)
        functions[name] = _change(functions[name], label, program.guards[guard].kind == "lock", edit)
    return replace(program, functions=functions)


def refuse_unbalanced(program: Program, removed: Iterable[str]) -> None:
    """Raise InputError if locks do not balance without these guards: threads would stop where they release them.

    So it is where another function releases what the guard takes, or where one release is of several acquires.
    """
    locks = [name for name in removed if program.guards[name].kind == "lock"]
    found = problems(without(program, locks)) if locks else []
    if found:
        named = " and ".join(f"`{name}`" for name in locks)
        message = f"without {named}, locks do not balance: {found[0].message}"
        hint = "take and release the lock in one function, and name each acquire that shares a release"
        notes = (("this is what is wrong without it", found[0].span),)
        raise InputError([Diagnostic("KC162", message, program.guards[locks[0]].span, notes=notes, hint=hint)])


def _change(function: ast.FunctionDecl, label: str, lock: bool, how: Edit) -> ast.FunctionDecl:  # noqa: FBT001 - private
    statements = list[ast.Stmt]()
    _collect(function.body, statements)
    found = next(s for s in statements if isinstance(s, ast.Labeled) and s.label == label)
    drop = {id(found)}
    if lock:
        drop |= {id(release) for taken in _taken(found) for release in _releases(statements, taken)}

    def edit(stmt: ast.Stmt) -> ast.Stmt:
        if id(stmt) not in drop:
            return stmt
        return how(stmt)

    body = map_statements(function.body, edit) if function.body is not None else None
    return replace(function, body=body)


def _emptied(stmt: ast.Stmt) -> ast.Stmt:
    match stmt:
        case ast.Labeled(body=body):
            return replace(stmt, body=_emptied(body))
        case ast.If():
            return replace(stmt, cond=replace(FALSE, span=stmt.cond.span))
        case ast.Do(expr=ast.Call(kind="primitive", args=(lock, *_)) as call) if PRIMITIVES[call.callee].lock:
            return ast.Empty((PRIMITIVES[call.callee].lock, lock_name(lock)), span=stmt.span)
        case _:
            return ast.Empty(span=stmt.span)


def lock_name(lock: ast.Expr) -> str:
    """What claims call a lock; empty where that depends on how control comes there."""
    match lock:
        case ast.Unary("&", ast.Member(ast.ExprNode(type=Pointer(Struct(struct)) | Struct(struct)), field)):
            return f"{struct}.{field}"
        case ast.Unary("&", ast.Name(name, "global")):
            return name
        case _:
            return ""


def _optional(stmt: ast.Stmt) -> ast.Stmt:
    match stmt:
        case ast.Labeled(body=body):
            return replace(stmt, body=_optional(body))
        case ast.If(cond=cond):
            either = ast.Nondet(span=cond.span, type=Bool())
            return replace(stmt, cond=ast.Binary("&&", either, cond, span=cond.span, type=INT))
        case _:
            return ast.Choose((stmt, ast.Empty(span=stmt.span)), span=stmt.span)


def _switched(name: str, stmt: ast.Stmt) -> ast.Stmt:
    there = ast.Name(name, "global", span=stmt.span, type=Bool())
    match stmt:
        case ast.Labeled(body=body):
            return replace(stmt, body=_switched(name, body))
        case ast.If(cond=cond):
            return replace(stmt, cond=ast.Binary("&&", there, cond, span=cond.span, type=INT))
        case _:
            return ast.If(there, stmt, ast.Empty(span=stmt.span), span=stmt.span)


def _releases(statements: list[ast.Stmt], taken: ast.Call) -> Iterable[ast.Stmt]:
    """The releases of the lock that `taken` takes: those after it, before it is taken again."""
    after, inner = False, 0  # how often the big lock, which nests, is taken once more
    for stmt in statements:
        match stmt:
            case ast.Do(expr=ast.Call(kind="primitive") as call) if PRIMITIVES[call.callee].lock:
                same = call.args[:1] == taken.args[:1]
                if call is taken:
                    after = True
                elif after and same and PRIMITIVES[call.callee].lock == "acquire" and not taken.args:
                    inner += 1
                elif after and same and PRIMITIVES[call.callee].lock == "acquire":
                    return
                elif after and same and PRIMITIVES[call.callee].lock == "release":
                    if not inner:
                        yield stmt
                    inner = max(0, inner - 1)


def matching(function: ast.FunctionDecl, taken: ast.Call) -> Iterable[ast.Stmt]:
    """The releases that go with a call that takes a lock, if that is removed."""
    statements = list[ast.Stmt]()
    _collect(function.body, statements)
    return _releases(statements, taken)


def _taken(stmt: ast.Stmt) -> Iterable[ast.Call]:
    """The call that takes the lock; none where another label of the statement has been removed with it."""
    match stmt:
        case ast.Labeled(body=body) | ast.Choose((body, *_)) | ast.If(then=body):
            yield from _taken(body)
        case ast.Do(expr=ast.Call() as call):
            yield call
        case ast.Empty():
            return
        case _:
            raise AssertionError("a guard of kind lock is a call")


def _collect(value: object, found: list[ast.Stmt]) -> None:
    """Append every statement within, in the order of the source."""
    match value:
        case tuple():
            for item in value:
                _collect(item, found)
        case ast.Node():
            if isinstance(value, ast.Stmt):
                found.append(value)
            for name in value.__dataclass_fields__:
                _collect(getattr(value, name), found)
        case _:
            return


def map_statements(node: T, edit: Callable[[ast.Stmt], ast.Stmt]) -> T:
    """A tree with every statement edited, inner ones first."""
    match node:
        case tuple():
            return tuple(map_statements(item, edit) for item in node)  # type: ignore[return-value] # a tuple again
        case ast.Node():
            changed = {}
            for name in node.__dataclass_fields__:
                old = getattr(node, name)
                new = map_statements(old, edit)
                if (new is not old and new != old) or isinstance(old, tuple):
                    changed[name] = new
            made = edit(node) if isinstance(node, ast.Stmt) else node
            return made if made is not node else replace(node, **changed) if changed else node  # type: ignore[return-value]
        case _:
            return node
