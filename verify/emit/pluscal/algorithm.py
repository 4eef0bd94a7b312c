"""The module of a system as an algorithm: what it stands on, the algorithm, and the properties behind it.

It is no complete module until the translator of PlusCal has put the translation into its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from verify.emit.idents import camel
from verify.emit.places import actions_from, owner, variables
from verify.emit.pluscal.idents import namer_of_pluscal
from verify.emit.pluscal.remarks import remark
from verify.emit.pluscal.starts import Beginnings, beginnings
from verify.emit.pluscal.steps import PLACE, RUNS, STEP, Writer, writer
from verify.emit.pluscal.threads import starts_others
from verify.emit.properties import EmitError, Liveness, Property
from verify.emit.tla.kinds import kinds_of
from verify.emit.tla.later import later as promises
from verify.emit.tla.layout import WIDTH, boxed, item, noted, titled, wrapped
from verify.emit.tla.module import RULE, Spec, constants, definition_of, meaning
from verify.emit.tla.names import Names, names_of
from verify.emit.tla.preamble import definitions
from verify.emit.tla.steps import by_function
from verify.emit.tla.terms import Helpers, Reader
from verify.emit.tla.types import type_ok, types_of
from verify.instances import THREAD
from verify.ir import IDLE, PC, System

COLUMN: Final = 64  # the furthest at which comments begin
STARTED_ONCE: Final = "StartedOnce"
BEGIN, END = "\\* BEGIN TRANSLATION", "\\* END TRANSLATION"


def specify(
    module: str, system: System, properties: Sequence[Property], header: Sequence[str],
    liveness: Sequence[Liveness] = (),
) -> Spec:
    """Write a system as an algorithm. Raises EmitError for what PlusCal or TLC cannot say."""
    namer = namer_of_pluscal()
    process = namer.name(system.thread, f"{system.thread}_process")
    names = names_of(system, namer)
    names = replace(names, variables={**names.variables, (THREAD, PC): PLACE})
    helpers = Helpers()
    reader = Reader(system, names, kinds_of(system), helpers)
    write = writer(system, names, reader)
    labels = list(_labels(system, write))
    begin = beginnings(system, names, reader)
    later = replace(reader, helpers=Helpers(helpers.used, helpers.bits))  # of properties, behind the translation
    called = [(namer.name(camel(prop.name), f"{camel(prop.name)}Inv"), prop) for prop in properties]
    said = [line for name, prop in called for line in definition_of(name, replace(prop, note=remark(prop.note)), later)]
    promised = promises([replace(one, note=remark(one.note)) for one in liveness], names, names.sets[system.thread])
    lines = [
        titled(module),
        *boxed(header),
        "EXTENDS Integers, Sequences, FiniteSets",
        "",
        *constants(names),
        "",
        *_helpers(system, names, helpers, begin),
        "",
        f"(* --algorithm {module} {{",
        "",
        *_globals(names, begin, write),
        "",
        "define {",
        *_place(names, system),
        *(f"    {line}" for line in definitions(system, names, Helpers(referenced=helpers.referenced))),
        "}",
        "",
        *write.macros.lines(),
        *([""] if write.macros.names else []),
        f"process ({process} \\in {names.sets[system.thread]})",
        *_locals(names, begin, write),
        "{",
        *labels,
        "}",
        "",
        "} *)",
        BEGIN,
        END,
        "",
        *_ends(names, later, write, process),
        *definitions(system, names, Helpers(referenced=later.helpers.referenced)),
        RULE,
        *said,
        *promised.lines,
        "=" * 79,
    ]
    types = types_of(reader)
    return Spec(module, system, names, reader.kinds, tuple(called), tuple(lines), types, liveness=promised.properties)


# ---- above the labels ----------------------------------------------------------------------------


def _helpers(system: System, names: Names, helpers: Helpers, begin: Beginnings) -> Iterator[str]:
    yield "Rank(c, ids) == CHOOSE i \\in DOMAIN ids : ids[i] = c"
    yield from definitions(system, names, Helpers(helpers.used, helpers.bits))
    if begin.lines:
        yield ""
        yield from begin.lines


def _globals(names: Names, begin: Beginnings, write: Writer) -> Iterator[str]:
    """The declarations of all variables but those that are a thread's own; first what the others depend on."""
    keys = [(key, var) for key, var in variables(write.system) if key in begin.of and key not in write.stores.own]
    keys.sort(key=lambda pair: pair[0] != (THREAD, PC))
    found = list[tuple[str, str]]()
    for key, var in keys:
        name, comment = names.variables[key], meaning(key, var)
        if key == (THREAD, PC):
            name, comment = RUNS, "where a thread at `idle` begins"
        relation, text = begin.of[key]
        found.append((f"{name} {relation} {text};", comment))
    yield "variables"
    yield from _declared(found)


