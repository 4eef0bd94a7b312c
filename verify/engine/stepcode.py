"""Step functions as generated Python: one function for each location, made when a run first gets there.

The text is written by `exprcode` and by this module from the numbers and the structure of the IR alone: no name of the
user's program is in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from verify.engine.codegen.conditions import join
from verify.engine.codegen.effects import INDENT, effect
from verify.engine.codegen.execute import execute
from verify.engine.codegen.expressions import Env, condition, flat, loop
from verify.engine.codegen.pysource import YES, Writer, finish
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
    Wrap,
)
from verify.semantics import SemanticsError

NOTHING: frozenset[str] = frozenset()
Step = Callable[[int], int]  # takes every step of one thread at one location; returns how many there are
Drive = Callable[[Sequence[int], list[int] | None], int]  # takes every step from each of some states: see `compiled`
Seen = dict[int, int | None]  # state: the state it was first reached from



@dataclass(frozen=True, slots=True)
class Sink:
    """Where steps lead: states not in `seen` are entered there and pushed; `canon` picks one of each orbit."""

    seen: Seen
    push: Callable[[int], None]
    canon: Callable[[int], int] | None = None


def compiled(places: Layout, sink: Sink) -> Drive:
    """Return a function that takes every step from each of some states, and returns how many steps there were.

    States from which there is none are appended to its second argument, unless that is None. Raises SemanticsError
    where a step would leave the domain of a variable.
    """
    inst = places.instance
    bits = [places.bits[Slot(THREAD, me, PC)] for me in range(1, inst.tasks + 1)]
    factories = _Factories(places, sink, bits[0].low)
    rows = [_Row(index, factories) for index in range(inst.tasks)]
    calls = [f"t{i}[s >> {b.shift} & {(1 << b.width) - 1}](s)" for i, b in enumerate(bits)]
    return _driver(rows, " + ".join(calls))


class _Factories(dict[int, Callable[[int], Step]]):
    """By location: what makes the step of a thread there, written when a run first gets there."""

    def __init__(self, places: Layout, sink: Sink, low: int) -> None:
        """Begin with none; `low` is the number of the first location."""
        super().__init__()
        self.places, self.sink, self.low = places, sink, low
        self.leaving = defaultdict[int, list[Action]](list)
        for action in places.instance.system.actions:
            self.leaving[action.source].append(action)

    def __missing__(self, location: int) -> Callable[[int], Step]:
        at = location + self.low
        self[location] = _factory(self.places, self.sink, self.leaving.get(at, ()))
        return self[location]


class _Row(dict[int, Step]):
    """By location: the step of one thread there."""

    def __init__(self, index: int, factories: _Factories) -> None:
        """Begin with none."""
        super().__init__()
        self.index, self.factories = index, factories

    def __missing__(self, location: int) -> Step:
        self[location] = self.factories[location](self.index)
        return self[location]


def _driver(rows: Sequence[Mapping[int, Step]], calls: str) -> Drive:
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
    drive: Drive = execute(lines)(*rows)
    return drive


def predicate(places: Layout, prop: Expr) -> Callable[[int], bool]:
    """Return a function that tells whether a property holds in a packed state."""
    writer = Writer(places, (0,))
    cond = condition(writer, prop, {})
    lines = [f"if {cond.text}: return True", "return False"] if cond.always is None else [f"return {cond.always}"]
    holds: Callable[[int], bool] = _function(writer, lines)(0)
    return holds


def _function(writer: Writer, lines: Sequence[str], extra: Mapping[str, object] | None = None) -> Callable[[int], Any]:
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


def _factory(places: Layout, sink: Sink, actions: Sequence[Action]) -> Callable[[int], Step]:
    inst = places.instance
    writer = Writer(places, tuple(range(1, inst.tasks + 1)))
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
        used = _free(part) if names else NOTHING
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
        found = [condition(writer, part, env) for part in conjuncts]
        cond = join(writer, found, every=True)
        if cond.always is False:
            del body.lines[start:]
            body.depth, writer.within = depth, within
            return
        if level == 0:
            known = join(writer, [c for c in found if c.pin and not c.sharp], every=True)
        if cond.always is None:
            body.add(f"if {cond.text}:")
            body.depth += 1
    for line in effect(writer, action, env, known, failures):
        body.add(line)
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
