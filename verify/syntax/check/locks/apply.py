"""A call: the caller's path goes on in one way for each outcome of the callee that fits what the path knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

from verify.syntax.ast import Call
from verify.syntax.check.locks.effects import ANYTHING, Effects
from verify.syntax.check.locks.run import (
    MAX_NESTING,
    Run,
    Take,
    Trouble,
    distrust,
    take,
    touch,
    unheld,
)
from verify.syntax.check.locks.state import (
    Need,
    State,
    Status,
    Trail,
    assumed,
    events,
    field_of,
    may_be_same,
    renewed,
    resolved,
    truth,
)
from verify.syntax.check.locks.summary import Outcome, Summary
from verify.syntax.check.locks.symbols import KERNEL, Sym, Value, mapped
from verify.syntax.check.locks.values import Paths, Reader, forget, fresh, paths, put, read


def apply(call: Call, state: State, reader: Reader, run: Run, summary: Summary, effects: Effects) -> Paths:  # noqa: PLR0913, PLR0917
    """Return the outcomes of a call."""
    given: list[tuple[State, tuple[Value, ...]]] = [(state, ())]
    for arg in call.args:
        given = [(t, (*values, v)) for s, values in given for t, v in paths(arg, s, reader)]
    done: Paths = []
    for s, values in given:
        at = _Call(call, s, values, reader, run, summary, effects)
        _takes(at)
        for outcome in summary.outcomes:
            done += _applied(at, outcome)
    return done


@dataclass(frozen=True, slots=True)
class _Call:
    call: Call
    state: State
    args: tuple[Value, ...]
    reader: Reader
    run: Run
    summary: Summary
    effects: Effects
    done: dict[Value, Value] = field(default_factory=dict)  # what was translated before

    @property
    def number(self) -> int:
        return self.reader.number(self.call)

    @property
    def callee(self) -> str:
        return self.summary.run.function.name

    def translated(self, value: Value) -> Value:
        """Return a value of the function in terms of the caller."""
        if value not in self.done:
            self.done[value] = self._translated(value)
        return self.done[value]

    def _translated(self, value: Value) -> Value:
        params = {p.name: a for p, a in zip(self.summary.run.function.params, self.args, strict=True)}

        def change(sym: Sym) -> Value | None:
            match sym.kind, sym.parts:
                case "param", (str(name),):
                    return params.get(name)
                case "load", (base, str(name), int(version)) if not isinstance(base, str):
                    where = Sym("field", (mapped(base, change), name))
                    return Sym("load", (*where.parts, self.number)) if version else read(self.state, where)
                case "global", (str(name), int(version)):
                    where = Sym("variable", (name,))
                    return Sym("global", (name, self.number)) if version else read(self.state, where)
                case "target", (where, int(version)) if isinstance(where, Sym):
                    outer = mapped(where, change)
                    known = isinstance(outer, Sym) and not version
                    unknown = Sym("site", (self.number, "target"))
                    return read(self.state, outer) if known and isinstance(outer, Sym) else unknown
                case "site" | "old" | "local", parts:
                    return Sym("site", (self.number, *parts, sym.kind))
                case _:
                    return None

        return mapped(value, change)


def _applied(at: _Call, outcome: Outcome) -> Paths:
    state: State | None = at.state
    for condition, truth_ in outcome.facts.items():
        state = _with(state, at.translated(condition), truth_)
    for value, number in outcome.known.items():
        state = None if state is None else _known(state, at.translated(value), number)
    if state is None:
        return []  # this outcome contradicts what the caller knows
    state = _locks(at, outcome, state)
    names = at.effects.stores - {ANYTHING}
    if names:
        state = forget(state, names, at.number)
    if ANYTHING in at.effects.stores:
        state = _stored(at, outcome, state)
    if outcome.value is not None:
        return [(state, at.translated(outcome.value))]
    if at.effects.fixed:
        return [(state, Sym("result", (at.callee, *at.args)))]
    return [fresh(state, at.call, at.reader)]


def _takes(at: _Call) -> None:
    """Report the locks that the callee takes on a path that fits what the caller knows, and that the caller holds."""
    state = at.state
    released = {at.translated(lock) for o in at.summary.outcomes for lock in o.needs}
    for lock, ways in at.summary.run.takes.items():
        key = at.translated(lock)
        if key in released:
            continue  # it may be released first
        status = state.locks.get(key) if isinstance(key, Sym) else None
        if not isinstance(key, Sym) or field_of(key) in state.unsure or (status is not None and not status.count):
            continue
        for way in ways:
            facts = {at.translated(c): t for c, t in way.facts.items()}
            known = {at.translated(v): n for v, n in way.known.items()}
            if not _fits(state, facts, known):
                continue
            here = Trail(state.trail, f"{way.text} is taken here, in `{at.callee}`", way.trail.span)
            if status is None:
                both = {**state.facts, **{c: t for c, t in facts.items() if isinstance(c, Sym)}}
                numbers = {**state.known, **{v: n for v, n in known.items() if isinstance(v, Sym)}}
                take(at.run, key, Take(way.text, here, both, numbers))
                continue
            touch(at.run, key)
            at.run.troubles.append(Trouble(
                "KC172", f"`{at.callee}` takes {way.text}, which is already held", at.call.span,
                "this thread waits for itself", key, state._replace(trail=here), status,
            ))  # fmt: skip
            break


def _fits(state: State, facts: Mapping[Value, bool], known: Mapping[Value, int]) -> bool:
    conflict = any(truth(state, c) == (not t) for c, t in facts.items())
    return not conflict and all(resolved(state, v) in (n, v) for v, n in known.items())


def _stored(at: _Call, outcome: Outcome, state: State) -> State:
    """Return the state after the callee's stores through its reference parameters."""
    for index, (param, where) in enumerate(zip(at.summary.run.function.params, at.args, strict=True)):
        if isinstance(where, Sym) and param.name in outcome.finals:
            unknown = Sym("site", (at.number, index))
            final = outcome.finals[param.name]
            state = renewed(state, unknown) if final is None else state
            state = put(state, where, unknown if final is None else at.translated(final), at.number)
    return state


