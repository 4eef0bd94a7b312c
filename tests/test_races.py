"""Data races: what the property says of random programs is what the definition finds in their states, one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from verify.diagnostics import InputError
from verify.engine.search import search
from verify.engine.verdict import Proved
from verify.instances import THREAD, Instance, Slot, State, instance
from verify.ir import LIFE, PC, PUBLISHED, Binder, Bound, Expr, Field, Global, Ptr, Quant, System
from verify.judging import Options, Selection, judge_of
from verify.lower import lower
from verify.lower.claims import property_of
from verify.lower.reduce import reduce
from verify.lower.simplify import parts
from verify.lower.slice import slice_for
from verify.outcome import conclude
from verify.report.result import ClaimResult
from verify.report.steps import lines
from verify.report.story import story
from verify.semantics import Context, evaluate, initial_states, successors
from verify.source import Span
from verify.syntax import load_text

HEAD = """
struct obj { u8 a; spinlock_t ol; };
struct task { spinlock_t l; u8 x; struct task *up; };
u8 n; spinlock_t gl; struct obj *go; struct obj stat;
"""
NAMES = ("race_free task.x", "race_free obj.a", "race_free n")
CLAIMS = "".join(f"{name};" for name in NAMES)
LOCAL = "struct task *t = current; struct obj *p = NULL; u8 k = 0; "
MARKS = ("_ONCE", "xchg", "set_bit", "assume", "assert")
ACCESSES = (
    "t->x = 1;", "current->x = 2;", "k = t->x;", "if (current->x) k = 1;", "t->x |= 2;", "t->x++;",
    "WRITE_ONCE(t->x, 1);", "k = READ_ONCE(t->x);", "if (READ_ONCE(current->x)) k = 2;", "cmpxchg(&t->x, 0, 1);",
    "set_bit(0, &current->x);", "atomic { t->x = 2; }", "assume(!t->x);", "assert(current->x < 3);",
    "foreach (struct task *c where c->up == current) c->x = 1;", "foreach (struct task *c) c->up = NULL;",
    "n = 1;", "k = n;", "n = k;", "WRITE_ONCE(n, 1);", "atomic { n = n + 1; }",
    "if (p) p->a = 1;", "if (p) k = p->a;", "stat.a = 2;", "if (p) xchg(&p->a, 1);", "store(&n);", "store(&t->x);",
)  # fmt: skip
OTHERS = (
    "t = any(struct task);", "t = any(struct task);", "t->up = current;", "p = go;", "p = &stat;", "go = &stat;",
    "p = new struct obj; if (p) { p->a = 1; go = p; p->a = 2; }", "if (nondet()) return;",
)  # fmt: skip
LOCKS = (
    ("spin_lock(&gl);", "spin_unlock(&gl);"), ("{ struct task *u = t; spin_lock(&u->l);", "spin_unlock(&u->l); }"),
    ("spin_lock(&current->l);", "spin_unlock(&current->l);"), ("", ""),
)  # fmt: skip
STORE = "void store(u8 *cell) { *cell = 1; }\n"


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """What a thread does: some of it under locks."""
    said = list[str]()
    for _ in range(draw(st.integers(2, 3))):
        before, after = draw(st.sampled_from(LOCKS))
        inside = " ".join(draw(st.sampled_from(ACCESSES)) for _ in range(draw(st.integers(1, 2))))
        said += [draw(st.sampled_from((*OTHERS, ""))), before, inside, after]
    return f"{LOCAL}{' '.join(said)} assert(k < 200);"  # what is loaded is wanted, or lowering leaves the load out


def two(first: str, second: str, claims: str = CLAIMS) -> Selection:
    """A program of two threads that do one of two things."""
    user = f"void user(void) {{ choose {{ {{ {first} }} {{ {second} }} }} }}\n"
    program = load_text(f"{HEAD}{STORE}{user}system {{ task t[2] runs user; }}\n{claims}")
    return Selection("", program, program.claims)


def racing(inst: Instance, state: State, cls: str, name: str) -> bool:
    """Whether two threads stand before conflicting accesses of one cell: the definition, thread by thread."""
    found = [set(accesses(inst, state, me, cls, name)) for me in range(1, inst.tasks + 1)]
    return any(
        one == other and (store or also) and not (marked and too)
        for number, mine in enumerate(found) for theirs in found[number + 1 :]
        for one, store, marked in mine for other, also, too in theirs
    )  # fmt: skip


def accesses(inst: Instance, state: State, me: int, cls: str, name: str) -> Iterator[tuple[int, bool, bool]]:
    """The objects whose field a thread may access in its next step, whether it stores, and whether that is marked."""
    for action in inst.system.actions:
        if action.source != state[Slot(THREAD, me, PC)]:
            continue
        marked = any(_is_marked(micro.span) for micro in action.micro)
        at = Context(inst, state, me)
        for update in action.updates:
            scopes = [at] if update.each is None else [at.bind(update.each, v) for v in inst.choices(update.each)]
            place = update.place
            born = isinstance(place, Field) and Field(place.pointer, cls, LIFE) in [u.place for u in action.updates]
            for scope in scopes:
                if evaluate(update.when, scope) and not born:
                    yield from ((o, True, marked) for o in _named([place], scope, cls, name))
                    yield from ((o, False, marked) for o in _read([update.value], scope, cls, name))
                if isinstance(update.each, Binder) and isinstance(update.each.domain, Ptr):
                    life = Field(Bound(update.each.name), update.each.domain.cls, LIFE)
                    asked = [update.when] if evaluate(life, scope) == PUBLISHED else []
                    yield from ((o, False, marked) for o in _read(asked, scope, cls, name))
        if not action.binders:
            yield from ((o, False, marked) for o in _read([action.guard], at, cls, name))


def _is_marked(span: Span) -> bool:
    return any(mark in span.text for mark in MARKS) or span.source.text[: span.start].endswith("atomic { ")


def _read(exprs: list[Expr], at: Context, cls: str, name: str) -> Iterator[int]:
    for expr in exprs:
        if not any(isinstance(part, Quant) for part in parts(expr)):
            yield from _named(list(parts(expr)), at, cls, name)


def _named(exprs: list[Expr], at: Context, cls: str, name: str) -> Iterator[int]:
    for part in exprs:
        match part:
            case Field(pointer, of, field) if (of, field) == (cls, name) and evaluate(pointer, at):
                yield evaluate(pointer, at)
            case Global(field) if (cls, field) == ("", name):
                yield 0


def shortest(system: System, cls: str, name: str) -> int | None:
    """How many steps it takes to a race, by the definition alone; None if there is no way to one."""
    inst = instance(system, 2)
    todo = deque((state, 0) for state in initial_states(inst))
    seen = {_key(state) for state, _ in todo}
    while todo:
        state, depth = todo.popleft()
        if racing(inst, state, cls, name):
            return depth
        for _, after in successors(inst, state):
            if _key(after) not in seen:
                seen.add(_key(after))
                todo.append((after, depth + 1))
    return None


def _key(state: State) -> tuple[int, ...]:
    return tuple(state.values())


@given(bodies(), bodies(), st.sampled_from(NAMES))
@settings(max_examples=8, phases=(Phase.generate,))
def test_the_property_is_the_definition_and_no_pass_hides_a_race(first: str, second: str, name: str) -> None:
    selection = two(first, second)
    low = lower(selection.program, "system")
    claim = next(claim for claim in selection.claims if claim.name == name)
    prop = property_of(claim, selection.program, low)
    cls, _, field = claim.targets[0].rpartition(".")
    want = shortest(low.system, cls, field)
    found = search(instance(low.system, 2), prop).trace
    assert (None if found is None else len(found.steps)) == want
    for small in (reduce(low.system, prop), slice_for(low.system, prop), slice_for(reduce(low.system, prop), prop)):
        assert (search(instance(small, 2), prop).trace is None) == (want is None)
    verdict = judge_of(selection, Options(claims=(name,), tasks=2))(claim)
    assert conclude(claim, verdict, seconds=0.0).holds == (want is None)


def answer(first: str, second: str, name: str) -> ClaimResult:
    """What is said of one claim about two threads."""
    selection = two(first, second, f"{name};")
    (claim,) = selection.claims
    options = Options(tasks=2, budget=30.0)
    return conclude(claim, judge_of(selection, options)(claim), seconds=0.0)


T = "struct task *t = any(struct task); "
MADE = "struct obj *p = new struct obj; if (p) p->a = 1;"
UNDER = "spin_lock(&t->l); t->x = 1; spin_unlock(&t->l);"


@pytest.mark.parametrize(("first", "second", "name", "holds"), [
    (T + "t->x = 1;", "", "race_free task.x", False),
    ("current->x = 1;", "u8 k = current->x;", "race_free task.x", True),
    (T + UNDER, "", "race_free task.x", True),
    (T + UNDER, T + "spin_lock(&gl); u8 k = t->x; spin_unlock(&gl);", "race_free task.x", False),
    (T + UNDER, "spin_lock(&current->l); u8 k = current->x; spin_unlock(&current->l);", "race_free task.x", True),
    (T + UNDER, T + "u8 k = READ_ONCE(t->x);", "race_free task.x", False),
    (T + "WRITE_ONCE(t->x, 1);", T + "u8 k = READ_ONCE(t->x);", "race_free task.x", True),
    ("n = 1;", "n = 1;", "race_free n", False),
    ("u8 k = n;", "u8 k = n;", "race_free n", True),
    ("atomic { n = 1; }", "xchg(&n, 2);", "race_free n", True),
    ("atomic { mb(); n = 1; }", "WRITE_ONCE(n, 2);", "race_free n", True),
    ("atomic { n = 1; }", "n = 2;", "race_free n", False),
    ("foreach (struct task *c where c->up == NULL) c->x = 1;", "current->x = 1;", "race_free task.x", False),
    ("foreach (struct task *c where c->up == current) c->x = 1;", T + "t->x = 1;", "race_free task.up", True),
    ("foreach (struct task *c where c->up == current) c->x = 1;", "current->up = NULL;", "race_free task.up", False),
    (MADE, "stat.a = 1;", "race_free obj.a", False),
    (MADE, "struct obj *p = go; if (p) p->a = 1;", "race_free obj.a", True),
    ("struct obj *p = NULL; p->a = 1;", "struct obj *p = go; p->a = 1;", "race_free obj.a", True),
    ("struct obj *p = new struct obj; if (p) { go = p; p->a = 1; }", "struct obj *p = go; if (p) p->a = 1;",
     "race_free obj.a", False),
    ("store(&n);", "u8 k = n;", "race_free n", False),
])  # fmt: skip
def test_what_is_a_race(first: str, second: str, name: str, holds: bool) -> None:  # noqa: FBT001 - of the table
    assert answer(first, second, name).holds is holds


def test_a_race_is_told_in_a_sentence() -> None:
    result = answer("current->x = 1;", T + "u8 k = t->x;", "race_free task.x")
    assert result.trace is not None
    assert story(result).startswith("task 1 stands before `")
    assert story(result).endswith(": both access one task.x.")
    assert not [line for line in lines(result.trace) if "#" in " ".join(change.var.name for change in line.changes)]


def test_what_a_step_finds_and_accesses_at_once_is_not_certain() -> None:
    with pytest.raises(InputError) as error:
        answer("atomic { any(struct task)->x = 1; }", "", "race_free task.x")
    assert [one.code for one in error.value.diagnostics] == ["KC169"]


def test_there_are_as_many_states_as_without_the_claim() -> None:
    body = T + "t->x++; " + UNDER
    counts = [
        search(instance(lower(two(body, "n = 1;", claims).program, "system").system, 2), None, symmetry=False).states
        for claims in ("", CLAIMS)
    ]  # fmt: skip
    assert counts[0] == counts[1]


def test_any_number_of_threads_is_proved_free_of_races() -> None:
    user = f"void user(void) {{ {T} for (;;) {{ {UNDER} }} }}"
    program = load_text(f"{HEAD}{user} system {{ task t[*] runs user; }} race_free task.x;")
    (claim,) = program.claims
    verdict = judge_of(Selection("", program, program.claims), Options())(claim).verdict
    assert isinstance(verdict, Proved)
    assert verdict.scope.tasks is None
