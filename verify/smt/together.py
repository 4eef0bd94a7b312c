"""Many obligations about the same cells as one query; one by one only if that is not unsatisfiable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import z3

from verify.smt.ground import Ground, Pair
from verify.smt.integers import Num, conjunction, disjunction
from verify.smt.solver import check, solver
from verify.universal import Clause

Answer = tuple[str, z3.CheckSatResult]


class Case(NamedTuple):
    """The obligations of one action, or of none: that it does none of these."""

    label: str
    does: Num
    parts: Sequence[tuple[str, Num]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """What the clauses say of cells, each pair once and only when it is asked."""

    of: Ground
    clauses: Sequence[Clause]
    known: dict[Pair, Sequence[Num]] = field(default_factory=dict)

    def says(self, pairs: Iterable[Pair]) -> Iterator[Num]:
        """What it says of some pairs."""
        for pair in pairs:
            if pair not in self.known:
                self.known[pair] = [self.of.says(clause, pair) for clause in self.clauses]
        return chain.from_iterable(self.known[pair] for pair in pairs)


def together(
    invariant: Invariant, here: Sequence[Num], pairs: Sequence[Sequence[Pair]], cases: Sequence[Case],
    deadline: float | None,
) -> Iterator[Answer]:  # fmt: skip
    """The answers to obligations, where `here` and the invariant of the last `pairs` hold.

    That all are met at once is tried from each of `pairs`, then one by one from the last; in solvers of their own.
    """
    z = invariant.of.z
    broken = [conjunction(z, (does, disjunction(z, [what for _, what in parts]))) for _, does, parts in cases]
    found, assumed = z3.sat, here
    for some in pairs:
        if found == z3.sat:
            assumed = [*here, *invariant.says(some)]
            found = check(solver(z, *assumed, disjunction(z, broken)), deadline)
    for label, does, parts in cases:
        for name, what in parts:
            alone = found if found != z3.sat else check(solver(z, *assumed, does, what), deadline)
            yield f"{label} x {name}", alone
