"""Judge claims one by one or side by side, and give the answers in the order of the source.

Claims that profit from each other are a unit: those that want invariants of one system proved share what was found out
about it. Units share nothing that changes an answer, so that none depends on how many are judged at the same time, or
in one process: units for which a run is enough are short, and several of them are judged by one.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from verify.diagnostics import InputError
from verify.engine.verdict import Progress, Unknown
from verify.outcome import Judgement, conclude, removed, wants
from verify.report.result import ClaimResult
from verify.workers import Send, gather

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl

Judged = Callable[["ClaimDecl"], ClaimResult]
Hear = Callable[[str, Progress], None]  # the name of a claim, and where an engine stands with it
Known = MutableMapping[int, ClaimResult | InputError]  # by the place of the claim
WITHOUT_GUARDS = frozenset({"prove", "redundant"})  # what may hold with a guard and without for one reason
TICK = 0.1  # seconds between two words of a worker on where it stands


class Unit(NamedTuple):
    """What the claims of a unit have in common."""

    wants: str
    system: str
    what: tuple[str | None, ...]  # the property
    gone: frozenset[str]  # guards; proofs with and without a guard have much in common, runs have not


def silent(_: str, __: Progress) -> None:
    """Report nothing."""


@dataclass(slots=True)
class Voice:
    """What engines report to, for the claim that they are at."""

    hear: Hear
    claim: str = ""

    def __call__(self, progress: Progress) -> None:
        """Pass on where an engine stands."""
        self.hear(self.claim, progress)


def unit(claim: ClaimDecl, claims: Sequence[ClaimDecl], system: str) -> Unit:
    """The unit of a claim among others; `system` is that of claims that name none.

    Invariants that are to be proved with all guards only are one unit, those that are to be proved without some as
    well another: of each, one proof may do for all. Runs of a system without the same guards are looked for in a row.
    """
    name = claim.system or system
    if claim.kind in WITHOUT_GUARDS:
        same = (c for c in claims if c.kind in WITHOUT_GUARDS and c.invariant == claim.invariant)
        varied = any(removed(other) for other in same if (other.system or system) == name)
        return Unit(wants(claim), name, ("invariants", "varied" if varied else "plain"), frozenset())
    if wants(claim) == "refuted" and claim.cond is None:
        return Unit(wants(claim), name, (), frozenset(removed(claim)))
    what = (claim.invariant,) if claim.invariant else (claim.kind, *claim.targets, claim.said)
    return Unit(wants(claim), name, what, frozenset())


def provable_together(
    claims: Sequence[ClaimDecl], every: Sequence[ClaimDecl], system: str
) -> list[tuple[ClaimDecl, ...]]:
    """The claims of a unit, so parted that no other claim says of a part that it cannot have one proof.

    A proof for guards that may be there or not is one for the program without any of them, and for that without some:
    if `every` claim is right, there is none where one of them is refuted. `system` is that of claims that name none.
    """
    broken = [
        (claim.invariant, frozenset(removed(claim)))
        for claim in every
        if claim.invariant and wants(claim) == "refuted" and (claim.system or system) == (claims[0].system or system)
    ]
    parts: list[list[ClaimDecl]] = []
    for claim in claims:
        for part in parts:
            gone = frozenset(guard for each in (*part, claim) for guard in removed(each))
            about = {each.invariant for each in (*part, claim)}
            if not any(invariant in about and guards <= gone for invariant, guards in broken):
                part.append(claim)
                break
        else:
            parts.append([claim])
    return [tuple(part) for part in parts]


def units(claims: Sequence[ClaimDecl], system: str) -> list[tuple[int, ...]]:
    """The places of the claims of each unit, long units first; `system` is that of claims that name none."""
    found: dict[Unit, list[int]] = {}
    for place, claim in enumerate(claims):
        found.setdefault(unit(claim, claims, system), []).append(place)
    longest = sorted(found, key=lambda each: (each.wants != "proved", -len(found[each]), found[each]))
    return [tuple(found[each]) for each in longest]


def one_by_one(claims: Sequence[ClaimDecl], judged: Judged, voice: Voice, known: Known) -> Iterator[ClaimResult]:
    """Judge the claims in this process. Raises InputError for what cannot be lowered."""
    for place, claim in enumerate(claims):
        known[place] = _outcome(claim, judged, voice)
        yield _result(known[place])


def side_by_side(  # noqa: PLR0913 - what is judged, and how
    claims: Sequence[ClaimDecl], order: Sequence[tuple[int, ...]], judged: Judged, voice: Voice, known: Known, *,
    at_once: int, ahead: Callable[[tuple[int, ...]], None] = lambda _: None,
) -> Iterator[ClaimResult]:
    """Judge the units in worker processes. Raises InputError for what cannot be lowered, when its turn has come.

    Units are begun in the given order, but for the one that the next answer waits for: it goes first. `ahead` is told
    of each before its process begins, and may do here what later processes profit from. What is known of later claims
    is in `known`, also after an interrupt. Where a process dies, another takes up the units that it had not come to.
    """
    turn = 0
    left = list(order)

    def take() -> Units | None:
        proofs = [places for places in left if wants(claims[places[0]]) == "proved"]
        waited_for = next((places for places in proofs or left if turn in places), None)
        first = waited_for or next(iter(left), None)
        if first is None:
            return None
        left.remove(first)
        more = [] if proofs else left[: max(0, (len(left) + 1) // at_once - 1)]  # ever less, so that all end together
        del left[: len(more)]
        for places in (first, *more):
            ahead(places)
        return first, *more

    def hear(message: Message) -> None:
        place, said = message
        if isinstance(said, Progress):
            voice.hear(claims[place].name, said)
        else:
            known[place] = said

    def ended(units: Units, death: str) -> None:
        unfinished = [places for places in units if not known.keys() >= set(places)]
        for place in unfinished[0] if unfinished else ():
            if place not in known:
                what = f"its process ended early ({death or 'no answer'})"
                known[place] = _fault(claims[place], what, f"{claims[place].name}: {what}\n", 0.0)
        left.extend(unfinished[1:])

    work = partial(_judge_units, claims=claims, judged=judged, voice=voice)
    with closing(gather(take, work, hear, ended, at_once=at_once)) as messages:
        for _ in messages:
            while turn in known:
                yield _result(known[turn])
                turn += 1


Message = tuple[int, ClaimResult | InputError | Progress]
Units = tuple[tuple[int, ...], ...]  # the places of the claims of each


def _judge_units(
    units: Units, send: Send[Message], *, claims: Sequence[ClaimDecl], judged: Judged, voice: Voice,
) -> None:
    """Judge the claims of some units, in a process of their own."""
    last = 0.0
    for place in chain.from_iterable(units):

        def tell(_: str, progress: Progress, place: int = place) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= TICK:
                last = now
                send((place, progress))

        voice.hear = tell
        start = time.perf_counter()
        outcome = _outcome(claims[place], judged, voice)
        try:
            send((place, outcome))
        except OSError:  # nobody hears
            raise
        except Exception as error:  # noqa: BLE001 - it cannot be sent, or is too large
            send((place, _broken(claims[place], error, time.perf_counter() - start)))


def _outcome(claim: ClaimDecl, judged: Judged, voice: Voice) -> ClaimResult | InputError:
    voice.claim = claim.name
    start = time.perf_counter()
    try:
        return judged(claim)
    except InputError as error:
        return error
    except Exception as error:  # noqa: BLE001 - whatever it is, other claims can still be judged
        return _broken(claim, error, time.perf_counter() - start)


def _broken(claim: ClaimDecl, error: Exception, seconds: float) -> ClaimResult:
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    return _fault(claim, what, "".join(traceback.format_exception(error)), seconds)


def _fault(claim: ClaimDecl, what: str, where: str, seconds: float) -> ClaimResult:
    """What is said of a claim when `verify` itself broke."""
    stopped = Judgement(Unknown(f"internal error: {what}", "", ""))
    return conclude(claim, stopped, seconds=seconds, fault=where)


def _result(outcome: ClaimResult | InputError) -> ClaimResult:
    if isinstance(outcome, InputError):
        raise outcome
    return outcome
