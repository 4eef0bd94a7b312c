"""A first look at a mutant: what is soon seen to notice it, and what is soon seen not to."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from verify.any_number import any_number
from verify.diagnostics import InputError
from verify.engine.verdict import Proved, Refuted, Report, Verdict
from verify.ir import TRUE
from verify.judging import Options, Selection
from verify.lower.fingerprint import fingerprint
from verify.mutation import Mutant, mutated
from verify.question import Memory, Question, Tools
from verify.refuting import soon_refuted
from verify.report.teeth import Fate
from verify.strategy import SMALL
from verify.syntax.check.again import problems
from verify.teeth.follow import follow
from verify.teeth.standing import Standing, asking, concluded, until, wanted
from verify.unbounded import Tried, guesses

SCENARIOS = 6  # that are searched for a run that breaks a claim
GLANCE = 5.0  # seconds for one claim


class Look(NamedTuple):
    """What is known of a mutant: its fate, or the places of the claims that may still notice it."""

    fate: Fate
    by: str | None = None
    how: str = ""
    steps: int | None = None
    tasks: int | None = None
    open: tuple[int, ...] = ()


def look(  # noqa: PLR0913 - at what, for what, and how long
    selection: Selection, options: Options, mutant: Mutant, standing: Sequence[Standing], marks: Sequence[Hashable],
    *, deadline: float, report: Report,
) -> Look:  # fmt: skip
    """Look at a mutant for a few seconds; `marks` are those of the program without the change (see `marks_of`)."""
    program = mutated(selection.program, mutant)
    wrong = problems(program)
    if wrong:
        return Look("refused", how=f"{wrong[0].code}: {wrong[0].message}")
    if mutant.sort == "barrier":
        return Look("equivalent", how="memory is sequentially consistent: a barrier adds nothing")
    changed = replace(selection, program=program, lowered={})
    try:
        if all(one == other for one, other in zip(marks_of(changed, standing), marks, strict=True)):
            return Look("equivalent", how="the system is the same")
        return _look(changed, options, mutant, standing, deadline=deadline, report=report)
    except InputError as error:
        return Look("refused", how=f"{error.diagnostics[0].code}: {error.diagnostics[0].message}")


def marks_of(selection: Selection, standing: Sequence[Standing]) -> Iterator[Hashable]:
    """Values that are equal for programs of which no claim can tell one from the other."""
    for each in standing:
        question = asking(selection, Options(), each.claim, Memory())
        yield fingerprint(question.system, TRUE if question.deadlock else question.prop)


def _look(  # noqa: PLR0913 - as above
    selection: Selection, options: Options, mutant: Mutant, standing: Sequence[Standing], *, deadline: float,
    report: Report,
) -> Look:
    tools, found = Tools(), list[int]()
    order = sorted(range(len(standing)), key=lambda place: not wanted(standing[place].claim))
    for place in order:
        each = standing[place]
        question = asking(selection, until(options, deadline, GLANCE), each.claim, _closed(each), report, tools=tools)
        if _is_hidden(each, mutant) or _still_stands(question, each):
            continue
        asked = replace(question, memory=Memory())
        verdict = _soon(asked, each, mutant)
        seen = None if verdict is None else noticed(each, verdict, asked)
        if seen is None:
            found.append(place)
        elif seen.fate == "killed":
            return seen
    return Look("undecided", open=tuple(sorted(found))) if found else Look("survives")


def _closed(standing: Standing) -> Memory:
    """What was found out about the claim, and nothing more."""
    return Memory(tried=Tried(standing.tried.outcomes, closed=True))


def _is_hidden(standing: Standing, mutant: Mutant) -> bool:
    """Whether the change takes the statement away that the claim says is reached: that shows nothing."""
    return standing.claim.kind == "reach" and not mutant.hides.isdisjoint(standing.claim.targets)


def _still_stands(question: Question, standing: Standing) -> bool:
    """Whether the proof of a claim is one of the mutant, or its run can be followed there."""
    match standing.verdict:
        case Refuted(trace=trace):
            return follow(trace, question.system, question.prop) is not None
        case Proved():
            guess = standing.guess
            return guess is not None and any_number(question, [guess], question.deadline) is not None


def _soon(question: Question, standing: Standing, mutant: Mutant) -> Verdict | None:
    """What is soon found out about a claim and a mutant.

    A run that breaks a claim is looked for where that is likely: names are given to what matters.
    """
    if wanted(standing.claim):
        likely = standing.claim.kind in ("prove", "dead") and (mutant.guard or mutant.sort == "lock")
        return soon_refuted(question, SCENARIOS) if likely else None
    known = guesses(question.system, question.prop)
    return (
        any_number(question, islice(known, SMALL), question.deadline)
        or soon_refuted(question, SCENARIOS)
        or any_number(question, known, question.deadline)
    )


def noticed(standing: Standing, verdict: Verdict, question: Question) -> Look | None:
    """What to say of a mutant of which a verdict says whether the claim notices it; None if it does not say."""
    result = concluded(standing.claim, verdict, question)
    if result.holds is not False:
        return None if result.holds is None else Look("survives")
    if result.trace is None:
        return Look("killed", result.name, f"no run any more, with {result.scope}")
    steps, tasks = len(result.trace.steps), result.trace.instance.tasks
    how = f"a run of {steps} step{'s' * (steps != 1)}, {tasks} task{'s' * (tasks != 1)}"
    return Look("killed", result.name, how, steps, tasks)
