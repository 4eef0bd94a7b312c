"""What `Watch` prints, and what it shows; `test_tlc_run` has TLC print it."""

from __future__ import annotations

import pytest

from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.trace import State, Violation
from verify.tlc.watch import definition, shown, watched


def printed(*lines: str, complete: bool = True) -> Answer:
    return Answer("holds", "", printed=lines, complete=complete)


def test_the_definition() -> None:
    assert (
        definition(["A", "B"])
        == """\
ASSUME WatchRegisters == TLCSet(0, FALSE) /\\ TLCSet(1, FALSE) /\\ TLCSet(2, FALSE)
WatchTell(number, holds) ==
    \\/ holds
    \\/ TLCGet(number)
    \\/ /\\ PrintT(<<"Watch", number, TLCGet("level")>>)
       /\\ TLCSet(number, TRUE)
Watch ==
    /\\ WatchTell(0, FALSE)
    /\\ WatchTell(1, A)
    /\\ WatchTell(2, B)
"""
    )


def test_the_definition_that_shows_runs() -> None:
    assert (
        definition(["A"], shows_runs=True)
        == """\
ASSUME WatchRegisters == TLCSet(0, FALSE) /\\ TLCSet(1, FALSE) /\\ TLCSet(2, FALSE)
WatchTell(number, holds) ==
    \\/ holds
    \\/ TLCGet(number)
    \\/ /\\ PrintT(<<"Watch", number, TLCGet("level")>>)
       /\\ TLCSet(number, TRUE)
       /\\ TLCSet(2, number = 0)
Watch ==
    /\\ TLCSet(2, TRUE)
    /\\ WatchTell(0, FALSE)
    /\\ WatchTell(1, A)
    /\\ TLCGet(2)
"""
    )


def test_a_run_is_shown_of_all_that_are_new_in_its_state() -> None:
    trace = (State(1, None, {"x": 1}),)
    one = Violation(
        "invariant", "Watch", trace, printed=('<<"Watch", 0, 0>>', '<<"Watch", 2, 0>>', '<<"Watch", 3, 0>>')
    )
    other = Violation("invariant", "Other", trace, printed=('<<"Watch", 1, 0>>',))
    two = Violation("invariant", "Watch", trace, printed=("words", '<<"Watch", 4, 0>>'))
    answer = Answer("violated", "", (one, other, two))
    assert shown(answer, ["A", "B", "C", "D"]) == {"B": one, "C": one, "D": two}


def test_steps_are_counted_from_the_first_level() -> None:
    lines = ('<<"Watch", 0, 1>>', '<<"other", 3>>', '<<"Watch", 2, 5>>')
    assert watched(printed(*lines), ["A", "B"]) == {"A": None, "B": 4}
    assert watched(printed(*lines, complete=False), ["A", "B"]) == {"B": 4}


def test_the_worker_that_found_it_first_counts() -> None:
    assert watched(printed('<<"Watch", 0, 0>>', '<<"Watch", 1, 5>>', '<<"Watch", 1, 4>>'), ["A"]) == {"A": 4}


def test_a_watch_that_was_not_evaluated_shows_nothing() -> None:
    assert watched(printed(), ["A"]) == {}


@pytest.mark.parametrize("line", ['<<"Watch", 2, 0>>', '<<"Watch", 1>>', '<<"Watch", ', '<<"Watch", "x", 1>>'])
def test_what_watch_does_not_print_is_an_error(line: str) -> None:
    with pytest.raises(TlcOutputError):
        watched(printed('<<"Watch", 0, 0>>', line), ["A"])
