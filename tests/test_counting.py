"""Counters of threads and of their pointers: they count, and what is assumed of them is so in every state."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.independent import shown
from verify.api import Options, check_file
from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.engine.verdict import Basis, Proved
from verify.explain.induction import counterexample
from verify.instances import THREAD, Instance, Slot, State, exact_tasks, instance, least_tasks
from verify.ir import (
    IDLE,
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
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Range,
    System,
    Threads,
    Update,
    Var,
)
from verify.lower import counting, lower
from verify.lower.claims import invariant
from verify.lower.counting import MOST, Counters, counters_of, with_counts
from verify.lower.history import with_history
from verify.lower.localize import shared_keys
from verify.lower.simplify import conj, disj, negate
from verify.lower.small import Guess, Passes, Small, small_for_proof
from verify.lower.whereabouts import with_whereabouts
from verify.resources import specs_root
from verify.semantics import holds, initial_states, successors
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.source import NOWHERE
from verify.syntax import load
from verify.unbounded import Tried, guesses, prove_small, prove_unbounded
from verify.universal import OBJECT, as_property

STATES = 600  # of an instance at most; what is beyond is not looked at
SECONDS = 10.0
KINDS = ("threads", "pointers")


HERE, NEW = Micro("", "f", NOWHERE), Binder("new", Ptr("obj"))


N, S, P = Global("n"), Global("s"), Local("p")
UP, DOWN = Update(N, Binary("+", N, Const(1))), Update(N, Binary("-", N, Const(1)))
ROOM, SOME = Binary("<", N, Const(3)), Binary(">", N, Const(0))
ENTER, LEAVE = Update(S, Binary("with", S, Me())), Update(S, Binary("without", S, Me()))
FREE = Binary("==", Field(Bound("new"), "obj", "#life"), Const(0))
BIRTH = (Update(Field(Bound("new"), "obj", "#life"), Const(1)), Update(P, Bound("new")))
POOL: Sequence[tuple[Expr, Sequence[Update]]] = [
    (TRUE, [ENTER]), (TRUE, [LEAVE]), (ROOM, [UP]), (SOME, [DOWN]), (TRUE, []),
    (TRUE, [Update(Field(Me(), "task", "x"), Const(1))]),
    (TRUE, [Update(P, Global("o"))]), (TRUE, [ENTER, Update(P, Global("o"))]), (TRUE, [Update(P, Const(0))]),
    (TRUE, [Update(P, Global("o"), when=SOME)]), (Binary("!=", P, Const(0)), [Update(Global("o"), P)]),
    (FREE, BIRTH), (FREE, BIRTH), (Binary("!=", P, Const(0)), [Update(Field(P, "obj", "#life"), Const(0))]),
    (Binary("!=", P, Const(0)), [Update(Global("o"), P), Update(P, Global("o"))]),
    (Binary("==", P, Global("o")), []), (Binary("!=", P, Const(0)), []),
]  # fmt: skip
Step = tuple[int, int, Expr, Sequence[Update]]


def made(*actions: Step, count: int | None = None) -> System:
    """Threads that begin at 1, with a pointer `p` to objects, a number `n` and a set `s`."""
    last = 1 + max(max(source, target) for source, target, *_ in actions)
    return System(
        "system",
        {
            "task": Class("task", (Var("#life", Range(0, 2)), Var("x", Range(0, 1)))),
            "obj": Class("obj", (Var("#life", Range(0, 2)),)),
        },
        "task",
        (Var("n", Range(0, 3)), Var("s", Threads()), Var("o", Ptr("obj"))),
        (Var(PC, Range(0, last)), Var("p", Ptr("obj"))),
        (Location("idle", "idle"), *(Location(f"f:{n}") for n in range(1, last + 1))),
        tuple(
            Action(source, target, guard, tuple(updates), (HERE,), (NEW,) if any(u in BIRTH for u in updates) else ())
            for source, target, guard, updates in actions
        ),
        (Group("t", count, 1, {}),),
        created=frozenset({"obj"}),
    )  # fmt: skip


@st.composite
def countable(draw: st.DrawFn) -> System:
    """A random system with history, of few locations between which threads do what can be counted."""
    last = draw(st.integers(2, 4))
    steps = list[Step]()
    for place in range(1, last + 1):
        for guard, updates in draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=2)):
            steps.append((place, draw(st.sampled_from([place % last + 1, draw(st.integers(1, last))])), guard, updates))
    return with_history(made(*steps, count=draw(st.sampled_from([None, None, 2, 3]))))


def some(examples: int) -> settings:
    """Settings with a number of examples; a system that fails is small enough as it is."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def few(system: System, most: int = 3) -> Instance:
    """A small instance."""
    exact = exact_tasks(system)
    return instance(system, max(least_tasks(system), most) if exact is None else exact)


