"""What the updates of an action do to a packed state, as Python source.

Stores to bits that are known beforehand become one expression; stores through pointers, under conditions and in loops
follow one by one. Every value is read in the state before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import eq

from verify.engine.codegen.expressions import Env, condition, loop, place, unrolled, value
from verify.engine.codegen.places import Where, lookup
from verify.engine.codegen.pysource import ATOM, SHIFT, SUM, Code, Cond, Vector, Writer, constant
from verify.instances import THREAD, Slot
from verify.ir import PC, Action, Update

UNROLL_EACH = 8  # longer broadcasts are loops
INDENT = "    "


@dataclass(slots=True)
class _Phase:
    """Some stores of an action: first those to bits known beforehand, as one expression, then the other lines."""

    stores: dict[Vector, tuple[int, Code]] = field(default_factory=dict)  # shifts: width and packed value
    checks: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    dirty: set[tuple[str, str]] = field(default_factory=set)  # variables that the lines store to


@dataclass(slots=True)
class _Effect:
    """What the updates of an action come to, in the making."""

    writer: Writer
    action: Action
    failures: list[str]
    phases: list[_Phase]

    def checked(self, code: Code, place: Where, lines: list[str]) -> Code:
        """Return `code` made sure to lie in the domain of the variable, and moved down to start at 0."""
        if not (place.low <= code.lo and code.hi <= place.high):
            name = f"v{len(self.failures)}"
            lines.append(f"{name} = {code.text}")
            lines.append(f"if not {place.low} <= {name} <= {place.high}: fail({len(self.failures)}, {name})")
            variable = "::".join(part for part in place.key if part)
            self.failures.append(f"{variable} := {{}} leaves its domain in `{_braced(self.action.label)}`")
            code = Code(name, ATOM, place.low, place.high)
        if code.fixed is not None:
            return constant(self.writer, tuple(number - place.low for number in code.fixed))
        if place.low == 0:
            return code
        text = f"{code.at(SUM)} - {place.low}" if place.low > 0 else f"{code.at(SUM)} + {-place.low}"
        return Code(text, SUM, 0, place.high - place.low, depth=code.depth + 1)


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def effect(writer: Writer, action: Action, env: Env, known: Cond, failures: list[str]) -> list[str]:
    """Return lines that make `n`, the state after the action, from `s`.

    `known` is what the guard says about bits of `s`. Where a store may leave its domain, the lines call `fail` with the
    place of a message in `failures` and the value.
    """
    made = _Effect(writer, action, failures, [_Phase()])
    bits = writer.places.bits
    counters = tuple(bits[Slot(THREAD, me, PC)] for me in writer.threads)
    shifts = tuple(place.shift for place in counters)
    _, width, low, high = counters[0]
    goal = Where((THREAD, PC), width, low, high, shifts)
    _fixed_store(made, goal, constant(writer, (action.target,) * len(writer.threads)))
    for update in action.updates:
        _update(made, update, env)
    masks, values = known.pin or ((0,) * len(shifts), (0,) * len(shifts))
    origin = tuple(action.source - low << shift for shift in shifts)
    masks = tuple(mask | (1 << width) - 1 << shift for mask, shift in zip(masks, shifts, strict=True))
    values = tuple(number | bits for number, bits in zip(values, origin, strict=True))
    base = "s"
    lines: list[str] = []
    for phase in made.phases:
        stored = _stored(writer, base, phase, masks, values)
        lines += [*phase.checks, *([] if stored == "n" else [f"n = {stored}"]), *phase.lines]
        base, masks, values = "n", (0,) * len(shifts), (0,) * len(shifts)
    return lines


def _stored(writer: Writer, base: str, phase: _Phase, masks: Vector, values: Vector) -> str:
    """The state after the stores of a phase to known bits, where `base` has `values` under `masks` beforehand."""
    keep, flip = [(1 << writer.places.size) - 1] * len(masks), [0] * len(masks)
    terms: list[str] = []
    for shifts, (width, code) in phase.stores.items():
        ones = [(1 << width) - 1 << shift for shift in shifts]
        certain = all(mask & one == one for mask, one in zip(masks, ones, strict=True))
        if code.fixed is None:
            terms.append(f" | {code.at(SHIFT)} << {writer.number(shifts)}")
        for i, (one, shift) in enumerate(zip(ones, shifts, strict=True)):
            if code.fixed is not None:
                flip[i] |= code.fixed[i] << shift
            if certain:
                flip[i] ^= values[i] & one
            else:
                keep[i] &= ~one
    text = base
    if any(bits != (1 << writer.places.size) - 1 for bits in keep):
        text += f" & {writer.number(tuple(keep))}"
    if any(flip):
        text += f" ^ {writer.number(tuple(flip))}"
    return text + "".join(terms)


def _update(made: _Effect, update: Update, env: Env) -> None:
    writer = made.writer
    if update.each is None:
        _one_store(made, update, env, "")
        return
    envs = unrolled(writer, update.each, env, limit=UNROLL_EACH)
    if envs is not None:
        for inner in envs:
            _one_store(made, update, inner, "")
        return
    name, values, inner = loop(writer, update.each, env)
    writer.within += 1
    lines = made.phases[-1].lines
    lines.append(f"for {name} in {values}:")
    before = len(lines)
    _one_store(made, update, inner, INDENT)
    if len(lines) == before:
        lines.pop()
    writer.within -= 1


def _one_store(made: _Effect, update: Update, env: Env, indent: str) -> None:
    """One store, in a loop if there is an `indent`."""
    writer = made.writer
    when = condition(writer, update.when, env)
    found = place(writer, update.place, env)
    if when.always is False or found is None:
        return
    code = value(writer, update.value, env)
    if when.always and not indent and found.shifts is not None:
        _fixed_store(made, found, code)
        return
    phase = made.phases[-1]
    if when.always is None:
        phase.lines.append(f"{indent}if {when.text}:")
        indent += INDENT
    if found.null and (code.fixed is None or not found.low <= code.lo <= code.hi <= found.high):
        phase.lines.append(f"{indent}if {found.pointer}:")
        indent += INDENT
    lines: list[str] = []
    code = made.checked(code, found, lines)
    lines.append(f"n = n & {_kept(writer, found)} | {_moved(writer, found, code)}")
    phase.lines.extend(indent + line for line in lines)
    phase.dirty.add(found.key)


def _fixed_store(made: _Effect, place: Where, code: Code) -> None:
    if place.shifts is None:
        raise AssertionError
    shifts = place.shifts
    others = (other for other in made.phases[-1].stores if other != shifts)
    clash = any(any(map(eq, other, shifts)) for other in others)  # the same bits, but not for every thread
    if clash or place.key in made.phases[-1].dirty:
        made.phases.append(_Phase())
    phase = made.phases[-1]
    code = made.checked(code, place, phase.checks)
    if place.width:  # a variable that can have one value only shares its first bit with the next one
        phase.stores[shifts] = (place.width, code)


def _kept(writer: Writer, place: Where) -> str:
    """The mask of all bits but those of the place."""
    full, ones = (1 << writer.places.size) - 1, (1 << place.width) - 1
    if place.shifts is not None:
        return writer.number(tuple(full ^ ones << shift for shift in place.shifts))
    return lookup(writer, place, lambda shift: full ^ ones << shift, full)


def _moved(writer: Writer, place: Where, code: Code) -> str:
    """The bits of a value at their place."""
    if place.shifts is not None:
        return f"{code.at(SHIFT)} << {writer.number(place.shifts)}"
    if code.fixed is None:
        return f"{code.at(SHIFT)} << {lookup(writer, place, int, 0)}"
    tables = [tuple(0 if shift is None else number << shift for shift in place.table) for number in code.fixed]
    return f"{writer.give(tables)}[{place.pointer}]"
