"""`never_refused` and `refused`: the definition, programs, and what the rest of the command does with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from verify.api import Options, check_certificates, check_file, select
from verify.cli import main
from verify.diagnostics import InputError
from verify.engine.search import search
from verify.instances import THREAD, Slot, State, instance
from verify.ir import PC
from verify.lower import lower
from verify.lower.claims import property_of
from verify.outcome import watched
from verify.report.result import ClaimResult
from verify.report.story import story
from verify.semantics import initial_states, successors


def decided(text: str, tmp_path: Path, **options: object) -> tuple[ClaimResult, ...]:
    path = tmp_path / "example.kc"
    path.write_text(text)
    result = check_file(str(path), Options(**options))  # type: ignore[arg-type] # those of Options
    assert not result.errors
    return result.claims


# ---- the definition ------------------------------------------------------------------------------

HEAD = """
struct mm { bool ok; };
struct task { bool a, b; struct task *last; struct mm *mm; };
struct mm one, two;
struct task *who;
bool g;
"""
CALLER = "void caller(void) { for (;;) { current->last = any(struct task); f(current->last); } }"
STEPS = (
    "g = !g;", "current->a = !current->a;", "t->b = !t->b;", "current->mm = &one;", "t->mm = &two;",
    "current->mm->ok = !current->mm->ok;", "who = t;", "if (who) who->b = !who->b;",
)  # fmt: skip
TESTS = ("g", "current->a", "!t->b", "t == current", "current->mm->ok", "!t->mm->ok")
LINES = (*STEPS, *(f"if ({test}) return 0;" for test in TESTS[::2]), *(f"if ({test}) -> -1;" for test in TESTS[1::2]))


class Entitled(NamedTuple):
    """A condition, and what it says of a state, the caller and the argument."""

    text: str
    holds: Callable[[State, int, int], bool]


def ok(state: State, task: int) -> bool:
    mm = state[Slot("task", task, "mm")]
    return bool(mm and state[Slot("mm", mm, "ok")])


CONDITIONS = (
    Entitled("g", lambda s, _, __: bool(s[Slot("", 0, "g")])),
    Entitled("!g && current->a", lambda s, p, _: not s[Slot("", 0, "g")] and bool(s[Slot("task", p, "a")])),
    Entitled("t->b || t == current", lambda s, p, t: bool(s[Slot("task", t, "b")]) or t == p),
    Entitled("current->a == t->b", lambda s, p, t: s[Slot("task", p, "a")] == s[Slot("task", t, "b")]),
    Entitled("current->mm->ok", lambda s, p, _: ok(s, p)),
    Entitled("t->mm->ok && current->mm != t->mm", lambda s, p, t: (
        ok(s, t) and s[Slot("task", p, "mm")] != s[Slot("task", t, "mm")])),
    Entitled("who && !who->b", lambda s, _, __: (
        s[Slot("", 0, "who")] > 0 and not s[Slot("task", s[Slot("", 0, "who")], "b")])),
    Entitled("who && who->mm->ok", lambda s, _, __: s[Slot("", 0, "who")] > 0 and ok(s, s[Slot("", 0, "who")])),
    Entitled("!t->mm->ok", lambda s, _, t: not ok(s, t)),
    Entitled("forall (struct task *u) u == current || !u->a", lambda s, p, _: (
        all(n == p or not s[Slot("task", n, "a")] for n in (1, 2)))),
)  # fmt: skip


@st.composite
def functions(draw: st.DrawFn) -> str:
    """A function that stores and tests, and grants or refuses: each refusal has a label."""
    lines = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=2))
    named = (line.replace("-> ", f"r{number}: return ") for number, line in enumerate(lines))
    return "int f(struct task *t) { start: ; " + " ".join(named) + " rest: return -1; }"


def text_of(function: str, condition: Entitled, step: str) -> str:
    mover = f"void mover(void) {{ struct task *t = any(struct task); for (;;) {{ {step} }} }}"
    system = "system { task c[1] runs caller with { mm = &one; }; task m[1] runs mover with { mm = &two; }; }"
    return "\n".join([HEAD, function, CALLER, mover, system, f"never_refused f while {condition.text};"])


def refused_by_definition(path: Path, condition: Entitled) -> bool:
    """Whether some run has a call that is refused although the condition holds from its first step to its return."""
    lowered = lower(select(str(path), Options()).program, "system")
    inst = instance(lowered.system, 2)
    start = lowered.labels["f.start"]
    ends = frozenset[int]().union(*(found for name, found in lowered.labels.items() if name.startswith("f.r")))

    def entitled(state: State, before: bool) -> bool:  # noqa: FBT001 - of the state before
        given = state[Slot("task", 1, "last")]
        return given > 0 and condition.holds(state, 1, given) and (before or state[Slot(THREAD, 1, PC)] in start)

    todo = [(state, entitled(state, before=False)) for state in initial_states(inst)]
    seen = {(frozenset(state.items()), flag) for state, flag in todo}
    while todo:
        state, flag = todo.pop()
        if flag and state[Slot(THREAD, 1, PC)] in ends:
            return True
        for _, after in successors(inst, state):
            more = (after, entitled(after, before=flag))
            key = (frozenset(after.items()), more[1])
            if key not in seen:
                seen.add(key)
                todo.append(more)
    return False


@settings(max_examples=90, deadline=None, phases=(Phase.generate,), derandomize=True)
@given(function=functions(), condition=st.sampled_from(CONDITIONS), step=st.sampled_from(STEPS))
def test_the_system_of_a_claim_is_the_definition(
    tmp_path_factory: pytest.TempPathFactory, function: str, condition: Entitled, step: str
) -> None:
    path = tmp_path_factory.mktemp("refusals") / "example.kc"
    path.write_text(text_of(function, condition, step))
    selection = select(str(path), Options())
    (claim,) = selection.claims
    lowered = lower(selection.program, "system", watch=watched(claim))
    found = search(instance(lowered.system, 2), property_of(claim, selection.program, lowered), max_states=200_000)
    assert found.complete or found.trace
    assert (found.trace is not None) == refused_by_definition(path, condition), path.read_text()


# ---- programs ------------------------------------------------------------------------------------

TASKS = "struct task { bool own; u8 n; };\n"
TEXTBOOK = {  # each with its claims
    "a lock that is only tried": TASKS + """
