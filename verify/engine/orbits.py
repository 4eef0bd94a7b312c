"""Renumbering tasks and objects: the cells of a state, what each looks like, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.packing import Layout
from verify.instances import THREAD, Slot
from verify.ir import Ptr, Threads

Order = tuple[int, ...]  # the tasks (or objects), counted from 0, in their new order
MEMORY = 1 << 18  # views of one cell that are kept
SETS = ""  # what links that are sets of threads have as their target


class Link(NamedTuple):
    """A pointer variable in a cell: its bits and what it points to."""

    shift: int
    mask: int
    target: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a state: its bits, the first of them, its pointers and the bits of all of these."""

    mask: int
    shift: int
    links: tuple[Link, ...]
    pointers: int


@dataclass(frozen=True, slots=True)
class Shape:
    """The cells of a layout. Objects of all classes but the thread class have one numbering, from 0, by class."""

    places: Layout
    globals: Cell
    tasks: tuple[Cell, ...]
    objects: tuple[Cell, ...]
    owners: tuple[tuple[str, int], ...]  # class and number of each object
    first: Mapping[str, int] = field(hash=False)  # class: number of its object 1 among `objects`
    fixed: Mapping[str, int] = field(hash=False)  # class: objects 1 to this one keep their numbers
    kept: int  # tasks that keep their numbers: the first ones
    free: Order  # the objects that can be renumbered
    statics: Order  # those that cannot


def shape(places: Layout, fixed: Mapping[str, int]) -> Shape:
    """Return the cells of a layout, where of each class the first `fixed` objects keep their numbers."""
    inst = places.instance
    links: dict[tuple[str, int], list[Link]] = {}
    for slot, var in inst.slots().items():
        match var.domain:
            case Ptr(cls):
                target = cls
            case Threads():
                target = SETS
            case _:
                continue
        owner = (inst.system.thread, slot.index) if slot.cell == THREAD else (slot.cell, slot.index)
        bits = places.bits[slot]
        links.setdefault(owner, []).append(Link(bits.shift, (1 << bits.width) - 1, target))

    def cell(owner: str, index: int, start: int, width: int) -> Cell:
        found = tuple(links.get((owner, index), ()))
        return Cell((1 << width) - 1 << start, start, found, sum(link.mask << link.shift for link in found))

    tasks = places.tasks
    first: dict[str, int] = {}
    objects: list[Cell] = []
    for cls, block in places.objects.items():
        first[cls] = len(objects)
        objects += [cell(cls, i, block.cell(i), block.stride) for i in range(1, block.count + 1)]
    owners = [(cls, index) for cls, block in places.objects.items() for index in range(1, block.count + 1)]
    return Shape(
        places,
        cell("", 0, places.globals.base, places.globals.stride),
        tuple(cell(inst.system.thread, i, tasks.cell(i), tasks.stride) for i in range(1, tasks.count + 1)),
        tuple(objects),
        tuple(owners),
        first,
        fixed,
        fixed[inst.system.thread],
        tuple(i for i, (cls, number) in enumerate(owners) if number > fixed[cls]),
        tuple(i for i, (cls, number) in enumerate(owners) if number <= fixed[cls]),
    )


def blanks(of: Shape) -> list[int]:
    """The bits of each object as a free cell has them; -1 if they say where some cell is that can move."""
    bits, classes = of.places.bits, of.places.instance.system.classes
    blank = []
    for cls, index in of.owners:
        fields = [(var.default, var.domain, bits[Slot(cls, index, var.name)]) for var in classes[cls].fields]
        moves = any(isinstance(domain, Ptr | Threads) and default for default, domain, _ in fields)
        blank.append(-1 if moves else sum(default - at.low << at.shift for default, _, at in fields))
    return blank


# ---- what a cell looks like ----------------------------------------------------------------------


class View(NamedTuple):
    """What a cell holds: its mark, the free objects it points to in order (a number of them), plain bits, pointers."""

    mark: int
    refs: int
    plain: int
    links: int


