"""Whether each run of an export has a counterpart in which sections of some locks are single steps, as TLC finds it.

TLC stops at the first run that has none. That counts once the definition says the same of this run, and of no shorter
part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from verify.by_tlc.decode import run_of
from verify.counterparts import without_counterpart
from verify.emit.tla.atomic import Atomic
from verify.exporting.tla import Export
from verify.instances import Trace
from verify.report.tlc import Said
from verify.semantics import replay
from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError

Track = Callable[[Atomic], Answer]  # TLC's answer about the module


@dataclass(frozen=True, slots=True)
class Tracked:
    """What TLC says of the sections of some locks, with the run that has no counterpart, if there is one."""

    said: Said
    trace: Trace | None = None
    reason: str = ""  # why it is unknown
    difference: str = ""  # what TLC says and the definition does not


def follow(found: Export, locks: str, track: Track) -> Tracked:
    """Ask TLC about the sections of some locks. Raises what `track` raises."""
    module = found.atomic[locks]
    answer = track(module)
    if answer.verdict == "holds" and answer.complete:
        return Tracked("holds")
    if answer.verdict != "violated":
        return Tracked("unknown", reason=answer.reason or "TLC was stopped before all states were examined")
    violation = next((one for one in answer.violations if one.name == module.invariant), None)
    if violation is None or not violation.trace:
        return Tracked("unknown", reason="TLC was stopped before it showed the run")
    inside = next(one.sections.inside for one in found.asked if one.sections and one.sections.locks == locks)
    try:
        trace = run_of(found.spec, found.model, found.subject.instance, violation)
    except TlcOutputError:
        trace = None
    if trace is None or not replay(trace) or without_counterpart(trace, inside) != len(trace.steps):
        difference = f"TLC shows a run without whole sections of `{locks}` that the definition does not accept"
        return Tracked("unknown", difference=difference)
    return Tracked("violated", trace)
