"""Rules made ready to be multiplied with sets of views: which views of which cells, and what to forget when.

The state of the fixpoint that they are for is here too, since they are made once for it and kept in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from verify.engine.bdd import Node, Renaming
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
from verify.instances import Slot
from verify.ir import Action, Ptr
from verify.universal import MAKER

Written = tuple[Slot, ...]


Factor = tuple[Kind, int]  # a kind of view, and where its object in view is


@dataclass(slots=True)
class Product:
    """A relation to be multiplied with views, of each kind with the object in view moved to a cell."""

    relation: Node
    factors: Sequence[Factor]
    forget: Sequence[tuple[str, ...]]  # after each factor
    last: list[Node] = field(default_factory=list)
    result: Node = None  # of `last`


@dataclass(slots=True)
class Prepared:
    """A rule's image on its own kind of view, and its influence on the object in view."""

    image: Product | None
    back: Renaming  # from the state after to the state before
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
    disturbances: dict[tuple[Kind, Seen], tuple[Node, ...]] = field(default_factory=dict)
    moves: dict[Factor, Renaming] = field(default_factory=dict)
    placed: dict[tuple[Kind, int, int], tuple[Node, Node]] = field(default_factory=dict)  # views moved, by location
    distinct: dict[Kind, Node] = field(default_factory=dict)
    pointing: dict[Kind, Node] = field(default_factory=dict)
    beside: dict[Kind, tuple[str, ...]] = field(default_factory=dict)
    named: dict[tuple[Kind, tuple[Cell, ...]], tuple[tuple[str, ...], Renaming]] = field(default_factory=dict)
    disturbing: dict[tuple[Kind, Written], tuple[tuple[str, ...], Renaming]] = field(default_factory=dict)
    axioms: Mapping[Kind, Node] = field(default_factory=dict)  # what is known of every view
    places: bool = False  # objects tell where their threads are
    telling: Node = None
    images: int = 0


def prepared(run: Closure, kind: Kind, source: int) -> list[Prepared]:
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
    further: list[Factor] = [(Kind(cls), index) for cls, index in sorted(rule.joined)]
    if made not in run.views:
        own: list[Factor] = [(OWN, VIEWED)] if kind != OWN and _speaks_of_own(of, rule.relation) else []
        yield _products(run, rule, kind, rule.relation, [(kind, VIEWED), *own, *further], image=image, shows=shows)
        return
    mine = made_by(of, kind.cls)
    making = any(slot.name == MAKER and slot.cell == kind.cls and slot.index == VIEWED for slot in rule.writes)
    own = [(OWN, VIEWED)] if making or _speaks_of_own(of, rule.relation) else []
    others = rule.relation & ~mine
    if others != of.false:
        into = made if making else kind
        yield _products(run, rule, into, others, [(kind, VIEWED), *own, *further], image=image, shows=shows)
    if rule.relation & mine != of.false:
        yield _products(run, rule, made, rule.relation & mine, [(made, VIEWED), *further], image=image, shows=shows)


def _speaks_of_own(of: Space, relation: Node) -> bool:
    return any((slot.cell, slot.index) == (of.system.thread, ME) for slot in slots_of(of, relation))


def made_by(of: Space, cls: str) -> Node:
    """That the thread is making the object in view."""
    return of.manager.var(f"{Slot(cls, VIEWED, MAKER)}:@{ME}")


def _products(  # noqa: PLR0913 - a rule, and all that is wanted of it
    run: Closure, rule: Rule, into: Kind, relation: Node, factors: Sequence[Factor], *,
    image: bool, shows: bool,
) -> Prepared:  # fmt: skip
    of = run.space
    speaks = [{move(run, k, cell).names.get(bit, bit) for bit in view_bits(of, k)} for k, cell in factors]
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
    faced = faced_by(of, into)
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
    return Prepared(result if image and after else None, of.manager.renaming(after), influence, outer)


def faced_by(of: Space, kind: Kind) -> tuple[Cell, Cell]:
    """What others see of a view of a thread: the globals, and the object that is in their view."""
    return (SHARED, (of.system.thread, ME) if kind == OWN else (kind.cls, VIEWED))


def _distinct(run: Closure, kind: Kind) -> Node:
    """That no pointer in view leads to the acting thread's object and to that of who looks on."""
    if kind not in run.distinct:
        of, node = run.space, run.space.true
        thread = Ptr(of.system.thread)
        for slot, var in of.slots.items():
            if var.domain == thread and (slot.cell, slot.index) in faced_by(of, kind):
                at = [of.manager.var(f"{slot}:@{i}") for i in (ME, VIEWER, VIEWED)]
                node &= ~(at[0] & at[1]) & ~(at[1] & at[2]) & ~(at[0] & at[2])
        run.distinct[kind] = node
    return run.distinct[kind]


def move(run: Closure, kind: Kind, cell: int) -> Renaming:
    """The renaming by which the object in views of a kind is moved to a cell."""
    key = (kind, cell)
    if key not in run.moves:
        names = moved(run.space, view_bits(run.space, kind), {(kind.cls, VIEWED): (kind.cls, cell)})
        run.moves[key] = run.space.manager.renaming(names)
    return run.moves[key]


def _plan(relation: Node, speaks: Sequence[AbstractSet[str]], keep: AbstractSet[str]) -> list[tuple[str, ...]]:
    """The bits to forget after each factor: those not kept that no later factor speaks of."""
    result: list[tuple[str, ...]] = []
    later: set[str] = set()
    for bits in reversed([speaks[0] | set(relation.support), *speaks[1:]]):
        result.append(tuple(sorted(bits - later - keep)))
        later |= bits
    return result[::-1]
