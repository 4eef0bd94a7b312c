"""Where a property is violated, and whether relations on blocks exclude that."""

from __future__ import annotations

from collections.abc import Iterator

from verify.engine.bdd import Node
from verify.engine.blocks import Block
from verify.engine.diagrams import Space, cell_of
from verify.engine.images import plan
from verify.engine.relations import Relations, every_block, relation
from verify.engine.symbolic import Reading, truth
from verify.instances import THREAD
from verify.ir import Binary, Expr, Quant


def violations(of: Space, prop: Expr) -> Iterator[Node]:
    """Return sets of states whose union are the states in which `prop` is 0, one for each part of a conjunction."""
    pending = [(prop, Reading(of))]
    while pending:
        expr, at = pending.pop()
        match expr:
            case Binary("&&", left, right):
                pending += [(left, at), (right, at)]
            case Quant("forall", binder, body):
                pending += [(body, at.bind(binder, value)) for value in of.instance.choices(binder)]
            case _:
                node = ~truth(expr, at)
                if node != of.false:
                    yield node


def witnesses(of: Relations, node: Node) -> list[Block]:
    """Return the blocks that see a set's objects, with every thread, if together they allow a state of the set."""
    cells = {cell_of(slot) for slot in of.space.slots_of(node)}
    objects = {cell for cell in cells if cell[0] not in ("", THREAD)}
    family = [b for b in every_block(of) if objects <= set(b.objects) or objects >= set(b.objects)]
    for block, forget in zip(family, plan(of.space, family, set()), strict=True):
        node = of.space.manager.product(node, relation(of, block), forget)
        if node == of.space.false:
            return []
    return family
