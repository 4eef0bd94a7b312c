"""Which classes have cells that some expression can tell apart by their numbers, so that they must keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from verify.ir import (
    Binary,
    Binder,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Ptr,
    Quant,
    Referenced,
    System,
    Threads,
    Unary,
    Wrap,
)
from verify.semantics import operate

SET = ""  # what a set of threads is called among the class names
Kind = frozenset[str | int | None]  # what a value may be: a pointer to a class or a set; a constant; another number
CONSTANTS = 64  # that a value is followed as; of more, only that it is a number
NUMBER: Kind = frozenset({None})
Env = Mapping[str, Kind]


@dataclass(slots=True)
class _Judge:
    """Collects the classes found rigid."""

    system: System
    statics: Mapping[str, int]
    found: set[str] = field(default_factory=set)

    def mark(self, atoms: Iterable[str | int | None]) -> None:
        """Every class that a value may point to is rigid; for a set, the thread class."""
        self.found |= {atom or self.system.thread for atom in atoms if isinstance(atom, str)}

    def named(self, atom: str | int | None, cls: str) -> bool:
        """Whether `atom` is a value that every permutation of class `cls` leaves alone."""
        return isinstance(atom, int) and 0 <= atom <= self.statics.get(cls, 0)

    def points(self, kind: Kind, cls: str) -> None:
        """A value is used as a pointer to `cls` (or as a set)."""
        if any(atom != cls and not self.named(atom, cls) for atom in kind):
            self.mark([cls, *kind])

    def meet(self, left: Kind, right: Kind) -> None:
        """Two values are compared for equality."""
        for cls in {atom for atom in left | right if isinstance(atom, str)}:
            self.points(left | right, cls)


def rigid(system: System, prop: Expr | None) -> frozenset[str]:
    """Return the classes whose objects cannot be renumbered without changing what an action or `prop` means.

    That is: pointers to them are put in order, calculated with, stored as numbers, or compared with a number that is
    neither NULL nor a static's. Statics themselves are told apart by name and always keep their places.
    """
    statics = {cls: sum(static.cls == cls for static in system.statics) for cls in system.classes}
    judge = _Judge(system, statics)
    if prop is not None:
        _kind(judge, prop, {})
    for action in system.actions:
        env = {binder.name: _values(binder.domain) for binder in action.binders}
        _kind(judge, action.guard, env)
        for update in action.updates:
            inner = env if update.each is None else _bind(env, update.each)
            _kind(judge, update.when, inner)
            _kind(judge, update.place, inner)
            stored = _kind(judge, update.value, inner)
            match system.var(update.place).domain:
                case Ptr(cls):
                    judge.points(stored, cls)
                case Threads():
                    judge.points(stored, SET)
                case _:
                    judge.mark(stored)
    return frozenset(judge.found)


def _bind(env: Env, binder: Binder) -> Env:
    return {**env, binder.name: _values(binder.domain)}


def _values(domain: Domain) -> Kind:
    match domain:
        case Ptr(cls):
            return frozenset({cls})
        case Threads():
            return frozenset({SET})
        case _:
            return NUMBER


def _kind(judge: _Judge, expr: Expr, env: Env) -> Kind:
    """What the value of `expr` may be; marks the classes that some part of it tells apart."""
    match expr:
        case Const(number):
            return frozenset({number})
        case Me():
            return frozenset({judge.system.thread})
        case Bound(name):
            return env[name]
        case Global():
            return _values(judge.system.var(expr).domain)
        case Local(_, of):
            judge.points(_kind(judge, of or Me(), env), judge.system.thread)
            return _values(judge.system.var(expr).domain)
        case Field(pointer, cls, _):
            judge.points(_kind(judge, pointer, env), cls)
            return _values(judge.system.var(expr).domain)
        case Unary(op, arg):
            kind = _kind(judge, arg, env)
            if op != "!":
                judge.mark(kind)
            return NUMBER
        case Binary():
            return _binary(judge, expr, env)
        case Ite(cond, then, other):
            _kind(judge, cond, env)
            return _kind(judge, then, env) | _kind(judge, other, env)
        case Wrap(_, _, arg):
            judge.mark(_kind(judge, arg, env))
            return NUMBER
        case Quant(_, binder, body):
            _kind(judge, body, _bind(env, binder))
            return NUMBER
        case Referenced(pointer, cls, _):
            judge.points(_kind(judge, pointer, env), cls)
            return NUMBER
        case _:
            assert_never(expr)


def _binary(judge: _Judge, expr: Binary, env: Env) -> Kind:
    left, right = _kind(judge, expr.left, env), _kind(judge, expr.right, env)
    constants = [[atom for atom in kind if isinstance(atom, int)] for kind in (left, right)]
    if len(constants[0]) == len(left) and len(constants[1]) == len(right) and len(left) * len(right) <= CONSTANTS:
        return frozenset(operate(expr.op, a, b) for a in constants[0] for b in constants[1])
    match expr.op:
        case "&&" | "||":
            return NUMBER
        case "==" | "!=":
            judge.meet(left, right)
            return NUMBER
        case "has" | "with" | "without":
            judge.points(left, SET)
            judge.points(right, judge.system.thread)
            return NUMBER if expr.op == "has" else frozenset({SET})
        case "&" | "|" | "^" if SET in left | right:
            judge.points(left | right, SET)
            return frozenset({SET})
        case _:
            judge.mark(left | right)
            return NUMBER
