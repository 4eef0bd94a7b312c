"""How an approximation came to contain a state: one derivation of it, followed back to initial states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.engine.bdd import Node
from verify.engine.blocks import Block, Permutation, inverse, move
from verify.engine.diagrams import Space
from verify.engine.fixpoint import Closure, Growth
from verify.engine.images import block_slots
from verify.engine.relations import Relations, place, relation, renaming
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
    state = of.space.manager.pick(node, bits)
    return [_goal(of, block, state) for block in family]


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
    return {**manager.pick(node, bits), **known}


def _gathered(run: Closure, how: Growth, around: Bits) -> tuple[Growth, Bits]:
    """The step that put another into a thread's influence, and what is known of the states around it."""
    of = run.relations
    origin, perm, there = frame(of, how)
    inside = _bits(of.space, there)
    kept = {bit: on for bit, on in around.items() if bit.removesuffix("'") in inside}
    known = _renamed(of, inverse(perm), there, kept)
    cube = of.space.manager.cube(dict(known))
    return next(g for g in run.gathered[origin, how.influence] if cube & g.new == cube), known


def frame(of: Relations, how: Growth) -> tuple[Block, Permutation, Block]:
    """Where a step was gathered, how it was moved to where it disturbs, and the objects that it then looks at."""
    if how.origin is None or how.moved is None:
        raise ValueError("the step of a block's own thread")
    objects = {*how.origin.objects, *how.influence[0]}
    return how.origin, how.moved, move(how.moved, Block((), tuple(sorted(objects))), of.freedom.thread)
