"""The one sentence at the end of a run: who did what, where, and which facts made it matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot
from verify.ir import (
    LIFE,
    PC,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Quant,
    Referenced,
    System,
    Unary,
    Var,
    Wrap,
)
from verify.report.difference import sentence
from verify.report.names import cell_name, slot_name, value_name
from verify.report.result import ClaimResult, Round
from verify.report.steps import LIFE_CHANGES, Change, Line, lines, lock_change
from verify.semantics import Context, evaluate, locate
from verify.source import statement, where

MAX_FACTS = 3
LIFE_VERBS = {
    "created": "creates", "created and published": "creates and publishes", "published": "publishes",
    "unpublished": "unpublishes", "freed": "frees",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A variable whose value the property could not stand, and the step that gave it (None is the start)."""

    slot: Slot
    value: int
    step: int | None
    thread: int


def story(claim: ClaimResult) -> str:
    """Tell a claim's run in one sentence; empty without a run."""
    trace = claim.trace
    if trace is None:
        return ""
    if claim.kind == "deadlock_free":
        return _deadlock(trace)
    if claim.round is not None:
        return _starved(claim, trace, claim.round)
    if claim.kind == "race_free":
        return _race(claim, trace)
    if claim.difference is not None:
        return f"{sentence(claim.difference, claim.guard or claim.name)}."
    facts = blame(trace, claim.broken) if claim.broken is not None else ()
    told = lines(trace, claim.removed)
    end = _end(claim)
    if not told:
        return f"{end} at the start{_while(trace, facts, told)}."
    last = told[-1]
    place = f"{last.place}, {where(last.main.span)}"
    who = cell_name(trace.instance.system, THREAD, last.thread)
    if claim.kind == "reach":
        return f"{who} comes to {claim.guard} after `{last.text}` ({place})."
    if claim.kind in ("refused", "never_refused"):
        call = f"{who}'s call of {claim.guard} ends with `{last.text}` ({place})"
        return f"{call}: it is refused, although the condition held from the call to the return."
    if claim.kind == "writers":
        return f"{who} {_deed(trace, last, last.changes)} ({place}), which the claim does not list."
    touched = [change for change in last.changes if change.slot in {fact.slot for fact in facts}] or last.changes
    others = [fact for fact in facts if fact.slot not in {change.slot for change in last.changes}]
    return f"{who} {_deed(trace, last, touched)} ({place}){_while(trace, others, told)}: {end}."


def _end(claim: ClaimResult) -> str:
    match claim.kind:
        case "reach":
            return f"{claim.guard} is reached"  # where a run starts: later steps have a sentence of their own
        case "dead":
            return f"{claim.guard} fires"
        case "lock_balanced":
            return "a lock is kept"
        case "atomic_sections":
            return f"no run goes on like that in which each section of {claim.guard} is one step"
        case _:
            return f"{claim.invariant or claim.name} is false"


def _deed(trace: Trace, line: Line, changes: Sequence[Change]) -> str:
    if line.stop:
        return f"{line.stop} in `{line.text}`"
    if not changes:
        return f"takes the step `{line.text}`"
    return " and ".join(_verb(trace, change) for change in islice(changes, MAX_FACTS))


def _verb(trace: Trace, change: Change) -> str:
    system, slot = trace.instance.system, change.slot
    if slot.name == LIFE:
        return f"{LIFE_VERBS[LIFE_CHANGES[change.old, change.new]]} {cell_name(system, slot.cell, slot.index)}"
    name = slot_name(system, slot)
    if change.var.lock:
        return lock_change(name, change)
    old, new = (value_name(system, change.var.domain, value) for value in (change.old, change.new))
    return f"sets {name} from {old} to {new}"


def _while(trace: Trace, facts: Sequence[Fact], told: Sequence[Line]) -> str:
    system, state = trace.instance.system, trace.states[-1]
    slots = trace.instance.slots()
    texts: list[str] = []
    for fact in islice(facts, MAX_FACTS):
        if fact.slot.name == PC:
            location = system.locations[state[fact.slot]]
            if location.kind != "run":
                continue  # the error is told anyway
            texts.append(f"{cell_name(system, THREAD, fact.slot.index)} is at {location.name}")
            continue
        since = "" if fact.step is None else f" (by {system.thread} {fact.thread} in step {_shown(told, fact.step)})"
        owner = f"{cell_name(system, THREAD, fact.slot.index)}'s " if fact.slot.cell == THREAD else ""
        value = _value(system, slots[fact.slot], fact.value)
        texts.append(f"{owner}{slot_name(system, fact.slot)} is {value}{since}")
    return f" while {' and '.join(texts)}" if texts else ""


def _value(system: System, var: Var, value: int) -> str:
    name = value_name(system, var.domain, value)
    return name if not var.lock else f"held by {name}" if value else "free"


def _shown(told: Sequence[Line], step: int) -> int:
    """The number under which a step is shown."""
    return next((line.number for line in told if line.number <= step <= line.last), step)


