"""Who made an object that nobody else can find yet: a variable that no system has, but that proofs want.

One thread and one object see that only the thread points to an object it is making; not that no other thread thinks
the same. A history variable says who made the object (Owicki & Gries 1976). It changes nothing else, and where it is
a function of the state, as it is for code that keeps an object to itself until it publishes it, it can be taken out
of an invariant again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from verify.engine.diagrams import SHARED, Cell, Node, cell_of
from verify.engine.images import block_slots
from verify.engine.relations import Relations, every_block, relation
from verify.instances import THREAD, Instance, Slot
from verify.ir import LIFE, PRIVATE, Action, Binary, Const, Expr, Field, Ite, Me, Ptr, System, Var

MAKER = "#maker"


def with_makers(inst: Instance) -> Instance:
    """Return the instance with a field for the thread that made an object, 0 unless the object is private."""
    system = inst.system
    classes = {
        name: replace(cls, fields=(*cls.fields, Var(MAKER, Ptr(system.thread)))) if name in system.created else cls
        for name, cls in system.classes.items()
    }
    actions = tuple(_recording(system, action) for action in system.actions)
    return replace(inst, system=replace(system, classes=classes, actions=actions))


def _recording(system: System, action: Action) -> Action:
    made = []
    for update in action.updates:
        place = update.place
        if isinstance(place, Field) and place.name == LIFE and place.cls in system.created:
            made.append(replace(update, place=replace(place, name=MAKER), value=_maker(update.value)))
    return replace(action, updates=(*action.updates, *made)) if made else action


def _maker(life: Expr) -> Expr:
    if isinstance(life, Const):
        return Me() if life.value == PRIVATE else Const(0)
    return Ite(Binary("==", life, Const(PRIVATE)), Me(), Const(0))


def makers(of: Relations) -> Mapping[Slot, Mapping[int, Node]] | None:
    """Return for each maker when it is which thread, in terms of the other variables; None if they do not tell."""
    space = of.space
    found: dict[Slot, dict[int, Node]] = {}
    for slot in space.bits:
        if slot.name == MAKER and space.tracked(slot):
            found[slot] = {thread: _tells(of, slot, thread) for thread in range(1, space.instance.tasks + 1)}
    return None if any(node is None for table in found.values() for node in table.values()) else found


def _tells(of: Relations, maker: Slot, thread: int) -> Node | None:
    """A set of states of the thread, the object and what is shared in which the thread made the object, and no others."""
    space, cell = of.space, (maker.cell, maker.index)
    block = next(b for b in every_block(of) if thread in b.threads and cell in b.objects)
    cells: set[Cell] = {SHARED, (THREAD, thread), cell}
    gone = {slot for slot in block_slots(space, block) if cell_of(slot) not in cells or slot.name == MAKER}
    bits = [bit for slot in sorted(gone) for bit in space.bits[slot]]
    node, test = relation(of, block), space.tests[maker][thread]
    made, other = (space.manager.exist(bits, node & part) for part in (test, ~test))
    if made & other != space.false:
        return None
    return made if made == space.false else space.simplify(made, made | other)
