"""What is known at a place on a path: values of locals, conditions that were tested, locks that are held."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from verify.source import Span
from verify.syntax.check.locks.symbols import (
    ADDRESSES,
    KERNEL,
    NO_FIELDS,
    NONE,
    NOTHING,
    Sym,
    Value,
    atom,
    mapped,
    mentions,
    operation,
)

EMPTY: Mapping[Any, Any] = MappingProxyType({})
Mode = Literal["write", "read"]  # exclusive locks are held for writing


@dataclass(frozen=True, slots=True)
class Trail:
    """The last event of a path, and the events before it. `point` is a test that could go both ways."""

    before: Trail | None
    text: str
    span: Span
    point: int | None = None
    state: State | None = None  # at that test


@dataclass(frozen=True, slots=True)
class Escape:
    """A function returned with the lock held; `mixed` if it also returns without it."""

    function: str
    span: Span
    mixed: bool


@dataclass(frozen=True, slots=True)
class Status:
    """A lock that this path has taken. `count` 0 is released again; only the big kernel lock counts beyond 1."""

    count: int
    mode: Mode
    site: tuple[int, ...]  # where it was taken: call sites, then the call of the primitive
    text: str = field(compare=False)  # the lock as the source names it
    taken: Trail = field(compare=False)
    escapes: tuple[Escape, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Need:
    """What a path relies on at the entry of the function: the lock is held `count` times."""

    count: int
    mode: Mode
    text: str = field(compare=False)
    trail: Trail = field(compare=False)


class State(NamedTuple):
    """One path's knowledge at a point. A named tuple, since every step of every path makes several."""

    env: Mapping[str, Value] = EMPTY
    memory: Mapping[str, tuple[int, Value, Value]] = EMPTY  # last store: version, base, value
    facts: Mapping[Sym, bool] = EMPTY
    known: Mapping[Sym, int] = EMPTY
    locks: Mapping[Sym, Status] = EMPTY
    needs: Mapping[Sym, Need] = EMPTY
    unsure: frozenset[str] = frozenset()  # fields whose locks are not followed any more: they may be aliases
    shared: frozenset[Sym] = frozenset()  # pointers that were stored in memory
    rounds: int = 0  # of loops so far, up to 2
    trail: Trail | None = None

    def key(self) -> Hashable:
        """What makes two states the same."""
        return (self.signature(), *(frozenset(m.items()) for m in (self.env, self.memory, self.facts, self.known)))

    def signature(self) -> Hashable:
        """The part of the key that speaks of locks."""
        return (frozenset(self.locks.items()), frozenset(self.needs.items()), self.unsure, self.shared, self.rounds)


def events(trail: Trail | None) -> Iterator[Trail]:
    """Yield the events of a path, the last first."""
    while trail is not None:
        yield trail
        trail = trail.before


def noted(state: State, text: str, span: Span) -> State:
    """Return the state with an event added to its path."""
    return state._replace(trail=Trail(state.trail, text, span))


def resolved(state: State, value: Value) -> Value:
    """Return the number that a value is known to be, else the value."""
    return state.known.get(value, value) if isinstance(value, Sym) else value


def truth(state: State, value: Value) -> bool | None:
    """Return whether the value is nonzero, None if both may be."""
    value = resolved(state, value)
    if isinstance(value, int):
        return bool(value)
    condition, same = atom(value)
    found = _atom_truth(state, condition)
    return None if found is None else found == same


def _atom_truth(state: State, condition: Sym) -> bool | None:
    if condition in state.facts:
        return state.facts[condition]
    if condition in state.known:
        return bool(state.known[condition])
    if condition.kind in ADDRESSES:
        return True
    if condition.kind in ("==", "<"):
        left, right = condition.parts
        if isinstance(left, Sym) and not isinstance(right, str):
            a, b = resolved(state, left), resolved(state, right)
            if isinstance(a, int) and isinstance(b, int):
                return bool(operation("==" if condition.kind == "==" else "<", a, b))
            if condition.kind == "==" and isinstance(b, int) and b != 0 and state.facts.get(left) is False:
                return False
    return None


def assumed(state: State, value: Value, outcome: bool) -> State:  # noqa: FBT001
    """Return the state in which an undecided value turned out nonzero or zero."""
    value = resolved(state, value)
    if isinstance(value, int):
        return state
    condition, same = atom(value)
    holds = outcome == same
    facts, known = {**state.facts, condition: holds}, dict(state.known)
    if condition.kind in ("==", "<"):
        left, right = condition.parts
        if isinstance(left, Sym) and isinstance(right, int):
            if condition.kind == "==" and holds:
                known[left] = right
            elif condition.kind == "<" and (right <= 0 if holds else right > 0):
                facts[left] = True
    elif not holds:
        known[condition] = 0
    return state._replace(facts=facts, known=known)


