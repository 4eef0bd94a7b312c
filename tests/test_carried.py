"""Which runs count for larger sets of removed guards: against a search of the program without each set."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.guarded import by_search, grown_apart
from verify.api import Options, redundant_file
from verify.diagnostics import InputError
from verify.engine.verdict import Proved, Refuted
from verify.lower import lower
from verify.redundancy.bench import Bench, claim_about
from verify.redundancy.lattice import explore, hinged
from verify.redundancy.singly import singly
from verify.syntax import load

HEAD = """
struct obj { rwlock_t l; };
struct mm { bool d; };
struct task { bool a; bool in; spinlock_t l; struct mm *mm; };
spinlock_t big;
struct mutex mutex;
struct obj stat;
bool x;
"""

# Programs in which what a run without `k` does hinges on another guard: of which invariant, and the text.
HINGES = {
    "who waits without preemption lets others run": ("safe", """
void f(void) {
        x = true;
l>      mutex_lock(&mutex);
        mutex_unlock(&mutex);
        x = false;
}
void g(void) {
        mutex_lock(&mutex);
        sleep();
        mutex_unlock(&mutex);
}
void h(void) {
k>      if (true) return;
        if (x) current->a = true;
}
void user(void) { for (;;) choose { f(); g(); h(); } }
system { cpus 1; preempt off; task user[2] runs user; }
invariant safe = forall (struct task *t) !t->a;
"""),
    "who sleeps lets go of the big kernel lock": ("safe", """
void f(void) {
        lock_kernel();
        x = true;
l>      mutex_lock(&mutex);
        mutex_unlock(&mutex);
        x = false;
        unlock_kernel();
}
void g(void) {
        mutex_lock(&mutex);
        mutex_unlock(&mutex);
}
void h(void) {
        lock_kernel();
k>      if (true) { unlock_kernel(); return; }
        if (x) current->a = true;
        unlock_kernel();
}
void user(void) { for (;;) choose { f(); g(); h(); } }
system { task user[2] runs user; }
invariant safe = forall (struct task *t) !t->a;
"""),
    "who is a reader twice is none after one release": ("safe", """
void g(void) {
        struct obj *o = any(struct obj);
l>      read_lock(&o->l);
        read_unlock(&o->l);
}
void f(void) {
        read_lock(&stat.l);
        x = true;
        g();
        x = false;
        read_unlock(&stat.l);
}
void h(void) {
        write_lock(&stat.l);
k>      if (true) { write_unlock(&stat.l); return; }
        if (x) current->a = true;
        write_unlock(&stat.l);
}
void user(void) { for (;;) choose { f(); h(); } }
system { task user[2] runs user; }
invariant safe = forall (struct task *t) !t->a;
"""),
    "an assumption about a held lock": ("safe", """
void f(void) {
l>      spin_lock(&big);
        current->in = true;
        if (x) current->a = true;
        current->in = false;
        spin_unlock(&big);
}
void h(void) {
k>      if (true) return;
        x = true;
}
void user(void) { for (;;) choose { f(); h(); } }
system { task user[2] runs user; }
assume locked: forall (struct task *t) !t->in || held(big);
invariant safe = forall (struct task *t) !t->a;
"""),
    "an error at the guard itself": ("no_null_dereference", """
void f(void) {
        struct mm *m = current->mm;
k>      if (!m) return;
l>      if (m->d) return;
        current->a = true;
}
void user(void) { for (;;) f(); }
system { task user[2] runs user; }
"""),
    "a release of what somebody else has set free": ("no_bad_unlock", """
void f(void) {
l>      spin_lock(&big);
        spin_unlock(&big);
}
void h(void) {
k>      if (true) return;
        spin_lock_init(&big);
}
void user(void) { for (;;) choose { f(); h(); } }
system { task user[2] runs user; }
"""),
    "what a check refers to meanwhile": ("safe", """
void f(void) {
        struct task *t = any(struct task);
l>      if (t->mm->d) return;
}
void h(void) {
        struct mm *m = current->mm;
k>      if (true) return;
        if (!sole(m)) current->a = true;
}
void user(void) { for (;;) choose { f(); h(); } }
system { task user[2] runs user with { mm = new struct mm; }; }
invariant safe = forall (struct task *t) !t->a;
"""),
    "where a thread is": ("safe", """
void f(void) {
k>      if (true) return;
        current->in = true;
l>      if (!x && current->a) x = true;
c>      current->in = false;
}
void user(void) { for (;;) f(); }
system { task user[2] runs user; }
invariant safe = forall (struct task *t) !t->in || at(t, f.l) || at(t, f.c);
"""),
}


HOWS = ("removed", "optional", "switched")

# Functions without whose lock threads would stop where they release it, or keep it.
UNBALANCED = {
    "a release by another pointer stays": """
void f(void) {
        struct task *t = any(struct task);
        struct task *u = t;
l>      spin_lock(&t->l);
        spin_unlock(&u->l);
        x = true;
}
""",
    "a release before the acquire in the text stays": """
void f(void) {
        goto take;
out:    spin_unlock(&big);
        x = true;
        return;
take>   spin_lock(&big);
        goto out;
}
""",
    "a function that releases what its caller took": """
