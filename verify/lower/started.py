"""Where runs begin that keep to assumptions: in initial states in which these hold of every object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from verify.diagnostics import Diagnostic, InputError
from verify.instances import Instance, Slot, Start, State, instance, least_tasks, starts
from verify.ir import FREE, LIFE, Binder, Bound, Const, Expr, Field, Global, Group, Ptr, Quant, System
from verify.lower.simplify import binary, disj, parts
from verify.lower.visible import key_of
from verify.semantics import holds
from verify.syntax import ast

MOST_STARTS = 4096  # initial states that are looked at
MOST_PARTS = 16  # groups that one becomes


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition of all objects that exist, of these classes; of the globals, if there are none."""

    of: ast.AssumptionDecl
    objects: tuple[Binder, ...]
    body: Expr

    def matrix(self) -> Expr:
        """What is said of each choice of objects."""
        return disj([*(_free(Bound(b.name), b) for b in self.objects), self.body])

    def formula(self) -> Expr:
        """The clause as a property."""
        whole = self.matrix()
        for binder in reversed(self.objects):
            whole = Quant("forall", binder, whole)
        return whole


def _free(pointer: Expr, binder: Binder) -> Expr:
    assert isinstance(binder.domain, Ptr)  # noqa: S101 - objects are quantified
    return binary("==", Field(pointer, binder.domain.cls, LIFE), Const(FREE))


def started(system: System, clauses: Sequence[Clause]) -> System:
    """The system that begins only where the clauses hold."""
    alone = [clause for clause in clauses if len(clause.objects) <= 1]
    groups = [part for group in system.groups for part in _fitting(system, group, alone)]
    if not groups:
        raise _no_start(system, clauses)
    fitting = replace(system, groups=tuple(groups))
    for clause in (clause for clause in clauses if clause not in alone):
        inst = _large_enough(fitting, len(clause.objects))
        states = (state for start in starts(inst) for state in _states(start, [clause], clause))
        for number, state in enumerate(states):
            if number == MOST_STARTS:
                raise _too_many(clause)
            if not _holds(inst, [clause], state):
                raise _no_start(system, [clause])
    return fitting


def _large_enough(system: System, objects: int) -> Instance:
    """An instance in which so many objects can be of the same group, or of any others."""
    fewer = (replace(g, count=None if g.count is None else min(g.count, objects)) for g in system.groups)
    small = replace(system, groups=tuple(fewer))
    open_ended = any(group.count is None for group in small.groups)
    return instance(small, least_tasks(small) + open_ended * objects)


def _fitting(system: System, group: Group, clauses: Sequence[Clause]) -> list[Group]:
    """The group as far as its tasks keep to the clauses: with fewer values, in parts, or none."""
    inst = instance(replace(system, groups=(replace(group, count=1),)), 1)
    (start,) = starts(inst)
    names = [slot.name for slot in _open(start, clauses)]
    states = list(_states(start, clauses, clauses[0])) if clauses else []
    fit = [state for state in states if _holds(inst, clauses, state)]
    if len(fit) == len(states):
        return [group]
    if not fit:
        if group.count is not None:
            raise _no_start(system, clauses)
        return []
    rows = [tuple(state[Slot(system.thread, 1, name)] for name in names) for state in fit]
    columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    if len(rows) == prod(map(len, columns)):
        return [_given(group, dict(zip(names, columns, strict=True)))]
    if group.count is not None or len(rows) > MOST_PARTS:
        message = f"which of its initial values a task of `{group.name}` has depends on several at once"
        raise InputError([Diagnostic("KC206", message, clauses[0].of.span, hint="make it groups of their own")])
    parts_of = [_given(group, {name: (value,) for name, value in zip(names, row, strict=True)}) for row in rows]
    return [replace(part, name=f"{group.name}.{number}") for number, part in enumerate(parts_of, start=1)]


def _given(group: Group, values: Mapping[str, tuple[int, ...]]) -> Group:
    return replace(group, values={**group.values, **values})


def _open(start: Start, clauses: Sequence[Clause]) -> list[Slot]:
    """The variables with several initial values that the clauses read."""
    reads = {key_of(part) for clause in clauses for part in parts(clause.body) if isinstance(part, Global | Field)}
    return [slot for slot, values in start.items() if len(values) > 1 and (slot.cell, slot.name) in reads]


def _states(start: Start, clauses: Sequence[Clause], blamed: Clause) -> Iterator[State]:
    """The states of a start, as far as the clauses can tell them apart. Raises InputError if there are too many."""
    slots = _open(start, clauses)
    if prod(len(start[slot]) for slot in slots) > MOST_STARTS:
        raise _too_many(blamed)
    some = {slot: values[0] for slot, values in start.items()}
    for chosen in product(*(start[slot] for slot in slots)):
        yield {**some, **dict(zip(slots, chosen, strict=True))}


def _holds(inst: Instance, clauses: Sequence[Clause], state: State) -> bool:
    return all(holds(inst, clause.formula(), state) for clause in clauses)


def _too_many(clause: Clause) -> InputError:
    message = f"`{clause.of.name}` reads what has too many initial values"
    return InputError([Diagnostic("KC206", message, clause.of.span, hint="give it fewer: `nondet()` of a small type")])


def _no_start(system: System, clauses: Sequence[Clause]) -> InputError:
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(clause.of.name for clause in clauses))
    if len(clauses) == 1 and len(clauses[0].objects) > 1:
        message, hint = f"some initial state of `{system.name}` breaks {names}", "give its tasks other initial values"
    else:
        message, hint = f"no run of `{system.name}` begins: no initial state keeps to {names}", ""
    return InputError([Diagnostic("KC206", message, clauses[0].of.span, hint=hint)])
