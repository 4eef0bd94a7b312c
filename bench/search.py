"""How fast the explicit search is, on a system with the shape of the kernel's ptrace code: `python bench/search.py 3`.

Tasks in an endless loop lock a task, test and set flags of it and of the mm it points to, re-point pointers, create mms
and drops them. One line for each way to search: states and transitions, and how many of them in a second of processor
time.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import reduce

from verify.engine.search import search
from verify.instances import instance
from verify.ir import (
    BOOL,
    FREE,
    LIFE,
    PC,
    PUBLISHED,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Domain,
    Expr,
    Field,
    Fresh,
    Group,
    Ite,
    Local,
    Location,
    Me,
    Micro,
    Place,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Unary,
    Update,
    Var,
)
from verify.source import NOWHERE

TARGET, OLD, MINE = Local("t"), Local("old"), Local("m")


def task(name: str, pointer: Expr = TARGET) -> Field:
    """A field of a task."""
    return Field(pointer, "task", name)


def equal(left: Expr, right: Expr | int) -> Expr:
    """Whether two values are the same."""
    return Binary("==", left, Const(right) if isinstance(right, int) else right)


def every(*parts: Expr) -> Expr:
    """The conjunction of `parts`."""
    return reduce(lambda a, b: Binary("&&", a, b), parts) if parts else TRUE


def put(place: Place, value: Expr | int) -> Update:
    """One store."""
    return Update(place, Const(value) if isinstance(value, int) else value)


def no(arg: Expr) -> Expr:
    """The negation."""
    return Unary("!", arg)


Row = tuple[int, int, list[Expr], list[Update], list[Binder]]


def rows() -> list[Row]:
    """The actions, as source, target, guards, updates, binders."""
    lock, me = task("lock"), Me()
    take = Binder("b", Ptr("task"))
    fresh = Binder("b", Ptr("mm"))
    found = Bound("b")
    mm = Field(MINE, "mm", "dumpable")
    traced = Binary("&", task("ptrace"), Const(1))
    release = [put(lock, 0), put(TARGET, 0)]
    return [
        # user: kernel_thread, attach, detach, exec, poke
        (1, 2, [], [put(TARGET, me)], []),
        (1, 10, [equal(task(LIFE, found), PUBLISHED)], [put(TARGET, found)], [take]),
        (1, 20, [equal(task(LIFE, found), PUBLISHED)], [put(TARGET, found)], [take]),
        (1, 30, [], [put(TARGET, me)], []),
        # kernel_thread
        (2, 3, [equal(lock, 0)], [put(lock, me)], []),
        (3, 4, [no(task("ptrace"))], [put(OLD, task("dumpable"))], []),
        (3, 1, [task("ptrace")], release, []),
        (4, 5, [], [put(task("dumpable"), 0)], []),
        (5, 6, [equal(lock, me)], [put(lock, 0)], []),
        (6, 1, [], [put(task("dumpable"), OLD), put(OLD, 0), put(TARGET, 0)], []),
        # ptrace_attach
        (10, 11, [equal(lock, 0), Binary("!=", TARGET, me)], [put(lock, me)], []),
        (10, 1, [equal(TARGET, me)], [put(TARGET, 0)], []),
        (11, 12, [task("mm")], [put(MINE, task("mm"))], []),
        (11, 16, [no(task("mm"))], [], []),
        (12, 13, [task("dumpable")], [], []),
        (12, 16, [no(task("dumpable"))], [put(MINE, 0)], []),
        (13, 14, [Binary("||", mm, task("cap", me)), MINE], [put(MINE, 0)], []),
        (13, 16, [no(Binary("||", mm, task("cap", me)))], [put(MINE, 0)], []),
        (14, 16, [traced], [], []),
        (14, 15, [no(traced)], [put(OLD, task("cap", me))], []),
        (15, 17, [], [put(task("ptrace"), Ite(OLD, Const(3), Const(1))), put(OLD, 0)], []),
        (16, 1, [equal(lock, me)], release, []),
        (17, 18, [equal(lock, me)], [put(lock, 0)], []),
        (18, 1, [], [put(task("parent"), me), put(TARGET, 0)], []),
        # ptrace_detach
        (20, 21, [equal(task("parent"), me)], [], []),
        (20, 1, [no(equal(task("parent"), me))], [put(TARGET, 0)], []),
        (21, 22, [], [put(task("ptrace"), 0)], []),
        (22, 1, [], [put(task("parent"), 0), put(TARGET, 0)], []),
        # exec: a new mm, then the old one is dropped
        (30, 31, [equal(Field(found, "mm", LIFE), FREE)],
         [put(MINE, found), put(Field(found, "mm", LIFE), PUBLISHED)], [fresh]),
        (31, 32, [], [put(mm, 0)], []),
        (31, 32, [], [put(mm, 1)], []),
        (32, 33, [equal(lock, 0)], [put(lock, me)], []),
        (33, 34, [], [put(MINE, task("mm")), put(task("mm"), MINE)], []),
        (34, 35, [equal(lock, me)], [put(lock, 0)], []),
        (35, 1, [Referenced(MINE, "mm")], [put(MINE, 0), put(TARGET, 0)], []),
        (35, 1, [no(Referenced(MINE, "mm"))],
         [put(mm, 0), put(Field(MINE, "mm", LIFE), FREE), put(MINE, 0), put(TARGET, 0)], []),
    ]  # fmt: skip


def system() -> System:
    """Return the system of the benchmark."""
    life = Var(LIFE, Range(FREE, PUBLISHED))
    fields: list[tuple[str, Domain]] = [("ptrace", Range(0, 3)), ("dumpable", BOOL), ("cap", BOOL)]
    fields += [("lock", Ptr("task")), ("mm", Ptr("mm")), ("parent", Ptr("task"))]
    thread = Class("task", (life, *(Var(name, domain) for name, domain in fields)))
    count = 1 + max(row[0] for row in rows())
    micro = (Micro("", "user", NOWHERE),)
    return System(
        name="bench",
        classes={"task": thread, "mm": Class("mm", (life, Var("dumpable", BOOL)))},
        thread="task",
        globals=(),
        locals=(Var(PC, Range(0, count - 1)), Var("t", Ptr("task")), Var("old", BOOL), Var("m", Ptr("mm"))),
        locations=(Location("idle", "idle"), *(Location(f"user:{i}", function="user") for i in range(1, count))),
        actions=tuple(Action(a, b, every(*g), tuple(u), micro, tuple(c)) for a, b, g, u, c in rows()),
        groups=(Group("init", None, 1, {"mm": Fresh("mm"), "dumpable": (1,)}),),
        created=frozenset({"mm"}),
        initial={("mm", "dumpable"): 1},
    )


def invariant() -> Expr:
    """Return a property that holds: nobody traces itself."""
    return Quant("forall", Binder("k", Ptr("task")), no(equal(task("parent", Bound("k")), Bound("k"))))


def main() -> None:
    """Search the instances of the sizes given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", type=int, default=[2, 3])
    parser.add_argument("--depth", type=int, default=None, help="explore no further than this many steps")
    chosen = parser.parse_args()
    for tasks in chosen.tasks:
        for symmetry in (False, True):
            inst = instance(system(), tasks)
            start = time.process_time()
            got = search(inst, invariant(), symmetry=symmetry, max_depth=chosen.depth)
            seconds = time.process_time() - start
            sys.stdout.write(
                f"tasks {tasks}  symmetry {'on ' if symmetry else 'off'}  {got.states} states, {got.transitions} "
                f"transitions to depth {got.depth} in {seconds:.2f} s: {got.states / seconds:.0f} states/s, "
                f"{got.transitions / seconds:.0f} transitions/s\n"
            )


if __name__ == "__main__":
    main()
