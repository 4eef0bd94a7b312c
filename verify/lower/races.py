"""Data races: two threads stand before conflicting accesses of one cell (Adve and Hill 1990).

Which object a thread is about to access its locals say, and properties read no locals. So an object has sets of
threads, which the steps keep: those that stand before a store to it, before a load of it, by a pointer in a local.
The sets follow from where the threads are and from their locals: no state is there twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    FREE,
    LIFE,
    PUBLISHED,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Ptr,
    Quant,
    System,
    Threads,
    Update,
    Var,
)
from verify.lower.compose import substitute
from verify.lower.facts import facts
from verify.lower.flow import live
from verify.lower.formulas import at
from verify.lower.graph import Key, stem_of
from verify.lower.simplify import binary, conj, negate, parts, rebuild
from verify.lower.stores import stored
from verify.lower.visible import roots

BEFORE = "#before_"  # begins the names of the sets
EACH = Bound("#each")  # the object of a store to every one for which something holds


class Kind(NamedTuple):
    """How a variable is accessed. `marked`: as one that others access at the same time, or in a single step."""

    store: bool
    marked: bool

    def set_for(self, key: Key) -> str:
        """Return the name of the set of threads that are about to access a field so."""
        return f"{BEFORE}{'marked_' * self.marked}{'store' if self.store else 'load'}.{key[1]}"

    def conflicts(self, other: Kind) -> bool:
        """Return whether two threads may not do this and the other at the same time."""
        return (self.store or other.store) and not (self.marked and other.marked)


@dataclass(frozen=True, slots=True)
class Access:
    """What a thread at a location is about to access: a global, or the field of the object of a pointer.

    That of EACH is the field of every object for which `when` holds.
    """

    location: int
    kind: Kind
    pointer: Expr | None
    when: Expr = TRUE


Accesses = Mapping[Key, tuple[Access, ...]]


def accesses(system: System, keys: Collection[Key], marked: Collection[int]) -> Accesses:
    """Every access of these variables; `marked` are locations. Raises InputError where the object is not certain.

    Not those by a pointer to an object that no other thread can reach (`facts`): nobody else stands before these.
    """
    if not keys:
        return {}
    known = facts(system, roots(system), live(system.actions))
    found = defaultdict[Key, dict[Access, None]](dict)
    for action in system.actions:
        private = known[action.source].private if action.source in known else frozenset()
        for key, access in _of(action, keys, marked):
            if not (isinstance(access.pointer, Local) and access.pointer.name in private):
                found[key][access] = None
    return {key: tuple(each) for key, each in found.items()}


def _of(action: Action, keys: Collection[Key], marked: Collection[int]) -> Iterator[tuple[Key, Access]]:
    at_once = action.source in marked
    for key, update in stored(action):
        if key in keys:
            yield key, _access(action, update.place, update, Kind(store=True, marked=at_once))
    for expr, within in _read(action):
        for part in parts(expr):
            if isinstance(part, Global | Field) and stem_of(part) in keys:
                yield stem_of(part), _access(action, part, within, Kind(store=False, marked=at_once))


def _read(action: Action) -> Iterator[tuple[Expr, Update | None]]:
    """The expressions that an action reads, each with the store to every object that it is a part of."""
    yield action.guard, None
    for update in action.updates:
        yield update.value, update
        yield update.when, None if update.each is None else replace(update, when=_is_published(update.each))
        if isinstance(update.place, Field):
            yield update.place.pointer, update


def _is_published(each: Binder) -> Expr:
    assert isinstance(each.domain, Ptr)  # noqa: S101 - a store to every object of a class
    return binary("==", Field(Bound(each.name), each.domain.cls, LIFE), Const(PUBLISHED))


def _access(action: Action, place: Expr, within: Update | None, kind: Kind) -> Access:
    if not isinstance(place, Field):
        return Access(action.source, kind, None)
    each = None if within is None or within.each is None else Bound(within.each.name)
    if within is not None and place.pointer == each:
        when = rebuild(within.when, lambda part: EACH if part == each else None)
        access = Access(action.source, kind, EACH, when)
    else:
        access = Access(action.source, kind, place.pointer)
    said = () if isinstance(access.pointer, Local) else (access.pointer or TRUE, access.when)
    if any(isinstance(part, Local | Bound | Quant) and part != EACH for expr in said for part in parts(expr)):
        message = f"which object's `{place.name}` this accesses is not certain where a thread stands before it"
        hint = "find the object in a statement of its own before, and keep it in a local"
        raise InputError([Diagnostic("KC169", message, action.micro[0].span, hint=hint)])
    return access


# ---- the sets ------------------------------------------------------------------------------------


def with_sets(system: System, found: Accesses) -> System:
    """The system in which objects know the threads that are about to access them by pointers in locals."""
    sets = dict[Key, None]()
    by_local = defaultdict[int, dict[tuple[str, str, str], None]](dict)  # by location: local, class, set
    for key, each in found.items():
        for access in each:
            if isinstance(access.pointer, Local):
                name = access.kind.set_for(key)
                sets[key[0], name] = None
                by_local[access.location][access.pointer.name, key[0], name] = None
    if not sets:
        return system
    classes = {
        name: Class(name, (*cls.fields, *(Var(each, Threads()) for of, each in sets if of == name)))
        for name, cls in system.classes.items()
    }
    actions = tuple(_keeping(action, by_local, sets) for action in system.actions)
    return replace(system, classes=classes, actions=actions)


def _keeping(
    action: Action, by_local: Mapping[int, Collection[tuple[str, str, str]]], sets: Collection[Key]
) -> Action:
    """The action, which also keeps the sets: the thread is taken out of some before it comes into others."""
    out, into = by_local.get(action.source, ()), by_local.get(action.target, ())
    updates = list[Update]()
    for name, cls, each in out:
        updates.append(_changed(Field(Local(name), cls, each), "without"))
    for name, cls, each in into:
        updates.append(_changed(Field(substitute(Local(name), action.updates), cls, each), "with"))
    for update in action.updates:  # nobody is about to access an object that there is no longer
        place = update.place
        if isinstance(place, Field) and place.name == LIFE and update.value == Const(FREE):
            updates += (Update(Field(place.pointer, of, each), Const(0)) for of, each in sets if of == place.cls)
    return replace(action, updates=(*action.updates, *updates)) if updates else action


def _changed(place: Field, how: str) -> Update:
    return Update(place, Binary("with" if how == "with" else "without", place, Me()))


# ---- the property --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """The accesses of a kind that are told from each other in the same way: by a set, or by the locations."""

    kind: Kind
    pointer: Expr | None  # a Local stands for all
    when: Expr


def race_free(system: System, key: Key, found: Accesses) -> Expr:
    """No two threads stand before conflicting accesses of one cell."""
    forms = defaultdict[_Form, set[int]](set)
    for access in found.get(key, ()):
        pointer = Local("") if isinstance(access.pointer, Local) else access.pointer
        forms[_Form(access.kind, pointer, access.when)].add(access.location)
    never = list[Expr]()
    for (number, (one, here)), (other, (two, there)) in product(enumerate(forms.items()), repeat=2):
        if number <= other and one.kind.conflicts(two.kind):
            never.append(_apart(system, key, (one, frozenset(here)), (two, frozenset(there))))
    return conj(never)


def _apart(system: System, key: Key, one: tuple[_Form, frozenset[int]], two: tuple[_Form, frozenset[int]]) -> Expr:
    """No two threads stand before accesses of these forms to one cell."""
    first, second = Binder("one", Ptr(system.thread)), Binder("two", Ptr(system.thread))
    whose = Binder("whose", Ptr(key[0]))
    ends = [_object(form, Bound(of.name)) for (form, _), of in ((one, first), (two, second))]
    cell = next((end for end in ends if end is not None), Bound(whose.name)) if key[0] else None
    bad = [binary("!=", Bound(first.name), Bound(second.name))]
    for (form, locations), of, end in zip((one, two), (first, second), ends, strict=True):
        thread = Bound(of.name)
        if cell is not None and isinstance(form.pointer, Local):
            bad.append(Binary("has", Field(cell, key[0], form.kind.set_for(key)), thread))
            continue
        bad.append(at(thread, locations))
        if cell is not None and form.pointer == EACH:
            bad.append(rebuild(_by(form.when, thread), lambda part: cell if part == EACH else None))
        elif end is not None and cell is not None and end != cell:
            bad.append(binary("==", end, cell))
    if cell is not None and not isinstance(cell, Bound | Const):
        bad.append(binary("!=", cell, Const(0)))
    if one[0].pointer == two[0].pointer == Me():
        return TRUE
    body = negate(conj(bad))
    binders = (first, second, *((whose,) if cell == Bound(whose.name) else ()))
    for binder in reversed(binders):
        body = body if isinstance(body, Const) else Quant("forall", binder, body)
    return body


def _object(form: _Form, thread: Expr) -> Expr | None:
    """The object that a thread is about to access; None where that is a matter of the object."""
    if form.pointer is None or form.pointer == EACH or isinstance(form.pointer, Local):
        return None
    return _by(form.pointer, thread)


def _by(expr: Expr, thread: Expr) -> Expr:
    return rebuild(expr, lambda part: thread if part == Me() else None)
