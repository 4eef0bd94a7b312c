"""Where a system begins, as the function `start`, which finds every variable 0.

What is chosen, is chosen in this order: first the variables that have the same values however many tasks there are in
each group, then which of these starts it is, then what differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.c.layout import statements
from verify.emit.c.terms import LIVES, Reader
from verify.instances import Slot, Start, starts
from verify.ir import LIFE, PC

INDENT = "    "
Values = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Beginnings:
    """The starts of an instance: what all have, and what each has beside it."""

    common: Mapping[Slot, Values]
    rest: Sequence[Start]


def beginnings(reader: Reader) -> Beginnings:
    """Sort what the starts of an instance say; variables that are always 0 are left out."""
    found = list(starts(reader.instance))
    slots = [slot for slot in found[0] if _name(reader, slot)]
    common = {slot: found[0][slot] for slot in slots if all(one[slot] == found[0][slot] for one in found)}
    return Beginnings(common, [{slot: one[slot] for slot in slots if slot not in common} for one in found])


def start(reader: Reader) -> Iterator[str]:
    """The lines of the function."""
    begin = beginnings(reader)
    yield from ("static void start(void)", "{")
    yield from _values(reader, begin.common, INDENT)
    if len(begin.rest) > 1:
        yield f"{INDENT}switch (choose(0, {len(begin.rest) - 1})) {{"
        for number, one in enumerate(begin.rest):
            yield f"{INDENT}case {number}:"
            yield from _values(reader, one, INDENT * 2)
            yield f"{INDENT * 2}break;"
        yield f"{INDENT}default:"
        yield f"{INDENT * 2}break;"
        yield f"{INDENT}}}"
    yield from ("}", "")


def _values(reader: Reader, given: Start, indent: str) -> Iterator[str]:
    for slot, values in given.items():
        name = _name(reader, slot)
        if values == (0,):
            continue
        if len(values) == 1:
            yield f"{indent}{name} = {_value(reader, slot, values[0])};"
        elif gapless(values):
            cast = "(int)" if values[0] >= -(1 << 31) and values[-1] < 1 << 31 else ""
            yield f"{indent}{name} = {cast}choose({_value(reader, slot, values[0])}, {values[-1]});"
        else:
            yield f"{indent}switch (choose(0, {len(values) - 1})) {{"
            for number, value in enumerate(values):
                yield f"{indent}case {number}:"
                yield f"{indent}{INDENT}{name} = {_value(reader, slot, value)};"
                yield f"{indent}{INDENT}break;"
            yield f"{indent}default:"
            yield f"{indent}{INDENT}break;"
            yield f"{indent}}}"


def gapless(values: Values) -> bool:
    """Whether these are all the numbers from the first to the last, in order."""
    return values == tuple(range(values[0], values[0] + len(values)))


def _name(reader: Reader, slot: Slot) -> str:
    name = reader.names.variables.get((slot.cell, slot.name), "")
    return f"{name}[{slot.index}]" if name and slot.cell else name


def _value(reader: Reader, slot: Slot, value: int) -> str:
    if slot.name == PC:
        return reader.names.place(value)
    if slot.name == LIFE:
        return LIVES[value]
    return str(value) if -(1 << 31) < value < 1 << 31 else f"{value}LL"


def shown(reader: Reader) -> Iterator[str]:
    """The lines of the function that shows a state: variables in the order of the instance, but those always 0."""
    yield from ("static void show(void)", "{")
    for slot in reader.instance.slots():
        name = _name(reader, slot)
        if name:
            yield from statements(INDENT, f"SHOW({name});")
    yield from ("}", "")
