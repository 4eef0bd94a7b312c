"""Where a place lies in a packed state, as numbers or as a table by the pointer in front of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from verify.engine.codegen.pysource import ATOM, SUM, Code, Vector, Writer, constant


class Where(NamedTuple):
    """The bits of a place: at `shifts` if they are known beforehand, else at entry `pointer` of a table.

    Entry 0, NULL, is None. `key` names the variable: two places with different keys are never the same slot.
    """

    key: tuple[str, str]
    width: int
    low: int
    high: int
    shifts: Vector | None
    table: tuple[int | None, ...] = ()
    pointer: str = ""
    null: bool = False  # the pointer may be NULL
    depth: int = 0


def where(writer: Writer, cell: str, name: str, pointer: Code) -> Where | None:
    """The bits of a variable of the cell that `pointer` points to; None if that is NULL for sure."""
    slots = writer.places.column(cell, name)
    first = next(filter(None, slots), None)
    if first is None:
        return None
    _, width, low, high = first
    key = (cell, name)
    if pointer.fixed is not None:
        targets = [slots[index] if 0 <= index < len(slots) else None for index in pointer.fixed]
        known = [target.shift for target in targets if target is not None]
        if not known:
            return None
        if len(known) == len(targets):
            return Where(key, width, low, high, tuple(known))
    table = tuple(None if place is None else place.shift for place in slots)
    text = pointer.text
    if pointer.lo < 0 or pointer.hi >= len(table):
        text = f"{writer.give((_valid(len(table)),) * len(writer.threads))}({text})"
    null = not (pointer.lo > 0 and pointer.hi < len(table))
    return Where(key, width, low, high, None, table, text, null, pointer.depth + 1)


def _valid(size: int) -> Callable[[int], int]:
    """Return a function that makes NULL of the numbers that are no pointer."""
    return lambda number: number if 0 < number < size else 0


def lookup(writer: Writer, place: Where, entry: Callable[[int], int], null: int) -> str:
    """Text for what `entry` gives for the shift of a place behind a pointer, or `null`."""
    table = tuple(null if shift is None else entry(shift) for shift in place.table)
    return f"{writer.give((table,) * len(writer.threads))}[{place.pointer}]"


def read(writer: Writer, found: Where | None) -> Code:
    """The value at a place; 0 behind NULL."""
    if found is None:
        return constant(writer, (0,) * len(writer.threads))
    mask = (1 << found.width) - 1
    if found.low == found.high and not (found.null and found.low):
        return constant(writer, (found.low,) * len(writer.threads))
    if found.shifts is not None:
        text, low = writer.read(f"s >> {writer.number(found.shifts)} & {mask}"), str(found.low)
    else:
        text = writer.read(f"s >> {lookup(writer, found, int, writer.places.size)} & {mask}")
        low = lookup(writer, found, lambda _: found.low, 0) if found.null else str(found.low)
    bounds = (min(found.low, 0), max(found.high, 0)) if found.null else (found.low, found.high)
    if found.low == 0:
        return Code(text, ATOM, *bounds, depth=found.depth)
    return Code(f"{text} + {low}", SUM, *bounds, depth=found.depth + 1)
