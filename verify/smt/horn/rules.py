"""The Horn clauses of a system and a property: how it starts, what steps do to views, what must not be.

Thread-modular (Gupta, Popeea & Rybalchenko, POPL 2011; Hoenicke, Majumdar & Podelski, POPL 2017): a step changes a
view of the thread that takes it, or one of another thread, where all that the step touches is seen by both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import z3

from verify.instances import THREAD, Slot, spare
from verify.ir import PC, PUBLISHED, Action, Binder, Bound, Expr, Fresh, Group, InitValue, Ptr, Quant, System
from verify.smt.horn.arithmetic import NO, Arithmetic, Num, constant
from verify.smt.horn.cells import (
    ACTOR,
    FURTHER,
    OTHER,
    VIEWED,
    Cells,
    Leads,
    Reader,
    exprs_of,
    followed,
    step,
)
from verify.smt.horn.views import Pair, View
from verify.smt.widths import EncodingError
from verify.universal import parts, prenex

Objects = Mapping[str, tuple[int, ...]]
MOST_WAYS = 2_000  # ways that the pointers of one step may lead


@dataclass(frozen=True, slots=True)
class Rule:
    """`body` implies `head`, for every value of the variables; no head is what must not be."""

    name: str
    body: Sequence[z3.ExprRef]
    head: z3.ExprRef | None


@dataclass(frozen=True, slots=True)
class How:
    """How much the clauses speak of."""

    two: bool = False  # of the thread of an object in view, too
    full: bool = False  # before a step, of all pairs of cells, not only of those that matter most


@dataclass(frozen=True, slots=True)
class Head:
    """What a rule is about: a pair, and the cells that are here anyway."""

    pair: Pair
    threads: tuple[int, ...]
    objects: Objects


def rules(z: Arithmetic, system: System, views: Mapping[str, View], prop: Expr, how: How) -> Iterator[Rule]:
    """All clauses: how the system starts, what its steps do, what must not be."""
    if system.statics:
        raise EncodingError("the system has static objects")
    yield from _initial(z, system, views, how)
    for action in system.actions:
        for head in _heads(system):
            yield from _steps(z, system, views, action, head, how)
    yield from _unsafe(z, system, views, prop, how)


def _heads(system: System) -> Iterator[Head]:
    task = system.thread
    for cls in ("", *system.classes):
        viewed = (VIEWED,) if cls else ()
        one = {task: (ACTOR,)}
        two = {task: (ACTOR, OTHER)}
        for thread, threads, objects in ((ACTOR, (ACTOR,), one), (OTHER, (ACTOR, OTHER), two)):
            here = {**objects, cls: (*objects.get(cls, ()), *viewed)} if cls else objects
            yield Head((thread, cls, VIEWED if cls else 0), threads, here)
    yield Head((OTHER, task, ACTOR), (ACTOR, OTHER), {task: (ACTOR, OTHER)})


# ---- steps ---------------------------------------------------------------------------------------


def _steps(
    z: Arithmetic, system: System, views: Mapping[str, View], action: Action, head: Head, how: How
) -> Iterator[Rule]:
    view = views[head.pair[1]]
    exprs = exprs_of(action)
    every = [u.each for u in action.updates if u.each] + [
        part.binder for expr in exprs for part in parts(expr) if isinstance(part, Quant)
    ]
    names, binders = {binder.name for binder in every}, {binder.name for binder in action.binders}
    for leads, objects in _ways(exprs, head.objects, names, binders):
        cells = Cells(z, system, objects[system.thread] if how.two else head.threads, objects)
        does = step(cells, action, leads)
        if does is None:
            continue
        before, after = (view.arguments(z, values, head.pair) for values in (cells.values, does.after))
        known = list(_premises(cells, head.pair, how))
        name = f"{action.label} x {head.pair}"
        if head.pair == (ACTOR, "", 0) and does.typed.term is not None:
            untyped = z.conjunction((does.enabled, z.negation(does.typed)))
            yield Rule(f"{name} domains", _body(cells, views, known, untyped), None)
        if all(a.eq(b) for a, b in zip(before, after, strict=True)):
            continue
        enabled = z.conjunction((does.enabled, does.typed))
        if enabled != NO:
            yield Rule(name, _body(cells, views, known, enabled), view.predicate(*after))


def _ways(
    exprs: Sequence[Expr], objects: Objects, names: Collection[str], binders: Collection[str] = ()
) -> Iterator[tuple[Leads, Objects]]:
    """Where the pointers that expressions follow may lead: to a cell that is here, to one more, or to none.

    `names` are bound to cells already, `binders` to objects, and so never to none.
    """
    ways: list[tuple[dict[Expr, int], dict[str, tuple[int, ...]]]] = [({}, dict(objects))]
    for part in followed(*exprs):
        of = part.pointer.name if isinstance(part.pointer, Bound) else ""
        if of in names:
            continue
        longer = []
        for leads, here in ways:
            some = here.get(part.cls, ())
            new = max((FURTHER - 1, *some)) + 1
            for cell in (*(() if of in binders else (0,)), *some, new):
                more = {**here, part.cls: (*some, new)} if cell == new else here
                longer.append(({**leads, part.pointer: cell}, more))
        ways = longer
        if len(ways) > MOST_WAYS:
            raise EncodingError("a step goes through too many pointers")
    yield from ways


def _premises(cells: Cells, pair: Pair, how: How) -> Iterator[Pair]:
    """The pairs of which something is known before a step."""
    task = cells.system.thread
    for thread in cells.threads:
        yield thread, "", 0
        for cls, numbers in cells.objects.items():
            for index in numbers:
                here = (thread, cls, index)
                both = cls == task and index in {ACTOR, OTHER}
                if (cls != task or index != thread) and (how.full or here == pair or thread == ACTOR or both):
                    yield here


def _body(cells: Cells, views: Mapping[str, View], known: Sequence[Pair], then: Num) -> list[z3.ExprRef]:
    z = cells.z
    said = [views[pair[1]].predicate(*views[pair[1]].arguments(z, cells.values, pair)) for pair in known]
    return [*said, z.formula(then)]


# ---- start ---------------------------------------------------------------------------------------


def _initial(z: Arithmetic, system: System, views: Mapping[str, View], how: How) -> Iterator[Rule]:
    groups: list[Group | None] = [*system.groups, *([None] if system.thread in system.created else [])]
    unused, fresh = spare(system), {v.cls for g in system.groups for v in g.values.values() if isinstance(v, Fresh)}
    for group in groups:
        for cls, view in views.items():
            objects: list[Group | Mapping[str, InitValue] | None] = [{}] if not cls else []
            objects += [None] if cls in unused else []
            objects += system.groups if cls == system.thread else [{}] if cls in fresh else []
            for other in objects:
                here = {system.thread: (ACTOR,)} | ({cls: (ACTOR, VIEWED) if cls == system.thread else (VIEWED,)} if cls else {})
                cells = Cells(z, system, here[system.thread] if how.two else (ACTOR,), here)
                given = [*_shared(cells), *_thread(cells, ACTOR, group), *_object(cells, system.thread, ACTOR, group)]
                given += _object(cells, cls, VIEWED, other) if cls else []
                if how.two and cls == system.thread:
                    given += _thread(cells, VIEWED, other)
                pair = (ACTOR, cls, VIEWED if cls else 0)
                head = view.predicate(*view.arguments(z, cells.values, pair))
                yield Rule("start", [z.formula(z.conjunction(given))], head)


def _shared(cells: Cells) -> Iterator[Num]:
    for var in cells.system.globals:
        yield cells.z.binary("==", cells.values[Slot("", 0, var.name)], constant(var.default))


def _thread(cells: Cells, index: int, group: object) -> Iterator[Num]:
    for var in cells.system.locals:
        value = group.entry if var.name == PC and isinstance(group, Group) else var.default
        yield cells.z.binary("==", cells.values[Slot(THREAD, index, var.name)], constant(value))


def _object(cells: Cells, cls: str, index: int, of: Group | Mapping[str, InitValue] | None) -> Iterator[Num]:
    """That an object is as it is at the start: a free cell, that of a task of a group, or just born."""
    z, system = cells.z, cells.system
    given = of.values if isinstance(of, Group) else of or {}
    for number, var in enumerate(system.classes[cls].fields):
        born = PUBLISHED if number == 0 else system.initial.get((cls, var.name), var.default)
        here, value = cells.values[Slot(cls, index, var.name)], given.get(var.name, (born,))
        if of is None:
            yield z.binary("==", here, constant(var.default))
        elif isinstance(value, Fresh):
            yield z.binary("!=", here, NO)
        else:
            yield z.disjunction([z.binary("==", here, constant(v)) for v in value])


# ---- property ------------------------------------------------------------------------------------


def _unsafe(z: Arithmetic, system: System, views: Mapping[str, View], prop: Expr, how: How) -> Iterator[Rule]:
    """What must not be: cells of which a conjunct of the property is false."""
    conjuncts = prenex(prop)
    if conjuncts is None:
        raise EncodingError("the property is no universal one")
    for number, (binders, matrix) in enumerate(conjuncts, start=1):
        for chosen in _distinct(system, binders):
            objects: dict[str, tuple[int, ...]] = {system.thread: (ACTOR,)}
            for binder, cell in zip(binders, chosen, strict=True):
                if isinstance(binder.domain, Ptr):
                    objects[binder.domain.cls] = tuple(sorted({*objects.get(binder.domain.cls, ()), cell}))
            threads = objects[system.thread]
            for leads, here in _ways([matrix], objects, {binder.name for binder in binders}):
                cells = Cells(z, system, threads, here)
                reader = Reader(cells, leads)
                scope = {
                    b.name: constant(cell) if isinstance(b.domain, Ptr) else reader.any_of(b.domain)
                    for b, cell in zip(binders, chosen, strict=True)
                }
                given = [z.binary("==", reader.read(p, scope), constant(cell)) for p, cell in leads.items()]
                false = z.conjunction((*given, z.negation(reader.read(matrix, scope))))
                if false != NO:
                    known = list(_premises(cells, (0, "", 0), replace(how, full=True)))
                    yield Rule(f"safety {number}", _body(cells, views, known, false), None)


def _distinct(system: System, binders: Sequence[Binder]) -> Iterator[tuple[int, ...]]:
    """Which cells the binders may name, up to how these are numbered."""
    ways: list[tuple[int, ...]] = [()]
    for position, binder in enumerate(binders):
        if not isinstance(binder.domain, Ptr):
            ways = [(*way, 0) for way in ways]
            continue
        alike = [p for p in range(position) if binders[p].domain == binder.domain]
        ways = [
            (*way, cell)
            for way in ways
            for cell in range(1, max((way[p] for p in alike), default=0) + 2)
        ]
    yield from ways
