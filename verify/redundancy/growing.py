"""One proof for many guards: as many as one invariant of a small system allows to be there or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from verify.engine.parametric.finder import NoViewsError
from verify.engine.parametric.growth import grow
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.lower.members import fixed, read, rigid
from verify.lower.small import Passes, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import GUESSES, MOST, Bench, Guards
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.unbounded import guesses, knowing
from verify.universal import as_property


def grown(bench: Bench, guards: Sequence[str]) -> tuple[Guards, Proved] | None:
    """Guards, tried in this order, that may each be there or not at every visit, and the proof of that; judged."""
    question = bench.question(switched=frozenset(guards))
    system, prop = question.system, question.prop
    names = {switch(guard): guard for guard in guards}
    deadline = bench.until(MOST)
    for number, guess in enumerate(islice(guesses(system, prop), GUESSES)):
        small = small_for_proof(system, prop, knowing(guess, rigid(system)), Passes())
        told = small.told()
        here = rigid(told.system)
        reads = {action: read(action, here) for action in told.system.actions}
        order = [name for name in names if name in here]
        try:
            found = grow(told.system, told.prop, reads, order, fixed, deadline=deadline, report=bench.report)
            judged = judge_universal(
                found.system, found.clauses, told.prop, deadline=deadline,
                report=lambda phase, figures: bench.report(Progress(phase, figures)),
            )
        except (NoViewsError, EncodingError):
            continue
        if judged.ok:
            bench.first = number
            invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
            proof = Proved(Scope(None, None), invariant, "views", judged.count)
            return frozenset(names[name] for name in names if name not in here or name in found.off), proof
    return None
