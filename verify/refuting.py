"""Runs that refute a property: looked for in smaller systems, then replayed and accepted as runs of the whole one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial

from verify.engine.verdict import Refuted, Scope, Trace
from verify.hunt import runs
from verify.instances import instance
from verify.ir import System
from verify.lower.expand import Expansion, expand
from verify.lower.localize import localize, shared_keys
from verify.lower.reduce import reduce
from verify.lower.slice import slice_for
from verify.lower.visible import Key
from verify.overlap import overlaps
from verify.question import Question
from verify.semantics import holds, replay, stuck
from verify.shorter import shorter
from verify.smt import accepts, accepts_deadlock


def made_small(question: Question, keys: Collection[Key]) -> System:
    """The system that knows only `keys`, sliced for the property and reduced."""
    system, prop = question.system, question.prop
    if question.slice:
        system = slice_for(localize(system, keys), prop)
    if question.reduce:
        system = reduce(system, prop)
    return slice_for(system, prop) if question.slice else system


def _shrunk(question: Question, part: System) -> System:
    """A part of the system made small, nothing forgotten."""
    return made_small(replace(question, system=part), shared_keys(question.system))


def hunt(question: Question, deadline: float, most: int | None = None) -> Refuted | None:
    """A refutation by the first run of a scenario, among `most` of them, that is one of the whole system; judged."""
    by, sizes = question.tools.ways_of(question.system), list(question.sizes())
    shrink = partial(_shrunk, question)
    found = runs(by, question.prop, sizes, shrink, deadline=deadline, report=question.report, most=most)
    return _first(question, found)


def overlapping(question: Question, deadline: float) -> Refuted | None:
    """A refutation by a run in which calls overlap that took a lock that is gone, if one is found soon; judged."""
    if not question.inside:
        return None
    by, shrink = question.tools.ways_of(question.system), partial(_shrunk, question)
    found = overlaps(by, question.prop, question.inside, question.tasks, shrink, deadline, question.report)
    return _first(question, found)


def taken_over(question: Question, found: Iterable[Trace]) -> Refuted | None:
    """A refutation by the first of these runs of the same system in which this property is false, too; judged."""
    for trace in found:
        if trace.instance.system != question.system:
            continue
        false = (not holds(trace.instance, question.prop, state) for state in trace.states)
        last = next((number for number, so in enumerate(false) if so), None)
        if last is not None:
            part = Trace(trace.instance, trace.states[: last + 1], trace.steps[:last])
            refuted = refutation(question, Expansion(part), "bfs")
            if refuted is not None:
                return refuted
    return None


def _first(question: Question, found: Iterable[Trace]) -> Refuted | None:
    """A refutation by the first of these runs of smaller systems that is one of the whole system."""
    keys = shared_keys(question.system)
    for trace in found:
        whole = instance(question.system, trace.instance.tasks)
        refuted = refutation(question, expand(trace, whole, keys), "bfs")
        if refuted is not None:
            return refuted
    return None


def soon_refuted(question: Question, scenarios: int) -> Refuted | None:
    """A refutation by a run of one of so many scenarios, the likeliest, if there is one."""
    found = hunt(question, question.deadline, scenarios)
    if found is None or question.deadlock:
        return found
    return shortened(question, found)


def shortened(question: Question, refuted: Refuted) -> Refuted:
    """The refutation by a shorter run, if one is soon found."""
    trace = shorter(refuted.trace, question.prop, question.deadline)
    return refuted if trace is None else refutation(question, Expansion(trace), refuted.engine) or refuted


def refutation(question: Question, expansion: Expansion, engine: str) -> Refuted | None:
    """The refutation, if `semantics` replays the run and Z3 accepts it."""
    trace = expansion.trace
    if trace is None or not replay(trace):
        return None
    last, terms = trace.states[-1], question.tools.terms_for_runs()
    if question.deadlock:
        good = stuck(trace.instance, last) and accepts_deadlock(trace, terms)
    else:
        good = not holds(trace.instance, question.prop, last) and accepts(trace, question.prop, terms)
    scope = Scope(trace.instance.tasks, len(trace.steps))
    return Refuted(scope, trace, engine) if good else None
