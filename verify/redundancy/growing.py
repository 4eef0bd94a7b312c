"""One proof for many guards: as many as one invariant of a small system allows to be there or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from verify.engine.parametric.finder import NoViewsError
from verify.engine.parametric.growth import Grown, Trunk, grow, trunk
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.lower.members import fixed, read, rigid
from verify.lower.small import Passes, Told, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import GUESSES, Bench, Guards
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.unbounded import guesses, knowing
from verify.universal import as_property

GROW = 3.0  # of the time for a question, for all that grows
FURTHER = 3  # guesses of what a proof has to know, beyond the first that does for the whole
Together = tuple[Guards, Proved]  # guards that may each be there or not at every visit, and the proof of that; judged


def growths(bench: Bench, guards: Sequence[str], left: Callable[[], Sequence[str]]) -> Iterator[Together]:
    """Yield guards that may be there or not, until none of those that are `left`, tried in this order, is among any.

    One proof after the other grows of the same small system, each from the system with all guards; those that none of
    them has are tried again where more is known of the system.
    """
    question = bench.question(switched=frozenset(guards))
    system, prop = question.system, question.prop
    deadline = bench.until(GROW)
    last = GUESSES
    for number, guess in enumerate(islice(guesses(system, prop), GUESSES)):
        if number > last or not left():
            return
        told = small_for_proof(system, prop, knowing(guess, rigid(system)), Passes()).told()
        try:
            begun = _trunk(bench, told, deadline)
            for found in _groups(bench, begun, told, left, deadline):
                if last == GUESSES:
                    bench.first, last = number, number + FURTHER
                yield found
        except (NoViewsError, EncodingError):
            continue


def _trunk(bench: Bench, told: Told, deadline: float) -> Trunk:
    here = rigid(told.system)
    reads = {action: read(action, here) for action in told.system.actions}
    return trunk(told.system, told.prop, reads, fixed, deadline=deadline, report=bench.report)


def _groups(
    bench: Bench, begun: Trunk, told: Told, left: Callable[[], Sequence[str]], deadline: float
) -> Iterator[Together]:
    """The guards that go together, then those of the others that do, and so on, from one small system."""
    here = rigid(told.system)
    hopeless = frozenset[str]()
    while asked := left():
        free = frozenset(guard for guard in asked if switch(guard) not in here)  # nothing known has to do with them
        order = [name for name in map(switch, asked) if name in here and name not in hopeless]
        found = grow(begun, order, deadline)
        grew = free | {guard for guard in asked if switch(guard) in found.off}
        proof = _judged(bench, found, told) if grew else None
        if proof is None:
            return
        yield grew, proof
        hopeless |= found.hopeless


def _judged(bench: Bench, found: Grown, told: Told) -> Proved | None:
    """The proof by what has grown, if Z3 accepts it."""
    judged = judge_universal(
        found.system, found.clauses, told.prop, deadline=bench.until(),
        report=lambda phase, figures: bench.report(Progress(phase, figures)),
    )
    invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
    return Proved(Scope(None, None), invariant, "views", judged.count) if judged.ok else None
