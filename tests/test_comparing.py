"""Two versions compared: what differs in their text, their claims, and what each can be seen to do alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings

from tests.programs import Example, examples
from verify.api import Options, diff_files
from verify.cli import main
from verify.comparing.behaviour import behaviour
from verify.comparing.words import Event, Limits, Machine, OutOfReachError, machine
from verify.diagnostics import InputError
from verify.instances import THREAD, Instance, Slot, State, instance, least_tasks
from verify.ir import System
from verify.judging import Selection
from verify.lower import lower
from verify.lower.observe import EVENT, WHO, eventful, numbered, observable, observed, says, silent
from verify.report.diff import DiffResult, diff_lines, diff_text, exit_code
from verify.report.text import plain
from verify.schedule import silent as unheard
from verify.selecting import select
from verify.semantics import initial_states, replay, successors
from verify.syntax import load_text

MANY = 500
FOREVER = Limits(float("inf"))

COUNTER = """
struct counter { unsigned total : 2 = 0; };
struct task { bool idle = false; };
spinlock_t big;
struct counter all;

static int take(void)
{
    int got;

spin:  spin_lock(&big);
    got = all.total;
    all.total = got + 1;
    spin_unlock(&big);
    return got;
}

void user(void) { take(); }
system { task worker[2] runs user; }
invariant few = all.total <= 2;
prove few;
lock_balanced;
"""

DOOR = """
struct task { bool allowed; bool inside = false; };

int enter(bool knock)
{
    if (!knock)
        return -1;
    current->inside = true;
    return 0;
}

