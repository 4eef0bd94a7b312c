"""IR expressions as Z3 terms over the variables of a state."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import assert_never

from verify.instances import THREAD, Instance, Slot
from verify.ir import (
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Quant,
    Referenced,
    Unary,
    Var,
    Wrap,
    refers,
)
from verify.smt.integers import (
    NO,
    YES,
    Num,
    binary,
    choose,
    conjunction,
    constant,
    disjunction,
    truth,
    unary,
    wrap,
)
from verify.smt.terms import Terms
from verify.smt.widths import EncodingError

Scope = tuple[tuple[str, Num], ...]  # what names are bound to, innermost last
Part = tuple[Expr, Scope]
NOTHING: Mapping[int, Num] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """A scope and what was read in it, by the identity of the expression; `before` is what the base has read."""

    scope: Scope
    known: dict[int, Num]
    before: Mapping[int, Num]


Reading = Generator[tuple[Expr, Here], Num, Num]  # asks for the numbers of parts, returns that of the whole


class Reader:
    """Reads expressions in one state, as thread `me` (0 for a property); each shared part is read once.

    `base` reads as the same thread in a state of free variables. What it has read and does not depend on a variable
    that differs, by the mask `changed`, is taken from there. An expression is known by identity: it must outlive its
    readers.
    """

    def __init__(
        self, z: Terms, inst: Instance, values: Mapping[Slot, Num], me: int = 0, base: Reader | None = None
    ) -> None:
        """Begin with nothing read."""
        self.z, self.inst, self.values, self.me = z, inst, values, me
        self.variables: Mapping[Slot, Var] = inst.slots() if base is None else base.variables
        self._base = base
        free = {} if base is None else base.values
        self.changed = sum(variable.reads for slot, variable in free.items() if variable is not values[slot])
        self._scopes: dict[Scope, Here] = {}
        self.followed = 0  # a mask of the variables that decide which cell was read

    def read(self, expr: Expr, scope: Scope = ()) -> Num:
        """The number that `expr` is. Raises EncodingError for an unbound name, or a value that needs too many bits."""
        here = self.within(scope)
        found = self._find(expr, here)
        # A stack of its own: decision diagrams are deeper than Python's.
        parts = [(expr, here)] if found is None else []
        readings = [self._reading(*part) for part in parts]
        while readings:
            try:
                part = readings[-1].send(found) if found is not None else next(readings[-1])
            except StopIteration as done:
                readings.pop()
                whole, at = parts.pop()
                found = at.known[id(whole)] = done.value
            else:
                found = self._find(*part)
                if found is None:
                    parts.append(part)
                    readings.append(self._reading(*part))
        assert found is not None  # noqa: S101 - the last reading returned it
        return found

    def within(self, scope: Scope) -> Here:
        """A scope and what was read in it: its names are looked up once, not with each part."""
        here = self._scopes.get(scope)
        if here is None:
            before = NOTHING if self._base is None else self._base.within(scope).known
            here = self._scopes[scope] = Here(scope, {}, before)
        return here

    def _find(self, expr: Expr, here: Here) -> Num | None:
        """The number that `expr` is, if it was read before or is so simple that it is read at once."""
        key = id(expr)
        found = here.known.get(key)
        if found is None:
            found = here.before.get(key)
            if found is not None and found.reads & self.changed:
                found = None
        if found is None:
            found = self._simple(expr)
            if found is not None:
                here.known[key] = found
        return found

    def _simple(self, expr: Expr) -> Num | None:
        """The number of a constant, a variable, or a variable compared with a constant: most of a decision diagram."""
        match expr:
            case Binary(op, left, Const(value)):
                found = None if type(left) is Binary else self._simple(left)
                return None if found is None else binary(self.z, op, found, constant(value))
            case Const(value):
                return constant(value)
            case Local(name, Const(index)):
                return self.values.get(Slot(THREAD, index, name), NO)
            case Field(Const(index), cls, name):
                return self.values.get(Slot(cls, index, name), NO)
            case Global(name):
                return self.values.get(Slot("", 0, name), NO)
            case _:
                return None

    def _reading(self, expr: Expr, here: Here) -> Reading:
        z = self.z
        match expr:
            case Ite(cond, then, other):
                test = truth(z, (yield cond, here))
                if test.ast is None:
                    return (yield then if test.lo else other, here)
                return choose(z, test, (yield then, here), (yield other, here))
            case Binary(op, left, right):
                a = yield left, here
                if (op == "&&" and a.lo == a.hi == 0) or (op == "||" and (a.lo > 0 or a.hi < 0)):
                    return truth(z, a)
                return binary(z, op, a, (yield right, here))
            case Local(name, of):
                return self.cell(THREAD, constant(self.me) if of is None else (yield of, here), name)
            case Field(pointer, cls, name):
                return self.cell(cls, (yield pointer, here), name)
            case Unary(op, arg):
                return unary(z, op, (yield arg, here))
            case Me():
                return constant(self.me)
            case Bound(name):
                for bound, number in reversed(here.scope):
                    if bound == name:
                        return number
                raise EncodingError(f"unbound name `{name}`")
            case Wrap(bits, signed, arg):
                return wrap(z, bits, (yield arg, here), signed=signed)
            case Quant(quantifier, binder, body):
                decisive, junction = (NO, conjunction) if quantifier == "forall" else (YES, disjunction)
                cases: list[Num] = []
                for choice in self.inst.choices(binder):
                    inner = self.within((*here.scope, (binder.name, constant(choice))))
                    cases.append((yield body, inner))
                    if truth(z, cases[-1])[:2] == decisive[:2]:
                        return decisive
                return junction(z, cases)
            case Referenced(pointer, cls, mine):
                return self._referenced((yield pointer, here), cls, mine=mine)
            case Const() | Global():
                raise AssertionError("not simple")
            case _:
                assert_never(expr)

    def indices(self, cell: str, pointer: Num) -> range:
        """The cells of a kind that `pointer` may denote."""
        if pointer.ast is not None:
            self.followed |= pointer.reads
        count = self.inst.tasks if cell == THREAD else self.inst.sizes.get(cell, 0)
        return range(max(pointer.lo, 1), min(pointer.hi, count) + 1)

    def cell(self, cell: str, pointer: Num, name: str) -> Num:
        """The variable `name` of the cell that `pointer` denotes; 0 if there is none."""
        z, reached = self.z, self.indices(cell, pointer)
        if not reached:
            return NO
        # A pointer that is not NULL needs no test for its first cell.
        total = reached[0] == pointer.lo and reached[-1] == pointer.hi
        found = self.values.get(Slot(cell, reached[0], name), NO) if total else NO
        for index in reached[1:] if total else reached:
            here = self.values.get(Slot(cell, index, name), NO)
            found = choose(z, binary(z, "==", pointer, constant(index)), here, found)
        return found

    def _referenced(self, pointer: Num, cls: str, *, mine: bool) -> Num:
        """See `ir.Referenced`."""
        z, cases = self.z, []
        for slot, var in self.variables.items():
            own = slot.cell == THREAD or (slot.cell == self.inst.system.thread and not mine)
            if not refers(slot.name, var.domain, cls) or (own and slot.index == self.me):
                continue
            # An object's own fields do not count.
            other = binary(z, "!=", pointer, constant(slot.index)) if slot.cell == cls else YES
            cases.append(conjunction(z, (other, binary(z, "==", self.values[slot], pointer))))
        return conjunction(z, (binary(z, ">", pointer, NO), disjunction(z, cases)))
