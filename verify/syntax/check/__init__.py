"""The checker: from the syntax tree of a file to a program in which every name and type is known.

Completed trees keep their shape. What is added: the type of every expression, what every name means, a `Cast` wherever
C converts (NULL to a pointer is no conversion), `*p` and `&x` simplified where they cancel, `task_lock(t)` as
`spin_lock(&t->alloc_lock)`, the width of a bit-field in its type, initial values as numbers, and pure functions
written out in invariants and `foreach`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from verify.diagnostics import Diagnostic, InputError
from verify.syntax.ast import ClaimDecl, Decl, EnumDecl, FunctionDecl, StructDecl, Unit
from verify.syntax.check import specification
from verify.syntax.check.assumptions import assumptions
from verify.syntax.check.atomics import check_atomic
from verify.syntax.check.cfg import graph
from verify.syntax.check.declarations import collect
from verify.syntax.check.flow import check_flow
from verify.syntax.check.guards import guards
from verify.syntax.check.locks import Followed, check_balance
from verify.syntax.check.pure import expand_broadcasts
from verify.syntax.check.recursion import call_graph, recursion
from verify.syntax.check.scope import File
from verify.syntax.check.statements import function
from verify.syntax.check.walk import expressions
from verify.syntax.check.weak import settled
from verify.syntax.program import Program

__all__ = ["check"]


def check(unit: Unit) -> Program:
    """Return the program that a parsed file means.

    Raises InputError with every error of the file, in the order of the source.
    """
    errors: list[Diagnostic] = []
    declarations, replaced, lost = settled(unit.declarations)
    file = replace(collect(declarations, errors), lost=lost)
    checked = {name: function(decl, file) for name, decl in file.functions.items()}
    checked = {name: expand_broadcasts(decl, file, checked) for name, decl in checked.items()}
    calls = call_graph(checked, file)
    cycles = recursion(calls, file)
    for decl in (*checked.values(), *(function(decl, file) for decl in replaced)):
        check_flow(decl, graph(decl), file)
    named = specification.systems(declarations, file)
    known = specification.invariants(declarations, file, checked)
    labels = guards(checked)
    assumed = assumptions(declarations, file, checked, labels)
    claims = tuple(
        specification.claim(d, file, labels, known, named, assumed, checked)
        for d in declarations if isinstance(d, ClaimDecl)
    )
    followed = Followed()
    entries = {group.entry for system in named.values() for group in system.groups}
    if not cycles and not _broken(checked):
        check_atomic(checked, calls, file, {target for decl in assumed.values() for target in decl.atomic})
        check_balance(checked, calls, entries, file, followed)
    if errors:
        raise InputError(in_order(errors, declarations))
    return Program(
        path=unit.path,
        structs=_structs(declarations, file),
        enums={d.name: d for d in declarations if isinstance(d, EnumDecl) and d.name},
        enumerators={name: number for name, (number, _) in file.enumerators.items()},
        globals=file.globals,
        functions={name: decl for name, decl in checked.items() if decl.body is not None},
        systems=named,
        invariants=known,
        claims=claims,
        guards=labels,
        assumptions=assumed,
        thread=file.thread,
        included=unit.included,
        sources=unit.sources,
        followed=followed,
    )


def _broken(functions: Mapping[str, FunctionDecl]) -> bool:
    """Whether an expression of some function has no type: then paths through it say nothing."""
    bodies = (f.body for f in functions.values() if f.body is not None)
    return any(e.type is None for body in bodies for e in expressions(body))


def _structs(declarations: Sequence[Decl], file: File) -> dict[str, StructDecl]:
    return {
        d.name: StructDecl(d.name, tuple(file.structs[d.name].values()), span=d.span)
        for d in declarations
        if isinstance(d, StructDecl)
    }


def in_order(errors: Sequence[Diagnostic], declarations: Sequence[Decl]) -> list[Diagnostic]:
    """Return the errors in the order of the source, an included file where its declarations stand; each once."""

    def key(error: Diagnostic) -> tuple[int, int]:
        at = error.span
        inside = [
            i for i, d in enumerate(declarations)
            if d.span.source is at.source and d.span.start <= at.start < max(d.span.end, d.span.start + 1)
        ]
        return (inside[0] if inside else len(declarations), at.start)

    return sorted(dict.fromkeys(errors), key=key)


