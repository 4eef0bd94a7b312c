"""Exported obligations: Z3 and cvc5 find all of them unsatisfiable, and not those of an invariant that is none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from verify.api import Options, check_certificates, check_file, export_file, select, versions
from verify.certificates.form import Given
from verify.certificates.statement import source_files
from verify.certificates.write import certified
from verify.cli import main
from verify.exporting.languages import files
from verify.exporting.smt2 import _proof
from verify.judging import judge_of
from verify.schedule import Voice, silent
from verify.smt.ask import SOLVERS, Bench

SPEC = "test_and_set.kc"
SHARED = """// what is ü is no part of a file's head
struct task { bool on; bool off; };
void user(void) { for (;;) { set> current->on = true; current->on = false; } }
system { task t[*] runs user; }
invariant quiet = forall (struct task *t) !t->off;
prove quiet;
redundant user.set for quiet;
reach user.set;
"""


def exported(spec: str, options: Options) -> tuple[Mapping[str, str], Mapping[str, Any], Mapping[str, str]]:
    """The files, the index, and why claims have none."""
    told = dict[str, str]()
    made = dict(files("smt2", select(spec, options), options, versions(), Voice(silent), told.__setitem__))
    return made, json.loads(made["index.json"]), told


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(2) as found:
        yield found


@pytest.mark.slow
def test_both_solvers_find_every_obligation_met(bench: Bench) -> None:
    found, index, _ = exported(SPEC, Options(("locked_while_in",)))
    scripts = [text for name, text in found.items() if name.endswith(".smt2")]
    assert len(scripts) > 50
    for solver in SOLVERS:
        assert list(bench.ask(solver, scripts, 60.0).result().words) == ["unsat"] * len(scripts)
    assert [one["file"] for proof in index["proofs"] for one in proof["obligations"]] == list(found)[:-1]


@pytest.mark.slow
def test_without_one_of_its_clauses_an_invariant_is_none(bench: Bench) -> None:
    options = Options(("prove mutual_exclusion",))
    selection = select(SPEC, options)
    (claim,) = selection.claims
    judgement = judge_of(selection, options)(claim)
    given = Given(source_files(selection.program, SPEC), {}, None, ())
    whole = certified(given, selection, claim, judgement, versions(), {})
    assert whole is not None
    broken = replace(whole, clauses=whole.clauses[1:])
    _, texts = _proof(1, broken, selection, claim, judgement)
    said = bench.ask("z3", [text.replace("(set-info :status unsat)\n", "") for text in texts.values()], 60.0).result()
    assert said.words[-1] == "sat"


@pytest.mark.slow
def test_they_are_as_many_as_those_that_a_check_asks(tmp_path: Path) -> None:
    options = Options(("locked_while_in",), certificates=str(tmp_path))
    (claim,) = check_file(SPEC, options).claims
    assert claim.certificate is not None
    (checked,) = check_certificates([claim.certificate], seconds=60.0)
    _, index, _ = exported(SPEC, options)
    (proof,) = index["proofs"]
    assert sum(one["count"] for one in proof["obligations"]) == checked.obligations
    written = json.loads(Path(claim.certificate).read_text())
    assert (proof["lines"], proof["clauses"]) == (written["lines"], written["clauses"])


def test_a_file_says_what_it_is_about() -> None:
    found, _, _ = exported(SPEC, Options(("locked_while_in",)))
    names = [name.partition("/")[2] for name in found]
    assert names[0] == "0001-safety-x-1.smt2"
    name = next(name for name in found if re.search(r"/\d+-acquire\.take-.*-domains\.smt2$", name))
    head, _, question = found[name].partition("(set-logic QF_UFBV)\n")
    assert head == (
        "(set-info :smt-lib-version 2.6)\n"
        "; obligation: acquire.take x 3, 4, 5, 6, 7, 8, 12, domains\n"
        "; at: test_and_set.kc:17\n"
        "; claim: prove locked_while_in\n"
        "; system: system of test_and_set.kc\n"
        "; scope: any number of tasks, any number of steps\n"
        f"; written by verify {versions()['verify']}\n"
        "(set-info :status unsat)\n"
    )
    assert question.count("(check-sat)") == 1
    assert all(text.isascii() for text in found.values())


@pytest.mark.slow
def test_a_question_reads_as_the_document_shows() -> None:
    def masked(text: str) -> str:
        return re.sub(r"\b([nb])[0-9]+\b", r"\1", text)

    found, _, _ = exported("core.kc", Options(("prove no_traced_kernel_thread",)))
    name = next(name for name in found if re.search("ptrace_attach.flag-x-[0-9]+-of-another-thread-task.smt2", name))
    document = (Path(__file__).parent.parent / "docs" / "certificates.md").read_text(encoding="utf-8")
    shown = [line.partition(" ;")[0].strip() for line in document.splitlines() if line.startswith("(define-fun")]
    assert len(shown) > 3
    assert {masked(line) for line in shown} <= {masked(line) for line in found[name].splitlines()}


def test_the_index_says_what_became_of_each_claim(tmp_path: Path) -> None:
    spec = tmp_path / "shäred.kc"
    spec.write_text(SHARED)
    found, index, told = exported(str(spec), Options())
    claims = {claim["claim"]: claim for claim in index["claims"]}
    assert [claim["holds"] for claim in claims.values()] == [True, True, True]
    shared = claims["prove quiet"]["proof"]
    assert shared == claims["redundant user.set for quiet"]["proof"] == "01-prove-quiet"
    assert claims["reach user.set"]["reason"] == told["reach user.set"]
    assert re.fullmatch(r"it is decided by a run of \d+ steps?, \d tasks?", told["reach user.set"])
    assert set(told) == {"reach user.set"}
    assert {name.partition("/")[0] for name in found} == {proof["folder"] for proof in index["proofs"]} | {"index.json"}
    assert "; system: system of sh?red.kc\n" in found["01-prove-quiet/0001-safety-x-1.smt2"]
    assert "; claim: redundant user.set for quiet\n" in found["01-prove-quiet/0001-safety-x-1.smt2"]
    assert [file["path"] for file in index["given"]["files"]] == ["shäred.kc"]
    assert str(tmp_path) not in found["index.json"]


def test_the_same_proof_gives_the_same_bytes() -> None:
    options = Options(("locked_while_in",))
    assert exported(SPEC, options)[0] == exported(SPEC, options)[0]


def test_claims_about_two_tasks_have_no_files() -> None:
    found, index, told = exported("peterson.kc", Options(("prove not_both_wait", "reach user.enter")))
    assert list(found) == ["index.json"]
    assert told["prove not_both_wait"] == "it is proved for 2 tasks, any number of steps"
    assert {claim["claim"]: claim["reason"] for claim in index["claims"]} == told
    assert index["proofs"] == []


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_files_and_says_what_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--claim", "locked_while_in", "--claim", "reach user.enter"]
    assert main(["export", SPEC, "--to", "smt2", "-o", str(tmp_path / "new"), *chosen]) == 0
    out, err = capsys.readouterr()
    assert sorted(out.splitlines()) == sorted(str(path) for path in tmp_path.rglob("*.*") if path.is_file())
    assert (tmp_path / "new" / "index.json").is_file()
    assert err.splitlines() == ["no file for `reach user.enter`: it is decided by a run of 5 steps, 2 tasks"]


def test_nobody_has_to_read_the_list(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "verify", "export", SPEC, "--to", "smt2", "-o", str(tmp_path)]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            [*command, "--claim", "locked_while_in"], stdout=nobody, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "index.json").is_file()


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.kc"
    empty.write_text("")
    assert main(["export", str(empty), "--to", "smt2", "-o", str(tmp_path / "out")]) == 2
    assert "KC905" in capsys.readouterr().err
    assert main(["export", SPEC, "--to", "smt2", "--claim", "nothing", "-o", str(tmp_path / "out")]) == 2
    assert "KC901" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    (blocked := tmp_path / "blocked").mkdir()
    (blocked / "01-prove-locked_while_in").write_text("mine")
    (error,) = export_file(SPEC, Options(("locked_while_in",)), str(blocked), "smt2").errors
    assert error.code == "KC906"
    assert (blocked / "01-prove-locked_while_in").read_text() == "mine"
    assert not (blocked / "index.json").exists()
