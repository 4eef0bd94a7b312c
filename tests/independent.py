"""What the obligations that certificates are checked with say of a universal invariant."""

from __future__ import annotations

from collections.abc import Sequence

import z3

from verify.certificates.obligations import queries
from verify.certificates.query import Query
from verify.certificates.reading import NotCoveredError
from verify.ir import Expr, System
from verify.smt.covered import refuse, refuse_clauses, refuse_property
from verify.universal import Clause, prenex


def shown(system: System, clauses: Sequence[Clause], prop: Expr, axioms: Sequence[Clause] = ()) -> bool | None:
    """Whether Z3 finds all obligations met. Raises EncodingError for a system that is not covered.

    None if certificates have no words for the property, as where it adds a thread to a set.
    """
    try:
        return _unmet(system, clauses, prop, axioms) is None
    except NotCoveredError:
        return False if prenex(prop) is None else None  # what is no universal property is refused


def culprit(
    system: System, clauses: Sequence[Clause], prop: Expr, axioms: Sequence[Clause] = ()
) -> Query | None:
    """The first obligation that Z3 does not find met, as small as it can be."""
    broken = _unmet(system, clauses, prop, axioms)
    while broken is not None:
        half = next((half for half in broken.halves() if not _met(half)), None)
        if half is None:
            return broken
        broken = half
    return None


def _unmet(system: System, clauses: Sequence[Clause], prop: Expr, axioms: Sequence[Clause]) -> Query | None:
    refuse(system)
    refuse_clauses(system, clauses)
    for binders, matrix in prenex(prop) or ():
        refuse_property(system, binders, matrix)
    return next((query for query in queries(system, clauses, prop, axioms) if not _met(query)), None)


def _met(query: Query) -> bool:
    solver = z3.SolverFor("QF_UFBV", ctx=z3.Context())
    solver.from_string(query.script())
    answer = solver.check()
    assert answer != z3.unknown
    return bool(answer == z3.unsat)
