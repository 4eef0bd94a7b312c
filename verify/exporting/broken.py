"""Where an invariant is broken in states of an instance, as a counterexample to induction has it: task 1 steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from verify.induction import Broken
from verify.instances import THREAD, Instance, Slot, State, Step
from verify.ir import PC, Binder, Expr, Ptr, Threads
from verify.semantics import Context, evaluate, successors
from verify.universal import OBJECT, Clause, prenex
from verify.universal import THREAD as THE_THREAD

ACTOR = 1


def broken(inst: Instance, states: Sequence[State], clauses: Sequence[Clause] | None, prop: Expr) -> Broken | None:
    """What is false in the last of one state or two, of the `clauses`, or of the property if there are none.

    None if nothing is. Raises SemanticsError for what is no state of the system.
    """
    before, after = states[0], states[-1]
    step = next((step for step, state in successors(inst, before) if state == after), None)
    if len(states) > 1 and (step is None or clauses is None):
        return None
    where = next(_false_clauses(inst, clauses, after) if clauses is not None else _false(inst, prop, after), None)
    if where is None:
        return None
    obligation, clause, body, bound = where
    if len(states) == 1:
        name = "safety" if clauses is None else "initiation"
        return Broken(f"{name} x {obligation}", None, {}, clause, body, bound, after, after)
    assert step is not None  # noqa: S101 - there are two states
    assert clause is not None  # noqa: S101 - the property is false in a state that is one alone
    swap = _Swap(inst, step.thread)
    return Broken(
        f"{step.action.label} x {obligation}", step.action, _choices(swap, step), clause, body,
        {name: swap.cell(cls, number) for name, cls, number in _owners(inst, clause, bound)},
        swap.state(before), swap.state(after),
    )  # fmt: skip


Where = tuple[int, Clause | None, Expr, Mapping[str, int]]  # which one, and of which cells it is false


def _false_clauses(inst: Instance, clauses: Sequence[Clause], state: State) -> Iterator[Where]:
    for number, clause in enumerate(clauses, start=1):
        owners = {THE_THREAD: inst.system.thread} if clause.thread else {}
        owners |= {OBJECT: clause.cls} if clause.cls else {}
        for cells in product(*(range(1, inst.sizes[cls] + 1) for cls in owners.values())):
            bound = {THE_THREAD: 0, OBJECT: 0, **dict(zip(owners, cells, strict=True))}
            thread = bound[THE_THREAD]
            elsewhere = clause.locations is not None and state[Slot(THREAD, thread, PC)] not in clause.locations
            itself = clause.thread and clause.cls == inst.system.thread and bound[OBJECT] == thread
            if not elsewhere and not itself and not evaluate(clause.body, Context(inst, state, bound=bound)):
                yield number, clause, clause.body, bound


def _false(inst: Instance, prop: Expr, state: State) -> Iterator[Where]:
    for number, (binders, matrix) in enumerate(prenex(prop) or [((), prop)], start=1):
        for values in product(*map(inst.choices, binders)):
            bound = {binder.name: value for binder, value in zip(binders, values, strict=True)}
            if not evaluate(matrix, Context(inst, state, bound=bound)):
                yield number, None, matrix, bound


def _owners(inst: Instance, clause: Clause, bound: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """The names of a clause with the classes and the numbers of their cells; 0 of one that it does not speak of."""
    yield THE_THREAD, inst.system.thread, bound[THE_THREAD]
    yield OBJECT, clause.cls, bound[OBJECT]


class _Swap:
    """The same states with the numbers of the acting task and of task 1 swapped."""

    def __init__(self, inst: Instance, actor: int) -> None:
        self.inst = inst
        self.number = {actor: ACTOR, ACTOR: actor}

    def cell(self, cls: str, number: int) -> int:
        return self.number.get(number, number) if cls in (self.inst.system.thread, THREAD) else number

    def value(self, domain: object, value: int) -> int:
        match domain:
            case Ptr(cls):
                return self.cell(cls, value)
            case Threads():
                members = (i for i in range(1, self.inst.tasks + 1) if value >> (i - 1) & 1)
                return sum(1 << (self.cell(THREAD, i) - 1) for i in members)
            case _:
                return value

    def state(self, state: State) -> State:
        slots = self.inst.slots()
        return {
            slot._replace(index=self.cell(slot.cell, slot.index)): self.value(slots[slot].domain, value)
            for slot, value in state.items()
        }


def _choices(swap: _Swap, step: Step) -> Mapping[str, int]:
    pairs: Iterator[tuple[Binder, int]] = zip(step.action.binders, step.choice, strict=True)
    return {binder.name: swap.value(binder.domain, value) for binder, value in pairs}
