"""A run as its reader wants it: names instead of slots, and of each step only what changed."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from verify.engine.verdict import Step, Trace
from verify.instances import THREAD, Slot, State
from verify.ir import (
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Action,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    LocationKind,
    Me,
    Micro,
    Ptr,
    Quant,
    Referenced,
    System,
    Threads,
    Unary,
    Var,
    Wrap,
)
from verify.report.names import bare, cell_name, members, slot_name, value_name
from verify.source import statement

READERS = ".readers"  # ends the name of the variable beside an rwlock's writer
LIFE_NAMES = {FREE: "free", PRIVATE: "private", PUBLISHED: "published"}
LIFE_CHANGES = {
    (FREE, PRIVATE): "created",
    (FREE, PUBLISHED): "created and published",
    (PRIVATE, PUBLISHED): "published",
    (PUBLISHED, PRIVATE): "unpublished",
    (PRIVATE, FREE): "freed",
    (PUBLISHED, FREE): "freed",
}
STOPS: dict[LocationKind, str] = {
    "null": "dereferences NULL",
    "freed": "uses a freed object",
    "assert": "fails the assertion",
    "unlock": "releases a lock that it does not hold",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One variable that a step changed."""

    slot: Slot
    var: Var
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a run, counted from 1, or several that a thread takes in a row in one statement."""

    number: int
    last: int  # the same as `number` for a single step
    thread: int
    micro: tuple[Micro, ...]
    changes: tuple[Change, ...]
    picks: tuple[str, ...]  # free choices that no change shows, as that of `any(struct task)`
    stop: str  # the error at which the thread stops for ever, or ""
    quiet: bool  # nothing but control moved, and nothing shared was read

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements that make up the step, as the source has them, each once."""
        return tuple(dict.fromkeys(filter(None, (statement(m.span) for m in self.micro))))

    @property
    def main(self) -> Micro:
        """The access that the step is named after: the first with a label, else the first."""
        return next((m for m in self.micro if m.label), self.micro[0])

    @property
    def text(self) -> str:
        """The statements of the step in one line."""
        return " ".join(self.statements)

    @property
    def place(self) -> str:
        """Where it is: `ptrace_attach.flag`, or the function for a statement without a name."""
        return self.main.label or self.main.function


def change_name(system: System, change: Change) -> str:
    """What happened to the variable, in a few words."""
    slot = change.slot
    if slot.name == LIFE:
        return f"{cell_name(system, slot.cell, slot.index)} {LIFE_CHANGES[change.old, change.new]}"
    name = slot_name(system, slot)
    if change.var.lock:
        return lock_change(name, change)
    old, new = (value_name(system, change.var.domain, value) for value in (change.old, change.new))
    return f"{name}: {old} → {new}"


def lock_change(name: str, change: Change) -> str:
    """What happened to the lock: its variable holds its owner, or the set of its readers."""
    verb = "takes" if not change.old or change.new & ~change.old else "releases"
    return f"{verb} {name.removesuffix(READERS)}{' for reading' * name.endswith(READERS)}"


def steps(trace: Trace) -> tuple[Line, ...]:
    """Every step of a run with everything that changed."""
    return tuple(_line(trace, number, number) for number in range(1, len(trace.steps) + 1))


def lines(trace: Trace, removed: Sequence[str] = (), apart: int | None = None) -> tuple[Line, ...]:
    """What a reader wants to see of a run: one line for a statement, none for steps that only move control.

    The last is there in any case. Where statements were `removed`, those that do nothing are left out even if they
    have a name: they are among them. The steps before and after `apart` of them are never in one line.
    """
    made: list[Line] = []
    first = 1
    for number, step in enumerate(trace.steps, start=1):
        following = trace.steps[number] if number < len(trace.steps) else None
        if following is None or number == apart or _statement_of(following) != _statement_of(step):
            line = _line(trace, first, number)
            changes = tuple(change for change in line.changes if _is_news(trace, line, change))
            made.append(replace(line, changes=changes, picks=_picks(trace, line, changes)))
            first = number + 1
    return tuple(
        line for line in made
        if line.changes or line.stop or not line.quiet or (line.main.label and not removed) or line is made[-1]
    )


