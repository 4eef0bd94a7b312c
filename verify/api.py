"""Check a file: find it, judge its claims, say what holds.

`judgements` decides the claims that `select` picks, `check_file` does both and turns every kind of failure into a
value. Nothing here prints, and heavy imports wait until there is something to decide.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from verify.diagnostics import Diagnostic, InputError
from verify.engine.verdict import Unknown
from verify.judging import Engine, Judge, Options, Selection, default_system, judge_of, lower_ahead, quiet
from verify.outcome import Judgement, conclude
from verify.report.checked import Checked
from verify.report.result import ClaimResult, FileResult, exit_code
from verify.report.tlc import TlcResult
from verify.schedule import Hear, Known, Voice, one_by_one, side_by_side, silent, units
from verify.selecting import problem, select, tasks_from
from verify.tlc.errors import ToolError
from verify.workers import can_fork, cores
from verify.writing import prepare

if TYPE_CHECKING:
    from verify.exporting.languages import Language
    from verify.report.inductive import InductiveResult
    from verify.syntax.ast import ClaimDecl

__all__ = [
    "Checked",
    "ClaimResult",
    "Engine",
    "Exported",
    "FileResult",
    "Judge",
    "Judgement",
    "Options",
    "Selection",
    "TlcResult",
    "ToolError",
    "check_certificates",
    "check_file",
    "cores",
    "default_system",
    "exit_code",
    "export_file",
    "has_second_solver",
    "inductive_file",
    "judge_of",
    "judged",
    "judgements",
    "quiet",
    "select",
    "tasks_from",
    "tlc_file",
    "versions",
]

@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written and what has none, or what is wrong."""

    files: tuple[str, ...]
    left: tuple[str, ...] = ()  # claims that have no file, and why
    errors: Sequence[Diagnostic] = ()


Keep = Callable[["ClaimDecl", Judgement, ClaimResult], ClaimResult]  # write what a claim has of files, and say where
Each = Callable[[ClaimResult, Selection], None]


def versions() -> dict[str, str]:
    """The versions that an answer depends on."""
    from importlib.metadata import version  # noqa: PLC0415 - it imports much, and work can begin without it

    return {"verify": version("kcverify"), "z3": version("z3-solver"), "python": platform.python_version()}


def check_file(
    path: str, options: Options | None = None, *, hear: Hear = silent, each: Each | None = None, at_once: int = 1
) -> FileResult:
    """Check the claims of a file; errors of the input and an interrupt are part of the answer.

    `path` is a file or the name of a bundled spec. `each` hears of every claim as soon as it and all before it are
    judged, `hear` where the engines stand. `at_once` is how many processes judge them.
    """
    options = options or Options()
    start = time.perf_counter()
    known: Known = {}
    claims: Sequence[ClaimDecl] = ()
    interrupted = False
    try:
        selection = select(path, options)
        claims = selection.claims
        with closing(judgements(selection, options, hear=hear, at_once=at_once, known=known)) as results:
            for result in results:
                if each:
                    each(result, selection)
    except InputError as error:
        return FileResult(path, versions(), errors=error.diagnostics)
    except KeyboardInterrupt:
        interrupted = True
    answers = tuple(_answers(known, claims))
    return FileResult(path, versions(), (), answers, interrupted, time.perf_counter() - start)


def _answers(known: Known, claims: Sequence[ClaimDecl]) -> Iterator[ClaimResult]:
    """What is known of every claim; not all is after an interrupt."""
    stopped = Judgement(Unknown("interrupted", "", ""))
    for place, claim in enumerate(claims):
        outcome = known.get(place)
        yield outcome if isinstance(outcome, ClaimResult) else conclude(claim, stopped, seconds=0.0)


# ---- judging -------------------------------------------------------------------------------------


def judgements(
    selection: Selection, options: Options, *, hear: Hear = silent, at_once: int = 1, known: Known | None = None
) -> Generator[ClaimResult]:
    """Decide the chosen claims, in `at_once` processes, and yield them in the order of the source.

    `known` gets what is known of claims whose turn has not come. Raises InputError for what cannot be lowered.
    """
    claims, known, voice = selection.claims, {} if known is None else known, Voice(hear)
    keep = _keep(selection, options)
    judge = judge_of(selection, options, voice)
    decide = partial(judged, judge=judge, any_asked=options.tasks is None, keep=keep)
    order = units(claims, default_system(selection.program)) if at_once > 1 else []
    if len(order) > 1 and can_fork():
        ahead = lower_ahead(selection, options, order)
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
    writers = [*_certifying(selection, options), *_tracing(selection, options)]

    def keep(claim: ClaimDecl, judgement: Judgement, result: ClaimResult) -> ClaimResult:
        for write in writers:
            result = write(claim, judgement, result)
        return result

    return keep


def _certifying(selection: Selection, options: Options) -> Iterator[Keep]:
    """How to write the certificate of a claim, where one is asked for and there is one. Raises InputError."""
    if options.certificates is None:
        return
    from verify.certificates.write import Hashes, write  # noqa: PLC0415 - only with that option

    folder, known, made = Path(options.certificates), Hashes(), versions()

    def certify(claim: ClaimDecl, judgement: Judgement, result: ClaimResult) -> ClaimResult:
        with _writing(folder, "KC904", "certificate"):
            path = write(folder, selection, options, claim, judgement, made, known)
        return replace(result, certificate=None if path is None else str(path))

    with _writing(folder, "KC904", "certificate"):
        prepare(folder)
    yield certify


