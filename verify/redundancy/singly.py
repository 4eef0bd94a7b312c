"""What an invariant needs of each guard alone, and of which of them one proof says that all can go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Proved, Refuted, Verdict
from verify.redundancy.bench import NONE, Bench, Guards
from verify.strategy import GLANCE, hunt

GLIMPSE = 0.25  # of the time of a question, for a first look
FURTHER = 30  # scenarios that are searched for a guard that growing put back


@dataclass(slots=True)
class Singly:
    """What is known of guards one by one: without it, what holds of the invariant."""

    whole: Verdict  # with all guards
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    together: Guards = NONE  # those that may be there or not, all at once
    proof: Proved | None = None  # of that

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
        found = Singly(many[1], dict.fromkeys(many[0], many[1]), *many)
    for guard in guards:
        if guard not in found.verdicts:
            removed = frozenset({guard})
            run = look(bench, removed) or look(bench, removed, FURTHER)
            found.verdicts[guard] = run or bench.together(NONE, removed) or bench.decide(removed)
    return found


def look(bench: Bench, removed: Guards, most: int = GLANCE) -> Refuted | None:
    """A run that breaks the invariant without these guards, if a search of so many scenarios finds one."""
    known = bench.asked.get(removed)
    if known is not None:
        return known if isinstance(known, Refuted) else None
    refuted = hunt(bench.question(removed, hunt=True), bench.until(GLIMPSE), most)
    if refuted is not None:
        bench.asked[removed] = refuted
    return refuted
