"""What is proved of any number of tasks is so of 1, 2, 3 of them: random systems, programs, corrupted invariants.

The measure is exhaustive search, and the definition. VERIFY_EXAMPLES is the number of systems of which something is
proved, in the first test; the others look at a share of it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from tests.independent import shown
from tests.programs import examples
from tests.strategies import properties, systems
from verify.diagnostics import InputError
from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.search import search
from verify.engine.verdict import Proved
from verify.instances import exact_tasks, instance, least_tasks
from verify.ir import FALSE, TRUE, Binary, Expr, Local, Ptr, System, Threads
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import of_history, with_history
from verify.lower.pending import with_pending
from verify.lower.simplify import conj
from verify.lower.small import Passes
from verify.lower.statics import without_statics
from verify.smt import universal
from verify.smt.judge import Judgement
from verify.smt.widths import EncodingError
from verify.syntax import load_text
from verify.unbounded import Tried, guesses, prove_unbounded
from verify.universal import Clause, as_property

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "100"))
SEARCHED = 3_000  # states of an instance at most; what is beyond is not looked at
MOST_TASKS = 4
SECONDS = 10.0  # for a proof
KINDS = (
    "creates task", "broadcasts", "sets of threads", "shared pointers", "globals", "classes", "a number of tasks",
    "groups",
)  # fmt: skip


def some(examples: int) -> settings:
    """Settings with a number of examples; a system that fails is small enough as it is."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def violated(system: System, prop: Expr) -> int | None:
    """The least number of tasks with which a search finds a violation."""
    exact = exact_tasks(system)
    for tasks in range(1, MOST_TASKS + 1) if exact is None else [exact]:
        if tasks < least_tasks(system):
            continue
        if search(instance(system, tasks), prop, max_states=SEARCHED).trace is not None:
            return tasks
    return None


def invariant_of(system: System) -> Sequence[Clause]:
    """A universal invariant of a system with history, which Z3 accepts; another example if there is none."""
    try:
        clauses = universal_invariant(system, deadline=time.monotonic() + SECONDS)
        accepted = judge_universal(system, clauses, TRUE).ok
    except (NoViewsError, EncodingError):
        accepted = False
    assume(accepted)
    return clauses


def judge_universal(system: System, clauses: Sequence[Clause], prop: Expr) -> Judgement:
    """What the judge says; the obligations that certificates are checked with say the same, or nothing."""
    found = universal.judge_universal(system, clauses, prop)
    if prop != TRUE or not found.ok:  # else they will be asked again with a property
        assert shown(system, clauses, prop) in (found.ok, None)
    return found


def every(system: System, clauses: Sequence[Clause]) -> Expr:
    """All clauses, as one property of an instance."""
    return conj(as_property(system, clause) for clause in clauses)


def features(system: System) -> Iterator[str]:
    """What is special about a system."""
    updates = [update for action in system.actions for update in action.updates]
    yield from (f"creates {cls}" for cls in system.created)
    if any(update.each for update in updates):
        yield "broadcasts"
    if any(system.var(update.place).domain == Threads() for update in updates):
        yield "sets of threads"
    if any(isinstance(system.var(u.place).domain, Ptr) and not isinstance(u.place, Local) for u in updates):
        yield "shared pointers"
    if system.globals:
        yield "globals"
    if len(system.classes) > 1:
        yield "classes"
    if any(group.count is not None for group in system.groups):
        yield "a number of tasks"
    if len(system.groups) > 1:
        yield "groups"


@pytest.mark.slow
def test_what_z3_accepts_holds_in_every_state_of_small_instances() -> None:
    seen: Counter[str] = Counter()

    @some(EXAMPLES)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        plain = data.draw(systems())
        prop = data.draw(properties(plain))
        system = with_history(plain)
        clauses = invariant_of(system)
        seen.update({"proved", *features(plain)})
        assert violated(system, every(system, clauses)) is None
        try:
            implied = judge_universal(system, clauses, of_history(system, prop)).ok
        except EncodingError:
            return
        if implied:
            seen["implied"] += 1
            assert violated(plain, prop) is None
            assert violated(system, of_history(system, prop)) is None

    check()
    assert all(seen[kind] > 0 for kind in KINDS), seen
    assert seen["implied"] > EXAMPLES // 4


Questions = tuple[System, Expr, int]
WITHOUT_STATICS = (
    ("struct obj stat;", ""), ("&stat", "go"), (" with { x = 1; o = go; }", " with { x = 1; }"),
    ("struct semaphore sem = 1;", ""), ("down(&sem);", "write_lock(&current->rw);"),
    ("up(&sem);", "write_unlock(&current->rw);"),
)  # fmt: skip
STATICS_ALONE = (
    ("struct obj stat;", "struct obj stat, other;"), ("new struct obj", "nondet() ? &stat : &other"),
    *WITHOUT_STATICS[3:],
)  # fmt: skip


