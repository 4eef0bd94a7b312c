"""Instances: a system with its number of cells fixed, the variables it then has, and where it starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from verify.ir import FREE, LIFE, PC, PUBLISHED, Action, Binder, Domain, Fresh, Group, Ptr, Range, System, Threads, Var


class Slot(NamedTuple):
    """One variable of one cell of an instance: cell "" is the globals, "thread" the locals of thread `index`."""

    cell: str
    index: int  # type: ignore[assignment] # hides tuple.index, which nobody needs here
    name: str

    def __str__(self) -> str:
        return f"{self.cell}{self.index}.{self.name}" if self.cell else self.name


THREAD = "thread"
State = Mapping[Slot, int]


@dataclass(frozen=True, slots=True)
class Instance:
    """A system with its number of cells fixed. Size n includes every smaller number of initial tasks."""

    system: System
    tasks: int  # cells of the thread class: those there at the start and those that may be created
    sizes: Mapping[str, int] = field(hash=False)  # class: number of object cells
    _slots: Mapping[Slot, Var] | None = field(default=None, init=False, repr=False, compare=False)  # see `slots`

    def values(self, domain: Domain) -> range:
        """Every value of a variable of that domain."""
        match domain:
            case Range(lo, hi):
                return range(lo, hi + 1)
            case Ptr(cls):
                return range(self.sizes[cls] + 1)
            case Threads():
                return range(1 << self.tasks)

    def choices(self, binder: Binder) -> range:
        """Every value of a binder; NULL is none."""
        values = self.values(binder.domain)
        return values[1:] if isinstance(binder.domain, Ptr) else values

    def slots(self) -> Mapping[Slot, Var]:
        """Every variable of every cell: globals, then objects class by class, then threads."""
        if self._slots is None:  # every reader asks for each state or step: worked out once
            object.__setattr__(self, "_slots", dict(self._every_slot()))
        assert self._slots is not None  # noqa: S101 - it has just been set
        return self._slots

    def _every_slot(self) -> Iterator[tuple[Slot, Var]]:
        cells = [("", 0, self.system.globals)]
        cells += [(c.name, i, c.fields) for c in self.system.classes.values() for i in range(1, self.sizes[c.name] + 1)]
        cells += [(THREAD, index, self.system.locals) for index in range(1, self.tasks + 1)]
        for cell, index, variables in cells:
            for var in variables:
                yield Slot(cell, index, var.name), var


class Step(NamedTuple):
    """Thread `thread` (from 1) takes `action` with these values of its binders, in their order."""

    thread: int
    action: Action
    choice: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A run: `states` has one entry more than `steps`."""

    instance: Instance
    states: Sequence[State] = field(repr=False)
    steps: Sequence[Step]


Start = Mapping[Slot, tuple[int, ...]]  # the possible values of every slot, chosen independently


def least_tasks(system: System) -> int:
    """Return the smallest number of tasks that the system's groups can start with."""
    return max(1, sum(group.count or 0 for group in system.groups))


def exact_tasks(system: System) -> int | None:
    """Return how many tasks there are, where the system says so; None if it is any number."""
    counts = [group.count for group in system.groups]
    fixed = system.thread not in system.created and all(count is not None for count in counts)
    return sum(count or 0 for count in counts) if fixed else None


def instance(system: System, tasks: int) -> Instance:
    """Return `system` with `tasks` cells of its thread class, and as many other cells as they can need.

    Another class has a cell for each static, for each field of a task at the start that holds a fresh object, and,
    where some action creates objects of it, one more for each task. Raises ValueError for fewer than `least_tasks`.
    """
    if tasks < least_tasks(system):
        message = f"system `{system.name}` starts with {least_tasks(system)} tasks"
        raise ValueError(message)
    fresh = Counter[str]()
    for groups in _casts(system, tasks):
        fresh |= Counter(v.cls for group in groups for v in group.values.values() if isinstance(v, Fresh))
    sizes = {
        cls: sum(s.cls == cls for s in system.statics) + fresh[cls] + (tasks if cls in system.created else 0)
        for cls in system.classes
    }
    return Instance(system, tasks, sizes | {system.thread: tasks})


def spare(system: System) -> frozenset[str]:
    """Return the classes of which a cell may be free at the start: more are needed in other starts, or later."""
    begin = starts(instance(system, least_tasks(system) + 1))
    free = {slot.cell for start in begin for slot, values in start.items() if slot.name == LIFE and FREE in values}
    return (frozenset(free) - {system.thread}) | system.created


def starts(inst: Instance) -> Iterator[Start]:
    """Every way to begin: one `Start` for each number of tasks in each group."""
    for groups in _casts(inst.system, inst.tasks):
        yield _start(inst, groups)


def _casts(system: System, tasks: int) -> Iterator[Sequence[Group]]:
    """Yield the group of each initial task, for every number of initial tasks that the instance has room for."""
    fixed = sum(group.count or 0 for group in system.groups)
    counts = [[group.count] if group.count is not None else range(tasks - fixed + 1) for group in system.groups]
    open_ended = any(group.count is None for group in system.groups)
    exact = open_ended and system.thread not in system.created
    for chosen in product(*counts):
        total = sum(chosen)
        if total == tasks if exact else 0 < total <= tasks:
            yield [group for group, count in zip(system.groups, chosen, strict=True) for _ in range(count)]


def _start(inst: Instance, groups: Sequence[Group]) -> Start:
    system = inst.system
    values: dict[Slot, tuple[int, ...]] = {
        slot: tuple(var.initially) for slot, var in inst.slots().items()
    }
    used = Counter[str]()

    def born(cls: str, index: int) -> None:
        for var in system.classes[cls].fields:
            values[Slot(cls, index, var.name)] = (system.initial.get((cls, var.name), var.default),)
        values[Slot(cls, index, LIFE)] = (PUBLISHED,)

    for static in system.statics:
        used[static.cls] += 1
        born(static.cls, used[static.cls])
    for index, group in enumerate(groups, start=1):
        born(system.thread, index)
        values[Slot(THREAD, index, PC)] = (group.entry,)
        for name, value in group.values.items():
            if isinstance(value, Fresh):
                used[value.cls] += 1
                born(value.cls, used[value.cls])
            values[Slot(system.thread, index, name)] = (used[value.cls],) if isinstance(value, Fresh) else value
    return values
