"""Broadcasts one object at a time: no violation is lost, and what cannot be taken apart stays."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.test_lower_differential import SETTINGS, plain_search, questions, violated
from tests.test_reduce import VIOLATED, Case
from verify.engine.search import search
from verify.instances import instance
from verify.ir import Expr, System
from verify.lower.localize import localize
from verify.lower.loosen import loosen
from verify.lower.relevant import first_keys
from verify.lower.slice import slice_for

ALL_SAME = "forall (struct task *p) forall (struct task *q) p->y == q->y"


def broadcasts(system: System) -> int:
    """How many steps change several objects at once."""
    return sum(any(update.each for update in action.updates) for action in system.actions)


def test_a_broadcast_becomes_single_steps_between_which_others_see() -> None:
    system, prop = Case("foreach (struct task *c) c->y = true;", inv=f"n || ({ALL_SAME})").question()
    loose = loosen(system)
    assert broadcasts(system) == 1
    assert broadcasts(loose) == 0
    assert search(instance(system, 2), prop).trace is None
    assert search(instance(loose, 2), prop).trace is not None


def test_a_condition_that_is_forgotten_needs_no_other_variable() -> None:
    system, prop = Case("foreach (struct task *c where c->up == current) c->y = false;", "bad = true;").question()
    keys = {("task", "y")}
    _, seen = Case("", inv="forall (struct task *p) !p->y").question()
    assert any(var.name == "up" for var in slice_for(localize(system, keys), seen).classes["task"].fields)
    small = slice_for(localize(loosen(system), keys), seen)
    assert not any(var.name == "up" for var in small.classes["task"].fields)
    assert prop is not None


@pytest.mark.parametrize("code", [
    "foreach (struct task *c where c->up == current && current->y) c->y = false;",  # the first change stops the rest
    "foreach (struct task *c where c->up && c->up->y) c->y = false;",
    "foreach (struct task *c) c->x = current->x;",
    "atomic { foreach (struct task *c) c->y = true; n = current->y; }",
])  # fmt: skip
def test_changes_that_depend_on_each_other_stay_together(code: str) -> None:
    system, _ = Case(code).question()
    assert broadcasts(system) == 1
    assert loosen(system).actions == system.actions


def test_no_violation_of_the_cases_is_lost() -> None:
    for name, case in VIOLATED.items():
        system, prop = case.question()
        assert search(instance(loosen(system), 2), prop, max_states=20_000).trace is not None, name


@pytest.mark.slow
@SETTINGS
@given(questions())
def test_loose_broadcasts_lose_no_violation(question: tuple[System, Expr, int]) -> None:
    system, prop, tasks = question
    plain = plain_search(system, prop, tasks)
    loose = loosen(system)
    if plain.trace is not None:
        assert violated(loose, prop, tasks) is not False
        assert violated(slice_for(localize(loose, first_keys(loose, prop)), prop), prop, tasks) is not False
