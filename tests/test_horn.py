"""Horn clauses: what Spacer proves of counters, and that nothing it says counts unless it is so."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
import z3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.strategies import properties, systems
from verify import cli
from verify.chc import prove_by_clauses
from verify.engine.horn import NoClausesError, universal_invariant
from verify.engine.parametric.finder import NoViewsError
from verify.engine.parametric.finder import universal_invariant as of_views
from verify.engine.search import search
from verify.engine.verdict import Progress, Proved
from verify.instances import exact_tasks, instance, least_tasks
from verify.ir import Binary, BinaryOp, Expr, System
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import of_history, with_history
from verify.lower.simplify import conj
from verify.lower.small import Passes
from verify.lower.whereabouts import with_whereabouts
from verify.semantics import operate
from verify.semantics import wrap as wrapped
from verify.smt.horn.arithmetic import Arithmetic, Num, constant
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.syntax import load_text
from verify.unbounded import Tried
from verify.universal import Clause, as_property

EXAMPLES = int(os.environ.get("VERIFY_EXAMPLES", "100"))
MOST_TASKS, SEARCHED = 3, 3_000

OPERATORS: tuple[BinaryOp, ...] = (
    "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||",
)  # fmt: skip

PLACES = """
struct task { bool in; };
unsigned made, taken;
void produce(void) { for (;;) { atomic { assume(made - taken < 1000); assume(made < 4000000000); made++; } } }
void consume(void) { for (;;) { atomic { assume(taken %s made); taken++; } } }
system { task producer[*] runs produce; task consumer[*] runs consume; }
invariant inv = taken <= made && made - taken <= 1000;
prove inv;
"""
COUNTED = """
struct task { bool in; };
unsigned used;
void user(void) {
    for (;;) {
        atomic { if (used < %s) used++; }
        atomic { if (used > 0) used--; }
    }
}
system { task user[*] runs user; }
invariant inv = used <= 100;
prove inv;
"""
SEMAPHORE = """
struct task { bool in; };
struct semaphore sem = %s;
void user(void) { for (;;) { down(&sem); current->in = true; current->in = false; up(&sem); } }
system { task user[*] runs user; }
invariant inv = forall (struct task *a, struct task *b) !(a != b && a->in && b->in);
prove inv;
"""
LOCK = """
struct task { bool in; };
spinlock_t l;
void user(void) { for (;;) { spin_lock(&l); current->in = true; %s } }
system { task user[*] runs user; }
invariant inv = forall (struct task *a, struct task *b) !(a != b && a->in && b->in);
prove inv;
"""
TICKETS = """
struct task { unsigned mine; bool waits; };
unsigned next, owner;
void user(void) {
    for (;;) {
        atomic { assume(next < 1000000000); current->mine = next; next++; current->waits = true; }
        atomic { assume(owner == current->mine); owner++; current->waits = false; }
    }
}
system { task user[*] runs user; }
invariant inv = %s;
prove inv;
"""
APART = "forall (struct task *a, struct task *b) !(a != b && a->waits && b->waits && a->mine == b->mine)"
GOOD, BAD = "current->in = false; spin_unlock(&l);", "spin_unlock(&l); current->in = false;"


def question(text: str) -> tuple[System, Expr]:
    """A program and its invariant."""
    program = load_text(text)
    low = lower(program, "system")
    return low.system, invariant(program, low, "inv")


def quiet(_: Progress) -> None:
    """Hear nothing."""


def proof(text: str, seconds: float = 60) -> Proved | str:
    """What Horn clauses prove of a program."""
    system, prop = question(text)
    return prove_by_clauses(system, prop, Tried(), Passes(), deadline=time.monotonic() + seconds, report=quiet)


# ---- what is proved ------------------------------------------------------------------------------


def test_counters_that_views_cannot_enumerate_are_proved_for_any_number_of_tasks() -> None:
    system, prop = question(PLACES % "<")
    with pytest.raises(NoViewsError, match="more than 64 values"):
        of_views(with_history(system), prop)
    found = proof(PLACES % "<")
    assert isinstance(found, Proved)
    assert found.scope.tasks is None
    assert found.engine == "chc"
    assert found.basis is not None
    assert len(found.basis.clauses) <= 4


@pytest.mark.parametrize("inv", ["forall (struct task *t) !t->waits || t->mine < next", "owner <= next", APART])
def test_tickets_are_drawn_in_order_by_any_number_of_tasks_each_once(inv: str) -> None:
    assert isinstance(proof(TICKETS % inv), Proved)


@pytest.mark.slow
def test_a_bound_is_proved_and_what_is_beyond_is_not() -> None:
    assert isinstance(proof(COUNTED % "100"), Proved)
    assert isinstance(proof(COUNTED % "102", 5), str)


@pytest.mark.slow
def test_clauses_may_speak_of_two_threads() -> None:
    found = proof(SEMAPHORE % "1", 120)
    assert isinstance(found, Proved)
    assert found.basis is not None
    assert found.basis.places
    assert isinstance(proof(SEMAPHORE % "2", 20), str)


def test_few_clauses_say_why_a_lock_excludes() -> None:
    found = proof(LOCK % GOOD)
    assert isinstance(found, Proved)
    assert found.basis is not None
    assert not found.basis.places
    assert len(found.basis.clauses) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("text", [PLACES % "<=", LOCK % BAD, SEMAPHORE % "2"])
def test_what_is_not_so_is_never_proved(text: str) -> None:
    assert isinstance(proof(text, 20), str)


@pytest.mark.slow
def test_the_engine_is_one_of_the_command_line_and_helps_where_views_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "places.kc"
    for engine, text in (("chc", LOCK % GOOD), ("auto", PLACES % "<")):
        spec.write_text(text)
        assert cli.main(["prove", str(spec), "--engine", engine, "--tasks", "any"]) == 0
        out = capsys.readouterr().out
        assert "any number of tasks" in out
        assert "chc" in out


# ---- what there is no answer to ------------------------------------------------------------------


def test_the_deadline_is_kept() -> None:
    system, prop = question(SEMAPHORE % "1")
    begin = time.monotonic()
    with pytest.raises(NoClausesError, match="out of time"):
        universal_invariant(with_history(system), prop, two=True, deadline=begin + 0.3)
    assert time.monotonic() - begin < 60  # it would take far longer


def test_a_reachable_violation_is_no_refutation_but_a_reason() -> None:
    system, prop = question(SEMAPHORE % "1")
    with pytest.raises(NoClausesError, match="says Spacer"):
        universal_invariant(with_history(system), prop, deadline=time.monotonic() + 60)


def test_sets_of_threads_and_static_objects_are_refused() -> None:
    text = (LOCK % GOOD).replace("spinlock_t l;", "rwlock_t l;").replace("spin_", "read_")
    system, prop = question(text)
    with pytest.raises(EncodingError, match="sets of threads"):
        universal_invariant(with_history(system), prop)
    text = "struct box { spinlock_t l; }; struct box one;" + (LOCK % GOOD).replace("&l", "&one.l")
    system, prop = question(text)
    with pytest.raises(EncodingError, match="static objects"):
        universal_invariant(with_history(system), prop)


# ---- agreement -----------------------------------------------------------------------------------


def some(examples: int) -> settings:
    """Settings with a number of examples; a system that fails is small enough as it is."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def violated(system: System, prop: Expr) -> bool:
    """Whether a search with few tasks finds a violation."""
    exact = exact_tasks(system)
    sizes = range(least_tasks(system), MOST_TASKS + 1) if exact is None else [exact]
    return any(search(instance(system, n), prop, max_states=SEARCHED).trace is not None for n in sizes)


