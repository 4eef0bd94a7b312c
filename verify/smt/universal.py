"""Z3 as the judge of a proof for any number of tasks: a universal invariant is inductive if few cells say so.

A step of a thread reads and writes its locals, globals, its own object and those its pointers lead to. So a clause
about thread `t` and object `o` that a step breaks is broken in a state of these cells, in which the invariant holds of
every pair (docs/semantics.md has the proof). Two obligations for each action: that the thread which takes it keeps
what is said of itself, and that it keeps what is said of any other thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import z3

from verify.instances import THREAD, Slot
from verify.ir import (
    LIFE,
    PC,
    PUBLISHED,
    Action,
    Binary,
    Bound,
    Expr,
    Field,
    Fresh,
    Group,
    InitValue,
    Local,
    Me,
    Ptr,
    System,
)
from verify.smt.integers import (
    NO,
    YES,
    Num,
    binary,
    conjunction,
    constant,
    disjunction,
    limits,
    negation,
    truth,
    variable,
)
from verify.smt.judge import FailedObligation, Judgement
from verify.smt.patch import Patch, PatchReader, free_values, patch
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.transition import effect
from verify.smt.widths import EncodingError
from verify.universal import MAKER, OBJECT, Clause, parts, prenex
from verify.universal import THREAD as THE_THREAD

ACTOR, OTHER, VIEWED, FURTHER = 1, 2, 3, 4  # numbers of cells: the last and those after it are touched besides
Report = Callable[[str, Mapping[str, int]], None]


@dataclass(slots=True)
class _State:
    """The patch in one state, and what the invariant says there; `clauses` by kind and location."""

    z: Terms
    inst: Patch
    clauses: Mapping[tuple[str, bool], Mapping[int | None, Expr]]
    reader: PatchReader

    def after(self, values: Mapping[Slot, Num]) -> _State:
        """The same patch with other values."""
        return _State(self.z, self.inst, self.clauses, PatchReader(self.z, self.inst, values, base=self.reader))

    def said(self, thread: int, cls: str, index: int, locations: Iterable[int]) -> Num:
        """What the invariant says of a thread and an object, its own if `cls` is empty: at each of `locations`."""
        z = self.z
        kinds = [(cls, False)] if not cls else [(cls, False), (cls, True)]
        return conjunction(z, [self._kind(thread, kind, index, locations) for kind in kinds if kind in self.clauses])

    def _kind(self, thread: int, kind: tuple[str, bool], index: int, locations: Iterable[int]) -> Num:
        z, found = self.z, self.clauses[kind]
        scope = ((THE_THREAD, constant(thread)), (OBJECT, constant(index)))
        parts = [self._read(found[None], scope)] if None in found else []
        pc = self.reader.values[Slot(THREAD, thread, PC)]
        for location in locations:
            here = binary(z, "==", pc, constant(location))
            body = self._read(found[location], scope) if location in found and here.hi else NO
            parts.append(disjunction(z, (negation(z, here), body)))
        said = conjunction(z, parts)
        if kind[1]:
            maker = self.reader.values[Slot(kind[0], index, MAKER)]
            said = disjunction(z, (binary(z, "!=", maker, constant(thread)), said))
        return said

    def _read(self, body: Expr, scope: tuple[tuple[str, Num], ...]) -> Num:
        return truth(self.z, self.reader.read(body, scope))


def judge_universal(
    system: System,
    clauses: Sequence[Clause],
    prop: Expr,
    *,
    deadline: float | None = None,
    report: Report | None = None,
) -> Judgement:
    """Whether the clauses are an inductive invariant of the system, of any number of tasks, that implies `prop`.

    Every thread and every object is at a location or in a state of which the clauses speak; where they have none for
    a location, no thread is ever there. `deadline` is in seconds of `time.monotonic`. Raises EncodingError.
    """
    _refuse(system)
    count, failed = 0, list[FailedObligation]()
    for name, ask in _obligations(system, _table(clauses), prop):
        if deadline is not None and time.monotonic() > deadline:
            failed.append(FailedObligation(name, "unknown", None))
            break
        found = ask(deadline)
        if found == z3.unsat:
            count += 1
        else:
            failed.append(FailedObligation(name, str(found), None))
            break
        if report is not None:
            report("judging", {"obligations": count})
    return Judgement(ok=not failed, count=count, failed=tuple(failed))


def _refuse(system: System) -> None:
    """Raise EncodingError for what the argument for few cells does not cover."""
    if system.statics:
        raise EncodingError("the system has static objects")
    for action in system.actions:
        exprs = [action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))]
        free = {binder.name for binder in action.binders}
        for part in (part for e in exprs for part in parts(e)):
            match part:
                case Field(pointer) if not isinstance(pointer, Bound) and _bound(pointer) - free:
                    raise EncodingError(f"`{action.label}` goes through pointers of every object")
                case Binary("has" | "with" | "without", _, member) if member != Me():
                    raise EncodingError(f"`{action.label}` asks for a thread in a set that is not its own")
        if any(isinstance(u.place, Local) and u.place.of is not None for u in action.updates):
            raise EncodingError(f"`{action.label}` changes another thread's locals")


def _bound(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Bound)}


Ask = Callable[[float | None], z3.CheckSatResult]
Table = Mapping[tuple[str, bool], Mapping[int | None, Expr]]


def _table(clauses: Sequence[Clause]) -> Table:
    table: dict[tuple[str, bool], dict[int | None, Expr]] = {}
    for clause in clauses:
        known = table.setdefault((clause.cls, clause.made), {})
        if clause.location in known:
            known[clause.location] = Binary("&&", known[clause.location], clause.body)
        else:
            known[clause.location] = clause.body
    return table


def _obligations(system: System, table: Table, prop: Expr) -> Iterator[tuple[str, Ask]]:
    yield from _initiation(system, table)
    yield from _own_steps(system, table)
    yield from _others_steps(system, table)
    yield from _safety(system, table, prop)


def _asked(z: Terms, *parts: Num) -> Ask:
    return lambda deadline: check(solver(z, *parts), deadline)


# ---- the patch -----------------------------------------------------------------------------------


def _state(system: System, table: Table, *, other: bool) -> tuple[_State, Num]:
    """A state of free variables: the actor, with `other` a thread that looks on, an object of each class, and more."""
    z = Terms()
    further = range(FURTHER, FURTHER + max((_follows(action) for action in system.actions), default=0))
    own = [ACTOR, *([OTHER] if other else [])]
    named = {cls: [*(own if cls == system.thread else []), VIEWED, *further] for cls in system.classes}
    binders = max((len(action.binders) for action in system.actions), default=0)
    inst = patch(system, named, own, binders)
    values = free_values(z, inst, "0")
    typed = conjunction(z, [limits(z, value) for value in values.values()])
    return _State(z, inst, table, PatchReader(z, inst, values)), typed


def _follows(action: Action) -> int:
    """An upper bound on the objects that the action's expressions go to through pointers, its own left out."""
    exprs = [action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))]
    return len({p.pointer for e in exprs for p in parts(e) if isinstance(p, Field) and p.pointer != Me()})


