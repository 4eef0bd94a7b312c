"""Shorter runs, and systems held to the alternatives that threads take in a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest

from verify.api import Options, check_file, select
from verify.engine.search import search
from verify.instances import State, Step, Trace, instance
from verify.ir import Expr
from verify.judging import default_system
from verify.lower import lower
from verify.lower.claims import invariant, property_of
from verify.lower.held import doors, held, taken
from verify.lower.scenario import branches
from verify.semantics import holds, replay, successors
from verify.shorter import shorter
from verify.syntax import load_text

TEXT = """
struct task { u8 x; };
u8 n; u8 m;
void user(void) {
    for (;;) choose {
        n = 1;
        { m = 1; choose { if (n) m = 2; m = 3; } }
        n = 2;
    }
}
system { task t[2] runs user; }
invariant inv = m != 2;
"""


def violation() -> tuple[Trace, Expr]:
    """The shortest run to m == 2: one thread takes the first alternative, and one the first within the second."""
    program = load_text(TEXT)
    low = lower(program, "system")
    prop = invariant(program, low, "inv")
    trace = search(instance(low.system, 2), prop).trace
    assert trace is not None
    return trace, prop


def test_what_threads_take_is_read_off_a_run() -> None:
    trace, _ = violation()
    every = branches(trace.instance.system)
    assert sorted(b for found in taken(trace).values() for b in found) == [every[0], every[1]]


def test_a_thread_is_held_to_what_it_takes() -> None:
    trace, prop = violation()
    by = taken(trace)
    part = held(trace.instance, by)
    found = search(part.instance, prop, symmetry=False)
    assert found.trace is not None
    assert len(found.trace.steps) == len(trace.steps)
    run = part.freed(found.trace)
    assert replay(run)
    assert taken(run) == by
    whole = search(trace.instance, None, symmetry=False)
    some = search(part.instance, None, symmetry=False)
    assert some.complete
    assert some.states < whole.states


def test_nobody_is_held_who_takes_everything() -> None:
    trace, _ = violation()
    every = frozenset(branches(trace.instance.system))
    assert held(trace.instance, {1: every, 2: every}).instance == trace.instance


def test_doors_lead_to_what_is_not_taken() -> None:
    trace, _ = violation()
    system = trace.instance.system
    first, inner, other, last = branches(system)
    assert {system.locations[door].branch for door in doors(system, {first})} == {inner[:1], last}
    assert {system.locations[door].branch for door in doors(system, {first, inner[:1]})} == {inner, other, last}
    assert {system.locations[door].branch for door in doors(system, {inner})} == {first, other, last}
    assert doors(system, branches(system)) == frozenset()


def test_a_run_with_a_detour_becomes_shorter() -> None:
    trace, prop = violation()
    longer = next(detours(trace, prop))
    assert replay(longer)
    found = shorter(longer, prop, float("inf"))
    assert found is not None
    assert replay(found)
    assert len(found.steps) == len(trace.steps) < len(longer.steps)
    assert not holds(trace.instance, prop, found.states[-1])


def test_a_shortest_run_stays_and_what_follows_a_violation_does_not_count() -> None:
    trace, prop = violation()
    assert shorter(trace, prop, float("inf")) is None
    step, state = next(successors(trace.instance, trace.states[-1]))
    beyond = Trace(trace.instance, (*trace.states, state), (*trace.steps, step))
    assert shorter(beyond, prop, float("inf")) is None


def detours(trace: Trace, prop: Expr) -> Iterator[Trace]:
    """Longer runs to a first violation in which threads take what they take in the given one."""
    part = held(trace.instance, taken(trace))
    todo = deque[tuple[tuple[State, ...], tuple[Step, ...]]]([((trace.states[0],), ())])
    while todo:
        states, steps = todo.popleft()
        if not holds(part.instance, prop, states[-1]):
            if len(steps) > len(trace.steps):
                yield part.freed(Trace(part.instance, states, steps))
            continue
        todo += [((*states, state), (*steps, step)) for step, state in successors(part.instance, states[-1])]


@pytest.mark.parametrize("claim", ["reach kernel_thread.exit", "reach ptrace_attach.exit"])
def test_runs_are_as_short_as_a_search_of_the_whole_finds_them(claim: str) -> None:
    options = Options(claims=(claim,), tasks=2)
    selection = select("core.kc", options)
    result = check_file("core.kc", options).claims[0]
    low = selection.lower((default_system(selection.program), frozenset(), frozenset()))
    prop = property_of(selection.claims[0], selection.program, low)
    whole = search(instance(low.system, 2), prop).trace
    assert whole is not None
    assert result.trace is not None
    assert len(result.trace.steps) == len(whole.steps)
