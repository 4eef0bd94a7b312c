"""The versions of the kmod/ptrace fix: each shows what differs, and makes the claims that all of them make."""

from __future__ import annotations

import re

import pytest

from verify.api import Options, check_file, select
from verify.comparing.texts import texts
from verify.resources import specs_root
from verify.syntax.program import Program

VERSIONS = [f"ptrace/v{number}.kc" for number in range(8)] + ["ptrace/linux_2_4_27.kc"]
PATCHES = [*VERSIONS, "ptrace/root_helper.kc", "fix.kc"]
BEFORE = {  # what each is a patch of, and the functions that it changes
    "ptrace/v0.kc": ("ptrace/kernel.kc", ""),
    "ptrace/v1.kc": ("fix.kc", ""),
    "ptrace/v2.kc": ("fix.kc", "ptrace_check_attach access_process_vm"),
    "ptrace/v3.kc": ("fix.kc", "ptrace_check_attach access_process_vm"),
    "ptrace/v4.kc": ("fix.kc", "is_dumpable ptrace_check_attach access_process_vm set_dumpable"),
    "ptrace/v5.kc": ("ptrace/v4.kc", "kernel_thread"),
    "ptrace/v6.kc": ("ptrace/v4.kc", "copy_flags kernel_thread"),
    "ptrace/v7.kc": ("ptrace/v4.kc", "ptrace_attach access_process_vm usermodehelper_ids"),
    "ptrace/linux_2_4_27.kc": ("ptrace/v4.kc", "usermodehelper_ids"),
    "ptrace/root_helper.kc": ("ptrace/kernel.kc", "usermodehelper_ids"),
    "fix.kc": (
        "ptrace/v0.kc",
        "is_dumpable exec_dumpable kernel_thread ptrace_check_attach access_process_vm set_dumpable",
    ),  # not ptrace_attach, which is written out to be read, and asks is_dumpable in both
}
NULL = {"ptrace/v1.kc": "refute", "ptrace/v2.kc": "refute"}  # of no_null_dereference; the others prove it
OWN = re.compile(r"^(?:[a-z]+ )*\**(?:__weak )?(\w+)\([^;]*\)\n\{", re.MULTILINE)
KINDS = ("prove", "refute")


def program(spec: str) -> Program:
    return select(spec, Options()).program


@pytest.mark.parametrize("spec", PATCHES)
def test_a_version_changes_what_its_head_says(spec: str) -> None:
    """No more, no less; and it repeats no function as it was."""
    base, functions = BEFORE[spec]
    found = texts(program(base), program(spec))
    assert {change.name for change in found.functions if change.before} == set(functions.split())
    text = (specs_root() / spec).read_text()
    head, body = text.split("#include", maxsplit=1)
    assert all(name in head for name in functions.split())
    if base != "ptrace/v0.kc":
        written = set(OWN.findall(body)) - {change.name for change in found.functions if not change.before}
        included = {"usermodehelper_ids"} if "root_helper.kc" in body else set()
        assert written == set(functions.split()) - included


@pytest.mark.parametrize("spec", VERSIONS)
def test_every_version_makes_the_usual_claims(spec: str) -> None:
    claims = select(spec, Options()).claims
    names = {f"{claim.kind} {claim.invariant}" for claim in claims if claim.kind in KINDS and not claim.without}
    for invariant in ("no_traced_kernel_thread", "no_poked_kernel_thread"):
        assert len(names & {f"{kind} {invariant}" for kind in KINDS}) == 1
    assert f"{NULL.get(spec, 'prove')} no_null_dereference" in names
    assert "lock_balanced" in {claim.kind for claim in claims}
    assert len([claim for claim in claims if claim.kind == "reach"]) >= 2
    assert all(claim.span.source.path == str(specs_root() / spec) for claim in claims)


def test_a_helper_with_the_ids_of_root_is_caught() -> None:
    result = check_file("ptrace/linux_2_4_27.kc", Options(claims=("refute no_traced_kernel_thread",), budget=120))
    assert [claim.holds for claim in result.claims] == [True]
