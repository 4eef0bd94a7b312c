"""Localization: the system with some shared variables forgotten, whose values are then anybody's guess.

The result allows at least the runs of the whole (Kurshan 1994; Clarke et al., CEGAR, JACM 2003). A condition that reads
a forgotten variable no longer restrains; a value that does may be anything. A proof of it is a proof; a run of it
counts once `verify.lower.expand` has found it in the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from verify.ir import (
    BOOL,
    LIFE,
    PC,
    TRUE,
    Action,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Place,
    Ptr,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
)
from verify.lower.facts import outcomes
from verify.lower.hidden import closed, reads
from verify.lower.simplify import conj, conjuncts, is_boolean, ite
from verify.lower.visible import Key, key_of

__all__ = ["localize", "reads", "shared_keys"]


def shared_keys(system: System) -> frozenset[Key]:
    """Every variable that can be forgotten: globals and fields, but not whether a task exists."""
    fields = {(name, var.name) for name, cls in system.classes.items() for var in cls.fields}
    return frozenset(fields | {("", var.name) for var in system.globals}) - {(system.thread, LIFE)}


def localize(system: System, known: Collection[Key]) -> System:
    """The system that knows only these of its shared variables."""
    shared = shared_keys(system)
    if shared <= set(known):
        return system
    hidden = closed(system, shared, known)[1]
    actions = tuple(dict.fromkeys(_guessing(system, action, hidden) for action in system.actions))
    return replace(system, actions=actions)


def _is_start(place: Place) -> bool:
    return isinstance(place, Local) and place.name == PC


def _matters_unused(part: Expr, unknown: Collection[Key]) -> bool:
    """Whether the condition is that nobody refers to an object, of a class of which it is known what exists."""
    match part:
        case Unary("!", Referenced(_, cls, _)):
            return (cls, LIFE) not in unknown
        case _:
            return False


def _escaping(system: System, action: Action, unknown: Collection[Key]) -> list[Local]:
    """The locals whose objects the action shows to others in a way that is forgotten.

    A store of such a local to itself says so to the passes after this one: its object is private no longer.
    """
    stores = [u for u in action.updates if isinstance(u.place, Global | Field) and key_of(u.place) in unknown]
    values = {value for u in stores if isinstance(system.var(u.place).domain, Ptr) for value in outcomes(u.value)}
    own = [v for v in values if isinstance(v, Local) and v.of is None]
    own += [u.place for u in action.updates if isinstance(u.place, Local) and u.value in values and u.place.of is None]
    return sorted({local for local in own if key_of(local) not in unknown}, key=lambda local: local.name)


def _guessing(system: System, action: Action, hidden: Collection[Key]) -> Action:
    """The action with what it cannot know guessed."""
    unknown = set(hidden)
    guesses = _Guesses(system, unknown, list(action.binders))
    updates = [Update(local, local) for local in _escaping(system, action, unknown)]
    for update in action.updates:
        place, value, when = update.place, update.value, update.when
        if key_of(place) in unknown and not _is_start(place):
            continue
        value = guesses.value(value, system.var(place).domain)
        when = guesses.truth(when)
        if isinstance(place, Field) and not guesses.clear(place.pointer):
            place = Field(guesses.guess(place.pointer, Ptr(place.cls)), place.cls, place.name)
        updates.append(Update(place, value, update.each, when))
    guard = conj(p for p in conjuncts(action.guard) if guesses.clear(p) or _matters_unused(p, unknown))
    return replace(action, guard=guard, updates=tuple(updates), binders=tuple(guesses.binders))


@dataclass(frozen=True, slots=True)
class _Guesses:
    """What an action cannot know, guessed: as little of each expression as possible, and what is the same once."""

    system: System
    unknown: Collection[Key]
    binders: list[Binder]
    known: dict[tuple[Expr, Range | Ptr], Expr] = field(default_factory=dict)

    def clear(self, expr: Expr) -> bool:
        """Whether an expression can be known."""
        return reads(self.system, expr).isdisjoint(self.unknown)

    def guess(self, expr: Expr, domain: Range | Ptr) -> Expr:
        """Any value for an expression; within an action it has one."""
        if (expr, domain) not in self.known:
            binder = Binder(f"guess{len(self.binders)}", domain)
            self.binders.append(binder)
            self.known[expr, domain] = Bound(binder.name)
        return self.known[expr, domain]

    def value(self, expr: Expr, domain: Range | Ptr | Threads) -> Expr:
        """A value to be stored: of a choice it is known between what, even where it is not known which."""
        if self.clear(expr):
            return expr
        match expr, domain:
            case Ite(cond, then, other), _:
                return ite(self.truth(cond), self.value(then, domain), self.value(other, domain))
            case _, Range():
                return self.guess(expr, BOOL if is_boolean(expr) else domain)
            case _, Ptr():
                return ite(self.guess(expr, BOOL), self.guess(expr, domain), Const(0))
            case _:
                return expr

    def truth(self, cond: Expr) -> Expr:
        """A condition; of several at once those that are known still have to hold."""
        told = [part for part in conjuncts(cond) if self.clear(part)]
        hidden = conj(part for part in conjuncts(cond) if not self.clear(part))
        if hidden == TRUE:
            return cond
        return conj([*told, self.guess(hidden, BOOL)]) if told else self.guess(hidden, BOOL)
