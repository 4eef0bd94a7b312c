"""What passes may not lose: where a thread has to be, threads that stop, choices that are made before waiting."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.api import Options, check_file
from verify.ir import PC, Binary, Bound, Const, Expr, Local, Unary
from verify.lower.visible import needed_at

INVARIANT = "invariant inv = forall (struct task *t) !t->f || at(t, user.one) || at(t, user.two); prove inv;"
PROGRAMS = {
    "between two places": f"""
        struct task {{ bool f, g; }};
        void user(void) {{ current->f = true; one> current->g = true; current->g = false; two> current->f = false; }}
        system {{ task user[*] runs user; }} {INVARIANT}""",
    "stopped by an error": f"""
        struct task {{ bool f; }};
        void user(void) {{ current->f = true; one> assert(0); two> current->f = false; }}
        system {{ task user[*] runs user; }} {INVARIANT}""",
    "stopped with a lock": """
        struct task { bool x; };
        spinlock_t l, m;
        void user(void) { spin_lock(&l); spin_lock(&m); spin_unlock(&m); assert(0); spin_unlock(&l); }
        system { task user[*] runs user; }
        deadlock_free;""",
    "stopped with a lock of a group": """
        struct box { spinlock_t lock; };
        struct box a, b;
        struct task { struct box *f, *g; };
        void user(void) {
            for (;;) {
                spin_lock(&current->f->lock); spin_lock(&current->g->lock);
                spin_unlock(&current->g->lock); spin_unlock(&current->f->lock);
            }
        }
        system { task u[*] runs user with { f = &a; g = &b; }; task v[*] runs user with { f = &b; }; }
        deadlock_free;""",
    "chosen to wait": """
        struct task { bool x; };
        struct completion done;
        void user(void) { for (;;) { current->x = true; if (nondet()) wait_for_completion(&done); } }
        system { task user[*] runs user; }
        deadlock_free;""",
    "chosen twice": """
        struct box { spinlock_t lock; };
        struct box a, b;
        struct task { bool x; };
        void user(void) {
            struct box *p = any(struct box), *q;
            spin_lock(&p->lock);
            q = any(struct box);
            spin_lock(&q->lock); spin_unlock(&q->lock); spin_unlock(&p->lock);
        }
        system { task user[1] runs user; }
        deadlock_free;""",
    "stuck where it starts": """
        struct task { bool x; };
        void child(void) { assume(0); current->x = true; }
        void user(void) { struct task *p = new struct task; if (!p) return; publish(p); spawn(p, child); }
        system { task user[*] runs user; }
        deadlock_free;""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_fails_is_not_proved(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "a.kc"
    spec.write_text(PROGRAMS[name])
    whole = check_file(str(spec), Options(tasks=2, engine="bfs", slice=False, reduce=False))
    assert [claim.holds for claim in whole.claims] == [False]
    small = check_file(str(spec), Options())
    assert [claim.holds for claim in small.claims] == [False]


def at(place: int, op: str = "==") -> Expr:
    return Binary("==" if op == "==" else "!=", Local(PC, Bound("t")), Const(place))


def test_where_a_thread_has_to_be_for_a_property() -> None:
    prop = Binary("||", Unary("!", Binary("&&", at(1), at(2, "!="))), Binary("&&", at(3), at(4, "!=")))
    assert needed_at(prop) == {2, 3}
    assert needed_at(Unary("!", prop)) == {1, 4}
    assert needed_at(Binary("+", at(5), at(6, "!="))) == {5, 6}
