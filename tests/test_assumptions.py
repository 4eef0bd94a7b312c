"""Assumptions: what steps keep to, which programs are none, and that every reader of the system agrees."""

from __future__ import annotations

import time
from collections import Counter

from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

from tests.programs import PROPERTIES, examples
from verify.diagnostics import InputError
from verify.engine.verdict import Proved, Refuted
from verify.instances import THREAD, Instance, State, instance, least_tasks
from verify.ir import Expr
from verify.lower import Lowered, lower
from verify.lower.claims import invariant
from verify.question import Memory, Question
from verify.semantics import holds, initial_states, successors
from verify.strategy import decide
from verify.syntax import load_text
from verify.syntax.program import Program

STATES = 600  # of an instance, at most
SHARED = (
    *PROPERTIES,
    "forall (struct task *t) !t->y",
    "forall (struct task *t) t->x != 1 || g",
    "forall (struct obj *p) !p->f || !g",
    "forall (struct task *t) (!t->y || n == 1) && !(g && n == 2)",
    "forall (struct task *t) !(t->o && t->o->f)",
    "forall (struct task *t) !(at(t, user.here) && t->x == 1)",
    "forall (struct task *t) !(at(t, user.here) && g) && !held(gl)",
    "forall (struct task *s, struct task *t) s == t || !(at(s, user.here) && at(t, user.here))",
)  # fmt: skip
HEAD = """
struct task { unsigned x : 2; bool cap; bool y; };
bool g;
void user(void)
{
here>   current->y = true;
        current->x |= 1;
set>    g = true;
        current->y = false;
}
"""


def program(rest: str, *, head: str = HEAD) -> Program:
    return load_text(f"{head}\n{rest}\n")


def reachable(inst: Instance, kept: Expr | None, most: int = STATES) -> set[tuple[tuple[object, int], ...]] | None:
    """All states that a run comes to through states that are kept; None if they are too many."""
    good = [state for state in initial_states(inst) if kept is None or holds(inst, kept, state)]
    seen = {as_key(state): state for state in good}
    todo = list(seen.values())
    while todo:
        for _, state in successors(inst, todo.pop()):
            if as_key(state) not in seen and (kept is None or holds(inst, kept, state)):
                seen[as_key(state)] = state
                todo.append(state)
        if len(seen) > most:
            return None
    return {shared(state) for state in seen.values()}


def as_key(state: State) -> tuple[int, ...]:
    return tuple(state.values())


def shared(state: State) -> tuple[tuple[object, int], ...]:
    """What is seen of a state: where threads are, and all but their locals and what assumptions added."""
    return tuple(
        (slot, value) for slot, value in state.items()
        if (slot.cell != THREAD or slot.name == "#pc") and not slot.name.startswith("#at ")
    )  # fmt: skip


# ---- the definition ------------------------------------------------------------------------------


@st.composite
def questions(draw: st.DrawFn) -> tuple[Program, str, int]:
    """A random program with an assumption, and a number of tasks."""
    example = draw(examples())
    text = example.text.replace("void user(void) {", "void user(void) { here:;", 1)
    text += f"assume so: {draw(st.sampled_from(SHARED))};\ninvariant kept = {{}};\n"
    cond = text[text.rindex("assume so: ") + len("assume so: ") :].partition(";\n")[0]
    text = text.replace("invariant kept = {}", f"invariant kept = {cond}")
    note(text)
    try:
        program = load_text(text)
    except InputError as error:
        note(str(error))
        assume(False)
        raise
    return program, example.invariant, 2


def both(program: Program) -> tuple[Lowered, Lowered]:
    """The system with the assumption and without it."""
    try:
        return lower(program, "system"), lower(program, "system", removed=frozenset({"so"}))
    except InputError as error:
        note(str(error))
        assume(False)
        raise


def some(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def agree(question: tuple[Program, str, int], seen: Counter[str]) -> None:
    """The states of the system under the assumption are those that are come to through states that keep to it."""
    program, _, tasks = question
    under, free = both(program)
    tasks = max(tasks, least_tasks(free.system))
    kept = invariant(program, free, "kept")
    measure = reachable(instance(free.system, tasks), kept)
    assume(measure is not None)
    found = reachable(instance(under.system, tasks), None, 4 * STATES)
    seen["all"] += 1
    seen["fewer"] += found != reachable(instance(free.system, tasks), None)
    assert found == measure


def test_a_run_goes_on_only_where_the_assumption_holds() -> None:
    seen = Counter[str]()

    @some(25)
    @given(questions())
    def check(question: tuple[Program, str, int]) -> None:
        agree(question, seen)

    check()
    assert seen["fewer"] > seen["all"] // 8 > 0, seen


def decided(question: tuple[Program, str, int], seen: Counter[str]) -> None:
    """What is decided under an assumption, whatever the passes do, is what the states say."""
    program, name, tasks = question
    under, free = both(program)
    tasks = max(tasks, least_tasks(free.system))
    prop, plain = invariant(program, under, name), invariant(program, free, name)
    kept = invariant(program, free, "kept")
    broken = violated(instance(free.system, tasks), kept, plain)
    assume(broken is not None)
    asked = Question(
        under.system, prop, tasks, time.monotonic() + 6, "auto", lambda _: None, True, True, Memory(), hunt=bool(broken)
    )  # fmt: skip
    verdict = decide(asked)
    seen[type(verdict).__name__] += 1
    assert not (isinstance(verdict, Proved) and broken)
    assert not (isinstance(verdict, Refuted) and not broken and verdict.scope.tasks == tasks)


def violated(inst: Instance, kept: Expr, prop: Expr) -> bool | None:
    """Whether a run through states that are kept comes to one in which a property is false; None if it is not known."""
    seen = {as_key(state): state for state in initial_states(inst) if holds(inst, kept, state)}
    todo = list(seen.values())
    while todo:
        state = todo.pop()
        if not holds(inst, prop, state):
            return True
        for _, after in successors(inst, state):
            if as_key(after) not in seen and holds(inst, kept, after):
                seen[as_key(after)] = after
                todo.append(after)
        if len(seen) > STATES:
            return None
    return False
