"""What the obligations of certificates ask: every way in which a step or a start may break an invariant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.independent import culprit
from tests.test_few_cells import BAD, KEEPS_OUT, NEVER, O, T, every_task, made
from verify.certificates.obligations import queries
from verify.certificates.reading import NotCoveredError
from verify.ir import (
    BOOL,
    FALSE,
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
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Referenced,
    System,
    Unary,
    Update,
    Var,
)
from verify.universal import Clause

UP, P = Field(Field(Me(), "task", "up"), "task", "x"), Binder("p", Ptr("task"))
Q, MINE = Local("q"), Field(Me(), "task", "x")
SET = Update(Field(Q, "task", "x"), Const(1))
EACH = Binder("c", Ptr("task"))
NO_X = Clause(False, "task", None, Unary("!", Field(O, "task", "x")))
ALIVE = Clause(False, "task", None, Binary("==", Field(O, "task", "#life"), Const(2)))
PAIR = Clause(True, "task", None, Unary("!", Field(O, "task", "x")))


def broken(system: System, *clauses: Clause, prop: Expr = TRUE, axioms: Sequence[Clause] = ()) -> str | None:
    """What the first obligation is called that is not met."""
    found = culprit(system, clauses, prop, axioms)
    return None if found is None else found.name


# ---- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "clause", "name"),
    [
        (Update(MINE, Const(1)), Clause(True, "", None, Unary("!", Field(T, "task", "x"))), "f.1 x 1"),
        (SET, Clause(True, "", None, Unary("!", Field(T, "task", "x"))), "f.1 x 1"),
        (SET, NO_X, "f.1 x 1 of any object, task"),
        (Update(MINE, Const(1)), PAIR, "f.1 x 1 of another thread, task of the step"),
        (SET, PAIR, "f.1 x 1 of its own thread, task"),
        (Update(Local("l"), Const(1)), Clause(True, "", None, Unary("!", Local("l", T))), "f.1 x 1"),
        (BAD, Clause(True, "", frozenset({1}), NEVER), "f.1 x 1 of another thread"),
        (BAD, KEEPS_OUT, "f.1 x 1 of any object"),
        (BAD, Clause(True, "task", frozenset({1}), NEVER), "f.1 x 1 of another thread, task"),
        (BAD, Clause(True, "obj", frozenset({2}), NEVER), "f.1 x 1 of its own thread, obj"),
        (Update(Field(Bound("c"), "task", "x"), Const(1), EACH), NO_X, "f.1 x 1 of any object, task"),
        (Update(Field(Bound("c"), "task", "x"), Const(1), EACH, Binary("==", Bound("c"), Me())), PAIR,
         "f.1 x 1 of another thread, task of the step"),
        (Update(MINE, Const(2)), Clause(False, "", None, TRUE), "f.1 x domains"),
        (Update(Global("bad"), Const(-1)), Clause(False, "", None, TRUE), "f.1 x domains"),
        (Update(Field(Bound("c"), "task", "x"), Const(2), EACH, Binary("!=", Bound("c"), Me())),
         Clause(False, "", None, TRUE), "f.1 x domains of any object, task"),
        (Update(Field(Q, "task", "x"), Const(2)), Clause(True, "", frozenset({1}), Unary("!", Local("q", T))), None),
    ],
)  # fmt: skip
def test_what_a_step_breaks_is_found_where_it_is(update: Update, clause: Clause, name: str | None) -> None:
    assert broken(made((TRUE, (update,))), clause) == name


def test_a_clause_begins_to_hold_where_a_step_leads() -> None:
    there = Clause(True, "", frozenset({2}), Field(T, "task", "x"))
    assert broken(made((TRUE, ())), there) == "f.1 x 1"
    assert broken(made((MINE, ())), there) is None


def test_the_later_of_two_stores_to_one_object_counts() -> None:
    here = Clause(True, "", frozenset({2}), Field(T, "task", "x"))
    on, off = Update(MINE, Const(1)), Update(MINE, Const(0))
    assert broken(made((TRUE, (off, on))), here) is None
    assert broken(made((TRUE, (on, off))), here) == "f.1 x 1"
    assert broken(made((TRUE, (on, replace(off, place=Field(Q, "task", "x"))))), here) == "f.1 x 1"
    elsewhere = replace(off, place=Field(Q, "task", "x"), when=Binary("!=", Q, Me()))
    assert broken(made((TRUE, (on, elsewhere))), here) == "f.1 x 1 of another thread"


def test_values_are_those_before_the_step() -> None:
    swapped = (Update(Local("l"), MINE), Update(MINE, Local("l")))
    same = Clause(True, "", None, Binary("==", Local("l", T), Field(T, "task", "x")))
    assert broken(made((TRUE, swapped)), same) is None
    assert broken(made((TRUE, swapped[:1])), replace(same, body=Unary("!", Local("l", T)))) == "f.1 x 1"


def test_a_store_through_null_is_lost_and_no_step_less() -> None:
    nothing = Update(Field(Q, "task", "x"), Const(1))
    axiom = Clause(True, "", None, Binary("||", Field(T, "task", "x"), TRUE))
    null = Unary("!", Q)
    assert broken(made((null, (nothing,))), NO_X) is None
    assert broken(made((null, (nothing, BAD))), KEEPS_OUT, axioms=[axiom]) == "f.1 x 1 of any object"


def test_what_is_said_of_an_object_that_a_pointer_leads_to_is_known() -> None:
    far = Field(Field(Q, "task", "up"), "task", "x")
    system = made((far, (BAD,)))
    assert broken(system, NO_X, KEEPS_OUT) is None
    assert broken(system, PAIR, KEEPS_OUT) == "f.1 x 2 of any object"  # it may be its own


def test_nothing_is_said_of_null() -> None:
    system = made((Binary("&&", Unary("!", Q), Unary("!", Field(Q, "task", "x"))), (BAD,)))
    assert broken(system, ALIVE, KEEPS_OUT) == "f.1 x 2 of any object"


def test_axioms_are_true_before_a_step_and_after_it() -> None:
    bad, x = Unary("!", Global("bad")), Unary("!", Field(O, "task", "x"))
    system = made((TRUE, (SET, BAD)))
    whole = Clause(False, "task", None, Binary("||", bad, Field(O, "task", "x")))
    assert broken(system, whole) == "f.1 x 1 of any object, task"
    assert broken(system, whole, axioms=[Clause(False, "task", None, Binary("||", bad, Unary("!", x)))]) is None
    never = made((Global("bad"), (SET, Update(Global("bad"), Const(0)))))
    assert broken(never, NO_X) == "f.1 x 1 of any object, task"
    assert broken(never, NO_X, axioms=[KEEPS_OUT]) is None


@pytest.mark.parametrize(
    "guard",
    [
        Binary("&&", Unary("!", Quant("exists", P, Unary("!", Field(Bound("p"), "task", "x")))), Unary("!", UP)),
        Binary("&&", Quant("forall", P, Field(Bound("p"), "task", "x")), Unary("!", UP)),
        Binary("&&", Q, Unary("!", Referenced(Q, "task"))),
        Binary("&&", Q, Binary("&&", Binary("==", Field(Q, "task", "up"), Q), Unary("!", Referenced(Q, "task")))),
        Binary("&&", Q, Binary("&&", Binary("==", Field(Me(), "task", "up"), Q), Unary("!", Referenced(
            Q, "task", mine=False)))),
        Binary("&&", Binary("==", Q, Me()), Field(Q, "task", "x")),
        Binary("!=", Q, Field(Q, "task", "up")),
        Field(Ite(Q, Me(), Const(0)), "task", "x"),
        Binary("&&", Q, Unary("!", Referenced(Ite(Q, Me(), Const(0)), "task"))),
    ],
)  # fmt: skip
def test_a_step_that_can_be_taken_is(guard: Expr) -> None:
    assert broken(made((guard, (BAD,))), KEEPS_OUT) == "f.1 x 1 of any object"


@pytest.mark.parametrize(
    "guard",
    [
        Binary("&&", Binary("==", Global("p"), Q), Binary("&&", Q, Unary("!", Referenced(Q, "task")))),
        Binary("&&", Binary("==", Field(Me(), "task", "up"), Q), Binary("&&", Binary("!=", Q, Me()), Binary(
            "&&", Q, Unary("!", Referenced(Q, "task"))))),
        Referenced(Const(0), "task"),
        Binary("&&", Field(Me(), "task", "x"), Unary("!", Quant("exists", P, Field(Bound("p"), "task", "x")))),
        Binary("&&", Unary("!", Q), Field(Q, "task", "x")),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_taken_is_not(guard: Expr) -> None:
    assert broken(made((guard, (BAD,))), KEEPS_OUT) is None


@pytest.mark.parametrize(
    "update",
    [
        Update(Local("l", Q), Const(1)),
        Update(Global("bad"), Const(1), EACH),
        Update(MINE, Const(1), EACH),
        Update(Field(Bound("c"), "obj", "f"), Const(1), EACH),
    ],
)
def test_a_store_that_few_cells_do_not_tell_of_is_refused(update: Update) -> None:
    with pytest.raises(NotCoveredError):
        list(queries(made((TRUE, (update,))), [], TRUE))


# ---- starts and properties -----------------------------------------------------------------------


def test_a_parameter_of_the_system_begins_with_any_value() -> None:
    system = made((TRUE, ()))
    rigid = replace(system, globals=(*system.globals, Var("there", BOOL, rigid=True)))
    always = Clause(False, "", None, Unary("!", Global("there")))
    assert broken(rigid, always) == "initiation x 1"
    assert broken(replace(system, globals=(*system.globals, Var("there", BOOL))), always) is None


def test_the_clauses_hold_of_what_there_is_at_the_start() -> None:
    system = made((TRUE, ()))
    on = replace(system, groups=(*system.groups, Group("on", None, 2, {"x": (0, 1)})))
    later = Binary("==", Local("#pc", T), Const(2))
    own = Clause(True, "", None, Binary("||", later, Unary("!", Field(T, "task", "x"))))
    assert broken(on, own) is None
    assert broken(on, NO_X) == "initiation x 1"
    busy = Clause(True, "", None, Local("#pc", T))
    assert broken(system, busy) is None
    assert broken(replace(system, created=frozenset({"task"})), busy) == "initiation x 1"
    no_objects = Clause(False, "obj", None, FALSE)
    assert broken(system, no_objects) is None
    assert broken(replace(system, created=frozenset({"obj"})), no_objects) == "initiation x 1"
    with_one = replace(system, groups=(Group("g", None, 1, {"up": Fresh("task")}),))
    assert broken(with_one, Clause(True, "", None, Field(T, "task", "up"))) is None
    assert broken(replace(system, initial={("task", "x"): 1}), NO_X) == "initiation x 1"
    fields = (*system.classes["task"].fields, Var("mm", Ptr("obj")))
    classes = {**system.classes, "task": replace(system.classes["task"], fields=fields)}
    owning = replace(system, classes=classes, groups=(Group("g", None, 1, {"mm": Fresh("obj")}),))
    assert broken(owning, no_objects) == "initiation x 1"
    pointing = replace(system, groups=(Group("g", None, 1, {"up": (1,)}),))
    with pytest.raises(NotCoveredError, match="a certain object"):
        [query.script() for query in queries(pointing, [NO_X], TRUE)]


def test_each_quantifier_of_a_property_has_an_object_of_its_own() -> None:
    off = Unary("!", Field(T, "task", "x"))
    either = Binary("||", every_task(off), every_task(Field(T, "task", "x")))
    assert broken(made((TRUE, ())), prop=either) == "safety x 1"
    assert broken(made((TRUE, ())), NO_X, prop=Binary("&&", every_task(off), every_task(off))) is None
    on = Field(T, "task", "x")
    assert broken(made((TRUE, ())), NO_X, prop=Binary("||", every_task(on), every_task(off))) is None
    both = every_task(Binary("&&", every_task(Unary("!", Field(Bound("u"), "task", "x")), "u"), on))
    assert broken(made((TRUE, ())), NO_X, prop=both) == "safety x 1"
    two = Binary("&&", TRUE, Binary("&&", every_task(off), NEVER))
    assert broken(made((TRUE, ())), prop=two) == "safety x 2"
    assert broken(made((TRUE, ())), Clause(True, "", None, NEVER), prop=NEVER) is None  # there is a thread


@pytest.mark.parametrize(
    ("clause", "body"),
    [
        (Clause(False, "task", None, Binary("!=", Global("p"), O)), Binary("!=", Global("p"), T)),
        (Clause(True, "", None, Unary("!", Local("l", T))), Unary("!", Local("l", T))),
        (ALIVE, Binary("==", Field(T, "task", "#life"), Const(2))),
    ],
)
def test_what_the_clauses_say_is_known_of_what_a_property_names(clause: Clause, body: Expr) -> None:
    assert broken(made((TRUE, ())), clause, prop=every_task(body)) is None
    assert broken(made((TRUE, ())), prop=every_task(body)) == "safety x 1"


# ---- what there is to read -----------------------------------------------------------------------

CODE = ("verify/certificates/obligations.py", "verify/certificates/reading.py")
ROOT = Path(__file__).parent.parent


def test_the_document_says_how_much_there_is_to_read() -> None:
    lines = sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in CODE)
    assert f"({lines} lines in all)" in (ROOT / "docs" / "certificates.md").read_text(encoding="utf-8")
