"""Stores to a variable: where the text of a program has them, and the steps of a system that take them.

An initial value is no store, nor is what `new` gives an object or what freeing one leaves behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from verify.ir import FREE, LIFE, PRIVATE, TRUE, Action, Const, Field, Global, Location, Update
from verify.lower.facts import is_birth
from verify.lower.formulas import struct_of
from verify.lower.graph import FIXED, Key, Store, stem_of
from verify.lower.scope import walk
from verify.source import Span
from verify.syntax import ast
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Program
from verify.syntax.types import Bool, Enum, Int, Pointer, Struct

Way = Literal["store", "two steps", "one step", "copy", "each"]
Ends = Mapping[tuple[Key, str], frozenset[int]]  # of a variable and a function: where its stores have just been made


@dataclass(frozen=True, slots=True)
class InText:
    """A store in the text. Its ways: plain; a load and a store; one read-modify-write; of a struct; of every object."""

    function: str
    label: str  # "function.label", or ""
    span: Span
    way: Way


def key_of_target(target: str) -> Key:
    """The variable that a claim calls `struct.field`, or by the name of a global."""
    struct, _, name = target.rpartition(".")
    return struct, name


# ---- the text ------------------------------------------------------------------------------------


def in_text(program: Program, key: Key) -> tuple[InText, ...]:
    """Every store to a variable in the functions of a program, in the order of the text."""
    lent = _lent(program, key)
    return tuple(one for name, function in program.functions.items() for one in _of(program, key, name, function, lent))


def idle_writers(claim: ast.ClaimDecl, program: Program) -> tuple[str, ...]:
    """The functions that a `writers` claim lists and that have no such store anywhere in their text."""
    if claim.kind != "writers":
        return ()
    found = {store.function for store in in_text(program, key_of_target(claim.targets[0]))}
    return tuple(name for name in claim.functions if name not in found)


def _of(
    program: Program, key: Key, name: str, function: ast.FunctionDecl, lent: Collection[tuple[str, str]]
) -> Iterator[InText]:
    nodes = list(walk(function))
    whole = {id(part) for node in nodes if isinstance(node, ast.Atomic) for part in walk(node)}
    labels = {
        id(part): f"{name}.{node.label}" for node in nodes
        if isinstance(node, ast.Labeled) and isinstance(node.body, ast.Do | ast.Foreach | ast.Atomic | ast.Declare)
        for part in walk(node.body)
    }  # fmt: skip
    each = {id(part) for node in nodes if isinstance(node, ast.Foreach) for part in walk(node.body)}
    for node in nodes:
        way = _way(program, node, key, name, lent)
        if way is not None:
            known = "each" if id(node) in each else "one step" if id(node) in whole and way == "two steps" else way
            yield InText(name, labels.get(id(node), ""), node.span, known)


def _way(
    program: Program, node: ast.Node, key: Key, function: str, lent: Collection[tuple[str, str]]
) -> Way | None:
    """How a node stores to the variable itself; None if it does not."""

    def named(expr: ast.Node) -> bool:
        return _names(expr, key, function, lent)

    match node:
        case ast.Assign(target=target) if isinstance(target.type, Struct):
            return "copy" if target.type.name == key[0] and is_copied(program, key) else None
        case ast.Assign(target=target, value=value, op=op) if named(target):
            return "two steps" if op is not None or any(map(named, walk(value))) else "store"
        case ast.PostIncrement(target=target) if named(target):
            return "two steps"
        case ast.Call(kind="primitive", callee=callee, args=args):
            row = PRIMITIVES[callee]
            if row.special == "store" and named(args[0]):
                return "two steps" if any(map(named, walk(args[1]))) else "store"
            return "one step" if row.new is not None and named(args[row.ref]) else None
        case _:
            return None


def is_copied(program: Program, key: Key) -> bool:
    """Whether a copy of a struct copies the field: locks and ghosts stay."""
    field = next(field for field in program.structs[key[0]].fields if field.name == key[1])
    return not field.ghost and isinstance(field.declared, Bool | Int | Enum | Pointer)


def _names(expr: ast.Node, key: Key, function: str, lent: Collection[tuple[str, str]]) -> bool:
    """Whether an expression is the variable, in some object, or a reference to it."""
    match expr:
        case ast.Unary(op="&", operand=operand) | ast.Cast(operand=operand):
            return _names(operand, key, function, lent)
        case ast.Unary(op="*", operand=ast.Name(unique=unique)) | ast.Name(kind="local", unique=unique):
            return (function, unique) in lent
        case ast.Name(kind="global", name=name):
            return key == ("", name)
        case ast.Member(base=base, field=name):
            return key == (struct_of(base.type), name)
        case _:
            return False


def _lent(program: Program, key: Key) -> set[tuple[str, str]]:
    """The parameters, with their functions, that may be references to the variable."""
    calls = [
        (name, node) for name, function in program.functions.items() for node in walk(function)
        if isinstance(node, ast.Call) and node.kind == "function" and node.callee in program.functions
    ]  # fmt: skip
    found = set[tuple[str, str]]()
    while True:
        more = {
            (call.callee, param.name)
            for caller, call in calls
            for param, arg in zip(program.functions[call.callee].params, call.args, strict=False)
            if isinstance(param.declared, Pointer) and not isinstance(param.declared.to, Struct)
            and _names(arg, key, caller, found)
        }
        if more <= found:
            return found
        found |= more


# ---- the steps -----------------------------------------------------------------------------------


def stored(action: Action) -> Iterator[tuple[Key, Update]]:
    """The stores of an action to shared variables, but for those that make an object and those that free one."""
    turned = [
        u.place.pointer for u in action.updates
        if isinstance(u.place, Field) and u.place.name == LIFE
        and (u.value == Const(FREE) or (u.value == Const(PRIVATE) and is_birth(action, u.place.pointer)))
    ]  # fmt: skip
    for update in action.updates:
        place = update.place
        if isinstance(place, Global) or (
            isinstance(place, Field) and place.name != LIFE and place.pointer not in turned
        ):
            yield stem_of(place), update


def functions_of(action: Action, key: Key, stores: Mapping[Key, Iterable[Store]]) -> set[str]:
    """The functions in whose text the stores of an action to a variable stand."""
    return {s.function for s in stores.get(key, ()) if s.in_step(action)} or {m.function for m in action.micro}


def with_ends(
    actions: Sequence[Action], locations: list[Location], stores: Mapping[Key, Iterable[Store]],
    claims: Iterable[ast.ClaimDecl], kept: Collection[int],
) -> tuple[list[Action], Ends]:
    """The actions, and where a thread is once it has made a store that some `writers` claim does not list.

    There it comes from nowhere else: where others come there too, the store has a location of its own after it.
    """
    listed = defaultdict[Key, list[tuple[str, ...]]](list)
    for claim in claims:
        listed[key_of_target(claim.targets[0])].append(claim.functions)
    whose = [
        frozenset(
            (key, name)
            for key in {key for key, _ in stored(action)} & listed.keys()
            for name in functions_of(action, key, stores)
            if not all(name in functions for functions in listed[key])
        )
        for action in actions
    ]
    arriving = defaultdict[int, list[frozenset[tuple[Key, str]]]](list)
    for action, mine in zip(actions, whose, strict=True):
        arriving[action.target].append(mine)
    result, found = list[Action](), defaultdict[tuple[Key, str], set[int]](set)
    for action, mine in zip(actions, whose, strict=True):
        target = action.target
        if mine and (target in kept or target in range(len(FIXED)) or any(one != mine for one in arriving[target])):
            locations.append(Location("", branch=locations[target].branch))
            result.append(Action(len(locations) - 1, target, TRUE, (), (replace(action.micro[-1], label=""),)))
            target = len(locations) - 1
        for one in mine:
            found[one].add(target)
        result.append(action if target == action.target else replace(action, target=target))
    return result, {one: frozenset(places) for one, places in found.items()}
