"""What the unknown predicates speak of: a thread with its own object, and with one more object of some class.

A pointer in view is told by what it leads to: NULL, the thread, the object, or nothing in view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import z3

from verify.instances import THREAD, Slot
from verify.ir import Bound, Expr, Field, Global, Local, Ptr, Range, System, Var
from verify.smt.horn.arithmetic import NO, Arithmetic, Num, constant
from verify.universal import OBJECT, TOLD
from verify.universal import THREAD as THE_THREAD

Pair = tuple[int, str, int]  # a thread, and an object of a class ("" for its own alone)


class Aspect(NamedTuple):
    """One argument of a predicate: the value of a variable, or what a pointer leads to."""

    place: Expr
    cell: str  # as in a slot
    whose: str  # THREAD, OBJECT, or "" of a global
    var: Var
    tells: Literal["value", "null", "thread", "object"]


@dataclass(frozen=True, slots=True)
class View:
    """A kind of view and its unknown predicate."""

    cls: str  # of the object, or ""
    aspects: Sequence[Aspect]
    predicate: z3.FuncDeclRef

    def arguments(self, z: Arithmetic, values: Mapping[Slot, Num], pair: Pair) -> list[z3.ExprRef]:
        """What the predicate says of a pair."""
        return [z.as_sort(_told(z, aspect, values, pair), truth=_is_truth(aspect)) for aspect in self.aspects]


def _told(z: Arithmetic, aspect: Aspect, values: Mapping[Slot, Num], pair: Pair) -> Num:
    thread, _, index = pair
    at = {"": 0, THE_THREAD: thread, OBJECT: index}[aspect.whose]
    value = values[Slot(aspect.cell, at, aspect.var.name)]
    match aspect.tells:
        case "value":
            return value
        case "null":
            return z.binary("==", value, NO)
        case "thread":
            return z.binary("==", value, constant(thread))
        case "object":
            return z.binary("==", value, constant(index))


def _is_truth(aspect: Aspect) -> bool:
    match aspect.var.domain:
        case Range(lo, hi):
            return (lo, hi) == (0, 1)
        case _:
            return True


def views(z: Arithmetic, system: System, *, two: bool) -> Mapping[str, View]:
    """The view of a thread alone, and with an object of each class; with `two`, that of a task with its thread."""
    found = {}
    for cls in ("", *system.classes):
        aspects = tuple(_aspects(system, cls, two=two))
        sorts = [z3.BoolSort(z.context) if _is_truth(a) else z3.IntSort(z.context) for a in aspects]
        name = f"with {cls}" if cls else "alone"
        found[cls] = View(cls, aspects, z3.Function(name, *sorts, z3.BoolSort(z.context)))
    return found


def _aspects(system: System, cls: str, *, two: bool) -> Iterator[Aspect]:
    t, o = Bound(THE_THREAD), Bound(OBJECT)
    own = system.classes[system.thread]
    for var in system.globals:
        yield from _of_var(system, cls, Global(var.name), "", "", var)
    for var in system.locals:
        yield from _of_var(system, cls, Local(var.name, t), THREAD, THE_THREAD, var)
    for var in own.fields:
        yield from _of_var(system, cls, Field(t, own.name, var.name), own.name, THE_THREAD, var)
    for var in system.classes[cls].fields if cls else ():
        yield from _of_var(system, cls, Field(o, cls, var.name), cls, OBJECT, var)
    for var in system.locals if two and cls == system.thread else ():
        yield from _of_var(system, cls, Field(o, cls, TOLD + var.name), THREAD, OBJECT, var)


def _of_var(  # noqa: PLR0913, PLR0917 - those of an aspect
    system: System, cls: str, place: Expr, cell: str, whose: str, var: Var
) -> Iterator[Aspect]:
    match var.domain:
        case Ptr(of):
            yield Aspect(place, cell, whose, var, "null")
            if of == system.thread:
                yield Aspect(place, cell, whose, var, "thread")
            if of == cls:
                yield Aspect(place, cell, whose, var, "object")
        case Range(lo, hi) if lo == hi:
            pass
        case _:
            yield Aspect(place, cell, whose, var, "value")
