"""Calls made visible: the program in which a call of some functions, and its return, are steps that say what they are.

Such a step stores who calls, which function and with which values in globals that nobody reads. A function is the same
otherwise, so the program does what it did. Values are those of the thread class's pointers, numbers, truths and
enumerations; other objects have no name that two programs share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal, TypeVar

from verify.ir import Action, Const, Domain, Global, Me, Ptr, Range, System, Update, Var
from verify.lower.graph import ERRORS
from verify.lower.scope import walk
from verify.lower.single import with_single_steps
from verify.source import Span
from verify.syntax import ast
from verify.syntax.program import Program
from verify.syntax.types import Bool, Enum, Int, Pointer, Struct, Type, Void

T = TypeVar("T")
Moment = Literal["call", "return"]
Numbers = Mapping[tuple[str, str], int]  # (function, moment) or ("", kind of error): its number, from 1
EVENT, WHO, RESULT = "#event", "#who", "result"
MOST_THREADS = 64
NUMBER = Int(16, signed=False)
AT_ONCE = ast.Atomic | ast.Assume | ast.Assert | ast.Foreach  # what is one step


def numbered(functions: Iterable[str]) -> Numbers:
    """A number for each thing that can be seen to happen."""
    keys = [(name, moment) for name in sorted(functions) for moment in ("call", "return")]
    return {key: number for number, key in enumerate([*keys, *(("", kind) for kind in ERRORS)], start=1)}


def observable(program: Program) -> frozenset[str]:
    """The functions whose calls have a beginning and an end: no bare expressions, and nowhere within one step."""
    program = with_single_steps(program, list(program.assumptions.values()))
    inside = {name for f in program.functions.values() for node in walk(f) if isinstance(node, AT_ONCE)
              for name in callees(node)}  # fmt: skip
    todo = list(inside)
    while todo:
        found = callees(program.functions[todo.pop()]) & program.functions.keys()
        todo += found - inside
        inside |= found
    return frozenset(program.functions) - inside - expressions(program)


def expressions(program: Program) -> frozenset[str]:
    """The functions that are names for expressions without effects."""
    return frozenset(name for name, function in program.functions.items() if _is_expression(program, function))


def _is_expression(program: Program, function: ast.FunctionDecl) -> bool:
    match function.body:
        case ast.Block(body=(ast.Return(value=value),)) if value is not None:
            inner = [program.functions[name] for name in callees(value) & program.functions.keys()]
            return not any(_acts(node) for node in walk(value)) and all(_is_expression(program, f) for f in inner)
        case _:
            return False


def _acts(node: ast.Node) -> bool:
    called = isinstance(node, ast.Call) and node.kind != "function"
    return called or isinstance(node, ast.Assign | ast.PostIncrement | ast.New | ast.AnyOf | ast.Nondet)


def callees(node: ast.Node) -> set[str]:
    """The functions that are called by their names within."""
    return {part.callee for part in walk(node) if isinstance(part, ast.Call) and part.kind == "function"}


def observed(program: Program, functions: Iterable[str], numbers: Numbers) -> Program:
    """The program with the calls of some of its functions made visible."""
    visible: dict[str, Type] = {EVENT: NUMBER, WHO: Pointer(Struct(program.thread))}
    changed = dict(program.functions)
    for name in functions:
        if name in changed:
            changed[name] = _visible(changed[name], program.thread, numbers, visible)
    made = {name: ast.GlobalDecl(name, type_, None) for name, type_ in visible.items()}
    return replace(program, functions=changed, globals={**program.globals, **made})


def _visible(function: ast.FunctionDecl, thread: str, numbers: Numbers, visible: dict[str, Type]) -> ast.FunctionDecl:
    body = function.body
    assert body is not None  # noqa: S101 - a program has functions with a body only
    def said(moment: Moment, values: Mapping[str, tuple[ast.Expr, Type]], span: Span) -> ast.Stmt:
        stores = [_store(EVENT, NUMBER, ast.Number(numbers[function.name, moment], type=NUMBER))]
        who = Pointer(Struct(thread))
        stores.append(_store(WHO, who, ast.Name("current", "local", "current", type=who)))
        for name, (value, type_) in values.items():
            if shown(type_, thread):
                visible[_slot(name, type_)] = type_
                stores.append(_store(_slot(name, type_), type_, value))
        return ast.Atomic(ast.Block(tuple(replace(store, span=span) for store in stores), span=span), span=span)

    returns = 0

    def edit(stmt: ast.Stmt) -> ast.Stmt:
        nonlocal returns
        match stmt:
            case ast.Return(value=None):
                return ast.Block((said("return", {}, stmt.span), stmt), span=stmt.span)
            case ast.Return(value=value) if value is not None:
                returns += 1
                name, type_ = f"#{RESULT}{returns}", function.result
                result = ast.Name(name, "local", name, type=type_)
                kept = ast.Declare(name, type_, value, name, span=stmt.span)
                end = ast.Return(result, span=stmt.span)
                return ast.Block((kept, said("return", {RESULT: (result, type_)}, stmt.span), end), span=stmt.span)
            case _:
                return stmt

    params = {
        str(number): (ast.Name(p.name, "local", p.name, type=p.declared), p.declared)
        for number, p in enumerate(function.params)
    }
    inner = _rebuilt(body, edit).body
    begin = [said("call", params, function.span)] if tells(function, thread) else []
    end = [said("return", {}, function.span)] if isinstance(function.result, Void) else []
    return replace(function, body=ast.Block((*begin, *inner, *end), span=function.span))


def tells(function: ast.FunctionDecl, thread: str) -> bool:
    """Whether a call of the function has values that are seen; of others only the return is."""
    return any(shown(type_, thread) for type_ in (function.result, *(p.declared for p in function.params)))


def shown(type_: Type, thread: str) -> bool:
    """Whether values of the type mean the same in two programs."""
    return isinstance(type_, Bool | Int | Enum) or type_ == Pointer(Struct(thread))


def _slot(name: str, type_: Type) -> str:
    match type_:
        case Int(bits, signed):
            return f"#{name}:{'s' if signed else 'u'}{bits}"
        case Enum(of) | Pointer(Struct(of)):
            return f"#{name}:{of}"
        case _:
            return f"#{name}:bool"


def _store(name: str, type_: Type, value: ast.Expr) -> ast.Stmt:
    return ast.Do(ast.Assign(ast.Name(name, "global", type=type_), value, type=type_))


def _rebuilt(node: T, edit: Callable[[ast.Stmt], ast.Stmt]) -> T:
    """The tree with every statement edited, the innermost first."""
    match node:
        case tuple():
            return tuple(_rebuilt(item, edit) for item in node)  # type: ignore[return-value] # a tuple again
        case ast.Node():
            fields = {name: getattr(node, name) for name in node.__dataclass_fields__}
            inner = {name: value for name, value in fields.items() if isinstance(value, tuple | ast.Node)}
            made: ast.Node = replace(node, **{name: _rebuilt(value, edit) for name, value in inner.items()})  # type: ignore[arg-type] # each as it was
            return edit(made) if isinstance(made, ast.Stmt) else made  # type: ignore[return-value]
        case _:
            return node


# ---- the system ----------------------------------------------------------------------------------


def says(name: str) -> bool:
    """Whether a global is one of those that say what happens."""
    return name in (EVENT, WHO) or name.startswith(f"#{RESULT}:") or name[1:].partition(":")[0].isdecimal()


def eventful(system: System, numbers: Numbers) -> System:
    """The lowered system of a program with visible calls, in which a thread that stops by an error says so too.

    What is said names threads by their numbers, so that nothing refers to their objects.
    """
    plain = tuple(replace(g, domain=_unreferring(g.domain)) if says(g.name) else g for g in system.globals)
    actions = list[Action]()
    for action in system.actions:
        kind = system.locations[action.target].kind
        said = (Update(Global(EVENT), Const(numbers["", kind])), Update(Global(WHO), Me())) if kind in ERRORS else ()
        actions.append(replace(action, updates=(*action.updates, *said)))
    most = Var(EVENT, Range(0, len(numbers)))
    who = Var(WHO, Range(0, MOST_THREADS))
    fixed = {EVENT: most, WHO: who}
    found = {g.name: fixed.get(g.name, g) for g in plain}
    return replace(system, globals=tuple({**found, **fixed}.values()), actions=tuple(actions))


def silent(system: System) -> System:
    """The same, action for action, without saying anything."""
    return replace(
        system,
        globals=tuple(g for g in system.globals if not says(g.name)),
        actions=tuple(replace(a, updates=tuple(u for u in a.updates if not _said(u))) for a in system.actions),
    )


def _said(update: Update) -> bool:
    return isinstance(update.place, Global) and says(update.place.name)


def _unreferring(domain: Domain) -> Domain:
    return Range(0, MOST_THREADS) if isinstance(domain, Ptr) else domain
