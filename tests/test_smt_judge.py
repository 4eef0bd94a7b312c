"""The judge accepts inductive invariants that imply the property, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import pytest
import z3
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests import handmade
from tests.strategies import Space, explore, key, properties, spaces
from verify.instances import THREAD, Instance, Slot, State, instance
from verify.ir import (
    FALSE,
    LIFE,
    PC,
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
from verify.semantics import SemanticsError, holds, successors
from verify.smt import EncodingError, Judgement, judge, obligations, script, version
from verify.source import NOWHERE

RUN = settings(
    max_examples=int(os.environ.get("VERIFY_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def place(slot: Slot) -> Expr:
    if slot.cell == "":
        return Global(slot.name)
    if slot.cell == THREAD:
        return Local(slot.name, Const(slot.index))
    return Field(Const(slot.index), slot.cell, slot.name)


def diagram(states: Sequence[State]) -> Expr:
    """Exactly these states, as a shared decision diagram over their variables in order."""
    slots = sorted(states[0])
    memo: dict[object, Expr] = {}

    def build(depth: int, left: frozenset[tuple[int, ...]]) -> Expr:
        if depth == len(slots):
            return TRUE
        known = (depth, left)
        if known not in memo:
            found: Expr = FALSE
            for value in sorted({row[0] for row in left}):
                rest = build(depth + 1, frozenset(row[1:] for row in left if row[0] == value))
                found = Ite(Binary("==", place(slots[depth]), Const(value)), rest, found)
            memo[known] = found
        return memo[known]

    return build(0, frozenset(tuple(state[slot] for slot in slots) for state in states))


@pytest.mark.slow
@RUN
@given(spaces(limit=60), st.data())
def test_the_reachable_states_are_accepted_exactly_for_what_holds_in_them(space: Space, data: st.DataObject) -> None:
    prop = data.draw(properties(space.instance.system))
    found = judge(space.instance, [diagram(space.states)], prop)
    good = all(holds(space.instance, prop, state) for state in space.states)
    assert found.ok == good
    assert {failure.name for failure in found.failed} == (set() if good else {"safety"})
    for failure in found.failed:
        assert failure.reason == "sat"
        assert failure.state is not None
        assert failure.state in space.states
        assert not holds(space.instance, prop, failure.state)


@pytest.mark.slow
@RUN
@given(spaces(limit=60), st.data())
def test_one_reachable_state_less_is_refused(space: Space, data: st.DataObject) -> None:
    assume(len(space.states) > 1)
    gone = data.draw(st.sampled_from(space.states))
    kept = [state for state in space.states if state is not gone]
    found = judge(space.instance, [diagram(kept)], TRUE)
    initial = space.depths[key(gone)] == 0
    entered = [state for state in kept if any(post == gone for _, post in successors(space.instance, state))]
    assert found.ok is False
    assert initial == ("initiation/1" in {failure.name for failure in found.failed})
    for failure in found.failed:
        if failure.name.startswith("consecution"):
            assert failure.state in entered


@pytest.mark.slow
@RUN
@given(spaces(limit=60), st.data())
def test_one_state_more_is_refused_exactly_if_it_leads_out_or_is_bad(space: Space, data: st.DataObject) -> None:
    inst = space.instance
    prop = data.draw(properties(inst.system))
    more = {slot: data.draw(st.sampled_from(inst.values(var.domain))) for slot, var in inst.slots().items()}
    states = [*space.states, more]
    try:
        closed = all(post in states for _, post in successors(inst, more))
    except SemanticsError:
        closed = False
    good = closed and all(holds(inst, prop, state) for state in states)
    found = judge(inst, [diagram(states)], prop)
    assert found.ok == good
    for failure in found.failed:
        assert failure.state in states


@pytest.mark.slow
@RUN
@given(spaces(limit=60), st.data())
def test_clauses_mean_their_conjunction(space: Space, data: st.DataObject) -> None:
    """Random clauses, as they are: the judge agrees with a check of every state of the instance."""
    inst = space.instance
    slots = inst.slots()
    size = reduce(lambda n, var: n * len(inst.values(var.domain)), slots.values(), 1)
    assume(size <= 500)
    clauses = data.draw(st.lists(properties(inst.system), min_size=1, max_size=3))
    prop = data.draw(st.sampled_from([*clauses, TRUE]))
    every: list[dict[Slot, int]] = [{}]
    for slot, var in slots.items():
        every = [{**state, slot: value} for state in every for value in inst.values(var.domain)]
    inside = [state for state in every if all(holds(inst, clause, state) for clause in clauses)]
    names = set()
    for state in inside:
        if not holds(inst, prop, state):
            names.add("safety")
        try:
            closed = all(post in inside for _, post in successors(inst, state))
        except SemanticsError:
            closed = False
        if not closed:
            names.add("step")
    for number, clause in enumerate(clauses, start=1):
        if any(not holds(inst, clause, state) for state in space.states if space.depths[key(state)] == 0):
            names.add(f"initiation/{number}")
    found = judge(inst, clauses, prop)
    got = {"step" if f.name.startswith(("consecution", "typing")) else f.name for f in found.failed}
    assert got == names


# ---- by hand -------------------------------------------------------------------------------------


def counter(*updates: Update, guard: Expr = TRUE, classes: tuple[Var, ...] = (), count: int = 1) -> Instance:
    """Threads that repeat one action; x is 0..5, y any byte."""
    action = Action(1, 1, guard, updates, (Micro("loop", "user", NOWHERE),))
    system = System(
        "counter",
        {"task": Class("task", (Var(LIFE, Range(0, 2)), *classes))},
        "task",
        (Var("x", Range(0, 5)), Var("y", Range(0, 255))),
        (Var(PC, Range(0, 2)), Var("t", Ptr("task"))),
        (Location("idle", "idle"), Location("user"), Location("end", "end")),
        (action,),
        (Group("user", count, 1, {}),),
    )
    return instance(system, count)


X, Y = Global("x"), Global("y")


def test_a_property_that_is_not_inductive_needs_a_better_invariant() -> None:
    inst = counter(Update(X, Binary("%", Binary("+", X, Const(2)), Const(6))))
    prop = Binary("!=", X, Const(3))
    found = judge(inst, [prop], prop)
    assert [(f.name, f.reason) for f in found.failed] == [("consecution/loop@T1", "sat")]
    assert found.failed[0].state is not None
    assert found.failed[0].state[Slot("", 0, "x")] == 1
    assert judge(inst, [TRUE], prop).failed[0].name == "safety"
    even = Unary("!", Binary("&", X, Const(1)))
    assert judge(inst, [even], prop) == Judgement(ok=True, count=3, failed=())


def test_a_store_outside_the_domain_is_refused() -> None:
    inst = counter(Update(X, Binary("+", X, Const(1))), guard=Binary("<", X, Const(5)))
    assert judge(inst, [TRUE], TRUE).ok
    inst = counter(Update(X, Binary("+", X, Const(1))))
    found = judge(inst, [TRUE], TRUE)
    assert [f.name for f in found.failed] == ["typing/loop@T1"]
    assert found.failed[0].state is not None
    assert found.failed[0].state[Slot("", 0, "x")] == 5
    assert judge(inst, [Binary("<", X, Const(5))], TRUE).failed[0].name == "consecution/loop@T1"


def test_an_initial_value_outside_the_domain_is_an_error() -> None:
    system = counter().system
    bad = replace(system, globals=(Var("x", Range(0, 5), default=6), *system.globals[1:]))
    with pytest.raises(EncodingError, match="x begins outside its domain"):
        judge(instance(bad, 1), [TRUE], TRUE)


def test_obligations_are_named_for_action_thread_and_pointers() -> None:
    field = Field(Local("t"), "task", "f")
    inst = counter(Update(field, Const(1)), classes=(Var("f", Range(0, 1)),), count=2)
    clause = Quant("forall", Binder("k", Ptr("task")), Binary("!=", Field(Bound("k"), "task", "f"), Const(1)))
    names = [obligation.name for obligation in obligations(inst, [clause, TRUE], TRUE)]
    steps = [f"consecution/loop@T{i}[thread{i}.t={k}]" for i in (1, 2) for k in (1, 2)]
    assert names == ["initiation/1", "initiation/2", *steps, "safety"]


def test_the_check_is_right_but_needs_more_than_the_property() -> None:
    inst = instance(handmade.system(checked=True), 2)
    space = explore(inst, 5000)
    assert space is not None
    assert judge(inst, [diagram(space.states)], handmade.INVARIANT).ok
    assert {f.reason for f in judge(inst, [handmade.INVARIANT], handmade.INVARIANT).failed} == {"sat"}


def test_deep_and_shared_diagrams_are_read_in_linear_time() -> None:
    """3,000 levels, each used twice by the level above: 2^3000 paths."""
    inst = counter(Update(Y, Wrap(8, signed=False, arg=Binary("+", Y, Const(3)))))
    level: Expr = Binary("<=", Y, Const(255))
    for number in range(3000):
        level = Ite(Binary("==", X, Const(number % 6)), level, Binary("&&", level, TRUE))
    assert judge(inst, [level], level).ok  # in exponential time this would not end


def test_after_the_deadline_nothing_is_judged() -> None:
    inst = counter(Update(X, Const(1)))
    found = judge(inst, [TRUE], TRUE, deadline=time.monotonic() - 1)
    assert (found.ok, found.count) == (False, 0)
    assert [(f.name, f.reason, f.state) for f in found.failed] == [("initiation/1", "unknown", None)]
    assert judge(inst, [TRUE], TRUE, deadline=time.monotonic() + 60).ok


def test_a_proof_that_time_ran_out_on_is_none() -> None:
    """The first obligations are discharged; the rest are not looked at."""
    deadline = time.monotonic() + 2

    def wait(_: str, __: Mapping[str, int]) -> None:
        time.sleep(max(0.0, deadline - time.monotonic() + 0.01))

    found = judge(counter(Update(X, Const(1))), [TRUE, TRUE], TRUE, deadline=deadline, report=wait)
    assert (found.ok, found.count) == (False, 1)
    assert [(f.name, f.reason) for f in found.failed] == [("initiation/2", "unknown")]


def test_a_target_that_is_no_location_is_refused() -> None:
    system = counter().system
    lost = replace(system, actions=(replace(system.actions[0], target=3),))
    assert [f.name for f in judge(instance(lost, 1), [TRUE], TRUE).failed] == ["typing/loop@T1"]


def test_progress_is_reported() -> None:
    said: list[tuple[str, dict[str, int]]] = []
    judge(counter(), [TRUE], TRUE, report=lambda phase, figures: said.append((phase, dict(figures))))
    assert said[-1] == ("judging", {"obligations": len(said), "failed": 0})


def test_an_obligation_can_be_given_to_another_solver() -> None:
    inst = counter(Update(X, Binary("%", Binary("+", X, Const(2)), Const(6))))
    prop = Binary("!=", X, Const(3))
    found = []
    for obligation in obligations(inst, [prop], prop):
        other = z3.Solver(ctx=z3.Context())
        other.from_string(script(obligation))
        found.append((obligation.name, str(other.check())))
    assert found == [("initiation/1", "unsat"), ("consecution/loop@T1", "sat"), ("safety", "unsat")]
    assert version().count(".") == 2
