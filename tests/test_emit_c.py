"""The C of systems: what is written, that it compiles, and that every step of it is one of the definition."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests import strategies
from verify.emit.c.program import RUNTIME, Program, program, runtime
from verify.emit.c.replay import numbers
from verify.emit.properties import EmitError, Property
from verify.instances import Instance, Slot, State, Step, Trace
from verify.semantics import holds, initial_states, successors

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no C compiler")
STRICT = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror")


def compiled(text: str, folder: Path, *options: str) -> Path:
    """Compile a program to run as it is."""
    (folder / "x.c").write_text(text, encoding="ascii")
    (folder / RUNTIME).write_text(runtime(), encoding="ascii")
    assert GCC is not None
    done = subprocess.run(
        [GCC, *options, "-DNATIVE", "-pthread", "x.c", "-o", "x"],
        cwd=folder, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "x"


def replayed(command: Path, given_: Sequence[int]) -> list[dict[str, int]]:
    """The states that a program shows, by the names of the variables."""
    text = " ".join(map(str, given_))
    done = subprocess.run([command, "replay"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [re.findall(r"(\S+)=(-?\d+)", line) for line in done.stdout.splitlines()]
    return [{name: int(value) for name, value in line} for line in lines]


def expected(found: Program, state: State) -> dict[str, int]:
    """A state as the program shows it."""
    names = {slot: found.names.variables.get((slot.cell, slot.name)) for slot in state}
    assert all(state[slot] == 0 for slot, name in names.items() if name is None)
    return {f"{name}[{slot.index}]" if slot.cell else name: state[slot] for slot, name in names.items() if name}


def walk(inst: Instance, rng: random.Random, steps: int) -> Trace:
    """A random run of the definition."""
    states: list[Mapping[Slot, int]] = [rng.choice(list(initial_states(inst)))]
    taken = list[Step]()
    while len(taken) < steps and (ways := list(successors(inst, states[-1]))):
        step, state = rng.choice(ways)
        taken.append(step)
        states.append(state)
    return Trace(inst, states, taken)


# ---- against the definition ----------------------------------------------------------------------


@needs_gcc
@pytest.mark.slow
@given(space=strategies.spaces(), data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_a_run_of_the_definition_is_one_of_the_program(
    space: strategies.Space, data: st.DataObject, seed: int
) -> None:
    inst, rng = space.instance, random.Random(seed)  # noqa: S311 - nothing secret
    props = [data.draw(strategies.properties(inst.system)) for _ in range(2)]
    try:
        found = program(inst, [Property(f"p{number}", prop) for number, prop in enumerate(props)], ["random"])
    except EmitError:
        assume(condition=False)
        raise
    shown = "".join(f"    SHOW({name}());\n" for _, name, _ in found.properties)
    text = found.text.replace("static void show(void)\n{\n", f"static void show(void)\n{{\n{shown}")
    with TemporaryDirectory() as folder:
        command = compiled(text, Path(folder), "-w", "-DPROPERTY=9", "-fsanitize=undefined", "-fno-sanitize-recover")
        for _ in range(4):
            run = walk(inst, rng, 40)
            said = {f"{name}()": prop.expr for _, name, prop in found.properties if prop.expr is not None}
            wanted = [
                expected(found, state) | {name: holds(inst, prop, state) for name, prop in said.items()}
                for state in run.states
            ]
            assert replayed(command, list(numbers(found, run))) == wanted
