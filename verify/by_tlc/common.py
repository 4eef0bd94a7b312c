"""What every check by TLC has in common: a start of it, its answer as a result, runs that count, disagreements."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.by_tlc.decode import run_of
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.engine.verdict import Refuted, Scope
from verify.exporting.subject import Asked
from verify.exporting.tla import Export
from verify.outcome import Judgement, conclude
from verify.report.result import ClaimResult
from verify.report.tlc import Counts, TlcClaim, TlcResult
from verify.semantics import replay
from verify.smt.accept import accepts, accepts_deadlock
from verify.tlc.answer import Answer, Progress
from verify.tlc.errors import TlcOutputError
from verify.tlc.find import Tools, digest
from verify.tlc.run import Job, Limits, run
from verify.tlc.trace import Violation
from verify.tlc.watch import WATCH

LARGE = 50_000  # states from which TLC is worth starting as for a long run
CONFIG = "Check"
STOPPED = "TLC was stopped before it showed the run"
FIRST = ("-deadlock", "-nowarning")  # up to the first violation
OPTIONS = ("-deadlock", "-continue", "-nowarning")
LATER = (*OPTIONS, "-lncheck", "final", "-fp", "0")  # once, when all states are known; the same run each time


def checked(  # noqa: PLR0913 - what to check, by what, and how
    tools: Tools, files: Mapping[str, str], deadline: float, hear: Callable[[Progress], None] | None,
    options: Sequence[str] = OPTIONS, *, large: bool, module: str = CONFIG,
) -> Answer:  # fmt: skip
    """The answer of TLC about a module; with OPTIONS it passes violations over, and shows a run to each."""
    with TemporaryDirectory(prefix="verify-") as scratch:
        folder = Path(scratch)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="ascii")
        job = Job(folder, module, f"{module}.cfg", tuple(options), large=large)
        return run(tools, job, Limits(max(1.0, deadline - time.monotonic())), hear=hear)


def answered(
    found: Export, answer: Answer, tools: Tools, claims: Sequence[TlcClaim], ours: Counts | None
) -> TlcResult:
    """The result, before the two are compared."""
    stopped = answer.reason or "it stopped before all states were examined"
    about = found.subject
    return TlcResult(
        about.selection.file, about.lowered.system.name, about.instance.tasks, answer.version, digest(tools),
        tuple(claims), tuple(claim.name for claim in about.left), counts_of(answer), ours,
        reason="" if answer.complete else stopped,
    )


def above(spec: Spec, model: Model, lines: Sequence[str], behavior: str) -> Mapping[str, str]:
    """A module and its model, and one above them with `lines`, which define `Watch`: the text of each file."""
    full = model.configs.get(f"{model.module}_full", model.configs[model.module])
    constants = full[full.index("CONSTANTS") : full.index("INVARIANTS")]
    return {
        f"{spec.module}.tla": spec.text,
        f"{model.module}.tla": model.text,
        f"{CONFIG}.tla": "\n".join([f"---- MODULE {CONFIG} ----", f"EXTENDS {model.module}", *lines, "====", ""]),
        f"{CONFIG}.cfg": f"{behavior}\n{constants}INVARIANTS\n    {WATCH}\n",
    }


def counts_of(answer: Answer) -> Counts | None:
    """What TLC counts, if it came to its end."""
    if not answer.complete or answer.distinct is None or answer.initial is None or answer.depth is None:
        return None
    return Counts(answer.distinct, answer.initial.distinct, answer.depth)


def run_shown(found: Export, asked: Asked, violation: Violation) -> ClaimResult | None:
    """The run of TLC in the form in which runs are shown, if the definition and Z3 accept it."""
    try:
        trace = run_of(found.spec, found.model, found.subject.instance, violation)
    except TlcOutputError:
        return None
    if not trace.states or not replay(trace):
        return None
    if not (accepts_deadlock(trace) if asked.prop is None else accepts(trace, asked.prop)):
        return None
    verdict = Refuted(Scope(trace.instance.tasks, len(trace.steps)), trace, "tlc")
    return conclude(asked.claim, Judgement(verdict, asked.prop), seconds=0.0)


def differences(result: TlcResult) -> Iterator[str]:
    """Where the two disagree on counts and on runs: one of them is wrong, or the export is."""
    if result.theirs is not None and result.ours is not None and result.theirs != result.ours:
        yield f"TLC counts {result.theirs}; here there are {result.ours}"
    for claim in {claim.property: claim for claim in result.claims}.values():
        if claim.said == "violated" and claim.run is None and not claim.reason:
            yield f"{claim.name}: TLC shows no run that the definition and Z3 accept"


def steps_of(steps: int | None) -> str:
    """A run of so many steps, or none."""
    return "finds no run" if steps is None else f"finds a run of {steps} steps"
