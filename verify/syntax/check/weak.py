"""`__weak` functions: which definition of a name counts, and what goes with those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from verify.syntax.ast import At, Decl, FunctionDecl, InvariantDecl, Labeled
from verify.syntax.check.walk import statements, subexpressions


class Settled(NamedTuple):
    """Declarations with no function weak any more."""

    declarations: tuple[Decl, ...]
    replaced: tuple[FunctionDecl, ...]  # definitions that do not count
    lost: Mapping[str, str]  # invariants that went with a label of these, and the label


def settled(declarations: Sequence[Decl]) -> Settled:
    """Replace each weak definition by a later one of its name: what is left of it is a prototype.

    An invariant of an included file that speaks of a label which is there no more goes with it. A definition that is
    not weak stays, so that a later one is an error.
    """
    last = {d.name: place for place, d in enumerate(declarations) if isinstance(d, FunctionDecl) and d.body is not None}
    kept = list[Decl]()
    replaced = list[FunctionDecl]()
    lost: dict[str, str] = {}
    there = {label for place in last.values() for label in _labels(declarations[place])}
    for place, decl in enumerate(declarations):
        match decl:
            case FunctionDecl(weak=True) if place != last[decl.name]:
                replaced.append(decl)
                kept.append(replace(decl, body=None, weak=False))
            case FunctionDecl(weak=True):
                kept.append(replace(decl, weak=False))
            case InvariantDecl() if gone := _gone(decl, place, declarations, last, there):
                lost[decl.name] = gone
            case _:
                kept.append(decl)
    return Settled(tuple(kept), tuple(replaced), lost)


def _labels(decl: Decl) -> Iterator[str]:
    if isinstance(decl, FunctionDecl) and decl.body is not None:
        yield from (f"{decl.name}.{s.label}" for s in statements(decl.body) if isinstance(s, Labeled))


def _gone(
    decl: InvariantDecl, place: int, declarations: Sequence[Decl], last: Mapping[str, int], there: set[str]
) -> str:
    """A label that the invariant speaks of and that a later function of another file has taken away; else empty."""
    for part in (decl.body, decl.unless):
        for expr in () if part is None else subexpressions(part):
            if isinstance(expr, At) and expr.label not in there:
                taken = last.get(expr.label.partition(".")[0], -1)
                if taken > place and declarations[taken].span.source is not decl.span.source:
                    return expr.label
    return ""
