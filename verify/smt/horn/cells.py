"""The few cells that one Horn clause speaks of, each pointer that is followed held to one of them, and their reading.

The acting thread is cell 1, another thread cell 2; cell 3 is an object in view, those after it are objects touched
besides. A pointer is the number of a cell, or any other number where it leads to none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import assert_never

from verify.instances import THREAD, Slot
from verify.ir import (
    PC,
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
    Place,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
    refers,
)
from verify.smt.horn.arithmetic import NO, YES, Arithmetic, Num, constant
from verify.smt.widths import EncodingError
from verify.universal import parts

ACTOR, OTHER, VIEWED, FURTHER = 1, 2, 3, 4
MANY = 1 << 20  # no cell has this number
Scope = Mapping[str, Num]
Leads = Mapping[Expr, int]  # the cell that a pointer leads to, 0 for none


@dataclass(frozen=True, slots=True)
class Cells:
    """Threads with their objects, and further objects, in a state of free variables."""

    z: Arithmetic
    system: System
    threads: Sequence[int]
    objects: Mapping[str, Sequence[int]]
    values: dict[Slot, Num] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the variables."""
        for slot, var in self._slots():
            self.values[slot] = free(self.z, str(slot), var.domain)

    def _slots(self) -> Iterator[tuple[Slot, Var]]:
        yield from ((Slot("", 0, var.name), var) for var in self.system.globals)
        for cls, numbers in self.objects.items():
            yield from ((Slot(cls, i, var.name), var) for i in numbers for var in self.system.classes[cls].fields)
        yield from ((Slot(THREAD, i, var.name), var) for i in self.threads for var in self.system.locals)


def free(z: Arithmetic, name: str, domain: Domain) -> Num:
    """A free variable of a domain."""
    match domain:
        case Range(lo, hi):
            return z.variable(name, lo, hi)
        case Ptr():
            return z.variable(name, 0, MANY, bounded=False)
        case Threads():
            raise EncodingError("the system has sets of threads")


class Reader:
    """Reads expressions as the acting thread, with each pointer that is followed leading where `leads` says."""

    def __init__(self, cells: Cells, leads: Leads) -> None:
        """Begin with no free choice made."""
        self.z, self.cells, self.leads = cells.z, cells, leads
        self._choices = count()

    def any_of(self, domain: Domain) -> Num:
        """Any value of a domain."""
        return free(self.z, f"any{next(self._choices)}:{domain}", domain)

    def either(self) -> Num:
        """A truth that may be either."""
        return self.any_of(Range(0, 1))

    def read(self, expr: Expr, scope: Scope) -> Num:
        """The number that an expression is. Raises EncodingError for what a few cells cannot tell."""
        z = self.z
        match expr:
            case Const(value):
                return constant(value)
            case Me():
                return constant(ACTOR)
            case Bound(name):
                if name not in scope:
                    raise EncodingError(f"unbound name `{name}`")
                return scope[name]
            case Global(name):
                return self.cells.values[Slot("", 0, name)]
            case Local(name, None):
                return self.cells.values[Slot(THREAD, ACTOR, name)]
            case Local(name, of):
                assert of is not None  # noqa: S101 - the case before
                return self._of_thread(name, self.read(of, scope))
            case Field(pointer, cls, name):
                return self.cells.values.get(Slot(cls, self.leads_to(pointer, scope), name), NO)
            case Unary(op, arg):
                return z.unary(op, self.read(arg, scope))
            case Binary("has" | "with" | "without"):
                raise EncodingError("the system has sets of threads")
            case Binary(op, left, right):
                a = self.read(left, scope)
                if (op == "&&" and a == NO) or (op == "||" and a.term is None and a != NO):
                    return z.truth(a)
                return z.binary(op, a, self.read(right, scope))
            case Ite(cond, then, other):
                test = z.truth(self.read(cond, scope))
                if test.term is None:
                    return self.read(then if test.lo else other, scope)
                return z.choose(test, self.read(then, scope), self.read(other, scope))
            case Wrap(bits, signed, arg):
                return z.wrap(bits, self.read(arg, scope), signed=signed)
            case Quant(quantifier, binder, body):
                return self._quantified(quantifier, binder, body, scope)
            case Referenced(pointer, cls, mine):
                return self._referenced(self.read(pointer, scope), cls, mine=mine)
            case _:
                assert_never(expr)

    def leads_to(self, pointer: Expr, scope: Scope) -> int:
        """The cell that a pointer leads to."""
        match pointer:
            case Me():
                return ACTOR
            case Const(0):
                return 0
            case Bound(name) if name in scope and scope[name].term is None:
                return scope[name].lo
            case _ if pointer in self.leads:
                return self.leads[pointer]
            case _:
                raise EncodingError("a pointer leads to a static object, or there is one for every object")

    def _of_thread(self, name: str, pointer: Num) -> Num:
        z, domain = self.z, next(var.domain for var in self.cells.system.locals if var.name == name)
        if pointer.term is None and pointer.lo not in self.cells.threads:
            return self.any_of(domain) if pointer.lo else NO
        found = NO if pointer.term is None else z.choose(z.binary("==", pointer, NO), NO, self.any_of(domain))
        for index in self.cells.threads:
            here = self.cells.values[Slot(THREAD, index, name)]
            found = z.choose(z.binary("==", pointer, constant(index)), here, found)
        return found

    def _quantified(self, quantifier: str, binder: Binder, body: Expr, scope: Scope) -> Num:
        cases, some = list[Num](), self.chosen_by(binder)
        if isinstance(binder.domain, Ptr):
            cases.append(self.either())
        for value in some:
            cases.append(self.read(body, {**scope, binder.name: constant(value)}))
        return (self.z.conjunction if quantifier == "forall" else self.z.disjunction)(cases)

    def chosen_by(self, binder: Binder) -> Sequence[int]:
        """The values of a binder that are here."""
        match binder.domain:
            case Ptr(cls):
                return self.cells.objects.get(cls, ())
            case Range(lo, hi):
                return range(lo, hi + 1)
            case _:
                assert_never(binder.domain)

    def _referenced(self, pointer: Num, cls: str, *, mine: bool) -> Num:
        """See `ir.Referenced`."""
        z, system, found = self.z, self.cells.system, [self.either()]
        for slot, value in self.cells.values.items():
            own = slot.index == ACTOR and (slot.cell == THREAD or (slot.cell == system.thread and not mine))
            if own or not refers(slot.name, _domain(system, slot), cls):
                continue
            other = z.binary("!=", pointer, constant(slot.index)) if slot.cell == cls else YES
            found.append(z.conjunction((other, z.binary("==", value, pointer))))
        return z.conjunction((z.binary("!=", pointer, NO), z.disjunction(found)))


