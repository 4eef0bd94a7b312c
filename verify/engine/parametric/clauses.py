"""Sets of views as clauses of a universal invariant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.engine.diagrams import FALSE, TRUE, Node, decide, ite
from verify.engine.parametric.space import ME, OWN, VIEWED, Kind, Space, cells_of
from verify.instances import THREAD, Slot
from verify.ir import PC, Binary, Bound, Const, Expr, Field, Global, Local, Ptr, Range, Threads
from verify.universal import MAKER, OBJECT, Clause
from verify.universal import THREAD as THE_THREAD


def clauses(of: Space, views: Mapping[Kind, Node]) -> Iterator[Clause]:
    """Return the clauses that hold in the views, and in no others: one for each kind and location."""
    for kind in sorted(kind for kind in views if not kind.made):
        yield Clause(kind.cls, False, None, _within(of, kind))
    memo: dict[Node, Expr] = {of.true: TRUE, of.false: FALSE}
    pc = of.tests[Slot(THREAD, ME, PC)]
    for kind in sorted(views):
        node = views[kind]
        if kind.made:  # what is said of every object anyway need not be said again
            node = of.simplify(node, views[Kind(kind.cls)] & _made(of, kind))
        for location in sorted(pc):
            code = of.codes[Slot(THREAD, ME, PC)][location]
            yield Clause(kind.cls, kind.made, location, _expression(of, of.manager.let(code, node), memo))


def _within(of: Space, kind: Kind) -> Expr:
    """That no variable holds a value that it never has."""
    cells = set(cells_of(of, kind)) if kind == OWN else {(kind.cls, VIEWED)}
    result: Expr = TRUE
    for slot, var in of.slots.items():
        if (slot.cell, slot.index) in cells and isinstance(var.domain, Range):
            found = {of.constants[slot]} if slot in of.constants else set(of.codes[slot])
            every = range(var.domain.lo, var.domain.hi + 1)
            if found != set(every):
                said = decide(_place(slot), [(v, TRUE if v in found else FALSE) for v in every])
                result = said if result is TRUE else Binary("&&", result, said)
    return result


def _made(of: Space, kind: Kind) -> Node:
    return of.manager.var(f"{Slot(kind.cls, VIEWED, MAKER)}:@{ME}")


def _expression(of: Space, node: Node, memo: dict[Node, Expr]) -> Expr:
    """The diagram as an expression whose common parts are shared objects."""
    if node not in memo:
        slot = of.owner[node.var]
        place = _place(slot)
        domain = of.slots[slot].domain
        if isinstance(domain, Range):
            codes = of.codes[slot]
            cases = [(v, _expression(of, of.manager.let(code, node), memo)) for v, code in codes.items()]
            memo[node] = decide(place, cases)
        else:
            high, low = (_expression(of, of.manager.let({node.var: on}, node), memo) for on in (True, False))
            memo[node] = ite(_told(node.var, place, domain), high, low)
    return memo[node]


def _told(bit: str, place: Expr, domain: Ptr | Threads) -> Expr:
    """What a bit of a pointer or of a set says."""
    about = bit.rpartition(":")[2]
    if about == "some":
        return Binary("!=", place, Const(0))
    who = Bound(THE_THREAD if about == f"@{ME}" else OBJECT)
    return Binary("has" if isinstance(domain, Threads) else "==", place, who)


def _place(slot: Slot) -> Expr:
    if not slot.cell:
        return Global(slot.name)
    if slot.cell == THREAD:
        return Local(slot.name, Bound(THE_THREAD))
    return Field(Bound(THE_THREAD if slot.index == ME else OBJECT), slot.cell, slot.name)
