"""One state for each orbit: the canonical form of a state under renumbering.

Tasks are interchangeable (thread i and object i of the thread class together), and so are the objects of every other
class, except the statics, which have names. A permutation moves the cells and renames every pointer and set of threads.
Two states that a permutation takes to each other have the same runs, so a search needs one of them (Ip, Dill, "Better
Verification Through Symmetry", FMSD 1996), provided that no expression tells the numbers of two cells apart: `rigid`.

The canonical form is exact, that is, equal for two states just if they lie in one orbit. Tasks are sorted by what their
own cell looks like from inside (`signature`), which no permutation changes; where that leaves several orders, all are
tried and the least result counts. Once the tasks are in order, objects are numbered as they are first pointed to.
Objects that nothing points to come last; almost always these are free cells, all alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, permutations, product
from typing import NamedTuple

from verify.engine.codegen.execute import execute
from verify.engine.orbits import (
    MEMORY,
    SETS,
    Cell,
    Links,
    Moves,
    Names,
    Order,
    Shape,
    Views,
    blanks,
    extras,
    renamed,
    shape,
)
from verify.engine.packing import Layout
from verify.engine.rigidity import rigid
from verify.ir import Expr

CLUSTER = 16  # bits of neighbouring objects that are moved as one


def canonical(places: Layout, prop: Expr | None) -> Callable[[int], int] | None:
    """Return the function that takes a packed state to the representative of its orbit; None if there is no symmetry.

    The property must be the one that is searched for: it may tell cells apart that the actions do not.
    """
    system = places.instance.system
    stiff = rigid(system, prop)
    statics = {cls: sum(static.cls == cls for static in system.statics) for cls in system.classes}
    sizes = places.instance.sizes
    fixed = {cls: sizes[cls] if cls in stiff else statics[cls] for cls in system.classes}
    if all(sizes[cls] - fixed[cls] <= 1 for cls in sizes):
        return None
    return _generated(_tables(shape(places, fixed)))


class _Plan(NamedTuple):
    """A renumbering: where each cell goes, and what becomes of its pointers."""

    globals: Links
    tasks: tuple[tuple[int, Links], ...]
    clusters: tuple[Moves, ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    """What is remembered about the cells and the renumberings of a layout."""

    shape: Shape
    names: Names
    globals: Views
    tasks: tuple[Views, ...]
    objects: tuple[Views, ...]
    clusters: tuple[Order, ...]  # objects that are moved as one
    blanks: Sequence[int]
    linked: bool  # objects may point to objects
    plans: dict[tuple[Order, Order], _Plan]


def _tables(of: Shape) -> _Tables:
    clusters: list[list[int]] = []
    width = 0
    for number, cell in enumerate(of.objects):
        width += cell.mask.bit_count()
        if not clusters or width > CLUSTER:
            clusters.append([])
            width = cell.mask.bit_count()
        clusters[-1].append(number)
    names = Names()
    return _Tables(
        of,
        names,
        Views(of, of.globals, names),
        tuple(Views(of, cell, names, index) for index, cell in enumerate(of.tasks)),
        tuple(Views(of, cell, names) for cell in of.objects),
        tuple(map(tuple, clusters)),
        blanks(of),
        any(link.target in of.first for cell in of.objects for link in cell.links),
        {},
    )


def _plan(tables: _Tables, order: Order, sequence: Order) -> _Plan:
    """The renumbering that puts the tasks in `order` and the free objects of each class in `sequence`."""
    if (order, sequence) not in tables.plans:
        if len(tables.plans) >= MEMORY >> 6:
            tables.plans.clear()
        of = tables.shape
        rename = renamed(of, order, sequence)
        moves = [(of.tasks[rename[SETS][i]].shift, cell) for i, cell in enumerate(of.tasks)]
        tables.plans[order, sequence] = _Plan(
            Links(of.globals, 0, rename),
            tuple((place, Links(cell, place, rename)) for place, cell in moves),
            tuple(Moves(of, cluster, rename) for cluster in tables.clusters),
        )
    return tables.plans[order, sequence]


def _met(tables: _Tables, refs: Iterable[Order], objects: Callable[[int], Order]) -> Order:
    """The objects in `refs`, then those that statics and these point to, each once, as they are first met."""
    met = dict.fromkeys(chain.from_iterable(refs))
    if tables.linked:
        met.update(dict.fromkeys(chain.from_iterable(objects(number) for number in tables.shape.statics)))
        queue = list(met)
        for number in queue:
            fresh = [other for other in objects(number) if other not in met]
            met.update(dict.fromkeys(fresh))
            queue += fresh
    return tuple(met)


# ---- orders --------------------------------------------------------------------------------------


def _orders(marks: Sequence[int]) -> Iterator[Order]:
    """Every order of the tasks in which the marks ascend."""
    order = sorted(range(len(marks)), key=marks.__getitem__)
    groups = [tuple(group) for _, group in groupby(order, key=marks.__getitem__)]
    for chosen in product(*(permutations(group) for group in groups)):
        yield tuple(chain.from_iterable(chosen))


LOOSE = (-1, 0)  # a pointer to an object that nothing met points to


def _ends(of: Shape, state: int, order: Order, met: Order) -> Iterator[Order]:
    """The orders in which objects that nothing met points to may come: by contents, and all orders of those alike."""
    rest = [number for number in of.free if number not in met]
    links = {number: tuple(_seen(of, state, order, met, of.objects[number])) for number in rest}

    def looks(number: int) -> tuple[object, ...]:
        cell = of.objects[number]
        return of.owners[number][0], (state & cell.mask & ~cell.pointers) >> cell.shift, links[number]

    groups = [tuple(group) for _, group in groupby(sorted(rest, key=looks), key=looks)]
    if any(end == LOOSE for ends in links.values() for end in ends):
        for chosen in product(*(permutations(group) for group in groups)):
            yield tuple(chain.from_iterable(chosen))
    else:
        yield tuple(chain.from_iterable(groups))


def _seen(of: Shape, state: int, order: Order, met: Order, cell: Cell) -> Iterator[tuple[int, int]]:
    """What each pointer of an object points to, in terms that no renumbering of the objects not met changes."""
    for shift, mask, target in cell.links:
        number = state >> shift & mask
        if target == SETS:
            yield 0, sum(1 << place for place, index in enumerate(order) if number >> index & 1)
        elif target not in of.first:
            yield 1, order.index(number - 1) + 1 if number else 0
        elif number <= of.fixed[target]:
            yield 2, number
        elif of.first[target] + number - 1 in met:
            yield 3, met.index(of.first[target] + number - 1)
        else:
            yield LOOSE


# ---- tables of the generated function ------------------------------------------------------------


class _Outer(dict[int, tuple[int, ...]]):
    """By the bits of the globals: extra marks of the tasks, then what a view has but the mark."""

    def __init__(self, tables: _Tables) -> None:
        super().__init__()
        self.tables = tables

    def __missing__(self, bits: int) -> tuple[int, ...]:
        if len(self) >= MEMORY:
            self.clear()
        self[bits] = made = (*extras(self.tables.shape, bits), *self.tables.globals[bits][1:])
        return made


class _Patterns(dict[tuple[bool, ...], list[int]]):
    """By how the marks of each two tasks compare (less; the same): numbers of the orders to try; see `orders`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.orders: list[Order] = []

    def __missing__(self, compared: tuple[bool, ...]) -> list[int]:
        ranks = [0] * self.count
        pairs = [(i, j) for i in range(self.count) for j in range(i + 1, self.count)]
        for (i, j), less, same in zip(pairs, compared[::2], compared[1::2], strict=True):
            ranks[i if not less else j] += not same
        self[compared] = [self.number(order) for order in _orders(ranks)]
        return self[compared]

    def number(self, order: Order) -> int:
        """A small number for an order."""
        if order not in self.orders:
            self.orders.append(order)
        return self.orders.index(order)


