"""Who stores to a variable: the text of the functions, and the runs that end in a store that no claim lists."""

from __future__ import annotations

import pytest

from verify.answering import judgements
from verify.api import Options, check_file
from verify.engine.search import search
from verify.instances import instance
from verify.judging import Selection
from verify.lower import lower
from verify.lower.claims import property_of
from verify.lower.stores import in_text, key_of_target
from verify.report.result import ClaimResult
from verify.report.story import story
from verify.syntax import ast, load_text
from verify.syntax.program import Program

HEAD = """
struct mm { bool dumpable = true; };
struct task { u8 x; ghost u8 seen; spinlock_t lock; atomic_t count; struct task *up; struct mm *mm; };
u8 n; bool on; rwlock_t list;
void set(u8 *cell, u8 v) { *cell = v; }
void lend(u8 *cell) { set(cell, 3); }
bool grab(struct task *t) { return xchg(&t->x, 1); }
"""
TAIL = "system { task t[2] runs user; }\n"
# What user does: the functions that store to a variable, and in which way.
STORES: dict[str, dict[str, list[tuple[str, str]]]] = {
    "current->x = 1;": {"task.x": [("user", "store")]},
    "current->x |= 1;": {"task.x": [("user", "two steps")]},
    "current->x++;": {"task.x": [("user", "two steps")]},
    "++current->x;": {"task.x": [("user", "two steps")]},
    "current->x = current->x + 1;": {"task.x": [("user", "two steps")]},
    "u8 k = current->x; current->seen = k;": {"task.x": [], "task.seen": [("user", "store")]},
    "WRITE_ONCE(current->x, 2);": {"task.x": [("user", "store")]},
    "if (!READ_ONCE(current->x)) n = 1;": {"task.x": [], "n": [("user", "store")]},
    "cmpxchg(&current->x, 0, 1);": {"task.x": [("user", "one step")]},
    "set_bit(0, &n);": {"n": [("user", "one step")]},
    "if (!test_bit(0, &n)) on = true;": {"n": [], "on": [("user", "store")]},
    "atomic_inc(&current->count);": {"task.count": [("user", "one step")]},
    "if (atomic_read(&current->count)) on = true;": {"task.count": []},
    "spin_lock(&current->lock); spin_unlock(&current->lock);": {"task.lock": [("user", "one step")] * 2},
    "read_lock(&list); read_unlock(&list);": {"list": [("user", "one step")] * 2},
    "atomic { n = n + 1; }": {"n": [("user", "one step")]},
    "set(&current->x, 1);": {"task.x": [("set", "store")]},
    "lend(&current->x);": {"task.x": [("set", "store")]},
    "lend(&n);": {"n": [("set", "store")], "task.x": []},
    "if (grab(current)) on = true;": {"task.x": [("grab", "one step")]},
    "foreach (struct task *c where c->up == current) { c->x = 1; c->up = NULL; }": {
        "task.x": [("user", "each")], "task.up": [("user", "each")],
    },
    "struct task *t = any(struct task); *t = *current;": {
        "task.x": [("user", "copy")], "task.up": [("user", "copy")], "task.seen": [], "task.lock": [],
    },
    "struct mm *m = new struct mm; if (m) { current->mm = m; put(m); }": {
        "mm.dumpable": [], "task.mm": [("user", "store")],
    },
}  # fmt: skip
ALWAYS = {"task.x": [("grab", "one step")]}  # what functions that nobody calls would store
EVERY = ("task.x", "task.seen", "task.lock", "task.count", "task.up", "task.mm", "mm.dumpable", "n", "on", "list")


def program(body: str, claims: str = "", more: str = "") -> Program:
    """A program of two threads that do that."""
    return load_text(f"{HEAD}{more}\nvoid user(void) {{ {body} }}\n{TAIL}{claims}")


@pytest.mark.parametrize("body", STORES)
def test_every_store_in_the_text_is_found(body: str) -> None:
    made = program(body)
    for target, want in STORES[body].items():
        found = [(one.function, one.way) for one in in_text(made, key_of_target(target))]
        assert sorted(found) == sorted([*(one for one in ALWAYS.get(target, []) if one not in want), *want]), target


@pytest.mark.parametrize("body", STORES)
def test_who_stores_is_who_the_runs_say(body: str) -> None:
    """A claim is broken if and only if it lists none of the functions, each of which can make its store here."""
    for target in EVERY:
        stores = STORES[body].get(target)
        if stores is None:
            continue
        names = sorted({name for name, _ in stores})
        for listed in ([], *([name] for name in names), names):
            claim = ast.ClaimDecl("writers", targets=(target,), functions=tuple(listed))
            made = program(body)
            selection = Selection("", made, (claim,))
            low = selection.lower(("system", frozenset(), frozenset()))
            found = search(instance(low.system, 2), property_of(claim, made, low))
            assert found.complete or found.trace
            assert (found.trace is not None) == bool(set(names) - set(listed)), (target, listed)


def answers(text: str) -> list[ClaimResult]:
    """What is said of the claims of a program."""
    made = load_text(text)
    return list(judgements(Selection("", made, made.claims), Options(budget=30.0)))


def test_a_run_ends_in_the_store_that_is_not_listed() -> None:
    text = f"""{HEAD}
    void f(struct task *t) {{ t->x = 1; }}
    void user(void) {{ f(current); if (on) n = 1; if (n) current->x = 2; for (;;) ; }}
    {TAIL}
    writers task.x = {{ f, grab, set }};
    writers task.x = {{ f, user }};
    writers task.x = {{ user }};
    writers task.x = {{ f, set }};
    writers n = {{ user, f }};
    """
    unreachable, idle, broken, set_only, wrong = answers(text)
    assert (unreachable.verdict, unreachable.holds) == ("vacuous", False)  # nobody calls set for it
    assert unreachable.reason == "`set` has no store to `task.x`"
    assert (idle.verdict, idle.holds) == ("proved", True)
    assert (broken.verdict, broken.holds) == ("refuted", False)
    assert broken.trace is not None
    assert len(broken.trace.steps) == 1
    assert story(broken) == "task 1 sets task 1.x from 0 to 1 (f, <text>:9), which the claim does not list."
    assert set_only.verdict == "vacuous"
    assert (wrong.verdict, wrong.reason) == ("vacuous", "`f` has no store to `n`")


def test_a_store_that_a_condition_keeps_from_happening_is_none() -> None:
    text = f"{HEAD} void user(void) {{ struct task *t = NULL; atomic {{ if (on) n = 1; }} t->x = 1; }} {TAIL}"
    never, null = answers(f"{text} writers n = {{ set }}; writers task.x = {{ grab }};")
    assert never.verdict == "vacuous"
    assert null.verdict == "proved"


def test_the_place_after_an_unlisted_store_is_reached_by_that_alone() -> None:
    """Both branches go on at one location; only one of them stores."""
    made = program("for (;;) { if (nondet()) current->x = 1; if (current->x) break; }", "writers task.x = { grab };")
    low = lower(made, "system")
    (places,) = low.ends.values()
    arriving = [action for action in low.system.actions if action.target in places]
    assert arriving
    assert all(update.place.name == "x" for action in arriving for update in action.updates[:1])


@pytest.mark.slow
def test_the_core_says_who_stores_to_the_flag() -> None:
    (result,) = check_file("core.kc", Options(claims=("writers",))).claims
    assert (result.verdict, result.scope and result.scope.tasks, result.holds) == ("proved", None, True)
