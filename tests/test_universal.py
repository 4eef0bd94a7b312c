"""Universal invariants: found by views of one thread and one object, judged by Z3 for any number of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from verify.engine.parametric.finder import NoViewsError, universal_invariant
from verify.instances import Instance, State, instance
from verify.ir import FALSE, TRUE, Binder, Bound, Const, Expr, Field, Local, Me, Ptr, Static, System, Update
from verify.lower import lower
from verify.lower.claims import invariant
from verify.lower.history import of_history, with_history
from verify.semantics import holds, initial_states, successors
from verify.smt.universal import judge_universal
from verify.smt.widths import EncodingError
from verify.syntax import load_text
from verify.universal import as_property, prenex

FORK = """
struct task {
    spinlock_t lock;
    bool marked = false;
    bool seen = false;
};
void child(void) { current->marked = false; }
void user(void)
{
    struct task *p;
    for (;;)
        choose {
            {
                p = new struct task;
                if (p) {
                    p->marked = true;
                    publish(p);
                    spawn(p, child);
                }
            }
            {
                p = any(struct task);
                spin_lock(&p->lock);
                if (!p->marked)
                    p->seen = true;
                p->seen = false;
                spin_unlock(&p->lock);
            }
        }
}
system { task init[*] runs user; }
invariant seen_under_lock unless held(t->lock) = forall (struct task *t) !t->seen;
invariant never_seen = forall (struct task *t) !t->seen;
prove seen_under_lock;
refute never_seen;
"""


def small(name: str) -> tuple[System, Expr]:
    """The system with history of FORK, and an invariant of it."""
    program = load_text(FORK)
    low = lower(program, "system")
    system = with_history(low.system)
    return system, of_history(system, invariant(program, low, name))


def reachable(inst: Instance, most: int) -> Iterator[State]:
    """States of an instance, nearest first."""
    seen: set[tuple[int, ...]] = set()
    queue = list(initial_states(inst))
    while queue and len(seen) < most:
        state = queue.pop(0)
        key = tuple(state.values())
        if key not in seen:
            seen.add(key)
            yield state
            queue += [after for _, after in successors(inst, state)]


def test_what_holds_for_any_number_of_tasks_is_judged_so() -> None:
    system, prop = small("seen_under_lock")
    judgement = judge_universal(system, universal_invariant(system), prop)
    assert judgement.ok
    assert judgement.count > len(system.actions)


def test_what_does_not_hold_is_not_implied() -> None:
    system, prop = small("never_seen")
    judgement = judge_universal(system, universal_invariant(system), prop)
    assert [failed.name for failed in judgement.failed] == ["safety x 1"]


@pytest.mark.parametrize("body", [TRUE, FALSE])
def test_an_invariant_with_a_clause_changed_is_rejected(body: Expr) -> None:
    system, prop = small("seen_under_lock")
    found = universal_invariant(system)
    real = [n for n, c in enumerate(found) if c.locations and not c.cls and c.body not in (TRUE, FALSE)]
    rejected = 0
    for number in real[::4]:
        changed = (*found[:number], replace(found[number], body=body), *found[number + 1 :])
        rejected += not judge_universal(system, changed, prop).ok
    assert rejected == len(real[::4]) if body == FALSE else rejected


def test_a_location_where_nobody_is_said_to_be_is_not_where_threads_begin() -> None:
    system, prop = small("seen_under_lock")
    found = universal_invariant(system)
    entry = system.groups[0].entry
    nowhere = [replace(c, body=FALSE) if c.locations and entry in c.locations else c for c in found]
    assert not judge_universal(system, nowhere, prop).ok


@pytest.mark.slow
def test_every_state_of_an_instance_satisfies_the_invariant() -> None:
    system, _ = small("seen_under_lock")
    inst = instance(system, 2)
    said = [as_property(system, clause) for clause in universal_invariant(system)]
    states = list(reachable(inst, 120))
    assert len(states) == 120
    assert all(holds(inst, clause, state) for state in states for clause in said)


def test_a_quantifier_inside_a_property_is_not_prenex() -> None:
    _, prop = small("seen_under_lock")
    conjuncts = prenex(prop)
    assert conjuncts is not None
    assert [len(binders) for binders, _ in conjuncts] == [1]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Update(Local("#pc", Field(Me(), "task", "#maker")), Const(0)), "another thread's locals"),
        (
            Update(Field(Bound("c"), "task", "seen"), Field(Field(Bound("c"), "task", "#maker"), "task", "seen"),
                   Binder("c", Ptr("task"))),
            "pointers of every object",
        ),
    ],
)  # fmt: skip
def test_a_step_that_few_cells_cannot_tell_is_refused(change: Update, why: str) -> None:
    system, prop = small("seen_under_lock")
    first, *rest = system.actions
    odd = replace(system, actions=(replace(first, updates=(*first.updates, change)), *rest))
    with pytest.raises(EncodingError, match=why):
        judge_universal(odd, [], prop)


def test_a_static_object_is_refused() -> None:
    system, prop = small("seen_under_lock")
    with pytest.raises(EncodingError, match="static"):
        judge_universal(replace(system, statics=(Static("it", "task"),)), [], prop)


def test_time_is_up_at_once() -> None:
    system, _ = small("seen_under_lock")
    with pytest.raises(NoViewsError, match="out of time"):
        universal_invariant(system, deadline=0)
