"""What the sentences of an explanation are made of: tests of one variable, and of a local with what it was loaded from.

A literal speaks of a thread `t`, its own object, and at most one more object `o`, as clauses do.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from verify.instances import THREAD as CELL
from verify.instances import Slot
from verify.ir import (
    LIFE,
    PC,
    TRUE,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Place,
    Ptr,
    Range,
    System,
    Threads,
    Unary,
    Var,
)
from verify.universal import MAKER, OBJECT, THREAD, operands

FEW_VALUES = 8  # a variable with more is compared only with the constants that the system gives it
PENDING = "#pending."
Meaning = Callable[[Mapping[Slot, int], int, int], int]
JOIN: Mapping[str, Callable[[int, int], int]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "&": operator.and_,
    "+": operator.add,
    "has": lambda members, thread: members >> thread - 1 & 1,
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A test, and how little it is liked in a sentence: the heavier of two is left out first."""

    test: Expr
    weight: float


def literals(system: System, *, thread: bool, cls: str, prop: Expr = TRUE) -> Sequence[Literal]:
    """All tests of what a clause with a thread (or not) and an object of class `cls` (or "" for none) may read.

    Those of bits that `prop` asks for are liked.
    """
    places = list(_places(system, thread=thread, cls=cls))
    given, masked, asked = _constants(system), _masked(system), _asked(prop)
    found = [
        Literal(test, base + extra)
        for place, var, base in places
        for test, extra in _tests(
            system, place, var, given[_key(place)], bits=asked[_key(place)] if _key(place) in masked else None,
            thread=thread, cls=cls,
        )
    ]
    if thread:
        found += [Literal(test, 3.5) for test in _loaded(system, places, cls=cls)]
    return found


def _places(system: System, *, thread: bool, cls: str) -> Iterator[tuple[Place, Var, float]]:
    """The variables, with how little each is liked: locks and pointers most, numbers of history least."""
    for var in system.globals:
        yield Global(var.name), var, 0.0
    if thread:
        for var in system.locals:
            if var.name != PC:
                yield Local(var.name, Bound(THREAD)), var, 0.5 if isinstance(var.domain, Ptr) else 2.0
        for var in system.classes[system.thread].fields:
            yield Field(Bound(THREAD), system.thread, var.name), var, _liked(var)
    if cls:
        for var in system.classes[cls].fields:
            yield Field(Bound(OBJECT), cls, var.name), var, 0.2 + _liked(var)


def _liked(var: Var) -> float:
    if var.lock or var.name == MAKER:
        return 0.0
    if var.name == LIFE:
        return 0.6
    return 1.5 if var.name.startswith("#") else 1.0


def _tests(  # noqa: PLR0913 - what is asked for, and what is known of it
    system: System, place: Place, var: Var, given: frozenset[int], *, bits: int | None, thread: bool, cls: str
) -> Iterator[tuple[Expr, float]]:
    """Tests of one variable with how specific they are; of single bits but for None, liked if the mask has them."""
    match var.domain:
        case Range(lo, hi):
            values: Sequence[int] = range(lo, hi + 1)
            if len(values) > FEW_VALUES:
                values = sorted({value for value in (0, *given) if lo <= value <= hi})
            if bits is not None and hi > 1:
                for bit in _bits(hi):
                    extra = 0.0 if bits >> bit & 1 else 0.3
                    yield from ((Binary(op, _bit(place, bit), Const(0)), extra) for op in ("!=", "=="))
            whole = 0.2 if bits else 0.0
            for value in values:
                yield Binary("==", place, Const(value)), 0.0 if hi - lo == 1 else 0.5
                if hi - lo > 1:
                    yield Binary("!=", place, Const(value)), whole + (0.0 if value == 0 else 0.1)
        case Ptr(target):
            who = [Bound(THREAD)] if thread and target == system.thread else []
            who += [Bound(OBJECT)] if target == cls else []
            for other in who:
                yield Binary("==", place, other), 0.1
                yield Binary("!=", place, other), 0.0
            yield Binary("==", place, Const(0)), 0.1
            yield Binary("!=", place, Const(0)), 0.0
        case Threads():
            who = [Bound(THREAD)] if thread else []
            who += [Bound(OBJECT)] if cls == system.thread else []
            for other in who:
                yield Binary("has", place, other), 0.1
                yield Unary("!", Binary("has", place, other)), 0.0
            yield Binary("==", place, Const(0)), 0.1
            yield Binary("!=", place, Const(0)), 0.0
        case _:
            assert_never(var.domain)


def _bit(place: Place, bit: int) -> Expr:
    return Binary("&", place, Const(1 << bit))


def _bits(most: int) -> range:
    return range(most.bit_length())


