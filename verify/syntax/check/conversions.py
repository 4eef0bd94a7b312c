"""C's arithmetic types: names, promotions and what converts to what."""

from __future__ import annotations

from typing import assert_never

from verify.syntax.types import (
    INT,
    Bool,
    Enum,
    Function,
    Int,
    Lock,
    LockKind,
    Null,
    Pointer,
    Struct,
    Type,
    Void,
)

LONG_BITS = 64
ARITHMETIC = Bool | Int | Enum
LOCK_NAMES: dict[LockKind, str] = {
    "spinlock": "spinlock_t", "rwlock": "rwlock_t", "mutex": "struct mutex", "semaphore": "struct semaphore",
    "rwsem": "struct rw_semaphore", "completion": "struct completion", "atomic": "atomic_t",
}  # fmt: skip
INT_NAMES = {
    (8, True): "s8", (8, False): "u8", (16, True): "short", (16, False): "u16", (32, True): "int",
    (32, False): "unsigned", (64, True): "long", (64, False): "unsigned long",
}  # fmt: skip


def describe(type_: Type) -> str:
    """Return the type as C writes it."""
    match type_:
        case Void():
            return "void"
        case Bool():
            return "bool"
        case Int(bits, signed):
            return INT_NAMES.get((bits, signed), f"{'int' if signed else 'unsigned'} : {bits}")
        case Enum(name):
            return f"enum {name}" if name else "int"
        case Struct(name):
            return f"struct {name}"
        case Pointer(to):
            inner = describe(to)
            return f"{inner}*" if inner.endswith("*") else f"{inner} *"
        case Function(result):
            return f"{describe(result)} (*)(void)"
        case Lock(kind):
            return LOCK_NAMES[kind]
        case Null():
            return "NULL"
        case _:
            assert_never(type_)


def is_arithmetic(type_: Type | None) -> bool:
    """Whether the type is an integer, flag or enumeration."""
    return isinstance(type_, ARITHMETIC)


def is_object_pointer(type_: Type | None) -> bool:
    """Whether the type is a pointer to a struct, NULL included."""
    return isinstance(type_, Null) or (isinstance(type_, Pointer) and isinstance(type_.to, Struct))


def is_reference(type_: Type | None) -> bool:
    """Whether the type is a pointer to something else than a struct, which is bound at compile time."""
    return isinstance(type_, Pointer) and not isinstance(type_.to, Struct)


def is_scalar(type_: Type | None) -> bool:
    """Whether a variable can hold a value of the type."""
    return is_arithmetic(type_) or (is_object_pointer(type_) and not isinstance(type_, Null))


def is_condition(type_: Type | None) -> bool:
    """Whether C takes a value of the type for a truth value."""
    return is_arithmetic(type_) or is_object_pointer(type_)


def promote(type_: Type) -> Int:
    """Return the type after C's integer promotions: nothing is narrower than `int`."""
    match type_:
        case Int(bits, signed) if bits > INT.bits:
            return Int(LONG_BITS, signed)
        case Int(bits, signed) if bits == INT.bits:
            return Int(bits, signed)
        case _:
            return INT


def usual(left: Type, right: Type) -> Int:
    """Return the common type of two operands: C's usual arithmetic conversions."""
    a, b = promote(left), promote(right)
    if a.bits != b.bits:
        return a if a.bits > b.bits else b
    return Int(a.bits, a.signed and b.signed)


def wrap(value: int, type_: Type | None) -> int:
    """Return the value that C stores when `value` is converted to an arithmetic type."""
    match type_:
        case Bool():
            return int(value != 0)
        case Int(bits, signed):
            value &= (1 << bits) - 1
            return value - (1 << bits) if signed and value >> (bits - 1) else value
        case _:
            return value
