"""The races of specs/races: in each pair, what is vulnerable is refuted by a run, and what is fixed is proved."""

from __future__ import annotations

import re

import pytest

from verify.api import Options, check_file, select
from verify.report.result import ClaimResult
from verify.resources import specs_root

ROOT = specs_root() / "races"
RACES = sorted(path.name for path in ROOT.iterdir())
VERSIONS = ("vulnerable", "fixed")
SAID = re.compile(r"^(refute [^;]+);\s*// ?(?:.*\ba run of )?(\d+) steps", re.MULTILINE)


def decided(race: str, version: str) -> tuple[ClaimResult, ...]:
    """What the claims come to."""
    result = check_file(f"races/{race}/{version}.kc", Options(budget=300))
    assert not result.errors
    return result.claims


@pytest.mark.parametrize("race", RACES)
def test_each_race_is_a_pair_that_says_what_happens_in_it(race: str) -> None:
    assert {path.name for path in (ROOT / race).iterdir()} - {"common.kc"} == {"vulnerable.kc", "fixed.kc"}
    claims = {version: select(f"races/{race}/{version}.kc", Options()).claims for version in VERSIONS}
    for found in claims.values():
        assert len([claim for claim in found if claim.kind == "reach"]) >= 2
    assert any(claim.kind in ("necessary", "refute") for claim in claims["fixed"])
    proved = {claim.invariant for claim in claims["fixed"] if claim.kind == "prove"}
    refuted = {claim.invariant for claim in claims["vulnerable"] if claim.kind == "refute"}
    assert proved & refuted or "deadlock_free" in {claim.kind for claim in claims["fixed"]}


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES)
def test_vulnerable_versions_are_refuted_by_a_run(race: str) -> None:
    found = decided(race, "vulnerable")
    assert [claim.name for claim in found if not claim.holds] == []
    assert any(claim.trace for claim in found)
    steps = {claim.name: len(claim.trace.steps) for claim in found if claim.trace}
    for claim, length in SAID.findall((ROOT / race / "vulnerable.kc").read_text()):
        assert steps[" ".join(claim.split())] == int(length)


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES)
def test_fixed_versions_are_proved_and_need_the_fix(race: str) -> None:
    found = decided(race, "fixed")
    assert [f"{claim.name}: {claim.verdict}" for claim in found if not claim.holds] == []
    assert any(claim.verdict == "proved" for claim in found)
