"""TLC and the search here agree: on verdicts, on the shortest runs, and on how many states there are."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.graphs import graph_of, read_graph
from tests.strategies import properties, spaces
from verify import api
from verify.api import Options, check_file, select, tlc_file
from verify.by_tlc import parts, whole
from verify.by_tlc.decode import decode, run_of
from verify.by_tlc.whole import check_by_tlc, counted, watching
from verify.cli import main
from verify.emit.properties import Property
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec, specify
from verify.engine.search import search
from verify.exporting.inductive import NoProof, proof_of
from verify.exporting.subject import subject
from verify.exporting.tla import export_tla
from verify.instances import Instance, Trace
from verify.ir import Expr
from verify.report.tlc import TlcResult, exit_code, tlc_lines
from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.find import find
from verify.tlc.run import Job, Limits, run
from verify.tlc.trace import Violation
from verify.tlc.watch import shown, watched

SMALL = ("peterson.kc", "ticket_broken.kc", "without_lock.kc")
GRAPHS = (
    ("philosophers.kc", 2), ("double_checked_broken.kc", 2), ("readers_writers.kc", 2), ("test_and_set.kc", 3),
    ("refcount_broken.kc", 1), ("rcu.kc", 1), ("fix.kc", 1), ("core.kc", 2),
    ("races/cve_2019_11815_rds/vulnerable.kc", 3),
)  # fmt: skip


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
@pytest.mark.parametrize(("spec", "tasks"), GRAPHS)
def test_states_and_steps_of_specs(tmp_path: Path, spec: str, tasks: int) -> None:
    options = Options(tasks=tasks)
    found = export_tla(subject(select(spec, options), options, "X"))
    agree(found.spec, found.model, found.subject.instance, tmp_path)


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    inst = data.draw(spaces(limit=150)).instance
    props = [data.draw(properties(inst.system)) for _ in range(2)]
    said = [Property("p", props[0]), Property("q", props[1]), Property("dead", None)]
    spec = specify("R", inst.system, said, [])
    agree(spec, model_of(spec, inst), inst, tmp_path_factory.mktemp("tlc"))


def agree(spec: Spec, model: Model, inst: Instance, folder: Path) -> None:
    """TLC and the search here, and TLC and the definition, say the same of all states, all steps and all properties."""
    names = ["TypeOK", *(name for name, _ in spec.properties)]
    for name, text in watching(spec, model, names).items():
        (folder / name).write_text(text)
    options = ("-deadlock", "-continue", "-nowarning", "-dump", "dot,actionlabels", "graph")
    answer = run(find(os.environ), Job(folder, "Check", "Check.cfg", options), Limits(300))

    def length(prop: Expr | None) -> int | None:
        trace = search(inst, prop, symmetry=False, deadlock=prop is None).trace
        return None if trace is None else len(trace.steps)

    whole = search(inst, None, symmetry=False)
    assert answer.complete, answer.reason
    assert (answer.distinct, answer.depth) == (whole.states, whole.depth + 1)
    graph, ours = read_graph(folder / "graph.dot", spec, model, inst), graph_of(spec, inst)
    assert graph.states == ours.states
    assert graph.initial == ours.initial
    assert graph.steps == ours.steps
    told = watched(answer, names)
    assert told == {"TypeOK": None} | {name: length(prop.expr) for name, prop in spec.properties}
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
    result = check_by_tlc(changed, counted(changed, 300.0), find(os.environ), 300.0)
    assert result.differences
    assert exit_code(result) == 70


def test_no_state_of_the_system_is_refused() -> None:
    options = Options()
    found = export_tla(subject(select("test_and_set.kc", options), options, "X"))
    with pytest.raises(TlcOutputError, match="a state without"):
        decode(found.spec, found.model, found.subject.instance, {})

# ---- systems with too many states ----------------------------------------------------------------


@pytest.mark.slow
def test_runs_of_a_system_that_is_too_large_are_found_in_parts_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MOST_STATES", 1_000)
    result = tlc_file("core.kc", Options(budget=300.0))
    assert result.parts == 5
    assert result.differences == ()
    assert result.theirs == result.ours
    runs = {claim.name: claim for claim in result.claims if claim.said == "violated"}
    proved = check_file("core.kc", Options(claims=tuple(runs), tasks=2))
    lengths = {claim.name: len(claim.trace.steps) for claim in proved.claims if claim.trace}
    assert {name: claim.steps for name, claim in runs.items()} == lengths
    assert all(claim.run is not None for claim in runs.values())
    assert {claim.name for claim in result.claims if claim.said == "unknown"} == {
        "prove no_traced_kernel_thread", "prove not_dumpable_not_traced", "lock_balanced", "deadlock_free",
        "writers task.task_dumpable = {kernel_thread, arch_kernel_thread}",
    }  # fmt: skip
    assert exit_code(result) == 3
    lines = "\n".join("".join(text for text, _ in line) for line in tlc_lines(result, 100))
    assert "in 5 parts of the system; as many as found here" in lines
    assert "not asked  what is in every state: with 2 tasks there are more than are counted" in lines


@pytest.mark.slow
def test_the_attack_on_linux_2_4_20_is_the_same_run_for_both() -> None:
    options = Options(claims=("no_traced_kernel_thread",), budget=900.0)
    result = tlc_file("ptrace/v0.kc", options)
    assert result.differences == ()
    assert result.theirs == result.ours
    (theirs,), (ours,) = result.claims, check_file("ptrace/v0.kc", options).claims
    assert theirs.run is not None
    assert theirs.run.trace is not None
    assert ours.trace is not None
    assert theirs.steps == len(theirs.run.trace.steps) == len(ours.trace.steps)
    assert lines_of(theirs.run.trace) == lines_of(ours.trace)


def lines_of(trace: Trace) -> list[tuple[int, str, int]]:
    """Which thread takes which line of which file, as often as it does."""
    steps = [(step.thread, micro.span) for step in trace.steps for micro in step.action.micro]
    return sorted((thread, span.source.path, span.line) for thread, span in steps)


def test_tlc_is_not_started_where_no_run_is_to_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MOST_STATES", 1_000)
    monkeypatch.setattr(parts, "checked", lambda *_: pytest.fail("TLC was started"))
    result = tlc_file("core.kc", Options(claims=("deadlock_free",), tasks=3))
    assert result.tasks == 3
    assert [claim.said for claim in result.claims] == ["unknown"]
    assert (result.theirs, result.ours, result.parts) == (None, None, 0)
    assert exit_code(result) == 3


# ---- what a claim says ---------------------------------------------------------------------------

NOBODY = """
struct task { bool a, b; };
void user(void) {
    if (current->a) {
c>      if (current->b) return;
    }
}
system { task u[*] runs user; }
dead user.c;
"""
MADE = """
struct task { bool bad; };
void worker(void) { current->bad = true; }
void user(void) { struct task *p = new struct task; if (p) spawn(p, worker); }
system { task u[2] runs user; }
invariant none_bad = forall (struct task *t) !t->bad;
prove none_bad;
"""
ELSEWHERE = """
struct task { bool a; };
void user(void) { c> if (current->a) return; current->a = true; }
system { task u[*] runs user; }
invariant i = forall (struct task *t) !t->a;
necessary user.c for i;
"""


def answered(tmp_path: Path, text: str, name: str = "a.kc") -> TlcResult:
    path = tmp_path / name
    path.write_text(text)
    return tlc_file(str(path), Options(budget=300.0))


@pytest.mark.slow
def test_a_claim_about_a_guard_that_nobody_comes_to_fails(tmp_path: Path) -> None:
    (claim,) = answered(tmp_path, NOBODY).claims
    assert (claim.said, claim.holds, claim.reason) == ("holds", False, "no run comes to `user.c`")
    (claim,) = answered(tmp_path, NOBODY.replace("bool a, b", "bool a = true, b")).claims
    assert (claim.said, claim.holds, claim.reason) == ("holds", True, "")


def test_an_invariant_shows_nothing_of_a_guard_that_nobody_comes_to(tmp_path: Path) -> None:
    path = tmp_path / "a.kc"
    path.write_text(NOBODY)
    options = Options(budget=300.0)
    of = subject(select(str(path), options), options, "X")
    found = proof_of(of, of.asked[0], options)
    assert isinstance(found, NoProof)
    assert found.reason == "no run comes to `user.c`"


@pytest.mark.slow
def test_there_is_room_for_a_thread_that_is_made(tmp_path: Path) -> None:
    result = answered(tmp_path, MADE)
    assert (result.tasks, [claim.said for claim in result.claims]) == (3, ["violated"])


@pytest.mark.slow
def test_where_no_claim_was_asked_nothing_holds(tmp_path: Path) -> None:
    result = answered(tmp_path, ELSEWHERE)
    assert (result.claims, result.left) == ((), ("necessary user.c for i",))
    assert exit_code(result) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["integers.kc", "check.kc"])
def test_a_file_may_be_called_like_a_module_of_tlc(tmp_path: Path, name: str) -> None:
    result = answered(tmp_path, MADE, name)
    assert (result.reason, [claim.said for claim in result.claims]) == ("", ["violated"])


def test_a_run_that_tlc_was_stopped_in_is_no_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last run in the output is cut off: half of it is no run of the system."""
    options = Options(budget=300.0)
    found = export_tla(subject(select("test_and_set_broken.kc", options), options, "X"))
    names = ["TypeOK", *dict.fromkeys(asked.name for asked in found.asked)]
    printed = ('<<"Watch", 0, 0>>', f'<<"Watch", {names.index("MutualExclusion") + 1}, 12>>')
    cut = Answer("violated", "", (Violation("invariant", "Watch", (), printed=printed),), printed=printed)
    monkeypatch.setattr(whole, "checked", lambda *_, **__: cut)
    result = check_by_tlc(found, counted(found, 300.0), find(os.environ), 300.0)
    claim = next(claim for claim in result.claims if claim.property == "MutualExclusion")
    assert (claim.said, claim.steps, claim.run) == ("violated", 12, None)
    assert claim.reason == "TLC was stopped before it showed the run"
    assert not any("no run that the definition" in text for text in result.differences)


# ---- what can be wrong -------------------------------------------------------------------------


def test_without_java_the_exit_code_is_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main(["tlc", "test_and_set.kc"]) == 4
    assert "there is no bin/java" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [[], ["--inductive"]])
def test_an_interrupt_leaves_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: list[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "inductive_file" if mode else "tlc_file", interrupted)
    assert main(["tlc", "test_and_set.kc", "--json", *mode]) == 130
    assert json.loads(capsys.readouterr().out)["claims"] == []


def test_errors_of_the_input_are_those_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "nothing.kc"]) == 2
    assert "KC001" in capsys.readouterr().err
