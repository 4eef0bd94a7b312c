"""What things are called: cells, variables, values, statements and places, as the reader of a run knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from verify.instances import THREAD, Slot
from verify.ir import Domain, Ptr, Range, System, Threads

DECIMAL = range(-4096, 4097)  # beyond this, numbers are masks and addresses: hexadecimal


def cell_name(system: System, cell: str, index: int) -> str:
    """An object as the reader knows it: `task 2`, or the name of a global one."""
    if cell == THREAD:
        return f"{system.thread} {index}"
    statics = [static.name for static in system.statics if static.cls == cell]
    return statics[index - 1] if index <= len(statics) else f"{cell} {index}"


def slot_name(system: System, slot: Slot) -> str:
    """A variable as the reader knows it: `task 2.ptrace`; a local or global by its bare name."""
    match slot.cell:
        case "":
            return slot.name
        case cell if cell == THREAD:
            return bare(slot.name)
        case cell:
            return f"{cell_name(system, cell, slot.index)}.{slot.name}"


def bare(local: str) -> str:
    """A local as its function calls it: `old` of `kernel_thread.old#2`; empty for one that has no name there."""
    return local.split("#", maxsplit=1)[0].rpartition(".")[2]


def value_name(system: System, domain: Domain, value: int) -> str:
    """A value as the reader knows it: `task 2`, `NULL`, `{T1, T2}` or a number."""
    match domain:
        case Ptr(cls):
            return cell_name(system, cls, value) if value else "NULL"
        case Threads():
            return "{" + ", ".join(f"T{t}" for t in members(value)) + "}"
        case Range():
            return str(value) if value in DECIMAL else hex(value)
        case _:
            assert_never(domain)


def members(threads: int) -> Sequence[int]:
    """The threads of a set, in order."""
    return [i + 1 for i in range(threads.bit_length()) if threads >> i & 1]


