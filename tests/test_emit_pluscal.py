"""The PlusCal of systems: what is written. What it means is compared in `test_pluscal_by_tlc`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.test_emit_tla import SYSTEM, WHOLE, errors
from verify.api import Options, export_file, select
from verify.cli import main
from verify.emit.idents import camel
from verify.emit.pluscal.algorithm import specify
from verify.emit.pluscal.branches import Await, Do, Either, If, With, branches, negated
from verify.emit.pluscal.idents import FIXED, RESERVED, namer_of_pluscal
from verify.emit.pluscal.remarks import remark
from verify.emit.pluscal.threads import parked, shared_locals
from verify.emit.properties import EmitError
from verify.emit.tla.layout import WIDTH
from verify.exporting.pluscal import export_pluscal, pluscal_files
from verify.exporting.subject import subject
from verify.ir import (
    IDLE,
    PC,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Micro,
    Ptr,
    Unary,
    Update,
)
from verify.source import NOWHERE, Source, Span

GOLDEN = Path(__file__).parent / "golden" / "pluscal"


@cache
def exported(spec: str) -> str:
    options = Options()
    return export_pluscal(subject(select(spec, options), options, "X"))[0].text


def label(text: str, name: str) -> list[str]:
    """The statements of a label, without its comment and their indentation."""
    found = re.search(rf"^{name}: .*\n((?:    .*\n)+)", text, re.MULTILINE)
    assert found, name
    return [line.strip() for line in found[1].splitlines()]


# ---- whole modules -------------------------------------------------------------------------------


def test_files_are_those_of_the_golden_ones() -> None:
    options = Options()
    found = pluscal_files(subject(select("classics/philosophers.kc", options), options, "X"))
    assert sorted(found) == sorted(path.name for path in GOLDEN.iterdir())
    for name, text in found.items():
        assert text == (GOLDEN / name).read_text(encoding="ascii"), name


@pytest.mark.parametrize("spec", WHOLE)
def test_modules_are_tla_with_an_algorithm(spec: str) -> None:
    text = exported(spec)
    assert errors(text) == []
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    title = text.split()[2]
    assert title == camel(Path(spec).stem) + "Pcal"
    assert f"(* --algorithm {title} {{\n" in text
    assert "\n} *)\n\\* BEGIN TRANSLATION\n\\* END TRANSLATION\n" in text


def test_the_same_input_gives_the_same_bytes() -> None:
    first = exported("core.kc")
    exported.cache_clear()
    assert exported("core.kc") == first


def test_labels_are_those_of_the_module_of_tla() -> None:
    text = exported("core.kc")
    head = r"^kernel_thread_flag: +\\\* task->task_dumpable = 0; +core\.kc:\d+$"
    assert re.search(head, text, re.MULTILINE)
    assert label(text, "kernel_thread_flag") == ["task_dumpable[self] := FALSE;"]
    assert label(text, "kernel_thread_spin") == ["task_lock(alloc_lock[self]);"]
    assert "macro task_lock(l) { await l = NULL; l := self; }" in text


def test_who_is_started_is_told_where_to_begin_and_waits_at_idle() -> None:
    text = exported("core.kc")
    assert label(text, "arch_kernel_thread_wake")[0].startswith('runs[arch_kernel_thread_p[self]] := "helper_euid"')
    begun = label(text, "idle")
    assert 'runs[self] := "idle" || euid[self] := 0;' in begun
    assert "helper_euid:" not in text
    assert "StartedOnce ==" in text


def test_without_anybody_started_nothing_is_said_of_that() -> None:
    assert "StartedOnce" not in exported("classics/peterson.kc")
    files = pluscal_files(subject(select("core.kc", Options()), Options(), "X"))
    configs = [text for name, text in files.items() if name.endswith(".cfg")]
    assert len(configs) > 2
    assert all("INVARIANTS\n    StartedOnce\n" in text for text in configs)


def test_locals_are_the_processes_unless_others_read_them() -> None:
    declared, process = exported("core.kc").split("process (", 1)
    assert "user_tmp2 = [t \\in Tasks |-> NULL];" in declared  # a pointer to a task, for TaskReferenced
    assert "    kernel_thread_ret = 0;" in process


def test_a_start_is_told_by_what_threads_run_or_by_a_choice_of_numbers() -> None:
    assert 'euid = [t \\in Tasks |-> IF runs[t] = "user_1" THEN 1 ELSE 0];' in exported("core.kc")
    shared = exported("classics/philosophers.kc")  # three groups that begin at one place
    assert "first \\in UNION {s.first : s \\in {s \\in Starts : runs \\in s.runs" in shared
    assert 'runs = [t \\in Tasks |-> "user_1"];' in exported("classics/test_and_set.kc")


# ---- statements ----------------------------------------------------------------------------------


MICRO = Micro("", "f", NOWHERE)
A, B = Global("a"), Binary("==", Global("b"), Const(1))


def action(guard: Expr, target: int = 1, *updates: Update, binders: tuple[Binder, ...] = ()) -> Action:
    return Action(1, target, guard, updates, (MICRO,), binders)


def test_opposite_tests_are_an_if_and_shared_ones_are_made_once() -> None:
    one, two, three = action(A, 1), action(Binary("&&", Unary("!", A), B), 2), action(Unary("!", A), 3)
    assert branches([one]) == Await(A, Do(one))
    assert branches([one, two]) == If(A, Do(one), Await(B, Do(two)))
    assert branches([two, three]) == Await(Unary("!", A), Either((Await(B, Do(two)), Do(three))))
    assert branches([action(TRUE, 1), one]) == Either((Do(action(TRUE, 1)), Await(A, Do(one))))


def test_ways_that_a_test_before_excludes_are_left_out() -> None:
    one, two, three = action(A, 1), action(Unary("!", A), 2), action(Binary("&&", Unary("!", A), A), 3)
    assert branches([one, two, three]) == If(A, Do(one), Do(two))
    assert branches([one, three, three]) == If(A, Do(one), Await(A, Either((Do(three), Do(three)))))


def test_tests_of_chosen_values_stay_behind_the_choice() -> None:
    binders = (Binder("p", Ptr("task")),)
    mine = Binary("==", Bound("p"), Me())
    one, two = action(mine, 1, binders=binders), action(negated(mine), 2, binders=binders)
    ways = (With(binders, Await(mine, Do(one))), With(binders, Await(negated(mine), Do(two))))
    assert branches([one, two]) == Either(ways)


@pytest.mark.parametrize("cond", [A, B, Unary("!", A), Binary("<", A, B)])
def test_the_opposite_of_an_opposite(cond: Expr) -> None:
    assert negated(negated(cond)) == cond


def written(*actions: Action) -> str:
    return specify("M", replace(SYSTEM, actions=actions), [], []).text


LOCK = Field(Me(), "task", "lock")
TAKE = Binary("==", LOCK, Const(0)), Update(LOCK, Me())
COUNT, B_IS = Update(Global("count"), Binary("+", Global("count"), Const(1))), Binary("==", Global("count"), Const(1))


def test_what_a_step_stores_is_one_assignment() -> None:
    text = written(Action(2, 2, TRUE, (COUNT, Update(Global("b"), B_IS), Update(Local("f.p"), Me())), (MICRO,)))
    assert label(text, "f_2") == ["count := (count + 1) || global_b := Num(count = 1) || f_p := self;", "goto f_2;"]


def test_stores_to_cells_are_apart_and_those_to_all_are_whole() -> None:
    one, two = Field(Me(), "task", "flags"), Field(Local("f.p"), "task", "flags")
    whom = Bound("whom")
    each = Update(Field(whom, "task", "flags"), Const(3), Binder("whom", Ptr("task")), Field(whom, "task", "on"))
    assert label(written(Action(2, 2, TRUE, (Update(one, Const(1)), Update(two, Const(2))), (MICRO,))), "f_2") == [
        "flags[self] := 1 || flags[f_p] := 2;", "goto f_2;",
    ]  # fmt: skip
    assert label(written(Action(2, 2, TRUE, (Update(one, Const(1)), each), (MICRO,))), "f_2") == [
        "flags := [whom \\in Tasks |-> IF on[whom] THEN 3 ELSE ([flags EXCEPT ![self] = 1])[whom]];", "goto f_2;",
    ]  # fmt: skip


def test_a_lock_is_taken_by_a_macro_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.kc"
    path.write_text("take(&lock);")
    micro = Micro("", "f", Span(Source(str(path), path.read_text()), 0, 12))
    guard, update = TAKE
    alone = Action(2, 2, guard, (update, Update(Local("f.p"), Me())), (micro,))
    assert label(written(alone), "f_2") == ["take(lock[self]);", "f_p := self;", "goto f_2;"]
    reads = replace(alone, updates=(update, Update(Local("f.p"), LOCK)))  # after the macro, that would be self
    assert label(written(reads), "f_2") == [
        "await lock[self] = NULL;", "lock[self] := self || f_p := lock[self];", "goto f_2;",
    ]  # fmt: skip
    unnamed = replace(alone, micro=(MICRO,))
    assert "macro" not in written(unnamed)


# ---- threads -------------------------------------------------------------------------------------


def test_where_threads_are_put_has_no_label() -> None:
    begin = Action(1, 1, TRUE, (Update(Local(PC, Local("f.p")), Const(2)),), (MICRO,))
    assert parked(replace(SYSTEM, actions=(begin,))) == {IDLE, 1, 2}
    assert shared_locals(replace(SYSTEM, actions=(begin,))) == {("thread", PC)}


@pytest.mark.parametrize(
    "update",
    [
        Update(Local(PC, Local("f.p")), Const(IDLE)),
        Update(Local(PC, Local("f.p")), Global("count")),
        Update(Local(PC), Const(2)),
        Update(Local(PC, Bound("o")), Const(2), Binder("o", Ptr("task"))),
    ],
)
def test_threads_that_are_put_where_they_do_not_begin_are_refused(update: Update) -> None:
    with pytest.raises(EmitError, match="does not begin"):
        parked(replace(SYSTEM, actions=(Action(1, 1, TRUE, (update,), (MICRO,)),)))


# ---- names and comments --------------------------------------------------------------------------


def test_words_of_pluscal_are_no_names() -> None:
    namer = namer_of_pluscal()
    names = [namer.name(text) for text in ("end", "goto", "runs", "Done", "x.end", "BEGIN TRANSLATION")]
    assert not set(names) & (RESERVED | FIXED)
    assert "TRANSLATION" not in "".join(names)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\\* BEGIN TRANSLATION", "\\* BEGIN tRANSLATION"),
        ("--algorithm x {", "- -algorithm x {"),
        ("--fair algorithm", "- -fair algorithm"),
        ("PlusCal options (x)", "PlusCal options (x)".replace("Cal o", "cal o")),
        ("a *) b (* c", "a * ) b ( * c"),
        ("p->refs--;", "p->refs--;"),
        ("caf\u00e9", "caf?"),
    ],
)
def test_comments_hold_no_word_of_the_translator(text: str, written: str) -> None:
    assert remark(text) == written


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_files_and_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "test_and_set.kc", "--to", "pluscal", "-o", str(tmp_path / "new"), "--tasks", "3"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(str(path) for path in (tmp_path / "new").iterdir())
    assert "<<task1, task2, task3>>" in (tmp_path / "new" / "MCTestAndSetPcal.tla").read_text()


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "wide.kc"
    path.write_text(
        "struct task { unsigned n; };\nvoid user(void) { for (;;) current->n = current->n * 3 + 1; }\n"
        "system { task t[*] runs user; }\ninvariant i = forall (struct task *t) t->n != 5;\nrefute i;\n"
    )
    (error,) = export_file(str(path), Options(), str(tmp_path / "out"), "pluscal").errors
    assert error.code == "KC905"
    assert "in PlusCal" in error.message
    assert not (tmp_path / "out").exists()
