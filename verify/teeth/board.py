"""What is known of the mutants of a program, and what is still to be asked of whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Progress
from verify.mutation import Mutant
from verify.report.teeth import LATE, MutantResult
from verify.syntax.ast import ClaimDecl
from verify.teeth.first import Look
from verify.teeth.groups import can_share
from verify.teeth.standing import Standing, wanted

MOST = 16  # mutants that are tried together
UNSEEN = Look("undecided", how=LATE)
OPEN = "not decided"


@dataclass(frozen=True, slots=True)
class Group:
    """Mutants of which one claim is asked."""

    claim: int
    mutants: tuple[int, ...]

    def halves(self) -> tuple[Group, Group]:
        """The same in two parts."""
        middle = len(self.mutants) // 2
        return Group(self.claim, self.mutants[:middle]), Group(self.claim, self.mutants[middle:])


@dataclass(slots=True)
class Board:
    """What is known so far. An interrupt leaves it as it is."""

    mutants: Sequence[Mutant]
    standing: Sequence[Standing]
    looks: dict[int, Look] = field(default_factory=dict)
    open: dict[int, set[int]] = field(default_factory=dict)  # of a mutant: the claims that are not decided

    def seen(self, mutant: int, look: Look | None) -> None:
        """Take in a first look; none if that took too long, and then every claim is still to be asked."""
        self.looks[mutant] = look = look or Look("undecided", open=tuple(range(len(self.standing))))
        if look.open:
            self.open[mutant] = set(look.open)

    def settled(self, group: Group) -> None:
        """Take in that a claim notices none of a group."""
        for mutant in group.mutants:
            claims = self.open.get(mutant, set())
            claims.discard(group.claim)
            if not claims and mutant in self.open:
                del self.open[mutant]
                self.looks[mutant] = Look("survives")

    def killed(self, mutant: int, look: Look) -> None:
        """Take in that a claim notices a mutant: no other need be asked."""
        self.looks[mutant] = look
        self.open.pop(mutant, None)

    def order(self) -> list[int]:
        """The claims in the order in which they are asked: those first of which some run has been lost."""
        return sorted(range(len(self.standing)), key=lambda claim: wanted(self.standing[claim].claim))

    def groups(self, claim: int) -> list[Group]:
        """Of which mutants a claim is still to be asked: of those that can share a proof together."""
        waiting = [number for number in sorted(self.open) if claim in self.open[number]]
        shared = [number for number in waiting if can_share(self.standing[claim], self.mutants[number])]
        found = [Group(claim, tuple(shared[at : at + MOST])) for at in range(0, len(shared), MOST)]
        return found + [Group(claim, (number,)) for number in waiting if number not in shared]

    def left(self, group: Group) -> Group:
        """The group without those whose fate is known by now."""
        return Group(group.claim, tuple(n for n in group.mutants if group.claim in self.open.get(n, ())))

    def progress(self) -> Progress:
        """Where it stands."""
        counts = Counter(look.fate for look in self.looks.values())
        noticed = counts["killed"] + counts["refused"]
        figures = {"mutants": len(self.mutants), "looked at": len(self.looks), "noticed": noticed}
        return Progress("mutants", {**figures, "open": len(self.open)})

    def results(self, says: Mapping[str, str]) -> tuple[MutantResult, ...]:
        """Every mutant with what became of it; `says` are the claims that guards are redundant."""
        return tuple(self._result(number, says) for number in range(len(self.mutants)))

    def _result(self, number: int, says: Mapping[str, str]) -> MutantResult:
        mutant, look = self.mutants[number], self.looks.get(number, UNSEEN)
        names = tuple(self.standing[claim].claim.name for claim in sorted(self.open.get(number, ())))
        return MutantResult(
            mutant.operator, mutant.what, mutant.sort, look.fate, mutant.neighbour, mutant.span, look.by,
            OPEN if names else look.how, look.steps, look.tasks,
            says.get(mutant.guard) if look.fate == "survives" else None, names,
        )  # fmt: skip


def redundancies(claims: Sequence[ClaimDecl], system: str, default: str) -> dict[str, str]:
    """Guards, each with the claim that some invariant of a system does not need it."""
    return {
        claim.targets[0]: claim.name
        for claim in reversed(claims)
        if claim.kind == "redundant" and len(claim.targets) == 1 and not claim.without
        and (claim.system or default) == system
    }  # fmt: skip
