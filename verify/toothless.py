"""Whether what is proved holds also without the patch: then the proof does not say that the patch is of use."""

from __future__ import annotations

from itertools import islice

from verify.any_number import any_number
from verify.mutation import runs
from verify.outcome import is_guard, removed, wants
from verify.question import Question, share
from verify.syntax.ast import ClaimDecl
from verify.syntax.program import Program
from verify.unbounded import guesses

FEW, PART = 1, 0.1  # guesses of what a proof must know, and of the time that is left: most patches are of use
OF_A_PATCH = frozenset({"check", "lock"})


def patch(claim: ClaimDecl, program: Program, default: str) -> tuple[str, ...]:
    """The guards that a proof of an invariant ought to need; none if the file has a claim that shows that it does.

    They are those that a claim says to be minimal for it, else all named checks and locks of what the system runs.
    `default` is the system of claims that name none.
    """
    system = claim.system or default
    if claim.kind != "prove" or removed(claim) or claim.invariant not in program.invariants:
        return ()
    about = [
        other for other in program.claims if other.invariant == claim.invariant and (other.system or default) == system
    ]
    if any(any(map(is_guard, removed(other))) and wants(other) == "refuted" for other in about):
        return ()
    least = [guard for other in about if other.kind == "minimal" for guard in other.targets]
    if least:
        return tuple(dict.fromkeys(least))
    inside = set(runs(program, system))
    return tuple(
        guard.name for guard in program.guards.values()
        if guard.kind in OF_A_PATCH and guard.name.partition(".")[0] in inside
    )  # fmt: skip


def holds_all_the_same(question: Question) -> bool:
    """Whether it can be proved soon that the property holds of a program without its patch."""
    known = islice(guesses(question.system, question.prop), FEW)
    return any_number(question, known, share(question.deadline, PART)) is not None
