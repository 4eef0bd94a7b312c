"""Check a file: find it, judge its claims, say what holds.

`check_file` decides the claims that `select` picks, and turns every kind of failure into a value. Nothing here prints,
and heavy imports wait until there is something to decide.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from verify.answering import judged, judgements, versions
from verify.diagnostics import Diagnostic, InputError
from verify.engine.verdict import Unknown
from verify.judging import Engine, Judge, Options, Selection, default_system, judge_of, quiet
from verify.outcome import Judgement, assumed, conclude
from verify.report.checked import Checked
from verify.report.needed import NeededResult
from verify.report.result import ClaimResult, FileResult, exit_code
from verify.report.tlc import TlcResult
from verify.schedule import Hear, Known, Voice, silent
from verify.selecting import claims_nothing, included_claims, problem, select, tasks_from
from verify.source import Source, Span
from verify.tlc.errors import ToolError
from verify.workers import cores

if TYPE_CHECKING:
    from verify.exporting.languages import Language
    from verify.report.diff import DiffResult
    from verify.report.inductive import InductiveResult
    from verify.report.redundancy import RedundancyResult
    from verify.report.teeth import TeethResult
    from verify.report.writers import WritersResult
    from verify.syntax.ast import ClaimDecl

__all__ = [
    "Checked",
    "ClaimResult",
    "Engine",
    "Exported",
    "FileResult",
    "Judge",
    "Judgement",
    "NeededResult",
    "Options",
    "Selection",
    "TlcResult",
    "ToolError",
    "assumptions_file",
    "check_certificates",
    "check_file",
    "claims_nothing",
    "cores",
    "default_system",
    "diff_files",
    "exit_code",
    "export_file",
    "has_second_solver",
    "inductive_file",
    "judge_of",
    "judged",
    "judgements",
    "new_file",
    "quiet",
    "redundant_file",
    "select",
    "tasks_from",
    "teeth_file",
    "tlc_file",
    "versions",
    "writers_file",
]


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written and what has none, or what is wrong."""

    files: tuple[str, ...]
    left: tuple[str, ...] = ()  # claims that have no file, and why
    errors: Sequence[Diagnostic] = ()


DEFAULT_SYSTEM = "system"
Each = Callable[[ClaimResult, Selection], None]


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
    included: Mapping[str, int] = {}
    interrupted = False
    try:
        selection = select(path, options)
        claims, included = selection.claims, {} if options.claims else included_claims(selection.program)
        with closing(judgements(selection, options, hear=hear, at_once=at_once, known=known)) as results:
            for result in results:
                if each:
                    each(result, selection)
    except InputError as error:
        return FileResult(path, versions(), errors=error.diagnostics)
    except KeyboardInterrupt:
        interrupted = True
    answers = tuple(_answers(known, claims))
    return FileResult(path, versions(), (), answers, interrupted, included, time.perf_counter() - start)


def _answers(known: Known, claims: Sequence[ClaimDecl]) -> Iterator[ClaimResult]:
    """What is known of every claim; not all is after an interrupt."""
    stopped = Judgement(Unknown("interrupted", "", ""))
    for place, claim in enumerate(claims):
        outcome = known.get(place)
        yield outcome if isinstance(outcome, ClaimResult) else conclude(claim, stopped, seconds=0.0)


# ---- mutants -------------------------------------------------------------------------------------


def teeth_file(path: str, options: Options, *, hear: Hear = silent, at_once: int = 1) -> TeethResult:
    """Change the program of a file in one place after the other, and say which changes its claims notice.

    `options.budget` is for all of it. Errors of the input and an interrupt are part of the answer.
    """
    from verify.report.teeth import TeethResult  # noqa: PLC0415 - only with that command
    from verify.teeth import Teeth, bite  # noqa: PLC0415 - the same

    teeth = None
    try:
        teeth = Teeth(select(path, options), options)
        bite(teeth, hear=hear, at_once=at_once)
    except InputError as error:
        return TeethResult(path, errors=error.diagnostics)
    except KeyboardInterrupt:
        return TeethResult(path, interrupted=True) if teeth is None else teeth.result(interrupted=True)
    return teeth.result()


# ---- stores --------------------------------------------------------------------------------------


def writers_file(path: str, name: str, options: Options) -> WritersResult:
    """Every store to a variable in a system of a file; errors of the input are part of the answer.

    `name` is `struct.field`, the bare name of a field that one struct has, or that of a global.
    """
    from verify.inventory import field_named, inventory  # noqa: PLC0415 - only with that command
    from verify.report.writers import WritersResult  # noqa: PLC0415 - the same

    try:
        selection = select(path, options)
        key = field_named(selection.program, name, Span(Source(path, ""), 0, 0))
        system = _system_of(selection, options)
        stores = inventory(selection.program, selection.lower((system, frozenset(), frozenset())), key)
    except InputError as error:
        return WritersResult(path, versions(), errors=error.diagnostics)
    return WritersResult(path, versions(), system, ".".join(filter(None, key)), stores)


