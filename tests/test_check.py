"""Names, types and control flow: each error once, at its place; and what the completed tree says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from verify.codes import CODES
from verify.diagnostics import Diagnostic, InputError
from verify.syntax import load_text
from verify.syntax.ast import (
    Assign,
    Binary,
    Block,
    Call,
    Cast,
    Conditional,
    Declare,
    Do,
    Expr,
    Foreach,
    FunctionDecl,
    Held,
    Member,
    Name,
    New,
    Nondet,
    Number,
    Quantified,
    Return,
    Stmt,
    Unary,
)
from verify.syntax.check.walk import expressions, statements, subexpressions
from verify.syntax.program import Guard, Program
from verify.syntax.types import INT, UNSIGNED, Bool, Enum, Int, Lock, Null, Pointer, Struct, Void

HEAD = """\
enum color { RED, GREEN = 4, BLUE };
struct mm { bool dumpable = true; struct mm *next; };
struct task {
    spinlock_t alloc_lock; rwlock_t rw; struct semaphore sem; atomic_t count;
    unsigned ptrace : 5; unsigned flags; int pid = 7; u8 small; long wide; u64 huge; bool dead; enum color color;
    struct mm *mm; struct task *parent; ghost bool traced; ghost unsigned seen : 2;
};
struct mm init_mm;
int mode; ghost bool spec; spinlock_t big; struct task *leader;
"""


def program(text: str) -> Program:
    return load_text(HEAD + text)


def found(text: str, head: str = HEAD) -> tuple[Diagnostic, ...]:
    try:
        load_text(head + text)
    except InputError as error:
        return error.diagnostics
    return ()


def codes(text: str, head: str = HEAD) -> list[tuple[str, str]]:
    return [(d.code, d.span.text) for d in found(text, head)]


def body(function: FunctionDecl) -> tuple[Stmt, ...]:
    assert function.body is not None
    return function.body.body


def first(text: str) -> Expr:
    """The first expression of `void f(struct task *t) { text }`."""
    done = program(f"void f(struct task *t, int i, unsigned u, u8 b, long l) {{ {text} }}")
    block = done.functions["f"].body
    assert block is not None
    return next(expressions(block))


def value(text: str) -> Expr:
    """The completed `text` as the right side of an assignment, without the conversion to `int`."""
    done = first(f"mode = {text};")
    assert isinstance(done, Assign)
    return done.value.operand if isinstance(done.value, Cast) and done.value.to == INT else done.value


# ---- errors ----------------------------------------------------------------------------------------------------

IN_CODE = {
    # names
    "xyz = 1;": [("KC100", "xyz")],
    "mode = xyz + xyz;": [("KC100", "xyz")],
    "t->alloc_lok = 1;": [("KC101", "t->alloc_lok")],
    "g();": [("KC102", "g()")],
    "spin_lok(&t->alloc_lock);": [("KC102", "spin_lok(&t->alloc_lock)")],
    "g(1, xyz, &t->pid, mode);": [("KC102", "g(1, xyz, &t->pid, mode)"), ("KC100", "xyz")],
    "struct tsk *p = NULL; if (p) mode = 1;": [("KC103", "struct tsk *p = NULL;")],
    "enum colour c = 0; if (c) mode = 1;": [("KC103", "enum colour c = 0;")],
    "leader = new struct tsk;": [("KC103", "new struct tsk")],
    "leader = any(struct tsk);": [("KC103", "any(struct tsk)")],
    "goto nowhere;": [("KC104", "goto nowhere;")],
    "int x = 1; int x = 2; mode = x;": [("KC105", "int x = 2;")],
    "int t = 1; mode = t;": [("KC105", "int t = 1;")],
    "a: mode = 1; a: mode = 2;": [("KC105", "a")],
    "int current = 1;": [("KC106", "int current = 1;")],
    "int spin_lock = 1;": [("KC106", "int spin_lock = 1;")],
    # conversions
    "mode = t;": [("KC110", "t")],
    "leader = t->mm;": [("KC110", "t->mm")],
    "leader = 5;": [("KC110", "5")],
    "mode = NULL;": [("KC110", "NULL")],
    "mode = nothing();": [("KC110", "nothing()")],
    "if (nothing()) mode = 1;": [("KC110", "nothing()")],
    "switch (t) { case 1: mode = 1; }": [("KC110", "t")],
    "mode = -xyz;": [("KC100", "xyz")],
    "mode = *xyz;": [("KC100", "xyz")],
    "mode = i ? xyz : 1;": [("KC100", "xyz")],
    "mode = t->mm->xyz ? 1 : 2;": [("KC101", "t->mm->xyz")],
    "leader = &xyz;": [("KC100", "xyz")],
    "mode = READ_ONCE(xyz);": [("KC100", "xyz")],
    "spawn(t, xyz);": [("KC100", "xyz")],
    "put(xyz);": [("KC100", "xyz")],
    "atomic_inc(&t->flags);": [("KC115", "&t->flags")],
    "mode = t->alloc_lock + 1;": [("KC114", "t->alloc_lock")],
    "mode = nothing() + 1;": [("KC111", "nothing() + 1")],
    "leader = t->alloc_lock;": [("KC114", "t->alloc_lock")],
    "mode = t == 0 ? 1 : nothing();": [("KC111", "t == 0 ? 1 : nothing()")],
    "call(nothing, 1);": [("KC112", "call(nothing, 1)")],
    "if (i) int_ = 1;": [("KC100", "int_")],
    "*t = xyz;": [("KC100", "xyz")],
    "*t = *t->mm;": [("KC110", "*t = *t->mm")],
    "publish(mode);": [("KC110", "mode")],
    "spawn(t->mm, nothing);": [("KC110", "t->mm")],
    "spawn(t, add);": [("KC110", "add")],
    "spawn(t, mode);": [("KC110", "mode")],
    "spawn(t, nobody);": [("KC131", "nobody")],
    "call(give);": [("KC110", "give")],
    "task_lock(t->mm);": [("KC110", "task_lock(t->mm)")],
    "task_lock(xyz);": [("KC100", "xyz")],
    "mode = (int)t;": [("KC110", "t")],
    # operators
    "mode = t + 1;": [("KC111", "t + 1")],
    "mode = 1 + t;": [("KC111", "1 + t")],
    "mode = t < t;": [("KC111", "t < t")],
    "mode = t == t->mm;": [("KC111", "t == t->mm")],
    "mode = t == 3;": [("KC111", "t == 3")],
    "mode = -t;": [("KC111", "t")],
    "mode = ~nothing();": [("KC111", "nothing()")],
    "mode = i ? t : 1;": [("KC111", "i ? t : 1")],
    "mode = i ? t : t->mm;": [("KC111", "i ? t : t->mm")],
    "t += 1;": [("KC111", "t += 1")],
    "mode += t;": [("KC111", "mode += t")],
    "t++;": [("KC111", "t++")],
    "t->color++;": [("KC111", "t->color++")],
    "mode = t.pid;": [("KC111", "t.pid")],
    "mode = init_mm->dumpable;": [("KC111", "init_mm->dumpable")],
    "mode = i->pid;": [("KC111", "i->pid")],
    "mode = *i;": [("KC111", "*i")],
    "mode = add;": [("KC111", "add")],
    "mode = &add;": [("KC111", "add")],
    "mode();": [("KC102", "mode()")],
    "i();": [("KC111", "i()")],
    # calls
    "add(1);": [("KC112", "add(1)")],
    "add(1, t);": [("KC110", "t")],
    "spin_lock();": [("KC112", "spin_lock()")],
    "nobody();": [("KC131", "nobody()")],
    "nobody(); nobody();": [("KC131", "nobody()")],
    # what can be assigned
    "RED = 1;": [("KC113", "RED")],
    "RED += 1;": [("KC113", "RED")],
    "RED++;": [("KC113", "RED")],
    "add = 1;": [("KC113", "add")],
    "current = t;": [("KC113", "current")],
    "5 = mode;": [("KC113", "5")],
    "WRITE_ONCE(RED, 1);": [("KC113", "RED")],
    "mode = READ_ONCE(5);": [("KC113", "5")],
    # locks
    "mode = t->alloc_lock;": [("KC114", "t->alloc_lock")],
    "if (t->count) mode = 1;": [("KC114", "t->count")],
    "t->alloc_lock = 1;": [("KC114", "t->alloc_lock")],
    "t->alloc_lock++;": [("KC114", "t->alloc_lock")],
    # references
    "spin_lock(t->alloc_lock);": [("KC115", "t->alloc_lock")],
    "spin_lock(&t->rw);": [("KC115", "&t->rw")],
    "spin_lock(&t->pid);": [("KC115", "&t->pid")],
    "spin_lock(t);": [("KC115", "t")],
    "spin_lock(&xyz);": [("KC100", "xyz")],
    "set_bit(1, &t->color);": [("KC115", "&t->color")],
    "mode = xchg(&t->alloc_lock, 1);": [("KC115", "&t->alloc_lock")],
    "mode = xchg(t->pid, 1);": [("KC115", "t->pid")],
    "zero(&t->small);": [("KC115", "&t->small")],
    "zero(mode);": [("KC115", "mode")],
    "zero(&RED);": [("KC115", "&RED")],
    "zero(&5);": [("KC115", "&5")],
    "mode = &t->pid;": [("KC115", "&t->pid")],
    # types that cannot stand here
    "spinlock_t l;": [("KC116", "spinlock_t l;")],
    "mode = *t;": [("KC116", "*t")],
    "mode = init_mm;": [("KC116", "init_mm")],
    # nondet
    "leader = nondet();": [("KC117", "nondet()")],
    "mode = 1 + nondet();": [("KC117", "nondet()")],
    "switch (nondet()) { case 1: mode = 1; }": [("KC117", "nondet()")],
    # constants
    "switch (i) { case 1: mode = 1; break; case 1: mode = 2; }": [("KC105", "1")],
    "switch (i) { case 1: mode = 1; break; default: mode = 2; break; default: mode = 3; }": [
        ("KC105", "default: mode = 3;")
    ],
    "switch (i) { case mode: mode = 1; }": [("KC118", "mode")],
    "mode = 1 << 32;": [("KC119", "32")],
    "mode = i >> -1;": [("KC119", "-1")],
    "u <<= 40;": [("KC119", "40")],
    "mode = i / 0;": [("KC119", "0")],
    "mode %= 1 - 1;": [("KC119", "1 - 1")],
    # ghosts
    "if (t->traced) mode = 1;": [("KC120", "t->traced")],
    "mode = spec;": [("KC120", "spec")],
    "t->seen++;": [("KC120", "t->seen")],
    "t->seen |= 1;": [("KC120", "t->seen")],
    "mode = xchg(&t->seen, 1);": [("KC120", "t->seen")],
    "mode = READ_ONCE(t->seen);": [("KC120", "t->seen")],
    # enums
    "t->color = 3;": [("KC121", "3")],
    "t->color = i;": [("KC121", "i")],
    "t->color |= 1;": [("KC121", "t->color |= 1")],
    "mode = (enum color)i;": [("KC121", "i")],
    # results and jumps
    "return 1;": [("KC132", "return 1;")],
    "break;": [("KC133", "break;")],
    "continue;": [("KC133", "continue;")],
    "switch (i) { case 1: continue; }": [("KC133", "continue;")],
    # foreach
    "foreach (struct task *c) { mode = 1; }": [("KC134", "mode = 1;")],
    "foreach (struct task *c) { if (c->pid) c->pid = 1; }": [("KC134", "if (c->pid) c->pid = 1;")],
    "foreach (struct task *c) { t->pid = 1; }": [("KC134", "t->pid = 1;")],
    "foreach (struct task *c) { c->pid = add(1, 2); c->flags = nothing2(); }": [
        ("KC102", "nothing2()"),
    ],
    "foreach (struct task *c) { c->pid = mode++; }": [("KC134", "mode++")],
    "foreach (struct task *c) { c->parent = any(struct task); }": [("KC134", "any(struct task)")],
    "foreach (struct task *c where spin_trylock(&c->alloc_lock)) { c->pid = 1; }": [
        ("KC134", "spin_trylock(&c->alloc_lock)")
    ],
    "foreach (struct task *c) { c->pid = 1; c->flags = c->pid; }": [("KC134", "c->pid")],
    "foreach (struct tsk *c) { c->pid = 1; }": [("KC103", "foreach (struct tsk *c) { c->pid = 1; }")],
    "foreach (struct task *t) { t->pid = 1; }": [("KC105", "foreach (struct task *t) { t->pid = 1; }")],
    "foreach (struct task *c where c->traced) { c->pid = 1; }": [("KC120", "c->traced")],
    "foreach (struct task *c) { c->xyz = 1; }": [("KC101", "c->xyz")],
    # atomic
    "atomic { return; }": [("KC135", "return;")],
    "atomic { while (i) mode = 1; }": [("KC135", "while (i) mode = 1;")],
    "for (;;) { atomic { break; } }": [("KC135", "break;")],
    "while (i) { atomic { continue; } }": [("KC135", "continue;")],
    "atomic { goto out; } out: mode = 1;": [("KC135", "goto out;")],
    "if (i) goto in; atomic { in: mode = 1; }": [("KC135", "goto in;")],
    "atomic { again: mode = 1; if (i) goto again; }": [("KC135", "goto again;")],
    "atomic { sleep(); }": [("KC135", "sleep()")],
    "atomic { deep(); }": [("KC135", "deep()")],
    "atomic { call(rest); }": [("KC135", "call(rest)")],
    # unreachable
    "return; mode = 1;": [("KC136", "mode = 1;")],
    "return; mode = 1; mode = 2; out: mode = 3;": [("KC136", "mode = 1;")],
    "for (;;) { mode = 1; } mode = 2;": [("KC136", "mode = 2;")],
    "while (1) { if (i) continue; else continue; mode = 1; }": [("KC136", "mode = 1;")],
    "if (i) { return; } else { return; } mode = 1;": [("KC136", "mode = 1;")],
    "goto a; mode = 1; { mode = 2; a: mode = 3; }": [("KC136", "mode = 1;"), ("KC136", "mode = 2;")],
    "return; tag> mode = 1;": [("KC136", "tag> mode = 1;")],
    "choose { return; goto x; } x: mode = 1; goto y; mode = 5; y: mode = 2;": [("KC136", "mode = 5;")],
    # put
    "put(t->mm);": [("KC137", "t->mm")],
    "put(leader);": [("KC137", "leader")],
    "put(current);": [("KC137", "current")],
    # words of invariants
    "mode = held(t->alloc_lock);": [("KC151", "held(t->alloc_lock)")],
    "mode = (forall (struct task *k) k->dead);": [("KC151", "forall (struct task *k) k->dead")],
    "mode = at(t, f.x);": [("KC151", "at(t, f.x)")],
}
HELPERS = """\
void nothing(void) { }
int give(void) { return 1; }
int add(int a, int b) { return a + b; }
void call(void (*fn)(void)) { fn(); }
void zero(unsigned *w) { *w = 0; }
void nobody(void);
void deep(void) { loops(); }
void loops(void) { while (mode) mode = 0; }
void rest(void) { sleep(); }
"""


@pytest.mark.parametrize("text", IN_CODE)
def test_an_error_in_code_is_reported_once(text: str) -> None:
    source = f"void f(struct task *t, int i, unsigned u) {{ {text} }}"
    assert codes(HELPERS + source) == IN_CODE[text]


IN_FILE = {
    "int f(void) { if (mode) return 1; }": [("KC132", "}")],
    "int f(void) { return; }": [("KC132", "return;")],
    "void f(int a, int a) { mode = a; }": [("KC105", "int a")],
    "void f(int current) { mode = 1; }": [("KC106", "int current")],
    "void f(void) { mode = 1; } void f(void) { mode = 2; }": [("KC105", "void f(void) { mode = 2; }")],
    "void f(void); int f(void) { return 1; }": [("KC107", "int f(void) { return 1; }")],
    "void f(int a); void f(long a) { mode = 1; }": [("KC107", "void f(long a) { mode = 1; }")],
    "int mode;": [("KC105", "int mode;")],
    "void mode(void) { }": [("KC105", "void mode(void) { }")],
    "enum other { RED };": [("KC105", "enum other { RED };")],
    "enum color { PINK };": [("KC105", "enum color { PINK };")],
    "struct mm { int a; };": [("KC105", "struct mm { int a; };")],
    "struct color { int a; };": [("KC105", "struct color { int a; };")],
    "struct s { int a; int a; };": [("KC105", "int a;")],
    "struct s { };": [("KC116", "struct s { };")],
    "struct s { int a : 40; };": [("KC116", "int a : 40;")],
    "struct s { struct mm *a : 2; };": [("KC116", "struct mm *a : 2;")],
    "struct s { ghost spinlock_t l; };": [("KC116", "ghost spinlock_t l;")],
    "struct s { struct nope *a; }; void f(struct s *p) { p->a = NULL; }": [("KC103", "struct nope *a;")],
    "struct nope *p; void f(void) { p = NULL; }": [("KC103", "struct nope *p;")],
    "ghost struct mm g;": [("KC116", "ghost struct mm g;")],
    "void task_lock(struct task *t) { mode = 1; }": [("KC106", "void task_lock(struct task *t) { mode = 1; }")],
    "int schedule;": [("KC106", "int schedule;")],
    "int kernel_flag;": [("KC106", "int kernel_flag;")],
    "enum e { A = mode };": [("KC118", "mode")],
    "enum e { A = 0x7fffffff, B };": [("KC118", "enum e { A = 0x7fffffff, B };")],
    "int x = mode;": [("KC118", "mode")],
    "struct task *p = current;": [("KC150", "current")],
    "struct task *p = new struct task;": [("KC118", "new struct task")],
    "int x = nondet();": [("KC118", "nondet()")],
    "struct mm *p = leader;": [("KC110", "leader")],
    "struct task *p = leader;": [("KC118", "leader")],
    "struct mm g = 1;": [("KC118", "1")],
    "spinlock_t l = 1;": [("KC118", "1")],
    "spinlock_t l = RW_LOCK_UNLOCKED;": [("KC118", "RW_LOCK_UNLOCKED")],
    "struct semaphore s = 300;": [("KC118", "300")],
    "struct semaphore s = mode;": [("KC118", "mode")],
    "atomic_t a = ATOMIC_INIT(xyz);": [("KC100", "xyz")],
    "u8 x = 1 / 0;": [("KC119", "0")],
    "void f(spinlock_t l) { mode = 1; }": [("KC116", "spinlock_t l")],
    "spinlock_t f(void);": [("KC116", "spinlock_t f(void);")],
    "void f(unsigned **p) { mode = 1; }": [("KC116", "unsigned **p")],
    "void f(unsigned *w) { mode = w; }": [("KC115", "w")],
    "void f(unsigned *w) { if (w) mode = 1; }": [("KC115", "w")],
    "void f(unsigned *w) { w = NULL; }": [("KC115", "w")],
    "void f(unsigned *w, int *v) { g(v); } void g(unsigned *w) { *w = 1; }": [("KC115", "v")],
    "void f(unsigned *w) { mode = w->x; }": [("KC115", "w")],
    "void f(void (*fn)(void)) { mode = fn; }": [("KC111", "fn")],
    "void f(void (*fn)(void)) { fn(1); }": [("KC112", "fn(1)")],
    "struct s { bool b : 1; enum color c : 3; bool d : 2; };": [("KC116", "bool d : 2;")],
    "void f(void **p) { mode = 1; }": [("KC116", "void **p")],
    "void f(struct task ***p) { mode = 1; }": [("KC116", "struct task ***p")],
    "void f(void (*fn)(void)) { mode = 1; } void g(int x) { f(x); }": [("KC110", "x")],
    "void f(spinlock_t *l) { mode = l; }": [("KC115", "l")],
    "void f(struct task **p) { *p = NULL; mode = *p; }": [("KC110", "*p")],
    "enum e { A = xyz, B = A };": [("KC100", "xyz")],
    "struct s { struct task *t; }; void f(struct s *p) { mode = p->t->pid + p->t.pid; }": [("KC111", "p->t.pid")],
    # recursion
    "void f(void) { f(); }": [("KC130", "f()")],
    "void f(void) { g(); } void g(void) { h(); } void h(void) { f(); }": [("KC130", "g()")],
    "void with(void (*fn)(void)) { fn(); } void f(void) { with(f); }": [("KC130", "with(f)")],
    # systems
    "void f(void) { } system { tsk a[*] runs f; }": [("KC103", "tsk a[*] runs f;")],
    "void f(void) { } system { task a[*] runs g; }": [("KC102", "task a[*] runs g;")],
    "void f(int x) { } system { task a[*] runs f; }": [("KC141", "task a[*] runs f;")],
    "void f(void); system { task a[*] runs f; }": [("KC131", "task a[*] runs f;")],
    "void f(void) { } system { task a[0] runs f; }": [("KC141", "task a[0] runs f;")],
    "void f(void) { } system { task a runs f; task a runs f; }": [("KC105", "task a runs f;")],
    "void f(void) { } system { cpus 0; task a runs f; }": [("KC141", "system { cpus 0; task a runs f; }")],
    "system { cpus 1; }": [("KC141", "system { cpus 1; }")],
    "void f(void) { } system { task a runs f; mm b runs f; }": [("KC140", "mm b runs f;")],
    "void f(void) { } system A { task a runs f; } system A { task a runs f; }": [
        ("KC105", "system A { task a runs f; }")
    ],
    "void f(void) { } system { task a runs f with { xyz = 1; }; }": [("KC101", "1")],
    "void f(void) { } system { task a runs f with { pid = mode; }; }": [("KC118", "mode")],
    "void f(void) { } system { task a runs f with { pid = nondet(); }; }": [("KC117", "nondet()")],
    "void f(void) { } system { task a runs f with { pid = 1; pid = 2; }; }": [("KC105", "2")],
    "void f(void) { } system { task a runs f with { mm = new struct task; }; }": [("KC110", "new struct task")],
    # invariants
    "invariant a = xyz;": [("KC100", "xyz")],
    "invariant a = mode; invariant a = !mode;": [("KC105", "invariant a = !mode;")],
    "invariant a = mode++;": [("KC150", "mode++")],
    "invariant a = mode = 1;": [("KC150", "mode = 1")],
    "invariant a = nondet();": [("KC150", "nondet()")],
    "invariant a = current->pid;": [("KC150", "current")],
    "invariant a = spin_trylock(&big);": [("KC150", "spin_trylock(&big)")],
    "invariant a = forall (struct tsk *k) k->pid;": [("KC103", "forall (struct tsk *k) k->pid")],
    "invariant a = forall (struct task *k) exists (struct task *k) k->pid;": [
        ("KC105", "exists (struct task *k) k->pid")
    ],
    "invariant a = forall (struct task *k) k->mm;": [],
    "invariant a = held(mode);": [("KC110", "held(mode)")],
    "invariant a = forall (struct task *k) held(k->sem);": [("KC110", "held(k->sem)")],
    "invariant a = big;": [("KC114", "big")],
    "invariant a unless k->pid = forall (struct task *k) k->dead;": [],
    "invariant a unless q->pid = forall (struct task *k) k->dead;": [("KC100", "q")],
    "invariant a = forall (struct task *k) at(k, f.x);": [("KC161", "at(k, f.x)")],
    "invariant a = forall (struct mm *m) at(m, f.x); void f(void) { x: mode = 1; }": [("KC110", "m")],
    "int f(int x) { return f(x); } invariant a = f(1);": [("KC130", "f(x)")],
    "int f(int x) { return !x; } void u(void) { foreach (struct task *c where f(current->pid)) { c->pid = 1; } }": [],
    "int f(void) { mode = 1; return 1; } void u(void) { foreach (struct task *c where f()) { c->pid = 1; } }": [
        ("KC150", "f()")
    ],
    "invariant a = g(); void g2(void) { }": [("KC102", "g()")],
    "int g(void) { mode = 1; return 1; } invariant a = g();": [("KC150", "g()")],
    "int g(void) { return mode++; } invariant a = g();": [("KC150", "g()")],
    "int g(void) { return current->pid; } invariant a = g();": [("KC150", "g()")],
    "atomic_t n; int g(void) { return atomic_inc_return(&n); } invariant a = g();": [("KC150", "g()")],
    "int g(void) { return xyz; } invariant a = g();": [("KC100", "xyz")],
    "int g(int (*fn)(void)) { return fn(); } int one(void) { return 1; } invariant a = g(one);": [("KC150", "g(one)")],
    # claims
    "prove nope;": [("KC160", "prove nope;")],
    "reach f.x;": [("KC161", "reach f.x;")],
    "void f(void) { x: mode = 1; } reach f.y;": [("KC161", "reach f.y;")],
    "void f(void) { x: return; } redundant f.x for no_bad_unlock;": [("KC162", "redundant f.x for no_bad_unlock;")],
    "void f(void) { x: mode = 1; } dead f.x;": [("KC163", "dead f.x;")],
    "void f(void) { x: mode = 1; } prove no_bad_unlock without f.z;": [("KC161", "prove no_bad_unlock without f.z;")],
    "prove no_bad_unlock in nope;": [("KC164", "prove no_bad_unlock in nope;")],
    "race_free pid2;": [("KC101", "race_free pid2;")],
    "race_free task.pid2;": [("KC101", "race_free task.pid2;")],
    "race_free tsk.pid;": [("KC103", "race_free tsk.pid;")],
    "struct b { int pid; }; race_free pid;": [("KC165", "race_free pid;")],
    "writers task.pid = { f, go };": [("KC102", "writers task.pid = { f, go };")],
}
NEEDS_SYSTEM = "void go(void) { } system { task go[*] runs go; }\n"


@pytest.mark.parametrize("text", IN_FILE)
def test_an_error_in_a_declaration_is_reported_once(text: str) -> None:
    system = "" if "system" in text else NEEDS_SYSTEM
    assert codes(text + "\n" + system) == IN_FILE[text]


def test_a_claim_needs_a_system_that_is_clear() -> None:
    assert codes("prove no_bad_unlock;") == [("KC164", "prove no_bad_unlock;")]
    two = "void f(void) { } system A { task a runs f; } system B { task a runs f; }"
    assert codes(two + "prove no_bad_unlock;") == [("KC164", "prove no_bad_unlock;")]
    assert codes(two + "prove no_bad_unlock in B; writers mode = { f } in A;") == []
    assert codes(two + "writers mode = { f };") == [("KC164", "writers mode = { f };")]
    assert codes(two.replace("A", "system") + "prove no_bad_unlock;") == []


def test_current_needs_a_thread_class() -> None:
    assert codes("int x; void f(void) { x = current->a; x = current->b; }", "") == [("KC140", "current")]
    made = "struct t { int a; }; void f(void) { } void g(void) { spawn(new struct t, f); current->a = 1; }"
    assert load_text(made).thread == "t"
    spawned = "struct t { int a; }; void f(struct t *p) { spawn(p, g); } void g(void) { current->a = 1; }"
    assert load_text(spawned).thread == "t"
    assert load_text("struct t { int a; };").thread == ""


def test_every_code_is_in_the_table() -> None:
    for text in IN_CODE.values():
        assert all(code in CODES for code, _ in text)
    for text in IN_FILE.values():
        assert all(code in CODES for code, _ in text)


def test_errors_come_in_the_order_of_the_source_with_hints() -> None:
    code = "void f(struct task *t) { t->pidd = 1; mdoe = 2; go_to(); }"
    errors = found(f"prove no_bad_unlok;\n{code}\ninvariant a = mood;\n")
    assert [e.code for e in errors] == ["KC160", "KC164", "KC101", "KC100", "KC102", "KC100"]
    assert errors[0].hint == "did you mean `no_bad_unlock`?"
    assert errors[2].hint == "did you mean `pid`?"
    assert errors[3].hint == "did you mean `mode`?"


def test_recursion_names_the_whole_cycle() -> None:
    (error,) = found("void f(void) { g(); } void g(void) { h(); } void h(void) { if (mode) f(); }")
    assert error.message == "recursion: `f` calls `g` calls `h` calls `f`"
    assert [span.text for _, span in error.notes] == ["g()", "h()", "f()"]


def test_what_the_kernel_has_and_the_file_has_not_is_to_be_written() -> None:
    errors = found("int f(void) { if (get_user(mode)) return -EFAULT; return foo; }")
    assert [(error.code, error.hint) for error in errors] == [
        ("KC102", "write what it does to the fields of this file; `nondet()` is a result that may be anything"),
        ("KC100", "no constant is predefined: write `#define EFAULT` and its value"),
        ("KC100", ""),
    ]


def test_helpers_that_call_what_they_are_given_are_no_recursion() -> None:
    text = "void with(void (*fn)(void)) { fn(); } void one(void) { mode = 1; } void two(void) { with(one); }"
    assert codes(text + "void three(void) { with(one); with(one); two(); }") == []
    (error,) = found(text + "void three(void) { with(two); }")
    assert error.message == "recursion: `with` calls `two` calls `with`"


# ---- types and conversions ---------------------------------------------------------------------------------------

TYPES = {
    "i + b": INT,
    "i + u": UNSIGNED,
    "b + b": INT,
    "t->dead + t->dead": INT,
    "l + u": Int(64, signed=True),
    "t->huge + l": Int(64, signed=False),
    "t->ptrace + 1": INT,
    "t->flags | 1": UNSIGNED,
    "b << l": INT,
    "l << b": Int(64, signed=True),
    "-u": UNSIGNED,
    "~b": INT,
    "!t": INT,
    "t == NULL": INT,
    "NULL != t": INT,
    "t == 0": INT,
    "i && t": INT,
    "u < 3": INT,
    "i ? u : b": UNSIGNED,
    "RED + 1": INT,
    "RED": Enum("color"),
    "t->color": Enum("color"),
    "i ? RED : GREEN": Enum("color"),
    "xchg(&t->small, 3)": Int(8, signed=False),
    "cmpxchg(&t->flags, 1, 2)": UNSIGNED,
    "READ_ONCE(t->ptrace)": Int(5, signed=False),
    "atomic_read(&t->count)": INT,
    "test_and_set_bit(1, &t->flags)": Bool(),
    "(u8)i": Int(8, signed=False),
    "i++": INT,
    "t->mm->dumpable": Bool(),
    "current->parent->pid": INT,
    "init_mm.dumpable": Bool(),
    "(*t).pid": INT,
    "sole(t)": Bool(),
}


@pytest.mark.parametrize("text", TYPES)
def test_an_expression_has_the_type_that_c_gives_it(text: str) -> None:
    assert value(text).type == TYPES[text]


def test_every_expression_of_a_program_has_a_type() -> None:
    done = program(HELPERS.replace("void nobody(void);", "") + "invariant a = forall (struct task *k) !k->dead;")
    roots = [e for f in done.functions.values() if f.body for e in expressions(f.body)]
    roots += [e for i in done.invariants.values() for e in subexpressions(i.body)]
    assert len(roots) >= 15
    assert all(e.type is not None for e in roots)


def test_assignment_converts_to_the_type_of_the_variable() -> None:
    store = first("t->small = i;")
    assert isinstance(store, Assign)
    assert store.value == Cast(Int(8, signed=False), Name("i", "local", "i"))
    narrow = first("t->ptrace = 33;")
    assert isinstance(narrow, Assign)
    assert (narrow.value, narrow.value.type) == (Number(1), Int(5, signed=False))
    flag = first("t->dead = t->mm;")
    assert isinstance(flag, Assign)
    assert isinstance(flag.value, Cast)
    assert flag.value.to == Bool()
    none = first("t->mm = 0;")
    assert isinstance(none, Assign)
    assert (none.value, none.value.type) == (Number(0), Null())


def test_compound_assignment_keeps_its_operator_and_the_type_of_the_computation() -> None:
    store = first("t->ptrace |= u;")
    assert isinstance(store, Assign)
    assert (store.op, store.value.type, store.type) == ("|", UNSIGNED, Int(5, signed=False))
    step = first("b <<= l;")
    assert isinstance(step, Assign)
    assert (step.op, step.value.type) == ("<<", Int(64, signed=True))


def test_arguments_and_results_are_converted() -> None:
    done = program("u8 f(long a) { return a; } void g(int i) { mode = f(i); }")
    (returned,) = body(done.functions["f"])
    assert isinstance(returned, Return)
    assert returned.value == Cast(Int(8, signed=False), Name("a", "local", "a"))
    (stmt,) = body(done.functions["g"])
    call = next(e for e in expressions(stmt) if isinstance(e, Call))
    assert call.kind == "function"
    assert call.args == (Cast(Int(64, signed=True), Name("i", "local", "i")),)


def test_locals_are_unique_and_scopes_end() -> None:
    loop = "for (int y = 0; y < 2; y++) mode = y;"
    done = program(f"void f(int x) {{ int y = x; {{ int x = y; mode = x; }} {loop} mode = x; }}")
    declared = [s.unique for s in statements(Block(body(done.functions["f"]))) if isinstance(s, Declare)]
    assert declared == ["y", "x#2", "y#2"]
    names = (e for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Name))
    used = [e.unique for e in names if e.kind == "local"]
    assert used == ["x", "y", "x#2", "y#2", "y#2", "y#2", "x"]


def test_declarations_of_a_switch_are_in_one_scope() -> None:
    cases = "case 0: mode = 1; int y = 2; mode = y; break; case GREEN: y = 3; mode = y;"
    done = program(f"void f(int i) {{ switch (i) {{ {cases} }} }}")
    names = {e.unique for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Name) and e.name == "y"}
    assert names == {"y"}


def test_task_lock_is_a_spin_lock() -> None:
    done = program("void f(struct task *t) { s> task_lock(t); task_unlock(t); }")
    lock = Member(Name("t", "local", "t"), "alloc_lock", arrow=True)
    calls = [e for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Call)]
    assert calls == [
        Call("spin_lock", (Unary("&", lock),), "primitive"),
        Call("spin_unlock", (Unary("&", lock),), "primitive"),
    ]
    assert calls[0].args[0].type == Pointer(Lock("spinlock"))
    assert calls[0].type == Void()
    assert done.guards["f.s"].kind == "lock"


def test_references_are_passed_on_and_dereferenced() -> None:
    text = "void g(unsigned *w, spinlock_t *l) { spin_lock(l); *w += 1; spin_unlock(&*l); h(w); h(&*w); }"
    done = program(text + "void h(unsigned *w) { *w = 0; } void f(struct task *t) { g(&t->flags, &t->alloc_lock); }")
    calls = [e for e in expressions(Block(body(done.functions["g"]))) if isinstance(e, Call)]
    assert [c.args for c in calls] == [
        (Name("l", "local", "l"),), (Name("l", "local", "l"),), (Name("w", "local", "w"),), (Name("w", "local", "w"),),
    ]  # fmt: skip
    (outer,) = [e for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Call)]
    assert outer.args[0].type == Pointer(UNSIGNED)


def test_functions_are_passed_by_name_with_or_without_ampersand() -> None:
    done = program("void a(void) { } void w(void (*fn)(void)) { v(fn); } void v(void (*fn)(void)) { fn(); }"
                   "void f(void) { w(a); w(&a); spawn(leader, a); }")  # fmt: skip
    calls = [e for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Call)]
    assert [c.args[-1] for c in calls] == [Name("a", "function")] * 3
    (call,) = [e for e in expressions(Block(body(done.functions["v"]))) if isinstance(e, Call)]
    assert call.kind == "parameter"


def test_constants_carry_their_value() -> None:
    done = value("GREEN")
    assert isinstance(done, Name)
    assert (done.kind, done.value) == ("constant", 4)
    other = program("").enumerators
    assert other == {"RED": 0, "GREEN": 4, "BLUE": 5}


def test_nondet_takes_its_type_from_where_it_stands() -> None:
    done = program(
        "int g(u8 x) { return x; } void f(struct task *t) { bool b = nondet(); t->ptrace = nondet();"
        " mode = g(nondet());"
        " if (nondet() && !nondet()) t->dead = b ? nondet() : (bool)nondet(); while (nondet()) mode = 1; }"
    )
    types = [e.type for e in expressions(Block(body(done.functions["f"]))) if isinstance(e, Nondet)]
    byte, flag = Int(8, signed=False), Bool()
    assert types == [flag, Int(5, signed=False), byte, flag, flag, flag, flag, flag]


def test_struct_copies_and_global_objects_are_typed() -> None:
    copy = first("*t = *t->parent;")
    assert isinstance(copy, Assign)
    assert copy.type == Struct("task")
    assert isinstance(first("init_mm = *t->mm;"), Assign)
    address = first("t->mm = &init_mm;")
    assert isinstance(address, Assign)
    assert address.value == Unary("&", Name("init_mm", "object"))
    assert first("leader = &*t;") == Assign(Name("leader", "global"), Name("t", "local", "t"))


def test_ghosts_may_be_set() -> None:
    assert codes("void f(struct task *t) { t->traced = true; spec = t->dead; WRITE_ONCE(t->seen, 1);"
                 " foreach (struct task *c) { c->traced = false; } }") == []  # fmt: skip


# ---- foreach, invariants, systems ---------------------------------------------------------------------------------


def _foreach(text: str) -> Foreach:
    done = program(f"bool alive(struct task *t) {{ return !t->dead; }} void f(void) {{ {text} }}")
    (stmt,) = body(done.functions["f"])
    assert isinstance(stmt, Foreach)
    return stmt


def test_foreach_is_plain_stores_with_calls_written_out() -> None:
    stmt = _foreach("foreach (struct task *c where alive(c)) { c->ptrace &= ~1; c->pid++; ; }")
    assert isinstance(stmt.body, Block)
    stores = [s.expr for s in stmt.body.body if isinstance(s, Do)]
    assert len(stores) == 2
    assert all(isinstance(s, Assign) and s.op is None for s in stores)
    assert isinstance(stmt.cond, Cast)
    assert not any(isinstance(e, Call) for e in expressions(stmt))
    assert _foreach("foreach (struct task *c) c->parent = current;").cond is None


def _invariant(text: str, functions: str = "") -> Expr:
    return program(f"{functions} invariant a = {text};").invariants["a"].body


def test_pure_functions_are_written_out_in_invariants() -> None:
    functions = (
        "bool is_dumpable(struct task *t) { return t->dead && t->mm && t->mm->dumpable; }"
        "bool both(struct task *t, int n) { return is_dumpable(t) && n; }"
        "int get(unsigned *w) { return *w; }"
    )
    done = _invariant("forall (struct task *k) both(k, k->pid) && get(&k->flags)", functions)
    assert not any(isinstance(e, Call) for e in subexpressions(done))
    assert all(e.type is not None for e in subexpressions(done))
    names = {e.name for e in subexpressions(done) if isinstance(e, Name)}
    assert names == {"k"}


def test_primitives_that_only_read_are_written_out_in_invariants() -> None:
    reads = "atomic_read(&k->count) > 0 && test_bit(1, &k->flags) && READ_ONCE(k->dead)"
    done = _invariant(f"forall (struct task *k) {reads}")
    assert not any(isinstance(e, Call) for e in subexpressions(done))
    members = {e.field: e.type for e in subexpressions(done) if isinstance(e, Member)}
    assert members == {"count": INT, "flags": UNSIGNED, "dead": Bool()}
    through = _invariant("forall (struct task *k) n(&k->count) == 0", "int n(atomic_t *a) { return atomic_read(a); }")
    assert {e.field for e in subexpressions(through) if isinstance(e, Member)} == {"count"}


def test_invariants_speak_of_locks_and_places() -> None:
    done = program(
        "void f(void) { x: mode = 1; } invariant a unless held(&k->alloc_lock) ="
        " forall (struct task *k, struct task *j) k == j || at(k, f.x) || k->traced;"
    )
    unless = done.invariants["a"].unless
    assert isinstance(unless, Held)
    assert unless.lock.type == Lock("spinlock")
    assert isinstance(done.invariants["a"].body, Quantified)


def test_too_much_written_out_is_refused() -> None:
    functions = "int f0(int x) { return x; }" + "".join(
        f"int f{n}(int x) {{ return f{n - 1}(x) + f{n - 1}(x); }}" for n in range(1, 16)
    )
    errors = found(f"{functions} invariant a = f15(mode);")
    assert {e.code for e in errors} == {"KC150"}


def test_a_system_is_completed() -> None:
    done = program(
        "void f(void) { } system S { cpus 1; preempt off; struct task a[3] runs f with { pid = -1; dead = nondet();"
        " mm = new struct mm; parent = NULL; color = nondet(); sem = 2; ptrace = nondet(); };"
        " task b runs f with { mm = &init_mm; small = 257; }; }"
    )
    first_, second = done.systems["S"].groups
    values = dict(first_.values)
    assert values["pid"] == Number(-1)
    assert values["sem"] == Number(2)
    assert isinstance(values["mm"], New)
    assert values["dead"].type == Bool()
    assert values["color"].type == Enum("color")
    assert dict(second.values) == {"mm": Unary("&", Name("init_mm", "object")), "small": Number(1)}
    assert (done.systems["S"].cpus, done.systems["S"].preempt, done.thread) == (1, False, "task")


def test_initial_values_are_numbers() -> None:
    done = program(
        "#define N 3\n"
        "spinlock_t l = SPIN_LOCK_UNLOCKED; rwlock_t r = RW_LOCK_UNLOCKED; atomic_t a = ATOMIC_INIT(N + 1);"
        "struct semaphore s = 1; u8 x = -1; struct mm *p = &init_mm; struct mm *q = NULL; enum color c = GREEN;"
        "int v = N > 2 ? 10 % 4 : 1; bool w = !N;"
    )
    values = {name: decl.value for name, decl in done.globals.items() if decl.value is not None}
    assert values == {
        "a": Number(4), "s": Number(1), "x": Number(255), "p": Unary("&", Name("init_mm", "object")), "q": Number(0),
        "c": Number(4), "v": Number(2), "w": Number(0),
    }  # fmt: skip
    assert values["c"] is not None
    assert values["c"].type == Enum("color")


CONSTANTS = {
    "7 + 2 * 3 - 1": 12,
    "7 / 2": 3,
    "-7 / 2": -3,
    "-7 % 3": -1,
    "7 & 3 | 8 ^ 1": 11,
    "1 << 4 >> 2": 4,
    "~0": -1,
    "+5": 5,
    "!3": 0,
    "3 < 4": 1,
    "3 > 4": 0,
    "3 <= 3": 1,
    "3 >= 4": 0,
    "3 == 4": 0,
    "3 != 4": 1,
    "1 && 0": 0,
    "0 && mode": 0,
    "1 || mode": 1,
    "0 || 2": 1,
    "1 ? 4 : 5": 4,
    "0 ? 4 : 5": 5,
    "(u8)300": 44,
    "(bool)7": 1,
    "(s8)200": -56,
    "4000000000u + 1000000000u": 705032704,
    "0x7fffffff + 1": -2147483648,
    "(int)GREEN << 1": 8,
    "true + true": 2,
}


@pytest.mark.parametrize("text", CONSTANTS)
def test_a_constant_has_the_value_that_c_gives_it(text: str) -> None:
    given = program(f"int v = {text};").globals["v"].value
    assert given == Number(CONSTANTS[text])


def test_messages_name_types_as_c_does() -> None:
    text = "void f(struct task *t, void (*fn)(void), unsigned *w) {"
    (error,) = found(f"{text} leader = t->wide; }}")
    assert error.message == "this assignment needs `struct task *`, not `long`"
    (error,) = found("bool g(void) { return true; } void w(void (*fn)(void)) { fn(); } void f(void) { w(g); }")
    assert error.message == "`w` needs a function that returns `void`, not `bool`"
    (error,) = found("void g(struct task **p) { *p = NULL; } void f(struct mm *m) { g(&m); }")
    assert error.message == "`g` needs a variable of type `struct task *`, not a `struct mm *`"
    (error,) = found("void f(struct task *t) { mode = t->ptrace + t->mm; }")
    assert error.message == "`+` does not apply to `struct mm *`"
    (error,) = found("void g(unsigned *w) { *w = 1; } void f(struct task *t) { g(&t->ptrace); }")
    assert error.message == "`g` needs a variable of type `unsigned`, not a `unsigned : 5`"
    (error,) = found("void g(struct task ***p) { mode = 1; }")
    assert error.message == "a parameter cannot be a `struct task ***`"
    assert error.hint == "a pointer points to a struct, or as a parameter to a number, a lock or such a pointer"


@pytest.mark.slow
def test_too_many_combinations_of_functions_are_refused() -> None:
    leaves = "".join(f"void l{i}(void) {{ }}" for i in range(60))
    calls = "".join(f"two(l{i}, l{j});" for i in range(60) for j in range(60))
    errors = found(f"void two(void (*f)(void), void (*g)(void)) {{ f(); g(); }} {leaves} void u(void) {{ {calls} }}")
    assert [e.code for e in errors] == ["KC130"]


def test_guards_have_the_kind_that_says_how_they_are_removed() -> None:
    done = program(
        "void nothing(void) { } void f(struct task *t) { a> if (t->dead) mode = 1; b> spin_lock(&t->alloc_lock);"
        " c> mode = 1; d> mb(); e> nothing(); g> spin_unlock(&t->alloc_lock); h: i: if (t->pid) mode = 2; j> mode++;"
        " k: { mode = 1; } m> t->ptrace |= 1; n> return; }"
    )
    kinds = {name: guard.kind for name, guard in done.guards.items()}
    assert kinds == {
        "f.a": "check", "f.b": "lock", "f.c": "statement", "f.d": "statement", "f.e": "statement", "f.g": "statement",
        "f.h": "check", "f.i": "check", "f.j": "statement", "f.k": "none", "f.m": "statement", "f.n": "none",
    }  # fmt: skip
    assert isinstance(done.guards["f.a"], Guard)
    assert done.guards["f.a"].span.text == "a"


def test_claims_name_fields_in_full() -> None:
    claims = "race_free ptrace; writers mode = { go }; race_free task.pid; prove no_use_after_free;"
    done = program(NEEDS_SYSTEM + claims)
    assert [c.targets for c in done.claims] == [("task.ptrace",), ("mode",), ("task.pid",), ()]


def test_a_program_lists_what_the_file_declares() -> None:
    done = program("void f(void); void f(void) { mode = 1; } int unused(void);")
    assert list(done.structs) == ["mm", "task"]
    assert list(done.functions) == ["f"]
    assert list(done.enums) == ["color"]
    assert [f.declared for f in done.structs["task"].fields if f.name == "ptrace"] == [Int(5, signed=False)]


def _calls(done: Program, name: str) -> Iterator[Call]:
    return (e for s in body(done.functions[name]) for e in expressions(s) if isinstance(e, Call))


def test_a_call_keeps_what_it_calls() -> None:
    code = "void f(struct task *t) { if (g() && xchg(&t->mm, NULL)) publish(t); put(t); }"
    done = program("int g(void) { return 1; } " + code)
    assert [(c.callee, c.kind) for c in _calls(done, "f")] == [
        ("g", "function"), ("xchg", "primitive"), ("publish", "primitive"), ("put", "primitive"),
    ]  # fmt: skip


def test_a_condition_may_be_a_pointer_and_is_not_converted() -> None:
    done = value("t->mm ? 1 : 2")
    assert isinstance(done, Conditional)
    assert done.cond.type == Pointer(Struct("mm"))
    both = value("t->mm && t->dead")
    assert isinstance(both, Binary)
    assert both.left.type == Pointer(Struct("mm"))
