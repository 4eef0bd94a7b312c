"""The run of a claim as columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.handmade import attack, linked, refuted, shortest, system
from verify.engine.verdict import Trace
from verify.instances import Slot, instance
from verify.ir import (
    LIFE,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Referenced,
    Threads,
    Unary,
    Wrap,
)
from verify.lower import lower
from verify.lower.claims import invariant, never_at
from verify.report.names import bare, members, slot_name, value_name
from verify.report.result import ClaimResult
from verify.report.run import run
from verify.report.steps import change_name, lines, steps
from verify.report.story import story
from verify.report.text import plain
from verify.semantics import initial_states, successors
from verify.source import head
from verify.syntax import load_text

NARROW = """\
  start   task 1.task_dumpable = 0,  task 2.task_dumpable = 1
  locks   a = task 1.alloc_lock
      a task 1 (caller)       task 2 (tracer)
   1  1 task_lock(task);  → takes task 1.alloc_lock               kernel_thread.spin    kernel.kc:3
   2  1 old = task->task_dumpable;                                kernel_thread         kernel.kc:4
   3  1 task->task_dumpable = 0;                                  kernel_thread.flag    kernel.kc:5
   4  · task_unlock(task);  → releases task 1.alloc_lock          kernel_thread.unlock  kernel.kc:6
   5  · new = new struct task;                                    kernel_thread         kernel.kc:7
      · → task 3 created,  new: NULL → task 3
   6  · new->is_kernel_thread = true;                             kernel_thread.mark    kernel.kc:8
      · → task 3.is_kernel_thread: 0 → 1
   7  · publish(new);  → task 3 published                         kernel_thread.show    kernel.kc:9
   8  · │                     t = any(struct task);               ptrace_attach.pick    kernel.kc:13
      · │                     → t: NULL → task 3
   9  · │                     if (!is_dumpable(t) &&              ptrace_attach.check   kernel.kc:14
      · │                         !(capable(CAP_SYS_PTRACE) ||
      · │                         t->p_pptr == current))
  10  · │                     t->ptrace |= PT_PTRACED;            ptrace_attach.flag    kernel.kc:16
      · │                     → task 3.ptrace: 0 → 1
  ⇒ task 2 sets task 3.ptrace from 0 to 1 (ptrace_attach.flag, kernel.kc:16) while
    task 3.is_kernel_thread is 1 (by task 1 in step 6): no_traced_kernel_thread is false."""

NARROWER = """\
      a b task 1        task 2 (tracer)
   1  · 1 task_lock(task);  → takes task 1.alloc_lock       kernel_thread.spin
      · 1 │             │                                   kernel.kc:3
   2  · 1 old = task->task_dumpable;                        kernel_thread
      · 1 │             │                                   kernel.kc:4"""

WIDE = """\
      a b task 1 (caller)                task 2 (tracer)
   1  · 1 task_lock(task);               │                                          takes task 1.alloc_l\