class _Steps(dict[tuple[int, ...], tuple[object, ...]]):
    """By the number of an order and of what globals, tasks and (if `linked`) objects point to: a plan, spread out.

    First come the bits of the objects that nothing met points to, and what they are if these are all blank.
    """

    def __init__(self, tables: _Tables, patterns: _Patterns) -> None:
        super().__init__()
        self.tables, self.patterns = tables, patterns

    def __missing__(self, by: tuple[int, ...]) -> tuple[object, ...]:
        if len(self) >= MEMORY >> 4:
            self.clear()
        tables, of = self.tables, self.tables.shape
        order, met = self.met(by)
        rest = tuple(number for number in of.free if number not in met)
        mask = sum(of.objects[number].mask for number in rest)
        blank = -1 if any(tables.blanks[number] < 0 for number in rest) else sum(tables.blanks[n] for n in rest)
        self[by] = spread = (mask, blank, *_spread(_plan(tables, order, (*met, *rest))))
        return spread

    def met(self, by: tuple[int, ...]) -> tuple[Order, Order]:
        """The order of the tasks, and the objects that are met in that order."""
        order = self.patterns.orders[by[0]]
        outer, tasks, objects = by[1], by[2 : 2 + len(order)], by[2 + len(order) :]
        known = self.tables.names.known
        refs = [known[outer], *(known[tasks[index]] for index in order)]
        return order, _met(self.tables, refs, lambda number: known[objects[number]])


