"""The least sets of views that hold the initial ones and are closed under every step of every thread.

What other threads do to the object in view does not depend on who they are: the steps of a thread, seen from an object,
are gathered into its influence (the relies of Jones 1983), and one image of that stands for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from verify.engine.diagrams import Node
from verify.engine.parametric.rules import Rule, rules, slots_of, writes_pointers
from verify.engine.parametric.space import (
    ME,
    OWN,
    REFERENCED,
    SHARED,
    VIEWED,
    VIEWER,
    Cell,
    Kind,
    Space,
    cells_of,
    moved,
    view_bits,
)
from verify.instances import THREAD, Slot
from verify.ir import Action, Ptr
from verify.universal import MAKER

Written = tuple[Slot, ...]


@dataclass(slots=True)
class Product:
    """A relation to be multiplied with views, of each kind with the object in view moved to a cell; `last` seen."""

    relation: Node
    factors: Sequence[tuple[Kind, Mapping[str, str]]]  # kind, renaming
    forget: Sequence[Sequence[str]]  # after each factor
    last: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Prepared:
    """A rule's image on its own kind of view, and its influence on the object in view."""

    image: Product | None
    back: Mapping[str, str]  # from the state after to the state before
    influence: Product | None
    written: Written  # by the influence


Seen = tuple[Kind, Written]  # what others do to the object in views of a kind, OWN for the own object of any


@dataclass(slots=True)
class Closure:
    """The state of one fixpoint: the views of each kind, and the influence of all threads on an object."""

    space: Space
    actions: Mapping[int, Sequence[Action]]  # from each location
    views: dict[Kind, Node]
    influences: dict[Seen, Node] = field(default_factory=dict)
    prepared: dict[tuple[Kind, int], list[Prepared]] = field(default_factory=dict)
    stepped: dict[tuple[Kind, int], tuple[Node, ...]] = field(default_factory=dict)  # steps were taken of these
    disturbances: dict[tuple[Kind, Seen], tuple[Node, Node]] = field(default_factory=dict)
    moves: dict[tuple[Kind, int], Mapping[str, str]] = field(default_factory=dict)
    distinct: dict[Kind, Node] = field(default_factory=dict)
    pointing: dict[Kind, Node] = field(default_factory=dict)
    beside: dict[Kind, Sequence[str]] = field(default_factory=dict)
    named: dict[tuple[frozenset[str], tuple[tuple[Cell, Cell], ...]], Mapping[str, str]] = field(default_factory=dict)
    images: int = 0


def close(run: Closure, tick: Callable[[], None]) -> None:
    """Grow the views until they are closed under every step. `tick` is called before each location."""
    order = control_order(run.actions)
    grown = True
    while grown:
        grown = False
        for source in order:
            tick()
            for kind in sorted(kind for kind in run.views if not kind.made):
                views = tuple(run.views.values())
                if run.stepped.get((kind, source)) == views:
                    continue
                run.stepped[kind, source] = views
                for prepared in _prepared(run, kind, source):
                    grown |= _apply(run, kind, source, prepared)
        tick()
        grown = grown or _disturb(run)


def control_order(actions: Mapping[int, Sequence[Action]]) -> list[int]:
    """The locations with actions, each after those that lead to it, as far as loops allow."""
    targets = {source: [action.target for action in found] for source, found in actions.items()}
    seen: set[int] = set()
    finished: list[int] = []
    for root in sorted(targets):
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


def _prepared(run: Closure, kind: Kind, source: int) -> list[Prepared]:
    """The rules from a location for a kind of view, made when some thread can be there."""
    key = (kind, source)
    if key not in run.prepared:
        of, actions = run.space, run.actions[source]
        if run.views[kind] & of.at(source) == of.false:
            return []
        plain = [action for action in actions if not writes_pointers(action, of)]
        showing = [action for action in actions if writes_pointers(action, of)]
        found = [(rule, True, True) for rule in rules(of, plain, kind, viewer=False)]
        found += [(rule, True, False) for rule in rules(of, showing, kind, viewer=False)]
        found += [(rule, False, True) for rule in rules(of, showing, kind, viewer=True)]
        run.prepared[key] = [
            prepared for rule, image, shows in found for prepared in _prepare(run, rule, kind, image=image, shows=shows)
        ]
    return run.prepared[key]


