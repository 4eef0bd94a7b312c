"""Subsets of a set that no cube of its subsets covers: the map of a search for minimal sets.

Z3 finds a subset that is in none of the cubes; it is shrunk for as long as it stays so (the map solver of Liffiton,
Previti, Malik and Marques-Silva, "Fast, flexible MUS enumeration", Constraints 2016).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import z3

Cube = tuple[Collection[str], Collection[str]]  # the subsets that hold all of the first and none of the second


def smallest_outside(universe: Sequence[str], cubes: Iterable[Cube]) -> frozenset[str] | None:
    """Return a subset in none of the cubes, of which every smaller one is in some; None if there is none."""
    context = z3.Context()
    names = {name: z3.Bool(name, context) for name in universe}
    solver = z3.Solver(ctx=context)
    for all_of, none_of in cubes:
        out = [z3.Not(names[name]) for name in sorted(all_of)] + [names[name] for name in sorted(none_of)]
        solver.add(z3.Or(*out) if out else z3.BoolVal(val=False, ctx=context))
    if solver.check() != z3.sat:
        return None
    chosen = dict.fromkeys(names)
    for name, there in names.items():
        if solver.check(*(z3.Not(names[other]) for other in names if other not in chosen), z3.Not(there)) == z3.sat:
            del chosen[name]
    return frozenset(chosen)
