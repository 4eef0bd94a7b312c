"""All sets of guards: with which of them removed an invariant holds, as few cubes.

A proof for guards that may be there or not is one for every set of them; a run without some guards is one without more,
but for those that it hinges on. So each answer decides a cube of sets, and sets are asked for, smallest first, until
every one is in some cube (MARCO: Liffiton, Previti, Malik and Marques-Silva, Constraints 2016; for what an invariant
needs: Ghassabani, Whalen and Gacek, "Efficient generation of all minimal inductive validity cores", FMCAD 2017).
Nothing is taken for monotone: where a run hinges on a guard, the sets with that guard are asked for on their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Proved, Refuted, Unknown, Verdict
from verify.redundancy.bench import NONE, Bench, Guards
from verify.redundancy.carried import hinges
from verify.redundancy.growing import grown
from verify.redundancy.singly import Singly, look
from verify.smt.subsets import smallest_outside
from verify.strategy import FURTHER

MOST = 64  # sets that are asked for


@dataclass(frozen=True, slots=True)
class Cube:
    """Sets of removed guards about which one answer tells: all that hold `least` and nothing of `without`."""

    least: Guards
    without: Guards
    verdict: Verdict

    def has(self, removed: Guards) -> bool:
        """Whether it tells about the program without these guards."""
        return self.least <= removed and removed.isdisjoint(self.without)


@dataclass(slots=True)
class Lattice:
    """The sets of the guards in `universe`, as far as they are decided."""

    universe: Sequence[str]
    cubes: list[Cube] = field(default_factory=list)
    whole: bool = False  # whether every set is in some cube of which the verdict is known

    def add(self, least: Guards, without: Guards, verdict: Verdict) -> None:
        """Take in an answer."""
        every = frozenset(self.universe)
        if least <= every:
            self.cubes.append(Cube(least, without & every, verdict))

    def verdict(self, removed: Guards) -> Verdict | None:
        """What is known of the program without these guards."""
        return next((cube.verdict for cube in self.cubes if cube.has(removed)), None)

    def undecided(self) -> Guards | None:
        """A smallest set that is in no cube."""
        return smallest_outside(self.universe, [(cube.least, cube.without) for cube in self.cubes])

    def sufficient(self) -> list[Guards]:
        """The smallest sets of guards with which alone the invariant holds, as far as is known."""
        every = frozenset(self.universe)
        kept = {cube.without for cube in self.cubes if isinstance(cube.verdict, Proved)}
        least = [one for one in kept if not any(other < one for other in kept)]
        return sorted((one & every for one in least), key=lambda one: (len(one), sorted(one)))

    def broken(self) -> list[tuple[Guards, Refuted]]:
        """The smallest sets of guards without which some run breaks the invariant, with that run."""
        found: dict[Guards, Refuted] = {}
        for cube in self.cubes:
            if isinstance(cube.verdict, Refuted):
                found.setdefault(cube.least, cube.verdict)
        return sorted(
            ((one, run) for one, run in found.items() if not any(other < one for other in found)),
            key=lambda pair: (len(pair[0]), sorted(pair[0])),
        )


def explore(bench: Bench, universe: Sequence[str], known: Singly) -> Lattice:
    """Decide the invariant for every set of removed guards, beginning with what is known of each alone."""
    found = Lattice(universe)
    every = frozenset(universe)
    for one in known.together:
        found.add(one.removed, every - one.removed - one.optional, one.proof)
    if not known.together and isinstance(known.whole, Proved):
        found.add(frozenset(), every, known.whole)
    for guard in universe:
        verdict = known.verdicts.get(guard)
        if isinstance(verdict, Refuted):
            hinges = known.hinges.get(guard)
            without = hinged(bench, frozenset({guard}), verdict, every) if hinges is None else hinges
            found.add(frozenset({guard}), without & every, verdict)
        elif isinstance(verdict, Unknown):
            found.add(frozenset({guard}), NONE, verdict)
    rounds = 0
    while (removed := found.undecided()) is not None and rounds < MOST and not bench.over():
        rounds += 1
        _ask(bench, removed, known.whole, found)
    found.whole = removed is None and not any(isinstance(cube.verdict, Unknown) for cube in found.cubes)
    return found


def _ask(bench: Bench, removed: Guards, whole: Verdict, found: Lattice) -> None:
    """Decide at least this set, and as many larger ones as the answer tells of; `whole` holds with all guards."""
    every = frozenset(found.universe)
    verdict: Verdict | None = look(bench, removed, FURTHER)
    if verdict is None:
        others = [name for name in found.universe if name not in removed]
        proof = grown([bench], others, bench.likely(), removed)
        if proof is not None:
            found.add(removed, every - removed - proof.optional, proof.proof)
            return
        verdict = bench.decide(removed)
        if bench.short(verdict) and not bench.short(whole):
            verdict = Unknown("it is proved for fewer tasks alone", "", verdict.engine)
    match verdict:
        case Refuted():
            found.add(removed, hinged(bench, removed, verdict, every), verdict)
        case Unknown():  # where nothing was found without these, little is without more
            found.add(removed, NONE, verdict)
        case Proved():
            found.add(removed, every - removed, verdict)


def hinged(bench: Bench, removed: Guards, refuted: Refuted, every: Guards) -> Guards:
    """The guards in `every` that a run without some others may not go without."""
    lowered = bench.lower(removed)
    system = bench.claim.system or ""
    return hinges(refuted.trace, lowered, bench.program, system, bench.property(lowered), every - removed)
