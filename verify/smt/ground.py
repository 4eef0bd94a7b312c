"""The few cells that tell whether a step keeps a universal invariant: Z3 terms of their state and of what steps do.

The acting thread is cell 1, another thread that looks on cell 2; cell 3 is any further object of its class, and those
after it are objects that a step touches besides. Only the acting thread has to be there (docs/semantics.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from verify.instances import THREAD, Slot
from verify.ir import PC, Action, Expr, Field, Global, Local, Me, Place, Ptr, System
from verify.smt.covered import refuse
from verify.smt.integers import (
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
from verify.smt.patch import Patch, PatchReader, free_values, patch
from verify.smt.terms import Terms
from verify.smt.transition import effect
from verify.universal import OBJECT, Clause, operands, parts
from verify.universal import THREAD as THE_THREAD

ACTOR, OTHER, VIEWED, FURTHER = 1, 2, 3, 4
Pair = tuple[int, str, int]  # a thread (0 for none) and an object of a class ("" for none)


Key = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A clause with its number and the variables that its body reads."""

    number: int
    clause: Clause
    reads: frozenset[Key]


def numbered(clauses: Sequence[Clause]) -> Sequence[Said]:
    """Return the clauses with their numbers, from 1."""
    return [Said(n, clause, keys_of(clause.body)) for n, clause in enumerate(clauses, start=1)]


@dataclass(frozen=True, slots=True)
class Ground:
    """The cells in a state of free variables; `real` says which of them are there."""

    z: Terms
    inst: Patch
    reader: PatchReader
    real: Mapping[tuple[str, int], Num]
    places: dict[tuple[frozenset[int], int, Num], Num] = field(default_factory=dict)  # that a thread is at one of them

    @property
    def typed(self) -> Num:
        """That every variable lies in its domain."""
        return conjunction(self.z, [limits(self.z, value) for value in self.reader.values.values()])

    def there(self, cls: str, index: int) -> Num:
        """Whether an object is there; a thread's own is where the thread is, the acting thread always."""
        return self.real.get((cls, index), YES)

    def pairs(self, thread: int) -> Iterator[Pair]:
        """What the invariant speaks of: a thread, alone and with every object not its own."""
        yield thread, "", 0
        for cls, numbers in self.inst.named.items():
            yield from ((thread, cls, i) for i in numbers if cls != self.inst.system.thread or i != thread)

    def objects(self) -> Iterator[Pair]:
        """What the invariant speaks of: every object, and the globals alone."""
        yield 0, "", 0
        for cls, numbers in self.inst.named.items():
            yield from ((0, cls, i) for i in numbers)

    def says(self, clause: Clause, pair: Pair, reader: PatchReader | None = None) -> Num:
        """That the clause holds of what is there of a pair, in the state of the reader."""
        z, (thread, cls, index) = self.z, pair
        if (clause.thread, clause.cls) != (thread > 0, cls):
            return YES
        there = conjunction(z, (self.there(self.inst.system.thread, thread), self.there(cls, index)))
        here = self.at(clause, thread, reader)
        if not there.hi or not here.hi:
            return YES
        return disjunction(z, (negation(z, there), negation(z, here), self.body(clause, pair, reader)))

    def at(self, clause: Clause, thread: int, reader: PatchReader | None = None) -> Num:
        """That the thread is where the clause speaks of it."""
        if clause.locations is None:
            return YES
        pc = (reader or self.reader).values[Slot(THREAD, thread, PC)]
        key = (clause.locations, thread, pc)
        if key not in self.places:
            z = self.z
            found = [binary(z, "==", pc, constant(location)) for location in sorted(clause.locations)]
            self.places[key] = disjunction(z, found)
        return self.places[key]

    def body(self, clause: Clause, pair: Pair, reader: PatchReader | None = None) -> Num:
        """That the body of the clause is true of a pair."""
        thread, _, index = pair
        scope = ((THE_THREAD, constant(thread)), (OBJECT, constant(index)))
        return truth(self.z, (reader or self.reader).read(clause.body, scope))


@dataclass(frozen=True, slots=True)
class Step:
    """The actor takes an action: it can if `enabled`, what it stores is in its domain if `typed`."""

    action: Action
    enabled: Num
    typed: Num
    writes: Mapping[Slot, Num]  # the numbers of what it stores in
    notes: Mapping[str, Num] = field(default_factory=dict)  # the choices of its binders


