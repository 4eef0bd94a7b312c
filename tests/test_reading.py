"""The expressions of obligations mean what the definition says, and their numbers never wrap around."""

from __future__ import annotations

import random
from typing import get_args

import pytest
import z3

from verify.certificates.reading import ME, NULL, OTHER, VIEWED, NotCoveredError, Question, TooWideError, every, some
from verify.ir import (
    BOOL,
    PC,
    TRUE,
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Location,
    Me,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Var,
    Wrap,
)
from verify.semantics import operate, wrap

ENDS = ((-5, 4), (0, 7), (-130, 3), (0, 70), (-1, 1), (0, 1), (5, 5), (120, 127), (-128, -120))
OPERATORS = [op for op in get_args(BinaryOp) if op not in {"has", "with", "without"}]
A, B = Global("a"), Global("b")


def question(a: Range | Threads | Ptr, b: Range | Ptr = BOOL) -> Question:
    """A question about a system of two globals."""
    task = Class("task", (Var("#life", Range(0, 2)), Var("one", Range(1, 2), 1)))
    variables = (Var("a", a), Var("b", b))
    end = (Location("idle", "idle"), Location("end", "end"))
    system = System(
        "s", {"task": task}, "task", variables, (Var(PC, Range(0, 1)),), end, (), (Group("g", None, 1, {}),)
    )
    return Question(system, ME, [ME], {"task": [ME]})


def can_be(asked: Question, *claims: object) -> bool:
    """Whether what is claimed so far and these claims can be."""
    asked.claim(claims)
    context = z3.Context()
    answer: str = z3.Z3_eval_smtlib2_string(context.ref(), asked.script()).strip()
    assert answer in {"sat", "unsat"}, answer
    return answer == "sat"


def are(asked: Question, expr: Expr, value: int) -> str:
    """That an expression has a value."""
    return f"(= {asked.value(asked.read(expr, ()))} {asked.number(value)})"


@pytest.mark.parametrize("op", OPERATORS)
def test_operators_are_those_of_the_definition(op: BinaryOp) -> None:
    """For values within bounds, no other result can be; and that result can."""
    chance = random.Random(op)  # noqa: S311 - no secret
    for first, second in [(ends, other) for ends in ENDS for other in (ends, chance.choice(ENDS))]:
        wrong, right = list[str](), list[str]()
        asked = question(Range(*first), Range(*second))
        for _ in range(8):
            x, y = chance.randint(*first), chance.randint(*second)
            here = every([are(asked, A, x), are(asked, B, y)])
            same = are(asked, Binary(op, A, B), operate(op, x, y))
            wrong.append(f"(and {here} (not {same}))")
            right.append(f"(and {here} {same})")
        assert not can_be(asked, some(wrong))
        again = question(Range(*first), Range(*second))
        assert can_be(again, are(again, A, x), are(again, B, y), are(again, Binary(op, A, B), operate(op, x, y)))


@pytest.mark.parametrize("op", ["!", "-", "~"])
def test_unary_operators_are_those_of_the_definition(op: str) -> None:
    asked, wrong = question(Range(-9, 9)), list[str]()
    for x in range(-9, 10):
        found = {"!": int(not x), "-": -x, "~": ~x}[op]
        wrong.append(f"(and {are(asked, A, x)} (not {are(asked, Unary(op, A), found)}))")  # type: ignore[arg-type] # one of them
    assert not can_be(asked, some(wrong))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_wrapping_is_that_of_the_definition(bits: int, signed: bool) -> None:  # noqa: FBT001 - a parameter
    asked, wrong = question(Range(-300, 300)), list[str]()
    for x in range(-300, 301, 7):
        same = are(asked, Wrap(bits, signed, A), wrap(x, bits, signed=signed))
        wrong.append(f"(and {are(asked, A, x)} (not {same}))")
    assert not can_be(asked, some(wrong))


@pytest.mark.parametrize(
    ("ends", "true"),
    [
        ((0, 63), Binary(">=", Binary("+", A, A), A)),
        ((-64, 0), Binary("<=", Binary("-", A, Unary("-", A)), A)),
        ((0, 63), Binary(">=", Binary("*", A, A), A)),
        ((-64, -64), Binary(">", Binary("/", A, Const(-1)), Const(0))),
        ((-64, -64), Binary(">", Unary("-", A), Const(0))),
        ((0, 63), Binary(">=", Binary("<<", A, Const(6)), A)),
        ((0, 6), Binary(">=", Binary("<<", Const(1), A), Const(1))),
        ((0, 63), Binary(">=", Wrap(7, False, Binary("+", A, A)), A)),
        ((0, 63), Binary(">=", Binary("*", Binary("*", A, Const(3)), Const(5)), A)),
    ],
)
def test_numbers_do_not_wrap_around(ends: tuple[int, int], true: Expr) -> None:
    asked = question(Range(*ends))
    assert not can_be(asked, f"(not {asked.holds(true, ())})")


