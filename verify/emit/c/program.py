"""The program of an instance: its state, a function for each step, the properties, the threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from verify.emit.c.arithmetic import sized
from verify.emit.c.layout import commented, plain, statements, string
from verify.emit.c.names import Names, names_of
from verify.emit.c.starts import shown, start
from verify.emit.c.steps import deadlock, functions
from verify.emit.c.terms import Helpers, Reader, domain_of
from verify.emit.c.threads import body, flow_of, parking
from verify.emit.places import Key
from verify.emit.properties import Property
from verify.instances import THREAD, Instance
from verify.ir import PC, Var

INDENT = "    "
RUNTIME: Final = "verifier.h"  # runs a program as it is

HELPERS: Final = {
    "cell": "int cell(long long place, int count)|return 0 <= place && place <= count ? (int)place : 0;",
    "quotient": "long long quotient(long long a, long long b)|return b == 0 ? 0 : a / b;",
    "remainder_of": "long long remainder_of(long long a, long long b)|return b == 0 ? 0 : a % b;",
    "shift_left": "long long shift_left(long long a, long long b)|"
    "return 0 <= b && b <= 63 ? (long long)((unsigned long long)a << b) : 0;",
    "shift_right": "long long shift_right(long long a, long long b)|return 0 <= b && b <= 63 ? a >> b : 0;",
    "sign": "long long sign(long long a, int bits)|"
    "return ((a & ((1LL << bits) - 1)) ^ (1LL << (bits - 1))) - (1LL << (bits - 1));",
    "has": "int has(long long set, int thread)|return thread > 0 && (set >> (thread - 1) & 1) != 0;",
    "with": "long long with(long long set, int thread)|return thread > 0 ? set | 1LL << (thread - 1) : set;",
    "without": "long long without(long long set, int thread)|return thread > 0 ? set & ~(1LL << (thread - 1)) : set;",
}
VERIFIED: Final = """\
extern void __VERIFIER_atomic_begin(void);
extern void __VERIFIER_atomic_end(void);
extern void __VERIFIER_assume(int);
extern long long __VERIFIER_nondet_longlong(void);

void reach_error(void) { assert(0); }

static inline long long choose(long long low, long long high)
{
    long long chosen = __VERIFIER_nondet_longlong();

    __VERIFIER_assume(low <= chosen && chosen <= high);
    return chosen;
}

/* takes a step as soon as it can be taken; `to` is the place that it leads to */
#define STEP(step) \\
    __VERIFIER_atomic_begin(); \\
    to = step(me); \\
    __VERIFIER_assume(to != BLOCKED); \\
    check(); \\
    __VERIFIER_atomic_end()
"""
LOOK: Final = """\
/* finds out where this thread begins */
#define LOOK() \\
    __VERIFIER_atomic_begin(); \\
    to = pc[me]; \\
    __VERIFIER_atomic_end()
"""
WAIT: Final = """\
/* waits until another thread has said where this one goes on */
#define WAIT() \\
    __VERIFIER_atomic_begin(); \\
    to = pc[me]; \\
    __VERIFIER_assume(!is_parked(to)); \\
    __VERIFIER_atomic_end()
