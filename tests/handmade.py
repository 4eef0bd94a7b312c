"""A small system and its runs, made by hand: kernel_thread against ptrace_attach, with and without the check."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

from verify.api import Judge, Judgement, Options, Selection, quiet
from verify.engine.verdict import Invariant, Progress, Proved, Refuted, Report, Scope, Trace, Unknown
from verify.instances import Instance, State, Step, instance
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Local,
    Location,
    LocationKind,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    System,
    Threads,
    Unary,
    Update,
    Var,
)
from verify.question import Tools
from verify.report.result import ClaimResult
from verify.semantics import holds, initial_states, successors
from verify.source import Source, Span
from verify.syntax.ast import ClaimDecl

TEXT = """\
int kernel_thread(void)
{
spin>   task_lock(task);
        old = task->task_dumpable;
flag>   task->task_dumpable = 0;
unlock> task_unlock(task);
        new = new struct task;
mark>   new->is_kernel_thread = true;
show>   publish(new);
}
int ptrace_attach(struct task *t)
{
pick>   t = any(struct task);
check>  if (!is_dumpable(t) && !(capable(CAP_SYS_PTRACE) || t->p_pptr == current))
                return -EPERM;
flag>   t->ptrace |= PT_PTRACED;
list>   write_lock(&tasklist_lock);
link>   t->p_pptr = current;
}
"""
SOURCE = Source("specs/ptrace/kernel.kc", TEXT)
LIFE_VAR = Var(LIFE, Range(0, 2))
INVARIANT: Expr = Quant(
    "forall",
    Binder("k", Ptr("task")),
    Unary(
        "!",
        Binary(
            "&&",
            Field(Bound("k"), "task", "is_kernel_thread"),
            Binary("&", Field(Bound("k"), "task", "ptrace"), Const(1)),
        ),
    ),
)


class Row(NamedTuple):
    """One action: the text of its statement, and what it does."""

    label: str
    text: str
    updates: tuple[Update, ...] = ()
    guard: Expr = Const(1)
    binders: tuple[Binder, ...] = ()


def span(text: str, label: str) -> Span:
    """The place of a statement, after its tag."""
    function, _, tag = label.partition(".")
    start = TEXT.index(text, TEXT.index(f"{tag}>", TEXT.index(function)) if tag else TEXT.index(function))
    return Span(SOURCE, start, start + len(text))


ME = Me()
T, NEW = Local("ptrace_attach.t#2"), Local("kernel_thread.new")
ROWS: tuple[tuple[Row, ...], ...] = (
    (
        Row(
            "kernel_thread.spin", "task_lock(task);", (Update(Field(ME, "task", "alloc_lock"), ME),),
            Binary("==", Field(ME, "task", "alloc_lock"), Const(0)),
        ),
        Row("kernel_thread", "old = task->task_dumpable;",
            (Update(Local("kernel_thread.old"), Field(ME, "task", "task_dumpable")),)),
        Row("kernel_thread.flag", "task->task_dumpable = 0;", (Update(Field(ME, "task", "task_dumpable"), Const(0)),)),
        Row("kernel_thread.unlock", "task_unlock(task);", (Update(Field(ME, "task", "alloc_lock"), Const(0)),)),
        Row(
            "kernel_thread", "new = new struct task;",
            (Update(NEW, Bound("o")), Update(Field(Bound("o"), "task", LIFE), Const(PRIVATE))),
            Binary("==", Field(Bound("o"), "task", LIFE), Const(0)), (Binder("o", Ptr("task")),),
        ),
        Row("kernel_thread.mark", "new->is_kernel_thread = true;",
            (Update(Field(NEW, "task", "is_kernel_thread"), Const(1)),)),
        Row("kernel_thread.show", "publish(new);", (Update(Field(NEW, "task", LIFE), Const(PUBLISHED)),)),
    ),
    (
        Row("ptrace_attach.pick", "t = any(struct task);", (Update(T, Bound("o")),),
            Binary("==", Field(Bound("o"), "task", LIFE), Const(PUBLISHED)), (Binder("o", Ptr("task")),)),
        Row("ptrace_attach.check",
            "if (!is_dumpable(t) && !(capable(CAP_SYS_PTRACE) || t->p_pptr == current))\n"
            "                return -EPERM;", (), Field(T, "task", "task_dumpable")),
        Row("ptrace_attach.flag", "t->ptrace |= PT_PTRACED;",
            (Update(Field(T, "task", "ptrace"), Binary("|", Field(T, "task", "ptrace"), Const(1))),)),
        Row("ptrace_attach.list", "write_lock(&tasklist_lock);",
            (Update(Global("tasklist_lock"), Binary("with", Global("tasklist_lock"), ME)),),
            Binary("==", Global("tasklist_lock"), Const(0))),
        Row("ptrace_attach.link", "t->p_pptr = current;", (Update(Field(T, "task", "p_pptr"), ME),)),
    ),
)


def actions(*, checked: bool) -> tuple[tuple[Action, ...], tuple[Location, ...], tuple[int, ...]]:
    """The actions of both functions, their locations and their entries."""
    kinds: tuple[LocationKind, ...] = ("idle", "end")
    locations = [Location(kind, kind) for kind in kinds]
    made: list[Action] = []
    entries: list[int] = []
    for rows in ROWS:
        entries.append(len(locations))
        for number, row in enumerate(rows):
            here = len(locations)
            place = span(row.text, row.label)
            function, _, tag = row.label.partition(".")
            micro = Micro(row.label if tag else "", function, place)
            guard = row.guard if checked or row.label != "ptrace_attach.check" else Const(1)
            target = here + 1 if number + 1 < len(rows) else 1
            locations.append(Location(row.label if tag else f"{function}:{place.line}", function=function, span=place))
            made.append(Action(here, target, guard, row.updates, (micro,), row.binders))
    return tuple(made), tuple(locations), tuple(entries)


def system(*, checked: bool = False) -> System:
    """Tasks that fork kernel threads, tasks that trace."""
    made, locations, entries = actions(checked=checked)
    task = Class("task", (
        LIFE_VAR, Var("alloc_lock", Ptr("task"), lock=True), Var("ptrace", Range(0, 0xFFFF)),
        Var("task_dumpable", BOOL), Var("p_pptr", Ptr("task")), Var("is_kernel_thread", BOOL),
    ))
    return System(
        "kmod", {"task": task}, "task", (Var("tasklist_lock", Threads(), lock=True),),
        (
            Var(PC, Range(0, len(locations) - 1)), Var("kernel_thread.old", BOOL),
            Var("kernel_thread.new", Ptr("task")), Var("ptrace_attach.t#2", Ptr("task")),
        ),
        locations, made,
        (Group("caller", 1, entries[0], {"task_dumpable": (0, 1)}), Group("tracer", 1, entries[1], {})),
        created=frozenset({"task"}), initial={("task", "task_dumpable"): 1},
    )


def shortest(inst: Instance, prop: Expr) -> Trace:
    """The shortest run to a state in which `prop` is false; there must be one."""
    queue: deque[tuple[tuple[State, ...], tuple[Step, ...]]] = deque(((s,), ()) for s in initial_states(inst))
    seen: set[tuple[int, ...]] = set()
    while queue:
        states, steps = queue.popleft()
        if not holds(inst, prop, states[-1]):
            return Trace(inst, states, steps)
        for step, state in successors(inst, states[-1]):
            key = tuple(state.values())
            if key not in seen:
                seen.add(key)
                queue.append(((*states, state), (*steps, step)))
    raise AssertionError("no such run")


def attack() -> Trace:
    """A tracer attaches to a kernel thread."""
    return shortest(instance(system(), 3), INVARIANT)


def linked() -> Trace:
    """The same, and goes on to write p_pptr under the tasklist_lock."""
    never = Quant("forall", Binder("k", Ptr("task")), Unary("!", Binary(
        "&&", Field(Bound("k"), "task", "is_kernel_thread"),
        Binary("==", Field(Bound("k"), "task", "p_pptr"), Const(2)))))
    return shortest(instance(system(), 3), never)


def refuted(trace: Trace | None = None) -> ClaimResult:
    """The claim that fails by that run."""
    return ClaimResult(
        "prove no_traced_kernel_thread", "prove", "no_traced_kernel_thread", None, "kmod", "refuted", holds=False,
        scope=Scope(3, None), engine="bfs", seconds=0.4142, trace=trace or attack(), broken=INVARIANT,
        expected="no_traced_kernel_thread holds in every reachable state",
    )


def proved() -> ClaimResult:
    """A claim that holds."""
    return replace(refuted(), verdict="proved", holds=True, engine="views", trace=None, broken=None, seconds=12.0)


def unknown() -> ClaimResult:
    """A claim that nobody can decide."""
    return replace(
        refuted(), name="race_free task.ptrace", kind="race_free", invariant=None, verdict="unknown", holds=None,
        scope=None, engine="", trace=None, broken=None, reason="not decided by this engine",
        shown="no violation in any run of up to 23 steps with up to 3 tasks",
    )


# more threads than a counter of a proof tells apart
COUNTED = """
struct task { bool in; };
struct room { unsigned n : 4; };
struct room room;
void user(void) {
    for (;;) { atomic { assume(room.n < 9); room.n++; } current->in = true; current->in = false; atomic { room.n--; } }
}
system { task t[*] runs user; }
invariant counted = forall (struct task *t) !t->in || room.n;
"""

KC = """\
struct task { bool flag = false; ghost bool seen = false; };