@st.composite
def open_questions(draw: st.DrawFn, changes: Sequence[tuple[str, str]] = WITHOUT_STATICS) -> Questions:
    """A random program, by default of objects that are all made, a property of it and a number of tasks."""
    example = draw(examples())
    text = reduce(lambda text, pair: text.replace(*pair), changes, example.text)
    note(text)
    try:
        program = load_text(text)
        low = lower(program, "system")
    except InputError:
        assume(condition=False)
        raise
    return low.system, invariant(program, low, example.invariant), max(2, least_tasks(low.system))


@pytest.mark.slow
def test_a_program_that_is_proved_for_any_number_of_tasks_has_no_violation_with_few() -> None:
    seen: Counter[str] = Counter()

    @some(EXAMPLES // 2)
    @given(open_questions())
    def check(question: Questions) -> None:
        system, prop, _ = question
        outcome = prove_unbounded(
            system, prop, guesses(system, prop), Tried(), Passes(), deadline=time.monotonic() + SECONDS,
            report=lambda _: None,
        )  # fmt: skip
        seen["asked"] += 1
        if isinstance(outcome, Proved):
            seen.update({"proved", *features(system)})
            assert violated(system, prop) is None
        else:
            seen[outcome] += 1

    check()
    assert seen["proved"] > EXAMPLES // 8, seen
    assert seen["creates obj"] > 0


@pytest.mark.slow
def test_programs_of_static_objects_are_proved_and_have_no_violation_with_few_tasks() -> None:
    seen: Counter[str] = Counter()

    @some(EXAMPLES // 2)
    @given(open_questions(STATICS_ALONE))
    def check(question: Questions) -> None:
        system, prop, tasks = question
        told = without_statics(system, prop)
        assume(not any(static.cls == "obj" for static in told.system.statics))
        seen["told"] += 1
        plain = search(instance(system, tasks), prop, max_states=SEARCHED)
        same = search(instance(told.system, tasks), told.prop(prop), max_states=SEARCHED)
        assert (plain.trace is None, plain.complete, plain.states) == (same.trace is None, same.complete, same.states)
        outcome = prove_unbounded(
            system, prop, guesses(system, prop), Tried(), Passes(), deadline=time.monotonic() + SECONDS,
            report=lambda _: None,
        )  # fmt: skip
        if isinstance(outcome, Proved):
            seen["proved"] += 1
            assert violated(system, prop) is None

    check()
    assert seen["proved"] > seen["told"] // 4 > 0, seen


@pytest.mark.slow
@some(max(EXAMPLES // 6, 10))
@given(st.data())
def test_no_corruption_of_an_invariant_is_accepted_that_does_not_hold(data: st.DataObject) -> None:
    system = with_history(data.draw(systems()))
    clauses = list(invariant_of(system))
    for _ in range(3):
        other = corrupted(data, clauses)
        if judge_universal(system, other, TRUE).ok:
            assert violated(system, every(system, other)) is None


def corrupted(data: st.DataObject, clauses: Sequence[Clause]) -> list[Clause]:
    """Some clauses dropped, said elsewhere, or saying more or less."""
    return [new for clause in clauses for new in changed(data, clause, data.draw(st.sampled_from(clauses)))]


def changed(data: st.DataObject, clause: Clause, other: Clause) -> list[Clause]:
    """One clause, corrupted perhaps with what another says."""
    alike = (other.thread, other.cls) == (clause.thread, clause.cls)
    match data.draw(st.sampled_from(["keep"] * 5 + ["drop", "false", "true", "fewer", "everywhere", "both", "other"])):
        case "drop":
            return []
        case "false":
            return [replace(clause, body=FALSE)]
        case "true":
            return [replace(clause, body=TRUE)]
        case "fewer" if clause.locations:
            some = data.draw(st.sets(st.sampled_from(sorted(clause.locations))))
            return [replace(clause, locations=frozenset(some))]
        case "everywhere" if clause.thread:
            return [replace(clause, locations=None)]
        case "both" if alike:
            return [replace(clause, body=Binary("&&", clause.body, other.body))]
        case "other" if alike:
            return [replace(clause, body=other.body)]
        case _:
            return [clause]


@pytest.mark.slow
@some(max(EXAMPLES // 4, 10))
@given(open_questions())
def test_history_changes_no_verdict(question: Questions) -> None:
    system, prop, tasks = question
    told = with_history(system)
    plain = search(instance(system, tasks), prop, max_states=SEARCHED)
    found = search(instance(told, tasks), of_history(told, prop), max_states=4 * SEARCHED)
    if plain.trace is not None:
        assert found.trace is not None or not found.complete
    elif plain.complete:
        assert found.trace is None


@pytest.mark.slow
@some(max(EXAMPLES // 4, 10))
@given(open_questions())
def test_what_is_pending_changes_no_verdict(question: Questions) -> None:
    system, prop, tasks = question
    told = with_pending(system)
    plain = search(instance(system, tasks), prop, max_states=SEARCHED)
    found = search(instance(told, tasks), prop, max_states=4 * SEARCHED)
    if plain.trace is not None:
        assert found.trace is not None
        assert len(found.trace.steps) == len(plain.trace.steps)
    elif plain.complete:
        assert found.trace is None
