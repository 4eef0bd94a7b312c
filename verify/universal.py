"""Universal invariants: what every thread and every object satisfy, in states of any number of cells.

An invariant is a conjunction of clauses. Each speaks of one thread, its own object and at most one more object, so
that what it says of a system with any number of tasks is told by few cells (docs/semantics.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verify.ir import (
    PC,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Ite,
    Local,
    Ptr,
    Quant,
    Referenced,
    System,
    Unary,
    Wrap,
)

MAKER = "#maker"  # history: who is making an object; 0 unless it is private
THREAD, OBJECT = "t", "o"  # what a body calls the thread, which is also its object, and the other object


@dataclass(frozen=True, slots=True)
class Clause:
    """Of every thread `t` at `location` (None: anywhere), and every object `o` of class `cls` but its own: `body`.

    With `cls` empty the body speaks of the thread and its object only. With `made`, it is said of objects that the
    thread is making, and may speak of its own object too; without, of the globals, the thread's locals and `o`.
    """

    cls: str
    made: bool
    location: int | None
    body: Expr


def as_property(system: System, clause: Clause) -> Expr:
    """Return the clause as a property of any instance of the system."""
    t, o = Bound(THREAD), Bound(OBJECT)
    said = clause.body
    if clause.location is not None:
        said = Binary("||", Binary("!=", Local(PC, t), Const(clause.location)), said)
    if clause.made:
        said = Binary("||", Binary("!=", Field(o, clause.cls, MAKER), t), said)
    if clause.cls:
        if clause.cls == system.thread:
            said = Binary("||", Binary("==", o, t), said)
        said = Quant("forall", Binder(OBJECT, Ptr(clause.cls)), said)
    return Quant("forall", Binder(THREAD, Ptr(system.thread)), said)


def prenex(prop: Expr) -> Sequence[tuple[tuple[Binder, ...], Expr]] | None:
    """Return the property as a conjunction of `forall binders: matrix`; None if it has quantifiers elsewhere."""
    match prop:
        case Binary("&&", left, right):
            first, second = prenex(left), prenex(right)
            return None if first is None or second is None else [*first, *second]
        case Quant("forall", binder, body):
            inner = prenex(body)
            return None if inner is None else [((binder, *binders), matrix) for binders, matrix in inner]
        case _:
            return None if _quantified(prop) else [((), prop)]


def _quantified(expr: Expr) -> bool:
    return any(isinstance(part, Quant) for part in parts(expr))


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression is directly made of."""
    match expr:
        case Local(_, of):
            return () if of is None else (of,)
        case Field(inner, _, _) | Unary(_, inner) | Wrap(_, _, inner) | Quant(_, _, inner) | Referenced(inner, _, _):
            return (inner,)
        case Binary(_, left, right):
            return (left, right)
        case Ite(cond, then, other):
            return (cond, then, other)
        case _:
            return ()


def parts(expr: Expr) -> Iterator[Expr]:
    """The expression and all that it is made of."""
    yield expr
    for operand in operands(expr):
        yield from parts(operand)
