"""What there is to refute of an invariant: initiation, consecution for each action and thread, safety.

A step of a thread speaks of few cells once it is known where its pointers point, and so do the clauses that the step
can break. Each way they may point is an obligation of its own, small enough for a solver of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    """To refute: that in the state `at` all of `assumed` hold and `broken` too; `near` is likely to be enough of it."""

    name: str  # "initiation/3", "consecution/ptrace_attach.flag@T1[thread1.t=2]", "typing/...", "safety"
    z: Terms
    at: Frame
    near: Sequence[Num]
    assumed: Callable[[], Sequence[Num]]
    broken: Num


@dataclass(frozen=True, slots=True)
class _Claim:
    """The invariant in a state of free variables."""

    reader: Reader
    at: Frame
    parts: Sequence[Part]  # all of which must hold
    reads: Sequence[int]  # of each part, the variables
    cells: Sequence[int]  # the variables of each cell; first the globals

    def around(self, variables: int) -> int:
        """The globals and all variables of the cells that some of `variables` belong to."""
        return self.cells[0] | sum(cell for cell in self.cells[1:] if cell & variables)

    def holds(self, reader: Reader, among: Iterable[int] | None = None) -> list[Num]:
        """That the state is well typed and the parts hold, all or those with a number `among` them."""
        numbers = range(len(self.parts)) if among is None else among
        return [self.at.typed, *(truth(reader.z, reader.read(*self.parts[i])) for i in numbers)]

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
    start = [at.typed, initial(z, inst, at)]
    for number, clause in enumerate(clauses, start=1):
        yield Obligation(f"initiation/{number}", z, at, start, lambda: start, negation(z, reader.read(clause)))
    claim = _claim(reader, at, clauses)
    for me in range(1, inst.tasks + 1):
        for action in inst.system.actions:
            for scope, allowed in _choices(z, inst, action):
                yield from _consecution(claim, me, action, scope, allowed)
    broken = negation(z, reader.read(prop))
    near = claim.holds(reader, claim.within(claim.around(broken.reads)))
    yield Obligation("safety", z, at, near, lambda: claim.holds(reader), broken)


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
        yield from _case(claim, Frame(values, claim.at.typed), does._replace(enabled=enabled), name)


def _case(claim: _Claim, pre: Frame, does: Effect, name: str) -> Iterator[Obligation]:
    reader, free = claim.reader, claim.at.values
    z, inst = reader.z, reader.inst
    before = Reader(z, inst, pre.values, base=reader)
    after = Reader(z, inst, {**pre.values, **does.writes}, base=reader)
    written = {slot: value for slot, value in does.writes.items() if not _same(value, pre.values[slot])}
    changed = sum(free[slot].reads for slot in written)
    told = sum(free[slot].reads for slot, value in pre.values.items() if value is not free[slot])
    touched = claim.around(_union(value.reads for value in written.values()) | does.enabled.reads | changed | told)
    if not does.typed.lo:
        near = claim.holds(before, claim.within(touched))
        broken = conjunction(z, (does.enabled, negation(z, does.typed)))
        yield Obligation(f"typing/{name}", z, pre, near, lambda: claim.holds(before), broken)
    # A part that reads nothing which the step writes holds after it because it held before.
    open_parts = [i for i, reads in enumerate(claim.reads) if reads & changed]
    if open_parts:
        near = claim.holds(before, claim.within(*(touched | claim.around(claim.reads[i]) for i in open_parts)))
        broken = conjunction(z, (does.enabled, negation(z, conjunction(z, claim.holds(after, open_parts)[1:]))))
        yield Obligation(f"consecution/{name}", z, pre, near, lambda: claim.holds(before), broken)


def _same(a: Num, b: Num) -> bool:
    return a is b or (a.ast is None and b.ast is None and a.lo == b.lo)


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
