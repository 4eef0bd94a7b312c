"""`verify redundant`: guards alone and sets of guards, against search alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.guarded import by_search, grown_apart, program
from verify.api import Options, redundant_file
from verify.cli import main
from verify.engine.verdict import Invariant, Proved, Refuted, Scope, Unknown
from verify.judging import quiet
from verify.kept import Kept
from verify.redundancy.bench import NONE, Bench, claim_about
from verify.redundancy.carried import hinges
from verify.redundancy.lattice import Cube, Lattice, explore
from verify.redundancy.singly import Singly, singly
from verify.report.redundancy import About, Answer, RedundancyResult, redundancy_lines, redundancy_text
from verify.report.text import plain
from verify.smt.subsets import smallest_outside
from verify.syntax import load
from verify.syntax.program import Program

TWICE = """
struct task { bool seen; };
bool x;
bool y;
spinlock_t big;
void f(void)
{
lock>   spin_lock(&big);
one>    if (y) { spin_unlock(&big); return; }
two>    if (y) { spin_unlock(&big); return; }
        x = true;
        spin_unlock(&big);
}
void g(void)
{
lock>   spin_lock(&big);
check>  if (x) { spin_unlock(&big); return; }
set>    y = true;
seen>   current->seen = true;
        spin_unlock(&big);
}
void user(void) { for (;;) choose { f(); g(); } }
system { task user[*] runs user; }
invariant safe = !(x && y);
prove safe;
"""
SEEDS = (5, 7, 12, 18, 25)  # of programs that are safe, but not without some guards


def bench(made: Program, invariant: str = "safe", seconds: float = 60) -> Bench:
    return Bench(
        made, claim_about(invariant, "system"), None, NONE, seconds, time.monotonic() + 10 * seconds, quiet
    )


def asked(path: Path, *invariants: str, without: tuple[str, ...] = ()) -> RedundancyResult:
    return redundant_file(str(path), Options(without=without), invariants, fresh=True)


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    path = tmp_path / "twice.kc"
    path.write_text(TWICE, encoding="utf-8")
    return path


def about(result: RedundancyResult, invariant: str = "safe") -> About:
    return next(one for one in result.about if one.invariant == invariant)


def test_two_checks_of_which_either_is_enough(twice: Path) -> None:
    result = asked(twice)
    found = about(result)
    needs = {cell.guard: cell.need for cell in found.cells}
    assert needs == {
        "f.lock": "necessary", "f.one": "redundant", "f.two": "redundant", "g.lock": "necessary",
        "g.check": "necessary", "g.set": "redundant", "g.seen": "redundant",
    }  # fmt: skip
    assert set(found.sufficient) == {
        ("f.lock", "f.one", "g.lock", "g.check"), ("f.lock", "f.two", "g.lock", "g.check"),
    }  # fmt: skip
    assert [one.guards for one in found.together] == [("f.one", "f.two")]
    assert found.complete
    assert found.must == ("f.lock", "g.lock", "g.check")
    assert found.never == ()


def test_of_every_necessary_guard_there_is_a_run_and_of_no_other(twice: Path) -> None:
    for cell in about(asked(twice)).cells:
        assert (cell.result.trace is not None) == (cell.need == "necessary")
        assert (cell.result.verdict, cell.result.tasks) == (
            ("refuted", 2) if cell.need == "necessary" else ("proved", None)
        )


def test_what_a_check_costs(twice: Path) -> None:
    rows = {row.name: row for row in asked(twice).guards}
    assert (rows["f.one"].fires, rows["f.two"].fires, rows["g.check"].fires) == ("live", "dead", "live")
    assert rows["f.lock"].fires == ""
    assert "without the check" in rows["g.check"].told


def test_a_guard_that_is_gone_already_makes_the_other_necessary(twice: Path) -> None:
    found = about(asked(twice, without=("f.one",)))
    assert {cell.guard: cell.need for cell in found.cells}["f.two"] == "necessary"
    assert "f.one" not in {cell.guard for cell in found.cells}


def test_an_invariant_that_does_not_hold_needs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.kc"
    path.write_text(TWICE.replace("prove safe", "invariant never = !x;\nprove never"), encoding="utf-8")
    result = asked(path)
    assert [(one.invariant, one.whole.verdict, one.cells) for one in result.about] == [("never", "refuted", ())]


@pytest.mark.parametrize("seed", SEEDS)
def test_sets_are_those_that_search_finds(seed: int, tmp_path: Path) -> None:
    made = program(seed, tmp_path)
    truth = by_search(made)
    assert truth[NONE]
    assert not all(truth.values())
    tried = bench(made)
    live = [g.name for g in made.guards.values() if g.kind in ("check", "lock") and tried.lower().labels.get(g.name)]
    known = singly(tried, live, grown_apart(tried, live))
    found = explore(tried, live, known)
    assert found.whole
    every = frozenset(live)
    for removed, holds in truth.items():
        assert isinstance(found.verdict(removed & every), Proved if holds else Refuted), removed
    most = {gone for gone, holds in truth.items() if holds and gone <= every}
    least = {every - gone for gone in most if not any(gone < other for other in most)}
    assert set(found.sufficient()) == least


def test_a_run_hinges_on_the_checks_that_fire_and_the_stores_that_it_makes(twice: Path) -> None:
    made = load(twice)
    tried = bench(made)
    without = frozenset({"g.check"})
    verdict = tried.decide(without, hunt=True)
    assert isinstance(verdict, Refuted)
    lowered = tried.lower(without)
    kept = frozenset(made.guards) - without
    assert hinges(verdict.trace, lowered, made, "system", tried.property(lowered), kept) >= {"g.set"}
    needed = hinges(verdict.trace, lowered, made, "system", tried.property(lowered), kept)
    assert needed.isdisjoint({"f.lock", "g.lock"})


def test_cubes_leave_what_no_answer_tells_of() -> None:
    proved = Proved.__new__(Proved)
    found = Lattice(["a", "b", "c"])
    found.add(NONE, frozenset({"c"}), proved)
    assert found.undecided() == frozenset("c")
    found.add(frozenset({"c"}), NONE, proved)
    assert found.undecided() is None
    assert Cube(frozenset({"a"}), frozenset({"b"}), proved).has(frozenset({"a", "c"}))
    assert not Cube(frozenset({"a"}), frozenset({"b"}), proved).has(frozenset({"a", "b"}))


@pytest.mark.parametrize(("whole", "known"), [(None, Unknown), (3, Proved)])
def test_a_proof_for_some_tasks_decides_no_set_where_there_is_one_for_any_number_with_all_guards(
    twice: Path, monkeypatch: pytest.MonkeyPatch, whole: int | None, known: type[Proved | Unknown]
) -> None:
    def proof(tasks: int | None) -> Proved:
        return Proved(Scope(tasks, None), Invariant(()), "views")

    tried = bench(load(twice))
    monkeypatch.setattr("verify.redundancy.lattice.grown", lambda *_: None)
    monkeypatch.setattr("verify.redundancy.lattice.look", lambda *_: None)
    tried.asked[NONE] = proof(whole)
    tried.asked[frozenset({"f.one"})] = proof(3)
    found = explore(tried, ["f.one"], Singly(proof(whole)))
    assert isinstance(found.verdict(frozenset({"f.one"})), known)
    assert found.whole == (known is Proved)
    assert (NONE in found.sufficient()) == (known is Proved)


def test_a_smallest_set_outside_of_cubes() -> None:
    assert smallest_outside("abc", []) == frozenset()
    assert smallest_outside("abc", [("", "ab"), ("a", "b")]) == frozenset("b")
    assert smallest_outside("abc", [("", "a"), ("b", ""), ("", "c")]) == frozenset("ac")
    assert smallest_outside("abc", [("", "")]) is None


def test_an_answer_is_kept_and_a_broken_file_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "this version")
    key = kept.key("a", "question")
    assert key != Kept(tmp_path, "another").key("a", "question") != kept.key("a question")
    assert kept.find(key) is None
    kept.keep(key, {"n": [1, None, "x"]})
    assert kept.find(key) == {"n": [1, None, "x"]}
    next(tmp_path.rglob("*.json")).write_text("{", encoding="utf-8")
    assert kept.find(key) is None


def test_the_second_answer_is_the_first(twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = redundant_file(str(twice), Options())
    monkeypatch.setattr("verify.redundancy.study.do", lambda *_, **__: pytest.fail("it is known"))
    again = redundancy_text(redundant_file(str(twice), Options()))
    assert again.replace('"kept": true', '"kept": false') == redundancy_text(first) != again
    monkeypatch.undo()


def test_what_was_not_decided_is_kept_for_the_same_time_alone(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = redundant_file(str(twice), Options(budget=0.0))
    assert not about(first).complete
    with monkeypatch.context() as patched:
        patched.setattr("verify.redundancy.study.do", lambda *_, **__: pytest.fail("it is known"))
        again = redundant_file(str(twice), Options(budget=0.0))
    assert (about(again).kept, about(again).whole) == (True, about(first).whole)
    assert about(redundant_file(str(twice), Options())).complete


def test_a_kept_answer_of_another_question_is_not_taken(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    redundant_file(str(twice), Options())
    for path in (tmp_path / "cache").rglob("*.json"):
        path.write_text(json.dumps({"invariant": "other", "whole": 3, "cells": []}), encoding="utf-8")
    assert about(redundant_file(str(twice), Options())).complete


def test_the_table(twice: Path) -> None:
    text = plain(redundancy_lines(asked(twice), 100))
    assert "[1] safe   proved   any number of tasks, any number of steps" in text
    assert "each redundant only while another stays: without f.one and f.two, a run of" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["nothing.kc"], 2, "KC001"),
        (["--for", "nosuch"], 2, "unknown invariant `nosuch`"),
        (["--in", "nosuch"], 2, "no system is called `nosuch`"),
        (["--without", "f.nosuch"], 2, "`f.nosuch` can be removed"),
    ],
)
def test_wrong_names_are_errors(
    twice: Path, given: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = given if given[0].endswith(".kc") else [str(twice), *given]
    assert main(["redundant", *file]) == code
    assert said in capsys.readouterr().err


def test_a_file_without_guards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plain.kc"
    path.write_text(
        "struct task { bool a; };\nvoid user(void) { current->a = true; }\nsystem { task user[*] runs user; }\n",
        encoding="utf-8",
    )
    assert main(["redundant", str(path)]) == 0
    assert "no named guards" in capsys.readouterr().out


def test_an_unknown_answer_is_told(twice: Path) -> None:
    unknown = Answer("unknown", None, None, "", "out of time")
    shown = RedundancyResult("f.kc", {}, "system", (), asked(twice).guards, (About("safe", unknown),))
    assert "safe   unknown   out of time" in plain(redundancy_lines(shown, 100))


@pytest.mark.slow
def test_the_core_of_the_fix() -> None:
    result = redundant_file("core.kc", Options(), fresh=True)
    first, second = about(result, "no_traced_kernel_thread"), about(result, "not_dumpable_not_traced")
    assert {c.guard for c in first.cells if c.need == "necessary"} == {"kernel_thread.flag", "ptrace_attach.check"}
    assert first.sufficient == (("ptrace_attach.check",),)
    four = ("kernel_thread.spin", "kernel_thread.check", "ptrace_attach.spin", "ptrace_attach.check")
    assert second.sufficient == (four,)
    assert {c.guard for c in second.cells if c.need == "necessary"} == set(four)
    assert all(one.complete for one in result.about)
