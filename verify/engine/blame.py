"""Why an approximation contains a bad state, and which variables it would have to track not to.

A derivation is followed back to initial states and then replayed with every variable tracked (counterexample-guided
refinement; Clarke et al. 2003). Where no state is left, the variables that leave none are the ones to track. What a
derivation combines need not be one run, since each block has only some of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.engine.blocks import Block, Permutation, inverse, move
from verify.engine.diagrams import Node, Space, cell_of
from verify.engine.fixpoint import Closure, Growth, Steps, cases_at
from verify.engine.images import block_slots, rules, unprime
from verify.engine.localize import least
from verify.engine.relations import Relations, place, relation, rename, renaming
from verify.engine.valuesets import Key
from verify.instances import THREAD, Slot
from verify.ir import PC, Action

Bits = Mapping[str, bool]
Goal = tuple[Block, Bits]  # a representative block, and one of its states


@dataclass(frozen=True, slots=True)
class Derived:
    """A state of a representative block, and what it was derived from: earlier ones, as states of these blocks.

    Without `how` it is initial. With `cause`, another thread disturbed the block, in a step that has its own premises.
    """

    block: Block
    state: Bits
    how: Growth | None = None
    premises: tuple[tuple[Block, int], ...] = ()
    cause: Growth | None = None
    causes: tuple[tuple[Block, int], ...] = ()


def one_of(of: Relations, node: Node, family: Sequence[Block]) -> list[Goal]:
    """Return a state of each block of a family that together lie in `node`; none if the relations exclude that."""
    for block in family:
        node = node & relation(of, block)
        if node == of.space.false:
            return []
    bits = set().union(*(_bits(of.space, block) for block in family), node.support)
    state = of.space.manager.pick(node, care_vars=bits)
    return [_goal(of, block, state) for block in family]


# ---- how states were derived ---------------------------------------------------------------------


def derivation(run: Closure, goals: Sequence[Goal]) -> tuple[list[Derived], list[int]]:
    """Return one derivation of the goals, premises first, and where the goals are in it."""
    found: list[Derived] = []
    numbers: dict[tuple[Block, frozenset[str]], int] = {}
    steps: dict[tuple[Block, frozenset[str]], tuple[Derived, list[Goal], list[Goal]]] = {}
    pending = list(goals)
    while pending:
        block, state = pending[-1]
        name = _name(block, state)
        if name in numbers:
            pending.pop()
        elif name not in steps:
            steps[name] = _step(run, block, state)
            pending += [*steps[name][1], *steps[name][2]]
        else:
            pending.pop()
            how, premises, causes = steps[name]
            numbers[name] = len(found)
            before = tuple((b, numbers[_name(*goal)]) for (b, _), goal in zip(how.premises, premises, strict=True))
            others = tuple((b, numbers[_name(*goal)]) for (b, _), goal in zip(how.causes, causes, strict=True))
            found.append(Derived(block, state, how.how, before, how.cause, others))
    return found, [numbers[_name(*goal)] for goal in goals]


def actions_of(run: Closure, found: Sequence[Derived]) -> Iterator[Action]:
    """Return the actions of a derivation, and those with which they share a location and a target."""
    for item in found:
        step = item.cause or item.how
        if step is not None:
            yield from run.steps.by_source[step.source]


def _name(block: Block, state: Bits) -> tuple[Block, frozenset[str]]:
    return block, frozenset(bit for bit, on in state.items() if on)


def _step(run: Closure, block: Block, state: Bits) -> tuple[Derived, list[Goal], list[Goal]]:
    """The step that derived a state, and the states that it was derived from; premises are not numbered yet."""
    of = run.relations
    how = next((g for g in run.growth if g.block == block and _has(of, g.new, state)), None)
    if how is None:
        return Derived(block, state), [], []
    known: Bits = {f"{bit}'" if f"{bit}'" in how.back else bit: on for bit, on in state.items()}
    around: Bits = _around(of, how, known)
    premises = [_goal(of, member, around, how.actor, how.source) for member in how.family]
    named = tuple((member, 0) for member in how.family)
    if how.origin is None:
        return Derived(block, state, how, named), premises, []
    cause, known = _gathered(run, how, around)
    before = _around(of, cause, known)
    causes = [_goal(of, member, before, cause.actor, cause.source) for member in cause.family]
    return Derived(block, state, how, named, cause, tuple((member, 0) for member in cause.family)), premises, causes


def _has(of: Relations, node: Node, state: Bits) -> bool:
    return bool(of.space.manager.let(dict(state), node) == of.space.true)


def _bits(of: Space, block: Block) -> set[str]:
    return {bit for slot in block_slots(of, block) for bit in of.bits[slot]}


def _goal(of: Relations, block: Block, state: Bits, actor: int = 0, source: int = 0) -> Goal:
    """The part of a state that is a block's, with the actor at its location, as one of the block's representative."""
    rep, there, _ = place(of, block)
    if actor in block.threads:
        state = {**state, **of.space.codes.get(Slot(THREAD, actor, PC), {}).get(source, {})}
    return rep, _moved(of, there, block, {bit: state[bit] for bit in _bits(of.space, block)})


def _moved(of: Relations, perm: Permutation, block: Block, state: Bits) -> Bits:
    table = renaming(of, perm, block)
    return {table.get(bit, bit): on for bit, on in state.items()}


def _around(of: Relations, how: Growth, known: Bits) -> Bits:
    """The states before and after a step, given some of them; the bits after are primed."""
    manager = of.space.manager
    plain = {bit: on for bit, on in known.items() if not bit.endswith("'")}
    node = manager.let(dict(known), how.step)
    for factor in how.factors:
        node &= manager.let(plain, factor)
    bits = set().union(*(_bits(of.space, block) for block in how.family), node.support) - set(known)
    return {**manager.pick(node, care_vars=bits), **known}


def _gathered(run: Closure, how: Growth, around: Bits) -> tuple[Growth, Bits]:
    """The step that put another into a thread's influence, and what is known of the states around it."""
    of = run.relations
    perm, there = _frame(of, how)
    inside = _bits(of.space, there)
    kept = {bit: on for bit, on in around.items() if bit.removesuffix("'") in inside}
    known = _moved(of, inverse(perm), there, kept)
    gathered = (g for g in run.gathered if g.block == how.origin and g.influence == how.influence)
    return next(g for g in gathered if _has(of, g.new, known)), known