def _statement_of(step: Step) -> Hashable:
    return step.thread, tuple((micro.span, micro.calls) for micro in step.action.micro)


def _line(trace: Trace, first: int, last: int) -> Line:
    pre, post = trace.states[first - 1], trace.states[last]
    taken = trace.steps[first - 1 : last]
    changes = tuple(
        Change(slot, var, pre[slot], post[slot])
        for slot, var in trace.instance.slots().items()
        if pre[slot] != post[slot] and (slot.name == LIFE or not _is_internal(slot))
    )
    kind = trace.instance.system.locations[post[Slot(THREAD, taken[0].thread, PC)]].kind
    quiet = not any(_reads_shared(step.action) for step in taken)
    return Line(first, last, taken[0].thread, taken[0].action.micro, changes, (), STOPS.get(kind, ""), quiet)


def _picks(trace: Trace, line: Line, changes: Sequence[Change]) -> tuple[str, ...]:
    system = trace.instance.system
    shown = {(change.var.domain, change.new) for change in changes}
    shown |= {(Ptr(change.slot.cell), change.slot.index) for change in changes if change.slot.name == LIFE}
    taken = trace.steps[line.number - 1 : line.last]
    chosen = [pair for step in taken for pair in zip(step.action.binders, step.choice, strict=True)]
    return tuple(
        f"picks {value_name(system, binder.domain, value)}"
        for binder, value in chosen
        if (binder.domain, value) not in shown
    )


def _is_internal(slot: Slot) -> bool:
    """Whether the source knows nothing of the variable; its locals have the name of their function before them."""
    own = slot.cell != THREAD or "." in slot.name
    return slot.name.startswith("#") or not own or not bare(slot.name)


def _is_news(trace: Trace, line: Line, change: Change) -> bool:
    """Whether a change says more than that an object was made or given up, or that a local is no longer needed."""
    slot = change.slot
    if slot.name == LIFE or not slot.cell:
        return True
    if slot.cell == THREAD:
        name = bare(slot.name)
        set_here = re.search(rf"\b{re.escape(name)} ?([-+*/%&|^]|<<|>>)?=(?!=)|(\+\+|--|put ?\() ?{name}\b", line.text)
        return change.new != change.var.default or bool(set_here)
    life = Slot(slot.cell, slot.index, LIFE)
    born = trace.states[line.number - 1][life] == FREE
    return trace.states[line.last][life] != FREE and not (born and change.new == _at_birth(trace, slot))


def _at_birth(trace: Trace, slot: Slot) -> int:
    var = trace.instance.slots()[slot]
    return trace.instance.system.initial.get((slot.cell, slot.name), var.default)


def _reads_shared(action: Action) -> bool:
    return any(_is_shared(part) for part in (action.guard, *(update.value for update in action.updates)))


def _is_shared(expr: Expr) -> bool:
    """Whether the expression reads a global or a field."""
    match expr:
        case Global() | Field() | Referenced():
            return True
        case Const() | Me() | Bound() | Local():
            return False
        case Unary(_, arg) | Wrap(_, _, arg):
            return _is_shared(arg)
        case Binary(_, left, right):
            return _is_shared(left) or _is_shared(right)
        case Ite(cond, then, other):
            return _is_shared(cond) or _is_shared(then) or _is_shared(other)
        case Quant(_, _, body):
            return _is_shared(body)
        case _:
            assert_never(expr)


def owners(trace: Trace, slot: Slot, state: State) -> Sequence[int]:
    """The threads that hold a lock."""
    domain = trace.instance.slots()[slot].domain
    return members(state[slot]) if isinstance(domain, Threads) else [state[slot]] if state[slot] else []
