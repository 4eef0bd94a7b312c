"""Where lowering stands in the source: the function being inlined, its bindings, its jump targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.ir import Bound, Const, Expr, Global, Local, Me, Place
from verify.lower.constants import Statics
from verify.source import Span
from verify.syntax import ast


@dataclass(slots=True)
class Scope:
    """One inlined function."""

    function: str
    statics: Statics
    calls: tuple[Span, ...] = ()
    values: dict[str, Expr] = field(default_factory=dict)  # names that stand for one value throughout
    refs: dict[str, Place] = field(default_factory=dict)  # reference parameters
    functions: dict[str, str] = field(default_factory=dict)  # function parameters
    result: Local | None = None
    exit: int = -1
    breaks: list[int] = field(default_factory=list)
    continues: list[int] = field(default_factory=list)
    jumps: dict[str, int] = field(default_factory=dict)  # label: location
    label: str = ""  # of the statement being lowered
    temporaries: int = 0

    @property
    def outermost(self) -> bool:
        """Whether this is the entry function, where a thread is at rest between system calls."""
        return not self.calls


def variable(scope: Scope, unique: str) -> str:
    """The IR name of a local; a function has at most one frame in a thread, for nothing recurs."""
    return f"{scope.function}.{unique}"


def known_place(scope: Scope, expr: ast.Expr) -> Place | None:
    """The variable that an expression names without any step; None if it must be worked out."""
    match expr:
        case ast.Name(name=name, kind="global"):
            return Global(name)
        case ast.Name(kind="local", unique=unique) | ast.Unary(op="*", operand=ast.Name(unique=unique)) if (
            unique in scope.refs
        ):
            return scope.refs[unique]
        case ast.Name(kind="local", name=name, unique=unique) if name != "current" and unique not in scope.values:
            return Local(variable(scope, unique))
        case ast.Unary(op="&", operand=operand) | ast.Cast(operand=operand):
            return known_place(scope, operand)
        case _:
            return None


def name_value(scope: Scope, name: ast.Name) -> Expr:
    """The value of a name."""
    match name:
        case ast.Name(value=int(value)):
            return Const(value)
        case ast.Name(kind="local", name="current"):
            return Me()
        case ast.Name(kind="bound"):
            return Bound(name.name)
        case ast.Name(kind="object"):
            return Const(scope.statics[name.name][1])
        case ast.Name(unique=unique) if unique in scope.values:
            return scope.values[unique]
        case _:
            place = known_place(scope, name)
            assert place is not None, name  # noqa: S101 - the checker resolved every name
            return place


INNER = (ast.Node, tuple)
KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.Node)]
WITHIN: Mapping[type[ast.Node], Sequence[str]] = {  # the fields that may hold nodes, the last first
    kind: [name for name in reversed(kind.__dataclass_fields__) if name not in ast.Node.__dataclass_fields__]
    for kind in KINDS
}


def walk(node: ast.Node) -> Iterator[ast.Node]:
    """The node and every node in it."""
    todo: list[object] = [node]
    while todo:
        value = todo.pop()
        if isinstance(value, tuple):
            todo += reversed(value)
            continue
        if isinstance(value, ast.Node):
            yield value
            for name in WITHIN[type(value)]:
                inner = getattr(value, name)
                if isinstance(inner, INNER):
                    todo.append(inner)


def assigned(function: ast.FunctionDecl) -> frozenset[str]:
    """The locals that something other than their declaration may write."""
    found = set[str]()
    for node in walk(function):
        match node:
            case ast.Assign(target=ast.Name(unique=unique)) | ast.PostIncrement(target=ast.Name(unique=unique)):
                found.add(unique)
            case ast.Unary(op="&", operand=ast.Name(unique=unique)):
                found.add(unique)
            case ast.Call(callee="put", args=(ast.Name(unique=unique) | ast.Cast(operand=ast.Name(unique=unique)),)):
                found.add(unique)
            case ast.Call(kind="primitive", args=args):  # WRITE_ONCE(x, v)
                found |= {arg.unique for arg in args[:1] if isinstance(arg, ast.Name)}
    return frozenset(found)