def _tracing(selection: Selection, options: Options) -> Iterator[Keep]:
    """How to write the run that decides a claim, where that is asked for and there is one. Raises InputError."""
    if options.traces is None:
        return
    from verify.exporting.runs import write_run  # noqa: PLC0415 - only with that option

    folder = Path(options.traces)

    def trace(claim: ClaimDecl, _: Judgement, result: ClaimResult) -> ClaimResult:
        with _writing(folder, "KC906", "run"):
            path = write_run(folder, selection, options, claim, result)
        return replace(result, trace_file=None if path is None else str(path))

    with _writing(folder, "KC906", "run"):
        prepare(folder)
    yield trace


@contextmanager
def _writing(folder: Path, code: str, what: str) -> Iterator[None]:
    """Raises InputError where nothing can be written to the folder."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "it is no folder").lower()
        raise InputError([problem(code, f"no {what} can be written to `{folder}`: {reason}", str(folder))]) from error


# ---- exports -------------------------------------------------------------------------------------


def export_file(  # noqa: PLR0913 - what to export, and how
    path: str, options: Options, folder: str, language: Language = "tla", *, hear: Hear = silent,
    proofs: bool = False,
) -> Exported:
    """Write a file in the language of another tool into a folder; errors of the input are part of the answer.

    With `proofs` also what shows its claims for any number of tasks, where the language has a form for that; `hear` is
    told where the engines stand, for a language that needs proofs.
    """
    from verify.exporting.languages import files  # noqa: PLC0415 - only with that command
    from verify.exporting.subject import written  # noqa: PLC0415 - the same

    left = list[str]()
    try:
        made = files(
            language, select(path, options), options, versions(), Voice(hear),
            lambda claim, reason: left.append(f"no file for `{claim}`: {reason}"), proofs=proofs,
        )  # fmt: skip
        return Exported(written(Path(folder), made), tuple(left))
    except InputError as error:
        return Exported((), errors=error.diagnostics)


# ---- TLC -----------------------------------------------------------------------------------------


def tlc_file(
    path: str, options: Options, *, jar: str | None = None, hear: Callable[[Mapping[str, int]], None] | None = None
) -> TlcResult:
    """Check a system of a file with TLC, and compare; errors of the input are part of the answer.

    `jar` is a tla2tools.jar to take instead of the installed one; `hear` is told where TLC stands. Raises ToolError if
    TLC or Java is absent or broken.
    """
    from verify.by_tlc.parts import check_parts_by_tlc  # noqa: PLC0415 - the same
    from verify.by_tlc.whole import check_by_tlc, counted  # noqa: PLC0415 - only with that command
    from verify.exporting.subject import subject  # noqa: PLC0415 - the same
    from verify.exporting.tla import export_tla  # noqa: PLC0415 - the same
    from verify.tlc.find import find  # noqa: PLC0415 - the same

    tools = find(os.environ, None if jar is None else Path(jar))
    tell = None if hear is None else (lambda progress: hear(progress._asdict()))
    try:
        selection = select(path, options)
        found = export_tla(subject(selection, options, versions()["verify"]))
        ours = counted(found, options.budget)
        if ours.counts is None:
            return check_parts_by_tlc(selection, options, versions()["verify"], tools, tell)
    except InputError as error:
        return TlcResult(path, errors=error.diagnostics)
    return check_by_tlc(found, ours, tools, options.budget, tell)


def inductive_file(
    path: str, options: Options, *, jar: str | None = None, hear: Callable[[Mapping[str, int]], None] | None = None
) -> InductiveResult:
    """Have TLC check the invariants behind the proofs of a file for any number of tasks, of a few.

    Errors of the input are part of the answer. Raises ToolError if TLC or Java is absent or broken.
    """
    from verify.by_tlc.induction import check_inductive  # noqa: PLC0415 - only with that command
    from verify.exporting.subject import subject  # noqa: PLC0415 - the same
    from verify.report.inductive import InductiveResult  # noqa: PLC0415 - the same
    from verify.tlc.find import find  # noqa: PLC0415 - the same

    tools = find(os.environ, None if jar is None else Path(jar))
    tell = None if hear is None else (lambda progress: hear(progress._asdict()))
    try:
        return check_inductive(subject(select(path, options), options, versions()["verify"]), options, tools, tell)
    except InputError as error:
        return InductiveResult(path, errors=error.diagnostics)


# ---- certificates --------------------------------------------------------------------------------


def check_certificates(
    paths: Sequence[str], *, seconds: float, each: Callable[[Checked], None] | None = None, at_once: int = 1
) -> list[Checked]:
    """Check certificates, and tell of `each` as soon as it is done. `seconds` are for each solver and proof."""
    from verify.certificates.check import Tools, check  # noqa: PLC0415 - imports of its own
    from verify.smt.ask import Bench  # noqa: PLC0415 - the same

    results = []
    with Bench(at_once) as bench:
        tools = Tools(bench, seconds)
        for path in paths:
            results.append(check(path, tools))
            if each:
                each(results[-1])
    return results


def has_second_solver() -> bool:
    """Whether there is the solver that certificates are checked with besides Z3."""
    return find_spec("cvc5") is not None
