"""What the argument for few cells covers (docs/semantics.md), and a refusal of anything else.

A few cells stand for any number of them only where nothing depends on how cells are numbered, and where it is known
which cells are read. Of a set of threads they tell who of them is in it, and whether anybody else is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from verify.ir import (
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Referenced,
    System,
    Threads,
    Unary,
    Wrap,
)
from verify.smt.widths import EncodingError
from verify.universal import OBJECT, THREAD, Clause, distinct, operands, parts

Kind = Domain | Literal["number", "nothing"] | None  # None: of more than one kind
Names = Mapping[str, set[Domain]]


def refuse(system: System) -> None:
    """Raise EncodingError for a system that it does not cover."""
    if system.statics:
        raise EncodingError("the system has static objects")
    for action in system.actions:
        _refuse_action(system, action)


def _refuse_action(system: System, action: Action) -> None:
    exprs = [action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))]
    every = [part for e in exprs for part in parts(e)]
    inner = [u.each for u in action.updates if u.each] + [part.binder for part in every if isinstance(part, Quant)]
    free = {binder.name for binder in action.binders} - {binder.name for binder in inner}
    for part in every:
        match part:
            case Field(pointer) if not isinstance(pointer, Bound) and _bound(pointer) - free:
                raise EncodingError(f"`{action.label}` goes through pointers of every object")
            case Binary("has" | "with" | "without", _, member) if member != Me():
                raise EncodingError(f"`{action.label}` asks for a thread in a set that is not its own")
    if any(isinstance(u.place, Local) and u.place.of is not None for u in action.updates):
        raise EncodingError(f"`{action.label}` changes another thread's locals")
    names = _names([*action.binders, *inner])
    stores = all(_alike(_of(system.var(u.place).domain), _kind(system, u.value, names)) for u in action.updates)
    if not stores or not all(_told(system, part, names) for part in every):
        raise EncodingError(f"`{action.label}` depends on how threads or objects are numbered")


def refuse_clauses(system: System, clauses: Sequence[Clause]) -> None:
    """Raise EncodingError for a clause that speaks of other cells than a thread, its object and one more object."""
    for number, clause in enumerate(clauses, start=1):
        if not _is_clause(system, clause):
            raise EncodingError(f"clause {number} speaks of more than one thread and one object")


def _is_clause(system: System, clause: Clause) -> bool:
    if clause.cls not in ("", *system.classes) or (clause.locations is not None and not clause.thread):
        return False
    owners = {THREAD: system.thread} if clause.thread else {}
    owners |= {OBJECT: clause.cls} if clause.cls else {}
    names = _names(Binder(name, Ptr(cls)) for name, cls in owners.items())

    def allowed(part: Expr) -> bool:
        match part:
            case Field(Bound(name), cls, _):
                return owners.get(name) == cls
            case Local(_, Bound(name)):
                return clause.thread and name == THREAD
            case Bound(name):
                return name in owners
            case Me() | Field() | Local() | Quant() | Referenced():
                return False
            case _:
                return True

    return all(allowed(part) and _told(system, part, names) for part in distinct(clause.body))


def refuse_property(system: System, binders: Sequence[Binder], matrix: Expr) -> None:
    """Raise EncodingError for a property that depends on how threads or objects are numbered."""
    names = _names(binders)
    if len(names) < len(binders):
        raise EncodingError("a name of the property hides another")
    if not all(_told(system, part, names) and part != Me() for part in parts(matrix)):
        raise EncodingError("the property depends on how threads or objects are numbered")


# ---- numbers, pointers, sets ---------------------------------------------------------------------


def _told(system: System, part: Expr, names: Names) -> bool:
    """Whether a few cells tell what an expression makes of its operands, whatever numbers they have."""
    kinds = [_kind(system, operand, names) for operand in operands(part)]
    match part:
        case Binary("==" | "!="):
            return _alike(*kinds) and (Threads() not in kinds or "nothing" in kinds)
        case Binary("has" | "with" | "without", _, member):
            one = isinstance(member, Me | Bound) and kinds[1] == Ptr(system.thread)
            return one and kinds[0] in (Threads(), "nothing")
        case Binary("|") if Threads() in kinds:
            return _alike(*kinds)
        case Binary("&&" | "||") | Unary("!") | Quant():
            return None not in kinds
        case Ite():
            return None not in kinds and _alike(*kinds[1:])
        case Binary() | Unary() | Wrap():
            return all(kind in ("number", "nothing") for kind in kinds)
        case Field(_, cls, _):
            return kinds[0] in (Ptr(cls), "nothing")
        case Local():
            return all(kind in (Ptr(system.thread), "nothing") for kind in kinds)
        case Referenced(_, cls):
            return kinds[0] in (Ptr(cls), "nothing")
        case _:
            return True


def _kind(system: System, expr: Expr, names: Names) -> Kind:
    """What an expression is: a pointer to a class, a set of threads, a number, or 0, which is any of these."""
    match expr:
        case Const(value):
            return "number" if value else "nothing"
        case Me():
            return Ptr(system.thread)
        case Bound(name):
            found = names.get(name, set())
            return _of(next(iter(found))) if len(found) == 1 else None
        case Global() | Local() | Field():
            return _of(system.var(expr).domain)
        case Ite(_, then, other):
            first, second = _kind(system, then, names), _kind(system, other, names)
            return second if first == "nothing" else first
        case Binary("with" | "without"):
            return Threads()
        case Binary("|", left, right):
            both = (_kind(system, left, names), _kind(system, right, names))
            return Threads() if Threads() in both else "number"
        case _:
            return "number"


def _of(domain: Domain) -> Kind:
    return domain if isinstance(domain, Ptr | Threads) else "number"


def _alike(one: Kind, other: Kind) -> bool:
    return None not in (one, other) and (one == other or "nothing" in (one, other))


def _names(binders: Iterable[Binder]) -> Names:
    """The domains of what is called by each name; all ranges are alike."""
    result: dict[str, set[Domain]] = defaultdict(set)
    for binder in binders:
        result[binder.name].add(binder.domain)
    return result


def _bound(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Bound)}
