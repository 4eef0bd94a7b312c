"""The Horn clauses of how a system starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.instances import THREAD, Slot, spare
from verify.ir import PC, PUBLISHED, Fresh, Group, InitValue
from verify.smt.horn.arithmetic import NO, Num, constant
from verify.smt.horn.cells import ACTOR, VIEWED, Cells
from verify.smt.horn.rules import Horn, Rule

Birth = Group | Mapping[str, InitValue] | None  # a task of a group, an object with some values, or a free cell


def initial(of: Horn) -> Iterator[Rule]:
    """What is so of every thread and object at the start."""
    system = of.system
    idle = system.thread in system.created
    for group in (*system.groups, *([None] if idle else [])):
        for cls in of.views:
            for birth in _births(of, cls):
                yield from _start(of, group, cls, birth)


def _births(of: Horn, cls: str) -> Iterator[Birth]:
    """The objects of a class that there are at the start, or that are free."""
    system = of.system
    if not cls:
        yield {}
        return
    if cls in spare(system):
        yield None
    if cls == system.thread:
        yield from system.groups
    elif any(v == Fresh(cls) for group in system.groups for v in group.values.values()):
        yield {}


def _start(of: Horn, group: Group | None, cls: str, birth: Birth) -> Iterator[Rule]:
    task = of.system.thread
    objects = {task: (ACTOR,)}
    if cls:
        objects[cls] = (*objects.get(cls, ()), VIEWED)
    both = of.how.two and cls == task
    cells = Cells(of.z, of.system, objects[task] if of.how.two else (ACTOR,), objects)
    given = [*_shared(cells), *_thread(cells, ACTOR, group), *_object(cells, task, ACTOR, group)]
    given += _object(cells, cls, VIEWED, birth) if cls else []
    if both:
        given += _thread(cells, VIEWED, birth)
    if of.how.located:
        for index, whose in ((ACTOR, group), *([(VIEWED, birth)] if both else [])):
            cells.values[Slot(THREAD, index, PC)] = constant(_entry(cells, whose))
    yield of.rule(cells, [], of.z.conjunction(given), of.views[cls].says(cells.values, (ACTOR, cls, VIEWED)))


def _shared(cells: Cells) -> Iterator[Num]:
    for var in (var for var in cells.system.globals if not var.rigid):
        yield cells.z.binary("==", cells.values[Slot("", 0, var.name)], constant(var.default))


def _entry(cells: Cells, birth: Birth) -> int:
    return birth.entry if isinstance(birth, Group) else cells.system.locals[0].default


def _thread(cells: Cells, index: int, birth: Birth) -> Iterator[Num]:
    for var in cells.system.locals:
        value = _entry(cells, birth) if var.name == PC else var.default
        yield cells.z.binary("==", cells.values[Slot(THREAD, index, var.name)], constant(value))


def _object(cells: Cells, cls: str, index: int, birth: Birth) -> Iterator[Num]:
    z, system = cells.z, cells.system
    given = birth.values if isinstance(birth, Group) else birth or {}
    for number, var in enumerate(system.classes[cls].fields):
        born = PUBLISHED if number == 0 else system.initial.get((cls, var.name), var.default)
        here, value = cells.values[Slot(cls, index, var.name)], given.get(var.name, (born,))
        if birth is None:
            yield z.binary("==", here, constant(var.default))
        elif isinstance(value, Fresh):
            yield z.binary("!=", here, NO)
        else:
            yield z.disjunction([z.binary("==", here, constant(v)) for v in value])
