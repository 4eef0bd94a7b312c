"""The invariants of proofs for any number of tasks in TLA+: what is written, and that TLC finds them inductive."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.test_emit_tla import errors
from verify.api import Options, select
from verify.by_tlc import induction
from verify.by_tlc.induction import check
from verify.cli import main
from verify.emit.places import places
from verify.emit.properties import EmitError
from verify.emit.tla.kinds import Kind, kinds_of
from verify.emit.tla.layout import WIDTH
from verify.emit.tla.model import model_of
from verify.emit.tla.module import specify
from verify.exporting.broken import broken
from verify.exporting.candidates import candidates
from verify.exporting.clausal import clausal
from verify.exporting.inductive import Inductive, NoProof, proof_of, to_show
from verify.exporting.subject import Subject, subject
from verify.instances import THREAD, Instance, Slot, State, instance
from verify.ir import (
    BOOL,
    FALSE,
    LIFE,
    PC,
    Action,
    Binary,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Location,
    Me,
    Micro,
    Ptr,
    Range,
    Referenced,
    System,
    Unary,
    Update,
    Var,
)
from verify.report.inductive import InductiveResult, inductive_exit, inductive_lines
from verify.semantics import holds, successors
from verify.source import NOWHERE
from verify.tlc.find import Tools, find
from verify.tlc.run import Limits, sany
from verify.universal import MAKER, OBJECT, Clause, as_property
from verify.universal import THREAD as T

STUB = "---- MODULE TLAPS ----\nSMTT(n) == TRUE\nZenon == TRUE\nPTL == TRUE\n====\n"
PROOFS = (
    ("test_and_set", "mutual_exclusion"), ("refcount", "lock_balanced"), ("seqlock", "whole"),
    ("double_checked", "no_null_dereference"), ("double_checked", "made_once"),
)  # fmt: skip


def subject_of(spec: str) -> Subject:
    options = Options()
    return subject(select(f"classics/{spec}.kc", options), options, "X")


@cache
def proof(spec: str, name: str) -> Inductive:
    of = subject_of(spec)
    found = proof_of(of, next(asked for asked in to_show(of) if asked.name == name), Options())
    assert isinstance(found, Inductive)
    return found


def with_clauses(found: Inductive, clauses: Sequence[Clause]) -> Inductive:
    """The same module with another invariant."""
    properties = [prop for _, prop in found.spec.properties]
    spec = specify(found.spec.module, found.system, properties, [], clauses=clauses)
    model = model_of(spec, found.instance)
    files = {f"{spec.module}.tla": spec.text, f"{model.module}.tla": model.text}
    files |= {f"{name}.cfg": text for name, text in model.configs.items()}
    return replace(found, spec=spec, model=model, files=files)


def clauses_of(found: Inductive) -> Sequence[Clause]:
    return [conjunct.clause for conjunct in found.spec.conjuncts]


# ---- clauses -------------------------------------------------------------------------------------

TASK = Class("task", (Var(LIFE, Range(0, 2)), Var("on", BOOL), Var("n", Range(0, 3)), Var("next", Ptr("task"))))
SYSTEM = System(
    "s", {"task": TASK}, "task", (Var("count", Range(-1, 4)), Var("owner", Ptr("task"))), (Var(PC, Range(0, 3)),),
    (Location("idle", "idle"), Location("f.a", "run", "f"), Location("f.b", "run", "f"), Location("f.c", "run", "f")),
    tuple(
        Action(n, n % 3 + 1, Const(1), (Update(Global("count"), Const(n)),), (Micro(f"f.{name}", "f", NOWHERE),))
        for n, name in enumerate("abc", start=1)
    ),
    (Group("g", None, 1, {}),),
)  # fmt: skip
OTHER, COUNT = Bound(OBJECT), Global("count")


def at(name: str, cell: Expr = OTHER) -> Field:
    return Field(cell, "task", name)


def less(left: Expr, number: int) -> Expr:
    return Binary("<", left, Const(number))


BODIES: Sequence[Expr] = (
    Ite(less(at("n"), 2), Binary("&&", at("on"), less(COUNT, 3)), Ite(at("on"), less(at("n"), 3), Const(0))),
    Binary("||", less(at("n"), 1), Binary("||", Binary("==", at("n"), Const(3)), Unary("!", at("on")))),
    Unary("!", Binary("&&", Binary("==", at("next"), OTHER), Binary("!=", Global("owner"), Bound(T)))),
    Binary("||", Binary("==", at("next"), OTHER), Binary("&&", Binary("!=", at("next"), OTHER), less(COUNT, 2))),
    Unary("!", Ite(at("on"), less(COUNT, 0), Unary("!", Unary("!", less(at("n"), 2))))),
    FALSE,
)


INSTANCE = instance(SYSTEM, 2)


def states(inst: Instance, count: int) -> Sequence[State]:
    """Random states, reachable or not, in which every thread is somewhere where one can be."""
    kinds = kinds_of(inst.system).of
    chosen = random.Random(1)  # noqa: S311 - no secret
    here = sorted(places(inst.system))
    return [
        {
            slot: chosen.choice(here if kinds[slot.cell, slot.name] is Kind.PLACE else list(inst.values(var.domain)))
            for slot, var in inst.slots().items()
        }
        for _ in range(count)
    ]


def told(inst: Instance, clauses: Sequence[Clause], state: State) -> bool:
    return all(holds(inst, as_property(inst.system, clause), state) for clause in clauses)


@pytest.mark.parametrize("body", BODIES)
def test_small_clauses_say_the_same(body: Expr) -> None:
    clause = Clause(thread=True, cls="task", locations=frozenset({1, 2}), body=body)
    small = clausal(SYSTEM, [clause])
    seen = [(told(INSTANCE, [clause], state), told(INSTANCE, small, state)) for state in states(INSTANCE, 400)]
    assert all(one == other for one, other in seen)
    assert {one for one, _ in seen} == {True, False}


def test_clauses_that_differ_in_one_literal_are_one() -> None:
    either = Ite(at("on"), Binary("&&", less(COUNT, 2), less(at("n"), 2)), less(COUNT, 2))
    whole = Clause(thread=False, cls="task", locations=None, body=either)
    bodies = [clause.body for clause in clausal(SYSTEM, [whole])]
    assert len(bodies) == 2
    assert sum("Global(name='count')" in repr(body) for body in bodies) == 1


def test_a_clause_that_is_too_long_stays_as_it_is() -> None:
    body: Expr = FALSE
    for number in range(8):
        body = Binary("||", body, Binary("&&", Binary("==", at("next"), Bound(f"x{number}")), Bound(f"y{number}")))
    clause = Clause(thread=False, cls="task", locations=None, body=body)
    assert clausal(SYSTEM, [clause]) == [clause]


# ---- modules -------------------------------------------------------------------------------------


def written(*clauses: Clause) -> str:
    return specify("X", SYSTEM, [], [], clauses=clauses).text


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (Clause(True, "", frozenset({2}), at("on", Bound(T))), '\\A t \\in Tasks : pc[t] = "f_b" => on[t] # 0'),
        (Clause(True, "", frozenset({0, 1, 2}), at("on", Bound(T))), '\\A t \\in Tasks : pc[t] # "f_c" => on[t] # 0'),
        (Clause(True, "", frozenset({0}), FALSE), '\\A t \\in Tasks : pc[t] # "idle"'),
        (Clause(True, "", frozenset({0, 3, 9}), FALSE), '\\A t \\in Tasks : pc[t] \\notin {"idle", "f_c"}'),
        (Clause(True, "task", None, at("on")), "\\A t \\in Tasks : \\A o \\in Tasks \\ {t} : on[o] # 0"),
        (Clause(False, "", None, less(COUNT, 3)), "count < 3"),
    ],
)
def test_clauses_are_formulas(clause: Clause, text: str) -> None:
    assert f"\nInv1 == {text}\n" in written(clause)


def test_where_nobody_can_be_nothing_is_said() -> None:
    nobody = Clause(thread=True, cls="", locations=frozenset({7}), body=FALSE)
    assert "Inv1" not in written(nobody)
    assert "IndInv ==\n    /\\ TypeOK\n\n" in written(nobody)


def test_an_invariant_that_is_too_long_is_refused() -> None:
    body: Expr = less(COUNT, 1)
    for _ in range(20):
        body = Binary("&&", body, body)
    with pytest.raises(EmitError, match="too long"):
        written(Clause(thread=False, cls="", locations=None, body=body))


def test_history_variables_are_no_references() -> None:
    task = replace(TASK, fields=(*TASK.fields, Var(MAKER, Ptr("task"))))
    freed = Update(at(LIFE, Me()), Const(0), when=Unary("!", Referenced(Me(), "task")))
    action = replace(SYSTEM.actions[0], updates=(freed,))
    text = specify("X", replace(SYSTEM, classes={"task": task}, actions=(action,)), [], []).text
    said = text.split("TaskReferenced(c, self) ==")[1].split("\n\n")[0]
    assert "next[o] = c" in said
    assert "maker" in text
    assert "maker" not in said


def test_a_condition_that_is_stored_in_a_global_is_one_operand() -> None:
    store = Update(Global("flag"), Binary("&&", less(COUNT, 2), Binary("!=", COUNT, Const(0))))
    flag = Var("flag", BOOL, truth=True)
    changed = replace(SYSTEM, globals=(*SYSTEM.globals, flag), actions=(replace(SYSTEM.actions[0], updates=(store,)),))
    assert "flag' = (count < 2 /\\ count # 0)" in specify("X", changed, [], []).text


@pytest.mark.parametrize(("spec", "name"), PROOFS)
def test_the_modules_of_a_proof_are_tla(spec: str, name: str) -> None:
    found = proof(spec, name)
    modules = {file: text for file, text in found.files.items() if file.endswith(".tla")}
    module = found.spec.module
    assert set(modules) == {f"{module}.tla", f"MC{module}.tla", f"AP{module}.tla", f"{module}_proof.tla"}
    for text in modules.values():
        assert errors(text) == []
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= WIDTH


def test_the_same_proof_gives_the_same_bytes() -> None:
    first = proof("test_and_set", "mutual_exclusion").files
    proof.cache_clear()
    assert proof("test_and_set", "mutual_exclusion").files == first


def test_the_header_says_what_the_system_is() -> None:
    text = re.sub(r"\s*\*\)\n\(\*\s*", " ", proof("double_checked", "made_once").spec.text)
    assert "What shows `prove made_once` for any number of tasks. This is not the whole system" in text
    assert "Left out of" in text


@pytest.mark.parametrize(("spec", "name"), PROOFS)
def test_each_conjunct_stands_behind_what_it_reads(spec: str, name: str) -> None:
    found = proof(spec, name)
    names = {variable: key for key, variable in found.spec.names.variables.items()}
    begin = found.model.text.split("IndInit ==")[1].split("IndStart")[0]
    known, conjuncts = set[tuple[str, str]](), {conjunct.name: conjunct for conjunct in found.spec.conjuncts}
    for line in begin.splitlines():
        word = line.strip().removeprefix("/\\ ").split(" ")[0]
        if word in names and " \\in " in line:
            known.add(names[word])
        elif word in conjuncts:
            reads = conjuncts.pop(word).reads
            assert reads & found.spec.names.variables.keys() <= known
    assert known == found.spec.names.variables.keys()
    assert not conjuncts


def test_a_proof_has_a_step_for_each_action_and_names_all_that_is_defined() -> None:
    found = proof("test_and_set", "mutual_exclusion")
    text = found.files["TestAndSet_MutualExclusion_proof.tla"]
    for place in {action.source for action in found.system.actions}:
        assert f"{found.spec.names.labels[place]}(self) PROVE IndInv'" in text
    used = text.split("<1> USE ")[1].split("<1>1.")[0]
    for word in ("TypeOK", "IndInv", "Tasks", "task_vars", *(conjunct.name for conjunct in found.spec.conjuncts)):
        assert f" {word}," in f"{used.replace(chr(10), ',')}," or f" {word}\n" in used
    assert "CASE UNCHANGED vars" in text
    assert "THEOREM Safe == Spec => [](MutualExclusion)" in text


@pytest.mark.slow
@pytest.mark.parametrize("module", ["TestAndSet_MutualExclusion_proof", "APTestAndSet_MutualExclusion"])
def test_sany_accepts_the_modules(tmp_path: Path, module: str) -> None:
    for name, text in {**proof("test_and_set", "mutual_exclusion").files, "TLAPS.tla": STUB}.items():
        (tmp_path / name).write_text(text)
    assert sany(find(os.environ), tmp_path, module, Limits(60)) == ()


# ---- what there is no proof of -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name", "reason"),
    [
        ("peterson", "mutual_exclusion", "how many tasks there are"),
        ("refcount", "shared_has_a_reference", "counts threads"),
    ],
)
def test_why_there_is_none_is_said(spec: str, name: str, reason: str) -> None:
    of = subject_of(spec)
    found = proof_of(of, next(asked for asked in to_show(of) if asked.name == name), Options())
    assert isinstance(found, NoProof)
    assert reason in found.reason


# ---- TLC -----------------------------------------------------------------------------------------


def test_the_command_has_tlc_check_an_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "test_and_set.kc", "--inductive", "--claim", "mutual_exclusion", "--json"]) == 0
    (claim,) = json.loads(capsys.readouterr().out)["claims"]
    assert (claim["said"], claim["states"], claim["cti"]) == ("inductive", 80, None)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "name"), PROOFS[2:5:2])
def test_invariants_are_inductive(spec: str, name: str) -> None:
    claim, version = check(proof(spec, name), find(os.environ), 300.0)
    assert claim.said == "inductive", claim.reason
    assert claim.states is not None
    assert version.startswith("TLC2 Version")


def test_without_a_clause_tlc_finds_the_step_that_leads_out() -> None:
    """Who is about to release the lock has it: else the release is a bad one."""
    found = proof("refcount", "lock_balanced")
    held = next(clause for clause in clauses_of(found) if clause.body == Binary("==", Global("lock"), Bound(T)))
    about = [clause for clause in clauses_of(found) if clause.locations == held.locations]
    said = [clause for clause in about if clause.body != Binary("!=", Global("lock"), Const(0))]
    weak = with_clauses(found, [clause for clause in clauses_of(found) if clause not in said])
    claim, _ = check(weak, find(os.environ), 300.0)
    assert (claim.said, claim.states) == ("too weak", None)
    assert "a step from a state that it allows" in claim.reason
    assert claim.cti is not None
    assert claim.cti.step
    result = InductiveResult("x.kc", "system", 2, claims=(claim,))
    assert inductive_exit(result) == 3
    lines = ["".join(words for words, _ in line) for line in inductive_lines(result, 100)]
    assert any("the invariant is too weak" in line for line in lines)
    assert any(line.strip().startswith("step    task 1, ") for line in lines)


@pytest.mark.slow
def test_an_invariant_that_is_false_at_the_start_is_no_invariant() -> None:
    found = proof("refcount", "lock_balanced")
    (group,) = found.system.groups
    never = Clause(thread=True, cls="", locations=frozenset({group.entry}), body=FALSE)
    claim, _ = check(with_clauses(found, [*clauses_of(found), never]), find(os.environ), 300.0)
    assert claim.said == "too weak"
    assert "a state at the start" in claim.reason


@pytest.mark.slow
def test_an_invariant_that_does_not_imply_the_property_is_too_weak() -> None:
    found = proof("test_and_set", "mutual_exclusion")
    true = [clause for clause in clauses_of(found) if clause.locations is None and not clause.thread][:1]
    claim, _ = check(with_clauses(found, true), find(os.environ), 300.0)
    assert claim.said == "too weak"
    assert "in which MutualExclusion is false" in claim.reason


NO_TOOLS = Tools(Path("no java"), Path("no jar"))


def test_tlc_is_not_started_for_too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(induction, "MOST_SEEN", 10)
    claim, version = check(proof("refcount", "lock_balanced"), NO_TOOLS, 300.0)
    assert (claim.said, version) == ("unknown", "")
    assert "too many" in claim.reason


def test_tlc_is_not_started_without_time() -> None:
    assert check(proof("refcount", "lock_balanced"), NO_TOOLS, 0.0)[0].reason == "out of time"


def test_the_estimate_is_near_the_truth() -> None:
    found = proof("refcount", "lock_balanced")
    seen, kept = candidates(found.spec, found.instance)
    assert 35 / 3 < kept < 35 * 3  # TLC counts 35
    assert kept < seen < 10_000
    assert candidates(found.spec, found.instance) == (seen, kept)


# ---- counterexamples -----------------------------------------------------------------------------


def test_whoever_steps_is_task_1() -> None:
    """A step of task 2 is told as the same of task 1, in states where the two have changed places."""
    found = proof("test_and_set", "mutual_exclusion")
    inst = found.instance
    (group,) = found.system.groups
    begin = dict.fromkeys(inst.slots(), 0) | {Slot(THREAD, task, PC): group.entry for task in (1, 2)}
    never = [Clause(True, "", frozenset({action.target}), FALSE) for action in found.system.actions]
    said = []
    for task in (1, 2):
        after = next(state for step, state in successors(inst, begin) if step.thread == task)
        where = broken(inst, [begin, after], never, found.prop)
        assert where is not None
        said.append((where.obligation, where.bound, where.before, where.after, where.choices))
    assert said[0] == said[1]
    assert said[0][1] == {T: 1, OBJECT: 0}
    assert broken(inst, [begin, begin | {Slot("", 0, "locked"): 1}], never, found.prop) is None


# ---- the command ---------------------------------------------------------------------------------


def test_proofs_are_written_beside_the_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "test_and_set.kc", "--proofs", "-o", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"TestAndSet.tla", "TestAndSet_MutualExclusion.tla", "TestAndSet_LockedWhileIn_proof.tla"} <= names
    assert capsys.readouterr().err == ""


def test_claims_without_a_proof_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "peterson.kc", "--proofs", "-o", str(tmp_path)]) == 3
    assert "no file for `prove mutual_exclusion`" in capsys.readouterr().err
    assert (tmp_path / "Peterson.tla").is_file()


def test_properties_that_are_called_alike_have_modules_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "alike.kc"
    path.write_text(
        "struct task { bool on; };\nvoid user(void) { for (;;) current->on = false; }\n"
        "system { task t[*] runs user; }\n"
        "invariant is_off = forall (struct task *t) !t->on;\ninvariant isOff = forall (struct task *t) !t->on;\n"
        "prove is_off;\nprove isOff;\n"
    )
    options = Options()
    of = subject(select(str(path), options), options, "X")
    found = [proof_of(of, asked, options) for asked in to_show(of)]
    assert [one.spec.module for one in found if isinstance(one, Inductive)] == ["Alike_IsOff", "Alike_IsOff_2"]


def test_nothing_shown_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlc", "core.kc", "--inductive", "--claim", "deadlock_free"]) == 3
    assert "not asked  1 claim that" in capsys.readouterr().out


def test_errors_of_the_input_come_before_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.kc").write_text("")
    for command in (["tlc", "--inductive"], ["export", "--proofs"]):
        assert main([*command, str(tmp_path / "empty.kc")]) == 2
        assert "KC905" in capsys.readouterr().err
    assert main(["tlc", "nothing.kc", "--inductive", "--json"]) == 2
    assert "KC001" in capsys.readouterr().out


def test_proofs_are_of_languages_that_have_a_form_for_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "peterson.kc", "--to", "dot", "--proofs"]) == 2
    assert "--to tla" in capsys.readouterr().err
