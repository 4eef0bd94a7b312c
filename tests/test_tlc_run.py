"""TLC itself: what it says of small modules is what was recorded, and no run leaves anything behind."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import environ
from pathlib import Path

import pytest

from tests.recorded import RECORDED, recorded
from verify.tlc.answer import Progress
from verify.tlc.find import Tools, digest, find
from verify.tlc.run import Job, Limits, probe, run, sany
from verify.tlc.watch import definition, shown, watched

LIMITS = Limits(seconds=120, heap=512)
MODEL = "CONSTANTS Size = 5 nobody = nobody\n"
NEXT = f"INIT Init NEXT Next\n{MODEL}"
LEAVE = f"INIT Init NEXT NextOrLeave\n{MODEL}"
GOES_ON = ("-continue", "-deadlock")

RUNS: dict[str, tuple[str, tuple[str, ...]]] = {  # what each recorded run was made with
    "holds": (f"{NEXT}INVARIANT Fits", ()),
    "violated": (f"{NEXT}INVARIANTS Fits NotTwo", ()),
    "violated-first": (f"{NEXT}INVARIANT NotZero", ()),
    "deadlock": (LEAVE, ()),
    "continued": (f"{LEAVE}INVARIANTS Fits NotTwo NotTwoEither UnderThree", GOES_ON),
    "continued-first": (f"INIT TwoStarts NEXT Next\n{MODEL}INVARIANTS NotZero UnderThree Fits", GOES_ON),
    "continued-deadlock": (f"{LEAVE}INVARIANT NotTwo", ("-continue",)),
    "continued-broken": (f"{NEXT}INVARIANTS Nonsense NotZero", ("-continue",)),
    "lasso": (f"SPECIFICATION Spec PROPERTY Settles\n{MODEL}", ()),
    "stutters": (f"SPECIFICATION Idle PROPERTY Again\n{MODEL}", ()),
    "live": (f"SPECIFICATION Spec PROPERTY Again\n{MODEL}", ()),
    "absurd": (f"SPECIFICATION Spec PROPERTY Absurd\n{MODEL}", ()),
    "step": (f"{LEAVE}PROPERTY NoLeaving", ()),
    "start": (f"{NEXT}PROPERTY NotZero", ()),
    "assumption": (NEXT.replace("5", "50"), ()),
    "bounded": (f"{NEXT}INVARIANT Fits", ("-dfid", "3")),
    "bounded-violated": (f"{NEXT}INVARIANT NotTwo", ("-dfid", "4")),
    "nonsense": (f"{NEXT}INVARIANT Nonsense", ()),
    "failing": (f"{NEXT}INVARIANT Failing", ()),
    "no-such-invariant": (f"{NEXT}INVARIANT Nowhere", ()),
    "config": ("INIT Init\nNEXT Next\nCONSTANTS nobody = nobody\n  Size == 5\n", ()),
    "option": (NEXT, ("-bogus",)),
    "printed": (f"{NEXT}INVARIANT Quiet", ()),
    "values": ("INIT Init NEXT Next INVARIANT Never CONSTANTS a = a b1 = b1 _c = _c", ()),
    "no-module": (NEXT, ()),
}
ANEW = (  # one of each kind
    *("holds", "violated", "deadlock", "continued", "continued-first", "lasso", "absurd", "step", "assumption"),
    *("bounded", "nonsense", "config", "values"),
)
MODULES = {"values": "Values", "no-module": "Nowhere"}


@pytest.fixture(scope="module")
def tools() -> Tools:
    return find(environ)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the modules, on a machine whose folder for temporary files is there to be looked at."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    (tmp_path / "modules").mkdir()
    for module in RECORDED.glob("*.tla"):
        (tmp_path / "modules" / module.name).write_text(module.read_text())
    return tmp_path / "modules"


def job(folder: Path, config: str, *options: str, module: str = "Steps", workers: int = 1) -> Job:
    (folder / "C.cfg").write_text(config)
    return Job(folder, module, "C.cfg", options, workers)


def test_how_every_recorded_run_was_made_is_known() -> None:
    assert set(RUNS) == {path.stem for path in RECORDED.glob("*.txt")}


@pytest.mark.parametrize("name", ANEW)
def test_tlc_says_what_was_recorded(name: str, tools: Tools, folder: Path) -> None:
    config, options = RUNS[name]
    asked = job(folder, config, *options, module=MODULES.get(name, "Steps"))
    before = set(folder.iterdir())
    found = run(tools, asked, LIMITS)
    assert replace(found, ms=None) == replace(recorded(name), ms=None)
    assert set(folder.iterdir()) == before
    assert not list(folder.with_name("scratch").iterdir())


def test_invariants_are_evaluated_in_the_order_of_the_configuration(tools: Tools, folder: Path) -> None:
    """Those of properties behind them, so that what `Answer.of` takes for granted is so."""
    order = ["NotTwoEither", "NotTwo", "Fits"]
    config = f"{NEXT}PROPERTY Never\nINVARIANTS {order[0]}\nINVARIANTS {order[1]} {order[2]}"
    (folder / "Steps.tla").write_text(
        (folder / "Steps.tla").read_text().replace("====\n", "Never == [](x # 2)\n====\n")
    )
    found = run(tools, job(folder, config, *GOES_ON), LIMITS)
    assert [violation.name for violation in found.violations] == ["NotTwoEither"]
    assert [found.of(name, order) for name in order] == ["violated", "unknown", "unknown"]
    assert found.of("Fits", ["Fits", *order[:2]]) == "holds"  # had it stood there


def test_a_module_that_does_not_parse(tools: Tools, folder: Path) -> None:
    for line, reason in (("Bad == x + + 1", "Was expecting"), ("Bad == y + 1", "Unknown operator: `y'.")):
        (folder / "Bad.tla").write_text(f"---- MODULE Bad ----\nEXTENDS Naturals\nVARIABLE x\n{line}\n====\n")
        found = run(tools, job(folder, "INIT Bad NEXT Bad", module="Bad"), LIMITS)
        assert found.verdict == "unknown"
        assert reason in found.reason
        assert any(reason in problem for problem in sany(tools, folder, "Bad", LIMITS))


def test_sany_finds_nothing_wrong(tools: Tools, folder: Path) -> None:
    assert sany(tools, folder, "Steps", LIMITS) == ()
    assert sany(tools, folder, "Nowhere", LIMITS) != ()


def test_out_of_time(tools: Tools, folder: Path) -> None:
    heard = list[Progress]()
    asked = job(folder, f"INIT Init NEXT Above\n{MODEL}")
    found = run(tools, asked, Limits(seconds=4, heap=256), hear=heard.append)
    assert (found.verdict, found.reason, found.complete) == ("unknown", "out of time after 4 s", False)
    assert not list(folder.with_name("scratch").iterdir())


def test_out_of_memory(tools: Tools, folder: Path) -> None:
    """Long before the time is over, which TLC would else spend on looking for memory."""
    text = "---- MODULE Huge ----\nEXTENDS Naturals\nVARIABLE x\nInit == x \\in SUBSET (1..20)\nNext == x' = x\n===="
    (folder / "Huge.tla").write_text(text)
    found = run(tools, job(folder, "INIT Init NEXT Next", module="Huge"), Limits(seconds=120, heap=8))
    assert (found.verdict, found.reason) == ("unknown", "out of memory: more than 8 MiB")


def test_progress_is_heard(tools: Tools, folder: Path) -> None:
    heard = list[Progress]()
    run(tools, job(folder, NEXT), LIMITS, hear=heard.append)
    assert heard[-1] == Progress(generated=6, distinct=5, queue=0, depth=5)


def test_two_runs_in_one_second_do_not_meet(tools: Tools, folder: Path) -> None:
    asked = job(folder, NEXT)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: run(tools, asked, LIMITS), range(2)))
    assert [answer.verdict for answer in found] == ["holds", "holds"]


def test_which_tlc_it_is(tools: Tools) -> None:
    found = probe(tools, LIMITS)
    assert found.version.startswith("TLC2 Version 2.15")
    assert found.sha256 == digest(tools)


# ---- all invariants in one run -------------------------------------------------------------------

ASKED = ["Fits", "NotTwo", "NotTwoEither", "UnderThree", "NotZero"]


def watch(folder: Path, *, shows_runs: bool = False) -> None:
    text = (folder / "Steps.tla").read_text().removesuffix("====\n")
    (folder / "Steps.tla").write_text(f"{text}{definition(ASKED, shows_runs=shows_runs)}====\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_watch_tells_of_every_invariant(workers: int, tools: Tools, folder: Path) -> None:
    """Also of NotTwoEither, which TLC does not evaluate where NotTwo is violated."""
    watch(folder)
    found = run(tools, job(folder, f"{LEAVE}INVARIANT Watch", "-deadlock", workers=workers), LIMITS)
    assert (found.verdict, found.generated, found.distinct) == ("holds", 7, 6)
    assert watched(found, ASKED) == {"Fits": None, "NotTwo": 2, "NotTwoEither": 2, "UnderThree": 2, "NotZero": 0}


def test_watch_changes_nothing_for_those_behind_it(tools: Tools, folder: Path) -> None:
    watch(folder)
    asked = job(folder, f"{LEAVE}INVARIANTS Watch {' '.join(ASKED[:-1])}", *GOES_ON)
    found, plain = run(tools, asked, LIMITS), recorded("continued")
    unprinted = tuple(replace(violation, printed=()) for violation in found.violations)
    assert (unprinted, found.distinct) == (plain.violations, plain.distinct)
    assert [name for name, steps in watched(found, ASKED).items() if steps is None] == ["Fits"]


@pytest.mark.parametrize("init", ["Init", "TwoStarts"])
def test_watch_shows_a_run_to_each_first_state(init: str, tools: Tools, folder: Path) -> None:
    """As short as TLC finds one where the invariant is the only one."""
    watch(folder, shows_runs=True)
    config = LEAVE.replace("Init", init)
    found = run(tools, job(folder, f"{config}INVARIANT Watch", *GOES_ON), LIMITS)
    assert found.complete
    runs = {name: violation.trace for name, violation in shown(found, ASKED).items()}
    steps = watched(found, ASKED)
    assert {name: len(trace) - 1 for name, trace in runs.items()} == {n: s for n, s in steps.items() if s is not None}
    assert [state.values["x"] for state in runs["NotTwoEither"]] == [0, 1, 2]
    assert [state.values["x"] for state in runs["UnderThree"]] == ([0, 1, 20] if init == "Init" else [30])
    alone = run(tools, job(folder, f"{config}INVARIANT UnderThree", "-deadlock"), LIMITS)
    assert alone.violations[0].trace == runs["UnderThree"]


def test_watch_that_was_not_complete_tells_of_violations_alone(tools: Tools, folder: Path) -> None:
    watch(folder)
    found = run(tools, job(folder, f"{NEXT}INVARIANTS Watch NotTwo"), LIMITS)
    assert watched(found, ASKED) == {"NotTwo": 2, "NotTwoEither": 2, "NotZero": 0}


def test_invariants_are_evaluated_once_in_each_state(tools: Tools, folder: Path) -> None:
    """As the number of lines shows that `Quiet` prints, with states that are reached in two ways."""
    found = run(tools, job(folder, f"INIT TwoStarts NEXT Next\n{MODEL}INVARIANT Quiet", "-deadlock"), LIMITS)
    assert (len(found.printed), len(set(found.printed)), found.distinct, found.generated) == (6, 6, 6, 7)