spinlock_t lock;
bool get(void) { if (!spin_trylock(&lock)) return false; current->own = true; return true; }
void user(void) { for (;;) if (get()) { current->own = false; spin_unlock(&lock); } }
system { task user[*] runs user; }
never_refused get while !held(lock);
refused get while true;
""",
    "a reference unless there is none": TASKS + """
atomic_t count = ATOMIC_INIT(1);
bool get(void) { return atomic_inc_not_zero(&count); }
void user(void) { if (get()) atomic_dec(&count); }
void last(void) { atomic_dec(&count); }
system { task user[2] runs user; task owner[1] runs last; }
never_refused get while atomic_read(&count) > 0;
refused get while true;
""",
    "an object, or NULL": TASKS + """
struct node { bool shut; };
struct node *get(bool ask) {
    struct node *n = new struct node;
    if (!n)
        return NULL;
    if (ask && current->n == 2) { kfree(n); return NULL; }
    return n;
}
void user(void) { struct node *n; choose { current->n = 2; current->n = 0; } n = get(nondet()); if (n) kfree(n); }
system { task user[*] runs user; }
never_refused get while !ask;
refused get while ask && current->n == 2;
""",
    "what no call is about may change while none is watched": TASKS + """
struct task *who;
int f(void) { if (current->own) return -1; return 0; }
void user(void) { who = current; who->n = 1; if (who->n) current->own = true; who->n = 0; f(); }
system { task user[1] runs user; }
refused f while who && !who->n;
""",
    "an object that is made while a call is watched": TASKS.replace("bool own;", "struct node *own;") + """
struct node { bool shut = true; };
bool made;
int f(struct node *n) { if (made) return -1; return 0; }
void user(void) { f(current->own); }
void maker(void) { struct node *n = new struct node; made = true; current->own = n; }
system { task user[1] runs user with { own = new struct node; }; task maker[1] runs maker; }
never_refused f while n && (forall (struct node *u) u == n || !n->shut);
""",
    "a global object that is what it is from the start": TASKS + """
struct mm { bool ok; };
struct dev { struct mm *mm = &m; };
struct mm m;
struct dev d;
struct dev *dev = &d;
int f(void) { return -1; }
void user(void) { f(); }
system { task user[1] runs user; }
refused f while dev->mm && !dev->mm->ok;
""",
    "what a condition goes through is no reference": TASKS.replace("bool own;", "bool own; struct mm *mm;") + """
struct mm { bool ok; };
struct task *who;
int f(void) { return sole(current->mm) ? -1 : 0; }
void user(void) { who = current; f(); }
system { task user[1] runs user with { mm = new struct mm; }; }
refused f while who && !who->mm->ok;
""",
    "what is watched is no reference": TASKS.replace("bool own;", "bool own; struct mm *mm;") + """
