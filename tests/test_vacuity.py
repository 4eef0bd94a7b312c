"""Proofs about guards that no run comes to are vacuous, and their claims fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.api import Options, check_file
from verify.report.result import ClaimResult, FileResult, exit_code

PROGRAM = """\
struct task { bool a; bool b; };
void one(void)
{
        current->a = true;
check>  if (current->b)
never>      current->a = false;
}
void other(void)
{
gate>   if (current->a)
            return;
        current->b = false;
}
void third(void)
{
        if (current->b) {
gate>       if (current->a)
                return;
        }
        current->a = true;
}
system s1 { task init[*] runs one; }
system s2 { task init[*] runs other; }
system s3 { task init[*] runs third; }
invariant inv = forall (struct task *t) !t->b;
prove     inv in s1;
redundant one.check for inv in s1;
redundant other.gate for inv in s1;
redundant other.gate for inv in s2;
redundant third.gate for inv in s3;
dead      one.check in s1;
dead      other.gate in s1;
dead      other.gate in s2;
dead      third.gate in s3;
prove     inv in s1 without one.never;
prove     inv in s1 without one.check;
reach     other.gate in s1;
"""
VACUOUS = {
    "redundant other.gate for inv in s1": "other.gate",
    "redundant third.gate for inv in s3": "third.gate",
    "dead other.gate in s1": "other.gate",
    "dead third.gate in s3": "third.gate",
    "prove inv in s1 without one.never": "one.never",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.kc"
    path.write_text(PROGRAM)
    return str(path)


def claims(result: FileResult) -> dict[str, ClaimResult]:
    return {claim.name: claim for claim in result.claims}


def test_a_proof_about_guards_that_no_run_comes_to_is_vacuous(file: str, tmp_path: Path) -> None:
    result = check_file(file, Options(certificates=str(tmp_path)))
    found = claims(result)
    assert {name for name, claim in found.items() if claim.verdict == "vacuous"} == VACUOUS.keys()
    for name, guard in VACUOUS.items():
        assert found[name].holds is False
        assert found[name].reason == f"no run comes to `{guard}`"
        assert found[name].certificate is None
    others = {name: claim for name, claim in found.items() if name not in VACUOUS}
    assert [name for name, claim in others.items() if not claim.holds] == ["reach other.gate in s1"]
    assert exit_code(result) == 1


def test_guards_that_the_command_line_removes_from_all_claims_make_none_vacuous(file: str) -> None:
    options = Options(("prove inv",), without=("one.never",), system="s1")
    verdicts = {claim.verdict for claim in check_file(file, options).claims if not claim.name.endswith("check")}
    assert verdicts == {"proved"}


def test_a_claim_that_wants_a_run_fails_for_want_of_it(file: str) -> None:
    Path(file).write_text(PROGRAM.replace("prove     inv in s1;", "refute inv in s3 without third.gate;"))
    (claim,) = check_file(file, Options(("refute",))).claims
    assert (claim.verdict, claim.holds) == ("proved", False)
