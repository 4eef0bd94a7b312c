"""The claims of the mail, each with its sentence: what is printed leaks a lock, and the claims hold."""

from __future__ import annotations

import re

import pytest

from verify.api import FileResult, Options, check_file, select
from verify.resources import specs_root

BASE = "mail/threats.kc"  # included by the others
SPECS = sorted({f"mail/{path.name}" for path in (specs_root() / "mail").glob("*.kc")} - {BASE})
MUTANTS = sorted(path.stem for path in (specs_root() / "mutants").glob("*.kc"))


def fails(result: FileResult) -> list[str]:
    """The claims that do not hold, each with its verdict."""
    assert not result.errors
    return [f"{claim.name}: {claim.verdict}" for claim in result.claims if not claim.holds]


@pytest.mark.parametrize("spec", SPECS)
def test_nothing_is_claimed_of_what_never_happens(spec: str) -> None:
    """Of each, two good things are shown to happen, and nothing of the version that it includes is claimed again."""
    claims = select(spec, Options()).claims
    assert len([claim for claim in claims if claim.kind == "reach"]) >= 2
    assert len({(claim.name, claim.system) for claim in claims}) == len(claims)
    assert {claim.span.source.path for claim in claims} == {str(specs_root() / spec)}


@pytest.mark.parametrize("spec", SPECS)
def test_the_sentences_stand_above(spec: str) -> None:
    assert '"' in (specs_root() / spec).read_text().splitlines()[0]


def test_all_files_and_mutants_are_listed() -> None:
    text = (specs_root() / BASE).read_text()
    assert {f"mail/{name}" for name in re.findall(r"\w+\.kc", text)} >= set(SPECS)
    assert [name for name in MUTANTS if name not in text] == []


def test_the_lines_as_printed_keep_the_lock() -> None:
    result = check_file("mail/sections.kc", Options(defines={"AS_PRINTED": "1"}))
    (error,) = result.errors
    assert error.code == "KC170"
    assert error.span.source.text.splitlines()[error.span.line - 1].startswith("exit>")
    assert result.claims == ()


def test_what_takes_no_lock_takes_barriers() -> None:
    assert fails(check_file("mail/barriers.kc", Options())) == []


@pytest.mark.slow
def test_the_checks_are_not_needed_but_reached() -> None:
    assert fails(check_file("mail/not_needed.kc", Options(budget=300))) == []


@pytest.mark.slow
def test_without_the_checks_the_capability_is_enough() -> None:
    assert fails(check_file("mail/cap_sys_ptrace_v4.kc", Options(("refute no_poked_user_helper",), budget=300))) == []
