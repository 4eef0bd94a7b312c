"""One proof for many guards: as many as one invariant of a small system allows to be there or not.

Checks and locks are tried on their own, and so are all other statements: sets are asked for of checks and locks alone,
and what two guards do together makes each of them take longer. Invariants that are near to each other grow together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.parametric.growth import Grown, grow
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.ir import Expr
from verify.lower.members import fixed, read, rigid
from verify.lower.relevant import first_keys
from verify.lower.simplify import conj
from verify.lower.small import Passes, small_for_proof
from verify.lower.without import switch
from verify.redundancy.bench import GUESSES, NONE, SETS, Bench, Guards, Together
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.syntax.program import Program
from verify.unbounded import guesses, knowing
from verify.universal import as_property

GROW, JUDGE = 3.0, 1.0  # of the time for a question: to grow, and to judge what has grown
LARGE = 3  # from this guess on they are
SET, STATEMENT = 1.5, 0.5  # how far one may lead: a lock as far as all, one statement among many less


class Growth(NamedTuple):
    """A proof for guards that may be there or not, and the number of the guess of what it knows."""

    together: Together
    guess: int


def apart(program: Program, guards: Sequence[str]) -> Sequence[tuple[str, ...]]:
    """The guards that grow together: checks and locks, and all others. None is empty."""
    sets = [name for name in guards if program.guards[name].kind in SETS]
    rest = [name for name in guards if program.guards[name].kind not in SETS]
    return [tuple(some) for some in (sets, rest) if some]


def enough(bench: Bench) -> int | None:
    """The number of the first guess with which no view violates the invariant, with all guards; None if none does."""
    question = bench.question()
    deadline = bench.until()
    for number, guess in enumerate(islice(guesses(question.system, question.prop), GUESSES)):
        told = small_for_proof(question.system, question.prop, guess, Passes()).told()
        try:
            universal_invariant(told.system, told.prop, deadline=deadline, report=bench.report)
        except (NoViewsError, EncodingError):
            continue
        return number
    return None


def near(benches: Sequence[Bench], numbers: Sequence[int]) -> Sequence[Sequence[int]]:
    """Which of the invariants, of which so large guesses are enough, have proofs that are likely to be one.

    It is worth while where a guess is large, and likely where all that one of them reads is read by the other.
    """
    read = [first_keys(asked.system, asked.prop) for asked in (bench.question() for bench in benches)]
    found = list[list[int]]()
    for place, mine in enumerate(read):
        for some in found:
            first = read[some[0]]
            if min(numbers[place], numbers[some[0]]) >= LARGE and (mine <= first or first <= mine):
                some.append(place)
                break
        else:
            found.append([place])
    return found


def grown(
    benches: Sequence[Bench], guards: Sequence[str], first: int = 0, removed: Guards = NONE, part: float = GROW
) -> Growth | None:
    """Guards, tried in this order, that may each be there or not whatever the others are, and the proof of that.

    It is one of the invariants of all these benches, which are of one system; judged. A lock is there in all of a run
    or in none of it, any other guard at some visits or at none, and those that are `removed` never are. Guesses before
    the `first` are too small. `part` of the time for a question is for all of it.
    """
    bench = benches[0]
    lowered = bench.lower(removed, switched=frozenset(guards))
    system, prop = lowered.system, conj([one.property(lowered) for one in benches])
    names = {switch(guard): guard for guard in guards}
    kinds = {name: bench.program.guards[guard].kind for name, guard in names.items()}
    locks = frozenset(name for name in names if kinds[name] == "lock")
    far = SET if SETS.issuperset(kinds.values()) else STATEMENT
    needed = {switch(guard) for one in benches for guard in one.said_necessary()}
    deadline = bench.until(part)
    for number, guess in enumerate(islice(guesses(system, prop), GUESSES)):
        if number < first:
            continue
        told = small_for_proof(system, prop, knowing(guess, rigid(system)), Passes()).told()
        here = rigid(told.system)
        reads = {action: read(action, here) for action in told.system.actions}
        order = sorted((name for name in names if name in here - needed), key=lambda name: name in locks)
        try:
            found = grow(
                told.system, told.prop, reads, order, fixed, lasting=locks & here, far=far, deadline=deadline,
                report=bench.report,
            )  # fmt: skip
            proof = _judged(bench, found, told.prop)
        except (NoViewsError, EncodingError):
            continue
        if proof is not None:
            optional = frozenset(names[name] for name in names if name not in here or name in found.off)
            return Growth(Together(removed, optional, proof), number)
    return None


def _judged(bench: Bench, found: Grown, prop: Expr) -> Proved | None:
    """The proof by what has grown, if Z3 accepts it."""
    judged = judge_universal(
        found.system, found.clauses, prop, deadline=bench.until(JUDGE),
        report=lambda phase, figures: bench.report(Progress(phase, figures)),
    )
    invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
    return Proved(Scope(None, None), invariant, "views", judged.count) if judged.ok else None