def _domain(system: System, slot: Slot) -> Domain:
    match slot:
        case Slot("", _, name):
            return system.var(Global(name)).domain
        case Slot(cell, _, name) if cell == THREAD:
            return system.var(Local(name)).domain
        case Slot(cell, _, name):
            return system.var(Field(Me(), cell, name)).domain


def exprs_of(action: Action) -> list[Expr]:
    """All that an action reads, and the places it stores in."""
    return [action.guard, *(expr for update in action.updates for expr in (update.place, update.value, update.when))]


def followed(*exprs: Expr) -> list[Field]:
    """The pointers that expressions go through, each as one of the fields behind it, in a certain order."""
    found: dict[Expr, Field] = {}
    for expr in exprs:
        for part in parts(expr):
            if isinstance(part, Field) and not isinstance(part.pointer, Me | Const):
                found.setdefault(part.pointer, part)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Step:
    """The acting thread takes an action: it can if `enabled`, what it stores is in its domain if `typed`."""

    enabled: Num
    typed: Num
    after: Mapping[Slot, Num]


def step(cells: Cells, action: Action, leads: Leads) -> Step | None:
    """What the action does to the cells; None if it never can be taken."""
    z, reader = cells.z, Reader(cells, leads)
    scope = {}
    for binder in action.binders:
        scope[binder.name] = reader.any_of(binder.domain)
    given = [z.binary("==", cells.values[Slot(THREAD, ACTOR, PC)], constant(action.source))]
    given += [z.binary("!=", scope[b.name], NO) for b in action.binders if isinstance(b.domain, Ptr)]
    given += [z.binary("==", reader.read(pointer, scope), constant(cell)) for pointer, cell in leads.items()]
    enabled = z.conjunction((*given, reader.read(action.guard, scope)))
    if enabled == NO:
        return None
    after = {**cells.values, Slot(THREAD, ACTOR, PC): constant(action.target)}
    typed = list[Num]()
    for update in action.updates:
        for slot, value, when in _stores(reader, update, scope):
            match _domain(cells.system, slot):
                case Range(lo, hi):
                    fits = z.conjunction((z.binary(">=", value, constant(lo)), z.binary("<=", value, constant(hi))))
                    typed.append(z.disjunction((z.negation(when), fits)))
                    value = Num(value.term, max(value.lo, lo), min(value.hi, hi))  # noqa: PLW2901 - else it is no step
                case _:
                    pass
            after[slot] = z.choose(when, value, after[slot])
    return Step(enabled, z.conjunction(typed), after)


def _stores(reader: Reader, update: Update, scope: Scope) -> Iterator[tuple[Slot, Num, Num]]:
    each = update.each
    inner = [scope] if each is None else [{**scope, each.name: constant(v)} for v in reader.chosen_by(each)]
    for here in inner:
        when = reader.z.truth(reader.read(update.when, here))
        slot = _slot(reader, update.place, here)
        if when != NO and slot in reader.cells.values:
            yield slot, reader.read(update.value, here), when


def _slot(reader: Reader, place: Place, scope: Scope) -> Slot:
    match place:
        case Global(name):
            return Slot("", 0, name)
        case Local(name, None):
            return Slot(THREAD, ACTOR, name)
        case Local():
            raise EncodingError("a step changes another thread's locals")
        case Field(pointer, cls, name):
            return Slot(cls, reader.leads_to(pointer, scope), name)
        case _:
            assert_never(place)
