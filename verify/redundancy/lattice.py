"""All sets of guards: with which of them removed an invariant holds, as few cubes.

A proof for guards that may be there or not is one for every set of them; a run without some guards is one without more,
but for those that it hinges on. So each answer decides a cube of sets, and sets are asked for, largest first, until
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
from verify.redundancy.singly import Singly, look
from verify.smt.subsets import largest_outside

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
        """A largest set that is in no cube."""
        return largest_outside(self.universe, [(cube.least, cube.without) for cube in self.cubes])

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
    unknown = [v for guard in universe if isinstance(v := known.verdicts.get(guard), Unknown)]
    if unknown and any(not one.removed for one in known.together):  # not all sets are decided in any case
        for guard in known.needed():
            found.add(frozenset({guard}), NONE, unknown[0])
    rounds = 0
    while (removed := found.undecided()) is not None and rounds < MOST and not bench.over():
        rounds += 1
        _ask(bench, removed, known, found)
    found.whole = removed is None and not any(isinstance(cube.verdict, Unknown) for cube in found.cubes)
    return found


def _ask(bench: Bench, removed: Guards, known: Singly, found: Lattice) -> None:
    """Decide at least this set, and as many more as the answer tells of."""
    every = frozenset(found.universe)
    refuted = look(bench, removed)
    if refuted is None:
        many = [one.optional for one in known.together if not one.removed]
        apart = removed.difference(*many)
        unknown = frozenset(name for name in apart if isinstance(known.verdicts.get(name), Unknown))
        if unknown and many:  # with one of these alone removed, no proof was found either
            found.add(unknown, NONE, known.verdicts[min(unknown)])
            return
        proof = bench.together(removed - apart, apart)
        if proof is not None:
            found.add(apart, every - removed, proof)
            return
        verdict = bench.decide(removed)
        if not isinstance(verdict, Refuted):
            found.add(removed, every - removed, verdict)
            return
        refuted = verdict
    least, fewest = _fewer(bench, removed, refuted, found)
    for guards, run in {least: fewest, removed: refuted}.items():  # without fewer, the run may hinge on one of these
        if found.verdict(removed) is None:
            found.add(guards, hinged(bench, guards, run, every), run)


def _fewer(bench: Bench, removed: Guards, refuted: Refuted, found: Lattice) -> tuple[Guards, Refuted]:
    """As few of the removed guards as a run takes that is soon found: none of them can be left out."""
    for guard in sorted(removed):
        fewer = removed - {guard}
        verdict = found.verdict(fewer)
        if isinstance(verdict, Proved):
            continue
        run = verdict if isinstance(verdict, Refuted) else look(bench, fewer)
        if run is not None:
            removed, refuted = fewer, run
    return removed, refuted


def hinged(bench: Bench, removed: Guards, refuted: Refuted, every: Guards) -> Guards:
    """The guards in `every` that a run without some others may not go without."""
    lowered = bench.lower(removed)
    system = bench.claim.system or ""
    return hinges(refuted.trace, lowered, bench.program, system, bench.property(lowered), every - removed)
