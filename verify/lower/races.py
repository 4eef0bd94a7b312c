"""Data races: two threads stand before conflicting accesses of one cell (Adve and Hill 1990, of sequential consistency).

Which object a thread is about to access, its locals say, and properties read no locals: where a thread stands before
an access that a claim speaks of, fields of its own object mirror the locals that lead there. Everywhere else they have
their default, so that no state is there twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    LIFE,
    PUBLISHED,
    Action,
    Binder,
    Bound,
    Class,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Ptr,
    Quant,
    System,
    Update,
    Var,
)
from verify.lower.compose import substitute
from verify.lower.facts import facts
from verify.lower.flow import live
from verify.lower.formulas import at
from verify.lower.graph import Key, stem_of
from verify.lower.simplify import binary, conj, disj, negate, parts, rebuild
from verify.lower.stores import stored
from verify.lower.visible import roots

ABOUT = "#about"  # begins the names of the fields that mirror locals
Object = Callable[[Expr], Expr]  # whether an object is the one that is accessed


@dataclass(frozen=True, slots=True)
class Access:
    """What a thread at a location is about to do to a variable.

    `pointer` leads to the object, in terms of the thread's locals; None of a global. With `when` it does so to every
    object `each` for which that holds.
    """

    location: int
    write: bool
    marked: bool
    pointer: Expr | None
    when: Expr | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Where threads access the variables that claims about races speak of, and what mirrors their locals there."""

    accesses: Mapping[Key, tuple[Access, ...]] = field(default_factory=dict)
    mirrors: Mapping[int, Mapping[str, str]] = field(default_factory=dict)  # location, local: field of the thread's object


EACH = Bound("#each")  # the object of a store to every one


def watched(system: System, keys: Collection[Key], marked: Collection[int]) -> tuple[System, Watched]:
    """The system with what claims about races on these variables need to see. Raises InputError where that cannot be.

    What only its own thread can reach, by `facts`, nobody else stands before: such accesses count for nothing.
    """
    if not keys:
        return system, Watched()
    alive = live(system.actions)
    known = facts(system, roots(system), alive)
    found = defaultdict[Key, dict[Access, None]](dict)
    for action in system.actions:
        here = known.get(action.source)
        for key, access in _accesses(action, keys, marked):
            own = isinstance(access.pointer, Local) and here is not None and access.pointer.name in here.private
            if not own:
                found[key][access] = None
    wanted = defaultdict[int, set[str]](set)
    for access in (access for each in found.values() for access in each):
        wanted[access.location] |= {part.name for expr in (access.pointer, access.when) if expr is not None
                                    for part in parts(expr) if isinstance(part, Local)}
    mirrors, fields = _mirrors(system, wanted)
    thread = system.classes[system.thread]
    classes = {**system.classes, system.thread: Class(thread.name, (*thread.fields, *fields))}
    actions = tuple(_mirroring(system, action, mirrors, fields) for action in system.actions)
    return (
        replace(system, classes=classes, actions=actions),
        Watched({key: tuple(each) for key, each in found.items()}, mirrors),
    )


# ---- accesses ------------------------------------------------------------------------------------


def _accesses(action: Action, keys: Collection[Key], marked: Collection[int]) -> Iterator[tuple[Key, Access]]:
    """What the action accesses of the variables. Raises InputError where it cannot be told of which object."""
    at_once = action.source in marked
    for key, update in stored(action):
        if key in keys:
            yield key, _access(action, update.place, update, at_once, write=True)
    for expr, within in _read(action):
        for part in parts(expr):
            if isinstance(part, Global | Field) and stem_of(part) in keys:
                yield stem_of(part), _access(action, part, within, at_once, write=False)


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


def _access(action: Action, place: Expr, update: Update | None, marked: bool, *, write: bool) -> Access:  # noqa: FBT001 - of the location
    if not isinstance(place, Field):
        return Access(action.source, write, marked, None)
    each = None if update is None else update.each
    if update is not None and each is not None and place.pointer == Bound(each.name):
        when = rebuild(update.when, lambda part: EACH if part == Bound(each.name) else None)
        access = Access(action.source, write, marked, EACH, when)
    else:
        access = Access(action.source, write, marked, place.pointer)
    for expr in (access.pointer, access.when):
        unknown = expr is not None and any(
            (isinstance(part, Bound) and part != EACH) or isinstance(part, Quant) or (isinstance(part, Local) and part.of)
            for part in parts(expr)
        )
        if unknown:
            message = f"which object's `{place.name}` this accesses is not certain where a thread stands before it"
            hint = "find the object before the `atomic`, in a local"
            raise InputError([Diagnostic("KC168", message, action.micro[0].span, hint=hint)])
    return access