def _locations(table: Table) -> list[int]:
    return sorted(location for location in table[("", False)] if location is not None)


# ---- obligations ---------------------------------------------------------------------------------


def _own_steps(system: System, table: Table) -> Iterator[tuple[str, Ask]]:
    """That a thread keeps what is said of itself, and of itself and any object."""
    free, typed = _state(system, table, other=False)
    z = free.z
    real = {cls: variable(z, f"real {cls}", 0, 1) for cls in system.classes}
    for action in system.actions:
        step = _step(free, action)
        if step is None:
            continue
        before, after = free.after(step.before), free.after(step.after)
        assumed = _assumed(before, ACTOR, [action.source], step, real)
        kept = [negation(z, after.said(ACTOR, "", 0, [action.target]))]
        for cls in system.classes:
            said = after.said(ACTOR, cls, VIEWED, [action.target])
            kept.append(conjunction(z, (real[cls], negation(z, said))))
        broken = disjunction(z, (negation(z, step.typed), *kept))
        yield f"consecution/{action.label}", _asked(z, typed, step.enabled, *assumed, broken)


def _others_steps(system: System, table: Table) -> Iterator[tuple[str, Ask]]:
    """That a thread keeps what is said of any other thread and of that and any object."""
    free, typed = _state(system, table, other=True)
    z, inst = free.z, free.inst
    everywhere = _locations(table)
    real = {cls: variable(z, f"real {cls}", 0, 1) for cls in system.classes}
    shared = [slot for slot in free.reader.values if slot.cell != THREAD]
    primed = {
        **free.reader.values,
        **{slot: value for slot, value in free_values(z, inst, "1").items() if slot in shared},
    }
    after = free.after(primed)
    pairs = [("", 0, YES), (system.thread, ACTOR, YES)]
    pairs += [(cls, VIEWED, real[cls]) for cls in system.classes]
    pre = conjunction(
        z, [disjunction(z, (negation(z, there), free.said(OTHER, cls, i, everywhere))) for cls, i, there in pairs]
    )
    post = disjunction(
        z, [conjunction(z, (there, negation(z, after.said(OTHER, cls, i, everywhere)))) for cls, i, there in pairs]
    )
    late = conjunction(z, [limits(z, primed[slot]) for slot in shared])
    same = {slot: binary(z, "==", primed[slot], free.reader.values[slot]) for slot in shared}
    for action in system.actions:
        step = _step(free, action)
        if step is None:
            continue
        written = [slot for slot, value in step.after.items() if slot.cell != THREAD and value is not step.before[slot]]
        if not written:
            continue
        before = free.after(step.before)
        assumed = _assumed(before, ACTOR, [action.source], step, real)
        assumed += [
            _implies(z, step.goes_to(cls, i), free.said(OTHER, cls, i, everywhere))
            for cls in system.classes
            for i in inst.named[cls]
            if i >= FURTHER
        ]
        stores = [binary(z, "==", primed[slot], step.after[slot]) for slot in written]
        stays = [same[slot] for slot in shared if slot not in written]
        does = conjunction(z, (step.enabled, *assumed, *stores, *stays))
        yield f"interference/{action.label}", _asked(z, typed, late, pre, post, does)


