"""Claims as lines of text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.handmade import SOURCE, proved, refuted, unknown
from verify.diagnostics import Diagnostic
from verify.engine.verdict import Scope
from verify.report.result import ClaimResult, FileResult
from verify.report.text import claim_lines, error_lines, name_width, plain, seconds, summary
from verify.source import Span

LONG = "redundant access_process_vm.check for no_traced_kernel_thread in capable without kernel_thread.spin"


def shown(claim: ClaimResult, width: int = 100, *, chosen: bool = False) -> list[str]:
    return plain(claim_lines(claim, width, name_width([claim.name], width), chosen=chosen)).splitlines()


def test_a_claim_that_holds_is_one_line() -> None:
    assert shown(proved()) == [
        "✓ holds    prove no_traced_kernel_thread   3 tasks, any number of steps     views     12.0 s"
    ]


def test_a_claim_that_fails_shows_its_run() -> None:
    lines = shown(refuted())
    assert lines[0] == "✗ fails    prove no_traced_kernel_thread   a run of 10 steps, 3 tasks       bfs       0.41 s"
    assert lines[1] == " " * 11 + "expected: no_traced_kernel_thread holds in every reachable state"
    assert "ptrace_attach.flag" in "\n".join(lines)
    assert lines[-1].endswith("no_traced_kernel_thread is false.")


def test_a_claim_that_is_unknown_says_why_and_what_is_known() -> None:
    lines = shown(unknown())
    assert lines[0].startswith("? unknown  race_free task.ptrace   ")
    assert lines[1:] == [
        " " * 11 + "not decided by this engine",
        " " * 11 + "shown: no violation in any run of up to 23 steps with up to 3 tasks",
    ]


@pytest.mark.parametrize(("kind", "chosen", "run"), [
    ("refute", False, True), ("necessary", False, False), ("reach", False, False), ("necessary", True, True),
    ("reach", True, True),
])
def test_which_expected_runs_are_shown(kind: str, chosen: bool, run: bool) -> None:  # noqa: FBT001 - parameters
    claim = replace(refuted(), kind=kind, holds=True)  # type: ignore[arg-type] # one of them
    assert (len(shown(claim, chosen=chosen)) > 1) is run


def test_a_vacuous_proof_says_so() -> None:
    claim = replace(proved(), verdict="vacuous", holds=False, reason="no run reaches kernel_thread.flag")
    assert "vacuous" in shown(claim)[0]
    assert shown(claim)[2].strip() == "no run reaches kernel_thread.flag"


@pytest.mark.parametrize("width", [60, 100, 160])
def test_long_names_wrap_and_columns_stay(width: int) -> None:
    names = [proved().name, LONG]
    column = name_width(names, width)
    both = [plain(claim_lines(replace(proved(), name=name), width, column)) for name in names]
    rows = [row for text in both for row in text.splitlines()]
    ends = {row.index("3 tasks") for row in rows if "3 tasks" in row}
    assert len(ends) == 1
    assert "".join(rows[-1 - (column < len(LONG)) :]).count("kernel_thread.spin") == 1
    assert max(map(len, rows)) <= max(width, 11 + 24 + 55)


def test_seconds_have_three_digits() -> None:
    assert [seconds(s) for s in (0.0, 0.004, 1.234, 12.34, 123.4)] == ["0.00 s", "0.00 s", "1.23 s", "12.3 s", "123 s"]


def test_the_summary_counts() -> None:
    result = FileResult("fix.kc", {}, claims=(proved(), refuted(), unknown(), proved()), seconds=24.8)
    assert plain(iter([summary(result)])) == "4 claims: 2 hold, 1 fails, 1 unknown   24.8 s"
    one = FileResult("fix.kc", {}, claims=(proved(),), seconds=12.0)
    assert plain(iter([summary(one)])) == "1 claim: 1 holds   12.0 s"
    assert plain(iter([summary(FileResult("fix.kc", {}))])) == "fix.kc: no claims"


def test_the_summary_has_the_colour_of_the_worst() -> None:
    styles = [
        summary(FileResult("", {}, claims=claims))[0][1]
        for claims in ((proved(),), (proved(), unknown()), (proved(), unknown(), refuted()))
    ]
    assert styles == ["green", "yellow", "bold red"]


def test_errors_show_the_line() -> None:
    error = Diagnostic("KC102", "unlock of `x`", Span(SOURCE, 0, 3), hint="try harder")
    lines = plain(error_lines([error])).splitlines()
    assert lines[0] == "specs/ptrace/kernel.kc:1:1: error[KC102]: unlock of `x`"
    assert lines[2] == "1 | int kernel_thread(void)"
    assert lines[-1] == "  = help: try harder"


def test_scopes() -> None:
    unbounded = replace(proved(), scope=Scope(None, None))
    assert "any number of tasks, any number of steps" in shown(unbounded, 160)[0]
