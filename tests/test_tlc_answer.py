"""What a run of TLC shows: recorded runs, and every way in which its exit code misleads.

`test_tlc_run` makes recorded runs anew.
"""

from __future__ import annotations

import pytest

from tests.recorded import recorded
from verify.tlc.answer import MAX_REASON, Answer, Initial, Progress, answer, problems, progress
from verify.tlc.errors import TlcOutputError
from verify.tlc.messages import Line, Message
from verify.tlc.trace import Kind
from verify.tlc.values import Function, Model

NOBODY = Function({"owner": Model("nobody")})


def said(*messages: tuple[int, int, str]) -> list[Message | Line]:
    return [Message(code, severity, tuple(text.splitlines())) for code, severity, text in messages]


FINE = [
    (2262, 0, "TLC2 Version 2.15"),
    (2190, 0, "Finished computing initial states: 1 distinct state generated at DATE."),
    (2193, 0, "Model checking completed. No error has been found."),
    (2199, 0, "9 states generated, 5 distinct states found, 0 states left on queue."),
    (2186, 0, "Finished in 7ms at (DATE)"),
]


def xs(found: Answer, number: int = 0) -> list[object]:
    return [state.values["x"] for state in found.violations[number].trace]


# ---- what is shown -------------------------------------------------------------------------------


def test_holds() -> None:
    assert recorded("holds") == Answer(
        verdict="holds",
        reason="",
        violations=(),
        version="TLC2 Version 2.15 of Day Month 20?? (rev: d5b5a7f)",
        generated=6,
        distinct=5,
        queue=0,
        initial=Initial(1, 1),
        depth=5,
        ms=7,
        printed=(),
        complete=True,
    )
    assert recorded("live").verdict == "holds"


def test_violated_with_the_run_that_leads_there() -> None:
    found = recorded("violated")
    (violation,) = found.violations
    assert (found.verdict, found.reason, found.complete) == ("violated", "", False)
    assert (violation.kind, violation.name, violation.loop, violation.stutters) == ("invariant", "NotTwo", None, False)
    assert [(s.number, s.action, s.values["x"]) for s in violation.trace] == [(1, None, 0), (2, "Up", 1), (3, "Up", 2)]
    assert violation.trace[0].values["held"] == NOBODY


def test_violated_at_the_start() -> None:
    found = recorded("violated-first")
    assert (found.verdict, found.generated, xs(found)) == ("violated", None, [0])


@pytest.mark.parametrize(
    ("name", "kind", "property_name", "values"),
    [
        ("deadlock", "deadlock", "", [0, 1, 20]),
        ("step", "action", "NoLeaving", [0, 1, 20]),
        ("start", "action", "NotZero", [0]),
        ("lasso", "temporal", "", [0, 1, 2, 3, 4]),
        ("stutters", "temporal", "", [0, 1]),
        ("bounded-violated", "invariant", "NotTwo", [0, 1, 2]),
    ],
)
def test_each_kind_of_violation(name: str, kind: Kind, property_name: str, values: list[int]) -> None:
    found = recorded(name)
    (violation,) = found.violations
    assert found.verdict == ("deadlock" if kind == "deadlock" else "violated")
    assert (violation.kind, violation.name) == (kind, property_name)
    assert xs(found) == values


def test_a_run_that_goes_on_for_ever() -> None:
    (lasso,), (stutters,) = recorded("lasso").violations, recorded("stutters").violations
    assert (lasso.loop, lasso.stutters) == (1, False)
    assert (stutters.loop, stutters.stutters) == (None, True)


def test_a_false_assumption() -> None:
    assert recorded("assumption").verdict == "assumption"


def test_lines_that_the_module_printed() -> None:
    found = recorded("printed")
    assert found.verdict == "holds"
    assert found.printed[0] == r'<<0, "two\nlines \"of\" text @!@!@STARTMSG 2193:0 @!@!@">>'
    assert len(found.printed) == found.distinct == 5


def test_initial_states_are_counted_both_ways() -> None:
    text = "Finished computing initial states: 2,001 states generated, with 2000 of them distinct at DATE."
    assert answer(said((2190, 0, text)), 0).initial == Initial(2001, 2000)


def test_a_trace_of_differences_is_filled_in() -> None:
    trace = [
        (2217, 4, "1: <Initial predicate>\n/\\ x = 1\n/\\ y = 2\n"),
        (2217, 4, "2: <Up(t1) line 5, col 1 to x>\nx = 3\n"),
    ]
    found = answer(said((2110, 1, "Invariant A is violated."), *trace, *FINE), 12)
    assert [dict(s.values) for s in found.violations[0].trace] == [{"x": 1, "y": 2}, {"x": 3, "y": 2}]
    assert found.violations[0].trace[1].action == "Up"


def test_progress() -> None:
    counts = (
        "9,839 states generated (182,035 s/min), 3,638 distinct states found (67,308 ds/min), 7 states left on queue."
    )
    text = f"Progress(33) at DATE: {counts}"
    assert progress(Message(2200, 0, (text,))) == Progress(9839, 3638, 7, 33)
    assert progress(Message(2199, 0, (text,))) is None
    assert progress(Message(2200, 0, ("Progress",))) is None
    found = answer(said((2200, 0, text)), 0, cut="out of time")
    assert (found.verdict, found.reason, found.generated, found.queue) == ("unknown", "out of time", 9839, 7)


