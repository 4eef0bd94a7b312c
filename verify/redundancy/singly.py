"""What an invariant needs of each guard alone, and of which of them one proof says that all can go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.verdict import Proved, Refuted, Verdict
from verify.redundancy.bench import NONE, SETS, Bench, Guards
from verify.strategy import GLANCE, hunt

GLIMPSE, HALF = 0.25, 0.5  # of the time of a question, for a look, and for all else
FEW = 3  # guesses of what a proof has to know
FURTHER = 30  # scenarios that are searched for a guard of which there is no proof


class Together(NamedTuple):
    """One proof for all programs without some guards and, of some others, any."""

    removed: Guards
    optional: Guards
    proof: Proved


@dataclass(slots=True)
class Singly:
    """What is known of guards one by one: without it, what holds of the invariant."""

    whole: Verdict  # with all guards
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    together: list[Together] = field(default_factory=list)

    def needed(self) -> Guards:
        """The guards without which some run breaks the invariant."""
        return frozenset(guard for guard, verdict in self.verdicts.items() if isinstance(verdict, Refuted))


def singly(bench: Bench, guards: Sequence[str], many: tuple[Guards, Proved] | None) -> Singly:
    """Decide the invariant with all of these guards and, if it holds, without each of them.

    `many` are guards that a proof says may be there or not, all at once, if there is one.
    """
    if many is None:
        found = Singly(bench.decide())
        if not isinstance(found.whole, Proved):
            return found
    else:
        found = Singly(many[1], dict.fromkeys(many[0], many[1]), [Together(NONE, *many)])
    left = [guard for guard in guards if guard not in found.verdicts]
    for guard in left:
        found.verdicts[guard] = _alone(bench, guard, found)
    return found


def _alone(bench: Bench, guard: str, found: Singly) -> Verdict:
    """What holds without one guard; if there is a proof, then for as many of the others removed as that may be of."""
    removed = frozenset({guard})
    run = look(bench, removed)
    if run is not None:
        return run
    optional = found.together[0].optional if found.together else NONE
    for others in dict.fromkeys((frozenset(g for g in optional if bench.program.guards[g].kind in SETS), NONE)):
        proof = bench.together(others, removed, FEW)
        if proof is not None:
            found.together.append(Together(removed, others, proof))
            return proof
    return look(bench, removed, FURTHER) or bench.decide(removed, part=HALF)


def look(bench: Bench, removed: Guards, most: int = GLANCE) -> Refuted | None:
    """A run that breaks the invariant without these guards, if a search of so many scenarios finds one."""
    known = bench.asked.get(removed)
    if known is not None:
        return known if isinstance(known, Refuted) else None
    refuted = hunt(bench.question(removed, hunt=True), bench.until(GLIMPSE), most)
    if refuted is not None:
        bench.asked[removed] = refuted
    return refuted
