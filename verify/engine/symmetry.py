"""One state for each orbit: which systems are symmetric, and the canonical form of a state.

Tasks are interchangeable (thread i and object i of the thread class together), and so are the objects of every other
class, except the statics, which have names. A permutation moves the cells and renames every pointer and set of threads.
Two states that a permutation takes to each other have the same runs, so a search needs one of them (Ip, Dill, "Better
Verification Through Symmetry", FMSD 1996), provided that no expression tells the numbers of two cells apart: `rigid`.

The canonical form is exact, that is, equal for two states just if they lie in one orbit. Tasks are sorted by what their
own cell looks like from inside (`_signature`), which no permutation changes; where that leaves several orders, all are
tried and the least result counts. Once the tasks are in order, objects are numbered as they are first pointed to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, permutations, product
from typing import NamedTuple

from verify.engine.packing import Layout
from verify.engine.rigidity import rigid
from verify.instances import THREAD, Slot
from verify.ir import Expr, Ptr, Threads

Order = tuple[int, ...]  # the tasks (or objects) in their new order


class _Link(NamedTuple):
    """A pointer variable in a cell: its bits and what it points to; "" for a set of threads."""

    shift: int
    mask: int
    target: str


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell of a state: its bits, where they begin, and its pointers."""

    mask: int
    shift: int
    links: tuple[_Link, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The cells of a layout. Objects of all classes but the thread class have one numbering, by class."""

    places: Layout
    globals: _Cell
    tasks: tuple[_Cell, ...]
    objects: tuple[_Cell, ...]
    first: dict[str, int] = field(hash=False)  # class: number of its object 1 among `objects`
    fixed: dict[str, int] = field(hash=False)  # class: objects 1 to this one keep their numbers


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
    return _representative(_shape(places, fixed))


def _shape(places: Layout, fixed: dict[str, int]) -> _Shape:
    inst = places.instance
    links: dict[tuple[str, int], list[_Link]] = {}
    for slot, var in inst.slots().items():
        match var.domain:
            case Ptr(cls):
                target = cls
            case Threads():
                target = ""
            case _:
                continue
        owner = (inst.system.thread, slot.index) if slot.cell == THREAD else (slot.cell, slot.index)
        bits = places.bits[slot]
        links.setdefault(owner, []).append(_Link(bits.shift, (1 << bits.width) - 1, target))

    def cell(owner: str, index: int, start: int, width: int) -> _Cell:
        return _Cell((1 << width) - 1 << start, start, tuple(links.get((owner, index), ())))

    tasks = places.tasks
    first: dict[str, int] = {}
    objects: list[_Cell] = []
    for cls, block in places.objects.items():
        first[cls] = len(objects)
        objects += [cell(cls, i, block.cell(i), block.stride) for i in range(1, block.count + 1)]
    return _Shape(
        places,
        cell("", 0, places.globals.base, places.globals.stride),
        tuple(cell(inst.system.thread, i, tasks.cell(i), tasks.stride) for i in range(1, tasks.count + 1)),
        tuple(objects),
        first,
        fixed,
    )


# ---- what a cell looks like ----------------------------------------------------------------------


class _View(NamedTuple):
    """A cell's contents: its signature, the free objects it points to in order, its plain bits and its pointers."""

    mark: int
    refs: tuple[int, ...]
    plain: int
    links: int


class _Views(dict[int, _View]):
    """The views of one cell by its bits in the state, made when first asked for."""

    def __init__(self, shape: _Shape, cell: _Cell, index: int) -> None:
        """Prepare for `cell`; `index` is its number, if it is a task."""
        super().__init__()
        self.shape, self.cell, self.index = shape, cell, index
        self.links = sum(link.mask << link.shift for link in cell.links)

    def __missing__(self, bits: int) -> _View:
        if len(self) >= MEMORY:
            self.clear()
        shift = self.cell.shift
        view = _View(
            _signature(self.shape, self.cell, self.index, bits),
            _refs(self.shape, self.cell, bits),
            (bits & ~self.links) >> shift,
            (bits & self.links) >> shift,
        )
        self[bits] = view
        return view


MEMORY = 1 << 18  # views of one cell that are kept


def _signature(shape: _Shape, cell: _Cell, index: int, bits: int) -> int:
    """What a task looks like from inside, whatever its number: cells it points to are named as they first occur.

    It stands for its fixed tasks by themselves, for itself by 1 past them, and for members of a set by how many there
    are.
    """
    if not index:
        return 0
    seen: dict[tuple[str, int], int] = {}
    thread = shape.places.instance.system.thread
    kept = shape.fixed[thread]
    made = bits >> cell.shift
    for shift, mask, target in cell.links:
        number = bits >> shift & mask
        made &= ~(mask << shift - cell.shift)
        if target == "":
            named = (number & (1 << kept) - 1) | (number >> index - 1 & 1) << kept
            others = (number >> kept).bit_count() - (number >> index - 1 & 1)
            made |= (named | ((1 << others) - 1) << kept + 1) << shift - cell.shift
        elif number <= shape.fixed[target]:
            made |= number << shift - cell.shift
        else:
            own = target == thread
            first = shape.fixed[target] + (2 if own else 1)
            names = sum(1 for cls, _ in seen if cls == target)
            name = first - 1 if own and number == index else seen.setdefault((target, number), first + names)
            made |= name << shift - cell.shift
    return made


def _refs(shape: _Shape, cell: _Cell, bits: int) -> tuple[int, ...]:
    """The free objects that a cell points to, each once, as they first occur."""
    found: dict[int, None] = {}
    for shift, mask, target in cell.links:
        number = bits >> shift & mask
        if target in shape.first and number > shape.fixed[target]:
            found[shape.first[target] + number - 1] = None
    return tuple(found)


def _extras(shape: _Shape, bits: int) -> Order:
    """For each task, which global pointers point to it and which global sets it is in; less than 0 for fixed tasks."""
    thread = shape.places.instance.system.thread
    fixed, count = shape.fixed[thread], len(shape.tasks)
    extras = [index - count if index < fixed else 0 for index in range(count)]
    for place, (shift, mask, target) in enumerate(shape.globals.links):
        number = bits >> shift & mask
        for index in range(fixed, count):
            hit = number >> index & 1 if target == "" else target == thread and number == index + 1
            extras[index] |= hit << place
    return tuple(extra << shape.places.tasks.stride for extra in extras)


class _Outer(NamedTuple):
    """The globals: extra marks of the tasks, free objects that they point to, plain bits and pointers."""

    extras: Order
    refs: tuple[int, ...]
    plain: int
    links: int


class _Globals(dict[int, _Outer]):
    """The views of the globals by their bits in the state."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        self.shape = shape
        self.views = _Views(shape, shape.globals, 0)

    def __missing__(self, bits: int) -> _Outer:
        if len(self) >= MEMORY:
            self.clear()
        view = self.views[bits]
        self[bits] = made = _Outer(_extras(self.shape, bits), view.refs, view.plain, view.links)
        return made


# ---- renaming ------------------------------------------------------------------------------------


class _Links(dict[int, int]):
    """The pointers of a cell as they are after a renaming, at their new place; by what they were, moved down to 0."""

    def __init__(self, cell: _Cell, place: int, rename: dict[str, Order]) -> None:
        """Prepare for the pointers of `cell` to move to bit `place`; `rename` gives new numbers by class and number."""
        super().__init__()
        self.cell, self.place, self.rename = cell, place, rename

    def __missing__(self, bits: int) -> int:
        made = 0
        for shift, mask, target in self.cell.links:
            number = bits >> shift - self.cell.shift & mask
            new = self.rename[target]
            members = sum(1 << place for i, place in enumerate(new) if number >> i & 1)
            made |= (new[number] if target else members) << shift - self.cell.shift
        self[bits] = made << self.place
        return self[bits]


class _Renaming(NamedTuple):
    """A permutation of tasks and objects: for each cell its new first bit and its pointers after the renaming."""

    globals: _Links
    tasks: tuple[tuple[int, _Links], ...]
    objects: tuple[tuple[int, _Links], ...]


def _renaming(shape: _Shape, order: Order, sequence: Order) -> _Renaming:
    """The renaming that puts the tasks in `order` and numbers each class's free objects as they come in `sequence`."""
    thread = shape.places.instance.system.thread
    rename: dict[str, list[int]] = {"": [0] * len(order), thread: [0] * (len(order) + 1)}
    for place, index in enumerate(order):
        rename[""][index] = place
        rename[thread][index + 1] = place + 1
    for cls, block in shape.places.objects.items():
        numbers = rename[cls] = list(range(block.count + 1))
        free = [number - shape.first[cls] + 1 for number in sequence]
        free = [number for number in free if shape.fixed[cls] < number <= block.count]
        for place, number in enumerate(free, start=shape.fixed[cls] + 1):
            numbers[number] = place
    final = {target: tuple(numbers) for target, numbers in rename.items()}
    tasks = [(shape.tasks[final[""][i]].shift, cell) for i, cell in enumerate(shape.tasks)]
    objects = []
    for cls, first in shape.first.items():
        for number in range(1, len(final[cls])):
            target = shape.objects[first + final[cls][number] - 1].shift
            objects.append((target, shape.objects[first + number - 1]))
    return _Renaming(
        _Links(shape.globals, 0, final),
        tuple((place, _Links(cell, place, final)) for place, cell in tasks),
        tuple((place, _Links(cell, place, final)) for place, cell in objects),
    )


class _Renamings(dict[tuple[Order, Order], _Renaming]):
    """The renamings by the order of the tasks and of the free objects."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        self.shape = shape

    def __missing__(self, by: tuple[Order, Order]) -> _Renaming:
        if len(self) >= MEMORY >> 4:
            self.clear()
        self[by] = made = _renaming(self.shape, *by)
        return made


# ---- the canonical form --------------------------------------------------------------------------


def _representative(shape: _Shape) -> Callable[[int], int]:
    """Return the canonical form as a function."""
    shared, shared_mask = _Globals(shape), shape.globals.mask
    views = [(cell.mask, _Views(shape, cell, index)) for index, cell in enumerate(shape.tasks, 1)]
    objects = [(cell.mask, _Views(shape, cell, 0)) for cell in shape.objects]
    classes = list(shape.first)
    linked = any(link.target in shape.first for cell in shape.objects for link in cell.links)
    free = [shape.first[cls] + i for cls in classes for i in range(shape.fixed[cls], shape.places.objects[cls].count)]
    statics = [shape.first[cls] + i for cls in classes for i in range(shape.fixed[cls])]
    blank = _blank(shape)
    renamings = _Renamings(shape)
    everyone = tuple(range(len(views)))

    def placed(state: int, order: Order, tasks: Sequence[_View], outer: _Outer) -> int:
        """The least state that has the tasks in `order`."""
        if not free:
            return moved(state, order, (), tasks, outer)
        met = dict.fromkeys(outer.refs)
        for index in order:
            met.update(dict.fromkeys(tasks[index].refs))
        if linked:
            _follow(met, state, objects, statics)
        if len(met) == len(free):
            return moved(state, order, tuple(met), tasks, outer)
        rest = [number for number in free if number not in met]
        if all(state & objects[number][0] == blank[number] for number in rest):
            return moved(state, order, (*met, *rest), tasks, outer)
        return min(
            moved(state, order, (*met, *end), tasks, outer) for end in _ends(shape, state, order, tuple(met), rest)
        )

    def moved(state: int, order: Order, sequence: Order, tasks: Sequence[_View], outer: _Outer) -> int:
        """The state after a renaming."""
        renaming = renamings[order, sequence]
        made = outer.plain | renaming.globals[outer.links]
        for view, (place, links) in zip(tasks, renaming.tasks, strict=True):
            made |= view.plain << place | links[view.links]
        for (mask, known), (place, links) in zip(objects, renaming.objects, strict=True):
            object_ = known[state & mask]
            made |= object_.plain << place | links[object_.links]
        return made

    def representative(state: int) -> int:
        outer = shared[state & shared_mask]
        tasks = [known[state & mask] for mask, known in views]
        marks = [view.mark + extra for view, extra in zip(tasks, outer.extras, strict=True)]
        order = tuple(sorted(everyone, key=marks.__getitem__))
        if len(set(marks)) == len(marks):
            return placed(state, order, tasks, outer)
        return min(placed(state, order, tasks, outer) for order in _orders(marks, order))

    return representative


def _blank(shape: _Shape) -> list[int]:
    """The bits of each object as a free cell has them; -1 if these point to an object that may move."""
    bits, classes = shape.places.bits, shape.places.instance.system.classes
    blank = []
    for cls in shape.first:
        for index in range(1, shape.places.objects[cls].count + 1):
            fields = [(var.default, var.domain, bits[Slot(cls, index, var.name)]) for var in classes[cls].fields]
            moves = any(isinstance(domain, Ptr | Threads) and default for default, domain, _ in fields)
            blank.append(-1 if moves else sum(default - at.low << at.shift for default, _, at in fields))
    return blank


def _orders(marks: Sequence[int], order: Order) -> Iterator[Order]:
    """Every order of the tasks in which the marks ascend."""
    groups = [tuple(group) for _, group in groupby(order, key=marks.__getitem__)]
    for chosen in product(*(permutations(group) for group in groups)):
        yield tuple(index for group in chosen for index in group)


def _follow(met: dict[int, None], state: int, objects: Sequence[tuple[int, _Views]], statics: Sequence[int]) -> None:
    """Add the objects that statics, and then those met, point to, each when it is first met."""
    for number in statics:
        mask, known = objects[number]
        met.update(dict.fromkeys(known[state & mask].refs))
    queue = list(met)
    for number in queue:
        mask, known = objects[number]
        for other in known[state & mask].refs:
            if other not in met:
                met[other] = None
                queue.append(other)


def _ends(shape: _Shape, state: int, order: Order, met: Order, rest: Sequence[int]) -> Iterator[Order]:
    """The orders in which objects that nothing met points to may come: by contents, and all orders of those alike."""
    links = {number: tuple(_ends_of(shape, state, order, met, shape.objects[number])) for number in rest}
    classes = {first: cls for cls, first in shape.first.items()}

    def looks(number: int) -> tuple[object, ...]:
        cell = shape.objects[number]
        plain = (state & cell.mask) & ~sum(link.mask << link.shift for link in cell.links)
        return max(first for first in classes if first <= number), plain >> cell.shift, links[number]

    groups = [tuple(group) for _, group in groupby(sorted(rest, key=looks), key=looks)]
    if not any(end == LOOSE for ends in links.values() for end in ends):
        yield tuple(number for group in groups for number in group)
        return
    for chosen in product(*(permutations(group) for group in groups)):
        yield tuple(number for group in chosen for number in group)


LOOSE = (-1, 0)  # a pointer to an object that nothing met points to


def _ends_of(shape: _Shape, state: int, order: Order, met: Order, cell: _Cell) -> Iterator[tuple[int, int]]:
    """What each pointer of an object points to, in terms that no renumbering of the objects not met changes."""
    for shift, mask, target in cell.links:
        number = state >> shift & mask
        if target == "":
            yield 0, sum(1 << place for place, index in enumerate(order) if number >> index & 1)
        elif target not in shape.first:
            yield 1, order.index(number - 1) + 1 if number else 0
        elif number <= shape.fixed[target]:
            yield 2, number
        elif shape.first[target] + number - 1 in met:
            yield 3, met.index(shape.first[target] + number - 1)
        else:
            yield LOOSE