"""
CHECKED: Final = "#define CHECK(holds, name) do { if (!(holds)) reach_error(); } while (0)\n"


@dataclass(frozen=True, slots=True)
class Program:
    """An instance as a program: its text, and what its choices and places are called there."""

    reader: Reader
    properties: tuple[tuple[int, str, Property], ...]  # with their numbers and functions
    lines: tuple[str, ...] = field(repr=False)

    @property
    def names(self) -> Names:
        """What everything is called."""
        return self.reader.names

    @property
    def text(self) -> str:
        """The text of the program."""
        return "\n".join(self.lines) + "\n"


def runtime() -> str:
    """The header with which a program runs as it is."""
    return (Path(__file__).parent / RUNTIME).read_text(encoding="ascii")


def program(inst: Instance, properties: Sequence[Property], header: Sequence[str]) -> Program:
    """Write an instance as a program. Raises EmitError for numbers that 64 bits do not hold."""
    names = names_of(inst.system)
    reader = Reader(inst, names, Helpers())
    flow = flow_of(reader)
    called = tuple(
        (number, names.namer.name(f"holds_{prop.name}", own=True), prop)
        for number, prop in enumerate(properties, start=1)
    )
    state = list(_state(reader))
    steps = list(functions(reader))
    said = [line for _, name, prop in called for line in _property(name, prop, reader)]
    stuck = list(deadlock(reader)) if any(prop.expr is None for prop in properties) else []
    threads = list(body(flow))
    macros = [text for text, word in ((LOOK, "LOOK();"), (WAIT, "WAIT();")) if f"{INDENT}{word}" in threads]
    lines = [
        "/*",
        *(f" * {plain(line)}".rstrip() for line in [*header, *_listed(called)]),
        " */",
        *_preamble(inst, called, macros),
        *_places(reader),
        *state,
        *_helpers(reader),
        *parking(flow),
        *reader.helpers.lines,
        "static int go(int me, int to)",
        "{",
        f"{INDENT}pc[me] = to;",
        f"{INDENT}return to;",
        "}",
        "",
        *steps,
        *stuck,
        *said,
        *_check(called),
        *threads,
        *start(reader),
        *_main(reader),
    ]
    return Program(reader, called, tuple(lines))


# ---- declarations --------------------------------------------------------------------------------


def _listed(called: Sequence[tuple[int, str, Property]]) -> Iterator[str]:
    if called:
        yield ""
        yield "Properties: -DPROPERTY=N chooses one; without it those are checked that are claimed to hold."
    for number, _, prop in called:
        yield f"{number:3}  {prop.name}  ({prop.note}{'' if prop.holds else ', to be violated'})"


def _preamble(inst: Instance, called: Sequence[tuple[int, str, Property]], macros: Sequence[str]) -> Iterator[str]:
    yield from ("#include <assert.h>", "#include <pthread.h>", "")
    if called:
        yield from ("#ifndef PROPERTY", "#define PROPERTY 0", "#endif")
        if not any(prop.holds for _, _, prop in called):
            yield "#if PROPERTY == 0"
            yield "#error no property is claimed to hold: choose one by -DPROPERTY=N"
            yield "#endif"
        yield ""
    yield f"#define TASKS {inst.tasks}"
    yield "#define BLOCKED (-1)  /* of a step that cannot be taken */"
    yield ""
    yield from ("static void check(void);", "", "#ifdef NATIVE", f'#include "{RUNTIME}"', "#else")
    yield from "\n".join([VERIFIED, *macros, *([CHECKED] if called else [])]).splitlines()
    yield from ("#endif", "")


def _places(reader: Reader) -> Iterator[str]:
    yield "/* where a thread can stand */"
    yield "enum place {"
    for place in reader.names.labels:
        yield f"{INDENT}{reader.names.place(place)} = {place},"
    yield from ("};", "")
    yield "/* whether an object is there, and known to others */"
    yield from ("enum life { FREE, PRIVATE, PUBLISHED };", "")


def _state(reader: Reader) -> Iterator[str]:
    """The variables: arrays over the cells of a class or over the threads, whose cell 0 stands for NULL."""
    inst, system = reader.instance, reader.instance.system
    yield "/* The state. A pointer is the number of a cell; cell 0 is NULL, and zero for ever. */"
    sets = [("", 0, system.globals)]
    sets += [(cls.name, inst.sizes[cls.name], cls.fields) for cls in system.classes.values()]
    sets += [(THREAD, inst.tasks, system.locals)]
    for cell, count, variables in sets:
        for var in variables:
            name = reader.names.variables.get((cell, var.name))
            if name is not None:
                type_ = sized(domain_of(inst, var.domain)).type
                size = f"[{count + 1}]" if cell else ""
                yield f"static {type_} {name}{size};{_meaning((cell, var.name), var)}"
    yield ""


def _meaning(key: Key, var: Var) -> str:
    cell, name = key
    notes = [plain(f"{cell}->{name}") if cell not in ("", THREAD) and not name.startswith("#") else ""]
    notes += ["a lock: its owner" if var.lock else ""]
    notes += ["where each thread stands" if (cell, name) == (THREAD, PC) else ""]
    found = ", ".join(note for note in notes if note)
    return f"  /* {found} */" if found else ""


def _helpers(reader: Reader) -> Iterator[str]:
    for name, text in HELPERS.items():
        if name in reader.helpers.used:
            head, _, line = text.partition("|")
            yield from (f"static inline {head}", "{", f"{INDENT}{line}", "}", "")


# ---- properties ----------------------------------------------------------------------------------


def _property(name: str, prop: Property, reader: Reader) -> Iterator[str]:
    if prop.note:
        yield from commented(prop.note)
    yield from (f"static inline int {name}(void)", "{")
    if prop.expr is None:
        tasks = range(1, reader.instance.tasks + 1)
        ended = " && ".join(f"finished({i})" for i in tasks)
        able = " || ".join(f"can_step({i})" for i in tasks)
        yield from statements(INDENT, f"return {f'({ended})' if len(tasks) > 1 else ended} || {able};")
    else:
        yield from statements(INDENT, f"return {reader.cond(prop.expr).text};")
    yield from ("}", "")


def _check(called: Sequence[tuple[int, str, Property]]) -> Iterator[str]:
    yield "/* what is checked in every state */"
    yield from ("static void check(void)", "{")
    for number, name, prop in called:
        yield f"#if PROPERTY == {number}{' || PROPERTY == 0' if prop.holds else ''}"
        yield f"{INDENT}CHECK({name}(), {string(f'{prop.name} ({prop.note})' if prop.note else prop.name)});"
        yield "#endif"
    yield from ("}", "")


# ---- the whole -----------------------------------------------------------------------------------


def _main(reader: Reader) -> Iterator[str]:
    tasks = range(1, reader.instance.tasks + 1)
    for task in tasks:
        yield f"static void *task_{task}(void *unused) {{ run({task}); return unused; }}"
    yield from ("", "#ifdef NATIVE")
    yield from _reset(reader)
    yield from shown(reader)
    yield from ("int main(int argc, char **argv)", "{")
    yield from (f"{INDENT}static void *(*const tasks[])(void *) = {{", *_wrapped_tasks(reader), f"{INDENT}}};", "")
    yield from (f"{INDENT}return run_native(argc, argv, TASKS, tasks, reset, start, show);", "}", "#else")
    yield from ("int main(void)", "{")
    yield f"{INDENT}pthread_t {', '.join(f'thread_{task}' for task in tasks)};"
    yield ""
    yield from (f"{INDENT}start();", f"{INDENT}check();")
    yield from (f"{INDENT}pthread_create(&thread_{task}, 0, task_{task}, 0);" for task in tasks)
    yield from (f"{INDENT}pthread_join(thread_{task}, 0);" for task in tasks)
    yield from (f"{INDENT}return 0;", "}", "#endif")


def _wrapped_tasks(reader: Reader) -> Iterator[str]:
    names = ", ".join(f"task_{task}" for task in range(1, reader.instance.tasks + 1))
    yield from statements(INDENT * 2, names)


def _reset(reader: Reader) -> Iterator[str]:
    yield from ("static void reset(void)", "{")
    for (cell, _), name in reader.names.variables.items():
        yield f"{INDENT}memset({name}, 0, sizeof {name});" if cell else f"{INDENT}{name} = 0;"
    yield from ("}", "")


