"""What the unknown predicates speak of: a thread with its own object, and with one more object of some class.

A pointer in view is told by what it leads to: NULL, the thread, the object, or nothing in view. Where a thread is, is
an argument like others, or there are as many predicates as places, which Spacer finds easier and takes longer to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

import z3

from verify.instances import THREAD, Slot
from verify.ir import PC, Bound, Expr, Field, Global, Local, Ptr, Range, System, Var
from verify.smt.horn.arithmetic import NO, Arithmetic, Num, constant
from verify.universal import OBJECT, told_in
from verify.universal import THREAD as THE_THREAD

Pair = tuple[int, str, int]  # a thread, and an object of a class ("" for its own alone)
Spot = tuple[int, ...]  # the locations of the thread and of the object's, as far as predicates are for certain ones


@dataclass(frozen=True, slots=True)
class How:
    """How much the clauses speak of, and how they say it."""

    two: bool = False  # of the thread of a task in view, too
    located: bool = False  # with a predicate for each location


class Aspect(NamedTuple):
    """One argument of a predicate: the value of a variable, or what a pointer leads to."""

    place: Expr
    cell: str  # as in a slot
    whose: str  # THREAD, OBJECT, or "" of a global
    var: Var
    tells: Literal["value", "null", "thread", "object"]


@dataclass(frozen=True, slots=True)
class View:
    """A kind of view and its unknown predicates."""

    z: Arithmetic
    cls: str  # of the object, or ""
    aspects: Sequence[Aspect]
    spots: int  # how many locations a predicate is for
    predicates: dict[Spot, z3.FuncDeclRef] = field(default_factory=dict)

    def says(self, values: Mapping[Slot, Num], pair: Pair) -> z3.BoolRef:
        """What is said of a pair: of threads at known locations, where predicates are for certain ones."""
        spot = tuple(values[Slot(THREAD, i, PC)].lo for i in (pair[0], pair[2])[: self.spots])
        arguments = [self.z.as_sort(_told(self.z, a, values, pair), truth=_is_truth(a)) for a in self.aspects]
        said: z3.BoolRef = self.predicate(spot)(*arguments)
        return said

    def predicate(self, spot: Spot) -> z3.FuncDeclRef:
        """The predicate for some locations."""
        if spot not in self.predicates:
            sort = {True: z3.BoolSort(self.z.context), False: z3.IntSort(self.z.context)}
            name = " ".join(("with", self.cls or "none", *map(str, spot)))
            self.predicates[spot] = z3.Function(name, *(sort[_is_truth(a)] for a in self.aspects), sort[True])
        return self.predicates[spot]


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
        case _:
            assert_never(aspect.tells)


def _is_truth(aspect: Aspect) -> bool:
    match aspect.var.domain:
        case Range(lo, hi):
            return (lo, hi) == (0, 1)
        case _:
            return True


def views(z: Arithmetic, system: System, how: How) -> Mapping[str, View]:
    """The view of a thread alone, and with an object of each class."""
    found = {}
    for cls in ("", *system.classes):
        both = how.two and cls == system.thread
        aspects = (a for a in _aspects(system, cls, two=both) if not how.located or a.var is not system.locals[0])
        found[cls] = View(z, cls, tuple(aspects), (1 + both) * how.located)
    return found


def _aspects(system: System, cls: str, *, two: bool) -> Iterator[Aspect]:
    t, o = Bound(THE_THREAD), Bound(OBJECT)
    own = system.classes[system.thread]
    for var in system.globals:
        yield from _of_var(system, cls, Aspect(Global(var.name), "", "", var, "value"))
    for var in system.locals:
        yield from _of_var(system, cls, Aspect(Local(var.name, t), THREAD, THE_THREAD, var, "value"))
    for var in own.fields:
        yield from _of_var(system, cls, Aspect(Field(t, own.name, var.name), own.name, THE_THREAD, var, "value"))
    for var in system.classes[cls].fields if cls else ():
        yield from _of_var(system, cls, Aspect(Field(o, cls, var.name), cls, OBJECT, var, "value"))
    for var in system.locals if two else ():
        yield from _of_var(system, cls, Aspect(Field(o, cls, told_in(var.name)), THREAD, OBJECT, var, "value"))


def _of_var(system: System, cls: str, aspect: Aspect) -> Iterator[Aspect]:
    """What there is to tell of a variable."""
    match aspect.var.domain:
        case Ptr(of):
            yield aspect._replace(tells="null")
            if of == system.thread:
                yield aspect._replace(tells="thread")
            if of == cls:
                yield aspect._replace(tells="object")
        case Range(lo, hi) if lo == hi:
            pass
        case _:
            yield aspect
