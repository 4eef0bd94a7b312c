"""The states in which an invariant holds, as a predicate that TLC can enumerate: what an inductive step starts from.

TLC gives variables values from left to right, so that each conjunct of the invariant stands behind the last variable
that it reads (Lamport, "Using TLC to Check Inductive Invariance", 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from verify.emit.places import Key
from verify.emit.tla.invariant import Conjunct, last_read
from verify.emit.tla.layout import item
from verify.emit.tla.names import Names
from verify.instances import THREAD
from verify.ir import PC

START = "IndStart"


def order_of(names: Names, conjuncts: Sequence[Conjunct], width: Mapping[Key, int]) -> Sequence[Key]:
    """The variables, first where threads stand, then whichever makes most conjuncts complete, or is narrowest."""
    rest = [key for key in names.variables if key != (THREAD, PC)]
    order: list[Key] = [(THREAD, PC)]
    while rest:
        known = frozenset(order)

        def rank(key: Key, known: frozenset[Key] = known) -> tuple[int, int]:
            complete = sum(key in c.reads and c.reads <= known | {key} for c in conjuncts)
            return -complete, width[key]

        chosen = min(rest, key=rank)
        rest.remove(chosen)
        order.append(chosen)
    return order


def generator(
    names: Names, types: Mapping[str, str], conjuncts: Sequence[Conjunct], order: Sequence[Key]
) -> Iterator[str]:
    """The lines of IndInit and of IndStart, from where one run of TLC shows all that an induction needs."""
    behind = last_read(conjuncts, order)
    yield "\\* IndInv, to be enumerated; `= TRUE` has TLC take a conjunct as one value, not case by case."
    yield "IndInit =="
    for key in order:
        yield from item("/\\", f"{names.variables[key]} \\in {types[names.variables[key]]}", 4)
        yield from (f"    /\\ {conjunct.name} = TRUE" for conjunct in behind.get(key, ()))
    yield from (f"    /\\ {conjunct.name} = TRUE" for conjunct in behind.get(None, ()))
    yield ""
    yield f"{START} == Init \\/ IndInit"
