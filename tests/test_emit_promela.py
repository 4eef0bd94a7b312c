"""The Promela of systems: what is written. What it means is compared in `test_by_spin`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from verify.api import Options, export_file, select
from verify.cli import main
from verify.emit.promela.idents import KEYWORDS, OF_C, namer_of_promela
from verify.emit.promela.layout import WIDTH, comment, printed, wrapped
from verify.emit.promela.names import names_of
from verify.emit.promela.stores import assignments
from verify.emit.promela.terms import Reader
from verify.emit.properties import EmitError
from verify.exporting.promela import export_promela, promela_files
from verify.exporting.subject import subject
from verify.instances import instance
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    PUBLISHED,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
)
from verify.source import NOWHERE

GOLDEN = Path(__file__).parent / "golden" / "promela"
WHOLE = ("core.kc", "bounded_buffer.kc", "rcu.kc", "readers_writers.kc", "seqlock.kc")


def exported(spec: str) -> str:
    options = Options()
    return export_promela(subject(select(spec, options), options, "X")).text


# ---- whole models --------------------------------------------------------------------------------


def test_the_file_is_the_golden_one() -> None:
    options = Options()
    files = promela_files(subject(select("classics/refcount.kc", options), options, "X"))
    assert dict(files) == {"refcount.pml": (GOLDEN / "refcount.pml").read_text(encoding="ascii")}


@pytest.mark.parametrize("spec", WHOLE)
def test_models_are_ascii_with_short_lines(spec: str) -> None:
    text = exported(spec)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH


def test_the_same_input_gives_the_same_bytes() -> None:
    assert exported("rcu.kc") == exported("rcu.kc")


def test_every_step_has_its_statement_and_line() -> None:
    text = exported("core.kc")
    step = r"^  /\* task->task_dumpable = 0;  core\.kc:\d+ \*/\n  :: d_step \{ pc\[self\] == kernel_thread_flag"
    assert re.search(step, text, re.MULTILINE)


def test_the_command_writes_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--to", "promela", "test_and_set.kc", "-o", str(tmp_path), "--tasks", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "test_and_set.pml")]
    assert "    run task(3);\n" in (tmp_path / "test_and_set.pml").read_text()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("for (;;) current->n = current->n * 3 + 1;", Options(), "32 bits"),
        ("current->n = 1;", Options(tasks=31), "31 tasks"),
    ],
)
def test_what_spin_has_not_is_refused(source: str, options: Options, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wide.kc"
    path.write_text(
        f"struct task {{ unsigned n; }};\nvoid user(void) {{ {source} }}\n"
        "system { task t[*] runs user; }\ninvariant i = forall (struct task *t) t->n != 5;\nrefute i;\n"
    )
    (error,) = export_file(str(path), options, str(tmp_path / "out"), "promela").errors
    assert error.code == "KC905"
    assert message in error.message
    assert not (tmp_path / "out").exists()


def test_text_of_the_source_ends_no_comment_and_no_string() -> None:
    assert comment("x */ y /* \n é", 2) == "  /* x * / y / * ? ? */"
    assert printed('a "b" \\n 100%\n', 80) == "a 'b' /n 100%%?"
    assert len(comment("x" * 200, 2)) == WIDTH
    assert printed("%" * 50, 10) == "%%" * 7 + "..."


def test_lines_end_only_behind_operators() -> None:
    text = "a[1] = " + " && ".join(f"(b[{n}] -> c : d[self] + 1)" for n in range(9))
    lines = wrapped(text, 2, 6)
    assert " ".join(line.strip() for line in lines) == text
    assert len(lines) > 2
    assert all(line.endswith(("=", "&&", "->", " :")) for line in lines[:-1])


def test_names_are_given_once_and_are_neither_promela_nor_c() -> None:
    namer = namer_of_promela()
    wanted = ("lock", "lock", "d_step", "a.b", "linux", "st_mtime", "NULL", "2x", "x" * 99)
    names = [namer.name(text) for text in wanted]
    assert len(set(names)) == len(names)
    assert not set(names) & (KEYWORDS | OF_C)
    assert all(re.fullmatch(r"[a-z]\w{,50}", name) for name in names)
    assert not any(name.startswith("st_") for name in names)


# ---- expressions ---------------------------------------------------------------------------------

TASK = Class("task", (
    Var(LIFE, Range(0, 2)), Var("lock", Ptr("task"), lock=True), Var("flags", Range(0, 31)), Var("next", Ptr("task")),
    Var("on", BOOL, truth=True), Var("readers", Threads()), Var("never", Range(0, 0)),
))
SYSTEM = System(
    "system", {"task": TASK}, "task", (Var("count", Range(-3, 200)), Var("b", BOOL)),
    (Var(PC, Range(0, 2)), Var("f.p", Ptr("task"))),
    (Location("idle", "idle"), Location("f.a", "run", "f"), Location("f.b", "run", "f")),
    (Action(1, 2, TRUE, (), (Micro("f.a", "f", NOWHERE),)), Action(2, 1, TRUE, (), (Micro("f.b", "f", NOWHERE),))),
    (Group("g", None, 1, {}),),
)  # fmt: skip
LOCAL, COUNT = Local("f.p"), Global("count")


def field(name: str, pointer: Expr = Me()) -> Field:  # noqa: B008 - a value
    return Field(pointer, "task", name)


def reader() -> Reader:
    return Reader(instance(SYSTEM, 2), names_of(SYSTEM), {}, me="self")


TERMS: Mapping[str, Expr] = {
    "task_on[self]": field("on"),
    "!task_on[self]": Binary("==", field("on"), Const(0)),
    "!(!task_on[self] && count == 1)": Unary("!", Binary("&&", Unary("!", field("on")), Binary("==", COUNT, Const(1)))),
    "0": Binary("==", field("never"), Const(1)),
    "7": Const(7),
    "count > (-3)": Binary(">", COUNT, Const(-3)),
    "task_life[self] == published": Binary("==", field(LIFE), Const(PUBLISHED)),
    "pc[self] == f_b": Binary("==", Const(2), Local(PC)),
    "pc[f_p[self]] != f_b": Unary("!", Binary("==", Local(PC, LOCAL), Const(2))),
    "task_flags[f_p[self]] == 3": Binary("==", field("flags", LOCAL), Const(3)),
    "(task_flags[self] & 4) != 0 && task_on[self]": Binary("&&", Binary("&", field("flags"), Const(4)), field("on")),
    "count != 0": Binary("&&", COUNT, Const(1)),
    "task_on[self] && (b || count == 1)": Binary(
        "&&", field("on"), Binary("||", Global("b"), Binary("==", COUNT, Const(1)))
    ),
    "(count - 1) * 2": Binary("*", Binary("-", COUNT, Const(1)), Const(2)),
    "(task_flags[self] == 0 -> 0 : count / task_flags[self])": Binary("/", COUNT, field("flags")),
    "count % 3": Binary("%", COUNT, Const(3)),
    "(count >= 0 && count < 32 -> task_flags[self] >> count : 0)": Binary(">>", field("flags"), COUNT),
    "(count + 1) & 3": Binary("&", Binary("+", COUNT, Const(1)), Const(3)),
    "((count & 255) ^ 128) - 128": Wrap(8, signed=True, arg=COUNT),
    "(task_flags[self] -> 1 : count)": Ite(field("flags"), Const(1), COUNT),
    "((task_readers[self] >> (self - 1)) & 1)": Binary("has", field("readers"), Me()),
    "(f_p[self] && ((task_readers[self] >> (f_p[self] - 1)) & 1))": Binary("has", field("readers"), LOCAL),
    "task_on[1] && task_on[2]": Quant("forall", Binder("c", Ptr("task")), field("on", Bound("c"))),
    "count == 0 || count == 1": Quant("exists", Binder("k", BOOL), Binary("==", COUNT, Bound("k"))),
    "task_referenced(task_next[self], self)": Referenced(field("next"), "task"),
}


@pytest.mark.parametrize("text", TERMS)
def test_terms(text: str) -> None:
    found = reader().text(TERMS[text])
    assert found in (text, f"({text})")


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Binary("<<", COUNT, Const(30)), "32 bits"),
        (Binary("<<", Const(1), COUNT), "32 bits"),
        (Wrap(32, signed=False, arg=COUNT), "32 bits"),
        (field("on", Binary("+", LOCAL, Const(1))), "no struct task"),
        (Quant("exists", Binder("k", Range(0, 5000)), Binary("==", COUNT, Bound("k"))), "5001 values"),
    ],
)
def test_terms_that_are_refused(expr: Expr, message: str) -> None:
    with pytest.raises(EmitError, match=message):
        reader().text(expr)


# ---- stores --------------------------------------------------------------------------------------


def stored(*updates: Update) -> list[str]:
    return assignments(Action(1, 2, TRUE, updates, (Micro("f.a", "f", NOWHERE),)), reader())


def test_what_is_read_is_of_the_state_before() -> None:
    own, other = field("flags"), field("flags", Const(2))
    assert stored(Update(COUNT, own), Update(own, Const(1))) == [
        "count = task_flags[self]", "task_flags[self] = 1", "pc[self] = f_b",
    ]  # fmt: skip
    assert stored(Update(own, Const(1)), Update(COUNT, own))[0] == "count = task_flags[self]"
    assert stored(Update(COUNT, other), Update(other, COUNT)) == [
        "before_1 = count", "pc[self] = f_b", "count = task_flags[2]", "task_flags[2] = before_1", "before_1 = 0",
    ]  # fmt: skip


def test_the_later_of_two_stores_to_one_cell_wins() -> None:
    one, two = field("flags", LOCAL), field("flags")
    lines = stored(Update(one, Const(1)), Update(two, Const(2), when=field("on")))
    assert lines[:2] == [
        "task_flags[f_p[self]] = (f_p[self] -> 1 : task_flags[f_p[self]])",
        "task_flags[self] = (task_on[self] -> 2 : task_flags[self])",
    ]


def test_through_null_nothing_is_stored() -> None:
    assert stored(Update(field("flags", LOCAL), Const(1)))[0].endswith("= (f_p[self] -> 1 : task_flags[f_p[self]])")
    known = replace(reader(), known=frozenset({LOCAL}))
    action = Action(1, 2, TRUE, (Update(field("flags", LOCAL), Const(1)),), (Micro("f.a", "f", NOWHERE),))
    assert assignments(action, known)[0] == "task_flags[f_p[self]] = 1"


def test_an_index_that_spin_refuses_is_kept() -> None:
    lines = stored(Update(field("next", field("next", LOCAL)), Me()))
    assert lines[0] == "before_1 = task_next[f_p[self]]"
    assert lines[-1] == "before_1 = 0"


def test_a_store_for_every_object_is_one_for_each() -> None:
    each = Binder("c", Ptr("task"))
    assert stored(Update(field("flags", Bound("c")), Const(0), each, field("on", Bound("c"))))[:2] == [
        "task_flags[1] = (task_on[1] -> 0 : task_flags[1])",
        "task_flags[2] = (task_on[2] -> 0 : task_flags[2])",
    ]


def test_claims_that_it_has_no_form_for_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "torn_read.kc", "--to", "promela", "-o", str(tmp_path)]) == 0
    assert "no file for `atomic_sections lock`: promela has no form for it" in capsys.readouterr().err
    assert "never_in_section" not in (tmp_path / "torn_read.pml").read_text()
