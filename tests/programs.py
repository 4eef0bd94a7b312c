"""Random small `.kc` programs: two kinds of objects, locks, creation, choice; and properties of them.

Every program is accepted by the checker. Null pointers are followed now and then, on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

HEAD = """
struct obj { unsigned a : 2; bool f; spinlock_t ol; };
struct task { spinlock_t l; rwlock_t rw; unsigned x : 2; bool y; struct obj *o; struct task *up; };
bool g;
unsigned n;
spinlock_t gl;
struct semaphore sem = 1;
struct obj *go;
struct obj stat;
"""
TAIL = """
system { task init[%s] runs user%s; }
invariant inv = %s;
"""
PROPERTIES = (
    "forall (struct task *t) !(t->x == 1 && t->y)",
    "forall (struct task *t) !(t->x == 2)",
    "forall (struct task *t) !t->y || g",
    "forall (struct task *t) !(t->y && t->o && t->o->a == 1)",
    "forall (struct task *s, struct task *t) s == t || !(s->y && t->y)",
    "forall (struct task *t) t->up != t",
    "forall (struct obj *p) !(p->f && p->a == 1)",
    "forall (struct obj *p) p->a != 2",
    "forall (struct obj *p, struct obj *q) p == q || !(p->f && q->f)",
    "!(g && n == 1)",
    "!g || n != 2",
    "!go || !go->f",
    "go == NULL || g",
)
BUILT_IN = ("no_null_dereference", "no_use_after_free", "no_failed_assertion")
CONDITIONS = (
    "g", "n == 1", "n != 1", "current->x == 1", "current->y", "t->x == 1", "!t->y", "t->up == current",
    "t == current", "p",
    "go", "go == p", "current->o == p", "t->o", "k == 1", "k", "nondet()", "p && p->f", "go && go->a == 1",
    "t->x == current->x",
    "check(t)", "check(current) && g", "p == &stat",
)
SIMPLE = (
    "g = true;", "g = false;", "n = 1;", "n = 2;", "n = 0;", "n = k;", "k = n;", "k = 1;", "k = t->x;",
    "k = current->x + 1;",
    "current->x = 1;", "current->x = 2;", "current->y = true;", "current->y = false;", "current->x = k;",
    "t->x = 1;", "t->x = 0;", "t->y = true;", "t->y = g;", "t->x++;", "t->up = current;", "current->up = t;",
    "current->up = NULL;",
    "t = current;", "t = any(struct task);", "g = t->y;", "g = check(t);", "t->x |= 2;",
)
POINTERS = (
    "p = new struct obj;", "p = go;", "p = t->o;", "p = current->o;", "p = any(struct obj);", "p = &stat;",
    "p = NULL;", "q = p;",
    "q = NULL;", "p = q;", "p = g ? q : p;", "go = g ? p : NULL;",
    "go = p;", "go = NULL;", "current->o = p;", "t->o = p;", "current->o = NULL;", "cmpxchg(&go, NULL, p);",
    "p = xchg(&go, p);",
    "if (p) p->a = 1;", "if (p) p->a = 2;", "if (p) p->f = true;", "if (p) p->f = false;", "if (q) q->a = 1;",
    "if (p) p->a = 0;",
    "if (p) k = p->a;", "if (p) publish(p);", "p->a = 1;", "if (go) go->f = true;", "if (p) n = p->a;",
    "current->o = new struct obj;", "go = new struct obj;", "atomic { p = new struct obj; go = p; }",
)
RARE = (
    "foreach (struct task *c where c->up == current) c->x = 1;",
    "foreach (struct task *c where c->y) { c->y = false; c->up = NULL; }",
    "foreach (struct obj *c where c->f) c->a = 1;", "sleep();", "assume(g);", "assume(n == 1);",
    "assume(!current->y);", "assert(!g);",
    "assert(t->x != 2);", "put(p);", "put(q);", "if (p && sole(p)) p->a = 2;", "helper(t);", "k = twice(n) + twice(k);",
    "atomic { if (n < k) n = n + 1; }", "spin_lock_init(&gl);", "wake();",
)
FREES = ("if (p) kfree(p);", "kfree(go);", "if (q) kfree(q);")
VALUES = ("", " with { o = new struct obj; }", " with { y = nondet(); }", " with { x = 1; o = &stat; }")
REGIONS = (
    ("spin_lock(&gl);", "spin_unlock(&gl);"),
    ("spin_lock(&gl);", "spin_unlock(&gl);"),
    ("spin_lock(&current->l);", "spin_unlock(&current->l);"),
    ("u = t; spin_lock(&u->l);", "spin_unlock(&u->l);"),
    ("read_lock(&current->rw);", "read_unlock(&current->rw);"),
    ("write_lock(&current->rw);", "write_unlock(&current->rw);"),
    ("u = t; write_lock(&u->rw);", "write_unlock(&u->rw);"),
    ("u = t; read_lock(&u->rw);", "read_unlock(&u->rw);"),
    ("down(&sem);", "up(&sem);"),
    ("lock_kernel();", "unlock_kernel();"),
    ("if (spin_trylock(&gl)) {", "spin_unlock(&gl); }"),
    ("atomic {", "}"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A program, the property it is asked about, and the thread count to ask for."""

    text: str
    invariant: str
    tasks: int

    def __str__(self) -> str:
        return f"{self.text}\n// {self.invariant} with {self.tasks} tasks\n"


