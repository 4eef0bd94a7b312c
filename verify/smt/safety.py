"""That a universal invariant implies a property: of as many threads and objects as each conjunct speaks of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import z3

from verify.ir import Binder, Bound, Expr, Ptr, System
from verify.smt.covered import refuse_property
from verify.smt.ground import Ground, all_pairs, followed
from verify.smt.integers import Num, binary, conjunction, constant, disjunction, limits, negation, variable
from verify.smt.patch import PatchReader, free_values, patch
from verify.smt.reader import Scope
from verify.smt.terms import Terms
from verify.smt.together import Answer, Case, Invariant, Part, together
from verify.universal import Clause, prenex


def safety(
    system: System, clauses: Sequence[Clause], prop: Expr, deadline: float | None, z: Terms | None = None
) -> Iterator[Answer]:
    """The answer for each conjunct of the property; unknown if it is no universal one."""
    z = z or Terms()
    conjuncts = prenex(prop)
    if conjuncts is None:
        yield Answer("safety", z3.unknown)
        return
    grounds: dict[tuple[int, int], Ground] = {}
    cases = defaultdict[tuple[int, int], list[Case]](list)
    for number, (binders, matrix) in enumerate(conjuncts, start=1):
        refuse_property(system, binders, matrix)
        further = followed(matrix) - {Bound(binder.name) for binder in binders}
        size = (max(len(binders), 1), len(further))
        of = grounds.setdefault(size, cells_of(system, *size, z))
        false = Part(str(number), constant(1), body=matrix, bound=_scope(of, binders))
        cases[size].append(Case("safety", false_of(of, binders, matrix), [false]))
    for size, found in cases.items():
        of = grounds[size]
        yield from together(Invariant(of, clauses), [of.typed], [list(all_pairs(of))], found, deadline)


def cells_of(system: System, threads: int, further: int, z: Terms | None = None) -> Ground:
    """Threads with their objects, and as many objects of each class and `further`; only the first has to be there."""
    z, every = z or Terms(), range(1, threads + further + 1)
    inst = patch(system, dict.fromkeys(system.classes, every), range(1, threads + 1), 0)
    real = {
        (cls, i): variable(z, f"real {cls}{i}", 0, 1)
        for cls in system.classes
        for i in every
        if (cls, i) != (system.thread, 1)
    }
    return Ground(z, inst, PatchReader(z, inst, free_values(z, inst, "0")), real)


def false_of(of: Ground, binders: Sequence[Binder], matrix: Expr) -> Num:
    """That a conjunct is false of cells that are there."""
    z, scope = of.z, _scope(of, binders)
    reader = PatchReader(z, of.inst, of.reader.values)
    false = negation(z, reader.read(matrix, scope))
    numbers = [(binder.domain, number) for binder, (_, number) in zip(binders, scope, strict=True)]
    needed = []
    for (cls, i), there in of.real.items():
        chosen = [binary(z, "==", number, constant(i)) for domain, number in numbers if domain == Ptr(cls)]
        asked = disjunction(z, (reader.goes_to(cls, i), *chosen))
        needed.append(disjunction(z, (negation(z, asked), there)))
    return conjunction(z, (false, reader.named(), *needed, *(limits(z, number) for _, number in numbers)))


def _scope(of: Ground, binders: Sequence[Binder]) -> Scope:
    """The same values of the binders whenever it is asked."""
    cells = range(of.inst.threads[0], of.inst.threads[-1] + 1)
    return tuple((binder.name, _chosen(of.z, binder, cells)) for binder in binders)


def _chosen(z: Terms, binder: Binder, cells: range) -> Num:
    """Any value of a binder: of a pointer one of the cells, which are enough to tell the binders apart."""
    least, most = (cells[0], cells[-1]) if isinstance(binder.domain, Ptr) else (binder.domain.lo, binder.domain.hi)
    return variable(z, f"{binder.name}:{least}..{most}", least, most)
