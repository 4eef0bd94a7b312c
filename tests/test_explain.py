"""Explanations: short proofs that Z3 has accepted, in sentences of the source."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.handmade import proved
from verify.api import Options, check_file
from verify.engine.verdict import Basis, Progress, Proved
from verify.explain import explain, minimise
from verify.explain.candidates import Candidate, pool
from verify.explain.literals import literals, meaning, negated
from verify.explain.outline import topics
from verify.explain.places import places
from verify.explain.search import Search
from verify.explain.ways import Ways
from verify.explain.words import sentences
from verify.instances import Slot
from verify.ir import FALSE, TRUE, Binary, Bound, Const, Expr, Field, Global, Local, System, Unary
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import with_history
from verify.lower.small import Guess, Passes, Small, small_for_proof
from verify.lower.whereabouts import with_whereabouts
from verify.report.json_object import file_object, text
from verify.report.text import claim_lines, plain
from verify.smt.induct import induction
from verify.smt.judge import FailedObligation, Judgement
from verify.smt.universal import judge_universal
from verify.syntax import load_text
from verify.unbounded import Tried, guesses, prove_unbounded
from verify.universal import OBJECT, THREAD, Clause

PROGRAM = """\
struct task { spinlock_t l; rwlock_t rw; bool busy; bool done; struct task *up; };
spinlock_t gl;
void user(void)
{
    for (;;)
        choose {
            {
take>           spin_lock(&gl);
                current->busy = true;
drop>           current->busy = false;
                spin_unlock(&gl);
            }
            {
                struct task *t = any(struct task);
look>           spin_lock(&t->l);
                t->done = true;
undo>           t->done = false;
                spin_unlock(&t->l);
            }
        }
}
system { task user[*] runs user; }
invariant busy_holds = forall (struct task *t) !(t->busy && !held(gl));
invariant done_is_locked unless held(t->l) = forall (struct task *t) !t->done;
prove busy_holds;
prove done_is_locked;
"""
SAID = {
    "busy_holds": (
        "every task: if its `busy` is 1, it holds `gl`",
        "while a task is at `user` (a.kc:9): it holds `gl`",
        "while a task is at `user` (a.kc:11): its own `busy` is 0",
    ),
    "done_is_locked": (
        "every task: if its `l` is free, its `done` is 0",
        (
            "while a task is from `user` (a.kc:16) to `user` (a.kc:18): if its `t` points to itself, it holds its own "
            "`l`; if its `t` points to another task, it holds `t->l`"
        ),
        (
            "while a task is at `user` (a.kc:18): if its `t` points to itself, its own `done` is 0; "
            "if its `t` points to another task, `t->done` is 0"
        ),
    ),
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.kc"
    path.write_text(PROGRAM)
    return str(path)


def quiet(_: Progress) -> None:
    """Hear nothing."""


@cache
def proof(name: str, source: str = PROGRAM) -> tuple[System, Expr, Proved]:
    """A proof of an invariant of a program."""
    program = load_text(source)
    low = lower(program, "system")
    prop = invariant(program, low, name)
    known = guesses(low.system, prop)
    found = prove_unbounded(
        low.system, prop, known, Tried(), Passes(), deadline=time.monotonic() + 60, report=quiet
    )
    assert isinstance(found, Proved)
    return low.system, prop, found


def made(system: System, prop: Expr, basis: Basis) -> Small:
    """The small system that a proof is about."""
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places)
    return small_for_proof(system, prop, guess, Passes(basis.reduce, basis.slice))


def short(name: str, *, late: float = 60.0) -> tuple[System, Expr, minimise.Short | None]:
    """The system and the property that a short proof is of, and that proof."""
    system, prop, found = proof(name)
    assert found.basis is not None
    small, said, _ = made(system, prop, found.basis).told()
    return small, said, minimise.shortened(small, found.basis.clauses, said, time.monotonic() + late)


@pytest.mark.parametrize("name", SAID)
def test_a_proof_is_said_in_the_words_of_the_source(file: str, name: str) -> None:
    result = check_file(file, Options(claims=(name,), tasks=None, explain=True))
    (claim,) = result.claims
    assert claim.invariant_found == SAID[name]
    shown = plain(claim_lines(claim, 200, 30))
    assert f"because of {len(SAID[name])} sentences, true at the start and kept by every step; none can be" in shown
    assert all(said in shown for said in SAID[name])
    found = file_object(result)["claims"]
    assert isinstance(found, list)
    assert isinstance(found[0], dict)
    assert found[0]["invariant_found"] == list(SAID[name])


def test_what_a_proof_rests_on_is_the_least_that_it_needs(file: str) -> None:
    (claim,) = check_file(file, Options(claims=("done_is_locked",), tasks=None, explain=True)).claims
    assert claim.why is not None
    assert claim.why.rests == ("locks that it rests on: `task.l`", "variables that it rests on: `task.done`")


@pytest.mark.parametrize(
    ("name", "follows"),
    [
        ("busy_holds", ["no two tasks are at `user` (a.kc:9) at once: both hold `gl`"]),
        (
            "done_is_locked",
            [
                (
                    "no two tasks that work on one other task are from `user` (a.kc:16) to `user` (a.kc:18) at once: "
                    "both hold its `l`"
                )
            ],
        ),
    ],
)
def test_sections_of_one_lock_exclude_each_other(file: str, name: str, follows: list[str]) -> None:
    result = check_file(file, Options(claims=(name,), tasks=None, explain=True))
    (claim,) = result.claims
    assert claim.why is not None
    assert list(claim.why.follows) == follows
    assert f"so {follows[0]}" in plain(claim_lines(claim, 200, 30))
    assert json.loads(text(result))["claims"][0]["why"]["follows"] == follows


def test_nothing_is_explained_unless_it_is_asked_for(file: str) -> None:
    (claim,) = check_file(file, Options(claims=("busy_holds",), tasks=None)).claims
    assert claim.invariant_found is None
    assert claim.why is None


@pytest.mark.parametrize("name", SAID)
def test_no_clause_of_a_minimal_proof_can_be_left_out(name: str) -> None:
    system, prop, found = short(name)
    assert found is not None
    assert found.minimal
    assert judge_universal(system, found.clauses, prop).ok
    for clause in found.clauses:
        rest = [other for other in found.clauses if other is not clause]
        assert not judge_universal(system, rest, prop).ok


def test_a_short_proof_that_the_judge_refuses_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Judgement:
        return Judgement(ok=False, count=0, failed=(FailedObligation("safety", "sat", None),))

    monkeypatch.setattr(minimise, "judge_universal", refuse)
    assert short("busy_holds")[2] is None


def test_without_time_the_long_proof_is_counted() -> None:
    system, prop, found = proof("busy_holds")
    assert found.basis is not None
    why = explain(system, prop, prop, found.basis, deadline=time.monotonic() - 1)
    assert why.sentences == ()
    assert why.clauses == len(found.basis.clauses)
    assert not why.minimal
    shown = plain(claim_lines(replace(proved(), why=why), 100, 30))
    assert f"because of {why.clauses} clauses; no shorter proof was found in time" in shown


def test_an_invariant_that_is_none_explains_nothing() -> None:
    system, prop, found = proof("busy_holds")
    assert found.basis is not None
    small, said, _ = made(system, prop, found.basis).told()
    assert minimise.shortened(small, (), said, time.monotonic() + 60) is None


# ---- background, and what is one sentence --------------------------------------------------------

FORK = """\
struct task { bool marked; bool bad; };
void child(void) { current->marked = false; }
void user(void)
{
    for (;;)
        choose {
            {
                struct task *p = new struct task;
                if (p) {
set>                p->marked = true;
check>              if (!p->marked)
                        current->bad = true;
show>               publish(p);
wake>               spawn(p, child);
                }
            }
            {
                struct task *t = any(struct task);
clear>          t->marked = false;
            }
        }
}
system { task user[*] runs user; }
invariant never_bad = forall (struct task *t) !t->bad;
prove never_bad;
"""


def test_how_tasks_are_made_is_one_sentence_that_needs_no_other(tmp_path: Path) -> None:
    system, prop, found = proof("never_bad", FORK)
    assert found.basis is not None
    small, said, _ = made(system, prop, found.basis).told()
    short = minimise.shortened(small, found.basis.clauses, said, time.monotonic() + 60)
    assert short is not None
    assert 1 < len(short.background) < len(short.clauses)
    assert set(short.background) < set(short.clauses)
    never = frozenset[int]().union(*(c.locations or () for c in short.clauses if c.body == FALSE))
    actions = tuple(a for a in small.actions if a.source not in never and a.target not in never)
    alone = replace(small, actions=actions)
    assert judge_universal(alone, short.background, TRUE).ok
    assert not judge_universal(alone, [c for c in short.clauses if c not in short.background], said).ok
    told = sentences(small, short.clauses, {}, short.background)
    assert [text.startswith("of how tasks are made") for text in told] == [False] * (len(told) - 1) + [True]
    assert "(a) every task" in told[-1]
    path = tmp_path / "fork.kc"
    path.write_text(FORK)
    (claim,) = check_file(str(path), Options(tasks=None, explain=True)).claims
    assert claim.why is not None
    assert claim.why.sentences[-1].startswith("of how tasks are made")


def test_what_looks_like_background_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    system, prop, found = proof("never_bad", FORK)
    assert found.basis is not None
    small, said, _ = made(system, prop, found.basis).told()

    def refuse(system: System, clauses: Sequence[Clause], what: Expr, *, deadline: float) -> Judgement:
        if what == TRUE:
            return Judgement(ok=False, count=0, failed=(FailedObligation("a step", "sat", None),))
        return judge_universal(system, clauses, what, deadline=deadline)

    monkeypatch.setattr(minimise, "judge_universal", refuse)
    short = minimise.shortened(small, found.basis.clauses, said, time.monotonic() + 60)
    assert short is not None
    assert short.background == ()


def test_clauses_with_one_condition_are_one_sentence() -> None:
    busy, done, up = (Binary("==", its(name), Const(0)) for name in ("busy", "done", "up"))
    one, two = (Clause(False, "task", None, Binary("||", busy, other)) for other in (done, up))
    alone = Clause(False, "task", None, Binary("||", done, up))
    found = topics([one, two, alone], frozenset({1, 2}))
    assert [(topic.clauses, topic.shared) for topic in found] == [([one, two], busy), ([alone], None)]
    system = with_history(lower(load_text(PROGRAM), "system").system)
    assert sentences(system, [one, two], {}) == ["every task: if its `busy` is 1, its `done` is 0 and its `up` is NULL"]


def test_the_few_values_of_a_variable_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "values.kc"
    path.write_text(
        "struct task { u8 caps; bool bad; };\n"
        "void user(void) { for (;;) choose {\n"
        "current->caps = 7; current->caps = 0; { if (current->caps == 3) current->bad = true; } } }\n"
        "system { task user[*] runs user; }\n"
        "invariant never_bad = forall (struct task *t) !t->bad;\nprove never_bad;\n"
    )
    (claim,) = check_file(str(path), Options(tasks=None, explain=True)).claims
    assert claim.why is not None
    assert claim.why.sentences == ("every task: its `bad` is 0 and its `caps` is 0 or 7",)


def test_what_is_said_at_a_part_of_a_part_is_said_in_that_sentence_too() -> None:
    body = Binary("==", own("busy"), Const(0))
    clauses = [Clause(True, "", frozenset(places), body) for places in ({1, 2, 3, 4}, {2, 3, 4}, {3}, {4}, {2})]
    every = frozenset(range(1, 9))

    def inner(some: Sequence[Clause]) -> list[list[list[int]]]:
        return [[sorted(part.places or ()) for part in topic.inner] for topic in topics(some, every)]

    assert inner(clauses) == [[], [[2], [3], [4]]]
    assert inner([clause for clause in clauses if clause.locations != frozenset({4})]) == [[[2, 3, 4], [2], [3]]]


def test_background_that_is_not_kept_at_a_place_is_said_at_the_others() -> None:
    system, prop, found = proof("never_bad", FORK)
    assert found.basis is not None
    small, said, _ = made(system, prop, found.basis).told()
    known = induction(small, said, time.monotonic() + 60)
    assert known is not None
    search = Search(known, pool(small, found.basis.clauses, said, known.deadline), said)
    wide = next(
        candidate for some in search.pool.found.values() for candidate in some.values()
        if candidate.background and candidate.clause.thread and search.is_background(candidate)
        and candidate is not search.pool.nobody and sum(map(candidate.at, search.pool.live)) > 1
    )  # fmt: skip
    gone, *rest = filter(wide.at, search.pool.live)
    goal = search._narrow(search.number(wide), gone)
    narrow = search.known[goal]
    assert search.is_background(narrow)
    assert not search.is_background(wide.only(gone))
    assert [at for at in search.pool.live if narrow.at(at)] == rest
    assert search._entire(wide.only(rest[0])) is narrow
    assert search._entire(wide.only(gone)).at(rest[0]) is False


def test_what_excludes_most_for_its_price_is_chosen() -> None:
    one, two, three, both = (
        Candidate(Clause(False, "task", None, its(name)), (False, "task"), 0, frozenset(), price, background=False)
        for name, price in (("a", 1.0), ("b", 1.0), ("c", 0.1), ("d", 1.5))
    )
    ways = Ways()
    ways.add({one: 1.0, both: 1.5})
    ways.add({two: 1.0, both: 1.5})
    assert ways.cheapest() == [both]
    ways.add({three: 0.1, one: 1.0})
    assert list(ways.cheapest()) == [three, both]
    ways.add({three: 0.1})
    assert list(ways.cheapest()) == [three, both]


def test_what_is_said_at_a_part_of_the_places_is_said_in_one_sentence() -> None:
    body = Binary("==", own("busy"), Const(0))
    wide, part, apart, most = (
        Clause(True, "", frozenset(places), body) for places in ({1, 2, 3}, {2, 3}, {3, 4}, set(range(1, 8)))
    )
    every = frozenset(range(1, 9))
    found = {frozenset(topic.clauses): topic.inner for topic in topics([wide, part, apart, most], every)}
    assert set(found) == {frozenset({wide}), frozenset({apart}), frozenset({most})}
    (inner,) = found[frozenset({wide})]
    assert inner.clauses == [part]
    assert not found[frozenset({apart})]
    assert not found[frozenset({most})]


# ---- words ---------------------------------------------------------------------------------------


def own(name: str) -> Field:
    return Field(Bound(THREAD), "task", name)


def its(name: str) -> Field:
    return Field(Bound(OBJECT), "task", name)


def word(body: Expr, *, thread: bool = False, cls: str = "task") -> str:
    """The sentence of a clause about the program."""
    system = with_history(lower(load_text(PROGRAM), "system").system)
    (said,) = sentences(system, [Clause(thread, cls, None, body)], {})
    return said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (Binary("==", its("#life"), Const(2)), "every task: it is published"),
        (Binary("!=", its("#life"), Const(0)), "every task: it exists"),
        (Binary("==", its("l"), Const(0)), "every task: its `l` is free"),
        (Binary("!=", its("l"), Const(0)), "every task: its `l` is taken"),
        (Binary("!=", its("l"), Bound(OBJECT)), "every task: it does not hold its `l`"),
        (Binary("==", its("up"), Const(0)), "every task: its `up` is NULL"),
        (Binary("!=", its("up"), Bound(OBJECT)), "every task: its `up` is not it"),
        (Binary("has", its("rw.readers"), Bound(OBJECT)), "every task: it is among the readers of its `rw.readers`"),
        (Binary("!=", its("busy"), Const(0)), "every task: its `busy` is 1"),
        (Binary("==", its("rw.readers"), Const(0)), "every task: its `rw.readers` is empty"),
        (
            Binary("||", Binary("!=", its("busy"), Const(1)), Binary("==", its("l"), Bound(OBJECT))),
            "every task: if its `busy` is 1, it holds its `l`",
        ),
    ],
)
def test_what_is_said_of_every_object(body: Expr, said: str) -> None:
    assert word(body) == said


DEVICES = """\
struct dev { spinlock_t l; bool busy; };
struct task { bool idle; };
struct dev one;
void user(void) { struct dev *d = any(struct dev); for (;;) { d->busy = true; one.busy = true; } }
system { task user[*] runs user; }
"""


def test_what_is_said_of_a_thread_and_an_object_of_another_kind() -> None:
    system = lower(load_text(DEVICES), "system").system
    lock, busy = (Field(Bound(OBJECT), "dev", name) for name in ("l", "busy"))
    body = Binary("||", Binary("!=", lock, Bound(THREAD)), Binary("==", busy, Const(0)))
    (said,) = sentences(system, [Clause(True, "dev", None, body)], {})
    assert said == "every task: if there is a dev and it holds that dev's `l`, that dev's `busy` is 0"


@pytest.mark.parametrize(("variable", "said"), [("one.#before_store.busy", "one.busy"), ("#before_store.n", "n")])
def test_who_stands_before_an_access_of_what_is_there_once(variable: str, said: str) -> None:
    system = lower(load_text(DEVICES), "system").system
    body = Unary("!", Binary("has", Global(variable), Bound(THREAD)))
    (sentence,) = sentences(system, [Clause(True, "", None, body)], {})
    assert sentence == f"every task: it does not stand before a store of `{said}`"


def test_what_is_said_of_a_thread_and_another_object() -> None:
    either = Binary("||", Binary("!=", its("l"), Bound(THREAD)), Binary("==", own("busy"), Const(0)))
    assert word(either, thread=True) == (
        "every task: if there is another task and it holds the other's `l`, its own `busy` is 0"
    )


def test_where_nobody_is_is_no_part_of_anything_else() -> None:
    system = with_history(lower(load_text(PROGRAM), "system").system)
    every = places(system)
    first, *rest = every.order
    assert every.within(every.order) == "wherever it is"
    assert every.within(rest).startswith("anywhere but ")
    nobody = Clause(True, "", frozenset({first}), FALSE)
    somebody = Clause(True, "", frozenset(rest), Binary("==", own("busy"), Const(0)))
    said = sentences(system, [nobody, somebody], {})
    assert any(text.startswith("no task is ever ") for text in said)
    assert "every task: its own `busy` is 0" in said


# ---- tests ---------------------------------------------------------------------------------------


def test_a_test_or_its_opposite_is_true() -> None:
    system = with_history(lower(load_text(PROGRAM), "system").system)
    values = {Slot("", 0, var.name): 1 for var in system.globals}
    values |= {Slot("thread", 1, var.name): 1 for var in system.locals}
    values |= {Slot("task", i, var.name): i for var in system.classes["task"].fields for i in (1, 2)}
    found = literals(system, thread=True, cls="task")
    assert found
    for literal in found:
        one, other = meaning(literal.test), meaning(negated(literal.test))
        assert bool(one(values, 1, 2)) != bool(other(values, 1, 2))


def test_the_opposite_of_the_opposite() -> None:
    for test in (
        Binary("==", Local("x", Bound(THREAD)), Const(1)),
        Binary("!=", Local("x", Bound(THREAD)), Const(1)),
        Binary("has", its("rw.readers"), Bound(THREAD)),
        Unary("!", Binary("has", its("rw.readers"), Bound(THREAD))),
    ):
        assert negated(negated(test)) == test


def test_where_a_thread_is_is_said_of_the_thread() -> None:
    system = with_whereabouts(with_history(lower(load_text(PROGRAM), "system").system))
    entry = Const(system.groups[0].entry)
    told = [Clause(False, "task", None, Binary("==", its("#at.pc"), entry))]
    told.append(Clause(False, "task", None, Binary("==", its("#at.user.t"), Const(0))))
    at, local = (sentences(system, [clause], {})[0] for clause in told)
    assert at.startswith("every task: its thread is at `user`")
    assert local == "every task: its thread's `t` is NULL"


def test_locals_have_their_names_where_they_are_live() -> None:
    system, prop, found = proof("done_is_locked")
    assert found.basis is not None
    assert "user.t" in made(system, prop, found.basis).names().values()
    assert made(system, prop, replace(found.basis, reduce=False)).names() == {}


# ---- the specs -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_lock_of_the_core_makes_its_two_parts_exclude_each_other_as_few_sentences_say() -> None:
    options = Options(claims=("prove not_dumpable_not_traced",), tasks=None, budget=300, explain=True)
    (claim,) = check_file("core.kc", options).claims
    assert claim.why is not None
    assert 0 < len(claim.why.sentences) <= 9
    assert any("task_dumpable" in said for said in claim.why.sentences)
    assert any("`kernel_thread.unlock`" in said and "`ptrace_attach.flag`" in said for said in claim.why.follows)


@pytest.mark.slow
def test_the_fix_is_explained_in_few_sentences() -> None:
    options = Options(claims=("prove no_traced_kernel_thread",), tasks=None, budget=600, explain=True)
    claim, *_ = check_file("fix.kc", options).claims
    assert claim.why is not None
    assert 0 < len(claim.why.sentences) <= 15
    assert claim.why.minimal
    assert claim.invariant_found == claim.why.sentences
    assert any("`is_kernel_thread`" in said and "`ptrace`" in said for said in claim.why.sentences)
    assert any("task.task_dumpable" in said for said in claim.why.rests)