def field_of(lock: Sym) -> str:
    """Return the field or variable that a lock is, without whose it is."""
    name = lock.parts[-1] if lock.parts else ""
    return name if isinstance(name, str) else lock.kind


def renewed(state: State, made: Sym) -> State:
    """Return the state in which `made` is about to be made again: what it was until now is old."""
    old = Sym("old", (made,))
    ancient = Sym("old", (old,))  # all that is older still

    def rename(sym: Sym) -> Value | None:
        return old if sym == made else ancient if sym in (old, ancient) else None

    def moved(value: Value) -> Value:
        return mapped(value, rename)

    terms = (*state.env.values(), *state.facts, *state.known, *state.locks, *state.needs, *state.shared)
    stored = (part for _, base, value in state.memory.values() for part in (base, value))
    if not any(isinstance(t, Sym) and mentions(t, made) for t in (*terms, *stored)):
        return state
    locks = {moved(k): s for k, s in state.locks.items() if not mentions(k, old)}
    needs = {moved(k): n for k, n in state.needs.items() if not mentions(k, old)}
    return state._replace(
        env={name: moved(v) for name, v in state.env.items()},
        memory={f: (n, moved(b), moved(v)) for f, (n, b, v) in state.memory.items()},
        facts={s: t for s, t in state.facts.items() if not mentions(s, made)},
        known={s: n for s, n in state.known.items() if not mentions(s, made)},
        locks={k: s for k, s in locks.items() if isinstance(k, Sym)},
        needs={k: n for k, n in needs.items() if isinstance(k, Sym)},
        shared=frozenset(m for s in state.shared if isinstance(m := moved(s), Sym)),
    )


MAX_FACTS = 32  # conditions that a path remembers, the latest
UNKNOWN = -1  # version of memory that was stored to, when nothing speaks of its earlier versions


def trimmed(state: State, live: frozenset[str], rounds: int, *, since_entry: bool) -> State:
    """Return the state without what no expression can speak of any more: dead locals, lost pointers, old versions.

    That something was stored to at all since the entry of the function is remembered where `since_entry` matters.
    """
    env = {name: v for name, v in state.env.items() if name in live}
    kept = NONE.union(*(t.made for t in (*env.values(), *state.locks, *state.needs, *state.shared) if type(t) is Sym))
    memory: dict[str, tuple[int, Value, Value]] = {}
    for name, entry in state.memory.items():
        version, base, value = entry
        if version != UNKNOWN and _made(base) <= kept and not (type(base) is Sym and base.kind == "old"):
            kept |= _made(value)
            memory[name] = entry
        else:
            memory[name] = (version, NOTHING, 0)
    facts = {s: t for s, t in list(state.facts.items())[-MAX_FACTS:] if s.made <= kept}
    known = {s: n for s, n in list(state.known.items())[-MAX_FACTS:] if s.made <= kept}
    if memory:
        terms = (*env.values(), *facts, *known, *state.locks, *state.needs)
        spoken = NO_FIELDS.union(*(t.fields for t in terms if type(t) is Sym))
        for name in [n for n, (_, base, _) in memory.items() if base == NOTHING and n not in spoken]:
            memory[name] = (UNKNOWN, NOTHING, 0)
            if not since_entry:
                del memory[name]  # its first version again, of which nothing speaks either
    return state._replace(env=env, memory=memory, facts=facts, known=known, rounds=rounds)


def _made(value: object) -> frozenset[Sym]:
    return value.made if isinstance(value, Sym) else NONE


def common(a: State, b: State) -> State:
    """Return what two states with the same locks both know."""
    env = {k: v if a.env.get(k) == v else Sym("site", (0, k)) for k, v in b.env.items()}
    for name, value in env.items():
        if b.env[name] != value and isinstance(value, Sym):
            b = renewed(b, value)
    return b._replace(
        env=env,
        memory={k: v for k, v in b.memory.items() if a.memory.get(k) == v},
        facts={k: v for k, v in b.facts.items() if a.facts.get(k) == v},
        known={k: v for k, v in b.known.items() if a.known.get(k) == v},
    )


def held(state: State, lock: Sym) -> bool:
    """Whether the path holds the lock, as far as it took it itself."""
    status = state.locks.get(lock)
    return status is not None and status.count > 0


def may_be_same(a: Sym, b: Sym) -> bool:
    """Whether two different locks may be one: the same field of what may be the same object."""
    if KERNEL in (a, b):
        return False
    if a.kind != b.kind or a.kind == "param":
        return "param" in (a.kind, b.kind)
    if field_of(a) != field_of(b) or a.kind == "variable":
        return False
    fixed = ("param", "current", "object")
    return not all(isinstance(p, Sym) and p.kind in fixed for p in (a.parts[0], b.parts[0]))