def every(system: System, clauses: tuple[Clause, ...]) -> Expr:
    """All clauses, as one property of an instance."""
    return conj(as_property(system, clause) for clause in clauses)


@pytest.mark.slow
def test_what_it_proves_of_random_systems_holds_with_few_tasks() -> None:
    seen: Counter[str] = Counter()

    @some(EXAMPLES // 2)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        plain = data.draw(systems())
        prop = data.draw(properties(plain))
        two = data.draw(st.booleans())
        system = with_history(plain)
        said = of_history(system, prop)
        try:
            clauses = universal_invariant(system, said, two=two, deadline=time.monotonic() + 1)
            told = with_whereabouts(system) if two else system
            accepted = judge_universal(told, clauses, said).ok
        except (NoClausesError, EncodingError) as error:
            seen[str(error)] += 1
            return
        seen["accepted" if accepted else "not accepted"] += 1
        if accepted:
            assert not violated(plain, prop)
            assert not violated(told, every(told, clauses))

    check()
    assert seen["accepted"] > 0, seen


@pytest.mark.slow
def test_what_objects_are_told_changes_no_verdict() -> None:
    @some(max(EXAMPLES // 4, 10))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        plain = with_history(data.draw(systems()))
        prop = data.draw(properties(plain))
        told = with_whereabouts(plain)
        for tasks in range(least_tasks(plain), MOST_TASKS + 1):
            first, second = (search(instance(s, tasks), prop, max_states=SEARCHED) for s in (plain, told))
            if first.complete and second.complete:
                assert (first.trace is None) == (second.trace is None)

    check()


@pytest.mark.slow
@some(EXAMPLES)
@given(st.data())
def test_arithmetic_is_that_of_the_definition(data: st.DataObject) -> None:
    z = Arithmetic()
    ends = [sorted(data.draw(st.tuples(st.integers(-9, 70), st.integers(-9, 70)))) for _ in range(2)]
    a, b = (z.variable(name, *at) for name, at in zip("ab", ends, strict=True))
    x, y = (data.draw(st.integers(*at)) for at in ends)
    op: BinaryOp = data.draw(st.sampled_from(OPERATORS))
    if op == "<<" and abs(y) > 9:
        y = 3
        b = constant(y)
    for number, value in (
        (z.binary(op, a, b), operate(op, x, y)),
        (z.wrap(4, a, signed=True), wrapped(x, 4, signed=True)),
        (z.wrap(3, a, signed=False), wrapped(x, 3, signed=False)),
        (z.unary("~", a), ~x),
        (z.choose(z.binary("<", a, b), a, b), min(x, y)),
    ):
        assert holds(z, number, value, {id(a): x, id(b): y}, (a, b))


def holds(z: Arithmetic, number: Num, value: int, at: dict[int, int], variables: tuple[Num, ...]) -> bool:
    """Whether a number may be a value, where variables have theirs."""
    solver = z3.Solver(ctx=z.context)
    for variable in variables:
        if variable.term is not None:
            solver.add(z.integer(variable) == at[id(variable)])
    solver.add(z.integer(number) == value)
    return number.lo <= value <= number.hi and solver.check() == z3.sat


def test_expressions_of_an_answer_are_bodies_of_clauses() -> None:
    system, prop = question(LOCK % GOOD)
    system = with_history(system)
    clauses = universal_invariant(system, prop)
    assert judge_universal(system, clauses, prop).ok
    assert not judge_universal(system, clauses[1:], prop).ok
    assert not violated(system, every(system, clauses))
    assert all(isinstance(clause.body, Binary) or clause.locations for clause in clauses)
