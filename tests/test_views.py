"""Invariants from overlapping projections against the definition: sound, inductive, exact where they claim to be."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import handmade
from tests.strategies import Space as Explored
from tests.strategies import properties, spaces
from tests.test_bdd import leave_out_cudd
from verify.engine import refinement
from verify.engine.bdd import Node
from verify.engine.blocks import (
    Block,
    Freedom,
    Permutation,
    all_objects,
    blocks,
    canonical,
    freedom,
    identity,
    inverse,
    move,
    stabilizer,
)
from verify.engine.creators import with_makers
from verify.engine.diagrams import Space, space
from verify.engine.fixpoint import Closure, close, steps_of
from verify.engine.localize import distances, least
from verify.engine.relations import Relations, Shape, every_block, initial, relation
from verify.engine.symbolic import Reading, truth
from verify.engine.valuesets import WIDEST, TooWideError, possible, value_sets
from verify.engine.verdict import Progress
from verify.engine.views import Found, find_invariant, shapes
from verify.instances import THREAD, Instance, State, instance
from verify.ir import (
    BOOL,
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    TRUE,
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
    Ite,
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
    Wrap,
)
from verify.semantics import Context, evaluate, holds, successors
from verify.smt import judge
from verify.source import NOWHERE

LIMIT = 20_000  # states to enumerate
COMMON = settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip


def member(of: Space, node: Node, state: State) -> bool:
    """Whether a state is in a set of states."""
    bits: dict[str, bool] = {}
    for slot, table in of.codes.items():
        bits |= table[state[slot]]
    return bool((of.manager.let(bits, node) if bits else node) == of.true)


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
    ranges = [inst.values(var.domain) for var in slots.values()]
    return [dict(zip(slots, values, strict=True)) for values in product(*ranges)]


def is_inside(inst: Instance, found: Found, state: State) -> bool:
    """Whether a state satisfies the invariant."""
    assert found.invariant is not None
    return all(holds(inst, clause, state) for clause in found.invariant.clauses)


# ---- random systems ------------------------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
@COMMON
@given(st.data())
def test_everything_in_one_block_is_exactly_the_reachable_states(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=200))
    inst = explored.instance
    relations = fixpoint(inst, TRUE, (inst.tasks, len(all_objects(inst))), free=False)
    (block,) = every_block(relations)
    node = relation(relations, block)
    assert all(member(relations.space, node, state) for state in explored.states)
    assert node.count(sum(len(names) for names in relations.space.bits.values())) == len(explored.states)


@pytest.mark.slow
@COMMON
@given(st.data(), st.booleans())
def test_relations_hold_in_every_reachable_state(data: st.DataObject, ordered: bool) -> None:  # noqa: FBT001 - drawn
    explored: Explored = data.draw(spaces(limit=200, ordered=ordered))
    inst = explored.instance
    shape = data.draw(st.sampled_from(shapes(inst)))
    relations = fixpoint(inst, data.draw(properties(inst.system, ordered=ordered)), shape)
    for block in every_block(relations):
        assert all(member(relations.space, relation(relations, block), state) for state in explored.states)


@pytest.mark.slow
@COMMON
@given(st.data(), st.booleans())
def test_what_is_found_is_inductive_and_implies_the_property(data: st.DataObject, ordered: bool) -> None:  # noqa: FBT001 - drawn
    explored: Explored = data.draw(spaces(limit=200, ordered=ordered))
    inst = explored.instance
    prop = data.draw(properties(inst.system, ordered=ordered))
    found = find_invariant(inst, prop)
    safe = all(holds(inst, prop, state) for state in explored.states)
    assert found.refuted == (not safe)
    assert (found.invariant is not None) == safe
    if found.invariant is None:
        assert all(action in inst.system.actions for action in found.suspects)
        return
    assert all(is_inside(inst, found, state) for state in explored.states)
    for state in all_states(inst) or explored.states:
        if is_inside(inst, found, state):
            assert holds(inst, prop, state)
            assert all(is_inside(inst, found, post) for _, post in successors(inst, state))


@pytest.mark.slow
@settings(COMMON, max_examples=25)
@given(st.data())
def test_the_judge_accepts_what_is_found(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=200))
    prop = data.draw(properties(explored.instance.system))
    found = find_invariant(explored.instance, prop)
    if found.invariant is not None:
        assert judge(explored.instance, found.invariant.clauses, prop).ok


@pytest.mark.slow
@COMMON
@given(st.data())
def test_a_history_changes_nothing_else(data: st.DataObject) -> None:
    explored: Explored = data.draw(spaces(limit=60))
    inst = explored.instance
    recorded = fixpoint(with_makers(inst), TRUE, (inst.tasks, len(all_objects(inst))), free=False)
    (block,) = every_block(recorded)
    kept = {bit for slot in inst.slots() for bit in recorded.space.bits.get(slot, ())}
    history = [bit for names in recorded.space.bits.values() for bit in names if bit not in kept]
    seen = recorded.space.manager.exist(history, relation(recorded, block))
    assert seen.count(len(kept)) == len(explored.states)


# ---- systems made by hand ------------------------------------------------------------------------


def step(source: int, target: int, *updates: Update, guard: Expr = TRUE, binders: tuple[Binder, ...] = ()) -> Action:
    """An action."""
    return Action(source, target, guard, updates, (Micro("", f"f{source}", NOWHERE),), binders)


def system(
    *actions: Action, fields: tuple[Var, ...] = (), objects: tuple[Var, ...] | None = None,
    variables: tuple[Var, ...] = (), created: frozenset[str] = frozenset(),
) -> System:  # fmt: skip
    """A system of tasks that begin at location 2, with one pointer `p`; location 1 is the end."""
    life = Var(LIFE, Range(FREE, PUBLISHED))
    classes = {"task": Class("task", (life, *fields))}
    if objects is not None:
        classes["obj"] = Class("obj", (life, *objects))
    last = max(max(action.source, action.target) for action in actions)
    locations = (Location("idle", "idle"), Location("end", "end"), *(Location(f"f:{i}") for i in range(2, last + 1)))
    of_threads = (Var(PC, Range(0, last)), Var("p", Ptr("task" if objects is None else "obj")))
    groups = (Group("group", None, 2, {}),)
    return System("system", classes, "task", variables, of_threads, locations, actions, groups, created=created)


P = Local("p")


def never_at(location: int) -> Expr:
    """No thread stands there."""
    return Quant("forall", Binder("t", Ptr("task")), Binary("!=", Local(PC, Bound("t")), Const(location)))


def making() -> System:
    """A thread makes an object, sets its flag to 0 and to 1, and ends badly if it does not find 1 there."""
    new, flag = Bound("new"), Field(P, "obj", "flag")
    is_free = Binary("==", Field(new, "obj", LIFE), Const(FREE))
    made = (Update(Field(new, "obj", LIFE), Const(PRIVATE)), Update(P, new))
    gone = (Update(Field(P, "obj", LIFE), Const(FREE)), Update(flag, Const(0)), Update(P, Const(0)))
    return system(
        step(2, 3, *made, guard=is_free, binders=(Binder("new", Ptr("obj")),)),
        step(3, 4, Update(flag, Const(0))),
        step(4, 5, Update(flag, Const(1))),
        step(5, 1, guard=Unary("!", flag)),
        step(5, 2, *gone, guard=flag),
        objects=(Var("flag", BOOL),), created=frozenset({"obj"}),
    )  # fmt: skip


def starting() -> System:
    """A thread makes a task, publishes it and starts it; that one sets its own flag, which it must not find set."""
    new, flag = Bound("new"), Field(Me(), "task", "flag")
    is_free = Binary(
        "&&", Binary("==", Field(new, "task", LIFE), Const(FREE)), Binary("==", Local(PC, new), Const(0))
    )
    made = (Update(Field(new, "task", LIFE), Const(PRIVATE)), Update(P, new))
    return system(
        step(2, 3, *made, guard=is_free, binders=(Binder("new", Ptr("task")),)),
        step(3, 4, Update(Field(P, "task", LIFE), Const(PUBLISHED))),
        step(4, 2, Update(Local(PC, P), Const(5)), Update(P, Const(0))),
        step(5, 6, guard=flag),
        step(5, 7, Update(flag, Const(1)), guard=Unary("!", flag)),
        fields=(Var("flag", BOOL),), created=frozenset({"task"}),
    )  # fmt: skip


def locking() -> System:
    """A lock that does not know its owner."""
    lock = Global("lock")
    return system(
        step(2, 3, Update(lock, Const(1)), guard=Unary("!", lock)),
        step(3, 2, Update(lock, Const(0))),
        variables=(Var("lock", BOOL),),
    )


def both_at(location: int) -> Expr:
    """The tasks s and t are two, and stand there."""
    one, other = (Binary("==", Local(PC, Bound(name)), Const(location)) for name in ("s", "t"))
    return Binary("&&", Binary("!=", Bound("s"), Bound("t")), Binary("&&", one, other))


S, T = (Binder(name, Ptr("task")) for name in ("s", "t"))
EXCLUSION = Quant("forall", S, Quant("forall", T, Unary("!", both_at(3))))


@pytest.mark.parametrize("tasks", [2, 3])
def test_the_kernel_thread_that_is_checked_is_proved(tasks: int) -> None:
    inst = instance(handmade.system(checked=True), tasks)
    found = find_invariant(inst, handmade.INVARIANT)
    assert found.shape == "1 thread and 1 object"
    assert found.invariant is not None
    assert judge(inst, found.invariant.clauses, handmade.INVARIANT).ok


def test_the_kernel_thread_that_is_not_checked_is_refuted() -> None:
    inst = instance(handmade.system(), 3)
    found = find_invariant(inst, handmade.INVARIANT)
    assert found.refuted
    assert found.shape == "everything"
    assert found.invariant is None
    attach = next(action for action in inst.system.actions if action.label == "ptrace_attach.flag")
    assert attach in found.suspects


@pytest.mark.parametrize(
    ("made", "prop", "shape"),
    [
        (making(), never_at(1), "1 thread and 1 object"),
        (starting(), never_at(6), "1 thread and 1 object"),
        (locking(), EXCLUSION, "2 threads and 1 object"),
    ],
    ids=["making", "starting", "locking"],
)
def test_the_smallest_blocks_that_are_enough(made: System, prop: Expr, shape: str) -> None:
    inst = instance(made, 3)
    found = find_invariant(inst, prop)
    assert found.shape == shape
    assert found.invariant is not None
    assert judge(inst, found.invariant.clauses, prop).ok


def test_the_same_question_has_the_same_answer() -> None:
    inst = instance(handmade.system(checked=True), 2)
    first, second = (find_invariant(inst, handmade.INVARIANT) for _ in range(2))
    assert repr(first) == repr(second)


def test_a_property_that_names_a_task_keeps_it_apart() -> None:
    inst = instance(handmade.system(checked=True), 3)
    prop = Binary("<=", Field(Const(2), "task", "ptrace"), Const(17))
    assert freedom(inst, prop).fixed == {"task": 3}
    assert freedom(inst, handmade.INVARIANT).fixed == {"task": 0}
    assert find_invariant(inst, prop).invariant is not None


# ---- limits --------------------------------------------------------------------------------------


def test_a_counter_without_end_is_not_decided() -> None:
    count = Global("count")
    more = Update(count, Wrap(32, False, Binary("+", count, Const(1))))
    inst = instance(system(step(2, 2, more), variables=(Var("count", Range(0, 0xFFFFFFFF)),)), 1)
    found = find_invariant(inst, Binary("!=", count, Const(7)))
    assert found.invariant is None
    assert not found.refuted
    assert found.reason == "`count` can hold more than 256 values"


def test_time_and_memory_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    inst = instance(handmade.system(checked=True), 3)
    found = find_invariant(inst, handmade.INVARIANT, deadline=time.monotonic())
    assert (found.invariant, found.refuted, found.reason) == (None, False, "out of time")
    monkeypatch.setattr(refinement, "MOST_NODES", 0)
    monkeypatch.setattr(refinement, "TICKS", 1)
    found = find_invariant(inst, handmade.INVARIANT)
    assert (found.invariant, found.reason) == (None, "the decision diagrams grow too large")


def test_progress_is_reported() -> None:
    told: list[Progress] = []
    find_invariant(instance(handmade.system(checked=True), 2), handmade.INVARIANT, report=told.append)
    assert {progress.phase for progress in told} == {"views"}
    assert [progress.figures["rounds"] for progress in told] == list(range(1, len(told) + 1))


def test_python_diagrams_do_where_cudd_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_cudd(monkeypatch)
    inst = instance(making(), 2)
    found = find_invariant(inst, never_at(1))
    assert found.invariant is not None
    assert judge(inst, found.invariant.clauses, never_at(1)).ok


# ---- parts ---------------------------------------------------------------------------------------


def test_every_block_is_moved_to_the_first_of_its_orbit() -> None:
    free = Freedom("task", {"task": 3, "obj": 3}, {"task": 0, "obj": 1})
    objects = [(cls, i) for cls in ("task", "obj") for i in (1, 2, 3)]
    for shape in ((1, 1), (1, 2), (2, 1), (2, 2)):
        found = blocks(range(1, 4), objects, shape)
        firsts = set()
        for block in found:
            first, perm = canonical(free, block)
            assert move(perm, block, "task") == first
            assert move(inverse(perm), first, "task") == block
            assert canonical(free, first)[0] == first
            assert perm.of("obj")[0] == 1
            firsts.add(first)
            for kept in stabilizer(free, block):
                assert kept != identity(free)
                assert move(kept, block, "task") == block
        assert firsts <= set(found)
    assert canonical(free, Block((3,), (("task", 3),)))[0] == Block((1,), (("task", 1),))
    assert inverse(Permutation((("task", (2, 3, 1)),))) == Permutation((("task", (3, 1, 2)),))


def test_value_sets_follow_assignments() -> None:
    inst = instance(handmade.system(checked=True), 2)
    sets = value_sets(inst)
    assert sets["task", "ptrace"] == {0, 1}
    assert sets[THREAD, "kernel_thread.old"] == {0, 1}
    assert possible(Binary("&", Bound("wide"), Const(6)), inst, sets, {"wide": None}) == frozenset(range(7))
    assert possible(Binary("+", Bound("wide"), Const(6)), inst, sets, {"wide": None}) is None
    assert possible(Wrap(2, True, Bound("wide")), inst, sets, {"wide": None}) == frozenset({-2, -1, 0, 1})
    assert possible(Unary("~", Bound("wide")), inst, sets, {"wide": None}) is None


@pytest.mark.parametrize("limit", [5000, 50])
def test_value_sets_end_where_they_are_too_wide(limit: int) -> None:
    six_bits = Wrap(6, False, Bound("any"))
    wide = Ite(Global("w"), Binary("*", Bound("any"), Bound("any")), Binary("+", six_bits, Const(1)))
    chosen = (Binder("any", Range(0, 9000)),)
    bounded = Ite(Binary("<=", wide, Const(limit)), wide, Const(0))
    made = system(step(2, 2, Update(Global("w"), bounded), binders=chosen), variables=(Var("w", Range(0, limit)),))
    if limit > WIDEST:
        with pytest.raises(TooWideError):
            value_sets(instance(made, 1))
    else:
        assert value_sets(instance(made, 1))["", "w"] == set(range(limit + 1))


def test_variables_are_as_far_from_the_property_as_their_influence() -> None:
    inst = instance(handmade.system(checked=True), 2)
    found = distances(inst, handmade.INVARIANT)
    assert found["task", "ptrace"] == 0
    assert 0 < found[THREAD, "ptrace_attach.t#2"] <= found["task", "task_dumpable"]
    assert (THREAD, "kernel_thread.old") not in found


def test_the_least_part_that_is_enough() -> None:
    keys = [("", name) for name in "abcdefgh"]
    wanted = {("", "b"), ("", "g")}
    assert set(least(keys, lambda some: wanted <= set(some))) == wanted
