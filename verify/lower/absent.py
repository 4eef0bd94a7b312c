"""Structs of which a program looks for an object, with `any`, although none is ever there to be found."""

from __future__ import annotations

from collections.abc import Iterator

from verify.lower.scope import walk
from verify.syntax import ast
from verify.syntax.program import Program
from verify.syntax.types import Pointer, Struct


def absent(program: Program, system: str) -> tuple[str, ...]:
    """The structs that some `any` names and of which no run of the system publishes an object.

    Whatever may publish one counts, wherever it stands: of a struct that is returned it is certain.
    """
    nodes = [node for function in program.functions.values() for node in walk(function)]
    wanted = dict.fromkeys(node.struct for node in nodes if isinstance(node, ast.AnyOf))
    there = {*_at_the_start(program, system), *(name for node in nodes for name in _published(node))}
    return tuple(name for name in wanted if name not in there)


def _at_the_start(program: Program, system: str) -> Iterator[str]:
    for declared in program.globals.values():
        if isinstance(declared.declared, Struct):
            yield declared.declared.name
    for group in program.systems[system].groups:
        yield group.struct
        yield from (value.struct for _, value in group.values if isinstance(value, ast.New))


def _published(node: ast.Node) -> Iterator[str]:
    match node:
        case ast.Call("publish", args, "primitive"):
            for arg in args:
                if isinstance(arg.type, Pointer) and isinstance(arg.type.to, Struct):
                    yield arg.type.to.name
