"""One proof for many guards: which grow together, and which do not grow."""

from __future__ import annotations

import time
from pathlib import Path

from verify.judging import quiet
from verify.redundancy.bench import NONE, Bench, claim_about
from verify.redundancy.growing import MORE, apart, enough, grown, near, shared
from verify.syntax import load
from verify.syntax.program import Program

TEXT = """
struct task { bool a; bool seen; };
spinlock_t big;
bool x;
bool y;
void f(void)
{
in>     spin_lock(&big);
one>    if (y) { spin_unlock(&big); return; }
set>    x = true;
        spin_unlock(&big);
}
void g(void)
{
in>     spin_lock(&big);
two>    if (x) { spin_unlock(&big); return; }
        y = true;
        spin_unlock(&big);
}
void h(void)
{
in>     spin_lock(&big);
seen>   current->seen = true;
        spin_unlock(&big);
}
void user(void) { for (;;) choose { f(); g(); h(); } }
system { task user[*] runs user; }
invariant safe = forall (struct task *t) !(x && y);
invariant calm = forall (struct task *t) !(x && y) || !t->a;
invariant own  = forall (struct task *t) !t->a;
prove safe;
%s
"""


def made(tmp_path: Path, more: str = "") -> Program:
    path = tmp_path / "three.kc"
    path.write_text(TEXT % more, encoding="utf-8")
    return load(path)


def bench(program: Program, invariant: str = "safe") -> Bench:
    return Bench(program, claim_about(invariant, "system"), None, NONE, 30.0, time.monotonic() + 60.0, quiet)


def test_checks_and_locks_are_apart_from_other_statements(tmp_path: Path) -> None:
    program = made(tmp_path)
    assert apart(program, ["f.in", "f.set", "g.two"]) == [("f.in", "g.two"), ("f.set",)]
    assert apart(program, ["f.set"]) == [("f.set",)]
    assert apart(program, []) == []


def test_what_a_proof_needs_does_not_grow(tmp_path: Path) -> None:
    asked = bench(made(tmp_path))
    parts = ["f.in", "f.one", "g.in", "g.two", "h.in"], ["f.set", "h.seen"]
    sets, rest = (grown([asked], part, asked.guesses()) for part in parts)
    assert sets is not None
    assert rest is not None
    assert sets.optional == {"h.in"}
    assert rest.optional == {"f.set", "h.seen"}
    assert sets.removed == NONE


def test_a_guard_that_a_claim_calls_necessary_is_not_tried(tmp_path: Path) -> None:
    asked = bench(made(tmp_path, "necessary h.in for safe;\nnecessary f.one for own;"))
    assert asked.said_necessary() == {"h.in"}
    alone = bench(asked.program, "own")
    own = grown([alone], ["f.one", "h.in"], alone.guesses())
    assert own is not None
    assert own.optional == {"f.one", "h.in"}


CHECKS, STATEMENTS = ["f.one", "g.in"], ["f.set", "h.seen"]


def test_invariants_grow_together_where_a_proof_of_one_knows_what_the_other_needs(tmp_path: Path) -> None:
    program = made(tmp_path)
    for guards in (CHECKS, STATEMENTS):
        assert near([bench(program), bench(program, "calm")], [0, 0], guards) == [[1, 0]]


def test_for_statements_it_may_know_a_little_more(tmp_path: Path) -> None:
    program = made(tmp_path)
    benches = [bench(program), bench(program, "own")]
    assert near(benches, [0, 0], CHECKS) == [[0], [1]]
    assert near(benches, [0, 0], STATEMENTS) == [[0, 1]]
    known = [one.guesses()[0].keys for one in benches]
    assert 0 < len(known[1] - known[0]) <= MORE
    assert shared(benches, [0, 0])[0].keys == known[0] | known[1]


def test_a_guess_is_likely_if_it_knows_not_much_more_than_is_enough(tmp_path: Path) -> None:
    asked = bench(made(tmp_path))
    assert asked.likely() == asked.guesses()
    asked.enough = 1
    assert asked.likely()[0] == asked.guesses()[0]
    assert not any(guess.spins for guess in asked.likely())


def test_a_proof_of_two_invariants_is_one_of_each(tmp_path: Path) -> None:
    program = made(tmp_path)
    benches = [bench(program), bench(program, "own")]
    both = grown(benches, ["f.one", "h.in"], shared(benches, [0, 0]))
    assert both is not None
    assert both.optional == {"h.in"}


def test_what_is_removed_is_in_no_program_that_the_proof_is_of(tmp_path: Path) -> None:
    about = bench(made(tmp_path))
    found = grown([about], ("h.seen", "g.in"), about.guesses(), removed=frozenset({"h.in"}))
    assert found is not None
    assert found.removed == {"h.in"}
    assert found.optional == {"h.seen"}
    assert grown([about], ("h.seen",), about.guesses(), removed=frozenset({"f.one"})) is None


def test_what_is_enough(tmp_path: Path) -> None:
    program = made(tmp_path, "invariant wrong = forall (struct task *t) !x || t->a;")
    assert enough(bench(program, "own")) == 0
    assert enough(bench(program, "wrong")) is None
