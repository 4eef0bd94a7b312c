"""Claims about what happens later: what they mean, how they are written in TLA+, and what TLC says of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fair
from tests.strategies import explore, spaces
from tests.test_emit_tla import errors
from verify.api import Options, check_file, export_file, select, tlc_file
from verify.by_tlc.common import LATER
from verify.by_tlc.decode import lasso_of
from verify.by_tlc.lassos import DISAGREES, Found, ask
from verify.by_tlc.whole import watching
from verify.cli import main
from verify.emit.properties import Liveness
from verify.emit.tla.layout import WIDTH
from verify.emit.tla.model import model_of
from verify.emit.tla.module import specify
from verify.exporting.subject import subject
from verify.exporting.tla import Export, export_tla, with_manifest
from verify.instances import THREAD, Slot
from verify.ir import PC
from verify.lower import Lowered, lower
from verify.lower.claims import responses
from verify.report.run import FOR_EVER, STAYS, run
from verify.report.story import story
from verify.report.text import plain
from verify.report.tlc import TlcClaim, TlcResult, exit_code, tlc_lines
from verify.resources import specs_root
from verify.response import Response
from verify.semantics import initial_states, successors
from verify.syntax import load_text
from verify.syntax.program import Program
from verify.tlc.answer import Answer
from verify.tlc.errors import TlcOutputError
from verify.tlc.find import find
from verify.tlc.run import Job, Limits
from verify.tlc.run import run as start
from verify.tlc.trace import State, Violation
from verify.tlc.values import Function, Value
from verify.tlc.values import Model as ModelValue

SPECS = sorted(path.name for path in (specs_root() / "liveness").glob("*.kc"))
FAILS = {"alternation.kc": {"eventually acquire.got"}, "spinlock_starves.kc": {"no_starvation lock"},
         "test_and_set_starves.kc": {"eventually acquire.got"}}  # fmt: skip
TEXT = """
struct task { spinlock_t lock; struct task *next; bool in; };
struct box { struct mutex m; };
struct box box;
struct semaphore places;

static void work(void)
{
got>    current->in = true;
}

