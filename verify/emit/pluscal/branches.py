"""The ways to go on from a location, as nested statements: tests that they share come first and are made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verify.emit.tla.steps import OPPOSITE, opposite
from verify.emit.tla.terms import chain
from verify.ir import TRUE, Action, Binary, Binder, Bound, Expr, Unary
from verify.universal import parts


@dataclass(frozen=True, slots=True)
class Do:
    """What an action stores and where it leads."""

    action: Action


@dataclass(frozen=True, slots=True)
class Await:
    """A condition without which nothing happens."""

    cond: Expr
    then: Node


@dataclass(frozen=True, slots=True)
class If:
    """One of two, by a condition."""

    cond: Expr
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several."""

    ways: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class With:
    """For any values of the binders."""

    binders: tuple[Binder, ...]
    then: Node


Node = Do | Await | If | Either | With


@dataclass(frozen=True, slots=True)
class _Way:
    """An action and what is left of its guard."""

    action: Action
    conds: tuple[Expr, ...]

    @property
    def first(self) -> Expr | None:
        """What is tested first, if that can be done before values are chosen."""
        chosen = {binder.name for binder in self.action.binders}
        if not self.conds or any(isinstance(part, Bound) and part.name in chosen for part in parts(self.conds[0])):
            return None
        return self.conds[0]

    def under(self, fact: Expr) -> _Way | None:
        """The same way where something holds; None if it is none there."""
        if any(opposite(fact, cond) for cond in self.conds):
            return None
        return _Way(self.action, tuple(cond for cond in self.conds if cond != fact))


def branches(actions: Sequence[Action]) -> Node:
    """The actions of a location, at least one, as one statement."""
    return _node([_Way(a, tuple(part for part in chain(a.guard, "&&") if part != TRUE)) for a in actions])


def negated(cond: Expr) -> Expr:
    """The opposite of a condition."""
    match cond:
        case Binary(op, left, right) if op in OPPOSITE:
            return Binary(OPPOSITE[op], left, right)
        case Unary("!", arg):
            return arg
        case _:
            return Unary("!", cond)


def _node(ways: Sequence[_Way]) -> Node:
    if len(ways) == 1:
        return _leaf(ways[0])
    cond = ways[0].first
    if cond is not None:
        yes = [way for way in ways if way.first == cond]
        no = [way for way in ways if way.first is not None and opposite(cond, way.first)]
        if len(yes) == len(ways):
            return Await(cond, _node(_under(cond, yes)))
        if len(yes) + len(no) == len(ways):
            return If(cond, _node(_under(cond, yes)), _node(_under(negated(cond), no)))
    return Either(tuple(_leaf(way) for way in ways))


def _under(fact: Expr, ways: Sequence[_Way]) -> Sequence[_Way]:
    """The ways that are left after their first test; if nobody can take any, all of them with what they wait for."""
    return [found for way in ways if (found := way.under(fact))] or [_Way(way.action, way.conds[1:]) for way in ways]


def _leaf(way: _Way) -> Node:
    """One action: its values are chosen, then it waits for its conditions."""
    found: Node = Do(way.action)
    for cond in reversed(way.conds):
        found = Await(cond, found)
    return With(way.action.binders, found) if way.action.binders else found
