"""Check a system with TLC, which shares no line with the engines here, and compare what the two say.

TLC is started once, however many claims there are: `Watch` tells which properties are false in some state, TLC shows
a run to the first of these for each, and goes on to count all states. What is to happen later is checked in the same
run; only if something of that does not, TLC is started again (see `lassos`). It is started once more for the locks
of each claim whose sections are to be as single steps (see `sections`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verify.by_tlc.common import (
    CONFIG,
    FIRST,
    LARGE,
    LATER,
    OPTIONS,
    STOPPED,
    above,
    answered,
    checked,
    differences,
    run_shown,
    steps_of,
)
from verify.by_tlc.lassos import Found, ask
from verify.by_tlc.sections import Tracked, follow
from verify.emit.tla.atomic import Atomic
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.engine.packing import beginnings, layout
from verify.engine.search import Search, search
from verify.engine.verdict import Refuted, Scope
from verify.exporting.subject import Asked
from verify.exporting.tla import Export
from verify.instances import instance
from verify.lower.claims import never_at
from verify.lower.stores import idle_writers
from verify.outcome import Judgement, conclude, entered, no_store, removed, wants
from verify.report.result import Round
from verify.report.tlc import Counts, Said, TlcClaim, TlcResult
from verify.tlc.answer import Answer, Progress
from verify.tlc.find import Tools
from verify.tlc.watch import definition, shown, watched

MOST_STATES = 1_000_000  # that are counted here
DEARER = 10  # times that a state costs with its counterparts


@dataclass(frozen=True, slots=True)
class Ours:
    """What the search here says of all states, and of the shortest run that breaks each property."""

    counts: Counts | None
    runs: Mapping[str, int | None]  # by property: steps; None if no state breaks it. Without those not known
    idle: frozenset[str] = frozenset()  # claims about guards that no run comes to


@dataclass(frozen=True, slots=True)
class _OfRuns:
    """What TLC says of whole runs: temporal properties, and sections by their locks."""

    later: Found
    sections: Mapping[str, Tracked]


def check_by_tlc(
    found: Export, ours: Ours, tools: Tools, seconds: float, hear: Callable[[Progress], None] | None = None
) -> TlcResult:
    """Run TLC on an export and compare. Raises ToolError, and TlcOutputError if its output makes no sense."""
    begin = time.monotonic()
    names = ["TypeOK", *dict.fromkeys(asked.name for asked in found.asked)]
    large = ours.counts is None or ours.counts.states > LARGE

    def start(properties: Sequence[str]) -> Answer:
        files = watching(found.spec, found.model, names, properties)
        return checked(tools, files, begin + seconds, hear, LATER if properties else OPTIONS, large=large)

    later = ask(found.spec, found.model, found.subject.instance, start)
    answer = later.answer
    told = watched(answer, names)

    def track(module: Atomic) -> Answer:
        long = ours.counts is None or ours.counts.states > LARGE // DEARER
        return checked(tools, found.files, begin + seconds, hear, FIRST, large=long, module=module.module)

    sections = {locks: follow(found, locks, track) for locks in found.atomic if _somebody(found, locks, told)}
    claims = tuple(_claims(found, answer, told, ours, _OfRuns(later, sections)))
    result = answered(found, answer, tools, claims, ours.counts)
    disagree = [later.difference, *(one.difference for one in sections.values())]
    differing = (*differences(result), *_differences(result, told, ours), *filter(None, disagree))
    return replace(result, differences=differing, seconds=time.monotonic() - begin)


def watching(spec: Spec, model: Model, names: Sequence[str], properties: Sequence[str] = ()) -> Mapping[str, str]:
    """A module and its model, and one above them that watches the named properties: the text of each file.

    The temporal `properties` are checked of fair runs.
    """
    files = above(
        spec, model, [definition(names, shows_runs=True)], f"SPECIFICATION {'FairSpec' if properties else 'Spec'}"
    )
    asked = "".join(["PROPERTIES\n", *(f"    {name}\n" for name in properties)]) if properties else ""
    return {**files, f"{CONFIG}.cfg": files[f"{CONFIG}.cfg"] + asked}


def counted(found: Export, seconds: float) -> Ours:
    """All states of an export, if there are not too many of them, and the shortest runs."""
    inst, deadline = found.subject.instance, time.monotonic() + seconds
    whole = search(inst, None, symmetry=False, max_states=MOST_STATES, deadline=deadline)
    if not whole.complete:
        return Ours(None, {})
    counts = Counts(whole.states, len(set(beginnings(layout(inst)))), whole.depth + 1)
    runs = dict[str, int | None]()
    for asked in found.asked:
        if asked.name not in runs:
            run_here = search(inst, asked.prop, deadlock=asked.prop is None, deadline=deadline)
            if run_here.trace is not None or run_here.complete:
                runs[asked.name] = _steps(run_here)
    idle = frozenset(one.claim.name for one in found.asked if one.guards and not _met(found, one, deadline))
    return Ours(counts, runs, idle)


def _met(found: Export, asked: Asked, deadline: float) -> bool:
    """Whether some run comes, as far as is found out, to one of the guards of a claim, in the system that has them."""
    of = found.subject
    gone = frozenset(removed(asked.claim)) - set(asked.guards)
    lowered = of.selection.lower((of.lowered.system.name, gone, frozenset()))
    here = frozenset[int]().union(*(lowered.labels.get(guard, frozenset()) for guard in asked.guards))
    prop = never_at(lowered.system, here)
    found_here = search(instance(lowered.system, of.instance.tasks), prop, deadline=deadline)
    return found_here.trace is not None or not found_here.complete


def _steps(found: Search) -> int | None:
    return None if found.trace is None else len(found.trace.steps)


def _claims(
    found: Export, answer: Answer, told: Mapping[str, int | None], ours: Ours, of_runs: _OfRuns
) -> Iterator[TlcClaim]:
    runs, complete = shown(answer, ["TypeOK", *dict.fromkeys(asked.name for asked in found.asked)]), answer.complete
    identifiers = {one.name: name for name, one in found.spec.liveness}
    for asked in found.asked:
        if asked.liveness is not None:
            yield _of_later(asked, identifiers.get(asked.liveness.name, ""), told, of_runs.later)
            continue
        if asked.sections is not None:
            yield _of_sections(found, asked, told, of_runs)
            continue
        said: Said = "unknown" if asked.name not in told else "holds" if told[asked.name] is None else "violated"
        good = None if said == "unknown" else (said == "violated") == (wants(asked.claim) == "refuted")
        if said == "holds" and asked.claim.name in ours.idle:
            reason = f"no run comes to `{', '.join(asked.guards)}`"
            yield TlcClaim(asked.claim.name, asked.name, said, holds=False, reason=reason)
            continue
        idle = idle_writers(asked.claim, found.subject.selection.program)
        if said == "holds" and idle:
            yield TlcClaim(asked.claim.name, asked.name, said, holds=False, reason=no_store(asked.claim, idle))
            continue
        result = run_shown(found, asked, runs[asked.name]) if asked.name in runs else None
        reason = STOPPED if said == "violated" and result is None and not (complete and asked.name in runs) else ""
        yield TlcClaim(
            asked.claim.name, asked.name, said, good, told.get(asked.name), ours.runs.get(asked.name), result, reason
        )


def _of_later(asked: Asked, name: str, told: Mapping[str, int | None], later: Found) -> TlcClaim:
    """A claim about what happens later: it says nothing if nobody ever comes to where it begins."""
    claim = TlcClaim(asked.claim.name, name, "unknown", None, later=True)
    if told.get(asked.name, 0) is None:
        return replace(claim, said="holds", holds=False, reason=f"no thread ever {_nobody(asked)}")
    if name in later.violated:
        lasso, who = later.violated[name]
        steps = len(lasso.trace.steps)
        verdict = Refuted(Scope(lasso.trace.instance.tasks, steps), lasso.trace, "tlc")
        result = conclude(asked.claim, Judgement(verdict), seconds=0.0)
        result = replace(result, round=Round(lasso.loop, who.thread, who.since))
        return replace(claim, said="violated", holds=False, steps=steps, loop=lasso.loop, run=result)
    if name in later.held and told.get(asked.name) is not None:
        return replace(claim, said="holds", holds=True)
    return claim


def _somebody(found: Export, locks: str, told: Mapping[str, int | None]) -> bool:
    """Whether TLC has seen a thread in a section of some locks."""
    names = [asked.name for asked in found.asked if asked.sections is not None and asked.sections.locks == locks]
    return any(told.get(name) is not None for name in names)


def _of_sections(found: Export, asked: Asked, told: Mapping[str, int | None], of_runs: _OfRuns) -> TlcClaim:
    """A claim about sections as single steps: it says nothing if nobody ever is in one."""
    locks = asked.sections.locks if asked.sections is not None else ""
    claim = TlcClaim(asked.claim.name, found.atomic[locks].module, "unknown", None, whole=True)
    tracked = of_runs.sections.get(locks)
    if told.get(asked.name, 0) is None:
        reason = f"no thread ever is in a section of `{locks}`"
        return replace(claim, said="holds", holds=False, reason=reason)
    if tracked is None or tracked.said == "unknown":
        return replace(claim, reason="" if tracked is None else tracked.reason)
    if tracked.trace is None:
        return replace(claim, said="holds", holds=True)
    steps = len(tracked.trace.steps)
    verdict = Refuted(Scope(tracked.trace.instance.tasks, steps), tracked.trace, "tlc")
    result = conclude(asked.claim, Judgement(verdict), seconds=0.0)
    return replace(claim, said="violated", holds=False, steps=steps, run=result)


def _nobody(asked: Asked) -> str:
    (target,) = asked.claim.targets
    return f"waits for `{target}`" if asked.claim.kind == "no_starvation" else f"enters `{entered(asked.claim)}`"


def _differences(result: TlcResult, told: Mapping[str, int | None], ours: Ours) -> Iterator[str]:
    if told.get("TypeOK") is not None:
        yield "TLC finds a state in which a variable has none of its values"
    for claim in {claim.property: claim for claim in result.claims}.values():
        if claim.said != "unknown" and claim.property in ours.runs and claim.steps != claim.ours:
            yield f"{claim.name}: TLC {steps_of(claim.steps)}, here {steps_of(claim.ours)}"
