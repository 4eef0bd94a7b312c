"""Invariants from overlapping projections, against the definition: sound, inductive, exact where they claim to be."""

from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import Space as Explored
from tests.strategies import properties, spaces
from verify.engine.blocks import Freedom, all_objects, freedom
from verify.engine.diagrams import Space, space
from verify.engine.fixpoint import Closure, close, steps_of
from verify.engine.relations import Relations, Shape, every_block, initial, relation
from verify.engine.symbolic import Reading, truth
from verify.engine.valuesets import value_sets
from verify.engine.views import find_invariant, shapes
from verify.instances import Instance, State
from verify.ir import Expr
from verify.semantics import Context, evaluate, holds, successors

LIMIT = 20_000  # states to enumerate
COMMON = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip


def member(of: Space, node: object, state: State) -> bool:
    """Whether a state is in a set of states."""
    bits: dict[str, bool] = {}
    for slot, table in of.codes.items():
        bits |= table[state[slot]]
    return bool(of.manager.let(bits, node) == of.true)


def fixpoint(inst: Instance, prop: Expr, shape: Shape, *, free: bool = True) -> Relations:
    """The relations of a shape, closed under every step."""
    found = freedom(inst, prop)
    if not free:
        found = Freedom(found.thread, found.sizes, found.sizes)
    relations = initial(space(inst, value_sets(inst)), found, shape)
    close(Closure(relations, steps_of(inst, inst.system.actions)), lambda: None, lambda: None)
    return relations


def all_states(inst: Instance) -> list[State] | None:
    """Every state, reachable or not; None if they are too many."""
    slots = inst.slots()
    count = 1
    for var in slots.values():
        count *= len(inst.values(var.domain))
    if count > LIMIT:
        return None
    every = product(*(inst.values(var.domain) for var in slots.values()))
    return [dict(zip(slots, values, strict=True)) for values in every]


@COMMON
@given(st.data())
def test_truth_is_what_the_definition_says(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=60))
    inst = explored.instance
    diagrams = space(inst, value_sets(inst))
    prop = data.draw(properties(inst.system))
    node = truth(prop, Reading(diagrams))
    for state in explored.states:
        assert member(diagrams, node, state) == holds(inst, prop, state)
    for action in inst.system.actions:
        if not action.binders:
            node = truth(action.guard, Reading(diagrams, me=1))
            for state in explored.states:
                assert member(diagrams, node, state) == bool(evaluate(action.guard, Context(inst, state, 1)))


@COMMON
@given(st.data())
def test_everything_in_one_block_is_exactly_the_reachable_states(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=200))
    inst = explored.instance
    prop = data.draw(properties(inst.system))
    shape = (inst.tasks, len(all_objects(inst)))
    relations = fixpoint(inst, prop, shape, free=False)
    (block,) = every_block(relations)
    node = relation(relations, block)
    assert all(member(relations.space, node, state) for state in explored.states)
    bits = sum(len(names) for names in relations.space.bits.values())
    assert node.count(bits) == len(explored.states)


@COMMON
@given(st.data())
def test_relations_hold_in_every_reachable_state(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=200))
    inst = explored.instance
    prop = data.draw(properties(inst.system))
    shape = data.draw(st.sampled_from(shapes(inst)))
    relations = fixpoint(inst, prop, shape)
    for block in every_block(relations):
        node = relation(relations, block)
        used = relations.space.slots_of(node) if node.support else ()
        bits = set().union(*(relations.space.bits[slot] for slot in used))
        assert bits <= set(relations.space.owner)
        assert all(member(relations.space, node, state) for state in explored.states)


@COMMON
@given(st.data())
def test_what_is_found_is_inductive_and_implies_the_property(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=200))
    inst = explored.instance
    prop = data.draw(properties(inst.system))
    found = find_invariant(inst, prop)
    safe = all(holds(inst, prop, state) for state in explored.states)
    assert found.refuted == (not safe)
    assert (found.invariant is not None) == safe
    if found.invariant is None:
        return
    parts = found.invariant.clauses

    def inside(state: State) -> bool:
        return all(holds(inst, part, state) for part in parts)

    assert all(inside(state) for state in explored.states)
    for state in all_states(inst) or explored.states:
        if inside(state):
            assert holds(inst, prop, state)
            assert all(inside(post) for _, post in successors(inst, state))