ock         kernel_thread.spin    kernel.kc:3
   2  · 1 old = task->task_dumpable;     │                                                              \
            kernel_thread         kernel.kc:4"""


def shown(claim: ClaimResult, width: int) -> str:
    return plain(run(claim, width))


def test_changes_stand_after_or_below_the_source_where_there_is_little_room() -> None:
    assert shown(refuted(), 100) == NARROW


def test_the_place_takes_two_lines_where_there_is_less() -> None:
    assert "\n".join(shown(refuted(linked()), 80).splitlines()[2:7]) == NARROWER


def test_a_step_is_one_line_where_there_is_room() -> None:
    assert "\n".join(shown(refuted(linked()), 150).splitlines()[2:5]) == WIDE


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 240])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for claim in (refuted(), refuted(linked())):
        assert max(map(len, shown(claim, width).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_step_change_and_place_is_shown(width: int) -> None:
    text = shown(refuted(linked()), width)
    for number in range(1, 13):
        assert f"\n  {number:>2}  " in text
    squeezed = "".join(text.replace("│", "").split())
    for words in ("takestask1.alloc_lock", "kernel.kc:18", "ptrace_attach.link", "task3.p_pptr:NULL"):
        assert words in squeezed


def test_the_gutter_shows_the_owners_after_each_step() -> None:
    rows = [row for row in shown(refuted(linked()), 150).splitlines() if row[2:4].strip().isdigit()]
    assert [row[6:9] for row in rows] == ["· 1"] * 3 + ["· ·"] * 7 + ["2 ·"] * 2


def test_many_readers_are_one_mark() -> None:
    trace = linked()
    slot = Slot("", 0, "tasklist_lock")
    last = {**trace.states[-1], slot: 0b110}
    text = shown(refuted(Trace(trace.instance, (*trace.states[:-1], last), trace.steps)), 150)
    assert "\n  12  + · " in text


def test_a_run_without_steps_is_told_in_a_sentence() -> None:
    trace = attack()
    claim = refuted(Trace(trace.instance, trace.states[-1:], ()))
    end = "  ⇒ no_traced_kernel_thread is false at the start while task 3.is_kernel_thread is 1 and task 3.ptrace is 1."
    assert shown(claim, 200).splitlines()[-1] == end


def test_no_run_no_lines() -> None:
    assert shown(replace(refuted(), trace=None), 100) == ""


def test_three_columns_overlap_like_stairs() -> None:
    trace = attack()
    steps = tuple(step._replace(thread=(1, 2, 3)[i % 3]) for i, step in enumerate(trace.steps))
    text = shown(refuted(Trace(trace.instance, trace.states, steps)), 100)
    heading = next(row for row in text.splitlines() if "task 3" in row and "task 1" in row and "task 2" in row)
    starts = [heading.index(f"task {i}") for i in (1, 2, 3)]
    rows = [row for row in text.splitlines() if row[2:4].strip().isdigit()]
    for i, row in enumerate(rows):
        assert row[starts[i % 3]] not in " │"
        assert all(row[start] == "│" for start in starts[: i % 3])


def test_a_statement_loses_its_body() -> None:
    assert head("if (f(x) && (y)) return 1;") == "if (f(x) && (y))"
    assert head("while (x) { y(); }") == "while (x)"
    assert head("iffy(x);") == "iffy(x);"
    assert head("if (x") == "if (x"


def test_names_and_values() -> None:
    whole = system()
    assert slot_name(whole, Slot("thread", 1, "kernel_thread.old#2")) == "old"
    assert slot_name(whole, Slot("", 0, "tasklist_lock")) == "tasklist_lock"
    assert value_name(whole, Threads(), 0b101) == "{T1, T3}"
    assert value_name(whole, whole.classes["task"].fields[2].domain, 0x8000) == "0x8000"
    assert list(members(0b1010)) == [2, 4]


def test_locks_are_taken_and_released() -> None:
    names = [change_name(system(), change) for line in lines(linked()) for change in line.changes]
    assert names[0] == "takes task 1.alloc_lock"
    assert names[1] == "releases task 1.alloc_lock"
    assert "takes tasklist_lock" in names


def test_dead_locals_and_freed_objects_are_no_news() -> None:
    trace = attack()
    inst = instance(system(), 3)
    state = next(iter(initial_states(inst)))
    step, _ = next(iter(successors(inst, state)))
    dead = (Slot("task", 3, LIFE), Slot("task", 3, "ptrace"), Slot("thread", 2, "ptrace_attach.t#2"))
    gone = {**trace.states[-1], **dict.fromkeys(dead, 0)}
    (line,) = lines(Trace(inst, (trace.states[-1], gone), (step,)))
    assert [change_name(inst.system, change) for change in line.changes] == ["task 3 freed"]


# ---- runs of lowered programs --------------------------------------------------------------------

COPY = """\
struct mm { bool dumpable = true; };
struct task { unsigned a : 2 = 1; unsigned b : 2 = 2; struct mm *mm; bool done = false; };

static void helper(void) { }

void user(void)
{
    struct task *p = new struct task;
    bool seen;

    if (!p)
        return;
    current->a = 3;
copy>   *p = *current;
    seen = current->done;
    if (seen)
        return;
    seen = current->a;
    publish(p);
done>   current->done = seen;
    seen = 0;
}