class _Loose(dict[tuple[int, ...], tuple[tuple[object, ...], ...]]):
    """By the bits of objects that nothing met points to, and what `_Steps` goes by: a plan for each order to try."""

    def __init__(self, steps: _Steps) -> None:
        super().__init__()
        self.steps = steps
        self.room = MEMORY >> 4  # for plans

    def __missing__(self, by: tuple[int, ...]) -> tuple[tuple[object, ...], ...]:
        tables = self.steps.tables
        order, met = self.steps.met(by[1:])
        ends = _ends(tables.shape, by[0], order, met)
        found = tuple(_spread(_plan(tables, order, (*met, *end))) for end in ends)
        self.room -= len(found)
        if self.room < 0:
            self.clear()
            self.room = (MEMORY >> 4) - len(found)
        self[by] = found
        return found


def _spread(plan: _Plan) -> tuple[object, ...]:
    return (plan.globals, *chain.from_iterable(plan.tasks), *plan.clusters)


def _generated(tables: _Tables) -> Callable[[int], int]:
    """Return the canonical form as one function for the cells there are."""
    of = tables.shape
    count, free = len(of.tasks), range(of.kept, len(of.tasks))
    patterns = _Patterns(count)
    outer = bool(of.globals.links)
    lines = [f"m{i}, r{i}, p{i}, l{i} = w{i}[s & {hex(cell.mask)}]" for i, cell in enumerate(of.tasks)]
    if outer:
        lines.append(f"{', '.join(f'e{i}' for i in range(count))}, r, p, l = outer[s & {hex(of.globals.mask)}]")
        lines += [f"m{i} += e{i}" for i in free]
    refs = ["r" if outer else str(tables.names[()]), *(f"r{i}" for i in range(count))]
    if tables.linked:
        lines += [f"q{i} = v{i}[s & {hex(cell.mask)}][1]" for i, cell in enumerate(of.objects)]
        refs += [f"q{i}" for i in range(len(of.objects))]
    spread = ["g", *(f"k{i}, t{i}" for i in range(count)), *(f"c{i}" for i in range(len(tables.clusters)))]
    masks = [sum(of.objects[number].mask for number in cluster) for cluster in tables.clusters]
    parts = ["p | g[l]" if outer else f"s & {hex(of.globals.mask)}"]
    parts += [f"p{i} << k{i} | t{i}[l{i}]" for i in range(count)]
    parts += [f"c{i}[s & {hex(mask)}]" for i, mask in enumerate(masks)]
    pairs = [f"m{i} < m{j}, m{i} == m{j}" for i in range(count) for j in range(i + 1, count)]
    lines += [
        "best = -1",
        f"for o in patterns[{', '.join(pairs)}]:" if count > 1 else "for o in (0,):",
        f"    rest, blank, {', '.join(spread)} = steps[o, {', '.join(refs)}]",
        "    if s & rest == blank:",
        f"        n = {' | '.join(parts)}",
        "        if n < best or best < 0: best = n",
        "    else:",
        f"        for {', '.join(spread)} in loose[s & rest, o, {', '.join(refs)}]:",
        f"            n = {' | '.join(parts)}",
        "            if n < best or best < 0: best = n",
        "return best",
    ]
    steps = _Steps(tables, patterns)
    given = {
        "outer": _Outer(tables),
        "patterns": patterns,
        "steps": steps,
        "loose": _Loose(steps),
        **{f"w{i}": views for i, views in enumerate(tables.tasks)},
        **{f"v{i}": views for i, views in enumerate(tables.objects)},
    }
    if count == 1:
        patterns.number((0,))
    head = [f"def make({', '.join(given)}):", "    def canon(s):", *(f"        {line}" for line in lines)]
    canon: Callable[[int], int] = execute([*head, "    return canon"])(*given.values())
    return canon
