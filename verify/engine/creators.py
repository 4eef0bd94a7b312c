"""Who made an object that nobody else can find yet, and who is to start a thread: variables that only proofs want.

One thread and one object see that only the thread points to an object it is making; not that no other thread thinks
the same. A history variable says who made the object (Owicki & Gries 1976). It changes nothing else, and where it is
a function of the state, as it is for code that keeps an object to itself until it publishes it, it can be taken out
of an invariant again. In the same way a second one says who has made a task and not started it yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from verify.engine.bdd import Node
from verify.engine.diagrams import SHARED, Cell, cell_of
from verify.engine.images import block_slots
from verify.engine.relations import Relations, every_block, relation
from verify.instances import THREAD, Instance, Slot
from verify.ir import (
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Action,
    Binary,
    Const,
    Expr,
    Field,
    Ite,
    Local,
    Me,
    Ptr,
    System,
    Update,
    Var,
)

MAKER = "#maker"  # 0 unless the object is private
STARTER = "#starter"  # of a task: 0 once it is started, or if it was there from the start
HISTORY = (MAKER, STARTER)


def with_makers(inst: Instance) -> Instance:
    """Return the instance with those two variables in every object that can be made."""
    system = inst.system
    kinds = {name: (HISTORY if name == system.thread else (MAKER,)) for name in system.created}
    classes = {
        name: replace(cls, fields=(*cls.fields, *(Var(kind, Ptr(system.thread)) for kind in kinds.get(name, ()))))
        for name, cls in system.classes.items()
    }
    actions = tuple(_recording(system, action) for action in system.actions)
    return replace(inst, system=replace(system, classes=classes, actions=actions))


def _recording(system: System, action: Action) -> Action:
    made = [more for update in action.updates for more in _records(system, update)]
    return replace(action, updates=(*action.updates, *made)) if made else action


def _records(system: System, update: Update) -> Iterator[Update]:
    match update.place:
        case Field(pointer, cls, name) if name == LIFE and cls in system.created:
            place = Field(pointer, cls, MAKER)
            yield replace(update, place=place, value=_if(update.value, PRIVATE, Me(), Const(0)))
            if cls == system.thread:
                place = Field(pointer, cls, STARTER)
                first = Ite(Binary("==", update.place, Const(FREE)), Me(), place)
                kept = _if(update.value, PUBLISHED, place, Const(0))
                yield replace(update, place=place, value=_if(update.value, PRIVATE, first, kept))
        case Local(name, of) if name == PC and of is not None and system.thread in system.created:
            yield replace(update, place=Field(of, system.thread, STARTER), value=Const(0))
        case _:
            pass


def _if(life: Expr, value: int, then: Expr, other: Expr) -> Expr:
    if isinstance(life, Const):
        return then if life.value == value else other
    return Ite(Binary("==", life, Const(value)), then, other)


def makers(of: Relations) -> Mapping[Slot, Mapping[int, Node]] | None:
    """Return for each history variable when it is which thread, by the other variables; None if they do not tell."""
    space = of.space
    found: dict[Slot, dict[int, Node]] = {}
    for slot in space.bits:
        if slot.name in HISTORY and space.tracked(slot):
            found[slot] = {thread: _tells(of, slot, thread) for thread in range(1, space.instance.tasks + 1)}
    return None if any(node is None for table in found.values() for node in table.values()) else found


def _tells(of: Relations, history: Slot, thread: int) -> Node | None:
    """The states of the thread, the object and what is shared in which the variable names the thread, and no others."""
    space, cell = of.space, (history.cell, history.index)
    block = next(b for b in every_block(of) if thread in b.threads and cell in b.objects)
    cells: set[Cell] = {SHARED, (THREAD, thread), cell}
    gone = {slot for slot in block_slots(space, block) if cell_of(slot) not in cells or slot.name in HISTORY}
    bits = [bit for slot in sorted(gone) for bit in space.bits[slot]]
    node, test = relation(of, block), space.tests[history][thread]
    named, others = (space.manager.exist(bits, node & part) for part in (test, ~test))
    if named & others != space.false:
        return None
    return named if named == space.false else space.manager.simplify(named, named | others)
