"""Every store to a variable: where it stands in the text, what it is to, and which locks are surely held there.

What is surely held is found by a forward analysis of every path through the system as it is lowered (`lower.facts`):
no state is searched and no solver asked, and what it says holds in every run. A lock that another thread may let go
of for its holder counts for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from verify.diagnostics import Diagnostic, InputError
from verify.ir import Const, Expr, Field, Global, Local, Me, Place, System, Update, Var
from verify.lower.effects import BIG_LOCK
from verify.lower.facts import Facts, facts
from verify.lower.flow import live
from verify.lower.graph import Key
from verify.lower.movers import broken_locks
from verify.lower.stores import in_text, stored
from verify.lower.visible import key_of, roots
from verify.report.names import bare
from verify.report.writers import Held, Object, StoreFound
from verify.source import Span, statement
from verify.syntax.types import Struct

if TYPE_CHECKING:
    from verify.lower import Lowered
    from verify.syntax.program import Program

READERS = ".readers"
NEAR = 3  # names that a hint gives


@dataclass(frozen=True, slots=True)
class _Taken:
    """A store as one step of the system takes it."""

    object: Object
    held: frozenset[Held]
    value: int | None


def field_named(program: Program, name: str, place: Span) -> Key:
    """The variable that a user means by `struct.field`, a field's bare name, or that of a global. Raises InputError."""
    variables = [name for name, declared in program.globals.items() if not isinstance(declared.declared, Struct)]
    fields = [(struct, field.name) for struct, declared in program.structs.items() for field in declared.fields]
    owner, _, last = name.rpartition(".")
    if not owner and last in variables:
        return "", last
    found = [key for key in fields if key[1] == last and owner in ("", key[0])]
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"`{struct}.{last}`" for struct, _ in found)
        message = f"more than one struct has a field `{last}`"
        raise InputError([Diagnostic("KC165", message, place, hint=f"write {choices}")])
    known = [*variables, *(f"{struct}.{field}" for struct, field in fields)]
    alike = get_close_matches(last, [text.rpartition(".")[2] for text in known], n=NEAR)
    near = get_close_matches(name, known, n=NEAR) or [text for text in known if text.rpartition(".")[2] in alike]
    hint = f"did you mean {' or '.join(f'`{text}`' for text in near[:NEAR])}?" if near else ""
    raise InputError([Diagnostic("KC101", f"unknown field `{name}`", place, hint=hint)])


def inventory(program: Program, lowered: Lowered, key: Key) -> tuple[StoreFound, ...]:
    """Every store to the variable in the order of the text, also those that no thread of the system comes to."""
    system = lowered.system
    known = facts(system, roots(system), live(system.actions))
    broken = broken_locks(system, known)
    taken = defaultdict[tuple[str, Span], set[_Taken]](set)
    for action in system.actions:
        here = known.get(action.source)
        for of, update in stored(action):
            if of != key or here is None:
                continue
            for store in lowered.stores.get(key, ()):
                if store.in_step(action):
                    taken[store.function, store.span].add(_taken(system, update, here, broken))
    return tuple(
        _found(store.function, store.label, store.span, store.way, taken.get((store.function, store.span), set()))
        for store in in_text(program, key)
    )


def _found(function: str, label: str, span: Span, way: str, taken: Collection[_Taken]) -> StoreFound:
    values = {one.value for one in taken}
    value = values.pop() if len(values) == 1 else None
    held = frozenset.intersection(*(one.held for one in taken)) if taken else frozenset[Held]()
    objects = tuple(sorted({one.object for one in taken}))
    return StoreFound(
        function, label, span, statement(span), way, value, objects, tuple(sorted(held)), reached=bool(taken)
    )


def _taken(system: System, update: Update, here: Facts, broken: Collection[Key]) -> _Taken:
    pointer = update.place.pointer if isinstance(update.place, Field) else None
    value = update.value.value if isinstance(update.value, Const) else None
    held = (
        _held(system, place, pointer, exclusive=exclusive) for place, exclusive in here.locks
        if not any(_is_half(key_of(place), key) for key in broken)
    )  # fmt: skip
    return _Taken(_object(pointer, here), frozenset(one for one in held if one is not None), value)


def _is_half(one: Key, other: Key) -> bool:
    """Whether two variables are one lock, or the two halves of an rwlock."""
    return (one[0], one[1].removesuffix(READERS)) == (other[0], other[1].removesuffix(READERS))


def _object(pointer: Expr | None, here: Facts) -> Object:
    match pointer:
        case None:
            return "global"
        case Me():
            return "own"
        case Const():
            return "static"
        case Local(name, None) if name in here.private:
            return "private"
        case _:
            return "any"


def _held(system: System, place: Place, pointer: Expr | None, *, exclusive: bool) -> Held | None:
    """A lock in words that mean the same in every copy of a function; None if there are none."""
    stem = place.name.removesuffix(READERS)
    names = {var.name for var in _beside(system, place)}
    mode = "" if f"{stem}{READERS}" not in names else "for writing" if exclusive else "for reading"
    match place:
        case Global():
            return Held("global", "the big kernel lock" if place == BIG_LOCK else stem, "", mode)
        case Field(owner, cls, _) if owner == pointer:
            return Held("object", stem, cls, mode)
        case Field(Me(), cls, _):
            return Held("current", stem, cls, mode)
        case Field(Const(number), cls, _):
            return Held("global", f"{[s.name for s in system.statics if s.cls == cls][number - 1]}.{stem}", "", mode)
        case Field(Local(name), cls, _) if bare(name):
            return Held("other", f"{bare(name)}->{stem}", cls, mode)
        case _:
            return None


def _beside(system: System, place: Place) -> tuple[Var, ...]:
    """The variables of the cell that a place is in."""
    return system.classes[place.cls].fields if isinstance(place, Field) else system.globals
