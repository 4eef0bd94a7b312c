"""Which finder when: from a property of a system to a judged verdict.

Counterexample-guided (Clarke, Grumberg, Jha, Lu, Veith, JACM 2003): begin with the few shared variables that the
property and the code around it read, search the small system that knows only those, and let the whole system say
whether a run that turns up is real. If not, know more and begin again. A small system in which nothing turns up has a
proof, which is then found by view abstraction and judged by Z3.

Nothing is proved on a finder's word, and nothing refuted without the run of the whole system.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from typing import assert_never

from verify.any_number import any_number, by_clauses, counted, with_counterexample
from verify.engine.search import search
from verify.engine.verdict import Invariant, Progress, Proved, Refuted, Scope, Unknown, Verdict
from verify.engine.views import find_invariant
from verify.instances import Instance, Trace, instance, least_tasks
from verify.ir import System
from verify.lower.claims import never_stuck
from verify.lower.expand import expand
from verify.lower.fingerprint import fingerprint
from verify.lower.localize import shared_keys
from verify.lower.reduce import reduce
from verify.lower.registers import share_locals
from verify.lower.relevant import first_keys, looked_at
from verify.lower.simplify import conj
from verify.lower.visible import Key
from verify.question import Question, Shown, share
from verify.refuting import hunt, made_small, overlapping, refutation, shortened
from verify.smt import bmc, judge
from verify.unbounded import close_together, guesses

FIRST_STATES = 150_000  # how far a search goes before a proof is tried
GLANCE = 6  # scenarios that are searched a little before a proof of what is said to hold
FURTHER = 12  # scenarios that are searched before calls that overlap, and before anything that takes longer
SMALL = 3  # guesses of what a proof must know that cost little
MOST = 0.75  # of the time that is left, for a proof that knows much
GROWTH = 8
BMC_STEPS = 64


def decide(question: Question) -> Verdict:
    """Prove or refute the property for the given number of tasks and any number of steps, or say how far it got."""
    question.memory.tried.failed = None
    verdict = _decide(question)
    if isinstance(verdict, Refuted) and not question.deadlock:
        return shortened(question, verdict)
    return with_counterexample(verdict, question.memory.tried.failed)


def _decide(question: Question) -> Verdict:
    least = least_tasks(question.system)
    if question.tasks < least:
        return Unknown(f"the system starts with {least} tasks", "nothing", question.engine)
    match question.engine:
        case "auto":
            return _auto(question)
        case "bfs":
            return _bfs(question)
        case "views":
            everywhere = any_number(question, guesses(question.system, question.prop), share(question.deadline))
            proof = everywhere or _proof(question, _reduced(question), question.deadline)
            return proof or Unknown("no inductive invariant was found", "nothing", "views")
        case "chc":
            return by_clauses(question, question.deadline)
        case "bmc":
            return _bmc(question)
        case _:
            assert_never(question.engine)


def proof_of(*questions: Question, varied: bool) -> Proved | None:
    """One proof for all these questions about one system, for any number of tasks, if they are near to each other.

    What several properties need is more than the least; with `varied`, for a system in which guards may be there or
    not, the locks of objects are of little use to know.
    """
    first = questions[0]
    props = [question.prop for question in questions]
    if not close_together(first.system, props):
        return None
    whole = replace(first, prop=conj(props))
    known = guesses(whole.system, whole.prop)
    several = len(questions) > 1
    some = islice(known, 2 * several, SMALL + 2 * several)
    rungs = some if varied else islice((guess for guess in known if guess.pending), 2)
    return any_number(whole, rungs, share(whole.deadline, MOST))


def deadlock_question(question: Question) -> Question:
    """The question whether threads can get stuck, asked of the system reduced as far as deadlocks allow."""
    system = reduce(question.system, None, deadlocks=True) if question.reduce else question.system
    return replace(question, system=system, prop=never_stuck(system), reduce=False, slice=False, deadlock=True)


def _auto(question: Question) -> Verdict:
    """A run first where one is expected, else a proof; each at first only where it would be found soon."""
    small = guesses(question.system, question.prop)
    if question.hunt:
        verdict = (
            (hunt(question, share(question.deadline), FURTHER) if question.inside else None)
            or overlapping(question, share(question.deadline))
            or hunt(question, share(question.deadline))
            or any_number(question, small, share(question.deadline))
        )
    else:
        verdict = (
            any_number(question, islice(small, SMALL), share(question.deadline))
            or hunt(question, share(question.deadline), GLANCE)
            or any_number(question, small, share(question.deadline, MOST))
            or counted(question)
        )
    if verdict is not None:
        return verdict
    refined = _refine(question)
    if isinstance(refined, Unknown) and not question.hunt and question.deadline > time.monotonic():
        proof = by_clauses(question, share(question.deadline))
        return proof if isinstance(proof, Proved) else hunt(question, question.deadline) or refined
    return refined


def _reduced(question: Question) -> System:
    """The system sliced for the property and reduced, nothing forgotten."""
    return made_small(question, shared_keys(question.system))


def _refine(question: Question) -> Verdict:
    system, prop = question.system, question.prop
    keys = shared_keys(system)
    if question.slice:
        keys = question.memory.keys.get(prop) or (first_keys(system, prop) | looked_at(system, prop))
    states = FIRST_STATES
    shown = Shown()
    while time.monotonic() < question.deadline:
        small = made_small(question, keys)
        question.report(Progress("localize", {"variables": len(keys), "actions": len(small.actions)}))
        found = _search(question, small, states, shown)
        if isinstance(found, Trace):
            expansion = expand(found, instance(system, found.instance.tasks), keys)
            refuted = refutation(question, expansion, "bfs")
            if refuted is not None:
                question.memory.keys[prop] = keys
                return refuted
            more = _cheapest(system, expansion.reasons, keys)
            if not more and keys == shared_keys(system):
                if not question.slice:
                    return Unknown("a run of the reduced system is none of the whole", str(shown), "auto")
                question = replace(question, slice=False)  # the slice goes past loops that may never end
            keys = keys | (more or shared_keys(system))
            continue
        proof = _proof(question, small, share(question.deadline))
        if proof is not None:
            question.memory.keys[prop] = keys
            return proof
        if found:
            reason = f"every state was explored, but no proof was found: {question.memory.why}"
            return Unknown(reason, str(shown), "bfs")
        states *= GROWTH
    return Unknown("out of time", str(shown), "auto")


def _search(question: Question, small: System, states: int, shown: Shown) -> Trace | bool:
    """A run of the small system to a bad state; else whether everything was explored at every size."""
    for tasks in question.sizes():
        result = search(
            instance(small, tasks), question.prop, deadline=question.deadline, report=question.report, max_states=states
        )
        if result.trace is not None:
            return _no_longer(question, small, result.trace, states)
        shown.add(result, tasks)
        if not result.complete:
            return False
    return True


def _no_longer(question: Question, small: System, trace: Trace, states: int) -> Trace:
    """A run as short as any with more tasks, as far as a search of `states` states can tell."""
    for tasks in range(trace.instance.tasks + 1, question.tasks + 1):
        result = search(
            instance(small, tasks), question.prop, deadline=question.deadline, max_depth=len(trace.steps) - 1,
            max_states=states,
        )
        trace = result.trace or trace
    return trace


def _cheapest(system: System, reasons: Collection[Collection[Key]], keys: Collection[Key]) -> frozenset[Key]:
    """The reason that adds least to what must be known; both halves of an rwlock count as one."""
    every = shared_keys(system)
    fresh = [frozenset(reason) & every - set(keys) for reason in reasons]
    wider = [reason | {twin for key in reason for twin in _halves(key) if twin in every} for reason in fresh if reason]
    return min(wider, key=lambda reason: (len(reason), sorted(reason)), default=frozenset())


def _halves(key: Key) -> tuple[Key, Key]:
    stem = key[1].removesuffix(".readers")
    return (key[0], stem), (key[0], f"{stem}.readers")


def _proof(question: Question, small: System, deadline: float) -> Proved | None:
    """The proof, if views find an invariant of the small system that Z3 finds inductive."""
    key = (fingerprint(small, question.prop), question.tasks)
    if key in question.memory.proofs:
        return question.memory.proofs[key]
    few = share_locals(small) if not question.deadlock else small
    inst = instance(few, question.tasks)
    found = find_invariant(inst, question.prop, deadline=deadline, report=question.report)
    if found.invariant is None:
        question.memory.why = found.reason
        return None
    proof = _judged(question, inst, found.invariant)
    if proof is not None:
        question.memory.proofs[key] = proof
    return proof


def _judged(question: Question, inst: Instance, invariant: Invariant) -> Proved | None:
    answer = judge(inst, invariant.clauses, question.prop, deadline=question.deadline, report=question.tell)
    if not answer.ok:
        question.memory.why = f"Z3 did not discharge `{answer.failed[0].name}`" if answer.failed else "out of time"
        return None
    return Proved(Scope(inst.tasks, None), invariant, "views", answer.count)


def _bfs(question: Question) -> Verdict:
    """Search alone: it refutes, and says how far it looked."""
    shown = Shown()
    keys = shared_keys(question.system)
    found = _search(question, _reduced(question), 1 << 62, shown)
    if isinstance(found, Trace):
        whole = instance(question.system, found.instance.tasks)
        refuted = refutation(question, expand(found, whole, keys), "bfs")
        if refuted is None and question.slice:
            return _bfs(replace(question, slice=False))  # the slice goes past loops that may never end
        return refuted or Unknown("a run of the reduced system is none of the whole", str(shown), "bfs")
    return Unknown("a search alone is no proof" if found else "out of time", str(shown), "bfs")


def _bmc(question: Question) -> Verdict:
    """Z3's unrolling alone, at the full number of tasks."""
    keys = shared_keys(question.system)
    inst = instance(_reduced(question), question.tasks)
    result = bmc(inst, question.prop, max_steps=BMC_STEPS, deadline=question.deadline, report=question.tell)
    if result.trace is not None:
        expansion = expand(result.trace, instance(question.system, question.tasks), keys)
        refuted = refutation(question, expansion, "bmc")
        if refuted is not None:
            return refuted
    shown = f"no violation in any run of up to {result.steps} steps with {question.tasks} tasks"
    return Unknown("bounded search is no proof", shown if result.steps >= 0 else "nothing", "bmc")


