"""Runs that TLC finds in a system that has too many states to look at them all.

For each claim that holds because of a run, the engines here look for one. TLC is then asked for a shortest run in the
part of the system where each thread takes the alternatives that it takes in that run. All parts are in one module, so
that TLC is started once; what it finds is a run of the whole system. That a part has no run would say nothing of the
whole: claims that something holds in every state stay unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verify.by_tlc.common import LARGE, STOPPED, above, answered, checked, differences, run_shown, steps_of
from verify.emit.tla.parts import HELD, INIT, NEXT, Part, parts_of
from verify.engine.packing import beginnings, layout
from verify.engine.search import search
from verify.engine.verdict import Refuted
from verify.exporting.subject import Asked, subject
from verify.exporting.tla import Export, export_tla
from verify.instances import Trace
from verify.judging import Options, Selection, judge_of
from verify.lower.held import doors, held, taken
from verify.outcome import to_first_violation, wants
from verify.report.tlc import Counts, TlcClaim, TlcResult
from verify.schedule import Voice, silent
from verify.tlc.answer import Answer, Progress
from verify.tlc.find import Tools
from verify.tlc.watch import definition, shown, watched

MOST_STATES = 200_000  # of a part, as far as its shortest run
SECONDS = 60.0  # for a run that the engines here look for


@dataclass(frozen=True, slots=True)
class Searched:
    """A part, with the steps of its shortest run and the states within so many steps, as they are counted here."""

    part: Part
    counts: Counts


def check_parts_by_tlc(
    selection: Selection, options: Options, version: str, tools: Tools,
    hear: Callable[[Progress], None] | None = None,
) -> TlcResult:  # fmt: skip
    """Have TLC find the runs of the claims that hold because of one. Raises as `check_by_tlc` does."""
    begin = time.monotonic()
    runs = _runs(selection, options, subject(selection, options, version).asked)
    sizes = [trace.instance.tasks for trace in runs.values()] + [options.tasks or 0]
    tasks = max(sizes) or None
    found = export_tla(subject(selection, replace(options, tasks=tasks), version))
    parts = dict(_parts(found, runs, begin + options.budget))
    answer, names = Answer("unknown", ""), dict[str, str]()
    if parts:
        lines, watching = parts_of(found.spec, found.model, [one.part for one in parts.values()])
        names = dict(zip(parts, watching, strict=True))
        lines.append(definition(watching, shows_runs=True))
        files = above(found.spec, found.model, lines, f"INIT {INIT}\nNEXT {NEXT}\nACTION_CONSTRAINT {HELD}")
        ours = _sum([one.counts for one in parts.values()])
        answer = checked(tools, files, begin + options.budget, hear, large=ours.states > LARGE)
    claims = list(_claims(found, parts, names, answer))
    result = answered(found, answer, tools, claims, _sum([one.counts for one in parts.values()]) if parts else None)
    result = replace(result, parts=len(parts), reason=result.reason if parts else "")
    differing = (*differences(result), *_differences(result, parts, answer))
    return replace(result, differences=differing, seconds=time.monotonic() - begin)


def _runs(selection: Selection, options: Options, asked: Sequence[Asked]) -> Mapping[str, Trace]:
    """A run for each property that one is claimed to break, by the name of the property in the source."""
    judge = judge_of(selection, replace(options, budget=min(SECONDS, options.budget)), Voice(silent))
    found = dict[str, Trace]()
    for one in asked:
        if wants(one.claim) == "refuted" and one.name not in found:
            verdict = judge(one.claim).verdict
            if isinstance(verdict, Refuted):
                found[one.name] = to_first_violation(verdict.trace, one.prop)
    return found


def _parts(found: Export, runs: Mapping[str, Trace], deadline: float) -> Iterator[tuple[str, Searched]]:
    """The part in which each run is, by the identifier of the property, where it is small enough."""
    whole = found.subject.instance
    for one, mine in zip(found.subject.asked, found.asked, strict=True):
        if one.name not in runs:
            continue
        by = taken(runs[one.name])
        part = held(whole, by).instance
        run = search(part, one.prop, symmetry=False, max_states=MOST_STATES, deadline=deadline).trace
        if run is None:
            continue
        steps = len(run.steps)
        states = search(part, None, symmetry=False, max_depth=steps, deadline=deadline)
        counts = Counts(states.states, len(set(beginnings(layout(part)))), states.depth + 1)
        shut = {thread: doors(whole.system, by.get(thread, ())) for thread in range(1, whole.tasks + 1)}
        yield mine.name, Searched(Part(shut, steps, mine.name), counts)


def _sum(counts: Sequence[Counts]) -> Counts:
    """The counts of parts that have no state in common."""
    return Counts(
        sum(one.states for one in counts), sum(one.initial for one in counts), max(one.depth for one in counts)
    )


def _claims(
    found: Export, parts: Mapping[str, Searched], names: Mapping[str, str], answer: Answer
) -> Iterator[TlcClaim]:
    """What TLC says of each claim: that there is a run, or nothing."""
    told, runs = watched(answer, list(names.values())), shown(answer, list(names.values()))
    for asked in found.asked:
        name = names.get(asked.name, "")
        steps = told.get(name)
        ours = parts[asked.name].part.steps if name else None
        if steps is None:
            yield TlcClaim(asked.claim.name, asked.name, "unknown", None, None, ours)
            continue
        run = run_shown(found, asked, runs[name]) if name in runs else None
        reason = "" if run is not None or (answer.complete and name in runs) else STOPPED
        good = wants(asked.claim) == "refuted"
        yield TlcClaim(asked.claim.name, asked.name, "violated", good, steps, ours, run, reason)


def _differences(result: TlcResult, parts: Mapping[str, Searched], answer: Answer) -> Iterator[str]:
    for claim in {claim.property: claim for claim in result.claims}.values():
        told = claim.said == "violated" or (answer.complete and claim.property in parts)
        if told and claim.steps != claim.ours:
            yield f"{claim.name}: TLC {steps_of(claim.steps)}, here {steps_of(claim.ours)}"
