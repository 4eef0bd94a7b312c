"""Proofs for any number of tasks: from a property of a system to a universal invariant that Z3 accepts.

What the proof knows of the system is guessed, a little first: the fields that matter if the property is to hold, then
the locks and pointers around them. A guess that is too small costs a set of views in which something bad happens.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.verdict import Basis, Invariant, Progress, Proved, Report, Scope
from verify.ir import Expr, Ptr, Range, System
from verify.lower.compact import compact, local_names
from verify.lower.fingerprint import fingerprint, locations_in_order
from verify.lower.history import of_history, with_history
from verify.lower.localize import (
    changed_by_others,
    closely_read,
    first_keys,
    localize,
    often_tested,
    plain_locks,
    shared_keys,
    tested_on_the_way,
)
from verify.lower.loosen import loosen
from verify.lower.pending import with_pending
from verify.lower.reduce import reduce
from verify.lower.slice import slice_for
from verify.lower.visible import Key
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause, as_property

FEW = 2  # variables more to know that are worth a proof of their own


@dataclass(slots=True)
class Tried:
    """What came of the small systems so far, a proof or why there is none, and of which it came."""

    outcomes: dict[object, tuple[Proved | str, System]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passes:
    """Which passes make a system small before it is proved."""

    reduce: bool = True
    slice: bool = True


def prove_unbounded(  # noqa: PLR0913 - what to prove, and how far to go
    system: System, prop: Expr, known: Iterable[Guess], tried: Tried, passes: Passes, *, deadline: float,
    report: Report,
) -> Proved | str:  # fmt: skip
    """Return a proof that the property holds with any number of tasks, or why none was found.

    `known` are guesses of what to know of the system, tried in this order; `deadline` is a value of time.monotonic().
    """
    why = "no guess was left"
    for guess in known:
        if time.monotonic() > deadline:
            return "out of time"
        small = small_for_proof(system, prop, guess, passes)
        report(Progress("localize", {"variables": len(guess.keys), "actions": len(small.actions)}))
        mark = (small.created, fingerprint(small, prop))
        known_already = tried.outcomes.get(mark)
        outcome, alike = known_already or (_prove(small, prop, passes, deadline=deadline, report=report), small)
        if isinstance(outcome, Proved) or time.monotonic() <= deadline:  # with more time there may be a proof
            tried.outcomes[mark] = outcome, alike
        match outcome:
            case str():
                why = outcome
            case Proved(basis=basis) if basis is not None:
                clauses = basis.clauses if alike is small else _moved(basis.clauses, alike, small)
                return replace(outcome, basis=replace(basis, keys=guess.keys, pending=guess.pending, clauses=clauses))
    return why


def _moved(clauses: Sequence[Clause], one: System, other: System) -> Sequence[Clause]:
    """Clauses about a system, said of one that differs in how its locations are numbered."""
    here, there = (locations_in_order(with_history(system)) for system in (one, other))
    if here == there:
        return clauses
    moved = dict(zip(here, there, strict=True))
    return tuple(
        c if c.locations is None else replace(c, locations=frozenset(moved[at] for at in c.locations if at in moved))
        for c in clauses
    )


def small_for_proof(system: System, prop: Expr, guess: Guess, passes: Passes) -> System:
    """The system that knows only what is guessed to matter, made as small as passes for proofs alone make it."""
    system = _sliced(system, prop, guess, passes)
    if passes.reduce and passes.slice:
        system = compact(system, prop)
    return with_pending(system) if guess.pending else system


def names_for_proof(system: System, prop: Expr, guess: Guess, passes: Passes) -> Mapping[tuple[int, str], str]:
    """What the locals of that system are in the source, by location and local; those that are not there keep theirs."""
    if not (passes.reduce and passes.slice):
        return {}
    return local_names(_sliced(system, prop, guess, passes), prop)


def _sliced(system: System, prop: Expr, guess: Guess, passes: Passes) -> System:
    if passes.slice:
        system = slice_for(localize(loosen(system), guess.keys), prop)
    if passes.reduce:
        system = reduce(system, prop)
    return slice_for(system, prop) if passes.slice else system


def narrower(
    system: System, prop: Expr, guess: Guess, passes: Passes, *, deadline: float
) -> tuple[Guess, Sequence[Clause]] | None:
    """As little as is found in time that a proof has to know of the system, and its clauses; None if nothing less does.

    Variables are left out half of them at a time, then a half of those, and so on (Zeller's delta debugging, 2002).
    """
    if not passes.slice:
        return None
    best: tuple[Guess, Sequence[Clause]] | None = None
    fixed = first_keys(system, prop)

    def proves(fewer: Guess) -> bool:
        nonlocal best
        outcome = _prove(small_for_proof(system, prop, fewer, passes), prop, passes, deadline=deadline, report=_silent)
        if isinstance(outcome, Proved) and outcome.basis is not None:
            best = fewer, outcome.basis.clauses
            return True
        return False

    if guess.pending and proves(replace(guess, pending=False)):
        guess = replace(guess, pending=False)
    size = max(1, len(guess.keys - fixed) // 2)
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


def _prove(small: System, prop: Expr, passes: Passes, *, deadline: float, report: Report) -> Proved | str:
    system = with_history(small)
    said = of_history(system, prop)

    def tell(phase: str, figures: Mapping[str, int]) -> None:
        report(Progress(phase, figures))

    try:
        clauses = universal_invariant(system, said, deadline=deadline, report=report)
        judgement = judge_universal(system, clauses, said, deadline=deadline, report=tell)
    except (NoViewsError, EncodingError) as error:
        return str(error)
    if not judgement.ok:
        return f"Z3 did not discharge `{judgement.failed[0].name}`"
    invariant = Invariant([as_property(system, clause) for clause in clauses])
    basis = Basis(frozenset(), False, passes.reduce, passes.slice, clauses)  # until it is known which guess
    return Proved(Scope(None, None), invariant, "views", judgement.count, basis)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a proof knows of the system: shared variables, and with `pending` what threads are about to store."""

    keys: frozenset[Key]
    pending: bool = False


def guesses(system: System, prop: Expr) -> Iterator[Guess]:
    """What to know of the system: growing sets of shared variables, none twice; those from the third on are large."""
    every, first = shared_keys(system), first_keys(system, prop)
    near = closely_read(system, prop) | plain_locks(system)
    plain = frozenset(key for key in every if _is_plain(system, key))
    way = tested_on_the_way(system, first)
    lean = first | often_tested(system, prop) | (way & changed_by_others(system)) | plain_locks(system)
    found = (
        Guess(first),
        Guess(near),
        Guess(lean, pending=True),
        Guess(near | way, pending=True),
        Guess(near | plain),
        Guess(every, pending=True),
    )
    yield from dict.fromkeys(Guess(guess.keys & every, guess.pending) for guess in found)


def close_together(system: System, props: Sequence[Expr]) -> bool:
    """Whether a proof of all these properties has to know hardly more than the one of them that takes most."""
    near = [closely_read(system, prop) for prop in props]
    return len(frozenset().union(*near)) <= max(map(len, near)) + FEW


def _is_plain(system: System, key: Key) -> bool:
    """Whether it is a number, or a lock in an object."""
    cls, name = key
    if not cls:
        return False
    var = next(var for var in system.classes[cls].fields if var.name == name)
    return isinstance(var.domain, Range) or (var.lock and isinstance(var.domain, Ptr))
