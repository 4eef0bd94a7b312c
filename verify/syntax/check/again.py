"""A checked program whose functions were changed, checked again where that can matter: locks, atomic steps."""

from __future__ import annotations

from verify.diagnostics import Diagnostic
from verify.syntax.check.atomics import check_atomic
from verify.syntax.check.locks import Followed, check_balance
from verify.syntax.check.recursion import call_graph
from verify.syntax.check.scope import File
from verify.syntax.program import Program


def problems(program: Program) -> list[Diagnostic]:
    """The errors of a program in which every name and type is known, and none calls itself."""
    errors: list[Diagnostic] = []
    structs = {name: {field.name: field for field in struct.fields} for name, struct in program.structs.items()}
    file = File(structs, {}, {}, program.globals, program.functions, {}, program.thread, errors, set())
    calls = call_graph(program.functions, file)
    entries = {group.entry for system in program.systems.values() for group in system.groups}
    check_atomic(program.functions, calls, file)
    check_balance(program.functions, calls, entries, file, program.followed or Followed())
    return errors
