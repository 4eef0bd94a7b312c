"""The passes that make a system smaller: what they do on small programs, and that no violation is lost or invented."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tests.test_lower_differential import MORE, SETTINGS, plain_search, questions, violated
from tests.test_reduce import HOLDS, STATES, VIOLATED, Case
from verify.engine.search import search
from verify.instances import instance
from verify.ir import Action, Binary, Const, Expr, Field, Global, Local, Me, System
from verify.lower.compact import compact
from verify.lower.flow import forward, postorder
from verify.lower.localize import localize
from verify.lower.movers import movers
from verify.lower.reduce import reduce
from verify.lower.relevant import first_keys
from verify.lower.simplify import conj, contradictory, negate
from verify.lower.slice import slice_for
from verify.lower.visible import roots

CODE = """
    signed r; if (n == 1) r = -12; else if (n == 2) r = -4; else r = 0;
    n = 3;
    if (r < 0 && r != -4) bad = true;
    n = 4;
"""


def values(system: System, name: str) -> set[Expr]:
    """What is stored in a global."""
    return {u.value for a in system.actions for u in a.updates if getattr(u.place, "name", "") == name}


def step(source: int, target: int) -> Action:
    """A step that only moves."""
    return Action(source, target, Const(1), (), ())


def test_a_return_code_becomes_where_control_is() -> None:
    system, prop = Case(CODE, "n = 1;").question()
    small = slice_for(reduce(slice_for(system, prop), prop), prop)
    assert any(var.name.startswith("one.r") for var in small.locals)
    few = compact(small, prop)
    assert [var.name for var in few.locals] == ["#pc"]
    for part in (small, few):
        assert search(instance(part, 2), prop).trace is not None


def test_a_return_code_that_is_never_returned_is_not_asked_for() -> None:
    system, prop = Case(CODE.replace("r != -4", "r == -7"), "n = 1;").question()
    assert Const(1) not in values(slice_for(system, prop), "bad")


def test_a_test_of_a_flag_follows_from_what_was_chosen() -> None:
    system, prop = Case("u8 f; if (n) f = 4; else f = 6; n = 1; if (!(f & 4)) bad = true;").question()
    assert Const(1) not in values(slice_for(system, prop), "bad")


def test_a_contradiction_is_seen() -> None:
    a, b = Field(Me(), "task", "x"), Local("r")
    assert contradictory(conj([Binary("==", a, Const(1)), Binary("==", a, Const(2))]))
    assert contradictory(conj([Binary("==", a, b), Binary("!=", a, b)]))
    assert contradictory(conj([negate(Binary("||", Binary("==", a, b), Binary("<", a, b))), Binary("<", a, b)]))
    assert not contradictory(conj([Binary("==", a, Const(1)), Binary("!=", b, Const(1))]))


@pytest.mark.parametrize(("show", "mm_is_private"), [("", True), ("publish(q);", False), ("g = q;", False)])
def test_what_is_shown_is_shown_class_by_class(show: str, mm_is_private: bool) -> None:  # noqa: FBT001 - a parameter
    make = "struct task *t = new struct task; struct mm *q = new struct mm;"
    make += f"if (t && q) {{ {show} t->x = 1; q->a = 1; }}"
    look = "struct task *o = any(struct task); if (o->x) n = 1; struct mm *m = any(struct mm); if (m->a) n = 2;"
    system, _ = Case(make, look).question()
    found = movers(system, roots(system))
    left = {
        u.place.name: found[number].left
        for number, action in enumerate(system.actions)
        for u in action.updates
        if isinstance(u.place, Field) and u.value == Const(1) and u.place.name in ("x", "a")
    }
    assert left == {"x": True, "a": mm_is_private}


def test_a_lock_that_is_waited_for_is_a_lock_still() -> None:
    system, _ = Case("spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);").question()
    free = Binary("==", Global("gl"), Const(0))
    for guard, pure in ((free, True), (conj([free, Binary("!=", Global("gl"), Const(7))]), False)):
        wait = replace(system.actions[0], guard=guard, updates=(), binders=())
        whole = replace(system, actions=(*system.actions, wait))
        found = movers(whole, roots(whole))
        assert not found[len(system.actions)].right
        assert not found[len(system.actions)].left
        releases = [
            number for number, action in enumerate(system.actions)
            if any(update.place == Global("gl") and update.value == Const(0) for update in action.updates)
        ]
        assert [found[number].left for number in releases] == [pure] * len(releases)
        assert releases


def test_locations_come_in_postorder_and_are_met() -> None:
    actions = [step(1, 2), step(2, 3), step(3, 2), step(1, 3), step(3, 4)]
    leaving = {1: [actions[0], actions[3]], 2: [actions[1]], 3: [actions[2], actions[4]]}
    order = postorder(leaving, [1])
    assert order[-1] == 1
    assert set(order) == {1, 2, 3, 4}
    start = {1: frozenset[int]()}
    found = forward(actions, start, lambda a, seen: seen | {a.source}, frozenset[int].union)
    assert found == {1: set(), 2: {1, 2, 3}, 3: {1, 2, 3}, 4: {1, 2, 3}}
    assert 4 not in forward(actions, start, lambda a, seen: None if a.target == 4 else seen, frozenset[int].union)


@pytest.mark.slow
def test_every_case_has_its_verdict_when_compact() -> None:
    for wanted, cases in ((True, VIOLATED), (False, HOLDS)):
        for name, case in cases.items():
            system, prop = case.question()
            small = compact(slice_for(reduce(slice_for(system, prop), prop), prop), prop)
            found = search(instance(small, 2), prop, max_states=STATES)
            assert found.trace is not None or found.complete, name
            assert (found.trace is not None) == wanted, name
            seen = localize(system, first_keys(system, prop))
            few = compact(slice_for(reduce(slice_for(seen, prop), prop), prop), prop)
            if wanted:
                assert search(instance(few, 2), prop, max_states=STATES).trace is not None, name


@pytest.mark.slow
@SETTINGS
@given(questions())
def test_a_compact_system_has_the_verdict_of_the_whole(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    small = compact(reduce(system, prop), prop)
    assert len(small.locals) <= len(system.locals)
    found = violated(small, prop, tasks)
    if plain.trace is not None:
        assert found is not False
    elif found:
        sliced = slice_for(reduce(system, prop), prop)
        assert search(instance(sliced, tasks), prop, max_states=MORE).trace is not None
