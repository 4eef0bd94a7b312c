"""The generated search against the definition."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import Space, properties, spaces
from verify.engine.packing import layout, pack
from verify.engine.search import search
from verify.engine.stepcode import Sink, compiled, predicate
from verify.semantics import holds, replay, stuck


@given(spaces())
@settings(max_examples=150, deadline=None)
def test_every_state_and_transition_is_found(space: Space) -> None:
    got = search(space.instance, None, symmetry=False)
    assert (got.states, got.transitions, got.depth) == (len(space.states), len(space.steps), max(space.depths.values()))
    assert got.complete
    assert got.trace is None


@given(spaces())
@settings(max_examples=100, deadline=None)
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


@given(spaces(), st.data())
@settings(max_examples=150, deadline=None)
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


@given(spaces(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_predicate_is_the_property(space: Space, data: st.DataObject) -> None:
    prop = data.draw(properties(space.instance.system, ordered=True))
    places = layout(space.instance)
    test = predicate(places, prop)
    for state in space.states:
        assert test(pack(places, state)) == holds(space.instance, prop, state)


@given(spaces(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_nearest_deadlock_is_found(space: Space, symmetry: bool) -> None:  # noqa: FBT001 - drawn
    length = space.depth(lambda state: stuck(space.instance, state))
    got = search(space.instance, None, symmetry=symmetry, deadlock=True)
    assert got.deadlock == (length is not None) == (not got.complete)
    if got.trace is not None:
        assert len(got.trace.steps) == length
        assert replay(got.trace)
        assert stuck(space.instance, got.trace.states[-1])
