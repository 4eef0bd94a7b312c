"""Relations on blocks as an invariant: properties that share the parts of their decision diagrams."""

from __future__ import annotations

from collections.abc import Iterator

from verify.engine.bdd import Node
from verify.engine.creators import HISTORY, makers
from verify.engine.diagrams import FALSE, TRUE, Space, expression, place_of
from verify.engine.relations import Relations, every_block, relation
from verify.ir import Binary, Const, Expr


def clauses(of: Relations) -> list[Expr] | None:
    """Return the relations as properties, after the values that each variable can hold; None if they need makers.

    What others imply is left out.
    """
    found = makers(of)
    if found is None:
        return None
    memo: dict[Node, Expr] = {}
    tests = {
        slot: {thread: expression(of.space, node, memo) for thread, node in table.items()}
        for slot, table in found.items()
    }
    result = list(typing(of.space))
    known: list[Node] = []
    for block in every_block(of):
        node = relation(of, block)
        if any(other & ~node == of.space.false for other in known):
            continue
        known.append(node)
        clause = expression(of.space, node, memo, tests)
        if clause is FALSE:
            return [clause]
        if clause is not TRUE:
            result.append(clause)
    return result


def typing(of: Space) -> Iterator[Expr]:
    """What the diagrams leave out: that a variable holds one of its values, where its domain has more."""
    for slot, var in of.slots.items():
        values = sorted(of.codes.get(slot, [of.constants.get(slot, 0)]))
        place = place_of(slot)
        if slot.name in HISTORY or len(values) == len(of.instance.values(var.domain)):
            continue
        clause: Expr = FALSE
        start = 0
        for end in range(1, len(values) + 1):
            if end < len(values) and values[end] == values[end - 1] + 1:
                continue
            low, high = values[start], values[end - 1]
            start = end
            part: Expr = Binary("==", place, Const(low))
            if low < high:
                part = Binary("&&", Binary("<=", Const(low), place), Binary("<=", place, Const(high)))
            clause = part if clause is FALSE else Binary("||", clause, part)
        yield clause