# ---- exit code 0 is not `holds` ------------------------------------------------------------------


def test_exit_code_0_after_violations() -> None:
    """With `-continue`; TLC even says that no error has been found."""
    found = recorded("continued", code=0)
    assert (found.verdict, found.complete) == ("violated", True)
    assert (found.generated, found.distinct, found.queue, found.depth) == (7, 6, 0, 5)
    assert [(v.name, xs(found, n)) for n, v in enumerate(found.violations)] == [
        ("NotTwo", [0, 1, 2]),
        ("UnderThree", [0, 1, 20]),
        ("UnderThree", [0, 1, 2, 3]),
        ("UnderThree", [0, 1, 2, 3, 4]),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bounded", "TLC did not say that it had examined all states (exit code 0)"),
        ("absurd", "Attempted to apply the operator overridden by the Java method"),
    ],
)
def test_exit_code_0_of_runs_that_show_nothing(name: str, reason: str) -> None:
    found = recorded(name, code=0)
    assert (found.verdict, found.complete) == ("unknown", False)
    assert reason in found.reason


def test_exit_code_0_of_a_simulation() -> None:
    done = (2210, 0, "The number of states generated: 100")
    assert answer(said(FINE[0], done, FINE[-1]), 0).verdict == "unknown"


def test_exit_code_0_of_a_violation_found_by_many_machines() -> None:
    """Then TLC prints two states, and not what they violate."""
    trace = [(2121, 1, "The behavior up to this point is:"), (2217, 4, "1: <Initial predicate>\nx = 1\n")]
    found = answer(said(*trace, *FINE), 0)
    assert (found.verdict, found.violations, found.complete) == ("unknown", (), True)


@pytest.mark.parametrize("dropped", [2193, 2199])
def test_what_holds_must_have_been_said(dropped: int) -> None:
    assert answer(said(*FINE), 0).verdict == "holds"
    found = answer(said(*(message for message in FINE if message[0] != dropped)), 0)
    assert (found.verdict, found.complete) == ("unknown", False)


@pytest.mark.parametrize("code", [1, 10, 13, 75, 255, -9])
def test_another_exit_code_is_not_holds(code: int) -> None:
    found = answer(said(*FINE), code)
    assert (found.verdict, found.reason) == ("unknown", f"TLC ended with exit code {code}")


def test_states_on_the_queue_are_not_holds() -> None:
    left = (2199, 0, "9 states generated, 5 distinct states found, 1 states left on queue.")
    found = answer(said(*FINE, left), 0)
    assert (found.verdict, found.reason, found.complete) == ("unknown", "TLC left states on its queue", False)


@pytest.mark.parametrize("severity", [1, 2])
def test_an_error_of_any_kind_is_not_holds(severity: int) -> None:
    """Nor one that is in a message of no severity."""
    error = Message(9999, severity, ("something\nwent wrong",))
    for message in (error, Message(2200, 0, (), (error,))):
        found = answer([*said(*FINE), message], 0)
        assert (found.verdict, found.reason, found.complete) == ("unknown", "something went wrong", False)


def test_a_warning_is_no_error() -> None:
    assert answer(said((2401, 3, "Please use ParallelGC."), *FINE), 0).verdict == "holds"


def test_a_run_that_was_cut_off_is_not_holds() -> None:
    found = recorded("holds", cut="out of time after 3 s")
    assert (found.verdict, found.reason, found.complete) == ("unknown", "out of time after 3 s", False)


# ---- why nothing is shown ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nonsense", "Evaluating invariant Nonsense failed. Attempted to apply the operator"),
        ("failing", "Evaluating invariant Failing failed. The first argument of Assert evaluated to FALSE"),
        ("no-such-invariant", "The invariant Nowhere specified in the configuration file is not defined"),
        ("config", "TLC found an error in the configuration file at line 4"),
        ("option", "Error: unrecognized option: -bogus"),
        ("no-module", "SANY: Fatal errors while parsing TLA+ spec in file Nowhere"),
    ],
)
def test_the_reason_is_in_the_words_of_tlc(name: str, reason: str) -> None:
    found = recorded(name)
    assert found.verdict == "unknown"
    assert reason in found.reason
    assert "\n" not in found.reason
    assert len(found.reason) <= MAX_REASON


def test_an_invariant_that_cannot_be_evaluated_is_not_violated() -> None:
    """Though the run to the state in which it cannot follows."""
    assert recorded("nonsense").violations == ()
    broken = recorded("continued-broken")
    assert [v.name for v in broken.violations] == ["NotZero"]
    assert (broken.verdict, broken.complete) == ("violated", False)


def test_an_error_tells_more_than_how_the_run_ended() -> None:
    assert answer(said((1005, 1, "This was a StackOverflowError.")), 0, cut="out of time").reason.startswith("This was")


