"""The Horn clauses of a system and a property: how it starts, what steps do to views, what must not be.

Thread-modular (Gupta, Popeea & Rybalchenko, POPL 2011; Hoenicke, Majumdar & Podelski, POPL 2017): a step changes a
view of the thread that takes it, or one of another thread that looks on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import z3

from verify.instances import THREAD, Slot
from verify.ir import PC, Action, Binder, Bound, Expr, Ptr, Quant, System
from verify.smt.horn.arithmetic import NO, Arithmetic, Num, constant
from verify.smt.horn.cells import ACTOR, FURTHER, OTHER, VIEWED, Cells, Leads, Reader, exprs_of, followed, step
from verify.smt.horn.views import How, Pair, View
from verify.smt.widths import EncodingError
from verify.universal import parts, prenex

Objects = Mapping[str, tuple[int, ...]]
MOST_WAYS = 2_000  # ways that the pointers of one step may lead


@dataclass(frozen=True, slots=True)
class Rule:
    """`said` of some views and `then` imply `head`, for all values of the variables; no head is what must not be."""

    said: Sequence[z3.BoolRef]
    then: z3.BoolRef
    head: z3.BoolRef | None


@dataclass(frozen=True, slots=True)
class Horn:
    """What clauses are made of."""

    z: Arithmetic
    system: System
    views: Mapping[str, View]
    how: How

    def rule(self, cells: Cells, known: Sequence[Pair], then: Num, head: z3.BoolRef | None) -> Rule:
        """One clause."""
        said = [self.views[pair[1]].says(cells.values, pair) for pair in known]
        return Rule(said, self.z.formula(then), head)

    def cells(self, threads: Sequence[int], objects: Objects, source: int | None = None) -> Iterator[Cells]:
        """The cells in a state: one for each place where threads may be, the acting one at `source`."""
        threads = objects[self.system.thread] if self.how.two else threads
        places = [[source] if source is not None and i == ACTOR else self._locations() for i in threads]
        for spots in product(*places):
            found = Cells(self.z, self.system, threads, objects)
            for thread, spot in zip(threads, spots, strict=True):
                if spot is not None:
                    found.values[Slot(THREAD, thread, PC)] = constant(spot)
            yield found

    def _locations(self) -> Sequence[int | None]:
        return sorted(used_locations(self.system)) if self.how.located else [None]


def used_locations(system: System) -> set[int]:
    """Where a thread may be, as far as control flow tells."""
    begin = {group.entry for group in system.groups} | {system.locals[0].default}
    return begin | {place for action in system.actions for place in (action.source, action.target)}


# ---- steps ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step may change: a pair, and the cells that are here anyway."""

    pair: Pair
    threads: tuple[int, ...]
    objects: Objects


def steps(of: Horn) -> Iterator[Rule]:
    """What each step does to each kind of view."""
    for action in of.system.actions:
        for seen in _seen(of.system):
            yield from _step(of, action, seen)


def _seen(system: System) -> Iterator[Seen]:
    """Of the acting thread and of another, alone and with any object; of another with the acting thread's object."""
    task = system.thread
    for cls in ("", *system.classes):
        for thread, threads in ((ACTOR, (ACTOR,)), (OTHER, (ACTOR, OTHER))):
            here = {task: threads}
            if cls:
                here[cls] = (*here.get(cls, ()), VIEWED)
            yield Seen((thread, cls, VIEWED if cls else 0), threads, here)
    yield Seen((OTHER, task, ACTOR), (ACTOR, OTHER), {task: (ACTOR, OTHER)})


def _step(of: Horn, action: Action, seen: Seen) -> Iterator[Rule]:
    z, view = of.z, of.views[seen.pair[1]]
    exprs = exprs_of(action)
    inner = [u.each.name for u in action.updates if u.each]
    inner += [part.binder.name for expr in exprs for part in parts(expr) if isinstance(part, Quant)]
    for leads, objects in _ways(exprs, seen.objects, inner, [binder.name for binder in action.binders]):
        for cells in of.cells(seen.threads, objects, action.source):
            does = step(cells, action, leads)
            if does is None:
                continue
            known = list(_premises(cells, seen.threads, seen.pair))
            untyped = z.conjunction((does.enabled, z.negation(does.typed)))
            if seen.pair[:2] == (ACTOR, "") and untyped != NO:
                yield of.rule(cells, known, untyped, None)
            after = view.says(does.after, seen.pair)
            if not after.eq(view.says(cells.values, seen.pair)):
                yield of.rule(cells, known, z.conjunction((does.enabled, does.typed)), after)


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


def _premises(cells: Cells, threads: Sequence[int], pair: Pair | None) -> Iterator[Pair]:
    """The pairs of which something is known before a step that changes a pair; of all pairs, if it changes none.

    These are what the judge knows, or less: what is known of `threads` alone, and of them with any object.
    """
    task = cells.system.thread
    for thread in threads:
        yield thread, "", 0
        for cls, numbers in cells.objects.items():
            for index in numbers:
                here = (thread, cls, index)
                near = thread == ACTOR or (cls == task and index in {ACTOR, OTHER})
                if (cls != task or index != thread) and (pair in {None, here} or near):
                    yield here


# ---- property ------------------------------------------------------------------------------------


def unsafe(of: Horn, prop: Expr) -> Iterator[Rule]:
    """What must not be: cells of which a conjunct of the property is false."""
    z, conjuncts = of.z, prenex(prop)
    if conjuncts is None:
        raise EncodingError("the property is no universal one")
    for binders, matrix in conjuncts:
        for chosen in _distinct(binders):
            objects: dict[str, tuple[int, ...]] = {of.system.thread: (ACTOR,)}
            for binder, cell in zip(binders, chosen, strict=True):
                if isinstance(binder.domain, Ptr):
                    objects[binder.domain.cls] = tuple(sorted({*objects.get(binder.domain.cls, ()), cell}))
            for leads, here in _ways([matrix], objects, [binder.name for binder in binders]):
                for cells in of.cells(objects[of.system.thread], here):
                    reader = Reader(cells, leads)
                    scope = {
                        b.name: constant(cell) if isinstance(b.domain, Ptr) else reader.any_of(b.domain)
                        for b, cell in zip(binders, chosen, strict=True)
                    }
                    given = [z.binary("==", reader.read(p, scope), constant(cell)) for p, cell in leads.items()]
                    false = z.conjunction((*given, z.negation(reader.read(matrix, scope))))
                    if false != NO:
                        yield of.rule(cells, list(_premises(cells, objects[of.system.thread], None)), false, None)


def _distinct(binders: Sequence[Binder]) -> Sequence[tuple[int, ...]]:
    """Which cells the binders may name, up to how these are numbered."""
    ways: list[tuple[int, ...]] = [()]
    for position, binder in enumerate(binders):
        alike = [p for p in range(position) if binders[p].domain == binder.domain]
        longer = []
        for way in ways:
            new = max((way[p] for p in alike), default=0) + 1
            longer += [(*way, cell) for cell in (range(1, new + 1) if isinstance(binder.domain, Ptr) else (0,))]
        ways = longer
    return ways
