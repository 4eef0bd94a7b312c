"""Z3 as the judge of a proof for any number of tasks: a universal invariant is inductive if few cells say so.

A step of a thread reads and writes its locals, globals, its own object and those its pointers lead to. So a clause
about thread `t` and object `o` that a step breaks is broken in a state of these cells, in which the invariant holds of
every pair (docs/semantics.md has the proof): either `t` is the thread that takes the step, or it is another.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import z3

from verify.instances import THREAD, Slot, spare
from verify.ir import PC, PUBLISHED, Binder, Bound, Expr, Fresh, Group, InitValue, Ptr, System
from verify.smt.covered import refuse, refuse_clauses, refuse_property
from verify.smt.ground import (
    ACTOR,
    VIEWED,
    Ground,
    Pair,
    all_pairs,
    followed,
    ground,
    later,
    near,
    numbered,
    others,
    own,
    step,
)
from verify.smt.integers import (
    NO,
    Num,
    binary,
    conjunction,
    constant,
    disjunction,
    limits,
    negation,
    variable,
)
from verify.smt.judge import FailedObligation, Judgement
from verify.smt.patch import PatchReader, free_values, patch
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.universal import Clause, prenex

Report = Callable[[str, Mapping[str, int]], None]
Answer = tuple[str, z3.CheckSatResult]


def judge_universal(
    system: System,
    clauses: Sequence[Clause],
    prop: Expr,
    *,
    deadline: float | None = None,
    report: Report | None = None,
) -> Judgement:
    """Whether the clauses are an inductive invariant of the system, of any number of tasks, that implies `prop`.

    The obligations are put to solvers made for this call, in contexts of their own. Each is called after its action and
    the clause that it keeps. `deadline` is in seconds of `time.monotonic`. Raises EncodingError for a system that the
    argument for few cells does not cover.
    """
    refuse(system)
    refuse_clauses(system, clauses)
    count = 0
    for name, found in _answers(system, clauses, prop, deadline):
        if found != z3.unsat:
            return Judgement(ok=False, count=count, failed=(FailedObligation(name, str(found), None),))
        count += 1
        if report is not None:
            report("judging", {"obligations": count})
        if deadline is not None and time.monotonic() > deadline:
            return Judgement(ok=False, count=count, failed=(FailedObligation("the rest", "unknown", None),))
    return Judgement(ok=True, count=count, failed=())


def _answers(system: System, clauses: Sequence[Clause], prop: Expr, deadline: float | None) -> Iterator[Answer]:
    yield from safety(system, clauses, prop, deadline)
    yield from _initiation(system, clauses, deadline)
    yield from _consecution(system, clauses, deadline)


# ---- consecution ---------------------------------------------------------------------------------


class _Case(NamedTuple):
    """The obligations of one action: that it does none of these."""

    label: str
    does: Num
    parts: Sequence[tuple[str, Num]]


def _consecution(system: System, clauses: Sequence[Clause], deadline: float | None) -> Iterator[Answer]:
    """That a step keeps every clause: of the thread that takes it, and of any other."""
    of = ground(system)
    after = later(of)
    every = numbered(clauses)
    acting, watching = list[_Case](), defaultdict[Pair, list[_Case]](list)
    for action in system.actions:
        does = step(of, action)
        if does is None:
            continue
        untyped = [] if does.typed.lo else [("domains", negation(of.z, does.typed))]
        parts = [*untyped, *((str(said.number), failed) for said, failed in own(of, does, every))]
        acting.append(_Case(action.label, does.enabled, parts))
        effect, found = others(after, does, every)
        does_so = conjunction(of.z, (does.enabled, effect))
        for pair, lost in found.items():
            parts = [(f"{said.number} of {_watcher(pair)}", failed) for said, failed in lost]
            watching[pair].append(_Case(action.label, does_so, parts))
    holds = {pair: [of.says(clause, pair) for clause in clauses] for pair in all_pairs(of)}
    mine = [of.typed, *chain.from_iterable(holds[pair] for pair in (*of.pairs(ACTOR), *of.objects()))]
    yield from _together(of, mine, mine, acting, deadline)
    every_one = [of.typed, after.typed, *chain.from_iterable(holds.values())]
    for pair, cases in watching.items():
        close = [of.typed, after.typed, *chain.from_iterable(holds[other] for other in near(of, pair))]
        yield from _together(of, close, every_one, cases, deadline)


def _watcher(pair: Pair) -> str:
    """Who looks on, in words."""
    return "any object" if not pair[0] else "another thread" if not pair[1] else "another thread and an object"


def _together(
    of: Ground, near: Sequence[Num], assumed: Sequence[Num], cases: Sequence[_Case], deadline: float | None
) -> Iterator[Answer]:
    """The answers to obligations: all at once from what is near, else one by one from all; in solvers of their own."""
    z, some = of.z, [case for case in cases if case.parts]
    if not some:
        return
    broken = [conjunction(z, (does, disjunction(z, [what for _, what in parts]))) for _, does, parts in some]
    found = check(solver(z, *near, disjunction(z, broken)), deadline)
    if found == z3.sat and near is not assumed:
        found = check(solver(z, *assumed, disjunction(z, broken)), deadline)
    for label, does, parts in some:
        for name, what in parts:
            alone = found if found != z3.sat else check(solver(z, *assumed, does, what), deadline)
            yield f"{label} x {name}", alone


# ---- initiation ----------------------------------------------------------------------------------


def _initiation(system: System, clauses: Sequence[Clause], deadline: float | None) -> Iterator[Answer]:
    """That the clauses hold of every thread and object there is at the start."""
    of = ground(system)
    z = of.z
    groups: list[Group | None] = [*system.groups, *([None] if system.thread in system.created else [])]
    free = spare(system)
    fresh = {v.cls for group in system.groups for v in group.values.values() if isinstance(v, Fresh)}
    for group in groups:
        entry = 0 if group is None else group.entry
        values = {**of.reader.values, **_shared(system), **_thread(system, entry)}
        start = PatchReader(z, of.inst, values, base=of.reader)
        own = _begins(of, system.thread, ACTOR, group)
        name = "idle" if group is None else group.name
        for cls in ("", *system.classes):
            objects: list[Num] = [] if cls else [own]
            if cls in free:
                objects.append(_begins(of, cls, VIEWED, None))
            if cls == system.thread:
                objects += [_begins(of, cls, VIEWED, other) for other in system.groups]
            elif cls in fresh:
                objects.append(_born(of, cls, VIEWED, {}))
            pair = (ACTOR, cls, VIEWED if cls else 0)
            said = [of.body(c, pair, start) for c in clauses if c.cls == cls and _covers(c, entry)]
            lost = negation(z, conjunction(z, said))
            if lost.hi:
                where = solver(z, of.typed, own, disjunction(z, objects), lost)
                yield f"initiation x {name}{', ' * bool(cls)}{cls}", check(where, deadline)


def _covers(clause: Clause, location: int) -> bool:
    return clause.locations is None or location in clause.locations


def _shared(system: System) -> dict[Slot, Num]:
    return {Slot("", 0, var.name): constant(var.default) for var in system.globals}


def _thread(system: System, entry: int) -> dict[Slot, Num]:
    found = {Slot(THREAD, ACTOR, var.name): constant(var.default) for var in system.locals}
    return {**found, Slot(THREAD, ACTOR, PC): constant(entry)}


def _begins(of: Ground, cls: str, index: int, group: Group | None) -> Num:
    """That an object is as it is at the start: a free cell, or that of a task of the group."""
    if group is not None:
        return _born(of, cls, index, group.values)
    fields = of.inst.system.classes[cls].fields
    here = [(of.reader.values[Slot(cls, index, var.name)], constant(var.default)) for var in fields]
    return conjunction(of.z, [binary(of.z, "==", value, default) for value, default in here])


def _born(of: Ground, cls: str, index: int, values: Mapping[str, InitValue]) -> Num:
    z, system, found = of.z, of.inst.system, list[Num]()
    for var in system.classes[cls].fields:
        here = of.reader.values[Slot(cls, index, var.name)]
        birth = (PUBLISHED,) if var is system.classes[cls].fields[0] else (
            system.initial.get((cls, var.name), var.default),
        )
        value = values.get(var.name, birth)
        if isinstance(value, Fresh):
            found.append(binary(z, "!=", here, NO))
        else:
            found.append(disjunction(z, [binary(z, "==", here, constant(v)) for v in value]))
    return conjunction(z, found)


# ---- safety --------------------------------------------------------------------------------------


class Bad(NamedTuple):
    """The threads and objects that a conjunct of the property speaks of, in a state where it is false."""

    of: Ground
    broken: Num
    number: int


def safety(system: System, clauses: Sequence[Clause], prop: Expr, deadline: float | None) -> Iterator[Answer]:
    """That the invariant implies the property: of as many threads and objects as each conjunct speaks of."""
    cases = bad_states(system, prop)
    if cases is None:
        yield "safety", z3.unknown
        return
    for of, bad, number in cases:
        where = solver(of.z, of.typed, bad, *(of.says(c, pair) for c in clauses for pair in all_pairs(of)))
        yield f"safety x {number}", check(where, deadline)


def bad_states(system: System, prop: Expr) -> Sequence[Bad] | None:
    """The violations of each conjunct of a property; None if it is no universal one."""
    conjuncts = prenex(prop)
    if conjuncts is None:
        return None
    result = []
    for number, (binders, matrix) in enumerate(conjuncts, start=1):
        refuse_property(system, binders, matrix)
        z = Terms()
        threads = range(1, max(len(binders), 1) + 1)
        further = followed(matrix) - {Bound(binder.name) for binder in binders}
        every = range(1, threads[-1] + len(further) + 1)
        inst = patch(system, dict.fromkeys(system.classes, every), threads, 0)
        reader = PatchReader(z, inst, free_values(z, inst, "0"))
        scope = tuple((b.name, _chosen(z, b, threads)) for b in binders)
        false = negation(z, reader.read(matrix, scope))
        used = [(b.domain, number) for b, (_, number) in zip(binders, scope, strict=True)]
        picked = {
            (cls, i): disjunction(
                z,
                [
                    reader.goes_to(cls, i),
                    *(binary(z, "==", number, constant(i)) for domain, number in used if domain == Ptr(cls)),
                ],
            )
            for cls in system.classes
            for i in every
            if (cls, i) != (system.thread, 1)  # there is always some thread
        }
        bad = conjunction(z, (false, reader.named(), *(limits(z, number) for _, number in used)))
        result.append(Bad(Ground(z, inst, reader, picked), bad, number))
    return result


def _chosen(z: Terms, binder: Binder, cells: range) -> Num:
    """Any value of a binder: of a pointer one of the cells, which are enough to tell the binders apart."""
    least, most = (cells[0], cells[-1]) if isinstance(binder.domain, Ptr) else (binder.domain.lo, binder.domain.hi)
    return variable(z, f"{binder.name}:{least}..{most}", least, most)
