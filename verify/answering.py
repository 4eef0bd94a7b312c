"""Decide the chosen claims of a file, and keep the files that are asked for of each: its certificate, its run."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verify.diagnostics import InputError
from verify.judging import Judge, Options, Selection, default_system, judge_of, ready_ahead
from verify.outcome import Judgement, assumed, conclude, removed
from verify.report.result import ClaimResult
from verify.schedule import Hear, Known, Voice, one_by_one, side_by_side, silent, units
from verify.selecting import problem
from verify.workers import can_fork
from verify.writing import prepare

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl

Keep = Callable[["ClaimDecl", Judgement, ClaimResult], ClaimResult]  # write what a claim has of files, and say where


def versions() -> dict[str, str]:
    """The versions that an answer depends on."""
    from importlib.metadata import version  # noqa: PLC0415 - it imports much, and work can begin without it

    return {"verify": version("kcverify"), "z3": version("z3-solver"), "python": platform.python_version()}



def judgements(
    selection: Selection, options: Options, *, hear: Hear = silent, at_once: int = 1, known: Known | None = None
) -> Generator[ClaimResult]:
    """Decide the chosen claims, in `at_once` processes, and yield them in the order of the source.

    `known` gets what is known of claims whose turn has not come. Raises InputError for what cannot be lowered.
    """
    from verify.question import Tools  # noqa: PLC0415 - it imports the solver

    claims, known, voice, tools = selection.claims, {} if known is None else known, Voice(hear), Tools()
    keep = _keep(selection, options)
    judge = judge_of(selection, options, voice, tools)
    decide = partial(judged, judge=judge, any_asked=options.tasks is None, keep=keep)
    order = units(claims, default_system(selection.program)) if at_once > 1 else []
    if len(order) > 1 and can_fork():
        ahead = ready_ahead(selection, options, order, tools)
        yield from side_by_side(claims, order, decide, voice, known, at_once=at_once, ahead=ahead)
    else:
        yield from one_by_one(claims, decide, voice, known)


def judged(
    claim: ClaimDecl, judge: Judge, *, any_asked: bool = False, keep: Keep = lambda _, __, result: result
) -> ClaimResult:
    """Decide one claim. Raises InputError for what cannot be lowered, and where a file cannot be written."""
    start = time.perf_counter()
    judgement = judge(claim)
    result = conclude(claim, judgement, seconds=time.perf_counter() - start, any_asked=any_asked)
    return keep(claim, judgement, result)


def _keep(selection: Selection, options: Options) -> Keep:
    """How to write what is asked for of each claim: its certificate, its run. Raises InputError."""
    writers = [_under(selection), *_certifying(selection, options), *_tracing(selection, options)]

    def keep(claim: ClaimDecl, judgement: Judgement, result: ClaimResult) -> ClaimResult:
        for write in writers:
            result = write(claim, judgement, result)
        return result

    return keep


def _under(selection: Selection) -> Keep:
    """How to say under which assumptions a claim was judged."""
    return lambda claim, _, result: replace(result, assumptions=assumed(selection.program, removed(claim)))


def _certifying(selection: Selection, options: Options) -> Iterator[Keep]:
    """How to write the certificate of a claim, where one is asked for and there is one. Raises InputError."""
    if options.certificates is None:
        return
    from verify.certificates.write import Hashes, write  # noqa: PLC0415 - only with that option

    folder, known, made = Path(options.certificates), Hashes(), versions()

    def certify(claim: ClaimDecl, judgement: Judgement, result: ClaimResult) -> ClaimResult:
        with writing(folder, "KC904", "certificate"):
            path = write(folder, selection, options, claim, judgement, made, known)
        return replace(result, certificate=None if path is None else str(path))

    with writing(folder, "KC904", "certificate"):
        prepare(folder)
    yield certify


def _tracing(selection: Selection, options: Options) -> Iterator[Keep]:
    """How to write the run that decides a claim, where that is asked for and there is one. Raises InputError."""
    if options.traces is None:
        return
    from verify.exporting.runs import write_run  # noqa: PLC0415 - only with that option

    folder = Path(options.traces)

    def trace(claim: ClaimDecl, _: Judgement, result: ClaimResult) -> ClaimResult:
        with writing(folder, "KC906", "run"):
            path = write_run(folder, selection, options, claim, result)
        return replace(result, trace_file=None if path is None else str(path))

    with writing(folder, "KC906", "run"):
        prepare(folder)
    yield trace


@contextmanager
def writing(folder: Path, code: str, what: str) -> Iterator[None]:
    """Raises InputError where nothing can be written to the folder."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "it is no folder").lower()
        raise InputError([problem(code, f"no {what} can be written to `{folder}`: {reason}", str(folder))]) from error
