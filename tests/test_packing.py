"""A packed state is the state."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import systems
from verify.engine.packing import beginnings, layout, pack, unpack
from verify.instances import instance, least_tasks
from verify.ir import LIFE, System
from verify.semantics import initial_states


@pytest.mark.slow
@given(systems(), st.integers(0, 2), st.data())
@settings(max_examples=60, deadline=None)
def test_unpack_undoes_pack(system: System, more: int, data: st.DataObject) -> None:
    inst = instance(system, least_tasks(system) + more)
    places = layout(inst)
    state = {slot: data.draw(st.sampled_from(inst.values(var.domain))) for slot, var in inst.slots().items()}
    packed = pack(places, state)
    assert unpack(places, packed) == state
    assert 0 <= packed < 1 << places.size


@pytest.mark.slow
@given(systems(), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_no_two_slots_share_a_bit(system: System, more: int) -> None:
    inst = instance(system, least_tasks(system) + more)
    places = layout(inst)
    assert places.bits.keys() == inst.slots().keys()
    used = [shift + i for shift, width, _, _ in places.bits.values() for i in range(width)]
    assert sorted(used) == list(range(places.size))


@pytest.mark.slow
@given(systems(), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_beginnings_are_the_initial_states(system: System, more: int) -> None:
    inst = instance(system, least_tasks(system) + more)
    places = layout(inst)
    assert [unpack(places, packed) for packed in beginnings(places)] == list(initial_states(inst))


@pytest.mark.slow
@given(systems())
@settings(max_examples=20, deadline=None)
def test_a_value_outside_its_domain_is_refused(system: System) -> None:
    inst = instance(system, least_tasks(system))
    places = layout(inst)
    slot = next(slot for slot in places.bits if slot.name == LIFE)
    state = dict(next(iter(initial_states(inst)))) | {slot: 3}
    with pytest.raises(ValueError, match="outside its domain"):
        pack(places, state)
