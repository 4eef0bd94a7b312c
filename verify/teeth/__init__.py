"""Mutation testing of a file: which changes to its program make a claim fail, and which nobody notices.

A change that is noticed is noticed by the first claim that fails. Runs are followed and looked for first, where that
takes little time. What is left is proved claim by claim, of many mutants at once: of the program in which each change
may be made or not; where there is no such proof, of half of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Progress, Proved, Refuted
from verify.judging import Options, Selection, default_system, quiet
from verify.mutation import mutants
from verify.report.teeth import TeethResult
from verify.schedule import Hear, silent
from verify.syntax.ast import ClaimDecl
from verify.teeth.board import Board, Group, redundancies
from verify.teeth.first import Look, look, marks_of
from verify.teeth.groups import decided, holds_of_all
from verify.teeth.spread import spread
from verify.teeth.standing import Standing, asked, stand, standing, until

FIRST, SECOND = 0.35, 0.6  # of all time: until the claims are decided, and until every mutant was looked at
LOOK = 30.0  # seconds for a first look at one mutant
FAILS, UNKNOWN = "failing already", "not decided in time"  # why a claim is not asked


@dataclass(slots=True)
class Teeth:
    """The work on one file, and what has come of it."""

    selection: Selection
    options: Options
    start: float = field(default_factory=time.monotonic)
    left: list[tuple[str, str]] = field(default_factory=list)
    board: Board = field(default_factory=lambda: Board((), ()))

    @property
    def system(self) -> str:
        """The system whose code is changed."""
        return self.options.system or default_system(self.selection.program)

    def until(self, part: float) -> float:
        """When so much of the time is over, as a value of time.monotonic()."""
        return self.start + part * self.options.budget

    def result(self, *, interrupted: bool = False) -> TeethResult:
        """What is known by now."""
        default = default_system(self.selection.program)
        says = redundancies(self.selection.program.claims, self.system, default)
        return TeethResult(
            self.selection.file, self.system, tuple(each.claim.name for each in self.board.standing), tuple(self.left),
            self.board.results(says), (), interrupted, time.monotonic() - self.start,
        )  # fmt: skip


def bite(teeth: Teeth, *, hear: Hear = silent, at_once: int = 1) -> None:
    """Find out the fate of every mutant, as far as there is time. Raises InputError for what cannot be lowered."""
    selection, options = teeth.selection, teeth.options
    claims, left = asked(selection.claims, teeth.system, default_system(selection.program))
    teeth.left += left
    known = _standing(teeth, claims, hear, at_once)
    if not known:
        return
    board = teeth.board = Board(mutants(selection.program, teeth.system), known)

    def tell() -> None:
        hear("teeth", board.progress())

    marks = list(marks_of(selection, known))
    todo = list(range(len(board.mutants)))
    deadline = teeth.until(SECOND)

    def next_mutant() -> int | None:
        return todo.pop(0) if todo and time.monotonic() < deadline else None

    def glance(number: int) -> Look:
        return look(selection, options, board.mutants[number], known, marks, deadline=deadline, report=quiet)

    for number, found in spread(next_mutant, glance, at_once=at_once, deadline=deadline, most=LOOK):
        board.seen(number, found)
        tell()
    _prove(teeth, tell, at_once)


def _standing(teeth: Teeth, claims: Sequence[ClaimDecl], hear: Hear, at_once: int) -> list[Standing]:
    """The claims that hold; the others are left, with the reason."""
    found = dict[int, tuple[Proved | Refuted, float] | str]()
    todo = list(range(len(claims)))
    deadline = teeth.until(FIRST)

    def decide(number: int) -> tuple[Proved | Refuted, float] | str:
        options = until(teeth.options, deadline, teeth.options.budget)
        result, verdict = stand(teeth.selection, options, claims[number], quiet)
        return (FAILS if result.holds is False else UNKNOWN) if verdict is None else (verdict, result.seconds)

    def next_claim() -> int | None:
        return todo.pop(0) if todo else None

    for number, said in spread(next_claim, decide, at_once=at_once, deadline=deadline, most=teeth.options.budget):
        found[number] = said or UNKNOWN
        hear("teeth", Progress("claims", {"decided": len(found), "of": len(claims)}))
    known = list[Standing]()
    for number, claim in enumerate(claims):
        match found[number]:
            case str() as why:
                teeth.left.append((claim.name, why))
            case (verdict, seconds):
                known.append(standing(teeth.selection, claim, verdict, seconds))
    return known


def _prove(teeth: Teeth, tell: Callable[[], None], at_once: int) -> None:
    """Prove of what is left that no claim notices it, of many mutants at once where that can be."""
    board, selection, deadline = teeth.board, teeth.selection, teeth.until(1.0)
    todo = list[Group]()

    def next_group() -> Group | None:
        while todo and time.monotonic() < deadline:
            group = board.left(todo.pop(0))
            if group.mutants:
                return group
        return None

    def ask(group: Group) -> Look | None:
        claim = board.standing[group.claim]
        options = until(teeth.options, deadline, claim.patience)
        chosen = [board.mutants[number] for number in group.mutants]
        if len(chosen) == 1:
            return decided(selection, options, claim, chosen[0], quiet)
        return Look("survives") if holds_of_all(selection, options, claim, chosen, quiet) else None

    for number in board.order():  # claim by claim: the first that notices a mutant does not depend on how long it takes
        todo += board.groups(number)
        most = board.standing[number].patience
        for group, found in spread(next_group, ask, at_once=at_once, deadline=deadline, most=most):
            if found is None:
                todo[:0] = group.halves() if len(group.mutants) > 1 else ()
            elif found.fate == "killed":
                board.killed(group.mutants[0], found)
            else:
                board.settled(group)
            tell()


__all__ = ["Teeth", "bite"]
