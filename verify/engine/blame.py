"""Why an approximation contains a bad state, and which variables it would have to track not to.

A derivation is followed back to initial states and then replayed with every variable tracked (counterexample-guided
refinement; Clarke et al. 2003). Where no state is left, the variables that leave none are the ones to track. What a
derivation combines need not be one run, since each block has only some of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.engine.blocks import Block, Permutation, inverse, move, move_slot
from verify.engine.diagrams import Node, Space
from verify.engine.fixpoint import Closure, Growth, Steps, cases_at
from verify.engine.images import Rule, block_slots, rules, unprime
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
    cube = of.space.manager.cube(dict(state))
    how = next((g for g in run.growth[block] if cube & g.new == cube), None)
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


def _bits(of: Space, block: Block) -> set[str]:
    return {bit for slot in block_slots(of, block) for bit in of.bits[slot]}


def _goal(of: Relations, block: Block, state: Bits, actor: int = 0, source: int = 0) -> Goal:
    """The part of a state that is a block's, with the actor at its location, as one of the block's representative."""
    rep, there, _ = place(of, block)
    if actor in block.threads:
        state = {**state, **of.space.codes.get(Slot(THREAD, actor, PC), {}).get(source, {})}
    return rep, _renamed(of, there, block, {bit: state[bit] for bit in _bits(of.space, block)})


def _renamed(of: Relations, perm: Permutation, block: Block, state: Bits) -> Bits:
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
    origin, perm, there = _frame(of, how)
    inside = _bits(of.space, there)
    kept = {bit: on for bit, on in around.items() if bit.removesuffix("'") in inside}
    known = _renamed(of, inverse(perm), there, kept)
    cube = of.space.manager.cube(dict(known))
    return next(g for g in run.gathered[origin, how.influence] if cube & g.new == cube), known


def _frame(of: Relations, how: Growth) -> tuple[Block, Permutation, Block]:
    """Where a step was gathered, how it was moved to where it disturbs, and the objects that it then looks at."""
    if how.origin is None or how.moved is None:
        raise ValueError("the step of a block's own thread")
    objects = {*how.origin.objects, *how.influence[0]}
    return how.origin, how.moved, move(how.moved, Block((), tuple(sorted(objects))), of.freedom.thread)


# ---- what is missing -----------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Option:
    """One way to take a step: a relation over all variables, and what it writes."""

    relation: Node
    writes: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What it takes to replay derivations with every variable tracked: the initial states and the steps.

    `weight` says how little one likes to track a variable.
    """

    full: Relations
    steps: Steps
    weight: Callable[[Key], int]
    rules: dict[tuple[Block, int, int, bool], list[Rule]] = field(default_factory=dict)


def missing(
    of: Replay, found: Sequence[Derived], wrong: Node, seen_by: Sequence[tuple[Block, int]], tracked: frozenset[Key]
) -> set[Key]:
    """Return the variables to track so that the derivation of a state in `wrong` fails; none if it would not.

    `seen_by` are the blocks that see the state, and where their states are in the derivation. Of the steps that would
    fail, the one that takes the least weight of further variables is chosen.
    """
    space = of.full.space
    sets: list[Node] = []
    ways: list[set[Key]] = []
    loose: list[set[Key]] = []
    for item in found:
        if item.how is None:
            sets.append(of.full.sets[item.block] & space.manager.cube(dict(item.state)))
            continue
        factors = [_member(of.full, block, sets[number]) for block, number in item.premises]
        options, covered = _options(of, item, item.how)
        if item.cause is not None:
            _, perm, _ = _frame(of.full, item.how)
            causes = [_member(of.full, block, sets[number]) for block, number in item.causes]
            pairs = zip(causes, item.causes, strict=True)
            factors += [rename(of.full, node, perm, block) for node, (block, _) in pairs]
        loose += [keys - tracked for option in options if (keys := _unseen(space, option, covered))]
        steps = [_confined(space, option, covered, item.state) for option in options]
        new = space.any_of(
            _image(space, item.block, node, option.writes, factors) for node, option in zip(steps, options, strict=True)
        )
        if new == space.false:
            ways.append(_fewest(of, steps, factors, tracked))
            new = space.manager.cube(dict(item.state)) & _valid(space, item.block)
        sets.append(new)
    factors = [_member(of.full, block, sets[number]) for block, number in seen_by]
    if not _possible(space, [wrong], factors):
        ways.append(_fewest(of, [wrong], factors, tracked))
    heavy = [keys for keys in ways or loose if keys]
    return min(heavy, key=lambda keys: (sum(map(of.weight, keys)), sorted(keys)), default=set())


