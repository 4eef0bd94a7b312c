"""Symbolic values: what two expressions of a function have to be equal for them to be equal here.

A value is a number or a Sym. Pointers are named by where they come from (a parameter, `current`, a global object, a
field of another pointer), so that copies of a local and repeated loads of a field are the same value. Comparisons
are brought into one form, so that `!p`, `p == NULL` and the other side of `if (p)` are the same condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from verify.syntax.ast import BinaryOp
from verify.syntax.check.constants import binary

NONE: frozenset[Sym] = frozenset()
NO_FIELDS: frozenset[str] = frozenset()

Kind = Literal[
    "param",  # a parameter as the caller gave it: (name,)
    "current",  # ()
    "object",  # the address of a global object: (name,)
    "function",  # (name,)
    "load",  # a field: (base, "struct.field", version)
    "global",  # a global variable: (name, version)
    "field",  # the place itself, as a lock or reference: (base, "struct.field")
    "variable",  # a global lock or referred variable: (name,)
    "local",  # a referred local variable: (name,)
    "target",  # what a reference that is not known refers to: (reference, version)
    "site",  # a new value made at a place of the source: (number, ...), call sites first
    "result",  # of a function without effects: (function, argument, ...)
    "old",  # what a site made in an earlier round: (sym,)
    "not", "==", "<",  # conditions
    "op",  # anything else: (operator, operand, ...)
    "kernel",  # the big kernel lock: ()
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sym:
    """A value that is not known, made of what makes it equal to another.

    What is asked of every term of every state is computed once: `depth`, `made` (the new values in it: what no
    expression gives a second time) and `fields` (the fields and global variables whose loads are in it).
    """

    kind: Kind
    parts: tuple[int | str | Sym, ...] = ()
    depth: int = field(init=False, compare=False, repr=False)
    made: frozenset[Sym] = field(init=False, compare=False, repr=False)
    fields: frozenset[str] = field(init=False, compare=False, repr=False)
    code: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        depth, made, fields = 0, NONE, NO_FIELDS
        for part in self.parts:
            if isinstance(part, Sym):
                depth = max(depth, part.depth)
                made = made | part.made if made else part.made
                fields = fields | part.fields if fields else part.fields
        if self.kind in ("load", "global"):
            name = self.parts[1 if self.kind == "load" else 0]
            fields = fields | {name} if isinstance(name, str) else fields
        set_ = object.__setattr__
        set_(self, "code", hash((self.kind, self.parts)))
        set_(self, "depth", depth + 1)
        set_(self, "fields", fields)
        set_(self, "made", frozenset({self}) if self.kind in ("site", "old") else made)

    def __hash__(self) -> int:
        return self.code


Value = int | Sym
KERNEL = Sym("kernel")
CURRENT = Sym("current")
NOTHING = Sym("old")  # an object that no pointer points to
MAX_DEPTH = 8  # deeper terms are made new values, so that loops over lists end
ADDRESSES = ("object", "current", "function")  # never NULL


def negated(value: Value) -> Value:
    """Return `!value`."""
    if isinstance(value, int):
        return int(not value)
    if value.kind == "not":
        inner = value.parts[0]
        return inner if isinstance(inner, Sym) and inner.kind in ("==", "<", "not") else Sym("not", (value,))
    return 0 if value.kind in ADDRESSES else Sym("not", (value,))


def operation(op: BinaryOp, a: Value, b: Value) -> Value:
    """Return `a op b`, for other operators than `&&` and `||`."""
    if isinstance(a, int) and isinstance(b, int):
        result = binary(op, a, b)
        return 0 if result is None else result
    match op:
        case "!=":
            return negated(operation("==", a, b))
        case ">":
            return operation("<", b, a)
        case ">=":
            return negated(operation("<", a, b))
        case "<=":
            return negated(operation("<", b, a))
        case "==":
            return _equal(a, b)
        case "<":
            if isinstance(a, int):  # a < b is not b < a + 1
                return negated(operation("<", b, a + 1))
            return 0 if a == b else Sym("<", (a, b))
        case _:
            return Sym("op", (op, a, b))


def _equal(a: Value, b: Value) -> Value:
    if a == b:
        return 1
    if isinstance(a, int) or (isinstance(b, Sym) and repr(b) < repr(a)):
        a, b = b, a
    if isinstance(a, int):
        return Sym("==", (b, a))
    if b == 0:
        return negated(a)
    if isinstance(b, Sym) and a.kind == b.kind == "object":
        return 0
    return Sym("==", (a, b))


def atom(value: Sym) -> tuple[Sym, bool]:
    """Return the condition without its `!`s, and whether it is the same as the value (else the opposite)."""
    same = True
    while value.kind == "not" and isinstance(value.parts[0], Sym):
        value, same = value.parts[0], not same
    return value, same


def mentions(value: object, part: Sym) -> bool:
    """Whether a term is `part` or contains it."""
    if not isinstance(value, Sym) or value.depth < part.depth:
        return False
    if value.depth == part.depth:
        return value == part
    return any(mentions(p, part) for p in value.parts)


def subterms(value: object) -> Iterator[Sym]:
    """Yield the term and all terms in it."""
    if isinstance(value, Sym):
        yield value
        for part in value.parts:
            yield from subterms(part)


def mapped(value: Value, change: Callable[[Sym], Value | None]) -> Value:
    """Return the term with every subterm for which `change` gives a value replaced by it, outermost first."""
    if isinstance(value, int):
        return value
    new = change(value)
    if new is not None:
        return new
    parts = tuple(mapped(p, change) if isinstance(p, Sym) else p for p in value.parts)
    return rebuilt(value, parts)


def rebuilt(value: Sym, parts: tuple[int | str | Sym, ...]) -> Value:
    """Return the term with other parts, in its normal form."""
    if parts == value.parts:
        return value
    match value.kind, parts:
        case "not", (int() | Sym() as inner,):
            return negated(inner)
        case ("==" | "<") as op, (int() | Sym() as a, int() | Sym() as b):
            return operation(op, a, b)
        case _:
            return Sym(value.kind, parts)
