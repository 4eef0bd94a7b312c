"""Scenarios: which alternatives a violation needs, as far as sets of values can tell."""

from __future__ import annotations

from itertools import combinations, product
from typing import get_args

import pytest

from verify.engine.search import search
from verify.instances import instance
from verify.ir import BinaryOp
from verify.lower import Lowered, lower
from verify.lower.claims import invariant, never_at
from verify.lower.possible import nothing_yet
from verify.lower.readings import combined
from verify.lower.scenario import branches, core, scenario, suspects, ways, widened
from verify.semantics import operate
from verify.syntax import load_text
from verify.syntax.program import Program

HEAD = """
struct mm { u8 a; bool b; };
struct task { u8 x; s8 y; bool on; struct mm *mm; u32 wide; rwlock_t rw; };
struct mm first; u8 n; u8 m; bool flag; struct mm *shared;
"""
TAIL = "\nsystem { task t[2] runs user with { x = 7; mm = new struct mm; }; }\n"


def program(alternatives: str, rest: str = "") -> tuple[Program, Lowered]:
    """Tasks that choose between alternatives for ever."""
    found = load_text(f"{HEAD}void user(void) {{ for (;;) choose {{ {alternatives} }} }}{TAIL}{rest}")
    return found, lower(found, "system")


def wanted(alternatives: str, text: str) -> list[list[int]]:
    """The suspects for an invariant, each alternative by its number."""
    found, low = program(alternatives, f"invariant inv = {text};")
    prop = invariant(found, low, "inv")
    every = list(branches(low.system))
    result = [sorted(every.index(branch) for branch in chosen) for chosen in suspects(ways(low.system), prop)]
    whole = search(instance(low.system, 2), prop, max_states=50_000)
    if whole.trace is not None:
        assert result  # whatever is violated is suspected
    return result


SUSPECTS = {  # alternatives, invariant: the smallest sets that might violate it
    ("n = 1; n = 2; m = 1;", "n != 2"): [[1]],
    ("n = 1; n = 2; m = 1;", "n != 2 || m != 1"): [[1, 2]],
    ("n = 1; n = 2; m = 1;", "n != 3"): [],
    ("n = 1; n = 2; m = 1;", "n == 0"): [[0], [1]],
    ("n = 1; n = 2; m = 1;", "n != 0"): [[]],
    ("n = 1; if (n == 1) m = 1; if (m) flag = true;", "!flag"): [[0, 1, 2]],
    ("n = 1; if (n == 1) m = 1; if (m) flag = true; m = 5;", "!flag"): [[2, 3], [0, 1, 2]],
    ("n = m; m = n;", "n == 0 && m == 0"): [],
    ("n = -1; m = ~0;", "n + m < 400"): [[0, 1]],
    ("n = (u8) 300; m = n;", "m != 44"): [[0, 1]],
    ("n = nondet() ? 4 : 5; m = 1;", "n < 4"): [[0]],
    ("current->x = current->x == 7 ? 8 : 9; m = 1;", "forall (struct task *t) t->x < 9"): [[0]],
    ("m = 1; current->on = true;", "exists (struct task *t) !t->on"): [[]],  # it may be that there is none
    ("current->mm->b = true; m = 1;", "forall (struct task *t) !t->mm->b"): [[0]],
    ("shared = current->mm; if (shared == &first) flag = true;", "!flag"): [[0, 1]],
    ("current->mm = NULL; m = 1;", "forall (struct task *t) t->mm != NULL"): [[0]],
    ("current->wide = current->wide + 1; m = 1;", "forall (struct task *t) t->wide != 70000"): [[0]],
    ("current->y = -1; m = 1;", "forall (struct task *t) -t->y != 1"): [[0]],
    ("{ read_lock(&current->rw); read_unlock(&current->rw); } m = 1;", "forall (struct task *t) !held(t->rw)"): [[0]],
    ("{ struct mm *p = new struct mm; put(p); } m = 1;", "first.a == 0"): [],
    ("foreach (struct task *t where t->x == 7) t->on = true; m = 1;", "forall (struct task *t) !t->on"): [[0]],
    ("foreach (struct task *t where t->x == 9) t->on = true; current->x = 9;", "forall (struct task *t) !t->on"):
        [[0, 1]],
}