def _options(of: Replay, item: Derived, how: Growth) -> tuple[list[Option], set[Slot]]:
    """The ways to take a step, and what its premises speak of."""
    full = of.full
    covered = [block for block, _ in item.premises]
    if item.cause is None:
        options = [Option(rule.relation, rule.writes) for rule in _rules(of, how, item.block, crowds=(False, True))]
    else:
        _, perm, _ = _frame(full, how)
        covered += [move(perm, block, full.freedom.thread) for block, _ in item.causes]
        options = [_moved(full, rule, perm) for rule in _rules(of, item.cause, item.cause.block, crowds=(False,))]
    return options, set().union(*(block_slots(full.space, block) for block in covered))


def _rules(of: Replay, how: Growth, block: Block, crowds: Sequence[bool]) -> list[Rule]:
    result = []
    for crowd in crowds:
        key = (block, how.actor, how.source, crowd)
        if key not in of.rules:
            found = cases_at(of.full.space, of.steps, how.actor, how.source, crowd=crowd)
            of.rules[key] = rules(of.full.space, found, how.actor, how.source, block)
        result += of.rules[key]
    return result


def _moved(full: Relations, rule: Rule, perm: Permutation) -> Option:
    """What a thread does to the others, moved to the block that it disturbs."""
    space, thread = full.space, full.freedom.thread
    inner = [f"{bit}'" for slot in rule.writes if slot.cell == THREAD for bit in space.bits[slot]]
    cells = Block(tuple(sorted({rule.actor, *rule.threads})), tuple(sorted({*rule.block.objects, *rule.objects})))
    node = rename(full, space.manager.exist(inner, rule.relation), perm, cells)
    return Option(node, tuple(move_slot(perm, slot, thread) for slot in rule.writes if slot.cell != THREAD))


def _unseen(space: Space, option: Option, covered: set[Slot]) -> set[Key]:
    """What a step depends on that its premises do not speak of, and the variables that it may therefore get wrong."""
    free = space.slots_of(option.relation) - covered
    return {(slot.cell, slot.name) for slot in (*free, *option.writes)} - {(THREAD, PC)} if free else set()


def _confined(space: Space, option: Option, covered: set[Slot], state: Bits) -> Node:
    """The steps to a state, whatever is where no premise looks."""
    free = [bit for slot in space.slots_of(option.relation) - covered for bit in space.bits[slot]]
    written = {bit for slot in option.writes for bit in space.bits[slot]}
    after = space.manager.cube({f"{bit}'" if bit in written else bit: on for bit, on in state.items()})
    return (space.manager.exist(free, option.relation) if free else option.relation) & after


def _valid(space: Space, block: Block) -> Node:
    """That every variable of a block has one of its values."""
    node = space.true
    for slot in sorted(block_slots(space, block)):
        node &= space.any_of(space.tests[slot].values())
    return node


def _member(full: Relations, block: Block, node: Node) -> Node:
    rep, _, back = place(full, block)
    return rename(full, node, back, rep)


def _image(space: Space, block: Block, node: Node, writes: Sequence[Slot], factors: Sequence[Node]) -> Node:
    for factor in factors:
        node &= factor
    kept = {bit for slot in block_slots(space, block).difference(writes) for bit in space.bits[slot]}
    back = dict(unprime(space, writes))
    gone = [bit for bit in node.support if bit not in kept and bit not in back]
    return space.manager.let(back, space.manager.exist(gone, node)) if back else space.manager.exist(gone, node)


def _possible(space: Space, options: Sequence[Node], factors: Sequence[Node]) -> bool:
    for node in options:
        for factor in factors:
            node = node & factor  # noqa: PLW2901 - a product
        if node != space.false:
            return True
    return False


def _fewest(of: Replay, options: Sequence[Node], factors: Sequence[Node], tracked: frozenset[Key]) -> set[Key]:
    """Return variables that, tracked besides those that are, make a product of sets empty; light ones if possible."""
    space = of.full.space
    speaking = sorted(set().union(*(space.slots_of(node) for node in (*options, *factors))))
    fixed = {*tracked, (THREAD, PC)}
    keys = sorted({(slot.cell, slot.name) for slot in speaking} - fixed, key=lambda key: (of.weight(key), key))

    def enough(some: Sequence[Key]) -> bool:
        kept = {*fixed, *some}
        names = [bit for slot in speaking if (slot.cell, slot.name) not in kept for bit in space.bits[slot]]
        gone = [*names, *(f"{bit}'" for bit in names)]
        exist = space.manager.exist
        return not _possible(space, [exist(gone, node) for node in options], [exist(gone, node) for node in factors])

    return set(least(keys, enough))
