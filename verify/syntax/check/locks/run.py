"""One function followed on all its paths: what each does to locks, and what is wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from verify.source import Span
from verify.syntax.ast import Call, FunctionDecl
from verify.syntax.check.cfg import Graph
from verify.syntax.check.locks.state import (
    Mode,
    Need,
    State,
    Status,
    Trail,
    field_of,
    held,
    may_be_same,
    noted,
)
from verify.syntax.check.locks.symbols import KERNEL, Sym, Value, subterms
from verify.syntax.check.locks.values import Paths, Reader, forget, paths, primitive
from verify.syntax.check.locks.words import lock_name
from verify.syntax.check.recursion import Context
from verify.syntax.primitives import PRIMITIVES

MAX_TAKES = 16  # of one lock, under different conditions
MAX_NESTING = 8  # of the big kernel lock; beyond it a loop keeps taking it


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong at a place of a path; `state` is the path's knowledge there."""

    code: str
    message: str
    span: Span
    label: str
    lock: Sym
    state: State
    status: Status | None  # of the lock, if the path took it


@dataclass(frozen=True, slots=True)
class Exit:
    """A path that leaves the function."""

    state: State
    value: Value | None
    span: Span


@dataclass(frozen=True, slots=True)
class Take:
    """A path takes a lock that it does not hold itself, so no caller may; and what the path knows then."""

    text: str
    trail: Trail
    facts: Mapping[Sym, bool]
    known: Mapping[Sym, int]


@dataclass(frozen=True, slots=True)
class Run:
    """What is found while a function is followed. The collections grow; nothing else changes."""

    context: Context
    function: FunctionDecl
    graph: Graph
    called: bool  # or nobody can tell what memory held when it began
    exits: list[Exit] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    wants: list[Trouble] = field(default_factory=list)  # releases of locks that only a caller can hold
    takes: dict[Sym, list[Take]] = field(default_factory=dict)
    states: dict[int, list[State]] = field(default_factory=dict)  # at each point
    groups: dict[tuple[int, Hashable], list[State]] = field(default_factory=dict)  # and with the same locks
    seen: dict[int, set[Hashable]] = field(default_factory=dict)
    tests: dict[Sym, set[int]] = field(default_factory=dict)  # the points that test a condition
    touches: dict[str, set[int]] = field(default_factory=dict)  # the points that take or release a lock
    releases: set[str] = field(default_factory=set)  # fields whose locks are released in or through this function
    always: set[str] = field(default_factory=set)  # of those: not only by a callee that releases on some paths
    meetings: dict[int, int] = field(default_factory=dict)  # where the ways from a point meet, once needed
    at: list[int] = field(default_factory=lambda: [0])  # the current point


def touch(run: Run, lock: Sym) -> None:
    """Note that the current point takes or releases a lock."""
    run.touches.setdefault(field_of(lock), set()).add(run.at[0])


def lock_call(call: Call, state: State, reader: Reader, run: Run) -> Paths:
    """Return the outcomes of a lock primitive."""
    row = PRIMITIVES[call.callee]
    mode: Mode = "read" if row.readers else "write"
    done: Paths = []
    arg = [(state, KERNEL)] if not call.args else paths(call.args[0], state, reader)
    for s, lock in arg:
        if not isinstance(lock, Sym):
            done.append((s, 0))
            continue
        touch(run, lock)
        if row.lock == "release":
            run.releases.add(field_of(lock))
            run.always.add(field_of(lock))
        if field_of(lock) in s.unsure:
            done += [(s, 0), (s, 1)] if row.lock == "attempt" else [(s, 0)]
        elif row.lock == "acquire":
            after = acquire(call, s, lock, mode, reader, run)
            done += [] if after is None else [(after, 0)]
        elif row.lock == "release":
            done.append((release(call, s, lock, mode, run), 0))
        else:
            if not held(s, lock):
                done.append((_taken(call, s, lock, mode, reader), 1))
            done.append((s, 0))
    return done


def acquire(call: Call, state: State, lock: Sym, mode: Mode, reader: Reader, run: Run) -> State | None:  # noqa: PLR0913, PLR0917
    """Return the state after a lock is taken, None if the thread waits for itself."""
    status = state.locks.get(lock)
    if status is None:
        event = Trail(state.trail, f"{lock_name(call)} is taken here", call.span)
        take(run, lock, Take(lock_name(call), event, state.facts, state.known))
    elif status.count and (lock != KERNEL or status.count >= MAX_NESTING):
        _again(call, state, lock, status, run)
        return None
    return _taken(call, state, lock, mode, reader)


