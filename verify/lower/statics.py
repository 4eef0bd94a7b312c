"""Objects that have names and are never made: their fields as globals, and pointers to them as their numbers.

Few cells tell nothing of a certain object, but a global is the same to all. A class is told so whose objects are all
static; of an access through a pointer there is a case for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from verify.ir import (
    LIFE,
    PUBLISHED,
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Fresh,
    Global,
    Local,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Update,
    Var,
)
from verify.lower.simplify import binary, conj, ite, parts, rebuild
from verify.lower.visible import Key

MOST = 8  # objects of a class: each access through a pointer becomes as many cases

Names = Mapping[str, tuple[str, ...]]  # class: its objects, number 1 first


@dataclass(frozen=True, slots=True)
class WithoutStatics:
    """A system without static objects of some classes, and how to say there what was said of the old one."""

    system: System
    names: Names

    def prop(self, prop: Expr) -> Expr:
        """A property of the old system, of the new one."""
        return _told(self.names, prop)

    def keys(self, keys: Collection[Key]) -> frozenset[Key]:
        """The variables that those of the old system have become."""
        kept = {key for key in keys if key[0] not in self.names}
        moved = {("", _global(name, key[1])) for key in keys for name in self.names.get(key[0], ())}
        return frozenset(kept | moved)


def without_statics(system: System, prop: Expr) -> WithoutStatics:
    """Return the system in which the fields of static objects are globals, of all classes that allow it."""
    if not system.statics:
        return WithoutStatics(system, {})
    asked = {part.cls for expr in (prop, *_exprs(system)) for part in parts(expr) if isinstance(part, Referenced)}
    fresh = {value.cls for group in system.groups for value in group.values.values() if isinstance(value, Fresh)}
    names: dict[str, tuple[str, ...]] = {}
    for static in system.statics:
        if static.cls not in (system.thread, *system.created, *asked, *fresh):
            names[static.cls] = (*names.get(static.cls, ()), static.name)
    names = {cls: found for cls, found in names.items() if len(found) <= MOST}
    if not names:
        return WithoutStatics(system, {})
    added = [
        _var(names, replace(var, name=_global(name, var.name), default=_first(system, cls, var)))
        for cls, found in names.items()
        for name in found
        for var in system.classes[cls].fields
    ]
    classes = {
        name: replace(cls, fields=tuple(_var(names, var) for var in cls.fields))
        for name, cls in system.classes.items()
        if name not in names
    }
    told = replace(
        system,
        classes=classes,
        globals=(*(_var(names, var) for var in system.globals), *added),
        locals=tuple(_var(names, var) for var in system.locals),
        actions=tuple(_action(names, action) for action in system.actions),
        statics=tuple(static for static in system.statics if static.cls not in names),
        initial={key: value for key, value in system.initial.items() if key[0] not in names},
    )
    return WithoutStatics(told, names)


def _global(name: str, field: str) -> str:
    return f"{name}.{field}"


def _first(system: System, cls: str, var: Var) -> int:
    return PUBLISHED if var.name == LIFE else system.initial.get((cls, var.name), var.default)


def _exprs(system: System) -> Iterator[Expr]:
    for action in system.actions:
        yield action.guard
        for update in action.updates:
            yield from (update.place, update.value, update.when)


def _domain(names: Names, domain: Domain, least: int = 0) -> Domain:
    return Range(least, len(names[domain.cls])) if isinstance(domain, Ptr) and domain.cls in names else domain


def _var(names: Names, var: Var) -> Var:
    return replace(var, domain=_domain(names, var.domain))


def _binder(names: Names, binder: Binder) -> Binder:
    domain = _domain(names, binder.domain, 1)
    assert isinstance(domain, Range | Ptr)  # noqa: S101 - as it was
    return replace(binder, domain=domain)


def _told(names: Names, expr: Expr) -> Expr:
    """The expression of the new system."""

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Field(pointer, cls, name) if cls in names:
                return _case(names[cls], rebuild(pointer, leaf), lambda static: Global(_global(static, name)))
            case Quant(quantifier, binder, body):
                return Quant(quantifier, _binder(names, binder), rebuild(body, leaf))
            case _:
                return None

    return rebuild(expr, leaf)


def _case(statics: tuple[str, ...], pointer: Expr, told: Callable[[str], Expr]) -> Expr:
    """What is told of the object that a pointer leads to; 0 of NULL."""
    if isinstance(pointer, Const):
        return told(statics[pointer.value - 1]) if 0 < pointer.value <= len(statics) else Const(0)
    found: Expr = Const(0)
    for number, static in enumerate(statics, start=1):
        found = ite(Binary("==", pointer, Const(number)), told(static), found)
    return found


def _action(names: Names, action: Action) -> Action:
    return replace(
        action,
        guard=_told(names, action.guard),
        binders=tuple(_binder(names, binder) for binder in action.binders),
        updates=tuple(new for update in action.updates for new in _updates(names, update)),
    )


def _updates(names: Names, update: Update) -> Iterator[Update]:
    """The update, once for each object that its place may be a field of."""
    each = update.each
    if each is not None and isinstance(each.domain, Ptr) and each.domain.cls in names:
        for number in range(1, len(names[each.domain.cls]) + 1):
            yield from _updates(names, _of_one(update, each.name, Const(number)))
        return
    value, when = _told(names, update.value), _told(names, update.when)
    match update.place:
        case Field(pointer, cls, name) if cls in names:
            told = _told(names, pointer)
            for number, static in enumerate(names[cls], start=1):
                here = conj([when, binary("==", told, Const(number))])
                if here != Const(0):
                    yield Update(Global(_global(static, name)), value, each, here)
        case Field(pointer, cls, name):
            yield Update(Field(_told(names, pointer), cls, name), value, each, when)
        case Local(name, of) if of is not None:
            yield Update(Local(name, _told(names, of)), value, each, when)
        case _:
            yield Update(update.place, value, each, when)


def _of_one(update: Update, name: str, value: Const) -> Update:
    """A broadcast to one of its objects."""

    def leaf(part: Expr) -> Expr | None:
        return value if part == Bound(name) else None

    place, told, when = (rebuild(expr, leaf) for expr in (update.place, update.value, update.when))
    assert isinstance(place, Field | Local | Global)  # noqa: S101 - as it was
    return Update(place, told, None, when)
