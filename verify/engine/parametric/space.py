"""Sets of views as decision diagrams: one thread, its own object, one more object, and what a step may touch besides.

Cells have fixed numbers: 1 is the acting thread and its object, 2 stands for the object of another thread that looks
on, 3 is the object in view, from 4 on come further objects that a step touches. A pointer may lead to one of these or
out of the view. It has a bit that says whether it is NULL and one for each cell it may point to, so that a view that
leaves a cell out is had by forgetting the bits about it, and a change of numbers is a renaming of bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.bdd import Manager, Node, manager
from verify.engine.valuesets import Sets
from verify.instances import THREAD, Slot
from verify.ir import PC, Ptr, Range, System, Threads, Var

ME, VIEWER, VIEWED = 1, 2, 3
TOUCHED = (4, 5)
OUT = -(1 << 40)  # the value of a pointer that leads out of the view; no variable of a program holds it
OTHERS = 6  # in a set of threads: some whose objects have no number
Cell = tuple[str, int]
SHARED: Cell = ("", 0)
REFERENCED = "#referenced"  # the bit that says whether the thread that looks on points to the object in view


@dataclass(frozen=True, slots=True)
class Space:
    """The diagrams of one system."""

    system: System
    slots: Mapping[Slot, Var] = field(repr=False)
    manager: Manager = field(repr=False)
    bits: Mapping[Slot, tuple[str, ...]] = field(repr=False)
    about: Mapping[str, Cell] = field(repr=False)  # the cell whose identity a bit tells; SHARED for none
    owner: Mapping[str, Slot] = field(repr=False)  # of each bit, primed ones too
    codes: Mapping[Slot, Mapping[int, Mapping[str, bool]]] = field(repr=False)  # the bits of each value
    tests: Mapping[Slot, Mapping[int, Node]] = field(repr=False)  # "this slot has that value"
    primed: Mapping[Slot, Mapping[int, Node]] = field(repr=False)
    constants: Mapping[Slot, int] = field(repr=False)
    spoken: dict[Kind, frozenset[str]] = field(default_factory=dict, repr=False)  # by views of a kind, once asked

    @property
    def true(self) -> Node:
        """Every view."""
        return self.manager.true

    @property
    def false(self) -> Node:
        """No view."""
        return self.manager.false

    def any_of(self, nodes: Iterable[Node]) -> Node:
        """The union of sets of views."""
        result = self.false
        for node in nodes:
            result |= node
        return result

    def at(self, location: int) -> Node:
        """The views whose thread is at a location."""
        slot = Slot(THREAD, ME, PC)
        if slot in self.constants:
            return self.true if self.constants[slot] == location else self.false
        return self.tests[slot].get(location, self.false)

    def named(self, cls: str) -> Sequence[int]:
        """The numbers of the cells of a class."""
        return (ME, VIEWER, VIEWED, *TOUCHED) if cls == self.system.thread else (VIEWED, *TOUCHED)


def space(system: System, sets: Sets) -> Space:
    """Return the empty diagrams of a system whose variables hold the values `sets`; pointers and sets any."""
    slots = _slots(system)
    constants: dict[Slot, int] = {}
    codes: dict[Slot, Mapping[int, Mapping[str, bool]]] = {}
    about: dict[str, Cell] = {}
    for slot, var in slots.items():
        match var.domain:
            case Range():
                values = sorted(sets.get((slot.cell, slot.name), {var.default}))  # no cell of the class can exist
                if len(values) == 1:
                    constants[slot] = values[0]
                    continue
                names = [f"{slot}:{k}" for k in range((len(values) - 1).bit_length())]
                codes[slot] = {v: {b: bool(n >> k & 1) for k, b in enumerate(names)} for n, v in enumerate(values)}
                about |= dict.fromkeys(names, SHARED)
            case Ptr(cls):
                codes[slot] = _pointer(system, slot, cls, about)
            case Threads():
                codes[slot] = _set(system, slot, about)
    bits = {slot: tuple(next(iter(table.values()))) for slot, table in codes.items()}
    found = manager()
    for slot in sorted(bits, key=lambda s: _rank(slots, s)):
        for bit in bits[slot]:
            found.declare(bit, bit + "'")
    found.declare(REFERENCED)
    owner = {bit: slot for slot, names in bits.items() for bit in names}
    tests = {slot: {v: found.cube(code) for v, code in table.items()} for slot, table in codes.items()}
    primed = {
        slot: {v: found.cube({f"{bit}'": on for bit, on in code.items()}) for v, code in table.items()}
        for slot, table in codes.items()
    }
    owner |= {f"{bit}'": slot for bit, slot in owner.items()}
    return Space(system, slots, found, bits, about, owner, codes, tests, primed, constants)


def _slots(system: System) -> Mapping[Slot, Var]:
    slots = {Slot("", 0, var.name): var for var in system.globals}
    slots |= {Slot(THREAD, ME, var.name): var for var in system.locals}
    for cls in system.classes.values():
        first = ME if cls.name == system.thread else VIEWED
        slots |= {Slot(cls.name, i, var.name): var for i in range(first, TOUCHED[-1] + 1) for var in cls.fields}
    return slots


def _pointer(system: System, slot: Slot, cls: str, about: dict[str, Cell]) -> Mapping[int, Mapping[str, bool]]:
    named = range(ME if cls == system.thread else VIEWED, TOUCHED[-1] + 1)
    some = f"{slot}:some"
    at = {i: f"{slot}:@{i}" for i in named}
    about[some] = SHARED
    about |= {bit: (cls, i) for i, bit in at.items()}
    return {value: {some: value != 0, **{bit: i == value for i, bit in at.items()}} for value in (0, *named, OUT)}


def _set(system: System, slot: Slot, about: dict[str, Cell]) -> Mapping[int, Mapping[str, bool]]:
    some, others = f"{slot}:some", f"{slot}:others"
    at = {i: f"{slot}:@{i}" for i in range(ME, OTHERS)}
    about[some] = SHARED
    about |= {bit: (system.thread, i) for i, bit in at.items()}
    about[others] = (system.thread, OTHERS)
    return {
        mask: {
            some: mask != 0,
            others: bool(mask >> OTHERS - 1 & 1),
            **{b: bool(mask >> i - 1 & 1) for i, b in at.items()},
        }
        for mask in range(1 << OTHERS)
    }


def _rank(slots: Mapping[Slot, Var], slot: Slot) -> tuple[int, int, str, int]:
    """Order of the variables: the location on top, then globals, locals, and fields, those of one name together."""
    if slot.cell == THREAD:
        return (0 if slot.name == PC else 2, 0, slot.name, 0)
    if not slot.cell:
        return (1, 0, slot.name, 0)
    return (3 if isinstance(slots[slot].domain, Ptr) else 4, 0, f"{slot.cell}.{slot.name}", slot.index)


# ---- views ---------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of view: a thread with its own object (`cls` empty), or with one more object of a class.

    With `made`, that is an object which the thread is making, and its own object is in view too.
    """

    cls: str
    made: bool = False


