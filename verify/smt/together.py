"""Many obligations about the same cells as one query; one by one only if that is not unsatisfiable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import z3

from verify.induction import Broken
from verify.ir import Expr
from verify.smt.frame import value_in
from verify.smt.ground import Ground, Pair, Step
from verify.smt.integers import Num, conjunction, disjunction
from verify.smt.solver import check, solver
from verify.universal import OBJECT, THREAD, Clause


class Answer(NamedTuple):
    """What Z3 said of an obligation, and where it is not met."""

    name: str
    found: z3.CheckSatResult
    broken: Broken | None = None


class Part(NamedTuple):
    """What must not be: `failed`. It is that a clause is false, or what else cells with these names have to satisfy."""

    name: str
    failed: Num
    clause: Clause | None = None
    body: Expr | None = None
    bound: Sequence[tuple[str, Num]] = ()


class Case(NamedTuple):
    """The obligations of one action, or of none: that it does none of these to a pair."""

    label: str
    does: Num
    parts: Sequence[Part]
    step: Step | None = None
    pair: Pair = (0, "", 0)


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
    broken = [conjunction(z, (case.does, disjunction(z, [part.failed for part in case.parts]))) for case in cases]
    found, assumed = z3.sat, here
    for some in pairs:
        if found == z3.sat:
            assumed = [*here, *invariant.says(some)]
            found = check(solver(z, *assumed, disjunction(z, broken)), deadline)
    for case in cases:
        for part in case.parts:
            name = f"{case.label} x {part.name}"
            if found != z3.sat:
                yield Answer(name, found)
                continue
            own = solver(z, *assumed, case.does, part.failed)
            alone = check(own, deadline)
            yield Answer(name, alone, _broken(name, invariant.of, case, part, own.model()) if alone == z3.sat else None)


def _broken(name: str, of: Ground, case: Case, part: Part, model: z3.ModelRef) -> Broken:
    """Where an obligation is not met."""
    z, does = of.z, case.step
    before = {slot: value_in(z, model, value) for slot, value in of.reader.values.items()}
    bound = {called: value_in(z, model, number) for called, number in part.bound}
    if does is None:
        return Broken(name, None, {}, part.clause, part.body, bound, before, before)
    after = {**before, **{slot: value_in(z, model, value) for slot, value in does.writes.items()}}
    choices = {called: value_in(z, model, number) for called, number in does.notes.items()}
    if part.clause is None:
        return Broken(name, does.action, choices, None, None, {}, before, after)
    thread, _, index = case.pair
    return Broken(
        name, does.action, choices, part.clause, part.clause.body, {THREAD: thread, OBJECT: index}, before, after
    )
