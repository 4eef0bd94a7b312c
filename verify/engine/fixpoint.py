"""The least relations on blocks that hold the initial states and are closed under every step.

With one thread to a block, what other threads do to it does not depend on who they are: the steps of a thread, seen
from the rest of its block, are gathered into its influence (the relies of Jones 1983), and one image of that stands
for many. Larger blocks take each step of each other thread by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from verify.engine.bdd import Node
from verify.engine.blocks import Block, Permutation, blocks, move, move_slot
from verify.engine.diagrams import Cell, Space
from verify.engine.images import Case, Rule, block_slots, cases, crowded, plan, rules, unprime
from verify.engine.relations import Relations, place, relation, rename
from verify.instances import THREAD, Instance, Slot
from verify.ir import Action

Influence = tuple[frozenset[Cell], tuple[Slot, ...]]  # the further objects that it looks at, and what it writes


@dataclass(slots=True)
class Product:
    """A relation to be multiplied with those of a family of blocks; `last` is what it was applied to before."""

    family: list[Block]
    forget: list[list[str]]  # after each factor
    back: Mapping[str, str]  # from the state after to the state before
    last: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Prepared:
    """A rule, its image on its own block, and for what concerns the others its influence on the rest of the block."""

    rule: Rule
    image: Product
    shadow: Node | None  # the relation without what it does to the thread
    influence: Influence
    forget: list[list[str]]


@dataclass(slots=True)
class Steps:
    """The actions from each location, and what each thread can do there; the same for relations of any shape."""

    by_source: Mapping[int, list[Action]]
    entries: Sequence[int]
    cases: dict[tuple[int, int, bool], list[Case]] = field(default_factory=dict)


def steps_of(inst: Instance, actions: Iterable[Action]) -> Steps:
    """Return the steps that some actions of an instance are, nothing of them worked out yet."""
    by_source: dict[int, list[Action]] = defaultdict(list)
    for action in actions:
        by_source[action.source].append(action)
    return Steps(by_source, sorted({group.entry for group in inst.system.groups}))


@dataclass(frozen=True, slots=True)
class Growth:
    """How states came into a block's relation, or steps into its influence: `step` of the factors.

    It is a rule of `actor` at `source`, or else the influence gathered on the block `origin`, moved by `moved`.
    """

    block: Block
    new: Node
    step: Node
    family: Sequence[Block]  # of which the factors are the relations
    factors: Sequence[Node]
    back: Mapping[str, str]
    actor: int = 0
    source: int = 0
    influence: Influence = (frozenset(), ())
    origin: Block | None = None
    moved: Permutation | None = None


@dataclass(slots=True)
class Closure:
    """The state of one fixpoint, and how it came about."""

    relations: Relations
    steps: Steps
    growth: dict[Block, list[Growth]] = field(default_factory=lambda: defaultdict(list))
    gathered: dict[tuple[Block, Influence], list[Growth]] = field(default_factory=lambda: defaultdict(list))
    prepared: dict[tuple[Block, int, int], list[Prepared]] = field(default_factory=dict)
    influence: dict[Block, dict[Influence, Node]] = field(default_factory=lambda: defaultdict(dict))
    disturbances: dict[tuple[Block, int, Influence], Product] = field(default_factory=dict)
    images: int = 0


def close(run: Closure, tick: Callable[[], None], after_round: Callable[[], None]) -> None:
    """Grow the relations until they are inductive.

    `tick` is called before every location, `after_round` after each round of them all; both may end it by raising.
    """
    order = control_order(run.steps)
    grown = True
    while grown:
        grown = False
        for source in order:
            tick()
            grown |= _steps(run, source)
        tick()
        grown |= _disturb(run)
        after_round()


def control_order(steps: Steps) -> list[int]:
    """The locations with actions, each after those that lead to it, as far as loops allow."""
    targets = {source: [action.target for action in actions] for source, actions in steps.by_source.items()}
    seen: set[int] = set()
    finished: list[int] = []
    for root in [*steps.entries, *sorted(targets)]:
        stack = [] if root in seen else [(root, iter(targets.get(root, ())))]
        seen.add(root)
        while stack:
            here, rest = stack[-1]
            following = next((t for t in rest if t not in seen), None)
            if following is None:
                finished.append(here)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(targets.get(following, ()))))
    return [location for location in reversed(finished) if location in targets]


def _steps(run: Closure, source: int) -> bool:
    """Take the steps from one location, in every block."""
    relations, grown = run.relations, False
    for rep in sorted(relations.sets):
        for actor in range(1, relations.space.instance.tasks + 1):
            for prepared in _prepared(run, rep, actor, source):
                grown |= _apply(run, rep, prepared)
    return grown


def _prepared(run: Closure, rep: Block, actor: int, source: int) -> list[Prepared]:
    """The rules of a thread at a location for a block, made when some thread can be there."""
    key = (rep, actor, source)
    if key not in run.prepared:
        relations = run.relations
        if not _reached(relations, source):
            return []
        alone = len(rep.threads) == 1
        crowds = [False, True] if actor in rep.threads or not alone else [True]
        run.prepared[key] = [
            _prepare(relations, rule, influences=alone and actor in rep.threads and not crowd)
            for crowd in crowds
            for found in [cases_at(relations.space, run.steps, actor, source, crowd=crowd)]
            for rule in rules(relations.space, found, actor, source, rep)
        ]
    return run.prepared[key]


def _reached(relations: Relations, source: int) -> bool:
    return any(
        relation(relations, rep, actor, source) != relations.space.false
        for rep in sorted(relations.sets)
        for actor in rep.threads
    )


def cases_at(space: Space, steps: Steps, actor: int, source: int, *, crowd: bool) -> list[Case]:
    """Return what a thread can do at a location; `crowd` are the actions that concern other threads' locals."""
    key = (actor, source, crowd)
    if key not in steps.cases:
        actions = [action for action in steps.by_source[source] if crowded(action) == crowd]
        steps.cases[key] = [case for action in actions for case in cases(space, action, actor)]
    return steps.cases[key]


