"""Explicit search and Z3's bounded search, which share nothing but the IR, agree on random systems.

VERIFY_EXAMPLES is the number of systems, 200 unless told.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.strategies import properties, systems
from verify.engine.search import search
from verify.instances import Instance, Trace, instance, least_tasks, starts
from verify.ir import Expr
from verify.semantics import holds, replay
from verify.smt import accepts, accepts_deadlock, bmc

pytestmark = pytest.mark.slow
DEPTH = 5
STARTS = 64  # initial states at most
SETTINGS = settings(
    max_examples=int(os.environ.get("VERIFY_EXAMPLES", "200")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Instance, Expr]:
    """A random instance of up to three tasks, and a property of it."""
    system = draw(systems())
    least = least_tasks(system)
    inst = instance(system, draw(st.integers(least, max(3, least))))
    count = 0
    for start in starts(inst):
        ways = 1
        for values in start.values():
            ways *= len(values)
        count += ways
    assume(count <= STARTS)
    return inst, draw(properties(system))


def confirmed(trace: Trace, prop: Expr) -> bool:
    """Whether both judges of runs say that it violates the property."""
    return replay(trace) and not holds(trace.instance, prop, trace.states[-1]) and accepts(trace, prop)


@SETTINGS
@given(question=questions(), symmetry=st.booleans())
def test_search_and_bmc_agree_on_the_verdict_and_the_shortest_run(
    *, question: tuple[Instance, Expr], symmetry: bool
) -> None:
    inst, prop = question
    explicit = search(inst, prop, symmetry=symmetry, max_depth=DEPTH)
    symbolic = bmc(inst, prop, max_steps=DEPTH)
    assert (explicit.trace is None) == (symbolic.trace is None)
    if explicit.trace is not None and symbolic.trace is not None:
        assert len(explicit.trace.steps) == len(symbolic.trace.steps)
        assert confirmed(explicit.trace, prop)
        assert confirmed(symbolic.trace, prop)


@SETTINGS
@given(questions())
def test_z3_accepts_the_deadlocks_that_search_finds(question: tuple[Instance, Expr]) -> None:
    inst, _ = question
    found = search(inst, None, deadlock=True, max_depth=DEPTH)
    if found.trace is not None:
        assert replay(found.trace)
        assert accepts_deadlock(found.trace)
