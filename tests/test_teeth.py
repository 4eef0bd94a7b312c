"""What claims notice of mutants: known kills and known survivors, and runs followed from one program to another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from verify.api import Options, quiet, select, teeth_file
from verify.cli import main
from verify.engine.verdict import Progress, Refuted
from verify.judging import Selection, question_of
from verify.mutation import mutants, mutated
from verify.question import Memory, Tools
from verify.report.teeth import LATE, MutantResult, TeethResult, teeth_exit, teeth_lines, teeth_text
from verify.report.text import plain
from verify.semantics import holds, replay
from verify.strategy import decide
from verify.teeth.follow import follow
from verify.teeth.groups import can_share, holds_of_all
from verify.teeth.standing import stand, standing

PROGRAM = """\
spinlock_t lock;
bool in;
bool twice;
int spare;

void user(void)
{
    for (;;) {
spin>   spin_lock(&lock);
        if (in)
            twice = true;
        in = true;
spare>  spare = 1;
leave>  in = false;
mb>     mb();
unlock> spin_unlock(&lock);
    }
}
struct task { int x : 2; };
system { task u[*] runs user; }
invariant never_twice = !twice;
prove never_twice;
necessary user.spin for never_twice;
redundant user.spare for never_twice;
reach user.unlock;
"""
FATES = {
    "`user.spin` removed": ("killed", "prove never_twice"),
    "`user.spare` dropped": ("survives", None),
    "`user.leave` dropped": ("killed", "prove never_twice"),
    "`user.mb` dropped": ("equivalent", None),
    "`user.unlock` dropped": ("refused", None),
    "`user.spin` after `if (in)` (teeth.kc:10)": ("killed", "prove never_twice"),
    "`if (in)` (teeth.kc:10) negated": ("killed", "prove never_twice"),
    "`twice = true;` (teeth.kc:11) dropped": ("survives", None),
    "`in = true;` (teeth.kc:12) dropped": ("survives", None),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "teeth.kc").write_text(PROGRAM)
    return "teeth.kc"


@pytest.fixture
def result(file: str) -> TeethResult:
    return teeth_file(file, Options(budget=60.0))


def test_kills_and_survivors(result: TeethResult) -> None:
    found = {mutant.name: (mutant.fate, mutant.by) for mutant in result.mutants}
    assert found == FATES
    assert result.asked == ("prove never_twice", "reach user.unlock")
    assert len(result.left) == 2
    assert teeth_exit(result) == 0
    assert result.score == (5, 8)
    (killed,) = (mutant for mutant in result.mutants if mutant.name == "`if (in)` (teeth.kc:10) negated")
    assert (killed.steps, killed.tasks, killed.how) == (4, 2, "a run of 4 steps, 2 tasks")


def test_survivors_ask_unless_the_file_answers(result: TeethResult) -> None:
    asked = {mutant.what: mutant.question for mutant in result.mutants if mutant.fate == "survives"}
    rest = "can be dropped and no claim notices: is a claim missing, or is the statement not needed?"
    assert asked == {
        "`user.spare`": None,
        "`twice = true;` (teeth.kc:11)": f"`twice = true;` (teeth.kc:11) {rest}",
        "`in = true;` (teeth.kc:12)": f"`in = true;` (teeth.kc:12) {rest}",
    }
    said = [mutant.says for mutant in result.mutants if mutant.what == "`user.spare`"]
    assert said == ["redundant user.spare for never_twice"]


def test_a_claim_that_is_chosen_is_asked_alone(file: str) -> None:
    result = teeth_file(file, Options(("reach user.unlock",), budget=60.0))
    assert result.asked == ("reach user.unlock",)
    assert {mutant.fate for mutant in result.mutants} == {"survives", "equivalent", "refused"}


def test_side_by_side_it_is_the_same(file: str, result: TeethResult) -> None:
    assert teeth_file(file, Options(budget=60.0), at_once=2).mutants == result.mutants


def test_text_and_json_say_the_same(result: TeethResult) -> None:
    text = plain(teeth_lines(result, 100))
    assert "✓ killed      `user.leave` dropped\n              prove never_twice: a run of 10 steps, 2 tasks" in text
    counts = "4 killed, 1 refused by the checker, 1 equivalent, 3 survive (1 as the file says)"
    assert f"9 mutants: {counts}; score 5 of 8" in text
    whole = json.loads(teeth_text(result))
    assert whole["schema"] == "verify-teeth/1"
    assert whole["score"] == {"noticed": 5, "of": 8}
    assert [mutant["name"] for mutant in whole["mutants"]] == [mutant.name for mutant in result.mutants]
    assert whole["mutants"][0]["line"] == 9


def test_what_is_not_known_is_said(file: str) -> None:
    result = teeth_file(file, Options(budget=0.0))
    assert result.asked == ()
    assert [why for _, why in result.left].count("not decided in time") == 2
    assert teeth_exit(result) == 3
    undecided = replace(result, asked=("prove x",), mutants=(MutantResult("drop", "`f.x`", "store", "undecided"),))
    assert teeth_exit(undecided) == 3
    assert teeth_exit(replace(undecided, interrupted=True)) == 130


def test_errors_of_the_input(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text(PROGRAM.replace("in = true", "inn = true"))
    assert main(["teeth", file]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error[KC" in shown.err
    assert main(["teeth", file, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["errors"]


def test_an_interrupt_leaves_what_is_known(file: str) -> None:
    def hear(_: str, progress: Progress) -> None:
        if progress.figures.get("looked at") == 4:
            raise KeyboardInterrupt

    result = teeth_file(file, Options(budget=60.0), hear=hear)
    assert result.interrupted
    assert [mutant.how for mutant in result.mutants].count(LATE) == 5
    assert teeth_exit(result) == 130
    assert "not looked at in time: 5 mutants" in plain(teeth_lines(result, 100))


def test_a_run_is_followed_where_it_still_is_one(file: str) -> None:
    selection = select(file, Options())
    claim = next(claim for claim in selection.claims if claim.kind == "reach")
    verdict = decide(question_of(selection, Options(), claim, Memory(), Tools()))
    assert isinstance(verdict, Refuted)
    followed = 0
    for mutant in mutants(selection.program, "system"):
        changed = Selection(file, mutated(selection.program, mutant), selection.claims)
        question = question_of(changed, Options(), claim, Memory(), Tools())
        run = follow(verdict.trace, question.system, question.prop)
        if run is not None:
            followed += 1
            assert replay(run)
            assert not holds(run.instance, question.prop, run.states[-1])
    assert followed >= 6


def test_one_proof_for_many_or_none(file: str) -> None:
    selection = select(file, Options())
    claim = selection.claims[0]
    _, verdict = stand(selection, Options(), claim, quiet)
    assert verdict is not None
    known = standing(selection, claim, verdict)
    found = {mutant.what: mutant for mutant in mutants(selection.program, "system") if can_share(known, mutant)}
    good = [found["`user.spare`"], found["`in = true;` (teeth.kc:12)"], found["`user.mb`"]]
    assert holds_of_all(selection, Options(), known, good, quiet)
    assert not holds_of_all(selection, Options(), known, [*good, found["`user.leave`"]], quiet)
    assert not holds_of_all(selection, Options(), known, [found["`user.spin`"]], quiet)


@pytest.mark.slow
def test_the_core_of_the_fix() -> None:
    result = teeth_file("core.kc", Options(("prove no_traced_kernel_thread",), budget=120.0), at_once=2)
    fates = {mutant.name: mutant for mutant in result.mutants}
    for name in ("`kernel_thread.flag` dropped", "`ptrace_attach.check` removed"):
        assert (fates[name].fate, fates[name].by) == ("killed", "prove no_traced_kernel_thread")
    assert (fates["`ptrace_attach.spin` removed"].fate, fates["`ptrace_attach.spin` removed"].says) == (
        "survives", "redundant ptrace_attach.spin for no_traced_kernel_thread",
    )  # fmt: skip
    assert fates["`kernel_thread.unlock` dropped"].fate == "refused"