def _frame(of: Relations, how: Growth) -> tuple[Permutation, Block]:
    """How a gathered step was moved to where it disturbs, and the objects that it then looks at."""
    if how.origin is None or how.moved is None:
        raise ValueError("the step of a block's own thread")
    objects = {*how.origin.objects, *how.influence[0]}
    return how.moved, move(how.moved, Block((), tuple(sorted(objects))), of.freedom.thread)


# ---- what is missing -----------------------------------------------------------------------------

Option = tuple[Node, tuple[Slot, ...]]  # a relation over all variables, and what it writes


def missing(
    full: Relations, steps: Steps, found: Sequence[Derived], goals: Sequence[int], wrong: Node,
    family: Sequence[Block], tracked: frozenset[Key], weight: Callable[[Key], int],
) -> set[Key]:  # fmt: skip
    """Return the variables to track so that the derivation of a state in `wrong` fails; none if it would not.

    `full` are the initial states with every variable tracked. Of the steps that would fail, the one that takes the
    least weight of further variables is chosen.
    """
    space = full.space
    sets: list[Node] = []
    loose: set[Key] = set()
    ways: list[set[Key]] = []
    for item in found:
        if item.how is None:
            sets.append(full.sets[item.block] & space.manager.cube(dict(item.state)))
            continue
        factors = [_member(full, block, sets[number]) for block, number in item.premises]
        covered = {block for block, _ in item.premises}
        options = _own(full, steps, item.how, item.block)
        if item.cause is not None:
            perm, _ = _frame(full, item.how)
            factors += [rename(full, _member(full, block, sets[number]), perm, block) for block, number in item.causes]
            covered |= {move(perm, block, full.freedom.thread) for block, _ in item.causes}
            options = _moved_options(full, steps, item, perm)
        slots = set().union(*(block_slots(space, block) for block in covered))
        options = [(_within(space, node, slots, loose), writes) for node, writes in options]
        options = [(node & _after(space, item.state, writes), writes) for node, writes in options]
        new = space.any_of(_image(space, item.block, option, factors) for option in options)
        if new == space.false:
            ways.append(_fewest(space, [node for node, _ in options], factors, tracked, weight))
            new = space.manager.cube(dict(item.state)) & _valid(space, item.block)
        sets.append(new)
    factors = [_member(full, block, sets[number]) for block, number in zip(family, goals, strict=True)]
    if not _possible(space, [wrong], factors):
        ways.append(_fewest(space, [wrong], factors, tracked, weight))
    if not ways:
        return {key for key in loose if key not in tracked}
    return min(ways, key=lambda keys: (sum(map(weight, keys)), sorted(keys)))