# ---- mirrors -------------------------------------------------------------------------------------


def _mirrors(
    system: System, wanted: Mapping[int, Collection[str]]
) -> tuple[dict[int, dict[str, str]], tuple[Var, ...]]:
    """A field for each local that is wanted somewhere; those that never are at one place share one."""
    fields = dict[tuple[Domain, int, int], Var]()
    found = dict[int, dict[str, str]]()
    for location in sorted(wanted):
        used = Counter[tuple[Domain, int]]()
        for name in sorted(wanted[location]):
            var = system.var(Local(name))
            kind = (var.domain, var.default)
            slot = (*kind, used[kind])
            used[kind] += 1
            if slot not in fields:
                fields[slot] = Var(f"{ABOUT}{len(fields) + 1}", var.domain, var.default)
            found.setdefault(location, {})[name] = fields[slot].name
    return found, tuple(fields.values())


def _mirroring(
    system: System, action: Action, mirrors: Mapping[int, Mapping[str, str]], fields: Iterable[Var]
) -> Action:
    """The action, which also keeps the mirrors of its thread."""
    old, new = mirrors.get(action.source, {}), mirrors.get(action.target, {})
    if not old and not new:
        return action
    updates = list(action.updates)
    shown = {mirror: substitute(Local(name), action.updates) for name, mirror in new.items()}
    for var in fields:
        place = Field(Me(), system.thread, var.name)
        if var.name in shown:
            updates.append(Update(place, shown[var.name]))
        elif var.name in old.values():
            updates.append(Update(place, Const(var.default)))
    return replace(action, updates=tuple(updates))


# ---- the property --------------------------------------------------------------------------------


def race_free(system: System, key: Key, found: Watched) -> Expr:
    """No two threads stand before accesses of one cell of which one is a store and one is not marked."""
    forms = defaultdict[tuple[bool, bool, Expr | None, Expr | None], set[int]](set)
    for access in found.accesses.get(key, ()):
        mirror = found.mirrors.get(access.location, {})
        pointer, when = (_mirrored(system, expr, mirror) for expr in (access.pointer, access.when))
        forms[access.write, access.marked, pointer, when].add(access.location)
    one, two = Binder("one", Ptr(system.thread)), Binder("two", Ptr(system.thread))
    bad = list[Expr]()
    for (number, (first, here)), (other, (second, there)) in product(enumerate(forms.items()), repeat=2):
        (write, is_marked, *whose), (also, marked_too, *its) = first, second
        if not write or (is_marked and marked_too) or (also and other < number) or whose == its == [Me(), None]:
            continue
        same = _same(key[0], [_of(expr, Bound(one.name)) for expr in whose], [_of(expr, Bound(two.name)) for expr in its])
        bad.append(conj([at(Bound(one.name), frozenset(here)), at(Bound(two.name), frozenset(there)), same]))
    apart = binary("!=", Bound(one.name), Bound(two.name))
    never = negate(conj([apart, disj(bad)]))
    return never if isinstance(never, Const) else Quant("forall", one, Quant("forall", two, never))


def _mirrored(system: System, expr: Expr | None, mirror: Mapping[str, str]) -> Expr | None:
    """An expression of a thread, with the fields that mirror its locals."""
    if expr is None:
        return None
    return rebuild(
        expr, lambda part: Field(Me(), system.thread, mirror[part.name]) if isinstance(part, Local) else None
    )


def _of(expr: Expr | None, thread: Expr) -> Expr | None:
    return None if expr is None else rebuild(expr, lambda part: thread if part == Me() else None)


def _same(cls: str, one: list[Expr | None], two: list[Expr | None]) -> Expr:
    """Whether two threads access the same object; each with the pointer, and the condition on every object."""
    (pointer, when), (twin, also) = one, two
    if pointer is None or twin is None:
        return Const(1)
    if pointer == EACH == twin:
        whose = Binder(EACH.name, Ptr(cls))
        return Quant("exists", whose, conj([when or Const(1), also or Const(1)]))
    if pointer == EACH:
        return conj([_there(twin), _for(when, twin)])
    if twin == EACH:
        return conj([_there(pointer), _for(also, pointer)])
    return conj([_there(pointer), binary("==", pointer, twin)])


def _there(pointer: Expr) -> Expr:
    return Const(1) if isinstance(pointer, Bound | Const) else binary("!=", pointer, Const(0))


def _for(when: Expr | None, pointer: Expr) -> Expr:
    return Const(1) if when is None else rebuild(when, lambda part: pointer if part == EACH else None)
