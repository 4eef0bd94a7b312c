"""Runs in ITF: they are runs of the system, with the names and values of its TLA+ module."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import spaces
from verify.api import Options, check_file, select
from verify.by_tlc.decode import decode
from verify.cli import main
from verify.emit.itf import itf
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec, specify
from verify.exporting.subject import subject
from verify.exporting.tla import export_tla
from verify.instances import Instance, Slot, State, Step, Trace, instance
from verify.ir import BOOL, FREE, LIFE, PC, PUBLISHED, Class, Group, Location, Ptr, Range, System, Threads, Var
from verify.semantics import initial_states, replay, successors
from verify.tlc.values import Function, Value
from verify.tlc.values import Model as ModelValue

HEAD = {"source": "a.kc", "description": "d"}
Object = dict[str, Any]


def value_of(found: Any, cells: Mapping[str, object]) -> Value:
    """A value of ITF as one of TLA+; names of cells and NULL are model values."""
    match found:
        case bool():
            return found
        case str():
            return ModelValue(found) if found in cells or found == "NULL" else found
        case {"#bigint": str(number)} if len(found) == 1:
            return int(number)
        case {"#set": list(members)} if len(found) == 1:
            return frozenset(value_of(member, cells) for member in members)
        case {"#map": list(pairs)} if len(found) == 1:
            return Function({value_of(key, cells): value_of(value, cells) for key, value in pairs})
        case _:
            pytest.fail(f"no value: {found!r}")


def states_of(found: Object, spec: Spec, model: Model, inst: Instance) -> list[State]:
    """The states of a run, read by what reads those that TLC prints."""
    assert found["#meta"]["format"] == "ITF"
    states = list[State]()
    for index, state in enumerate(found["states"]):
        assert state["#meta"]["index"] == index
        assert list(state) == ["#meta", *found["vars"]]
        values = {name: value_of(state[name], model.cells) for name in found["vars"]}
        states.append(decode(spec, model, inst, values))
    return states


def module(inst: Instance) -> tuple[Spec, Model]:
    spec = specify("R", inst.system, [], [])
    return spec, model_of(spec, inst)


@pytest.mark.parametrize(
    ("file", "claim", "without"),
    [
        ("double_checked_broken.kc", "refute", ()),
        ("readers_writers.kc", "reach", ()),
        ("refcount.kc", "reach", ()),
        ("test_and_set.kc", "necessary acquire.take", ("acquire.take",)),
    ],
)
def test_a_written_run_is_one_of_the_exported_module(
    file: str, claim: str, without: tuple[str, ...], tmp_path: Path
) -> None:
    options = Options((claim,), traces=str(tmp_path), tasks=2)
    claims = [claim for claim in check_file(file, options).claims if claim.trace is not None]
    assert claims
    for result in claims:
        assert result.trace is not None
        assert result.trace_file is not None
        inst = result.trace.instance
        other = Options(without=without, tasks=inst.tasks, system=result.system)
        export = export_tla(subject(select(file, other), other, "X"))
        found = json.loads(Path(result.trace_file).read_text(encoding="ascii"))
        states = states_of(found, export.spec, export.model, export.subject.instance)
        assert replay(Trace(inst, states, result.trace.steps))
        actions = json.loads(export.files[f"{export.spec.module}.map.json"])["actions"]
        for state, step in zip(found["states"][1:], result.trace.steps, strict=True):
            led = state["#meta"]
            known = actions[led["action"]]
            assert (led["label"] or "", led["file"]) == (known["label"], known.get("file"))
            assert led["line"] == (step.action.micro[0].span.line if led["file"] else None)
            assert export.model.cells[led["thread"]] == ("task", step.thread)
        assert found["#meta"]["description"] == result.name
        assert found["#meta"]["without"] == ", ".join(without)
        assert list(found["#meta"]["varTypes"]) == found["vars"]
        assert f"VARIABLES\n    {found['vars'][0]}," in export.spec.text


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_runs_of_random_systems_are_read_back(data: st.DataObject) -> None:
    inst = data.draw(spaces(limit=150)).instance
    states, steps = [data.draw(st.sampled_from(list(initial_states(inst))))], list[Step]()
    while len(steps) < 5 and (more := list(successors(inst, states[-1]))):
        step, state = data.draw(st.sampled_from(more))
        steps.append(step)
        states.append(state)
    found = json.loads(itf(Trace(inst, states, steps), HEAD))
    spec, model = module(inst)
    assert states_of(found, spec, model, inst) == states
    assert set(found["vars"]) == set(spec.names.variables.values())


TYPES: Mapping[str, type | tuple[type, ...]] = {
    "Int": int, "Bool": bool, "Str": (str, ModelValue), "Set(Str)": frozenset,
}  # fmt: skip


def test_values_have_the_types_of_the_head(tmp_path: Path) -> None:
    result = check_file("rcu.kc", Options(("reach",), traces=str(tmp_path), tasks=2)).claims[-1]
    assert result.trace_file is not None
    found = json.loads(Path(result.trace_file).read_text())
    seen = set[str]()
    for state in found["states"]:
        for name, said in found["#meta"]["varTypes"].items():
            value = value_of(state[name], {})
            values = list(value.values()) if said.startswith("Str -> ") else [value]  # type: ignore[union-attr] # of a function
            kind = said.removeprefix("Str -> ")
            seen.add(kind)
            assert values
            assert all(isinstance(each, TYPES[kind]) for each in values)
    assert seen == set(TYPES)


def test_every_sort_of_value_has_its_form() -> None:
    life = Var(LIFE, Range(FREE, PUBLISHED))
    task = Class("task", (life, Var("next", Ptr("task")), Var("on", BOOL, truth=True), Var("never", Range(0, 0))))
    system = System(
        "system", {"task": task}, "task", (Var("readers", Threads()), Var("count", Range(-3, 1 << 70))),
        (Var(PC, Range(0, 1)),), (Location("idle", "idle"), Location("f.a", "run", "f")), (), (Group("g", 3, 1, {}),),
    )  # fmt: skip
    inst = instance(system, 3)
    values = {Slot("", 0, "readers"): 0b101, Slot("", 0, "count"): -3, Slot("task", 1, "next"): 3}
    values |= {Slot("task", 2, "on"): 1, Slot("task", 1, LIFE): PUBLISHED, Slot("thread", 3, PC): 1}
    state = {slot: values.get(slot, 0) for slot in inst.slots()}
    (found,) = json.loads(itf(Trace(inst, [state], []), HEAD))["states"]
    assert found == {
        "#meta": {"index": 0},
        "readers": {"#set": ["task1", "task3"]},
        "count": {"#bigint": "-3"},
        "task_life": {"#map": [["task1", "published"], ["task2", "free"], ["task3", "free"]]},
        "next": {"#map": [["task1", "task3"], ["task2", "NULL"], ["task3", "NULL"]]},
        "on": {"#map": [["task1", False], ["task2", True], ["task3", False]]},
        "pc": {"#map": [["task1", "idle"], ["task2", "idle"], ["task3", "f_1"]]},
    }  # fmt: skip


# ---- the files -----------------------------------------------------------------------------------

SPEC = """struct task { bool on; };
void user(void) { set> current->on = ON; }
system { task t[*] runs user; }
invariant off = forall (struct task *t) !t->on;
refute off;
"""


def test_a_run_of_a_claim_that_has_none_any_more_goes(tmp_path: Path) -> None:
    spec, folder = tmp_path / "a.kc", tmp_path / "runs"
    spec.write_text(SPEC.replace("ON", "true"))
    (first,) = check_file(str(spec), Options(traces=str(folder))).claims
    assert first.trace_file is not None
    assert [str(path) for path in folder.iterdir()] == [first.trace_file]
    other = folder / "other.itf.json"
    other.write_text(Path(first.trace_file).read_text())
    spec.write_text(SPEC.replace("ON", "false"))
    (second,) = check_file(str(spec), Options(traces=str(folder))).claims
    assert second.trace_file is None
    assert list(folder.iterdir()) == [other]


@pytest.mark.parametrize("content", ["", "[1]", '{"#meta": {"format": "ITF"}}', "[" * 100_000])
def test_a_file_that_is_no_run_of_the_claim_stays(content: str, tmp_path: Path) -> None:
    spec, folder = tmp_path / "a.kc", tmp_path / "runs"
    spec.write_text(SPEC.replace("ON", "true"))
    (result,) = check_file(str(spec), Options(traces=str(folder))).claims
    assert result.trace_file is not None
    Path(result.trace_file).write_text(content)
    spec.write_text(SPEC.replace("ON", "false"))
    check_file(str(spec), Options(traces=str(folder)))
    assert Path(result.trace_file).read_text() == content


def test_the_path_is_part_of_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "runs"
    assert main(["prove", "test_and_set.kc", "--claim", "reach", "--json", "--traces", str(folder)]) == 0
    paths = [claim["trace_file"] for claim in json.loads(capsys.readouterr().out)["claims"]]
    assert sorted(paths) == sorted(map(str, folder.iterdir()))
    (tmp_path / "file").write_text("")
    assert main(["prove", "test_and_set.kc", "--claim", "reach", "--traces", str(tmp_path / "file")]) == 2
    assert "KC906" in capsys.readouterr().err
