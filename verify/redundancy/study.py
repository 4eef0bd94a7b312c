"""All guards of a program against its invariants: units of work in processes, and the answer of all."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache

from verify.answering import judgements
from verify.diagnostics import InputError
from verify.engine.verdict import Progress
from verify.judging import quiet
from verify.kept import Kept
from verify.redundancy.agenda import Agenda, Begun, Found, Grew, Left, Row, Unit
from verify.redundancy.asked import Study
from verify.redundancy.bench import Bench, claim_about
from verify.redundancy.growing import apart, near
from verify.redundancy.keeping import as_json, from_json, whole
from verify.redundancy.work import Message, bench_of, called, do
from verify.report.redundancy import About, GuardRow
from verify.schedule import Hear, silent
from verify.selecting import problem
from verify.workers import Send, can_fork, gather

Part = tuple[str, str]  # of the answer: ("invariant", its name) or ("check", the guard)


def answers(
    asked: Study, kept: Kept | None = None, *, hear: Hear = silent, at_once: int = 1
) -> Generator[About | GuardRow]:
    """Yield what is found out of each invariant and each guard, in the order in which it is known.

    What is `kept` is not asked again: what is decided, and what was not with the same budget. Raises InputError for
    what cannot be lowered.
    """
    left: list[Part] = [("invariant", name) for name in asked.invariants]
    left += [("check", name) for name in asked.guards if asked.selection.program.guards[name].kind == "check"]
    found = list[About | GuardRow]()
    wrong = list[InputError]()
    for part in list(left):
        known = _found(asked, kept, part)
        if known is not None:
            left.remove(part)
            yield replace(known, kept=True) if isinstance(known, About) else known
    agenda = _agenda(asked, left)

    def take() -> Unit | None:
        return None if wrong else agenda.take()

    def heard(message: Message) -> None:
        match message:
            case InputError():
                wrong.append(message)
            case Begun():
                agenda.begun(message)
            case Grew():
                agenda.grew(message)
            case Found():
                agenda.decided(message)
            case Left():
                agenda.looked(message)
            case (str(name), Progress() as progress):
                hear(name, progress)
            case About() | GuardRow():
                found.append(message)
                if kept:
                    kept.keep(_key(asked, kept, _part(message), decided=whole(message)), as_json(message))

    def ended(unit: Unit, death: str) -> None:
        if death:
            what = f"the process for `{called(unit)}` ended early ({death})"
            wrong.append(InputError([problem("KC970", what, asked.selection.program.path)]))

    def work(unit: Unit, send: Send[Message]) -> None:
        do(unit, send, asked=asked, agenda=agenda)

    if can_fork() and at_once > 1:
        with closing(gather(take, work, heard, ended, at_once=at_once)) as messages:  # type: ignore[misc] # a unit is of several types
            for _ in messages:
                while found:
                    yield found.pop(0)
    else:
        while (unit := take()) is not None:
            work(unit, heard)
            while found:
                yield found.pop(0)
    if wrong:
        raise wrong[0]
    yield from found


def _agenda(asked: Study, left: Sequence[Part]) -> Agenda:
    """What to ask first of all that is left to be answered."""

    @cache
    def bench(name: str) -> Bench:
        return bench_of(asked, claim_about(name, asked.system), quiet)

    def together(names: Sequence[str], numbers: Sequence[int], guards: Sequence[str]) -> Sequence[Sequence[int]]:
        return near([bench(name) for name in names], numbers, guards)

    names = [name for kind, name in left if kind == "invariant"]
    parts = apart(asked.selection.program, asked.guards)
    agenda = Agenda(names, asked.guards, parts, together, rows=[Row(name) for kind, name in left if kind == "check"])
    agenda.begin(names)
    return agenda


def _found(asked: Study, kept: Kept | None, part: Part) -> About | GuardRow | None:
    """What is kept of a part of the answer, if anything is."""
    if kept is None:
        return None
    for decided in (True, False):
        known = from_json(kept.find(_key(asked, kept, part, decided=decided)))
        if known is not None and _part(known) == part:
            return known
    return None


def _key(asked: Study, kept: Kept, part: Part, *, decided: bool) -> str:
    """All that a part of the answer depends on, if it is not `decided` with the time that there was."""
    program, options = asked.selection.program, asked.options
    return kept.key(
        *part, asked.system, *asked.guards, repr(sorted(options.without)), repr(sorted(options.defines.items())),
        repr(options.tasks), *([] if decided else [repr(options.budget)]),
        *(part for source in program.sources for part in (source.path, source.text)),
    )  # fmt: skip


def _part(found: About | GuardRow) -> Part:
    return ("invariant", found.invariant) if isinstance(found, About) else ("check", found.name)


def certified(asked: Study, about: About, *, hear: Hear = silent, at_once: int = 1) -> About:
    """The same with a certificate of each guard that is redundant, where there is a proof for any number of tasks."""
    claim = replace(claim_about(about.invariant, asked.system), kind="redundant", without=asked.options.without)
    claims = {c.guard: replace(claim, targets=(c.guard,)) for c in about.cells if c.need == "redundant"}
    selection = replace(asked.selection, claims=tuple(claims.values()))
    results = judgements(selection, asked.options, hear=hear, at_once=at_once)
    paths = {guard: result.certificate for guard, result in zip(claims, results, strict=True)}
    return replace(
        about, cells=tuple(replace(c, result=replace(c.result, certificate=paths.get(c.guard))) for c in about.cells)
    )
