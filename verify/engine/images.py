"""What a step of one thread does to a block: rules made from actions, ready to be applied to sets of states.

A rule looks at the acting thread, the block, and the cells that the action goes to through pointers. What other cells
it asks about (whether anything refers to an object, say) it takes as anything at all, which is sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product

from verify.engine.bdd import Node
from verify.engine.blocks import Block
from verify.engine.diagrams import SHARED, Cell, Space, cell_of
from verify.engine.symbolic import Reading, SplitError, Values, merge, places, read, truth, values
from verify.instances import THREAD, Slot
from verify.ir import (
    PC,
    Action,
    Binary,
    Expr,
    Field,
    Ite,
    Local,
    Quant,
    Referenced,
    Unary,
    Wrap,
)


@dataclass(frozen=True, slots=True)
class Case:
    """An action of one thread with its choices made and its pointers fixed."""

    enabled: Node
    reads: frozenset[Cell]  # the cells that the guard and the pointers of places go to
    writes: Mapping[Slot, Values]  # the value after the step, over the state before
    write_reads: Mapping[Slot, frozenset[Cell]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Steps of thread `actor` from location `source` that look at the `block`, at `threads` and at `objects`."""

    actor: int
    source: int
    block: Block
    threads: frozenset[int]
    objects: frozenset[Cell]
    writes: tuple[Slot, ...]
    relation: Node  # over the state before, and the primed bits of `writes`


def crowded(action: Action) -> bool:
    """Whether an action looks at or changes another thread's locals."""
    exprs: list[Expr] = [action.guard]
    for update in action.updates:
        exprs += [update.place, update.value, update.when]
    return any(_crowded(e) for e in exprs)


def _crowded(expr: Expr) -> bool:
    match expr:
        case Referenced():
            return True
        case Local(_, of):
            return of is not None
        case Field(pointer, _, _):
            return _crowded(pointer)
        case Unary(_, arg) | Wrap(_, _, arg) | Quant(_, _, arg):
            return _crowded(arg)
        case Binary(_, left, right):
            return _crowded(left) or _crowded(right)
        case Ite(cond, then, other):
            return _crowded(cond) or _crowded(then) or _crowded(other)
        case _:
            return False


def cases(space: Space, action: Action, actor: int) -> Iterator[Case]:
    """Return every way in which a thread can take an action, its pointers told apart."""
    pc = Slot(THREAD, actor, PC)
    choices = (space.instance.choices(binder) for binder in action.binders)
    for choice in product(*choices):
        bound = {binder.name: value for binder, value in zip(action.binders, choice, strict=True)}
        pending: list[Mapping[Slot, int]] = [{pc: action.source}]
        while pending:
            fixed = pending.pop()
            at = Reading(space, actor, bound, fixed, split=True, seen=set())
            try:
                case = _case(action, at)
            except SplitError as error:
                pending += [{**fixed, error.slot: value} for value in space.tests[error.slot]]
                continue
            if case is not None:
                yield case


def _case(action: Action, at: Reading) -> Case | None:
    space = at.space
    enabled = truth(action.guard, at)
    if enabled == space.false:
        return None
    for slot, value in at.fixed.items():
        if slot.name != PC or cell_of(slot) != (THREAD, at.me):
            enabled &= space.tests[slot][value]
    seen: set[Slot] = at.seen if at.seen is not None else set()
    writes: dict[Slot, Values] = {Slot(THREAD, at.me, PC): {action.target: space.true}}
    write_reads: dict[Slot, frozenset[Cell]] = {}
    for update in action.updates:
        scopes = [at] if update.each is None else [at.bind(update.each, v) for v in space.instance.choices(update.each)]
        for scope in scopes:
            when = truth(update.when, scope)
            if when == space.false:
                continue
            targets = [(cond & when, slot) for cond, slot in places(update.place, scope) if slot is not None]
            before = frozenset(seen)
            seen.clear()
            new = values(update.value, scope)
            reads = frozenset(cell_of(slot) for slot in seen)
            seen |= before
            for cond, slot in targets:
                if cond == space.false:
                    continue
                old = writes[slot] if slot in writes else read(slot, at.outside())
                writes[slot] = new if cond == space.true else merge(space, [(cond, new), (~cond, old)])
                write_reads[slot] = write_reads.get(slot, frozenset()) | reads
    cells = frozenset(cell_of(slot) for slot in (*seen, *at.fixed))
    return Case(enabled, cells, writes, write_reads)


def rules(space: Space, found: Iterable[Case], actor: int, source: int, block: Block) -> list[Rule]:
    """Return what these cases at one location mean for a block, those that look at the same cells as one rule."""
    own: set[Cell] = {SHARED, (THREAD, actor), *((THREAD, i) for i in block.threads), *block.objects}
    inside: set[Cell] = {SHARED, *((THREAD, i) for i in block.threads), *block.objects}
    merged: dict[tuple[frozenset[Cell], tuple[Slot, ...]], Node] = {}
    for case in found:
        written = tuple(sorted(s for s in case.writes if cell_of(s) in inside and space.tracked(s)))
        if not written:
            continue
        relation = case.enabled
        wanted = set(case.reads)
        for slot in written:
            tests = space.primed[slot]
            table = case.writes[slot].items()
            relation &= space.any_of(cond & tests[value] for value, cond in table if value in tests)
            wanted |= case.write_reads.get(slot, frozenset())
        if relation == space.false:
            continue
        present = space.slots_of(relation)
        joined = frozenset((wanted & {cell_of(s) for s in present if space.tracked(s)}) - own)
        kept = own | joined
        free = (s for s in present if cell_of(s) not in kept or not space.tracked(s))
        loose = [bit for slot in free for bit in space.bits[slot]]
        relation = space.manager.exist(loose, relation) if loose else relation
        key = (joined, written)
        merged[key] = merged[key] | relation if key in merged else relation
    return [
        Rule(
            actor, source, block,
            frozenset(i for cell, i in joined if cell == THREAD),
            frozenset(cell for cell in joined if cell[0] != THREAD),
            written, relation,
        )
        for (joined, written), relation in merged.items()
    ]


# ---- application ---------------------------------------------------------------------------------

def plan(space: Space, family: Iterable[Block], keep: AbstractSet[Slot]) -> list[list[str]]:
    """The bits to forget after each factor of a product: those not kept that no later factor speaks of."""
    covers = [block_slots(space, block) for block in family]
    result: list[list[str]] = []
    later: set[Slot] = set()
    for cover in reversed(covers):
        result.append([bit for slot in sorted(cover - later - keep) for bit in space.bits[slot]])
        later |= cover
    return result[::-1]


def block_slots(space: Space, block: Block) -> set[Slot]:
    """The slots with bits that a block's states speak of."""
    cells: list[Cell] = [SHARED, *((THREAD, i) for i in block.threads), *block.objects]
    return set().union(*(space.cells.get(cell, ()) for cell in cells))


def unprime(space: Space, writes: Iterable[Slot]) -> Mapping[str, str]:
    """The renaming of the state after a step to the state before."""
    return {f"{bit}'": bit for slot in writes for bit in space.bits[slot]}
