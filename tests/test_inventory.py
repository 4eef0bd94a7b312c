"""Every store to a field: what it is to and what is held there, against the runs of small programs, and of the fix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from verify.api import Options, writers_file
from verify.cli import main
from verify.instances import Instance, Slot, State, instance
from verify.inventory import inventory
from verify.ir import Field
from verify.lower import lower
from verify.lower.stores import functions_of, stored
from verify.report.writers import StoreFound, WritersResult, conclusion, writers_text
from verify.semantics import Context, contexts, evaluate, initial_states, successors
from verify.syntax import load_text

BIG = "the big kernel lock"
FIX = {  # of the model: function, label; what it stores, to what; the locks
    "task.ptrace": {
        ("ptrace_attach", "flag"): ("two steps", "any", {"alloc_lock", BIG}),
        ("ptrace_attach", "cap"): ("two steps", "any", {"alloc_lock", BIG}),
        ("copy_flags", "clear"): ("store", "private", set()),
        ("do_fork", "copy"): ("copy", "private", set()),
        ("sys_execve", "dtrace"): ("two steps", "own", set()),
        ("exit_notify", "release"): ("each", "any", {"tasklist_lock for writing"}),
        ("ptrace_traceme", "flag"): ("two steps", "own", {BIG}),
        ("ptrace_detach", "clear"): ("store", "any", {BIG}),
        ("ptrace_cont", ""): ("two steps", "any", {BIG}),
    },
    "task.task_dumpable": {
        ("kernel_thread", "flag"): ("store", "own", {"alloc_lock"}),
        ("kernel_thread", "restore"): ("store", "own", set()),
        ("exec_dumpable", ""): ("store", "own", set()),
        ("do_fork", "copy"): ("copy", "private", set()),
    },
}


@pytest.mark.parametrize("name", FIX)
def test_the_fix_is_as_the_kernel(name: str) -> None:
    result = writers_file("fix.kc", name, Options())
    found = {(s.function, s.label.rpartition(".")[2]): s for s in result.stores}
    assert {key: _row(store) for key, store in found.items()} == FIX[name]
    assert result.common == ()
    assert all(store.reached for store in result.stores)


def _row(store: StoreFound) -> tuple[str, str, set[str]]:
    (what,) = store.objects
    assert all(held.whose == "object" for held in store.held if held.name == "alloc_lock")
    return store.way, what, {f"{held.name} {held.mode}".strip() for held in store.held}


HEAD = """
struct obj { u8 a; spinlock_t ol; };
struct task { spinlock_t l; rwlock_t rw; u8 x; struct task *up; struct obj *o; };
spinlock_t gl; rwlock_t grw; struct obj *go; u8 n;
"""
TAIL = "system { task t[2] runs user with { o = new struct obj; }; }\n"
PROGRAMS = (
    "spin_lock(&current->l); current->x = 1; spin_unlock(&current->l); current->x = 2;",
    ("struct task *t = any(struct task); struct task *u; spin_lock(&t->l); u = t; t->x = 1; u->x = 2; "
    "spin_unlock(&u->l); t->x = 3;"),
    ("struct task *t = any(struct task); if (nondet()) spin_lock(&gl); else { spin_lock(&gl); t->x = 1; } t->x = 2; "
    "spin_unlock(&gl);"),
    ("struct task *t = any(struct task); write_lock(&t->rw); t->x = 1; write_unlock(&t->rw); read_lock(&t->rw); "
    "t->x = 2; read_unlock(&t->rw);"),
    ("struct task *u = any(struct task); struct task *t = u; spin_lock(&t->l); t = any(struct task); t->x = 1; "
    "spin_unlock(&u->l);"),
    "lock_kernel(); current->x = 1; sleep(); current->x = 2; unlock_kernel(); current->x = 3;",
    ("foreach (struct task *c where c->up == NULL) c->x = 1; read_lock(&grw); "
    "foreach (struct task *c where c->x) c->x = 2; read_unlock(&grw);"),
    "struct obj *o = new struct obj; if (o) { o->a = 1; spin_lock(&gl); go = o; o->a = 2; spin_unlock(&gl); }",
    ("struct obj *o = current->o; spin_lock(&current->l); o->a = 1; spin_unlock(&current->l); spin_lock(&o->ol); "
    "o->a = 2; if (spin_trylock(&gl)) { o->a = 3; n = 1; spin_unlock(&gl); } spin_unlock(&o->ol);"),
    "spin_lock(&gl); atomic { n = n + 1; } spin_unlock(&gl); n++;",
    ("struct task *t = any(struct task); spin_lock_init(&t->l); spin_lock(&current->l); current->x = 1; "
    "spin_unlock(&current->l);"),
)


@pytest.mark.parametrize("body", PROGRAMS)
def test_what_is_surely_held_is_held_in_every_run(body: str) -> None:
    """Whenever a thread can make a store, it owns every lock that is said to be held there, of the object said."""
    program = load_text(f"{HEAD} void user(void) {{ {body} }} {TAIL}")
    low = lower(program, "system")
    said = {key: inventory(program, low, key) for key in (("task", "x"), ("obj", "a"), ("", "n"))}
    inst = instance(low.system, 2)
    seen = set[str]()
    for state in reachable(inst):
        for me in (1, 2):
            for action in low.system.actions:
                for _, here in contexts(action, Context(inst, state, me)):
                    for key, update in stored(action):
                        for store in said.get(key, ()):
                            if any(micro.span.text.rstrip(";").endswith(store.span.text) for micro in action.micro):
                                assert functions_of(action, key, low.stores) == {store.function}
                                seen.add(store.span.text)
                                _is_held(store, update.place, here)
    assert seen == {store.span.text for stores in said.values() for store in stores if store.reached}


def _is_held(store: StoreFound, place: object, here: Context) -> None:
    state, me = here.state, here.me
    index = evaluate(place.pointer, here) if isinstance(place, Field) and "Bound" not in str(place) else 0
    for held in store.held:
        match held.whose:
            case "global":
                name = "kernel_flag" if held.name == BIG else held.name
                half = f"{name}.readers" if held.mode == "for reading" else name
                assert _owns(state[Slot("", 0, half)], me, held.mode), (store, held)
            case "object" | "current":
                half = f"{held.name}.readers" if held.mode == "for reading" else held.name
                slot = Slot(held.cls, index if held.whose == "object" else me, half)
                assert _owns(state[slot], me, held.mode), (store, held)
            case "other":
                pass
    if store.objects == ("own",):
        assert index == me


def _owns(value: int, me: int, mode: str) -> bool:
    return bool(value >> (me - 1) & 1) if mode == "for reading" else value == me


def reachable(inst: Instance) -> Iterator[State]:
    """Every state that can be reached."""
    todo = list(initial_states(inst))
    seen = {tuple(state.values()) for state in todo}
    while todo:
        state = todo.pop()
        yield state
        for _, after in successors(inst, state):
            if tuple(after.values()) not in seen:
                seen.add(tuple(after.values()))
                todo.append(after)


def test_some_locks_are_found_and_a_lock_that_is_let_go_of_is_not() -> None:
    def held(number: int, key: tuple[str, str]) -> Mapping[str, list[str]]:
        program = load_text(f"{HEAD} void user(void) {{ {PROGRAMS[number]} }} {TAIL}")
        return {s.span.text: [one.words for one in s.held] for s in inventory(program, lower(program, "system"), key)}

    assert held(0, ("task", "x")) == {"current->x = 1": ["`l` of the task stored to"], "current->x = 2": []}
    alias = held(1, ("task", "x"))
    assert alias == {"t->x = 1": ["`l` of the task stored to"], "u->x = 2": ["`t->l`"], "t->x = 3": []}
    assert held(2, ("task", "x")) == {"t->x = 1": ["`gl`"], "t->x = 2": ["`gl`"]}
    assert held(5, ("task", "x")) == {
        "current->x = 1": [BIG], "current->x = 2": [BIG], "current->x = 3": [],
    }
    assert held(8, ("obj", "a")) == {
        "o->a = 1": ["`l` of current"], **{key: ["`ol` of the obj stored to"] for key in ["o->a = 2", "o->a = 3"]},
    }
    assert held(9, ("", "n")) == {"n = n + 1": ["`gl`"], "n++": []}
    assert held(10, ("task", "x")) == {"current->x = 1": []}  # somebody else may let go of it


def said(body: str, name: str) -> WritersResult:
    """The inventory of a program."""
    program = load_text(f"{HEAD} void none(void) {{ n = 5; }} void user(void) {{ {body} }} {TAIL}")
    struct, _, field = name.rpartition(".")
    stores = inventory(program, lower(program, "system"), (struct, field))
    return WritersResult("a.kc", {}, "system", name, stores)


def test_the_sentences_at_the_end() -> None:
    assert list(conclusion(said("n = 1;", "task.x"))) == ["No thread of the system stores to `task.x`."]
    none, one = said("n = 1;", "n").stores
    assert (none.reached, none.value, one.reached, one.value) == (False, None, True, 1)
    assert list(conclusion(said("spin_lock(&gl); n = 1; n++; spin_unlock(&gl);", "n"))) == [
        "1 function stores to `n`: user.", "Of the 2 stores to what others can reach, 2 hold `gl` (user).",
        "Every store holds `gl`: two of them never meet.",
    ]
    assert list(conclusion(said("read_lock(&grw); n = 1; read_unlock(&grw);", "n")))[1:] == [
        "Of the 1 store to what others can reach, 1 holds `grw` for reading (user).", "No lock protects every store.",
    ]
    own = list(conclusion(said("current->x = 1;", "task.x")))
    assert own[-1] == "Every store is a thread's to its own object: no two of them meet in one."
    private = "struct obj *o = new struct obj; if (o) o->a = 1;"
    assert list(conclusion(said(private, "obj.a")))[1:] == [
        "Every store is to an object that no other thread can reach yet."
    ]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["writers", "core.kc", "task_dumpable"]) == 0
    assert "kernel_thread.restore" in capsys.readouterr().out
    assert main(["writers", "core.kc", "task.task_dumpable", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "verify-writers/1"
    assert (found["system"], found["field"], found["errors"]) == ("system", "task.task_dumpable", [])
    assert found["functions"] == ["arch_kernel_thread", "kernel_thread"]
    assert [store["label"] for store in found["stores"]][1:] == ["kernel_thread.flag", "kernel_thread.restore"]
    assert found["stores"][1]["locks"] == [
        {"lock": "alloc_lock", "of": "object", "struct": "task", "mode": None}
    ]


@pytest.mark.parametrize(("args", "code", "hint"), [
    (("core.kc", "task_dumpble"), "KC101", "did you mean `task.task_dumpable` or `mm.dumpable`?"),
    (("core.kc", "tsk.ptrace"), "KC101", "did you mean `task.ptrace`?"),
    (("core.kc", "qqqqq"), "KC101", ""),
    (("core.kc", "ptrace", "--in", "sytem"), "KC902", "did you mean `system`?"),
    (("cor.kc", "ptrace"), "KC001", "did you mean `core.kc`?"),
])  # fmt: skip
def test_what_there_is_not(args: tuple[str, ...], code: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["writers", *args]) == 2
    assert capsys.readouterr().err.startswith(f"{args[0]}:1:1: error[{code}]: ")
    assert main(["writers", *args, "--json"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["code"], error["hint"]) == (code, hint)


def test_a_field_of_two_structs_is_asked_for_by_both() -> None:
    result = writers_file("nothing.kc", "x", Options())
    assert [error.code for error in result.errors] == ["KC001"]
    assert json.loads(writers_text(result))["stores"] == []