@pytest.mark.parametrize(("alternatives", "text"), SUSPECTS)
def test_the_smallest_sets_of_alternatives_are_suspected(alternatives: str, text: str) -> None:
    assert wanted(alternatives, text) == SUSPECTS[alternatives, text]


def test_a_choice_within_a_choice_is_held_to_its_own_alternative() -> None:
    _, low = program("{ n = 1; choose { m = 1; m = 2; } } { choose { m = 3; m = 4; } }")
    assert len(branches(low.system)) == 4
    assert [len(branch) for branch in branches(low.system)] == [2, 2, 2, 2]
    part = scenario(low.system, frozenset(branches(low.system)[1:2]))
    low_prop = load_text(f"{HEAD}void user(void) {{}}{TAIL}invariant inv = m == 0 || m == 2;")
    assert search(instance(part, 2), invariant(low_prop, low, "inv")).complete

def test_a_location_is_reached_by_the_alternatives_on_the_way() -> None:
    _, low = program("{ if (n == 2) here: m = 1; } n = 1; n = 2;")
    prop = never_at(low.system, low.labels["user.here"])
    every = branches(low.system)
    assert list(suspects(ways(low.system), prop)) == [frozenset({every[0], every[2]})]


def test_single_suspects_come_by_the_actions_they_take() -> None:
    assert wanted("{ m = 2; m = 3; n = 2; } n = 1; { m = 1; n = 3; }", "n == 0") == [[1], [2], [0]]


def test_worlds_are_kept_for_the_next_property() -> None:
    found, low = program("n = 1; if (n == 1) m = 1; if (m) flag = true;", "invariant a = !flag; invariant b = m == 0;")
    by = ways(low.system)
    first = [list(suspects(by, invariant(found, low, name))) for name in ("a", "b")]
    kept = len(by.worlds)
    assert [list(suspects(by, invariant(found, low, name))) for name in ("a", "b")] == first
    assert len(by.worlds) == kept
    assert first == [list(suspects(ways(low.system), invariant(found, low, name))) for name in ("a", "b")]


def test_the_core_leaves_out_the_last_choice_where_it_does_not_matter() -> None:
    found, low = program(
        "{ n = 1; choose { m = 1; m = 2; } } { m = 3; choose { n = 1; m = 4; } }", "invariant inv = n == 0;"
    )
    by, prop = ways(low.system), invariant(found, low, "inv")
    first, twin, second, _ = branches(low.system)
    assert core(by, prop, frozenset({first})) == core(by, prop, frozenset({twin})) == {first[:-1]}
    assert core(by, prop, frozenset({second})) == {second}


def test_wider_sets_come_once() -> None:
    a, b, c = (1,), (2,), (3,)
    few = [frozenset({a}), frozenset({b})]
    assert list(widened(few, [a, b, c], 0)) == few
    assert list(widened(few, [a, b, c], 1)) == [frozenset({a, b}), frozenset({a, c}), frozenset({b, c})]
    assert list(widened(few, [a, b, c], 2)) == [frozenset({a, b, c})]


def test_a_world_grows_as_if_it_had_been_whole_from_the_start() -> None:
    _, low = program("n = 1; if (n == 1) m = 1; if (m) flag = true;")
    numbers = list(range(len(low.system.actions)))
    whole = nothing_yet(low.system).with_more(numbers)
    grown = nothing_yet(low.system)
    for number in reversed(numbers):
        grown = grown.with_more([number])
    assert grown.sets == whole.sets
    assert grown.reached == whole.reached


def test_what_comparisons_may_be_is_what_they_are_of_some_values() -> None:
    sets = [frozenset(few) for size in range(3) for few in combinations(range(3), size)]
    for op, left, right in product(get_args(BinaryOp), sets, sets):
        found = combined(op, left, right, None)
        assert found == frozenset(operate(op, a, b) for a, b in product(left, right)), (op, left, right)
