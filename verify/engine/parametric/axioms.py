"""What is known of every view before any step is taken: facts about what history variables count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from verify.engine.bdd import Node
from verify.engine.parametric.reading import Reading, truth
from verify.engine.parametric.rules import slots_of
from verify.engine.parametric.space import ME, VIEWED, Kind, Space, view_bits
from verify.ir import Range
from verify.universal import OBJECT, THREAD, Clause


def known(of: Space, axioms: Sequence[Clause], kinds: Iterable[Kind]) -> Mapping[Kind, Node]:
    """Return the views of each kind in which the axioms hold of the thread and of the objects in view."""
    found: dict[Kind, Node] = {}
    for kind in kinds if axioms else ():
        found[kind] = of.true
        for axiom in axioms:
            for index in _objects(of, axiom, kind):
                at = Reading(of, kind.cls or None, {THREAD: ME, OBJECT: index})
                body = truth(axiom.body, at)
                here = of.true if axiom.locations is None else of.any_of(map(of.at, axiom.locations))
                found[kind] &= _of_view(of, kind, ~here | body)
    return found


def _of_view(of: Space, kind: Kind, node: Node) -> Node:
    """The views that are part of a state where it holds."""
    for slot in slots_of(of, node):  # of the bits of a pointer or a set, only those that go together
        if not isinstance(of.slots[slot].domain, Range):
            node &= of.any_of(of.tests[slot].values())
    return of.manager.exist(sorted(set(node.support) - view_bits(of, kind)), node)


def _objects(of: Space, axiom: Clause, kind: Kind) -> list[int]:
    """The objects in view that the axiom speaks of; 0 for none."""
    if not axiom.cls:
        return [0]
    own = not axiom.thread and axiom.cls == of.system.thread and (not kind.cls or kind.made)
    return [*([VIEWED] if kind.cls == axiom.cls else []), *([ME] if own else [])]