void user(void)
{
    for (;;)
        choose {
set>        current->flag = true;
check>      if (current->flag)
look>           current->seen = true;
        }
}

system { task init[*] runs user; }
system pair { task init[2] runs user; }

invariant good = forall (struct task *k) (!k->seen || k->flag);
invariant bad = forall (struct task *k) !k->flag;
invariant hard = forall (struct task *k) (!k->flag || k->seen);

prove     good;
refute    bad in pair;
reach     user.look;
redundant user.check for good;
"""


def fake_judge(claim: ClaimDecl) -> Judgement:
    """Decide by the name of the invariant: `good` is proved, `bad` refuted, anything else unknown."""
    match claim.invariant:
        case "good":
            return Judgement(Proved(Scope(None, None), Invariant((), ("all is well",)), "views"))
        case "bad" | None:
            return Judgement(Refuted(Scope(3, 10), attack(), "bfs"), INVARIANT)
        case _:
            return Judgement(Unknown("out of time", "no violation in any run of up to 7 steps", "bmc"))


def fake_judge_of(
    selection: Selection, options: Options, report: Report = quiet, tools: Tools | None = None
) -> Judge:
    """Stand in for `api.judge_of`, with some progress."""
    del selection, options, tools

    def judge(claim: ClaimDecl) -> Judgement:
        report(Progress("search", {"states": 1234, "depth": 5}))
        return fake_judge(claim)

    return judge
