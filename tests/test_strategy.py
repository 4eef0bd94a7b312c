"""The strategy: every engine, verdicts that are judged, and what it says when time is up."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.handmade import COUNTED
from verify.api import Options, check_file
from verify.engine.verdict import Proved, Refuted, Scope, Unknown, Verdict
from verify.lower import lower
from verify.lower.claims import invariant
from verify.question import Engine, Memory, Question, Shown
from verify.semantics import replay
from verify.strategy import deadlock_question, decide
from verify.syntax import load_text

TEXT = """
struct task { spinlock_t l; u8 x; bool on; };
spinlock_t gl; u8 n; bool b; u8 other;
void one(void) { spin_lock(&gl); n = 1; n = 0; spin_unlock(&gl); }
void two(void) { spin_lock(&gl); if (n) b = true; spin_unlock(&gl); }
void three(void) { if (other == 3) current->on = true; other = other ? 3 : 1; }
void user(void) { for (;;) choose { one(); two(); three(); } }
void order(void) { if (nondet()) { spin_lock(&gl); spin_lock(&current->l);
                                   spin_unlock(&current->l); spin_unlock(&gl); } }
void wrong(void) { struct task *t = any(struct task); spin_lock(&current->l); spin_lock(&t->l);
                   spin_unlock(&t->l); spin_unlock(&current->l); }
system main { task t[*] runs user; }
system pair { task t[2] runs user; }
system good { task t[2] runs order; }
system bad { task t[2] runs wrong; }
invariant safe = !b;
invariant unsafe = forall (struct task *t) !t->on;
"""

def question(
    name: str, system: str = "main", *, engine: Engine = "auto", seconds: float = 60, **more: bool
) -> Question:
    """A question about the program above."""
    program = load_text(TEXT)
    low = lower(program, system)
    prop = invariant(program, low, name)
    flags = {"reduce": True, "slice": True, "hunt": False} | more
    return Question(
        low.system, prop, 2, time.monotonic() + seconds, engine, lambda _: None, memory=Memory(),
        reduce=flags["reduce"], slice=flags["slice"], hunt=flags["hunt"],
    )


def judged(verdict: Verdict) -> Refuted:
    """The refutation, whose run replays."""
    assert isinstance(verdict, Refuted)
    assert replay(verdict.trace)
    return verdict


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("join", [True, False])
def test_what_holds_is_proved_with_and_without_the_passes(cut: bool, join: bool) -> None:  # noqa: FBT001 - pytest's
    verdict = decide(question("safe", slice=cut, reduce=join))
    assert isinstance(verdict, Proved)
    assert verdict.scope == Scope(None, None)
    assert verdict.obligations > 0


def test_what_no_universal_invariant_tells_is_proved_at_its_size() -> None:
    program = load_text(COUNTED)
    low = lower(program, "system")
    prop = invariant(program, low, "counted")
    asked = Question(
        low.system, prop, 2, time.monotonic() + 60, "auto", lambda _: None, memory=Memory(), reduce=True, slice=True
    )
    verdict = decide(asked)
    assert isinstance(verdict, Proved)
    assert verdict.scope == Scope(2, None)


@pytest.mark.parametrize("hunt", [True, False])
def test_what_does_not_hold_is_refuted(hunt: bool) -> None:  # noqa: FBT001 - pytest's
    assert judged(decide(question("unsafe", hunt=hunt))).engine == "bfs"


def test_a_hunt_that_finds_nothing_ends_in_a_proof() -> None:
    assert isinstance(decide(question("safe", hunt=True)), Proved)


def test_each_engine_alone_says_what_it_can() -> None:
    assert isinstance(decide(question("safe", engine="views")), Proved)
    assert isinstance(decide(question("unsafe", engine="views")), Unknown)
    assert judged(decide(question("unsafe", engine="bfs"))).engine == "bfs"
    searched = decide(question("safe", engine="bfs"))
    assert isinstance(searched, Unknown)
    assert searched.shown == "no violation in any run of any number of steps with 2 tasks"


@pytest.mark.slow
def test_the_unrolling_refutes_and_says_how_far_it_came() -> None:
    assert judged(decide(question("unsafe", engine="bmc"))).engine == "bmc"
    verdict = decide(question("safe", engine="bmc", seconds=2))
    assert isinstance(verdict, Unknown)
    assert "steps with 2 tasks" in verdict.shown or verdict.shown == "nothing"


def test_too_few_tasks_or_no_time_is_unknown() -> None:
    asked = question("safe", "pair")
    small = Question(
        asked.system, asked.prop, 1, asked.deadline, "auto", asked.report, memory=Memory(), reduce=True, slice=True
    )
    verdict = decide(small)
    assert isinstance(verdict, Unknown)
    assert "2 tasks" in verdict.reason
    engines: tuple[Engine, ...] = ("auto", "bfs", "views", "bmc")
    for engine in engines:
        assert isinstance(decide(question("safe", engine=engine, seconds=-1)), Unknown)
    assert isinstance(decide(question("unsafe", seconds=-1, hunt=True)), Unknown)


def test_a_proof_is_found_once() -> None:
    first = question("safe")
    proof = decide(first)
    again = decide(first)
    assert again == proof
    assert [isinstance(found, Proved) for found, _ in first.memory.tried.outcomes.values()].count(True) == 1


def test_deadlocks_are_found_and_their_absence_is_proved() -> None:
    refuted = judged(decide(deadlock_question(question("safe", "bad"))))
    assert len(refuted.trace.steps) >= 1
    assert isinstance(decide(deadlock_question(question("safe", "good"))), Proved)
    assert isinstance(decide(deadlock_question(question("safe", "good", reduce=False))), Proved)


def test_what_was_shown_is_said_in_words() -> None:
    assert str(Shown()) == "nothing"
    assert str(Shown(depth=3, tasks=1)) == "no violation in any run of up to 3 steps with 1 task"


@pytest.mark.slow
def test_the_claims_of_the_core_are_decided() -> None:
    result = check_file("core.kc", Options())
    assert not result.errors
    assert all(claim.holds for claim in result.claims)
    assert {claim.scope.tasks for claim in result.claims if claim.verdict == "proved" and claim.scope} == {None}


SPIN = """
struct task { bool in; };
unsigned locked;
void user(void)
{
    for (;;) {
busy>   if (TAKEN)
            goto busy;
        locked = 1;
        current->in = true;
        current->in = false;
        locked = 0;
    }
}
system { task t[*] runs user; }
invariant alone = forall (struct task *a, struct task *b) !(a != b && a->in && b->in);
"""


@pytest.mark.parametrize("engine", ["auto", "bfs"])
@pytest.mark.parametrize(("taken", "safe"), [("locked", False), ("test_and_set_bit(0, &locked)", True)])
def test_whoever_spins_may_never_come_further(taken: str, safe: bool, engine: Engine) -> None:  # noqa: FBT001 - pytest's
    program = load_text(SPIN.replace("TAKEN", taken))
    low = lower(program, "system")
    verdict = decide(replace(question("safe", engine=engine), system=low.system, prop=invariant(program, low, "alone")))
    match verdict:
        case Refuted():
            assert not safe
        case Proved():
            assert safe
        case Unknown(reason):
            assert safe
            assert reason == "a search alone is no proof"
