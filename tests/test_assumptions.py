"""Assumptions: what steps keep to, which programs are none, and that every reader of the system agrees."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.programs import PROPERTIES, examples
from verify.api import Options, assumptions_file, check_certificates, check_file, has_second_solver, tlc_file
from verify.certificates.form import seal
from verify.certificates.statement import text_hash
from verify.cli import main
from verify.diagnostics import InputError
from verify.engine.search import search
from verify.engine.verdict import Proved, Refuted
from verify.instances import THREAD, Instance, State, instance, least_tasks
from verify.ir import TRUE, Expr, Quant
from verify.lower import Lowered, lower
from verify.lower.claims import invariant
from verify.lower.reduce import reduce
from verify.lower.simplify import parts
from verify.question import Memory, Question
from verify.report.json_object import schema
from verify.report.json_object import text as json_text
from verify.report.needed import needed_exit
from verify.report.text import claim_lines, plain
from verify.semantics import holds, initial_states, successors
from verify.strategy import decide
from verify.syntax import load_text
from verify.syntax.program import Program

STATES = 300  # of an instance, at most
CONDITIONS = (
    *PROPERTIES,
    "forall (struct task *t) !t->y",
    "forall (struct task *t) t->x != 1 || g",
    "forall (struct obj *p) !p->f || !g",
    "forall (struct task *t) (!t->y || n == 1) && !(g && n == 2)",
    "forall (struct task *t) !(t->o && t->o->f)",
    "forall (struct task *t) !(at(t, user.here) && t->x == 1)",
    "forall (struct task *t) !(at(t, user.here) && g) && !held(gl)",
    "forall (struct task *s, struct task *t) s == t || !(at(s, user.here) && at(t, user.here))",
    "!g && n == 0",
    "forall (struct task *t) !t->up && t->x == 0",
)
HEAD = """
struct task { unsigned x : 2; bool cap; bool y; u8 w; u8 v; };
bool g;
void user(void)
{
here>   current->y = true;
        current->x |= 1;
set>    g = true;
        current->y = false;
}
"""


def program(rest: str, *, head: str = HEAD) -> Program:
    return load_text(f"{head}\n{rest}\n")


def states_of(inst: Instance, kept: Expr | None = None, most: int = STATES) -> list[State] | None:
    """All states that a run comes to through states that are kept, initial ones first; None if they are too many."""
    found = [state for state in initial_states(inst) if kept is None or holds(inst, kept, state)]
    seen = {as_key(state) for state in found}
    for state in found:  # which grows meanwhile
        for _, after in successors(inst, state):
            if as_key(after) not in seen and (kept is None or holds(inst, kept, after)):
                seen.add(as_key(after))
                found.append(after)
        if len(found) > most:
            return None
    return found


def as_key(state: State) -> tuple[int, ...]:
    return tuple(state.values())


def shared(state: State) -> tuple[tuple[object, int], ...]:
    """What is seen of a state: where threads are, and all but their locals and what assumptions added."""
    return tuple(
        (slot, value) for slot, value in state.items()
        if (slot.cell != THREAD or slot.name == "#pc") and not slot.name.startswith("#at ")
    )  # fmt: skip


# ---- the definition ------------------------------------------------------------------------------


@st.composite
def questions(draw: st.DrawFn) -> tuple[Program, str]:
    """A random program with an assumption that some reachable state breaks, and no initial one."""
    example = draw(examples())
    text = example.text.replace("void user(void) {", "void user(void) { here:;", 1)
    free = loaded(text + "".join(f"invariant c{n} = {cond};\n" for n, cond in enumerate(CONDITIONS)))
    lowered = lower(free, "system")
    inst = instance(lowered.system, max(2, least_tasks(lowered.system)))
    states = states_of(inst)
    assume(states is not None)
    assert states is not None
    first = sum(1 for _ in initial_states(inst))
    biting = []
    for number, cond in enumerate(CONDITIONS):
        prop = invariant(free, lowered, f"c{number}")
        if all(holds(inst, prop, s) for s in states[:first]) and not all(holds(inst, prop, s) for s in states):
            biting.append(cond)
    assume(biting)
    cond = draw(st.sampled_from(biting))
    return loaded(f"{text}assume so: {cond};\ninvariant kept = {cond};\n"), example.invariant


def loaded(text: str) -> Program:
    """The program; another example if it is none, or has no meaning."""
    note(text)
    try:
        made = load_text(text)
        lower(made, "system")
    except InputError as error:
        note(str(error))
        assume(False)
        raise
    return made


def both(program: Program) -> tuple[Lowered, Lowered, int]:
    """The system with the assumption and without it, and a number of tasks."""
    free = lower(program, "system", removed=frozenset({"so"}))
    return lower(program, "system"), free, max(2, least_tasks(free.system))


def some(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@some(8)
@given(questions())
def test_a_run_goes_on_only_where_the_assumption_holds(question: tuple[Program, str]) -> None:
    program, _ = question
    under, free, tasks = both(program)
    measure = states_of(instance(free.system, tasks), invariant(program, free, "kept"))
    found = states_of(instance(under.system, tasks), None, 4 * STATES)
    assert measure is not None
    assert found is not None
    assert set(map(shared, found)) == set(map(shared, measure))


def decided(question: tuple[Program, str], seen: Counter[tuple[str, bool]]) -> None:
    """What is decided under an assumption, whatever the passes do, is what the states say."""
    program, name = question
    under, free, tasks = both(program)
    prop, plain_prop = invariant(program, under, name), invariant(program, free, name)
    inst = instance(free.system, tasks)
    states = states_of(inst, invariant(program, free, "kept"))
    assert states is not None
    broken = not all(holds(inst, plain_prop, state) for state in states)
    asked = Question(
        under.system, prop, tasks, time.monotonic() + 6, "auto", lambda _: None, reduce=True, slice=True,
        memory=Memory(), hunt=broken,
    )  # fmt: skip
    verdict = decide(asked)
    seen[type(verdict).__name__, broken] += 1
    if isinstance(verdict, Proved) and verdict.scope.tasks is None:
        for few in range(least_tasks(under.system), 4):
            assert search(instance(under.system, few), prop, max_states=3_000).trace is None
    assert not (isinstance(verdict, Proved) and broken)
    assert not (isinstance(verdict, Refuted) and not broken and verdict.scope.tasks == tasks)


@pytest.mark.slow
def test_what_is_decided_under_an_assumption_is_so() -> None:
    seen = Counter[tuple[str, bool]]()

    @some(40)
    @given(questions())
    def check(question: tuple[Program, str]) -> None:
        decided(question, seen)

    check()
    assert seen["Proved", False] > 0, seen


# ---- steps ---------------------------------------------------------------------------------------


def holds_for(program: Program, name: str, tasks: int = 2, *, reduced: bool = False) -> bool:
    """Whether an invariant is true in all states of an instance."""
    lowered = lower(program, "system")
    prop = invariant(program, lowered, name)
    system = reduce(lowered.system, prop) if reduced else lowered.system
    result = search(instance(system, max(tasks, least_tasks(system))), prop)
    assert result.trace is not None or result.complete
    return result.trace is None


@pytest.mark.parametrize(
    ("cond", "holds"),
    {
        "!g": True,
        "forall (struct task *t) !t->y || g": True,  # `y` comes first
        "forall (struct task *t) !(at(t, user.set) && t->x)": True,
        "forall (struct task *t) !at(t, user.set)": True,
        "forall (struct task *t) !(g && t->x == 0)": False,
        "forall (struct task *t) forall (struct task *s) !(at(t, user.set) && at(s, user.set)) || s == t": False,
        "true": False,
    }.items(),
)
def test_what_is_behind_a_step_that_is_not_taken_is_not_come_to(cond: str, holds: bool) -> None:  # noqa: FBT001 - a row
    text = f"system {{ task t[2] runs user; }}\nassume so: {cond};\ninvariant never = !g;"
    assert holds_for(program(text), "never") is holds


def test_what_is_not_written_is_not_asked() -> None:
    """A guard speaks of the object that the step writes, so that few cells tell whether it can be taken."""
    text = "system { task t[*] runs user; }\nassume so: forall (struct task *t) !t->y || t->cap || t->x == 0;"
    for action in lower(program(text), "system").system.actions:
        assert not any(isinstance(part, Quant) for part in parts(action.guard))


PRIVATE = """
struct obj { bool f; };
struct task { bool z; };
bool made, done, flag;
spinlock_t lock;
void maker(void)
{
    struct obj *p = new struct obj;
    if (!p)
        return;
    made = true;
    spin_lock(&lock);                    // moves to the right, and so would the store, but for the assumption
    p->f = true;
    p->f = false;
    spin_unlock(&lock);
    done = true;
}
void other(void) { atomic { assume(made && !done); flag = true; } }
system { task a[1] runs maker; task b[1] runs other; }
assume so: forall (struct obj *p) !flag || p->f;
invariant never = !flag;
"""


def test_a_condition_of_all_objects_sees_private_ones() -> None:
    """A step on a private object does not commute with one that asks about every object."""
    made = program(PRIVATE, head="")
    assert not holds_for(made, "never")
    assert not holds_for(made, "never", reduced=True)


STORES = """
struct task { unsigned x : 2; };
struct task *last;
void user(void)
{
one>    current->x |= 1;
two>    last->x |= 2;
}
"""


def test_a_store_that_is_assumed_to_be_one_step_is_one() -> None:
    text = "system { task t[1] runs user; }\n"
    plain = lower(program(text, head=STORES), "system").system
    single = lower(program(text + "assume so: atomic(user.one, user.two);", head=STORES), "system").system
    assert len(single.actions) < len(plain.actions)
    stores = [action for action in single.actions if action.label in ("user.one", "user.two")]
    assert all(len(action.micro) > 1 or action.updates or action.guard != TRUE for action in stores)
    assert lower(program(text + "assume so: atomic(user.one);", head=STORES), "system",
                 removed=frozenset({"so"})).system == plain  # fmt: skip


@pytest.mark.parametrize("gone", ["user.one", "so"])
def test_a_single_step_may_be_removed_or_be_there_or_not(gone: str) -> None:
    made = program("system { task t[1] runs user; }\nassume so: atomic(user.one);", head=STORES)
    for removed, optional in (({gone}, set[str]()), (set[str](), {gone})):
        lower(made, "system", removed=frozenset(removed), optional=frozenset(optional))


# ---- initial states ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "cond", "starts"),
    [
        ("x = nondet();", "forall (struct task *t) t->x > 1", [{"x": (2, 3)}]),
        ("x = nondet(); cap = nondet();", "forall (struct task *t) t->x == 1 && !t->cap", [{"x": (1,), "cap": (0,)}]),
        (
            "x = 2; cap = nondet(); y = nondet();", "forall (struct task *t) t->cap != t->y",
            [{"x": (2,), "cap": (0,), "y": (1,)}, {"x": (2,), "cap": (1,), "y": (0,)}],
        ),
        ("x = nondet();", "forall (struct task *s, struct task *t) s == t || t->x < 4", [{"x": (0, 1, 2, 3)}]),
        ("x = nondet();", "!g", [{"x": (0, 1, 2, 3)}]),
    ],
)
def test_tasks_begin_with_the_values_that_are_left(values: str, cond: str, starts: list[object]) -> None:
    text = f"system {{ task t[*] runs user with {{ {values} }}; }}\nassume so: {cond};"
    assert [dict(group.values) for group in lower(program(text), "system").system.groups] == starts


def test_a_group_of_any_number_that_cannot_be_is_none() -> None:
    text = (
        "system { task a[*] runs user with { cap = true; }; task b[*] runs user; }\n"
        "assume so: forall (struct task *t) !t->cap;"
    )
    assert [group.name for group in lower(program(text), "system").system.groups] == ["b"]


# ---- errors --------------------------------------------------------------------------------------

ONE = "system { task t[1] runs user; }\n"
SOME = "system { task t[1] runs user with { x = nondet(); cap = nondet(); }; }\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("assume so: exists (struct task *t) t->cap;", "KC180"),
        ("assume so: !(forall (struct task *t) t->cap);", "KC180"),
        ("assume so: g || (forall (struct task *t) t->cap);", "KC180"),
        ("assume so: forall (struct task *a, struct task *b) forall (struct task *c, struct task *d) !g;", "KC180"),
        ("assume so: atomic(user.there);", "KC161"),
        ("assume so: atomic(user.check);", "KC181"),
        ("assume so: atomic(user.call);", "KC135"),
        ("assume so: !g; assume so: g;", "KC105"),
        ("assume so: current->cap;", "KC150"),
        ("assume so: nothing;", "KC100"),
        ("assume so: forall (struct task *t) at(t, user.there);", "KC161"),
        ("invariant i = !g; prove i without so;", "KC161"),
        ("assume so !g;", "KC030"),
    ],
)
def test_what_is_no_assumption_is_an_error(text: str, code: str) -> None:
    head = HEAD.replace("{\nhere", "{\ncheck>  if (g) return;\ncall>   loop();\nhere", 1)
    head = head.replace("void user", "void loop(void) { while (g) g = false; }\nvoid user", 1)
    with pytest.raises(InputError) as found:
        program(ONE + text, head=head)
    assert found.value.diagnostics[0].code == code, found.value.diagnostics


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE + "assume so: g;", "no run of `system` begins"),
        (ONE + "assume so: forall (struct task *t) t->cap;", "no run of `system` begins"),
        (ONE + "assume a: !g; assume b: g && !g;", "no run of `system` begins"),
        (SOME + "assume so: forall (struct task *t) t->cap != (t->x > 1);", "several at once"),
        (SOME.replace("[1]", "[*]") + "assume so: forall (struct task *s, struct task *t) s == t || s->x != t->x;",
         "some initial state"),
        (ONE.replace("[1]", "[64]") + "assume so: forall (struct task *r, struct task *s, struct task *t) r == s || g;",
         "some initial state"),
        (SOME.replace("x = n", "w = n").replace("cap = n", "v = n")
         + "assume so: forall (struct task *t) t->w != 3 || t->v;", "too many initial values"),
    ],
)  # fmt: skip
def test_initial_states_that_cannot_be_told_are_an_error(text: str, said: str) -> None:
    with pytest.raises(InputError) as found:
        lower(program(text), "system")
    (error,) = found.value.diagnostics
    assert error.code == "KC206"
    assert said in error.message
    assert error.span.text.startswith("assume")


def test_the_name_of_an_assumption_is_suggested() -> None:
    with pytest.raises(InputError) as found:
        program(ONE + "assume no_cap: !g;\ninvariant i = !g;\nprove i without no_cup;")
    assert found.value.diagnostics[0].hint == "did you mean `no_cap`?"


@pytest.mark.parametrize("name", ["atomic", "assume"])
def test_the_words_are_names_elsewhere(name: str) -> None:
    head = f"struct task {{ bool {name}; }};\nvoid {name}(int a) {{ current->{name} = a > 0; }}\n"
    program(f"{head}void user(void) {{ {'atomic(1);' if name == 'atomic' else ';'} }}\n{ONE}", head="")


# ---- answers -------------------------------------------------------------------------------------

NEEDED = """
struct task { bool a, b, c; };
bool bad, worse;
void user(void)
{
        choose { current->a = true; current->b = true; current->c = true; ; }
        choose { current->a = true; current->b = true; ; }
        if (current->a && current->b)
one>        bad = true;
        if (current->c)
two>        worse = true;
}
system { task t[*] runs user; }
assume no_a: forall (struct task *t) !t->a;
assume no_b: forall (struct task *t) !t->b;
assume no_c: forall (struct task *t) !t->c;
assume idle: atomic(user.one);
invariant fine = !bad;
invariant good = !worse;
invariant wrong = forall (struct task *t) !at(t, user.one) && t == NULL;
prove fine;
prove good;
refute good without no_c;
"""


@pytest.fixture(name="spec")
def made(tmp_path: Path) -> Path:
    path = tmp_path / "needed.kc"
    path.write_text(NEEDED)
    return path


def test_an_answer_says_what_it_assumes(spec: Path) -> None:
    found = check_file(str(spec), Options(without=("idle",)))
    assert [claim.assumptions for claim in found.claims] == [("no_a", "no_b", "no_c")] * 2 + [("no_a", "no_b")]
    assert [claim.holds for claim in found.claims] == [True] * 3
    shown = plain(line for claim in found.claims for line in claim_lines(claim, 100, 40))
    assert "under no_a, no_b, no_c\n" in shown
    told = json.loads(json_text(found))
    assert told["claims"][2]["assumptions"] == ["no_a", "no_b"]
    Draft202012Validator(schema()).validate(told)


def test_a_claim_without_an_assumption_is_not_vacuous(spec: Path) -> None:
    spec.write_text(NEEDED + "prove fine without idle;")
    assert check_file(str(spec), Options(claims=("prove fine without idle",))).claims[0].verdict == "proved"


def test_how_an_invariant_needs_assumptions(spec: Path) -> None:
    result = assumptions_file(str(spec), Options())
    words = {(row.invariant, need.assumption): need.word for row in result.rows for need in row.needs}
    assert words == {
        ("fine", "no_a"): "needed jointly", ("fine", "no_b"): "needed jointly", ("fine", "no_c"): "not needed",
        ("fine", "idle"): "not needed", ("good", "no_a"): "not needed", ("good", "no_b"): "not needed",
        ("good", "no_c"): "load-bearing", ("good", "idle"): "not needed",
    }  # fmt: skip
    (first, *_) = result.rows[0].needs
    assert first.others == (("no_b",),)
    assert first.together is not None
    assert first.together.trace is not None
    assert needed_exit(result) == 0


def test_the_command_shows_runs_of_one_invariant(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assumptions", str(spec), "--for", "good"]) == 0
    shown = capsys.readouterr().out
    assert "load-bearing     without it: refuted, a run of " in shown
    assert "good is false" in shown
    assert main(["assumptions", str(spec), "--for", "good", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    needs = {need["assumption"]: need for need in told["invariants"][0]["needs"]}
    assert needs["no_c"]["need"] == "load-bearing"
    assert needs["no_c"]["without_it"]["trace"]


def test_the_command_says_what_it_does_not_know(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assumptions", str(spec), "--for", "wrong"]) == 0
    assert "under all: refuted" in capsys.readouterr().out
    assert main(["assumptions", str(spec), "--for", "good", "--budget", "0"]) == 3
    assert main(["assumptions", str(spec), "--for", "bad"]) == 2
    assert main(["assumptions", str(spec), "--in", "nowhere"]) == 2
    assert main(["assumptions", str(spec), "--without", "no_d"]) == 2
    assert "did you mean `no_c`?" in capsys.readouterr().err
    assert main(["assumptions", str(spec), *(f"--without={name}" for name in ("no_a", "no_b", "no_c", "idle"))]) == 0
    assert "no assumptions" in capsys.readouterr().out


# ---- certificates --------------------------------------------------------------------------------


@pytest.mark.skipif(not has_second_solver(), reason="there is no cvc5")
@pytest.mark.parametrize(
    "change", [None, ("assume no_c", "// "), ("invariant fine", "assume more: !bad;\ninvariant fine")]
)
def test_a_certificate_is_of_the_assumptions_that_there_are(
    change: tuple[str, str] | None, spec: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "proofs"
    result = check_file(str(spec), Options(claims=("prove good",), certificates=str(folder)))
    (path,) = folder.iterdir()
    assert str(path) == result.claims[0].certificate
    found = json.loads(path.read_text())
    assert found["statement"]["assumptions"] == ["no_a", "no_b", "no_c", "idle"]
    if change is not None:
        spec.write_text(spec.read_text().replace(*change))
        found["given"]["files"][0]["sha256"] = text_hash(spec.read_text())
        del found["sha256"]
        path.write_text(json.dumps({**found, "sha256": seal(found)}))
    (checked,) = check_certificates([str(path)], seconds=30)
    assert checked.verdict == ("accepted" if change is None else "rejected"), checked.reason


# ---- TLC -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("options", [Options(), Options(without=("one",)), Options(tasks=3)], ids=str)
def test_tlc_keeps_to_assumptions(options: Options, tmp_path: Path) -> None:
    text = (
        "system { task t[*] runs user with { cap = nondet(); }; }\n"
        "assume some: forall (struct task *t) !(at(t, user.set) && t->cap) && !(g && t->y && t->cap);\n"
        "assume one: forall (struct task *s, struct task *t) s == t || !(at(s, user.set) && at(t, user.set));\n"
        "assume whole: atomic(user.here);\n"
        "invariant never = !g;\nrefute never;\nreach user.set;\ndeadlock_free;\n"
    )
    path = tmp_path / "some.kc"
    path.write_text(f"{HEAD}\n{text}")
    result = tlc_file(str(path), replace(options, budget=300.0))
    assert result.differences == ()
    assert result.theirs is not None
    assert result.theirs == result.ours
    assert result.assumptions == tuple(name for name in ("some", "one", "whole") if name not in options.without)
