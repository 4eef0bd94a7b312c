"""Have TLC check the invariants behind proofs for any number of tasks, of a few: Z3 has accepted them for any.

TLC starts from all states that an invariant allows, and from those at the start of the system. If the invariant is
inductive and implies the property, it finds no violation, and no other states than these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.by_tlc.decode import decode
from verify.engine.verdict import Counterexample
from verify.explain.induction import counterexample
from verify.exporting.broken import broken
from verify.exporting.candidates import candidates
from verify.exporting.inductive import Inductive, NoProof, proof_of, to_show
from verify.exporting.subject import Subject
from verify.judging import Options
from verify.report.inductive import InductiveClaim, InductiveResult
from verify.semantics import SemanticsError
from verify.tlc.answer import Answer, Progress
from verify.tlc.errors import TlcOutputError
from verify.tlc.find import Tools, digest
from verify.tlc.run import Job, Limits, run
from verify.tlc.trace import Violation

MOST_SEEN = 2e7  # states that TLC may look at to enumerate an invariant: minutes
LARGE = 1e6  # of them, from which on TLC is worth starting as for a long run
PROVING = 60.0  # seconds for the proof of a claim
Hear = Callable[[Progress], None]


def check_inductive(of: Subject, options: Options, tools: Tools, hear: Hear | None = None) -> InductiveResult:
    """Prove the claims of a subject, and run TLC on each invariant. Raises ToolError, and TlcOutputError."""
    deadline, version = time.monotonic() + options.budget, ""
    claims, asked_of = list[InductiveClaim](), to_show(of)
    for asked in asked_of:
        begin = time.monotonic()
        if begin > deadline:
            claims.append(InductiveClaim(asked.claim.name, asked.name, "unknown", reason="out of time"))
            continue
        found = proof_of(of, asked, replace(options, budget=min(PROVING, deadline - begin)))
        if isinstance(found, NoProof):
            claims.append(InductiveClaim(asked.claim.name, asked.name, "unknown", reason=found.reason))
            continue
        claim, answered = check(found, tools, deadline - time.monotonic(), hear)
        version = answered or version
        claims.append(replace(claim, seconds=time.monotonic() - begin))
    names = {asked.name for asked in asked_of}
    left = [asked.claim.name for asked in of.asked if asked.name not in names]
    return InductiveResult(
        of.selection.file, of.lowered.system.name, of.instance.tasks, version, digest(tools), tuple(claims),
        (*left, *(claim.name for claim in of.left)),
    )  # fmt: skip


def check(found: Inductive, tools: Tools, seconds: float, hear: Hear | None = None) -> tuple[InductiveClaim, str]:
    """What TLC says of an invariant, and which TLC it is; it is not asked where that would take too long."""
    about = InductiveClaim(found.asked.claim.name, found.asked.name, "unknown", found.spec.module)
    seen = candidates(found.spec, found.instance).seen
    if seen > MOST_SEEN:
        reason = f"TLC would look at about {seen:.0e} states to enumerate the invariant: too many"
        return replace(about, reason=reason), ""
    if seconds <= 0:
        return replace(about, reason="out of time"), ""
    with TemporaryDirectory(prefix="verify-") as scratch:
        folder = Path(scratch)
        for name, text in found.files.items():
            (folder / name).write_text(text, encoding="ascii")
        config = f"{found.model.module}_inductive.cfg"
        job = Job(folder, found.model.module, config, ("-deadlock", "-nowarning"), large=seen > LARGE)
        answer = run(tools, job, Limits(max(1.0, seconds)), hear=hear)
    return _claim(found, about, answer), answer.version


def _claim(found: Inductive, about: InductiveClaim, answer: Answer) -> InductiveClaim:
    if answer.violations:
        violation = answer.violations[0]
        reason = f"the invariant is too weak: {_weakness(violation)}"
        return replace(about, said="too weak", reason=reason, cti=_cti(found, violation))
    if answer.verdict != "holds" or not answer.complete or answer.initial is None:
        return replace(about, reason=answer.reason or "TLC did not come to its end")
    if answer.distinct != answer.initial.distinct:
        return replace(about, reason="TLC comes to states of the invariant that it was not made to start from")
    return replace(about, said="inductive", states=answer.distinct)


def _weakness(violation: Violation) -> str:
    if violation.name == "IndInv":
        leaves = "step from a state that it allows to one" if len(violation.trace) > 1 else "state at the start"
        return f"TLC finds a {leaves} that it does not allow"
    return f"TLC finds a state that it allows, in which {violation.name} is false"


def _cti(found: Inductive, violation: Violation) -> Counterexample | None:
    """The states that TLC shows, in words; None where they cannot be read as states of the system."""
    try:
        states = [decode(found.spec, found.model, found.instance, state.values) for state in violation.trace]
        clauses = None if violation.name != "IndInv" else [conjunct.clause for conjunct in found.spec.conjuncts]
        where = broken(found.instance, states, clauses, found.prop)
    except (TlcOutputError, SemanticsError):
        return None
    return None if where is None else counterexample(found.system, where, found.made.names())
