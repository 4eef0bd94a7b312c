"""Claims as tests of pytest."""

from __future__ import annotations

import subprocess
import sys

import pytest

import verify.api
import verify.syntax
from tests.handmade import KC
from verify.pytest_plugin import item_names
from verify.syntax.ast import ClaimDecl

CONFTEST = """
from tests import handmade
from verify import api

api.judge_of = handmade.fake_judge_of
"""
MIXED = KC + "prove hard;\nrefute good;\n"


@pytest.fixture
def suite(
    pytester: pytest.Pytester, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A folder of specs, with claims judged by the names of their invariants."""
    monkeypatch.setattr(verify.api, "judge_of", verify.api.judge_of)  # what a conftest puts there goes away again
    pytester.makeconftest(CONFTEST)
    pytester.makeini(f"[pytest]\npythonpath = {request.path.parent.parent}\naddopts = -p no:hypothesispytest\n")
    specs = pytester.mkdir("specs")
    (specs / "a.kc").write_text(KC)
    (specs / "part.kc").write_text(KC.partition("prove")[0])
    return pytester


def test_every_claim_is_a_test(suite: pytest.Pytester) -> None:
    result = suite.runpytest("specs", "-v")
    result.assert_outcomes(passed=4)
    for name in ("prove good", "refute bad[in pair]", "reach user.look", "redundant user.check[for good]"):
        result.stdout.fnmatch_lines([f"specs/a.kc::{name.replace('[', '[[]')} PASSED*"])


@pytest.mark.parametrize(("args", "passed"), [
    (["specs/a.kc::prove good"], 1),
    (["specs/a.kc::redundant user.check"], 1),
    (["specs/a.kc::redundant user.check[for good]"], 1),
    (["specs", "-k", "redundant or reach"], 2),
])
def test_claims_are_selected_as_tests_are(suite: pytest.Pytester, args: list[str], passed: int) -> None:
    suite.runpytest(*args).assert_outcomes(passed=passed, deselected=4 - passed if "-k" in args else 0)


def test_a_failure_shows_the_run(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "bad.kc").write_text(KC.replace("refute    bad in pair", "prove bad in pair"))
    result = suite.runpytest("specs/bad.kc")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([
        "*prove bad*in pair*",
        "✗ fails    prove bad in pair*a run of 10 steps, 3 tasks*",
        "*expected: `bad` holds in every reachable state*",
        "*t->ptrace |= PT_PTRACED;*ptrace_attach.flag*",
        "*⇒ task 2 sets task 3.ptrace from 0 to 1 (ptrace_attach.flag, kernel.kc:16) while*",
        "FAILED specs/bad.kc::prove bad*",
    ])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_unknown_fails_with_the_reason(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "mixed.kc").write_text(MIXED)
    result = suite.runpytest("specs/mixed.kc")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines([
        "[?] unknown  prove hard*", "*out of time*", "*shown: no violation in any run of up to 7 steps*",
        "✗ fails    refute good*", "*expected: some run breaks `good`*",
    ])


def test_the_first_failure_stops_and_is_remembered(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "mixed.kc").write_text(MIXED)
    suite.runpytest("specs/mixed.kc", "-x").assert_outcomes(passed=4, failed=1)
    suite.runpytest("specs/mixed.kc", "--lf").assert_outcomes(failed=1, deselected=5)


def test_errors_of_the_file_are_collection_errors(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "wrong.kc").write_text("struct task {\n    bool x\n};\n")
    result = suite.runpytest("specs")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*specs/wrong.kc:2:11: error[[]KC*", "2 |     bool x", "  |           ^*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_file_that_others_include_has_no_tests(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "common.kc").write_text("static void work(void);\nvoid user(void) { work(); }\n")
    suite.runpytest("specs/common.kc").assert_outcomes()
    (suite.path / "specs" / "common.kc").write_text("void user(void) { work(); }\nlock_balanced;\n")
    suite.runpytest("specs/common.kc").assert_outcomes(errors=1)


def test_what_cannot_be_lowered_fails_at_its_line(suite: pytest.Pytester) -> None:
    suite.makeconftest("""
        from verify import api
        from verify.diagnostics import Diagnostic, InputError

        def judge_of(selection, options):
            def judge(claim):
                raise InputError([Diagnostic("KC500", "no finite meaning", claim.span)])
            return judge

        api.judge_of = judge_of
    """)
    result = suite.runpytest("specs/a.kc::prove good")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*specs/a.kc:*: error[[]KC500[]]: no finite meaning"])


def test_a_bug_shows_its_traceback(suite: pytest.Pytester) -> None:
    suite.makeconftest("""
        from verify import api

        def judge_of(selection, options):
            def judge(claim):
                raise RuntimeError("the sky fell")
            return judge

        api.judge_of = judge_of
    """)
    result = suite.runpytest("specs/a.kc::prove good")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the sky fell*"])


def test_options_reach_the_claims(suite: pytest.Pytester) -> None:
    suite.makeconftest("""
        from tests import handmade
        from verify import api

        def judge_of(selection, options):
            assert (options.tasks, options.budget) == (2, 7.5)
            return handmade.fake_judge

        api.judge_of = judge_of
    """)
    suite.runpytest("specs", "--kc-tasks", "2", "--kc-budget", "7.5").assert_outcomes(passed=4)


@pytest.mark.slow
def test_xdist_collects_the_same_everywhere(suite: pytest.Pytester) -> None:
    suite.runpytest_subprocess("specs", "-n", "2").assert_outcomes(passed=4)


def test_other_files_are_left_alone(suite: pytest.Pytester) -> None:
    (suite.path / "specs" / "notes.txt").write_text("prove nothing;")
    suite.runpytest("specs", "--collect-only").stdout.no_fnmatch_line("*notes.txt*")


def test_names_are_told_apart() -> None:
    one = ClaimDecl("prove", "inv", system="s", without=("f.g", "f.h"))
    writers = ClaimDecl("writers", targets=("task.flag",), functions=("f",))
    assert item_names([one, one, ClaimDecl("prove", "inv"), writers]) == [
        "prove inv[in s without f.g, f.h]", "prove inv[in s without f.g, f.h] #2", "prove inv",
        "writers task.flag[= {f}]",
    ]


def test_the_plugin_imports_nothing_heavy() -> None:
    code = "import verify.pytest_plugin, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"z3", "dd", "lark", "rich", "verify.api"} & set(done.stdout.split())
