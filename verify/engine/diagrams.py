"""Sets of states as decision diagrams (BDDs; Bryant 1986), over the variables of one instance.

A pointer has one bit for each object it may point to and a set of threads one for each thread, so that a permutation
of tasks is a renaming of bits. Any other variable is the binary number of its value among those it can hold. A
variable that can hold one value only has no bits. Each bit has a primed twin beside it, for the state after a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from verify.engine.bdd import Manager, Node, manager
from verify.engine.valuesets import Key, Sets
from verify.instances import THREAD, Instance, Slot
from verify.ir import LIFE, PC, Binary, Const, Domain, Expr, Field, Global, Ite, Local, Ptr, Range, Threads, Unary, Var

Cell = tuple[str, int]
SHARED: Cell = ("", 0)  # what every block speaks of: the globals, and which objects are alive


def cell_of(slot: Slot) -> Cell:
    """The cell of a slot."""
    return SHARED if not slot.cell or (slot.name == LIFE and slot.cell != THREAD) else (slot.cell, slot.index)


@dataclass(frozen=True, slots=True)
class Space:
    """The diagrams of one instance. `constants` are the slots without bits."""

    instance: Instance
    slots: Mapping[Slot, Var] = field(repr=False)
    manager: Manager = field(repr=False)
    bits: Mapping[Slot, tuple[str, ...]] = field(repr=False)
    cells: Mapping[Cell, frozenset[Slot]] = field(repr=False)  # the tracked slots of each
    owner: Mapping[str, Slot] = field(repr=False)  # of each bit, primed ones too
    codes: Mapping[Slot, Mapping[int, Mapping[str, bool]]] = field(repr=False)  # the bits of each value
    tests: Mapping[Slot, Mapping[int, Node]] = field(repr=False)  # "this slot has that value"
    primed: Mapping[Slot, Mapping[int, Node]] = field(repr=False)  # the same after the step
    constants: Mapping[Slot, int] = field(repr=False)

    @property
    def true(self) -> Node:
        """Every state."""
        return self.manager.true

    @property
    def false(self) -> Node:
        """No state."""
        return self.manager.false

    def tracked(self, slot: Slot) -> bool:
        """Whether sets of states say anything about a slot with bits."""
        return slot in self.cells.get(cell_of(slot), ())

    def tracking(self, keys: AbstractSet[Key]) -> Space:
        """Return the same diagrams for sets of states that speak of those variables and of locations alone."""
        kept = [s for s in self.bits if (s.cell, s.name) in keys or (s.cell, s.name) == (THREAD, PC)]
        cells = {cell: frozenset(s for s in kept if cell_of(s) == cell) for cell in map(cell_of, kept)}
        return replace(self, cells=cells)

    def any_of(self, nodes: Iterable[Node]) -> Node:
        """The union of sets of states."""
        result = self.false
        for node in nodes:
            result |= node
        return result

    def slots_of(self, node: Node) -> frozenset[Slot]:
        """The slots that a diagram speaks of, before or after the step."""
        return frozenset(self.owner[bit] for bit in node.support)


def space(inst: Instance, sets: Sets) -> Space:
    """Return the empty diagrams of an instance whose variables hold the values `sets`."""
    slots = inst.slots()
    constants: dict[Slot, int] = {}
    bits: dict[Slot, tuple[str, ...]] = {}
    for slot in sorted(slots, key=_rank(inst)):
        values = sets[(slot.cell, slot.name)]
        if len(values) == 1:
            constants[slot] = min(values)
        else:
            bits[slot] = tuple(f"{slot}:{k}" for k in range(_width(inst, slots[slot].domain, len(values))))
    found = manager()
    for names in bits.values():
        for bit in names:
            found.declare(bit, bit + "'")
    owner = {bit: slot for slot, names in bits.items() for bit in names}
    codes = {
        slot: {
            value: dict(zip(names, code, strict=True))
            for value, code in _codes(inst, slots[slot].domain, sets[(slot.cell, slot.name)], len(names)).items()
        }
        for slot, names in bits.items()
    }
    tests = {slot: {v: found.cube(code) for v, code in table.items()} for slot, table in codes.items()}
    primed = {
        slot: {v: found.cube({f"{bit}'": on for bit, on in code.items()}) for v, code in table.items()}
        for slot, table in codes.items()
    }
    owner |= {f"{bit}'": slot for bit, slot in owner.items()}
    whole = Space(inst, slots, found, bits, {}, owner, codes, tests, primed, constants)
    return whole.tracking({(slot.cell, slot.name) for slot in bits})


def _rank(inst: Instance) -> Callable[[Slot], tuple[int, ...]]:
    """Order of the variables: locations on top, then what every block shares, then pointers, then the rest."""
    slots = inst.slots()
    position = {slot: number for number, slot in enumerate(slots)}

    def rank(slot: Slot) -> tuple[int, ...]:
        if slot.name == PC and slot.cell == THREAD:
            kind = 0
        elif not slot.cell:
            kind = 1
        elif slot.name == LIFE and slot.cell != THREAD:
            kind = 2
        else:
            kind = 3 if isinstance(slots[slot].domain, Ptr) else 4
        return (kind, position[slot])

    return rank


def _width(inst: Instance, domain: Domain, count: int) -> int:
    match domain:
        case Ptr(cls):
            return inst.sizes[cls]
        case Threads():
            return inst.tasks
        case Range():
            return (count - 1).bit_length()


def _codes(inst: Instance, domain: Domain, values: Iterable[int], width: int) -> Mapping[int, Sequence[bool]]:
    match domain:
        case Ptr():
            return {v: [k + 1 == v for k in range(width)] for v in inst.values(domain)}
        case Threads():
            return {v: [bool(v >> k & 1) for k in range(width)] for v in inst.values(domain)}
        case Range():
            return {v: [bool(n >> k & 1) for k in reversed(range(width))] for n, v in enumerate(sorted(values))}


# ---- back to expressions -------------------------------------------------------------------------

TRUE, FALSE = Const(1), Const(0)  # leaves, told apart by identity


def place_of(slot: Slot) -> Expr:
    """The expression that reads a slot in a property."""
    if not slot.cell:
        return Global(slot.name)
    if slot.cell == THREAD:
        return Local(slot.name, Const(slot.index))
    return Field(Const(slot.index), slot.cell, slot.name)


def expression(
    of: Space, node: Node, memo: dict[Node, Expr], tests: Mapping[Slot, Mapping[int, Expr]] = MappingProxyType({})
) -> Expr:
    """Return the diagram as a property whose common parts are shared objects; `memo` shares across calls.

    It tests slots for values (a multi-valued diagram), so that it can be read. For values that a slot cannot hold it
    says anything. `tests` says how to test slots that the system does not have, for each value but 0.
    """
    if node == of.true:
        return TRUE
    if node == of.false:
        return FALSE
    if node not in memo:
        slot = of.owner[node.var]
        cases = [(v, expression(of, of.manager.let(code, node), memo, tests)) for v, code in of.codes[slot].items()]
        if slot in tests:
            found = dict(cases)
            result = found[0]
            for value, test in tests[slot].items():
                result = ite(test, found[value], result)
            memo[node] = result
        else:
            memo[node] = decide(place_of(slot), cases)
    return memo[node]


def decide(place: Expr, cases: Sequence[tuple[int, Expr]]) -> Expr:
    """The expression that is the case of the place's value."""
    runs: list[tuple[list[int], Expr]] = []
    for value, child in sorted(cases, key=lambda case: case[0]):
        if runs and runs[-1][1] is child:
            runs[-1][0].append(value)
        else:
            runs.append(([value], child))
    if len(runs) == 1:
        return runs[0][1]
    for number, (values, child) in enumerate(runs):
        rest = runs[:number] + runs[number + 1 :]
        if len(values) == 1 and all(other is rest[0][1] for _, other in rest):
            return ite(Binary("==", place, Const(values[0])), child, rest[0][1])
    middle = len(runs) // 2
    split = Binary("<", place, Const(runs[middle][0][0]))
    low, high = ([(v, child) for values, child in part for v in values] for part in (runs[:middle], runs[middle:]))
    return ite(split, decide(place, low), decide(place, high))


def ite(cond: Expr, then: Expr, other: Expr) -> Expr:
    """`then` if `cond`, else `other`; of leaves TRUE and FALSE, the shorter form."""
    if then is other:
        return then
    if then is TRUE:
        return cond if other is FALSE else Binary("||", cond, other)
    if then is FALSE:
        return Unary("!", cond) if other is TRUE else Binary("&&", Unary("!", cond), other)
    if other is TRUE:
        return Binary("||", Unary("!", cond), then)
    if other is FALSE:
        return Binary("&&", cond, then)
    return Ite(cond, then, other)
