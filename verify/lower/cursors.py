"""Pointers that a condition goes through, each in a global of its own that follows it.

A condition on `task->mm->dumpable`, where `task` is a global, reads an object that nothing names but `task->mm`. With a
cursor, a global that is `task->mm` in every state, it reads an object that a global names. Then a step tells whether
what it stores to is that object, and proofs of few cells can speak of it. A cursor is an auxiliary variable (Owicki and
Gries 1976): it is set by each step that changes what it follows, and read only where that is what would be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from verify.ir import Action, Const, Expr, Field, Global, Local, Ptr, System, Update, Var, is_auxiliary
from verify.lower.compose import is_plain, value_after
from verify.lower.simplify import binary, ite, parts, rebuild
from verify.lower.visible import key_of

Cursors = Mapping[Global, Field]  # each, and what it follows: a field of what another global points to


@dataclass(frozen=True, slots=True)
class Followed:
    """A system with cursors, and conditions that read through them."""

    system: System
    conditions: tuple[Expr, ...]
    cursors: Cursors


def with_cursors(system: System, conditions: Sequence[Expr]) -> Followed:
    """The system with a cursor for each pointer of an object that these conditions go through from a global."""
    cursors: dict[Global, Field] = {}
    found = tuple(conditions)
    while (through := _through(system, found)) is not None:
        assert isinstance(through.pointer, Global)  # noqa: S101 - that is what it looks for
        cursor = Global(_name(through.pointer, through.name))
        cursors[cursor] = through
        system = _following(system, cursor, through)
        found = tuple(_read(cond, cursor, through) for cond in found)
    return Followed(system, found, cursors)


def is_of_call(pointer: Global, cursors: Cursors) -> bool:
    """Whether a pointer is an argument of the call that is watched, its caller, or followed from one of these."""
    followed = cursors.get(pointer)
    if followed is None:
        return is_auxiliary(pointer.name)
    return isinstance(followed.pointer, Global) and is_of_call(followed.pointer, cursors)


def _name(pointer: Global, field: str) -> str:
    """The name of a cursor, as no program has one: what it points to is no reference."""
    return f"{pointer.name if is_auxiliary(pointer.name) else f'#of {pointer.name}'}->{field}"


def _through(system: System, conditions: Sequence[Expr]) -> Field | None:
    """A field of what a global points to that a condition goes through."""
    for cond in conditions:
        for part in parts(cond):
            match part:
                case Field(Field(Global(), _, _) as inner, _, _) if isinstance(system.var(inner).domain, Ptr):
                    return inner
                case _:
                    pass
    return None


def _read(expr: Expr, cursor: Global, followed: Field) -> Expr:
    return rebuild(expr, lambda part: cursor if part == followed else None)


def _following(system: System, cursor: Global, followed: Field) -> System:
    assert isinstance(followed.pointer, Global)  # noqa: S101 - the caller has looked
    static = system.var(followed.pointer).default  # what a global points to at the start, if anything
    begin = system.initial.get((followed.cls, followed.name), 0) if static else 0
    added = Var(cursor.name, system.var(followed).domain, begin)
    actions = tuple(_kept_up(action, cursor, followed) for action in system.actions)
    return replace(system, globals=(*system.globals, added), actions=actions)


def _kept_up(action: Action, cursor: Global, followed: Field) -> Action:
    """The action with what it does to the cursor; what it loads of the same field, it loads from there."""
    written = {key_of(update.place) for update in action.updates if is_plain(update)}
    updates = tuple(_loaded(update, cursor, followed) for update in action.updates)
    if written & {key_of(followed), key_of(followed.pointer)}:  # type: ignore[arg-type] # a global
        after = _read(_after(followed, action.updates), cursor, followed)
        updates = (*updates, Update(cursor, after))
    return replace(action, updates=updates)


def _after(followed: Field, updates: Sequence[Update]) -> Expr:
    pointer = value_after(followed.pointer, updates)  # type: ignore[arg-type] # a global
    return Const(0) if pointer == Const(0) else value_after(Field(pointer, followed.cls, followed.name), updates)


def _loaded(update: Update, cursor: Global, followed: Field) -> Update:
    match update:
        case Update(Local(_, None), Field(pointer, cls, name)) if (cls, name) == key_of(followed):
            return replace(update, value=ite(binary("==", pointer, followed.pointer), cursor, update.value))
        case _:
            return update
