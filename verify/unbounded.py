"""Proofs for any number of tasks: from a property of a system to a universal invariant that Z3 accepts.

What the proof knows of the system is guessed, a little first: the fields that matter if the property is to hold, then
the locks and pointers around them. A guess that is too small costs a set of views in which something bad happens.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.verdict import Invariant, Progress, Proved, Report, Scope
from verify.ir import Expr, Ptr, Range, System
from verify.lower.compact import compact
from verify.lower.fingerprint import fingerprint
from verify.lower.history import of_history, with_history
from verify.lower.localize import closely_read, first_keys, localize, plain_locks, shared_keys
from verify.lower.loosen import loosen
from verify.lower.reduce import reduce
from verify.lower.slice import slice_for
from verify.lower.visible import Key
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import as_property


@dataclass(slots=True)
class Tried:
    """What came of the small systems so far: a proof, or why there is none."""

    outcomes: dict[object, Proved | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passes:
    """Which passes make a system small before it is proved."""

    reduce: bool = True
    slice: bool = True


def prove_unbounded(  # noqa: PLR0913 - what to prove, and how far to go
    system: System, prop: Expr, guesses: Iterable[Collection[Key]], tried: Tried, passes: Passes, *, deadline: float,
    report: Report,
) -> Proved | str:  # fmt: skip
    """Return a proof that the property holds with any number of tasks, or why none was found.

    `guesses` are what to know of the system, in this order; `deadline` is a value of time.monotonic().
    """
    why = "no guess was left"
    for keys in guesses:
        if time.monotonic() > deadline:
            return "out of time"
        small = small_for_proof(system, prop, keys, passes)
        report(Progress("localize", {"variables": len(keys), "actions": len(small.actions)}))
        mark = fingerprint(small, prop)
        if mark not in tried.outcomes:
            tried.outcomes[mark] = _prove(small, prop, deadline=deadline, report=report)
        outcome = tried.outcomes[mark]
        if isinstance(outcome, Proved):
            return outcome
        why = outcome
    return why


def small_for_proof(system: System, prop: Expr, keys: Collection[Key], passes: Passes) -> System:
    """The system that knows only `keys`, made as small as passes for proofs alone make it."""
    if passes.slice:
        system = slice_for(localize(loosen(system), keys), prop)
    if passes.reduce:
        system = reduce(system, prop)
    if passes.slice:
        system = slice_for(system, prop)
    return compact(system, prop) if passes.reduce and passes.slice else system


def _prove(small: System, prop: Expr, *, deadline: float, report: Report) -> Proved | str:
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
    return Proved(Scope(None, None), invariant, "views", judgement.count)


def guesses(system: System, prop: Expr) -> Iterator[frozenset[Key]]:
    """What to know of the system: growing sets of shared variables, none twice; those from the third on are large."""
    every = shared_keys(system)
    plain = frozenset(key for key in every if _is_plain(system, key))
    near = closely_read(system, prop) | plain_locks(system)
    seen = set[frozenset[Key]]()
    for keys in (first_keys(system, prop), near, near | plain, every):
        found = keys & every
        if found not in seen:
            seen.add(found)
            yield found


def _is_plain(system: System, key: Key) -> bool:
    """Whether it is a number, or a lock in an object."""
    cls, name = key
    if not cls:
        return False
    var = next(var for var in system.classes[cls].fields if var.name == name)
    return isinstance(var.domain, Range) or (var.lock and isinstance(var.domain, Ptr))
