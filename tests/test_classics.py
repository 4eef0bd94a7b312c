"""The textbook systems: what is broken is refuted, what is needed is needed, nothing is vacuous."""

from __future__ import annotations

import pytest

from verify.api import Options, check_file, select
from verify.resources import specs_root

SPECS = sorted(f"classics/{path.name}" for path in (specs_root() / "classics").glob("*.kc"))
FOUND = ("refute", "necessary", "reach")  # decided by a run
TASKS = 3


def claims(spec: str, **more: str) -> list[str]:
    return [claim.name for claim in select(spec, Options(defines=more)).claims if claim.kind in FOUND]


def fails(spec: str, options: Options) -> list[str]:
    """The claims that do not hold, each with its verdict."""
    result = check_file(spec, options)
    assert not result.errors
    return [f"{claim.name}: {claim.verdict}" for claim in result.claims if not claim.holds]


def test_each_system_has_a_broken_version() -> None:
    names = {spec.removesuffix(".kc").removesuffix("_broken") for spec in SPECS}
    assert len(names) == 10
    for name in names:
        broken = [spec for spec in SPECS if spec.startswith(name)][-1]
        assert any(claim.startswith("refute") for claim in claims(broken))


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_runs_are_found(spec: str) -> None:
    assert fails(spec, Options(tasks=TASKS, claims=tuple(claims(spec)))) == []


@pytest.mark.slow
@pytest.mark.parametrize("spec", [spec for spec in SPECS if not spec.endswith("_broken.kc")])
def test_what_is_to_be_proved_has_no_run_that_breaks_it(spec: str) -> None:
    result = check_file(spec, Options(tasks=2, engine="bfs", budget=20))
    names = claims(spec)
    for claim in result.claims:
        if claim.name not in names:
            assert claim.holds is not False
            assert claim.reason in ("a search alone is no proof", "the system starts with 3 tasks")


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["classics/ticket.kc", "classics/readers_writers.kc", "classics/refcount.kc"])
def test_counters_wrap_around_in_a_crowd(spec: str) -> None:
    crowd = [name for name in claims(spec, CROWD="1") if name not in claims(spec)]
    assert crowd
    assert fails(spec, Options(tasks=5, claims=tuple(crowd), defines={"CROWD": "1"})) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "test_and_set", "ticket", "seqlock", "double_checked", "peterson", "refcount", "rcu", "bounded_buffer",
        "readers_writers",
    ],
)  # fmt: skip
def test_what_is_to_be_proved_is_for_any_number_of_tasks(name: str) -> None:
    assert fails(f"classics/{name}.kc", Options()) == []


@pytest.mark.slow
def test_philosophers_never_share_a_fork_nor_starve_together_however_many_there_are() -> None:
    result = check_file("classics/philosophers.kc", Options())
    assert [claim.name for claim in result.claims if not claim.holds] == []
    proofs = [claim for claim in result.claims if claim.verdict == "proved"]
    assert len(proofs) == 5
    assert {claim.scope.tasks for claim in proofs if claim.scope} == {None}
