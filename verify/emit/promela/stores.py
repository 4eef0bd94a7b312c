"""What an action stores, as assignments one after the other.

All values are read in the state before. So an assignment comes before those that change what it reads; where that
cannot be, what it needs is kept in `before_1`, `before_2`, ... which are 0 between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final, assert_never

from verify.emit.places import key_of
from verify.emit.promela.terms import COMPARED, Read, Reader, choices, literal
from verify.instances import THREAD
from verify.ir import PC, TRUE, Action, Const, Expr, Field, Global, Local, Me, Place, Update

KEPT: Final = "before_"


@dataclass(frozen=True, slots=True)
class Part:
    """A term, and what it reads."""

    text: str
    reads: frozenset[Read]


NOTHING: Final = Part("", frozenset())


@dataclass(frozen=True, slots=True)
class Store:
    """`name[index] = value`, of a global without an index; only where `when`, if there is one, is not 0."""

    name: str
    index: Part
    value: Part
    when: Part | None = None

    @property
    def place(self) -> Read:
        """What is written."""
        return self.name, self.index.text

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is read in the state before."""
        return self.index, self.value, *([] if self.when is None else [self.when])

    @property
    def text(self) -> str:
        """The assignment."""
        target = f"{self.name}[{self.index.text}]" if self.index.text else self.name
        if self.when is None:
            return f"{target} = {self.value.text}"
        return f"{target} = ({self.when.text} -> {self.value.text} : {target})"


def assignments(action: Action, here: Reader) -> list[str]:
    """What the action stores, where its guard holds."""
    lines, kept = list[str](), list[str]()
    waiting = [_indexed(one, kept) for one in stores(action, here)]
    while waiting:
        first = next((one for one in waiting if _may_be_first(one, waiting)), None)
        if first is None:
            first = next(one for one in waiting if _in_order(one, waiting))
            waiting = [one if one is first else _keep(one, first, kept) for one in waiting]
        waiting = [one for one in waiting if one is not first]
        lines.append(first.text)
    saved = [f"{KEPT}{number} = {text}" for number, text in enumerate(kept, start=1)]
    return [*saved, *lines, *(f"{KEPT}{number} = 0" for number in range(1, len(kept) + 1))]


def stores(action: Action, here: Reader) -> Iterator[Store]:
    """The stores of an action in their order, but that to its own place last where it moves nobody else."""
    moves = any(key_of(update.place) == (THREAD, PC) for update in action.updates)
    own = _store(Update(Local(PC), Const(action.target)), here)
    yield from own if moves else ()
    for update in action.updates:
        if update.each is None:
            yield from _store(update, here)
            continue
        for value in choices(here.inst, update.each.domain):
            yield from _store(update, here.bind(update.each.name, literal(value), (value, value)))
    yield from () if moves else own


def _store(update: Update, here: Reader) -> list[Store]:
    """The store of one update; none where nothing is ever changed."""
    place, pointer = update.place, _pointer(update.place)
    inner = here.where(update.when)
    tests = [] if update.when == TRUE else [_part(here, lambda reader: reader.truth(update.when))]
    if pointer is not None and not inner.is_cell(pointer):  # through NULL nothing is stored
        tests.append(_part(inner, lambda reader: reader.text(pointer, COMPARED)))
    tests = [test for test in tests if test.text != "1"]
    name = here.names.variables.get(key_of(place))
    if name is None or any(test.text == "0" for test in tests):
        return []
    cls = place.cls if isinstance(place, Field) else here.inst.system.thread
    index = NOTHING if pointer is None else _part(inner, lambda reader: reader.index(pointer, cls))
    value = _part(inner, lambda reader: reader.named(update.value, place))
    joint = Part(" && ".join(test.text for test in tests), frozenset[Read]().union(*(test.reads for test in tests)))
    return [Store(name, index, value, joint if tests else None)]


def _pointer(place: Place) -> Expr | None:
    """The cell that a place is in; None of a global."""
    match place:
        case Global():
            return None
        case Local(_, of):
            return Me() if of is None else of
        case Field(pointer):
            return pointer
        case _:
            assert_never(place)


def _part(here: Reader, text: Callable[[Reader], str]) -> Part:
    reader = replace(here, seen=set())
    return Part(text(reader), frozenset(reader.seen))


# ---- order ---------------------------------------------------------------------------------------


def _may_be_first(one: Store, waiting: Sequence[Store]) -> bool:
    others = (part for other in waiting if other is not one for part in other.parts)
    return _in_order(one, waiting) and not any(_needs(part, one) for part in others)


def _in_order(one: Store, waiting: Sequence[Store]) -> bool:
    """Whether no store that comes earlier in the action may be to the same variable."""
    earlier = takewhile(lambda other: other is not one, waiting)
    return not any(_same(one.place, other.place) for other in earlier)


def _indexed(one: Store, kept: list[str]) -> Store:
    """The store with an index in which no array is read twice, nor the one that is written: Spin refuses that."""
    plain = all(name != one.name for name, _ in one.index.reads) and len(one.index.reads) <= 1
    return one if plain else replace(one, index=_kept(one.index, kept))


def _keep(one: Store, first: Store, kept: list[str]) -> Store:
    """The store with what it needs of the state before `first` kept elsewhere."""
    index, value, *when = (_kept(part, kept) if _needs(part, first) else part for part in one.parts)
    return replace(one, index=index, value=value, when=when[0] if when else None)


def _kept(part: Part, kept: list[str]) -> Part:
    if part.text not in kept:
        kept.append(part.text)
    return Part(f"{KEPT}{kept.index(part.text) + 1}", frozenset())


def _needs(part: Part, written: Store) -> bool:
    return any(_same(read, written.place) for read in part.reads)


def _same(one: Read, two: Read) -> bool:
    """Whether two variables may be the same one."""
    (name, index), (other, other_index) = one, two
    return name == other and (index == other_index or not (index.isdigit() and other_index.isdigit()))