OWN = Kind("")


def cells_of(of: Space, kind: Kind) -> tuple[Cell, ...]:
    """The cells of a view."""
    thread, own = (THREAD, ME), (of.system.thread, ME)
    if kind == OWN:
        return (SHARED, thread, own)
    return (SHARED, thread, *((own,) if kind.made else ()), (kind.cls, VIEWED))


def view_bits(of: Space, kind: Kind) -> frozenset[str]:
    """The bits that views of a kind speak of."""
    if kind not in of.spoken:
        cells = set(cells_of(of, kind))
        known = {SHARED, (of.system.thread, ME), *cells}
        of.spoken[kind] = frozenset(
            bit
            for slot, names in of.bits.items()
            if (slot.cell, slot.index) in cells
            for bit in names
            if of.about[bit] in known
        )
    return of.spoken[kind]


def moved(of: Space, bits: Iterable[str], moves: Mapping[Cell, Cell]) -> dict[str, str]:
    """The renaming of bits, primed ones too, by which cells get other numbers."""
    result: dict[str, str] = {}
    for name in bits:
        mark = "'" if name.endswith("'") else ""
        bit = name.removesuffix("'")
        slot, cell = of.owner[bit], of.about[bit]
        place = moves.get((slot.cell, slot.index), (slot.cell, slot.index))
        told = moves.get(cell, cell)
        suffix = bit[len(str(slot)) + 1 :] if cell == SHARED or cell[1] > TOUCHED[-1] else f"@{told[1]}"
        target = f"{Slot(*place, slot.name)}:{suffix}"
        if target != bit:
            result[name] = target + mark
    return result
