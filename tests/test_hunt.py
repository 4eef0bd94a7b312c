"""Hunting: the attacks of the shipped specs are found soon, and what is found does not depend on the clock."""

from __future__ import annotations

import time

import pytest

from verify.api import Options, check_file
from verify.engine.search import Exploration, Limits, Search, search
from verify.engine.verdict import Refuted, Trace
from verify.hunt import EVERY, PAIR, Ground, runs
from verify.instances import instance
from verify.ir import Expr, System
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.scenario import Branch, branches, meddling, ways
from verify.question import Memory, Question
from verify.semantics import holds, replay
from verify.strategy import GLANCE, decide
from verify.syntax import load_text

TEXT = """
struct task { spinlock_t l; bool on; };
u8 seen; bool open; u8 other;
void enter(void) { if (open) seen = seen < 3 ? seen + 1 : 3; }
void unlock(void) { open = true; }
void idle(void) { other = other ? 0 : 1; }
void noise(void) { current->on = !current->on; }
void user(void) { for (;;) choose { enter(); idle(); unlock(); noise(); } }
system { task t[*] runs user; }
invariant shut = seen < 3;
invariant fine = other < 2;
"""


def question(name: str) -> tuple[System, Expr]:
    """The system above, and a property of it."""
    program = load_text(TEXT)
    low = lower(program, "system")
    return low.system, invariant(program, low, name)


def hunted(name: str, *, sizes: tuple[int, ...] = (1, 2), seconds: float = 60, most: int | None = None) -> list[Trace]:
    """All runs that a hunt finds."""
    system, prop = question(name)
    deadline = time.monotonic() + seconds
    return list(runs(ways(system), prop, sizes, lambda part: part, deadline=deadline, report=lambda _: None, most=most))


def test_a_run_is_found_with_two_tasks_in_the_smallest_scenario() -> None:
    found = hunted("shut")
    assert found[0].instance.tasks == PAIR
    assert {m.function for step in found[0].steps for m in step.action.micro} <= {"enter", "unlock", "user"}
    _, prop = question("shut")
    for trace in found:
        assert replay(trace)
        assert not holds(trace.instance, prop, trace.states[-1])


def test_no_scenario_is_searched_for_what_cannot_be_or_when_time_is_up() -> None:
    assert not hunted("fine")
    assert not hunted("shut", seconds=-1)
    assert not hunted("shut", most=0)


def test_scenarios_grow_to_the_whole() -> None:
    system, prop = question("shut")
    ground = Ground(ways(system), prop, (1, 2), lambda part: part)
    places = list(ground.places())
    sizes = [len(chosen) for chosen, _, _ in places]
    assert sizes[0] == min(sizes) == 2
    assert places[-1][0] == frozenset(branches(system))
    assert ground.shrunk(places[0][0]) is ground.shrunk(places[0][0])


CALLS = """
struct task { spinlock_t l; bool on; bool marked; };
u8 seen;
void twice(void) { current->on = true; choose { seen = 1; seen = 2; } }
void other(void) { struct task *t = any(struct task); if (t->on) t->marked = true; }
void own(void) { if (current->on) current->marked = true; }
void user(void) { for (;;) choose { twice(); own(); other(); } }
system { task t[*] runs user; }
invariant unmarked = forall (struct task *t) !t->marked;
"""


def calls() -> tuple[Ground, list[Branch]]:
    """A hunt where three calls matter, the first of which goes on in one of two ways, and its four alternatives."""
    program = load_text(CALLS)
    low = lower(program, "system")
    prop = invariant(program, low, "unmarked")
    return Ground(ways(low.system), prop, (1, 2, 3), lambda part: part), list(branches(low.system))


def test_of_the_ways_to_go_on_one_leads() -> None:
    ground, (on, alike, own, other) = calls()
    places = list(ground.places())
    assert [chosen for chosen, _, _ in places[:2]] == [{on, own}, {on, other}]
    late = next(n for n, (chosen, _, _) in enumerate(places) if alike in chosen)
    assert {tasks for _, tasks, _ in places[:late]} == {1, 2, 3}


