"""What sort of value a variable or an expression has in TLA+, and between which numbers a number lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from verify.emit.bounds import COMPARISONS
from verify.emit.places import Key, key_of, variables
from verify.instances import THREAD
from verify.ir import (
    LIFE,
    PC,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Var,
    Wrap,
)
from verify.universal import told_in


class Kind(Enum):
    """A sort of value."""

    NUMBER = "number"
    TRUTH = "truth"
    CELL = "cell"  # an object or NULL
    THREADS = "threads"
    PLACE = "place"  # where a thread stands
    LIFE = "life"


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of the variables of one system."""

    system: System
    of: Mapping[Key, Kind] = field(hash=False)

    def kind(self, expr: Expr, bound: Mapping[str, Kind]) -> Kind | None:
        """The kind of an expression; None of a number that stands for what it is compared with."""
        match expr:
            case Const():
                return None
            case Me():
                return Kind.CELL
            case Bound(name):
                return bound[name]
            case Global() | Local() | Field():
                return self.of[key_of(expr)]
            case Unary(op):
                return Kind.TRUTH if op == "!" else Kind.NUMBER
            case Binary("with" | "without"):
                return Kind.THREADS
            case Binary("&" | "|" | "^", left, right):
                both = (self.kind(left, bound), self.kind(right, bound))
                return Kind.THREADS if Kind.THREADS in both else Kind.NUMBER
            case Binary(op):
                return Kind.TRUTH if op in COMPARISONS else Kind.NUMBER
            case Ite(_, then, other):
                return self.kind(then, bound) or self.kind(other, bound)
            case Quant() | Referenced():
                return Kind.TRUTH
            case Wrap():
                return Kind.NUMBER
            case _:
                assert_never(expr)


def kinds_of(system: System) -> Kinds:
    """The kinds of a system's variables; a nameless local is a truth if nothing else is ever stored there."""
    found = {key: _declared(var) for key, var in variables(system)}
    maybe = {key for key, var in variables(system) if _nameless(key) and var.domain == Range(0, 1)}
    found |= dict.fromkeys(maybe, Kind.TRUTH)
    changed = True
    while changed:
        kinds = Kinds(system, found)
        other = {key for key, value in _stores(system) if key in maybe and not _is_truth(value, kinds)}
        changed = bool(other)
        maybe -= other
        found = found | dict.fromkeys(other, Kind.NUMBER)
    return Kinds(system, found)


def _declared(var: Var) -> Kind:
    match var:
        case Var(name=name) if name in (PC, told_in(PC)):
            return Kind.PLACE
        case Var(name=name) if name == LIFE:
            return Kind.LIFE
        case Var(domain=Ptr()):
            return Kind.CELL
        case Var(domain=Threads()):
            return Kind.THREADS
        case _:
            return Kind.TRUTH if var.truth and var.domain in (Range(0, 1), Range(0, 0), Range(1, 1)) else Kind.NUMBER


def _nameless(key: Key) -> bool:
    cell, name = key
    return cell == THREAD and ".#" in name


def _stores(system: System) -> Iterator[tuple[Key, Expr]]:
    for action in system.actions:
        yield from ((key_of(update.place), update.value) for update in action.updates)


def _is_truth(value: Expr, kinds: Kinds) -> bool:
    match value:
        case Const(number):
            return number in (0, 1)
        case Bound():
            return False
        case Ite(_, then, other):
            return _is_truth(then, kinds) and _is_truth(other, kinds)
        case _:
            return kinds.kind(value, {}) is Kind.TRUTH
