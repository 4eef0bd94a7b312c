"""What a universal invariant says of the cells at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verify.certificates.cells import THREADS, Cells, Env, Reader
from verify.certificates.words import Term
from verify.ir import PC, Expr, Field, Global, Local, System
from verify.universal import OBJECT, THREAD, Clause, operands

Pair = tuple[int, str, int]  # a thread (0: none) and an object of a class ("": none)
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """What the clauses say of cells in a state."""

    clauses: Sequence[Clause]
    reader: Reader

    def body(self, clause: Clause, pair: Pair) -> Term:
        """That the clause holds of a pair, where its thread is where it speaks of it."""
        words, values, (thread, _, index) = self.reader.cells.words, self.reader.cells.values, pair
        env: Env = ((THREAD, words.number(thread)), (OBJECT, words.number(index)))
        says = words.truth(self.reader.read(clause.body, env))
        if clause.locations is None:
            return says
        pc = values[THREADS, thread, PC]
        here = words.some([words.equal(pc, words.number(location)) for location in sorted(clause.locations)])
        return words.some([words.inverse(here), says])

    def known(self) -> Iterator[Term]:
        """That all clauses hold of all cells that exist."""
        cells, words = self.reader.cells, self.reader.cells.words
        for pair in pairs(cells):
            absent = [words.inverse(cells.exists(cls, i)) for cls, i in objects_of(cells.system, pair)]
            for clause in self.clauses:
                if is_about(clause, pair) and not any(term == 1 for term in absent):
                    yield words.some([*absent, self.body(clause, pair)])


def pairs(cells: Cells) -> Iterator[Pair]:
    """Every thread, every object, and every thread with every object that is not its own."""
    for thread in (0, *cells.threads):
        yield thread, "", 0
        for cls, numbers in cells.objects.items():
            yield from ((thread, cls, i) for i in numbers if (cls, i) != (cells.system.thread, thread))


def objects_of(system: System, pair: Pair) -> list[tuple[str, int]]:
    """The objects of a pair, that of its thread among them."""
    thread, cls, index = pair
    return ([(system.thread, thread)] if thread else []) + ([(cls, index)] if cls else [])


def is_about(clause: Clause, pair: Pair) -> bool:
    """Whether a clause speaks of such a pair."""
    return clause.thread == (pair[0] > 0) and clause.cls == pair[1]


def keys(expr: Expr, *, top: bool = False) -> frozenset[Key]:
    """The variables that an expression reads; of a place, `top` is that itself alone."""
    found = set[Key]()
    for part in (expr,) if top else parts_of(expr):
        match part:
            case Field(_, cls, name):
                found.add((cls, name))
            case Local(name):
                found.add((THREADS, name))
            case Global(name):
                found.add(("", name))
            case _:
                pass
    return frozenset(found)


def parts_of(*exprs: Expr) -> Iterator[Expr]:
    """All that expressions are made of; what is shared comes once."""
    seen, todo = set[int](), list(exprs)
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            todo += operands(part)
