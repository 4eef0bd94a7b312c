"""The code of each group for itself: the same system, said otherwise, in which more is known."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from verify.engine.search import search
from verify.engine.verdict import Proved
from verify.instances import instance
from verify.ir import TRUE, System
from verify.lower import lower
from verify.lower.lock_order import ordered_locks
from verify.lower.roles import with_roles
from verify.lower.statics import without_statics
from verify.question import Memory, Question
from verify.strategy import deadlock_question, decide
from verify.syntax import load_text

FORKS = ("left", "right", "third")
HEAD = f"""
struct fork {{ spinlock_t lock; bool used; }};
struct fork {", ".join(FORKS)};
struct task {{ struct fork *first, *second; bool eats; }};
void dine(void) {{ for (;;) {{
    spin_lock(&current->first->lock); spin_lock(&current->second->lock);
    current->first->used = true; current->eats = true; current->eats = false;
    spin_unlock(&current->second->lock); spin_unlock(&current->first->lock);
}} }}
"""


def table(*places: tuple[str, str], count: str = "*", code: str = "") -> System:
    """Groups of tasks, each with two forks, of which it takes the first first."""
    groups = " ".join(
        f"task g{n}[{count}] runs dine with {{ first = &{first}; second = &{second}; }};"
        for n, (first, second) in enumerate(places)
    )
    return lower(load_text(f"{HEAD}{code} system {{ {groups} }} invariant i = 1;"), "system").system


def never_stuck(system: System) -> bool:
    """Whether it is proved of any number of tasks that they never get stuck."""
    late = time.monotonic() + 60
    asked = Question(system, TRUE, 2, late, "auto", lambda _: None, memory=Memory(), reduce=True, slice=True)
    verdict = decide(deadlock_question(asked))
    return isinstance(verdict, Proved) and verdict.scope.tasks is None


def test_locks_of_one_class_have_an_order_if_it_is_known_who_takes_which() -> None:
    system = table(("left", "right"), ("right", "third"), ("left", "third"))
    assert ordered_locks(system) is None
    assert never_stuck(system)
    assert not never_stuck(table(("left", "right"), ("right", "third"), ("third", "left")))


def test_nothing_is_known_of_what_changes_or_is_not_given() -> None:
    system = table(("left", "right"), ("right", "third"), code="void turn(void) { current->first = &third; }")
    assert with_roles(system) is not system  # nobody runs it
    turned = f"{HEAD}void turn(void) {{ current->first = &third; for (;;) dine(); }} "
    more = "system { task a[*] runs turn with { first = &left; second = &right; }; } invariant i = 1;"
    given = with_roles(lower(load_text(turned + more), "system").system)
    assert "right.lock" in str(without_statics(given, TRUE).system.actions)
    assert ordered_locks(without_statics(given, TRUE).system) is None


@pytest.mark.slow
def test_a_system_with_roles_has_as_many_states_and_gets_stuck_where_the_system_does() -> None:
    seen: Counter[bool] = Counter()
    fork = st.sampled_from(FORKS)

    @settings(
        max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(st.tuples(fork, fork), min_size=1, max_size=3, unique=True), st.sampled_from(["*", "1"]))
    def check(places: list[tuple[str, str]], count: str) -> None:
        system = table(*places, count=count)
        told = with_roles(system)
        assert told is not system
        tasks = 2 if count == "*" else len(places)
        plain, same = (search(instance(each, tasks), None, deadlock=True, symmetry=False) for each in (system, told))
        assert bool(plain.deadlock) is bool(same.deadlock)
        if not plain.deadlock:
            assert plain.states == same.states
        if never_stuck(system):
            assert not plain.deadlock
            seen[True] += 1
        seen[False] += bool(plain.deadlock)

    check()
    assert min(seen.values()) > 3, seen
