"""A few cells of a state of any size, as Z3 terms.

Objects have numbers, and so have threads. Cells with a name are here whole; an object without one is a number that
pointers may hold, and there are as many of these as pointers that could lead to them. What a step asks about cells
that are not here may be anything, and is a free variable of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from verify.instances import THREAD, Instance, Slot
from verify.ir import Binder, Domain, Expr, Ptr, Quant, Range, Referenced, System, Var
from verify.smt.frame import interval
from verify.smt.integers import (
    NO,
    YES,
    Num,
    binary,
    choose,
    conjunction,
    constant,
    disjunction,
    negation,
    variable,
)
from verify.smt.reader import Here, Reader, Reading
from verify.smt.terms import Terms


@dataclass(frozen=True, slots=True)
class Patch(Instance):
    """Instance whose classes have `sizes` numbers, of which only `named` are cells that are here."""

    named: Mapping[str, Sequence[int]] = field(default_factory=dict, hash=False)
    threads: Sequence[int] = ()

    def choices(self, binder: Binder) -> Sequence[int]:  # type: ignore[override] # not every number is a cell
        """Every value of a Range; of a Ptr the cells that are here."""
        match binder.domain:
            case Ptr(cls):
                return self.named[cls]
            case _:
                return self.values(binder.domain)

    def _every_slot(self) -> Iterator[tuple[Slot, Var]]:
        """The variables of the cells that are here."""
        yield from ((Slot("", 0, var.name), var) for var in self.system.globals)
        for name, cls in self.system.classes.items():
            yield from ((Slot(name, i, var.name), var) for i in self.named[name] for var in cls.fields)
        yield from ((Slot(THREAD, i, var.name), var) for i in self.threads for var in self.system.locals)


def patch(system: System, named: Mapping[str, Sequence[int]], threads: Sequence[int], binders: int) -> Patch:
    """Return the patch of these cells, with room for all that their pointers and `binders` more can lead to."""
    tasks = max(named[system.thread]) + 1  # the last stands for all that have no number
    few = Patch(system, tasks, {}, named, threads)
    sizes = {}
    for cls in system.classes:
        pointers = sum(var.domain == Ptr(cls) for var in few.slots().values())
        sizes[cls] = max(named[cls], default=0) + pointers + binders
    return Patch(system, tasks, sizes, named, threads)


class PatchReader(Reader):
    """Reads expressions in a patch. `touched` collects the pointers that were gone through."""

    def __init__(  # noqa: PLR0913, PLR0917 - those of a reader, and which cells are there
        self, z: Terms, inst: Patch, values: Mapping[Slot, Num], me: int = 0, base: Reader | None = None,
        real: Mapping[tuple[str, int], Num] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """Begin with nothing read. `real` says of cells that need not be there whether they are."""
        super().__init__(z, inst, values, me, base)
        self.patch = inst
        self.real = real
        self.touched: list[tuple[str, Num]] = []
        self._free = 0

    def either(self) -> Num:
        """A truth that may be either."""
        return self.any_of(Range(0, 1))

    def any_of(self, domain: Domain) -> Num:
        """Any value of a domain."""
        self._free += 1
        at = interval(self.inst, domain)
        return variable(self.z, f"any{self.me}.{self._free}:{at.lo}..{at.hi}", at.lo, at.hi)

    def cell(self, cell: str, pointer: Num, name: str) -> Num:
        """The variable `name` of the cell that `pointer` denotes; 0 behind NULL."""
        z = self.z
        if pointer.ast is None and pointer.lo in (self.patch.threads if cell == THREAD else self.patch.named[cell]):
            return self.values.get(Slot(cell, pointer.lo, name), NO)
        if cell == THREAD:
            here, found = self.patch.threads, NO
            if pointer.ast is not None or (pointer.lo and pointer.lo not in here):
                domain = next(var.domain for var in self.inst.system.locals if var.name == name)
                found = choose(z, binary(z, "==", pointer, NO), NO, self.any_of(domain))
        else:
            here, found = self.patch.named[cell], NO
            if pointer.ast is not None:  # else it is its own, or one of all that are here
                self.touched.append((cell, pointer))
        for index in here:
            value = self.values.get(Slot(cell, index, name), NO)
            found = choose(z, binary(z, "==", pointer, constant(index)), value, found)
        return found

    def _reading(self, expr: Expr, here: Here) -> Reading:
        match expr:
            case Quant(quantifier, Binder(name, Ptr(cls)), body):
                return self._every_cell(quantifier, name, cls, body, here)
            case Referenced():
                return self._is_referenced(expr, here)
            case _:
                return super()._reading(expr, here)

    def _every_cell(self, quantifier: str, name: str, cls: str, body: Expr, here: Here) -> Reading:
        """Whether all cells satisfy the body, or some do."""
        z, cases = self.z, [self.either()]
        for index in self.patch.named[cls]:
            found = yield body, self.within((*here.scope, (name, constant(index))))
            there = self.real.get((cls, index), YES)
            if quantifier == "forall":
                cases.append(disjunction(z, (negation(z, there), found)))
            else:
                cases.append(conjunction(z, (there, found)))
        return (conjunction if quantifier == "forall" else disjunction)(z, cases)

    def _is_referenced(self, expr: Referenced, here: Here) -> Reading:
        """Whether a cell refers to the object, be it here or not."""
        target = yield expr.pointer, here
        found = self._referenced(target, expr.cls, mine=expr.mine)
        return disjunction(self.z, (found, self._elsewhere(target)))

    def _elsewhere(self, pointer: Num) -> Num:
        """That a cell which is not here refers to an object."""
        return conjunction(self.z, (binary(self.z, ">", pointer, NO), self.either()))

    def named(self) -> Num:
        """That every pointer which was gone through leads to a cell that is here, or nowhere."""
        z = self.z
        return conjunction(
            z,
            [
                disjunction(z, [binary(z, "==", p, constant(i)) for i in (0, *self.patch.named[cls])])
                for cls, p in self.touched
            ],
        )

    def goes_to(self, cls: str, index: int) -> Num:
        """That some pointer which was gone through leads to the cell."""
        z = self.z
        return disjunction(z, [binary(z, "==", p, constant(index)) for c, p in self.touched if c == cls])


def free_values(z: Terms, inst: Patch, name: str) -> Mapping[Slot, Num]:
    """A free variable for each of the patch, named with `name`; variable number i reads as the mask 1 << i."""
    return {
        slot: variable(z, f"{slot}@{name}", *interval(inst, var.domain), reads=1 << i)
        for i, (slot, var) in enumerate(inst.slots().items())
    }
