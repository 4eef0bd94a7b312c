"""A system of a file in C with POSIX threads, for tools that check such programs, and to run as it is."""

from __future__ import annotations

from collections.abc import Mapping

from verify.diagnostics import InputError
from verify.emit.c.names import identifier
from verify.emit.c.program import RUNTIME, Program, program, runtime
from verify.emit.properties import EmitError
from verify.exporting.subject import Subject
from verify.selecting import problem

ABOUT = """
Each function step_X is one step of the thread `me`, with at most one access to shared memory, and carries the \
statement
that it comes from. It is taken in an atomic section, after which all properties are checked.

To check it with a tool:   esbmc X.c --context-bound 4 --unwind 3 --no-unwinding-assertions
To run it as it is:        gcc -DNATIVE -pthread X.c -o X && ./X
""".rstrip()


def program_of(of: Subject) -> Program:
    """A subject as a program. Raises InputError for numbers that 64 bits do not hold."""
    about = ABOUT.replace("X.c", _file(of)).replace("-o X && ./X", f"-o {_stem(of)} && ./{_stem(of)}")
    try:
        return program(of.instance, list(of.properties.values()), [*of.header, *about.split("\n")])
    except EmitError as error:
        message = f"this cannot be said in C: {error}"
        raise InputError([problem("KC905", message, of.selection.file)]) from error


def export_c(of: Subject) -> Mapping[str, str]:
    """The files of a program: itself, and the header with which it runs as it is."""
    return {_file(of): program_of(of).text, RUNTIME: runtime()}


def _stem(of: Subject) -> str:
    return identifier(of.name)


def _file(of: Subject) -> str:
    return f"{_stem(of)}.c"
