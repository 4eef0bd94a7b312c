"""The least sets of views that hold the initial ones and are closed under every step of every thread.

What other threads do to the object in view does not depend on who they are: the steps of a thread, seen from an object,
are gathered into its influence (the relies of Jones 1983), and one image of that stands for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from verify.engine.bdd import Node, Renaming
from verify.engine.parametric.prepare import (
    Closure,
    Prepared,
    Product,
    Seen,
    Written,
    faced_by,
    made_by,
    move,
    prepared,
)
from verify.engine.parametric.space import (
    ME,
    OWN,
    REFERENCED,
    VIEWED,
    VIEWER,
    Cell,
    Kind,
    moved,
    view_bits,
)
from verify.instances import THREAD, Slot
from verify.ir import Action, Ptr
from verify.universal import told_in


def close(run: Closure, tick: Callable[[], None]) -> None:
    """Grow the views until they are closed under every step. `tick` is called before each location.

    What others see of the steps of one kind is told at once: the next kinds then take their steps of more views.
    """
    order = control_order(run.actions)
    kinds = sorted(kind for kind in run.views if not kind.made)
    grown = True
    while grown:
        grown = False
        for kind in kinds:
            while _steps(run, kind, order, tick):
                grown = True
            while _disturb(run):
                grown = True


def _steps(run: Closure, kind: Kind, order: Sequence[int], tick: Callable[[], None]) -> bool:
    """Let the thread in views of a kind take a step from each location; return whether anything new comes of it."""
    grown = False
    for source in order:
        tick()
        views = tuple(run.views.values())
        if run.stepped.get((kind, source)) != views:
            run.stepped[kind, source] = views
            for ready in prepared(run, kind, source):
                grown |= _apply(run, kind, source, ready)
    return grown


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
    """The product; None if it is the same as before.

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
    for factor, (kind, cell), bits in zip(now, what.factors, what.forget, strict=True):
        if node == of.false:
            break
        node = of.manager.product(node, _placed(run, kind, cell, source, factor), bits)
    if node == what.result:
        return None
    what.result = node
    return node


def _placed(run: Closure, kind: Kind, cell: int, source: int, views: Node) -> Node:
    """Views of a kind at a location with the object in view moved to a cell."""
    if cell == VIEWED:
        return views
    before, found = run.placed.get((kind, cell, source), (None, None))
    if before != views:
        found = run.space.manager.rename(move(run, kind, cell), views)
        run.placed[kind, cell, source] = views, found
    return found


def _grow(run: Closure, kind: Kind, after: Node, back: Renaming, *, own: bool) -> bool:
    """Add views after a step, as kind of view and as one of an object that is being made; return whether any is new.

    With `own`, the views may speak of the thread's own object beside the one in view.
    """
    of = run.space
    if after == of.false:
        return False
    new = of.manager.rename(back, after)
    made = Kind(kind.cls, made=True)
    if kind == OWN or made not in run.views:
        return _add(run, kind, new)
    grown = False
    if own or kind.made:
        grown = _add(run, made, new & made_by(of, kind.cls))
        new = of.manager.exist(_beside(run, kind), new)
    return grown | _add(run, Kind(kind.cls), new)


def _beside(run: Closure, kind: Kind) -> tuple[str, ...]:
    """The bits about the thread's own object in a view of an object that it is making."""
    if kind not in run.beside:
        of, made = run.space, Kind(kind.cls, made=True)
        run.beside[kind] = tuple(sorted(view_bits(of, made) - view_bits(of, Kind(kind.cls))))
    return run.beside[kind]


def _add(run: Closure, kind: Kind, new: Node) -> bool:
    old = run.views[kind]
    if kind in run.axioms:
        new &= run.axioms[kind]
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

    def told(moves: Mapping[Cell, Cell], *unknown: Cell) -> Node:
        forget, names = _naming(run, kind, moves, unknown)
        return of.manager.rename(names, of.manager.exist(forget, node))

    def place(moves: Mapping[Cell, Cell]) -> Written:
        return tuple(sorted(Slot(*moves.get((s.cell, s.index), (s.cell, s.index)), s.name) for s in written))

    if kind == OWN:
        moves = {me: viewed, viewer: me}
        yield (Kind(thread), place(moves)), told(moves)
        return
    yield (Kind(kind.cls), place({})), told({viewer: me}, me)
    if kind.cls == thread:
        moves = {viewed: me}
        yield (OWN, place(moves)), told(moves, me, viewer)


