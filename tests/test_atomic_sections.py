"""Claims that sections are as single steps: where sections are, what counterparts of runs are, and what TLC says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.strategies import spaces
from tests.test_emit_tla import errors
from tests.wholes import explored, has_counterpart, runs
from verify.api import Options, check_file, select, tlc_file
from verify.by_tlc.sections import follow
from verify.cli import main
from verify.counterparts import without_counterpart
from verify.emit.properties import Sections
from verify.emit.tla.atomic import Atomic, atomic
from verify.emit.tla.layout import WIDTH
from verify.emit.tla.model import model_of
from verify.emit.tla.module import specify
from verify.exporting.subject import subject
from verify.exporting.tla import Export, export_tla, with_manifest
from verify.instances import Instance, instance
from verify.lower import Lowered, lower
from verify.lower.sections import sections
from verify.outcome import expectation
from verify.report.story import story
from verify.report.tlc import TlcClaim, TlcResult, exit_code
from verify.resources import specs_root
from verify.syntax import load_text
from verify.tlc.answer import Answer
from verify.tlc.find import find
from verify.tlc.run import Job, Limits, run
from verify.tlc.trace import Violation

SPECS = sorted(path.name for path in (specs_root() / "atomic").glob("*.kc"))
HOLDS: dict[str, bool] = {  # by file, definitions and guards removed: whether the first claim holds, with two tasks
    "mail.kc": True,
    "mail.kc without kernel_thread.spin": False,
    "mail.kc without ptrace_attach.spin": False,
    "torn_read.kc": False,
    "torn_read.kc -D ONE_HALF": True,
    "two_locks.kc": False,
}
TEXT = """
struct box { struct mutex m; rwlock_t rw; };
struct box box;
spinlock_t s, other;
struct semaphore places;
struct task { spinlock_t lock; struct task *next; bool in, done, more; };

static void both(struct task *a, struct task *b)
{
first>  spin_lock(&a->lock);
second> spin_lock(&b->lock);
        a->in = true;
        spin_unlock(&b->lock);
inner>  a->done = true;
        spin_unlock(&a->lock);
after>  a->more = true;
}