def _prepare(of: Relations, rule: Rule, *, influences: bool) -> Prepared:
    block, space = rule.block, of.space
    threads = {rule.actor, *block.threads, *rule.threads}
    family = blocks(threads, {*block.objects, *rule.objects}, of.shape)
    family.sort(key=lambda b: (b == block, rule.actor not in b.threads, b))
    inside = block_slots(space, block).difference(rule.writes)
    image = Product(family, plan(space, family, inside), unprime(space, rule.writes))
    outer = tuple(slot for slot in rule.writes if slot.cell != THREAD)
    if not (influences and outer):
        return Prepared(rule, image, None, (frozenset(), ()), [])
    inner = [f"{bit}'" for slot in rule.writes if slot.cell == THREAD for bit in space.bits[slot]]
    outside = {slot for b in family for slot in block_slots(space, b) if slot.cell != THREAD}
    shadow = space.manager.exist(inner, rule.relation)
    return Prepared(rule, image, shadow, (rule.objects, outer), plan(space, family, outside))


def _apply(run: Closure, rep: Block, prepared: Prepared) -> bool:
    """Add the image of a rule; return whether the block's relation grew."""
    of, rule, image = run.relations, prepared.rule, prepared.image
    factors = _fresh(image, [relation(of, block, rule.actor, rule.source) for block in image.family])
    if not factors:
        return False
    run.images += 1
    known = Growth(
        rep, of.space.false, rule.relation, image.family, factors, image.back,
        actor=rule.actor, source=rule.source, influence=prepared.influence,
    )  # fmt: skip
    if prepared.shadow is not None:
        seen: Node = _multiply(of, prepared.shadow, factors, prepared.forget)
        old: Node = run.influence[rep].get(prepared.influence, of.space.false)
        if seen & ~old != of.space.false:
            run.influence[rep][prepared.influence] = old | seen
            run.gathered[rep, prepared.influence].append(replace(known, new=seen & ~old))
    return _grow(run, known, _multiply(of, rule.relation, factors, image.forget))


def _fresh(product: Product, factors: list[Node]) -> list[Node]:
    """The factors with what is new in them; empty if nothing is. Where one alone grew, its new part is enough."""
    last, product.last = product.last, factors
    if not last:
        return factors
    changed = [number for number, (old, new) in enumerate(zip(last, factors, strict=True)) if old != new]
    if len(changed) != 1:
        return factors if changed else []
    return [new if old == new else new & ~old for old, new in zip(last, factors, strict=True)]


def _multiply(of: Relations, node: Node, factors: list[Node], forget: list[list[str]]) -> Node:
    for factor, bits in zip(factors, forget, strict=True):
        if node == of.space.false:
            break
        node = of.space.manager.product(node, factor, bits)
    return node


def _grow(run: Closure, how: Growth, after: Node) -> bool:
    """Add states after a step to a block's relation; return whether any is new."""
    of = run.relations
    if after == of.space.false:
        return False
    old = of.sets[how.block]
    new = of.space.manager.let(how.back, after) & ~old
    if new == of.space.false:
        return False
    of.sets[how.block] = old | new
    run.growth[how.block].append(replace(how, new=new))
    return True


# ---- what other threads do to a block of one thread ----------------------------------------------


class Disturber(NamedTuple):
    """A thread outside a block, the block on which its influence is gathered, and how that is moved."""

    thread: int
    origin: Block
    moved: Permutation


def _disturb(run: Closure) -> bool:
    """Apply the influence of every other thread to every block of one thread."""
    of, grown = run.relations, False
    for rep in sorted(of.sets):
        for thread in range(1, of.space.instance.tasks + 1):
            if len(rep.threads) == 1 and thread not in rep.threads:
                origin, _, back = place(of, Block((thread,), rep.objects))
                for influence, step in sorted(run.influence[origin].items(), key=lambda item: _rank(item[0])):
                    grown |= _disturbed(run, rep, Disturber(thread, origin, back), influence, step)
    return grown


def _rank(influence: Influence) -> tuple[list[Cell], tuple[Slot, ...]]:
    return sorted(influence[0]), influence[1]


def _disturbed(run: Closure, rep: Block, by: Disturber, influence: Influence, gathered: Node) -> bool:
    """Apply one thread's influence to a block; return whether its relation grew."""
    of, (objects, writes) = run.relations, influence
    key = (rep, by.thread, influence)
    if key not in run.disturbances:
        looked_at = move(by.moved, Block((), tuple(sorted(objects))), of.freedom.thread).objects
        written = [move_slot(by.moved, slot, of.freedom.thread) for slot in writes]
        family = blocks(rep.threads, {*rep.objects, *looked_at}, of.shape)
        family.sort(key=lambda b: (b == rep, b))
        inside = block_slots(of.space, rep).difference(written)
        run.disturbances[key] = Product(family, plan(of.space, family, inside), unprime(of.space, written))
    product = run.disturbances[key]
    step = rename(of, gathered, by.moved, Block((), tuple(sorted({*by.origin.objects, *objects}))))
    factors = _fresh(product, [step, *(relation(of, block) for block in product.family)])
    if not factors:
        return False
    run.images += 1
    step, *rest = factors
    known = Growth(
        rep, of.space.false, step, product.family, rest, product.back,
        influence=influence, origin=by.origin, moved=by.moved,
    )  # fmt: skip
    return _grow(run, known, _multiply(of, step, rest, product.forget))
