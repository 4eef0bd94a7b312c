"""Proofs for any number of tasks by constrained Horn clauses: for counters that views cannot enumerate.

As with views, what a proof knows of the system is guessed, a little first; last comes all of it, and how long threads
spin in circles. Of each, clauses about a thread and an object are tried
before those that speak of the object's thread too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from verify.engine.horn import NoClausesError, universal_invariant
from verify.engine.verdict import Progress, Proved, Report
from verify.ir import Expr, System
from verify.lower.fingerprint import fingerprint
from verify.lower.localize import shared_keys
from verify.lower.small import Guess, Passes, Small, Told, small_for_proof
from verify.unbounded import Tried, guesses, proof_by
from verify.universal import Clause

MOST = 0.5  # of the time that is left, for one system


def prove_by_clauses(  # noqa: PLR0913 - what to prove, and how far to go
    system: System, prop: Expr, tried: Tried, passes: Passes, *, deadline: float, report: Report
) -> Proved | str:
    """Return a proof that the property holds with any number of tasks, or why none was found.

    `deadline` is a value of time.monotonic().
    """
    why = "no guess was left"
    for (guess, made_by), places in product(_guesses(system, prop, passes), (False, True)):
        now = time.monotonic()
        if now > deadline:
            return "out of time"
        small = small_for_proof(system, prop, replace(guess, places=places), made_by)
        mark = ("chc", small.guess.places, made_by, small.system.created, fingerprint(small.system, small.prop))
        if mark in tried.outcomes:
            continue
        report(Progress("localize", {"variables": len(guess.keys), "actions": len(small.system.actions)}))
        outcome = _prove(small, tried, deadline=now + (deadline - now) * MOST, report=report)
        if isinstance(outcome, Proved):
            return outcome
        if outcome != "out of time":  # with more time there may be a proof
            tried.outcomes[mark] = outcome, small
        why = outcome
    return why


def _guesses(system: System, prop: Expr, passes: Passes) -> Iterator[tuple[Guess, Passes]]:
    """What to know of the system, and the passes that make it smaller."""
    if passes.slice:
        for guess in dict.fromkeys(Guess(guess.keys) for guess in guesses(system, prop)):
            yield guess, passes
    yield Guess(frozenset(shared_keys(system)), spins=True), passes


def _prove(small: Small, tried: Tried, *, deadline: float, report: Report) -> Proved | str:
    plain = replace(small, guess=replace(small.guess, places=False)).told().system
    two = small.guess.places
    if two and small.told().system == plain:
        return "the system is too large to tell where two threads are"

    def horn(told: Told) -> Sequence[Clause]:
        return universal_invariant(plain, told.prop, two=two, deadline=deadline, report=report)

    try:
        return proof_by(horn, "chc", small, tried, deadline=deadline, report=report)
    except NoClausesError as error:
        return str(error)