void user(void) { enter(nondet()); }
system { task guest[1] runs user with { allowed = nondet(); }; }
invariant invited = forall (struct task *t) !(t->inside && !t->allowed);
refute invited;
"""
GUARD = "check:  if (!current->allowed)\n        return -13;\n"
CHECKED = DOOR.replace("    if (!knock)\n", f"{GUARD}    if (!knock)\n").replace(
    "refute invited;", "prove invited;\nnecessary enter.check for invited;"
)


def compared(tmp_path: Path, before: str, after: str, **options: Any) -> DiffResult:
    for name, text in (("a.kc", before), ("b.kc", after)):
        (tmp_path / name).write_text(text)
    result = diff_files(str(tmp_path / "a.kc"), str(tmp_path / "b.kc"), Options(**{"budget": 10.0, **options}))
    for one in result.behaviour.differences:
        assert replay(one.trace)
    return result


def told(result: DiffResult, able: str) -> list[list[str]]:
    return [[h.text for h in one.happenings] for one in result.behaviour.differences if one.able.endswith(able)]


def test_spelling_comments_and_labels_are_no_difference(tmp_path: Path) -> None:
    other = COUNTER.replace("spin:", "acquire>").replace("    got = all.total;", "    { got = all.total; ; } // here")
    result = compared(tmp_path, COUNTER, other)
    assert exit_code(result) == 0
    assert not result.texts.functions
    assert [(c.name, c.word) for c in result.texts.guards] == [("take.spin", "dropped"), ("take.acquire", "added")]
    assert not result.behaviour.differences
    assert [(one.tasks, one.complete) for one in result.behaviour.looked] == [(2, True)]
    assert "no difference is seen: compared are all runs of any number of events with 2 tasks" in plain(
        diff_lines(result, 120)
    )


def test_a_lock_that_is_removed_lets_two_get_the_same(tmp_path: Path) -> None:
    other = COUNTER.replace("spin:  spin_lock(&big);", "").replace("    spin_unlock(&big);", "")
    result = compared(tmp_path, COUNTER, other)
    assert exit_code(result) == 1
    assert told(result, "a.kc") == []
    (events,) = told(result, "b.kc")
    assert sorted(event for event in events if "ret" in event) == [f"task {n}: take returns 0" for n in (1, 2)]
    assert [change.name for change in result.texts.functions] == ["take"]
    assert result.behaviour.differences[0].shortest


def test_a_check_that_is_added_refuses_whom_the_other_lets_in(tmp_path: Path) -> None:
    result = compared(tmp_path, DOOR, CHECKED)
    assert exit_code(result) == 1
    assert told(result, "a.kc") == []  # a guest may be allowed, in which case both do the same
    assert told(result, "b.kc")[0] == ["task 1 calls enter(knock = false)", "task 1: enter returns -13"]
    assert [(row.statement, row.differs) for row in result.rows] == [("invited", True)]
    assert [(one.claim, one.reason) for one in result.left] == [
        ("invited without enter.check", "which has no `enter.check`")
    ]
    assert [(c.name, c.word) for c in result.texts.guards] == [("enter.check", "added")]


def test_errors_are_seen(tmp_path: Path) -> None:
    result = compared(tmp_path, COUNTER, COUNTER.replace("    return got;", "    assert(got == 0);\n    return got;"))
    assert told(result, "b.kc")[0][-1] == "task 1 fails the assertion"


def test_claims_of_one_are_carried_to_the_other(tmp_path: Path) -> None:
    other = COUNTER.replace("prove few;", "invariant one = all.total <= 1;\nrefute one;")
    result = compared(tmp_path, COUNTER, other)
    assert sorted(row.statement for row in result.rows) == ["few", "lock_balanced", "one"]
    assert {row.differs for row in result.rows} == {False}
    assert not result.left


def test_invariants_of_one_name_that_say_different_things_are_two(tmp_path: Path) -> None:
    result = compared(tmp_path, COUNTER, COUNTER.replace("all.total <= 2", "all.total <= 1"))
    names = [row.statement for row in result.rows if row.statement.startswith("few")]
    assert names == [f"few [{tmp_path}/a.kc]", f"few [{tmp_path}/b.kc]"]
    assert {row.differs for row in result.rows} == {False}


def test_what_a_version_has_no_words_for_is_left(tmp_path: Path) -> None:
    other = COUNTER.replace("spinlock_t big;", "spinlock_t big;\nbool done = false;").replace(
        "prove few;", "invariant ended = !done;\nprove ended;"
    )
    result = compared(tmp_path, COUNTER, other)
    (left,) = result.left
    assert (left.claim, Path(left.file).name) == ("ended", "a.kc")
    assert "done" in left.reason
    assert [change.name for change in result.texts.declarations] == ["done"]


def test_what_is_cut_short_is_not_called_the_same(tmp_path: Path) -> None:
    result = compared(tmp_path, COUNTER, COUNTER, budget=0.0)
    assert exit_code(result) == 3
    assert not result.behaviour.looked[0].complete


def test_differences_that_no_run_shows_are_not_called_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.comparing.behaviour.GRACE", -1.0)
    other = COUNTER.replace("return got;", "return got + 1;")
    result = compared(tmp_path, COUNTER, other)
    assert result.behaviour.lost
    assert exit_code(result) == 3
    assert "no run was made" in plain(diff_lines(result, 100))


def test_more_starts_than_may_be_looked_at_are_out_of_reach() -> None:
    of = made(CALLS, 2)
    with pytest.raises(OutOfReachError):
        of.starts(Limits(float("inf"), states=0))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a.kc", DOOR), ("b.kc", CHECKED), ("c.kc", "struct")):
        (tmp_path / name).write_text(text)
    a, b, c = (str(tmp_path / name) for name in ("a.kc", "b.kc", "c.kc"))
    assert main(["diff", a, b, "--for", "system"]) == 1
    assert "enter returns -13" in capsys.readouterr().out
    assert main(["diff", a, b, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == "verify-diff/1"
    assert said["differences"][0]["events"][-1]["function"] == "enter"
    assert main(["diff", a, a, "--system", "none"]) == 2
    assert main(["diff", a, c]) == 2
    assert "KC" in capsys.readouterr().err


@pytest.mark.slow
def test_the_checks_that_the_mail_calls_not_needed_are_seen() -> None:
    """The side effects of 2003: an undumpable task is refused, an exiting one is an oops."""
    versions = [select(name, Options()) for name in ("fix.kc", "ptrace/v4.kc")]
    pair = [Selection(v.file, v.program, ()) for v in versions]
    found = behaviour(pair, ["system", "system"], ((), ()), Options(tasks=2, budget=40.0), unheard)
    ends = {(one.able, one.happenings[-1].text.partition(" ")[2].partition(" ")[2]) for one in found.differences}
    assert ("fix.kc", "dereferences NULL") in ends
    assert ("fix.kc", "ptrace_check_attach returns -1") in ends
    assert ("ptrace/v4.kc", "access_process_vm returns 1") in ends
    assert all(replay(one.trace) for one in found.differences)
    assert diff_text(DiffResult("a", "b", behaviour=found))


# ---- words: what is followed at once is what the definition steps through one by one -------------------------------

CALLS = """
struct obj { unsigned a : 1; };
struct task { unsigned x : 1; };
bool g;
int set(bool v) { bool was = g; g = v; if (was) return 1; return 0; }
int look(struct task *t) { if (t->x) return 2; t->x = 1; return 0; }
void hide(void) { if (nondet()) g = true; }
void both(void) { hide(); set(true); }
void user(void) { struct task *t = any(struct task); choose { look(t); both(); { hide(); assert(!g); } } }
system { task init[*] runs user; }
"""


def naive(inst: Instance, length: int) -> set[tuple[Event, ...]]:
    """The words of up to so many events, by all runs of the definition."""
    names = [slot for slot in inst.slots() if not slot.cell and says(slot.name)]

    def split(state: State) -> tuple[State, Event | None]:
        values = {slot.name: state[slot] for slot in names}
        rest = {slot: 0 if slot in names else v for slot, v in state.items()}
        number, thread = values.pop(EVENT), values.pop(WHO)
        shown = tuple(sorted((name, value) for name, value in values.items() if value))
        return rest, Event(thread, number, shown) if number else None

    words = set[tuple[Event, ...]]()
    todo: list[tuple[State, tuple[Event, ...]]] = [(state, ()) for state in initial_states(inst)]
    seen = set[object]()
    while todo:
        state, word = todo.pop()
        key = (tuple(state.values()), word)
        if key in seen:
            continue
        seen.add(key)
        words.add(word)
        for _, after in successors(inst, state):
            rest, event = split(after)
            if event is None:
                todo.append((rest, word))
            elif len(word) < length:
                todo.append((rest, (*word, event)))
    return words


def followed(of: Machine, length: int) -> Iterator[tuple[Event, ...]]:
    level: list[tuple[tuple[Event, ...], frozenset[int]]] = [((), of.starts(FOREVER))]
    for number in range(length + 1):
        yield from (word for word, _ in level)
        if number < length:
            level = [((*word, e), after) for word, s in level for e, after in of.after(s, FOREVER).items()]


def made(text: str, tasks: int) -> Machine:
    program = load_text(text)
    functions = [name for name in observable(program) if name != "user"]
    numbers = numbered(functions)
    lowered = lower(observed(program, functions, numbers), "system")
    return machine(eventful(lowered.system, numbers), tasks)


@pytest.mark.parametrize("tasks", [1, 2])
def test_words_are_those_of_the_definition(tasks: int) -> None:
    of = made(CALLS, tasks)
    expected = naive(of.inst, 3)
    assert set(followed(of, 3)) == expected
    for word in sorted(expected, key=lambda w: (len(w), w))[:: 7 if tasks == 2 else 1]:
        trace = of.run(word, FOREVER)
        assert trace is not None
        assert replay(trace)
        assert tuple(event for event, _ in of.seen_of(trace)) == word
        assert of.accepts(word, FOREVER)
    absent = (*max(expected, key=len), *max(expected, key=len))
    assert of.run(absent, FOREVER) is None
    assert not of.accepts(absent, FOREVER)


@settings(max_examples=8, deadline=None, phases=(Phase.generate,), derandomize=True)
@given(examples())
def test_calls_that_are_made_visible_change_no_state(example: Example) -> None:
    """What programs do to shared memory is the same, whether their calls are seen or not."""
    try:
        program = load_text(example.text)
    except InputError:
        assume(False)
    functions = sorted(observable(program) - {"user"})
    numbers = numbered(functions)
    seen = silent(eventful(lower(observed(program, functions, numbers), "system").system, numbers))
    assert (shared(lower(program, "system").system) == shared(seen)) is True


def shared(system: System) -> set[tuple[tuple[Slot, int], ...]]:
    """The states of shared memory; none if there are too many to see them all."""
    inst = instance(system, least_tasks(system))
    todo = list(initial_states(inst))
    seen, found = set[tuple[int, ...]](), set[tuple[tuple[Slot, int], ...]]()
    while todo:
        state = todo.pop()
        if (key := tuple(state.values())) not in seen:
            if len(seen) == MANY:
                return set()
            seen.add(key)
            found.add(tuple((slot, value) for slot, value in state.items() if slot.cell != THREAD))
            todo += [after for _, after in successors(inst, state)]
    return found
