"""One proof for many mutants: of the program in which each of their changes may be made or not, anew at each visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

from verify.any_number import any_number
from verify.diagnostics import InputError
from verify.engine.verdict import Proved, Report
from verify.judging import Options, Selection
from verify.mutation import Mutant, mutated, perhaps_mutated
from verify.question import Memory
from verify.strategy import SMALL, decide
from verify.teeth.first import Look, noticed
from verify.teeth.standing import Standing, asking
from verify.unbounded import Tried, guesses


def can_share(standing: Standing, mutant: Mutant) -> bool:
    """Whether a proof that the claim holds with the change or without it would be one that it holds with it.

    A program that may do more breaks an invariant sooner; but it may go on where the mutant would wait, or let go of a
    lock that it has not taken.
    """
    if not isinstance(standing.verdict, Proved) or standing.verdict.scope.tasks is not None or not mutant.optional:
        return False
    match standing.claim.kind:
        case "prove" | "dead" | "race_free" | "writers":
            return True
        case "lock_balanced":
            return mutant.sort != "lock"
        case "deadlock_free":
            return not mutant.waits
        case _:
            return False


def holds_of_all(
    selection: Selection, options: Options, standing: Standing, mutants: Sequence[Mutant], report: Report
) -> bool:
    """Whether one proof was found that the claim holds of all these mutants, which can share one."""
    changed = replace(selection, program=perhaps_mutated(selection.program, mutants), lowered={})
    memory = Memory(tried=Tried(dict(standing.tried.outcomes)))
    try:
        question = asking(changed, options, standing.claim, memory, report)
    except InputError:
        return False
    first = [] if standing.guess is None else [standing.guess]
    known = chain(first, islice(guesses(question.system, question.prop), SMALL))
    return any_number(question, known, question.deadline) is not None


def decided(
    selection: Selection, options: Options, standing: Standing, mutant: Mutant, report: Report
) -> Look | None:
    """What comes of a claim and a mutant when all is tried; None if that does not say. Raises InputError."""
    changed = replace(selection, program=mutated(selection.program, mutant), lowered={})
    memory = Memory(tried=Tried(dict(standing.tried.outcomes)))
    question = asking(changed, options, standing.claim, memory, report)
    return noticed(standing, decide(question), question)
