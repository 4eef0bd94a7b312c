"""Lock balance: every lock that a path takes is released on it, once, and is not taken again while it is held.

Each function is followed once in each context, callees first. What it does to locks, in terms of its parameters, is
applied at its calls; so a function may take a lock for its caller, and the error is where nobody releases it. Errors
are reported only for paths that no correlation between tests can explain away (`correlation`); what this static
check leaves open, the engines decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import is_

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.ast import Call, FunctionDecl, Name
from verify.syntax.check.cfg import graph as flow_graph
from verify.syntax.check.locks.apply import apply
from verify.syntax.check.locks.correlation import certain
from verify.syntax.check.locks.effects import Effects, effects, shared
from verify.syntax.check.locks.explore import explore
from verify.syntax.check.locks.run import Exit, Run, Trouble, calls, kept
from verify.syntax.check.locks.state import Escape, State, Status, Trail, events, field_of
from verify.syntax.check.locks.summary import Summary, summarize, unlocking
from verify.syntax.check.locks.symbols import Sym
from verify.syntax.check.locks.values import Paths, Reader, fresh
from verify.syntax.check.recursion import Context, Graph, called
from verify.syntax.check.scope import File
from verify.syntax.check.walk import expressions
from verify.syntax.primitives import PRIMITIVES

MAX_STEPS = 60_000  # of all functions together
MAX_NOTES = 12


@dataclass(frozen=True, slots=True)
class _Entry:
    """What was found of a function in a context, what that depends on, and the steps that it took."""

    depends: Sequence[object]
    function: FunctionDecl
    callees: Sequence[Summary]
    summary: Summary
    steps: int


@dataclass(frozen=True, slots=True)
class Followed:
    """What is kept of the functions of a program, for the checks of others that differ from it in few of them."""

    entries: dict[Context, _Entry] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Work:
    file: File
    functions: Mapping[str, FunctionDecl]
    graph: Graph
    effects: Mapping[str, Effects]
    locking: frozenset[str]  # functions that lead to a lock primitive
    called: frozenset[Context]
    shared: frozenset[str]  # fields and globals that may change while a thread waits
    before: Followed
    summaries: dict[Context, Summary] = field(default_factory=dict)
    budget: list[int] = field(default_factory=lambda: [MAX_STEPS])
    reported: dict[tuple[str, int, int], str] = field(default_factory=dict)  # where a lock was taken: in which function


def check_balance(
    functions: Mapping[str, FunctionDecl], graph: Graph, entries: Iterable[str], file: File, before: Followed
) -> None:
    """Report locks that are kept, released without being held, or taken twice; the call graph is acyclic.

    Functions that do what they did, and call such alone, are as they were found `before`.
    """
    locking = _locking(functions, graph)
    if not locking:
        return
    inner = frozenset(edge.to for edges in graph.values() for edge in edges)
    changes = effects(functions, graph, file)
    work = _Work(file, functions, graph, changes, locking, inner, shared(functions.values(), file), before)
    names = _roots(functions, graph, entries)
    order = list(_callees_first([Context(n) for n in functions if n in names], graph))
    for context in order:
        work.summaries[context] = _known(context, work)
    callers = _callers(order, graph)
    for context in order:
        _report_kept(context, names, callers, work)
    for context in order:
        _report_troubles(context, names, work)


def _roots(functions: Mapping[str, FunctionDecl], graph: Graph, entries: Iterable[str]) -> frozenset[str]:
    """Return the functions that must be balanced: those nobody calls, entries of systems and targets of `spawn`."""
    inner = {edge.to.function for edges in graph.values() for edge in edges}
    spawned = {
        arg.name
        for f in functions.values() if f.body is not None
        for e in expressions(f.body) if isinstance(e, Call) and e.callee == "spawn"
        for arg in e.args[1:] if isinstance(arg, Name)
    }
    return frozenset(n for n in functions if n not in inner or n in spawned or n in set(entries))


def _locking(functions: Mapping[str, FunctionDecl], graph: Graph) -> frozenset[str]:
    """Return the functions that use a lock primitive, directly or in what they call."""
    callers: dict[str, set[str]] = {}
    for context, edges in graph.items():
        for edge in edges:
            callers.setdefault(edge.to.function, set()).add(context.function)
    bodies = ((f.name, f.body) for f in functions.values() if f.body is not None)
    todo = [
        name for name, body in bodies
        if any(isinstance(e, Call) and e.kind == "primitive" and PRIMITIVES[e.callee].lock for e in expressions(body))
    ]
    found = set(todo)
    while todo:
        new = callers.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return frozenset(found)


def _callees_first(roots: list[Context], graph: Graph) -> Iterator[Context]:
    seen: set[Context] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        context, finished = stack.pop()
        if finished:
            yield context
        elif context not in seen:
            seen.add(context)
            stack.append((context, True))
            stack.extend((edge.to, False) for edge in graph[context])


def _callers(order: list[Context], graph: Graph) -> Mapping[str, frozenset[str]]:
    """Return for each function all that call it, directly or not."""
    direct: dict[str, set[str]] = {}
    for context in order:
        for edge in graph[context]:
            direct.setdefault(edge.to.function, set()).add(context.function)
    above: dict[str, frozenset[str]] = {}
    for name in {c.function for c in order}:
        seen: set[str] = set()
        todo = [name]
        while todo:
            new = direct.get(todo.pop(), set()) - seen
            seen |= new
            todo.extend(new)
        above[name] = frozenset(seen)
    return above


def _known(context: Context, work: _Work) -> Summary:
    """What a function does, as it was found before if nothing has changed that it depends on."""
    name, left = context.function, work.budget[0]
    calls_to = [edge.to for edge in work.graph[context]]
    depends = (
        context in work.called, name in work.locking, work.shared, calls_to,
        [work.effects[to.function] for to in calls_to],
    )  # fmt: skip
    function, callees = work.functions[name], [work.summaries[to] for to in calls_to]
    found = work.before.entries.get(context)
    same = found is not None and found.function is function and len(found.callees) == len(callees)
    if found and same and all(map(is_, found.callees, callees)) and found.depends == depends and found.steps <= left:
        work.budget[0] -= found.steps
        return found.summary
    summary = _followed(context, work)
    if work.budget[0] >= 0:
        work.before.entries.setdefault(context, _Entry(depends, function, callees, summary, left - work.budget[0]))
    return summary


def _followed(context: Context, work: _Work) -> Summary:
    function = work.functions[context.function]
    run = Run(context, function, flow_graph(function), context in work.called)

    def functions(call: Call, state: State, reader: Reader, run: Run) -> Paths:
        to = called(call, context, work.functions)
        if to is None or to not in work.summaries:
            return [fresh(state, call, reader)]
        return apply(call, state, reader, run, work.summaries[to], work.effects[to.function])

    reader = Reader(work.file, calls(run, functions), work.before.numbers, work.shared)
    if context.function not in work.locking:
        complete = explore(run, State(), reader, work.budget, enough=_result_is_known)
        return summarize(run, complete=complete) if complete else unlocking(run)
    return summarize(run, complete=explore(run, State(), reader, work.budget))


def _result_is_known(run: Run) -> bool:
    """Whether no further path can change the result of a function: it has none, or several."""
    values = {leaving.value for leaving in run.exits}
    return None in values or len(values) > 1


# ---- reports -------------------------------------------------------------------------------------------------


def _report_kept(context: Context, roots: frozenset[str], callers: Mapping[str, frozenset[str]], work: _Work) -> None:
    """Report the locks with which a function returns although no caller releases them."""
    summary = work.summaries[context]
    if not summary.complete:
        return
    run = summary.run
    name = context.function
    for leaving in run.exits:
        for lock, status in kept(leaving.state):
            if not certain(run, lock, leaving.state.trail):
                continue
            if name in roots or _never_released(name, lock, _mixed(run, lock), callers, work):
                _report_leak(leaving, lock, status, run, work)


def _mixed(run: Run, lock: Sym) -> bool:
    return any(not any(k == lock for k, _ in kept(e.state)) for e in run.exits)


def _never_released(
    name: str, lock: Sym, mixed: bool, callers: Mapping[str, frozenset[str]], work: _Work  # noqa: FBT001
) -> bool:
    """Whether no caller can release what a function keeps, and the function is the one to blame.

    One that always returns with the lock takes it for its callers; they are to blame, unless none of them returns.
    """
    above = [s for c, s in work.summaries.items() if c.function in callers[name]]
    if lock.kind == "param" or any(field_of(lock) in s.run.releases or not s.complete for s in above):
        return False
    direct = [
        s for c, s in work.summaries.items() if any(edge.to.function == name for edge in work.graph[c])
    ]
    return mixed or any(not s.outcomes for s in direct)


def _report_leak(leaving: Exit, lock: Sym, status: Status, run: Run, work: _Work) -> None:
    """Report a lock kept, where the function that releases it on other paths returns; else where a callee does so."""
    escape = _blamed(run, lock, status) or Escape(run.function.name, leaving.span, mixed=True)
    if work.reported.setdefault(_key(status.taken.span), escape.function) == escape.function:
        _kept_at(escape, status, leaving.state, work)


def _blamed(run: Run, lock: Sym, status: Status) -> Escape | None:
    """Return the return of a callee that is to blame for a lock that is kept: it also returns without it."""
    if field_of(lock) in run.always:
        return None
    return next((e for e in status.escapes if e.mixed), None)


def _kept_at(escape: Escape, status: Status, state: State, work: _Work) -> None:
    what = "returns" if escape.span.text.startswith("return") else "ends"
    _add(work, Diagnostic(
        "KC170", f"`{escape.function}` {what} with {status.text} held", escape.span,
        f"{status.text} is not released on this path", "release it before, or `goto` a label that does",
        _notes(state.trail, status.taken, (f"{what} here", escape.span)),
    ))  # fmt: skip


def _report_troubles(context: Context, roots: frozenset[str], work: _Work) -> None:
    summary = work.summaries[context]
    if not summary.complete:
        return
    run = summary.run
    wants = run.wants if context.function in roots else []
    for trouble in (*run.troubles, *wants):
        if not certain(run, trouble.lock, trouble.state.trail):
            continue
        status = None if trouble.status is None or not trouble.status.count else trouble.status
        taken = None if status is None else status.taken
        if taken is not None and _key(taken.span) in work.reported:
            continue  # a consequence of the lock that is kept
        escape = None if status is None else _blamed(run, trouble.lock, status)
        if taken is not None and (escape is not None or trouble.code == "KC170"):
            work.reported[_key(taken.span)] = context.function
        if escape is not None and status is not None:
            _kept_at(escape, status, trouble.state, work)
            continue
        _add(work, Diagnostic(
            trouble.code, trouble.message, trouble.span, trouble.label, _hint(trouble),
            _notes(trouble.state.trail, taken, ("and again here" if trouble.code == "KC172" else "here", trouble.span)),
        ))  # fmt: skip


def _hint(trouble: Trouble) -> str:
    match trouble.code:
        case "KC172":
            return "release it first; only `lock_kernel` may be taken again by its holder"
        case "KC171":
            return "take it on every path that leads here, or release it only on those that took it"
        case _:
            return "release it in the same round of the loop"


def _add(work: _Work, found: Diagnostic) -> None:
    """Add an error unless the same thing was said of this place: the first path found is the shortest."""
    if not any(e.code == found.code and e.span == found.span and e.message == found.message for e in work.file.errors):
        work.file.errors.append(found)


def _key(span: Span) -> tuple[str, int, int]:
    return span.source.path, span.start, span.end


def _notes(trail: Trail | None, first: Trail | None, last: tuple[str, Span]) -> tuple[tuple[str, Span], ...]:
    """Return the path from `first` on, or all of it, up to where `last` is; without repeated lines."""
    path: list[tuple[str, Span]] = []
    for event in events(trail):
        path.append((event.text, event.span))
        if event is first:
            break
    path.reverse()
    path = [*path[:1], *takewhile(lambda note: note[1] != last[1], path[1:])]
    middle = path if len(path) <= MAX_NOTES else [path[0], *path[len(path) - MAX_NOTES + 1 :]]
    return tuple(dict.fromkeys((*middle, last)))