def test_a_long_reason_is_cut() -> None:
    assert answer(said((1000, 1, "why " * 1000)), 1).reason.endswith("...")


def test_what_sany_says_beside_the_names_of_modules() -> None:
    lines = [
        "Parsing file A.tla",
        "",
        "Semantic processing of module A",
        "****** SANY2 Version 2.1 created 2014",
        "Unknown operator: `y'.",
    ]
    assert problems(lines) == ("Unknown operator: `y'.",)


# ---- a run that is cut off -----------------------------------------------------------------------


@pytest.mark.parametrize("lines", range(1, 90))
def test_no_part_of_a_violated_run_holds_or_has_part_of_a_trace(lines: int) -> None:
    found = recorded("violated", code=0, lines=lines)
    assert found.verdict in {"unknown", "violated"}
    assert all(not violation.trace or xs(found) == [0, 1, 2] for violation in found.violations)


@pytest.mark.parametrize("lines", range(1, 120))
def test_no_part_of_a_run_with_many_violations_is_complete(lines: int) -> None:
    whole = recorded("continued")
    found = recorded("continued", lines=lines)
    assert found.complete <= (found.queue == 0)
    for part, violation in zip(found.violations, whole.violations, strict=False):
        assert (part.kind, part.name) == (violation.kind, violation.name)
        assert part.trace in {(), violation.trace}


@pytest.mark.parametrize("text", ["nothing", "1: <Initial predicate>\nx = SUBSET {1}\n"])
def test_a_state_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(TlcOutputError):
        answer(said((2110, 1, "Invariant A is violated."), (2217, 4, text)), 12)


# ---- one of many invariants ----------------------------------------------------------------------

ORDER = ["Fits", "NotTwo", "NotTwoEither", "UnderThree"]


def test_an_invariant_behind_a_violated_one_is_not_known_to_hold() -> None:
    """NotTwoEither is violated where NotTwo is, and TLC does not say so."""
    found = recorded("continued")
    assert {name: found.of(name, ORDER) for name in ORDER} == {
        "Fits": "holds",
        "NotTwo": "violated",
        "NotTwoEither": "unknown",
        "UnderThree": "violated",
    }


def test_initial_states_hide_nothing() -> None:
    found = recorded("continued-first")
    order = ["NotZero", "UnderThree", "Fits"]
    assert [len(violation.trace) for violation in found.violations] == [1, 1, 4, 5]
    assert [found.of(name, order) for name in order] == ["violated", "violated", "unknown"]
    only_first = answer(said((2107, 1, "Invariant A is violated by the initial state:\nx = 1\n"), *FINE), 0)
    assert [only_first.of(name, "AB") for name in "AB"] == ["violated", "holds"]


def test_an_invariant_that_was_not_checked_is_not_known() -> None:
    assert recorded("holds").of("Fits", ["Fits"]) == "holds"
    assert recorded("holds").of("NotTwo", ["Fits"]) == "unknown"


def test_a_violation_of_something_else_hides_it() -> None:
    """As a property of the form [](P), which TLC checks as an invariant, somewhere."""
    assert recorded("continued").of("Fits", ["Fits"]) == "unknown"


@pytest.mark.parametrize("name", ["continued-deadlock", "continued-broken", "violated", "bounded", "absurd"])
def test_a_run_that_did_not_see_all_states_shows_no_invariant_to_hold(name: str) -> None:
    found = recorded(name)
    assert not found.complete
    assert found.of("Fits", ["Fits", "NotTwo", "Nonsense", "NotZero"]) == "unknown"


def test_a_deadlock_ends_a_run_even_with_continue() -> None:
    found = recorded("continued-deadlock")
    assert [v.kind for v in found.violations] == ["invariant", "deadlock"]
    assert found.verdict == "violated"


def test_a_temporal_violation_ends_a_run() -> None:
    found = answer(said((2116, 1, "Temporal properties were violated."), *FINE), 13)
    assert (found.verdict, found.complete) == ("violated", False)


CHECKING = "Checking 2 branches of temporal properties for the {} state space with 208 total distinct states at (DATE)"
CHECKED = (2267, 0, "Finished checking temporal properties in 00s at DATE")


def test_temporal_properties_hold_only_if_all_states_were_known_when_they_were_checked() -> None:
    whole, part = ((2192, 0, CHECKING.format(which)) for which in ("complete", "current"))
    assert answer(said(whole, CHECKED, *FINE), 0).temporal
    assert answer(said(part, CHECKED, whole, CHECKED, *FINE), 0).temporal
    assert not answer(said(*FINE), 0).temporal
    assert not answer(said(part, CHECKED, *FINE), 0).temporal
    assert not answer(said(whole, *FINE), 0).temporal
    assert not answer(said(whole, CHECKED, *FINE), 255).temporal
    assert not answer(said(whole, CHECKED, (1000, 1, "TLC threw an unexpected exception."), *FINE), 0).temporal
    assert not answer(said(whole, CHECKED, *(m for m in FINE if m[0] != 2193)), 0).temporal  # it could not be evaluated
