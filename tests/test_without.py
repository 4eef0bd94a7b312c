"""Removing guards: what is gone, and that the rest is what it was."""

from __future__ import annotations

import pytest

from verify.engine.search import search
from verify.instances import instance
from verify.ir import Const, Me
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.effects import BIG_LOCK
from verify.lower.without import without
from verify.syntax import load_text
from verify.syntax.check.again import problems

TEXT = """
struct task { spinlock_t l; u8 x; };
spinlock_t gl; u8 n; bool bad; bool twice; rwlock_t rw;
void user(void)
{
lock>   spin_lock(&gl);
check>  if (n == 3) { deep: bad = true; }
set>    n = n == 2 ? 2 : n + 1;
        if (n > 9)
out>        spin_unlock(&gl);
        else
            spin_unlock(&gl);
again>  spin_lock(&gl);
        twice = n > 2;
bar>    mb();
        spin_unlock(&gl);
big>    lock_kernel();
        lock_kernel();
        unlock_kernel();
        unlock_kernel();
        switch (n) {
        case 1:
inner>      read_lock(&rw);
            read_unlock(&rw);
            break;
        }
}
system { task t[2] runs user; }
invariant never_bad = !bad;
invariant small = n < 2;
invariant free_rw = !held(rw);
invariant free_big = n < 9;
invariant exclusive = forall (struct task *a, struct task *b) a == b || !(at(a, user.set) && at(b, user.set));
"""
FOUND = {  # invariant, without: whether a run breaks it
    ("small", ()): True,
    ("small", ("user.set",)): False,
    ("exclusive", ()): False,
    ("exclusive", ("user.lock",)): True,
    ("exclusive", ("user.again",)): False,
    ("exclusive", ("user.check", "user.bar", "user.big")): False,
    ("free_rw", ()): True,
    ("free_rw", ("user.inner",)): False,
    ("never_bad", ("user.check",)): False,
}


@pytest.mark.parametrize(("name", "gone"), FOUND)
def test_a_removed_guard_does_nothing(name: str, gone: tuple[str, ...]) -> None:
    program = load_text(TEXT)
    low = lower(program, "system", removed=frozenset(gone))
    found = search(instance(low.system, 2), invariant(program, low, name))
    assert (found.trace is not None) == FOUND[name, gone]


@pytest.mark.parametrize("lock", ["user.lock", "user.again", "user.big", "user.inner"])
def test_a_removed_lock_takes_its_releases_with_it_and_no_others(lock: str) -> None:
    program = load_text(TEXT)
    low = lower(program, "system", removed=frozenset({lock}))
    assert search(instance(low.system, 2), invariant(program, low, "no_bad_unlock")).trace is None
    before = lower(program, "system").system
    assert len(low.system.actions) < len(before.actions)


def test_labels_stay_where_a_guard_is_removed() -> None:
    program = load_text(TEXT)
    low = lower(program, "system", removed=frozenset({"user.set"}))
    assert low.labels.keys() == lower(program, "system").labels.keys()


OPTIONAL = ("user.lock", "user.again", "user.check", "user.set", "user.bar", "user.inner")


@pytest.mark.parametrize("name", sorted({name for name, _ in FOUND} | {"no_bad_unlock", "free_big"}))
@pytest.mark.parametrize("guard", OPTIONAL)
def test_an_optional_guard_has_all_runs_of_both_variants(name: str, guard: str) -> None:
    program = load_text(TEXT)

    def broken(removed: set[str], optional: set[str]) -> bool:
        low = lower(program, "system", removed=frozenset(removed), optional=frozenset(optional))
        return search(instance(low.system, 2), invariant(program, low, name)).trace is not None

    assert broken(set(), {guard}) >= (broken(set(), set()) or broken({guard}, set()))


@pytest.mark.slow
@pytest.mark.parametrize("guards", [("user.lock", "user.check"), ("user.set", "user.again"), ("user.big", "user.bar")])
def test_two_optional_guards_have_all_runs_of_four_variants(guards: tuple[str, str]) -> None:
    program = load_text(TEXT)
    one, other = guards
    both = lower(program, "system", optional=frozenset(guards))
    for name in ("small", "exclusive", "free_rw", "never_bad"):
        found = search(instance(both.system, 2), invariant(program, both, name)).trace is not None
        for gone in ((), (one,), (other,), guards):
            low = lower(program, "system", removed=frozenset(gone))
            assert found or search(instance(low.system, 2), invariant(program, low, name)).trace is None


def test_an_optional_check_may_fire_and_may_not() -> None:
    program = load_text(TEXT.replace("n == 3", "true"))
    low = lower(program, "system", optional=frozenset({"user.check"}))
    assert search(instance(low.system, 2), invariant(program, low, "never_bad")).trace is not None
    passed = load_text(TEXT.replace("n == 3", "true") + "invariant fired = n == 0 || bad;")
    low = lower(passed, "system", optional=frozenset({"user.check"}))
    assert search(instance(low.system, 2), invariant(passed, low, "fired")).trace is not None
    low = lower(passed, "system")
    assert search(instance(low.system, 2), invariant(passed, low, "fired")).trace is None


def test_labels_stay_where_a_guard_is_optional() -> None:
    program = load_text(TEXT)
    optional = lower(program, "system", optional=frozenset(OPTIONAL))
    assert optional.labels.keys() == lower(program, "system").labels.keys()


@pytest.mark.parametrize("gone", [(), ("user.big",)])
def test_the_outer_of_two_of_the_big_kernel_lock_takes_its_own_release(gone: tuple[str, ...]) -> None:
    program = load_text(TEXT)
    assert not problems(without(program, gone))
    low = lower(program, "system", removed=frozenset(gone))
    taken = [u for action in low.system.actions for u in action.updates if u.place == BIG_LOCK]
    assert {u.value for u in taken} == {Me(), Const(0)}