def _valid(space: Space, block: Block) -> Node:
    """That every variable of a block has one of its values."""
    node = space.true
    for slot in sorted(block_slots(space, block)):
        node &= space.any_of(space.tests[slot].values())
    return node


def _member(full: Relations, block: Block, node: Node) -> Node:
    rep, _, back = place(full, block)
    return rename(full, node, back, rep)


def _own(full: Relations, steps: Steps, how: Growth, block: Block) -> list[Option]:
    found = [case for crowd in (False, True) for case in cases_at(full.space, steps, how.actor, how.source, crowd=crowd)]
    return [(rule.relation, rule.writes) for rule in rules(full.space, found, how.actor, how.source, block)]


def _moved_options(full: Relations, steps: Steps, item: Derived, perm: Permutation) -> list[Option]:
    """The steps of the thread that disturbs, as far as they concern the others, moved to the block they disturb."""
    if item.cause is None:
        return []
    space, cause = full.space, item.cause
    found = cases_at(space, steps, cause.actor, cause.source, crowd=False)
    result = []
    for rule in rules(space, found, cause.actor, cause.source, cause.block):
        inner = [f"{bit}'" for slot in rule.writes if slot.cell == THREAD for bit in space.bits[slot]]
        outer = [slot for slot in rule.writes if slot.cell != THREAD]
        cells = Block(tuple(sorted({rule.actor, *rule.threads})), tuple(sorted({*cause.block.objects, *rule.objects})))
        node = rename(full, space.manager.exist(inner, rule.relation), perm, cells)
        result.append((node, tuple(_move(full, perm, slot) for slot in outer)))
    return result


def _move(full: Relations, perm: Permutation, slot: Slot) -> Slot:
    if not slot.cell:
        return slot
    images = perm.of(full.freedom.thread if slot.cell == THREAD else slot.cell)
    return slot._replace(index=images[slot.index - 1])


def _within(space: Space, node: Node, slots: set[Slot], loose: set[Key]) -> Node:
    """A relation without the variables that no premise speaks of; they are added to `loose`."""
    free = space.slots_of(node) - slots
    loose |= {(slot.cell, slot.name) for slot in free}
    return space.manager.exist([bit for slot in free for bit in space.bits[slot]], node) if free else node


def _after(space: Space, state: Bits, writes: Sequence[Slot]) -> Node:
    """That a step leads to a state."""
    written = {bit for slot in writes for bit in space.bits[slot]}
    return space.manager.cube({f"{bit}'" if bit in written else bit: on for bit, on in state.items()})


def _image(space: Space, block: Block, option: Option, factors: Sequence[Node]) -> Node:
    node, writes = option
    for factor in factors:
        node &= factor
    kept = {bit for slot in block_slots(space, block).difference(writes) for bit in space.bits[slot]}
    back = unprime(space, writes)
    gone = [bit for bit in node.support if bit not in kept and bit not in back]
    return space.manager.let(dict(back), space.manager.exist(gone, node)) if back else space.manager.exist(gone, node)


def _possible(space: Space, options: Sequence[Node], factors: Sequence[Node]) -> bool:
    for node in options:
        for factor in factors:
            node = node & factor  # noqa: PLW2901 - a product
        if node != space.false:
            return True
    return False


def _fewest(
    space: Space, options: Sequence[Node], factors: Sequence[Node], tracked: frozenset[Key], weight: Callable[[Key], int]
) -> set[Key]:
    """Return variables that, tracked besides those that are, make a product of sets empty; light ones if possible."""
    speaking = sorted(set().union(*(space.slots_of(node) for node in (*options, *factors))))
    fixed = {*tracked, (THREAD, PC)}
    keys = sorted({(slot.cell, slot.name) for slot in speaking} - fixed, key=lambda key: (weight(key), key))

    def enough(some: Sequence[Key]) -> bool:
        kept = {*fixed, *some}
        names = [bit for slot in speaking if (slot.cell, slot.name) not in kept for bit in space.bits[slot]]
        gone = [*names, *(f"{bit}'" for bit in names)]
        exist = space.manager.exist
        return not _possible(space, [exist(gone, node) for node in options], [exist(gone, node) for node in factors])

    return set(least(keys, enough))
