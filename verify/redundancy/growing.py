"""One proof for many guards: as many as one invariant of a small system allows to be there or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from verify.engine.parametric.finder import NoViewsError
from verify.engine.parametric.growth import Grown, grow
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.ir import Expr
from verify.lower.members import fixed, read, rigid
from verify.lower.small import Passes, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import GUESSES, Bench, Guards
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.unbounded import guesses, knowing
from verify.universal import as_property

GROW, JUDGE = 3.0, 1.0  # of the time for a question: to grow, and to judge what has grown


def grown(bench: Bench, guards: Sequence[str]) -> tuple[Guards, Proved] | None:
    """Guards, tried in this order, that may each be there or not at every visit, and the proof of that; judged."""
    question = bench.question(switched=frozenset(guards))
    system, prop = question.system, question.prop
    names = {switch(guard): guard for guard in guards}
    deadline = bench.until(GROW)
    for number, guess in enumerate(islice(guesses(system, prop), GUESSES)):
        told = small_for_proof(system, prop, knowing(guess, rigid(system)), Passes()).told()
        here = rigid(told.system)
        reads = {action: read(action, here) for action in told.system.actions}
        order = [name for name in names if name in here]
        try:
            found = grow(told.system, told.prop, reads, order, fixed, deadline=deadline, report=bench.report)
            proof = _judged(bench, found, told.prop)
        except (NoViewsError, EncodingError):
            continue
        if proof is not None:
            bench.first = number
            return frozenset(names[name] for name in names if name not in here or name in found.off), proof
    return None


def _judged(bench: Bench, found: Grown, prop: Expr) -> Proved | None:
    """The proof by what has grown, if Z3 accepts it."""
    judged = judge_universal(
        found.system, found.clauses, prop, deadline=bench.until(JUDGE),
        report=lambda phase, figures: bench.report(Progress(phase, figures)),
    )
    invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
    return Proved(Scope(None, None), invariant, "views", judged.count) if judged.ok else None
