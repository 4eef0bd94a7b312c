"""A system of a file in C with POSIX threads, for tools that check such programs, and to run as it is."""

from __future__ import annotations

import time
from collections.abc import Mapping

from verify.diagnostics import InputError
from verify.emit.c.names import identifier
from verify.emit.c.program import RUNTIME, Program, program, runtime
from verify.emit.c.replay import numbers
from verify.emit.properties import EmitError
from verify.engine.search import search
from verify.exporting.subject import Subject
from verify.selecting import problem

SECONDS = 5.0  # that an export looks for runs
MOST_TASKS = 8  # with more, the search is slow to look at the clock
MOST_STATES = 200_000  # that it looks at for one
ABOUT = """
Each function step_X is one step of the thread `me`, with at most one access to shared memory, and
carries the statement that it comes from. It is taken in an atomic section, after which the
properties are checked.

To check some runs of it:  esbmc X.c --context-bound 3 --unwind 2 --no-unwinding-assertions
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
    """The files of a program: itself, the header with which it runs as it is, and runs that it replays."""
    found = program_of(of)
    return {_file(of): found.text, RUNTIME: runtime(), **_runs(of, found)}


def _runs(of: Subject, found: Program) -> Mapping[str, str]:
    """A shortest run for each property that is claimed to be violated, as far as it is quickly found."""
    deadline = time.monotonic() + SECONDS
    runs = dict[str, str]()
    for _, name, prop in found.properties:
        if prop.holds or of.instance.tasks > MOST_TASKS or time.monotonic() >= deadline:
            continue
        run = search(
            of.instance, prop.expr, symmetry=False, deadline=deadline, deadlock=prop.expr is None,
            max_states=MOST_STATES,
        ).trace
        if run is not None:
            text = " ".join(map(str, numbers(found, run)))
            runs[f"{_stem(of)}_{name.removeprefix('holds_')}.run"] = f"{text}\n"
    return runs


def _stem(of: Subject) -> str:
    return identifier(of.name)


def _file(of: Subject) -> str:
    return f"{_stem(of)}.c"
