"""What calling a function does to locks: one outcome for each way it can end, in terms of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from verify.source import Span
from verify.syntax.check.conversions import is_reference
from verify.syntax.check.locks.effects import ANYTHING
from verify.syntax.check.locks.run import (
    Exit,
    Run,
    kept,
)
from verify.syntax.check.locks.state import Escape, Need, Status, Trail
from verify.syntax.check.locks.symbols import Sym, Value

MAX_OUTCOMES = 16  # beyond it outcomes no longer say under which conditions they happen


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way a function ends."""

    needs: Mapping[Sym, Need]
    locks: Mapping[Sym, Status]
    value: Value | None  # None: not known
    facts: Mapping[Sym, bool]
    known: Mapping[Sym, int]
    span: Span  # of the return
    trail: Trail | None  # the path to it
    finals: Mapping[str, Value | None]  # what reference parameters refer to in the end, if it was stored to
    unsure: frozenset[str] = frozenset()

    def key(self) -> object:
        """What makes two outcomes the same."""
        parts = (self.needs, self.locks, self.facts, self.known, self.finals)
        return (*(frozenset(p.items()) for p in parts), self.value, self.unsure)


@dataclass(frozen=True, slots=True)
class Summary:
    """All ways a function ends; none if it never does. `run` is how they were found."""

    run: Run
    outcomes: tuple[Outcome, ...]
    complete: bool  # all paths were followed


def summarize(run: Run, *, complete: bool) -> Summary:
    """Return the outcomes of a followed function; one that leaves all locks as they were has a single outcome."""
    if not complete:
        return replace(unlocking(run), complete=False)
    outcomes = [_outcome(e, run) for e in run.exits]
    if not any(o.locks or o.needs or o.unsure for o in outcomes):
        values = {o.value for o in outcomes}
        value = next(iter(values)) if len(values) == 1 else None
        return replace(unlocking(run, value), outcomes=unlocking(run, value).outcomes if outcomes else ())
    if len({o.key() for o in outcomes}) > MAX_OUTCOMES:
        outcomes = [replace(o, facts={}, known={}) for o in outcomes]
    distinct = {o.key(): o for o in reversed(outcomes)}
    return Summary(run, tuple(reversed(distinct.values())), complete=True)


def unlocking(run: Run, value: Value | None = None) -> Summary:
    """Return the summary of a function that does nothing to locks and may store to what its parameters refer to."""
    finals = dict.fromkeys(p.name for p in run.function.params if is_reference(p.declared))
    return Summary(run, (Outcome({}, {}, value, {}, {}, run.function.span, None, finals),), complete=True)


def _outcome(leaving: Exit, run: Run) -> Outcome:
    """Return an exit without what was taken and released again."""
    state = leaving.state
    locks: dict[Sym, Status] = {}
    for lock, status in state.locks.items():
        need = state.needs.get(lock)
        if status.count != (0 if need is None else need.count):
            others = any(not any(k == lock for k, _ in kept(e.state)) for e in run.exits)
            escape = Escape(run.function.name, leaving.span, others)
            locks[lock] = replace(status, escapes=(*status.escapes, escape))
    used = {k: v for k, v in state.facts.items() if not _inner(k)}
    known = {k: v for k, v in state.known.items() if not _inner(k)}
    finals = {
        name.removeprefix(ANYTHING): value if base == 0 else None
        for name, (_, base, value) in state.memory.items() if name.startswith(ANYTHING)
    }
    return Outcome(state.needs, locks, leaving.value, used, known, leaving.span, state.trail, finals, state.unsure)


def _inner(value: object) -> bool:
    """Whether a term speaks of what only the function itself can see."""
    return isinstance(value, Sym) and (value.kind in ("local", "old") or any(_inner(p) for p in value.parts))