def _locals(names: Names, begin: Beginnings, write: Writer) -> Iterator[str]:
    """The declarations of a thread's own variables."""
    own = [(key, var) for key, var in variables(write.system) if key in begin.of and key in write.stores.own]
    values = [begin.of[key][1].split(" |-> ", 1)[1].removesuffix("]") for key, _ in own]
    texts = [f"{names.variables[key]} = {value};" for (key, _), value in zip(own, values, strict=True)]
    if own:
        yield "variables"
    yield from _declared([(text, meaning(key, var)) for text, (key, var) in zip(texts, own, strict=True)])


def _declared(found: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Declarations with their comments: behind them where both fit, else above."""
    widths = [STEP + len(text) for text, comment in found if STEP + len(text) + len(comment) + 6 <= WIDTH]
    column = max([width for width in widths if width <= COLUMN], default=0)
    for text, comment in found:
        lines = wrapped(text, STEP, 2 * STEP)
        if len(lines) > 1 or max(len(lines[0]), column) + len(comment) + 6 > WIDTH:
            yield from (f"    \\* {comment}", *lines)
        else:
            yield noted(lines[0], comment, column)


def _place(names: Names, system: System) -> Iterator[str]:
    idle = names.labels[IDLE]
    yield f"    {PLACE} == [t \\in {names.sets[system.thread]} |->"
    yield f'        IF pc[t] = "{idle}" THEN {RUNS}[t] ELSE pc[t]]'


# ---- labels --------------------------------------------------------------------------------------


def _labels(system: System, write: Writer) -> Iterator[str]:
    leaving = actions_from(system)
    yield from write.idle({place: leaving[place] for place in sorted(write.parked) if place in leaving})
    found = [(name, place) for name, some in by_function(system).items() for place, _ in some]
    found = [(name, place) for name, place in found if place not in write.parked]
    stays = [place for place in write.names.labels if place not in leaving and place not in write.parked]
    following = dict(pairwise([*(place for _, place in found), None]))
    function = ""
    for name, place in found:
        if name != function:
            yield ""
            yield f"\\* {name}()" if owner(system, place) != "exit" else "\\* the end of a thread"
            function = name
        try:
            yield from write.label(place, leaving[place], following[place])
        except EmitError as error:
            span = leaving[place][0].micro[0].span
            raise EmitError(f"{span}: {error}" if span.end else str(error)) from error
    if stays:
        yield ""
        yield "\\* where a thread stays for ever"
    for place in stays:
        yield from write.rest(place, "")


# ---- behind the translation ----------------------------------------------------------------------


def _ends(names: Names, reader: Reader, write: Writer, process: str) -> Iterator[str]:
    system, threads, idle = write.system, names.sets[write.system.thread], names.labels[IDLE]
    yield from type_ok(types_of(reader))
    runs = ", ".join(f'"{label}"' for place, label in names.labels.items() if place in write.parked)
    yield from item("/\\", f"{RUNS} \\in [{threads} -> {{{runs}}}]", 4)
    yield ""
    if starts_others(system):
        yield f"{STARTED_ONCE} ==  \\* nobody is started who is under way, or this is not the system any more"
        yield f'    \\A t \\in {threads} : pc[t] = "{idle}" \\/ {RUNS}[t] = "{idle}"'
        yield ""
    yield f"Step(self) == {process}(self)"
    yield ""
    ended = ", ".join(f'"{names.labels[place]}"' for place in names.labels if system.locations[place].kind != "run")
    yield "Finished =="
    yield from wrapped(f"\\A t \\in {threads} : {PLACE}[t] \\in {{{ended}}}", 4, 6)
    yield ""
    yield f"FairSpec == Spec /\\ \\A self \\in {threads} : WF_vars(Step(self))"
    yield ""
