"""Proofs for any number of tasks: what is guessed, what is tried once, what is said when there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_few_cells import BAD, KEEPS_OUT, NEVER, every_task, made
from verify import cli
from verify.api import Options, select
from verify.cli.console import BAD_INPUT
from verify.cli.options import tasks_of
from verify.engine.parametric.clauses import clauses
from verify.engine.parametric.initial import initial
from verify.engine.parametric.space import OWN, Kind, Space, space
from verify.engine.parametric.violations import violations
from verify.engine.search import search
from verify.engine.valuesets import value_sets
from verify.engine.verdict import Progress, Proved, Refuted, Unknown
from verify.instances import Slot, exact_tasks, instance, spare
from verify.ir import (
    TRUE,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Fresh,
    Global,
    Group,
    Local,
    Me,
    Ptr,
    Quant,
    Range,
    System,
    Unary,
    Update,
    Var,
)
from verify.judging import judge_of
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import with_history
from verify.lower.localize import shared_keys
from verify.lower.pending import with_pending
from verify.lower.relevant import closely_read, compared_with, decisive, first_keys, often_tested, plain_locks
from verify.lower.relevant import tested_on_the_way as on_the_way
from verify.lower.relevant import tested_pointers as pointers_tested
from verify.lower.small import Guess, Passes, small_for_proof
from verify.lower.statics import without_statics
from verify.lower.whereabouts import with_whereabouts
from verify.semantics import Context, evaluate
from verify.smt.ground import ACTOR, OTHER, VIEWED, all_pairs, among, around, ground, near
from verify.syntax import load_text
from verify.unbounded import Tried, guesses, prove_unbounded
from verify.universal import THREAD

HEAD = """
struct task { spinlock_t l; u8 x : 2; bool y; bool z; u8 w : 2; bool v; struct task *up; };
spinlock_t gl; rwlock_t rw; bool g;
"""
TAIL = "\nsystem { task init[%s] runs user; }\n"


def question(code: str, inv: str, *, before: str = "", tasks: str = "*") -> tuple[System, Expr]:
    """A program of one function, and a property of it."""
    text = f"{HEAD}{before}void user(void) {{ {code} }}{TAIL % tasks}invariant inv = {inv};"
    program = load_text(text)
    low = lower(program, "system")
    return low.system, invariant(program, low, "inv")


def quiet(_: Progress) -> None:
    """Hear nothing."""


def attempt(
    system: System, prop: Expr, known: Sequence[Guess] | None = None, *, tried: Tried | None = None, late: float = 20
) -> Proved | str:
    """Try to prove the property."""
    some = list(guesses(system, prop)) if known is None else known
    return prove_unbounded(
        system, prop, some, tried or Tried(), Passes(), deadline=time.monotonic() + late, report=quiet
    )


# ---- what is guessed, and what comes of it -------------------------------------------------------

NO_Y = "forall (struct task *t) !t->y"
LOCKED = """
    struct task *t = any(struct task);
    spin_lock(&gl);
    if (t->x == 1) t->y = true;
    spin_unlock(&gl);
    if (t->up == current) t->x = 2;
