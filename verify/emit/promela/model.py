"""The Promela model of an instance: its variables, a process for each thread, and one that watches the properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from verify.emit.nonnull import known_locals
from verify.emit.places import variables
from verify.emit.promela.layout import boxed, comment, macro, packed, wrapped
from verify.emit.promela.names import LIVES, Names, names_of
from verify.emit.promela.starts import MONITOR, init
from verify.emit.promela.steps import Steps, steps_of
from verify.emit.promela.stores import KEPT
from verify.emit.promela.terms import INT, MOST_THREADS, SELF, WORD_LEVEL, Reader, macros
from verify.emit.properties import EmitError, Property
from verify.instances import THREAD, Instance
from verify.ir import PC, Ptr, Range, Threads, Var

BYTES: Final = {"bit": 1, "bool": 1, "byte": 1, "short": 2, "int": 4}
ABOUT_STATES: Final = """
One step of the system is one step of the model, a d_step: pan has as many states as the
system and one before the first. With -DBFS they are those that it calls nominal, and a run
that it finds is a shortest one. Without -o2, what nothing reads is no part of a state.
""".strip().split("\n")
UNASKED: Final = 1024  # bytes of a state that Spin has room for unless it is told of more


@dataclass(frozen=True, slots=True)
class Model:
    """A model, and under which number `-DPROPERTY` knows each property, from 1, with its identifier."""

    text: str
    properties: tuple[tuple[str, Property], ...]


def model_of(name: str, inst: Instance, properties: Sequence[Property], header: Sequence[str]) -> Model:
    """Write an instance as the model NAME.pml. Raises EmitError for numbers that Spin cannot count with."""
    if inst.tasks > MOST_THREADS:
        raise EmitError(f"{inst.tasks} tasks: a set of more than {MOST_THREADS} has no place in a number of Spin")
    names = names_of(inst.system)
    reader = Reader(inst, names, {})
    called = tuple((names.namer.name(prop.name), prop) for prop in properties)
    steps = steps_of(reader, known_locals(inst.system))
    watched = [line for number, (one, prop) in enumerate(called, start=1) for line in _watch(number, one, prop, reader)]
    declared = list(_variables(inst, names, steps, called))
    lines = [
        *boxed([*header, "", *_how(name, called, _size(declared))]),
        "",
        *_asked(called),
        *_constants(names),
        *declared,
        "",
        *_macros(inst, names, reader),
        *steps.inlines,
        f"proctype {names.process}(byte {SELF}) {{",
        "  do",
        *steps.options,
        "  od",
        "}",
        "",
        f"proctype {MONITOR}() {{",
        "end:",
        "  do",
        "  /* where all have ended is no deadlock */",
        "  :: d_step { ENDED -> skip }",
        *watched,
        "  od",
        "}",
        "",
        *init(inst, names),
    ]
    return Model("\n".join(lines) + "\n", called)


# ---- how it is run -------------------------------------------------------------------------------


def _how(name: str, called: Sequence[tuple[str, Property]], size: int) -> Iterator[str]:
    room = f" -DVECTORSZ={1 << (size - 1).bit_length()}" if size > UNASKED else ""
    yield f"    spin -o2 -a -DPROPERTY=N {name}.pml"
    yield f"    gcc -O2 -w -DSAFETY -DBFS -DNOREDUCE{room} -o pan pan.c"
    yield "    ./pan -E    without -E for deadlock_free"
    yield f"    spin -t -DPROPERTY=N {name}.pml    shows the run that was found, a line for each step"
    yield ""
    yield "N is one of these. Without -DPROPERTY, all that are said to hold are checked; with N = 0,"
    yield "all. A state in which a property is violated is not looked at for a deadlock."
    yield ""
    for number, (one, prop) in enumerate(called, start=1):
        yield f"    {number:2}  {one}  {'' if prop.holds else '(said to be violated) '}{prop.note}"
    yield ""
    yield from ABOUT_STATES


def _asked(called: Sequence[tuple[str, Property]]) -> Iterator[str]:
    yield "#ifndef PROPERTY"
    yield "#define ASKED(number, holds) holds"
    yield "#else"
    yield f"#if PROPERTY < 0 || PROPERTY > {len(called)}"
    yield "#error there is no property of that number"
    yield "#endif"
    yield "#define ASKED(number, holds) (PROPERTY == 0 || PROPERTY == number)"
    yield "#endif"
    yield ""


# ---- declarations --------------------------------------------------------------------------------


def _constants(names: Names) -> Iterator[str]:
    yield "/* whether an object is there, and known to others */"
    for value, name in LIVES.items():
        yield f"#define {name} {value}"
    yield ""
    yield "/* where a thread stands */"
    for value, name in names.labels.items():
        yield f"#define {name} {value}"
    yield ""


def _variables(
    inst: Instance, names: Names, steps: Steps, called: Sequence[tuple[str, Property]]
) -> Iterator[str]:
    yield "/* cell 0 of each array is behind NULL, and 0 */"
    for key, var in variables(inst.system):
        if key not in names.variables:
            continue
        cells = inst.sizes.get(inst.system.thread if key[0] == THREAD else key[0], 0) + 1
        size = f"[{cells}]" if key[0] else ""
        yield f"{_type(var, inst)} {names.variables[key]}{size};"
    kept = 1
    while any(line.lstrip().startswith(f"{KEPT}{kept} = ") for line in (*steps.inlines, *steps.options)):
        yield f"int {KEPT}{kept};  /* of the state before a step, within it */"
        kept += 1
    asserted = [f"bool {one};" for one, prop in called if prop.expr is not None]
    if asserted:
        yield "/* 0 for ever: what an assertion that fails is called */"
        yield from packed(asserted, 0)


def _type(var: Var, inst: Instance) -> str:
    match var.domain:
        case Range(lo, hi):
            if not (INT[0] <= lo and hi <= INT[1]):
                raise EmitError(f"`{var.name}` holds numbers from {lo} to {hi}: Spin counts with 32 bits")
        case Ptr(cls):
            lo, hi = 0, inst.sizes[cls]
        case Threads():
            lo, hi = 0, (1 << inst.tasks) - 1
        case _:
            assert_never(var.domain)
    if lo >= 0 and hi <= 1 and var.name != PC:
        return "bool" if var.truth else "bit"
    if lo >= 0 and hi < 1 << 8:
        return "byte"
    return "short" if lo >= -(1 << 15) and hi < 1 << 15 else "int"


def _size(declared: Sequence[str]) -> int:
    """About how many bytes a state has."""
    total = 128
    for line in declared:
        for one in line.split(";"):
            kind, _, variable = one.strip().partition(" ")
            cells = variable.partition("[")[2].partition("]")[0]
            total += BYTES.get(kind, 0) * int(cells or "1")
    return total + 24 * MOST_THREADS


def _macros(inst: Instance, names: Names, reader: Reader) -> Iterator[str]:
    found = [macro(head, body) for head, body in macros(inst, names, reader.referenced)]
    ended = [place for place in names.labels if inst.system.locations[place].kind != "run"]
    pc = names.variables[THREAD, PC]
    tests = [" || ".join(f"{pc}[{t}] == {names.labels[place]}" for place in ended) for t in range(1, inst.tasks + 1)]
    found.append(macro("ENDED", f"({' && '.join(f'({test})' for test in tests)})"))
    for lines in found:
        yield from lines
        yield ""


# ---- properties ----------------------------------------------------------------------------------


def _watch(number: int, name: str, prop: Property, reader: Reader) -> Iterator[str]:
    """An option of the process that watches, for a property that is not about deadlocks: Spin looks for those."""
    if prop.expr is None:
        return
    yield f"#if ASKED({number}, {int(prop.holds)})"
    yield comment(prop.note or prop.name, 2)
    condition = reader.text(prop.expr, WORD_LEVEL)
    yield from wrapped(f"  :: d_step {{ !{condition} -> assert({name}) }}", 0, 7)
    yield "#endif"
