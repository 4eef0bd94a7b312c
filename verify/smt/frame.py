"""Frames: the variables of one state as Z3 terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import z3

from verify.instances import Instance, Slot, Start, State, starts
from verify.ir import Domain
from verify.smt.integers import NO, Num, binary, conjunction, constant, disjunction, limits, variable
from verify.smt.terms import Terms
from verify.smt.widths import EncodingError, Interval


class Frame(NamedTuple):
    """State `k` of a run: a number for each variable; `typed` says that each lies in its domain."""

    k: int
    values: Mapping[Slot, Num]
    typed: Num


def interval(inst: Instance, domain: Domain) -> Interval:
    """The values of a domain."""
    values = inst.values(domain)
    return Interval(values[0], values[-1])


def frame(z: Terms, inst: Instance, k: int) -> Frame:
    """The variables of state `k`, named as in "task1.ptrace@k"; variable number i reads as the mask 1 << i."""
    values = {
        slot: variable(z, f"{slot}@{k}", *interval(inst, var.domain), reads=1 << i)
        for i, (slot, var) in enumerate(inst.slots().items())
    }
    return Frame(k, values, conjunction(z, (limits(z, value) for value in values.values())))


def initial(z: Terms, inst: Instance, at: Frame, among: Iterable[Start] | None = None) -> Num:
    """Whether a state is an initial one: of any way to begin, or `among` some.

    Raises EncodingError for an initial value outside its domain.
    """
    found = []
    for start in starts(inst) if among is None else among:
        parts = []
        for slot, values in start.items():
            here = at.values[slot]
            if not all(here.lo <= value <= here.hi for value in values):
                raise EncodingError(f"{slot} begins outside its domain")
            if len(values) <= here.hi - here.lo:
                parts.append(disjunction(z, [binary(z, "==", here, constant(value)) for value in values]))
        found.append(conjunction(z, parts))
    return disjunction(z, found)


def is_state(z: Terms, at: Frame, state: State, said: Start = MappingProxyType({})) -> Num:
    """Whether the frame holds `state`; not if that has other variables or a value outside its domain.

    Left out are variables that have a single value in `said`, a way to begin that is assumed besides, if it is that of
    the state.
    """
    if at.values.keys() != state.keys():
        return NO
    asked = [(slot, value) for slot, value in state.items() if said.get(slot) != (value,)]
    return conjunction(z, [binary(z, "==", at.values[slot], constant(value)) for slot, value in asked])


def value_in(z: Terms, found: z3.ModelRef, a: Num) -> int:
    """The integer that `a` is in a satisfying assignment."""
    if a.ast is None:
        return a.lo
    if (a.lo, a.hi) == (0, 1):
        return int(z3.is_true(found.eval(z.formula(a.ast), model_completion=True)))
    number = found.eval(z.number(a.ast), model_completion=True)
    value: int = number.as_signed_long() if a.lo < 0 else number.as_long()
    return value


def state_in(z: Terms, found: z3.ModelRef, at: Frame) -> State:
    """The state that a frame is in a satisfying assignment."""
    return {slot: value_in(z, found, value) for slot, value in at.values.items()}
