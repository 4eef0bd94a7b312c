"""Calls that are watched: whether a caller is refused although a condition holds from the call to the return.

The program gets variables that say which call is watched, if one is: `CALLER`, who makes it, and the arguments that the
condition speaks of. Whoever calls the function while no call is watched may have this one watched, or not; when it
returns, none is. What is watched keeps to the condition, as all runs keep to assumptions: a step into a state in which
it is false is not taken (`verify.lower.assumptions`). No variable of the program depends on these, and what they point
to is no reference, so that the states are those of the program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

from verify.diagnostics import Diagnostic, InputError
from verify.ir import Binary, Const, Global
from verify.lower.scope import walk
from verify.lower.without import map_statements
from verify.syntax import ast
from verify.syntax.program import Program
from verify.syntax.types import INT, Bool, Int, Pointer, Struct, Type

T = TypeVar("T")
CALLER: Final = Global("#caller")
REFUSED: Final = "#refused"  # begins the names of labels where a watched call is about to return that it is refused
UNWATCHED: Final = Binary("==", CALLER, Const(0))  # a property: no call is watched
AT_ONCE = ast.Atomic | ast.Assume | ast.Assert | ast.Foreach  # what is one step


def watching(program: Program, claim: ast.ClaimDecl) -> tuple[Program, ast.AssumptionDecl]:
    """The program in which calls of the function of a claim may be watched, and the condition that these keep to.

    Raises InputError where a call of the function is within one step.
    """
    (name,) = claim.targets
    function = program.functions[name]
    within = _within_one_step(program, name)
    if within is not None:
        message = f"`{name}` is called within one step: nothing can happen between its call and its return"
        notes = (("this is one step", within.span),)
        raise InputError([Diagnostic("KC152", message, claim.span, notes=notes)])
    assert claim.cond is not None  # noqa: S101 - the grammar wants one
    given = {f"#{p.name}": p for p in function.params if _speaks_of(claim.cond, p.name)}
    types: dict[str, Type] = {CALLER.name: _pointer(program.thread)} | {name: p.declared for name, p in given.items()}
    decls = {name: ast.GlobalDecl(name, type_, None) for name, type_ in types.items()}
    changed = replace(function, body=_watched(function, types, given))
    cond = ast.AssumptionDecl(claim.name, _said(claim.cond, types), span=claim.span)
    functions = {**program.functions, name: changed}
    return replace(program, functions=functions, globals={**program.globals, **decls}), cond


def refusals(labels: Mapping[str, frozenset[int]], function: str) -> frozenset[int]:
    """The locations of watched calls of a function that are refused."""
    begin = f"{function}.{REFUSED}"
    return frozenset().union(*(found for name, found in labels.items() if name.startswith(begin)))


def _pointer(struct: str) -> Type:
    return Pointer(Struct(struct))


def _speaks_of(cond: ast.Expr, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.kind == "bound" and part.name == name for part in walk(cond))


def _within_one_step(program: Program, name: str) -> ast.Node | None:
    """A statement that is one step and calls the function, or calls one that does."""
    calling = {name}
    while True:
        more = {f.name for f in program.functions.values() if _callees(f) & calling} - calling
        if not more:
            break
        calling |= more
    nodes = (node for f in program.functions.values() for node in walk(f) if isinstance(node, AT_ONCE))
    return next((node for node in nodes if _callees(node) & calling), None)


def _callees(node: ast.Node) -> set[str]:
    return {part.callee for part in walk(node) if isinstance(part, ast.Call) and part.kind == "function"}


# ---- the condition -------------------------------------------------------------------------------


def _said(node: T, types: Mapping[str, Type]) -> T:
    """The condition of the call that is watched."""
    match node:
        case tuple():
            return tuple(_said(item, types) for item in node)  # type: ignore[return-value] # a tuple again
        case ast.Name("current", "bound" | "local"):
            return _variable(CALLER.name, types, node)  # type: ignore[return-value] # an expression again
        case ast.Name(name, "bound") if f"#{name}" in types:
            return _variable(f"#{name}", types, node)  # type: ignore[return-value] # the same
        case ast.Node():
            fields = {name: getattr(node, name) for name in node.__dataclass_fields__}
            inner = {name: value for name, value in fields.items() if isinstance(value, tuple | ast.Node)}
            return replace(node, **{name: _said(value, types) for name, value in inner.items()})  # type: ignore[arg-type] # each as it was
        case _:
            return node


def _variable(name: str, types: Mapping[str, Type], like: ast.Node) -> ast.Name:
    return ast.Name(name, "global", type=types[name], span=like.span)


# ---- the function --------------------------------------------------------------------------------


def _watched(function: ast.FunctionDecl, types: Mapping[str, Type], given: Mapping[str, ast.Param]) -> ast.Block:
    """The body, with what is watched when it begins and when it returns."""
    assert function.body is not None  # noqa: S101 - the checker wants one
    span, who = function.span, types[CALLER.name]
    current = ast.Name("current", "local", "current", type=who, span=span)

    def store(name: str, value: ast.Expr) -> ast.Stmt:
        target = _variable(name, types, function)
        return ast.Do(ast.Assign(target, value, type=types[name], span=span), span=span)

    arguments = {name: ast.Name(p.name, "local", p.name, type=p.declared, span=span) for name, p in given.items()}
    nobody = ast.Unary("!", _variable(CALLER.name, types, function), type=INT, span=span)
    stores = [store(CALLER.name, current), *(store(name, value) for name, value in arguments.items())]
    watch = ast.Block((ast.Assume(nobody, span=span), *stores), span=span)
    perhaps = ast.If(ast.Nondet(type=Bool(), span=span), watch, None, span=span)
    begin = ast.Atomic(ast.Block((perhaps,), span=span), span=span)
    numbers = iter(range(1, sum(isinstance(node, ast.Return) for node in walk(function)) + 1))

    def edit(stmt: ast.Stmt) -> ast.Stmt:
        if not isinstance(stmt, ast.Return) or stmt.value is None:
            return stmt
        return _returning(stmt, stmt.value, next(numbers))

    def _returning(stmt: ast.Return, value: ast.Expr, number: int) -> ast.Stmt:
        at, name = stmt.span, f"#result{number}"
        result = ast.Name(name, "local", name, type=function.result, span=at)
        none = ast.Number(0, type=INT, span=at)
        nothing = [replace(store(name, ast.Number(0, type=type_)), span=at) for name, type_ in types.items()]
        forget = ast.Atomic(ast.Block(tuple(nothing), span=at), span=at)
        mine = ast.Binary("==", _variable(CALLER.name, types, stmt), current, type=INT, span=at)
        refused = (
            ast.Binary("<", result, none, type=INT, span=at) if isinstance(function.result, Int)
            else ast.Unary("!", result, type=INT, span=at)
        )  # fmt: skip
        ends = ast.If(refused, ast.Labeled(f"{REFUSED}{number}", forget, span=at), forget, span=at)
        kept = ast.Declare(name, function.result, value, name, span=at)
        return ast.Block((kept, ast.If(mine, ends, None, span=at), replace(stmt, value=result)), span=at)

    body = map_statements(function.body, edit)
    return ast.Block((begin, *body.body), span=span)
