"""The generated search against the definition."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import Space, equal, life, properties, spaces
from verify.engine.packing import layout, pack
from verify.engine.search import REPORT_SECONDS, Search, search, shortest
from verify.engine.stepcode import Sink, compiled, predicate
from verify.engine.verdict import Progress
from verify.instances import Instance, instance
from verify.ir import (
    LIFE,
    PC,
    PUBLISHED,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    System,
    Unary,
    Update,
    Var,
)
from verify.semantics import holds, replay, stuck
from verify.source import NOWHERE


@pytest.mark.slow
@given(spaces())
@settings(max_examples=100, deadline=None)
def test_every_state_and_transition_is_found(space: Space) -> None:
    got = search(space.instance, None, symmetry=False)
    assert (got.states, got.transitions, got.depth) == (len(space.states), len(space.steps), max(space.depths.values()))
    assert got.complete
    assert got.trace is None


@pytest.mark.slow
@given(spaces())
@settings(max_examples=60, deadline=None)
def test_each_state_has_the_successors_of_the_definition(space: Space) -> None:
    places = layout(space.instance)
    packed = [pack(places, state) for state in space.states]
    wanted: dict[int, list[int]] = {number: [] for number in range(len(packed))}
    for pre, _, post in space.steps:
        wanted[pre].append(packed[post])
    seen: dict[int, int | None] = {}
    step = compiled(places, Sink(seen, lambda _: None))
    for number, state in enumerate(packed):
        seen.clear()
        assert step([state], None) == len(wanted[number])
        assert seen == dict.fromkeys(wanted[number], state)


@pytest.mark.slow
@given(spaces(), st.data())
@settings(max_examples=100, deadline=None)
def test_the_shortest_run_is_found(space: Space, data: st.DataObject) -> None:
    prop = data.draw(properties(space.instance.system))
    length = space.depth(lambda state: not holds(space.instance, prop, state))
    got = search(space.instance, prop, symmetry=False)
    assert got.complete == (length is None)
    assert (got.trace is None) == (length is None)
    if got.trace is not None:
        assert len(got.trace.steps) == got.depth == length
        assert replay(got.trace)
        assert not holds(space.instance, prop, got.trace.states[-1])
        assert all(holds(space.instance, prop, state) for state in got.trace.states[:-1])


@pytest.mark.slow
@given(spaces(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_predicate_is_the_property(space: Space, data: st.DataObject) -> None:
    prop = data.draw(properties(space.instance.system, ordered=True))
    places = layout(space.instance)
    test = predicate(places, prop)
    for state in space.states:
        assert test(pack(places, state)) == holds(space.instance, prop, state)


@pytest.mark.slow
@given(spaces(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_nearest_deadlock_is_found(space: Space, symmetry: bool) -> None:  # noqa: FBT001 - drawn
    length = space.depth(lambda state: stuck(space.instance, state))
    got = search(space.instance, None, symmetry=symmetry, deadlock=True)
    assert got.deadlock == (length is not None) == (not got.complete)
    if got.trace is not None:
        assert len(got.trace.steps) == length
        assert replay(got.trace)
        assert stuck(space.instance, got.trace.states[-1])


# ---- by hand -------------------------------------------------------------------------------------


def counting(most: int, *, tasks_help: bool = False) -> System:
    """Each task counts one global up, by one each time; with `tasks_help` by how many tasks there are."""
    micro = (Micro("f.up", "f", NOWHERE),)
    step: Expr = Const(1)
    if tasks_help:
        step = Binary("+", Const(1), Quant("exists", Binder("t", Ptr("task")), Binary("!=", Bound("t"), Me())))
    up = Binary("+", Global("n"), step)
    count = Action(1, 1, Binary("<=", up, Const(most)), (Update(Global("n"), up),), micro)
    return System(
        name="counting",
        classes={"task": Class("task", (Var(LIFE, Range(0, 2)), Var("seen", Range(0, 1))))},
        thread="task",
        globals=(Var("n", Range(0, most)),),
        locals=(Var(PC, Range(0, 2)),),
        locations=(Location("idle", "idle"), Location("f:1", function="f"), Location("f:end", "end")),
        actions=(count,),
        groups=(Group("g", None, 1, {}),),
    )


def below(number: int) -> Expr:
    return Binary("<", Global("n"), Const(number))


def test_the_deadline_ends_a_search() -> None:
    got = search(instance(counting(50), 2), below(90), deadline=time.monotonic())
    assert got == Search(None, complete=False, states=1, transitions=0, depth=-1)


def test_the_deadline_is_looked_at_between_levels() -> None:
    until = time.monotonic() + 0.3
    got = search(instance(counting(1_000_000), 2), None, deadline=until)
    assert time.monotonic() < until + 30
    assert not got.complete
    assert got.states == got.depth + 2  # one state of the next level is known, but none was shown to be the last
    assert got.transitions == 2 * (got.depth + 1)


def test_room_ends_a_search() -> None:
    got = search(instance(counting(50), 2), None, max_states=10)
    assert (got.complete, got.states, got.depth) == (False, 10, 8)


def test_depth_ends_a_search() -> None:
    inst = instance(counting(9), 1)
    assert search(inst, below(5), max_depth=4) == Search(None, complete=False, states=5, transitions=4, depth=4)
    assert search(inst, below(5), max_depth=5).trace is not None
    assert search(inst, None, max_depth=10) == Search(None, complete=True, states=10, transitions=9, depth=9)


def test_a_run_that_takes_too_long_to_replay_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.engine.search.LONGEST", 4)
    inst = instance(counting(9), 1)
    assert search(inst, below(5)) == Search(None, complete=False, states=6, transitions=5, depth=4)
    assert search(inst, below(4)).trace is not None
    assert search(inst, None).complete


def test_a_bad_initial_state_is_a_run_of_no_steps() -> None:
    got = search(instance(counting(9), 1), below(0))
    assert got.trace is not None
    assert (got.depth, len(got.trace.states), got.trace.steps) == (0, 1, ())


def test_a_search_says_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.engine.search.REPORT_SECONDS", 0.0)
    said: list[Progress] = []
    search(instance(counting(9), 2), None, report=said.append)
    assert REPORT_SECONDS > 0
    assert {progress.phase for progress in said} == {"search"}
    assert said[-1].figures == {"tasks": 2, "states": 10, "depth": 9}
    assert [progress.figures["depth"] for progress in said] == [-1, *range(10)]


def test_deadlock_and_bad_state_compete_for_the_shortest_run() -> None:
    inst = instance(counting(3), 2)
    stuck_at_3 = search(inst, None, deadlock=True)
    assert stuck_at_3.deadlock
    assert stuck_at_3.depth == 3
    assert stuck_at_3.trace is not None
    assert stuck(inst, stuck_at_3.trace.states[-1])
    nearer = search(inst, below(2), deadlock=True)
    assert (nearer.deadlock, nearer.depth) == (False, 2)
    same = search(inst, below(3), deadlock=True)
    assert (same.deadlock, same.depth) == (False, 3)


def test_a_deadlock_at_the_last_depth_is_found() -> None:
    inst = instance(counting(3), 2)
    assert not search(inst, None, deadlock=True, max_depth=2).deadlock
    got = search(inst, None, deadlock=True, max_depth=3)
    assert got.deadlock
    assert got.depth == 3


def sized(system: System) -> Mapping[int, Instance]:
    return {count: instance(system, count) for count in (1, 2, 3)}


def test_larger_instances_may_have_shorter_runs() -> None:
    sizes = sized(counting(9, tasks_help=True))
    got = shortest(sizes.__getitem__, below(6), [1, 2, 3])
    assert got.trace is not None
    assert len(got.trace.steps) == 3
    assert got.trace.instance is sizes[2]
    assert got.finished
    assert [made.depth for made in got.searches.values()] == [6, 3, 2]
    assert [made.trace is None for made in got.searches.values()] == [False, False, True]


def test_no_size_has_a_run() -> None:
    got = shortest(sized(counting(9)).__getitem__, below(10), [1, 2, 3])
    assert (got.trace, got.finished, got.deadlock) == (None, True, False)
    assert all(made.complete for made in got.searches.values())


def test_growth_stops_when_time_is_up_or_the_run_is_empty() -> None:
    late = shortest(sized(counting(9)).__getitem__, below(10), [1, 2, 3], deadline=time.monotonic())
    assert (late.trace, late.finished, list(late.searches)) == (None, False, [1])
    empty = shortest(sized(counting(9)).__getitem__, below(0), [1, 2, 3])
    assert list(empty.searches) == [1]
    assert empty.finished


def test_every_run_is_the_same() -> None:
    system = counting(4)
    extra = replace(system.actions[0], target=2, updates=(Update(Field(Me(), "task", "seen"), Const(1)),))
    inst = instance(replace(system, actions=(*system.actions, extra)), 3)
    prop = Unary("!", Quant("forall", Binder("t", Ptr("task")), equal(Local(PC, Bound("t")), 2)))
    first, second = search(inst, prop), search(inst, prop)
    assert first == second
    assert first.trace is not None
    assert first.depth == 3
    assert not search(inst, equal(life(Const(1), "task"), PUBLISHED)).trace