void user(void)
{
    for (;;) {
        choose { work(); sleep(); }
        mutex_lock(&box.m);
        mutex_unlock(&box.m);
        mutex_lock(&box.m);
        mutex_unlock(&box.m);
        atomic { current->in = false; down(&places); }
        up(&places);
    }
}
system { task user[*] runs user; }
"""
CLAIMS = "eventually work.got;\nno_starvation box.m;\nno_starvation places;\nno_starvation task.lock;\n"


def read(claims: str = CLAIMS, text: str = TEXT) -> tuple[Program, Lowered]:
    program = load_text(text + claims)
    return program, lower(program, "system")


def exported(spec: str) -> Export:
    options = Options()
    return export_tla(subject(select(spec, options), options, "X"))


# ---- what they mean ------------------------------------------------------------------------------


def test_a_response_begins_where_a_call_does_and_ends_at_the_label() -> None:
    program, lowered = read()
    (response,) = responses(program.claims[0], lowered)
    assert response == Response(lowered.begins["work"], lowered.labels["work.got"])
    assert response.begin


def test_each_place_where_a_thread_waits_for_a_lock_is_one_to_get_away_from() -> None:
    program, lowered = read()
    of_mutex, of_places, of_lock = (responses(claim, lowered) for claim in program.claims[1:])
    assert [len(of_mutex), len(of_places), len(of_lock)] == [2, 1, 0]
    assert all(response.end is None and len(response.begin) == 1 for response in of_mutex)


def test_in_an_atomic_a_thread_waits_where_it_begins() -> None:
    _, lowered = read()
    (place,) = lowered.waiting["places"]
    leaving = [action for action in lowered.system.actions if action.source == place]
    assert leaving
    assert not [action for action in leaving if action.updates == ()]  # it is one step with what is before it


def test_no_step_of_a_system_with_such_claims_leads_back_to_where_it_was_at_once() -> None:
    """A step that changes nothing is none to fairness, and a thread that sleeps for ever would be hurried."""
    _, lowered = read()
    assert not [action for action in lowered.system.actions if action.source == action.target and not action.updates]
    _, plain_one = read("")
    assert len(plain_one.system.actions) < len(lowered.system.actions)


def test_where_such_claims_speak_of_control_is_seen_to_be() -> None:
    loops = "for (;;) { if (current->in) break; } choose { for (;;) down(&places); ; }\n"
    text = TEXT.replace("got>    current", f"{loops}got>    current")
    program, lowered = read("eventually work.got;\nno_starvation places;\n", text)
    leaving = {action.source for action in lowered.system.actions}
    for claim in program.claims:
        assert all(response.begin <= leaving for response in responses(claim, lowered))
    waiting = lowered.waiting["places"]
    assert not [a for a in lowered.system.actions if a.source in waiting and a.target in waiting]


WRONG = {
    "eventually work.gto;": ("KC161", "unknown label `work.gto`", "did you mean `work.got`?"),
    "eventually wrk.x;": ("KC161", "unknown label `wrk.x`", "did you mean `work.got`?"),
    "no_starvation box.n;": ("KC101", "unknown field `box.n`", ""),
    "no_starvation placs;": ("KC101", "unknown field `placs`", "did you mean `places`?"),
    "no_starvation task.in;": ("KC166", "nobody waits for `task.in`, which is no lock", "name a lock"),
    "no_starvation box;": ("KC166", "nobody waits for `box`, which is no lock", "name a lock"),
    "no_starvation work.got;": ("KC103", "unknown struct `work`", ""),
    "eventually work.got in nowhere;": ("KC164", "unknown system `nowhere`", ""),
    "eventually work;": ("KC030", "unexpected `;`", ""),
    "no_starvation;": ("KC030", "unexpected `;`", ""),
}


@pytest.mark.parametrize("claim", WRONG)
def test_what_cannot_be_meant_is_an_error_at_its_place(
    claim: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.kc"
    path.write_text(TEXT + claim + "\n")
    for command in ("prove", "tlc"):
        assert main([command, str(path)]) == 2
        said = capsys.readouterr().err
        code, message, hint = WRONG[claim]
        assert f"error[{code}]: {message}" in said
        assert f"| {claim}" in said
        assert "^" in said
        assert hint in said


def test_a_global_lock_comes_before_a_field_of_the_same_name() -> None:
    text = TEXT.replace("struct semaphore places;", "struct semaphore places; spinlock_t lock;")
    assert load_text(text + "no_starvation lock;\n").claims[0].targets == ("lock",)
    assert load_text(text + "no_starvation task.lock;\n").claims[0].targets == ("task.lock",)


def test_they_are_not_decided_here_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.kc"
    path.write_text(TEXT + CLAIMS)
    for at_once in (1, 2):
        result = check_file(str(path), Options(), at_once=at_once)
        assert [(claim.verdict, claim.holds) for claim in result.claims] == [("unknown", None)] * 4
        assert {claim.reason for claim in result.claims} == {
            "not decided here; `verify tlc` checks it, for a fixed number of tasks"
        }
    assert main(["prove", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["claims"][0]["verdict"] == "unknown"


# ---- TLA+ ----------------------------------------------------------------------------------------


def test_they_are_temporal_properties_with_a_configuration_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "rooms.kc"
    path.write_text(TEXT + CLAIMS + "eventually work.got without work.got;\n")
    found = exported(str(path))
    text = found.spec.text
    assert errors(text) == []
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert 'EntersWork(self) == pc[self] = "work_got"' in text
    assert (
        "EventuallyWorkGot ==\n    \\A self \\in Tasks :\n      EntersWork(self) ~> AtWorkGot(self)\n" in text
    )
    assert (
        "NoStarvationBoxM ==\n    \\A self \\in Tasks :\n      /\\ WaitsForBoxM(self) ~> ~WaitsForBoxM(self)\n"
        "      /\\ WaitsForBoxM_2(self) ~> ~WaitsForBoxM_2(self)\n" in text
    )
    config = found.files["MCRoomsLiveness.cfg"]
    assert config.startswith("SPECIFICATION FairSpec\n")
    assert "SYMMETRY" not in config
    assert config.partition("PROPERTIES\n")[2].split() == [
        "EventuallyWorkGot", "NoStarvationBoxM", "NoStarvationPlaces"
    ]
    known = json.loads(found.files["Rooms.map.json"])["properties"]
    assert known["NoStarvationBoxM"] == "no_starvation_box.m"
    (model,) = (m for m in json.loads(with_manifest(found)["manifest.json"])["modules"][1]["models"]
                if m["path"] == "MCRoomsLiveness.cfg")  # fmt: skip
    assert (model["features"], model["result"]) == (["liveness"], "unknown")
    assert "distinctStates" not in model


def test_what_nobody_waits_for_is_no_property() -> None:
    found = exported("peterson.kc")
    assert "(* Liveness" not in found.spec.text
    assert not [name for name in found.files if "Liveness" in name]


@pytest.mark.parametrize("spec", SPECS)
def test_the_bundled_specs_are_tla(spec: str) -> None:
    found = exported(spec)
    assert found.spec.liveness
    for name, text in found.files.items():
        assert not name.endswith(".tla") or errors(text) == []


def test_a_file_without_a_system_has_nothing_to_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.kc"
    path.write_text("")
    assert [error.code for error in export_file(str(path), Options(), str(tmp_path / "out")).errors] == ["KC905"]
    assert main(["tlc", str(path)]) == 2
    assert "the file has no system" in capsys.readouterr().err


# ---- what TLC says, without TLC ------------------------------------------------------------------


def values(found: Export, places: Sequence[str]) -> dict[str, Value]:
    """A state of the exported test-and-set lock in which nothing but the places of the tasks matters."""
    cells = [ModelValue(f"task{number}") for number in range(1, len(places) + 1)]
    given: dict[str, Sequence[Value]] = {"pc": places, "task_life": ["published"] * 2, "in": [False] * 2}
    given |= {name: [False] * 2 for name in found.spec.names.variables.values() if "tmp" in name}
    known: dict[str, Value] = {name: Function(dict(zip(cells, each, strict=True))) for name, each in given.items()}
    return known | {"locked": 0}


def to_the_lock(found: Export) -> Sequence[str]:
    """Where task 1 stands, from the start until it begins to take the lock."""
    inst, labels = found.subject.instance, found.spec.names.labels
    state, places = next(initial_states(inst)), ["user_1"]
    while state[Slot(THREAD, 1, PC)] not in found.subject.lowered.begins["acquire"]:
        state = next(after for step, after in successors(inst, state) if step.thread == 1)
        places.append(labels[state[Slot(THREAD, 1, PC)]])
    return places


def violation(states: Sequence[dict[str, Value]], *, loop: int | None = None, stutters: bool = False) -> Violation:
    shown = tuple(State(n, None, each) for n, each in enumerate(states, start=1))
    return Violation("temporal", "", shown, loop, stutters)


def test_a_run_for_ever_has_a_place_to_go_back_to() -> None:
    found = exported("test_and_set_starves.kc")
    inst = found.subject.instance
    begin = values(found, ["user_1", "user_1"])
    one = lasso_of(found.spec, found.model, inst, violation([begin, begin], stutters=True))
    assert (len(one.trace.states), one.loop) == (1, 0)
    two = lasso_of(found.spec, found.model, inst, violation([begin, begin], loop=1))
    assert two == one
    for wrong in (violation([begin]), violation([begin], loop=3), violation([])):
        with pytest.raises(TlcOutputError):
            lasso_of(found.spec, found.model, inst, wrong)


def asked(found: Export, answers: Sequence[Answer]) -> tuple[list[tuple[str, ...]], Callable[[], Found]]:
    given: list[tuple[str, ...]] = []
    left = iter(answers)

    def start_with(names: Sequence[str]) -> Answer:
        given.append(tuple(names))
        return next(left)

    return given, lambda: ask(found.spec, found.model, found.subject.instance, start_with)


def test_a_run_that_the_definition_does_not_accept_is_a_difference_and_nothing_else() -> None:
    found = exported("test_and_set_starves.kc")
    states = [values(found, [place, "user_1"]) for place in to_the_lock(found)]
    stays = violation(states, stutters=True)  # though both could step
    good = Answer("holds", "", complete=True, temporal=True)
    given, go = asked(found, [Answer("violated", "", (stays,)), good])
    later = go()
    assert (later.difference, later.violated, later.held) == (DISAGREES, {}, frozenset())
    assert given == [tuple(name for name, _ in found.spec.liveness), ()]


def test_nothing_holds_that_was_not_checked_to_the_end() -> None:
    found = exported("test_and_set_starves.kc")
    for answer in (
        Answer("unknown", "out of time"), Answer("holds", "", complete=True),
        Answer("violated", "", (Violation("temporal", ""),)),
    ):
        _, go = asked(found, [answer])
        later = go()
        assert (later.difference, later.violated, later.held) == ("", {}, frozenset())


# ---- TLC -----------------------------------------------------------------------------------------


def told(spec: str) -> dict[str, TlcClaim]:
    result = tlc_file(spec, Options(budget=300.0))
    assert result.differences == ()
    assert result.theirs is not None
    assert result.theirs == result.ours
    return {claim.name: claim for claim in result.claims}


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_specs(spec: str) -> None:
    fails = FAILS.get(spec, set())
    claims = told(spec)
    assert {name: claim.holds for name, claim in claims.items()} == {name: name not in fails for name in claims}
    options = Options()
    found = subject(select(spec, options), options, "X")
    space = explore(found.instance, 1000)
    assert space is not None
    for each in (one for one in found.asked if one.liveness is not None):
        assert each.liveness is not None
        assert all(fair.holds(space, one) for one in each.liveness.responses) is (each.claim.name not in fails)
    for name in fails:
        result = claims[name].run
        assert result is not None
        assert result.round is not None
        shown = plain(run(result, 120))
        assert shown.count(FOR_EVER) == 1
        assert "never" in story(result)


NOBODY = """
struct task { bool in; spinlock_t lock; };
spinlock_t a, b;
void one(void) { spin_lock(&a); first> spin_lock(&b); spin_unlock(&b); spin_unlock(&a); }
void two(void) { spin_lock(&b); spin_lock(&a); spin_unlock(&a); last> spin_unlock(&b); }
system { task one runs one; task two runs two; }
no_starvation b;
eventually two.last;
no_starvation task.lock;
reach one.first;
refute no_bad_unlock;
"""


@pytest.mark.slow
def test_a_deadlock_and_what_nobody_waits_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "abba.kc"
    path.write_text(NOBODY)
    assert main(["tlc", str(path)]) == 1
    out = capsys.readouterr().out
    assert STAYS in out
    assert "task 1 waits for b (one.first, abba.kc:4) and never gets it." in out
    assert "task 2 enters two (two:5, abba.kc:5) and never comes to two.last." in out
    assert "no thread ever waits for `task.lock`" in out
    assert "✓ holds    reach one.first" in out


@pytest.mark.slow
@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """TLC and the graph of all states agree on responses of random systems, and the judge on every run shown."""
    space = data.draw(spaces(limit=120))
    inst = space.instance
    places = st.frozensets(st.integers(1, len(inst.system.locations) - 1), min_size=1, max_size=3)
    made = [Response(data.draw(places), data.draw(st.none() | places)) for _ in range(3)]
    said = [Liveness(f"later {n}", (each,), f"begins {n}", f"ends {n}") for n, each in enumerate(made)]
    spec = specify("R", inst.system, [], [], liveness=said)
    model = model_of(spec, inst)
    folder = tmp_path_factory.mktemp("tlc")

    def start_with(names: Sequence[str]) -> Answer:
        for name, text in watching(spec, model, ["TypeOK"], names).items():
            (folder / name).write_text(text)
        return start(find(os.environ), Job(folder, "Check", "Check.cfg", LATER), Limits(300))

    later = ask(spec, model, inst, start_with)
    assert later.answer.complete, later.answer.reason
    assert later.difference == ""
    assert {name for name, _ in spec.liveness} == set(later.violated) | later.held
    for name, one in spec.liveness:
        assert fair.holds(space, one.responses[0]) is (name in later.held)


# ---- runs for ever -------------------------------------------------------------------------------


def test_the_part_that_is_repeated_is_set_apart() -> None:
    claim = TlcClaim("eventually f.l", "L", "violated", holds=False, steps=9, loop=4, later=True)
    assert _line(claim).endswith("a run that repeats itself after step 4")
    assert _line(replace(claim, loop=9)).endswith("a run that stays after step 9")
    assert _line(replace(claim, said="holds", holds=True)).endswith("on every fair run")
    assert "in every state" not in _line(replace(claim, said="holds", reason="no thread ever enters `f`"))


def _line(claim: TlcClaim) -> str:
    result = TlcResult("f.kc", "system", 2, "TLC", claims=(claim,))
    assert exit_code(result) == int(claim.holds is False)
    return plain(tlc_lines(result, 100)).splitlines()[1].rstrip()
