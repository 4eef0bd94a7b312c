"""That a universal invariant holds at the start: of a thread of any group, or an idle one, and of any object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from verify.certificates.cells import THREADS, Cells, NotCoveredError, Reader, Slot, at_hand
from verify.certificates.said import Said, is_about
from verify.certificates.witness import Witness
from verify.certificates.words import Term, Words
from verify.instances import spare
from verify.ir import PC, PUBLISHED, Fresh, Group, InitValue, Range, System, Var
from verify.universal import OBJECT, THREAD, Clause

TASK, VIEWED = 1, 3


def initiation(system: System, clauses: Sequence[Clause]) -> Witness:
    """That some clause does not hold of a thread and an object there are at the start."""
    words, tasks = Words(), system.thread
    objects = {cls: [TASK, VIEWED] if cls == tasks else [VIEWED] for cls in system.classes}
    cells = at_hand(words, system, objects, [TASK], {}, further=VIEWED + 1)
    said, cases = Said(clauses, Reader(cells)), list[Term]()
    shared = [_is(cells, ("", 0, var.name), var, (var.default,)) for var in system.globals]
    for group in (*system.groups, *((None,) if tasks in system.created else ())):
        entry = 0 if group is None else group.entry
        locals_ = [_is(cells, (THREADS, TASK, v.name), v, (v.default,)) for v in system.locals if v.name != PC]
        at = words.equal(cells.values[THREADS, TASK, PC], words.number(entry))
        begins = [*shared, *locals_, at, _begins(cells, tasks, TASK, group)]
        for cls in ("", *system.classes):
            there = 1 if not cls else words.some(_births(cells, cls))
            pairs = [(who, cls, VIEWED if cls else 0) for who in (TASK, 0)]
            lost = [words.inverse(said.body(c, pair)) for pair in pairs for c in clauses if is_about(c, pair)]
            cases.append(words.both([*begins, there, words.some(lost)]))
    if len(clauses) > 1:
        return Witness(words, words.some(cases), cells.values)
    (clause,) = clauses
    bound = {THREAD: words.number(TASK), OBJECT: words.number(VIEWED)}
    return Witness(words, words.some(cases), cells.values, bound=bound, clause=clause, body=clause.body)


def _births(cells: Cells, cls: str) -> Iterator[Term]:
    """Every way in which an object of the class can be at the start."""
    system = cells.system
    if cls in spare(system):
        yield _begins(cells, cls, VIEWED, None)
    if cls == system.thread:
        yield from (_begins(cells, cls, VIEWED, group) for group in system.groups)
    elif any(value == Fresh(cls) for group in system.groups for value in group.values.values()):
        yield _born(cells, cls, VIEWED, {})


def _begins(cells: Cells, cls: str, index: int, group: Group | None) -> Term:
    """That an object is that of a task of the group, or a free cell."""
    if group is not None:
        return _born(cells, cls, index, group.values)
    fields = cells.system.classes[cls].fields
    return cells.words.both(_is(cells, (cls, index, var.name), var, (var.default,)) for var in fields)


def _born(cells: Cells, cls: str, index: int, values: Mapping[str, InitValue]) -> Term:
    life, *fields = cells.system.classes[cls].fields
    found = [_is(cells, (cls, index, life.name), life, (PUBLISHED,))]
    for var in fields:
        value = values.get(var.name, (cells.system.initial.get((cls, var.name), var.default),))
        found.append(_is(cells, (cls, index, var.name), var, value))
    return cells.words.both(found)


def _is(cells: Cells, slot: Slot, var: Var, values: InitValue) -> Term:
    words, here = cells.words, cells.values[slot]
    if isinstance(values, Fresh):
        return words.truth(here)
    if not isinstance(var.domain, Range) and set(values) != {0}:
        raise NotCoveredError(f"`{var.name}` points to a certain object at the start")
    return words.some([words.equal(here, words.number(value)) for value in values])
