"""Step functions as generated Python: one function for each location, made when a run first gets there.

The text is written by `exprcode` and by this module from the numbers and the structure of the IR alone: no name of the
user's program is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq
from typing import NoReturn

from verify.engine.execute import execute
from verify.engine.exprcode import (
    ATOM,
    SHIFT,
    SUM,
    YES,
    Code,
    Cond,
    Env,
    Vector,
    Where,
    Writer,
    constant,
    finish,
    flat,
    join,
    lookup,
    loop,
    test,
    unrolled,
    value,
    where,
)
from verify.engine.packing import Layout
from verify.instances import THREAD, Slot
from verify.ir import (
    PC,
    Action,
    Binary,
    Bound,
    Expr,
    Field,
    Ite,
    Local,
    Quant,
    Referenced,
    Unary,
    Update,
    Wrap,
)
from verify.semantics import SemanticsError

Step = Callable[[int], int]  # takes every step of one thread at one location; returns how many there are
Seen = dict[int, int | None]  # state: the state it was first reached from

UNROLL_EACH = 8  # longer broadcasts are loops
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Sink:
    """Where steps lead: states not in `seen` are entered there and pushed; `canon` picks one of each orbit."""

    seen: Seen
    push: Callable[[int], None]
    canon: Callable[[int], int] | None = None


def compiled(places: Layout, sink: Sink) -> Callable[[Sequence[int], list[int] | None], int]:
    """Return a function that takes every step from each of some states, and returns how many steps there were.

    States from which there is none are appended to its second argument, unless that is None. Raises SemanticsError
    where a step would leave the domain of a variable.
    """
    inst = places.instance
    bits = [places.bits[Slot(THREAD, me, PC)] for me in range(1, inst.tasks + 1)]
    locations = range(1 << bits[0].width)
    factories: dict[int, Callable[[int], Step]] = {}
    rows: list[list[Step]] = [[] for _ in bits]

    def late(index: int, location: int) -> Step:
        def first(state: int) -> int:
            if location not in factories:
                factories[location] = _factory(places, sink, location + bits[0].low)
            rows[index][location] = factories[location](index)
            return rows[index][location](state)

        return first

    for index, row in enumerate(rows):
        row.extend(late(index, location) for location in locations)
    calls = [f"t{i}[s >> {b.shift} & {(1 << b.width) - 1}](s)" for i, b in enumerate(bits)]
    return _driver(rows, " + ".join(calls))


def _driver(rows: Sequence[Sequence[Step]], calls: str) -> Callable[[Sequence[int], list[int] | None], int]:
    lines = [
        f"def make({', '.join(f't{i}' for i in range(len(rows)))}):",
        "    def drive(states, quiet):",
        "        c = 0",
        "        if quiet is None:",
        "            for s in states:",
        f"                c += {calls}",
        "            return c",
        "        for s in states:",
        f"            d = {calls}",
        "            c += d",
        "            if not d: quiet.append(s)",
        "        return c",
        "    return drive",
    ]
    drive: Callable[[Sequence[int], list[int] | None], int] = execute(lines)(*rows)
    return drive


def predicate(places: Layout, prop: Expr) -> Callable[[int], bool]:
    """Return a function that tells whether a property holds in a packed state."""
    writer = Writer(places, (0,))
    cond = test(writer, prop, {})
    lines = [f"if {cond.text}: return True", "return False"] if cond.always is None else [f"return {cond.always}"]
    holds: Callable[[int], bool] = _function(writer, lines)(0)
    return holds


def _function(writer: Writer, lines: Sequence[str], extra: Mapping[str, object] | None = None) -> Callable[[int], Step]:
    """Compile the body of a function of `s`; return what makes that function for the thread at an index."""
    extra = extra or {}
    body = finish(writer, lines)
    names = [*extra, *writer.given.values()]
    text = [f"def make({', '.join(names)}):", f"{INDENT}def step(s):", *(INDENT * 2 + line for line in body)]
    make = execute([*text, f"{INDENT}return step"])
    columns = list(writer.given)
    return lambda index: make(*extra.values(), *(entries[index] for entries in columns))


# ---- actions -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Body:
    """The lines of one function, and how deep the next one is indented."""

    writer: Writer
    lines: list[str] = field(default_factory=list)
    depth: int = 0

    def add(self, line: str) -> None:
        self.lines.append(INDENT * self.depth + line)


def _factory(places: Layout, sink: Sink, location: int) -> Callable[[int], Step]:
    inst = places.instance
    writer = Writer(places, tuple(range(1, inst.tasks + 1)))
    actions = [action for action in inst.system.actions if action.source == location]
    body = _Body(writer)
    single = len(actions) == 1 and not actions[0].binders
    if not single:
        body.add("c = 0")
    failures: list[str] = []
    for action in actions:
        _action(body, sink, action, failures, single=single)
    body.add("return 0" if single else "return c")

    def fail(index: int, number: int) -> NoReturn:
        raise SemanticsError(failures[index].format(number))

    extra: dict[str, object] = {"seen": sink.seen, "push": sink.push, "canon": sink.canon, "fail": fail}
    return _function(writer, body.lines, extra)


def _action(body: _Body, sink: Sink, action: Action, failures: list[str], *, single: bool) -> None:
    writer = body.writer
    names = [binder.name for binder in action.binders]
    parts: list[list[Expr]] = [[] for _ in range(len(names) + 1)]
    for part in flat(action.guard, "&&"):  # each part of the guard outside the loops that it does not need
        used = _free(part)
        parts[max((i for i, name in enumerate(names, 1) if name in used), default=0)].append(part)
    env: Env = {}
    start, within = len(body.lines), writer.within
    depth = body.depth
    known = YES
    for level, conjuncts in enumerate(parts):
        if level:
            name, values, env = loop(writer, action.binders[level - 1], env)
            body.add(f"for {name} in {values}:")
            body.depth += 1
            writer.within += 1
        cond = join(writer, [test(writer, part, env) for part in conjuncts], every=True)
        if cond.always is False:
            del body.lines[start:]
            body.depth, writer.within = depth, within
            return
        if level == 0:
            pins = (test(writer, part, env) for part in conjuncts)
            known = join(writer, [c for c in pins if c.pin and not c.sharp], every=True)
        if cond.always is None:
            body.add(f"if {cond.text}:")
            body.depth += 1
    _effect(body, action, env, known, failures)
    _store(body, sink, single=single)
    body.depth, writer.within = depth, within


def _store(body: _Body, sink: Sink, *, single: bool) -> None:
    if sink.canon is not None:
        body.add("if n not in seen: n = canon(n)")
    body.add("if n not in seen: seen[n] = s; push(n)")
    body.add("return 1" if single else "c += 1")


def _free(expr: Expr) -> frozenset[str]:
    """The names that `expr` leaves unbound."""
    match expr:
        case Bound(name):
            return frozenset({name})
        case Quant(_, binder, inner):
            return _free(inner) - {binder.name}
        case Local(_, of):
            return frozenset() if of is None else _free(of)
        case Field(pointer) | Referenced(pointer):
            return _free(pointer)
        case Unary(_, arg) | Wrap(arg=arg):
            return _free(arg)
        case Binary(_, left, right):
            return _free(left) | _free(right)
        case Ite(cond, then, other):
            return _free(cond) | _free(then) | _free(other)
        case _:
            return frozenset()


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


def _effect(body: _Body, action: Action, env: Env, known: Cond, failures: list[str]) -> None:
    """Add the lines that make `n`, the state after the action, from `s`."""
    writer = body.writer
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
    for phase in made.phases:
        for line in phase.checks:
            body.add(line)
        stored = _stored(writer, base, phase, masks, values)
        if stored != "n":
            body.add(f"n = {stored}")
        for line in phase.lines:
            body.add(line)
        base, masks, values = "n", (0,) * len(shifts), (0,) * len(shifts)


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
    when = test(writer, update.when, env)
    place = where(writer, update.place, env)
    if when.always is False or place is None:
        return
    code = value(writer, update.value, env)
    if when.always and not indent and place.shifts is not None:
        _fixed_store(made, place, code)
        return
    phase = made.phases[-1]
    if when.always is None:
        phase.lines.append(f"{indent}if {when.text}:")
        indent += INDENT
    if place.null and (code.fixed is None or not place.low <= code.lo <= code.hi <= place.high):
        phase.lines.append(f"{indent}if {place.pointer}:")
        indent += INDENT
    lines: list[str] = []
    code = made.checked(code, place, lines)
    lines.append(f"n = n & {_kept(writer, place)} | {_moved(writer, place, code)}")
    phase.lines.extend(indent + line for line in lines)
    phase.dirty.add(place.key)


def _fixed_store(made: _Effect, place: Where, code: Code) -> None:
    if place.shifts is None:
        raise AssertionError
    shifts = place.shifts
    clash = any(a != shifts and any(map(eq, a, shifts)) for a in made.phases[-1].stores)  # the same bits for some thread
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
