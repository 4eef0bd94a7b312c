"""The types of `.kc`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LockKind = Literal["spinlock", "rwlock", "mutex", "semaphore", "rwsem", "completion", "atomic"]


@dataclass(frozen=True, slots=True)
class Void:
    """No value."""


@dataclass(frozen=True, slots=True)
class Bool:
    """0 or 1; every nonzero value converts to 1."""


@dataclass(frozen=True, slots=True)
class Int:
    """A C integer of `bits` bits that wraps around."""

    bits: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration; its values are those of its enumerators."""

    name: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct by name, as the type of a global object or of `*p`."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer; to a struct it is a value, to anything else a parameter bound at compile time."""

    to: Type


@dataclass(frozen=True, slots=True)
class Function:
    """A function passed by name, as the `fn` of `kernel_thread`; known at compile time."""

    result: Type


@dataclass(frozen=True, slots=True)
class Lock:
    """A synchronisation object, used through its primitives alone (`atomic` is `atomic_t`)."""

    kind: LockKind


@dataclass(frozen=True, slots=True)
class Null:
    """The type of `NULL`, which converts to every pointer."""


Type = Void | Bool | Int | Enum | Struct | Pointer | Function | Lock | Null

INT = Int(32, signed=True)
UNSIGNED = Int(32, signed=False)
VOID = Void()
