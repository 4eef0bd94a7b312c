"""Mutation testing of a file: which changes to its program make a claim fail, and which nobody notices.

A change that is noticed is noticed by the first claim that fails: runs are looked for first, because that takes little
time. What is left is proved of many mutants at once, of the program in which each change may be made or not; where
there is no such proof, of half of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from verify.diagnostics import InputError
from verify.engine.verdict import Progress
from verify.judging import Options, Selection, default_system, quiet
from verify.mutation import mutants
from verify.report.teeth import TeethResult
from verify.schedule import Hear, silent
from verify.syntax.ast import ClaimDecl
from verify.teeth.board import Board, Group, redundancies
from verify.teeth.first import Look, look, marks_of
from verify.teeth.groups import decided, holds_of_all
from verify.teeth.standing import Standing, asked, stand, until
from verify.workers import Send, can_fork, gather

U = TypeVar("U")
M = TypeVar("M")
FIRST, SECOND = 0.35, 0.75  # of all time: until the claims are decided, and until every mutant was looked at
ONE = 20.0  # seconds for one claim about one mutant, or one group of them


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
    standing = _standing(teeth, claims, hear, at_once)
    if not standing:
        return
    board = teeth.board = Board(mutants(selection.program, teeth.system), standing)

    def tell() -> None:
        hear("teeth", board.progress())

    marks = list(marks_of(selection, standing))
    todo = list(range(len(board.mutants)))
    deadline = teeth.until(SECOND)

    def next_mutant() -> int | None:
        return todo.pop(0) if todo and time.monotonic() < deadline else None

    def glance(number: int, send: Send[tuple[int, Look]]) -> None:
        found = look(selection, options, board.mutants[number], standing, marks, deadline=deadline, report=quiet)
        send((number, found))

    for number, found in _spread(next_mutant, glance, at_once):
        board.seen(number, found)
        tell()
    _prove(teeth, tell, at_once)


def _standing(teeth: Teeth, claims: Sequence[ClaimDecl], hear: Hear, at_once: int) -> list[Standing]:
    """The claims that hold; the others are left, with the reason."""
    found = dict[int, Standing]()
    failed = dict[int, str | InputError]()
    todo = list(range(len(claims)))

    def decide(number: int, send: Send[tuple[int, Standing | str | InputError]]) -> None:
        options = until(teeth.options, teeth.until(FIRST), teeth.options.budget)
        try:
            result, holds = stand(teeth.selection, options, claims[number], quiet)
        except InputError as error:
            send((number, error))
            return
        send((number, holds or ("it fails already" if result.holds is False else "it is not decided in time")))

    for number, said in _spread(lambda: todo.pop(0) if todo else None, decide, at_once):
        if isinstance(said, Standing):
            found[number] = said
        else:
            failed[number] = said
        hear("teeth", Progress("claims", {"decided": len(found) + len(failed), "of": len(claims)}))
    for number in sorted(failed):
        said = failed[number]
        if isinstance(said, InputError):
            raise said
        teeth.left.append((claims[number].name, said))
    return [found[number] for number in sorted(found)]


def _prove(teeth: Teeth, tell: Callable[[], None], at_once: int) -> None:
    """Prove of what is left that no claim notices it, of many mutants at once where that can be."""
    board, selection, deadline = teeth.board, teeth.selection, teeth.until(1.0)
    todo = board.groups()

    def next_group() -> Group | None:
        while todo and time.monotonic() < deadline:
            group = board.left(todo.pop(0))
            if group.mutants:
                return group
        return None

    def ask(group: Group, send: Send[tuple[Group, Look | None]]) -> None:
        options = until(teeth.options, deadline, ONE)
        standing = board.standing[group.claim]
        chosen = [board.mutants[number] for number in group.mutants]
        if len(chosen) == 1:
            send((group, decided(selection, options, standing, chosen[0], quiet)))
        else:
            found = holds_of_all(selection, options, standing, chosen, quiet)
            send((group, Look("survives") if found else None))

    for group, found in _spread(next_group, ask, at_once):
        if found is not None and found.fate == "killed":
            board.killed(group.mutants[0], found)
        elif found is not None:
            board.settled(group)
        elif len(group.mutants) > 1:
            todo[:0] = group.halves()
        tell()


def _spread(take: Callable[[], U | None], work: Callable[[U, Send[M]], None], at_once: int) -> Generator[M]:
    """What `work` sends about each unit that `take` gives, in processes of their own where that is safe."""
    heard = list[M]()
    if at_once > 1 and can_fork():
        with closing(gather(take, work, heard.append, lambda _, __: None, at_once=at_once)) as messages:
            for _ in messages:
                yield from _emptied(heard)
        return
    while (unit := take()) is not None:
        work(unit, heard.append)
        yield from _emptied(heard)


def _emptied(heard: list[M]) -> list[M]:
    taken = heard[:]
    heard.clear()
    return taken


__all__ = ["Teeth", "bite"]
