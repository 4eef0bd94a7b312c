"""Diagrams say the same whichever library makes them, and renaming is what the library's own renaming is."""

from __future__ import annotations

import importlib
from itertools import product

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from verify.engine import bdd

BITS = ("a", "b", "c", "d")
NEW = {"a": "x", "b": "y"}
CHAIN = {"a": "b", "b": "c"}
ROWS = tuple(product((False, True), repeat=len(BITS)))


def leave_out_cudd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the diagrams be those of Python's library."""
    real = importlib.import_module

    def without_cudd(name: str) -> object:
        if name == "dd.cudd":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(bdd, "import_module", without_cudd)


def diagram(of: bdd.Manager, table: tuple[bool, ...]) -> bdd.Node:
    """The diagram that holds in the rows which the table says."""
    found = of.false
    for row, holds in zip(ROWS, table, strict=True):
        if holds:
            found |= of.cube(dict(zip(BITS, row, strict=True)))
    return found


def rows(of: bdd.Manager, node: bdd.Node) -> set[tuple[bool, ...]]:
    """The values of all declared bits with which it holds."""
    every = (*BITS, "x", "y")
    return {
        row
        for row in product((False, True), repeat=len(every))
        if of.let(dict(zip(every, row, strict=True)), node) == of.true
    }


TABLES = st.tuples(*[st.booleans() for _ in ROWS])


@settings(phases=(Phase.generate,), max_examples=25, deadline=None)
@given(TABLES, TABLES, st.sets(st.sampled_from(BITS)))
def test_both_libraries_say_the_same(one: tuple[bool, ...], other: tuple[bool, ...], gone: set[str]) -> None:
    said = []
    with pytest.MonkeyPatch.context() as patch:
        cudd = bdd.manager()
        leave_out_cudd(patch)
        for of in (cudd, bdd.manager()):
            of.declare(*BITS, "x", "y")
            left, right = diagram(of, one), diagram(of, other)
            forget = tuple(sorted(gone))
            known = [
                of.exist(forget, left),
                of.product(left, right, forget),
                of.rename(of.renaming(NEW), left),
                of.rename(of.renaming(CHAIN), of.exist(("d",), left)),
                of.rename(of.renaming({}), left),
                of.ite(left, right, of.equal(left, right)),
                of.simplify(left, right) & right,
            ]
            assert known[0] == of.exist(list(forget), left)
            assert known[1] == of.exist(forget, left & right)
            assert known[2] == of.let(NEW, left)
            assert known[3] == of.let(CHAIN, of.exist(("d",), left))
            said.append([rows(of, node) for node in known])
        assert cudd.cudd is not None
        assert of.cudd is None
    assert said[0] == said[1]


def test_values_are_picked_with_which_it_holds() -> None:
    of = bdd.manager()
    of.declare(*BITS)
    kept = of.var("b") & ~of.var("c")
    assert of.pick(kept, BITS[1:3]) == {"b": True, "c": False}
    assert len(of) >= 2
