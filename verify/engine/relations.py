"""One relation for each block of cells: a set of states that is the conjunction of its projections.

Relations are kept for one block of each orbit; that of any other block is the same with its bits renamed. Each is
closed under the permutations that keep its block, so that it does not matter which renaming.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verify.engine.bdd import Node
from verify.engine.blocks import (
    Block,
    Freedom,
    Permutation,
    all_objects,
    blocks,
    canonical,
    inverse,
    move_slot,
    stabilizer,
)
from verify.engine.diagrams import Space
from verify.engine.images import block_slots
from verify.instances import THREAD, Slot, starts
from verify.ir import PC, Ptr, Threads

Shape = tuple[int, int]  # threads, objects


@dataclass(slots=True)
class Relations:
    """The relation of the representative of each orbit of blocks of one shape, and what follows from them."""

    space: Space
    freedom: Freedom
    shape: Shape
    sets: dict[Block, Node]
    places: dict[Block, tuple[Block, Permutation, Permutation]] = field(default_factory=dict)
    renamings: dict[tuple[Permutation, Block], Mapping[str, str]] = field(default_factory=dict)
    at: dict[tuple[Block, int, int], tuple[Node, Node]] = field(default_factory=dict)
    renamed: dict[tuple[Block, int, int], tuple[Node, Node]] = field(default_factory=dict)


def place(of: Relations, block: Block) -> tuple[Block, Permutation, Permutation]:
    """Return the representative of a block, and the permutations there and back."""
    if block not in of.places:
        rep, there = canonical(of.freedom, block)
        of.places[block] = (rep, there, inverse(there))
    return of.places[block]


def relation(of: Relations, block: Block, actor: int = 0, source: int = 0) -> Node:
    """Return the states of a block; given an actor among its threads, those with it at `source`, location left out."""
    rep, there, back = place(of, block)
    role = dict(there.images)[of.freedom.thread][actor - 1] if actor in block.threads else 0
    node = _located(of, rep, role, source) if role else of.sets[rep]
    key = (block, actor if role else 0, source if role else 0)
    cached = of.renamed.get(key)
    if cached is None or cached[0] != node:
        cached = of.renamed[key] = (node, rename(of, node, back, rep))
    return cached[1]


def _located(of: Relations, rep: Block, role: int, source: int) -> Node:
    whole = of.sets[rep]
    key = (rep, role, source)
    cached = of.at.get(key)
    if cached is None or cached[0] != whole:
        pc = Slot(THREAD, role, PC)
        code = of.space.codes[pc].get(source) if pc in of.space.codes else {}
        if code is None or (not code and of.space.constants[pc] != source):
            found = of.space.false
        else:
            found = of.space.manager.let(code, whole) if code else whole
        cached = of.at[key] = (whole, found)
    return cached[1]


def rename(of: Relations, node: Node, perm: Permutation, block: Block) -> Node:
    """Return the image of a set of states of a block, or of a relation on its cells, under a permutation."""
    table = renaming(of, perm, block)
    return of.space.manager.let(table, node) if table else node


def renaming(of: Relations, perm: Permutation, block: Block) -> Mapping[str, str]:
    """Return where a permutation moves the bits of a block's slots; bits that stay are left out."""
    key = (perm, block)
    if key not in of.renamings:
        of.renamings[key] = _renaming(of, perm, block)
    return of.renamings[key]


def _renaming(of: Relations, perm: Permutation, block: Block) -> Mapping[str, str]:
    space, images = of.space, dict(perm.images)
    table: dict[str, str] = {}
    for slot in block_slots(space, block):
        domain = space.slots[slot].domain
        names, target = space.bits[slot], space.bits[move_slot(perm, slot, of.freedom.thread)]
        match domain:
            case Ptr(cls):
                new = [target[image - 1] for image in images[cls]]
            case Threads():
                new = [target[image - 1] for image in images[of.freedom.thread]]
            case _:
                new = list(target)
        for old, bit in zip(names, new, strict=True):
            if old != bit:
                table |= {old: bit, f"{old}'": f"{bit}'"}
    return table


def initial(space: Space, freedom: Freedom, shape: Shape) -> Relations:
    """Return the projections of the initial states, closed under the permutations."""
    of = Relations(space, freedom, shape, {})
    for start in starts(space.instance):
        for block in every_block(of):
            rep, there, _ = place(of, block)
            node = space.true
            for slot in block_slots(space, block):
                node &= space.any_of(space.tests[slot][value] for value in start[slot])
            of.sets[rep] = of.sets.get(rep, space.false) | rename(of, node, there, block)
    for rep in of.sets:
        of.sets[rep] = closed(of, of.sets[rep], rep)
    return of


def closed(of: Relations, node: Node, rep: Block) -> Node:
    """Return the least superset that is closed under the permutations that keep a block."""
    generators = list(stabilizer(of.freedom, rep))
    frontier = node
    while frontier != of.space.false:
        moved = of.space.any_of(rename(of, frontier, perm, rep) for perm in generators)
        frontier = moved & ~node
        node |= moved
    return node


def every_block(of: Relations) -> list[Block]:
    """Every block of the shape, in order."""
    inst = of.space.instance
    return blocks(range(1, inst.tasks + 1), all_objects(inst), of.shape)