def _loaded(system: System, places: Sequence[tuple[Place, Var, float]], *, cls: str) -> Iterator[Expr]:
    """That a local is what it was loaded from, or is not; and what history says of a store to come."""
    copied = {
        (u.place.name, u.value.cls, u.value.name)
        for action in system.actions
        for u in action.updates
        if isinstance(u.place, Local) and u.place.of is None and isinstance(u.value, Field)
    }
    ranged = [(place, var) for place, var, _ in places if isinstance(var.domain, Range)]
    numbers = [(place, var) for place, var in ranged if isinstance(place, Local)]
    for place, _ in ranged:
        if not isinstance(place, Field):
            continue
        owner = Bound(OBJECT) if cls and place.pointer == Bound(OBJECT) else Bound(THREAD)
        assert place.pointer == owner  # noqa: S101 - that is all there is
        for local, _ in numbers:
            if place.name.startswith(PENDING):
                said: Expr = Binary("+", local, Const(1))
                named = place.name.removeprefix(PENDING)
            else:
                said, named = local, place.name
            if (local.name, place.cls, named) in copied:
                yield Binary("==", place, said)
                yield Binary("!=", place, said)


def _constants(system: System) -> Mapping[tuple[str, str], frozenset[int]]:
    """The constants that are stored in each variable, or that it is compared with; in a local also by loads."""
    found, loads = defaultdict[tuple[str, str], set[int]](set), list[tuple[Local, Field | Global]]()
    for action in system.actions:
        for update in action.updates:
            found[_key(update.place)] |= _numbers(update.value)
            if isinstance(update.place, Local) and isinstance(update.value, Field | Global):
                loads.append((update.place, update.value))
        for part in _parts(action.guard):
            match part:
                case Binary("==" | "!=", Global() | Local() | Field() as place, Const(value)):
                    found[_key(place)].add(value)
                case _:
                    pass
    for local, source in loads:
        found[_key(local)] |= found[_key(source)]
    for cls, declared in system.classes.items():
        for var in declared.fields:
            if var.name.startswith(PENDING):  # what is to be stored, plus one
                stored = found[cls, var.name.removeprefix(PENDING)]
                found[cls, var.name] |= {1, *(value + 1 for value in stored)}
    return defaultdict(frozenset, {key: frozenset(values) for key, values in found.items()})


def _masked(system: System) -> frozenset[tuple[str, str]]:
    """The variables of which single bits are asked for."""
    found = set[tuple[str, str]]()
    for action in system.actions:
        for expr in (action.guard, *(update.value for update in action.updates)):
            for part in _parts(expr):
                if isinstance(part, Binary) and part.op in ("&", "|"):
                    found |= {_key(side) for side in _parts(part) if isinstance(side, Global | Local | Field)}
    return frozenset(found)


def _asked(prop: Expr) -> Mapping[tuple[str, str], int]:
    """The bits that a property asks for, as masks."""
    found = defaultdict[tuple[str, str], int](int)
    for part in _parts(prop):
        match part:
            case Binary("&", Global() | Field() as place, Const(mask)):
                found[_key(place)] |= mask
            case _:
                pass
    return found


def _numbers(value: Expr) -> set[int]:
    return {part.value for part in _parts(value) if isinstance(part, Const)}


def _parts(expr: Expr) -> Iterator[Expr]:
    yield expr
    if not isinstance(expr, Me):
        for operand in operands(expr):
            yield from _parts(operand)


def _key(place: Place) -> tuple[str, str]:
    match place:
        case Field(_, cls, name):
            return cls, name
        case Local(name):
            return "#local", name
        case Global(name):
            return "", name
        case _:
            assert_never(place)


def meaning(test: Expr) -> Meaning:
    """How to tell whether a test is true of a thread and another object, from the variables of a state."""
    match test:
        case Const(value):
            return lambda _values, _thread, _other: value
        case Bound(name):
            mine = name == THREAD
            return lambda _values, thread, other: thread if mine else other
        case Global(name):
            slot = Slot("", 0, name)
            return lambda values, _thread, _other: values[slot]
        case Local(name, Bound()):
            return lambda values, thread, _other: values[Slot(CELL, thread, name)]
        case Field(Bound(owner), cls, name) if owner == THREAD:
            return lambda values, thread, _other: values[Slot(cls, thread, name)]
        case Field(_, cls, name):
            return lambda values, _thread, other: values[Slot(cls, other, name)]
        case Unary(_, arg):
            of = meaning(arg)
            return lambda values, thread, other: not of(values, thread, other)
        case Binary(op, left, right):
            a, b, join = meaning(left), meaning(right), JOIN[op]
            return lambda values, thread, other: join(a(values, thread, other), b(values, thread, other))
        case _:
            raise AssertionError(test)


def negated(test: Expr) -> Expr:
    """The opposite of a literal."""
    match test:
        case Binary("==", left, right):
            return Binary("!=", left, right)
        case Binary("!=", left, right):
            return Binary("==", left, right)
        case Unary("!", arg):
            return arg
        case _:
            return Unary("!", test)
