"""What passes may not lose: where a thread has to be, threads that stop, choices that are made before waiting.

VERIFY_EXAMPLES is the number of random programs, 40 unless told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

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


# ---- random programs -----------------------------------------------------------------------------

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "40"))
FEW = 2  # tasks
HEAD = """
struct box { spinlock_t lock; bool used; };
struct box a, b;
struct task { spinlock_t own; bool f, g; };
spinlock_t l, m;
bool h;
struct completion done;
"""
SIMPLE = (
    "current->f = true;", "current->f = true;", "current->f = false;", "current->g = true;", "current->g = false;",
    "current->g = current->f;", "h = true;", "h = false;", "h = current->g;", "p->used = !p->used;", "t->f = false;",
    "t->g = true;", "p = any(struct box);", "p = nondet() ? &a : &b;", "t = any(struct task);", "assert(!h);",
    "assert(0);", "assume(h);", "if (nondet()) wait_for_completion(&done);", "complete(&done);", "while (nondet()) ;",
)  # fmt: skip
AROUND = (
    "if (nondet()) {{ {} }}", "if (h) {{ {} }}", "while (nondet()) {{ {} }}", "choose {{ {{ {} }} {{ {} }} }}",
    "spin_lock(&l); {} spin_unlock(&l);", "spin_lock(&m); {} spin_unlock(&m);",
    "spin_lock(&current->own); {} spin_unlock(&current->own);",
    "{{ struct box *q = p; spin_lock(&q->lock); {} spin_unlock(&q->lock); }}",
    "{{ struct box *q = any(struct box); spin_lock(&q->lock); {} spin_unlock(&q->lock); }}",
)  # fmt: skip
CONDITIONS = ("!t->f", "!t->f", "!(t->f && t->g)", "t->f == t->g", "!h", "!(t->f && h)")


@st.composite
def bodies(draw: st.DrawFn, depth: int = 2) -> Sequence[str]:
    """Statements, each of which may have a label."""
    found = []
    for _ in range(draw(st.integers(2, 3))):
        around = draw(st.sampled_from(AROUND)) if depth and draw(st.booleans()) else ""
        inner = [" ".join(draw(bodies(depth - 1))) for _ in range(around.count("{}"))]
        found.append("%s" + (around.format(*inner) if around else draw(st.sampled_from(SIMPLE))))
    return found


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A program with an invariant that holds wherever a task is before one of two statements, and `deadlock_free`."""
    code = " ".join(draw(bodies(draw(st.integers(1, 2)))))
    labels = [""] * code.count("%s")
    if draw(st.booleans()):
        between = " ".join(draw(st.lists(st.sampled_from(SIMPLE), min_size=2, max_size=2)))
        code += f" current->f = true; one> {between} two> current->f = false;"
    else:
        places = draw(st.lists(st.integers(0, len(labels) - 1), min_size=2, max_size=2, unique=True))
        for place, name in zip(places, ("one> ", "two> "), strict=True):
            labels[place] = name
    code = code % tuple(labels)
    body = draw(st.sampled_from(("{}", "for (;;) {{ {} }}"))).format(code)
    both = "at(t, user.one) || at(t, user.two)"
    at = draw(st.sampled_from(("at(t, user.one)", "at(t, user.two)", both, both, both)))
    count = draw(st.sampled_from(("*", "1", "2")))
    return f"""{HEAD}
void user(void) {{ struct box *p = &a; struct task *t = current; {body} }}
system {{ task user[{count}] runs user; }}
invariant inv = forall (struct task *t) {draw(st.sampled_from(CONDITIONS))} || {at};
prove inv;
deadlock_free;
"""


@pytest.mark.slow
def test_random_programs_have_the_verdicts_of_a_search_of_the_whole(tmp_path: Path) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    spec = tmp_path / "a.kc"

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(programs())
    def check(text: str) -> None:
        note(text)
        spec.write_text(text)
        whole = check_file(str(spec), Options(tasks=FEW, engine="bfs", slice=False, reduce=False))
        assume(not whole.errors)
        small = check_file(str(spec), Options())
        for plain, found in zip(whole.claims, small.claims, strict=True):
            assert plain.holds is not True  # a search alone is no proof
            if found.holds is not None:
                seen[found.kind, found.holds] += 1
                far = found.trace is not None and found.trace.instance.tasks > FEW
                assert far or found.holds is (plain.holds is None)

    check()
    assert len(seen) == 4  # both claims, and both answers to each
    assert min(seen.values()) > EXAMPLES // 8, seen