def counts(inst: Instance, state: State, counters: Counters, most: int) -> Mapping[Slot, int]:
    """What every counter should say in a state."""
    found: Counter[Slot] = Counter()
    for (place, local, cls), name in counters.items():
        cells = range(1, inst.sizes[cls] + 1) if cls else [0]
        found.update(dict.fromkeys((Slot(cls, cell, name) for cell in cells), 0))
        for thread in range(1, inst.tasks + 1):
            if state[Slot(THREAD, thread, PC)] == place:
                leads = state[Slot(THREAD, thread, local)] if cls else 0
                if leads or not cls:
                    found[Slot(cls, leads, name)] += 1
    return {slot: min(number, most) for slot, number in found.items()}


def exact_states(counters: Counters, inst: Instance, most: int) -> list[State]:
    """States in which the counters are exact, and each step of the system keeps them so, in one way at least."""
    seen, todo, found = set[tuple[int, ...]](), list(initial_states(inst)), list[State]()
    while todo and len(found) < STATES:
        state = todo.pop()
        key = tuple(state.values())
        if key in seen:
            continue
        seen.add(key)
        found.append(state)
        assert counts(inst, state, counters, most).items() <= state.items()
        ways: dict[tuple[int, ...], bool] = {}
        for step, after in successors(inst, state):
            right = counts(inst, after, counters, most)
            plain = (step.thread, *(v for slot, v in after.items() if slot not in right))
            exact = right.items() <= after.items()
            ways[plain] = ways.get(plain, False) or exact
            if exact:
                todo.append(after)
        assert all(ways.values())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, MOST])
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("places", [False, True])
def test_counters_count(what: str, most: int, monkeypatch: pytest.MonkeyPatch, *, places: bool) -> None:
    monkeypatch.setattr(counting, "MOST", most)
    seen: Counter[str] = Counter()

    @some(20)
    @given(countable())
    def check(system: System) -> None:
        told = with_whereabouts(system) if places else system
        counters, counted = counters_of(told, what), with_counts(told, what)
        if not counters:
            assert counted.system == told
            assert counted.axioms == ()
            return
        inst = few(counted.system)
        true = conj(as_property(counted.system, axiom) for axiom in counted.axioms)
        for state in exact_states(counters, inst, most):
            seen["states"] += 1
            seen["some"] += any(counts(inst, state, counters, most).values())
            assert holds(inst, true, state)

    check()
    assert seen["some"] > 80, seen


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
def test_what_z3_accepts_where_counters_are_assumed_to_count_holds_in_small_instances(what: str) -> None:
    seen: Counter[str] = Counter()

    @some(20)
    @given(countable())
    def check(plain: System) -> None:
        system, axioms = (counted := with_counts(plain, what)).system, counted.axioms
        if not axioms:
            return
        try:
            clauses = universal_invariant(system, axioms=axioms, deadline=time.monotonic() + SECONDS)
            accepted = judge_universal(system, clauses, TRUE, axioms=axioms).ok
        except (NoViewsError, EncodingError):
            return
        assert shown(system, clauses, TRUE, axioms) is accepted
        if accepted:
            seen["proved"] += 1
            every = conj(as_property(system, clause) for clause in clauses)
            for tasks in range(least_tasks(system), 4) if exact_tasks(system) is None else [exact_tasks(system) or 1]:
                inst = instance(system, tasks)
                for state in exact_states(counters_of(plain, what), inst, MOST)[:100]:
                    assert holds(inst, every, state)

    check()
    assert seen["proved"] > 3, seen


# ---- systems by hand ------------------------------------------------------------------------------


def test_threads_between_which_nothing_is_done_are_counted_together() -> None:
    still = (2, 3, TRUE, [Update(Field(Me(), "task", "x"), Const(1))])
    system = made((1, 2, ROOM, [UP]), still, (3, 1, SOME, [DOWN]))
    assert counters_of(system, "threads") == {(2, "", ""): "#count.2", (3, "", ""): "#count.2"}
    assert counters_of(made((1, 2, ROOM, [UP]), (2, 1, SOME, [DOWN]), count=2), "threads") == {
        (1, "", ""): "#count.1", (2, "", ""): "#count.2",
    }  # fmt: skip


def test_a_semaphore_of_three_lets_three_in() -> None:
    system = with_history(made((1, 2, ROOM, [UP]), (2, 1, TRUE, [DOWN])))
    inside = Binary("||", Binary("!=", N, Const(0)), Binary("==", Global("#count.2"), Const(0)))
    found = with_counts(system, "threads")
    clauses = universal_invariant(found.system, axioms=found.axioms)
    assert judge_universal(found.system, clauses, inside, axioms=found.axioms).ok
    assert judge_universal(found.system, clauses, Binary("==", N, Global("#count.2")), axioms=found.axioms).ok
    assert not judge_universal(found.system, clauses, inside).ok  # that they count is what it rests on


def test_a_counter_that_is_full_may_stay_so() -> None:
    system = made((1, 2, TRUE, []), (2, 3, TRUE, [UP]), (3, 1, TRUE, [DOWN]))
    leaving = [a for a in with_counts(system, "threads").system.actions if a.source == 3]
    assert [binder.domain for binder in leaving[0].binders] == [Range(0, 1)]


