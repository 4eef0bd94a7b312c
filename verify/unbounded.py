"""Proofs for any number of tasks: from a property of a system to a universal invariant that Z3 accepts.

What the proof knows of the system is guessed, a little first: the fields that matter if the property is to hold, then
the locks and pointers around them. A guess that is too small costs a set of views in which something bad happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.search import search
from verify.engine.valuesets import TooWideError
from verify.engine.verdict import Basis, Invariant, Progress, Proved, Report, Scope
from verify.induction import Broken
from verify.instances import instance, least_tasks
from verify.ir import Action, Binder, Expr, Ptr, Range, System
from verify.lower.fingerprint import fingerprint, locations_in_order
from verify.lower.history import with_history
from verify.lower.localize import shared_keys
from verify.lower.relevant import (
    closely_read,
    compared_with,
    decisive,
    first_keys,
    looked_at,
    of_watched_calls,
    often_tested,
    plain_locks,
    tested_on_the_way,
    tested_pointers,
)
from verify.lower.small import Guess, Passes, Small, Told, small_for_proof
from verify.lower.uniprocessor import kept_cpu
from verify.lower.visible import Key
from verify.semantics import SemanticsError
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause, as_property, prenex

Finder = Callable[[Told], Sequence[Clause]]  # from a system with history to clauses that imply the property

FEW = 2  # variables more to know that are worth a proof of their own
PAIR = 2  # tasks: what nearly every race takes (Lu, Park, Seo and Zhou, ASPLOS 2008)
STATES = 5_000  # of a small system that are searched for what spoils its proof: as many take less time than to prove it
CHOICES = 16  # of a step, where a search is worth while


@dataclass(frozen=True, slots=True)
class Failed:
    """An invariant of a small system that Z3 finds to be none, and where."""

    small: Small
    broken: Broken


@dataclass(slots=True)
class Tried:
    """What came of the small systems so far, a proof or why there is none, and of which it came."""

    outcomes: dict[object, tuple[Proved | str, Small]] = field(default_factory=dict)
    failed: Failed | None = None  # the last that a finder found and the judge did not accept
    wide: bool = False  # some variable of some of them has more values than views tell apart
    closed: bool = False  # whether nothing is tried that is not among the outcomes


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
        if guess.counts and not small.told().axioms:
            continue  # there is nothing to count, or too much
        report(Progress("localize", {"variables": len(guess.keys), "actions": len(small.system.actions)}))
        outcome = _outcome(small, tried, deadline=deadline, report=report)
        if isinstance(outcome, Proved):
            return outcome
        why = outcome
    return why


def _outcome(small: Small, tried: Tried, *, deadline: float, report: Report) -> Proved | str:
    """What comes of the small system, which may be known from another that is like it."""
    mark = _mark(small)
    before = tried.outcomes.get(mark)
    if before is None and tried.closed:
        return "it was not tried"
    outcome, alike = before or (prove_small(small, tried, deadline=deadline, report=report), small)
    if isinstance(outcome, Proved) or time.monotonic() <= deadline:  # with more time there may be a proof
        tried.outcomes[mark] = outcome, alike
    if isinstance(outcome, Proved) and outcome.basis is not None:
        return replace(outcome, basis=basis_of(small, _moved(outcome.basis.clauses, alike.system, small.system)))
    return outcome


def _mark(small: Small) -> object:
    """What is the same of small systems to which the same happens."""
    return (
        small.system.created, small.guess.places, small.guess.counts, fingerprint(small.system, small.prop),
        locations_in_order(small.system) if small.guess.places or small.guess.counts else (),
    )  # fmt: skip


def remember(tried: Tried, small: Small, proof: Proved) -> None:
    """Add a small system that is proved to what was tried."""
    tried.outcomes[_mark(small)] = proof, small


def basis_of(small: Small, clauses: Sequence[Clause]) -> Basis:
    """What a proof about a small system rests on."""
    guess, passes = small.guess, small.passes
    return Basis(
        guess.keys, guess.pending, guess.spins, guess.places, guess.counts, passes.reduce, passes.slice, clauses
    )


def _moved(clauses: Sequence[Clause], one: System, other: System) -> Sequence[Clause]:
    """Clauses about a system, said of one that differs in how its locations are numbered."""
    here, there = ((one, other) if one is other else (with_history(system) for system in (one, other)))
    if (locations_in_order(here), len(here.locations)) == (locations_in_order(there), len(there.locations)):
        return clauses
    moved = dict(zip(locations_in_order(here), locations_in_order(there), strict=True))
    return tuple(
        c if c.locations is None else replace(c, locations=frozenset(moved[at] for at in c.locations if at in moved))
        for c in clauses
    )


def prove_small(small: Small, tried: Tried, *, deadline: float, report: Report) -> Proved | str:
    """Return a proof by views that is about a small system, or why there is none."""
    if _soon_violated(small):
        return "a run of the small system violates the property"

    def views(told: Told) -> Sequence[Clause]:
        return universal_invariant(told.system, told.prop, axioms=told.axioms, deadline=deadline, report=report)

    try:
        return proof_by(views, "views", small, tried, deadline=deadline, report=report)
    except NoViewsError as error:
        tried.wide |= isinstance(error.__cause__, TooWideError)
        return str(error)


def _soon_violated(small: Small) -> bool:
    """Whether a short search finds a run that spoils the proof, in which views would find no invariant either.

    Of a property of several objects they may find one, and the judge then tells where it fails: that is worth its time.
    """
    parts = prenex(small.prop)
    told = parts is not None and all(len(binders) == 1 and _is_object(binders[0]) for binders, _ in parts)
    if not told or any(_choices(action) > CHOICES for action in small.system.actions):
        return False
    pair = instance(small.system, max(PAIR, least_tasks(small.system)))
    try:
        return search(pair, small.prop, max_states=STATES).trace is not None
    except SemanticsError:  # with a test forgotten, a step may leave the domain of a variable
        return False


def _is_object(binder: Binder) -> bool:
    return isinstance(binder.domain, Ptr)


def _choices(action: Action) -> int:
    """Among how many values a step chooses those of its numbers."""
    domains = [binder.domain for binder in action.binders]
    return prod(domain.hi - domain.lo + 1 for domain in domains if isinstance(domain, Range))


def proof_by(  # noqa: PLR0913 - who finds what of which system, and how far to go
    find: Finder, engine: str, small: Small, tried: Tried, *, deadline: float, report: Report
) -> Proved | str:
    """Return a proof about a small system from the clauses that a finder makes of it, if Z3 accepts them; or why not.

    `tried` gets to know where they fail. What the finder raises is passed on, but for EncodingError.
    """
    told = small.told()

    def tell(phase: str, figures: Mapping[str, int]) -> None:
        report(Progress(phase, figures))

    try:
        clauses = find(told)
        judgement = judge_universal(
            told.system, clauses, told.prop, axioms=told.axioms, deadline=deadline, report=tell
        )
    except EncodingError as error:
        return str(error)
    if not judgement.ok:
        failed = judgement.failed[0]
        tried.failed = Failed(small, failed.broken) if failed.broken is not None else tried.failed
        return f"Z3 did not discharge `{failed.name}`"
    invariant = Invariant([as_property(told.system, clause) for clause in clauses])
    return Proved(Scope(None, None), invariant, engine, judgement.count, basis_of(small, clauses))


def guesses(system: System, prop: Expr) -> Iterator[Guess]:
    """What to know of the system: growing sets of shared variables, none twice; those from the fourth on are large.

    Where calls are watched, what is known of these comes first.
    """
    every, first = shared_keys(system), first_keys(system, prop)
    near = closely_read(system, prop) | plain_locks(system)
    plain = frozenset(key for key in every if _is_plain(system, key))
    way = tested_on_the_way(system, first)
    often = often_tested(system, prop)
    looked = looked_at(system, prop)
    told_apart = compared_with(system, prop, looked)  # as ids are, of which few proofs need to know who has which
    watched = of_watched_calls(system)
    found = (
        *([Guess(first | watched)] if watched else []),
        Guess(first),
        Guess(first | decisive(system, prop)),
        Guess(first | often | compared_with(system, prop, often - first)),
        Guess(near),
        Guess((near | way) - told_apart | first, pending=True),
        Guess(near | way, pending=True),
        Guess(near | tested_pointers(system, prop)),
        Guess(near | plain),
        Guess(every, pending=True),
        Guess(near | way, pending=True, spins=True),
        Guess(every, pending=True, spins=True),
        Guess(near | way, spins=True, places=True),
        Guess(every, spins=True, places=True),
        Guess(every, spins=True, counts="pointers"),
        Guess(every, spins=True, places=True, counts="threads"),
    )
    kept = every & kept_cpu(system)
    yield from dict.fromkeys(replace(guess, keys=guess.keys & every | kept) for guess in found)


def knowing(guess: Guess, names: Iterable[str]) -> Guess:
    """The guess with these globals known too."""
    return replace(guess, keys=guess.keys | {("", name) for name in names})


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
