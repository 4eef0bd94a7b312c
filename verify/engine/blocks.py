"""Blocks of cells, and the permutations of cells that map one block to another.

Tasks are interchangeable unless the system or the property tells them apart (Ip & Dill 1996, scalarsets): then thread
i and object i of the thread class move together. So are the objects of any other class, but for the statics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple, assert_never

from verify.engine.diagrams import Cell
from verify.instances import THREAD, Instance, Slot
from verify.ir import (
    Binary,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Fresh,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Ptr,
    Quant,
    Referenced,
    Threads,
    Unary,
    Wrap,
)


class Block(NamedTuple):
    """Some threads and some objects, each in rising order."""

    threads: tuple[int, ...]
    objects: tuple[Cell, ...]


class Permutation(NamedTuple):
    """For each class, the object that each object moves to; threads move with the thread class."""

    images: tuple[tuple[str, tuple[int, ...]], ...]  # image of object i at place i - 1

    def of(self, cls: str) -> tuple[int, ...]:
        """The images of the objects of one class."""
        return dict(self.images)[cls]


class Freedom(NamedTuple):
    """Which cells are interchangeable: for each class, all objects after the first `fixed`."""

    thread: str
    sizes: Mapping[str, int]
    fixed: Mapping[str, int]


# ---- permutations --------------------------------------------------------------------------------


def identity(freedom: Freedom) -> Permutation:
    """The permutation that moves nothing."""
    return Permutation(tuple((cls, tuple(range(1, size + 1))) for cls, size in freedom.sizes.items()))


def inverse(perm: Permutation) -> Permutation:
    """The permutation that undoes `perm`."""
    return Permutation(tuple((cls, tuple(image.index(i) + 1 for i in sorted(image))) for cls, image in perm.images))


def move(perm: Permutation, block: Block, thread: str) -> Block:
    """The image of a block."""
    images = dict(perm.images)
    threads = (images[thread][i - 1] for i in block.threads)
    objects = ((cls, images[cls][i - 1]) for cls, i in block.objects)
    return Block(tuple(sorted(threads)), tuple(sorted(objects)))


def move_slot(perm: Permutation, slot: Slot, thread: str) -> Slot:
    """The image of a slot."""
    if not slot.cell:
        return slot
    return slot._replace(index=dict(perm.images)[thread if slot.cell == THREAD else slot.cell][slot.index - 1])


def canonical(freedom: Freedom, block: Block) -> tuple[Block, Permutation]:
    """Return the representative of a block's orbit, and a permutation that moves the block there."""
    images = []
    for cls, size in freedom.sizes.items():
        first = freedom.fixed[cls]
        order = sorted(range(first + 1, size + 1), key=lambda i: _role(freedom, block, cls, i))
        places = {i: first + 1 + n for n, i in enumerate(order)}
        images.append((cls, tuple(places.get(i, i) for i in range(1, size + 1))))
    perm = Permutation(tuple(images))
    return move(perm, block, freedom.thread), perm


def _role(freedom: Freedom, block: Block, cls: str, index: int) -> tuple[bool, bool]:
    """What an object, and the thread that goes with it, is in a block; those within sort first."""
    return (not (cls == freedom.thread and index in block.threads), (cls, index) not in block.objects)


def stabilizer(freedom: Freedom, block: Block) -> Iterator[Permutation]:
    """Generators of the permutations that keep a block: exchanges of two cells with the same part in it."""
    for cls, size in freedom.sizes.items():
        for i, j in combinations(range(freedom.fixed[cls] + 1, size + 1), 2):
            if _role(freedom, block, cls, i) == _role(freedom, block, cls, j):
                swapped = tuple(j if k == i else i if k == j else k for k in range(1, size + 1))
                yield Permutation(tuple((c, swapped if c == cls else image) for c, image in identity(freedom).images))


def blocks(threads: Iterable[int], objects: Iterable[Cell], shape: tuple[int, int]) -> list[Block]:
    """Every block of that many threads and objects out of those; of all of them where they are fewer."""
    some, others = sorted(threads), sorted(objects)
    return [
        Block(t, o)
        for t in combinations(some, min(shape[0], len(some)))
        for o in combinations(others, min(shape[1], len(others)))
    ]


def all_objects(inst: Instance) -> list[Cell]:
    """The object cells of an instance."""
    return [(cls, i) for cls, size in inst.sizes.items() for i in range(1, size + 1)]


# ---- what tells cells apart ----------------------------------------------------------------------

Sort = Ptr | Threads | Literal["int", "null"]


class _Distinguished(Exception):  # noqa: N818 - a finding, not an error
    def __init__(self, *classes: str) -> None:
        self.classes = classes
        super().__init__(*classes)


