"""Outcomes with a check and without it: the step that compares them, and what it is for, one thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from verify.alone import difference
from verify.diagnostics import InputError
from verify.instances import THREAD, Instance, Slot, State, instance
from verify.ir import PC
from verify.lower import Lowered, lower
from verify.semantics import Context, apply, contexts, initial_states, successors
from verify.syntax import load_text
from verify.syntax.program import Program

DECLARED = """
struct mm { bool seen; };
struct task { spinlock_t k; u8 n; bool a; struct mm *mm; u8 out; struct task *next; };
spinlock_t big;
u8 g;
"""
AROUND = """
void user(void)
{
        current->next = any(struct task);
        choose {
            { current->a = true; }
            { spin_lock(&big); g = 2; spin_unlock(&big); }
            { current->next = NULL; }
            { current->mm = new struct mm; }
        }
        current->out = f();
done>   barrier();
}
system { task user[*] runs user; }
"""
MOST_STATES = 150
CONDITIONS = (
    "current->a", "g == 1", "current->n < 2", "current->a && g == 2", "nondet()", "x == 1", "!current->a || g == 1",
    "current->next", "current->next->a",
)
VALUES = ("1", "2", "g", "current->n", "x", "(g + 1) & 3", "current->next->n")
EITHER = ("choose { return 1; return 2; }", "choose { return 2; return 1; }")
LAST = (*(f"return {value};" for value in VALUES), *EITHER * 3)
PLAIN = (
    "current->n = {v};", "g = {v};", "x = {v};", "current->a = !current->a;", "current->next->n = {v};",
    "foreach (struct task *c where c->a) c->n = 3;", "foreach (struct task *c) c->n = 3;", "assert(g != 2);",
    "assume(current->n != 2);", "m = new struct mm; if (m) current->mm = m;", "m = new struct mm; put(m);",
    "m = current->mm; current->mm = NULL; put(m);", "atomic {{ g = {v}; current->n = g; }}", "sleep();",
    "spin_lock(&current->k); g = {v}; spin_unlock(&current->k);", "spin_lock(&big); x = 1; spin_unlock(&big);",
    "if (!current->next) x = 2;",
    "current->a = nondet();", "if (nondet()) return 1;", "lock_kernel(); sleep(); unlock_kernel();",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A system with its outcomes compared, as it is, and without the check."""

    compared: Lowered
    plain: Lowered
    without: Lowered


@st.composite
def statements(draw: st.DrawFn, depth: int) -> str:
    """A few statements of `f`."""
    made = list[str]()
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.integers(0, 5)) if depth else 5
        inner = draw(statements(depth - 1)) if kind < 3 else ""
        if kind == 0:
            back = draw(st.sampled_from(["", "", f"return {draw(st.sampled_from(VALUES))};"]))
            made.append(f"if ({draw(st.sampled_from(CONDITIONS))}) {{ {inner} {back} }}")
        elif kind == 1:
            made.append(f"choose {{ {{ {inner} }} {{ {draw(statements(depth - 1))} }} }}")
        elif kind == 2:
            made.append(f"if ({draw(st.sampled_from(CONDITIONS))}) {{ {inner} }} else {{ x = 1; }}")
        else:
            made.append(draw(st.sampled_from(PLAIN)).format(v=draw(st.sampled_from(VALUES))))
    return " ".join(made)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A program with a function `f` that has a check, and threads that call it once."""
    cond, last = draw(st.sampled_from(CONDITIONS)), st.sampled_from(LAST)
    back, end = draw(st.sampled_from(["", draw(last)])), draw(last)
    return f"""{DECLARED}
u8 f(void)
{{
        u8 x = 0;
        struct mm *m;
        {draw(statements(1))}
check>  if ({cond}) {{ {draw(statements(1))} {back} }}
        {draw(statements(1))}
        {end}
}}
{AROUND}"""


def pair(program: Program) -> Pair:
    """The three systems of a program."""
    without = lower(program, "system", removed=frozenset({"f.check"}))
    return Pair(lower(program, "system", compare="f.check"), lower(program, "system"), without)


def reachable(inst: Instance, most: int) -> Iterator[State]:
    """States that the instance can come to."""
    todo, seen = list(initial_states(inst)), set[tuple[int, ...]]()
    for state in todo:  # which grows meanwhile
        if len(seen) > most:
            return
        if tuple(state.values()) not in seen:
            seen.add(tuple(state.values()))
            yield state
            todo += (after for _, after in successors(inst, state))


def moved(state: State, lowered: Lowered, inst: Instance, me: int, at: int) -> State:
    """A state as one of another lowering: other threads stand nowhere, for they take no step."""
    there = instance(lowered.system, inst.tasks)
    found = {slot: state.get(slot, var.default) for slot, var in there.slots().items()}
    for thread in range(1, inst.tasks + 1):
        found[Slot(THREAD, thread, PC)] = at if thread == me else 0
    return found


def alone(lowered: Lowered, state: State, tasks: int, me: int, fires: frozenset[int]) -> set[object]:
    """How a thread can end that goes on alone, step by step: at the end of its call, or in an error."""
    inst, ends = instance(lowered.system, tasks), lowered.labels["user.done"]
    todo, found = [(state, not fires)], set[object]()
    for here, fired in todo:  # which grows meanwhile; there are no loops
        at = here[Slot(THREAD, me, PC)]
        kind = lowered.system.locations[at].kind
        fired = fired or at in fires  # noqa: PLW2901
        if at in ends or kind != "run":
            shared = tuple((slot, value) for slot, value in here.items() if slot.cell != THREAD)
            found |= {("done" if at in ends else kind, shared)} if fired else set()
            continue
        context = Context(inst, here, me)
        todo += [
            (apply(action, bound), fired)
            for action in lowered.system.actions for _, bound in contexts(action, context)
        ]
    return found


def differs_step_by_step(both: Pair, inst: Instance, state: State, me: int) -> bool:
    """Whether one side has an outcome that the other has not, and both have some."""
    (before,), (there,) = both.plain.labels["f.check"], both.without.labels["f.check"]
    if state[Slot(THREAD, me, PC)] != before:
        return False
    mine = alone(both.plain, moved(state, both.plain, inst, me, before), inst.tasks, me, both.plain.fires["f.check"])
    other = alone(both.without, moved(state, both.without, inst, me, there), inst.tasks, me, frozenset())
    return bool(mine) and bool(other) and mine != other


def steps_to_difference(lowered: Lowered, inst: Instance, state: State, me: int) -> bool:
    """Whether the thread can take the step that compares."""
    assert lowered.compared is not None
    return any(
        step.thread == me and step.action.target == lowered.compared.differs for step, _ in successors(inst, state)
    )


@settings(max_examples=40, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(texts(), st.integers(1, 2))
def test_a_step_compares_what_a_thread_does_alone_step_by_step(text: str, tasks: int) -> None:
    try:
        both = pair(load_text(text))
    except InputError:
        return  # a statement that no path reaches, or what one step cannot be
    compared = both.compared.compared
    assert compared is not None
    inst = instance(both.compared.system, tasks)
    for state in reachable(inst, MOST_STATES):
        for me in range(1, tasks + 1):
            said = steps_to_difference(both.compared, inst, state, me)
            assert said == (difference(compared.forks, inst, state, me) is not None)
            if not compared.forks.why:
                assert said == differs_step_by_step(both, inst, state, me)
