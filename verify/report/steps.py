"""A run as its reader wants it: names instead of slots, and of each step only what changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot, State
from verify.ir import (
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Action,
    Domain,
    LocationKind,
    Micro,
    Ptr,
    Range,
    System,
    Threads,
    Var,
)
from verify.source import Span

DECIMAL = range(-4096, 4097)  # beyond this, numbers are masks and addresses: hexadecimal
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
    """One step of a run, counted from 1."""

    number: int
    thread: int
    action: Action
    changes: tuple[Change, ...]  # those a reader cares for
    stop: str  # the error at which the thread stops for ever, or ""

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements that make up the step, as the source has them, each once."""
        return tuple(dict.fromkeys(filter(None, (head(clean(m.span.text)) for m in self.action.micro))))

    @property
    def main(self) -> Micro:
        """The access that the step is named after: the first with a label, else the first."""
        return next((m for m in self.action.micro if m.label), self.action.micro[0])

    @property
    def text(self) -> str:
        """The statements of the step in one line."""
        return " ".join(self.statements)

    @property
    def place(self) -> str:
        """Where it is: `ptrace_attach.flag`, or the function for a statement without a name."""
        return self.main.label or self.main.function


def clean(text: str) -> str:
    """The text without anything that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def head(text: str) -> str:
    """A statement without the body that an `if` or loop governs."""
    if not re.match(r"(if|while|for|switch) ?\(", text):
        return text
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == ")" and depth == 0:
            return text[: position + 1]
    return text


def where(span: Span) -> str:
    """The file's last part and the line."""
    return clean(f"{span.source.path.rsplit('/', 1)[-1]}:{span.line}")


def cell_name(system: System, cell: str, index: int) -> str:
    """An object as the reader knows it: `task 2`, or the name of a global one."""
    if cell == THREAD:
        return f"{system.thread} {index}"
    statics = [static.name for static in system.statics if static.cls == cell]
    return statics[index - 1] if index <= len(statics) else f"{cell} {index}"


def slot_name(system: System, slot: Slot) -> str:
    """A variable as the reader knows it: `task 2.ptrace`; a local or global by its bare name."""
    match slot.cell:
        case "":
            return slot.name
        case cell if cell == THREAD:
            return _bare(slot.name)
        case cell:
            return f"{cell_name(system, cell, slot.index)}.{slot.name}"


def _bare(local: str) -> str:
    """A local as its function calls it: `old` of `kernel_thread.old#2`; empty for one that has no name there."""
    return local.rpartition(".")[2].split("#")[0]


def value_name(system: System, domain: Domain, value: int) -> str:
    """A value as the reader knows it: `task 2`, `NULL`, `{T1, T2}` or a number."""
    match domain:
        case Ptr(cls):
            return cell_name(system, cls, value) if value else "NULL"
        case Threads():
            return "{" + ", ".join(f"T{t}" for t in members(value)) + "}"
        case Range():
            return str(value) if value in DECIMAL else hex(value)
        case _:
            assert_never(domain)


def members(threads: int) -> Sequence[int]:
    """The threads of a set, in order."""
    return [i + 1 for i in range(threads.bit_length()) if threads >> i & 1]


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


def lines(trace: Trace) -> tuple[Line, ...]:
    """The steps of a run; those that neither change anything visible nor stand in the source are left out."""
    made: list[Line] = []
    for number, step in enumerate(trace.steps, start=1):
        pre, post = trace.states[number - 1], trace.states[number]
        kind = trace.instance.system.locations[post[Slot(THREAD, step.thread, PC)]].kind
        changes = _changes(trace, pre, post, step.action)
        line = Line(number, step.thread, step.action, changes, STOPS.get(kind, ""))
        if line.changes or line.stop or line.text:
            made.append(line)
    return tuple(made)


def _changes(trace: Trace, pre: State, post: State, action: Action) -> tuple[Change, ...]:
    text = " ".join(m.span.text for m in action.micro)

    def visible(change: Change) -> bool:
        slot = change.slot
        if slot.name.startswith("#") and slot.name != LIFE:
            return False
        if slot.cell == THREAD:  # a dead local goes back to its default, which is no news
            base = _bare(slot.name)
            return bool(re.search(rf"\b{re.escape(base)}\b", text)) if base else False
        life = Slot(slot.cell, slot.index, LIFE)
        return slot.name == LIFE or slot.cell == "" or post[life] != FREE

    found = (
        Change(slot, var, pre[slot], post[slot])
        for slot, var in trace.instance.slots().items()
        if pre[slot] != post[slot]
    )
    return tuple(change for change in found if visible(change))


def owners(trace: Trace, slot: Slot, state: State) -> Sequence[int]:
    """The threads that hold a lock."""
    domain = trace.instance.slots()[slot].domain
    return members(state[slot]) if isinstance(domain, Threads) else [state[slot]] if state[slot] else []
