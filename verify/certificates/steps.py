"""What a step of thread 1 needs, and what it does to a few cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, assert_never

from verify.certificates.cells import (
    THREADS,
    Cells,
    Env,
    NotCoveredError,
    Reader,
    Slot,
    each_value,
    room,
)
from verify.certificates.words import Term
from verify.ir import PC, Action, Bound, Field, Global, Local, Ptr, Range, Update


def enough(cells: Cells, touched: Sequence[tuple[str, Term]]) -> Sequence[tuple[str, Term]]:
    """The pointers that were gone through; there has to be an object for each beside those with a part of their own."""
    for cls, numbers in cells.objects.items():
        if len({pointer for c, pointer in touched if c == cls}) > sum(index >= cells.further for index in numbers):
            raise NotCoveredError("a step goes through more pointers than there are objects at hand")
    return touched


class Step(NamedTuple):
    """Thread 1 takes an action: if `can`, and then each of `stores` has that value; `strays` if outside its domain."""

    can: Term
    stores: Mapping[Slot, Term]
    strays: Term
    choices: Mapping[str, Term]


def step(cells: Cells, action: Action) -> Step:
    """What an action of thread 1 needs and does to the cells at hand."""
    words, me = cells.words, Reader(cells, 1)
    most = room(cells.system, cells.objects, cells.threads, len(action.binders))
    env: Env = ()
    chosen = list[Term]()
    for binder in action.binders:
        pointer = isinstance(binder.domain, Ptr)
        term = words.opaque(most) if isinstance(binder.domain, Ptr) else words.variable(
            binder.domain.lo, binder.domain.hi
        )
        chosen.append(words.truth(term) if pointer else 1)
        env = (*env, (binder.name, term))
    at = words.equal(cells.values[THREADS, 1, PC], words.number(action.source))
    needs = [at, *chosen, words.truth(me.read(action.guard, env))]
    stores: dict[Slot, Term] = {(THREADS, 1, PC): words.number(action.target)}
    strays = list[Term]()
    for update in action.updates:
        for slot, value, when in _stores(cells, me, update, env):
            match cells.system.var(update.place).domain:
                case Range(lo, hi):
                    out = [words.compare("<", value, words.number(lo)), words.compare("<", words.number(hi), value)]
                    strays.append(words.both([when, words.some(out)]))
                case _:
                    pass
            stores[slot] = words.either(when, value, stores.get(slot, cells.values[slot]))
    for cls, target in enough(cells, me.touched):
        leads = [words.equal(target, words.number(index)) for index in cells.objects[cls]]
        needs.append(words.some([words.inverse(words.truth(target)), *leads]))
        for index, there in zip(cells.objects[cls], leads, strict=True):
            needs.append(words.some([words.inverse(there), cells.exists(cls, index)]))
    return Step(words.both(needs), stores, words.some(strays), dict(env))


def _stores(cells: Cells, me: Reader, update: Update, env: Env) -> Iterator[tuple[Slot, Term, Term]]:
    """Where an update stores, what, and whether it does."""
    words, each, place = cells.words, update.each, update.place
    scopes: list[tuple[Env, Term]] = [(env, 1)]
    if each is not None:
        if not isinstance(place, Field) or place.pointer != Bound(each.name) or each.domain != Ptr(place.cls):
            raise NotCoveredError("a broadcast stores somewhere else than in the objects that it goes to")
        scopes = [
            ((*env, (each.name, words.number(i))), cells.exists(place.cls, i)) for i in each_value(cells, each)
        ]
    for inner, there in scopes:
        when = words.both([there, words.truth(me.read(update.when, inner))])
        value = words.value(me.read(update.value, inner))
        match place:
            case Global(name):
                yield ("", 0, name), value, when
            case Local(name, None):
                yield (THREADS, 1, name), value, when
            case Local():
                raise NotCoveredError("a step changes another thread's locals")
            case Field(of, cls, name):
                pointer = me.read(of, inner)
                if words.constant(pointer) is None:
                    me.touched.append((cls, pointer))
                for index in cells.objects[cls]:
                    hit = words.both([when, words.equal(pointer, words.number(index))])
                    if hit:
                        yield (cls, index, name), value, hit
            case _:
                assert_never(place)