def test_who_is_in_a_section_is_in_its_set() -> None:
    point, use = Update(P, Global("o")), Binary("!=", P, Const(0))
    steps: list[Step] = [(1, 2, TRUE, [ENTER, point]), (2, 3, use, []), (3, 1, TRUE, [LEAVE])]
    axioms = with_counts(made(*steps), "pointers").axioms
    some_there = Binary(">=", Field(Bound(OBJECT), "obj", "#count.2.p"), Const(1))
    said = [axiom.body for axiom in axioms if not axiom.thread]
    assert said == [disj([negate(some_there), Binary("!=", S, Const(0))])]
    for odd in (Update(S, Const(0)), Update(S, Binary("with", S, Me()), when=SOME)):
        assert all(a.thread for a in with_counts(made(*steps, (3, 3, TRUE, [odd])), "pointers").axioms)
    assert all(a.thread for a in with_counts(made((1, 2, TRUE, [point]), *steps[1:]), "pointers").axioms)


def test_nothing_is_counted_where_a_step_moves_another_thread() -> None:
    system = made((1, 2, ROOM, [UP]), (2, 1, TRUE, [Update(Local(PC, Me()), Const(IDLE))]))
    assert counters_of(system, "threads") == {}


# ---- the textbook systems ------------------------------------------------------------------------

TEXTBOOK = [
    ("refcount", "no_use_after_free", "pointers", False),
    ("rcu", "no_use_after_free", "pointers", False),
    ("bounded_buffer", "no_failed_assertion", "threads", False),
    ("readers_writers", "writer_alone", "threads", True),
]


def question(name: str, said: str) -> tuple[System, Expr]:
    program = load(specs_root() / "classics" / f"{name}.kc")
    lowered = lower(program, "system")
    return lowered.system, invariant(program, lowered, said)


@cache
def counted_proof(name: str, said: str, what: str, *, places: bool) -> tuple[Small, Basis]:
    """A small system in which something is counted, and what is proved of it."""
    system, prop = question(name, said)
    guess = Guess(shared_keys(system), spins=True, places=places, counts=what)
    small = small_for_proof(system, prop, guess, Passes())
    found = prove_small(small, Tried(), deadline=time.monotonic() + 120, report=lambda _: None)
    assert isinstance(found, Proved)
    assert found.basis is not None
    return small, found.basis


@pytest.mark.slow
@pytest.mark.parametrize(("name", "said", "what", "places"), TEXTBOOK)
def test_counters_prove_what_nothing_else_does(name: str, said: str, what: str, *, places: bool) -> None:
    small, basis = counted_proof(name, said, what, places=places)
    told = small.told()
    assert shown(told.system, basis.clauses, told.prop, told.axioms)
    assert not judge_universal(told.system, basis.clauses, told.prop).ok
    if what == "pointers" and name != "rcu":
        return  # once is enough
    system, prop = question(name, said)
    without = [guess for guess in guesses(system, prop) if not guess.counts]
    passes, tried, end = Passes(), Tried(), time.monotonic() + 60
    other = prove_unbounded(system, prop, without, tried, passes, deadline=end, report=lambda _: None)
    assert not isinstance(other, Proved)


@pytest.mark.slow
def test_a_counterexample_says_what_is_counted() -> None:
    small, basis = counted_proof("refcount", "no_use_after_free", "pointers", places=False)
    told, clauses = small.told(), basis.clauses
    said = set[str]()
    for gone in range(0, len(clauses), 3):
        rest = [*clauses[:gone], *clauses[gone + 1 :]]
        judgement = judge_universal(told.system, rest, told.prop, axioms=told.axioms)
        if not judgement.ok and judgement.failed[0].broken is not None:
            found = counterexample(told.system, judgement.failed[0].broken, small.names())
            said |= {line for line in (*found.before, *found.after) if "counted" in line}
            odd = [line for line in (*found.before, *found.after, found.false) if "#" in line or "chooses 0" in line]
            assert odd == []
    count = re.compile(r"\d threads? (is|are) counted at `[a-z.]+` \(ref.*\) from where `p` points to object 1")
    assert any(count.fullmatch(line) for line in said), said


@pytest.mark.slow
@pytest.mark.parametrize(("name", "what"), sorted({(name, what) for name, _, what, _ in TEXTBOOK}))
def test_what_is_broken_is_not_proved(name: str, what: str) -> None:
    spec = f"classics/{name}_broken.kc"
    found = check_file(spec, Options(claims=("refute",)))
    assert [claim.holds for claim in found.claims] == [True] * len(found.claims)
    program = load(specs_root() / spec)
    for claim in program.claims:
        if claim.kind == "refute" and claim.invariant and not claim.without:
            lowered = lower(program, claim.system or "system")
            prop = invariant(program, lowered, claim.invariant)
            guess = Guess(shared_keys(lowered.system), spins=True, places=what == "threads", counts=what)
            small = small_for_proof(lowered.system, prop, guess, Passes())
            assert isinstance(prove_small(small, Tried(), deadline=time.monotonic() + 10, report=lambda _: None), str)
