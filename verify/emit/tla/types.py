"""The values that each variable of a module may have: the sets that TypeOK is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from verify.emit.places import Key, variables
from verify.emit.properties import EmitError
from verify.emit.tla.kinds import Kind
from verify.emit.tla.layout import item
from verify.emit.tla.terms import LIVES, Reader
from verify.instances import THREAD
from verify.ir import Ptr, Range, Var


def types_of(reader: Reader) -> Mapping[str, str]:
    """The set that each variable of the module is an element of. Raises EmitError for numbers that TLC has not."""
    names, found = reader.names, dict[str, str]()
    for key, var in variables(reader.system):
        if key in names.variables:
            cell, values = key[0], _values(key, var, reader)
            cls = reader.system.thread if cell == THREAD else cell
            found[names.variables[key]] = f"[{names.sets[cls]} -> {values}]" if cell else values
    return found


def type_ok(types: Mapping[str, str]) -> Iterator[str]:
    """The lines of TypeOK."""
    yield "TypeOK =="
    for name, values in types.items():
        yield from item("/\\", f"{name} \\in {values}", 4)


def _values(key: Key, var: Var, reader: Reader) -> str:
    names, kind = reader.names, reader.kinds.of[key]
    match kind:
        case Kind.PLACE:
            return f"{{{', '.join(reader.place(place) for place in names.labels)}}}"
        case Kind.LIFE:
            return f"{{{', '.join(LIVES.values())}}}"
        case Kind.TRUTH:
            return "BOOLEAN"
        case Kind.THREADS:
            return f"SUBSET {names.sets[reader.system.thread]}"
        case Kind.CELL:
            assert isinstance(var.domain, Ptr)  # noqa: S101 - of that kind
            return f"{names.sets[var.domain.cls]} \\cup {{NULL}}"
        case Kind.NUMBER:
            assert isinstance(var.domain, Range)  # noqa: S101 - of that kind
            if var.domain.lo <= -(1 << 31) or var.domain.hi >= 1 << 31:
                message = f"`{var.name}` holds numbers from {var.domain.lo} to {var.domain.hi}: TLC counts with 32 bits"
                raise EmitError(message)
            return f"{var.domain.lo if var.domain.lo >= 0 else f'(-{-var.domain.lo})'}..{var.domain.hi}"
        case _:
            assert_never(kind)
