"""Runs without a lock: calls that overlap which took it."""

from __future__ import annotations

import time

import pytest

from verify.engine.search import Limits, exploration, search
from verify.engine.verdict import Refuted
from verify.instances import instance
from verify.judging import quiet
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.scenario import branches
from verify.lower.sides import resting, with_sides
from verify.overlap import AT_ONCE
from verify.redundancy.bench import NONE, Bench, claim_about
from verify.redundancy.singly import alone, look
from verify.refuting import taken_over
from verify.semantics import replay
from verify.syntax import load, load_text
from verify.syntax.program import Program

# Who asks is not traced: as `trace` takes turns, `cont` stores what it has loaded before anybody clears it.
TEXT = """
struct task { unsigned flags : 2; bool closed; bool asked; bool traced; spinlock_t l; };
spinlock_t big;
void attach(struct task *t)
{
l>      spin_lock(&t->l);
c>      if (!t->closed)
            t->flags |= 1;
        spin_unlock(&t->l);
}
void cont(struct task *t)
{
        if (t->flags & 1)
            t->flags &= ~2;
}
void detach(struct task *t) { t->flags = 0; }
void trace(void)
{
        struct task *t = any(struct task);
        current->traced = true;
big>    spin_lock(&big);
        if (t != current)
            choose { attach(t); cont(t); detach(t); }
        spin_unlock(&big);
}
void ask(void)
{
        current->asked = true;
        spin_lock(&current->l);
        if (current->flags) {
            spin_unlock(&current->l);
            return;
        }
        current->closed = true;
        spin_unlock(&current->l);
s>      current->closed = false;
}
void user(void) { for (;;) choose { ask(); trace(); } }
system { task user[*] runs user; }
invariant safe = forall (struct task *t) !(at(t, ask.s) && t->flags);
invariant open = forall (struct task *t) !t->closed;
invariant one = forall (struct task *t) !(t->asked && t->traced);
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    path = tmp_path_factory.mktemp("overlap") / "trace.kc"
    path.write_text(TEXT, encoding="utf-8")
    return load(path)


def bench(program: Program) -> Bench:
    late = time.monotonic() + 120.0
    return Bench(program, claim_about("safe", "system"), None, NONE, 60.0, late, quiet)


def test_a_lock_is_needed_that_keeps_calls_of_two_from_overlapping_where_a_third_suffers(program: Program) -> None:
    asked = bench(program)
    assert look(asked, frozenset({"trace.big"})) is None
    verdict, more = alone(asked, "trace.big", ())
    assert isinstance(verdict, Refuted)
    assert not more
    assert verdict.scope.tasks == len({step.thread for step in verdict.trace.steps}) == AT_ONCE + 1
    assert replay(verdict.trace)
    assert "trace.big" not in {micro.label for step in verdict.trace.steps for micro in step.action.micro}


def test_a_run_that_breaks_one_invariant_is_taken_over_for_another_that_it_breaks(program: Program) -> None:
    asked, removed = bench(program), frozenset({"trace.big"})
    verdict, _ = alone(asked, "trace.big", ())
    assert isinstance(verdict, Refuted)
    found = {}
    for name in ("open", "one"):
        about = Bench(program, claim_about(name, "system"), None, NONE, 60.0, asked.deadline, quiet)
        found[name] = taken_over(about.question(removed, hunt=True), [verdict.trace])
        assert taken_over(about.question(frozenset({"attach.c"}), hunt=True), [verdict.trace]) is None
    assert found["open"] is not None
    assert found["one"] is None
    assert len(found["open"].trace.steps) < len(verdict.trace.steps)
    assert replay(found["open"].trace)


def test_threads_on_one_side_do_nothing_of_the_other(program: Program) -> None:
    low = lower(program, "system", removed=frozenset({"trace.big"}))
    every = branches(low.system)
    ask = frozenset(branch for branch in every if len(branch) == 1)
    assert len(ask) == 1
    both = with_sides(low.system, [ask, frozenset(every) - ask])
    one, safe = (invariant(program, low, name) for name in ("one", "safe"))
    assert search(instance(both, AT_ONCE), one).complete
    assert search(instance(low.system, 1), one).trace is not None
    assert search(instance(both, AT_ONCE + 1), safe).trace is not None
    assert search(instance(with_sides(low.system, [ask]), AT_ONCE + 1), safe).complete


def test_a_search_that_keeps_some_states_is_not_complete(program: Program) -> None:
    low = lower(program, "system", removed=frozenset({"trace.big"}))
    prop, part = invariant(program, low, "safe"), instance(low.system, 1)
    nothing = exploration(part, prop, keep=lambda _: lambda _: False).explore(Limits())
    assert (nothing.complete, nothing.trace, nothing.depth) == (False, None, 0)
    every = exploration(part, prop, keep=lambda _: lambda _: True).explore(Limits())
    whole = search(part, prop)
    assert (every.complete, every.states) == (False, whole.states)
    assert whole.complete


def test_threads_rest_between_calls_and_where_they_wait_for_others_but_not_for_a_lock() -> None:
    made = load_text("""
struct task { bool go; spinlock_t l; };
bool x;
void user(void) {
w>      assume(x);
l>      spin_lock(&current->l);
s>      current->go = true;
        spin_unlock(&current->l);
}
system { task user[*] runs user; }
""")
    low = lower(made, "system")
    assert low.labels["user.w"] <= resting(low.system)
    assert resting(low.system).isdisjoint(low.labels["user.l"] | low.labels["user.s"])
