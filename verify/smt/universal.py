"""Z3 as the judge of a proof for any number of tasks: a universal invariant is inductive if few cells say so.

A step of a thread reads and writes its locals, globals, its own object and those its pointers lead to. So a clause
about thread `t` and object `o` that a step breaks is broken in a state of these cells, in which the invariant holds of
every pair (docs/semantics.md has the proof): either `t` is the thread that takes the step, or it is another.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import z3

from verify.induction import Broken
from verify.instances import THREAD, Slot, spare
from verify.ir import PC, PUBLISHED, Expr, Fresh, Group, InitValue, System
from verify.smt.covered import refuse, refuse_clauses
from verify.smt.frame import value_in
from verify.smt.ground import (
    ACTOR,
    VIEWED,
    Ground,
    Key,
    Pair,
    Seen,
    among,
    around,
    ground,
    later,
    near,
    numbered,
    others,
    own,
    step,
    written_by,
)
from verify.smt.integers import (
    NO,
    Num,
    binary,
    conjunction,
    constant,
    disjunction,
    negation,
)
from verify.smt.judge import FailedObligation, Judgement
from verify.smt.patch import PatchReader
from verify.smt.safety import safety
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.together import Answer, Case, Invariant, Part, together
from verify.universal import OBJECT, Clause
from verify.universal import THREAD as THE_THREAD

Report = Callable[[str, Mapping[str, int]], None]


def judge_universal(  # noqa: PLR0913 - what is to be judged, and how far to go
    system: System,
    clauses: Sequence[Clause],
    prop: Expr,
    *,
    axioms: Sequence[Clause] = (),
    deadline: float | None = None,
    report: Report | None = None,
) -> Judgement:
    """Whether the clauses are an inductive invariant of the system, of any number of tasks, that implies `prop`.

    The `axioms` are true of every run of the system by what its variables are: they are assumed before and after steps.
    The obligations are put to solvers made for this call, in a context of its own. Each is called after its action and
    the clause that it keeps. `deadline` is in seconds of `time.monotonic`. Raises EncodingError for a system that the
    argument for few cells does not cover.
    """
    refuse(system)
    refuse_clauses(system, [*clauses, *axioms])
    count = 0
    for name, found, broken in _answers(system, clauses, axioms, prop, deadline):
        if found != z3.unsat:
            return Judgement(ok=False, count=count, failed=(FailedObligation(name, str(found), None, broken),))
        count += 1
        if report is not None:
            report("judging", {"obligations": count})
        if deadline is not None and time.monotonic() > deadline:
            return Judgement(ok=False, count=count, failed=(FailedObligation("the rest", "unknown", None),))
    return Judgement(ok=True, count=count, failed=())


def _answers(
    system: System, clauses: Sequence[Clause], axioms: Sequence[Clause], prop: Expr, deadline: float | None
) -> Iterator[Answer]:
    z = Terms()  # to begin and to end a context takes longer than most queries
    yield from safety(system, [*clauses, *axioms], prop, deadline, z)
    of = ground(system, z)
    yield from _initiation(of, system, clauses, deadline)
    yield from _consecution(of, system, clauses, axioms, deadline)


# ---- consecution ---------------------------------------------------------------------------------


def _consecution(
    of: Ground, system: System, clauses: Sequence[Clause], axioms: Sequence[Clause], deadline: float | None
) -> Iterator[Answer]:
    """That a step keeps every clause: of the thread that takes it, and of any other."""
    z, after = of.z, later(of)
    every = numbered(clauses)
    seen: dict[frozenset[Key], Seen] = {}  # by what is written: others see no more of a step
    cases = defaultdict[Pair, list[Case]](list)
    for action in system.actions:
        does = step(of, action)
        if does is None:
            continue
        if not does.typed.lo:
            untyped = Part("domains", negation(of.z, does.typed))
            cases[ACTOR, "", 0].append(Case(action.label, does.enabled, [untyped], does))
        written = written_by(does)
        if written not in seen:
            seen[written] = others(after, does, every)
        for shared, found in ((False, own(after, does, every)), (True, seen[written])):
            does_so = conjunction(of.z, (does.enabled, after.leaves(does, shared=shared))) if found else NO
            for pair, lost in found.items():
                parts = [Part(f"{said.number}{_watcher(pair)}", failed, said.clause) for said, failed in lost]
                cases[pair].append(Case(action.label, does_so, parts, does, pair))
    invariant = Invariant(of, [*clauses, *axioms])
    for pair, some in cases.items():
        cells = around(of, pair)
        gone = [negation(z, there) for cell, there in of.real.items() if cell not in cells]
        known = among(of, cells)
        counted = [after.says(axiom, other) for axiom in axioms for other in known]
        here = [of.typed, after.typed, *gone, *counted]
        yield from together(invariant, here, [near(of, pair, known), known], some, deadline)


def _watcher(pair: Pair) -> str:
    """Who looks on, in words; nothing for the thread that takes the step."""
    match pair:
        case (0, _, _):
            return " of any object"
        case (1, _, _):
            return ""
        case (_, "", _):
            return " of another thread"
        case _:
            return " of another thread and an object"


# ---- initiation ----------------------------------------------------------------------------------


def _initiation(of: Ground, system: System, clauses: Sequence[Clause], deadline: float | None) -> Iterator[Answer]:
    """That the clauses hold of every thread and object there is at the start."""
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
            said = [(c, of.body(c, pair, start)) for c in clauses if c.cls == cls and _covers(c, entry)]
            lost = negation(z, conjunction(z, [holds for _, holds in said]))
            if lost.hi:
                where = solver(z, of.typed, own, disjunction(z, objects), lost)
                called, found = f"initiation x {name}{', ' * bool(cls)}{cls}", check(where, deadline)
                yield Answer(called, found, _begun(called, start, said, pair, where) if found == z3.sat else None)


def _begun(called: str, start: PatchReader, said: Sequence[tuple[Clause, Num]], pair: Pair, at: z3.Solver) -> Broken:
    """How a start is in which some clause is false."""
    z, model = start.z, at.model()
    values = {slot: value_in(z, model, value) for slot, value in start.values.items()}
    clause = next(clause for clause, holds in said if not value_in(z, model, holds))
    bound = {THE_THREAD: pair[0], OBJECT: pair[2]}
    return Broken(called, None, {}, clause, clause.body, bound, values, values)


def _covers(clause: Clause, location: int) -> bool:
    return clause.locations is None or location in clause.locations


def _shared(system: System) -> dict[Slot, Num]:
    return {Slot("", 0, var.name): constant(var.default) for var in system.globals if not var.rigid}


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