void g(void) {
        spin_unlock(&big);
}
void f(void) {
l>      spin_lock(&big);
        g();
        x = true;
}
""",
    "one release of two acquires": """
void f(void) {
        if (x)
l>              spin_lock(&big);
        else
                spin_lock(&big);
        spin_unlock(&big);
}
""",
    "the outer of two of the big kernel lock, given back on two paths": """
void f(void) {
l>      lock_kernel();
        lock_kernel();
        if (x) { unlock_kernel(); unlock_kernel(); return; }
        unlock_kernel();
        unlock_kernel();
}
""",
}


@pytest.mark.parametrize("why", HINGES)
def test_a_run_counts_only_for_sets_that_have_one_like_it(tmp_path: Path, why: str) -> None:
    invariant, text = HINGES[why]
    path = tmp_path / "program.kc"
    path.write_text(HEAD + text, encoding="utf-8")
    made = load(path)
    guards = [guard.name for guard in made.guards.values() if guard.kind in ("check", "lock")]
    late = time.monotonic() + 60.0
    bench = Bench(made, claim_about(invariant, "system"), None, frozenset(), 30.0, late, lambda _: None)
    found = explore(bench, guards, singly(bench, guards, grown_apart(bench, guards)))
    truth = by_search(made, invariant)
    assert set(truth.values()) == {True, False}
    assert {removed: isinstance(found.verdict(removed), Proved) for removed in truth} == truth
    assert not any(cube.has(removed) for cube in found.cubes for removed in truth
                   if isinstance(cube.verdict, Refuted) == truth[removed])  # fmt: skip
    assert found.whole


WHERE = """
void f(void) {
k>      if (x) return;
c>      if (current->a) return;
l>      spin_lock(&big);
s>      current->in = true;
u>      spin_unlock(&big);
e>      current->in = false;
}
void g(void) { x = true; }
void user(void) { for (;;) choose { f(); g(); } }
system { task user[2] runs user; }
invariant safe = forall (struct task *t) !(at(t, f.%s) && x%s);
"""


@pytest.mark.parametrize(
    ("place", "more", "needed"),
    [
        ("s", "", set()), ("e", "", set()), ("e", " && t->in", set()), ("u", "", {"f.l"}), ("l", "", {"f.l"}),
        ("c", "", {"f.c"}),
    ],
)  # fmt: skip
def test_a_run_hinges_on_a_guard_where_a_thread_stands_or_the_property_says_it_does(
    tmp_path: Path, place: str, more: str, needed: set[str]
) -> None:
    path = tmp_path / "where.kc"
    path.write_text(HEAD + WHERE % (place, more), encoding="utf-8")
    made = load(path)
    late = time.monotonic() + 60.0
    bench = Bench(made, claim_about("safe", "system"), None, frozenset(), 30.0, late, lambda _: None)
    verdict = bench.decide(frozenset({"f.k"}), hunt=True)
    assert isinstance(verdict, Refuted)
    assert hinged(bench, frozenset({"f.k"}), verdict, frozenset({"f.k", "f.c", "f.l"})) == needed


def test_a_lock_with_two_labels_is_removed_by_either_and_by_both(tmp_path: Path) -> None:
    path = tmp_path / "labels.kc"
    path.write_text(
        "struct task { int n; };\nspinlock_t big;\n"
        "void user(void) {\none:\ntwo> spin_lock(&big); current->n = 1; spin_unlock(&big); }\n"
        "system { task user[*] runs user; }\n", encoding="utf-8",
    )  # fmt: skip
    made = load(path)
    systems = [
        lower(made, "system", removed=frozenset(removed)).system
        for removed in ({"user.one"}, {"user.two"}, {"user.one", "user.two"})
    ]
    assert [system.actions == systems[0].actions for system in systems] == [True, True, True]
    lower(made, "system", optional=frozenset(made.guards))
    lower(made, "system", switched=frozenset(made.guards))


@pytest.mark.parametrize("why", UNBALANCED)
@pytest.mark.parametrize("how", HOWS)
def test_a_lock_without_which_locks_do_not_balance_stays(tmp_path: Path, why: str, how: str) -> None:
    path = tmp_path / "unbalanced.kc"
    path.write_text(f"{HEAD}{UNBALANCED[why]}void user(void) {{ f(); }}\nsystem {{ task user[*] runs user; }}\n")
    made = load(path)
    lock = next(guard.name for guard in made.guards.values() if guard.kind == "lock")
    removed, optional, switched = (frozenset({lock} if how == one else ()) for one in HOWS)
    with pytest.raises(InputError, match="locks do not balance") as error:
        lower(made, "system", removed=removed, optional=optional, switched=switched)
    assert [each.code for each in error.value.diagnostics] == ["KC162"]


def test_a_lock_that_stays_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "stays.kc"
    text = UNBALANCED["one release of two acquires"]
    path.write_text(
        f"{HEAD}{text}void user(void) {{\nk> if (current->in) return; f(); }}\nsystem {{ task user[*] runs user; }}\n"
        "invariant safe = !x;\n"
    )
    result = redundant_file(str(path), Options(budget=20), fresh=True)
    assert [(row.name, row.fires) for row in result.guards] == [("f.l", "cannot be removed"), ("user.k", "dead")]
    assert [[cell.guard for cell in about.cells] for about in result.about] == [["user.k"]]
