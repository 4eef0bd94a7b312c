"""`same_outcome`: what it comes to in programs, what it says, and what the rest of the command does with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.test_docs import LANGUAGE, masked, programs
from verify.alone import Difference
from verify.api import Options, check_certificates, check_file, select
from verify.cli import main
from verify.instances import THREAD, Slot
from verify.ir import PC
from verify.judging import judge_of
from verify.lower import lower
from verify.lower.comparison import differs_along
from verify.lower.ways import ASSUMED, LOOP, MANY, REFERENCES
from verify.report.difference import rows, sentence
from verify.report.json_object import file_object, schema
from verify.report.result import ClaimResult
from verify.resources import specs_root

HEAD = """
struct mm { bool seen; };
struct semaphore places;
struct task { u8 n; bool a, never; struct mm *mm; struct task *next; };
u8 g;
void born(void) { g = 1; }
"""
USER = """
void user(void) { for (;;) choose { f(); { current->a = true; } { current->next = any(struct task); } } }
system { task user[*] runs user; }
same_outcome f.check;
"""
SAME = {  # functions of which nobody can tell whether they have the check
    "it does what comes anyway": "int f(void) { check> if (current->n == 1) return 0; current->n = 1; return 0; }",
    "the same choice": """int f(void) {
check>  if (current->a) choose { return 1; return 0; }
        choose { return 0; return 1; } }""",
    "what it makes it frees": """void f(void) {
check>  if (current->a) { struct mm *m = new struct mm; put(m); } }""",
    "it never fires": "int f(void) { check> if (g == 7) return 1; return 0; }",
    "its loop never fires": """int f(void) {
check>  if (g == 7) { while (current->n < 3) current->n++; } return 0; }""",
    "nobody reads what it lends": """void lend(u8 *x) { check> if (current->a) *x = 1; }
void f(void) { u8 x; lend(&x); }""",
}
DIFFERENT = {  # others, with what the call comes to with the check, and without it
    "a result": ("int f(void) { check> if (current->a) return 1; return 0; }", "returns 1", "returns 0"),
    "a store": (
        "void f(void) { check> if (current->a) return; g = 2; }", "returns", "returns,  g: 0 → 2",
    ),
    "a lock": (
        "void f(void) { check> if (current->a) return; up(&places); }", "returns", "returns,  places: 0 → 1",
    ),
    "an error": (
        "void f(void) { check> if (!current->next) return; current->next->n = 1; }", "returns", "dereferences NULL",
    ),
    "an object": (
        "void f(void) { check> if (current->a) return; publish(new struct mm); }",
        "returns", "returns,  mm 1 created and published",
    ),
    "a thread": (
        """void f(void) {
        struct task *p;
check>  if (current->a) return;
        p = new struct task;
        if (p) { publish(p); spawn(p, born); } }""",
        "returns", "returns,  task 2 created and published,  starts task 2 at born:6",
    ),
    "a choice": (
        "int f(void) { check> if (current->a) choose { return 1; return 2; } choose { return 0; return 1; } }",
        "returns 2", "returns 0",
    ),
    "one choice more": (
        """int f(void) {
check>  if (current->a) choose { return 1; return 2; }
        choose { return 1; return 2; return 3; } }""",
        "returns 1", "returns 3",
    ),
    "what is lent": (
        """void lend(u8 *x) { check> if (current->a) *x = 1; }
void f(void) { u8 x = 0; lend(&x); g = x; }""",
        "returns,  x: 0 → 1", "returns",
    ),
    "all tasks": (
        "void f(void) { check> if (current->a) return; foreach (struct task *t) t->n = 1; }",
        "returns", "returns,  task 1.n: 0 → 1,  task 2.n: 0 → 1",
    ),
}
UNSAID = {  # others, whose outcomes are not compared
    LOOP: "int f(void) { check> if (current->a) return 1; while (current->n < 2) current->n++; return 0; }",
    REFERENCES: """void f(void) {
        struct mm *m = new struct mm;
check>  if (current->a) { current->mm = m; put(m); } }""",
    ASSUMED: "assume small: g < 2; int f(void) { check> if (current->a) return 1; g = 2; return 0; }",
    "where threads are": """assume apart: forall (struct task *t) !at(t, f.store) || g == 0;
