"""Sets of views as clauses of a universal invariant: what is said of an object alone is not said again of a pair.

Views at two locations that say the same become one clause. What a clause has to say beside the others is found by
Coudert and Madre's restriction of a diagram to a care set (1990).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from verify.engine.bdd import Node
from verify.engine.diagrams import FALSE, TRUE, decide, ite
from verify.engine.parametric.space import ME, OWN, VIEWED, Cell, Kind, Space, moved
from verify.instances import THREAD, Slot
from verify.ir import PC, Binary, Bound, Const, Expr, Field, Global, Local, Ptr, Range, Threads
from verify.universal import MAKER, OBJECT, Clause
from verify.universal import THREAD as THE_THREAD


def clauses(of: Space, views: Mapping[Kind, Node]) -> Iterator[Clause]:
    """Return the clauses that hold in the views, and in no others."""
    memo: dict[Node, Expr] = {of.true: TRUE, of.false: FALSE}
    alone = {cls: _alone(of, views, cls) for cls in of.system.classes}
    for cls, node in alone.items():
        yield Clause(False, cls, None, _both(_within(of, (cls, VIEWED)), _expression(of, node, memo)))
    yield Clause(True, "", None, _both(_within(of, (THREAD, ME)), _within(of, ("", 0))))
    for (thread, cls), found in _by_location(of, views, alone).items():
        for node, locations in found.items():
            if node != of.true:
                yield Clause(thread, cls, frozenset(locations), _expression(of, node, memo))
    pc = of.slots[Slot(THREAD, ME, PC)].domain
    if isinstance(pc, Range):
        yield Clause(True, "", frozenset(range(pc.lo, pc.hi + 1)) - set(_locations(of)), FALSE)


def _locations(of: Space) -> Mapping[int, Mapping[str, bool]]:
    """Where threads may be, with the bits that say so."""
    slot = Slot(THREAD, ME, PC)
    return {of.constants[slot]: {}} if slot in of.constants else of.codes[slot]


def _alone(of: Space, views: Mapping[Kind, Node], cls: str) -> Node:
    """What is true of every object of a class, whoever looks at it."""

    def beside(bit: str) -> bool:
        return (of.owner[bit].cell, of.owner[bit].index) != (cls, VIEWED) or of.about[bit] == (of.system.thread, ME)

    found = _forget(of, views[Kind(cls)], beside)
    if cls == of.system.thread:
        own = _forget(of, views[OWN], lambda bit: of.owner[bit].cell != cls)
        found |= _named(of, own, {(cls, ME): (cls, VIEWED)})
    return found


Said = tuple[bool, str]


def _by_location(
    of: Space, views: Mapping[Kind, Node], alone: Mapping[str, Node]
) -> Mapping[Said, Mapping[Node, list[int]]]:
    """What the views at each location say beside what is true anyway, and where they say so."""
    thread = of.system.thread
    result: dict[Said, dict[Node, list[int]]] = defaultdict(lambda: defaultdict(list))
    pc = _locations(of)
    mine = _named(of, alone[thread], {(thread, VIEWED): (thread, ME)})
    for location in sorted(pc):
        here = {kind: of.manager.let(pc[location], node) if pc[location] else node for kind, node in views.items()}
        own = here[OWN]
        result[True, ""][of.manager.simplify(own, mine) if own != of.false else own].append(location)
        if own == of.false:
            continue
        rest = _forget(of, own, lambda bit: of.owner[bit].cell == thread)
        for cls in of.system.classes:
            pair, made = here[Kind(cls)], here.get(Kind(cls, made=True))
            known = alone[cls] & rest
            if of.false in (pair, known):
                result[True, cls][of.false].append(location)
                continue
            said = of.manager.simplify(pair, known)
            result[True, cls][said].append(location)
            if made is not None:
                maker = of.manager.var(f"{Slot(cls, VIEWED, MAKER)}:@{ME}")
                known = pair & own & maker
                making = of.manager.simplify(made, known) | ~maker if known != of.false else ~maker
                result[True, cls][making].append(location)
    return result


def _forget(of: Space, node: Node, which: Callable[[str], bool]) -> Node:
    bits = [bit for bit in node.support if which(bit)]
    return of.manager.exist(bits, node) if bits else node


def _named(of: Space, node: Node, moves: Mapping[Cell, Cell]) -> Node:
    names = moved(of, node.support, moves)
    return of.manager.let(names, node) if names else node


# ---- as expressions ------------------------------------------------------------------------------


def _within(of: Space, cell: Cell) -> Expr:
    """That no variable of a cell holds a value that it never has."""
    result: Expr = TRUE
    for slot, var in of.slots.items():
        if (slot.cell, slot.index) == cell and isinstance(var.domain, Range) and slot.name != PC:
            found = sorted({of.constants[slot]} if slot in of.constants else of.codes[slot])
            never = _ends_of_gaps(found, var.domain)
            if never:
                said = decide(_place(slot), [*((v, TRUE) for v in found), *((v, FALSE) for v in never)])
                result = _both(result, said)
    return result


def _ends_of_gaps(found: Sequence[int], domain: Range) -> set[int]:
    """The first and the last of all values in a row that are not among these, which are in order: a row may be long."""
    firsts, lasts = [domain.lo, *(v + 1 for v in found)], [*(v - 1 for v in found), domain.hi]
    return {end for first, last in zip(firsts, lasts, strict=True) if first <= last for end in (first, last)}


def _both(one: Expr, other: Expr) -> Expr:
    if one is TRUE or other is TRUE:
        return other if one is TRUE else one
    return Binary("&&", one, other)


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
