"""Bounded search finds exactly the shortest violation, and Z3 accepts exactly the real runs."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import handmade
from tests.strategies import Space, properties, spaces
from verify.instances import Slot, Step, Trace, instance
from verify.ir import (
    BOOL,
    FALSE,
    LIFE,
    PC,
    TRUE,
    Action,
    Binary,
    Class,
    Const,
    Expr,
    Global,
    Group,
    Location,
    Micro,
    Range,
    System,
    Update,
    Var,
)
from verify.semantics import SemanticsError, holds, replay, stuck, successors
from verify.smt import EncodingError, accepts, accepts_deadlock, bmc
from verify.source import NOWHERE

RUN = settings(
    max_examples=int(os.environ.get("VERIFY_EXAMPLES", "100")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
DEPTH = 6


@RUN
@given(spaces(limit=150), st.data())
def test_bmc_finds_exactly_the_shortest_violation(space: Space, data: st.DataObject) -> None:
    inst = space.instance
    prop = data.draw(properties(inst.system))
    want = space.depth(lambda state: not holds(inst, prop, state))
    found = bmc(inst, prop, max_steps=DEPTH)
    if want is None or want > DEPTH:
        assert (found.trace, found.steps) == (None, DEPTH)
    else:
        assert found.trace is not None
        assert (len(found.trace.steps), found.steps) == (want, want - 1)
        assert replay(found.trace)
        assert not holds(inst, prop, found.trace.states[-1])
        assert accepts(found.trace, prop)


@st.composite
def runs(draw: st.DrawFn) -> Trace:
    """A run of up to 8 steps of a random instance."""
    space = draw(spaces(limit=150))
    states = [draw(st.sampled_from([s for s in space.states if space.depths[tuple(s.values())] == 0]))]
    steps: list[Step] = []
    for _ in range(draw(st.integers(0, 8))):
        if ways := list(successors(space.instance, states[-1])):
            step, state = draw(st.sampled_from(ways))
            steps.append(step)
            states.append(dict(state))
    return Trace(space.instance, states, steps)


def real(trace: Trace) -> bool:
    """Whether it is a run by the definition."""
    try:
        return replay(trace)
    except SemanticsError:
        return False


@RUN
@given(runs())
def test_z3_accepts_every_run(run: Trace) -> None:
    assert accepts(run, FALSE)
    assert not accepts(run, TRUE)
    assert accepts_deadlock(run) == stuck(run.instance, run.states[-1])


@RUN
@given(runs(), st.data())
def test_z3_refuses_a_run_with_one_value_altered(run: Trace, data: st.DataObject) -> None:
    slots = run.instance.slots()
    at = data.draw(st.integers(0, len(run.steps)))
    slot = data.draw(st.sampled_from(sorted(slots)))
    values = run.instance.values(slots[slot].domain)
    value = data.draw(st.sampled_from([*values, values[0] - 1, values[-1] + 1]))
    states = [*run.states[:at], {**run.states[at], slot: value}, *run.states[at + 1 :]]
    altered = replace(run, states=states)
    assert accepts(altered, FALSE) == (value in values and real(altered))
    if value not in values:
        assert not real(altered) or at == len(run.steps)


@RUN
@given(runs(), st.data())
def test_z3_refuses_a_run_with_one_step_altered(run: Trace, data: st.DataObject) -> None:
    actions = run.instance.system.actions
    if not run.steps:
        return
    at = data.draw(st.integers(0, len(run.steps) - 1))
    step = run.steps[at]
    other = data.draw(
        st.one_of(
            st.builds(step._replace, thread=st.integers(0, run.instance.tasks + 1)),
            st.builds(step._replace, action=st.sampled_from(actions)),
            st.builds(step._replace, choice=st.tuples(st.integers(-2, 4))),
            st.builds(step._replace, choice=st.just((*step.choice, 1))),
            st.just(step._replace(action=replace(step.action, guard=TRUE, source=step.action.source + 1))),
        )
    )
    altered = replace(run, steps=[*run.steps[:at], other, *run.steps[at + 1 :]])
    known = 1 <= other.thread <= run.instance.tasks
    assert accepts(altered, FALSE) == (known and real(altered))


def test_z3_refuses_what_is_no_run_at_all() -> None:
    run = handmade.attack()
    assert accepts(run, handmade.INVARIANT)
    assert not accepts(replace(run, steps=run.steps[1:]), handmade.INVARIANT)
    assert not accepts(replace(run, states=[], steps=[]), handmade.INVARIANT)
    assert not accepts(replace(run, states=run.states[1:], steps=run.steps[1:]), handmade.INVARIANT)
    assert not accepts(replace(run, states=run.states[:-1], steps=run.steps[:-1]), handmade.INVARIANT)
    more = {**run.states[0], Slot("", 0, "more"): 0}
    assert not accepts(replace(run, states=[more, *run.states[1:]]), handmade.INVARIANT)


@pytest.mark.slow
def test_a_long_run_is_accepted_within_a_second() -> None:
    """60 steps of five tasks."""
    inst = instance(handmade.system(), 5)
    space = [dict(handmade.shortest(inst, FALSE).states[0])]
    steps: list[Step] = []
    while len(steps) < 60 and (ways := list(successors(inst, space[-1]))):
        steps.append(ways[len(steps) % len(ways)][0])
        space.append(dict(ways[len(steps) % len(ways)][1]))
