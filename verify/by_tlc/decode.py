"""States and runs that TLC shows, as those of an instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from verify.emit.tla.kinds import Kind
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.emit.tla.terms import LIVES
from verify.instances import THREAD, Instance, Slot, State, Step, Trace
from verify.lasso import Lasso
from verify.semantics import successors
from verify.tlc.errors import TlcOutputError
from verify.tlc.trace import Violation
from verify.tlc.values import Function, Value
from verify.tlc.values import Model as ModelValue


def decode(spec: Spec, model: Model, inst: Instance, values: Mapping[str, Value]) -> State:
    """A state of the module as one of the instance. Raises TlcOutputError if it is none."""
    cells = {(cls, index): ModelValue(name) for name, (cls, index) in model.cells.items()}
    found = dict[Slot, int]()
    for slot in inst.slots():
        key = (slot.cell, slot.name)
        name = spec.names.variables.get(key)
        if name is None:
            found[slot] = 0
            continue
        if name not in values:
            raise TlcOutputError(f"a state without `{name}`")
        value = values[name]
        if slot.cell:
            cell = cells[spec.system.thread if slot.cell == THREAD else slot.cell, slot.index]
            if not isinstance(value, Function) or cell not in value:
                raise TlcOutputError(f"`{name}` has no value for {cell.name}")
            value = value[cell]
        found[slot] = _number(value, spec.kinds.of[key], spec, model)
    return found


def _number(value: Value, kind: Kind, spec: Spec, model: Model) -> int:
    match kind, value:
        case Kind.TRUTH, bool():
            return int(value)
        case Kind.NUMBER, int() if not isinstance(value, bool):
            return value
        case Kind.CELL, ModelValue("NULL"):
            return 0
        case Kind.CELL, ModelValue(name) if name in model.cells:
            return model.cells[name][1]
        case Kind.THREADS, frozenset():
            return sum(1 << (_number(one, Kind.CELL, spec, model) - 1) for one in value)
        case Kind.PLACE, str():
            places = {label: place for place, label in spec.names.labels.items()}
            if value in places:
                return places[value]
        case Kind.LIFE, str():
            lives = {text.strip('"'): life for life, text in LIVES.items()}
            if value in lives:
                return lives[value]
    raise TlcOutputError(f"{value!r} where a value of kind {kind.value} is wanted")


def run_of(spec: Spec, model: Model, inst: Instance, violation: Violation) -> Trace:
    """The run that leads to a violation, each step found among those of the definition.

    Raises TlcOutputError if a step is none of these: then the module and the definition differ.
    """
    return _run(inst, [decode(spec, model, inst, state.values) for state in violation.trace])


def lasso_of(spec: Spec, model: Model, inst: Instance, violation: Violation) -> Lasso:
    """The run for ever by which a temporal property is violated, without steps that change nothing.

    Raises TlcOutputError as above, and if it does not go on for ever.
    """
    states, at = list[State](), dict[int, int]()  # by number of TLC's state: that of the same one here
    for shown in violation.trace:
        state = decode(spec, model, inst, shown.values)
        if not states or states[-1] != state:
            states.append(state)
        at[shown.number] = len(states) - 1
    back = violation.trace[-1].number if violation.stutters and violation.trace else violation.loop
    if back not in at:
        raise TlcOutputError("a run of a temporal property that ends")
    if states[-1] != states[at[back]]:
        states.append(states[at[back]])
    return Lasso(_run(inst, states), at[back])


def _run(inst: Instance, states: Sequence[State]) -> Trace:
    steps = list[Step]()
    for before, after in pairwise(states):
        step = next((step for step, state in successors(inst, before) if state == after), None)
        if step is None:
            raise TlcOutputError(f"step {len(steps) + 1} of the run is none of the system")
        steps.append(step)
    return Trace(inst, tuple(states), tuple(steps))

