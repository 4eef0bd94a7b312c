"""Expansion: what a run of a small system says of the whole, and what it does not."""

from __future__ import annotations

from verify.engine.search import search
from verify.instances import THREAD, Slot, instance
from verify.ir import Expr, System
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.expand import expand
from verify.lower.localize import localize, shared_keys
from verify.lower.reduce import reduce
from verify.lower.slice import slice_for
from verify.semantics import holds, replay
from verify.syntax import load_text

HEAD = "struct task { u8 x; }; u8 n; u8 hidden; bool bad; spinlock_t l;\n"
TAIL = "\nsystem { task t[2] runs user; }\ninvariant fine = !bad;\n"


def question(body: str) -> tuple[System, Expr]:
    """Tasks that run `body`, and that it never sets `bad`."""
    program = load_text(f"{HEAD}void user(void) {{ {body} }}{TAIL}")
    low = lower(program, "system")
    return low.system, invariant(program, low, "fine")


def test_a_local_that_is_zero_and_still_read_is_known() -> None:
    system, prop = question("bool e = !nondet(); if (n == 0) n = 1; if (!e) bad = true;")
    small = slice_for(reduce(system, prop), prop)
    found = search(instance(small, 2), prop).trace
    assert found is not None
    assert all(state[Slot(THREAD, 1, var.name)] == 0 for state in found.states for var in small.locals[1:])
    run = expand(found, instance(system, 2), shared_keys(system)).trace
    assert run is not None
    assert replay(run)
    assert not holds(run.instance, prop, run.states[-1])


def test_a_run_that_is_none_says_what_would_have_shown_it() -> None:
    system, prop = question("spin_lock(&l); if (hidden) bad = true; hidden = 1; hidden = 0; spin_unlock(&l);")
    small = reduce(slice_for(localize(system, {("", "bad")}), prop), prop)
    found = search(instance(small, 2), prop).trace
    assert found is not None
    expansion = expand(found, instance(system, 2), {("", "bad")})
    assert expansion.trace is None
    assert frozenset({("", "hidden")}) in expansion.reasons


def test_steps_that_the_small_system_has_not_are_found() -> None:
    system, prop = question("hidden = 1; spin_lock(&l); n = 1; spin_unlock(&l); if (n) bad = true;")
    small = reduce(slice_for(localize(system, {("", "bad"), ("", "n")}), prop), prop)
    found = search(instance(small, 2), prop).trace
    assert found is not None
    expansion = expand(found, instance(system, 2), {("", "bad"), ("", "n")})
    assert expansion.trace is not None
    assert replay(expansion.trace)
    assert len(found.steps) < len(expansion.trace.steps)
