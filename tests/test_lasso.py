"""The judge of runs that go on for ever: they are runs, fair to every thread, and somebody waits in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests import fair
from tests.strategies import explore
from verify.instances import THREAD, Instance, Slot, Trace, instance
from verify.ir import PC
from verify.lasso import Lasso, Starved, is_fair_run, starved
from verify.lower import Lowered, lower
from verify.response import Response
from verify.semantics import initial_states, successors
from verify.syntax import load_text

SPIN = """
struct task { bool in; };
spinlock_t big;
void user(void)
{
    for (;;) {
take>   spin_lock(&big);
free>   spin_unlock(&big);
    }
}
system { task user[2] runs user; }
no_starvation big;
"""
ONCE = SPIN.replace("for (;;) {", "{")


def lowered(text: str) -> Lowered:
    return lower(load_text(text), "system")


def going(inst: Instance, threads: Sequence[int], loop: int) -> Lasso:
    """The run in which these threads step, each as it can."""
    states, steps = [next(initial_states(inst))], []
    for thread in threads:
        step, state = next((step, state) for step, state in successors(inst, states[-1]) if step.thread == thread)
        steps.append(step)
        states.append(state)
    return Lasso(Trace(inst, tuple(states), tuple(steps)), loop)


def round_of(found: Lowered, threads: Sequence[int]) -> Lasso:
    """The run in which these threads step until a state comes back that was there before, then no more."""
    for length in range(1, len(threads) + 1):
        lasso = going(instance(found.system, 2), threads[:length], 0)
        *before, last = lasso.trace.states
        if last in before:
            return replace(lasso, loop=before.index(last))
    raise AssertionError("no state comes back")


def taking(found: Lowered) -> Response:
    return Response(found.waiting["big"])


def place(found: Lowered, label: str) -> int:
    (location,) = found.labels[label]
    return location


# ---- fairness ------------------------------------------------------------------------------------


def test_a_thread_that_is_never_let_go_on_makes_a_run_unfair() -> None:
    found = lowered(SPIN)
    assert not is_fair_run(round_of(found, [1] * 12))  # thread 2 could come to the lock all the time


def test_a_thread_that_can_step_now_and_then_only_may_be_left_out() -> None:
    found = lowered(SPIN)
    lasso = round_of(found, [2, 2, *[1] * 12])  # thread 2 stands at the lock, which is taken again and again
    assert is_fair_run(lasso)
    assert starved(lasso, taking(found)) == Starved(2, 2)


def test_a_run_may_stay_where_nobody_can_step() -> None:
    found = lowered(ONCE)
    inst = instance(found.system, 2)
    lasso = going(inst, [1, 1, 2, 2], 4)
    assert is_fair_run(lasso)
    assert starved(lasso, taking(found)) is None
    assert not is_fair_run(going(inst, [1, 1], 2))


def test_a_lasso_has_to_come_back_to_where_it_says() -> None:
    found = lowered(SPIN)
    lasso = round_of(found, [2, 2, *[1] * 12])
    assert lasso.loop > 0
    for wrong in (0, -1, len(lasso.trace.steps) + 1):
        assert not is_fair_run(replace(lasso, loop=wrong))


def test_every_step_has_to_be_one_of_the_system() -> None:
    lasso = round_of(lowered(SPIN), [2, 2, *[1] * 12])
    trace = lasso.trace
    jump = replace(trace, states=(*trace.states[:3], *trace.states[4:]), steps=(*trace.steps[:3], *trace.steps[4:]))
    assert not is_fair_run(Lasso(jump, lasso.loop))
    elsewhere = {slot: 1 if slot.name == PC else value for slot, value in trace.states[0].items()}
    assert not is_fair_run(Lasso(replace(trace, states=(elsewhere, *trace.states[1:])), lasso.loop))


# ---- responses -----------------------------------------------------------------------------------


def test_what_is_got_before_the_round_or_in_it_is_got() -> None:
    found = lowered(SPIN)
    lasso = round_of(found, [1, 1, 1, 2, 2, *[1] * 12])
    free = place(found, "user.free")
    assert starved(lasso, Response(frozenset({place(found, "user.take")}), frozenset({free}))) == Starved(2, 5)
    entry = next(iter(found.begins["user"]))
    only_first = Response(frozenset({entry}), frozenset({place(found, "user.take")}))
    assert starved(lasso, only_first) is None


def test_what_is_got_in_the_round_is_got_again() -> None:
    found = lowered(SPIN)
    lasso = round_of(found, [2, 2, *[1] * 12])
    take, free = (frozenset({place(found, label)}) for label in ("user.take", "user.free"))
    places = [state[Slot(THREAD, 1, PC)] for state in lasso.trace.states]
    assert not take & set(places[places.index(*free) :])  # until the run begins its round anew
    assert starved(lasso, Response(free, take)) is None


def test_without_an_end_a_response_ends_anywhere_else() -> None:
    assert Response(frozenset({3})).ends(4)
    assert not Response(frozenset({3})).ends(3)
    assert not Response(frozenset({3}), frozenset()).ends(4)


@pytest.mark.parametrize(("text", "good"), [(SPIN, False), (ONCE, True)])
def test_the_graph_of_all_states_says_the_same(text: str, *, good: bool) -> None:
    found = lowered(text)
    space = explore(instance(found.system, 2), 400)
    assert space is not None
    assert fair.holds(space, taking(found)) is good
