"""What an invariant needs of each guard alone, and of which of them one proof says that all can go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Proved, Refuted, Unknown, Verdict
from verify.redundancy.bench import Bench, Guards
from verify.redundancy.growing import Together, growths
from verify.strategy import GLANCE, hunt

GLIMPSE = 0.25  # of the time of a question, for a look
FURTHER = 30  # scenarios that are searched for a guard of which there is no proof


@dataclass(slots=True)
class Singly:
    """What is known of guards one by one: without it, what holds of the invariant."""

    whole: Verdict  # with all guards
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    together: list[Together] = field(default_factory=list)  # guards that may be there or not, all at once

    def needed(self) -> Guards:
        """The guards without which some run breaks the invariant."""
        return frozenset(guard for guard, verdict in self.verdicts.items() if isinstance(verdict, Refuted))

    def left(self, guards: Sequence[str]) -> list[str]:
        """Those of which nothing is known."""
        return [guard for guard in guards if guard not in self.verdicts]

    def add(self, found: Together) -> None:
        """Take in a proof for many."""
        self.together.append(found)
        self.whole = found[1]
        for guard in found[0]:
            self.verdicts.setdefault(guard, found[1])


def singly(bench: Bench, guards: Sequence[str]) -> Singly:
    """Decide the invariant with all of these guards and, if it holds, without each of them."""
    found = Singly(Unknown("out of time", "nothing", ""))
    for together in growths(bench, guards, lambda: found.left(guards)):
        first = not found.together
        found.add(together)
        for guard in found.left(guards) if first else ():
            run = look(bench, frozenset({guard}))
            if run is not None:
                found.verdicts[guard] = run
    if not found.together:
        found.whole = bench.decide()
        if not isinstance(found.whole, Proved):
            return found
    for guard in found.left(guards):
        removed = frozenset({guard})
        found.verdicts[guard] = look(bench, removed, FURTHER) or bench.decide(removed, part=GLIMPSE)
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
