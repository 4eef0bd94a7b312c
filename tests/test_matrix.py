"""The matrix of the versions of the fix: what is compared with what, and a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.matrix import (
    FOLDER,
    NONE,
    Cell,
    Difference,
    Expected,
    Row,
    about,
    cell,
    cells_of,
    columns,
    compared,
    main,
    markdown,
    notes,
    placed,
    read,
    recorded,
    table,
    text,
)
from verify.api import ClaimResult, Options, select
from verify.engine.verdict import Scope
from verify.report.result import Word

EXPECTED = read((FOLDER / "expected.toml").read_text())
ROW = Row("A", "nobody", ("safe",), {"V0": "R", "V1": "P*"})
DIFFERS = Difference("A", "V1", "R", "because")
OPEN = Difference("A", "V0", "-", "too hard")


def found(verdict: Word, tasks: int | None = None, steps: int | None = None, name: str = "prove safe") -> ClaimResult:
    scope = None if verdict == "unknown" else Scope(tasks, steps)
    return ClaimResult(name, "prove", "safe", None, None, verdict, None, scope, "", 0.0)


PROVED, REFUTED, UNKNOWN = found("proved"), found("refuted", 3, 73, "refute safe"), found("unknown")


def test_a_verdict_says_how_far_it_reaches() -> None:
    assert [text(result) for result in (PROVED, found("proved", 2), REFUTED, UNKNOWN, found("vacuous"))] == [
        "P any", "P 2", "R 73/3", "?", "?",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "results", "known", "wanted"),
    [
        ("V0", [REFUTED], [], Cell("R 73/3")),
        ("V1", [PROVED], [], Cell("P any*")),
        ("V0", [PROVED], [], Cell("P any", "R is expected")),
        ("V0", [UNKNOWN], [], Cell("?", "R is expected")),
        ("V1", [REFUTED], [DIFFERS], Cell("R 73/3* ≠", "", DIFFERS)),
        ("V1", [PROVED], [DIFFERS], Cell("P any* ≠", "a difference is recorded, R for P*", DIFFERS)),
        ("V1", [UNKNOWN], [DIFFERS], Cell("?* ≠", "a difference is recorded, R for P*", DIFFERS)),
        ("V1", [REFUTED], [replace(DIFFERS, row="B")], Cell("R 73/3*", "P* is expected")),
        ("V0", [], [], Cell("-", "R is expected, and nothing is claimed")),
        ("V0", [], [OPEN], Cell("- ≠", "", OPEN)),
        ("V1", [], [DIFFERS], Cell("-", "P* is expected, and nothing is claimed")),
        ("V2", [], [], Cell("-")),
        ("V2", [PROVED], [], Cell("P any", "nothing is expected")),
        ("V0", [REFUTED, REFUTED], [], Cell("?", "several claims decide it")),
    ],
)
def test_a_cell_is_right_only_if_it_is_expected_or_said_to_differ(
    version: str, results: Sequence[ClaimResult], known: Sequence[Difference], wanted: Cell
) -> None:
    assert cell(ROW, version, results, known) == wanted


def test_a_claim_that_is_in_no_row_is_an_error() -> None:
    expected = Expected([ROW], [])
    assert [*placed(expected, "V0", [REFUTED])] == [("A", REFUTED)]
    with pytest.raises(ValueError, match="V0: `prove safe in other` is in no row"):
        list(placed(expected, "V0", [found("proved", name="prove safe in other")]))


def test_the_table_shows_every_cell_and_why_one_differs() -> None:
    expected = Expected([ROW], [DIFFERS])
    cells = compared(expected, ["V0", "V1"], {("A", "V0"): [REFUTED], ("A", "V1"): [REFUTED]})
    assert [*table(expected, ["V0", "V1"], cells)] == [
        "   V0      V1",
        "A  R 73/3  R 73/3* ≠  nobody",
    ]
    assert [*markdown(expected, ["V0", "V1"], cells)] == [
        "| property | V0 | V1 |",
        "|---|---|---|",
        r"| A: nobody | R 73/3 | R 73/3\* ≠ |",
    ]
    assert [*notes(cells)][-1] == "  A V1: because"


def test_what_is_recorded_is_what_would_be_right() -> None:
    cells = recorded(Expected([ROW], [DIFFERS]), ["V0", "V1", "V2"])
    assert [one.text for one in cells.values()] == ["R", "R ≠", "-"]
    assert cells["A", "V1"].differs == DIFFERS


def test_every_claim_has_its_cell_and_every_expected_cell_its_claim() -> None:
    claims = {version: cells_of(select(str(path), Options())) for version, path in columns().items()}
    undecided = {(one.row, one.version) for one in EXPECTED.differences if one.found == NONE}
    for row in EXPECTED.rows:
        for version, names in claims.items():
            wanted = version in row.expected and (row.name, version) not in undecided
            here = [claim.name for claim in names if about(claim.name) in row.claims]
            assert len(here) == wanted, (row.name, version)
    listed = {claim for row in EXPECTED.rows for claim in row.claims}
    assert {about(claim.name) for names in claims.values() for claim in names} <= listed
    cells = {(row.name, version) for row in EXPECTED.rows for version in row.expected}
    assert {(one.row, one.version) for one in EXPECTED.differences} <= cells


@pytest.mark.slow
def test_a_part_of_the_matrix_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["V0"]) == 0
    out = capsys.readouterr().out
    assert "R 73/3" in out
    assert "is expected" not in out
