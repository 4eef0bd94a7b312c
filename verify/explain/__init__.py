"""Explain a proof for any number of tasks: a short one, judged anew, as sentences in the words of the source."""

from __future__ import annotations

import time

from verify.engine.verdict import Basis
from verify.explain.lemmas import exclusions
from verify.explain.minimise import shortened
from verify.explain.narrow import narrower
from verify.explain.places import places
from verify.explain.rests import rests_on
from verify.explain.words import sentences
from verify.ir import FALSE, Expr, System
from verify.lower.history import of_history
from verify.lower.small import Guess, Passes, small_for_proof
from verify.lower.statics import without_statics
from verify.report.result import Explanation

NARROWING = 0.4  # of the time, for a proof that knows less

__all__ = ["Explanation", "explain"]


def explain(system: System, whole: Expr, prop: Expr, basis: Basis, *, deadline: float) -> Explanation:
    """Explain why `prop` holds, which is `whole` or a part of it, the property that the proof of this basis is of.

    `deadline` is a value of time.monotonic().
    """
    passes = Passes(basis.reduce, basis.slice)
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)
    whole_small, _, axioms = small_for_proof(system, whole, guess, passes).told()
    rests = tuple(rests_on(whole_small, basis.clauses, guess.keys))
    long = Explanation((), rests, (), len(basis.clauses), minimal=False)
    if axioms:  # of what counters count there are no words
        return long
    clauses, said = basis.clauses, whole
    now = time.monotonic()
    less = narrower(system, prop, guess, passes, more=whole != prop, deadline=now + (deadline - now) * NARROWING)
    if less is not None:
        guess, clauses, said = less[0], less[1], prop
    made = small_for_proof(system, said, guess, passes)
    small = made.told().system
    part = of_history(small, without_statics(system, prop).prop(prop))
    short = shortened(small, clauses, part, deadline)
    if short is None:
        return long
    words = sentences(small, short.clauses, made.names(), short.background)
    rests = tuple(rests_on(small, short.clauses, guess.keys))
    never = frozenset[int]().union(*(c.locations or () for c in short.clauses if c.body == FALSE))
    follows = tuple(exclusions(small, short.clauses, places(small, never)))
    return Explanation(tuple(words), rests, follows, len(short.clauses), short.minimal)
