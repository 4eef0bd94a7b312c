"""What a function may change besides locks: the fields and variables it stores to, and whether its result is fixed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from verify.syntax.ast import (
    AnyOf,
    Assign,
    Call,
    Declare,
    Expr,
    FunctionDecl,
    Member,
    Name,
    New,
    Nondet,
    PostIncrement,
    Unary,
)
from verify.syntax.check.recursion import Graph
from verify.syntax.check.scope import File
from verify.syntax.check.walk import expressions, statements
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.types import Pointer, Struct, Type

ANYTHING = "*"  # a store through a reference: to what the caller passed


@dataclass(frozen=True, slots=True)
class Effects:
    """`stores` are "struct.field" and names of globals; `fixed` means that equal arguments give equal results."""

    stores: frozenset[str]
    fixed: bool


def effects(functions: Mapping[str, FunctionDecl], graph: Graph, file: File) -> Mapping[str, Effects]:
    """Return the effects of every function, callees included."""
    direct = {f.name: _direct(f, file) for f in functions.values()}
    calls: dict[str, set[str]] = {name: set() for name in functions}
    for context, edges in graph.items():
        calls[context.function].update(e.to.function for e in edges)
    done: dict[str, Effects] = {}
    for name in _callees_first(calls):
        stores, fixed = set(direct[name].stores), direct[name].fixed
        for callee in calls[name]:
            stores |= done[callee].stores
            fixed = fixed and done[callee].fixed
        done[name] = Effects(frozenset(stores), fixed)
    return done


def shared(functions: Iterable[FunctionDecl], file: File) -> frozenset[str]:
    """Return the fields and globals that some function stores to, and that hold no pointer.

    What they held before a thread waited for a lock may be so no more. Of a pointer that would be as true, but then it
    would not be known either that the lock behind it, which is released later, is the one that was taken. Stores to an
    object that the function itself has made count for nothing: nobody else knew it, in all likelihood.
    """
    names = frozenset(name for function in functions for name in _stored_to_others(function, file)) - {ANYTHING}
    return frozenset(name for name in names if not isinstance(_type_of(name, file), Pointer))


def _stored_to_others(function: FunctionDecl, file: File) -> Iterator[str]:
    if function.body is None:
        return
    made = {s.unique for s in statements(function.body) if isinstance(s, Declare) and isinstance(s.value, New)}
    found = list(expressions(function.body))
    made |= {e.target.unique for e in found if isinstance(e, Assign) and isinstance(e.value, New)
             and isinstance(e.target, Name)}  # fmt: skip
    for expr in found:
        match expr:
            case Assign(Member(Name(unique=unique), arrow=True) | Unary("*", Name(unique=unique))) if unique in made:
                pass
            case _:
                yield from stored(expr, file)


def _type_of(name: str, file: File) -> Type | None:
    struct, _, field = name.rpartition(".")
    found = file.structs.get(struct, {}).get(field) if struct else file.globals.get(name)
    return None if found is None else found.declared


def _callees_first(calls: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the names of an acyclic call graph so that every function comes after those it calls."""
    seen: set[str] = set()
    for root in calls:
        stack = [(root, False)]
        while stack:
            name, finished = stack.pop()
            if finished:
                yield name
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((callee, False) for callee in sorted(calls[name]))


def _direct(function: FunctionDecl, file: File) -> Effects:
    stores: set[str] = set()
    fixed = True
    for expr in () if function.body is None else expressions(function.body):
        stores.update(stored(expr, file))
        fixed = fixed and not isinstance(expr, New | AnyOf | Nondet)
    return Effects(frozenset(stores), fixed and not stores)


def stored(expr: Expr, file: File) -> tuple[str, ...]:
    """Return what an expression itself stores to, operands aside."""
    match expr:
        case Assign(target) | PostIncrement(target):
            if isinstance(target.type, Struct):
                return tuple(f"{target.type.name}.{field}" for field in file.structs[target.type.name])
            return place_name(target)
        case Call(callee, args, "primitive"):
            primitive = PRIMITIVES[callee]
            if primitive.lock or not args or (primitive.new is None and primitive.special != "store"):
                return ()
            place = args[primitive.ref]
            return place_name(place.operand if isinstance(place, Unary) and place.op == "&" else Unary("*", place))
        case _:
            return ()


def place_name(place: Expr) -> tuple[str, ...]:
    """Return the name of a field or global variable, or ANYTHING behind a reference; locals have none."""
    match place:
        case Member(base, field):
            struct = base.type.to if isinstance(base.type, Pointer) else base.type
            return (f"{struct.name}.{field}",) if isinstance(struct, Struct) else (ANYTHING,)
        case Name(name, kind="global"):
            return (name,)
        case Unary("*"):
            return (ANYTHING,)
        case _:
            return ()