def _pick(draw: st.DrawFn, pool: Sequence[str]) -> str:
    return draw(st.sampled_from(pool))


def _statement(draw: st.DrawFn, pool: Sequence[str], depth: int) -> str:
    kind = draw(st.integers(0, 11))
    if depth == 0 or kind < 6:
        return _pick(draw, pool)
    match kind:
        case 6 | 7:
            other = f" else {{ {_body(draw, pool, depth - 1)} }}" if draw(st.booleans()) else ""
            return f"if ({_pick(draw, CONDITIONS)}) {{ {_body(draw, pool, depth - 1)} }}{other}"
        case 8:
            return f"choose {{ {{ {_body(draw, pool, depth - 1)} }} {{ {_body(draw, pool, depth - 1)} }} }}"
        case 9 if draw(st.booleans()):
            return f"while ({_pick(draw, CONDITIONS)}) {{ {_body(draw, pool, depth - 1)} }}"
        case _:
            before, after = draw(st.sampled_from(REGIONS))
            plain = [s for s in pool if "sleep" not in s] if before.startswith("atomic") else pool
            return f"{before} {_body(draw, plain, 0 if before.startswith('atomic') else depth - 1)} {after}"


def _body(draw: st.DrawFn, pool: Sequence[str], depth: int) -> str:
    return " ".join(_statement(draw, pool, depth) for _ in range(draw(st.integers(1, 3))))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """A random program with a property."""
    pool = [*SIMPLE, *SIMPLE, *RARE]
    if draw(st.integers(0, 2)):
        pool += [*POINTERS, *POINTERS]
    if not draw(st.integers(0, 4)):
        pool += FREES
    spawns = not draw(st.integers(0, 5))
    leaves = [s for s in pool if s not in ("helper(t);", "wake();") and (s != "sleep();")]
    local = "struct task *t = current; struct task *u = current; "
    local += "struct obj *p = NULL; struct obj *q = NULL; unsigned k = 0; "
    helper = f"void helper(struct task *t) {{ {local.split(';', 1)[1]} {_body(draw, leaves, 1)} }}\n"
    child = f"void child(void) {{ {local} {_body(draw, leaves, 1)} }}\n"
    fresh = "struct task *w = new struct task; if (w) { w->x = 1; publish(w); spawn(w, child); w->y = true; }"
    wake = f"void wake(void) {{ {fresh if spawns else ';'} }}\n"
    functions = "bool check(struct task *t) { return t->y && t->x == 1; }\n"
    functions += "unsigned twice(unsigned v) { unsigned r = v; r = r + v; if (r > 3) return 3; return r; }\n"
    if draw(st.booleans()):
        user = f"void user(void) {{ {local} {_body(draw, pool, 2)} {_body(draw, pool, 2)} }}\n"
    else:
        branches = " ".join(f"{{ {local} {_body(draw, pool, 2)} }}" for _ in range(draw(st.integers(2, 3))))
        loop = draw(st.sampled_from(["", "for (;;) "]))
        user = f"void user(void) {{ {loop} choose {{ {branches} }} }}\n"
    values = draw(st.sampled_from(VALUES))
    text = HEAD + functions + helper + (child if spawns else "") + wake + user
    text += TAIL % (draw(st.sampled_from(["*", "2", "1"])), values, _pick(draw, PROPERTIES))
    name = draw(st.sampled_from(["inv", "inv", "inv", *BUILT_IN]))
    return Example(text, name, 2)
