"""Reduction, slicing and localization on programs that each try one of their conditions: no violation is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from verify.engine.search import search
from verify.instances import instance
from verify.ir import Expr, Global, System
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.expand import expand
from verify.lower.localize import localize, shared_keys
from verify.lower.reduce import reduce
from verify.lower.relevant import first_keys, looked_at
from verify.lower.slice import slice_for
from verify.lower.visible import Key
from verify.semantics import holds, replay
from verify.syntax import load_text

HEAD = """
struct mm { u8 a; bool z; spinlock_t ml; };
struct task { struct mm *mm; u8 x; bool y; spinlock_t l; rwlock_t rw; struct task *up; unsigned w; unsigned wide; };
struct mm *g; struct mm first; struct mm second; u8 n; bool bad; spinlock_t gl; rwlock_t grw; struct semaphore sem = 1;
"""
SYSTEM = """
void user(void) { choose { one(); two(); } }
system { %s task t[2] runs user; }
invariant inv = %s;
"""
READ = "struct mm *q = g; if (q && q->a == 1) bad = true;"
FIND = "struct mm *q = any(struct mm); if (q->a == 1) bad = true;"
USE = "p->a = 1; p->a = 0;"
CREATE = "struct mm *p = new struct mm; if (p) { %s p->a = 1; p->a = 0; }"
ALIVE = "(exists (struct mm *m) m->z)"
SOME_NOT_ALL = "(exists (struct task *p) p->y) == (forall (struct task *q) q->y)"
UP = "cpus 1; preempt off;"
STATES = 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """What two threads do, one of two things each, and what must hold."""

    one: str
    two: str = ";"
    inv: str = "!bad"
    cpus: str = ""

    def question(self) -> tuple[System, Expr]:
        """The lowered system and its property."""
        functions = f"void one(void) {{ {self.one} }}\nvoid two(void) {{ {self.two} }}"
        program = load_text(HEAD + functions + SYSTEM % (self.cpus, self.inv))
        low = lower(program, "system")
        return low.system, invariant(program, low, "inv")


VIOLATED = {
    "a store shows a private object": Case(CREATE % "g = p;", READ),
    "cmpxchg shows it": Case(CREATE % "cmpxchg(&g, NULL, p);", READ),
    "xchg shows it": Case(CREATE % "xchg(&g, p);", READ),
    "one outcome of ?: shows it": Case("bool c = nondet(); " + CREATE % "g = c ? NULL : p;", READ),
    "an alias from one branch shows it": Case(CREATE % "struct mm *r; if (n == 5) r = g; else r = p; g = r;", READ),
    "an alias of one outcome shows it": Case(
        "bool c = nondet(); " + CREATE % "struct mm *r = c ? p : NULL; g = r;", READ
    ),
    "an atomic makes and shows it": Case(
        f"struct mm *p; atomic {{ p = new struct mm; g = p; }} if (p) {{ {USE} }}", READ
    ),
    "an atomic makes and publishes it": Case(
        f"struct mm *p; atomic {{ p = new struct mm; if (p) publish(p); }} if (p) {{ {USE} }}", FIND
    ),
    "publish shows it": Case(CREATE % "publish(p);", FIND),
    "a field of another object shows it": Case(
        CREATE % "current->mm = p;", "struct task *t = any(struct task); if (t->mm && t->mm->a == 1) bad = true;"
    ),
    "any() may choose the second object": Case("struct mm *p = any(struct mm); if (p == &second) bad = true;"),
    "the lock is let go by another pointer to its object": Case(
        "struct mm *p = any(struct mm); struct mm *q; spin_lock(&p->ml); q = p; spin_unlock(&q->ml); " + USE,
        "struct mm *p = any(struct mm); spin_lock(&p->ml); if (p->a == 1) bad = true; spin_unlock(&p->ml);",
    ),
    "an atomic begins with a step that does nothing": Case(
        "u8 k = n; atomic { mb(); if (n != k) bad = true; n = 1; }", "n = 2;"
    ),
    "the lock is let go by another": Case(
        "spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);",
        "spin_lock_init(&gl); spin_lock(&gl); if (n) bad = true; spin_unlock(&gl);",
    ),
    "a semaphore is no lock with an owner": Case(
        "down(&sem); n = 1; n = 0; up(&sem);", "up(&sem); down(&sem); if (n) bad = true; up(&sem);"
    ),
    "two readers at once": Case(
        "read_lock(&grw); n = 1; n = 0; read_unlock(&grw);", "read_lock(&grw); if (n) bad = true; read_unlock(&grw);"
    ),
    "the lock of another object": Case(
        "spin_lock(&current->l); n = 1; n = 0; spin_unlock(&current->l);",
        "spin_lock(&current->l); if (n) bad = true; spin_unlock(&current->l);",
    ),
    "the lock of one object, the field of another": Case(
        "struct task *t = any(struct task); spin_lock(&current->l); t->x = 1; t->x = 0; spin_unlock(&current->l);",
        "spin_lock(&current->l); if (current->x) bad = true; spin_unlock(&current->l);",
    ),
    "a trylock may fail": Case(
        "spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);", "if (spin_trylock(&gl)) spin_unlock(&gl); else bad = true;"
    ),
    "a reference is dropped by a store of another pointer": Case(
        "struct mm *q = new struct mm; struct mm *z = new struct mm; if (q && z) { q->z = 1; current->mm = q; g = q;"
        " q = NULL; assume(n == 2); current->mm = z; n = 3; }",
        "struct mm *p; assume(g); p = g; g = NULL; n = 2; put(p); bad = true;",
        f"n == 3 || !bad || {ALIVE}",
    ),
    "a pointer to a freed cell meets its next object": Case(
        "struct mm *p = new struct mm; if (p) { g = p; kfree(p); p = new struct mm; p->a = 1; p->a = 2; }",
        "struct mm *p = g; if (p) { if (p->a == 0) n = 1; if (n && p->a == 2) bad = true; }",
    ),
    "a broadcast changes some and not others": Case(
        "current->up = current; foreach (struct task *c where c->up == current) c->y = true;", inv=SOME_NOT_ALL
    ),
    "a broadcast stores different values": Case(
        "current->x = 1; foreach (struct task *c) c->y = c->x == 1;", inv=SOME_NOT_ALL
    ),
    "a wide value is worked out from others": Case(
        "current->w = current->w * 3 + 1; current->wide = current->w * 2;", inv="forall (struct task *p) p->wide != 2"
    ),
    "a thread sleeps before a goto": Case("n = 1; if (!bad) sleep(); n = 0;", "if (n == 1) bad = true;", cpus=UP),
    "a thread waits inside an atomic": Case(
        "n = 1; atomic { assume(bad); n = 0; }", "if (n == 1) bad = true;", cpus=UP
    ),
    "a thread is preempted": Case("n = 1; n = 0;", "if (n == 1) bad = true;", cpus="cpus 1;"),
    "preemption is switched on again": Case(
        "preempt_disable(); preempt_disable(); preempt_enable(); preempt_enable(); preempt_enable(); n = 1; n = 0;",
        "if (n == 1) bad = true;", cpus="cpus 1;",
    ),
    "a wait for the big lock": Case(
        "lock_kernel(); n = 1; down(&sem); n = 0; up(&sem); unlock_kernel();",
        "down(&sem); lock_kernel(); if (n == 1) bad = true; unlock_kernel(); up(&sem);",
    ),
    "a property of where control stands": Case(
        "n = 0; here: n = 1;", inv="forall (struct task *t) !(at(t, one.here) && n == 1)"
    ),
    "held is seen": Case("spin_lock(&gl); spin_unlock(&gl);", inv="!held(gl)"),
    "a reader is seen": Case("read_lock(&grw); read_unlock(&grw);", inv="!held(grw)"),
}
HOLDS = {
    "a private object": Case(CREATE % "" + " g = NULL;", READ),
    "one lock": Case(
        "spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);", "spin_lock(&gl); if (n) bad = true; spin_unlock(&gl);"
    ),
    "the object's own lock": Case(
        "spin_lock(&current->l); current->x = 1; current->x = 0; spin_unlock(&current->l);",
        "struct task *t = any(struct task); spin_lock(&t->l); if (t->x) bad = true; spin_unlock(&t->l);",
    ),
    "a static's lock": Case(
        "spin_lock(&first.ml); n = 1; n = 0; spin_unlock(&first.ml);",
        "spin_lock(&first.ml); if (n) bad = true; spin_unlock(&first.ml);",
    ),
    "reader and writer": Case(
        "write_lock(&grw); n = 1; n = 0; write_unlock(&grw);", "read_lock(&grw); if (n) bad = true; read_unlock(&grw);"
    ),
    "one CPU": Case("n = 1; n = 0;", "if (n == 1) bad = true;", cpus=UP),
    "a spinlock switches preemption off": Case(
        "spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);", "if (n == 1) bad = true;", cpus="cpus 1;"
    ),
    "preemption switched off": Case(
        "preempt_disable(); n = 1; n = 0; preempt_enable();", "if (n == 1) bad = true;", cpus="cpus 1;"
    ),
}


def small_systems(system: System, prop: Expr) -> dict[str, tuple[System, frozenset[Key]]]:
    """What the passes make of a system, and what each result knows."""
    every = shared_keys(system)
    seen = first_keys(system, prop)
    known = {"seen": seen, "looked at": seen | looked_at(system, prop)}
    known |= {f"without {key}": every - {key} | seen for key in sorted(every) if key[1] in ("g", "n", "mm", "up", "x")}
    result = {"reduced": (reduce(system, prop), every), "sliced": (slice_for(system, prop), every)}
    result["both"] = (slice_for(reduce(slice_for(system, prop), prop), prop), every)
    for name, keys in known.items():
        local = slice_for(localize(system, keys), prop)
        result[f"{name}: localized"] = (local, keys)
        result[f"{name}: all"] = (slice_for(reduce(local, prop), prop), keys)
    return result


@pytest.mark.parametrize("name", VIOLATED)
def test_no_pass_loses_a_violation(name: str) -> None:
    system, prop = VIOLATED[name].question()
    assert search(instance(system, 2), prop).trace is not None
    for what, (small, _) in small_systems(system, prop).items():
        found = search(instance(small, 2), prop, max_states=STATES)
        assert found.trace is not None or not found.complete, what


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_is_reduced_and_still_holds(name: str) -> None:
    system, prop = HOLDS[name].question()
    whole = search(instance(system, 2), prop)
    assert whole.complete
    small = search(instance(reduce(slice_for(system, prop), prop), 2), prop)
    assert small.complete
    assert small.states <= whole.states


@pytest.mark.parametrize("name", VIOLATED)
def test_a_run_of_the_reduced_system_expands_to_one_of_the_whole(name: str) -> None:
    system, prop = VIOLATED[name].question()
    trace = search(instance(reduce(system, prop), 2), prop).trace
    assert trace is not None
    found = expand(trace, instance(system, 2), shared_keys(system))
    assert found.trace is not None
    assert replay(found.trace)
    assert not holds(found.trace.instance, prop, found.trace.states[-1])


DONE = (
    "n = 1;", "n = 0;", "n = (n + 1) & 3;", "current->x = n;", "if (n == 1) bad = true;", "sleep();", "assume(n != 1);",
    "if (n == 2) { sleep(); n = 0; }", "while (n == 1) sleep();", "down(&sem); n = 2; up(&sem);",
    "spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl);", "spin_lock(&gl); if (n) bad = true; sleep(); spin_unlock(&gl);",
    "preempt_disable(); n = 1; n = 0; preempt_enable();", "preempt_disable(); if (n == 3) sleep(); preempt_enable();",
    "lock_kernel(); n = 3; sleep(); unlock_kernel();", "if (!spin_trylock(&gl)) bad = true; else spin_unlock(&gl);",
)  # fmt: skip
SEEN = ("!bad", "n != 2", "n != 1", "forall (struct task *t) t->x != 1", "!held(gl) || n != 1", "!held(gl)")
FEW = settings(max_examples=15, phases=(Phase.generate,))


@FEW
@given(*[st.lists(st.sampled_from(DONE), min_size=1, max_size=3)] * 2, st.sampled_from(SEEN))
@pytest.mark.parametrize("cpus", [UP, "cpus 1;"])
def test_on_one_processor_no_violation_and_no_deadlock_is_lost_or_made(
    cpus: str, one: list[str], two: list[str], inv: str
) -> None:
    system, prop = Case(" ".join(one), " ".join(two), inv, cpus).question()
    whole, small = (search(instance(each, 2), prop).trace for each in (system, reduce(system, prop)))
    assert (whole is None) == (small is None)
    stuck, also = (
        search(instance(each, 2), None, deadlock=True).deadlock
        for each in (system, reduce(system, None, deadlocks=True))
    )
    assert stuck == also



def test_what_a_thread_does_with_the_only_processor_is_one_step() -> None:
    system, prop = Case("n = 1; n = 2; n = 3; n = 0;", "if (n) bad = true;", cpus=UP).question()
    assert any(len(action.micro) >= 4 for action in reduce(system, prop).actions)


@pytest.mark.parametrize("cpus", ["", UP])
def test_a_variable_called_cpu_is_none_of_the_processor(cpus: str) -> None:
    text = f"struct task {{ bool x; }}; u8 cpu; void user(void) {{ cpu = 3; }} system {{ {cpus} task t[1] runs user; }}"
    program = load_text(text + "invariant inv = cpu != 3;")
    low = lower(program, "system")
    assert search(instance(low.system, 1), invariant(program, low, "inv")).trace is not None


def test_a_critical_section_is_one_step() -> None:
    system, prop = HOLDS["one lock"].question()
    actions = reduce(slice_for(system, prop), prop).actions
    assert any(len(action.micro) > 2 and Global("gl") not in {u.place for u in action.updates} for action in actions)


def test_a_run_that_only_a_forgotten_variable_forbids_names_it() -> None:
    system, prop = Case("assume(n == 7); bad = true;").question()
    small = slice_for(localize(system, {("", "bad")}), prop)
    trace = search(instance(small, 2), prop).trace
    assert trace is not None
    found = expand(trace, instance(system, 2), {("", "bad")})
    assert found.trace is None
    assert frozenset({("", "n")}) in found.reasons


def test_deadlocks_survive_a_reduction_that_is_asked_to_keep_them() -> None:
    case = Case(
        "spin_lock(&gl); spin_lock(&first.ml); spin_unlock(&first.ml); spin_unlock(&gl);",
        "spin_lock(&first.ml); spin_lock(&gl); spin_unlock(&gl); spin_unlock(&first.ml);",
    )
    system, _ = case.question()
    small = reduce(system, None, deadlocks=True)
    assert search(instance(system, 2), None, deadlock=True).deadlock
    assert search(instance(small, 2), None, deadlock=True).deadlock


BORN = """
struct table { bool ready; };
struct task { bool in; };
bool got;
void user(void)
{
    struct table *p = new struct table;
    if (p)
        got = true;
}
system { task user[*] runs user; }
invariant never = !got;
"""
OWNED = """
struct mm { bool ready; };
struct task { struct mm *mm; };
bool got;
void user(void)
{
    struct mm *p = any(struct mm);
    struct mm *q = any(struct mm);
    if (p != q)
        got = true;
    else
        got = false;
}
system { task user[*] runs user with { mm = new struct mm; }; }
invariant never = !got;
"""


@pytest.mark.parametrize("text", [BORN, OWNED])
def test_objects_that_are_chosen_stay_where_nothing_else_of_them_matters(text: str) -> None:
    program = load_text(text)
    low = lower(program, "system")
    prop = invariant(program, low, "never")
    for small, _ in small_systems(low.system, prop).values():
        assert search(instance(small, 2), prop).trace is not None
