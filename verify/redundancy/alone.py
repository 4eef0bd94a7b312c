"""What an invariant needs of each guard alone, and of which of them one proof says that all can go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Proved, Refuted, Verdict
from verify.redundancy.bench import Bench, Guards
from verify.redundancy.suspects import Sketch, sketch, suspects
from verify.strategy import GLANCE, hunt

GLIMPSE = 0.25  # of the time of a question, for a first look


@dataclass(slots=True)
class Alone:
    """What is known of guards one by one: without it, what holds of the invariant."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    together: list[tuple[Guards, Proved]] = field(default_factory=list)  # those that may be there or not, all at once
    sketch: Sketch | None = None
    whole: Verdict | None = None  # of the invariant with all guards

    def needed(self) -> Guards:
        """The guards without which some run breaks the invariant."""
        return frozenset(guard for guard, verdict in self.verdicts.items() if isinstance(verdict, Refuted))


def alone(bench: Bench, guards: Sequence[str]) -> Alone:
    """Decide the invariant with all of these guards and, if it holds, without each of them."""
    found = Alone(sketch=sketch(bench, frozenset(guards)))
    if found.sketch is None:
        found.whole = bench.decide()
        if not isinstance(found.whole, Proved):
            return found
    suspected = [] if found.sketch is None else list(suspects(found.sketch, guards))
    for guard in suspected:
        refuted = look(bench, frozenset({guard}))
        if refuted is not None:
            found.verdicts[guard] = refuted
    plain = [guard for guard in guards if guard not in suspected]
    _jointly(bench, plain, found)
    for guard in (guard for guard in guards if guard not in found.verdicts):
        _jointly(bench, [guard], found)
    found.whole = found.whole or next((proof for _, proof in found.together), None) or bench.decide()
    return found


def look(bench: Bench, removed: Guards) -> Refuted | None:
    """A run that breaks the invariant without these guards, if a glance finds one."""
    known = bench.asked.get(removed)
    if known is not None:
        return known if isinstance(known, Refuted) else None
    refuted = hunt(bench.question(removed, hunt=True), bench.until(GLIMPSE), GLANCE)
    if refuted is not None:
        bench.asked[removed] = refuted
    return refuted


def _jointly(bench: Bench, guards: Sequence[str], found: Alone) -> None:
    """One proof for all of these guards, or for halves of them; alone, whatever decides it."""
    if not guards:
        return
    proof = bench.together(frozenset(guards))
    if proof is not None:
        found.together.append((frozenset(guards), proof))
        found.verdicts |= dict.fromkeys(guards, proof)
    elif len(guards) == 1:
        found.verdicts[guards[0]] = bench.decide(frozenset(guards))
    else:
        middle = len(guards) // 2
        _jointly(bench, guards[:middle], found)
        _jointly(bench, guards[middle:], found)
