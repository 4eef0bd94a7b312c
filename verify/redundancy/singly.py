"""What an invariant needs of each guard alone, and of which of them one proof says that all can go together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from verify.engine.verdict import Invariant, Proved, Refuted, Verdict
from verify.redundancy.bench import NONE, SETS, Bench, Guards, Together
from verify.redundancy.growing import grown
from verify.refuting import hunt, overlapping
from verify.strategy import FURTHER, GLANCE

GLIMPSE, HALF = 0.25, 0.5  # of the time of a question, for a look, and for all else
LEAST = 0.1  # of that time, for all else where many guards have one proof and this has none
FEW = 3  # guesses of what a proof has to know
T = TypeVar("T", bound=Verdict)


@dataclass(slots=True)
class Singly:
    """What is known of guards one by one: without it, what holds of the invariant."""

    whole: Verdict  # with all guards
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    together: list[Together] = field(default_factory=list)
    hinges: dict[str, Guards] = field(default_factory=dict)  # of what the run without one may not go without, if known

    def needed(self) -> Guards:
        """The guards without which some run breaks the invariant."""
        return frozenset(guard for guard, verdict in self.verdicts.items() if isinstance(verdict, Refuted))


def singly(bench: Bench, guards: Sequence[str], many: Sequence[Together]) -> Singly:
    """Decide the invariant with all of these guards and, if it holds, without each of them.

    `many` are proofs that some of them may be there or not, all at once.
    """
    found = Singly(many[0].proof if many else bench.decide())
    if not isinstance(found.whole, Proved):
        return found
    found.together += many
    for one in many:
        found.verdicts |= dict.fromkeys(one.optional, one.proof)
    for guard in guards:
        if guard not in found.verdicts:
            run = look(bench, frozenset({guard}))
            found.verdicts[guard], more = (run, ()) if run is not None else alone(bench, guard, many)
            found.together += more
    return found


def alone(bench: Bench, guard: str, many: Sequence[Together]) -> tuple[Verdict, Sequence[Together]]:
    """What holds without one guard, where a look has found no run, and the proof of that.

    If there is one, then of as many of the others removed as it may be of: `many` say of which that is likely.
    """
    removed = frozenset({guard})
    run = overlapping(bench.overlap(removed), bench.until(HALF))
    if run is not None:
        return run, ()
    if not many:
        proof = bench.proof(removed, FEW)
        return (proof, (Together(removed, NONE, proof),)) if proof else (_at_last(bench, removed, HALF), ())
    begin, others = time.monotonic(), _others(bench, guard, many)
    if others:
        found = grown([bench], others, bench.likely(), removed, part=HALF)
    else:
        proof = bench.proof(removed, part=HALF)
        found = Together(removed, NONE, proof) if proof else None
    if found is not None:
        return found.proof, (found,)
    soon = time.monotonic() - begin < LEAST * bench.budget  # else all that is left takes long, too
    return _at_last(bench, removed, LEAST if soon else 0.0), ()


def _at_last(bench: Bench, removed: Guards, part: float) -> Verdict:
    return look(bench, removed, FURTHER) or bench.decide(removed, part=part)


def _others(bench: Bench, guard: str, many: Sequence[Together]) -> Sequence[str]:
    """The checks and locks that may be there or not; for one of them alone, since sets are of no other guards."""
    every, known = frozenset[str]().union(*(one.optional for one in many)), bench.program.guards
    return [name for name in known if name in every and known[name].kind in SETS] if known[guard].kind in SETS else []


def look(bench: Bench, removed: Guards, most: int = GLANCE) -> Refuted | None:
    """A run that breaks the invariant without these guards, if a search of so many scenarios finds one."""
    known = bench.asked.get(removed)
    if known is not None:
        return known if isinstance(known, Refuted) else None
    refuted = hunt(bench.question(removed, hunt=True), bench.until(GLIMPSE), most)
    if refuted is not None:
        bench.asked[removed] = refuted
    return refuted


def lighter(verdict: T) -> T:
    """The verdict without the invariant of a proof, which is large: what it says of sets of guards is known."""
    return replace(verdict, invariant=Invariant(()), basis=None) if isinstance(verdict, Proved) else verdict
