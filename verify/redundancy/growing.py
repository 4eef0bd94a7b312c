"""One proof for many guards: as many as one invariant of a small system allows to be there or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from verify.engine.parametric.finder import NoViewsError
from verify.engine.parametric.growth import Grown, grow
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.ir import Expr
from verify.lower.history import of_history
from verify.lower.members import fixed, read, rigid
from verify.lower.simplify import conj
from verify.lower.small import Passes, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import GUESSES, Bench, Guards
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.unbounded import guesses, knowing
from verify.universal import as_property

GROW, JUDGE = 3.0, 1.0  # of the time for a question: to grow, and to judge what has grown


def grown(benches: Sequence[Bench], guards: Sequence[str]) -> list[tuple[Guards, Proved] | None]:
    """For each invariant guards, tried in this order, that may each be there or not at every visit; judged.

    The benches are about one system. None where there is no proof of the invariant.
    """
    nothing: list[tuple[Guards, Proved] | None] = [None] * len(benches)
    questions = [bench.question(switched=frozenset(guards)) for bench in benches]
    system, props = questions[0].system, [question.prop for question in questions]
    names = {switch(guard): guard for guard in guards}
    deadline = benches[0].until(GROW)
    for number, guess in enumerate(islice(guesses(system, conj(props)), GUESSES)):
        small = small_for_proof(system, conj(props), knowing(guess, rigid(system)), Passes())
        told = small.told()
        here = rigid(told.system)
        reads = {action: read(action, here) for action in told.system.actions}
        order = [name for name in names if name in here]
        each = [of_history(told.system, prop) for prop in props]
        try:
            made = grow(told.system, each, reads, order, fixed, deadline=deadline, report=benches[0].report)
            proofs = _judged(benches, made, each)
        except (NoViewsError, EncodingError):
            continue
        if all(proofs):
            for bench in benches:
                bench.first = number
            free = frozenset(guard for name, guard in names.items() if name not in here)
            return [
                (free | {names[name] for name in found.off}, proof) if proof else None
                for found, proof in zip(made, proofs, strict=True)
            ]
    return nothing


def _judged(benches: Sequence[Bench], made: Sequence[Grown], props: Sequence[Expr]) -> list[Proved | None]:
    """The proofs of what has grown; what several properties share is judged once, for all of them."""
    known: dict[frozenset[str], Proved | None] = {}
    result = list[Proved | None]()
    for bench, found in zip(benches, made, strict=True):
        if found.off not in known:
            prop = conj(p for p, other in zip(props, made, strict=True) if other.off == found.off)
            known[found.off] = _proof(bench, found, prop)
        result.append(known[found.off])
    return result


def _proof(bench: Bench, found: Grown, prop: Expr) -> Proved | None:
    judged = judge_universal(
        found.system, found.clauses, prop, deadline=bench.until(JUDGE),
        report=lambda phase, figures: bench.report(Progress(phase, figures)),
    )
    invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
    return Proved(Scope(None, None), invariant, "views", judged.count) if judged.ok else None
