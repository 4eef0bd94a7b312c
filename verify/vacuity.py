"""Whether a proof speaks of guards that no run comes to: then it says nothing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from verify.any_number import any_number
from verify.ir import TRUE, Expr
from verify.lower import Lowered
from verify.lower.claims import never_at
from verify.question import Question, share
from verify.unbounded import guesses

FEW = 2  # guesses of what a proof must know: most guards can be reached, which is no reason to try for long


def never_reached(question: Question, lowered: Lowered, guards: Sequence[str]) -> bool:
    """Whether it can be proved soon that nobody ever stands before any of these guards.

    `question` is about `lowered`, where they are; its property does not matter.
    """
    here = frozenset[int]().union(*(lowered.labels.get(guard, frozenset()) for guard in guards))
    return never(question, never_at(lowered.system, here))


def never(question: Question, prop: Expr) -> bool:
    """Whether a property of the system of a question, whose own does not matter, can be proved soon."""
    if prop == TRUE:
        return True
    asked = replace(question, prop=prop, deadlock=False)
    known = islice(guesses(asked.system, prop), FEW)
    return any_number(asked, known, share(asked.deadline)) is not None
