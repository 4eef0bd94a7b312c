"""Claims as properties: invariants with `unless`, what holds of locks at the end, who can step."""

from __future__ import annotations

import pytest

from verify.engine.search import Search, search
from verify.instances import instance
from verify.ir import TRUE
from verify.lower import Lowered, lower
from verify.lower.claims import balanced, invariant, never_at, never_stuck
from verify.syntax import load_text
from verify.syntax.program import Program

HEAD = """
struct mm { u8 a; spinlock_t ml; };
struct task { spinlock_t l; rwlock_t rw; u8 x; struct mm *mm; };
struct mm first; spinlock_t gl; u8 n; bool b; struct mutex m;
bool big(struct mm *p) { return p->a > 2; }
"""
END = "\nsystem { task t[2] runs user; }\n"


def program(body: str, rest: str = "") -> tuple[Program, Lowered]:
    """A program of one function."""
    found = load_text(f"{HEAD}void user(void) {{ {body} }}{END}{rest}")
    return found, lower(found, "system")


INVARIANTS = {  # invariant: whether a run of the body below breaks it
    "n < 2": False,
    "n == 0": True,
    "n == 0 || b": True,
    "-n <= 0 && ~n < 0 && +n == n": False,
    "n + 1 > 1 ? n == 1 : !n": False,
    "(u8) (n + 255) != 255 || n == 0": False,
    "(bool) (n * 2) == n": False,
    "!big(&first)": True,
    "first.a != 3": True,
    "forall (struct task *t) t->x == 0": True,
    "exists (struct task *t) t->x == 0 || t->x == 1": False,
    "forall (struct task *s, struct task *t) s == t || s->x == 0 || t->x == 0": True,
    "forall (struct task *t) t->mm == NULL || t->mm == &first": False,
    "forall (struct task *t) t->mm->a == 0": True,
    "forall (struct task *t) !held(t->l)": True,
    "!held(first.ml) && !held(gl)": False,
    "forall (struct task *t) !held(t->rw)": True,
    "forall (struct task *t) !at(t, user.here)": True,
}
BODY = """
n = 1; first.a = 3; here: current->x = 1; current->mm = &first; spin_lock(&current->l); n = 1; spin_unlock(&current->l);
read_lock(&current->rw); read_unlock(&current->rw);
"""


@pytest.mark.parametrize("text", INVARIANTS)
def test_an_invariant_means_what_it_says(text: str) -> None:
    found, low = program(BODY, f"invariant inv = {text};")
    assert (search(instance(low.system, 2), invariant(found, low, "inv")).trace is not None) == INVARIANTS[text]


def test_unless_speaks_of_the_quantified_variables() -> None:
    rest = "invariant plain = forall (struct task *t) !t->x;"
    rest += "invariant locked unless held(t->l) = forall (struct task *t) !t->x; invariant off unless b = n == 0;"
    body = "spin_lock(&current->l); current->x = 1; current->x = 0; spin_unlock(&current->l); n = 0;"
    found, low = program(body, rest)
    inst = instance(low.system, 2)
    assert search(inst, invariant(found, low, "plain")).trace is not None
    assert search(inst, invariant(found, low, "locked")).trace is None
    assert search(inst, invariant(found, low, "off")).complete


def test_nothing_stands_where_no_location_is() -> None:
    _, low = program("n = 1;")
    assert never_at(low.system, ()) == TRUE


PAIRS = ["spin_lock(&gl); spin_unlock(&gl);", "read_lock(&current->rw); read_unlock(&current->rw);"]


@pytest.mark.parametrize("body", PAIRS)
def test_a_balanced_function_is_balanced(body: str) -> None:
    _, low = program(body)
    assert search(instance(low.system, 2), balanced(low.system)).complete


def test_a_lock_that_another_thread_initialises_is_let_go_of_wrongly() -> None:
    _, low = program("spin_lock(&gl); spin_lock_init(&gl); spin_unlock(&gl);")
    assert search(instance(low.system, 2), balanced(low.system)).trace is not None


STUCK = {
    "spin_lock(&gl); spin_lock(&first.ml); spin_unlock(&first.ml); spin_unlock(&gl);": False,
    "if (nondet()) { spin_lock(&gl); spin_lock(&first.ml); spin_unlock(&first.ml); spin_unlock(&gl); } else"
    " { spin_lock(&first.ml); spin_lock(&gl); spin_unlock(&gl); spin_unlock(&first.ml); }": True,
    "assume(n == 1);": True,
    "struct mm *p = any(struct mm); p->a = 1;": False,
    "struct task *p = NULL; p->x = 1;": False,
    "bool c = nondet(); n = c;": False,
}


@pytest.mark.parametrize("body", STUCK)
def test_threads_are_stuck_where_the_property_says_so(body: str) -> None:
    _, low = program(body)
    inst = instance(low.system, 2)
    found: Search = search(inst, never_stuck(low.system))
    assert (found.trace is not None) == STUCK[body]
    assert (search(inst, None, deadlock=True).trace is not None) == STUCK[body]
