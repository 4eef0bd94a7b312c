"""One proof for many guards: as many as one invariant of a small system allows to be there or not.

Checks and locks are tried on their own, and so are all other statements: sets are asked for of checks and locks alone,
and what two guards do together makes each of them take longer. Invariants that are near to each other grow together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.parametric.growth import Grown, grow
from verify.engine.verdict import Invariant, Progress, Proved, Scope
from verify.ir import Expr
from verify.lower.members import fixed, read, rigid
from verify.lower.simplify import conj
from verify.lower.small import Guess, Passes, small_for_proof
from verify.lower.visible import Key
from verify.lower.without import switch
from verify.redundancy.bench import NONE, SETS, Bench, Guards, Together
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.syntax.program import Program
from verify.unbounded import knowing
from verify.universal import as_property

GROW, JUDGE = 3.0, 1.0  # of the time for a question: to grow, and to judge what has grown
MORE = 2  # variables more to know that are worth a proof of their own
SET, STATEMENT = 1.5, 0.5  # how far one may lead: a lock as far as all, one statement among many less


def apart(program: Program, guards: Sequence[str]) -> Sequence[tuple[str, ...]]:
    """The guards that grow together: checks and locks, and all others; the most come first. None is empty."""
    sets = [name for name in guards if program.guards[name].kind in SETS]
    rest = [name for name in guards if program.guards[name].kind not in SETS]
    return sorted((tuple(some) for some in (sets, rest) if some), key=len, reverse=True)


def enough(bench: Bench) -> int | None:
    """The number of the first guess with which no view violates the invariant, with all guards; None if none does."""
    question = bench.question()
    deadline = bench.until()
    for number, guess in enumerate(bench.guesses()):
        told = small_for_proof(question.system, question.prop, guess, Passes()).told()
        try:
            universal_invariant(told.system, told.prop, deadline=deadline, report=bench.report)
        except (NoViewsError, EncodingError):
            continue
        return number
    return None


def near(benches: Sequence[Bench], numbers: Sequence[int], guards: Sequence[str]) -> Sequence[Sequence[int]]:
    """Which of the invariants, of which so large guesses are enough, are likely to have one proof for many guards.

    It is likely where the proof of one knows hardly more than it has to know for the other; of checks and locks, of
    which invariants need other ones, where it knows no more. Those that know most come first.
    """
    more = 0 if any(benches[0].program.guards[name].kind in SETS for name in guards) else MORE
    known = [bench.guesses()[number] for bench, number in zip(benches, numbers, strict=True)]
    found = list[list[int]]()
    for place in sorted(range(len(known)), key=lambda place: -len(known[place].keys)):
        mine = known[place]
        for some in found:
            first = known[some[0]]
            if mine.pending == first.pending and len(mine.keys - first.keys) <= more:
                some.append(place)
                break
        else:
            found.append([place])
    return found


def shared(benches: Sequence[Bench], numbers: Sequence[int]) -> Sequence[Guess]:
    """What a proof of all these invariants may have to know, of each of which so large a guess is enough."""
    keys = frozenset[Key]().union(*(one.guesses()[number].keys for one, number in zip(benches, numbers, strict=True)))
    return [replace(guess, keys=guess.keys | keys) for guess in benches[0].guesses()[numbers[0] :]]


def grown(
    benches: Sequence[Bench], guards: Sequence[str], known: Sequence[Guess], removed: Guards = NONE, part: float = GROW
) -> Together | None:
    """Guards, tried in this order, that may each be there or not whatever the others are, and the proof of that.

    It is one of the invariants of all these benches, which are of one system; judged. It knows what the first of the
    guesses says with which there is one. A lock is there in all of a run or in none of it, any other guard at some
    visits or at none, and those that are `removed` never are. `part` of the time for a question is for all of it.
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
    for guess in known:
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
            return Together(removed, optional, proof)
    return None


def _judged(bench: Bench, found: Grown, prop: Expr) -> Proved | None:
    """The proof by what has grown, if Z3 accepts it."""
    judged = judge_universal(
        found.system, found.clauses, prop, deadline=bench.until(JUDGE),
        report=lambda phase, figures: bench.report(Progress(phase, figures)),
    )
    invariant = Invariant([as_property(found.system, clause) for clause in found.clauses])
    return Proved(Scope(None, None), invariant, "views", judged.count) if judged.ok else None
