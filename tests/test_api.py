"""Finding files, picking claims, and what verdicts mean for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.handmade import INVARIANT, KC, attack, fake_judge, fake_judge_of, linked, proved, refuted, unknown
from verify import answering, api, selecting
from verify.api import Options, Selection, check_file, default_system, exit_code, judgements, select, versions
from verify.codes import CODES
from verify.diagnostics import Diagnostic, InputError
from verify.engine.verdict import Invariant, Proved, Refuted, Scope, Unknown
from verify.outcome import Judgement, conclude, expectation, to_first_violation
from verify.report.result import ClaimResult, FileResult
from verify.selecting import matches
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl, ClaimKind

PROVED = Judgement(Proved(Scope(3, None), Invariant((), ("a || b",)), "views"))
UNKNOWN = Judgement(Unknown("out of time", "7 steps", "bfs"))


@pytest.fixture
def kc(tmp_path: Path) -> str:
    path = tmp_path / "a.kc"
    path.write_text(KC)
    return str(path)


@pytest.fixture
def judged_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "judge_of", fake_judge_of)


def names(selection: Selection) -> list[str]:
    return [claim.name for claim in selection.claims]


def failure(path: str, options: Options) -> Diagnostic:
    with pytest.raises(InputError) as caught:
        select(path, options)
    return caught.value.diagnostics[0]


# ---- files ---------------------------------------------------------------------------------------


def test_bundled_specs_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("fix.kc", "fix"):
        assert "prove no_traced_kernel_thread" in names(select(name, Options()))


def test_a_path_comes_before_a_bundled_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fix.kc").write_text(KC)
    assert names(select("fix.kc", Options()))[0] == "prove good"


def test_specs_in_folders_are_found_by_their_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        (tmp_path / "specs" / folder).mkdir(parents=True)
        (tmp_path / "specs" / folder / "same.kc").write_text(KC)
    (tmp_path / "specs" / "one" / "only.kc").write_text(KC)
    (tmp_path / "outside.kc").write_text(KC)
    monkeypatch.chdir(tmp_path / "specs" / "two")
    monkeypatch.setattr(selecting, "specs_root", lambda: tmp_path / "specs")
    assert names(select("only", Options()))[0] == "prove good"
    assert names(select("one/same.kc", Options()))[0] == "prove good"
    assert failure("../outside", Options()).code == "KC001"
    monkeypatch.chdir(tmp_path)
    several = failure("same.kc", Options())
    assert several.message == "several bundled specs are called `same.kc`"
    assert several.hint == "did you mean `two/same.kc`?"


def test_a_missing_file_is_an_error_with_a_hint() -> None:
    error = failure("fx.kc", Options())
    assert (error.code, error.message) == ("KC001", "there is no file and no bundled spec `fx.kc`")
    assert error.hint == "did you mean `fix.kc`?"
    assert failure("zzzzzzzzz", Options()).hint.startswith("there is `")


def test_errors_of_the_file_are_part_of_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "bad.kc"
    path.write_text("struct task {\n    bool x\n};\n")
    result = check_file(str(path))
    assert [error.span.line for error in result.errors] == [2]
    assert result.claims == ()
    assert exit_code(result) == 2


# ---- claims --------------------------------------------------------------------------------------


def test_all_claims_in_the_order_of_the_source(kc: str) -> None:
    assert names(select(kc, Options())) == [
        "prove good", "refute bad in pair", "reach user.look", "redundant user.check for good"
    ]


@pytest.mark.parametrize(("name", "chosen"), [
    ("prove good", ["prove good"]),
    ("prove", ["prove good"]),
    ("good", ["prove good", "redundant user.check for good"]),
    ("refute bad", ["refute bad in pair"]),
    ("user.look", ["reach user.look"]),
    ("redundant user.check", ["redundant user.check for good"]),
])
def test_claims_by_name(kc: str, name: str, chosen: list[str]) -> None:
    assert names(select(kc, Options(claims=(name,)))) == chosen


def test_a_part_of_a_word_is_no_name() -> None:
    assert not matches(ClaimDecl("prove", "good"), "prov")
    assert not matches(ClaimDecl("prove", "good"), "prove goo")


def test_unknown_names_are_errors(kc: str) -> None:
    claim = failure(kc, Options(claims=("prove", "prove godo")))
    assert (claim.code, claim.hint) == ("KC901", "did you mean `prove good`?")
    system = failure(kc, Options(system="pear"))
    assert (system.code, system.hint) == ("KC902", "did you mean `pair`?")
    guard = failure(kc, Options(without=("user.chek",)))
    assert (guard.code, guard.hint) == ("KC903", "did you mean `user.check`?")
    assert failure(kc, Options(claims=("refute bad",), system="system")).code == "KC901"


def test_every_code_is_in_the_table() -> None:
    modules = [path for path in Path(api.__file__).parent.rglob("*.py") if path.name != "codes.py"]
    used = {code for path in modules for code in re.findall(r'"(KC\d{3})"', path.read_text())}
    assert used == CODES.keys()


def test_without_is_added_to_every_claim(kc: str) -> None:
    chosen = select(kc, Options(without=("user.check",), claims=("prove good",))).claims
    assert [claim.without for claim in chosen] == [("user.check",)]
    assert chosen[0].name == "prove good without user.check"


def test_system_leaves_out_the_others(kc: str) -> None:
    assert names(select(kc, Options(system="pair"))) == [
        "prove good in pair", "refute bad in pair", "reach user.look in pair", "redundant user.check for good in pair"
    ]
    assert "refute bad in pair" not in names(select(kc, Options(system="system")))


def test_defines_reach_the_preprocessor(tmp_path: Path) -> None:
    path = tmp_path / "d.kc"
    path.write_text(KC + "#ifdef MORE\nprove hard;\n#endif\n")
    assert "prove hard" in names(select(str(path), Options(defines={"MORE": "1"})))
    assert "prove hard" not in names(select(str(path), Options()))


def test_the_default_system(kc: str, tmp_path: Path) -> None:
    assert default_system(select(kc, Options()).program) == "system"
    path = tmp_path / "one.kc"
    path.write_text(KC.replace("system {", "system alone {").replace("system pair { task init[2] runs user; }", "")
                    .replace(" in pair", ""))
    assert default_system(select(str(path), Options()).program) == "alone"


# ---- verdicts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "proved_holds"), [
    ("prove", True), ("dead", True), ("redundant", True), ("lock_balanced", True), ("deadlock_free", True),
    ("refute", False), ("reach", False), ("necessary", False), ("never_refused", True), ("refused", False),
])
def test_what_a_verdict_means_for_a_claim(kind: ClaimKind, proved_holds: bool) -> None:  # noqa: FBT001 - parameter
    claim = ClaimDecl(kind, "inv", ("f.g",))
    run = Judgement(Refuted(Scope(3, 10), attack(), "bfs"), INVARIANT)
    yes, no = conclude(claim, PROVED, seconds=1.0), conclude(claim, run, seconds=1.0)
    assert (yes.verdict, yes.holds) == ("proved", proved_holds)
    assert (no.verdict, no.holds) == ("refuted", not proved_holds)
    assert no.broken == INVARIANT
    assert no.trace is not None
    undecided = conclude(claim, UNKNOWN, seconds=1.0)
    assert (undecided.verdict, undecided.holds, undecided.reason, undecided.shown) == (
        "unknown", None, "out of time", "7 steps"
    )


def test_a_result_names_its_claim() -> None:
    result = conclude(ClaimDecl("necessary", "inv", ("f.g",), system="s", without=("f.h",)), PROVED, seconds=1.5)
    assert (result.name, result.invariant, result.guard, result.system) == (
        "necessary f.g for inv in s without f.h", "inv", "f.g", "s"
    )
    assert result.invariant_found == ("a || b",)
    assert result.expected == "some run breaks `inv` once `f.g` is removed, without `f.h`"


def test_a_bounded_proof_is_not_enough_where_any_was_asked() -> None:
    claim = ClaimDecl("prove", "inv")
    bounded = conclude(claim, PROVED, seconds=0.0, any_asked=True)
    assert (bounded.verdict, bounded.holds) == ("proved", None)
    assert bounded.reason == "asked for any number of tasks, proved for 3"
    unbounded = Judgement(Proved(Scope(None, None), Invariant(()), "views"))
    assert conclude(claim, unbounded, seconds=0.0, any_asked=True).holds is True


def test_a_run_ends_where_the_property_breaks() -> None:
    trace = linked()  # breaks the invariant two steps before its end
    judgement = Judgement(Refuted(Scope(3, 12), trace, "bfs"), INVARIANT)
    result = conclude(ClaimDecl("refute", "inv"), judgement, seconds=0.0)
    assert result.trace is not None
    assert (len(result.trace.steps), len(result.trace.states), result.scope) == (10, 11, Scope(3, 10))
    assert to_first_violation(trace, None) is trace


def test_every_kind_has_a_sentence() -> None:
    kinds: tuple[ClaimKind, ...] = (
        "prove", "refute", "reach", "dead", "redundant", "necessary", "minimal", "lock_balanced", "deadlock_free",
        "race_free", "writers", "eventually", "no_starvation", "atomic_sections", "same_outcome",
        "never_refused", "refused",
    )
    said = {expectation(ClaimDecl(kind, "inv", ("f.g",), ("f",))) for kind in kinds}
    assert len(said) == len(kinds)


@pytest.mark.parametrize(("claims", "code"), [
    ((), 0), ((proved(),), 0), ((proved(), refuted()), 1), ((proved(), unknown()), 3), ((unknown(), refuted()), 1),
])
def test_exit_codes(claims: tuple[ClaimResult, ...], code: int) -> None:
    assert exit_code(FileResult("", {}, claims=claims)) == code
    assert exit_code(FileResult("", {}, claims=claims, interrupted=True)) == 130
    assert exit_code(FileResult("", {}, errors=(Diagnostic("KC001", "x", NOWHERE),))) == 2


# ---- the whole -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("judged_by_name")
def test_check_file_judges_every_claim_and_tells_each(kc: str) -> None:
    heard: list[str] = []
    result = check_file(kc, each=lambda claim, _: heard.append(claim.name))
    assert [claim.holds for claim in result.claims] == [True, True, True, True]
    assert heard == [claim.name for claim in result.claims]
    assert result.versions == versions()
    assert result.file == kc
    assert all(claim.seconds >= 0 for claim in result.claims)


def test_an_interrupt_keeps_what_is_known(kc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_of(*_: object, **__: object) -> object:
        def judge(claim: ClaimDecl) -> Judgement:
            if claim.kind == "reach":
                raise KeyboardInterrupt
            return fake_judge(claim)

        return judge

    monkeypatch.setattr(answering, "judge_of", judge_of)
    result = check_file(kc)
    assert [claim.holds for claim in result.claims] == [True, True, None, None]
    assert {claim.reason for claim in result.claims[2:]} == {"interrupted"}
    assert result.interrupted
    assert exit_code(result) == 130


def test_an_interrupt_while_reading_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "select", interrupted)
    result = check_file("fix.kc")
    assert result.claims == ()
    assert exit_code(result) == 130


def test_what_cannot_be_lowered_is_an_error(kc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_of(*_: object, **__: object) -> object:
        def judge(_: ClaimDecl) -> Judgement:
            raise InputError([Diagnostic("KC500", "no finite meaning", NOWHERE)])

        return judge

    monkeypatch.setattr(answering, "judge_of", judge_of)
    result = check_file(kc)
    assert [error.code for error in result.errors] == ["KC500"]
    assert exit_code(result) == 2


def test_undecided_kinds_are_unknown(kc: str) -> None:
    selection = select(kc, Options())
    some = replace(selection, claims=(ClaimDecl("no_starvation", targets=("task.lock",)),))
    (result,) = judgements(some, Options())
    assert result.verdict == "unknown"
    assert "verify tlc" in result.reason


def test_claims_that_the_file_does_not_make_are_decided_too(kc: str) -> None:
    selection = select(kc, Options())
    selection.lower(("system", frozenset(), frozenset()))  # which knows nothing of accesses
    race, stores = ClaimDecl("race_free", targets=("task.flag",)), ClaimDecl("writers", targets=("task.flag",))
    made_up = replace(selection, claims=(race, replace(stores, functions=("user",)), stores))
    assert [result.holds for result in judgements(made_up, Options())] == [True, True, False]
