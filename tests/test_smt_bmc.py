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
from verify.instances import Instance, Slot, Step, Trace, instance
from verify.ir import (
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
    Ite,
    Location,
    Me,
    Micro,
    Ptr,
    Range,
    System,
    Update,
    Var,
)
from verify.semantics import SemanticsError, holds, initial_states, replay, stuck, successors
from verify.smt import Bmc, EncodingError, Terms, accepts, accepts_deadlock, bmc
from verify.source import NOWHERE

RUN = settings(
    max_examples=int(os.environ.get("VERIFY_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
DEPTH = 6


@pytest.mark.slow
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


@pytest.mark.slow
@RUN
@given(runs())
def test_z3_accepts_every_run(run: Trace) -> None:
    assert accepts(run, FALSE)
    assert not accepts(run, TRUE)
    assert accepts_deadlock(run) == stuck(run.instance, run.states[-1])


@pytest.mark.slow
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


@pytest.mark.slow
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


KEPT = Terms()


@pytest.mark.slow
@RUN
@given(runs(), st.data())
def test_terms_of_other_runs_change_no_answer(run: Trace, data: st.DataObject) -> None:
    slot = data.draw(st.sampled_from(sorted(run.instance.slots())))
    at = data.draw(st.integers(0, len(run.steps)))
    states = [*run.states[:at], {**run.states[at], slot: run.states[at][slot] + 1}, *run.states[at + 1 :]]
    for one in (run, replace(run, states=states), run):
        assert accepts(one, FALSE, KEPT) == accepts(one, FALSE)
        assert accepts_deadlock(one, KEPT) == accepts_deadlock(one)


def test_z3_refuses_what_is_no_run_at_all() -> None:
    run = handmade.attack()
    assert accepts(run, handmade.INVARIANT)
    assert not accepts(replace(run, steps=run.steps[1:]), handmade.INVARIANT)
    assert not accepts(replace(run, states=[], steps=[]), handmade.INVARIANT)
    assert not accepts(replace(run, states=run.states[1:], steps=run.steps[1:]), handmade.INVARIANT)
    assert not accepts(replace(run, states=run.states[:-1], steps=run.steps[:-1]), handmade.INVARIANT)
    more = {**run.states[0], Slot("", 0, "more"): 0}
    assert not accepts(replace(run, states=[more, *run.states[1:]]), handmade.INVARIANT)


# ---- by hand -------------------------------------------------------------------------------------


def ring(tasks: int, *, modulus: int = 200, top: int = 255, fields: int = 0) -> Instance:
    """Tasks that pass a turn round; each adds 1 to a counter, modulo something."""
    me, turn, count = Me(), Global("turn"), Global("count")
    following = Ite(Binary("==", me, Const(tasks)), Const(1), Binary("+", me, Const(1)))
    step = Update(count, Binary("%", Binary("+", count, Const(1)), Const(modulus)))
    action = Action(1, 1, Binary("==", turn, me), (step, Update(turn, following)), (Micro("pass", "user", NOWHERE),))
    system = System(
        "ring",
        {"task": Class("task", (Var(LIFE, Range(0, 2)), *(Var(f"f{i}", Range(0, 15)) for i in range(fields))))},
        "task",
        (Var("turn", Ptr("task"), default=1), Var("count", Range(0, top))),
        (Var(PC, Range(0, 2)),),
        (Location("idle", "idle"), Location("user"), Location("end", "end")),
        (action,),
        (Group("user", tasks, 1, {}),),
        initial={("task", f"f{i}"): i for i in range(fields)},
    )
    return instance(system, tasks)


def below(limit: int) -> Expr:
    return Binary("<", Global("count"), Const(limit))


def test_steps_say_how_far_nothing_was_found() -> None:
    assert bmc(ring(3), below(5), max_steps=4) == Bmc(None, 4)
    found = bmc(ring(3), below(5), max_steps=5)
    assert found.trace is not None
    assert [step.thread for step in found.trace.steps] == [1, 2, 3, 1, 2]
    assert found.steps == 4
    assert bmc(ring(3), below(0), max_steps=9).steps == -1
    assert bmc(ring(3), below(1), max_steps=0) == Bmc(None, 0)


def test_after_the_deadline_nothing_is_shown() -> None:
    assert bmc(ring(2), below(5), max_steps=9, deadline=time.monotonic() - 1) == Bmc(None, -1)
    assert bmc(ring(2), below(5), max_steps=9, deadline=time.monotonic() + 60).steps == 4


def test_progress_is_reported_step_by_step() -> None:
    said: list[tuple[str, dict[str, int]]] = []
    bmc(ring(2), below(3), max_steps=9, report=lambda phase, figures: said.append((phase, dict(figures))))
    assert said == [("unrolling", {"steps": k}) for k in range(3)]


def test_a_system_without_actions_has_runs_of_no_step() -> None:
    inst = ring(2)
    still = Instance(replace(inst.system, actions=()), inst.tasks, inst.sizes)
    assert bmc(still, below(1), max_steps=3) == Bmc(None, 3)
    first = next(iter(initial_states(still)))
    assert accepts_deadlock(Trace(still, [first], []))
    assert not accepts_deadlock(Trace(inst, [first], []))


def test_a_store_outside_the_domain_is_an_error() -> None:
    inst = ring(2, modulus=6, top=4)
    assert bmc(inst, below(4), max_steps=9).steps == 3
    with pytest.raises(EncodingError, match="a run of 5 steps stores a value outside its domain"):
        bmc(inst, TRUE, max_steps=9)
    states = [next(iter(initial_states(inst)))]
    steps = []
    while states[-1][Slot("", 0, "count")] < 4:
        step, state = next(iter(successors(inst, states[-1])))
        states.append(state)
        steps.append(step)
    assert accepts(Trace(inst, states, steps), below(4))
    beyond = {**states[-1], Slot("", 0, "count"): 5, Slot("", 0, "turn"): 2}
    assert not accepts(Trace(inst, [*states, beyond], [*steps, steps[0]]), FALSE)


@pytest.mark.slow
def test_a_run_of_60_steps_is_accepted() -> None:
    inst = ring(6, fields=12)
    states = [next(iter(initial_states(inst)))]
    steps = []
    for _ in range(60):
        step, state = next(iter(successors(inst, states[-1])))
        states.append(state)
        steps.append(step)
    assert accepts(Trace(inst, states, steps), below(60))  # in exponential time this would not end
