"""TLC and the search here agree on what the translator makes of PlusCal: on states, verdicts and shortest runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.graphs import Packed, graph_of, packed
from tests.strategies import properties, spaces
from tests.test_liveness import FAILS
from verify.api import Options, select
from verify.by_tlc.decode import decode
from verify.by_tlc.whole import watching
from verify.emit.pluscal.algorithm import STARTED_ONCE, specify
from verify.emit.pluscal.steps import PLACE, RUNS
from verify.emit.properties import EmitError, Property
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec
from verify.engine.packing import beginnings, layout
from verify.engine.search import search
from verify.exporting.pluscal import export_pluscal
from verify.exporting.subject import subject
from verify.instances import Instance, instance
from verify.ir import (
    LIFE,
    PC,
    TRUE,
    Action,
    Binary,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Range,
    System,
    Update,
    Var,
)
from verify.source import Source, Span
from verify.tlc.answer import Answer
from verify.tlc.find import find
from verify.tlc.run import SMALL as SMALLEST
from verify.tlc.run import Job, Limits, run
from verify.tlc.values import Function, Value, parse_state
from verify.tlc.watch import watched

SPECS = (
    ("philosophers.kc", 2), ("double_checked_broken.kc", 2), ("readers_writers.kc", 2), ("refcount_broken.kc", 1),
    ("core.kc", 2),
)  # fmt: skip
FEW = 1_000  # states that are compared one by one
TWICE = """
struct task { bool x; };
void helper(void) { current->x = true; }
void user(void)
{
    struct task *p = new struct task;
    if (p) {
        publish(p);
        spawn(p, helper);
        spawn(p, helper);
    }
}
system { task t[1] runs user; }
invariant i = forall (struct task *t) !t->x;
refute i;
"""


def translated(spec: Spec, folder: Path) -> Spec:
    """The module with the translation in it."""
    tools = find(os.environ)
    (folder / f"{spec.module}.tla").write_text(spec.text)
    command = [str(tools.java), *SMALLEST, "-cp", str(tools.jar), "pcal.trans", "-nocfg", spec.module]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert "Translation completed." in done.stdout, done.stdout + spec.text
    return replace(spec, lines=tuple((folder / f"{spec.module}.tla").read_text().splitlines()))


def asked(spec: Spec, model: Model, folder: Path, names: Sequence[str], *options: str) -> Answer:
    for name, text in watching(spec, model, names).items():
        (folder / name).write_text(text)
    options = ("-deadlock", "-continue", "-nowarning", *options)
    return run(find(os.environ), Job(folder, "Check", "Check.cfg", options), Limits(300))


def agree(spec: Spec, model: Model, inst: Instance, folder: Path) -> None:
    names = ["TypeOK", *([STARTED_ONCE] if f"{STARTED_ONCE} ==" in spec.text else []), *dict(spec.properties)]
    answer = asked(translated(spec, folder), model, folder, names, "-dump", "states")
    assert answer.complete, answer.reason
    whole = search(inst, None, symmetry=False)
    assert (answer.distinct, answer.depth) == (whole.states, whole.depth + 1)
    assert answer.initial is not None
    assert answer.initial.distinct == len(set(beginnings(layout(inst))))
    if whole.states <= FEW:
        theirs = states(folder / "states.dump", spec, model, inst)
        assert len(theirs) == len(set(theirs)) == whole.states
        assert set(theirs) == graph_of(spec, inst).states
    told = watched(answer, names)
    expected = dict.fromkeys(names[: len(names) - len(spec.properties)])
    assert told == expected | {name: length(inst, prop.expr) for name, prop in spec.properties}


def states(path: Path, spec: Spec, model: Model, inst: Instance) -> list[Packed]:
    """The states that TLC writes down, as those of the system."""
    known = dict[str, Value]()
    found = [block.partition("\n")[2] for block in path.read_text().split("State ")[1:]]
    return [packed(inst, decode(spec, model, inst, placed(parse_state(text, known)))) for text in found]


def placed(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """A state with where each thread stands, which is a definition of the module."""
    pc, runs = values["pc"], values[RUNS]
    assert isinstance(pc, Function)
    assert isinstance(runs, Function)
    assert all("idle" in (pc[t], runs[t]) for t in pc)
    return {**values, PLACE: Function({t: runs[t] if at == "idle" else at for t, at in pc.items()})}


def length(inst: Instance, prop: Expr | None) -> int | None:
    trace = search(inst, prop, deadlock=prop is None).trace
    return None if trace is None else len(trace.steps)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tasks"), SPECS)
def test_specs(name: str, tasks: int, tmp_path: Path) -> None:
    options = Options(tasks=tasks)
    of = subject(select(name, options), options, "X")
    agree(*export_pluscal(of), of.instance, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spinlock_starves.kc", "handover.kc"])
def test_what_happens_later(name: str, tmp_path: Path) -> None:
    options = Options()
    spec, model = export_pluscal(subject(select(name, options), options, "X"))
    config = f"{model.module}Liveness"
    (tmp_path / f"{model.module}.tla").write_text(model.text)
    (tmp_path / f"{config}.cfg").write_text(model.configs[config])
    translated(spec, tmp_path)
    job = Job(tmp_path, model.module, f"{config}.cfg", ("-deadlock", "-nowarning"))
    assert run(find(os.environ), job, Limits(100)).verdict == ("violated" if name in FAILS else "holds")


def test_steps_read_the_state_before(tmp_path: Path) -> None:
    """Values that change places, and a lock that is read where it is taken and given back."""
    numbers, lock, p = Range(0, 2), Global("lock"), Local("p")
    task = Class("task", (Var(LIFE, Range(0, 2)), Var("x", numbers), Var("y", numbers)))
    g, h, x, y = Global("g"), Global("h"), Field(Me(), "task", "x"), Field(Me(), "task", "y")
    text = "take(&lock);"
    micro = (Micro("", "f", Span(Source("f.kc", text), 0, len(text))),)
    swap = (Update(g, h), Update(h, g), Update(x, y), Update(y, x))
    actions = (
        Action(1, 2, TRUE, swap, micro),
        Action(2, 3, Binary("==", lock, Const(0)), (Update(lock, Me()), Update(p, lock)), micro),
        Action(3, 4, TRUE, (Update(lock, Const(0)), Update(p, lock)), micro),
        Action(4, 4, Binary("==", p, Me()), (Update(g, Const(0)), Update(x, g), Update(p, Const(0))), micro),
    )
    system = System(
        "s", {"task": task}, "task",
        (Var("g", numbers, 1), Var("h", numbers, 2), Var("lock", Ptr("task"), lock=True)),
        (Var(PC, Range(0, 4)), Var("p", Ptr("task"))),
        (Location("idle", "idle"), *(Location(f"f.{i}", "run", "f") for i in range(1, 5))),
        actions, (Group("all", None, 1, {}),), initial={("task", "x"): 1, ("task", "y"): 2},
    )  # fmt: skip
    inst = instance(system, 2)
    spec = specify("S", system, [Property("dead", None)], [])
    agree(spec, model_of(spec, inst), inst, tmp_path)


def test_who_is_started_while_under_way_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "twice.kc").write_text(TWICE)
    options = Options(tasks=2)
    of = subject(select(str(tmp_path / "twice.kc"), options), options, "X")
    spec, model = export_pluscal(of)
    assert "    StartedOnce\n" in model.configs[model.module]
    answer = asked(translated(spec, tmp_path), model, tmp_path, [STARTED_ONCE])
    assert watched(answer, [STARTED_ONCE])[STARTED_ONCE] is not None


def test_an_algorithm_that_is_not_the_system_is_noticed(tmp_path: Path) -> None:
    """Whoever finds the lock taken has it."""
    options = Options()
    of = subject(select("test_and_set.kc", options), options, "X")
    spec, model = export_pluscal(of)
    text = spec.text.replace("if (acquire_tmp2)", "if (~acquire_tmp2)")
    assert text != spec.text
    changed = translated(replace(spec, lines=tuple(text.splitlines())), tmp_path)
    answer = asked(changed, model, tmp_path, ["TypeOK"])
    assert answer.complete
    assert answer.distinct != search(of.instance, None, symmetry=False).states


@pytest.mark.slow
@settings(max_examples=6, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    inst = data.draw(spaces(limit=150)).instance
    props = [data.draw(properties(inst.system)) for _ in range(2)]
    said = [Property("p", props[0]), Property("q", props[1]), Property("dead", None)]
    try:
        spec = specify("R", inst.system, said, [])
    except EmitError as error:
        assume(str(error) != "a step that puts a thread where it does not begin")
        raise
    agree(spec, model_of(spec, inst), inst, tmp_path_factory.mktemp("tlc"))