def _with(state: State | None, value: Value, outcome: bool) -> State | None:  # noqa: FBT001
    if state is None:
        return None
    known = truth(state, value)
    if known is None:
        return assumed(state, value, outcome)
    return state if known == outcome else None


def _known(state: State, value: Value, number: int) -> State | None:
    if isinstance(value, int):
        return state if value == number else None
    if value in state.known:
        return state if state.known[value] == number else None
    return state._replace(known={**state.known, value: number})


def _locks(at: _Call, outcome: Outcome, state: State) -> State:
    """Return the caller's state after what the callee needs and does."""
    keys = {lock: at.translated(lock) for lock in {*outcome.needs, *outcome.locks}}
    if outcome.unsure:
        state = state._replace(unsure=state.unsure | outcome.unsure)
    if len(set(keys.values())) < len(keys):  # two locks of the callee are one here: the order decides
        return distrust(state, *(k for k in keys.values() if isinstance(k, Sym)))
    changes = bool(outcome.locks)
    if changes:
        state = state._replace(trail=Trail(state.trail, f"`{at.callee}` is called here", at.call.span))
    for lock, need in outcome.needs.items():
        key = keys[lock]
        if isinstance(key, Sym) and field_of(key) not in state.unsure:
            some = any(lock not in o.needs for o in at.summary.outcomes)
            state = _need(at, key, need, _Way(lasting=lock in outcome.locks, some=some), state)
    for lock, status in outcome.locks.items():
        key = keys[lock]
        if isinstance(key, Sym) and field_of(key) not in state.unsure:
            touch(at.run, key)
            needed = outcome.needs[lock].count if lock in outcome.needs else 0
            state = _change(at, key, status, needed, outcome, state)
    return state


@dataclass(frozen=True, slots=True)
class _Way:
    """How the callee releases a lock: not only to take it again; only on some of its paths."""

    lasting: bool
    some: bool


def _need(at: _Call, key: Sym, need: Need, way: _Way, state: State) -> State:
    """Check that a lock is held which the callee releases first."""
    status, entry = state.locks.get(key), state.needs.get(key)
    count = 0 if status is None else status.count
    here = replace(need, trail=Trail(state.trail, f"{need.trail.text}, in `{at.callee}`", need.trail.span))
    at.run.releases.add(field_of(key))
    at.run.always.update(() if way.some else {field_of(key)})
    touch(at.run, key)
    if not count:
        other = next((k for k, s in state.locks.items() if s.count and may_be_same(k, key)), None)
        if other is not None:
            return distrust(state, other, key)
    missing = need.count - count
    if missing <= 0:
        return state
    trouble = unheld(need.text, at.call.span, key, state._replace(trail=here.trail))
    if way.some:  # the callee takes it itself on other paths: the error is there
        trouble = replace(trouble, span=need.trail.span)
    else:
        trouble = replace(trouble, message=f"`{at.callee}` releases {need.text}, which is not held here")
    if status is not None and key != KERNEL:
        at.run.troubles.append(trouble)
        return distrust(state, key)
    at.run.wants.append(trouble)
    before = 0 if entry is None else entry.count
    if before + missing > MAX_NESTING or not way.lasting:
        return state
    free = status or Status(0, need.mode, (), need.text, here.trail)
    return state._replace(
        needs={**state.needs, key: replace(here, count=before + missing)},
        locks={**state.locks, key: replace(free, count=free.count + missing)},
    )


def _change(at: _Call, key: Sym, status: Status, needed: int, outcome: Outcome, state: State) -> State:  # noqa: PLR0913, PLR0917
    """Return the state with the callee's net effect on one lock."""
    before = state.locks.get(key)
    count = max(0, (0 if before is None else before.count) - needed + status.count)
    if key != KERNEL:
        count = min(count, 1)  # taken twice was an error already
    if status.count > needed and not (before is not None and before.count and key == KERNEL):
        deeper = len(status.escapes) > 1  # the text says already in which function
        text = status.taken.text if deeper else f"{status.taken.text}, in `{at.callee}`"
        taken = Trail(state.trail, text, status.taken.span)
        trail = taken
        for event in reversed([*takewhile(lambda e: e is not status.taken, events(outcome.trail))]):
            trail = Trail(trail, event.text, event.span)
        trail = Trail(trail, f"`{at.callee}` returns here with it held", outcome.span)
        new = replace(status, count=count, site=(at.number, *status.site), taken=taken)
        state = state._replace(trail=trail)
    else:
        new = replace(before or status, count=count)
        trail = Trail(state.trail, f"`{at.callee}` releases {status.text}", at.call.span)
        state = state._replace(trail=trail)
    if key == KERNEL and count > MAX_NESTING:
        at.run.troubles.append(Trouble(
            "KC173", f"{status.text} is taken more often than it is released", at.call.span,
            f"taken more than {MAX_NESTING} times on this path", key, state, new,
        ))  # fmt: skip
        return state
    return state._replace(locks={**state.locks, key: new})