def _naming(
    run: Closure, kind: Kind, moves: Mapping[Cell, Cell], unknown: tuple[Cell, ...]
) -> tuple[tuple[str, ...], Renaming]:
    """What to forget of an influence on views of a kind that tells which cells are `unknown`, and how cells move."""
    key = (kind, unknown)
    if key not in run.named:
        of = run.space
        faced = faced_by(of, kind)
        known = {bit for slot, names in of.bits.items() if (slot.cell, slot.index) in faced for bit in names}
        bits = {both for bit in known if of.about[bit] not in unknown for both in (bit, f"{bit}'")}
        forget = {both for bit in known if of.about[bit] in unknown for both in (bit, f"{bit}'")}
        run.named[key] = tuple(sorted(forget)), of.manager.renaming(moved(of, bits, moves))
    return run.named[key]


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
    aside = _aside(run, kind, key)
    now = (run.views[kind], run.influences[key], *_of_own(run, written), *aside)
    if run.disturbances.get((kind, key)) == now or of.false in now:
        return False
    run.disturbances[kind, key] = now
    run.images += 1
    views, relation = now[:2]
    if aside:
        relation &= of.any_of(aside)
    if run.places and kind != OWN and not kind.made:
        relation &= _allowed(run, written)
    same = of.manager.equal(of.manager.var(REFERENCED), _points(run, key[0]))
    relation = of.manager.product(relation, same, (REFERENCED,))
    forget, back = _disturbing(run, kind, written)
    return _grow(run, kind, of.manager.product(relation, views, forget), back, own=False)


def _disturbing(run: Closure, kind: Kind, written: Written) -> tuple[tuple[str, ...], Renaming]:
    """What to forget of a view and what others do to these variables of it, and how to get back to a view."""
    key = (kind, written)
    if key not in run.disturbing:
        of = run.space
        own = view_bits(of, kind)
        back = {f"{bit}'": bit for slot in written for bit in of.bits[slot] if bit in own}
        forget = of.owner.keys() - (own - set(back.values())) - back.keys()
        run.disturbing[key] = tuple(sorted(forget)), of.manager.renaming(back)
    return run.disturbing[key]


def _aside(run: Closure, kind: Kind, key: Seen) -> Sequence[Node]:
    """What others do to globals beside an object that the thread is making, where they do it beside its own object."""
    shared = tuple(slot for slot in key[1] if not slot.cell)
    if not (kind.made and key[0] == OWN and shared):
        return []
    return [run.influences.get((Kind(kind.cls), shared), run.space.false)]


def _of_own(run: Closure, written: Written) -> Sequence[Node]:
    """What others do to the object of the thread in view while they write the same globals, where places are told."""
    shared = [slot for slot in written if not slot.cell]
    same = [key for key in run.influences if key[0] == OWN and [slot for slot in key[1] if not slot.cell] == shared]
    return [run.influences[key] for key in same] if run.places and shared else []


def _allowed(run: Closure, written: Written) -> Node:
    """That others can do so while the thread in view is where it is and its locals hold what they do."""
    of, found = run.space, _of_own(run, written)
    if not found:
        return of.true
    relation = of.any_of(found) & _told(run)
    own = [bit for bit in relation.support if of.owner[bit].cell == of.system.thread]
    return of.manager.exist(own, relation)


def _told(run: Closure) -> Node:
    """That the object of the thread in view tells where it is and what its locals hold."""
    of, thread = run.space, run.space.system.thread
    if run.telling is None:
        run.telling = of.true
        for var in of.system.locals:
            local, field = Slot(THREAD, ME, var.name), Slot(thread, ME, told_in(var.name))
            one, other = (of.tests.get(slot) or {of.constants[slot]: of.true} for slot in (local, field))
            run.telling &= of.any_of(one[value] & other[value] for value in one if value in other)
    return run.telling


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
