"""The Z3 reader of expressions means what the definition means."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verify.instances import Instance, Slot, State
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    Binary,
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
from verify.semantics import Context, evaluate
from verify.smt.frame import frame, is_state, value_in
from verify.smt.integers import binary, constant
from verify.smt.reader import Reader
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.widths import EncodingError, Interval, result

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "100"))
RUN = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

LIFE_VAR = Var(LIFE, Range(0, 2))
TOY = System(
    "toy",
    {
        "task": Class("task", (LIFE_VAR, Var("x", Range(0, 3)), Var("next", Ptr("task")), Var("w", Range(-128, 127)))),
        "obj": Class("obj", (LIFE_VAR, Var("owner", Ptr("task")), Var("peer", Ptr("obj")), Var("b", BOOL))),
    },
    "task",
    (Var("g", Range(-3, 4)), Var("flag", BOOL), Var("o", Ptr("obj")), Var("set", Threads()), Var("u", Range(0, 2**32 - 1))),
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


def z3_value(expr: Expr, state: State, me: int, bound: dict[str, int]) -> int:
    """What Z3 says the expression is in the state; None where it has too many bits."""
    z = Terms()
    at = frame(z, INSTANCE, 0)
    found = Reader(z, INSTANCE, at.values, me).read(expr, tuple((n, constant(v)) for n, v in bound.items()))
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
def test_every_expression_means_what_the_definition_says(
    expr: Expr, state: State, me: int, i: int, k: int
) -> None:
    bound = {"i": i, "k": k}
    want = evaluate(expr, Context(INSTANCE, state, me, bound))
    try:
        got = z3_value(expr, state, me, bound)
    except EncodingError as error:
        assert "bits" in str(error) or "members" in str(error)
        return
    assert got == want
