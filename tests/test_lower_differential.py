"""Random programs: every pass between lowering and the engines keeps the verdict, or errs on the side it promises.

The measure is the exhaustive search of the plain system. VERIFY_EXAMPLES is the number of programs, 40 unless told.
"""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from tests.programs import Example, examples
from verify.diagnostics import InputError
from verify.engine.search import Search, search
from verify.engine.verdict import Proved, Refuted
from verify.instances import instance, least_tasks
from verify.ir import Expr, System
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.expand import expand
from verify.lower.localize import localize, shared_keys
from verify.lower.reduce import reduce
from verify.lower.registers import share_locals
from verify.lower.relevant import first_keys
from verify.lower.scenario import branches, scenario, suspects, ways
from verify.lower.slice import slice_for
from verify.question import Memory, Question
from verify.semantics import holds, replay
from verify.smt import accepts
from verify.strategy import decide
from verify.syntax import load_text

pytestmark = pytest.mark.slow
STATES = 6_000  # of the plain system, at most
MORE = 10_000  # of a system with more runs
SETTINGS = settings(
    max_examples=int(os.environ.get("VERIFY_EXAMPLES", "40")),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[System, Expr, int]:
    """A lowered program, a property of it and a number of tasks."""
    example: Example = draw(examples())
    note(str(example))
    try:
        program = load_text(example.text)
        lowered = lower(program, "system")
    except InputError as error:
        note(str(error))
        assume(False)
        raise
    tasks = max(example.tasks, least_tasks(lowered.system))
    return lowered.system, invariant(program, lowered, example.invariant), tasks


def plain_search(system: System, prop: Expr, tasks: int) -> Search:
    """The exhaustive search of the plain system; another example if there is too much to explore."""
    found = search(instance(system, tasks), prop, max_states=STATES)
    assume(found.trace is not None or found.complete)
    return found


def violated(system: System, prop: Expr, tasks: int) -> bool | None:
    """Whether a search finds a violation; None if it comes to no end."""
    found = search(instance(system, tasks), prop, max_states=MORE)
    return True if found.trace is not None else False if found.complete else None


@SETTINGS
@given(questions())
def test_reduction_keeps_the_verdict(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    small = reduce(system, prop)
    found = search(instance(small, tasks), prop, max_states=STATES)
    assert (found.trace is None) == (plain.trace is None)
    if found.trace is not None and plain.trace is not None:
        assert len(found.trace.steps) <= len(plain.trace.steps)
        whole = expand(found.trace, instance(system, tasks), shared_keys(system)).trace
        assert whole is not None
        assert replay(whole)
        assert not holds(whole.instance, prop, whole.states[-1])


@SETTINGS
@given(questions())
def test_a_slice_loses_no_violation_and_invents_none_but_through_references(
    question: tuple[System, Expr, int],
) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    small = slice_for(reduce(slice_for(system, prop), prop), prop)
    found = violated(small, prop, tasks)
    if plain.trace is not None:
        assert found is not False
    elif found:
        trace = search(instance(small, tasks), prop, max_states=MORE).trace
        assert trace is not None
        assert expand(trace, instance(system, tasks), shared_keys(system)).trace is None


@SETTINGS
@given(questions(), st.data())
def test_a_localization_loses_no_violation(question: tuple[System, Expr, int], data: st.DataObject) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    rest = sorted(shared_keys(system) - first_keys(system, prop))
    known = first_keys(system, prop) | data.draw(st.sets(st.sampled_from(rest)))
    small = slice_for(localize(system, known), prop)
    if plain.trace is not None:
        assert violated(small, prop, tasks) is not False
        reduced = slice_for(reduce(small, prop), prop)
        assert violated(reduced, prop, tasks) is not False


@SETTINGS
@given(questions())
def test_shared_locals_change_nothing(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    few = share_locals(system)
    assert len(few.locals) <= len(system.locals)
    found = search(instance(few, tasks), prop, max_states=STATES)
    assert (found.trace is None) == (plain.trace is None)
    if found.trace is not None and plain.trace is not None:
        assert len(found.trace.steps) == len(plain.trace.steps)


@SETTINGS
@given(questions())
def test_a_violation_of_a_scenario_is_one_of_the_whole(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    for chosen in suspects(ways(system), prop):
        found = search(instance(scenario(system, chosen), tasks), prop, max_states=STATES)
        if found.trace is not None:
            assert plain.trace is not None
            assert len(found.trace.steps) >= len(plain.trace.steps)


@SETTINGS
@given(questions())
def test_what_is_violated_is_not_called_impossible(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    if plain_search(system, prop, tasks).trace is not None:
        every = frozenset(branches(system))
        assert any(chosen <= every for chosen in suspects(ways(system), prop))
        assert search(instance(scenario(system, every), tasks), prop, max_states=STATES).trace is not None


@SETTINGS
@given(questions())
def test_the_decision_is_that_of_an_exhaustive_search(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    hunt = plain.trace is not None
    for expected in (hunt, not hunt):
        asked = Question(
            system, prop, tasks, time.monotonic() + 60, "auto", lambda _: None, reduce=True, slice=True,
            memory=Memory(), hunt=expected,
        )
        match decide(asked):
            case Proved(scope=scope):
                assert plain.trace is None
                assert scope.tasks in (None, tasks)
            case Refuted(trace=trace):
                assert replay(trace)
                assert not holds(trace.instance, prop, trace.states[-1])
                assert accepts(trace, prop)
                assert trace.instance.tasks < tasks or plain.trace is not None


