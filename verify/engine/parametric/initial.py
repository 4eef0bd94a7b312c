"""The views of the initial states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verify.engine.bdd import Node
from verify.engine.parametric.reading import OutsideError
from verify.engine.parametric.space import ME, OUT, OWN, VIEWED, Kind, Space, view_bits
from verify.instances import THREAD, spare
from verify.ir import LIFE, PC, PUBLISHED, Fresh, Group, Ptr

Values = Mapping[str, tuple[int, ...]]  # the possible values of each variable of a cell; of others, the default


def initial(of: Space) -> dict[Kind, Node]:
    """Return the initial views of each kind. Raises OutsideError for a system with static objects."""
    system = of.system
    if system.statics:
        raise OutsideError("the system has static objects")
    thread = system.thread
    idle = thread in system.created
    threads: list[tuple[dict[str, tuple[int, ...]], Values]] = [
        ({PC: (group.entry,)}, _object(of, group)) for group in system.groups
    ]
    if idle:
        threads.append(({}, {}))
    shared = _cell(of, "", 0, {})
    views = {OWN: of.false, **{Kind(cls): of.false for cls in system.classes}}
    views |= {Kind(cls, made=True): of.false for cls in system.created}
    for locals_, fields in threads:
        here = shared & _cell(of, THREAD, ME, locals_)
        views[OWN] |= here & _cell(of, thread, ME, fields)
        for cls in system.classes:
            views[Kind(cls)] |= here & of.any_of(_cell(of, cls, VIEWED, values) for values in _objects(of, cls))
    return {
        kind: of.manager.exist(sorted(set(views[kind].support) - view_bits(of, kind)), views[kind]) for kind in views
    }


def _objects(of: Space, cls: str) -> Iterator[Values]:
    """The objects of a class that there are at the start, or that are free."""
    system = of.system
    if cls in spare(system):
        yield {}
    if cls == system.thread:
        yield from (_object(of, group) for group in system.groups)
    fresh = {v.cls for group in system.groups for v in group.values.values() if isinstance(v, Fresh)}
    if cls in fresh:
        yield _born(of, cls)


def _born(of: Space, cls: str) -> dict[str, tuple[int, ...]]:
    system = of.system
    values = {var.name: (system.initial.get((cls, var.name), var.default),) for var in system.classes[cls].fields}
    return {**values, LIFE: (PUBLISHED,)}


def _object(of: Space, group: Group) -> Values:
    values = _born(of, of.system.thread)
    for name, value in group.values.items():
        values[name] = (OUT,) if isinstance(value, Fresh) else value
    return values


def _cell(of: Space, cell: str, index: int, values: Values) -> Node:
    """That the variables of a cell have these values, others their default."""
    node = of.true
    for slot, var in of.slots.items():
        if (slot.cell, slot.index) == (cell, index) and slot in of.tests:
            allowed = values.get(slot.name, var.initially)
            if isinstance(var.domain, Ptr) and not set(allowed) <= {0, OUT}:
                raise OutsideError("an initial pointer leads to a static object")
            node &= of.any_of(of.tests[slot][value] for value in allowed)
    return node
