"""From a proof to a short one: the clauses that a search chose, said at as many locations at once, none superfluous."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from verify.explain import polish
from verify.explain.candidates import Pool, pool
from verify.explain.search import Search, StuckError
from verify.ir import FALSE, TRUE, Expr, Field, Me, System, Update
from verify.smt.ground import Key, keys_of
from verify.smt.implied import OutOfTimeError
from verify.smt.induct import Induction, induction
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.universal import Clause

SEARCHING = 0.7  # of the time that is left, until a set is made smaller; and of what is left then, until it is judged
POLISHING = 700  # questions, for saying something else instead
HANDFUL = 15  # sentences: of more, a shorter proof is looked for
SOON = 500  # questions: where no more are asked, too
AGAIN = 2  # how often


@dataclass(frozen=True, slots=True)
class Short:
    """Clauses that Z3 has accepted as a proof; `minimal` if none of them can be left out.

    Those of `background` say only how objects are made, started and pointed to, and are kept by themselves, given that
    nobody is where the others say that nobody ever is: Z3 has accepted this too.
    """

    clauses: Sequence[Clause]
    background: Sequence[Clause]
    minimal: bool


def shortened(system: System, clauses: Sequence[Clause], prop: Expr, deadline: float) -> Short | None:
    """A short proof, of clauses that those of another proof imply; None if none is found in time.

    It is judged like any other. `deadline` is a value of time.monotonic().
    """
    try:
        known = induction(system, prop, _share(deadline, SEARCHING))
        if known is None:
            return None
        search, minimal = _shortest(known, pool(system, clauses, prop, known.deadline), prop, deadline)
        found = {said: polish.joined(search, group) for said, group in polish.groups(search).items()}
        clauses = list(found.values())
        judgement = judge_universal(system, clauses, prop, deadline=deadline)
        plain = [found[said] for said in found if said in polish.background(search)]
        background = _background(system, clauses, plain, deadline) if plain and judgement.ok else ()
    except (OutOfTimeError, StuckError, EncodingError):
        return None
    return Short(clauses, background, minimal) if judgement.ok else None


def _shortest(known: Induction, among: Pool, prop: Expr, deadline: float) -> tuple[Search, bool]:
    """The shortest of some searches, and whether nothing of it can be left out.

    Z3 is free in which states it shows, and it shows others when it knows more: another search comes to another proof.
    """
    began = time.monotonic()
    best, minimal = _searched(known, among, prop, deadline)
    longest = time.monotonic() - began
    for _ in range(AGAIN):
        enough = polish.length(best) <= HANDFUL and best.asked > SOON
        if enough or time.monotonic() + longest > _share(deadline, SEARCHING):
            break
        with suppress(OutOfTimeError, StuckError):
            other, done = _searched(known, among, prop, deadline)
            if (polish.length(other), not done) < (polish.length(best), not minimal):
                best, minimal = other, done
    return best, minimal


def _searched(known: Induction, among: Pool, prop: Expr, deadline: float) -> tuple[Search, bool]:
    known.deadline = among.deadline = _share(deadline, SEARCHING)
    search = Search(known, among, prop)
    search.run()
    known.deadline = among.deadline = _share(deadline, SEARCHING)
    return search, _fewest(search)


def _share(deadline: float, part: float) -> float:
    now = time.monotonic()
    return now + max(0.0, deadline - now) * part


def _fewest(search: Search) -> bool:
    """Make it short; whether nothing of it can be left out."""
    polish.prune(search)
    polish.change(search, POLISHING)
    polish.prune(search)
    polish.align(search)  # what is said at more places may do for something else
    return polish.prune(search)


def _background(
    system: System, clauses: Sequence[Clause], plain: Sequence[Clause], deadline: float
) -> Sequence[Clause]:
    """The clauses that look like background, if they are kept by themselves where anybody is; else none.

    What is stored in other variables is nothing to them.
    """
    never = frozenset[int]().union(*(clause.locations or () for clause in clauses if clause.body == FALSE))
    known = frozenset[Key]().union(*(keys_of(clause.body) for clause in plain))
    actions = tuple(
        replace(action, updates=tuple(update for update in action.updates if _stored_in(update) <= known))
        for action in system.actions
        if action.source not in never and action.target not in never
    )
    alone = judge_universal(replace(system, actions=actions), plain, TRUE, deadline=deadline)
    return plain if alone.ok else ()


def _stored_in(update: Update) -> frozenset[Key]:
    place = update.place
    return keys_of(replace(place, pointer=Me()) if isinstance(place, Field) else place)