void user(void)
{
    for (;;) {
        both(current, any(struct task));
big>    mutex_lock(&box.m);
            current->in = false;
        mutex_unlock(&box.m);
shared> read_lock(&box.rw);
            current->in = current->done;
        read_unlock(&box.rw);
one>    spin_lock(&s);
            current->more = false;
        spin_unlock(&s);
    }
}
system { task user[*] runs user; }
"""
CLAIMS = "atomic_sections lock;\natomic_sections box.m;\natomic_sections box.rw, s;\n"


def lowered(claims: str = CLAIMS, text: str = TEXT, removed: Sequence[str] = ()) -> Lowered:
    return lower(load_text(text + claims), "system", removed=frozenset(removed))


def exported(spec: str, **options: object) -> Export:
    chosen = Options(**options)  # type: ignore[arg-type] # each has its type
    return export_tla(subject(select(spec, chosen), chosen, "X"))


def variant(name: str) -> Export:
    """What a row of HOLDS names."""
    rest, _, without = name.partition(" without ")
    spec, _, macro = rest.partition(" -D ")
    return exported(f"atomic/{spec}", without=(without,) if without else (), defines={macro: "1"} if macro else {})


# ---- where sections are ----------------------------------------------------------------------------


def texts(found: Lowered, inside: frozenset[int]) -> set[str]:
    """The statements before which a thread within a section stands."""
    return {found.system.locations[place].span.text for place in inside}


def test_a_section_is_what_is_between_taking_a_lock_and_giving_the_last_one_back() -> None:
    found = lowered()
    assert texts(found, sections(found, ["task.lock"])) == {
        "spin_lock(&b->lock);", "a->in = true;", "spin_unlock(&b->lock);", "a->done = true;", "spin_unlock(&a->lock);"
    }
    assert texts(found, sections(found, ["box.m"])) == {"current->in = false;", "mutex_unlock(&box.m);"}
    assert sections(found, ["box.rw", "s"]) == sections(found, ["box.rw"]) | sections(found, ["s"])
    assert "read_unlock(&box.rw);" in texts(found, sections(found, ["box.rw"]))
    assert sections(found, ["other"]) == frozenset()


@pytest.mark.parametrize("guard", ["both.first", "user.big", "user.shared", "user.one"])
def test_they_stay_where_they_were_when_a_lock_is_removed(guard: str) -> None:
    """But for the place before a release that is now a step for nothing."""
    lock = {"both.first": "task.lock", "user.big": "box.m", "user.shared": "box.rw", "user.one": "s"}[guard]
    whole, less = lowered(), lowered(removed=[guard])
    assert texts(less, sections(less, [lock])) == texts(whole, sections(whole, [lock])) != set()
    assert less.system.actions != whole.system.actions


def test_only_systems_with_such_claims_keep_the_places() -> None:
    plain = lower(load_text(TEXT), "system", removed=frozenset({"user.one"}))
    assert len(plain.system.actions) < len(lowered(removed=["user.one"]).system.actions)


def test_who_sleeps_for_a_mutex_without_the_big_lock_is_in_no_section() -> None:
    text = TEXT.replace("    for (;;) {\n", "    for (;;) {\n    lock_kernel();\n", 1)
    text = text.replace("    }\n}\nsystem", "    unlock_kernel();\n    }\n}\nsystem")
    found = lowered(text=text)
    inside = sections(found, ["box.m"])
    assert texts(found, inside) == {"mutex_lock(&box.m);", "current->in = false;", "mutex_unlock(&box.m);"}
    assert not inside & found.waiting["box.m"]


UNCERTAIN = {
    "if (spin_trylock(&s)) spin_unlock(&s);": "it is taken here, or not",
    "atomic { spin_lock(&s); spin_unlock(&s); }": "it is taken within `atomic`",
}


@pytest.mark.parametrize("code", UNCERTAIN)
def test_where_sections_are_not_certain_that_is_an_error(
    code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.kc"
    path.write_text(f"struct task {{ bool x; }};\nspinlock_t s;\nvoid f(void) {{ {code} }}\n"
                    "system { task f[*] runs f; }\natomic_sections s;\n")  # fmt: skip
    assert main(["tlc", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"error[KC167]: where sections of `s` begin and end is not certain: {UNCERTAIN[code]}" in said
    assert "a.kc:3:" in said
    assert main(["export", str(path), "-o", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_removed_lock_that_is_known_by_a_pointer_alone_may_be_any() -> None:
    function = "static void of(spinlock_t *l)\n{\nhere> spin_lock(l);\n    spin_unlock(l);\n}\n\n"
    text = TEXT.replace("static void both", f"{function}static void both").replace("one>", "of(&other);\none>")
    found = lowered("atomic_sections other;", text)
    assert texts(found, sections(found, ["other"])) == {"spin_unlock(l);"}
    with pytest.raises(Exception, match="it may be the one that is removed here"):
        sections(lowered(text=text, removed=["of.here"]), ["s"])


# ---- the language ----------------------------------------------------------------------------------


WRONG = {
    "atomic_sections task.in;": ("KC167", "`task.in` has no sections: nobody takes it and gives it back"),
    "atomic_sections s, places;": ("KC167", "`places` has no sections: nobody takes it and gives it back"),
    "atomic_sections box;": ("KC167", "`box` has no sections"),
    "atomic_sections locks;": ("KC101", "unknown field `locks`"),
    "atomic_sections both.first;": ("KC103", "unknown struct `both`"),
    "atomic_sections s in nowhere;": ("KC164", "unknown system `nowhere`"),
    "atomic_sections s without both.frist;": ("KC161", "unknown guard `both.frist`"),
    "atomic_sections;": ("KC030", "unexpected `;`"),
    "atomic_sections s,;": ("KC030", "unexpected `;`"),
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
        code, message = WRONG[claim]
        assert f"error[{code}]: {message}" in said
        assert f"| {claim}" in said
        assert "^" in said


def test_locks_are_named_once_and_in_full() -> None:
    (claim,) = load_text(TEXT + "atomic_sections lock, s, task.lock without user.one;").claims
    assert claim.targets == ("task.lock", "s")
    assert claim.name == "atomic_sections task.lock, s without user.one"
    said = "every run is one in which each section of `task.lock, s` is one step, without `user.one`"
    assert expectation(claim) == said


def test_they_are_not_decided_here_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.kc"
    path.write_text(TEXT + CLAIMS)
    result = check_file(str(path), Options())
    assert [(claim.verdict, claim.holds) for claim in result.claims] == [("unknown", None)] * 3
    assert {claim.reason for claim in result.claims} == {
        "not decided here; `verify tlc` checks it, for a fixed number of tasks"
    }
    assert main(["prove", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["claims"][2]["guard"] == "box.rw, s"


# ---- counterparts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOLDS)
def test_the_definition_says_what_the_specs_say(name: str) -> None:
    found = variant(name)
    inst, of = found.subject.instance, asked(found)
    told = explored(inst, of.inside, 2_000)
    assert told is not None
    assert (told[1] is None) is HOLDS[name]


def asked(found: Export) -> Sections:
    """The sections that the first claim is about."""
    return next(one.sections for one in found.asked if one.sections is not None)


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_all_counterparts_at_once_are_those_of_each_choice_of_instants(data: st.DataObject) -> None:
    inst, inside = drawn(data)
    for trace in runs(inst, 6, 120):
        number = without_counterpart(trace, inside)
        assert number in (None, len(trace.steps)) or number is not None
        assert (number is None) is has_counterpart(trace, inside)


@pytest.mark.parametrize("name", ["mail.kc without kernel_thread.spin", "torn_read.kc", "two_locks.kc"])
def test_so_are_those_of_the_specs(name: str) -> None:
    found = variant(name)
    inside = asked(found).inside
    told = [(without_counterpart(trace, inside) is None, has_counterpart(trace, inside))
            for trace in runs(found.subject.instance, 8, 1_000)]  # fmt: skip
    assert all(one is other for one, other in told)
    if name == "torn_read.kc":
        assert {one for one, _ in told} == {True, False}


ROUND = """
struct task { bool unused; };
bool x, y;
void one(void) { for (;;) { outside> assume(x); within> assume(y); } }
void two(void) { begin> x = true; middle> y = true; last> y = false; }
system { task one runs one; task two runs two; }
"""


def ends_where_it_begins() -> tuple[Instance, frozenset[int]]:
    """A section that leads back to where it begins, and of which only a part of another lets it end."""
    found = lower(load_text(ROUND), "system")
    inside = frozenset().union(*(found.labels[name] for name in ("one.within", "two.middle", "two.last")))
    return instance(found.system, 2), inside


def test_a_section_that_has_ended_was_taken_though_its_thread_stands_where_it_began() -> None:
    inst, inside = ends_where_it_begins()
    told = explored(inst, inside, 100)
    assert told is not None
    assert told[1] == 5  # the first leads into the loop
    assert {(without_counterpart(trace, inside) is None, has_counterpart(trace, inside))
            for trace in runs(inst, 6, 100)} == {(True, True), (False, False)}  # fmt: skip


def drawn(data: st.DataObject) -> tuple[Instance, frozenset[int]]:
    """A random instance, and random places to be within sections, at none of which a thread begins."""
    inst = data.draw(spaces(limit=100)).instance
    entries = {group.entry for group in inst.system.groups}
    places = [n for n, one in enumerate(inst.system.locations) if one.kind == "run" and n not in entries]
    chosen = data.draw(st.frozensets(st.sampled_from(places), min_size=1)) if places else frozenset[int]()
    return inst, chosen


# ---- TLA+ ------------------------------------------------------------------------------------------


def test_the_module_is_tla_whatever_things_are_called(tmp_path: Path) -> None:
    path = tmp_path / "a.kc"
    path.write_text(TEXT + CLAIMS + "atomic_sections s without both.first;\n")
    found = exported(str(path))
    assert list(found.atomic) == ["task.lock", "box.m", "box.rw, s"]
    for one in found.atomic.values():
        assert found.files[f"{one.module}.tla"] == one.text
        assert found.files[f"{one.module}.cfg"] == one.config
        assert errors(one.text) == []
        assert one.text.isascii()
        assert max(map(len, one.text.splitlines())) <= WIDTH
        assert one.config.startswith("INIT AtomicInit\nNEXT AtomicNext\nCONSTANTS\n")
        assert one.config.endswith("INVARIANTS\n    HasCounterpart\n")
        assert "SYMMETRY" not in one.config
    text = found.atomic["task.lock"].text
    line = TEXT.count("\n") + 1
    assert f"a.kc:{line}: atomic_sections task.lock" in text
    assert "LET more_2 ==" in text  # `more` is a field
    assert "done_2 |-> {}" in text
    assert "\nSteps(self, s_2) ==\n" in text  # `s` is a lock
    modules = json.loads(with_manifest(found)["manifest.json"])["modules"]
    assert [m["path"] for m in modules[2:-1]] == [f"{one.module}.tla" for one in found.atomic.values()]
    assert {model["result"] for m in modules[2:] for model in m["models"]} == {"unknown"}


CELLS = """
struct full { spinlock_t lock; };
bool full;
void user(void)
{
    struct full *p = new struct full;
    spin_lock(&current->lock);
    full = p != NULL;
    spin_unlock(&current->lock);
}
system { full user[*] runs user; }
atomic_sections lock;
"""


def test_nothing_is_called_as_a_cell_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "a.kc"
    path.write_text(CELLS)
    found = exported(str(path))
    (one,) = found.atomic.values()
    assert list(found.model.cells) == ["full1", "full2"]
    assert "\\A full2 \\in Fulls" in found.spec.text  # which knows no cells
    assert "\\A full3 \\in Fulls" in one.text
    assert "full2" not in one.text


@pytest.mark.parametrize("spec", [*SPECS, "core.kc"])
def test_the_bundled_specs_are_tla(spec: str) -> None:
    if spec == "core.kc":
        assert exported(spec).atomic == {}
        return
    found = exported(f"atomic/{spec}")
    assert found.atomic
    assert [errors(text) for name, text in found.files.items() if name.endswith(".tla")] == [[]] * (
        3 + len(found.atomic)
    )


def test_who_refers_to_what_is_asked_of_the_state_at_hand() -> None:
    found = exported("atomic/core_sections.kc")
    (one,) = found.atomic.values()
    assert "TaskReferenced_2(c, self, s) ==\n    /\\ c # NULL\n" in one.text
    assert "\\E o \\in Tasks : s.alloc_lock[o] = c" in one.text
    assert "~TaskReferenced_2(self, self, s)" in one.text


# ---- what TLC says, without TLC ---------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "said", "reason"), [
    (Answer("holds", "", complete=True), "holds", ""),
    (Answer("holds", "", complete=False), "unknown", "TLC was stopped before all states were examined"),
    (Answer("unknown", "out of time"), "unknown", "out of time"),
    (Answer("violated", ""), "unknown", "TLC was stopped before it showed the run"),
    (Answer("violated", "", (Violation("invariant", "HasCounterpart"),)), "unknown",
     "TLC was stopped before it showed the run"),
])  # fmt: skip
def test_nothing_is_said_that_was_not_checked_to_the_end(answer: Answer, said: str, reason: str) -> None:
    found = variant("torn_read.kc")
    told = follow(found, "lock", lambda _: answer)
    assert (told.said, told.reason, told.difference, told.trace) == (said, reason, "", None)


# ---- TLC -------------------------------------------------------------------------------------------


def start(folder: Path, files: dict[str, str], module: str) -> Answer:
    for name, text in files.items():
        (folder / name).write_text(text)
    return run(find(os.environ), Job(folder, module, f"{module}.cfg", ("-deadlock", "-nowarning")), Limits(300))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mail.kc", "mail.kc without ptrace_attach.spin", "two_locks.kc"])
def test_tlc_and_the_definition_agree_on_the_specs(name: str, tmp_path: Path) -> None:
    found = variant(name)
    of = asked(found)
    heard = list[Answer]()

    def track(module: Atomic) -> Answer:
        heard.append(start(tmp_path, dict(found.files), module.module))
        return heard[0]

    told = follow(found, of.locks, track)
    assert told.difference == ""
    assert told.said == ("holds" if HOLDS[name] else "violated"), told.reason
    compare(heard[0], found.subject.instance, of.inside)


@pytest.mark.slow
@settings(max_examples=3, suppress_health_check=list(HealthCheck), phases=(Phase.generate,), deadline=None)
@given(st.data())
def test_random_systems(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    tlc_agrees(*drawn(data), tmp_path_factory.mktemp("tlc"))


@pytest.mark.slow
def test_tlc_knows_which_sections_were_taken(tmp_path: Path) -> None:
    tlc_agrees(*ends_where_it_begins(), tmp_path)


def tlc_agrees(inst: Instance, inside: frozenset[int], folder: Path) -> None:
    """TLC finds as many pairs of states and counterparts as the definition has, or a run without any as short."""
    spec = specify("R", inst.system, [], [])
    model = model_of(spec, inst)
    one = atomic(spec, model, Sections("lock", inside))
    files = {"R.tla": spec.text, "MCR.tla": model.text, f"{one.module}.tla": one.text, f"{one.module}.cfg": one.config}
    compare(start(folder, files, one.module), inst, inside)


def compare(answer: Answer, inst: Instance, inside: frozenset[int]) -> None:
    told = explored(inst, inside, 5_000)
    assert told is not None
    pairs, steps = told
    assert answer.verdict == ("holds" if steps is None else "violated"), answer.reason
    if steps is None:
        assert answer.distinct == pairs
    else:
        assert [len(violation.trace) for violation in answer.violations] == [steps + 1]


@pytest.mark.slow
def test_a_run_without_counterpart_is_shown_and_the_other_claims_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "torn.kc"
    text = (specs_root() / "atomic" / "torn_read.kc").read_text()
    text = text.replace("spinlock_t lock;", "spinlock_t lock, other;") + "atomic_sections other;\ndeadlock_free;\n"
    path.write_text(text)
    result = tlc_file(str(path), Options(budget=300.0))
    assert result.differences == ()
    told = {claim.name: claim for claim in result.claims}
    torn, nobody, free = (told[name] for name in ("atomic_sections lock", "atomic_sections other", "deadlock_free"))
    assert (torn.holds, torn.said, torn.steps) == (False, "violated", 7)
    assert torn.run is not None
    assert story(torn.run).endswith("no run goes on like that in which each section of lock is one step.")
    assert (nobody.holds, nobody.reason) == (False, "no thread ever is in a section of `other`")
    assert free.holds is True
    assert exit_code(result) == 1


def test_the_answer_is_about_runs() -> None:
    claim = TlcClaim("atomic_sections s", "M", "holds", holds=True, whole=True)
    assert exit_code(TlcResult("f.kc", claims=(claim,))) == 0