"""


def test_guesses_grow_and_none_comes_twice() -> None:
    system, prop = question(LOCKED, NO_Y)
    found = list(guesses(system, prop))
    assert found[0] == Guess(frozenset({("task", "y")}))
    assert ("", "gl") in found[1].keys  # the property names no location
    assert found[-3] == Guess(shared_keys(system), spins=True, places=True)
    assert [guess.counts for guess in found if guess.counts] == ["pointers", "threads"]
    assert len(set(found)) == len(found)


ALONE = "forall (struct task *t, struct task *u) t == u || !(t->z && u->z)"
NAMED = "unsigned n; struct box { struct mutex lock; bool full; }; struct box one, two;\n"
ENTERS = "for (;;) { %s current->z = true; current->z = false; %s }"


@pytest.mark.parametrize(
    ("take", "leave"),
    [
        ("atomic { assume(!n); n = 1; }", "n = 0;"),
        ("again: if (test_and_set_bit(0, &n)) goto again;", "clear_bit(0, &n);"),
        ("mutex_lock(&one.lock);", "mutex_unlock(&one.lock);"),
    ],
)
def test_two_threads_are_told_apart_by_where_they_are(take: str, leave: str) -> None:
    assert isinstance(attempt(*question(ENTERS % (take, leave), ALONE, before=NAMED)), Proved)


@pytest.mark.parametrize("leave", ["n = 0;", "clear_bit(0, &n);"])
def test_two_threads_that_nothing_keeps_apart_have_no_proof(leave: str) -> None:
    assert isinstance(attempt(*question(ENTERS % ("", leave), ALONE, before=NAMED)), str)


def test_static_objects_are_told_apart_by_their_numbers() -> None:
    code = "struct box *b = nondet() ? &one : &two; mutex_lock(&b->lock); b->full = true; b->full = false;"
    system, prop = question(f"{code} mutex_unlock(&b->lock);", "one.full ? held(one.lock) : true", before=NAMED)
    assert isinstance(attempt(system, prop), Proved)
    told = without_statics(system, prop)
    assert "box" not in told.system.classes
    assert {"one.full", "two.lock"} <= {var.name for var in told.system.globals}
    assert told.keys({("box", "full"), ("task", "x")}) == {("", "one.full"), ("", "two.full"), ("task", "x")}


def test_where_a_thread_is_is_told_from_the_start() -> None:
    system, _ = question("x: current->z = true;", NO_Y)
    told = with_whereabouts(with_history(system))
    assert all(group.values["#at.pc"] == (group.entry,) for group in told.groups)
    for action in told.actions:
        said = [update.value for update in action.updates if update.place == Field(Me(), "task", "#at.pc")]
        assert said == ([Const(action.target)] if action.target != action.source else [])


def test_what_is_tested_before_a_change_is_closely_read() -> None:
    system, prop = question(LOCKED, NO_Y)
    assert first_keys(system, prop) == {("task", "y")}
    assert closely_read(system, prop) == {("task", "y"), ("task", "x")}


def test_what_is_often_tested_is_known_with_what_it_is_compared_with() -> None:
    code = """
        struct task *t = any(struct task);
        if (t->x == current->w && !t->z) t->y = true;
        if (t->x && current->v) t->up = current;
    """
    system, prop = question(f"{code} current->x = 1;", NO_Y)
    assert often_tested(system, prop) == {("task", "x")}
    assert compared_with(system, prop, {("task", "x")}) == {("task", "w")}
    assert compared_with(system, prop, {("task", "w")}) == {("task", "x")}
    assert compared_with(system, prop, {("task", "z")}) == frozenset()
    keys = frozenset({("task", name) for name in "yxw"})
    assert [guess.keys for guess in guesses(system, prop)][1] == keys


def test_what_the_property_reads_is_always_known() -> None:
    system, prop = question("current->y = true;", NO_Y)
    assert isinstance(attempt(system, prop, [Guess(frozenset())]), str)
    boxed = question("one.full = true;", "!one.full", before=NAMED)
    assert isinstance(attempt(*boxed, [Guess(frozenset())]), str)
    assert isinstance(attempt(*question("current->z = true;", NO_Y), [Guess(frozenset())]), Proved)


def test_what_is_tested_before_an_error_is_decisive() -> None:
    code = "spin_lock(&gl); struct task *t = current->up; spin_unlock(&gl); if (g) t->y = true;"
    system, plain = question(code, NO_Y)
    assert decisive(system, plain) == frozenset()
    program = load_text(f"{HEAD}void user(void) {{ {code} }}{TAIL % '*'}")
    prop = invariant(program, lower(program, "system"), "no_null_dereference")
    assert decisive(system, prop) == {("task", "up"), ("task", "l")}


def test_what_is_tested_in_the_same_call_is_tested_on_the_way() -> None:
    code = "choose { { struct task *t = any(struct task); if (current->up == t && t->z) t->y = true; } { g = true; } }"
    system, prop = question(code, NO_Y)
    assert on_the_way(system, first_keys(system, prop)) == {("task", "up"), ("task", "z")}


def test_a_proof_may_know_which_pointers_are_null_where_others_are_changed() -> None:
    text = """
        struct mm { bool busy; }; struct task { bool y; struct mm *mm; struct task *up; };
        void user(void)
        {
            for (;;) { struct task *t = any(struct task); if (t->mm && t->up) t->y = true; }
        }
        system { task user[*] runs user; }
        invariant no_y = forall (struct task *t) !t->y;
    """
    program = load_text(text)
    system, prop = lower(program, "system").system, invariant(program, lower(program, "system"), "no_y")
    assert pointers_tested(system, prop) == {("task", "mm")}
    assert any(("task", "mm") in guess.keys and ("mm", "busy") not in guess.keys for guess in guesses(system, prop))


def test_what_is_only_compared_between_objects_is_left_out_first() -> None:
    code = "struct task *t = any(struct task); if (t->x == current->w && !t->z && t->up == current) t->y = true;"
    system, prop = question(f"choose {{ {{ {code} }} {{ current->x = 1; }} }}", NO_Y)
    first, second = [{name for _, name in guess.keys} for guess in guesses(system, prop) if guess.pending][:2]
    assert second - first == {"x", "w"}
    assert {"y", "z", "up"} <= first


def test_changes_of_a_new_object_are_not_on_the_way() -> None:
    code = "if (current->z) { struct task *t = new struct task; if (t) t->y = true; }"
    system, prop = question(code, NO_Y)
    assert on_the_way(system, first_keys(system, prop)) == frozenset()


def test_locks_with_readers_are_not_plain() -> None:
    system, _ = question("spin_lock(&gl); spin_unlock(&gl); read_lock(&rw); read_unlock(&rw);", NO_Y)
    assert plain_locks(system) == {("", "gl")}


def test_a_proof_for_any_number_of_tasks_says_so() -> None:
    found = attempt(*question("if (current->x == 1) current->z = true; current->x = 2;", NO_Y))
    assert isinstance(found, Proved)
    assert found.scope.tasks is None


def test_a_small_system_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    system, prop = question(LOCKED, NO_Y)
    tried, guess = Tried(), Guess(frozenset({("task", "y")}))
    first = attempt(system, prop, [guess], tried=tried)
    assert first == SPOILED
    monkeypatch.setattr("verify.unbounded.prove_small", lambda *_, **__: pytest.fail("it is known already"))
    assert attempt(system, prop, [guess], tried=tried) == first


SPOILED = "a run of the small system violates the property"
SEEN = "a view of one thread and one object violates the property"
TWO = "forall (struct task *s, struct task *t) s == t || !(s->y && t->y)"


@pytest.mark.parametrize(
    ("code", "prop", "why"),
    [
        ("current->y = true;", NO_Y, SPOILED),
        ("current->w = nondet();", "forall (struct task *t) t->w < 3", SPOILED),
        ("current->y = true;", TWO, "Z3 did not discharge `safety x 1`"),  # and where: worth the time
    ],
)
def test_a_short_run_spoils_a_proof_about_one_object(code: str, prop: str, why: str) -> None:
    system, inv = question(code, prop)
    assert attempt(system, inv, list(guesses(system, inv))[:1]) == why


def test_views_are_asked_where_a_step_has_too_many_choices_to_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.unbounded.CHOICES", 3)
    assert attempt(*question("current->w = nondet();", "forall (struct task *t) t->w < 3")) == SEEN


def test_a_step_out_of_a_domain_is_left_to_the_judge() -> None:
    more = Update(Local("l"), Binary("+", Local("l"), Const(1)))  # l holds 0 or 1
    system, passes = made((TRUE, (more,)), (TRUE, (more,))), Passes(reduce=False, slice=False)
    prop = every_task(Unary("!", Field(Bound("t"), "task", "x")))
    known = [Guess(shared_keys(system))]
    why = prove_unbounded(system, prop, known, Tried(), passes, deadline=time.monotonic() + 20, report=quiet)
    assert why == "Z3 did not discharge `f.2 x domains`"


def test_reasons_for_no_proof() -> None:
    system, prop = question(LOCKED, NO_Y)
    assert attempt(system, prop, []) == "no guess was left"
    assert attempt(system, prop, late=-1) == "out of time"
    odd = f"({NO_Y}) || exists (struct task *t) t->z"
    assert attempt(*question("current->y = true; current->z = true;", odd.replace("exists", "(exists") + ")")) == (
        "Z3 did not discharge `safety`"
    )
    assert attempt(*question("current->y = true;", TWO)) == "Z3 did not discharge `safety x 1`"


def test_without_passes_the_system_stays_as_it_is() -> None:
    system, prop = question(LOCKED, NO_Y)
    assert small_for_proof(system, prop, Guess(frozenset()), Passes(reduce=False, slice=False)).system is system
    pending = Guess(frozenset(), pending=True)
    assert small_for_proof(system, prop, pending, Passes(reduce=False, slice=False)).system == with_pending(system)


# ---- what is about to be stored ------------------------------------------------------------------

UNDONE = "u8 v; v = current->x; current->x = v | 1;"
THEIRS = "struct task *t = any(struct task); t->x = 2;"


def added(system: System) -> list[str]:
    """The history variables."""
    return [var.name for var in with_pending(system).classes["task"].fields if var.name.startswith("#pending")]


def test_a_load_that_is_stored_back_is_pending() -> None:
    system, _ = question(f"choose {{ {{ {UNDONE} }} {{ {THEIRS} }} }}", NO_Y)
    assert added(system) == ["#pending.x"]
    told = with_pending(system)
    place = Field(Me(), "task", "#pending.x")
    stores = [u.value for action in told.actions for u in action.updates if u.place == place]
    assert Const(0) in stores
    assert Binary("+", Field(Me(), "task", "x"), Const(1)) in stores


@pytest.mark.parametrize(
    "code",
    [
        UNDONE,  # nobody else stores
        f"choose {{ {{ u8 v = 1; current->x = v | 1; }} {{ {THEIRS} }} }}",  # nothing was loaded
        f"choose {{ {{ u8 v = current->x; if (g) v = 2; current->x = v | 1; }} {{ {THEIRS} }} }}",  # or something else
        # no number
        "struct task *t = current->up; choose { { struct task *v = current->up; current->up = v; } { t->up = t; } }",
    ],
)
def test_what_is_not_surely_loaded_is_not_pending(code: str) -> None:
    assert added(question(code, NO_Y)[0]) == []


def test_what_is_pending_can_be_seen_in_every_run() -> None:
    system, _ = question(f"choose {{ {{ {UNDONE} }} {{ {THEIRS} }} }}", NO_Y)
    told = with_pending(system)
    plain, found = (search(instance(each, 2), None, symmetry=False) for each in (system, told))
    assert plain.complete
    assert found.states >= plain.states
    never = every_task(Binary("==", Field(Bound("t"), "task", "#pending.x"), Const(0)))
    assert search(instance(told, 2), never).trace is not None


# ---- which views violate a property --------------------------------------------------------------


def views(system: System) -> Space:
    return space(system, value_sets(instance(system, 2)))


def test_views_of_one_object_tell_a_property_of_one() -> None:
    of = views(made((TRUE, (Update(Field(Me(), "task", "x"), Const(1)),))))
    found = violations(of, every_task(Unary("!", Field(Bound("t"), "task", "x"))))
    assert set(found) == {OWN}
    assert initial(of)[OWN] & found[OWN] == of.false
    both = Binary("&&", every_task(Field(Bound("t"), "task", "x")), every_task(Field(Bound("t"), "task", "up")))
    assert initial(of)[OWN] & violations(of, both)[OWN] != of.false


def test_views_of_an_object_of_another_class_tell_one_too() -> None:
    of = views(made((TRUE, ())))
    prop = Quant("forall", Binder("o", Ptr("obj")), Field(Bound("o"), "obj", "f"))
    assert set(violations(of, prop)) == {Kind("obj")}


@pytest.mark.parametrize(
    "prop",
    [
        NEVER,  # no object
        every_task(Bound("t"), "t", "u"),  # two
        every_task(Field(Field(Bound("t"), "task", "up"), "task", "x")),  # one further on
        every_task(Local("l", Field(Bound("t"), "task", "up"))),
        Unary("!", every_task(Field(Bound("t"), "task", "x"))),
        Quant("forall", Binder("n", Range(0, 1)), Bound("n")),
    ],
)
def test_a_property_that_one_view_does_not_tell_is_left_to_the_judge(prop: Expr) -> None:
    assert violations(views(made((TRUE, (BAD,)))), prop) == {}


def test_an_object_that_is_not_there_has_no_clause_that_is_true() -> None:
    of = views(made((TRUE, ())))
    found = [clause for clause in clauses(of, initial(of)) if clause.cls == "obj" and not clause.thread]
    assert [clause.body.right for clause in found if isinstance(clause.body, Binary)] == [Const(0)]


@pytest.mark.parametrize("domain", [Range(0, 9), Range(-(1 << 31), (1 << 31) - 1), Range(0, (1 << 64) - 1)], ids=str)
@pytest.mark.parametrize("held", [{0}, {3}, {0, 9}, {0, 1, 4, 6, 7}, {2, 3, 9}], ids=str)
def test_what_a_variable_never_holds_is_said_of_domains_of_any_size(domain: Range, held: set[int]) -> None:
    stores = (Update(Global("n"), Const(value)) for value in sorted(held)[1:])
    system = made(*((TRUE, (store,)) for store in stores))
    of = views(replace(system, globals=(*system.globals, Var("n", domain, min(held)))))
    said = next(c.body for c in clauses(of, initial(of)) if c.thread and c.locations is None)
    inst = instance(system, 1)
    state = dict.fromkeys(inst.slots(), 0)
    bound = {THREAD: 1}
    assert held == {n for n in range(10) if evaluate(said, Context(inst, {**state, Slot("", 0, "n"): n}, 1, bound))}


# ---- few cells -----------------------------------------------------------------------------------


def test_what_is_near_a_thread_is_said_of_it_and_of_the_actor() -> None:
    of = ground(made((TRUE, (BAD,))))
    every = list(all_pairs(of))
    assert set(near(of, (OTHER, "", 0), every)) == {
        (OTHER, "", 0), (ACTOR, "", 0), (0, "task", ACTOR), (0, "task", OTHER), (ACTOR, "task", OTHER)
    }  # fmt: skip
    some = set(near(of, (0, "obj", VIEWED), every))
    assert {(0, "obj", VIEWED), (ACTOR, "obj", VIEWED), (ACTOR, "", 0)} <= some <= set(every)


def test_who_takes_no_part_in_a_step_need_not_be_there() -> None:
    of = ground(made((TRUE, (BAD,))))
    assert around(of, (ACTOR, "obj", VIEWED)) >= {("task", ACTOR), ("obj", VIEWED)}
    assert {("task", OTHER), ("task", VIEWED)}.isdisjoint(around(of, (ACTOR, "obj", VIEWED)))
    assert ("task", OTHER) in around(of, (OTHER, "", 0))
    assert {thread for thread, _, _ in among(of, around(of, (ACTOR, "", 0)))} == {0, ACTOR}


def test_further_cells_are_as_many_as_an_action_goes_through_pointers() -> None:
    up = Field(Local("q"), "task", "up")
    of = ground(made((Field(up, "task", "x"), ()), (Field(Global("p"), "task", "x"), ())))
    assert of.inst.named["task"] == [ACTOR, OTHER, VIEWED, 4, 5]
    assert KEEPS_OUT.thread is False


# ---- how many tasks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "created", "exact"),
    [((2, 1), (), 3), ((2, None), (), None), ((2,), ("task",), None), ((1,), ("obj",), 1)],
)
def test_a_number_of_tasks_is_exact_where_no_more_can_come(
    groups: tuple[int | None, ...], created: tuple[str, ...], exact: int | None
) -> None:
    base = made((TRUE, ()))
    system = System(
        base.name, base.classes, base.thread, base.globals, base.locals, base.locations, base.actions,
        tuple(Group(f"g{n}", count, 1, {}) for n, count in enumerate(groups)), created=frozenset(created),
    )  # fmt: skip
    assert exact_tasks(system) == exact


def test_a_cell_is_spare_where_another_start_needs_it() -> None:
    base = made((TRUE, ()))

    def of(*groups: Group) -> frozenset[str]:
        return spare(System(
            base.name, base.classes, base.thread, base.globals, base.locals, base.locations, base.actions, groups
        ))  # fmt: skip

    some, none = Group("a", None, 1, {"up": Fresh("obj")}), Group("b", None, 1, {})
    assert of(some) == frozenset()
    assert of(some, none) == {"obj"}


# ---- claims that share a proof -------------------------------------------------------------------

GUARDS = """
struct task { spinlock_t l; bool x; bool y; };
void user(void)
{
        struct task *t = any(struct task);
lock>   spin_lock(&t->l);
check>  if (t->y) goto out;
need>   if (!t->x) goto out;
        t->y = true;
out:    spin_unlock(&t->l);
}
system { task init[*] runs user; }
invariant inv = forall (struct task *t) !t->y;
prove inv;
redundant user.check for inv;
redundant user.lock for inv;
"""
FALSE_ONE = "redundant user.need for inv;\n"


def verdicts(tmp_path: Path, text: str, options: Options) -> dict[str, Proved | Refuted | Unknown]:
    path = tmp_path / "a.kc"
    path.write_text(text)
    selection = select(str(path), options)
    judge = judge_of(selection, options)
    return {claim.name: judge(claim).verdict for claim in selection.claims}


def test_claims_that_hold_for_one_reason_share_one_proof(tmp_path: Path) -> None:
    found = verdicts(tmp_path, GUARDS, Options())
    assert len(found) == 3
    assert len({id(verdict) for verdict in found.values()}) == 1
    verdict = found["prove inv"]
    assert isinstance(verdict, Proved)
    assert verdict.scope.tasks is None


def test_a_false_claim_among_true_ones_is_decided_right(tmp_path: Path) -> None:
    found = verdicts(tmp_path, GUARDS + FALSE_ONE, Options())
    assert isinstance(found.pop("redundant user.need for inv"), Refuted)
    assert len(found) == 3
    assert all(isinstance(verdict, Proved) for verdict in found.values())


def test_with_any_number_of_tasks_asked_a_refutation_is_looked_for_with_few(tmp_path: Path) -> None:
    found = verdicts(tmp_path, GUARDS + FALSE_ONE, Options(claims=("redundant user.need for inv",), tasks=None))
    verdict = found["redundant user.need for inv"]
    assert isinstance(verdict, Refuted)
    assert (verdict.scope.tasks or 0) <= 3


# ---- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "tasks"), [("any", None), ("1", 1), ("64", 64)])
def test_a_number_of_tasks_or_any(said: str, tasks: int | None) -> None:
    assert tasks_of(said) == tasks


@pytest.mark.parametrize("said", ["0", "65", "-1", "all", "", "1.5"])
def test_no_number_of_tasks(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prove", "fix.kc", "--tasks", said]) == BAD_INPUT
    assert "`any` or a number from 1 to 64 is wanted" in capsys.readouterr().err


def test_any_number_is_proved_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.kc"
    path.write_text(GUARDS)
    assert cli.main(["prove", str(path), "--tasks", "any"]) == 0
    assert "any number of tasks" in capsys.readouterr().out


def test_history_is_of_what_is_created_and_started() -> None:
    system, _ = question("struct task *w = new struct task; if (w) { publish(w); spawn(w, user); }", NO_Y)
    names = [var.name for var in with_history(system).classes["task"].fields]
    assert names[-3:] == ["#maker", "#starter", "#start"]