def _implies(z: Terms, cond: Num, then: Num) -> Num:
    return disjunction(z, (negation(z, cond), then))


@dataclass(slots=True)
class _Step:
    before: Mapping[Slot, Num]
    after: Mapping[Slot, Num]
    enabled: Num
    typed: Num
    goes_to: Callable[[str, int], Num]


def _step(free: _State, action: Action) -> _Step | None:
    """The actor takes the action; None if it never can."""
    z, inst = free.z, free.inst
    before = {**free.reader.values, Slot(THREAD, ACTOR, PC): constant(action.source)}
    reader = PatchReader(z, inst, before, ACTOR)
    scope, allowed = [], []
    for position, binder in enumerate(action.binders):
        values = inst.values(binder.domain)
        least = 1 if isinstance(binder.domain, Ptr) else values[0]
        number = variable(z, f"choice{position}:{least}..{values[-1]}", least, values[-1])
        scope.append((binder.name, number))
        allowed.append(limits(z, number))
    does = effect(reader, action, tuple(scope))
    enabled = conjunction(z, (does.enabled, *allowed, reader.named()))
    if not enabled.hi:
        return None
    return _Step(before, {**before, **does.writes}, enabled, does.typed, reader.goes_to)


def _assumed(before: _State, thread: int, at: Sequence[int], step: _Step, real: Mapping[str, Num]) -> list[Num]:
    """The invariant, of a thread and every object that there is."""
    z, inst = before.z, before.inst
    found = [before.said(thread, "", 0, at)]
    found += [_implies(z, step.goes_to(cls, VIEWED), there) for cls, there in real.items()]
    for cls, numbers in inst.named.items():
        for i in numbers:
            if cls == inst.system.thread and i == thread:
                continue
            there = YES if i < VIEWED else real[cls] if i == VIEWED else step.goes_to(cls, i)
            if there.hi:
                found.append(_implies(z, there, before.said(thread, cls, i, at)))
    return found