def _system_of(selection: Selection, options: Options) -> str:
    """The system that is meant. Raises InputError if there is none, or if that is not clear."""
    known = tuple(selection.program.systems)
    if options.system or len(known) == 1 or DEFAULT_SYSTEM in known:
        return options.system or default_system(selection.program)
    message = "which system is meant is not clear" if known else "the file has no system"
    raise InputError([problem("KC902", message, selection.file, "", known)])


# ---- files to start from ---------------------------------------------------------------------------


def new_file(name: str) -> Exported:
    """Write a small commented system to a file that is not there yet; that it cannot be written is part of the answer.

    Raises ValueError for what is no name of a file.
    """
    from verify.skeleton import write_skeleton  # noqa: PLC0415 - only with that command

    try:
        return Exported((str(write_skeleton(name)),))
    except InputError as error:
        return Exported((), errors=error.diagnostics)


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
        whole = None if ours.counts is None else check_by_tlc(found, ours, tools, options.budget, tell)
        result = whole or check_parts_by_tlc(selection, options, versions()["verify"], tools, tell)
    except InputError as error:
        return TlcResult(path, errors=error.diagnostics)
    return replace(result, assumptions=assumed(selection.program, options.without))


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


# ---- two versions ---------------------------------------------------------------------------------


def diff_files(
    before: str, after: str, options: Options | None = None, *, hear: Hear = silent, at_once: int = 1
) -> DiffResult:
    """Compare two versions of a file; errors of the input are part of the answer."""
    from verify.comparing.compare import compare  # noqa: PLC0415 - only with that command
    from verify.report.diff import DiffResult  # noqa: PLC0415 - the same

    try:
        return compare(before, after, options or Options(), hear=hear, at_once=at_once)
    except InputError as error:
        return DiffResult(before, after, errors=tuple(error.diagnostics))


# ---- assumptions ---------------------------------------------------------------------------------


def assumptions_file(
    path: str, options: Options, invariants: Sequence[str] = (), *, hear: Hear = silent, at_once: int = 1
) -> NeededResult:
    """Which assumptions the invariants of a file need, by default those that it proves, in one of its systems.

    Errors of the input and an interrupt are part of the answer.
    """
    from verify.needed import needed  # noqa: PLC0415 - only with that command

    start = time.perf_counter()
    try:
        selection = select(path, options)
        found = needed(selection, options, invariants, hear=hear, at_once=at_once)
    except InputError as error:
        return NeededResult(path, versions(), errors=error.diagnostics)
    except KeyboardInterrupt:
        return NeededResult(path, versions(), interrupted=True)
    return NeededResult(
        path, versions(), found.system, (), found.rows, found.assumptions, seconds=time.perf_counter() - start
    )


# ---- guards --------------------------------------------------------------------------------------


def redundant_file(  # noqa: PLR0913 - what to ask, and how
    path: str, options: Options, invariants: Sequence[str] = (), *, hear: Hear = silent, at_once: int = 1,
    fresh: bool = False,
) -> RedundancyResult:  # fmt: skip
    """Which guards of a file its invariants need, by default those that it makes claims about, in one of its systems.

    What earlier runs found is asked again only if it is to be `fresh`. Errors of the input and an interrupt are part of
    the answer.
    """
    from verify.kept import kept_answers  # noqa: PLC0415 - only with that command
    from verify.redundancy.asked import study  # noqa: PLC0415 - only with that command
    from verify.redundancy.study import answers, certified  # noqa: PLC0415 - the same
    from verify.redundancy.work import plain_row  # noqa: PLC0415 - the same
    from verify.report.redundancy import About, GuardRow, RedundancyResult  # noqa: PLC0415 - the same

    start = time.perf_counter()
    found = list[About | GuardRow]()
    asked, interrupted = None, False
    try:
        asked = study(select(path, options), options, invariants)
        with closing(answers(asked, None if fresh else kept_answers(os.environ), hear=hear, at_once=at_once)) as each:
            found.extend(each)
        if options.certificates is not None:
            for place, one in enumerate(found):
                if isinstance(one, About):
                    found[place] = certified(asked, one, hear=hear, at_once=at_once)
    except InputError as error:
        return RedundancyResult(path, versions(), errors=error.diagnostics)
    except KeyboardInterrupt:
        interrupted = True
    if asked is None:
        return RedundancyResult(path, versions(), interrupted=True)
    about = {one.invariant: one for one in found if isinstance(one, About)}
    rows = {one.name: one for one in found if isinstance(one, GuardRow)}
    names = [name for name in asked.selection.program.guards if name in (*asked.guards, *asked.fixed)]
    return RedundancyResult(
        path, versions(), asked.system, (), tuple(rows.get(name) or plain_row(asked, name) for name in names),
        tuple(about[name] for name in asked.invariants if name in about), interrupted, time.perf_counter() - start,
    )  # fmt: skip


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