def _prepare(run: Closure, rule: Rule, kind: Kind, *, image: bool, shows: bool) -> Iterator[Prepared]:
    """What a rule does to views of an object: of one that the thread is making, and of any other."""
    of = run.space
    made = Kind(kind.cls, made=True)
    further: list[tuple[Kind, Mapping[str, str]]] = [
        (Kind(cell[0]), _move(run, Kind(cell[0]), cell)) for cell in sorted(rule.joined)
    ]
    if made not in run.views:
        own: list[tuple[Kind, Mapping[str, str]]] = (
            [(OWN, {})] if kind != OWN and _speaks_of_own(of, rule.relation) else []
        )
        yield _products(run, rule, kind, rule.relation, [(kind, {}), *own, *further], image=image, shows=shows)
        return
    mine = _made(of, kind.cls)
    making = any(slot.name == MAKER and slot.cell == kind.cls and slot.index == VIEWED for slot in rule.writes)
    own = [(OWN, {})] if making or _speaks_of_own(of, rule.relation) else []
    others = rule.relation & ~mine
    if others != of.false:
        into = made if making else kind
        yield _products(run, rule, into, others, [(kind, {}), *own, *further], image=image, shows=shows)
    if rule.relation & mine != of.false:
        yield _products(run, rule, made, rule.relation & mine, [(made, {}), *further], image=image, shows=shows)


def _speaks_of_own(of: Space, relation: Node) -> bool:
    return any((slot.cell, slot.index) == (of.system.thread, ME) for slot in slots_of(of, relation))


def _made(of: Space, cls: str) -> Node:
    """That the thread is making the object in view."""
    return of.manager.var(f"{Slot(cls, VIEWED, MAKER)}:@{ME}")


def _products(  # noqa: PLR0913 - a rule, and all that is wanted of it
    run: Closure, rule: Rule, into: Kind, relation: Node, factors: Sequence[tuple[Kind, Mapping[str, str]]], *,
    image: bool, shows: bool,
) -> Prepared:  # fmt: skip
    of = run.space
    speaks = [{names.get(bit, bit) for bit in view_bits(of, k)} for k, names in factors]
    inner = view_bits(of, into)
    cells = set(cells_of(of, into))
    after = {
        f"{bit}'": bit
        for slot in rule.writes
        if (slot.cell, slot.index) in cells
        for bit in of.bits[slot]
        if bit in inner
    }
    result = Product(relation, factors, _plan(relation, speaks, inner - set(after.values()) | set(after)))
    thread = of.system.thread
    faced = _faced(of, into)
    outer = tuple(slot for slot in rule.writes if (slot.cell, slot.index) in faced)
    influence = None
    if shows and outer:
        told = {(thread, ME), (thread, VIEWER), *faced}
        seen = {
            bit
            for slot, names in of.bits.items()
            if (slot.cell, slot.index) in faced
            for bit in names
            if of.about[bit] in told
        }
        keep = seen | {f"{bit}'" for slot in outer for bit in of.bits[slot] if bit in seen} | {REFERENCED}
        telling = relation & _distinct(run, into)
        influence = Product(telling, factors, _plan(telling, speaks, keep))
    return Prepared(result if image and after else None, after, influence, outer)


def _faced(of: Space, kind: Kind) -> tuple[Cell, Cell]:
    """What others see of a view of a thread: the globals, and the object that is in their view."""
    return (SHARED, (of.system.thread, ME) if kind == OWN else (kind.cls, VIEWED))


def _distinct(run: Closure, kind: Kind) -> Node:
    """That no pointer in view leads to the acting thread's object and to that of who looks on."""
    if kind not in run.distinct:
        of, node = run.space, run.space.true
        thread = Ptr(of.system.thread)
        for slot, var in of.slots.items():
            if var.domain == thread and (slot.cell, slot.index) in _faced(of, kind):
                at = [of.manager.var(f"{slot}:@{i}") for i in (ME, VIEWER, VIEWED)]
                node &= ~(at[0] & at[1]) & ~(at[1] & at[2]) & ~(at[0] & at[2])
        run.distinct[kind] = node
    return run.distinct[kind]


def _move(run: Closure, kind: Kind, cell: Cell) -> Mapping[str, str]:
    key = (kind, cell[1])
    if key not in run.moves:
        run.moves[key] = moved(run.space, view_bits(run.space, kind), {(kind.cls, VIEWED): cell})
    return run.moves[key]


def _plan(relation: Node, speaks: Sequence[AbstractSet[str]], keep: AbstractSet[str]) -> list[list[str]]:
    """The bits to forget after each factor: those not kept that no later factor speaks of."""
    result: list[list[str]] = []
    later: set[str] = set()
    for bits in reversed([speaks[0] | set(relation.support), *speaks[1:]]):
        result.append(sorted(bits - later - keep))
        later |= bits
    return result[::-1]


def _apply(run: Closure, kind: Kind, source: int, prepared: Prepared) -> bool:
    """Add the image of a rule and its influence; return whether anything is new."""
    grown = False
    if prepared.image is not None:
        after = _multiply(run, prepared.image, source)
        if after is not None:
            own = any(factor == OWN or factor.made for factor, _ in prepared.image.factors)
            grown |= _grow(run, kind, after, prepared.back, own=own)
    if prepared.influence is not None:
        after = _multiply(run, prepared.influence, source)
        if after is not None:
            for key, node in _seen(run, kind, prepared.written, after):
                old = run.influences.get(key, run.space.false)
                run.influences[key] = old | node
    return grown


