"""A question answered for any number of tasks, if there is a proof: by views, by an order of locks, by Horn clauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from verify.chc import prove_by_clauses
from verify.engine.verdict import Counterexample, Proved, Unknown, Verdict
from verify.explain.induction import counterexample
from verify.ir import TRUE
from verify.lower.lock_order import ordered_locks
from verify.lower.roles import with_roles
from verify.lower.small import Guess, Passes
from verify.lower.statics import without_statics
from verify.question import Question, share
from verify.unbounded import Failed, guesses, prove_unbounded


def any_number(question: Question, known: Iterable[Guess], deadline: float) -> Proved | None:
    """A proof for any number of tasks that knows no more of the system than one of these."""
    if question.deadlock:
        return _never_stuck(question, deadline)
    outcome = prove_unbounded(
        question.system, question.prop, known, question.memory.tried, Passes(question.reduce, question.slice),
        deadline=deadline, report=question.report,
    )  # fmt: skip
    return outcome if isinstance(outcome, Proved) else None


def _never_stuck(question: Question, deadline: float) -> Proved | None:
    """A proof for any number of tasks that an order of the locks keeps threads from getting stuck."""
    system, owned = question.system, ordered_locks(question.system)
    if owned is None:  # there may be one that tells the locks of a class apart
        system = without_statics(with_roles(question.system), TRUE).system
        owned = ordered_locks(system)
    if owned is None:
        return None
    outcome = prove_unbounded(
        system, owned, guesses(system, owned), question.memory.tried, Passes(reduce=False), deadline=deadline,
        report=question.report,
    )  # fmt: skip
    return replace(outcome, basis=None) if isinstance(outcome, Proved) else None  # it is of the locks' owners alone


def counted(question: Question) -> Proved | None:
    """A proof by Horn clauses, where views cannot tell all values of a variable apart."""
    if question.deadlock or not question.memory.tried.wide:
        return None
    outcome = by_clauses(question, share(question.deadline))
    return outcome if isinstance(outcome, Proved) else None


def by_clauses(question: Question, deadline: float) -> Proved | Unknown:
    """A proof for any number of tasks by Horn clauses, or why there is none."""
    if question.deadlock:
        return Unknown("that some thread can step is no matter of a few cells", "nothing", "chc")
    outcome = prove_by_clauses(
        question.system, question.prop, question.memory.tried, Passes(question.reduce, question.slice),
        deadline=deadline, report=question.report,
    )  # fmt: skip
    return outcome if isinstance(outcome, Proved) else Unknown(outcome, "nothing", "chc")


def with_counterexample(verdict: Verdict, failed: Failed | None) -> Verdict:
    """The verdict with a counterexample to induction, where an invariant failed that any number of tasks needs."""
    match verdict:
        case Proved(scope) if failed is not None and scope.tasks is not None:
            return replace(verdict, cti=_told(failed))
        case Unknown() if failed is not None:
            return replace(verdict, cti=_told(failed))
        case _:
            return verdict


def _told(failed: Failed) -> Counterexample:
    return counterexample(failed.small.told().system, failed.broken, failed.small.names())
