"""On what a proof rests: the locks and the variables that it knows of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verify.ir import Field, Global, System
from verify.universal import Clause, parts


def rests_on(system: System, clauses: Sequence[Clause], keys: frozenset[tuple[str, str]]) -> Iterator[str]:
    """The locks and the variables that a proof knows of; all others might have any value."""
    said = {(p.cls, p.name) for c in clauses for p in parts(c.body) if isinstance(p, Field)}
    said |= {("", p.name) for c in clauses for p in parts(c.body) if isinstance(p, Global)}
    variables = {(cls, var.name): var for cls, found in system.classes.items() for var in found.fields}
    variables |= {("", var.name): var for var in system.globals}
    known = [key for key in sorted(keys | said) if key in variables and "#" not in key[1]]
    locks = [key for key in known if variables[key].lock or key[1].endswith(".readers")]
    for what, some in (("locks", locks), ("variables", [key for key in known if key not in locks])):
        if some:
            yield f"{what} that it rests on: {', '.join(_dotted(key) for key in some)}"


def _dotted(key: tuple[str, str]) -> str:
    return f"`{key[0]}.{key[1]}`" if key[0] else f"`{key[1]}`"
