"""All paths of a function, states that know the same met once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from verify.source import Span
from verify.syntax.ast import Assert, Assume, Choose, Declare, Do, Foreach, Loop, Return, Stmt, Switch
from verify.syntax.check.cfg import END, Edge, Point
from verify.syntax.check.flow import end_of
from verify.syntax.check.locks.effects import stored
from verify.syntax.check.locks.liveness import live
from verify.syntax.check.locks.run import Exit, Run, Trouble
from verify.syntax.check.locks.state import State, Trail, assumed, common, resolved, trimmed, truth
from verify.syntax.check.locks.symbols import Sym, Value, atom, mentions, operation
from verify.syntax.check.locks.values import Reader, forget, fresh, paths
from verify.syntax.check.postdominators import back_edges
from verify.syntax.check.walk import expressions

MAX_STATES = 16  # at a point with the same locks; beyond it what they know is weakened to what they share
MAX_ALL_STATES = 400  # at a point
MAX_STEPS = 10_000  # of one function
FEW_STEPS = 200  # of a function of which little is of interest

Moves = list[tuple[Edge, State]]


def explore(
    run: Run, start: State, reader: Reader, budget: list[int], *, enough: Callable[[Run], bool] | None = None
) -> bool:
    """Follow a function from `start`; return whether all paths were followed within the limits.

    With `enough`, few steps are made, and none after it holds.
    """
    most = FEW_STEPS if enough else MAX_STEPS
    back = back_edges(run.graph)
    alive = live(run.graph)
    queue: deque[tuple[int, State]] = deque()
    _arrive(run, run.graph.entry, start, queue)
    steps = 0
    while queue:
        steps += 1
        budget[0] -= 1
        if steps > most or budget[0] < 0:
            return False
        at, state = queue.popleft()
        run.at[0] = at
        point = run.graph.points[at]
        if at == END:
            run.exits.append(Exit(state, None, end_of(run.function)))
        elif isinstance(point.stmt, Return):
            _leave(point.stmt, state, reader, run)
        if enough and enough(run):
            return True
        for edge, after in _moves(at, point, state, reader, run):
            rounds = min(2, after.rounds + 1) if (at, edge.to) in back else after.rounds
            settled = _without_lost(trimmed(after, alive[edge.to], rounds, since_entry=run.called), point, run)
            if not _arrive(run, edge.to, settled, queue):
                return False
    return True


def _arrive(run: Run, to: int, state: State, queue: deque[tuple[int, State]]) -> bool:
    """Add a state to a point unless it knows nothing new; False if there are too many."""
    seen = run.seen.setdefault(to, set())
    states = run.states.setdefault(to, [])
    key = state.key()
    if key in seen:
        return True
    same = run.groups.setdefault((to, state.signature()), [])
    if len(same) >= MAX_STATES:
        state = common(same[-1], state)
        key = state.key()
        if key in seen:
            return True
    seen.add(key)
    same.append(state)
    states.append(state)
    queue.append((to, state))
    return len(states) <= MAX_ALL_STATES


def _leave(stmt: Return, state: State, reader: Reader, run: Run) -> None:
    if stmt.value is None:
        run.exits.append(Exit(state, None, stmt.span))
        return
    for after, value in paths(stmt.value, state, reader):
        run.exits.append(Exit(after, resolved(after, value), stmt.span))


def _moves(at: int, point: Point, state: State, reader: Reader, run: Run) -> Moves:
    if point.test is not None and isinstance(point.stmt, Switch):
        return _switch(at, point, point.stmt, state, reader, run)
    if point.test is not None:
        return _branch(at, point, state, reader, run)
    if isinstance(point.stmt, Choose):
        return [
            (edge, state._replace(trail=Trail(state.trail, "this branch of `choose`", branch.span)))
            for edge, branch in zip(point.edges, point.stmt.branches, strict=True)
        ]
    if point.effect is not None:
        return [(e, s) for s, _ in paths(point.effect, state, reader) for e in point.edges]
    return [(e, s) for s in _after(point.stmt, state, reader) for e in point.edges]


def _after(stmt: Stmt | None, state: State, reader: Reader) -> list[State]:
    match stmt:
        case Do(expr):
            return [s for s, _ in paths(expr, state, reader)]
        case Declare(value=None, unique=unique):
            after, made = fresh(state, stmt, reader)
            return [after._replace(env={**after.env, unique: made})]
        case Declare(value=given, unique=unique) if given is not None:
            return [s._replace(env={**s.env, unique: resolved(s, v)}) for s, v in paths(given, state, reader)]
        case Assume(cond) | Assert(cond):
            return [assumed(s, v, True) for s, v in paths(cond, state, reader) if truth(s, v) is not False]
        case Foreach():
            names = [n for e in expressions(stmt) for n in stored(e, reader.file)]
            return [forget(state, names, reader.number(stmt))]
        case _:
            return [state]


def _branch(at: int, point: Point, state: State, reader: Reader, run: Run) -> Moves:
    moves: Moves = []
    test = point.test
    if test is None:
        return moves
    for s, value in paths(test, state, reader):
        known = truth(s, value)
        _tested(value, at, run)
        for edge in point.edges:
            way = bool(edge.taken)
            if known is None or known == way:
                after = assumed(s, value, way)
                moves.append((edge, after._replace(trail=_trail(point, way, at if known is None else None, s))))
    return moves


def _tested(value: Value, at: int, run: Run) -> None:
    if isinstance(value, Sym):
        run.tests.setdefault(atom(value)[0], set()).add(at)


def _trail(point: Point, way: bool, undecided: int | None, state: State) -> Trail | None:  # noqa: FBT001
    if point.test is None:
        return state.trail
    if isinstance(point.stmt, Loop):
        text = "this loop goes on" if way else "this loop ends"
    else:
        text = "this branch is taken" if way else "this branch is not taken"
    return Trail(state.trail, text, point.test.span, undecided, state)


def _switch(at: int, point: Point, stmt: Switch, state: State, reader: Reader, run: Run) -> Moves:  # noqa: PLR0913, PLR0917
    moves: Moves = []
    for s, value in paths(stmt.subject, state, reader):
        rest: State | None = s
        for edge in point.edges:
            if edge.case is None or edge.case < 0:
                continue
            for given in stmt.cases[edge.case].values:
                for t, number in paths(given, s, reader):
                    same = operation("==", resolved(t, value), number)
                    known = truth(t, same)
                    _tested(same, at, run)
                    if known is not False:
                        note = Trail(t.trail, "this case", given.span, at if known is None else None, t)
                        moves.append((edge, assumed(t, same, True)._replace(trail=note)))
                    rest = None if known is True or rest is None else assumed(rest, same, False)
        if rest is not None:
            note = Trail(s.trail, "no case fits, or `default`", stmt.subject.span, at, s)
            moves.append((point.edges[-1], rest._replace(trail=note)))
    return moves


def _without_lost(state: State, point: Point, run: Run) -> State:
    """Return the state without locks that nothing refers to any more, after reporting them."""
    lost = [
        lock for lock, status in state.locks.items()
        if isinstance(origin := _origin(lock), Sym) and origin.kind == "old" and status.count
        and not any(mentions(v, origin) for v in state.env.values()) and origin not in state.shared
    ]
    for lock in lost:
        status = state.locks[lock]
        span = point.stmt.span if point.stmt is not None else run.function.span
        run.troubles.append(Trouble(
            "KC170", f"{status.text} is still held when the last pointer to it is lost", _first_line(span),
            "it can never be released", lock, state, status,
        ))  # fmt: skip
    return state._replace(locks={k: v for k, v in state.locks.items() if k not in lost}) if lost else state


def _origin(lock: Sym) -> Value | str:
    """Return the object a lock is in, followed back to where its pointer came from."""
    value: Value | str = lock
    while isinstance(value, Sym) and value.kind in ("field", "load"):
        value = value.parts[0]
    return value


def _first_line(span: Span) -> Span:
    text = span.source.text[span.start : span.end].split("\n", 1)[0]
    return Span(span.source, span.start, span.start + len(text.rstrip()))
