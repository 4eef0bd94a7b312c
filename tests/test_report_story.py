"""The sentence at the end of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.handmade import INVARIANT, attack, linked, refuted
from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot
from verify.ir import (
    BOOL,
    FALSE,
    LIFE,
    PC,
    TRUE,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Location,
    Ptr,
    Quant,
    Range,
    Referenced,
    Unary,
    Wrap,
)
from verify.report.story import blame, story
from verify.syntax.ast import ClaimKind

PTRACE, KERNEL = Slot("task", 3, "ptrace"), Slot("task", 3, "is_kernel_thread")


def field(name: str, index: int = 3) -> Expr:
    return Field(Const(index), "task", name)


def slots(prop: Expr) -> list[Slot]:
    return [fact.slot for fact in blame(attack(), prop)]


def test_who_did_what_where_and_since_when() -> None:
    assert story(refuted()) == (
        "task 2 sets task 3.ptrace from 0 to 1 (ptrace_attach.flag, kernel.kc:16) while task 3.is_kernel_thread is 1 "
        "(by task 1 in step 6): no_traced_kernel_thread is false."
    )


def test_no_run_no_story() -> None:
    assert story(replace(refuted(), trace=None)) == ""


@pytest.mark.parametrize(
    ("kind", "guard", "end"),
    [
        ("dead", "ptrace_attach.check", "ptrace_attach.check fires"),
        ("lock_balanced", None, "a lock is kept"),
        ("necessary", "ptrace_attach.check", "no_traced_kernel_thread is false"),
    ],
)
def test_the_end_says_what_it_means_for_the_claim(kind: ClaimKind, guard: str | None, end: str) -> None:
    claim = replace(refuted(), kind=kind, guard=guard)
    assert story(claim).endswith(f": {end}.")


def test_without_the_property_the_last_changes_are_told() -> None:
    assert story(replace(refuted(), broken=None)) == (
        "task 2 sets task 3.ptrace from 0 to 1 (ptrace_attach.flag, kernel.kc:16): no_traced_kernel_thread is false."
    )


def cut(length: int) -> Trace:
    trace = linked()
    return Trace(trace.instance, trace.states[: length + 1], trace.steps[:length])


@pytest.mark.parametrize(
    ("length", "deed"),
    [
        (1, "task 1 takes task 1.alloc_lock (kernel_thread.spin, kernel.kc:3)"),
        (2, "task 1 takes the step `old = task->task_dumpable;` (kernel_thread, kernel.kc:4)"),
        (4, "task 1 releases task 1.alloc_lock (kernel_thread.unlock, kernel.kc:6)"),
        (5, "task 1 creates task 3 and sets new from NULL to task 3 (kernel_thread, kernel.kc:7)"),
        (7, "task 1 publishes task 3 (kernel_thread.show, kernel.kc:9)"),
        (11, "task 2 takes tasklist_lock (ptrace_attach.list, kernel.kc:17)"),
    ],
)
def test_deeds(length: int, deed: str) -> None:
    claim = replace(refuted(cut(length)), broken=None)
    assert story(claim) == f"{deed}: no_traced_kernel_thread is false."


@pytest.mark.parametrize(
    ("kind", "deed"),
    [("null", "dereferences NULL"), ("freed", "uses a freed object"), ("assert", "fails the assertion")],
)
def test_an_error_of_the_thread_is_told(kind: str, deed: str) -> None:
    trace = cut(2)
    state = trace.states[-1]
    pc = state[Slot(THREAD, 1, PC)]
    whole = trace.instance.system
    locations = list(whole.locations)
    locations[pc] = Location(kind, kind)  # type: ignore[arg-type] # one of them
    inst = replace(trace.instance, system=replace(whole, locations=tuple(locations)))
    claim = replace(refuted(Trace(inst, trace.states, trace.steps)), broken=None)
    assert story(claim).startswith(f"task 1 {deed} in `old = task->task_dumpable;` (kernel_thread, kernel.kc:4)")


def test_a_deadlock_says_where_everybody_waits() -> None:
    trace = cut(0)
    claim = replace(refuted(trace), kind="deadlock_free")
    assert story(claim) == (
        "nobody can step: task 1 waits at kernel_thread.spin, kernel.kc:3; "
        "task 2 waits at ptrace_attach.pick, kernel.kc:13."
    )


def test_where_a_thread_stands_is_a_fact() -> None:
    trace = cut(3)
    pc = trace.states[-1][Slot(THREAD, 1, PC)]
    claim = replace(refuted(trace), broken=Binary("!=", Local(PC, Const(1)), Const(pc)))
    assert story(claim) == (
        "task 1 takes the step `task->task_dumpable = 0;` (kernel_thread.flag, kernel.kc:5) while task 1 is at "
        "kernel_thread.unlock: no_traced_kernel_thread is false."
    )


def test_a_local_is_told_with_its_thread() -> None:
    claim = replace(refuted(), broken=Binary("==", Local("kernel_thread.new", Const(1)), Const(0)))
    assert "while task 1's new is task 3 (by task 1 in step 5)" in story(claim)


def test_blame_names_the_reason_and_no_more() -> None:
    kernel, ptrace = field("is_kernel_thread"), field("ptrace")
    assert slots(INVARIANT) == [KERNEL, PTRACE]
    assert slots(Binary("&&", Unary("!", kernel), Unary("!", ptrace))) == [KERNEL]
    assert slots(Binary("||", Unary("!", kernel), Unary("!", ptrace))) == [KERNEL, PTRACE]
    assert slots(Ite(kernel, Unary("!", ptrace), TRUE)) == [KERNEL, PTRACE]
    assert slots(Ite(Unary("!", kernel), TRUE, Unary("!", ptrace))) == [KERNEL, PTRACE]
    assert slots(Binary("==", Wrap(8, False, Ite(kernel, ptrace, FALSE)), Const(0))) == [KERNEL, PTRACE]
    assert slots(Binary("!=", Global("tasklist_lock"), Const(0))) == [Slot("", 0, "tasklist_lock")]
    assert slots(Binary("==", field(LIFE), Const(0))) == []


def test_blame_under_quantifiers() -> None:
    k = Binder("k", Ptr("task"))
    traced = Field(Bound("k"), "task", "ptrace")
    assert slots(Quant("exists", k, Binary(">", traced, Const(1)))) == []  # all are to blame: none is named
    assert slots(Unary("!", Quant("exists", k, traced))) == [PTRACE]
    assert slots(Quant("forall", k, Quant("forall", Binder("b", BOOL), Unary("!", traced)))) == [PTRACE]
    assert slots(Binary("<", Quant("exists", k, traced), Quant("exists", Binder("n", Range(1, 1)), Bound("n")))) == []


def test_blame_follows_pointers() -> None:
    trace = linked()
    tracer = Field(field("p_pptr"), "task", "ptrace")
    found = [fact.slot for fact in blame(trace, tracer)]
    assert found == [Slot("task", 3, "p_pptr"), Slot("task", 2, "ptrace")]
    found = [fact.slot for fact in blame(trace, Unary("!", Referenced(field("p_pptr"), "task")))]
    assert found == [Slot("task", 3, "p_pptr")]


def test_a_fact_knows_its_last_writer() -> None:
    kernel, ptrace = blame(attack(), INVARIANT)
    assert (kernel.value, kernel.step, kernel.thread) == (1, 6, 1)
    assert (ptrace.value, ptrace.step, ptrace.thread) == (1, 10, 2)
    (start,) = blame(attack(), Unary("!", field("task_dumpable", 2)))
    assert start.step is None


def test_locks_are_free_or_held() -> None:
    lock = field("alloc_lock", 1)
    assert "while task 1.alloc_lock is free (by task 1 in step 4)" in story(replace(refuted(), broken=lock))
    taken = replace(refuted(cut(3)), broken=Unary("!", lock))
    assert "while task 1.alloc_lock is held by task 1 (by task 1 in step 1)" in story(taken)


def test_a_label_is_come_to() -> None:
    claim = replace(refuted(cut(3)), kind="reach", guard="kernel_thread.unlock")
    assert story(claim) == (
        "task 1 comes to kernel_thread.unlock after `task->task_dumpable = 0;` (kernel_thread.flag, kernel.kc:5)."
    )
    assert story(replace(claim, trace=cut(0))) == "kernel_thread.unlock is reached at the start."