def freedom(inst: Instance, prop: Expr) -> Freedom:
    """Return which cells neither the system nor the property tells apart."""
    system = inst.system
    statics = {cls: sum(s.cls == cls for s in system.statics) for cls in system.classes}
    fixed = {cls: inst.sizes[cls] if cls == system.thread and statics[cls] else statics[cls] for cls in system.classes}

    def check(expr: Expr, expected: Domain | None, bound: Mapping[str, Domain]) -> None:
        try:
            _expect(expr, expected, bound, inst, statics)
        except _Distinguished as found:
            fixed.update({cls: inst.sizes[cls] for cls in found.classes})

    check(prop, None, {})
    for action in system.actions:
        bound: dict[str, Domain] = {b.name: b.domain for b in action.binders}
        check(action.guard, None, bound)
        for update in action.updates:
            inner = bound if update.each is None else bound | {update.each.name: update.each.domain}
            check(update.when, None, inner)
            check(update.place, None, inner)
            check(update.value, system.var(update.place).domain, inner)
    for domain, value in _initial_values(inst):
        if isinstance(domain, Ptr) and value > statics[domain.cls]:
            fixed[domain.cls] = inst.sizes[domain.cls]
        if isinstance(domain, Threads) and value:
            fixed[system.thread] = inst.tasks
    return Freedom(system.thread, dict(inst.sizes), fixed)


def _initial_values(inst: Instance) -> Iterator[tuple[Domain, int]]:
    system = inst.system
    fields = {(cls.name, var.name): var for cls in system.classes.values() for var in cls.fields}
    for var in (*system.globals, *system.locals, *fields.values()):
        yield var.domain, var.default
    for key, value in system.initial.items():
        yield fields[key].domain, value
    for group in system.groups:
        for name, values in group.values.items():
            if not isinstance(values, Fresh):
                yield from ((fields[(system.thread, name)].domain, value) for value in values)


def _expect(  # noqa: PLR0915 - a case for every kind of expression
    expr: Expr, expected: Domain | None, bound: Mapping[str, Domain], inst: Instance, statics: Mapping[str, int]
) -> None:
    """Check an expression that is used as a value of `expected`; None is for its truth alone."""
    thread = Ptr(inst.system.thread)

    def sort(e: Expr) -> Sort:
        match e:
            case Const(value):
                return "int" if value else "null"
            case Me():
                return thread
            case Bound(name):
                return _sort_of(bound[name])
            case Global() | Local() | Field():
                place(e)
                return _sort_of(inst.system.var(e).domain)
            case Unary(op, arg):
                if op != "!":
                    whole(arg)
                else:
                    sort(arg)
                return "int"
            case Binary("&&" | "||", left, right):
                sort(left)
                sort(right)
                return "int"
            case Binary("==" | "!=", left, right):
                join(left, right)
                return "int"
            case Binary("has", left, right):
                use(left, Threads())
                use(right, thread)
                return "int"
            case Binary("with" | "without", left, right):
                use(left, Threads())
                use(right, thread)
                return Threads()
            case Binary(_, left, right):
                whole(left)
                whole(right)
                return "int"
            case Ite(cond, then, other):
                sort(cond)
                return join(then, other)
            case Wrap(_, _, arg):
                whole(arg)
                return "int"
            case Quant(_, binder, body):
                _expect(body, None, {**bound, binder.name: binder.domain}, inst, statics)
                return "int"
            case Referenced(pointer, cls, _):
                use(pointer, Ptr(cls))
                return "int"
            case _:
                assert_never(e)

    def place(e: Place) -> None:
        match e:
            case Global():
                pass
            case Local(_, of):
                if of is not None:
                    use(of, thread)
            case Field(pointer, cls, _):
                use(pointer, Ptr(cls))
            case _:
                assert_never(e)

    def whole(e: Expr) -> None:
        use(e, "int")

    def join(left: Expr, right: Expr) -> Sort:
        first, second = sort(left), sort(right)
        wanted = second if first in ("null", "int") else first
        use(left, wanted)
        use(right, wanted)
        return wanted

    def use(e: Expr, wanted: Sort) -> None:
        """The expression is used as a value of that sort."""
        if isinstance(e, Const) and isinstance(wanted, Ptr):
            if e.value > statics[wanted.cls]:
                raise _Distinguished(wanted.cls)
            return
        if isinstance(e, Ite):
            sort(e.cond)
            use(e.then, wanted)
            use(e.other, wanted)
            return
        found = sort(e)
        if found not in (wanted, "null"):
            raise _Distinguished(*_classes(found, thread.cls), *_classes(wanted, thread.cls))

    if expected is None:
        sort(expr)
    else:
        use(expr, _sort_of(expected))


def _sort_of(domain: Domain) -> Sort:
    return domain if isinstance(domain, Ptr | Threads) else "int"


def _classes(sort: Sort, thread: str) -> Sequence[str]:
    match sort:
        case Ptr(cls):
            return [cls]
        case Threads():
            return [thread]
        case _:
            return []
