"""Explain a proof for any number of tasks: a short one, judged anew, as sentences in the words of the source."""

from __future__ import annotations

import time
from dataclasses import dataclass

from verify.engine.verdict import Basis
from verify.explain.lemmas import exclusions
from verify.explain.minimise import Short, shortened
from verify.explain.narrow import narrower
from verify.explain.places import places
from verify.explain.rests import rests_on
from verify.explain.words import sentences
from verify.ir import FALSE, Expr, System
from verify.lower.history import of_history
from verify.lower.small import Guess, Passes, Small, small_for_proof
from verify.lower.statics import without_statics
from verify.report.result import Explanation

NARROWING = 0.4  # of the time, for a proof that knows less

__all__ = ["Explanation", "ShortProof", "explain", "guess_of", "short_proof"]


@dataclass(frozen=True, slots=True)
class ShortProof:
    """A short proof of `prop`, a property of the system `told` that is made from `made`: clauses that Z3 accepted."""

    made: Small
    told: System
    prop: Expr
    short: Short


def short_proof(system: System, whole: Expr, prop: Expr, basis: Basis, *, deadline: float) -> ShortProof | None:
    """A short proof of `prop`, which is `whole` or a part of it, the property that the proof of this basis is of.

    It is about a system that knows no more than the one of that proof. None if none is found in time, and for a proof
    that counts. `deadline` is a value of time.monotonic().
    """
    guess, passes = guess_of(basis)
    if guess.counts:
        return None
    clauses, said = basis.clauses, whole
    now = time.monotonic()
    less = narrower(system, prop, guess, passes, deadline=now + (deadline - now) * NARROWING)
    if less is not None:
        guess, clauses, said = less[0], less[1], prop
    made = small_for_proof(system, said, guess, passes)
    told = made.told().system
    part = of_history(told, without_statics(system, prop).prop(prop))
    short = shortened(told, clauses, part, deadline)
    return None if short is None else ShortProof(made, told, part, short)


def guess_of(basis: Basis) -> tuple[Guess, Passes]:
    """What the proof of a basis knows of the system, and the passes that made that small."""
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)
    return guess, Passes(basis.reduce, basis.slice)


def explain(system: System, whole: Expr, prop: Expr, basis: Basis, *, deadline: float) -> Explanation:
    """Explain why `prop` holds, which is `whole` or a part of it, the property that the proof of this basis is of.

    `deadline` is a value of time.monotonic().
    """
    guess, passes = guess_of(basis)
    found = short_proof(system, whole, prop, basis, deadline=deadline)
    if found is None:  # of what counters count there are no words
        told = small_for_proof(system, whole, guess, passes).told().system
        return Explanation((), tuple(rests_on(told, basis.clauses, guess.keys)), (), len(basis.clauses), minimal=False)
    told, short = found.told, found.short
    words = sentences(told, short.clauses, found.made.names(), short.background)
    rests = tuple(rests_on(told, short.clauses, found.made.guess.keys))
    never = frozenset[int]().union(*(c.locations or () for c in short.clauses if c.body == FALSE))
    follows = tuple(exclusions(told, short.clauses, places(told, never)))
    return Explanation(tuple(words), rests, follows, len(short.clauses), short.minimal)
