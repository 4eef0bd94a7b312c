"""Steps as Z3 terms: what each action of each thread needs and does, and the relation of a state to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, assert_never

import z3

from verify.instances import THREAD, Instance, Slot, Step, starts
from verify.ir import PC, Action, Binder, Const, Field, Global, Local, Place, Ptr
from verify.smt.frame import Frame, interval, value_in
from verify.smt.integers import (
    NO,
    YES,
    Num,
    binary,
    choose,
    conjunction,
    constant,
    disjunction,
    limits,
    narrow,
    negation,
    truth,
    variable,
)
from verify.smt.reader import Reader, Scope
from verify.smt.terms import Terms

MAX_SPLITS = 3  # pointers that one action follows to cells told apart
FINISHED = frozenset({"idle", "end", "null", "freed", "assert", "unlock"})  # kinds of location with nothing left to do


class Effect(NamedTuple):
    """An action of a thread: it is taken if `enabled`, and then each of `writes` has that number after the step.

    `typed` is whether all that it stores lies in the domains; where an enabled action is not typed, neither `writes`
    nor the system means anything.
    """

    enabled: Num
    writes: Mapping[Slot, Num]
    typed: Num


def choices(z: Terms, inst: Instance, binders: Sequence[Binder], k: int) -> tuple[Scope, Num]:
    """Free numbers for the binders of an action in step `k`, and whether they are choices of theirs."""
    scope, allowed = [], []
    for position, binder in enumerate(binders):
        values = inst.choices(binder)
        if not values:
            return ((binder.name, NO),), NO
        name = f"choice{position}:{values[0]}..{values[-1]}@{k}"
        scope.append((binder.name, variable(z, name, values[0], values[-1])))
        allowed.append(limits(z, scope[-1][1]))
    return tuple(scope), conjunction(z, allowed)


def effect(reader: Reader, action: Action, scope: Scope) -> Effect:
    """What the thread of `reader` does by `action` with the binders bound in `scope`."""
    z, pc = reader.z, Slot(THREAD, reader.me, PC)
    at_source = binary(z, "==", reader.values[pc], constant(action.source))
    enabled = conjunction(z, (at_source, reader.read(action.guard, scope) if at_source.hi else NO))
    writes: dict[Slot, Num] = {}
    if not enabled.hi:
        return Effect(NO, writes, YES)
    typed = []
    for slot, value, when in [(pc, constant(action.target), YES), *_stores(reader, action, scope)]:
        at = interval(reader.inst, reader.variables[slot].domain)
        if not at.lo <= value.lo <= value.hi <= at.hi:
            fits = (binary(z, ">=", value, constant(at.lo)), binary(z, "<=", value, constant(at.hi)))
            typed.append(disjunction(z, (negation(z, when), conjunction(z, fits))))
        writes[slot] = choose(z, when, narrow(z, value, at), writes.get(slot, reader.values[slot]))
    return Effect(enabled, writes, conjunction(z, typed))


def cases(reader: Reader, action: Action, scope: Scope) -> Iterator[tuple[Mapping[Slot, Num], Effect]]:
    """The effect of an action, one case for each way the pointers that it follows may point, in a frame that says so.

    Then every cell that it reads or writes is known: a case speaks of few variables. All cases together are the action.
    """
    z, inst = reader.z, reader.inst
    pending = [(reader.values, 0)]
    while pending:
        values, depth = pending.pop()
        here = Reader(z, inst, values, reader.me)
        does = effect(here, action, scope)
        followed = [slot for slot, var in here.variables.items() if values[slot].reads & here.followed]
        pointers = [slot for slot in followed if isinstance(here.variables[slot].domain, Ptr)]
        if pointers and depth < MAX_SPLITS and does.enabled.hi:
            found = inst.values(here.variables[pointers[0]].domain)
            pending += [({**values, pointers[0]: constant(value)}, depth + 1) for value in reversed(found)]
        elif does.enabled.hi:
            yield values, does


def _stores(reader: Reader, action: Action, scope: Scope) -> Iterator[tuple[Slot, Num, Num]]:
    """Every store of the action, in order: where, what, and whether it happens."""
    z = reader.z
    for update in action.updates:
        each = update.each
        inner = [scope] if each is None else [(*scope, (each.name, constant(v))) for v in reader.inst.choices(each)]
        for here in inner:
            when = truth(z, reader.read(update.when, here))
            if not when.hi:
                continue
            value = reader.read(update.value, here)
            for slot, at in _targets(reader, update.place, here):
                yield slot, value, conjunction(z, (when, at))


def _targets(reader: Reader, place: Place, scope: Scope) -> Iterator[tuple[Slot, Num]]:
    """Every variable that a place may denote, and whether it does."""
    match place:
        case Global(name):
            cell, pointer, indices = "", NO, range(1)
        case Local(name, of):
            cell, pointer = THREAD, constant(reader.me) if of is None else reader.read(of, scope)
            indices = reader.indices(cell, pointer)
        case Field(of, cell, name):
            pointer = reader.read(of, scope)
            indices = reader.indices(cell, pointer)
        case _:
            assert_never(place)
    for index in indices:
        if (slot := Slot(cell, index, name)) in reader.values:
            yield slot, binary(reader.z, "==", pointer, constant(index))


class Move(NamedTuple):
    """One way to step: an action of a thread, `taken` if the scheduler picks it."""

    thread: int
    action: Action
    scope: Scope
    taken: Num


class Transition(NamedTuple):
    """`relation`: whether two states are one step of a run; `untyped`: whether the first enables an untyped action."""

    relation: Num
    moves: Sequence[Move]
    untyped: Num


def transition(z: Terms, inst: Instance, pre: Frame, post: Frame, at: Sequence[frozenset[int]]) -> Transition:
    """A step: the scheduler's choice is a free thread and a free action; what that does not write stays.

    `at` are the locations that each thread may be at in `pre`; the actions from any other are left out.
    """
    k = pre.k
    actions = inst.system.actions
    thread = variable(z, f"thread@{k}", 1, inst.tasks)
    number = variable(z, f"action@{k}", 0, max(len(actions) - 1, 0))
    relation, moves, untyped = [limits(z, thread), limits(z, number), YES if actions else NO], [], []
    writers: dict[Slot, list[Num]] = {slot: [] for slot in pre.values}
    for me in range(1, inst.tasks + 1):
        reader = Reader(z, inst, pre.values, me)
        for index, action in enumerate(actions):
            taken = conjunction(z, (binary(z, "==", thread, constant(me)), binary(z, "==", number, constant(index))))
            if action.source not in at[me - 1]:
                relation.append(negation(z, taken))
                continue
            scope, allowed = choices(z, inst, action.binders, k)
            does = effect(reader, action, scope)
            may = conjunction(z, (does.enabled, allowed))
            moves.append(Move(me, action, scope, taken))
            untyped.append(conjunction(z, (may, negation(z, does.typed))))
            stores = [binary(z, "==", post.values[slot], value) for slot, value in does.writes.items()]
            relation.append(disjunction(z, (negation(z, taken), conjunction(z, (may, does.typed, *stores)))))
            for slot in does.writes:
                writers[slot].append(taken)
    for slot, takers in writers.items():
        relation.append(disjunction(z, (*takers, binary(z, "==", post.values[slot], pre.values[slot]))))
    return Transition(conjunction(z, relation), moves, disjunction(z, untyped))


def locations(inst: Instance) -> Iterator[Sequence[frozenset[int]]]:
    """The locations that each thread may be at after 0, 1, 2, ... steps, as far as control flow alone tells."""
    here = [frozenset[int]()] * inst.tasks
    for start in starts(inst):
        here = [at | frozenset(start[Slot(THREAD, me, PC)]) for me, at in enumerate(here, start=1)]
    anywhere = frozenset(range(len(inst.system.locations)))
    while True:
        yield here
        started = frozenset[int]()  # where a step may put another thread
        onward = []
        for at in here:
            taken = [action for action in inst.system.actions if action.source in at]
            onward.append(at | {action.target for action in taken})
            for update in (update for action in taken for update in action.updates):
                if isinstance(update.place, Local) and update.place.name == PC:
                    started |= {update.value.value} if isinstance(update.value, Const) else anywhere
        here = [at | started for at in onward]


def step_in(z: Terms, found: z3.ModelRef, step: Transition) -> Step:
    """The move that a satisfying assignment takes."""
    move = next(move for move in step.moves if value_in(z, found, move.taken))
    return Step(move.thread, move.action, tuple(value_in(z, found, number) for _, number in move.scope))


def deadlock(z: Terms, inst: Instance, at: Frame) -> Num:
    """Whether nobody can step although some thread is not finished."""
    free, busy = [], []
    for me in range(1, inst.tasks + 1):
        reader = Reader(z, inst, at.values, me)
        for action in inst.system.actions:
            for choice in product(*(inst.choices(binder) for binder in action.binders)):
                scope = tuple((b.name, constant(v)) for b, v in zip(action.binders, choice, strict=True))
                free.append(effect(reader, action, scope).enabled)
        for index, location in enumerate(inst.system.locations):
            if location.kind not in FINISHED:
                busy.append(binary(z, "==", at.values[Slot(THREAD, me, PC)], constant(index)))
    return conjunction(z, (negation(z, disjunction(z, free)), disjunction(z, busy)))
