"""What few cells do not tell is refused or found out: properties, clauses and steps made to deceive the judge."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.independent import shown
from verify.engine.parametric.finder import universal_invariant
from verify.engine.search import search
from verify.engine.verdict import Proved
from verify.instances import instance
from verify.ir import (
    FALSE,
    PC,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
)
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import START, STARTER, with_history
from verify.lower.small import Passes
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.source import NOWHERE
from verify.syntax import load_text
from verify.unbounded import Tried, guesses, prove_unbounded
from verify.universal import Clause

T, O = Bound("t"), Bound("o")  # noqa: E741 - as clauses call them
NEVER = Unary("!", Global("bad"))
KEEPS_OUT = Clause(False, "", None, NEVER)
SET, P = Global("s"), Binder("p", Ptr("task"))


def made(*steps: tuple[Expr, tuple[Update, ...]], binders: tuple[Binder, ...] = ()) -> System:
    """A system of threads that take these steps one after another; `bad` is a global, and there are no `obj`."""
    life = Var("#life", Range(0, 2))
    last = len(steps) + 1
    return System(
        "system",
        {
            "task": Class("task", (life, Var("x", Range(0, 1)), Var("up", Ptr("task")))),
            "obj": Class("obj", (life, Var("f", Range(0, 1)))),
        },
        "task",
        (Var("bad", Range(0, 1)), Var("s", Threads()), Var("r", Threads()), Var("p", Ptr("task"))),
        (Var(PC, Range(0, last)), Var("l", Range(0, 1)), Var("q", Ptr("task"))),
        (Location("idle", "idle"), *(Location(f"f:{i}") for i in range(1, last)), Location("end", "end")),
        tuple(
            Action(n, n + 1, guard, updates, (Micro(f"f.{n}", "f", NOWHERE),), binders)
            for n, (guard, updates) in enumerate(steps, start=1)
        ),
        (Group("g", None, 1, {}),),
    )


BAD = Update(Global("bad"), Const(1))


def accepted(system: System, *clauses: Clause, prop: Expr = TRUE) -> bool:
    found = judge_universal(system, clauses, prop).ok
    assert shown(system, clauses, prop) is found  # with obligations that are written by other code
    return found


def test_a_step_that_sets_the_flag_is_found_out() -> None:
    assert not accepted(made((TRUE, (BAD,))), KEEPS_OUT)


def test_a_broadcast_to_no_object_at_all_is_a_step() -> None:
    each = Update(Field(Bound("c"), "obj", "f"), Const(1), Binder("c", Ptr("obj")), Field(Bound("c"), "obj", "f"))
    system = made((TRUE, (each, BAD)))
    assert search(instance(system, 1), NEVER).trace is not None
    assert not accepted(system, Clause(False, "obj", None, FALSE), KEEPS_OUT)


@pytest.mark.parametrize(("quantifier", "body"), [("forall", FALSE), ("exists", TRUE)])
def test_a_question_about_no_object_at_all_may_have_either_answer(quantifier: str, body: Expr) -> None:
    asked = Quant("forall" if quantifier == "forall" else "exists", Binder("c", Ptr("obj")), body)
    guard = asked if quantifier == "forall" else Unary("!", asked)
    system = made((guard, (BAD,)))
    assert search(instance(system, 1), NEVER).trace is not None
    assert not accepted(system, Clause(False, "obj", None, FALSE), KEEPS_OUT)


def test_there_may_be_only_one_thread() -> None:
    system = made((Quant("forall", Binder("c", Ptr("task")), Binary("==", Bound("c"), Me())), (BAD,)))
    assert search(instance(system, 1), NEVER).trace is not None
    assert not accepted(system, KEEPS_OUT)


def test_what_is_asked_about_the_objects_at_hand_is_told_by_them() -> None:
    nobody = Quant("forall", P, Unary("!", Field(Bound("p"), "task", "x")))
    system = made((TRUE, (Update(Field(Me(), "task", "x"), Const(1)),)), (nobody, (BAD,)))
    mine = Clause(True, "", frozenset({2}), Field(T, "task", "x"))
    after = Clause(True, "", frozenset({3}), Field(T, "task", "x"))
    assert accepted(system, mine, after, KEEPS_OUT, prop=NEVER)


def test_a_clause_may_speak_of_the_location_in_its_body() -> None:
    system = made((TRUE, ()))
    assert not accepted(system, Clause(True, "", None, Binary("!=", Local(PC, T), Const(2))))


@pytest.mark.parametrize(
    "clause",
    [
        Clause(True, "", None, Field(Field(T, "task", "up"), "task", "x")),
        Clause(True, "task", None, Local("l", O)),
        Clause(False, "task", None, Field(T, "task", "x")),
        Clause(True, "", None, Local("l")),
        Clause(True, "", None, Binary("==", Field(T, "task", "up"), Me())),
        Clause(True, "", None, Quant("exists", P, Field(Bound("p"), "task", "x"))),
        Clause(True, "", None, Referenced(T, "task")),
        Clause(False, "task", frozenset({1}), TRUE),
        Clause(False, "none", None, TRUE),
        Clause(False, "obj", None, Field(O, "task", "x")),
        Clause(False, "task", None, Bound("u")),
        Clause(False, "", None, Binary("==", SET, Global("r"))),
        Clause(True, "", None, Binary("<", Field(T, "task", "up"), T)),
    ],
)
def test_a_clause_that_speaks_of_more_is_refused(clause: Clause) -> None:
    with pytest.raises(EncodingError, match="clause 1 speaks of more"):
        judge_universal(made((TRUE, ())), [clause], TRUE)


@pytest.mark.parametrize(
    "guard",
    [
        Binary("==", SET, Global("r")),
        Binary("==", Binary("&", SET, Global("r")), Const(0)),
        Binary("^", SET, Global("r")),
        Binary("==", SET, Const(1)),
        Binary("<", Global("p"), Me()),
        Unary("-", Global("p")),
        Wrap(1, False, Global("p")),
        Binary("==", Global("p"), Const(1)),
        Binary("==", Ite(TRUE, Global("p"), Global("bad")), Global("p")),
        Field(Global("bad"), "task", "x"),
        Field(Global("p"), "obj", "f"),
        Local("l", SET),
    ],
)
def test_a_step_that_depends_on_how_cells_are_numbered_is_refused(guard: Expr) -> None:
    with pytest.raises(EncodingError, match="numbered"):
        judge_universal(made((guard, ())), [], TRUE)


def test_a_store_of_a_number_in_a_pointer_is_refused() -> None:
    with pytest.raises(EncodingError, match="numbered"):
        judge_universal(made((TRUE, (Update(Global("p"), Const(1)),))), [], TRUE)


@pytest.mark.parametrize(
    "guard",
    [
        Binary("==", Binary("with", SET, Me()), Const(0)),
        Binary("|", SET, Global("r")),
        Binary("has", Ite(Global("bad"), SET, Const(0)), Me()),
        Binary("!=", Binary("without", SET, Me()), Const(0)),
    ],
)
def test_a_step_asks_a_set_who_is_in_it(guard: Expr) -> None:
    assert accepted(made((guard, ())))


def test_names_that_hide_others_do_not_hide_pointers_of_every_object() -> None:
    through = Field(Field(Bound("p"), "task", "up"), "task", "x")
    each = Update(Field(Bound("p"), "task", "x"), through, P)
    with pytest.raises(EncodingError, match="pointers of every object"):
        judge_universal(made((TRUE, (each,)), binders=(P,)), [], TRUE)


# ---- properties ----------------------------------------------------------------------------------


def every_task(body: Expr, *names: str) -> Expr:
    for name in names or ("t",):
        body = Quant("forall", Binder(name, Ptr("task")), body)
    return body


def test_a_pointer_of_the_property_may_lead_to_an_object_that_it_does_not_name() -> None:
    up = Field(T, "task", "up")
    other = Binary("||", Binary("==", up, T), Unary("!", Field(up, "task", "x")))
    assert not accepted(made((TRUE, ())), prop=every_task(other))
    nobody = Clause(False, "task", None, Unary("!", Field(O, "task", "x")))
    assert accepted(made((TRUE, ())), nobody, prop=every_task(other))


def test_a_property_of_every_number_speaks_of_each() -> None:
    prop = Quant("forall", Binder("n", Range(0, 2)), Binary("!=", Bound("n"), Const(2)))
    assert not accepted(made((TRUE, ())), prop=prop)


def test_a_property_in_which_a_name_hides_another_is_refused() -> None:
    prop = every_task(Binary("||", Field(T, "task", "x"), every_task(Field(T, "task", "x"))))
    with pytest.raises(EncodingError, match="hides another"):
        accepted(made((TRUE, ())), prop=prop)


@pytest.mark.parametrize("body", [Binary("<", T, Bound("u")), Binary("has", SET, Field(T, "task", "up")), Me()])
def test_a_property_that_depends_on_how_tasks_are_numbered_is_refused(body: Expr) -> None:
    with pytest.raises(EncodingError, match="numbered"):
        accepted(made((TRUE, ())), prop=every_task(body, "t", "u"))


def test_a_property_with_a_quantifier_inside_is_no_universal_one() -> None:
    judgement = judge_universal(made((TRUE, ())), [], Unary("!", every_task(Field(T, "task", "x"))))
    assert [(failed.name, failed.reason) for failed in judgement.failed] == [("safety", "unknown")]


# ---- names of what failed ------------------------------------------------------------------------


SETS_X = Update(Field(Me(), "task", "x"), Const(1))
THEIRS = Update(Field(Local("q"), "task", "x"), Const(1))
NO_X = Unary("!", Field(T, "task", "x"))


@pytest.mark.parametrize(
    ("system", "clause", "name"),
    [
        (made((TRUE, ())), Clause(True, "", None, Field(T, "task", "x")), "initiation x g"),
        (made((TRUE, ())), Clause(False, "task", None, Field(O, "task", "x")), "initiation x g, task"),
        (made((TRUE, (SETS_X,))), Clause(True, "", None, NO_X), "f.1 x 1"),
        (made((TRUE, (THEIRS,))), Clause(True, "", frozenset({3, 1}), NO_X), "f.1 x 1 of another thread"),
        (made((TRUE, (SETS_X,))), Clause(False, "task", None, Unary("!", Field(O, "task", "x"))),
         "f.1 x 1 of any object"),
        (made((TRUE, (THEIRS,))), Clause(True, "task", frozenset({1}), Unary("!", Field(O, "task", "x"))),
         "f.1 x 1 of another thread and an object"),
        (made((TRUE, (Update(Global("bad"), Const(2)),))), Clause(False, "", None, TRUE), "f.1 x domains"),
    ],
)  # fmt: skip
def test_what_fails_is_called_after_the_action_and_the_clause(system: System, clause: Clause, name: str) -> None:
    judgement = judge_universal(system, [clause], TRUE)
    assert [failed.name for failed in judgement.failed] == [name]


def test_a_judge_without_time_says_so() -> None:
    judgement = judge_universal(made((TRUE, (BAD,))), [KEEPS_OUT], TRUE, deadline=time.monotonic() - 1)
    assert not judgement.ok


def test_obligations_are_reported_as_they_are_discharged() -> None:
    counts: list[int] = []
    judgement = judge_universal(
        made((TRUE, ())), [KEEPS_OUT], NEVER, report=lambda _, figures: counts.append(figures["obligations"])
    )
    assert counts == list(range(1, judgement.count + 1))


# ---- programs ------------------------------------------------------------------------------------


def outcome(text: str, passes: Passes) -> Proved | str:
    """What comes of an attempt to prove the invariant of a program for any number of tasks."""
    program = load_text(text)
    low = lower(program, "system")
    prop = invariant(program, low, "inv")
    assert any(search(instance(low.system, tasks), prop).trace is not None for tasks in (1, 2, 3))
    return prove_unbounded(
        low.system, prop, guesses(low.system, prop), Tried(), passes, deadline=time.monotonic() + 60,
        report=lambda _: None,
    )  # fmt: skip


def test_a_violation_behind_a_pointer_to_another_task_is_no_proof() -> None:
    text = """
    struct task { bool y; struct task *up; };
    void user(void) { struct task *t = any(struct task); current->up = t; t->y = true; }
    system { task init[*] runs user; }
    invariant inv = forall (struct task *t) (!t->up || t->up == t || !t->up->y);
    """
    assert not isinstance(outcome(text, Passes()), Proved)


TWICE = """
struct task { bool y; bool x; }; bool g;
void child(void) { if (current->x) current->y = true; current->x = true; assume(g); }
void user(void) { struct task *w = new struct task; if (w) { publish(w); spawn(w, child); spawn(w, child); } }
system { task init[*] runs user; }
invariant inv = forall (struct task *t) !t->y;
"""


def test_a_thread_that_runs_is_started_again_in_the_reduced_system_too() -> None:
    assert not isinstance(outcome(TWICE, Passes()), Proved)


@pytest.mark.slow
def test_a_thread_that_runs_is_not_started_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(TWICE, Passes(reduce=False)) == "a run of the small system violates the property"
    monkeypatch.setattr("verify.unbounded._soon_violated", lambda _: False)  # the judge does not rest on it
    assert outcome(TWICE, Passes(reduce=False)) == "Z3 did not discharge `user:4 x domains`"


@pytest.mark.parametrize(("name", "counts"), [("up", True), ("#maker", False)])
def test_what_a_history_variable_points_to_is_no_reference(name: str, *, counts: bool) -> None:
    def field(pointer: Expr) -> Field:
        return Field(pointer, "task", name)

    p, q = Bound("p"), Local("q")
    take = Binary("&&", Binary("!=", p, Me()), Unary("!", field(p)))
    alone = Binary("&&", Unary("!", Field(q, "task", "x")), Unary("!", Referenced(Me(), "task")))
    system = made((take, (Update(q, p), Update(field(p), Me()))), (alone, (BAD,)), binders=(P,))
    task = system.classes["task"]
    fields = tuple(replace(var, name=name) if var.name == "up" else var for var in task.fields)
    system = replace(system, classes={**system.classes, "task": replace(task, fields=fields)})
    taken = [
        Clause(True, "", frozenset({2}), Binary("&&", Binary("!=", Local("q", T), Const(0)), Binary(
            "!=", Local("q", T), T))),
        Clause(True, "task", frozenset({2}), Binary("||", Binary("!=", Local("q", T), O), Binary("==", field(O), T))),
    ]  # fmt: skip
    assert accepted(system, *taken, KEEPS_OUT) == counts


def test_a_start_that_is_not_told_stays_and_is_refused() -> None:
    start = Update(Local(PC, Global("p")), Ite(Global("bad"), Const(1), Const(2)))
    odd = with_history(made((TRUE, (start,))))
    assert all(var.name not in (START, STARTER) for var in odd.classes["task"].fields)
    with pytest.raises(EncodingError, match="another thread's locals"):
        judge_universal(odd, [], TRUE)


def test_a_system_whose_threads_never_move_is_no_trouble() -> None:
    system = made((TRUE, ()))
    still = replace(system, actions=(replace(system.actions[0], target=1),))
    assert judge_universal(still, universal_invariant(still), NEVER).ok
