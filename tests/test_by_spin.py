"""Spin and the search here agree: on verdicts, on the shortest runs, and on how many states there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import Space, properties, spaces
from verify.api import Options, select
from verify.emit.promela.model import Model, model_of
from verify.emit.properties import Property
from verify.engine.search import search
from verify.exporting.promela import export_promela
from verify.exporting.subject import Subject, subject
from verify.ir import Expr
from verify.semantics import holds, stuck

pytestmark = pytest.mark.skipif(not (shutil.which("spin") and shutil.which("gcc")), reason="there is no Spin or no C")

SPECS = (
    "double_checked_broken.kc", "philosophers.kc", "readers_writers_broken.kc", "rcu_broken.kc", "refcount.kc",
    "without_lock.kc",
)  # fmt: skip
DEADLOCK = "invalid end state"
ERROR = re.compile(rf"pan:\d+: (?:assertion violated (\w+)|({DEADLOCK})) \(at depth (\d+)\)")


class Found(NamedTuple):
    """What pan finds: the states of the system, and by name the length of a shortest run to each error."""

    states: int
    runs: Mapping[str, int]


def ran(command: str, folder: Path) -> str:
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
    return done.stdout


def searched(text: str, folder: Path, number: int = 0, *options: str) -> Found:
    """Search breadth first and go on after errors: the first of each kind has the shortest run."""
    (folder / "m.pml").write_text(text)
    assert ran(f"spin -o2 -a -DPROPERTY={number} m.pml", folder) == ""
    ran("gcc -O0 -w -DSAFETY -DBFS -DNOREDUCE -o pan pan.c", folder)
    said = ran(f"./pan -c0 -w18 {' '.join(options)}", folder)
    assert "not completed" not in said
    assert "too small" not in said
    depths = dict[str, int]()
    for name, deadlock, depth in ERROR.findall(said):
        depths.setdefault(name or deadlock, int(depth))
    begun = begin(folder, *options) if depths else 0
    runs = {name: depth - begun for name, depth in depths.items()}
    return Found(int(re.findall(r"(\d+) nominal states", said)[0]) - 1, runs)


def begin(folder: Path, *options: str) -> int:
    """How many steps it takes to begin: those of `init` in a run, one less if that ends in a deadlock."""
    said = ran(f"./pan -w18 {' '.join(options)}", folder)
    steps = [line.split(":")[1] for line in (folder / "m.pml.trail").read_text().splitlines()]
    return steps.count("0") - (DEADLOCK + " (" in said)


def exported(spec: str, tasks: int | None = None) -> tuple[Subject, Model]:
    options = Options(tasks=tasks)
    of = subject(select(spec, options), options, "X")
    return of, export_promela(of)


def length(of: Subject, prop: Expr | None) -> int | None:
    trace = search(of.instance, prop, symmetry=False, deadlock=prop is None).trace
    return None if trace is None else len(trace.steps)


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_specs(spec: str, tmp_path: Path) -> None:
    of, model = exported(spec)
    found = searched(model.text, tmp_path, 0, "-E")
    ours = {name: length(of, prop.expr) for name, prop in model.properties if prop.expr is not None}
    assert found.runs == {name: steps for name, steps in ours.items() if steps is not None}
    assert found.states == search(of.instance, None, symmetry=False).states


def test_a_deadlock_is_an_invalid_end_state(tmp_path: Path) -> None:
    """Each of the two locks one of two and waits for the other."""
    source = tmp_path / "circle.kc"
    source.write_text(
        "spinlock_t a, b;\nstruct task { bool x; };\n"
        "void one(void) { spin_lock(&a); spin_lock(&b); spin_unlock(&b); spin_unlock(&a); }\n"
        "void two(void) { spin_lock(&b); spin_lock(&a); spin_unlock(&a); spin_unlock(&b); }\n"
        "system { task t[1] runs one; task u[1] runs two; }\nlock_balanced;\ndeadlock_free;\n"
    )
    of, model = exported(str(source))
    number = [prop.expr for _, prop in model.properties].index(None) + 1
    found = searched(model.text, tmp_path, number)
    assert found.runs == {DEADLOCK: length(of, None)}
    assert found.states == search(of.instance, None, symmetry=False).states


def test_a_model_that_is_not_the_system_is_noticed(tmp_path: Path) -> None:
    """A lock that nobody has to wait for."""
    of, model = exported("test_and_set.kc")
    changed = model.text.replace("acquire_take_2 && acquire_tmp2[self]", "acquire_take_2 && false")
    changed = changed.replace("acquire_take_2 && !acquire_tmp2[self]", "acquire_take_2")
    assert changed != model.text
    assert "mutual_exclusion" in searched(changed, tmp_path, 1, "-E").runs
    assert length(of, of.properties["mutual_exclusion"].expr) is None


def test_a_number_of_no_property_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.pml").write_text(exported("test_and_set.kc")[1].text)
    done = subprocess.run(["spin", "-a", "-DPROPERTY=9", "m.pml"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert not (tmp_path / "pan.c").exists()


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    space = data.draw(spaces(limit=150))
    props = [data.draw(properties(space.instance.system)) for _ in range(4)]
    said = [*(Property(f"p{number}", prop) for number, prop in enumerate(props)), Property("dead", None)]
    model = model_of("m", space.instance, said, [])
    found = searched(model.text, tmp_path_factory.mktemp("spin"))
    assert found.states == len(space.states)
    assert found.runs == {name: steps for name, steps in lengths(space, props).items() if steps is not None}


def lengths(space: Space, props: list[Expr]) -> Mapping[str, int | None]:
    """What pan should find; where a property is violated, the process that says so is not stuck."""
    inst = space.instance
    dead = space.depth(lambda state: stuck(inst, state) and all(holds(inst, prop, state) for prop in props))
    runs = dict[str, int | None]({DEADLOCK: dead})
    for number, prop in enumerate(props):
        runs[f"p{number}"] = space.depth(lambda state, prop=prop: not holds(inst, prop, state))  # type: ignore[misc] # of this round
    return runs
