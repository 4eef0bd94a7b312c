"""Check a file: find it, judge its claims one by one, say what holds.

`select` reads the file and picks the claims, `judgements` decides them lazily, `check_file` does both and turns every
kind of failure into a value. Nothing here prints, and heavy imports wait until there is something to decide.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from verify.diagnostics import Diagnostic, InputError
from verify.engine.verdict import Progress, Report, Unknown, Verdict
from verify.ir import TRUE, Expr
from verify.outcome import Judgement, conclude, removed, wants
from verify.report.result import ClaimResult, FileResult
from verify.resources import specs_root
from verify.source import Source, Span

if TYPE_CHECKING:
    from verify.lower import Lowered
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program

__all__ = [
    "ClaimResult", "Engine", "FileResult", "Judge", "Judgement", "Options", "Selection", "check_file", "exit_code",
    "judge_of", "judged", "judgements", "select", "versions",
]

Engine = Literal["auto", "bfs", "views", "bmc"]
UNDECIDED = frozenset({"minimal", "race_free", "writers"})
BOUNDED = 3  # tasks that are looked at where any number is asked for
HOLDS, FAILS, BAD_INPUT, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True)
class Options:
    """What to check and how hard to try. `budget` is in seconds of wall clock for each claim."""

    claims: tuple[str, ...] = ()  # names; none is all
    without: tuple[str, ...] = ()  # guards removed in addition to those a claim names
    defines: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None  # leave out claims about other systems; claims that name none are about this one
    tasks: int | None = 3  # None is any number
    engine: Engine = "auto"
    budget: float = 30.0
    reduce: bool = True
    slice: bool = True


@dataclass(frozen=True, slots=True)
class Selection:
    """A file without errors, and its claims that the options ask for."""

    file: str
    program: Program
    claims: tuple[ClaimDecl, ...]


Judge = Callable[["ClaimDecl"], Judgement]
Each = Callable[[ClaimResult, Selection], None]


def versions() -> dict[str, str]:
    """The versions that an answer depends on."""
    return {"verify": version("kcverify"), "z3": version("z3-solver"), "python": platform.python_version()}


def quiet(_: Progress) -> None:
    """Report nothing."""


def check_file(
    path: str, options: Options | None = None, *, report: Report = quiet, each: Each | None = None
) -> FileResult:
    """Check the claims of a file; errors of the input and an interrupt are part of the answer.

    `path` is a file or the name of a bundled spec. `each` hears of every claim as soon as it is judged.
    """
    options = options or Options()
    done: list[ClaimResult] = []
    rest: Sequence[ClaimDecl] = ()
    interrupted = False
    try:
        selection = select(path, options)
        rest = selection.claims
        for result in judgements(selection, options, report=report):
            done.append(result)
            if each:
                each(result, selection)
    except InputError as error:
        return FileResult(path, versions(), errors=error.diagnostics)
    except KeyboardInterrupt:
        interrupted = True
        stopped = Judgement(Unknown("interrupted", "", ""))
        done += [conclude(claim, stopped, seconds=0.0) for claim in rest[len(done) :]]
    return FileResult(path, versions(), claims=tuple(done), interrupted=interrupted)


def exit_code(result: FileResult) -> int:
    """0 every claim holds, 1 some claim fails, 2 the input is wrong, 3 something is unknown, 130 interrupted."""
    verdicts = {claim.holds for claim in result.claims}
    if result.errors:
        return BAD_INPUT
    if result.interrupted:
        return INTERRUPTED
    return FAILS if False in verdicts else UNKNOWN if None in verdicts else HOLDS


# ---- what to check -------------------------------------------------------------------------------


def select(path: str, options: Options) -> Selection:
    """Read the file and pick its claims. Raises InputError for its errors and for names that it does not have."""
    from verify.syntax import load  # noqa: PLC0415 - the parser takes longer to import than `--help` may take

    program = load(_find(path), defines=options.defines)
    problems = [*_unknown_guards(program, options, path), *_unknown_system(program, options, path)]
    if problems:
        raise InputError(problems)
    claims = [claim for claim in program.claims if _asked(claim, options)]
    for name in options.claims:
        if not any(matches(claim, name) for claim in program.claims):
            names = [claim.name for claim in program.claims]
            raise InputError([_problem("KC901", f"no claim is called `{name}`", path, name, names)])
    if options.claims and not claims:
        raise InputError([_problem("KC901", f"no such claim is about `{options.system}`", path, "", ())])
    return Selection(path, program, tuple(_adapted(claim, options) for claim in claims))


def matches(claim: ClaimDecl, name: str) -> bool:
    """Whether `name` means the claim: its name, the first words of that, or what it is about."""
    return name in (claim.name, claim.invariant, *claim.targets) or claim.name.startswith(f"{name} ")


def _asked(claim: ClaimDecl, options: Options) -> bool:
    named = not options.claims or any(matches(claim, name) for name in options.claims)
    return named and (options.system is None or claim.system in (None, options.system))


def _adapted(claim: ClaimDecl, options: Options) -> ClaimDecl:
    """The claim as the command line asks for it: in the given system, without the given guards."""
    more = tuple(guard for guard in options.without if guard not in claim.without)
    return replace(claim, system=options.system or claim.system, without=(*claim.without, *more))


def _find(path: str) -> Path:
    """The file, or the bundled spec of that name. Raises InputError if there is neither."""
    root = specs_root()
    names = [path, f"{path}.kc"]
    for candidate in [Path(path), *(root / name for name in names)]:
        if candidate.is_file() and (candidate == Path(path) or candidate.resolve().is_relative_to(root.resolve())):
            return candidate
    bundled = sorted(root.rglob("*.kc"), key=lambda spec: (len(spec.parts), spec))  # those at the top first
    same = [spec for spec in bundled if spec.name in names]
    if len(same) == 1:
        return same[0]
    known = [spec.relative_to(root).as_posix() for spec in bundled]
    several = f"several bundled specs are called `{path}`" if same else f"there is no file and no bundled spec `{path}`"
    raise InputError([_problem("KC001", several, path, path, known)])


def _problem(code: str, message: str, path: str, wrong: str, known: Sequence[str]) -> Diagnostic:
    """An error of the command line: it has no place in the source."""
    close = get_close_matches(wrong, known, n=1, cutoff=0.5)
    listed = ", ".join(f"`{name}`" for name in known[:8]) + (", ..." if len(known) > 8 else "")  # noqa: PLR2004
    hint = f"did you mean `{close[0]}`?" if close else f"there is {listed}" if known else ""
    return Diagnostic(code, message, Span(Source(path, ""), 0, 0), hint=hint)


def _unknown_guards(program: Program, options: Options, path: str) -> Iterator[Diagnostic]:
    removable = [guard.name for guard in program.guards.values() if guard.kind != "none"]
    for name in options.without:
        if name not in removable:
            yield _problem("KC903", f"no guard `{name}` can be removed", path, name, removable)


def _unknown_system(program: Program, options: Options, path: str) -> Iterator[Diagnostic]:
    if options.system is not None and options.system not in program.systems:
        known = list(program.systems)
        yield _problem("KC902", f"no system is called `{options.system}`", path, options.system, known)


# ---- judging -------------------------------------------------------------------------------------


def judgements(
    selection: Selection, options: Options, *, report: Report = quiet, judge: Judge | None = None
) -> Iterator[ClaimResult]:
    """Decide the chosen claims in the order of the source. Raises InputError for what cannot be lowered."""
    judge = judge or judge_of(selection, options, report)
    for claim in selection.claims:
        yield judged(claim, judge, any_asked=options.tasks is None)


def judged(claim: ClaimDecl, judge: Judge, *, any_asked: bool = False) -> ClaimResult:
    """Decide one claim. Raises InputError for what cannot be lowered."""
    start = time.perf_counter()
    judgement = judge(claim)
    return conclude(claim, judgement, seconds=time.perf_counter() - start, any_asked=any_asked)


def judge_of(selection: Selection, options: Options, report: Report = quiet) -> Judge:
    """How to decide the claims of one file; what two claims have in common is done once."""
    from verify.lower import lower  # noqa: PLC0415 - the engines import the solver
    from verify.strategy import Memory, Question, deadlock_question, decide  # noqa: PLC0415 - the same

    systems: dict[tuple[str, frozenset[str]], Lowered] = {}
    known: dict[tuple[str, frozenset[str], Expr], Verdict] = {}
    memory = Memory()

    def judge(claim: ClaimDecl) -> Judgement:
        if claim.kind in UNDECIDED:
            return Judgement(Unknown("not decided by this engine", "", ""))
        name = claim.system or default_system(selection.program)
        gone = frozenset(removed(claim))
        if (name, gone) not in systems:
            systems[name, gone] = lower(selection.program, name, removed=gone)
        lowered = systems[name, gone]
        tasks = options.tasks if options.tasks is not None else BOUNDED
        deadline = time.monotonic() + options.budget
        question = Question(
            lowered.system, _property(claim, selection.program, lowered), tasks, deadline, options.engine, report,
            options.reduce, options.slice, memory, hunt=wants(claim) == "refuted" or bool(claim.without),
        )
        if claim.kind == "deadlock_free":
            question = deadlock_question(question)
        key = (name, gone, question.prop)
        if key not in known:
            known[key] = decide(question)
        return Judgement(known[key], None if claim.kind == "deadlock_free" else question.prop)

    return judge


def _property(claim: ClaimDecl, program: Program, lowered: Lowered) -> Expr:
    """The property behind a claim: what must hold in every reachable state, or be shown not to."""
    from verify.lower import claims  # noqa: PLC0415 - see `judge_of`

    match claim.kind:
        case "reach":
            return claims.never_at(lowered.system, lowered.labels[claim.targets[0]])
        case "dead":
            return claims.never_at(lowered.system, lowered.fires[claim.targets[0]])
        case "lock_balanced":
            return claims.balanced(lowered.system)
        case "deadlock_free":
            return TRUE
        case _:
            assert claim.invariant is not None  # noqa: S101 - every other kind that gets here names one
            return claims.invariant(program, lowered, claim.invariant)


def default_system(program: Program) -> str:
    """The system of a claim that names none: the only one, or the one called `system`."""
    return "system" if "system" in program.systems else next(iter(program.systems))