def ground(system: System, z: Terms | None = None) -> Ground:
    """Return the cells that tell of the steps of a system. Raises EncodingError for what few cells cannot tell."""
    refuse(system)
    z = z or Terms()
    further = range(FURTHER, FURTHER + max((_follows(action) for action in system.actions), default=0))
    named = {cls: [*([ACTOR, OTHER] if cls == system.thread else []), VIEWED, *further] for cls in system.classes}
    binders = max((len(action.binders) for action in system.actions), default=0)
    inst = patch(system, named, [ACTOR, OTHER], binders)
    real = {(cls, i): variable(z, f"real {cls}{i}", 0, 1) for cls in system.classes for i in named[cls] if i != ACTOR}
    return Ground(z, inst, PatchReader(z, inst, free_values(z, inst, "0")), real)


def step(of: Ground, action: Action) -> Step | None:
    """The actor takes the action; None if it never can."""
    z, inst = of.z, of.inst
    before = {**of.reader.values, Slot(THREAD, ACTOR, PC): constant(action.source)}
    reader = PatchReader(z, inst, before, ACTOR, real=of.real)
    scope, allowed = [], []
    for position, binder in enumerate(action.binders):
        values = inst.values(binder.domain)
        least = 1 if isinstance(binder.domain, Ptr) else values[0]
        number = variable(z, f"choice{position}:{least}..{values[-1]}", least, values[-1])
        scope.append((binder.name, number))
        allowed.append(limits(z, number))
    does = effect(reader, action, tuple(scope))
    touched = [_implies(z, reader.goes_to(cls, i), there) for (cls, i), there in of.real.items()]
    here = binary(z, "==", of.reader.values[Slot(THREAD, ACTOR, PC)], constant(action.source))
    enabled = conjunction(z, (here, does.enabled, *allowed, reader.named(), *touched))
    if not enabled.hi:
        return None
    return Step(action, enabled, does.typed, does.writes, dict(scope))


Failed = tuple[Said, Num]  # a clause, and that a step breaks it
Seen = Mapping[Pair, Sequence[Failed]]


@dataclass(frozen=True, slots=True)
class Later:
    """The same cells after a step of the actor: what another thread has of its own stays."""

    of: Ground
    reader: PatchReader
    typed: Num
    same: Mapping[Slot, Num]  # that a step leaves a variable as it is
    known: dict[tuple[int, Pair], Num] = field(default_factory=dict)  # that a clause is broken

    def says(self, clause: Clause, pair: Pair) -> Num:
        """That the clause holds of what is there of a pair, after the step."""
        return self.of.says(clause, pair, self.reader)

    def leaves(self, does: Step, *, shared: bool) -> Num:
        """What the step does to all that it may store in, or to what others may see of it."""
        z, slots = self.of.z, [slot for slot in self.same if not shared or slot.cell != THREAD]
        new = {slot: value for slot, value in does.writes.items() if value is not self.of.reader.values[slot]}
        stores = [binary(z, "==", self.reader.values[slot], new[slot]) for slot in slots if slot in new]
        return conjunction(z, [*stores, *(self.same[slot] for slot in slots if slot not in new)])


def later(of: Ground) -> Later:
    """Return the cells after a step."""
    z, before = of.z, of.reader.values
    new = free_values(z, of.inst, "1")
    changing = {slot: value for slot, value in new.items() if (slot.cell, slot.index) != (THREAD, OTHER)}
    same = {slot: binary(z, "==", value, before[slot]) for slot, value in changing.items()}
    typed = conjunction(z, [limits(z, value) for value in changing.values()])
    return Later(of, PatchReader(z, of.inst, {**before, **changing}, base=of.reader), typed, same)


def own(at: Later, does: Step, clauses: Sequence[Said]) -> Seen:
    """What the step might break of what is said of the thread that takes it, alone or with any object."""
    written, result = written_by(does) | {(THREAD, PC)}, defaultdict[Pair, list[Failed]](list)
    for said in clauses:
        clause = said.clause
        if not clause.thread or (clause.locations is not None and does.action.target not in clause.locations):
            continue
        if written.isdisjoint(said.reads) and (clause.locations is None or does.action.source in clause.locations):
            continue
        pair = (ACTOR, clause.cls, VIEWED if clause.cls else 0)
        failed = _breaks(at, said, pair)
        if failed.hi:
            result[pair].append((said, failed))
    return result


