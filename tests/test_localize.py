"""Localization: what is left of a step that reads what is forgotten."""

from __future__ import annotations

from verify.ir import Action, Binary, Bound, Const, Global, Ite, Local, System
from verify.lower import lower
from verify.lower.localize import localize
from verify.syntax import load_text

HEAD = "struct task { u8 x; bool y; }; u8 n; u8 m; u8 wide; bool flag; bool hidden; bool deep;\n"
TAIL = "\nsystem { task t[2] runs user; }\n"
KNOWN = frozenset({("", "n"), ("", "m"), ("", "flag")})


def stores(body: str, name: str, known: frozenset[tuple[str, str]] = KNOWN) -> list[Action]:
    """The steps of tasks that run `body` that store in a global, as the system that knows so much has them."""
    system: System = localize(lower(load_text(f"{HEAD}void user(void) {{ {body} }}{TAIL}"), "system").system, known)
    return [a for a in system.actions if any(update.place == Global(name) for update in a.updates)]


def test_a_choice_that_cannot_be_known_is_still_one_between_its_values() -> None:
    (action,) = stores("bool h = hidden; u8 v = h ? 7 : 0; n = v;", "n")
    assert action.updates[0].value == Local("user.v")
    (action,) = stores("bool h = hidden; n = h ? 7 : 0;", "n")
    assert action.updates[0].value == Ite(Bound("guess0"), Const(7), Const(0))
    assert len(action.binders) == 1


def test_the_known_part_of_a_condition_still_has_to_hold() -> None:
    (action,) = stores("bool f = flag; bool h = hidden; n = f && h ? 7 : 0;", "n")
    value = action.updates[0].value
    assert isinstance(value, Ite)
    assert value.cond == Binary("&&", Binary("!=", Local("user.f"), Const(0)), Bound("guess0"))


def test_what_is_the_same_is_guessed_once_in_a_step() -> None:
    (action,) = stores("bool h = hidden; atomic { n = h ? 7 : 0; m = h ? 1 : 2; }", "n")
    assert {update.value for update in action.updates} >= {
        Ite(Bound("guess0"), Const(7), Const(0)), Ite(Bound("guess0"), Const(1), Const(2)),
    }  # fmt: skip
    assert len(action.binders) == 1


def test_different_things_are_guessed_apart() -> None:
    (action,) = stores("bool h = hidden; bool d = deep; atomic { n = h ? 7 : 0; m = d ? 1 : 2; }", "n")
    assert len(action.binders) == 2


def test_a_truth_is_guessed_as_one() -> None:
    (action,) = stores("bool h = hidden; bool d = deep; n = h || d;", "n")
    assert [binder.domain.hi for binder in action.binders if hasattr(binder.domain, "hi")] == [1]
