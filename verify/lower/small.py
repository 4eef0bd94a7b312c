"""The system that a proof for any number of tasks is about: what is known of the whole one, made as small as can be.

All that stands between the whole system and the clauses of a proof is done here, and nothing of it looks for a proof:
who has the source and a `Guess` comes to the same system again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from verify.ir import Expr, System
from verify.lower.compact import compact, local_names
from verify.lower.counting import with_counts
from verify.lower.history import of_history, with_history
from verify.lower.localize import localize
from verify.lower.loosen import loosen
from verify.lower.pending import with_pending
from verify.lower.reduce import reduce
from verify.lower.relevant import first_keys
from verify.lower.slice import slice_for
from verify.lower.statics import without_statics
from verify.lower.visible import Key
from verify.lower.whereabouts import with_whereabouts
from verify.universal import Clause


@dataclass(frozen=True, slots=True)
class Guess:
    """What a proof knows of the system: shared variables, those of static objects under their class.

    With `pending` also what threads are about to store, with `spins` how long they go round in circles, with `places`
    where each thread is and what its locals hold, with `counts` how many there are of "threads" or of "pointers".
    """

    keys: frozenset[Key]
    pending: bool = False
    spins: bool = False
    places: bool = False
    counts: str = ""


@dataclass(frozen=True, slots=True)
class Passes:
    """Which passes make a system small before it is proved."""

    reduce: bool = True
    slice: bool = True


class Told(NamedTuple):
    """A system with history variables, a property of it, and what is true of every run by what these variables are."""

    system: System
    prop: Expr
    axioms: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Small:
    """A small system and the property, as far as two claims may come to the same."""

    system: System
    prop: Expr
    guess: Guess
    passes: Passes
    sliced: System  # before its locations were made few

    def names(self) -> Mapping[tuple[int, str], str]:
        """What its locals are in the source, by location and local; those that are not there keep theirs."""
        return local_names(self.sliced, self.prop) if self.passes.reduce and self.passes.slice else {}

    def told(self) -> Told:
        """The system with its history variables, which the clauses are about, and the property of that."""
        system = with_history(self.system)
        prop = of_history(system, self.prop)
        counted = with_counts(with_whereabouts(system) if self.guess.places else system, self.guess.counts)
        return Told(counted.system, prop, counted.axioms)


def small_for_proof(system: System, prop: Expr, guess: Guess, passes: Passes) -> Small:
    """The system that knows only what is guessed to matter, made as small as passes for proofs alone make it.

    What the property reads it always knows: a variable that is forgotten never changes.
    """
    told = without_statics(system, prop)
    known = told.keys(guess.keys | first_keys(system, prop))
    system, prop = told.system, told.prop(prop)
    if passes.slice:
        system = slice_for(localize(loosen(system), known), prop, spins=guess.spins)
    if passes.reduce:
        system = reduce(system, prop)
    if passes.slice:
        system = slice_for(system, prop, spins=guess.spins)
    sliced = system
    if passes.reduce and passes.slice:
        system = compact(system, prop)
    return Small(with_pending(system) if guess.pending else system, prop, guess, passes, sliced)