def test_with_more_tasks_what_one_does_to_another_comes_first() -> None:
    ground, (on, _, own, other) = calls()
    few = [frozenset({on, own}), frozenset({on, other})]
    assert [meddling(ground.ways, ground.prop, chosen) for chosen in few] == [0, 1]
    assert ground.ordered(few, PAIR) == few
    assert ground.ordered(few, PAIR + 1) == few[::-1]
    assert next(chosen for chosen, tasks, _ in ground.places() if tasks == PAIR + 1) == few[1]


def test_nothing_is_searched_twice() -> None:
    ground, _ = calls()
    for chosen, tasks, states in ground.fresh():
        assert ground.done.get((chosen, tasks), 0) < states
        ground.done[chosen, tasks] = EVERY if tasks < PAIR else states
    searched = [place for place in ground.places() if place[1] >= PAIR]
    assert all(ground.done[chosen, tasks] >= states for chosen, tasks, states in searched)


def test_a_search_goes_on_where_it_stopped() -> None:
    ground, _ = calls()
    chosen, tasks, _ = next(ground.places())
    whole = search(instance(ground.shrunk(chosen), tasks), ground.prop)
    first = ground.searched(chosen, tasks, Limits(max_states=1))
    assert not first.complete
    assert first.states < whole.states
    (going,) = ground.stopped.values()
    assert ground.searched(chosen, tasks, Limits()) == whole
    assert len(going.seen) == whole.states
    assert not ground.stopped


def test_what_is_said_to_hold_gets_a_glance_first() -> None:
    system, prop = question("shut")
    asked = Question(
        system, prop, 2, time.monotonic() + 60, "auto", lambda _: None, reduce=True, slice=True, memory=Memory()
    )
    assert isinstance(decide(asked), Refuted)
    assert hunted("shut", most=GLANCE)


ATTACKS = {  # file, claim, removed: with how many tasks a run is found
    ("fix.kc", "prove no_traced_kernel_thread", "ptrace_attach.check"): 3,
    ("fix.kc", "prove no_traced_kernel_thread", "kernel_thread.flag"): 3,
    ("fix.kc", "necessary kernel_thread.spin for not_dumpable_not_traced", None): 2,
    ("fix.kc", "necessary kernel_thread.check for not_dumpable_not_traced", None): 2,
    ("fix.kc", "necessary ptrace_attach.spin for not_dumpable_not_traced", None): 2,
    ("fix.kc", "refute flag_marks_kernel_threads", None): 2,
    ("fix.kc", "refute no_null_dereference", None): 2,
    ("fix.kc", "reach access_process_vm.poke", None): 2,
    ("ptrace/v0.kc", "refute no_traced_kernel_thread", None): 3,
    ("ptrace/v4.kc", "necessary compute_creds.bkl for no_traced_setuid_program", None): 2,
    ("mutants/mm_flag.kc", "refute no_traced_kernel_thread", None): 3,
}
MOST_STATES = 150_000  # that are explored; it takes up to 77,000


@pytest.mark.slow
@pytest.mark.parametrize(("file", "claim", "gone"), ATTACKS)
def test_an_attack_is_found_soon(file: str, claim: str, gone: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = dict[int, tuple[Exploration, Search]]()

    def counted(going: Exploration, limits: Limits) -> Search:
        explored[id(going)] = going, explore(going, limits)
        return explored[id(going)][1]

    explore = Exploration.explore
    monkeypatch.setattr(Exploration, "explore", counted)
    options = Options(claims=(claim,), without=(gone,) if gone else (), budget=120)
    result = check_file(file, options).claims[0]
    assert result.name.startswith(claim)
    assert result.verdict == "refuted"
    assert result.trace is not None
    assert result.trace.instance.tasks == ATTACKS[file, claim, gone]
    assert 0 < sum(found.states for _, found in explored.values()) < MOST_STATES


@pytest.mark.slow
def test_the_whole_exploit_is_found() -> None:
    (result,) = check_file("ptrace/v0.kc", Options(claims=("refute no_poked_kernel_thread",), budget=300)).claims
    assert result.verdict == "refuted"
