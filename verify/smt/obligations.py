"""What there is to refute of an invariant: initiation, consecution for each action and thread, safety.

A step of a thread speaks of few cells once it is known where its pointers point, and so do the clauses that the step
can break. Each way they may point is an obligation of its own, small enough for a solver of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import or_
from typing import NamedTuple

from verify.instances import THREAD, Instance, Slot
from verify.ir import PC, Action, Binary, Expr, Ptr, Quant
from verify.smt.frame import Frame, frame, initial
from verify.smt.integers import Num, conjunction, constant, negation, truth
from verify.smt.reader import Part, Reader, Scope
from verify.smt.terms import Terms
from verify.smt.transition import Effect, cases, choices


class Obligation(NamedTuple):
    """To refute: that `at` is a state in which all `assumed` holds, and `broken` too; `near` is likely to be enough."""

    name: str  # "initiation/3", "consecution/ptrace_attach.flag@T1[thread1.t=2]", "typing/...", "safety"
    z: Terms
    at: Frame
    near: Sequence[Num]
    assumed: Callable[[], Sequence[Num]]
    broken: Num


class _View(NamedTuple):
    """A state in which some variables are told; each with its mask, and what it is."""

    reader: Reader
    told: Sequence[tuple[int, tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class _Claim:
    """The invariant in a state of free variables."""

    reader: Reader
    at: Frame
    parts: Sequence[Part]  # all of which must hold
    reads: Sequence[int]  # of each part, the variables
    cells: Sequence[int]  # the variables of each cell; first the globals
    _known: dict[tuple[object, ...], Num] = field(default_factory=dict)

    def around(self, variables: int) -> int:
        """The globals and all variables of the cells that some of `variables` belong to."""
        return self.cells[0] | sum(cell for cell in self.cells[1:] if cell & variables)

    def view(self, values: Mapping[Slot, Num]) -> _View:
        """The state that has these values."""
        free = self.at.values
        told = [(free[slot].reads, (slot, *_identity(v))) for slot, v in values.items() if v is not free[slot]]
        return _View(Reader(self.reader.z, self.reader.inst, values, base=self.reader), told)

    def holds(self, view: _View, among: Iterable[int] | None = None) -> list[Num]:
        """That the parts hold, all or those with a number `among` them."""
        return [self._part(view, i) for i in (range(len(self.parts)) if among is None else among)]

    def _part(self, view: _View, i: int) -> Num:
        # Read once for all states that differ in nothing the part reads.
        key = (i, *(told for reads, told in view.told if reads & self.reads[i]))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = truth(self.reader.z, view.reader.read(*self.parts[i]))
        return found

    def within(self, *variables: int) -> list[int]:
        """The numbers of the parts that read nothing but one of the masks `variables`."""
        return [i for i, reads in enumerate(self.reads) if any(not reads & ~allowed for allowed in variables)]


def obligations(inst: Instance, clauses: Sequence[Expr], prop: Expr) -> Iterator[Obligation]:
    """To refute: that a clause fails initially, that a step leaves the invariant, that the property fails in it.

    A step that stores a value outside its domain counts as one that leaves it. Raises EncodingError for an initial
    value outside its domain.
    """
    z = Terms()
    at = frame(z, inst, 0)
    reader = Reader(z, inst, at.values)
    start = [initial(z, inst, at)]
    for number, clause in enumerate(clauses, start=1):
        yield Obligation(f"initiation/{number}", z, at, start, lambda: start, negation(z, reader.read(clause)))
    claim = _claim(reader, at, clauses)
    for me in range(1, inst.tasks + 1):
        for action in inst.system.actions:
            for scope, allowed in _choices(z, inst, action):
                yield from _consecution(claim, me, action, scope, allowed)
    broken = negation(z, reader.read(prop))
    free = claim.view(at.values)
    near = claim.holds(free, claim.within(claim.around(broken.reads)))
    yield Obligation("safety", free.reader.z, at, near, lambda: claim.holds(free), broken)


def _claim(reader: Reader, at: Frame, clauses: Sequence[Expr]) -> _Claim:
    parts = [part for clause in clauses for part in _conjuncts(reader.inst, clause)]
    cells = {("", 0): 0}
    for slot, value in at.values.items():
        cells[slot[:2]] = cells.get(slot[:2], 0) | value.reads
    return _Claim(reader, at, parts, [reader.read(*part).reads for part in parts], list(cells.values()))


def _conjuncts(inst: Instance, clause: Expr) -> Iterator[Part]:
    """The parts of a clause, all of which must hold."""
    pending: list[Part] = [(clause, ())]
    while pending:
        expr, scope = pending.pop()
        match expr:
            case Binary("&&", left, right):
                pending += [(right, scope), (left, scope)]
            case Quant("forall", binder, body):
                pending += [(body, (*scope, (binder.name, constant(v)))) for v in reversed(inst.choices(binder))]
            case _:
                yield expr, scope


def _choices(z: Terms, inst: Instance, action: Action) -> Iterator[tuple[Scope, Num]]:
    """Each way to choose the objects of an action, with any numbers; and whether they are choices of its binders."""
    numbers, allowed = choices(z, inst, [binder for binder in action.binders if not isinstance(binder.domain, Ptr)], 0)
    pointers = [binder for binder in action.binders if isinstance(binder.domain, Ptr)]
    for chosen in product(*(inst.choices(binder) for binder in pointers)):
        objects = ((binder.name, constant(value)) for binder, value in zip(pointers, chosen, strict=True))
        yield (*numbers, *objects), allowed


def _consecution(claim: _Claim, me: int, action: Action, scope: Scope, allowed: Num) -> Iterator[Obligation]:
    """That thread `me` leaves the invariant by the action: one obligation for each case of its pointers."""
    z, free = claim.reader.z, claim.at.values
    source = {**free, Slot(THREAD, me, PC): constant(action.source)}
    for values, does in cases(Reader(z, claim.reader.inst, source, me), action, scope):
        known = {str(slot): value.lo for slot, value in values.items() if value is not source[slot]}
        known |= {name: number.lo for name, number in scope if number.ast is None}
        name = f"{action.label}@T{me}" + (f"[{', '.join(f'{k}={v}' for k, v in known.items())}]" if known else "")
        enabled = conjunction(z, (does.enabled, allowed))
        yield from _case(claim, claim.at._replace(values=values), does._replace(enabled=enabled), name)


def _case(claim: _Claim, pre: Frame, does: Effect, name: str) -> Iterator[Obligation]:
    z, free = claim.reader.z, claim.at.values
    before, after = claim.view(pre.values), claim.view({**pre.values, **does.writes})
    written = {slot: value for slot, value in does.writes.items() if _identity(value) != _identity(pre.values[slot])}
    changed = sum(free[slot].reads for slot in written)
    read = [does.enabled.reads, changed, *(value.reads for value in written.values())]
    touched = claim.around(reduce(or_, [*read, *(variable for variable, _ in before.told)]))
    if not does.typed.lo:
        near = claim.holds(before, claim.within(touched))
        broken = conjunction(z, (does.enabled, negation(z, does.typed)))
        yield Obligation(f"typing/{name}", z, pre, near, lambda: claim.holds(before), broken)
    # A part that reads nothing which the step writes, or comes out as the same term, holds because it held before.
    exposed = [i for i, reads in enumerate(claim.reads) if reads & changed]
    both = zip(exposed, claim.holds(before, exposed), claim.holds(after, exposed), strict=True)
    new = {i: now for i, was, now in both if _identity(was) != _identity(now)}
    if new:
        near = claim.holds(before, claim.within(*(touched | claim.reads[i] for i in new)))
        broken = conjunction(z, (does.enabled, negation(z, conjunction(z, new.values()))))
        yield Obligation(f"consecution/{name}", z, pre, near, lambda: claim.holds(before), broken)


def _identity(a: Num) -> tuple[int, int, object]:
    return a.lo, a.hi, a.ast and a.ast.value