def others(at: Later, does: Step, clauses: Sequence[Said]) -> Seen:
    """What the step might break of what is said of another thread or of any object: what all that write the same do."""
    of, written, result = at.of, written_by(does), defaultdict[Pair, list[Failed]](list)
    for said in clauses:
        if not written.isdisjoint(said.reads):
            for pair in _watching(of, said.clause):
                failed = conjunction(of.z, (of.at(said.clause, pair[0]), _breaks(at, said, pair)))
                if failed.hi:
                    result[pair].append((said, failed))
    return result


def around(of: Ground, pair: Pair) -> frozenset[tuple[str, int]]:
    """The objects that may matter where a step breaks what is said of a pair: others need not be there."""
    thread, cls, index = pair
    tasks = of.inst.system.thread
    touched = {(c, i) for c, i in of.real if i >= FURTHER}
    return frozenset({(tasks, ACTOR), (tasks, thread), (cls, index), *touched})


def among(of: Ground, cells: frozenset[tuple[str, int]]) -> Sequence[Pair]:
    """All that the invariant says of some objects and their threads."""
    tasks = of.inst.system.thread
    return [p for p in all_pairs(of) if (not p[0] or (tasks, p[0]) in cells) and (not p[1] or p[1:] in cells)]


def all_pairs(of: Ground) -> Iterator[Pair]:
    """All that the invariant speaks of."""
    yield from of.objects()
    for thread in of.inst.threads:
        yield from of.pairs(thread)


def near(of: Ground, pair: Pair, every: Sequence[Pair]) -> Sequence[Pair]:
    """Those of `every` pair of which the invariant most likely says why a step keeps what is said of `pair`."""
    thread, cls, index = pair
    tasks = of.inst.system.thread
    whose = {(cls, index)} if cls else {(tasks, thread)}
    alone = {pair, (ACTOR, "", 0), (0, tasks, ACTOR)}
    if thread == OTHER:
        alone |= {(OTHER, "", 0), (0, tasks, OTHER), (ACTOR, tasks, OTHER)}
    return [other for other in every if other in alone or (other[1:] in whose and other[0] != OTHER)]


def _breaks(at: Later, said: Said, pair: Pair) -> Num:
    """That the body of a clause is false, after the step, of what is there of a pair."""
    key = (said.number, pair)
    if key not in at.known:
        of = at.of
        there = (of.there(of.inst.system.thread, pair[0]), of.there(pair[1], pair[2]))
        at.known[key] = conjunction(of.z, (*there, negation(of.z, of.body(said.clause, pair, at.reader))))
    return at.known[key]


def _watching(of: Ground, clause: Clause) -> Iterator[Pair]:
    """Another thread with any object, the actor's own as well; of a clause without a thread any object."""
    who, thread = OTHER if clause.thread else 0, of.inst.system.thread
    if clause.cls == thread:
        yield who, thread, ACTOR
    yield who, clause.cls, VIEWED if clause.cls else 0


def written_by(does: Step) -> frozenset[Key]:
    """The variables that a step may store in."""
    return frozenset(_key(update.place) for update in does.action.updates)


def _key(place: Place) -> Key:
    match place:
        case Field(_, cls, name):
            return cls, name
        case Local(name):
            return THREAD, name
        case Global(name):
            return "", name
        case _:
            assert_never(place)


def keys_of(body: Expr) -> frozenset[Key]:
    """The variables that an expression reads; its parts may be shared."""
    found, seen, todo = set[Key](), set[int](), [body]
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            if isinstance(part, Global | Local | Field):
                found.add(_key(part))
            todo += operands(part)
    return frozenset(found)


def _follows(action: Action) -> int:
    """An upper bound on the objects that the action's expressions go to through pointers, its own left out."""
    return len(followed(action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))) - {Me()})


def followed(*exprs: Expr) -> set[Expr]:
    """The pointers that expressions go through."""
    return {part.pointer for expr in exprs for part in parts(expr) if isinstance(part, Field)}


def _implies(z: Terms, cond: Num, then: Num) -> Num:
    return disjunction(z, (negation(z, cond), then))


