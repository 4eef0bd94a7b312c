"""Where an algorithm begins.

PlusCal gives each variable a value or a set of values, which may depend on variables declared before. `runs` is the
first of them. Where all groups begin at different places, it tells how many tasks there are in each, and the others
depend on it. Where some begin at the same place, what depends on these numbers is written for each choice of them, in
`Starts`; a variable begins with what it may have in one of those choices that fit the variables before it. So a start
that two choices allow is one start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from verify.emit.places import Key, variables
from verify.emit.pluscal.steps import RUNS
from verify.emit.tla.layout import item, wrapped
from verify.emit.tla.names import Names
from verify.emit.tla.starts import Starts, Told
from verify.emit.tla.terms import Reader
from verify.instances import THREAD
from verify.ir import IDLE, PC, System, Var

COUNTS: Final = "n"  # in `Casts`, how many tasks there are in each group
BEGUN: Final = "Begun"


@dataclass(frozen=True, slots=True)
class Beginnings:
    r"""How each variable begins: `=` or `\in`, and a term. `lines` define what these need."""

    of: Mapping[Key, tuple[str, str]]
    lines: tuple[str, ...]


def beginnings(system: System, names: Names, reader: Reader) -> Beginnings:
    """How the variables of a system begin, PC as `runs`."""
    open_ended = [group for group in system.groups if group.count is None]
    room = f"Len({names.ids[system.thread]})"
    counts = _counts(names)
    if not open_ended:
        counts = {group.name: str(group.count) for group in system.groups}
    elif len(open_ended) == 1 and system.thread not in system.created:
        others = sum(group.count or 0 for group in system.groups)
        rest = f"({room} - {others})" if others else room
        counts = {group.name: rest if group.count is None else str(group.count) for group in system.groups}
    known = replace(names, variables={**names.variables, (THREAD, PC): RUNS}, groups=counts)
    found = {key: Starts(system, known, reader).begins(key, var) for key, var in _keys(system, known)}
    chosen = [key for key, (_, text) in found.items() if f'{COUNTS}["' in text]
    if not chosen:
        return Beginnings(found, ())
    if len({group.entry for group in system.groups} - {IDLE}) == len(system.groups):
        return _told(system, known, reader, [*_casts(system, names, room)])
    fields = [(known.variables[key], *found[key]) for key in chosen]
    lines = [*_casts(system, names, room), *_starts(fields)]
    fitting = dict[Key, tuple[str, str]]()
    for number, key in enumerate(chosen):
        before = " /\\ ".join(f"{known.variables[k]} \\in s.{known.variables[k]}" for k in chosen[:number])
        these = f"{{s \\in Starts : {before}}}" if before else "Starts"
        fitting[key] = "\\in", f"UNION {{s.{known.variables[key]} : s \\in {these}}}"
    return Beginnings({**found, **fitting}, tuple(lines))


def _told(system: System, known: Names, reader: Reader, casts: Sequence[str]) -> Beginnings:
    """The beginnings where `runs` tells the group of each task; `known` has its numbers of tasks as `Casts` has."""
    places = {group.name: reader.place(group.entry) for group in system.groups}
    counted = replace(known, groups={name: f"{BEGUN}({RUNS}, {place})" for name, place in places.items()})
    told = Told({name: f"{RUNS}[t] = {place}" for name, place in places.items()}, f"{RUNS}[t] # {reader.place(IDLE)}")
    starts = Starts(system, counted, reader, told)
    (runs, var), *others = _keys(system, known)
    _, text = Starts(system, known, reader).begins(runs, var)
    found = {key: starts.begins(key, other) for key, other in others}
    lines = [*casts]
    if any(f"{BEGUN}(" in text for _, text in found.values()):
        lines += ["", f"{BEGUN}(f, p) == Cardinality({{t \\in DOMAIN f : f[t] = p}})  \\* how many threads begin at p"]
    return Beginnings({runs: ("\\in", f"{{{text} : {COUNTS} \\in Casts}}"), **found}, tuple(lines))


def _keys(system: System, known: Names) -> list[tuple[Key, Var]]:
    """The variables, first what a thread runs."""
    keys = [(key, var) for key, var in variables(system) if key in known.variables]
    return sorted(keys, key=lambda pair: pair[0] != (THREAD, PC))


def _counts(names: Names) -> dict[str, str]:
    """How many tasks there are in each group, as terms."""
    return {group: f'{COUNTS}["{_called(name)}"]' for group, name in names.groups.items()}


def _called(name: str) -> str:
    return name.removeprefix("n_")


def _casts(system: System, names: Names, room: str) -> Iterator[str]:
    """The numbers of tasks that there may be in each group."""
    counts = _counts(names)
    listed = ", ".join(f'"{_called(name)}"' for name in names.groups.values())
    total = " + ".join(counts.values())
    exact = system.thread not in system.created
    yield "Casts ==  \\* how many tasks there may be in each group"
    yield f"    {{{COUNTS} \\in [{{{listed}}} -> 0..{room}] :"
    yield from item("/\\", f"{total} {'=' if exact else '<='} {room}", 8)
    yield from item("/\\", f"{total} > 0", 8)
    for group in system.groups:
        if group.count is not None:
            yield from item("/\\", f"{counts[group.name]} = {group.count}", 8)
    yield "    }"


def _starts(fields: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield ""
    yield "Starts ==  \\* what depends on that may begin with one of these"
    yield "    {["
    for number, (name, relation, text) in enumerate(fields):
        values = text if relation == "\\in" else f"{{{text}}}"
        yield from wrapped(f"{name} |-> {values}{',' if number < len(fields) - 1 else ''}", 8, 12)
    yield f"    ] : {COUNTS} \\in Casts}}"
