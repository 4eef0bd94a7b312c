"""Counterexamples to induction: what breaks an invariant is shown at its line, with the values that matter."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.independent import culprit
from tests.test_explain import PROGRAM, SAID, made, proof, short
from tests.test_smt_reader import INSTANCE, RUN, exprs, states
from verify.api import Options, check_file
from verify.engine.parametric import finder
from verify.engine.verdict import Counterexample, Progress, Proved
from verify.explain.decided import Known, decided
from verify.explain.induction import counterexample
from verify.explain.literals import literals
from verify.induction import Broken
from verify.instances import THREAD as CELL
from verify.instances import Slot, State
from verify.ir import FALSE, PC, TRUE, Binary, Bound, Const, Expr, Field, Quant, Referenced, System, Unary
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.small import Passes, Small
from verify.report.cti import cti_object, cti_rows
from verify.report.text import claim_lines, plain
from verify.semantics import Context, evaluate
from verify.smt.universal import judge_universal
from verify.syntax import load
from verify.unbounded import Tried, guesses, prove_unbounded
from verify.universal import OBJECT, THREAD, Clause, parts

BUSY = Field(Bound(THREAD), "task", "busy")
NOT_BUSY = Clause(False, "task", None, Binary("==", Field(Bound(OBJECT), "task", "busy"), Const(0)))


def names(name: str) -> Mapping[tuple[int, str], str]:
    """What the locals are called of the system that `short` is about."""
    system, prop, found = proof(name)
    assert found.basis is not None
    return made(system, prop, found.basis).names()


def broken(system: System, clauses: Sequence[Clause], prop: Expr) -> Broken:
    """Where the judge finds an invariant broken."""
    judgement = judge_universal(system, clauses, prop)
    assert not judgement.ok
    (failed,) = judgement.failed
    assert failed.reason == "sat"
    assert failed.broken is not None
    return failed.broken


def said(clause: Clause, found: Broken, values: State) -> int | None:
    """What a clause says of the cells of a counterexample, in one of its states."""
    if clause.locations is not None and values[Slot(CELL, found.bound[THREAD], PC)] not in clause.locations:
        return 1
    return decided(clause.body, Known(values, bound=found.bound)).value


def is_one(found: Broken, clauses: Sequence[Clause]) -> bool:
    """Whether the clauses about the cells that the broken one speaks of are true before, and that is false after."""
    assert found.clause is not None
    alike = [c for c in clauses if (c.thread, c.cls) == (found.clause.thread, found.clause.cls)]
    before = found.action is None or all(said(clause, found, found.before) for clause in alike)
    return before and said(found.clause, found, found.after) == 0


# ---- a tiny program ------------------------------------------------------------------------------


def without(name: str, lost: int) -> tuple[Counterexample, Broken, Sequence[Clause]]:
    """What there is to say once the clauses at a line are dropped from the short proof of `tests.test_explain`."""
    system, prop, found = short(name)
    assert found is not None
    kept = [clause for clause in found.clauses if lines(system, clause) != {lost}]
    assert len(kept) < len(found.clauses)
    where = broken(system, kept, prop)
    return counterexample(system, where, names(name)), where, kept


def lines(system: System, clause: Clause) -> set[int]:
    """The lines where a clause says something."""
    return {system.locations[at].span.line for at in clause.locations or ()}


def test_a_store_without_the_lock_is_shown_at_its_line() -> None:
    cti, found, kept = without("busy_holds", 9)
    assert is_one(found, kept)
    assert [micro.label for micro in cti.step if micro.label] == []
    assert {micro.span.line for micro in cti.step} == {9}
    assert cti.before[0] == "task 1 is at `user` (<text>:9)"
    assert "task 1's `busy` is 0" in cti.before
    assert any("`gl`" in fact for fact in cti.before)
    assert cti.after == ("task 1's `busy` is 1",)
    assert cti.false == "every task: if its `busy` is 1, it holds `gl`"
    rows = list(cti_rows(cti, 200))
    assert rows[1] == "  step    task 1, user (<text>:9): current->busy = true;"
    assert [row[:10].strip() for row in rows] == ["before", "step", "after", "false"]


def test_a_lock_let_go_too_early_is_shown_with_its_owner() -> None:
    cti, found, kept = without("busy_holds", 11)
    assert is_one(found, kept)
    assert cti.step[0].span.line == 11
    assert "task 1 holds `gl`" in cti.before
    assert "task 1's `busy` is 1" in cti.before
    assert cti.after == ("`gl` is free",)
    step = cti_object(cti)
    assert isinstance(step, dict)
    assert isinstance(step["step"], dict)
    assert (step["step"]["function"], step["step"]["line"]) == ("user", 11)


def test_a_clause_that_says_too_much_is_the_one_that_is_false() -> None:
    system, prop, found = short("done_is_locked")
    assert found is not None
    never = Clause(False, "task", None, Binary("==", Field(Bound(OBJECT), "task", "done"), Const(0)))
    cti = counterexample(system, broken(system, [*found.clauses, never], prop), names("done_is_locked"))
    assert {micro.span.line for micro in cti.step} == {16}
    assert cti.after[-1].endswith("'s `done` is 1")
    assert cti.false == "every task: its `done` is 0"
    assert any(fact.startswith("task 1's local `t` points to task ") for fact in cti.before)


def test_what_is_false_at_the_start_takes_no_step() -> None:
    system, prop, found = short("busy_holds")
    assert found is not None
    busy = Clause(False, "task", None, Binary("!=", Field(Bound(OBJECT), "task", "busy"), Const(0)))
    where = broken(system, [*found.clauses, busy], prop)
    assert is_one(where, [busy])
    cti = counterexample(system, where, {})
    assert (cti.step, cti.after) == ((), ())
    assert cti.before == ("task 1's `busy` is 0",)
    assert list(cti_rows(cti, 80)) == [
        "  start   task 1's `busy` is 0", "  false   every task: its `busy` is 1",
    ]  # fmt: skip


def test_what_the_invariant_allows_and_the_property_does_not_is_a_state() -> None:
    system, prop, _ = short("busy_holds")
    cti = counterexample(system, broken(system, [], prop), {})
    assert cti.obligation == "safety x 1"
    assert cti.step == ()
    assert "task 1's `busy` is 1" in cti.before
    assert cti.false == "what is to be proved"


@pytest.mark.parametrize(
    ("body", "false"),
    [
        (FALSE, "no task is ever at `user` (<text>:9)"),
        (Binary("&&", TRUE, FALSE), "no task is ever at `user` (<text>:9)"),
        (BUSY, "while a task is at `user` (<text>:9): its own `busy` is 1"),
        (Unary("!", Unary("!", BUSY)), "while a task is at `user` (<text>:9): its own `busy` is 1"),
        (Binary("<", Const(0), BUSY), "what the invariant says of task 1"),
    ],
)
def test_what_is_false_is_said_where_it_is_simple_enough(body: Expr, false: str) -> None:
    system, prop, found = short("busy_holds")
    assert found is not None
    at = next(c.locations for c in found.clauses if lines(system, c) == {9})
    where = broken(system, [*found.clauses, Clause(True, "", at, body)], prop)
    assert counterexample(system, where, {}).false == false


AT = """\
struct task { bool busy; };
void user(void)
{
        for (;;) {
enter>      current->busy = true;
leave>      current->busy = false;
        }
}
system { task user[*] runs user; }
invariant alone = forall (struct task *t, struct task *u) t == u || !(at(t, user.leave) && at(u, user.leave));
prove alone;
"""


def test_where_threads_are_is_told_if_the_property_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "at.kc").write_text(AT)
    (claim,) = check_file(str(tmp_path / "at.kc"), Options(engine="views")).claims
    assert claim.cti is not None
    places = [fact for fact in claim.cti.before if " is at " in fact]
    assert places == [f"task {n} is at `user.leave` (at.kc:6)" for n in (1, 2)]


# ---- the core of the fix -------------------------------------------------------------------------


@cache
def core() -> tuple[Small, Sequence[Clause]]:
    """The small system of the core, and its clauses."""
    program = load(Path("specs/core.kc"))
    low = lower(program, "system")
    prop = invariant(program, low, "no_traced_kernel_thread")
    found = prove_unbounded(
        low.system, prop, guesses(low.system, prop), Tried(), Passes(), deadline=time.monotonic() + 60, report=quiet
    )
    assert isinstance(found, Proved)
    assert found.basis is not None
    return made(low.system, prop, found.basis), found.basis.clauses


def quiet(_: Progress) -> None:
    """Hear nothing."""


def test_a_kernel_thread_is_one_from_the_statement_on_that_makes_it_one() -> None:
    small, clauses = core()
    system, prop, _ = small.told()
    none = Clause(False, "task", None, Binary("==", Field(Bound(OBJECT), "task", "is_kernel_thread"), Const(0)))
    found = broken(system, [*clauses, none], prop)
    cti = counterexample(system, found, small.names())
    assert is_one(found, [*clauses, none])
    rows = " ".join(cti_rows(cti, 500))
    assert "p->is_kernel_thread = true;" in rows
    assert "arch_kernel_thread" in rows
    assert any(fact.startswith("task 1's local `p` points to task ") for fact in cti.before)
    assert [fact for fact in cti.after if "`is_kernel_thread` is 1" in fact]
    assert cti.false == "every task: its `is_kernel_thread` is 0"


@pytest.mark.slow
def test_each_clause_of_the_core_that_is_missed_is_missed_somewhere() -> None:
    small, clauses = core()
    (system, prop, _), missed = small.told(), 0
    for dropped in range(0, len(clauses), 3):
        rest = [clause for number, clause in enumerate(clauses) if number != dropped]
        judgement = judge_universal(system, rest, prop)
        if judgement.ok:
            continue
        found = judgement.failed[0].broken
        assert found is not None
        missed += 1
        cti = counterexample(system, found, small.names())
        assert cti.before
        assert all("core.kc" in micro.span.source.path for micro in cti.step)
        if found.clause is not None:
            assert is_one(found, rest)
    assert missed > len(clauses) // 6


# ---- verdicts ------------------------------------------------------------------------------------


def test_an_invariant_that_the_judge_refuses_is_shown_with_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says_too_much(*args: object, **more: object) -> Sequence[Clause]:
        return [*finder.universal_invariant(*args, **more), NOT_BUSY]  # type: ignore[arg-type] # as they come

    monkeypatch.setattr("verify.unbounded.universal_invariant", says_too_much)
    (tmp_path / "a.kc").write_text(PROGRAM)
    options = Options(claims=("busy_holds",), engine="views")
    (claim,) = check_file(str(tmp_path / "a.kc"), options).claims
    assert claim.holds is None
    assert claim.cti is not None
    assert claim.cti.step[0].span.line == 9
    assert claim.cti.false == "every task: its `busy` is 0"
    shown = plain(claim_lines(claim, 120, 30))
    assert f"Z3 did not discharge `{claim.cti.obligation}`:" in shown
    assert "step    task 1, user (a.kc:9): current->busy = true;" in shown


def test_a_proof_that_is_found_later_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.kc").write_text(PROGRAM)
    for claim in check_file(str(tmp_path / "a.kc"), Options()).claims:
        assert (claim.holds, claim.cti) == (True, None)


# ---- any system ----------------------------------------------------------------------------------


@st.composite
def guesses_at(draw: st.DrawFn, system: System) -> Clause:
    """A clause of one or two tests, at some locations or anywhere."""
    thread = draw(st.booleans())
    cls = draw(st.sampled_from([*system.classes, *([""] if thread else [])]))
    tests = [literal.test for literal in literals(system, thread=thread, cls=cls)]
    body = draw(st.sampled_from(tests))
    if draw(st.booleans()):
        body = Binary(draw(st.sampled_from(["||", "&&"])), body, draw(st.sampled_from(tests)))
    places = st.frozensets(st.integers(0, len(system.locations) - 1), min_size=1)
    return Clause(thread, cls, draw(st.none() | places) if thread else None, body)


@pytest.fixture(scope="module")
def known() -> Sequence[tuple[Small, Sequence[Clause]]]:
    """Small systems, with what is true of them."""
    found = []
    for name in SAID:
        system, prop, proved = proof(name)
        assert proved.basis is not None
        found.append((made(system, prop, proved.basis), proved.basis.clauses))
    return [*found, core()]


FEWER = settings(RUN, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@FEWER
@given(st.data())
def test_whatever_breaks_is_broken_and_can_be_said(
    known: Sequence[tuple[Small, Sequence[Clause]]], data: st.DataObject
) -> None:
    small, true = data.draw(st.sampled_from(known))
    system, *_ = small.told()
    some = [*true, *(data.draw(guesses_at(system)) for _ in range(data.draw(st.integers(1, 3))))]
    judgement = judge_universal(system, some, TRUE)
    if judgement.ok:
        return
    where = judgement.failed[0].broken
    assert where is not None
    cti = counterexample(system, where, small.names())
    assert "\n".join(cti_rows(cti, 80))
    assert bool(cti.step) == (where.action is not None)
    assert is_one(where, some)


@pytest.mark.slow
@FEWER
@given(st.data())
def test_the_obligations_of_certificates_are_broken_by_what_the_solver_says(
    known: Sequence[tuple[Small, Sequence[Clause]]], data: st.DataObject
) -> None:
    small, true = known[data.draw(st.integers(0, len(SAID) - 1))]
    system, *_ = small.told()
    some = [*true, data.draw(guesses_at(system))]
    query = culprit(system, some, TRUE)
    if query is None:
        return
    witness = query.pose()
    context = z3.Context()
    answer = z3.Z3_eval_smtlib2_string(context.ref(), witness.asking())
    assert answer.startswith("sat")
    where = witness.broken(query.name, answer)
    assert where.clause in some
    assert where.clause is not None
    assert said(where.clause, where, where.after) == 0
    assert counterexample(system, where, small.names()).false


# ---- what decides an expression ------------------------------------------------------------------


def closed(expr: Expr) -> bool:
    """Whether few cells tell what it is."""
    return not any(isinstance(part, Quant | Referenced) for part in parts(expr))


@pytest.mark.slow
@RUN
@given(exprs().filter(closed), states(), st.integers(0, 2), st.integers(-1, 2), st.data())
def test_a_decided_value_is_that_of_the_definition_and_no_other_variable_matters(
    expr: Expr, state: State, k: int, i: int, data: st.DataObject
) -> None:
    bound = {"k": k, "i": i}
    value, slots = decided(expr, Known(state, 1, bound))
    if value is None:
        return  # it reads a local or a field of a cell that is not there
    assert value == evaluate(expr, Context(INSTANCE, state, 1, bound))
    other = {slot: state[slot] if slot in slots else new for slot, new in data.draw(states()).items()}
    assert decided(expr, Known(other, 1, bound)) == (value, slots)


def test_a_deep_expression_is_decided() -> None:
    deep: Expr = Const(1)
    for _ in range(5_000):
        deep = Binary("&&", deep, TRUE)
    assert decided(replace(deep, right=FALSE) if isinstance(deep, Binary) else deep, Known({})).value == 0
