"""Lock balance on paths: what must be reported, with its path, and what must not."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from verify.diagnostics import Diagnostic, InputError
from verify.mutation import mutants, mutated
from verify.resources import specs_root
from verify.syntax import load, load_text
from verify.syntax.ast import Block
from verify.syntax.check.again import problems
from verify.syntax.program import Program

HEAD = """\
#define EPERM 1
#define EAGAIN 11
struct mm { spinlock_t page_lock; struct mm *next; unsigned flags; };
struct task {
    spinlock_t alloc_lock; spinlock_t sig_lock; rwlock_t rw; struct mutex cred; struct rw_semaphore sem;
    unsigned ptrace : 5; bool task_dumpable = true; bool dead; struct mm *mm; struct task *parent; int pid;
};
spinlock_t big;
rwlock_t tasklist_lock;
int mode;
int look(void) { return mode; }
"""
LINES = HEAD.count("\n")


def found(text: str) -> tuple[Diagnostic, ...]:
    try:
        load_text(HEAD + text)
    except InputError as error:
        return error.diagnostics
    return ()


def codes(text: str) -> list[tuple[str, str]]:
    """The code and the source text of each error."""
    return [(d.code, d.span.text) for d in found(text)]


def notes(error: Diagnostic) -> list[tuple[str, str]]:
    return [(text, span.text) for text, span in error.notes]


# ---- the mail's snippet --------------------------------------------------------------------------------------

SNIPPET = """\
int kernel_thread(void)
{{
    struct task *task = current;
    bool old_task_dumpable;
/* lock out any potential ptracer */
spin> task_lock(task);
check> if (task->ptrace) {{
exit> return -EPERM;
{early}
old_task_dumpable = task->task_dumpable;
flag> task->task_dumpable = 0;
unlock> task_unlock(task);
{late}
    return 0;
}}
"""
REAL = SNIPPET.replace("exit> return", "task_unlock(task);\nexit> return")


def test_the_snippet_of_the_mail_leaks_the_lock_where_it_returns() -> None:
    (error,) = found(SNIPPET.format(early="}", late=""))
    assert (error.code, error.span.text) == ("KC170", "return -EPERM;")
    assert error.message == "`kernel_thread` returns with `task->alloc_lock` held"
    assert notes(error) == [
        ("`task->alloc_lock` is taken here", "task_lock(task)"),
        ("this branch is taken", "task->ptrace"),
        ("returns here", "return -EPERM;"),
    ]


def test_the_snippet_with_its_brace_at_the_end_leaks_and_has_unreachable_code() -> None:
    errors = codes(SNIPPET.format(early="", late="}"))
    assert ("KC170", "return -EPERM;") in errors
    assert ("KC170", "return 0;") in errors
    assert ("KC136", "old_task_dumpable = task->task_dumpable;") in errors
    assert len(errors) == 3


@pytest.mark.parametrize("brace", [{"early": "}", "late": ""}])
def test_the_kernel_s_own_code_is_balanced(brace: dict[str, str]) -> None:
    assert codes(REAL.format(**brace)) == []


def test_the_leak_is_found_when_the_function_is_called_for_ever() -> None:
    user = "void user(void) { for (;;) choose { kernel_thread(); } }\nsystem { task init[*] runs user; }\n"
    assert codes(SNIPPET.format(early="}", late="") + user) == [("KC170", "return -EPERM;")]


def test_an_entry_may_store_to_much_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it stored to makes no difference where nobody calls it, so that its paths are soon the same."""
    monkeypatch.setattr(sys.modules["verify.syntax.check.locks.explore"], "MAX_STEPS", 200)
    names = [f"word{n}" for n in range(16)]
    text = "".join(f"int {name};\nvoid set_{name}(void) {{ {name} = mode; }}\n" for name in names)
    text += "void user(void) { for (;;) choose {\n"
    text += "".join(f"set_{name}();\n" for name in names) + "spin_unlock(&big);\n} }\n"
    assert codes(text) == [("KC171", "spin_unlock(&big)")]
    assert codes(text.replace("user", "inner") + "void user(void) { inner(); }\n") == []  # not followed to the end


def test_the_leak_is_found_when_the_caller_uses_the_result() -> None:
    user = "int caller(void) { int ret = kernel_thread(); if (ret) return ret; mode = 1; return 0; }\n"
    assert codes(SNIPPET.format(early="}", late="") + user) == [("KC170", "return -EPERM;")]


OUT = "static void take(struct task *t, bool *locked) { if (*locked) return; task_lock(t); *locked = true; }"
MANY = (
    "int f(struct task *t) {{ " + "".join(f"int x{i} = 0; " for i in range(12)) + "task_lock(t); "
    + "".join(f"if (t->pid == {i}) x{i} = 1; " for i in range(12)) + "mode = "
    + " + ".join(f"x{i}" for i in range(12)) + "; {end} }}"
)  # fmt: skip

# ---- errors ----------------------------------------------------------------------------------------------------

BAD = {
    "kept at the end": (
        "void f(struct task *t) { task_lock(t); }",
        [("KC170", "}")],
    ),
    "kept on a goto path": (
        "int f(struct task *t) { task_lock(t); if (t->dead) goto out; task_unlock(t); out: return 0; }",
        [("KC170", "return 0;")],
    ),
    "one of two": (
        ("int f(struct task *t) { spin_lock(&t->alloc_lock); spin_lock(&t->sig_lock); if (t->dead) {"
        " spin_unlock(&t->alloc_lock); return 1; } spin_unlock(&t->sig_lock); task_unlock(t); return 0; }"),
        [("KC170", "return 1;")],
    ),
    "kept by break": (
        "void f(struct task *t) { while (look()) { task_lock(t); if (t->dead) break; task_unlock(t); } }",
        [("KC170", "}")],
    ),
    "kept by continue": (
        "void f(struct task *t) { for (;;) { task_lock(t); if (t->dead) continue; task_unlock(t); sleep(); } }",
        [("KC172", "task_lock(t)")],
    ),
    "kept by continue, with an exit": (
        ("void f(struct task *t) { for (;;) { if (nondet()) return; task_lock(t); if (t->dead) continue;"
        " task_unlock(t); } }"),
        [("KC170", "return;")],
    ),
    "kept in a switch": (
        ("int f(struct task *t) { task_lock(t); switch (t->pid) { case 0: return 1; case 1: break; default: mode = 2; }"
        " task_unlock(t); return 0; }"),
        [("KC170", "return 1;")],
    ),
    "taken twice": (
        "void f(struct task *t) { struct task *u = t; task_lock(t); spin_lock(&u->alloc_lock); task_unlock(t); }",
        [("KC172", "spin_lock(&u->alloc_lock)")],
    ),
    "taken twice through a call": (
        ("static void set(struct task *t) { task_lock(t); t->pid = 1; task_unlock(t); }"
        "void f(struct task *t) { task_lock(t); set(t); task_unlock(t); }"),
        [("KC172", "set(t)")],
    ),
    "taken again by goto": (
        "void f(struct task *t) { again: task_lock(t); if (t->dead) goto again; task_unlock(t); }",
        [("KC172", "task_lock(t)")],
    ),
    "read and write": (
        "void f(void) { read_lock(&tasklist_lock); write_lock(&tasklist_lock); write_unlock(&tasklist_lock); }",
        [("KC172", "write_lock(&tasklist_lock)")],
    ),
    "nested readers": (
        "void f(void) { read_lock(&tasklist_lock); read_lock(&tasklist_lock); read_unlock(&tasklist_lock); }",
        [("KC172", "read_lock(&tasklist_lock)")],
    ),
    "released in the wrong mode": (
        "void f(void) { read_lock(&tasklist_lock); write_unlock(&tasklist_lock); }",
        [("KC171", "write_unlock(&tasklist_lock)")],
    ),
    "released without being taken": (
        "void f(struct task *t) { task_unlock(t); }",
        [("KC171", "task_unlock(t)")],
    ),
    "released on one path too many": (
        "void f(struct task *t) { if (t->dead) task_lock(t); task_unlock(t); }",
        [("KC171", "task_unlock(t)")],
    ),
    "released twice": (
        "void f(struct task *t) { task_lock(t); if (t->dead) task_unlock(t); task_unlock(t); }",
        [("KC171", "task_unlock(t)")],
    ),
    "released twice through a call": (
        ("static void done(struct task *t) { t->pid = 0; task_unlock(t); }"
        "void f(struct task *t) { task_lock(t); task_unlock(t); done(t); }"),
        [("KC171", "done(t)")],
    ),
    "mutex": (
        ("int f(struct task *t) { mutex_lock(&t->cred); if (t->dead) return -EAGAIN; mutex_unlock(&t->cred);"
        " return 0; }"),
        [("KC170", "return -EAGAIN;")],
    ),
    "rwsem": (
        "int f(struct task *t) { down_read(&t->sem); if (t->dead) return 1; up_read(&t->sem); return 0; }",
        [("KC170", "return 1;")],
    ),
    "big kernel lock": (
        "int f(void) { lock_kernel(); lock_kernel(); unlock_kernel(); return 0; }",
        [("KC170", "return 0;")],
    ),
    "big kernel lock in a loop": (
        "void f(void) { while (look()) lock_kernel(); }",
        [("KC173", "lock_kernel()")],
    ),
    "trylock": (
        ("int f(struct task *t) { if (!spin_trylock(&t->alloc_lock)) return 0; if (t->dead) return 1;"
        " task_unlock(t); return 2; }"),
        [("KC170", "return 1;")],
    ),
    "trylock not tested": (
        "void f(struct task *t) { spin_trylock(&t->alloc_lock); task_unlock(t); }",
        [("KC171", "task_unlock(t)")],
    ),
    "helper that nobody undoes": (
        "static void lock_it(struct task *t) { task_lock(t); } int f(struct task *t) { lock_it(t); return t->pid; }",
        [("KC170", "return t->pid;")],
    ),
    "helper that is undone on one path": (
        ("static void lock_it(struct task *t) { task_lock(t); } static void unlock_it(struct task *t) {"
        " task_unlock(t); }"
        "int f(struct task *t) { lock_it(t); if (t->dead) return 1; unlock_it(t); return 0; }"),
        [("KC170", "return 1;")],
    ),
    "helper for any lock": (
        ("static void take(spinlock_t *l) { spin_lock(l); }"
        "void f(struct task *t) { take(&t->sig_lock); spin_unlock(&t->sig_lock); take(&t->sig_lock); }"),
        [("KC170", "}")],
    ),
    "helper whose failure keeps the lock": (
        ("static int get(struct task *t) { task_lock(t); if (t->dead) return -1; return 0; }"
        "void f(struct task *t) { if (get(t)) return; task_unlock(t); }"),
        [("KC170", "return;")],
    ),
    "lost pointer": (
        ("void f(void) { for (;;) { struct task *t = any(struct task); task_lock(t); if (t->dead) continue;"
        " task_unlock(t); } }"),
        [("KC170", "struct task *t = any(struct task);")],
    ),
    "many paths": (
        MANY.format(end="if (t->dead) return 1; task_unlock(t); return 0;"),
        [("KC170", "return 1;")],
    ),
    "flag set through a reference": (
        OUT + "void f(struct task *t) { bool locked = false; take(t, &locked); if (mode) return; if (locked)"
        " task_unlock(t); }",
        [("KC170", "return;")],
    ),
    "global flag": (
        "void f(struct task *t) { mode = 0; task_lock(t); if (mode) task_unlock(t); }",
        [("KC170", "}")],
    ),
    "field of a field": (
        ("int f(struct task *t) { spin_lock(&t->mm->page_lock); if (!t->parent) return 1;"
        " spin_unlock(&t->mm->page_lock); return 0; }"),
        [("KC170", "return 1;")],
    ),
    "lock of a global object": (
        ("struct task init; int f(void) { spin_lock(&init.alloc_lock); if (mode) return 1; task_unlock(&init);"
        " return 0; }"),
        [("KC170", "return 1;")],
    ),
    "big kernel lock through calls in a loop": (
        "static void take(void) { lock_kernel(); } void f(void) { while (look()) take(); }",
        [("KC173", "take()")],
    ),
    "big kernel lock released by a helper": (
        "static void drop(void) { unlock_kernel(); } void f(void) { lock_kernel(); drop(); drop(); }",
        [("KC171", "drop()")],
    ),
    "released by nobody's holder": (
        ("static void drop(struct task *t) { task_unlock(t); } static void twice(struct task *t) { drop(t); }"
        "void f(struct task *t) { twice(t); }"),
        [("KC171", "twice(t)")],
    ),
    "entry of a system that is also called": (
        ("void f(void) { task_lock(current); } void g(void) { f(); task_unlock(current); }"
        "system { task a[*] runs f; }"),
        [("KC170", "}")],
    ),
    "target of spawn": (
        ("void f(void) { task_lock(current); if (mode) return; task_unlock(current); }"
        "void g(void) { struct task *t = new struct task; if (t) spawn(t, f); }"),
        [("KC170", "return;")],
    ),
    "helper that only the endless caller could undo": (
        "static void keep(struct task *t) { task_lock(t); } void f(void) { for (;;) keep(current); }",
        [("KC170", "}")],
    ),
    "helper in a wrapper": (
        ("static int get(struct task *t) { task_lock(t); if (t->dead) return -1; task_unlock(t); return 0; }"
        "static int wrap(struct task *t) { return get(t); } void f(struct task *t) { wrap(t); }"),
        [("KC170", "return -1;")],
    ),
    "after a switch that cannot help": (
        "void f(struct task *t) { task_lock(t); switch (t->pid) { case 1: mode = 1; break; default: mode = 2; } }",
        [("KC170", "}")],
    ),
    "retaken by a helper": (
        ("static void again(struct task *t) { task_unlock(t); sleep(); task_lock(t); } void f(struct task *t) {"
        " again(t); }"),
        [("KC171", "again(t)")],
    ),
    "choose": (
        "void f(struct task *t) { task_lock(t); choose { task_unlock(t); mode = 1; } }",
        [("KC170", "}")],
    ),
    "constant condition": (
        "void f(struct task *t) { int done = 0; task_lock(t); if (done) task_unlock(t); }",
        [("KC170", "}")],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_unbalanced_path_is_reported(name: str) -> None:
    text, expected = BAD[name]
    assert codes(text) == expected


USER = "void user(void) { for (;;) choose { f(any(struct task)); h(any(struct task)); } }"
GET = "static int get(struct task *t) { task_lock(t); if (t->dead) return -1; return 0; }"


def test_the_function_to_blame_is_named_with_the_path_through_what_it_calls() -> None:
    f = "void f(struct task *t) { if (get(t)) return; task_unlock(t); }"
    h = "void h(struct task *t) { if (t->pid) task_lock(t); task_unlock(t); }"
    leak, release = found(GET + f + h + USER)
    assert (leak.code, leak.span.text, leak.message) == ("KC170", "return;", "`f` returns with `t->alloc_lock` held")
    assert notes(leak) == [
        ("`t->alloc_lock` is taken here, in `get`", "task_lock(t)"),
        ("this branch is taken", "t->dead"),
        ("`get` returns here with it held", "return -1;"),
        ("this branch is taken", "get(t)"),
        ("returns here", "return;"),
    ]
    assert (release.code, release.span.text) == ("KC171", "task_unlock(t)")
    assert notes(release)[-2:] == [("`h` is called here", "h(any(struct task))"), ("here", "task_unlock(t)")]


def test_a_long_path_is_cut() -> None:
    tests = "".join(f"if (t->pid == {n}) mode = {n};" for n in range(20))
    (error,) = found(f"void f(struct task *t) {{ task_lock(t); {tests} while (t->dead) sleep(); }}")
    assert len(error.notes) == 13
    assert error.notes[0][0] == "`t->alloc_lock` is taken here"
    assert [text for text, _ in error.notes[-2:]] == ["this loop ends", "ends here"]


# ---- no errors -------------------------------------------------------------------------------------------------

GOOD = {
    "same condition twice": (
        "void f(struct task *t, int c) { if (c) task_lock(t); mode = 1; if (c) task_unlock(t); }"
    ),
    "the opposite condition": (
        "void f(struct task *t, int c) { if (c == 0) goto a; task_lock(t); a: mode = 1; if (!c) return;"
        " task_unlock(t); }"
    ),
    "the same field twice": (
        "void f(struct task *t) { if (t->dead) task_lock(t); mode = 1; if (t->dead) task_unlock(t); }"
    ),
    "flag": (
        "void f(struct task *t) { bool locked = false; if (t->dead) { task_lock(t); locked = true; }"
        " mode = 1; if (locked) task_unlock(t); }"
    ),
    "flag over a loop": (
        "void f(struct task *t) { int have = 0; while (look()) { if (!have) { task_lock(t); have = 1; } mode = 2; }"
        " if (have) task_unlock(t); }"
    ),
    "conditions that only a person can match": (
        "void f(struct task *t, int c) { if (c & 1) task_lock(t); mode = 1; if (c & 3) { if (c != 2)"
        " task_unlock(t); } }"
    ),
    "comparison against neighbours": (
        "void f(struct task *t, int c) { if (c > 3) task_lock(t); if (c >= 4) task_unlock(t); }"
    ),
    "many paths": MANY.format(end="task_unlock(t); return 0;"),
    "flag set through a reference": (
        OUT + "void f(struct task *t) { bool locked = false; take(t, &locked); mode = 1; if (locked) task_unlock(t); }"
    ),
    "flag set through a reference that is passed on": (
        OUT + "static void more(struct task *t, bool *locked) { take(t, locked); t->pid = 1; }"
        "void f(struct task *t) { bool locked = false; more(t, &locked); mode = 1; if (locked) task_unlock(t); }"
    ),
    "flag in a field set through a reference": (
        OUT + "void f(struct task *t) { t->dead = false; take(t, &t->dead); mode = 1; if (t->dead) task_unlock(t); }"
    ),
    "flag that a helper may change": (
        "static void set(bool *x) { *x = nondet(); } void f(struct task *t) { bool c = true; set(&c); if (c)"
        " task_lock(t);"
        " if (c) task_unlock(t); }"
    ),
    "global flag": (
        "void f(struct task *t) { mode = 0; if (t->dead) { task_lock(t); mode = 1; } if (mode) task_unlock(t); }"
    ),
    "helper of two tasks that may be one": (
        "static void swap(struct task *a, struct task *b) { task_unlock(a); task_lock(b); }"
        "void f(struct task *t) { task_lock(t); swap(t, t); task_unlock(t); }"
    ),
    "helper that moves the lock": (
        "static void swap(struct task *a, struct task *b) { task_unlock(a); task_lock(b); }"
        "void f(struct task *t, struct task *u) { task_lock(t); swap(t, u); task_unlock(u); }"
    ),
    "big kernel lock released by a helper": (
        "static void drop(void) { unlock_kernel(); } void f(void) { lock_kernel(); lock_kernel(); drop(); drop(); }"
    ),
    "short circuits": (
        "void f(struct task *t) { if (t->dead || !spin_trylock(&t->alloc_lock)) return; task_unlock(t); }"
    ),
    "conditional expression": (
        "void f(struct task *t, int c) { struct task *u = c ? t : t->parent; task_lock(u); mode = 1; task_unlock(u); }"
    ),
    "pointer and its copy in memory": (
        "void f(struct task *t) { t->parent = current; task_lock(t->parent); mode = 1; task_unlock(current); }"
    ),
    "lock of what a call gives": (
        "static struct task *above(struct task *t) { return t->parent; }"
        "void f(struct task *t) { task_lock(above(t)); mode = 1; task_unlock(above(t)); }"
    ),
    "a list is walked": (
        "void f(struct task *t) { struct mm *m; for (m = t->mm; m; m = m->next) { spin_lock(&m->page_lock);"
        " m->flags ^= 1; spin_unlock(&m->page_lock); } }"
    ),
    "struct copy under locks": (
        "void f(struct task *t) { task_lock(t); *t = *t->parent; t->dead = ~t->pid; task_unlock(t); }"
    ),
    "nothing is called": "void f(struct task *t, void (*fn)(void)) { task_lock(t); fn(); task_unlock(t); }",
    "trylock": "int f(struct task *t) { if (!spin_trylock(&t->alloc_lock)) return 0; task_unlock(t); return 1; }",
    "trylock through a variable": (
        "int f(struct task *t) { int ok = spin_trylock(&t->alloc_lock); if (ok) task_unlock(t); return ok; }"
    ),
    "trylock and another test": (
        "int f(struct task *t) { if (t->dead && mutex_trylock(&t->cred)) { mutex_unlock(&t->cred); return 1; }"
        " return 0; }"
    ),
    "trylock in a loop": "void f(struct task *t) { while (!spin_trylock(&t->alloc_lock)) sleep(); task_unlock(t); }",
    "helpers": (
        "static void lock_it(struct task *t) { task_lock(t); } static void unlock_it(struct task *t) {"
        " task_unlock(t); }"
        "void f(struct task *t) { lock_it(t); t->pid = 1; unlock_it(t); }"
    ),
    "helper that returns the locked object": (
        "static struct task *get(void) { struct task *t = any(struct task); task_lock(t); if (t->dead) {"
        " task_unlock(t); return NULL; } return t; }"
        "int f(void) { struct task *t = get(); if (!t) return 1; t->pid = 1; task_unlock(t); return 0; }"
    ),
    "helper with an error code": (
        "static int get(struct task *t) { task_lock(t); if (t->dead) { task_unlock(t); return -EPERM; } return 0; }"
        "int f(struct task *t) { int err = get(t); if (err < 0) return err; task_unlock(t); return 0; }"
    ),
    "helper with a flag": (
        "static void set(struct task *t, bool locked) { if (!locked) task_lock(t); t->pid = 1; if (!locked)"
        " task_unlock(t); }"
        "void f(struct task *t) { task_lock(t); set(t, true); task_unlock(t); set(t, false); }"
    ),
    "conditional helpers": (
        "static void take(struct task *t, int c) { if (c) task_lock(t); }"
        "static void drop(struct task *t, int c) { if (c) task_unlock(t); }"
        "void f(struct task *t, int c) { take(t, c); mode = 1; drop(t, c); }"
    ),
    "helper that drops and takes again": (
        "static void wait(struct task *t) { task_unlock(t); sleep(); task_lock(t); }"
        "void f(struct task *t) { task_lock(t); while (t->dead) wait(t); task_unlock(t); }"
    ),
    "helper for any lock": (
        "static void take(spinlock_t *l) { spin_lock(l); } static void drop(spinlock_t *l) { spin_unlock(l); }"
        "void f(struct task *t) { take(&t->sig_lock); take(&big); drop(&big); drop(&t->sig_lock); }"
    ),
    "function by name": (
        "static void with(struct task *t, void (*fn)(void)) { task_lock(t); fn(); task_unlock(t); }"
        "static void one(void) { mode = 1; } void f(struct task *t) { with(t, one); }"
    ),
    "big kernel lock nests": (
        "static void inner(void) { lock_kernel(); mode = 1; unlock_kernel(); }"
        "void f(void) { lock_kernel(); inner(); lock_kernel(); unlock_kernel(); unlock_kernel(); }"
    ),
    "hand over hand": (
        "void f(struct task *t) { struct mm *m, *n; m = t->mm; spin_lock(&m->page_lock); while (m->next) { n = m->next;"
        " spin_lock(&n->page_lock); spin_unlock(&m->page_lock); m = n; } spin_unlock(&m->page_lock); }"
    ),
    "two objects of one kind": (
        "void f(struct task *a, struct task *b) { if (a == b) { task_lock(a); } else { task_lock(a); task_lock(b); }"
        " mode = 1; if (a != b) task_unlock(b); task_unlock(a); }"
    ),
    "an alias the checker does not see": (
        "void f(void) { struct task *a = any(struct task); struct task *b = any(struct task); task_lock(a);"
        " assume(a == b); task_unlock(b); }"
    ),
    "each task in turn": (
        "void f(void) { for (;;) { struct task *t = any(struct task); task_lock(t); t->pid = 1; task_unlock(t); } }"
    ),
    "goto out": (
        "int f(struct task *t) { int ret = -EPERM; task_lock(t); if (t->dead) goto bad; if (t->pid <= 1) goto bad;"
        " ret = 0; bad: task_unlock(t); return ret; }"
    ),
    "two ways out": (
        "int f(struct task *t) { int ret = 0; if (t->dead) goto out; task_lock(t); if (t->pid) goto out_unlock;"
        " ret = 1;"
        " out_unlock: task_unlock(t); out: return ret; }"
    ),
    "switch": (
        "void f(struct task *t, int c) { switch (c) { case 1: task_lock(t); break; case 2: read_lock(&tasklist_lock); }"
        " mode = 1; switch (c) { case 1: task_unlock(t); break; case 2: read_unlock(&tasklist_lock); } }"
    ),
    "read and write on the same condition": (
        "void f(int w) { if (w) write_lock(&tasklist_lock); else read_lock(&tasklist_lock); mode = 1;"
        " if (w) write_unlock(&tasklist_lock); else read_unlock(&tasklist_lock); }"
    ),
    "semaphores and completions are free": (
        "struct semaphore s = 1; struct completion c; void f(void) { down(&s); complete(&c); } void g(void) { up(&s); }"
    ),
    "loop that retries": (
        "int f(struct task *t) { int tries = 0; again: task_lock(t); if (t->dead && tries < 3) {"
        " task_unlock(t); tries++;"
        " goto again; } t->pid = tries; task_unlock(t); return 0; }"
    ),
    "early exit of a loop under the lock": (
        "int f(struct task *t) { task_lock(t); while (t->pid) { if (t->dead) { task_unlock(t); return 1; }"
        " t->pid -= 1; }"
        " task_unlock(t); return 0; }"
    ),
    "what nobody stores to is the same under the lock": (
        "int f(struct task *t) { if (t->dead) return 1; task_lock(t); if (t->dead) return 2; task_unlock(t);"
        " return 0; }"
    ),
    "a pointer to the lock, tested and stored to": (
        "void g(struct task *t) { t->mm = NULL; } void f(struct task *t) { if (!t->mm) return;"
        " spin_lock(&t->mm->page_lock); task_lock(t); t->pid = 1; task_unlock(t); spin_unlock(&t->mm->page_lock); }"
    ),
    "what is given to an object when it is made is the same later": (
        "void g(void) { struct task *p = new struct task; if (p) p->dead = nondet(); } void take(struct task *t)"
        " { if (t->dead) task_lock(t); } void let(struct task *t) { if (t->dead) task_unlock(t); }"
        " void f(struct task *t) { take(t); spin_lock(&big); mode = 1; spin_unlock(&big); let(t); }"
    ),
    "what is tested under a lock that is held all the while": (
        "void g(struct task *t) { spin_lock(&big); t->pid = nondet(); spin_unlock(&big); } void f(struct task *t)"
        " { spin_lock(&big); if (t->pid > 2 && t->dead) task_lock(t);"
        " spin_lock(&t->mm->page_lock); mode = 1; spin_unlock(&t->mm->page_lock);"
        " if (t->pid > 2 && t->dead) task_unlock(t); spin_unlock(&big); }"
    ),
    "the same test around both, with another lock between": (
        "void g(struct task *t) { t->dead = true; } void f(struct task *t) { if (t->dead) task_lock(t);"
        " spin_lock(&big); mode = 1; spin_unlock(&big); if (t->dead) task_unlock(t); }"
    ),
    "unlock depends on another function's answer": (
        "static int begin(struct task *t) { if (look()) { task_lock(t); return 1; } return 0; }"
        "void f(struct task *t) { int x = begin(t); mode = 3; if (x) task_unlock(t); }"
    ),
}


def test_what_was_tested_before_the_lock_may_have_changed_under_it() -> None:
    text = (
        "void g(struct task *t) { t->dead = true; } int f(struct task *t) { if (t->dead) return 1; task_lock(t);"
        " if (t->dead) return 2; task_unlock(t); return 0; }"
    )
    assert codes(text) == [("KC170", "return 2;")]
    attempt = text.replace("task_lock(t);", "if (!spin_trylock(&t->alloc_lock)) return 3;")
    assert codes(attempt) == [("KC170", "return 2;")]


@pytest.mark.parametrize("name", GOOD)
def test_a_balanced_function_has_no_error(name: str) -> None:
    assert codes(GOOD[name]) == []


CALLS = """
struct task { spinlock_t l; int n; };
void take(struct task *t) { spin_lock(&t->l); }
void give(struct task *t) { spin_unlock(&t->l); }
void user(void) { for (;;) { take(current); current->n = 1; give(current); } }
system { task t[*] runs user; }
"""


@pytest.mark.parametrize("program", [load(specs_root() / "core.kc"), load_text(CALLS)], ids=["core", "calls"])
def test_what_is_known_of_functions_that_did_not_change_says_the_same_of_others(program: Program) -> None:
    changed = [mutated(program, mutant) for mutant in mutants(program, "system")]
    empty = {name: replace(decl, body=Block(())) for name, decl in program.functions.items()}
    changed += [replace(program, functions={**program.functions, name: empty[name]}) for name in empty]
    found = [[(one.code, one.message, one.span, one.notes) for one in problems(each)] for each in changed]
    anew = [problems(replace(each, followed=None)) for each in changed]
    assert found == [[(one.code, one.message, one.span, one.notes) for one in each] for each in anew]
    assert any(found)
    assert not all(found)