def test_truths_are_numbers_and_numbers_truths() -> None:
    asked = question(Range(-1, 3), Range(0, 1))
    chosen = Ite(B, Binary("<", A, Const(0)), Const(1))
    assert not can_be(asked, f"(not {asked.holds(Binary('||', chosen, B), ())})")
    asked = question(Range(-1, 3), Range(0, 1))
    two = Binary("+", Unary("!", A), Ite(B, Const(1), Const(0)))
    assert can_be(asked, are(asked, two, 2))
    assert not can_be(asked, asked.holds(Binary("&&", A, TRUE), ()))


def test_a_set_tells_who_is_in_it_and_whether_others_are() -> None:
    joined, left = Binary("with", A, Me()), Binary("without", A, Me())
    others = Binary("&&", Unary("!", Binary("has", A, Me())), Binary("!=", A, Const(0)))
    asked = question(Threads())
    never: list[Expr] = [Unary("!", Binary("has", joined, Me())), Binary("==", joined, Const(0))]
    never += [Binary("has", left, Me()), Binary("has", A, Const(0)), Binary("&&", others, Binary("==", left, Const(0)))]
    assert not can_be(asked, some(asked.holds(expr, ()) for expr in never))
    for expr in (others, Binary("has", A, Me()), Binary("==", A, Const(0)), Binary("&&", A, Unary("!", left))):
        asked = question(Threads())
        assert can_be(asked, asked.holds(expr, ()))


def test_as_many_threads_as_are_asked_for_have_a_place_in_a_set() -> None:
    asked = question(Threads())
    tasks = [asked.chosen(f"t{number}", Ptr("task")) for number in range(70)]
    inside = [asked.holds(Binary("has", A, Bound("t")), (("t", task),)) for task in tasks]
    differ = [f"(distinct {' '.join(map(str, (NULL, *tasks)))})"]
    assert can_be(asked, *inside[1:], f"(not {inside[0]})", *differ)


def test_a_thread_that_is_asked_for_may_be_any() -> None:
    asked = question(Threads())
    task = asked.chosen("t", Ptr("task"))
    inside = asked.holds(Binary("has", A, Bound("t")), (("t", task),))
    assert can_be(asked, inside, f"(distinct {NULL} {ME} {OTHER} {VIEWED} {task})")


def test_there_are_pointers_enough() -> None:
    asked = question(Range(0, 1))
    tasks = [asked.chosen(f"t{number}", Ptr("task")) for number in range(140)]
    assert can_be(asked, f"(distinct {' '.join(map(str, (NULL, ME, *tasks)))})")


def test_variables_behind_null_are_0_and_others_in_their_domains() -> None:
    asked = question(Ptr("task"))
    life = Field(A, "task", "#life")
    assert can_be(asked, are(asked, life, 2))
    assert not can_be(asked, are(asked, A, 0))
    for never in (are(asked, life, 3), are(asked, Field(Me(), "task", "one"), 0)):
        asked = question(Ptr("task"))
        asked.read(life, ())
        asked.read(Field(Me(), "task", "one"), ())
        assert not can_be(asked, never)
    asked = question(Ptr("task"))
    assert can_be(asked, are(asked, Field(A, "task", "one"), 0))


def test_objects_that_are_not_at_hand_may_say_anything() -> None:
    alive = Quant("exists", Binder("o", Ptr("task")), Binary("==", Field(Bound("o"), "task", "#life"), Const(2)))
    asked = question(Ptr("task"))
    mine = are(asked, Field(Me(), "task", "#life"), 2)
    assert can_be(asked, asked.holds(alive, ()), f"(not {mine})")
    assert not can_be(asked, f"(not {asked.holds(alive, ())})", mine)
    every_number = Quant("forall", Binder("n", Range(0, 5)), Binary("!=", B, Bound("n")))
    asked = question(Range(0, 1), Range(0, 7))
    assert not can_be(asked, asked.holds(every_number, ()), f"(not {asked.holds(Binary('>', B, Const(5)), ())})")
    inner = Quant("exists", Binder("n", Range(0, 1)), Binary("==", Bound("n"), Const(1)))
    asked = question(Range(0, 1))
    assert not can_be(asked, f"(not {asked.holds(inner, (('n', asked.number(5)),))})")
    with pytest.raises(NotCoveredError):
        asked.read(Quant("forall", Binder("n", Range(0, 1 << 20)), Bound("n")), ())


def test_references_are_those_at_hand_or_any_others() -> None:
    asked = question(Ptr("task"))
    refers = asked.holds(Referenced(Me(), "task"), ())
    mine = are(asked, Binary("==", A, Me()), 1)
    assert can_be(asked, refers, f"(not {mine})")
    assert not can_be(asked, f"(not {refers})", mine)
    asked = question(Ptr("task"))
    assert not can_be(asked, asked.holds(Referenced(Const(0), "task"), ()))


def test_numbers_that_are_too_wide_are_refused() -> None:
    asked = question(Range(0, 1 << 60))
    wide: Expr = A
    for _ in range(4):
        wide = Binary("*", wide, wide)
    asked.read(wide, ())
    with pytest.raises(TooWideError):
        asked.script()


def test_deep_expressions_are_read_and_shared_ones_once() -> None:
    asked = question(Range(0, 1))
    deep: Expr = A
    for _ in range(5_000):
        deep = Binary("&&", deep, deep)
    asked.holds(deep, ())
    assert asked.script().count("\n") < 6_000