def _deadlock(trace: Trace) -> str:
    system, state = trace.instance.system, trace.states[-1]
    waiting: list[str] = []
    for thread in range(1, trace.instance.tasks + 1):
        location = system.locations[state[Slot(THREAD, thread, PC)]]
        if location.kind == "run":
            waiting.append(f"{cell_name(system, THREAD, thread)} waits at {location.name}, {where(location.span)}")
    return f"nobody can step: {'; '.join(waiting)}."


def _race(claim: ClaimResult, trace: Trace) -> str:
    """Which two threads stand before accesses of one cell, and where."""
    system, state = trace.instance.system, trace.states[-1]
    pair = _threads(claim.broken, Context(trace.instance, state)) if claim.broken is not None else ()
    told = list[str]()
    for thread in pair:
        location = system.locations[state[Slot(THREAD, thread, PC)]]
        place = f"{location.name}, {where(location.span)}"
        told.append(f"{cell_name(system, THREAD, thread)} stands before `{statement(location.span)}` ({place})")
    return f"{' and '.join(told)}: both access one {claim.guard}."


def _threads(prop: Expr, at: Context) -> tuple[int, ...]:
    """The first two things for which a conjunction of universal statements is false."""
    match prop:
        case Binary("&&", left, right):
            return _threads(right if evaluate(left, at) else left, at)
        case Quant("forall", one, Quant("forall", two, body)):
            pairs = ((at.bind(one, value), value) for value in at.instance.choices(one))
            each = ((scope.bind(two, other), (value, other)) for scope, value in pairs
                    for other in at.instance.choices(two))
            return next((pair for scope, pair in each if not evaluate(body, scope)), ())
        case _:
            return ()


def _starved(claim: ClaimResult, trace: Trace, round_: Round) -> str:
    """Who waits for what it never gets, and where it stood when it began to."""
    system = trace.instance.system
    who = cell_name(system, THREAD, round_.thread)
    location = system.locations[trace.states[round_.since][Slot(THREAD, round_.thread, PC)]]
    place = f"{location.name}, {where(location.span)}"
    if claim.kind == "no_starvation":
        return f"{who} waits for {claim.guard} ({place}) and never gets it."
    return f"{who} enters {(claim.guard or '').partition('.')[0]} ({place}) and never comes to {claim.guard}."


def blame(trace: Trace, prop: Expr) -> tuple[Fact, ...]:
    """The variables that make `prop` false in the last state, in the order in which the property reads them."""
    at = Context(trace.instance, trace.states[-1])
    found = dict.fromkeys(slot for slot in _why(prop, at, want=False) if slot.name != LIFE)
    return tuple(_fact(trace, slot) for slot in found)


def _fact(trace: Trace, slot: Slot) -> Fact:
    """The value of a variable at the end, and the last step that changed it."""
    value = trace.states[-1][slot]
    for number in range(len(trace.steps), 0, -1):
        if trace.states[number - 1][slot] != value:
            return Fact(slot, value, number, trace.steps[number - 1].thread)
    return Fact(slot, value, None, 0)


def _why(expr: Expr, at: Context, *, want: bool) -> Iterator[Slot]:
    """Variables whose values make `expr`, which is nonzero iff `want`, what it is: one reason where one is enough."""
    match expr:
        case Quant(_, binder, body):
            scopes = (at.bind(binder, value) for value in at.instance.choices(binder))
            scope = next((s for s in scopes if bool(evaluate(body, s)) == want), None)
            one_is_enough = want == (expr.quantifier == "exists")
            yield from _why(body, scope, want=want) if one_is_enough and scope else ()
        case Unary("!", arg):
            yield from _why(arg, at, want=not want)
        case Binary("&&" | "||" as op, left, right):
            one_is_enough = want == (op == "||")
            for side in (left, right):
                if bool(evaluate(side, at)) == want:
                    yield from _why(side, at, want=want)
                    if one_is_enough:
                        return
        case Ite(cond, then, other):
            holds = bool(evaluate(cond, at))
            yield from _why(cond, at, want=holds)
            yield from _why(then if holds else other, at, want=want)
        case _:
            yield from _reads(expr, at)


def _reads(expr: Expr, at: Context) -> Iterator[Slot]:
    """Every variable that the value of `expr` is computed from; pointers before what they point to."""
    match expr:
        case Const() | Me() | Bound() | Quant():
            return
        case Global() | Local() | Field():
            pointer = expr.pointer if isinstance(expr, Field) else expr.of if isinstance(expr, Local) else None
            if pointer is not None:
                yield from _reads(pointer, at)
            slot = locate(expr, at)
            if slot is not None:
                yield slot
        case Unary(_, arg) | Wrap(_, _, arg) | Referenced(arg):
            yield from _reads(arg, at)
        case Binary(_, left, right):
            yield from _reads(left, at)
            yield from _reads(right, at)
        case Ite(cond, then, other):
            for part in (cond, then, other):
                yield from _reads(part, at)

