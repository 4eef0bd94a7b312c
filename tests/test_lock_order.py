"""Deadlocks that an order of the locks excludes: what is proved of any number of tasks, and what is not."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings

from tests.programs import Example, examples
from verify.diagnostics import InputError
from verify.engine.search import search
from verify.engine.verdict import Proved
from verify.instances import instance, least_tasks
from verify.ir import TRUE, System
from verify.lower import lower
from verify.lower.lock_order import ordered_locks
from verify.lower.reduce import reduce
from verify.question import Memory, Question
from verify.strategy import deadlock_question, decide
from verify.syntax import load_text

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "40"))
STATES = 3_000
HEAD = """
struct box { spinlock_t lock; };
struct task { spinlock_t own; rwlock_t rw; bool x; struct box *box; };
spinlock_t one, two; rwlock_t rw; struct semaphore sem = 1;
"""
NESTED = "spin_lock(&one); spin_lock(&two); spin_unlock(&two); spin_unlock(&one);"
TURNED = "spin_lock(&two); spin_lock(&one); spin_unlock(&one); spin_unlock(&two);"
OWN = "write_lock(&current->rw); write_unlock(&current->rw);"
TURNED_OWN = "write_lock(&current->rw); write_lock(&rw); write_unlock(&rw); write_unlock(&current->rw);"
ANY = "struct task *t = any(struct task);"


def system(code: str, more: str = "") -> System:
    """A program in which any number of tasks run the code again and again, reduced as far as deadlocks allow."""
    text = f"{HEAD}{more}void user(void) {{ for (;;) {{ {code} }} }} system {{ task t[*] runs user; }} invariant i = 1;"
    return lower(load_text(text), "system").system


def proved(of: System) -> bool:
    """Whether it is proved of any number of tasks that they never get stuck."""
    late = time.monotonic() + 60
    asked = Question(of, TRUE, 2, late, "auto", lambda _: None, memory=Memory(), reduce=True, slice=True)
    verdict = decide(deadlock_question(asked))
    return isinstance(verdict, Proved) and verdict.scope.tasks is None


@pytest.mark.parametrize(
    "code",
    [
        NESTED,
        f"{ANY} spin_lock(&one); spin_lock(&t->own); t->x = true; spin_unlock(&t->own); spin_unlock(&one);",
        "read_lock(&rw); spin_lock(&one); spin_unlock(&one); read_unlock(&rw); write_lock(&rw); write_unlock(&rw);",
        "struct box *b = new struct box; if (b) { spin_lock(&b->lock); spin_unlock(&b->lock); kfree(b); }",
        "while (nondet()) ; spin_lock(&one); spin_unlock(&one);",
    ],
)
def test_locks_taken_in_one_order_are_no_deadlock(code: str) -> None:
    assert proved(system(code))


@pytest.mark.parametrize(
    "code",
    [
        f"choose {{ {{ {NESTED} }} {{ {TURNED} }} }}",
        f"{ANY} spin_lock(&current->own); spin_lock(&t->own); spin_unlock(&t->own); spin_unlock(&current->own);",
        "spin_lock(&one); assume(current->x); spin_unlock(&one);",
        "down(&sem); up(&sem);",
        f"read_lock(&rw); {OWN} read_unlock(&rw); {TURNED_OWN}",
    ],
)
def test_no_order_is_seen_where_there_is_none(code: str) -> None:
    assert ordered_locks(reduce(system(code), None, deadlocks=True)) is None


def test_who_dies_with_a_lock_keeps_it() -> None:
    of = system("spin_lock(&one); assert(!current->x); current->x = true; spin_unlock(&one);")
    assert ordered_locks(reduce(of, None, deadlocks=True)) is not None
    assert not proved(of)


@pytest.mark.slow
def test_a_program_without_deadlocks_has_none_with_few_tasks() -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(examples())
    def check(example: Example) -> None:
        note(str(example))
        try:
            of = lower(load_text(example.text.replace("down(&sem);", "").replace("up(&sem);", "")), "system").system
        except InputError:
            assume(condition=False)
            raise
        assume(ordered_locks(reduce(of, None, deadlocks=True)) is not None)
        seen["ordered"] += 1
        if proved(of):
            seen["proved"] += 1
            for tasks in range(max(1, least_tasks(of)), 4):
                assert not search(instance(of, tasks), None, deadlock=True, max_states=STATES).deadlock

    check()
    assert seen["proved"] > seen["ordered"] // 8 > 0, seen
