"""Blocks of cells, and the permutations of cells that map one block to another.

Tasks are interchangeable unless the system or the property tells them apart (Ip & Dill 1996, scalarsets): then thread
i and object i of the thread class move together. So are the objects of any other class, but for the statics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from verify.engine.diagrams import Cell
from verify.engine.rigidity import rigid
from verify.instances import THREAD, Instance, Slot
from verify.ir import Domain, Expr, Fresh, Ptr, Threads


class Block(NamedTuple):
    """Some threads and some objects, each in rising order."""

    threads: tuple[int, ...]
    objects: tuple[Cell, ...]


class Permutation(NamedTuple):
    """For each class, the object that each object moves to; threads move with the thread class."""

    images: tuple[tuple[str, tuple[int, ...]], ...]  # image of object i at place i - 1

    def of(self, cls: str) -> tuple[int, ...]:
        """The images of the objects of one class."""
        return dict(self.images)[cls]


class Freedom(NamedTuple):
    """Which cells are interchangeable: for each class, all objects after the first `fixed`."""

    thread: str
    sizes: Mapping[str, int]
    fixed: Mapping[str, int]


# ---- permutations --------------------------------------------------------------------------------


def identity(freedom: Freedom) -> Permutation:
    """The permutation that moves nothing."""
    return Permutation(tuple((cls, tuple(range(1, size + 1))) for cls, size in freedom.sizes.items()))


def inverse(perm: Permutation) -> Permutation:
    """The permutation that undoes `perm`."""
    return Permutation(tuple((cls, tuple(image.index(i) + 1 for i in sorted(image))) for cls, image in perm.images))


def move(perm: Permutation, block: Block, thread: str) -> Block:
    """The image of a block."""
    images = dict(perm.images)
    threads = (images[thread][i - 1] for i in block.threads)
    objects = ((cls, images[cls][i - 1]) for cls, i in block.objects)
    return Block(tuple(sorted(threads)), tuple(sorted(objects)))


def move_slot(perm: Permutation, slot: Slot, thread: str) -> Slot:
    """The image of a slot."""
    if not slot.cell:
        return slot
    return slot._replace(index=dict(perm.images)[thread if slot.cell == THREAD else slot.cell][slot.index - 1])


def canonical(freedom: Freedom, block: Block) -> tuple[Block, Permutation]:
    """Return the representative of a block's orbit, and a permutation that moves the block there."""
    images = []
    for cls, size in freedom.sizes.items():
        first = freedom.fixed[cls]
        order = sorted((_role(freedom, block, cls, i), i) for i in range(first + 1, size + 1))
        places = {i: first + 1 + n for n, (_, i) in enumerate(order)}
        images.append((cls, tuple(places.get(i, i) for i in range(1, size + 1))))
    perm = Permutation(tuple(images))
    return move(perm, block, freedom.thread), perm


def _role(freedom: Freedom, block: Block, cls: str, index: int) -> tuple[bool, bool]:
    """What an object, and the thread that goes with it, is in a block; those within sort first."""
    return (not (cls == freedom.thread and index in block.threads), (cls, index) not in block.objects)


def stabilizer(freedom: Freedom, block: Block) -> Iterator[Permutation]:
    """Generators of the permutations that keep a block: exchanges of two cells with the same part in it."""
    for cls, size in freedom.sizes.items():
        for i, j in combinations(range(freedom.fixed[cls] + 1, size + 1), 2):
            if _role(freedom, block, cls, i) == _role(freedom, block, cls, j):
                swapped = tuple(j if k == i else i if k == j else k for k in range(1, size + 1))
                yield Permutation(tuple((c, swapped if c == cls else image) for c, image in identity(freedom).images))


def blocks(threads: Iterable[int], objects: Iterable[Cell], shape: tuple[int, int]) -> list[Block]:
    """Every block of that many threads and objects out of those; of all of them where they are fewer."""
    some, others = sorted(threads), sorted(objects)
    return [
        Block(t, o)
        for t in combinations(some, min(shape[0], len(some)))
        for o in combinations(others, min(shape[1], len(others)))
    ]


def all_objects(inst: Instance) -> list[Cell]:
    """The object cells of an instance."""
    return [(cls, i) for cls, size in inst.sizes.items() for i in range(1, size + 1)]


def freedom(inst: Instance, prop: Expr) -> Freedom:
    """Return which cells neither the system nor the property tells apart."""
    system = inst.system
    statics = {cls: sum(s.cls == cls for s in system.statics) for cls in system.classes}
    kept = set(rigid(system, prop))
    if statics[system.thread]:
        kept.add(system.thread)
    for domain, value in _initial_values(inst):
        if isinstance(domain, Ptr) and value > statics[domain.cls]:
            kept.add(domain.cls)
        if isinstance(domain, Threads) and value:
            kept.add(system.thread)
    fixed = {cls: inst.sizes[cls] if cls in kept else statics[cls] for cls in system.classes}
    return Freedom(system.thread, dict(inst.sizes), fixed)


def _initial_values(inst: Instance) -> Iterator[tuple[Domain, int]]:
    """The values that cells are given, with their domains."""
    system = inst.system
    fields = {(cls.name, var.name): var for cls in system.classes.values() for var in cls.fields}
    for var in (*system.globals, *system.locals, *fields.values()):
        yield var.domain, var.default
    for key, value in system.initial.items():
        yield fields[key].domain, value
    for group in system.groups:
        for name, values in group.values.items():
            if not isinstance(values, Fresh):
                yield from ((fields[system.thread, name].domain, value) for value in values)
