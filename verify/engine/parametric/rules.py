"""What a step of a thread does to a view: rules made from actions, ready to be applied to sets of views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verify.engine.bdd import Node
from verify.engine.parametric.reading import (
    OutsideError,
    Reading,
    SplitError,
    Values,
    merge,
    places,
    read,
    truth,
    values,
)
from verify.engine.parametric.space import (
    ME,
    OUT,
    OWN,
    TOUCHED,
    VIEWED,
    VIEWER,
    Cell,
    Kind,
    Space,
    cells_of,
)
from verify.instances import THREAD, Slot
from verify.ir import (
    PC,
    Action,
    Binary,
    Binder,
    Bound,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Ptr,
    Quant,
    Range,
    Referenced,
    Unary,
    Wrap,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Steps of a thread from one location, as views of some kind and the cells `joined` have them."""

    joined: frozenset[Cell]
    writes: tuple[Slot, ...]  # of the view
    relation: Node  # over the view before, and the primed bits of `writes`


class _Case(NamedTuple):
    enabled: Node
    writes: Mapping[Slot, Values]
    free: list[str]


def rules(of: Space, actions: Iterable[Action], kind: Kind, *, viewer: bool) -> list[Rule]:
    """Return what actions from one location mean for a kind of view; with `viewer`, who looks on may be touched."""
    inside = {*cells_of(of, OWN), *cells_of(of, kind)}
    merged: dict[tuple[frozenset[Cell], tuple[Slot, ...]], Node] = {}
    for action in actions:
        for case in _cases(of, action, kind, viewer=viewer):
            relation = case.enabled
            written = tuple(sorted(s for s in case.writes if (s.cell, s.index) in inside and s in of.bits))
            for slot in written:
                tests = of.primed[slot]
                relation &= of.any_of(cond & tests[v] for v, cond in case.writes[slot].items() if v in tests)
            for slot in slots_of(of, relation):  # of bits that tell where a pointer leads, one at most is set
                if not isinstance(of.slots[slot].domain, Range):
                    relation &= of.any_of(of.tests[slot].values())
            if case.free:
                relation = of.manager.exist(case.free, relation)
            if relation == of.false:
                continue
            cells = {(s.cell, s.index) for s in slots_of(of, relation)}
            key = (frozenset(cells - inside), written)
            merged[key] = merged[key] | relation if key in merged else relation
    return [Rule(joined, writes, relation) for (joined, writes), relation in merged.items()]


def slots_of(of: Space, node: Node) -> set[Slot]:
    """The variables that a diagram speaks of."""
    return {of.owner[bit] for bit in node.support if bit in of.owner}


def writes_pointers(action: Action, of: Space) -> bool:
    """Whether others may see the action store a pointer to a task."""
    places = (u.place for u in action.updates if not isinstance(u.place, Local))
    return any(of.system.var(place).domain == Ptr(of.system.thread) for place in places)


class _Choices(NamedTuple):
    """What the pointers and binders of an action may be told to be."""

    of: Space
    action: Action
    viewed: str | None
    viewer: bool
    followed: frozenset[str]  # binders that the action goes through

    def binder(self, binder: Binder, bound: Mapping[str, int], fixed: Mapping[Slot, int]) -> Sequence[int]:
        """The values of a binder."""
        match binder.domain:
            case Range(lo, hi):
                return range(lo, hi + 1)
            case Ptr(cls) if binder.name in self.followed:
                return self.targets(cls, bound, fixed)
            case Ptr(cls):
                own = [ME, VIEWER] if cls == self.of.system.thread else []
                return [*own, *([VIEWED] if cls == self.viewed else []), OUT]

    def targets(self, cls: str, bound: Mapping[str, int], fixed: Mapping[Slot, int]) -> Sequence[int]:
        """The objects that a pointer may lead to: those in view, those touched already, and one more."""
        own = [ME, *([VIEWER] if self.viewer else [])] if cls == self.of.system.thread else []
        used = {v for slot, v in fixed.items() if self.of.slots[slot].domain == Ptr(cls)}
        used |= {bound[b.name] for b in self.action.binders if b.domain == Ptr(cls) and b.name in bound}
        more = next((i for i in TOUCHED if i not in used), None)
        if more is None:
            raise OutsideError("a step touches too many objects")
        return [*own, *([VIEWED] if cls == self.viewed else []), *(i for i in TOUCHED if i in used or i == more)]


def _cases(of: Space, action: Action, kind: Kind, *, viewer: bool) -> Iterator[_Case]:
    """Return every way in which a thread can take an action, the pointers it goes through told."""
    viewed = kind.cls or None
    followed = frozenset(name for expr in _exprs(action) for name in _followed(expr))
    choices = _Choices(of, action, viewed, viewer, followed)
    pending: list[tuple[Sequence[Binder], dict[str, int], dict[Slot, int]]] = [
        (action.binders, {}, {Slot(THREAD, ME, PC): action.source})
    ]
    while pending:
        binders, bound, fixed = pending.pop()
        if binders:
            first, *rest = binders
            pending += [(rest, {**bound, first.name: v}, fixed) for v in choices.binder(first, bound, fixed)]
            continue
        try:
            case = _case(action, Reading(of, viewed, bound, fixed))
        except SplitError as error:
            domain = of.slots[error.slot].domain
            values = [0, *choices.targets(domain.cls, bound, fixed)] if isinstance(domain, Ptr) else []
            pending += [((), bound, {**fixed, error.slot: value}) for value in values]
            continue
        if case is not None:
            yield case


def _exprs(action: Action) -> Iterator[Expr]:
    yield action.guard
    for update in action.updates:
        yield from (update.place, update.value, update.when)


def _followed(expr: Expr) -> Iterator[str]:
    """The binders that an expression goes through."""
    match expr:
        case Field(pointer, _, _) | Local(_, pointer) if isinstance(pointer, Bound):
            yield pointer.name
        case Field(inner, _, _) | Unary(_, inner) | Wrap(_, _, inner) | Quant(_, _, inner) | Referenced(inner, _, _):
            yield from _followed(inner)
        case Binary(_, left, right):
            yield from (*_followed(left), *_followed(right))
        case Ite(cond, then, other):
            yield from (*_followed(cond), *_followed(then), *_followed(other))
        case _:
            pass


def _case(action: Action, at: Reading) -> _Case | None:
    of = at.space
    enabled = truth(action.guard, at)
    if enabled == of.false:
        return None
    writes: dict[Slot, Values] = {Slot(THREAD, ME, PC): {action.target: of.true}}
    for update in action.updates:
        scopes = [at]
        if update.each is not None:
            if isinstance(update.place, Global | Local):
                raise OutsideError("a broadcast stores in one variable")
            domain = update.each.domain
            found = at.present(domain.cls) if isinstance(domain, Ptr) else range(domain.lo, domain.hi + 1)
            scopes = [at.bind(update.each, v) for v in found]
        for scope in scopes:
            when = truth(update.when, scope)
            if when == of.false:
                continue
            new = values(update.value, scope)
            for cond, slot in places(update.place, scope):
                here = cond & when
                if slot is None or here == of.false or slot not in of.slots:
                    continue
                old = writes[slot] if slot in writes else read(slot, at)
                writes[slot] = new if here == of.true else merge(of, [(here, new), (~here, old)])
    for slot, value in at.fixed.items():
        enabled &= of.tests[slot][value] if slot in of.tests else of.true
    return _Case(enabled, writes, at.free)
