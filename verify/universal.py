"""Universal invariants: what every thread and every object satisfy, in states of any number of cells.

An invariant is a conjunction of clauses. Each speaks of one thread, its own object and at most one more object, so
that what it says of a system with any number of tasks is told by few cells (docs/semantics.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from verify.ir import (
    FALSE,
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


def told_in(local: str) -> str:
    """The history field of a thread's object that tells its location, or what a local holds."""
    return f"#at.{local.removeprefix('#')}"


@dataclass(frozen=True, slots=True)
class Clause:
    """What holds of every thread `t`, of every object `o`, or of every pair of a thread and an object not its own.

    `locations` (None: anywhere) are where the thread has to be for it to hold. A body may read the globals, the locals
    of `t` and the object `t`, and the object `o`.
    """

    thread: bool  # whether it speaks of `t`
    cls: str  # the class of `o`, or "" if it does not speak of one
    locations: frozenset[int] | None
    body: Expr


def as_property(system: System, clause: Clause) -> Expr:
    """Return the clause as a property of any instance of the system."""
    t, o = Bound(THREAD), Bound(OBJECT)
    said = clause.body
    if clause.locations is not None:
        said = Binary("||", Unary("!", _one_of(Local(PC, t), clause.locations)), said)
    if clause.cls:
        if clause.thread and clause.cls == system.thread:
            said = Binary("||", Binary("==", o, t), said)
        said = Quant("forall", Binder(OBJECT, Ptr(clause.cls)), said)
    return Quant("forall", Binder(THREAD, Ptr(system.thread)), said) if clause.thread else said


def _one_of(place: Expr, values: Iterable[int]) -> Expr:
    found: Expr = FALSE
    for value in sorted(values):
        test = Binary("==", place, Const(value))
        found = test if found == FALSE else Binary("||", found, test)
    return found


def prenex(prop: Expr) -> Sequence[tuple[tuple[Binder, ...], Expr]] | None:
    """Return the property as a conjunction of `forall binders: matrix`; None if it has quantifiers elsewhere."""
    match prop:
        case Binary("&&", left, right):
            first, second = prenex(left), prenex(right)
            return None if first is None or second is None else [*first, *second]
        case Quant("forall", binder, body):
            inner = prenex(body)
            return None if inner is None else [((binder, *binders), matrix) for binders, matrix in inner]
        case Binary("||", left, right) if quantified(prop):
            first, second = prenex(left), prenex(right)
            if first is None or second is None:
                return None
            pairs = [(*one, *other) for one in first for other in second]
            if any({b.name for b in mine} & {b.name for b in theirs} for mine, _, theirs, _ in pairs):
                return None
            return [((*mine, *theirs), Binary("||", a, b)) for mine, a, theirs, b in pairs]
        case _:
            return None if quantified(prop) else [((), prop)]


def quantified(expr: Expr) -> bool:
    """Whether there is a quantifier in an expression."""
    return any(isinstance(part, Quant) for part in distinct(expr))


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


def distinct(*exprs: Expr) -> Iterator[Expr]:
    """All that expressions are made of; what is shared comes once, and deep ones need no recursion."""
    seen, todo = set[int](), list(exprs)
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            todo += operands(part)
