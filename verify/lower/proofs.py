"""The small system that a proof for any number of tasks is about, and what it says of it.

These passes come before the finder and before the judge: both see their result, and so does who checks a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

from verify.ir import Expr, System
from verify.lower.compact import compact
from verify.lower.history import of_history, with_history
from verify.lower.localize import localize
from verify.lower.loosen import loosen
from verify.lower.pending import with_pending
from verify.lower.reduce import reduce
from verify.lower.slice import slice_for
from verify.lower.visible import Key


@dataclass(frozen=True, slots=True)
class Passes:
    """Which passes make a system small before it is proved."""

    reduce: bool = True
    slice: bool = True


@dataclass(frozen=True, slots=True)
class Guess:
    """What a proof knows of the system: shared variables, and with `pending` what threads are about to store."""

    keys: frozenset[Key]
    pending: bool = False


def small_for_proof(system: System, prop: Expr, guess: Guess, passes: Passes) -> System:
    """The system that knows only what is guessed to matter, made as small as passes for proofs alone make it."""
    if passes.slice:
        system = slice_for(localize(loosen(system), guess.keys), prop)
    if passes.reduce:
        system = reduce(system, prop)
    if passes.slice:
        system = slice_for(system, prop)
    if passes.reduce and passes.slice:
        system = compact(system, prop)
    return with_pending(system) if guess.pending else system


def told(small: System, prop: Expr) -> tuple[System, Expr]:
    """The small system with its history variables, and what the property says of that."""
    system = with_history(small)
    return system, of_history(system, prop)