def _initiation(system: System, table: Table) -> Iterator[tuple[str, Ask]]:
    """That the invariant holds of every thread and object there is at the start."""
    free, typed = _state(system, table, other=False)
    z = free.z
    threads: list[Group | None] = [*system.groups, *([None] if system.thread in system.created else [])]
    fresh = {v.cls for group in system.groups for v in group.values.values() if isinstance(v, Fresh)}
    for group in threads:
        entry = 0 if group is None else group.entry
        at = {**free.reader.values, **_shared(system), **_thread(system, entry)}
        start = free.after(at)
        own = _begins(start, system, system.thread, ACTOR, group)
        name = "idle" if group is None else group.name
        yield f"initiation/{name}", _asked(z, typed, own, negation(z, start.said(ACTOR, "", 0, [entry])))
        for cls in system.classes:
            objects: list[Num] = []
            if cls in system.created:
                objects.append(_begins(start, system, cls, VIEWED, None))
            if cls == system.thread:
                objects += [_begins(start, system, cls, VIEWED, other) for other in system.groups]
            elif cls in fresh:
                objects.append(_born(start, system, cls, VIEWED, {}))
            said = start.said(ACTOR, cls, VIEWED, [entry])
            yield f"initiation/{name}, {cls}", _asked(z, typed, own, disjunction(z, objects), negation(z, said))


def _shared(system: System) -> dict[Slot, Num]:
    return {Slot("", 0, var.name): constant(var.default) for var in system.globals}


def _thread(system: System, entry: int) -> dict[Slot, Num]:
    found = {Slot(THREAD, ACTOR, var.name): constant(var.default) for var in system.locals}
    return {**found, Slot(THREAD, ACTOR, PC): constant(entry)}


def _begins(at: _State, system: System, cls: str, index: int, group: Group | None) -> Num:
    """That an object is as it is at the start: a free cell, or that of a task of the group."""
    if group is not None:
        return _born(at, system, cls, index, group.values)
    z = at.z
    return conjunction(
        z,
        [
            binary(z, "==", at.reader.values[Slot(cls, index, v.name)], constant(v.default))
            for v in system.classes[cls].fields
        ],
    )


def _born(at: _State, system: System, cls: str, index: int, values: Mapping[str, InitValue]) -> Num:
    z, found = at.z, []
    for var in system.classes[cls].fields:
        here = at.reader.values[Slot(cls, index, var.name)]
        value = values.get(
            var.name, (PUBLISHED if var.name == LIFE else system.initial.get((cls, var.name), var.default),)
        )
        if isinstance(value, Fresh):
            found.append(binary(z, "!=", here, NO))
        else:
            found.append(disjunction(z, [binary(z, "==", here, constant(v)) for v in value]))
    return conjunction(z, found)


def _safety(system: System, table: Table, prop: Expr) -> Iterator[tuple[str, Ask]]:
    """That the invariant implies the property: of as many threads and objects as the property speaks of."""
    conjuncts = prenex(prop)
    if conjuncts is None:
        yield "safety", lambda _: z3.unknown
        return
    everywhere = _locations(table)
    for number, (binders, matrix) in enumerate(conjuncts, start=1):
        z = Terms()
        count = max(len(binders), 1)
        named = {cls: range(1, count + 1) for cls in system.classes}
        inst = patch(system, named, range(1, count + 1), 0)
        values = free_values(z, inst, "0")
        state = _State(z, inst, table, PatchReader(z, inst, values))
        typed = conjunction(z, [limits(z, value) for value in values.values()])
        used = [variable(z, f"number of {binder.name}", 1, count) for binder in binders]
        picked = {
            (cls, i): disjunction(
                z, [binary(z, "==", n, constant(i)) for n, b in zip(used, binders, strict=True) if b.domain == Ptr(cls)]
            )
            for cls in system.classes
            for i in range(1, count + 1)
        }
        said = []
        for t in range(1, count + 1):
            there = picked[system.thread, t]
            said.append(_implies(z, there, state.said(t, "", 0, everywhere)))
            for (cls, i), here in picked.items():
                if (cls, i) != (system.thread, t):
                    both = conjunction(z, (there, here))
                    said.append(_implies(z, both, state.said(t, cls, i, everywhere)))
        scope = tuple((b.name, n) for b, n in zip(binders, used, strict=True))
        reader = PatchReader(z, inst, values)
        broken = negation(z, reader.read(matrix, scope))
        ranges = [limits(z, n) for n in used]
        yield f"safety/{number}", _asked(z, typed, reader.named(), *ranges, *said, broken)
