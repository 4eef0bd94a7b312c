"""Mutants of a program: each differs from it in one place of the code that a system runs.

Source: DeMillo, Lipton and Sayward, "Hints on Test Data Selection", IEEE Computer 11(4), 1978.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verify.mutation.edits import Mutant, mutated, perhaps_mutated
from verify.mutation.operators import moves, negations, places, removals
from verify.syntax import ast
from verify.syntax.check.walk import expressions
from verify.syntax.program import Program

__all__ = ["Mutant", "mutants", "mutated", "perhaps_mutated", "runs"]


def mutants(program: Program, system: str) -> tuple[Mutant, ...]:
    """The mutants of what a system runs: of named statements first, then those of the file itself, then the others."""
    found = [mutant for name in runs(program, system) for mutant in _of(program, program.functions[name])]
    if program.assumptions:  # a thread may wait for any of its steps to keep to them
        found = [replace(mutant, waits=True) for mutant in found]
    return tuple(sorted(found, key=lambda mutant: (not mutant.guard, mutant.span.source.path != program.path)))


def runs(program: Program, system: str) -> tuple[str, ...]:
    """The functions that threads of a system may come to, in the order of the source: called, or passed by name."""
    todo = [group.entry for group in program.systems[system].groups]
    found = set[str]()
    while todo:
        name = todo.pop()
        if name in found or name not in program.functions:
            continue
        found.add(name)
        body = program.functions[name].body
        for expr in () if body is None else expressions(body):
            match expr:
                case ast.Call(callee, kind="function"):
                    todo.append(callee)
                case ast.Name(called, "function"):
                    todo.append(called)
    return tuple(name for name in program.functions if name in found)


def _of(program: Program, function: ast.FunctionDecl) -> Iterator[Mutant]:
    for stmt, place in places(program, function):
        if not place.broadcast:
            yield from removals(stmt, place)
            yield from negations(stmt, place)
            yield from moves(stmt, place)