struct mm { bool ok; };
int alone(struct mm *mm) { return sole(mm) ? 0 : -1; }
void user(void) { alone(current->mm); }
system { task user[2] runs user with { mm = new struct mm; }; }
never_refused alone while !mm->ok;
""",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_programs(name: str, tmp_path: Path) -> None:
    found = decided(TEXTBOOK[name], tmp_path)
    assert [(claim.name, claim.reason) for claim in found if not claim.holds] == []
    assert {str(claim.scope) for claim in found if claim.verdict == "proved"} <= {
        "any number of tasks, any number of steps", "2 tasks, any number of steps", "3 tasks, any number of steps",
    }  # fmt: skip


SMALL = TASKS + """
int f(struct task *t) { if (t->own) no: return -1; return 0; }
void user(void) { for (;;) choose { f(any(struct task)); { current->own = !current->own; } } }
system { task user[*] runs user; }
"""


def test_a_run_ends_with_the_refusal(tmp_path: Path) -> None:
    (claim,) = decided(SMALL + "never_refused f while t->own;", tmp_path)
    assert (claim.verdict, claim.holds, claim.kind, claim.guard) == ("refuted", False, "never_refused", "f")
    told = story(claim)
    assert told.startswith("task 1's call of f ends with `return -1;` (f, example.kc:3)")
    assert told.endswith("it is refused, although the condition held from the call to the return.")


def test_a_condition_is_of_its_own_claim_alone(tmp_path: Path) -> None:
    claims = "never_refused f while !t->own; refused f while true; never_refused f while false; reach f.no;"
    found = decided(SMALL + claims, tmp_path)
    assert [claim.holds for claim in found] == [True, True, False, True]
    assert (found[2].verdict, found[2].reason) == ("vacuous", "no call of `f` begins while `false`")


def test_a_guard_can_be_removed(tmp_path: Path) -> None:
    text = SMALL.replace("if (t->own) no:", "check: if (t->own)")
    found = decided(text + "refused f while true; never_refused f while true without f.check;", tmp_path)
    assert [claim.holds for claim in found] == [True, True]


@pytest.mark.parametrize(("claim", "code", "what"), [
    ("never_refused g while true;", "KC102", "unknown function `g`"),
    ("refused user while true;", "KC152", "no result of `user` is a refusal"),
    ("refused f while u->own;", "KC100", "unknown name `u`"),
    ("refused f while exists (struct task *u) u->own;", "KC180", "`refused f` asks more of a state"),
    ("refused f while f(t) == 0;", "KC150", "a condition cannot call `f`"),
    ("refused f while t->own = 1;", "KC150", ""),
])
def test_what_a_claim_cannot_mean(claim: str, code: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.kc"
    path.write_text(SMALL + claim)
    with pytest.raises(InputError) as raised:
        select(str(path), Options())
    assert [error.code for error in raised.value.diagnostics] == [code]
    assert what in raised.value.diagnostics[0].message


def test_a_call_within_one_step_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.kc"
    path.write_text(SMALL.replace("choose { f(any(struct task));", "choose { atomic { f(current); }")
                    .replace("no: return", "return") + "never_refused f while true;")  # fmt: skip
    assert main(["prove", str(path)]) == 2
    assert "KC152" in capsys.readouterr().err


# ---- the rest of the command ---------------------------------------------------------------------


def test_a_proof_has_a_certificate(tmp_path: Path) -> None:
    claims = "never_refused f while !t->own;"
    (claim,) = decided(SMALL + claims, tmp_path, certificates=str(tmp_path / "proofs"))
    assert claim.certificate is not None
    (checked,) = check_certificates([claim.certificate], seconds=60.0)
    assert checked.verdict == "accepted", checked.reason


def test_exports_are_of_one_condition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "example.kc"
    path.write_text(SMALL + "never_refused f while !t->own; reach f.no;")
    assert main(["export", str(path), "-o", str(tmp_path)]) == 0
    assert "no file for `never_refused f while !t->own`: calls are watched" in capsys.readouterr().err
    for language in ("tla", "c", "promela", "pluscal", "dot"):
        folder = tmp_path / language
        assert main(["export", str(path), "--to", language, "--claim", "never_refused", "-o", str(folder)]) == 0
    assert "NeverRefusedF ==" in (tmp_path / "tla" / "Example.tla").read_text()