def _multiply(run: Closure, what: Product, source: int) -> Node | None:
    """The product; None if it was taken of the same factors before.

    To take it of what is new alone is no faster: the diagrams remember what they were asked.
    """
    of = run.space
    here = of.at(source)
    now = [run.views[kind] & here for kind, _ in what.factors]
    if what.last == now:
        return None
    what.last = now
    run.images += 1
    node = what.relation
    for factor, (_, names), bits in zip(now, what.factors, what.forget, strict=True):
        if node == of.false:
            break
        node = of.product(node, of.manager.let(names, factor) if names else factor, bits)
    return node


def _grow(run: Closure, kind: Kind, after: Node, back: Mapping[str, str], *, own: bool) -> bool:
    """Add views after a step, as kind of view and as one of an object that is being made; return whether any is new.

    With `own`, the views may speak of the thread's own object beside the one in view.
    """
    of = run.space
    if after == of.false:
        return False
    new = of.manager.let(back, after) if back else after
    made = Kind(kind.cls, made=True)
    if kind == OWN or made not in run.views:
        return _add(run, kind, new)
    grown = False
    if own or kind.made:
        grown = _add(run, made, new & _made(of, kind.cls))
        new = of.manager.exist(_beside(run, kind), new)
    return grown | _add(run, Kind(kind.cls), new)


def _beside(run: Closure, kind: Kind) -> Sequence[str]:
    """The bits about the thread's own object in a view of an object that it is making."""
    if kind not in run.beside:
        of, made = run.space, Kind(kind.cls, made=True)
        run.beside[kind] = sorted(view_bits(of, made) - view_bits(of, Kind(kind.cls)))
    return run.beside[kind]


def _add(run: Closure, kind: Kind, new: Node) -> bool:
    old = run.views[kind]
    if new <= old:
        return False
    run.views[kind] = old | new
    return True


def _seen(run: Closure, kind: Kind, written: Written, node: Node) -> Iterator[tuple[Seen, Node]]:
    """What a thread does to an object, as one sees it who has it in view; the second time, as its own."""
    of, thread = run.space, run.space.system.thread
    if node == of.false:
        return
    me, viewer, viewed = (thread, ME), (thread, VIEWER), (thread, VIEWED)

    def forgetting(found: Node, *cells: Cell) -> Node:
        bits = [b for b in found.support if b != REFERENCED and of.about[b.removesuffix("'")] in cells]
        return of.manager.exist(bits, found) if bits else found

    def told(found: Node, moves: Mapping[Cell, Cell]) -> Node:
        key = (frozenset(found.support), tuple(moves.items()))
        if key not in run.named:
            run.named[key] = moved(of, key[0] - {REFERENCED}, moves)
        return of.manager.let(run.named[key], found) if run.named[key] else found

    def place(moves: Mapping[Cell, Cell]) -> Written:
        return tuple(sorted(Slot(*moves.get((s.cell, s.index), (s.cell, s.index)), s.name) for s in written))

    if kind == OWN:
        moves = {me: viewed, viewer: me}
        yield (Kind(thread), place(moves)), told(node, moves)
        return
    yield (Kind(kind.cls), place({})), told(forgetting(node, me), {viewer: me})
    if kind.cls == thread:
        moves = {viewed: me}
        yield (OWN, place(moves)), told(forgetting(node, me, viewer), moves)


def _disturb(run: Closure) -> bool:
    """Let the other threads take their steps, in every view."""
    grown = False
    for key in list(run.influences):
        for kind in sorted(run.views):
            if (kind == OWN or kind.made) if key[0] == OWN else key[0].cls == kind.cls:
                grown |= _disturbed(run, kind, key)
    return grown


def _disturbed(run: Closure, kind: Kind, key: Seen) -> bool:
    of, written = run.space, key[1]
    now = (run.views[kind], run.influences[key])
    if run.disturbances.get((kind, key)) == now or of.false in now:
        return False
    run.disturbances[kind, key] = now
    run.images += 1
    views, relation = now
    if REFERENCED in relation.support:
        same = of.manager.apply("equiv", of.manager.var(REFERENCED), _points(run, key[0]))
        relation = of.manager.exist([REFERENCED], relation & same)
    own = view_bits(of, kind)
    back = {f"{bit}'": bit for slot in written for bit in of.bits[slot] if bit in own}
    gone = sorted((set(relation.support) | own) - (own - set(back.values())) - set(back))
    return _grow(run, kind, of.product(relation, views, gone), back, own=False)


def _points(run: Closure, kind: Kind) -> Node:
    """Whether the thread in view has a pointer to the object in view."""
    if kind not in run.pointing:
        of = run.space
        cls, index = (of.system.thread, ME) if kind == OWN else (kind.cls, VIEWED)
        run.pointing[kind] = of.any_of(
            of.manager.var(f"{slot}:@{index}")
            for slot, var in of.slots.items()
            if slot.cell == THREAD and var.domain == Ptr(cls)
        )
    return run.pointing[kind]
