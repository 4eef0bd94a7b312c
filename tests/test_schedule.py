"""Which claims are judged together, and that answers do not depend on how many are judged at the same time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.handmade import fake_judge
from verify.api import Options, check_file, exit_code, judged, select
from verify.diagnostics import Diagnostic, InputError
from verify.engine.verdict import Progress
from verify.judging import ready_ahead
from verify.outcome import Judgement
from verify.question import Tools
from verify.report.result import ClaimResult
from verify.schedule import Known, Voice, one_by_one, provable_together, side_by_side, units
from verify.source import NOWHERE
from verify.syntax.ast import ClaimDecl, ClaimKind

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # xdist has a thread

SMALL = """\
struct task { spinlock_t lock; bool a; bool b; };
void user(void)
{
    for (;;) {
take>   spin_lock(&current->lock);
        current->a = 1;
set>    current->b = 1;
        current->a = 0;
        spin_unlock(&current->lock);
    }
}
system { task init[*] runs user; }
invariant never = forall (struct task *t) !t->b;
invariant a unless held(t->lock) = forall (struct task *t) !t->a;
reach user.set;
prove a;
refute never;
lock_balanced;
redundant user.set for a;
"""
CLAIMS = (
    ClaimDecl("refute", "bad"), ClaimDecl("prove", "good"), ClaimDecl("prove", "hard", system="pair"),
    ClaimDecl("prove", "good"), ClaimDecl("refute", "worse", without=("f.g",)),
)


def names(claims: Sequence[ClaimDecl]) -> list[list[str]]:
    return [[claims[place].name for place in places] for places in units(claims, "system")]


def test_invariants_that_are_to_hold_with_all_guards_are_another_unit_than_those_without_some() -> None:
    claims = (
        ClaimDecl("prove", "a"), ClaimDecl("prove", "b"), ClaimDecl("prove", "c"),
        ClaimDecl("redundant", "b", ("f.g",)), ClaimDecl("prove", "c", system="other", without=("f.g",)),
    )
    found = names(claims)
    assert found == [["prove a", "prove c"], ["prove b", "redundant f.g for b"], ["prove c in other without f.g"]]


def test_what_another_claim_refutes_is_not_proved_together() -> None:
    one, two = ClaimDecl("redundant", "a", ("f.g",)), ClaimDecl("redundant", "a", ("f.h",))
    plain, three = ClaimDecl("prove", "a"), ClaimDecl("redundant", "a", ("f.i",))
    other = ClaimDecl("redundant", "b", ("f.h",))
    claims = (plain, one, two, three)

    def parts(*more: ClaimDecl) -> Sequence[Sequence[ClaimDecl]]:
        return provable_together(claims, (*claims, *more), "system")

    assert parts() == [claims]
    assert parts(ClaimDecl("refute", "a", without=("f.g", "f.h"))) == [(plain, one, three), (two,)]
    assert parts(ClaimDecl("necessary", "a", ("f.h",), without=("f.g",))) == [(plain, one, three), (two,)]
    for same in (
        ClaimDecl("refute", "a", without=("f.g", "f.j")),  # of guards that are all there
        ClaimDecl("refute", "b", without=("f.g", "f.h")),
        ClaimDecl("refute", "a", system="other", without=("f.g", "f.h")),
        ClaimDecl("prove", "a", without=("f.g", "f.h")),
        ClaimDecl("reach", targets=("f.g",)),
    ):
        assert parts(same) == [claims]
    false = ClaimDecl("refute", "b", without=("f.g",))
    assert provable_together((one, other), (one, other, false), "system") == [(one,), (other,)]


def test_claims_of_one_property_are_a_unit() -> None:
    claims = (
        ClaimDecl("reach", targets=("f.g",)), ClaimDecl("prove", "a"), ClaimDecl("necessary", "a", ("f.g",)),
        ClaimDecl("lock_balanced"), ClaimDecl("refute", "a", without=("f.g",)), ClaimDecl("prove", "b"),
        ClaimDecl("redundant", "b", ("f.h",)), ClaimDecl("prove", "b", system="other"),
        ClaimDecl("dead", targets=("f.g",)), ClaimDecl("redundant", "b", ("f.g",), system="system"),
        ClaimDecl("prove", "a", without=("f.h",)), ClaimDecl("necessary", "a", ("f.h",)),
    )
    assert names(claims) == [
        ["prove a", "prove b", "redundant f.h for b", "redundant f.g for b in system", "prove a without f.h"],
        ["lock_balanced"],
        ["prove b in other"],
        ["dead f.g"],
        ["necessary f.g for a", "refute a without f.g"],  # the same question
        ["reach f.g"],
        ["necessary f.h for a"],
    ]


def answers(judge: Callable[[ClaimDecl], Judgement], at_once: int, known: Known | None = None) -> Iterator[ClaimResult]:
    def decide(claim: ClaimDecl) -> ClaimResult:
        return replace(judged(claim, judge), seconds=0.0)

    voice, known = Voice(lambda *_: None), {} if known is None else known
    if at_once == 1:
        return one_by_one(CLAIMS, decide, voice, known)
    return side_by_side(CLAIMS, units(CLAIMS, "system"), decide, voice, known, at_once=at_once)


@pytest.mark.parametrize("slow", [claim.name for claim in CLAIMS])
def test_answers_come_in_the_order_of_the_source_whoever_is_slow(slow: str) -> None:
    def judge(claim: ClaimDecl) -> Judgement:
        time.sleep(0.2 if claim.name == slow else 0)
        return fake_judge(claim)

    one = list(answers(judge, 1))
    assert [claim.name for claim in one] == [claim.name for claim in CLAIMS]
    for at_once in (2, 9):
        assert list(answers(judge, at_once)) == one


def test_what_the_next_answer_waits_for_is_begun_first(tmp_path: Path) -> None:
    """Of the proofs and then of the runs; else the order is that of `units`."""
    begun = tmp_path / "begun"
    claims = (CLAIMS[1], CLAIMS[0], ClaimDecl("prove", "hard"), ClaimDecl("prove", "harder"), CLAIMS[4])

    def decide(claim: ClaimDecl) -> ClaimResult:
        with begun.open("a") as file:
            file.write(f"{claim.name}\n")
        return judged(claim, fake_judge)

    order = [(2,), (3,), (0,), (4,), (1,)]
    list(side_by_side(claims, order, decide, Voice(lambda *_: None), {}, at_once=1))
    begun_in = ["prove good", "prove hard", "prove harder", "refute bad", "refute worse without f.g"]
    assert begun.read_text().splitlines() == begun_in


def test_what_several_units_need_is_lowered_before_the_first_of_them(tmp_path: Path) -> None:
    path = tmp_path / "small.kc"
    path.write_text(SMALL + "prove a without user.take;\nrefute never without user.take;\n")
    selection = select(str(path), Options())
    order = units(selection.claims, "system")
    names = [[selection.claims[place].name for place in places] for places in order]
    assert names[:2] == [["prove a", "redundant user.set for a", "prove a without user.take"], ["lock_balanced"]]
    ahead = ready_ahead(selection, Options(), order, Tools())
    ahead(order[0])  # one proof for all three, of a system that no other unit needs
    assert not selection.lowered
    ahead(order[1])
    assert [variant for variant, _ in selection.lowered] == [("system", frozenset(), frozenset())]
    for places in order:
        ahead(places)
    assert len(selection.lowered) == 1
    searched = select(str(path), Options(engine="bfs"))
    first = ready_ahead(searched, Options(engine="bfs"), order, Tools())
    first(order[0])  # each for itself
    apart = [("system", gone, frozenset[str]()) for gone in (frozenset[str](), frozenset({"user.take"}))]
    assert [variant for variant, _ in searched.lowered] == apart


def test_a_bug_in_one_claim_leaves_the_others() -> None:
    def judge(claim: ClaimDecl) -> Judgement:
        if claim.invariant == "hard":
            raise MemoryError
        return fake_judge(claim)

    for at_once in (1, 2):
        results = list(answers(judge, at_once))
        assert [claim.reason for claim in results if claim.fault] == ["internal error: MemoryError"]
        assert "raise MemoryError" in results[2].fault
        assert [claim.holds for claim in results] == [True, True, None, True, None]


class Huge(str):
    """What cannot be sent."""

    __slots__ = ()

    def __reduce__(self) -> str:
        raise MemoryError


def test_an_answer_that_cannot_be_sent_is_an_internal_error() -> None:
    def decide(claim: ClaimDecl) -> ClaimResult:
        result = judged(claim, fake_judge)
        return replace(result, reason=Huge()) if claim.invariant == "good" else result

    results = list(side_by_side(CLAIMS, units(CLAIMS, "system"), decide, Voice(lambda *_: None), {}, at_once=2))
    assert [claim.name for claim in results if claim.fault] == ["prove good", "prove good"]
    assert {claim.reason for claim in results if claim.fault} == {"internal error: MemoryError"}


def test_a_worker_that_dies_is_an_internal_error_of_its_claims() -> None:
    def judge(claim: ClaimDecl) -> Judgement:
        if claim.invariant == "good":
            os.kill(os.getpid(), signal.SIGKILL)
        return fake_judge(claim)

    results = list(answers(judge, 2))
    assert [claim.holds for claim in results] == [True, None, None, None, None]
    assert {claim.reason for claim in results if claim.fault} == {"internal error: its process ended early (SIGKILL)"}
    assert [claim.name for claim in results if claim.fault] == ["prove good", "prove good"]


def test_a_worker_that_dies_leaves_the_units_that_it_had_not_come_to_for_another(tmp_path: Path) -> None:
    """One process at a time: the first would judge all that runs decide."""
    claims = tuple(ClaimDecl("refute", "bad", without=(f"f.{name}",)) for name in "ghij")
    begun = tmp_path / "begun"

    def decide(claim: ClaimDecl) -> ClaimResult:
        with begun.open("a") as file:
            print(os.getpid(), file=file)
        if claim == claims[1]:
            os.kill(os.getpid(), signal.SIGKILL)
        return judged(claim, fake_judge)

    results = list(side_by_side(claims, units(claims, "system"), decide, Voice(lambda *_: None), {}, at_once=1))
    assert [claim.name for claim in results if claim.fault] == [claims[1].name]
    one, two, three, four = begun.read_text().splitlines()
    assert one == two != three == four


@pytest.mark.parametrize(("at_once", "processes"), [(1, 1), (2, 4), (3, 5), (9, 6)])
def test_runs_that_take_little_share_processes(at_once: int, processes: int, tmp_path: Path) -> None:
    claims = tuple(ClaimDecl("refute", "bad", without=(f"f.{name}",)) for name in "ghijkl")
    begun = tmp_path / "begun"

    def decide(claim: ClaimDecl) -> ClaimResult:
        with begun.open("a") as file:
            print(os.getpid(), file=file)
        return judged(claim, fake_judge)

    list(side_by_side(claims, units(claims, "system"), decide, Voice(lambda *_: None), {}, at_once=at_once))
    assert len(set(begun.read_text().splitlines())) == processes


def test_an_error_of_the_input_is_raised_when_its_turn_has_come() -> None:
    def judge(claim: ClaimDecl) -> Judgement:
        if claim.invariant == "hard":
            raise InputError([Diagnostic("KC500", "no finite meaning", NOWHERE)])
        return fake_judge(claim)

    for at_once in (1, 2):
        heard: list[ClaimResult] = []
        with pytest.raises(InputError) as caught:
            heard.extend(iter(answers(judge, at_once)))
        assert caught.value.diagnostics == (Diagnostic("KC500", "no finite meaning", NOWHERE),)
        known: Known = {}
        results = answers(judge, at_once, known)
        assert [next(results).name, next(results).name] == ["refute bad", "prove good"]
        with pytest.raises(InputError):
            next(results)


def test_progress_names_its_claim() -> None:
    """The first word of each unit is passed on; those within a moment of it are not."""
    heard: list[tuple[str, Progress]] = []
    voice = Voice(lambda claim, progress: heard.append((claim, progress)))

    def decide(claim: ClaimDecl) -> ClaimResult:
        for states in range(9):
            voice(Progress("search", {"states": states}))
        return judged(claim, fake_judge)

    list(one_by_one(CLAIMS[:1], decide, voice, {}))
    assert [claim for claim, _ in heard] == ["refute bad"] * 9
    heard.clear()
    list(side_by_side(CLAIMS, units(CLAIMS, "system"), decide, voice, {}, at_once=2))
    first = [claim for claim, said in heard if said == Progress("search", {"states": 0})]
    assert {"prove good", "prove hard in pair", "refute bad", "refute worse without f.g"} <= set(first)


def test_a_file_has_the_same_answers_on_one_core_and_on_two(tmp_path: Path) -> None:
    path = tmp_path / "small.kc"
    path.write_text(SMALL)
    one, two = (check_file(str(path), Options(tasks=2), at_once=at_once) for at_once in (1, 2))
    assert [claim.verdict for claim in one.claims] == ["refuted", "proved", "refuted", "proved", "proved"]
    assert [replace(claim, seconds=0.0) for claim in one.claims] == [
        replace(claim, seconds=0.0) for claim in two.claims
    ]
    assert all(claim.trace for claim in two.claims if claim.verdict == "refuted")
    assert exit_code(one) == exit_code(two) == 0


@pytest.mark.parametrize("kind", ["prove", "refute"])
def test_a_fault_is_exit_code_70(kind: ClaimKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "small.kc"
    path.write_text(SMALL)

    def judge_of(*_: object) -> Callable[[ClaimDecl], Judgement]:
        def judge(claim: ClaimDecl) -> Judgement:
            if claim.kind == kind:
                raise RuntimeError("the sky fell")
            return fake_judge(ClaimDecl("prove", "good" if claim.kind != "reach" else "bad"))

        return judge

    monkeypatch.setattr("verify.answering.judge_of", judge_of)
    for at_once in (1, 2):
        result = check_file(str(path), at_once=at_once)
        assert [claim.kind for claim in result.claims if claim.fault] == [kind]
        assert exit_code(result) == 70