system { task init runs user with { mm = new struct mm; }; }
"""


def lowered_run(text: str, label: str) -> Trace:
    """The shortest run to a label, in the smallest instance with room for one more task."""
    program = load_text(text)
    lowered = lower(program, "system")
    return shortest(instance(lowered.system, 2), never_at(lowered.system, lowered.labels[label]))


def test_the_steps_of_a_statement_are_one_line_and_control_is_none() -> None:
    trace = lowered_run(COPY, "user.done")
    told = {line.text: [change_name(trace.instance.system, change) for change in line.changes] for line in lines(trace)}
    assert told == {
        "struct task *p = new struct task;": ["task 2 created", "p: NULL → task 2"],
        "current->a = 3;": ["task 1.a: 1 → 3"],
        "*p = *current;": ["task 2.a: 1 → 3", "task 2.mm: NULL → mm 1"],
        "seen = current->done;": [],
        "seen = current->a;": ["seen: 0 → 1"],
        "publish(p);": ["task 2 published"],
    }
    assert len(trace.steps) > len(told)
    assert len(steps(trace)) == len(trace.steps)


def test_numbers_are_those_of_the_first_step_and_the_story_uses_them() -> None:
    trace = lowered_run(COPY, "user.done")
    told = lines(trace)
    copy = next(line for line in told if line.place == "user.copy")
    assert copy.last > copy.number
    claim = replace(refuted(trace), broken=Binary("!=", Field(Const(2), "task", "a"), Const(3)))
    assert f"while task 2.a is 3 (by task 1 in step {copy.number})" in story(claim)
    assert f"\n  {copy.number:>2}  *p = *current;" in shown(claim, 100)


def test_a_condition_is_shown_with_its_word() -> None:
    text = COPY.replace("seen = current->done;\n    if (seen)", "if (current->done)")
    assert "if (current->done)" in [line.text for line in lines(lowered_run(text, "user.done"))]


def test_what_a_local_is_set_to_is_news_and_what_it_loses_is_none() -> None:
    text = COPY.replace("    seen = 0;\n}", "    seen = !seen;\nend>    current->b = seen;\n}")
    trace = lowered_run(text, "user.end")
    changes = {line.text: [change_name(trace.instance.system, c) for c in line.changes] for line in lines(trace)}
    assert changes["seen = !seen;"] == ["seen: 1 → 0"]
    assert changes["publish(p);"] == ["task 2 published"]


def test_an_error_stops_the_thread() -> None:
    text = "struct task { struct task *next; bool f; };\nvoid user(void)\n{\nset>    current->next->f = 1;\n}\n"
    program = load_text(text + "system { task init runs user; }\n")
    lowered = lower(program, "system")
    trace = shortest(instance(lowered.system, 1), invariant(program, lowered, "no_null_dereference"))
    assert "task 1 dereferences NULL" in shown(replace(refuted(trace), broken=None), 100)
    assert story(replace(refuted(trace), broken=None)).startswith(
        "task 1 dereferences NULL in `current->next->f = 1;` (user.set, <text>:4)"
    )


def test_readers_take_a_lock_for_reading() -> None:
    text = (
        "rwlock_t list;\nstruct task { bool f; };\nvoid user(void)\n{\n    read_lock(&list);\n"
        "end>    read_unlock(&list);\n}\nsystem { task init runs user; }\n"
    )
    trace = lowered_run(text, "user.end")
    assert "takes list for reading" in shown(refuted(trace), 100)


CHOICE = """\
struct task { spinlock_t lock; bool f; };
void touch(struct task *t)
{
take>   spin_lock(&t->lock);
set>    t->f = true;
give>   spin_unlock(&t->lock);
end>    t->f = true;
}
void user(void) { for (;;) touch(any(struct task)); }
system { task init[2] runs user; }
"""


def test_a_free_choice_is_told_where_no_change_tells_it() -> None:
    program = load_text(CHOICE)
    lowered = lower(program, "system")
    other = Binary("||", Field(Const(2), "task", "f"), Binary("!=", Field(Const(1), "task", "f"), Const(1)))
    trace = shortest(instance(lowered.system, 2), other)
    assert [line.picks for line in lines(trace) if line.picks] == [("picks task 1",)]
    assert "picks task 1" in shown(refuted(trace), 100)


def test_removed_guards_are_named_once_and_then_passed_over() -> None:
    program = load_text(CHOICE)
    lowered = lower(program, "system", removed=frozenset({"touch.take"}))
    prop = never_at(lowered.system, lowered.labels["touch.end"])
    trace = shortest(instance(lowered.system, 2), prop)
    claim = replace(refuted(trace), removed=("touch.take",))
    rows = shown(claim, 100).splitlines()
    assert rows[0] == "  without touch.take"
    assert "spin_lock" not in "\n".join(rows)
    assert "spin_unlock" not in "\n".join(rows)
    assert "t->f = true;" in "\n".join(rows)


def test_reading_what_is_shared_is_no_mere_control() -> None:
    trace = attack()
    shared = Field(Const(1), "task", "ptrace")
    guards: list[tuple[Expr, bool]] = [
        (Global("tasklist_lock"), True), (Referenced(Const(1), "task"), True), (Unary("!", shared), True),
        (Wrap(8, False, shared), True), (Binary("+", Const(1), shared), True), (Ite(Const(1), Const(0), shared), True),
        (Quant("exists", Binder("k", Ptr("task")), Field(Bound("k"), "task", "ptrace")), True),
        (Local("ptrace_attach.t#2"), False), (Binary("==", Me(), Bound("o")), False),
    ]
    for guard, read in guards:
        step = trace.steps[0]
        action = replace(step.action, guard=guard, updates=())
        (line,) = steps(Trace(trace.instance, (trace.states[0], trace.states[0]), (step._replace(action=action),)))
        assert line.quiet is not read


def test_a_local_without_a_name_has_none() -> None:
    assert [bare(name) for name in ("f.old", "f.old#2", "f.#1:0..255", "f.#2")] == ["old", "old", "", ""]
