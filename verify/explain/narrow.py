"""The same proof from less: variables that it can do without are forgotten."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.verdict import Progress
from verify.ir import Expr, System
from verify.lower.relevant import first_keys
from verify.lower.small import Guess, Passes, small_for_proof
from verify.smt.covered import refuse
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause

FEW = 8  # variables that are left out one at a time from the start: of so few hardly half can be done without


def narrower(  # noqa: PLR0913 - of what, and how far to go
    system: System, prop: Expr, guess: Guess, passes: Passes, *, more: bool = False, deadline: float
) -> tuple[Guess, Sequence[Clause]] | None:
    """As little as is found in time that a proof has to know of the system, and its clauses; None if nothing less does.

    If the proof at hand is of `more` than the property, one with the same guess is less, too.
    That steps keep these is not judged here, but of the short proof that is made of them. Variables are left out half
    of them at a time, then a half of those, and so on (Zeller's delta debugging, 2002).
    """
    if not passes.slice or guess.counts:
        return None
    best: tuple[Guess, Sequence[Clause]] | None = None
    fixed = first_keys(system, prop)

    def proves(fewer: Guess) -> bool:
        nonlocal best
        small, said, _ = small_for_proof(system, prop, fewer, passes).told()
        try:
            clauses = universal_invariant(small, said, deadline=deadline, report=_silent)
            refuse(small)
            safe = judge_universal(replace(small, actions=()), clauses, said, deadline=deadline)
        except (NoViewsError, EncodingError):
            return False
        if safe.ok:
            best = fewer, clauses
        return safe.ok

    if more:
        proves(guess)
    if guess.pending and proves(replace(guess, pending=False)):
        guess = replace(guess, pending=False)
    many = len(guess.keys - fixed)
    size = many // 2 if many > FEW else 1
    while size:
        rest = sorted(guess.keys - fixed)
        for first in range(0, len(rest), size):
            fewer = replace(guess, keys=guess.keys - set(rest[first : first + size]))
            if time.monotonic() > deadline:
                return best
            if proves(fewer):
                guess = fewer
        size //= 2
    return best


def _silent(_: Progress) -> None:
    pass
