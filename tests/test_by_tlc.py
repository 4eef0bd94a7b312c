"""TLC and the search here agree: on verdicts, on the shortest runs, and on how many states there are."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import properties, spaces
from verify.api import Options, select, tlc_file
from verify.by_tlc import check_by_tlc, watching
from verify.cli import main
from verify.decode import decode, run_of
from verify.emit.properties import Property
from verify.emit.tla.model import model_of
from verify.emit.tla.module import specify
from verify.engine.packing import beginnings, layout
from verify.engine.search import search
from verify.exporting.subject import subject
from verify.exporting.tla import export_tla
from verify.ir import Expr
from verify.report.tlc import exit_code
from verify.tlc.errors import TlcOutputError
from verify.tlc.find import find
from verify.tlc.run import Job, Limits, run
from verify.tlc.watch import shown, watched

SMALL = ("peterson.kc", "philosophers.kc", "double_checked_broken.kc", "readers_writers.kc", "ticket_broken.kc")


@pytest.mark.slow
@pytest.mark.parametrize("spec", SMALL)
def test_specs(spec: str) -> None:
    result = tlc_file(spec, Options(budget=300.0))
    assert result.differences == ()
    assert result.theirs is not None
    assert result.theirs == result.ours
    assert exit_code(result) == 0
    assert all(claim.steps == claim.ours for claim in result.claims)


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    inst = data.draw(spaces(limit=150)).instance
    props = [data.draw(properties(inst.system)) for _ in range(2)]
    said = [Property("p", props[0]), Property("q", props[1]), Property("dead", None)]
    spec = specify("R", inst.system, said, [])
    model = model_of(spec, inst)
    names = ["TypeOK", *(name for name, _ in spec.properties)]
    folder = tmp_path_factory.mktemp("tlc")
    for name, text in watching(spec, model, names).items():
        (folder / name).write_text(text)
    options = ("-deadlock", "-continue", "-nowarning")
    answer = run(find(os.environ), Job(folder, "Check", "Check.cfg", options), Limits(300))

    def length(prop: Expr | None) -> int | None:
        trace = search(inst, prop, symmetry=False, deadlock=prop is None).trace
        return None if trace is None else len(trace.steps)

    whole = search(inst, None, symmetry=False)
    assert answer.complete, answer.reason
    assert (answer.distinct, answer.depth) == (whole.states, whole.depth + 1)
    assert answer.initial is not None
    assert answer.initial.distinct == len(set(beginnings(layout(inst))))
    told = watched(answer, names)
    assert told == {"TypeOK": None} | dict(zip(names[1:], map(length, [*props, None]), strict=True))
    for name, violation in shown(answer, names).items():
        assert len(run_of(spec, model, inst, violation).steps) == told[name]


def test_the_command_tells_of_claims_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "test_and_set_broken.kc"]) == 0
    out = capsys.readouterr().out
    assert "TLC2 Version" in out
    assert "58 states, 1 of them initial, depth 13; as many as found here" in out


def test_the_answer_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "test_and_set.kc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["tlc"] == found["counts"]["verify"] == {"states": 104, "initial": 1, "depth": 16}
    assert {claim["holds"] for claim in found["claims"]} == {True}


def test_a_module_that_is_not_the_system_is_noticed() -> None:
    """A lock in the module that nobody has to wait for."""
    options = Options(budget=300.0)
    found = export_tla(subject(select("test_and_set.kc", options), options, "X"))
    lines = found.spec.text.replace("IF acquire_tmp1", "IF ~acquire_tmp1", 1).splitlines()
    changed = replace(found, spec=replace(found.spec, lines=tuple(lines)))
    assert changed.spec.text != found.spec.text
    result = check_by_tlc(changed, find(os.environ), 300.0)
    assert result.differences
    assert exit_code(result) == 70


def test_no_state_of_the_system_is_refused() -> None:
    options = Options()
    found = export_tla(subject(select("test_and_set.kc", options), options, "X"))
    with pytest.raises(TlcOutputError, match="a state without"):
        decode(found.spec, found.model, found.subject.instance, {})


def test_without_java_the_exit_code_is_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main(["tlc", "test_and_set.kc"]) == 4
    assert "there is no bin/java" in capsys.readouterr().err


def test_errors_of_the_input_are_those_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "nothing.kc"]) == 2
    assert "KC001" in capsys.readouterr().err
