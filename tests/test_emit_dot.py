"""Systems as graphs: that Graphviz reads them, and that every state and step is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests import strategies
from verify.api import Options, select
from verify.cli import main
from verify.emit.dot.flow import flow
from verify.emit.dot.formulas import said
from verify.emit.dot.states import state_graph
from verify.emit.dot.text import folded, quoted
from verify.exporting.dot import MOST_STATES, explored, export_dot
from verify.exporting.subject import Subject, subject
from verify.ir import (
    LIFE,
    PC,
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
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Unary,
    Var,
    Wrap,
)

DOT = shutil.which("dot")
needs_dot = pytest.mark.skipif(DOT is None, reason="no Graphviz")
STRING = r'"(?:[^"\\]|\\.)*"'
ATTRIBUTES = rf"(?: \[\w+={STRING}(?:, \w+={STRING})*\])?"
NODE, EDGE = re.compile(rf"{STRING}{ATTRIBUTES};"), re.compile(rf"{STRING} -> {STRING}{ATTRIBUTES};")
OTHER = re.compile(
    rf"(di|sub)graph {STRING} \{{|\}}|//.*|(graph|node|edge){ATTRIBUTES};|(\w+={STRING}; ?)+"
)


def counted(text: str) -> tuple[int, int]:
    """How many nodes and edges a graph has; every line has to be one, or one of a few other things."""
    lines = [line.strip() for line in text.splitlines()]
    edges = [line for line in lines if EDGE.fullmatch(line)]
    nodes = [line for line in lines if NODE.fullmatch(line) and not line.startswith(("graph", "node", "edge"))]
    assert [line for line in lines if line not in {*edges, *nodes} and not OTHER.fullmatch(line)] == []
    return len(nodes), len(edges)


def subject_of(spec: str, tasks: int | None = None) -> Subject:
    options = Options(tasks=tasks)
    return subject(select(spec, options), options, "X")


def accepted(text: str) -> str:
    """The graph as Graphviz says it."""
    assert DOT is not None
    done = subprocess.run([DOT, "-Tcanon"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# ---- states --------------------------------------------------------------------------------------


@given(space=strategies.spaces(limit=100))
@settings(max_examples=20)
def test_every_state_and_step_of_the_definition_is_in_the_graph(space: strategies.Space) -> None:
    found = explored(space.instance, {})
    assert found is not None
    assert counted(state_graph(found, "x", [])) == (len(space.states), len(space.steps))
    assert len(found.initial) == sum(depth == 0 for depth in space.depths.values())


def test_initial_states_and_those_that_violate_are_marked() -> None:
    text = export_dot(subject_of("classics/test_and_set_broken.kc"))["test_and_set_broken_states.dot"]
    (initial,) = [line for line in text.splitlines() if 'penwidth="2"' in line]
    assert initial.lstrip().startswith('"0" [label="1: user:')
    assert 'fillcolor="#cfe3f7"' in initial
    wrong = [line for line in text.splitlines() if "violates mutual_exclusion" in line]
    assert len(wrong) == 1
    assert all("task1.in=1 task2.in=1" in line and 'fillcolor="#f4b6b0"' in line for line in wrong)
    assert "violates never_at" not in text


def test_many_states_have_numbers_and_are_told_where_the_mouse_is() -> None:
    text = export_dot(subject_of("classics/peterson.kc"))["peterson_states.dot"]
    assert re.search(r'"7" \[label="7", tooltip="1: user\.', text)


def test_too_many_states_are_no_picture() -> None:
    found = export_dot(subject_of("core.kc"))
    assert set(found) == {"core.dot"}
    assert f"more than {MOST_STATES:,} states" in found["core.dot"]


# ---- control flow --------------------------------------------------------------------------------


def test_the_flow_has_a_node_for_each_place_and_an_edge_for_each_action() -> None:
    of = subject_of("classics/peterson.kc")
    system = of.instance.system
    ends = {place for action in system.actions for place in (action.source, action.target)}
    nodes, edges = counted(export_dot(of)["peterson.dot"])
    assert nodes == len(ends) + len(system.groups)
    assert edges == len(system.actions) + len(system.groups)


def test_branches_say_their_guards_and_errors_are_marked() -> None:
    text = export_dot(subject_of("classics/peterson.kc"))["peterson.dot"]
    assert 'label="  current->in = true;"' in text
    assert 'label="  [tmp4 == current->other]"' in text
    assert 'label="null dereference", shape="octagon"' in text
    assert 'label="user()"' in text


def test_a_thread_that_is_started_is_a_dashed_edge() -> None:
    assert 'label="starts a thread", style="dashed"' in export_dot(subject_of("core.kc"))["core.dot"]


# ---- text ----------------------------------------------------------------------------------------

HOSTILE = '"];\\"; \\N \\ <b>&amp; \x1b[31m // }'


@needs_dot
def test_graphviz_reads_the_graphs() -> None:
    for spec in ("classics/test_and_set_broken.kc", "core.kc"):
        for text in export_dot(subject_of(spec)).values():
            assert accepted(text).startswith("digraph")


@needs_dot
def test_nothing_that_a_name_says_means_anything_to_graphviz() -> None:
    places = (Location("idle", "idle"), Location(HOSTILE, "run", HOSTILE))
    groups = (Group(HOSTILE, None, 1, {}),)
    system = System(HOSTILE, {}, "task", (), (), places, (), groups)
    text = flow(system, HOSTILE, [HOSTILE, "one\ntwo"])
    assert counted(text) == (2, 1)
    assert "\x1b" not in text
    assert accepted(text).count("->") == 1


def test_strings_and_lines() -> None:
    assert quoted('a"\\\nb') == '"a\\"\\\\\\nb"'
    assert folded(iter(["aa", "bb", "cc"]), 5) == "aa bb\ncc"


TASK = Class("task", (Var(LIFE, Range(0, 2)), Var("next", Ptr("task")), Var("on", Range(0, 1), truth=True)))
SYSTEM = System(
    "s", {"task": TASK}, "task", (Var("n", Range(0, 9)),), (Var(PC, Range(0, 1)), Var("f.p", Ptr("task"))),
    (Location("idle", "idle"), Location("f.a", "run", "f")), (), (),
)  # fmt: skip
P, ON = Local("f.p"), Field(Local("f.p"), "task", "on")


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("p->on", Binary("!=", ON, Const(0))),
        ("!p->on", Binary("==", ON, Const(0))),
        ("p == NULL", Binary("==", P, Const(0))),
        ("p->life == published", Binary("==", Field(P, "task", LIFE), Const(2))),
        ("(place of t) == f.a", Binary("==", Local(PC, Bound("t")), Const(1))),
        ("(n + 1) * (-1)", Binary("*", Binary("+", Global("n"), Const(1)), Const(-1))),
        ("!(n < 3) && ~n", Binary("&&", Unary("!", Binary("<", Global("n"), Const(3))), Unary("~", Global("n")))),
        ("p->on ? current : p", Ite(ON, Me(), P)),
        ("(u8) n", Wrap(8, signed=False, arg=Global("n"))),
        ("forall (struct task *t) t->on", Quant("forall", Binder("t", Ptr("task")), Field(Bound("t"), "task", "on"))),
        ("exists (int i) (n == i)", Quant("exists", Binder("i", Range(0, 3)), Binary("==", Global("n"), Bound("i")))),
        ("referenced(p)", Referenced(P, "task")),
    ],
)
def test_guards_read_like_c(text: str, expr: Expr) -> None:
    assert said(expr, SYSTEM) == text


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--to", "dot", "test_and_set.kc", "-o", str(tmp_path)]) == 0
    names = ["test_and_set.dot", "test_and_set_states.dot"]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
