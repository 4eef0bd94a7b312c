"""Proofs that hold also without the patch say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.api import Options, check_file
from verify.cli import main

PROGRAM = """\
struct task { spinlock_t lock; bool a; bool b; };
void one(void)
{
spin>   spin_lock(&current->lock);
check>  if (!current->a)
            current->b = true;
        spin_unlock(&current->lock);
}
void other(void)
{
gate>   if (!current->a)
            return;
        current->b = true;
}
system { task init[*] runs one; }
system s2 { task init[*] runs other; }
invariant never_a = forall (struct task *t) !t->a;
invariant never_b = forall (struct task *t) !t->b;
prove never_a in system;
prove never_b in s2;
"""


def said(text: str, tmp_path: Path) -> dict[str, tuple[str, ...]]:
    file = tmp_path / "toothless.kc"
    file.write_text(text)
    claims = check_file(str(file), Options(budget=20.0)).claims
    return {claim.name: claim.toothless for claim in claims if claim.kind == "prove"}


def test_a_proof_that_does_not_need_the_patch_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(PROGRAM, tmp_path) == {"prove never_a in system": ("one.spin", "one.check"), "prove never_b in s2": ()}
    assert main(["prove", str(tmp_path / "toothless.kc"), "--claim", "prove never_a"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "toothless: also holds without `one.spin`, `one.check`: either the patch is larger than this claim" in shown


def test_claims_about_the_patch_say_enough(tmp_path: Path) -> None:
    claim = "prove never_a in system"
    assert said(f"{PROGRAM}necessary one.check for never_a in system;\n", tmp_path)[claim] == ()
    assert said(f"{PROGRAM}refute never_a in system without one.spin;\n", tmp_path)[claim] == ()
    assert said(f"{PROGRAM}refute never_a in s2 without other.gate;\n", tmp_path)[claim] != ()
    assert said(f"{PROGRAM}minimal {{ one.check }} for never_a in system;\n", tmp_path)[claim] == ("one.check",)


def test_without_named_guards_there_is_no_patch(tmp_path: Path) -> None:
    text = PROGRAM.replace("spin> ", "").replace("check>", "").replace("gate> ", "")
    assert set(said(text, tmp_path).values()) == {()}
