"""The run of a claim as columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handmade import attack, linked, refuted, system

from verify.engine.verdict import Trace
from verify.instances import Slot, instance
from verify.ir import LIFE, Threads
from verify.report.result import ClaimResult
from verify.report.run import run
from verify.report.steps import change_name, head, lines, members, slot_name, value_name
from verify.report.text import plain
from verify.semantics import initial_states, successors

NARROW = """\
  start  task 1.task_dumpable = 0,  task 2.task_dumpable = 1
  locks  a = task 1.alloc_lock
      a task 1 (caller)                    task 2 (tracer)
   1  1 task_lock(task);                   │                                    kernel_thread.spin
      1 → takes task 1.alloc_lock          │                                    kernel.kc:3
   2  1 old = task->task_dumpable;         │                                    kernel_thread
      1 │                                  │                                    kernel.kc:4
   3  1 task->task_dumpable = 0;           │                                    kernel_thread.flag
      1 │                                  │                                    kernel.kc:5
   4  · task_unlock(task);                 │                                    kernel_thread.unlock
      · → releases task 1.alloc_lock       │                                    kernel.kc:6
   5  · new = new struct task;             │                                    kernel_thread
      · → task 3 created                   │                                    kernel.kc:7
      · → new: NULL → task 3               │
   6  · new->is_kernel_thread = true;      │                                    kernel_thread.mark
      · → task 3.is_kernel_thread: 0 → 1   │                                    kernel.kc:8
   7  · publish(new);                      │                                    kernel_thread.show
      · → task 3 published                 │                                    kernel.kc:9
   8  · │                                  t = any(struct task);                ptrace_attach.pick
      · │                                  → t: NULL → task 3                   kernel.kc:13
   9  · │                                  if (!is_dumpable(t) &&               ptrace_attach.check
      · │                                      !(capable(CAP_SYS_PTRACE) ||     kernel.kc:14
      · │                                      t->p_pptr == current))
  10  · │                                  t->ptrace |= PT_PTRACED;             ptrace_attach.flag
      · │                                  → task 3.ptrace: 0 → 1               kernel.kc:16
  ⇒ task 2 sets task 3.ptrace from 0 to 1 (ptrace_attach.flag, kernel.kc:16) while
    task 3.is_kernel_thread is 1 (by task 1 in step 6): no_traced_kernel_thread is false."""

WIDE = """\
      a b task 1 (caller)                task 2 (tracer)
   1  · 1 task_lock(task);               │                                          takes task 1.alloc_lock         \
kernel_thread.spin    kernel.kc:3
   2  · 1 old = task->task_dumpable;     │                                                                          \
kernel_thread         kernel.kc:4"""


def shown(claim: ClaimResult, width: int) -> str:
    return plain(run(claim, width))


def test_changes_stand_below_the_source_where_there_is_little_room() -> None:
    assert shown(refuted(), 100) == NARROW


def test_a_step_is_one_line_where_there_is_room() -> None:
    assert "\n".join(shown(refuted(linked()), 150).splitlines()[2:5]) == WIDE


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 240])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for claim in (refuted(), refuted(linked())):
        assert max(map(len, shown(claim, width).splitlines())) <= width


@pytest.mark.parametrize("width", [60, 100, 160])
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
