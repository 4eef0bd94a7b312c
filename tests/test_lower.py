"""Lowering: each construct of `.kc` does what C does, a step at a time."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verify.diagnostics import InputError
from verify.engine.search import search
from verify.instances import THREAD, Slot, State, instance
from verify.ir import IDLE, LIFE, PC, Action, Field, Global, Quant, Referenced, System
from verify.lower import Lowered, lower
from verify.lower.claims import invariant, never_at, never_stuck
from verify.lower.effects import BIG_LOCK
from verify.lower.flow import live, outgoing, reads, writes
from verify.lower.simplify import parts
from verify.semantics import initial_states, successors
from verify.syntax import load, load_text
from verify.syntax.program import Program

SPECS = Path(__file__).parent.parent / "specs"
RUN = "system { task t[1] runs user; }\n"
TASK = "struct task { bool b; u8 x; unsigned bits : 3; signed low : 2; spinlock_t l; struct task *up; };\n"


def lowered(text: str, system: str = "system") -> tuple[Program, Lowered]:
    """Lower a program."""
    program = load_text(text)
    return program, lower(program, system)


def ends(system: System, tasks: int = 1) -> list[State]:
    """Every state in which nobody can step."""
    inst = instance(system, tasks)
    todo = list(initial_states(inst))
    seen = {tuple(state.values()) for state in todo}
    found = list[State]()
    while todo:
        state = todo.pop()
        after = [post for _, post in successors(inst, state)]
        if not after:
            found.append(state)
        fresh = {tuple(post.values()): post for post in after if tuple(post.values()) not in seen}
        seen |= fresh.keys()
        todo += fresh.values()
    return found


def kinds(system: System, tasks: int = 1) -> set[str]:
    """The kinds of location where the first thread can come to rest."""
    return {system.locations[state[Slot(THREAD, 1, PC)]].kind for state in ends(system, tasks)}


def outcomes(body: str, *, head: str = "", g: str = "int") -> set[int]:
    """The values that the global `g` can have once a lone thread has run `body` to its end."""
    text = f"{TASK}{g} g;\n{head}\nvoid user(void) {{ {body} }}\n{RUN}"
    _, low = lowered(text)
    finals = ends(low.system)
    assert {low.system.locations[state[Slot(THREAD, 1, PC)]].kind for state in finals} == {"end"}
    return {state[Slot("", 0, "g")] for state in finals}


VALUES = {
    # integers wrap around as C's do
    "u8 v = 250; v += 10; g = v;": 4,
    "u8 v = 0; v--; g = v;": 255,
    "signed char v = 127; v++; g = v;": -128,
    "unsigned v = 0; v = v - 1; g = v == 4294967295;": 1,
    "int v = 2147483647; v = v + 1; g = v < 0;": 1,
    "g = -7 / 2;": -3,
    "g = -7 % 3;": -1,
    "int v = -7; int w = 2; g = v / w * 10 + v % w;": -31,
    "unsigned v = 1; g = v << 31 >> 31;": 1,
    "int v = -8; g = v >> 1;": -4,
    "int v = 6; g = ~v & 15;": 9,
    "int v = 6; g = v ^ 3;": 5,
    "int v = 6; g = -v + +v;": 0,
    "int v = 6; g = !v + !!v * 10;": 10,
    "g = (u8) 300;": 44,
    "bool v = 7; g = v;": 1,
    "bool v; v = 256; g = v;": 1,
    # bit-fields
    "current->bits = 9; g = current->bits;": 1,
    "g = current->bits = 9;": 1,
    "current->bits = 7; current->bits++; g = current->bits;": 0,
    "current->low = 2; g = current->low;": -2,
    "current->bits = 5; current->bits |= 2; g = current->bits;": 7,
    "current->x = 255; current->x += 2; g = current->x;": 1,
    # ++ and --, compound assignment
    "int v = 3; g = v++ * 10 + v;": 34,
    "int v = 3; g = ++v * 10 + v;": 44,
    "int v = 3; g = v-- - --v;": 2,
    "g = 2; g *= 5; g -= 3; g <<= 2; g |= 1; g ^= 4; g &= 63; g %= 50; g /= 2; g >>= 1;": 6,
    "g = 4; g++; int v = g--; g = g * 10 + v;": 45,
    "current->b = 1; current->b ^= 1; g = current->b;": 0,
    # short circuit, ?:
    "int v = 0; if (v && (g = 1)) g = 2;": 0,
    "int v = 1; if (v || (g = 1)) v = 2;": 0,
    "int v = 1; g = (v && 2) + (v || 0) * 10 + (0 || !v) * 100;": 11,
    "int v = 1; g = v ? 5 : 6;": 5,
    "int v = 1; g = v ? current->x ? 1 : 2 : 3;": 2,
    "current->x = 3; g = current->x == 3 && current->up == NULL ? 7 : 8;": 7,
    "current->b = 1; if (!(current->b && !current->x)) g = 1; else g = 2;": 2,
    # control
    "int v; v = 2; switch (v) { case 1: g = 1; case 2: g = 2; case 3: g += 10; break; default: g = 99; }": 12,
    "int v; v = 9; switch (v) { case 1: g = 1; break; default: g = 5; case 3: g++; }": 6,
    "int v; v = 9; switch (v) { case 1: case 2: g = 1; } g += 3;": 3,
    "int i; for (i = 0; i < 4; i++) { if (i == 2) continue; g += i; }": 4,
    "int i = 0; while (1) { if (i == 3) break; i++; g += 2; }": 6,
    "int i = 0; do { i++; g++; } while (i < 3);": 3,
    "int i = 5; do { g++; } while (i < 3);": 1,
    "int i = 0; again: i++; if (i < 3) goto again; g = i;": 3,
    "if (g == 0) goto out; g = 1; out: g += 2;": 2,
    "int i; for (i = 0; i < 3; i++) { int j; for (j = 0; j < 3; j++) { if (j == 1) break; g += 10; } g++; }": 33,
    "if (g == 0) return; g = 1;": 0,
    "; {} g = 1;": 1,
    # calls
    "g = twice(1) + twice(10);": 22,
    "g = three(twice(1), twice(10), twice(100));": 222,
    "g = deep(twice(1));": 102,
    "int k = 3; k = k + 1; g = first(k, &k);": 4,
    "int k = 3; bump(&k); bump(&g); g = g * 10 + k;": 14,
    "raise(&current->x); g = current->x;": 1,
    "int k = 4; k++; g = next(k + 1) + next(k + 10);": 23,
    "current->b = 1; current->x = 1; g = both(current) * 10; current->b = 0; g += both(current);": 10,
    "g = call(five);": 5,
    "g = choose_one(1) + choose_one(0) * 10;": 21,
    "nothing(); g = 1;": 1,
    "g = kind(B) * 10 + kind(C);": 12,
    # primitives of one variable
    "atomic_set(&a, 5); atomic_inc(&a); atomic_add(3, &a); atomic_dec(&a); atomic_sub(2, &a); g = atomic_read(&a);": 6,
    "g = atomic_inc_return(&a) + 10 * atomic_add_return(4, &a) + 100 * atomic_dec_return(&a);": 451,
    "g = atomic_sub_return(4, &a);": -4,
    "atomic_set(&a, 1); g = atomic_dec_and_test(&a) + 10 * atomic_inc_and_test(&a);": 1,
    "atomic_set(&a, 1); g = atomic_inc_not_zero(&a) * 10 + atomic_read(&a);": 12,
    "g = atomic_inc_not_zero(&a) * 10 + atomic_read(&a);": 0,
    "atomic_set(&a, 2147483647); atomic_inc(&a); g = atomic_read(&a) < 0;": 1,
    "atomic_set(&a, 2147483647); g = atomic_inc_return(&a) < 0;": 1,
    "g = xchg(&w, 7); g = g * 10 + w;": 7,
    "w = 3; g = cmpxchg(&w, 3, 9) * 100 + w;": 309,
    "w = 3; g = cmpxchg(&w, 4, 9) * 100 + w;": 303,
    "g = test_and_set_bit(2, &w) * 1000 + test_and_set_bit(2, &w) * 100 + w;": 104,
    "w = 7; g = test_and_clear_bit(1, &w) * 100 + w;": 105,
    "set_bit(0, &w); set_bit(3, &w); clear_bit(0, &w); g = w * 10 + test_bit(3, &w);": 81,
    "set_bit(31, &s); g = s < 0;": 1,
    "set_bit(9, &current->x); g = current->x;": 0,
    "WRITE_ONCE(g, 4); g = READ_ONCE(g) + 1; mb(); rmb(); wmb(); barrier();": 5,
    # locks
    "if (spin_trylock(&l)) { g = held_by_me(); spin_unlock(&l); }": 10,
    "read_lock(&rw); if (write_trylock(&rw)) { g = 1; write_unlock(&rw); } read_unlock(&rw); g += 2;": 2,
    "down_read(&rws); up_read(&rws); down_write(&rws); up_write(&rws); g = 4;": 4,
    "mutex_lock(&m); mutex_unlock(&m); if (mutex_trylock(&m)) { g = 10; mutex_unlock(&m); }": 10,
    "down(&sem); g = down_trylock(&sem); up(&sem); g += 10 * down_trylock(&sem);": 1,
    "sema_init(&sem, 3); down(&sem); down(&sem); down(&sem); g = down_trylock(&sem);": 1,
    "complete(&c); wait_for_completion(&c); complete_all(&c); wait_for_completion(&c); g = 1;": 1,
    "complete(&c); init_completion(&c); g = 1;": 1,
    "spin_lock_irqsave(&l, 0); spin_unlock_irqrestore(&l, 0); spin_lock_init(&l); g = 1;": 1,
    "lock_kernel(); lock_kernel(); unlock_kernel(); sleep(); unlock_kernel(); g = 1;": 1,
    "lock_kernel(); down(&sem); up(&sem); unlock_kernel(); g = 1;": 1,
    "preempt_disable(); local_irq_disable(); local_irq_enable(); preempt_enable(); schedule(); g = 2;": 2,
    # objects
    "struct obj *p = new struct obj; g = p->v * 10 + p->on;": 31,
    "struct obj *p = new struct obj; p->v = 8; *p = other_obj; g = p->v;": 3,
    "struct obj *p = new struct obj; p->v = 8; other_obj = *p; g = other_obj.v;": 8,
    "struct obj *p = new struct obj; struct obj *q = new struct obj; g = q == NULL;": 1,
    "struct obj *p = new struct obj; put(p); p = new struct obj; g = p != NULL;": 1,
    "struct obj *p = new struct obj; struct obj *q = p; kept = p; put(p); g = kept == q && !new struct obj;": 1,
    "struct obj *p = NULL; put(p); g = 1;": 1,
    "struct obj *p = new struct obj; g = sole(p); kept = p; g = g * 10 + sole(p);": 10,
    "struct obj *p = any(struct obj); g = p == &other_obj;": 1,
    "other_obj.v = 6; g = (&other_obj)->v;": 6,
    # one step
    "atomic { g = 1; if (g == 1) g = 2; else g = 3; }": 2,
    "foreach (struct obj *o where o->v == 3) { o->v += 2; o->on = 7; } g = other_obj.v * 10 + other_obj.on;": 51,
    "foreach (struct task *o) o->x = 300; g = current->x;": 44,
    "foreach (struct obj *o where is_on(o)) o->v = 1; g = other_obj.v;": 1,
    "assume(current->x == 0 && !both(current)); g = 1;": 1,
    "assert(g == 0); g = 1;": 1,
    "assert(-g == 0 && ~g == -1 && (g ? 0 : 1) && (u8) 256 == 0 && g + 1 == 1); g = 1;": 1,
}
HELPERS = """
enum e { A, B, C };
struct obj { u8 v = 3; bool on = true; spinlock_t ol; ghost bool seen; };
struct obj other_obj; struct obj *kept;
atomic_t a; unsigned w; int s; spinlock_t l; rwlock_t rw; struct rw_semaphore rws; struct mutex m;
struct semaphore sem = 1; struct completion c;
int twice(int v) { int r = v; r = r + v; return r; }
int three(int i, int j, int k) { return i + j + k; }
int deep(int v) { int r = twice(50); return v + r; }
int first(int v, int *r) { *r = 7; return v; }
void bump(int *r) { (*r)++; }
void raise(u8 *r) { (*r)++; }
int next(int v) { return v + 1; }
bool both(struct task *t) { return t->b && t->x; }
bool is_on(struct obj *o) { return o->on; }
int held_by_me(void) { return 10; }
int five(void) { return 5; }
int call(int (*fn)(void)) { return fn(); }
int choose_one(int c) { if (c) return 1; else return 2; }
void nothing(void) { return; }
int kind(enum e v) { switch (v) { case A: return 0; case B: return 1; default: return 2; } }
"""


@pytest.mark.parametrize("body", VALUES)
def test_a_statement_does_what_c_says(body: str) -> None:
    assert outcomes(body, head=HELPERS) == {VALUES[body]}


SEVERAL = {
    "choose { g = 1; { g = 2; g = 3; } ; }": {0, 1, 3},
    "bool v = nondet(); g = v;": {0, 1},
    "enum e v = nondet(); g = v;": {0, 1, 2},
    "current->bits = nondet(); g = current->bits > 5;": {0, 1},
    "if (nondet()) g = 1;": {0, 1},
    "while (nondet() && g < 2) g++;": {0, 1, 2},
    "struct obj *p = new struct obj; p->v = 9; publish(p); g = any(struct obj)->v;": {3, 9},
    "struct obj *p = new struct obj; p->v = 9; publish(p); unpublish(p); g = any(struct obj)->v;": {3},
}


@pytest.mark.parametrize("body", SEVERAL)
def test_a_free_choice_has_every_outcome(body: str) -> None:
    assert outcomes(body, head=HELPERS) == SEVERAL[body]


STOPS = {
    "struct task *t = NULL; t->x = 1;": {"null"},
    "if (current->up->x) g = 1;": {"null"},
    "struct obj *p = new struct obj; kfree(p); p->v = 1;": {"freed"},
    "struct obj *p = new struct obj; struct obj *q = p; kfree(p); put(q);": {"freed"},
    "struct obj *p = kept; kfree(p);": {"null"},
    "struct obj *p = kept; publish(p);": {"null"},
    "assert(g == 1);": {"assert"},
    "assert(g == 0);": {"end"},
    "if (nondet()) assert(current->x);": {"assert", "end"},
    "assume(g == 1);": {"run"},
    "spin_lock(&l); other_obj.v = 1; spin_lock_init(&l); spin_unlock(&l);": {"unlock"},
    "down(&sem); down(&sem);": {"run"},
    "wait_for_completion(&c);": {"run"},
    "atomic { assume(current->x); g = 1; }": {"run"},
    "spawn(current->up, user);": {"null"},
    "foreach (struct obj *o where kept->v == o->v) o->v = 1;": {"end"},
}


@pytest.mark.parametrize("body", STOPS)
def test_a_thread_stops_where_c_goes_wrong(body: str) -> None:
    _, low = lowered(f"{TASK}int g;\n{HELPERS}\nvoid user(void) {{ {body} }}\n{RUN}")
    assert kinds(low.system) == STOPS[body]


REFUSED = {
    "unsigned v = nondet(); g = v;": "KC201",
    "assume(twice(g) == 2);": "KC202",
    "struct obj *p = kept; atomic { g = 1; put(p); }": "KC204",
}


@pytest.mark.parametrize("body", REFUSED)
def test_what_has_no_meaning_is_refused_at_its_line(body: str) -> None:
    with pytest.raises(InputError) as error:
        lowered(f"{TASK}int g;\n{HELPERS}\nvoid user(void) {{ {body} }}\n{RUN}")
    assert [d.code for d in error.value.diagnostics] == [REFUSED[body]]
    assert error.value.diagnostics[0].span.text in body


# ---- threads ---------------------------------------------------------------------------------------

THREADS = TASK + """
bool started; bool done; u8 count;
void child(void) { started = true; current->x = 7; count++; }
void wrap(void (*fn)(void)) {
    struct task *p = new struct task;
    if (p) { p->b = true; publish(p); spawn(p, fn); put(p); }
}
"""


def test_a_new_thread_runs_ends_and_gives_its_cell_back() -> None:
    body = "void user(void) { wrap(child); assume(started); foreach (struct task *c where c->b) c->up = NULL; }\n"
    program, low = lowered(f"{THREADS}{body}{RUN}invariant one = forall (struct task *t) !(t->x == 7);")
    inst = instance(low.system, 2)
    assert search(inst, invariant(program, low, "one")).trace is not None
    assert low.system.created == {"task"}
    assert any(action.target == IDLE for action in low.system.actions)


def test_a_task_that_unpublishes_itself_is_reaped_and_its_cell_is_used_again() -> None:
    text = THREADS.replace("count++;", "unpublish(current);") + (
        "void user(void) { wrap(child); assume(started); struct task *p; p = new struct task; if (p) done = true; }\n"
        f"{RUN}invariant never = !done;"
    )
    program, low = lowered(text)
    assert search(instance(low.system, 2), invariant(program, low, "never")).trace is not None
    assert search(instance(low.system, 1), invariant(program, low, "never")).trace is None


def test_a_thread_that_goes_round_for_ever_is_not_stuck() -> None:
    _, low = lowered(f"{TASK}bool on;\nvoid user(void) {{ on = true; for (;;) ; }}\n{RUN}")
    assert search(instance(low.system, 1), None, deadlock=True).trace is None
    assert search(instance(low.system, 1), never_stuck(low.system)).trace is None


def test_a_label_is_where_control_stands_before_the_statement() -> None:
    text = f"{TASK}u8 n;\nvoid user(void) {{ n = 1;\nhere: n = 2; check> if (n == 3) never: n = 4; }}\n{RUN}"
    _, low = lowered(text)
    inst = instance(low.system, 1)
    found = search(inst, never_at(low.system, low.labels["user.here"]))
    assert found.trace is not None
    assert found.trace.states[-1][Slot("", 0, "n")] == 1
    assert search(inst, never_at(low.system, low.labels["user.never"])).trace is None
    assert search(inst, never_at(low.system, low.fires["user.check"])).trace is None


def test_initial_values_are_those_of_the_declarations_and_the_system() -> None:
    text = """
    enum role { LOW = 2, HIGH };
    struct mm { u8 v = 1 + 2 * 3; };
    struct task { u8 x = (u8) 257; signed y = -1 ? ~0 : 4; bool b; enum role r;
                  struct mm *mm; struct mm *own; bool s; };
    struct mm first; struct mm second; struct mm *g = &second; bool flag = !0; int shifted = 1 << 3 | 4;
    void user(void) { }
    system { task t[1] runs user with { b = nondet(); r = nondet(); mm = &second; own = new struct mm; s = true; }; }
    """
    _, low = lowered(text)
    states = list(initial_states(instance(low.system, 1)))
    free = {(state[Slot("task", 1, "b")], state[Slot("task", 1, "r")]) for state in states}
    assert free == {(0, 2), (0, 3), (1, 2), (1, 3)}
    for state in states:
        task = [state[Slot("task", 1, name)] for name in ("x", "y", "mm", "own", "s")]
        assert task == [1, -1, 2, 3, 1]
        assert [state[Slot("", 0, name)] for name in ("g", "flag", "shifted")] == [2, 1, 12]
        assert [state[Slot("mm", n, "v")] for n in (1, 2, 3)] == [7, 7, 7]


def test_a_global_object_of_the_thread_class_is_refused() -> None:
    with pytest.raises(InputError, match="KC205"):
        lowered(f"{TASK}struct task other;\nvoid user(void) {{ }}\n{RUN}")


# ---- one access a step -------------------------------------------------------------------------------


def accesses(action: Action) -> set[object]:
    """The shared variables that a step reads or writes, but who is alive, who has the big lock, and those of claims."""
    exprs = [action.guard, *(e for u in action.updates for e in (u.value, u.when, u.place))]
    found = {part for e in exprs for part in parts(e) if isinstance(part, Global | Field)}
    named: set[object] = set()
    for place in found:
        if place == BIG_LOCK or (isinstance(place, Field) and (place.name == LIFE or place.name.startswith("#"))):
            continue
        named.add(str(place).replace(".readers", ""))
    return named


def atomic_statement(action: Action) -> bool:
    """Whether the step is one that the language makes atomic: a formula, `atomic`, `foreach`, `new`, `put`, an end."""
    text = action.micro[0].span.text
    words = ("assume", "assert", "atomic", "foreach", "new ", "put(", "kfree(")
    exprs = [action.guard, *(u.value for u in action.updates)]
    asks = any(isinstance(part, Quant | Referenced) for e in exprs for part in parts(e))
    return len(action.micro) > 1 or asks or any(u.each for u in action.updates) or any(w in text for w in words)


@pytest.mark.parametrize("spec", sorted({*SPECS.glob("*.kc"), *SPECS.glob("ptrace/*.kc")}), ids=lambda path: path.stem)
def test_a_step_makes_at_most_one_shared_access(spec: Path) -> None:
    try:
        program = load(spec)
    except InputError:
        pytest.skip("no program of its own")
    for name in program.systems:
        for action in lower(program, name).system.actions:
            if not atomic_statement(action):
                assert len(accesses(action)) <= 1, (action.label, action.micro[0].span.text)


# ---- the compiler agrees -----------------------------------------------------------------------------

NAMES = ("a", "b", "c")
OPERATORS = ("+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||")


@st.composite
def c_expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """A C expression without undefined behaviour: of unsigned operands, never dividing by zero or shifting far."""
    if depth == 0 or not draw(st.integers(0, 4)):
        return draw(st.sampled_from([*NAMES, "0u", "1u", "7u", "250u", "4000000000u"]))
    inner = c_expressions(depth - 1)
    match draw(st.integers(0, 5)):
        case 0:
            return f"({draw(st.sampled_from(['~', '!', '-', '(u8)', '(bool)']))}{draw(inner)})"
        case 1:
            return f"({draw(inner)} ? {draw(inner)} : {draw(inner)})"
        case _:
            op = draw(st.sampled_from(OPERATORS))
            right = draw(inner)
            right = f"({right} | 1u)" if op in "/%" else f"({right} & 7u)" if op in ("<<", ">>") else right
            return f"({draw(inner)} {op} {right})"


def compiled(sources: list[str], given: Mapping[str, int], folder: Path) -> list[int]:
    """What the C compiler makes of the expressions."""
    lines = "".join(f'printf("%u\\n", (unsigned) ({source}));' for source in sources)
    variables = "".join(f"volatile unsigned {name} = {value}u;" for name, value in given.items())
    head = "#include <stdio.h>\n#include <stdbool.h>\ntypedef unsigned char u8;\n"
    (folder / "x.c").write_text(f"{head}int main(void) {{ {variables} {lines} return 0; }}")
    gcc = shutil.which("gcc")
    assert gcc is not None
    subprocess.run([gcc, "-w", "-O0", "-o", folder / "x", folder / "x.c"], check=True)
    output = subprocess.run([folder / "x"], check=True, capture_output=True, text=True).stdout
    return [int(line) for line in output.split()]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(c_expressions(), min_size=8, max_size=8), st.tuples(*[st.sampled_from([0, 1, 3, 255, 2**32 - 1])] * 3))
def test_expressions_have_the_values_that_a_c_compiler_gives_them(
    tmp_path_factory: pytest.TempPathFactory, sources: list[str], values: tuple[int, ...]
) -> None:
    given = dict(zip(NAMES, values, strict=True))
    wanted = compiled(sources, given, tmp_path_factory.mktemp("c"))
    for source, want in zip(sources, wanted, strict=True):
        plain = "".join(f"unsigned {name} = {value}u; {name} += z;" for name, value in given.items())
        assert outcomes(f"{plain} g = {source};", head="unsigned z;", g="unsigned") == {want}, source


def test_a_local_lives_until_it_is_read_for_the_last_time_before_it_is_written() -> None:
    text = "struct task { int n; };\nint seen;\nvoid user(void) { int a = seen; int b = a; a = b + seen; seen = a; }\n"
    low = lower(load_text(text + "system { task t[*] runs user; }"), "system")
    alive = live(low.system.actions)
    leaving = outgoing(low.system.actions)
    killed = 0
    for action in low.system.actions:
        onward = leaving.get(action.target, ())
        after = frozenset[str]().union(*(reads(a) | alive[a.target] - writes(a) for a in onward))
        assert alive[action.target] == after
        killed += bool(writes(action) - reads(action))
        assert not (writes(action) - reads(action)) & alive[action.source] or len(leaving[action.source]) > 1
    assert killed
