"""The Z3 reader of expressions means what the definition means."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import reduce
from itertools import product
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verify.instances import Instance, Slot, State
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
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
from verify.semantics import Context, evaluate, operate
from verify.smt.frame import frame, is_state, value_in
from verify.smt.integers import NO, binary, constant
from verify.smt.reader import Reader
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.widths import ARITHMETIC, EncodingError, Interval, result

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "100"))
RUN = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

LIFE_VAR = Var(LIFE, Range(0, 2))
TOY = System(
    "toy",
    {
        "task": Class("task", (LIFE_VAR, Var("x", Range(0, 3)), Var("next", Ptr("task")), Var("w", Range(-128, 127)))),
        "obj": Class("obj", (LIFE_VAR, Var("owner", Ptr("task")), Var("peer", Ptr("obj")), Var("b", BOOL))),
    },
    "task",
    (
        Var("g", Range(-3, 4)),
        Var("flag", BOOL),
        Var("o", Ptr("obj")),
        Var("set", Threads()),
        Var("u", Range(0, 2**32 - 1)),
    ),
    (Var(PC, Range(0, 2)), Var("t", Ptr("task")), Var("n", Range(0, 5))),
    (Location("idle", "idle"), Location("run"), Location("end", "end")),
    (),
    (),
)
INSTANCE = Instance(TOY, 2, {"task": 2, "obj": 3})
SLOTS = INSTANCE.slots()
UNARY = ("!", "-", "~")
BINARY = (
    "*", "/", "%", "+", "-", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "^", "|", "&&", "||", "has", "with",
    "without",
)


def states() -> st.SearchStrategy[State]:
    return st.fixed_dictionaries({slot: st.sampled_from(INSTANCE.values(var.domain)) for slot, var in SLOTS.items()})


def exprs() -> st.SearchStrategy[Expr]:
    leaves: st.SearchStrategy[Expr] = st.one_of(
        st.builds(Const, st.integers(-5, 70)),
        st.just(Me()),
        st.sampled_from([Bound("k"), Bound("i")]),
        st.sampled_from([Global(v.name) for v in TOY.globals]),
        st.sampled_from([Local(v.name) for v in TOY.locals]),
    )

    def larger(part: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        places = [(c.name, v.name) for c in TOY.classes.values() for v in c.fields]
        return st.one_of(
            st.builds(Unary, st.sampled_from(UNARY), part),
            st.builds(Binary, st.sampled_from(BINARY), part, part),
            st.builds(Ite, part, part, part),
            st.builds(Wrap, st.sampled_from([1, 2, 5, 8, 32, 64]), st.booleans(), part),
            st.builds(lambda p, at: Field(p, *at), part, st.sampled_from(places)),
            st.builds(Local, st.sampled_from([v.name for v in TOY.locals]), part),
            st.builds(
                Quant,
                st.sampled_from(["forall", "exists"]),
                st.sampled_from([Binder("k", Ptr("task")), Binder("i", Range(-1, 2)), Binder("i", Ptr("obj"))]),
                part,
            ),
            st.builds(Referenced, part, st.sampled_from(["task", "obj"]), st.booleans()),
        )

    return st.recursive(leaves, larger, max_leaves=12)


def z3_value(expr: Expr, state: State, me: int = 0, bound: Mapping[str, int] | None = None) -> int:
    """What Z3 says the expression is in the state."""
    z = Terms()
    at = frame(z, INSTANCE, 0)
    scope = tuple((name, constant(value)) for name, value in (bound or {}).items())
    found = Reader(z, INSTANCE, at.values, me).read(expr, scope)
    asked = solver(z, at.typed, is_state(z, at, state))
    assert str(check(asked, None)) == "sat"
    value = value_in(z, asked.model(), found)
    # The value is not only possible: no other is.
    other = solver(z, at.typed, is_state(z, at, state), binary(z, "!=", found, constant(value)))
    assert str(check(other, None)) == "unsat"
    assert found.lo <= value <= found.hi
    return value


@RUN
@given(exprs(), states(), st.integers(0, 2), st.integers(-1, 4), st.integers(1, 2))
def test_every_expression_means_what_the_definition_says(expr: Expr, state: State, me: int, i: int, k: int) -> None:
    bound = {"i": i, "k": k}
    want = evaluate(expr, Context(INSTANCE, state, me, bound))
    try:
        got = z3_value(expr, state, me, bound)
    except EncodingError:
        return  # the tests below say when
    assert got == want


FIRST: State = {slot: INSTANCE.values(var.domain)[-1] for slot, var in SLOTS.items()}
U, G = Global("u"), Global("g")


@pytest.mark.parametrize(
    ("expr", "want"),
    [
        (Binary("*", U, U), (2**32 - 1) ** 2),
        (Binary("<<", U, Const(63)), (2**32 - 1) << 63),
        (Binary("<<", U, Const(64)), 0),
        (Binary(">>", U, Unary("-", Const(1))), 0),
        (Binary("/", Unary("-", Const(7)), Binary("-", G, Const(2))), -3),
        (Binary("%", Unary("-", U), Binary("+", G, Const(3))), -((2**32 - 1) % 7)),
        (Binary("/", U, Binary("-", G, Const(4))), 0),
        (Wrap(32, signed=True, arg=U), -1),
        (Binary("has", Global("set"), Const(2)), 1),
        (Binary("has", Unary("-", U), Binary("*", U, U)), 1),
        (Binary("without", Global("set"), Local("t", Const(1))), 1),
        (Field(Const(9), "task", "x"), 0),
        (Local("n", Unary("-", Const(1))), 0),
        (Field(Const(1), "task", "nothing"), 0),
        (Quant("exists", Binder("i", Ptr("obj")), Binary("==", Bound("i"), Global("o"))), 1),
    ],
)
def test_the_edges_of_arithmetic(expr: Expr, want: int) -> None:
    assert evaluate(expr, Context(INSTANCE, FIRST)) == want
    assert z3_value(expr, FIRST) == want


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Bound("nobody"), "unbound name `nobody`"),
        (Binary("with", Global("set"), U), "a set of threads may have 4294967295 members"),
        (reduce(lambda a, _: Binary("*", a, a), range(8), cast("Expr", U)), "a value of `\\*` may need 8192 bits"),
    ],
)
def test_what_has_no_bit_vector_is_an_error(expr: Expr, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        z3_value(expr, FIRST)


@pytest.mark.slow
@pytest.mark.parametrize("op", sorted(ARITHMETIC))
def test_intervals_hold_every_result(op: BinaryOp) -> None:
    bounds = [Interval(lo, hi) for lo in range(-4, 5) for hi in range(lo, 5)]
    for a, b in product(bounds, bounds):
        found = result(op, a, b)
        values = {operate(op, x, y) for x in range(a.lo, a.hi + 1) for y in range(b.lo, b.hi + 1)}
        assert found.lo <= min(values)
        assert max(values) <= found.hi
        if len(values) == 1 and a.lo == a.hi and b.lo == b.hi:
            assert found.lo == found.hi


def test_other_variables_are_no_state() -> None:
    z = Terms()
    assert is_state(z, frame(z, INSTANCE, 0), {}) == NO


def test_variables_are_named_after_their_cell_and_step() -> None:
    z = Terms()
    at = frame(z, INSTANCE, 7)
    assert str(z.number(at.values[Slot("task", 1, "x")].ast)) == "task1.x@7"
    assert str(z.formula(at.values[Slot("", 0, "flag")].ast)) == "flag@7"