int f(void) {
check>  if (current->a) return 1;
store>  current->n = 2;
        return 0; }""",
    MANY: "void f(void) { check> if (current->a) g = 1; "
          + " ".join(f"if (g == {n}) g = g + {n};" for n in range(60)) + " }",
}


def program(function: str) -> str:
    """A program whose threads call `f`; the check may be in a function that that calls."""
    check = "lend.check" if "lend" in function else "f.check"
    return HEAD + function + USER.replace("f.check", check)


def judged(text: str, tmp_path: Path, **options: object) -> ClaimResult:
    """The last claim of a program, for two tasks."""
    path = tmp_path / "example.kc"
    path.write_text(text)
    result = check_file(str(path), Options(**{"tasks": 2, "budget": 60.0, **options}))  # type: ignore[arg-type]
    assert result.errors == ()
    Draft202012Validator(schema()).validate(file_object(result))
    return result.claims[-1]


@pytest.mark.parametrize("function", [pytest.param(text, id=name) for name, text in SAME.items()])
def test_nobody_can_tell(function: str, tmp_path: Path) -> None:
    claim = judged(program(function), tmp_path)
    assert (claim.verdict, claim.holds, claim.difference) == ("proved", True, None)


@pytest.mark.parametrize(
    ("function", "kept", "removed"), [pytest.param(*case, id=name) for name, case in DIFFERENT.items()]
)
def test_who_can_tell_is_told(function: str, kept: str, removed: str, tmp_path: Path) -> None:
    claim = judged(program(function), tmp_path)
    assert (claim.verdict, claim.holds) == ("refuted", False)
    assert claim.difference is not None
    assert [text for _, text in rows(claim.difference)] == [kept, removed]
    assert claim.trace is not None
    before = lower(select(str(tmp_path / "example.kc"), Options()).program, "system").labels[claim.guard or ""]
    assert claim.trace.states[-1][Slot(THREAD, claim.difference.thread, PC)] in before
    assert claim.scope is not None
    assert claim.scope.steps == len(claim.trace.steps)


@pytest.mark.parametrize(("why", "function"), [pytest.param(*case, id=case[0]) for case in UNSAID.items()])
def test_what_cannot_be_compared_is_unknown(why: str, function: str, tmp_path: Path) -> None:
    claim = judged(program(function), tmp_path)
    assert (claim.verdict, claim.reason) == ("unknown", ASSUMED if why == "where threads are" else why)
    assert claim.shown.startswith("the check can fire, in a run of ")


def test_an_assumption_about_something_else_is_in_nobodys_way(tmp_path: Path) -> None:
    assumed = "assume small: g < 2; int f(void) { check> if (current->a) return 1; return 0; }"
    assert judged(program(assumed), tmp_path).verdict == "refuted"


def test_nothing_is_compared_where_a_side_waits(tmp_path: Path) -> None:
    waits = "int f(void) { check> if (current->a) { assume(g == 7); return 1; } return 0; }"
    assert judged(program(waits), tmp_path).holds
    lost = "int f(void) { check> if (current->a) return 1; assume(g == 7); return 0; }"
    assert judged(program(lost), tmp_path).holds


def test_a_check_that_nobody_comes_to_is_no_answer(tmp_path: Path) -> None:
    dead = "int f(void) { if (current->never) { check> if (current->a) return 1; } return 0; }"
    once = program(dead).replace("for (;;) ", "")
    claim = judged(once, tmp_path)
    assert (claim.verdict, claim.holds, claim.reason) == ("vacuous", False, "no run comes to `f.check`")


def test_only_a_check_can_be_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "example.kc"
    path.write_text(HEAD + "void f(void) { check> g = 1; }" + USER)
    (error,) = check_file(str(path), Options()).errors
    assert (error.code, error.span.line) == ("KC168", path.read_text().count("\n"))
    assert "is no `if`" in error.message


def story(function: str, tmp_path: Path) -> tuple[Difference, str]:
    """The difference and its sentence."""
    found = judged(program(function), tmp_path).difference
    assert found is not None
    return found, sentence(found, "f.check")


def test_a_sentence_says_who_can_tell_what(tmp_path: Path) -> None:
    _, said = story(DIFFERENT["a result"][0], tmp_path)
    assert said == "task 1 is before f.check, which fires: its call returns 1; without the check it returns 0"
    _, said = story(DIFFERENT["all tasks"][0], tmp_path)
    assert said == (
        "task 1 is before f.check, which fires: its call returns also without the check, but task 1.n and task 2.n "
        "would tell"
    )
    found, said = story(DIFFERENT["a choice"][0], tmp_path)
    assert found.only == "kept"
    assert said.endswith("its call returns 2, as it never does without the check")
    found, said = story("int f(void) { check> if (current->a) return 1; choose { return 0; return 1; } }", tmp_path)
    assert found.only == "removed"
    assert said.endswith("without the check its call returns 0, as it never does with it")


def test_json_has_both_outcomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "example.kc"
    path.write_text(program(DIFFERENT["a store"][0]))
    assert main(["prove", str(path), "--json"]) == 1
    (claim,) = json.loads(capsys.readouterr().out)["claims"]
    assert claim["difference"] == {
        "thread": 1, "only": None,
        "with": {"ending": "return", "result": None, "variables": {"g": 0}},
        "without": {"ending": "return", "result": None, "variables": {"g": 2}},
    }  # fmt: skip


def test_a_proof_has_a_certificate(tmp_path: Path) -> None:
    claim = judged(
        program(SAME["it does what comes anyway"]), tmp_path, tasks=None, certificates=str(tmp_path / "proofs")
    )
    assert claim.certificate is not None
    (checked,) = check_certificates([claim.certificate], seconds=60.0)
    assert checked.verdict == "accepted", checked.reason


def test_exports_name_what_they_leave_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "example.kc"
    path.write_text(program(SAME["it never fires"]))
    assert main(["export", str(path), "-o", str(tmp_path)]) == 0
    assert "no file for `same_outcome f.check`: outcomes are compared" in capsys.readouterr().err


def test_a_run_of_the_plain_system_shows_its_cost(tmp_path: Path) -> None:
    path = tmp_path / "example.kc"
    text = program(DIFFERENT["a lock"][0]).replace("same_outcome f.check", "dead f.check")
    path.write_text(text)
    selection = select(str(path), Options())
    verdict = judge_of(selection, Options(tasks=2))(selection.claims[0]).verdict
    both = lower(selection.program, "system", compare="f.check").compared
    assert both is not None
    found = differs_along(verdict.trace, both)  # type: ignore[union-attr] # it is refuted
    assert found is not None
    place, difference = found
    assert place < len(verdict.trace.states)  # type: ignore[union-attr] # the same
    assert [text for _, text in rows(difference)] == ["returns", "returns,  places: 0 → 1"]


def test_the_language_shows_what_the_command_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (text,) = [text for _, text in programs() if "same_outcome" in text]
    Path("tickets.kc").write_text(text + "same_outcome buy.sold;\n")
    main(["prove", "tickets.kc", "--claim", "same_outcome buy.sold"])
    assert f"```text\n{masked(capsys.readouterr().out)}\n```" in masked(LANGUAGE.read_text(encoding="utf-8"))


MAIL = {  # what the callers of these functions get with a check, and without it
    "access_process_vm.check": (0, 1),  # the bytes that are read
    "ptrace_check_attach.check": (-1, -3),  # EPERM and ESRCH
    "kernel_thread.check": (-1, 0),
    "ptrace_attach.check": (-1, 0),
}


@pytest.mark.slow
def test_the_checks_of_the_fix_have_a_cost(tmp_path: Path) -> None:
    path = tmp_path / "costs.kc"
    claims = "".join(f"same_outcome {check};\n" for check in MAIL)
    path.write_text('#include "fix.kc"\n' + claims)
    assert (specs_root() / "fix.kc").is_file()
    result = check_file(str(path), Options(claims=("same_outcome",), budget=300.0))
    found = {
        claim.guard: (claim.difference.kept.result, claim.difference.removed.result)
        for claim in result.claims if claim.difference is not None
    }
    assert found == MAIL