class Names(dict[Order, int]):
    """Small numbers for sequences of objects; `known` takes a number back."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.known: list[Order] = []

    def __missing__(self, sequence: Order) -> int:
        self.known.append(sequence)
        self[sequence] = len(self.known) - 1
        return self[sequence]


class Views(dict[int, View]):
    """The views of one cell by its bits in the state, made when first asked for."""

    def __init__(self, of: Shape, cell: Cell, names: Names, index: int | None = None) -> None:
        """Prepare for `cell`; `index` is its number, if it is a task."""
        super().__init__()
        self.shape, self.cell, self.names, self.index = of, cell, names, index
        self.links = cell.pointers

    def __missing__(self, bits: int) -> View:
        if len(self) >= MEMORY:
            self.clear()
        shift = self.cell.shift
        mark = 0 if self.index is None else signature(self.shape, self.cell, self.index, bits)
        refs = self.names[references(self.shape, self.cell, bits)]
        self[bits] = view = View(mark, refs, (bits & ~self.links) >> shift, (bits & self.links) >> shift)
        return view


def signature(of: Shape, cell: Cell, index: int, bits: int) -> int:
    """What a task looks like from inside, which no renumbering changes; less than 0 for one that cannot move.

    Cells that cannot move stand for themselves, the task itself for one more than these, and others for the next
    numbers as they first occur. Of a set it is known whether the task is in it, and how many others.
    """
    kept, start, fixed = of.kept, cell.shift, of.fixed
    if index < kept:
        return index - kept
    seen: dict[tuple[str, int], int] = {}
    thread = of.places.instance.system.thread
    made = (bits & ~cell.pointers) >> start
    for shift, mask, target in cell.links:
        number = bits >> shift & mask
        if not number:
            continue
        if target == SETS:
            me = number >> index & 1
            others = (number >> kept).bit_count() - me
            number = (number & (1 << kept) - 1) | me << kept | (1 << others) - 1 << kept + 1
        elif target == thread and number == index + 1:
            number = kept + 1
        elif number > fixed[target]:
            known = seen.get((target, number))
            if known is None:
                before = sum(cls == target for cls, _ in seen)
                known = seen[target, number] = fixed[target] + (2 if target == thread else 1) + before
            number = known
        made |= number << shift - start
    return made


def references(of: Shape, cell: Cell, bits: int) -> Order:
    """The objects that can be renumbered and that a cell points to, each once, as they first occur."""
    found: dict[int, None] = {}
    for shift, mask, target in cell.links:
        number = bits >> shift & mask
        if number and target in of.first and number > of.fixed[target]:
            found[of.first[target] + number - 1] = None
    return tuple(found)


def extras(of: Shape, bits: int) -> Order:
    """For each task, which global pointers point to it and which global sets it is in, above the bits of a mark."""
    thread = of.places.instance.system.thread
    made = [0] * len(of.tasks)
    for place, (shift, mask, target) in enumerate(of.globals.links):
        number = bits >> shift & mask
        for index in range(of.kept, len(made)):
            hit = number >> index & 1 if target == SETS else target == thread and number == index + 1
            made[index] |= hit << place + of.places.tasks.stride
    return tuple(made)


# ---- renumbering ---------------------------------------------------------------------------------


def renamed(of: Shape, order: Order, sequence: Order) -> Mapping[str, Order]:
    """The new number of each object by class and number, and under SETS the new place of each task.

    Tasks come in `order`, free objects of each class as they come in `sequence`.
    """
    thread = of.places.instance.system.thread
    rename = {SETS: [0] * len(order), thread: [0] * (len(order) + 1)}
    for place, index in enumerate(order):
        rename[SETS][index] = place
        rename[thread][index + 1] = place + 1
    for cls, block in of.places.objects.items():
        numbers = rename[cls] = list(range(block.count + 1))
        free = [of.owners[i][1] for i in sequence if of.owners[i][0] == cls]
        for place, number in enumerate(free, start=of.fixed[cls] + 1):
            numbers[number] = place
    return {target: tuple(numbers) for target, numbers in rename.items()}


class Links(dict[int, int]):
    """The pointers of a cell as they are after a renaming, at their new place; by what they were, moved down to 0."""

    def __init__(self, cell: Cell, place: int, rename: Mapping[str, Order]) -> None:
        """Prepare for the pointers of `cell` to move to bit `place`; `rename` gives new numbers by class and number."""
        super().__init__()
        self.cell, self.place, self.rename = cell, place, rename

    def __missing__(self, bits: int) -> int:
        made = 0
        for shift, mask, target in self.cell.links:
            number = bits >> shift - self.cell.shift & mask
            if not number:
                continue
            new = self.rename[target]
            if target == SETS:
                number = sum(1 << place for i, place in enumerate(new) if number >> i & 1)
            else:
                number = new[number]
            made |= number << shift - self.cell.shift
        self[bits] = made << self.place
        return self[bits]


class Moves(dict[int, int]):
    """Some objects as they are after a renaming, at their new places; by the bits that they were."""

    def __init__(self, of: Shape, numbers: Sequence[int], rename: Mapping[str, Order]) -> None:
        """Prepare for the objects `numbers`."""
        super().__init__()
        owners = [of.owners[number] for number in numbers]
        places = [of.objects[of.first[cls] + rename[cls][number] - 1].shift for cls, number in owners]
        self.mask = sum(of.objects[number].mask for number in numbers)
        self.parts = [(of.objects[n], p, Links(of.objects[n], p, rename)) for n, p in zip(numbers, places, strict=True)]

    def __missing__(self, bits: int) -> int:
        if len(self) >= MEMORY:
            self.clear()
        made = 0
        for cell, place, links in self.parts:
            plain = bits & cell.mask & ~cell.pointers
            made |= plain >> cell.shift << place | links[(bits & cell.pointers) >> cell.shift]
        self[bits] = made
        return made
