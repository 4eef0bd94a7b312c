"""The numbers of obligations are those of the definition."""

from __future__ import annotations

import random
from typing import get_args

import pytest
import z3

from verify.certificates.words import TooWideError, Words
from verify.ir import BinaryOp
from verify.semantics import operate, wrap

ENDS = ((-5, 4), (0, 7), (-130, 3), (0, 70), (-1, 1), (0, 1), (5, 5))
ARITHMETIC = [op for op in get_args(BinaryOp) if op in ("*", "/", "%", "+", "-", "<<", ">>", "&", "^", "|")]
COMPARED = ("<", "<=", ">", ">=", "==")


def answer(words: Words, asserted: int) -> str:
    solver = z3.SolverFor("QF_BV", ctx=z3.Context())
    solver.from_string(words.script(asserted))
    return str(solver.check())


def results(op: str, words: Words, a: int, b: int) -> int:
    if op in ARITHMETIC:
        return words.arithmetic(op, a, b)
    return words.equal(a, b) if op == "==" else words.compare(op, a, b)


@pytest.mark.parametrize("op", [*ARITHMETIC, *COMPARED])
def test_operators_are_those_of_the_definition(op: str) -> None:
    """For values within bounds, no other result can be; and that result can."""
    chance = random.Random(op)  # noqa: S311 - no secret
    words, right, wrong = Words(), [], []
    for first in ENDS:
        for second in ENDS:
            a, b = words.variable(*first), words.variable(*second)
            found = words.value(results(op, words, a, b))
            for _ in range(3):
                x, y = chance.randint(*first), chance.randint(*second)
                here = [words.equal(a, words.number(x)), words.equal(b, words.number(y))]
                same = words.equal(found, words.number(operate(op, x, y)))  # type: ignore[arg-type] # one of them
                wrong.append(words.both([*here, words.inverse(same)]))
            right.append(words.both([*here, same]))
    assert answer(words, words.some(wrong)) == "unsat"
    assert answer(words, words.both(right)) == "sat"


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_wrapping_is_that_of_the_definition(bits: int, signed: bool) -> None:  # noqa: FBT001 - a parameter
    words, wrong = Words(), []
    a = words.variable(-300, 300)
    found = words.wrapped(bits, a, signed=signed)
    for x in range(-300, 301, 7):
        same = words.equal(found, words.number(wrap(x, bits, signed=signed)))
        wrong.append(words.both([words.equal(a, words.number(x)), words.inverse(same)]))
    assert answer(words, words.some(wrong)) == "unsat"


def test_truths_are_numbers_and_numbers_truths() -> None:
    words = Words()
    flag, number = words.flag(), words.variable(-1, 3)
    assert words.truth(words.number(0)) == 0
    assert words.truth(words.number(-1)) == 1
    assert words.inverse(words.inverse(flag)) == flag
    assert words.both([1, flag, flag]) == flag
    assert words.some([]) == 0
    product = words.arithmetic("*", number, words.value(flag))
    odd = words.both([words.truth(number), words.inverse(product)])
    assert answer(words, odd) == "sat"
    assert answer(words, words.both([odd, flag])) == "unsat"
    assert words.either(flag, number, number) == number


def test_a_bit_of_a_set() -> None:
    words = Words()
    members = words.opaque(1 << 4)
    first, third = words.bit(members, 0), words.bit(members, 2)
    assert answer(words, words.both([words.equal(members, words.number(5)), first, third])) == "sat"
    assert answer(words, words.both([words.equal(members, words.number(4)), first])) == "unsat"


def test_numbers_that_are_too_wide_are_refused() -> None:
    words = Words()
    most = words.variable(0, 1 << 300)
    with pytest.raises(TooWideError):
        words.arithmetic("*", most, most)
