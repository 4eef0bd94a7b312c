"""Which variables a derivation lacks.

A derivation of a bad state is replayed with every variable tracked (counterexample-guided refinement; Clarke et al.
2003). Where no state is left, the variables that leave none are the ones to track. What a derivation combines need not
be one run, since each block has only some of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verify.engine.bdd import Node
from verify.engine.blocks import Block, Permutation, move, move_slot
from verify.engine.derivation import Bits, Derived, frame
from verify.engine.diagrams import Space
from verify.engine.fixpoint import Growth, Steps, cases_at
from verify.engine.images import Rule, block_slots, rules, unprime
from verify.engine.localize import least
from verify.engine.relations import Relations, place, rename
from verify.engine.valuesets import Key
from verify.instances import THREAD, Slot
from verify.ir import PC


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
            _, perm, _ = frame(of.full, item.how)
            causes = [_member(of.full, block, sets[number]) for block, number in item.causes]
            blocks = (block for block, _ in item.causes)
            factors += [rename(of.full, node, perm, block) for node, block in zip(causes, blocks, strict=True)]
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
        _, perm, _ = frame(full, how)
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
