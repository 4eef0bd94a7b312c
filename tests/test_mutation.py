"""Each way to change a program, on programs of a few statements; and that one program may do what each mutant does."""

from __future__ import annotations

from functools import cache

import pytest

from verify.instances import instance
from verify.lower import lower
from verify.mutation import Mutant, mutants, mutated, perhaps_mutated
from verify.semantics import initial_states, successors
from verify.source import NOWHERE
from verify.syntax import load_text
from verify.syntax.check.again import problems
from verify.syntax.program import Program

PROGRAM = """\
struct task { spinlock_t lock; int a : 2; int b : 2; ghost bool g = false; };
void idle(void) { current->b = 1; }
void user(void)
{
        struct task *t = current;
        int x = 0;
spin>   spin_lock(&t->lock);
        t->a = 1;
        x = t->b;
        spin_unlock(&t->lock);
        if (x == 1)
flag>       t->a = 0;
check>  if (t->a) {
            t->g = true;
out>        return;
        }
        while (t->b < 1)
            t->b++;
}
system { task u[1] runs user; }
"""


@cache
def loaded(text: str) -> Program:
    return load_text(text)


def program(text: str = PROGRAM) -> Program:
    return loaded(text)


def named(text: str = PROGRAM) -> dict[str, Mutant]:
    return {f"{m.operator} {m.what} {m.neighbour}".strip(): m for m in mutants(program(text), "system")}


def test_every_operator_finds_its_places() -> None:
    assert list(named()) == [
        "remove `user.spin`",
        "drop `user.flag`",
        "remove `user.check`",
        "delay `user.spin` `t->a = 1;` (<text>:8)",
        "drop `t->a = 1;` (<text>:8)",
        "hasten `spin_unlock(&t->lock);` (<text>:10) `x = t->b;` (<text>:9)",
        "negate `if (x == 1)` (<text>:11)",
        "negate `user.check`",
        "negate `while (t->b < 1)` (<text>:17)",
        "drop `t->b++;` (<text>:18)",
    ]  # neither what no thread runs, nor ghosts, nor locals


def test_a_check_hides_what_is_in_its_branch() -> None:
    found = named()
    assert found["remove `user.check`"].hides == {"user.out"}
    assert found["negate `user.check`"].hides == frozenset()


def results(text: str, change: str) -> set[tuple[int, int]]:
    """The values of `a` and `b` with which the only thread ends once the program is changed."""
    return ends(mutated(program(text), named(text)[change]))


def ends(changed: Program) -> set[tuple[int, int]]:
    inst = instance(lower(changed, "system").system, 1)
    found, todo = set(), list(initial_states(inst))
    seen = {tuple(state.values()) for state in todo}
    while todo:
        state = todo.pop()
        after = [post for _, post in successors(inst, state)]
        values = {slot.name: value for slot, value in state.items() if slot.cell == "task"}
        if not after:
            found.add((values["a"], values["b"]))
        todo += [post for post in after if tuple(post.values()) not in seen]
        seen |= {tuple(post.values()) for post in after}
    return found


def test_what_the_mutants_do() -> None:
    assert ends(program()) == {(1, 0)}
    assert results(PROGRAM, "drop `t->a = 1;` (<text>:8)") == {(0, 1)}
    assert results(PROGRAM, "negate `if (x == 1)` (<text>:11)") == {(0, 1)}
    assert results(PROGRAM, "negate `user.check`") == {(1, 1)}
    assert results(PROGRAM, "remove `user.check`") == {(1, 1)}
    text = PROGRAM.replace("check>  if (t->a) {", "check>  if (!t->a) {")
    assert results(text, "negate `while (t->b < 1)` (<text>:17)") == {(1, 0)}


def test_one_program_does_what_each_mutant_does() -> None:
    found = [mutant for mutant in named().values() if mutant.optional and mutant.what != "`t->b++;` (<text>:18)"]
    whole = ends(perhaps_mutated(program(), found))
    for mutant in found:
        either = ends(perhaps_mutated(program(), [mutant]))
        assert ends(program()) | ends(mutated(program(), mutant)) <= either <= whole


def test_locks_are_checked_again() -> None:
    assert problems(program()) == []
    text = PROGRAM.replace("        spin_unlock(", "unlock> spin_unlock(")
    problem, *_ = problems(mutated(program(text), named(text)["drop `user.unlock`"]))
    assert problem.code == "KC170"
    assert problem.span != NOWHERE
    early = named()["hasten `spin_unlock(&t->lock);` (<text>:10) `x = t->b;` (<text>:9)"]
    assert problems(mutated(program(), early)) == []


def test_a_lock_is_not_moved_past_jumps_nor_past_what_its_release_reads() -> None:
    text = """\
struct task { spinlock_t lock; int a : 2; };
void user(void)
{
        spin_lock(&current->lock);
        goto out;
out:    spin_unlock(&current->lock);
        spin_lock(&current->lock);
        struct task *t = current->a ? current : current;
        spin_unlock(&t->lock);
        atomic { current->a = 1; if (current->a) current->a = 0; }
}
system { task u[1] runs user; }
"""
    found = named(text)
    assert [name for name in found if name.startswith(("delay", "hasten"))] == [
        "delay `spin_lock(&current->lock);` (<text>:7) `struct task *t = current->a ? current : current;` (<text>:8)"
    ]
    assert [mutant.optional for mutant in found.values() if mutant.sort in ("store", "condition")] == [False] * 3


def test_a_mutant_is_of_one_program() -> None:
    found = named()["negate `user.check`"]
    with pytest.raises(ValueError, match="another program"):
        mutated(load_text(PROGRAM), found)
