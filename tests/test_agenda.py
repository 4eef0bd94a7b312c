"""What is asked next, as answers come in."""

from __future__ import annotations

from collections.abc import Sequence

from verify.engine.verdict import Invariant, Proved, Refuted, Scope, Trace
from verify.instances import instance
from verify.lower import lower
from verify.redundancy.agenda import Agenda, Alone, Begin, Begun, Found, Grew, Grow, Left, Look, Row, Sets, Unit
from verify.redundancy.bench import NONE, Together
from verify.report.redundancy import Answer, Cell
from verify.syntax import load_text

PROOF = Proved(Scope(None, None), Invariant(()), "views")
PLAIN = "struct task { bool a; }; void user(void) { current->a = true; } system { task user[*] runs user; }"
ANSWER = Answer("proved", None, None, "views", "")


def both(order: Sequence[str], _: Sequence[int], __: Sequence[str]) -> Sequence[Sequence[int]]:
    return [list(range(len(order)))] if order else []


def agenda(*invariants: str) -> Agenda:
    found = Agenda(invariants, ("f.a", "f.b"), [("f.a", "f.b")], both, rows=[Row("f.a")])
    found.begin(invariants)
    return found


def taken(found: Agenda) -> list[Unit]:
    units = list[Unit]()
    while (unit := found.take()) is not None:
        units.append(unit)
    return units


def together(*optional: str) -> Together:
    return Together(NONE, frozenset(optional), PROOF)


def test_nothing_grows_before_it_is_known_how_much_every_proof_has_to_know() -> None:
    asked = agenda("p", "q")
    assert taken(asked) == [Begin("p"), Begin("q"), Row("f.a")]
    asked.begun(Begun(Begin("q"), 4))
    assert taken(asked) == []
    asked.begun(Begun(Begin("p"), 3))
    assert taken(asked) == [Grow(("p", "q"), ("f.a", "f.b"))]


def test_an_invariant_of_which_nothing_grows_is_one_unit() -> None:
    asked = agenda("p")
    asked.take()
    asked.begun(Begun(Begin("p"), None))
    assert asked.take() == Sets("p")
    assert asked.known["p"].singly() is None


def test_what_does_not_grow_together_is_tried_for_each() -> None:
    asked = agenda("p", "q")
    for name in ("p", "q"):
        asked.begun(Begun(Begin(name), 4))
    taken(asked)
    asked.grew(Grew(Grow(("p", "q"), ("f.a", "f.b")), None))
    assert taken(asked) == [Grow((name,), ("f.a", "f.b")) for name in ("p", "q")]
    asked.grew(Grew(Grow(("p",), ("f.a", "f.b")), together("f.a", "f.b")))
    asked.grew(Grew(Grow(("q",), ("f.a", "f.b")), None))
    assert taken(asked) == [Sets("p"), Sets("q")]


def test_all_sets_come_after_the_last_guard_that_is_left() -> None:
    asked = agenda("p")
    asked.begun(Begun(Begin("p"), 1))
    taken(asked)
    asked.grew(Grew(Grow(("p",), ("f.a", "f.b")), together("f.b")))
    assert taken(asked) == [Look("p", ("f.a",))]
    asked.looked(Left("p", "f.a"))
    assert taken(asked) == [Alone("p", "f.a")]
    more = Together(frozenset({"f.a"}), NONE, PROOF)
    asked.decided(Found("p", "f.a", Cell("f.a", "redundant", ANSWER), PROOF, [more], None))
    assert taken(asked) == [Sets("p")]
    known = asked.known["p"].singly()
    assert known is not None
    assert known.verdicts == {"f.a": PROOF, "f.b": PROOF}
    assert known.together == [together("f.b"), more]


def test_a_guard_is_decided_for_one_invariant_after_the_other() -> None:
    asked = agenda("p", "q")
    asked.rows.clear()
    for name in ("p", "q"):
        asked.begun(Begun(Begin(name), 1))
    taken(asked)
    asked.grew(Grew(Grow(("p", "q"), ("f.a", "f.b")), together("f.b")))
    taken(asked)
    for name in ("p", "q"):
        asked.looked(Left(name, "f.a"))
    assert taken(asked) == [Alone("p", "f.a")]
    assert asked.runs("f.a") == []
    trace = Trace(instance(lower(load_text(PLAIN), "system").system, 1), (), ())
    asked.decided(Found("p", "f.a", Cell("f.a", "necessary", ANSWER), Refuted(Scope(1, 0), trace, "bfs"), [], None))
    assert asked.runs("f.a") == [trace]
    assert taken(asked) == [Sets("p"), Alone("q", "f.a")]
