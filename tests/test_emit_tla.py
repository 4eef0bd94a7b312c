"""The TLA+ of systems: what is written, and that it is TLA+."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import tree_sitter_tlaplus
from tree_sitter import Language, Node, Parser

from verify import resources
from verify.api import Options, export_file, select
from verify.cli import main
from verify.emit.bounds import bounds
from verify.emit.properties import EmitError
from verify.emit.tla.idents import FIXED, RESERVED, namer_of_tla
from verify.emit.tla.kinds import kinds_of
from verify.emit.tla.layout import WIDTH
from verify.emit.tla.names import names_of
from verify.emit.tla.terms import Helpers, Reader
from verify.exporting.subject import subject
from verify.exporting.tla import Export, export_tla, with_manifest
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    PUBLISHED,
    Binary,
    BinaryOp,
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
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Var,
    Wrap,
)
from verify.semantics import operate
from verify.tlc.find import find
from verify.tlc.run import Limits, sany

GOLDEN = Path(__file__).parent / "golden" / "tla"
SPECS = sorted(path.relative_to(resources.specs_root()).as_posix() for path in resources.specs_root().rglob("*.kc"))
WHOLE = [spec for spec in SPECS if spec.startswith(("core", "fix", "classics", "ptrace/v"))]
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # that package hands out its grammar as an integer
    TLAPLUS = Parser(Language(tree_sitter_tlaplus.language()))


@cache
def exported(spec: str) -> Export:
    options = Options()
    return export_tla(subject(select(spec, options), options, "X"))


def errors(text: str) -> list[str]:
    """The places where tree-sitter finds no TLA+."""
    found = list[str]()
    waiting: list[Node] = [TLAPLUS.parse(text.encode()).root_node]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(f"{node.start_point.row + 1}: {(node.text or b'')[:60].decode()}")
        waiting += node.children
    return found


# ---- whole modules -------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["classics/test_and_set.kc", "classics/philosophers.kc", "classics/refcount.kc"])
def test_files_are_those_of_the_golden_ones(spec: str) -> None:
    found = with_manifest(exported(spec))
    folder = GOLDEN / Path(spec).stem
    assert sorted(found) == sorted(path.name for path in folder.iterdir())
    for name, text in found.items():
        assert text == (folder / name).read_text(encoding="ascii"), f"{folder.name}/{name}"


@pytest.mark.parametrize("spec", WHOLE)
def test_modules_are_tla(spec: str) -> None:
    for name, text in exported(spec).files.items():
        if name.endswith(".tla"):
            assert errors(text) == []
            assert text.isascii()
            assert max(map(len, text.splitlines())) <= WIDTH
            assert f" MODULE {name.removesuffix('.tla')} -" in text.splitlines()[0]


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["core.kc", "fix.kc", "ptrace/v0.kc", "classics/rcu.kc", "classics/refcount.kc"])
def test_the_parser_of_tlc_finds_nothing_wrong(tmp_path: Path, spec: str) -> None:
    found = exported(spec)
    for name, text in found.files.items():
        (tmp_path / name).write_text(text)
    for module in (found.model.module, f"AP{found.spec.module}"):
        assert sany(find(os.environ), tmp_path, module, Limits(60)) == ()


def test_what_is_no_tla_is_noticed() -> None:
    text = exported("classics/test_and_set.kc").spec.text
    assert errors(text.replace("EXTENDS", "EXTEND"))
    assert errors(text.replace("/\\ UNCHANGED", "/\\ /\\ UNCHANGED ,", 1))


def test_the_same_input_gives_the_same_bytes() -> None:
    first = exported("core.kc").files
    exported.cache_clear()
    assert exported("core.kc").files == first


def test_every_step_is_an_action_with_its_statement_and_line() -> None:
    text = exported("core.kc").spec.text
    head = r"^kernel_thread_flag\(self\) == +\\\* task->task_dumpable = 0; +core\.kc:\d+$"
    assert re.search(head, text, re.MULTILINE)
    assert "kernel_thread_flag(self)" in text.split("kernel_thread(self) ==")[1]


def test_claims_are_properties_and_those_to_be_reached_have_configurations() -> None:
    found = exported("core.kc")
    assert [name for name, _ in found.spec.properties][:2] == ["NoTracedKernelThread", "NotDumpableNotTraced"]
    assert "    NoTracedKernelThread\n" in found.files["MCCore.cfg"]
    assert "NeverAt" not in found.files["MCCore.cfg"]
    assert found.files["MCCore_NeverAtHelperEuid.cfg"].endswith("INVARIANTS\n    NeverAtHelperEuid\n")
    assert any(claim.kind == "necessary" for claim in found.subject.left)


def test_guards_are_left_out_and_claims_about_that_are_asked() -> None:
    options = Options(without=("kernel_thread.check",))
    found = export_tla(subject(select("core.kc", options), options, "X"))
    assert "without kernel_thread.check" in found.spec.text
    assert any(asked.claim.kind == "necessary" for asked in found.asked)


def test_symmetry_is_only_where_cells_are_alike() -> None:
    one = Options(tasks=1)
    assert "SYMMETRY" not in export_tla(subject(select("core.kc", one), one, "X")).files["MCCore.cfg"]
    found = exported("core.kc").files
    assert "SYMMETRY Symmetry\n" in found["MCCore.cfg"]
    assert "SYMMETRY" not in found["MCCore_full.cfg"]


def test_the_map_knows_every_action_and_variable() -> None:
    found = exported("core.kc")
    known = json.loads(found.files["Core.map.json"])
    assert set(known["actions"]) == set(re.findall(r"^(\w+)\(self\) == +\\\*", found.spec.text, re.MULTILINE))
    assert known["actions"]["kernel_thread_flag"]["label"] == "kernel_thread.flag"
    assert known["actions"]["kernel_thread_flag"]["text"] == "task->task_dumpable = 0;"
    assert known["variables"]["ptrace"] == {"cell": "task", "name": "ptrace"}
    assert known["cells"]["task2"] == {"class": "task", "index": 2}


def test_the_manifest_says_what_comes_out() -> None:
    found = with_manifest(exported("core.kc"))
    models = {model["path"]: model for model in json.loads(found["manifest.json"])["modules"][1]["models"]}
    assert (models["MCCore_full.cfg"]["distinctStates"], models["MCCore_full.cfg"]["stateDepth"]) == (8565, 109)
    assert models["MCCore.cfg"]["result"] == "success"
    assert models["MCCore_NeverAtHelperEuid.cfg"]["result"] == "safety failure"


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_files_and_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "test_and_set.kc", "-o", str(tmp_path / "new"), "--tasks", "3"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert sorted(listed) == sorted(str(path) for path in (tmp_path / "new").iterdir())
    assert "<<task1, task2, task3>>" in (tmp_path / "new" / "MCTestAndSet.tla").read_text()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["nothing.kc"], "KC001"),
        (["core.kc", "--system", "none"], "KC902"),
        (["core.kc", "--without", "none"], "KC903"),
        (["peterson.kc", "--tasks", "1"], "KC905"),
        (["a file"], "KC905"),
        (["core.kc", "-o", "a file"], "KC906"),
    ],
)
def test_what_is_wrong_is_said(
    args: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a file").write_text("")
    assert main(["export", *args]) == 2
    assert code in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_a_file_without_a_system_has_no_export(tmp_path: Path) -> None:
    path = tmp_path / "empty.kc"
    path.write_text("")
    (error,) = export_file(str(path), Options(), str(tmp_path)).errors
    assert (error.code, "no system" in error.message) == ("KC905", True)


def test_numbers_that_tlc_has_not_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.kc"
    path.write_text(
        "struct task { unsigned n; };\nvoid user(void) { for (;;) current->n = current->n * 3 + 1; }\n"
        "system { task t[*] runs user; }\ninvariant i = forall (struct task *t) t->n != 5;\nrefute i;\n"
    )
    (error,) = export_file(str(path), Options(), str(tmp_path / "out")).errors
    assert error.code == "KC905"
    assert "32 bits" in error.message
    assert not (tmp_path / "out").exists()


ARITHMETIC: tuple[BinaryOp, ...] = ("+", "-", "*", "/", "%", "&", "|", "^", ">>")

# ---- expressions ---------------------------------------------------------------------------------

TASK = Class("task", (
    Var(LIFE, Range(0, 2)), Var("lock", Ptr("task"), lock=True), Var("flags", Range(0, 31)), Var("next", Ptr("task")),
    Var("on", BOOL, truth=True), Var("readers", Threads()), Var("never", Range(0, 0)),
))
SYSTEM = System(
    "system", {"task": TASK}, "task", (Var("count", Range(-3, 200)), Var("b", BOOL)),
    (Var(PC, Range(0, 2)), Var("f.p", Ptr("task")), Var("f.#1:0..1", BOOL)),
    (Location("idle", "idle"), Location("f.a", "run", "f"), Location("f.b", "run", "f")), (),
    (Group("g", None, 1, {}),),
)  # fmt: skip
LOCAL, COUNT = Local("f.p"), Global("count")


def field(name: str, pointer: Expr = Me()) -> Field:  # noqa: B008 - a value
    return Field(pointer, "task", name)


def written(expr: Expr, *, eager: bool = False) -> str:
    names = names_of(SYSTEM)
    return Reader(SYSTEM, names, kinds_of(SYSTEM), Helpers(), me="self", eager=eager).cond(expr)


FORMULAS: Mapping[str, Expr] = {
    "on[self]": field("on"),
    "~on[self]": Binary("==", field("on"), Const(0)),
    "FALSE": Binary("==", field("never"), Const(1)),
    "TRUE": Const(7),
    "count > (-3)": Binary(">", COUNT, Const(-3)),
    "count # 0": COUNT,
    "lock[self] = NULL": Binary("==", field("lock"), Const(0)),
    "lock[self] # self": Binary("!=", field("lock"), Me()),
    'task_life[self] = "published"': Binary("==", field(LIFE), Const(PUBLISHED)),
    'pc[self] = "f_1"': Binary("==", Local(PC), Const(1)),
    'pc[self] \\in {"f_1", "idle"}': Binary(
        "||", Binary("==", Local(PC), Const(1)), Binary("==", Local(PC), Const(0))
    ),
    "Get(flags, f_p[self], 0) = 3": Binary("==", field("flags", LOCAL), Const(3)),
    "f_p[self] # NULL /\\ flags[f_p[self]] = 3": Binary(
        "&&", Binary("!=", LOCAL, Const(0)), Binary("==", field("flags", LOCAL), Const(3))
    ),
    "f_p[self] = NULL \\/ on[f_p[self]]": Binary("||", Binary("==", LOCAL, Const(0)), field("on", LOCAL)),
    "(4 * Bit(flags[self], 4)) # 0": Binary("!=", Binary("&", field("flags"), Const(4)), Const(0)),
    "BitAnd(flags[self], 6) # 0": Binary("&", field("flags"), Const(6)),
    "BitAnd(flags[self], BitNot(count)) = 0": Binary("==", Binary("&", field("flags"), Unary("~", COUNT)), Const(0)),
    "Div(count, 2) = 1": Binary("==", Binary("/", COUNT, Const(2)), Const(1)),
    "(flags[self] \\div 2) = 1": Binary("==", Binary("/", field("flags"), Const(2)), Const(1)),
    "Unsigned((count + 1), 4) = 1": Binary("==", Wrap(2, signed=False, arg=Binary("+", COUNT, Const(1))), Const(1)),
    "(flags[self] + 1) = 1": Binary("==", Wrap(8, signed=False, arg=Binary("+", field("flags"), Const(1))), Const(1)),
    "Num(on[self]) = count": Binary("==", field("on"), COUNT),
    "self \\in readers[self]": Binary("has", field("readers"), Me()),
    "readers[self] # {}": field("readers"),
    "\\A c2 \\in Tasks : on[c2]": Quant("forall", Binder("c", Ptr("task")), field("on", Bound("c"))),
    "\\E k \\in 0..3 : count = k": Quant("exists", Binder("k", Range(0, 3)), Binary("==", COUNT, Bound("k"))),
    "~(on[self] /\\ count = 1)": Unary("!", Binary("&&", field("on"), Binary("==", COUNT, Const(1)))),
    "IF on[self] THEN count = 1 ELSE FALSE": Ite(field("on"), Binary("==", COUNT, Const(1)), Const(0)),
    "TaskReferenced(next[self], self)": Referenced(field("next"), "task"),
    "LifeNumber(task_life[self]) > 1": Binary(">", field(LIFE), Const(1)),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text: str) -> None:
    assert written(FORMULAS[text]) == text


def test_in_a_guard_tlc_looks_at_all_parts_of_a_disjunction() -> None:
    either = Binary("||", Binary("==", LOCAL, Const(0)), field("on", LOCAL))
    assert written(either, eager=True) == "f_p[self] = NULL \\/ Get(on, f_p[self], FALSE)"
    assert written(Unary("!", either), eager=True) == f"~({written(either)})"


def test_numbers_that_are_too_large_are_none() -> None:
    with pytest.raises(EmitError, match="32 bits"):
        written(Binary("==", Binary("<<", COUNT, Const(30)), Const(1)))
    with pytest.raises(EmitError, match="no numbers"):
        written(Binary("<", field("lock"), Me()))


@pytest.mark.parametrize("op", ARITHMETIC)
def test_bounds_hold(op: BinaryOp) -> None:
    system = System("s", {}, "task", (Var("x", Range(-3, 5)), Var("y", Range(0, 6))), (), (), (), ())
    ranges = {"x": range(-3, 6), "y": range(7)}
    for left, right in (("x", "y"), ("y", "x"), ("x", "x")):
        low, high = bounds(Binary(op, Global(left), Global(right)), system, {})
        values = {operate(op, a, b) for a in ranges[left] for b in ranges[right]}
        assert low <= min(values)
        assert max(values) <= high


# ---- names ---------------------------------------------------------------------------------------


def test_names_are_given_once_and_none_is_reserved() -> None:
    namer = namer_of_tla()
    names = [namer.name(text) for text in ("lock", "lock", "IF", "a.b", "a_b", "2x", "_", "WF_x", "x", "Next")]
    assert len(set(names)) == len(names)
    assert not set(names) & (RESERVED | FIXED)
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in names)
