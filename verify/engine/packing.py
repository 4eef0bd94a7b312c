"""A state as one integer: every variable of an instance has its own bits.

The globals lie lowest, then the objects class by class, then the tasks. A task is one cell: the locals of thread i and
the fields of object i of the thread class side by side, because they move together under a permutation of the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from verify.instances import THREAD, Instance, Slot, State, starts
from verify.ir import Var, refers


class Bits(NamedTuple):
    """Where a variable of the domain `low` to `high` lies: value - `low`, `width` bits wide, from bit `shift` on."""

    shift: int
    width: int
    low: int
    high: int


class Block(NamedTuple):
    """Cells of one kind, `count` of them: cell i, counted from 1, begins at bit `base` + (i - 1) * `stride`."""

    base: int
    stride: int
    count: int  # type: ignore[assignment] # hides tuple.count, which nobody needs here

    def cell(self, index: int) -> int:
        """The first bit of cell `index`."""
        return self.base + (index - 1) * self.stride


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of every slot of an instance. `size` is the number of bits of a state."""

    instance: Instance
    bits: Mapping[Slot, Bits] = field(hash=False, repr=False)
    globals: Block  # one cell
    objects: Mapping[str, Block] = field(hash=False)  # the classes other than the thread class
    tasks: Block
    size: int
    _columns: dict[tuple[str, str], Sequence[Bits | None]] = field(default_factory=dict, compare=False, repr=False)
    _pointers: dict[str, Sequence[Slot]] = field(default_factory=dict, compare=False, repr=False)

    def column(self, cell: str, name: str) -> Sequence[Bits | None]:
        """The places of one variable by the number of its cell, from 0, where only a global is."""
        if (cell, name) not in self._columns:
            inst = self.instance
            last = max(inst.tasks if cell == THREAD else 0, inst.sizes.get(cell, 0))
            self._columns[cell, name] = [self.bits.get(Slot(cell, index, name)) for index in range(last + 1)]
        return self._columns[cell, name]

    def pointers(self, cls: str) -> Sequence[Slot]:
        """The variables that may refer to an object of a class."""
        if cls not in self._pointers:
            slots = self.instance.slots().items()
            self._pointers[cls] = [slot for slot, var in slots if refers(slot.name, var.domain, cls)]
        return self._pointers[cls]


def layout(inst: Instance) -> Layout:
    """Return the one layout of the states of `inst`."""
    bits: dict[Slot, Bits] = {}
    system = inst.system

    def block(base: int, count: int, parts: Iterable[tuple[str, Iterable[Var]]], *, first: int = 1) -> Block:
        offset = 0
        cell = []
        for name, variables in parts:
            for var in variables:
                values = inst.values(var.domain)
                width = (values[-1] - values[0]).bit_length()
                cell.append((name, var.name, Bits(offset, width, values[0], values[-1])))
                offset += width
        made = Block(base, offset, count)
        for index in range(first, first + count):
            start = base + (index - first) * offset
            bits.update({Slot(c, index, name): place._replace(shift=start + place.shift) for c, name, place in cell})
        return made

    shared = block(0, 1, [("", system.globals)], first=0)
    end = shared.stride
    objects: dict[str, Block] = {}
    for cls in system.classes.values():
        if cls.name != system.thread:
            objects[cls.name] = block(end, inst.sizes[cls.name], [(cls.name, cls.fields)])
            end += objects[cls.name].stride * inst.sizes[cls.name]
    both = [(THREAD, system.locals), (system.thread, system.classes[system.thread].fields)]
    tasks = block(end, inst.tasks, both)
    return Layout(inst, bits, shared, objects, tasks, end + tasks.stride * tasks.count)


def pack(places: Layout, state: State) -> int:
    """Return `state` as an integer. Raises ValueError for a value outside the domain of its variable."""
    packed = 0
    for slot, value in state.items():
        shift, _, low, high = places.bits[slot]
        if not low <= value <= high:
            raise ValueError(f"{slot} = {value} is outside its domain")
        packed |= (value - low) << shift
    return packed


def beginnings(places: Layout) -> Iterator[int]:
    """Every state that the instance can begin in, packed; one may come more than once."""
    for start in starts(places.instance):
        base = pack(places, {slot: values[0] for slot, values in start.items()})
        options = [
            [number - values[0] << places.bits[slot].shift for number in values]
            for slot, values in start.items()
            if len(values) > 1
        ]
        yield from (base + sum(chosen) for chosen in product(*options))


def unpack(places: Layout, packed: int) -> State:
    """Return the state that `pack` made into `packed`."""
    return {slot: (packed >> shift & (1 << width) - 1) + low for slot, (shift, width, low, _) in places.bits.items()}
