"""Lock balance against an interpreter that runs random functions on every input and every choice.

No false alarm: every error reported happens in some run. Nothing missed where the check promises it: on functions
whose locks are never held on one side of a join alone, an error of any run is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.diagnostics import InputError
from verify.syntax import load_text

PARAMS = ("a", "b")
FLAGS = ("p", "q")
CONDITIONS = ("a", "!a", "a == 0", "b", "!b", "p", "!q", "q", "nondet()", "mode")
ARGUMENTS = ("a, b", "b, a", "1, 0", "0, 1", "p, 1", "1, q")
HEAD = "struct task { spinlock_t l0; spinlock_t l1; };\nint mode;\n"


@dataclass(frozen=True, slots=True)
class Op:
    """A statement: a word, what it is about, and the statements in it."""

    word: str
    what: str = ""
    then: tuple[Op, ...] = ()
    other: tuple[Op, ...] = ()

    def text(self) -> str:
        then, other = ("".join(o.text() for o in ops) for ops in (self.then, self.other))
        match self.word:
            case "lock" | "unlock":
                return f"spin_{self.word}(&t->{self.what});\n"
            case "try":
                return f"if (spin_trylock(&t->{self.what})) {{\n{then}}} else {{\n{other}}}\n"
            case "if":
                return f"if ({self.what}) {{\n{then}}} else {{\n{other}}}\n"
            case "while":
                return f"while ({self.what}) {{\n{then}}}\n"
            case "set":
                return f"{self.what};\n"
            case "seq":
                return then
            case "call":
                return f"h(t, {self.what});\n"
            case _:
                return f"{self.word};\n"


def pair(lock: str, inner: tuple[Op, ...], cond: str = "") -> Op:
    """Code between a lock and its unlock, both under the same condition if there is one."""
    both = [(Op(word, lock),) for word in ("lock", "unlock")]
    first, last = [(Op("if", cond, ops),) if cond else ops for ops in both]
    return Op("seq", "", (*first, *inner, *last))


def blocks(*, loops: bool, helper: tuple[Op, ...] = ()) -> st.SearchStrategy[tuple[Op, ...]]:
    """Random code; with a helper, code that also calls it."""
    lock = st.sampled_from(("l0", "l0", "l1"))
    simple = st.one_of(
        st.builds(Op, st.just("lock"), lock),
        st.builds(Op, st.just("unlock"), lock),
        st.builds(Op, st.just("set"), st.sampled_from([f"{f} = {v}" for f in FLAGS for v in (0, 1)])),
    )
    if helper:
        simple = st.one_of(simple, st.builds(Op, st.just("call"), st.sampled_from(ARGUMENTS), st.just(helper)))
    cond = st.sampled_from(CONDITIONS)

    def nested(inner: st.SearchStrategy[tuple[Op, ...]]) -> st.SearchStrategy[tuple[Op, ...]]:
        choices = [
            simple, simple, st.builds(Op, st.just("if"), cond, inner, inner),
            st.builds(Op, st.just("try"), lock, inner, inner), st.builds(pair, lock, inner),
            st.builds(pair, lock, inner, st.sampled_from(CONDITIONS[:8])),
        ]
        if loops:
            choices.append(st.builds(Op, st.just("while"), cond, inner))
        body = st.lists(st.one_of(choices), min_size=1, max_size=4).map(tuple)
        return st.tuples(body, st.sampled_from(((), (), (), (Op("return"),)))).map(lambda p: (*p[0], *p[1]))

    return st.recursive(st.lists(simple, max_size=2).map(tuple), nested, max_leaves=8)


# ---- the interpreter ---------------------------------------------------------------------------------------------

Vars = Mapping[str, int]
Held = frozenset[str]
MAX_ROUNDS = 3
Result = tuple[bool, Vars, Held]  # whether the run goes on; errors are collected, and the run goes on after them


def run(ops: tuple[Op, ...], state: Vars, held: Held, found: set[str]) -> Iterator[Result]:
    """Yield how a sequence can end."""
    if not ops:
        yield True, state, held
        return
    for on, after, now in step(ops[0], state, held, found):
        if on:
            yield from run(ops[1:], after, now, found)
        else:
            yield False, after, now


def step(op: Op, state: Vars, held: Held, found: set[str]) -> Iterator[Result]:
    match op.word:
        case "lock":
            if op.what in held:
                found.add("KC172")  # the thread waits for itself, for ever
            else:
                yield True, state, held | {op.what}
        case "unlock":
            found.update(() if op.what in held else {"KC171"})
            yield True, state, held - {op.what}
        case "try":
            if op.what not in held:
                yield from run(op.then, state, held | {op.what}, found)
            yield from run(op.other, state, held, found)
        case "set":
            name, number = op.what.split(" = ")
            yield True, {**state, name: int(number)}, held
        case "if":
            for way in ways(op.what, state):
                yield from run(op.then if way else op.other, state, held, found)
        case "while":
            yield from rounds(op, state, held, found, MAX_ROUNDS)
        case "seq":
            yield from run(op.then, state, held, found)
        case "call":
            values = [state[x] if x in state else int(x) for x in op.what.split(", ")]
            inner = {"a": values[0], "b": values[1], "p": 0, "q": 0}
            for _, _, now in run(op.then, inner, held, found):
                yield True, state, now
        case _:
            yield False, state, held


def rounds(op: Op, state: Vars, held: Held, found: set[str], left: int) -> Iterator[Result]:
    for way in ways(op.what, state):
        if not way:
            yield True, state, held
        elif left:
            for on, after, now in run(op.then, state, held, found):
                if on:
                    yield from rounds(op, after, now, found, left - 1)
                else:
                    yield False, after, now


def ways(cond: str, state: Vars) -> tuple[bool, ...]:
    if cond in ("nondet()", "mode"):  # another thread may change `mode` at any time
        return True, False
    name = cond.strip("!").split()[0]
    return (bool(state[name]) != (cond != name),)


def errors(ops: tuple[Op, ...]) -> set[str]:
    found: set[str] = set()
    for a in (0, 1):
        for b in (0, 1):
            for _, _, held in run(ops, {"a": a, "b": b, "p": 0, "q": 0}, frozenset(), found):
                found |= {"KC170"} if held else set()
    return found


def function(name: str, ops: tuple[Op, ...]) -> str:
    text = "".join(op.text() for op in ops)
    return f"void {name}(struct task *t, int a, int b) {{ int p = 0; int q = 0;\n{text}}}\n"


def reported(ops: tuple[Op, ...], helper: tuple[Op, ...] = ()) -> set[str]:
    try:
        load_text(HEAD + (function("h", helper) if helper else "") + function("f", ops))
    except InputError as error:
        return {d.code for d in error.diagnostics} - {"KC136"}
    return set()


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(blocks(loops=True))
def test_what_is_reported_happens_in_some_run(ops: tuple[Op, ...]) -> None:
    found, real = reported(ops), errors(ops)
    assert bool(found & real) == bool(found)  # others may follow from it


HELPERS = blocks(loops=False).filter(bool)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(HELPERS.flatmap(lambda helper: st.tuples(st.just(helper), blocks(loops=False, helper=helper))))
def test_what_is_reported_of_calls_happens_in_some_run(pair: tuple[tuple[Op, ...], tuple[Op, ...]]) -> None:
    helper, ops = pair
    called = (Op("call", "a, b", helper), *ops)  # a helper that nobody calls must be balanced itself
    if not errors(called):  # a lock taken again may be reported where it was kept
        assert reported(called, helper) == set()


def guarded(levels: int) -> st.SearchStrategy[tuple[Op, ...]]:
    """Code under one lock whose tests lead to a return, with or without an unlock, or do nothing to the lock."""
    leave = st.sampled_from(((Op("unlock", "l0"), Op("return")), (Op("return"),)))
    test = st.builds(Op, st.just("if"), st.sampled_from(("nondet()", "a", "b")), leave)
    idle = st.builds(Op, st.just("if"), st.sampled_from(("a", "b")), st.just((Op("set", "p = 1"),)))
    middle = st.lists(st.one_of(test, idle), max_size=levels).map(tuple)
    end = st.sampled_from(((Op("unlock", "l0"),), (), (Op("unlock", "l0"), Op("unlock", "l0"))))
    return st.tuples(middle, end).map(lambda p: (Op("lock", "l0"), *p[0], *p[1]))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(guarded(6))
def test_every_error_on_a_straight_path_is_reported(ops: tuple[Op, ...]) -> None:
    assert reported(ops) == errors(ops)
