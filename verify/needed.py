"""Which assumptions an invariant needs: each left out alone, and those that are not needed alone left out together.

To leave out an assumption adds runs and takes none away. So what is refuted with some of them left out is refuted with
more, and only the least such sets are of interest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal, NamedTuple

from verify.answering import judgements
from verify.judging import Options, Selection
from verify.outcome import assumed, removed, wants
from verify.report.needed import Need, Needs
from verify.report.result import ClaimResult
from verify.schedule import Hear, silent
from verify.selecting import studied
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl

Verdict = Literal["proved", "refuted", "unknown"]
MOST_TOGETHER = 5  # assumptions, none of them needed alone, of which every set is left out
Gone = frozenset[str]
Question = tuple[str, Gone]  # an invariant, and the assumptions that it is judged without
Found = Mapping[Question, ClaimResult]
Ask = Callable[[Sequence[Question]], Found]


class Table(NamedTuple):
    """How invariants need assumptions, in one system."""

    system: str
    assumptions: tuple[str, ...]
    rows: tuple[Needs, ...]


def needed(
    selection: Selection, options: Options, invariants: Sequence[str] = (), *, hear: Hear = silent, at_once: int = 1
) -> Table:
    """Which assumptions the invariants need; none is those that claims prove, or all if there is no such claim.

    Raises InputError for names that the file does not have, and for what cannot be lowered.
    """
    program = selection.program
    system, about = studied(selection, options, invariants, {"prove"})
    names = assumed(program, options.without)
    ask = _asking(selection, options, system, hear, at_once)
    return Table(system, names, tuple(_rows(about, names, ask)) if names else ())


def _rows(invariants: Sequence[str], names: Sequence[str], ask: Ask) -> Iterator[Needs]:
    found: dict[Question, ClaimResult] = {}
    found |= ask([(one, gone) for one in invariants for gone in (Gone(), *(Gone({name}) for name in names))])
    free = {
        one: Gone(name for name in names if verdict_of(found[one, Gone({name})]) == "proved") for one in invariants
    }
    found |= ask([(one, free[one]) for one in invariants if len(free[one]) > 1])
    for size in range(2, MOST_TOGETHER):
        found |= ask([
            (one, chosen)
            for one in invariants
            if size < len(free[one]) <= MOST_TOGETHER and verdict_of(found[one, free[one]]) != "proved"
            for chosen in map(Gone, combinations(sorted(free[one]), size))
            if not any(gone < chosen for gone in _least_refuted(found, one))
        ])
    for one in invariants:
        yield Needs(one, found[one, Gone()], tuple(_need(name, one, free[one], found) for name in names))


def verdict_of(result: ClaimResult) -> Verdict:
    """What is known of an invariant; a proof for fewer tasks than were asked for is none."""
    if result.verdict == "refuted":
        return "refuted"
    return "proved" if result.verdict == "proved" and result.holds is not None else "unknown"


def _asking(
    selection: Selection, options: Options, system: str, hear: Hear, at_once: int
) -> Ask:
    """How to ask whether invariants hold without some assumptions: a run is looked for where a claim tells of one."""
    expected = {
        (claim.invariant, frozenset(removed(claim)))
        for claim in selection.program.claims
        if claim.invariant and wants(claim) == "refuted" and selection.system(claim) == system
    }

    def ask(questions: Sequence[Question]) -> Found:
        claims = tuple(
            ClaimDecl(
                "refute" if question in expected else "prove", question[0], system=system,
                without=(*options.without, *sorted(question[1])), span=NOWHERE,
            )
            for question in questions
        )
        asked = replace(selection, claims=claims)
        return dict(zip(questions, judgements(asked, options, hear=hear, at_once=at_once), strict=True))

    return ask


def _least_refuted(found: Found, invariant: str) -> list[Gone]:
    """The sets of assumptions without which the invariant is refuted, but for those that are more than is needed."""
    broken = [gone for (one, gone), result in found.items() if one == invariant and verdict_of(result) == "refuted"]
    return [gone for gone in broken if not any(other < gone for other in broken)]


def _need(name: str, invariant: str, free: Gone, found: Found) -> Need:
    alone = found[invariant, Gone({name})]
    if verdict_of(found[invariant, Gone()]) == "refuted":
        return Need(name, "not enough", alone)
    if name not in free:
        return Need(name, "load-bearing" if verdict_of(alone) == "refuted" else "unknown", alone)
    if len(free) == 1 or verdict_of(found[invariant, free]) == "proved":
        return Need(name, "not needed", alone)
    least = [gone for gone in _least_refuted(found, invariant) if name in gone and len(free) <= MOST_TOGETHER]
    if least:
        others = tuple(tuple(sorted(gone - {name})) for gone in least)
        return Need(name, "needed jointly", alone, others, found[invariant, least[0]])
    open_still = len(free) > MOST_TOGETHER or any(
        one == invariant and name in gone <= free and verdict_of(result) == "unknown"
        for (one, gone), result in found.items()
    )
    return Need(name, "unknown" if open_still else "not needed", alone)
