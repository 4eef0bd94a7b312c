"""Z3 as the judge of a run: the run, every state and step of it fixed, must satisfy its own unrolling."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import z3

from verify.instances import Instance, Slot, Start, State, Step, Trace, starts
from verify.ir import Expr
from verify.smt.frame import Frame, initial, interval, is_state
from verify.smt.integers import YES, Num, binary, conjunction, constant, limits, negation, variable
from verify.smt.reader import Reader
from verify.smt.solver import check, solver
from verify.smt.terms import Terms
from verify.smt.transition import deadlock, effect


def begun() -> Terms:
    """Terms to build on, and a solver asked once: it takes Z3 longer to begin than to accept most runs."""
    z = Terms()
    check(solver(z, YES), None)
    return z


def accepts(trace: Trace, prop: Expr, z: Terms | None = None) -> bool:
    """Whether the run is one of its instance and ends where `prop` is 0. `z` are terms to build on instead of none."""
    return _accepted(trace, z or Terms(), lambda z, end: negation(z, Reader(z, trace.instance, end).read(prop)))


def accepts_deadlock(trace: Trace, z: Terms | None = None) -> bool:
    """Whether the run is one of its instance and ends where nobody can step although some thread is not finished."""
    return _accepted(trace, z or Terms(), lambda z, end: deadlock(z, trace.instance, Frame(len(trace.steps), end, YES)))


class Cells(Mapping[Slot, Num]):
    """The variables of the state that a run is at. One of the first state is made when it is first asked for.

    What no step and no property asks for is in the last state what it was in the first.
    """

    def __init__(self, z: Terms, inst: Instance) -> None:
        """Begin at a first state of which nothing is known."""
        self._z, self._inst, self._slots = z, inst, inst.slots()
        self._now: dict[Slot, Num] = {}
        self.first: dict[Slot, Num] = {}  # those of the first state that were asked for

    def __getitem__(self, slot: Slot) -> Num:
        """The variable. Raises KeyError where the instance has none."""
        found = self._now.get(slot)
        if found is None:
            made = variable(self._z, f"{slot}@0", *interval(self._inst, self._slots[slot].domain))
            found = self.first[slot] = self._now[slot] = made
        return found

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def write(self, fresh: Mapping[Slot, Num]) -> None:
        """Go on to a state in which these are other variables."""
        self._now |= fresh


def _accepted(trace: Trace, z: Terms, ends: Callable[[Terms, Mapping[Slot, Num]], Num]) -> bool:
    if not trace.states or len(trace.states) != len(trace.steps) + 1:
        return False
    inst, first = trace.instance, trace.states[0]
    if first.keys() != inst.slots().keys():
        return False
    begun = [start for start in starts(inst) if all(first[slot] in values for slot, values in start.items())]
    if not begun:
        return False
    parts, at = list[Num](), Cells(z, inst)
    actions = {id(action) for action in inst.system.actions}
    for number, (step, (before, state)) in enumerate(zip(trace.steps, pairwise(trace.states), strict=True), start=1):
        if not _fits(inst, step, actions) or state.keys() != before.keys():
            return False
        holds, written = _after(z, inst, at, step, number)
        parts.append(holds)
        changed = dict.fromkeys((*written, *_changed(before, state)))
        parts += [binary(z, "==", at[slot], constant(state[slot])) for slot in changed]  # the rest is said
    parts.append(ends(z, at))
    return bool(check(solver(z, _begins(z, inst, at, begun, first), *parts), None) == z3.sat)


def _changed(before: State, after: State) -> Iterator[Slot]:
    """The variables that differ."""
    if list(before) == list(after):  # as it nearly always is
        return (slot for slot, one, two in zip(after, before.values(), after.values(), strict=True) if one != two)
    return (slot for slot, value in after.items() if value != before[slot])


def _begins(z: Terms, inst: Instance, at: Cells, begun: Sequence[Start], first: State) -> Num:
    """Whether the first state is `first`, and that of a way to begin: all that was asked for of it.

    Raises EncodingError for an initial value outside its domain.
    """
    begun = [{slot: start[slot] for slot in at.first} for start in begun]
    typed = conjunction(z, (limits(z, value) for value in at.first.values()))
    here = Frame(0, at.first, typed)
    said = begun[0] if len(begun) == 1 else {}  # it is none of another beginning
    told = is_state(z, here, {slot: first[slot] for slot in at.first}, said)
    return conjunction(z, [typed, initial(z, inst, here, begun), told])


def _fits(inst: Instance, step: Step, actions: Collection[int]) -> bool:
    """Whether the instance has that thread, that action (`actions` are the identities of its own) and those choices."""
    binders = step.action.binders
    known = id(step.action) in actions or step.action in inst.system.actions
    good = known and 1 <= step.thread <= inst.tasks and len(step.choice) == len(binders)
    return good and all(value in inst.choices(binder) for binder, value in zip(binders, step.choice, strict=True))


def _after(z: Terms, inst: Instance, at: Cells, step: Step, number: int) -> tuple[Num, Collection[Slot]]:
    """Whether step `number` can be taken, and what it may write: `at` goes on there.

    What it writes are new variables. That each is in its domain need not be said where it is said which number it is.
    """
    scope = tuple((b.name, constant(value)) for b, value in zip(step.action.binders, step.choice, strict=True))
    does = effect(Reader(z, inst, at, step.thread), step.action, scope)
    domains = inst.slots()
    fresh = {slot: variable(z, f"{slot}@{number}", *interval(inst, domains[slot].domain)) for slot in does.writes}
    same = [binary(z, "==", fresh[slot], value) for slot, value in does.writes.items()]
    at.write(fresh)
    return conjunction(z, (does.enabled, does.typed, *same)), fresh.keys()
