"""The JSON object and its schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.handmade import SOURCE, linked, proved, refuted, unknown
from verify.api import versions
from verify.diagnostics import Diagnostic
from verify.engine.verdict import Counterexample, Scope, Trace
from verify.instances import Slot
from verify.ir import Micro, Static
from verify.report.json_object import file_object, schema, text
from verify.report.result import Explanation, FileResult
from verify.source import Span

ERROR = Diagnostic("KC102", "unlock of `x`", Span(SOURCE, 30, 33), hint="try harder")


def result() -> FileResult:
    far = replace(proved(), scope=Scope(None, None), invariant_found=("!a || !b",), certificate="a.json")
    return FileResult("fix.kc", versions(), claims=(refuted(linked()), far, unknown()))


def validate(value: object) -> None:
    Draft202012Validator(schema()).validate(value)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


def test_results_and_errors_satisfy_the_schema() -> None:
    validate(json.loads(text(result())))
    validate(json.loads(text(FileResult("x.kc", versions(), errors=(ERROR,)))))
    validate(json.loads(text(FileResult("x.kc", versions()))))


def test_a_claim_has_the_fields_of_the_contract() -> None:
    fields = json.loads(text(result()))["claims"][1]
    assert fields == {
        "name": "prove no_traced_kernel_thread", "kind": "prove", "invariant": "no_traced_kernel_thread",
        "guard": None, "system": "kmod", "assumptions": [], "verdict": "proved", "holds": True,
        "scope": {"tasks": "any", "steps": "any"}, "engine": "views", "seconds": 12.0, "trace": None,
        "difference": None,
        "invariant_found": ["!a || !b"], "certificate": "a.json", "trace_file": None, "reason": "", "shown": "",
        "why": None, "cti": None, "toothless": [],
    }


def test_an_explanation_has_its_lemmas_and_what_it_rests_on() -> None:
    why = Explanation(
        ("every task: `x` is 0",), ("locks that it rests on: `l`",), ("no two are at `f.a`",), 2, minimal=True
    )
    found = json.loads(text(FileResult("a.kc", versions(), claims=(replace(proved(), why=why),))))
    validate(found)
    assert found["claims"][0]["why"] == {
        "sentences": ["every task: `x` is 0"], "follows": ["no two are at `f.a`"],
        "rests": ["locks that it rests on: `l`"], "clauses": 2, "minimal": True,
    }  # fmt: skip


def test_a_counterexample_to_induction_has_its_step_or_none() -> None:
    step = (Micro("", "f", Span(SOURCE, 0, 1)), Micro("f.set", "f", Span(SOURCE, 30, 33)))
    before, after = ("task 1 is at `f.set`",), ("task 1's `x` is 1",)
    cti = Counterexample("f.set x 1", step, before, after, "every task: its `x` is 0")
    for part in (cti, replace(cti, step=(), after=())):
        found = json.loads(text(FileResult("a.kc", versions(), claims=(replace(unknown(), cti=part),))))
        validate(found)
        shown = found["claims"][0]["cti"]
        assert (shown["obligation"], shown["false"]) == ("f.set x 1", "every task: its `x` is 0")
        assert (shown["before"], shown["after"]) == (list(part.before), list(part.after))
        if part.step:
            assert (shown["step"]["label"], shown["step"]["line"]) == ("f.set", Span(SOURCE, 30, 33).line)
        else:
            assert shown["step"] is None


def test_a_trace_has_one_object_for_each_step() -> None:
    trace = json.loads(text(result()))["claims"][0]["trace"]
    assert [step["step"] for step in trace] == list(range(1, 13))
    assert trace[0] == {
        "step": 1, "thread": 1, "function": "kernel_thread", "label": "kernel_thread.spin",
        "file": "specs/ptrace/kernel.kc", "line": 3, "text": "task_lock(task);",
        "changes": {"task 1.alloc_lock": [None, "task 1"]},
    }
    assert trace[1]["label"] is None
    assert trace[4]["changes"] == {"task 3.#life": ["free", "private"], "thread 1.kernel_thread.new": [None, "task 3"]}
    assert trace[9]["changes"] == {"task 3.ptrace": [0, 1]}
    assert trace[10]["changes"] == {"tasklist_lock": [[], [2]]}


def test_an_error_has_its_place() -> None:
    errors = json.loads(text(FileResult("x.kc", versions(), errors=(ERROR,))))["errors"]
    assert errors == [{
        "code": "KC102", "message": "unlock of `x`", "file": "specs/ptrace/kernel.kc", "line": 3, "column": 5,
        "hint": "try harder",
    }]


def test_global_objects_go_by_their_names() -> None:
    trace = linked()
    whole = replace(trace.instance.system, statics=(Static("swapper", "task"),))
    inst = replace(trace.instance, system=whole)
    claim = refuted(Trace(inst, trace.states, trace.steps))
    steps = json.loads(json.dumps(file_object(FileResult("", {}, claims=(claim,)))))["claims"][0]["trace"]
    assert steps[0]["changes"] == {"swapper.alloc_lock": [None, "swapper"]}


@pytest.mark.parametrize("spoil", [
    lambda o: o.pop("versions"),
    lambda o: o.update(extra=1),
    lambda o: o["claims"][0].update(verdict="true"),
    lambda o: o["claims"][0].update(trace=None),
    lambda o: o["claims"][0].pop("system"),
    lambda o: o["claims"][1].update(scope={"tasks": "some", "steps": 1}),
    lambda o: o["claims"][2].update(holds=True),
    lambda o: o["claims"][2].update(reason=""),
    lambda o: o["claims"][0]["trace"][0].update(changes={"a.b": [1]}),
    lambda o: o.update(errors=[{"code": "E1"}]),
])
def test_the_schema_refuses_what_is_wrong(spoil: Callable[[Any], object]) -> None:
    value: Mapping[str, Any] = copy.deepcopy(json.loads(text(result())))
    spoil(value)
    with pytest.raises(ValidationError):
        validate(value)


def test_sets_of_threads_are_lists() -> None:
    trace = linked()
    last = {**trace.states[-1], Slot("", 0, "tasklist_lock"): 0b111}
    claim = refuted(Trace(trace.instance, (*trace.states[:-1], last), trace.steps))
    steps = json.loads(text(FileResult("", versions(), claims=(claim,))))["claims"][0]["trace"]
    assert steps[-1]["changes"]["tasklist_lock"] == [[2], [1, 2, 3]]