def take(run: Run, lock: Sym, new: Take) -> None:
    """Note that the function takes a lock, unless no caller can name it or enough paths are known to."""
    known = run.takes.setdefault(lock, [])
    inner = any(part.kind in ("site", "old", "local") for part in subterms(lock))
    same = any(t.facts == new.facts and t.known == new.known for t in known)
    if lock != KERNEL and not inner and not same and len(known) < MAX_TAKES:
        known.append(new)


def _again(call: Call, state: State, lock: Sym, status: Status, run: Run) -> None:
    name = lock_name(call)
    if lock == KERNEL:
        run.troubles.append(Trouble(
            "KC173", f"{name} is taken more often than it is released", call.span,
            f"taken {MAX_NESTING} times on this path", lock, state, status,
        ))  # fmt: skip
        return
    run.troubles.append(Trouble(
        "KC172", f"{name} is taken while it is already held", call.span, "this thread waits for itself", lock, state,
        status,
    ))  # fmt: skip


def _taken(call: Call, state: State, lock: Sym, mode: Mode, reader: Reader) -> State:
    before = state.locks.get(lock)
    alone = not any(status.count for status in state.locks.values())
    state = noted(state, f"{lock_name(call)} is taken here", call.span)
    taken = state.trail
    if taken is None:
        return state
    count = before.count + 1 if before is not None and lock == KERNEL else 1
    if before is not None and before.count:
        status = replace(before, count=count)
    else:
        status = Status(count, mode, (reader.number(call),), lock_name(call), taken)
    after = state._replace(locks={**state.locks, lock: status})
    # what was tested may be protected by a lock that is held all the while
    return forget(after, reader.shared, reader.number(call)) if alone else after


def release(call: Call, state: State, lock: Sym, mode: Mode, run: Run) -> State:
    """Return the state after a lock is released."""
    status, name = state.locks.get(lock), lock_name(call)
    if status is None or not status.count:
        other = next((k for k, s in state.locks.items() if s.count and may_be_same(k, lock)), None)
        if other is not None:
            return distrust(state, other, lock)
    trail = Trail(state.trail, f"{name} is released here", call.span)
    if status is not None and status.count:
        if status.mode != mode:
            words = {"read": "reading", "write": "writing"}
            run.troubles.append(Trouble(
                "KC171", f"{name} is released for {words[mode]} but held for {words[status.mode]}", call.span, "", lock,
                state, status,
            ))  # fmt: skip
            return distrust(state, lock)
        return state._replace(trail=trail, locks={**state.locks, lock: replace(status, count=status.count - 1)})
    need = state.needs.get(lock)
    if (status is None or lock == KERNEL) and not (need is not None and need.count >= MAX_NESTING):
        count = 1 if need is None else need.count + 1
        run.wants.append(unheld(name, call.span, lock, state))
        free = status or Status(0, mode, (), name, trail)
        return state._replace(
            trail=trail, locks={**state.locks, lock: free},
            needs={**state.needs, lock: Need(count, mode, name, trail)},
        )
    run.troubles.append(replace(unheld(name, call.span, lock, state), label="released already"))
    return distrust(state, lock)


def unheld(name: str, span: Span, lock: Sym, state: State) -> Trouble:
    """Return the error of a release that nothing on the path took."""
    message = f"{name} is released, but it is not held here"
    return Trouble("KC171", message, span, "not taken on this path", lock, state, state.locks.get(lock))


def distrust(state: State, *locks: Sym) -> State:
    """Return the state in which the locks of these fields are not followed any more: two of them may be one."""
    names = {field_of(lock) for lock in locks}
    return state._replace(
        unsure=state.unsure | names,
        locks={k: s for k, s in state.locks.items() if field_of(k) not in names},
        needs={k: n for k, n in state.needs.items() if field_of(k) not in names},
    )


def kept(state: State) -> Iterator[tuple[Sym, Status]]:
    """Yield the locks that this path has taken more often than it has released them."""
    for lock, status in state.locks.items():
        need = state.needs.get(lock)
        if status.count > (0 if need is None else need.count):
            yield lock, status


Outcomes = Callable[[Call, State, Reader, Run], Paths]


def calls(run: Run, functions: Outcomes) -> Callable[[Call, State, Reader], Paths]:
    """Return what decides each call: locks here, other primitives by their rows, functions by `functions`."""
    def call(expr: Call, state: State, reader: Reader) -> Paths:
        if expr.kind != "primitive":
            return functions(expr, state, reader, run)
        if PRIMITIVES[expr.callee].lock:
            return lock_call(expr, state, reader, run)
        return primitive(expr, state, reader)

    return call
