"""An invariant as many small clauses: a disjunction each, with one literal for a variable of few values.

A clause of a proof may be a decision diagram. Small clauses can be read, and cut an enumeration short early.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

from verify.emit.places import places
from verify.instances import Instance
from verify.ir import FALSE, PC, Binary, Const, Expr, Field, Global, Ite, Local, Place, Range, System, Unary
from verify.semantics import Context, evaluate
from verify.universal import OBJECT, THREAD, Clause, parts, told_in

MOST = 48  # clauses that one may become; else it stays as it is
FEW = 64  # values of a variable that are listed
Literals = tuple[Expr, ...]


def clausal(system: System, clauses: Sequence[Clause]) -> Sequence[Clause]:
    """Clauses that together say the same of every state in which variables have values of theirs."""
    values = _Values(system)
    found = dict[tuple[bool, str, Expr], frozenset[int] | None]()
    for clause in clauses:
        small = list(islice(_pieces(clause.body), MOST + 1))
        bodies = values.resolved(small) if len(small) <= MOST else [clause.body]
        for body in bodies:
            key = (clause.thread, clause.cls, body)
            there = found.get(key, frozenset())
            found[key] = None if there is None or clause.locations is None else there | clause.locations
    return [Clause(thread, cls, where, body) for (thread, cls, body), where in found.items()]


# ---- pieces --------------------------------------------------------------------------------------


def _pieces(expr: Expr) -> Iterator[Literals]:
    """Disjunctions whose conjunction says that an expression is not 0."""
    match expr:
        case Const(value):
            if not value:
                yield ()
        case Binary("&&", left, right):
            yield from _pieces(left)
            yield from _pieces(right)
        case Ite(cond, then, other):
            yield from _either(_not(cond), then)
            yield from _either(cond, other)
        case Binary("||", left, right):
            yield from _either(left, right)
        case Unary("!", Unary("!") | Binary("&&" | "||" | "==" | "!=") | Ite() | Const() as inner):
            yield from _pieces(_not(inner))
        case _:
            yield (expr,)


def _either(one: Expr, other: Expr) -> Iterator[Literals]:
    for first in _pieces(one):
        for second in _pieces(other):
            yield (*first, *second)


def _not(expr: Expr) -> Expr:
    match expr:
        case Const(value):
            return Const(int(not value))
        case Unary("!", inner):
            return inner
        case Binary("&&" | "||" as op, left, right):
            return Binary("||" if op == "&&" else "&&", _not(left), _not(right))
        case Binary("==" | "!=" as op, left, right):
            return Binary("!=" if op == "==" else "==", left, right)
        case Ite(cond, then, other):
            return Ite(cond, _not(then), _not(other))
        case _:
            return Unary("!", expr)


@dataclass(frozen=True, slots=True)
class _Small:
    """A disjunction: what values it allows some variables, and other literals."""

    allowed: Mapping[Place, frozenset[int]] = field(hash=False)
    rest: Literals


# ---- literals ------------------------------------------------------------------------------------


class _Values:
    """Which values of a variable a literal allows, where it reads no other."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.instance = Instance(system, 2, dict.fromkeys(system.classes, 2))
        self.places = sorted(places(system))

    def resolved(self, clauses: Iterable[Literals]) -> Sequence[Expr]:
        """The clauses as expressions: two that differ in one literal are one, and what another implies is none."""
        found = [clause for clause in map(self._literals, clauses) if clause is not None]
        merged = True
        while merged:
            found = [c for n, c in enumerate(found) if not any(_implied(d, c, n > m) for m, d in enumerate(found))]
            pairs = ((one, two, _resolvent(one, two)) for one, two in combinations(found, 2))
            both = next(((one, two, new) for one, two, new in pairs if new is not None), None)
            merged = both is not None
            if both is not None:
                found = [both[2] if clause is both[0] else clause for clause in found if clause is not both[1]]
        return [self._said(clause) for clause in found]

    def _literals(self, literals: Literals) -> _Small | None:
        """What they allow, those about one variable of few values as a set; None if that is everything."""
        allowed, rest = dict[Place, frozenset[int]](), dict[Expr, None]()
        for literal in literals:
            place = self._about(literal)
            if place is None:
                rest[literal] = None
            else:
                values = allowed.get(place, frozenset()).union(self._allowed(literal, place))
                allowed[place] = values
                if len(values) == len(self._every(place)):
                    return None
        if any(_not(literal) in rest for literal in rest):
            return None
        return _Small({place: values for place, values in allowed.items() if values}, tuple(rest))

    def _said(self, clause: _Small) -> Expr:
        return _or([*(self._listed(place, values) for place, values in clause.allowed.items()), *clause.rest])

    def _about(self, literal: Expr) -> Place | None:
        """The one variable that a literal reads, if it has few values."""
        read = {part for part in parts(literal) if isinstance(part, Global | Local | Field)}
        if len(read) != 1:
            return None
        (place,) = read
        domain = self.system.var(place).domain
        return place if isinstance(domain, Range) and domain.hi - domain.lo < FEW else None

    def _every(self, place: Place) -> Sequence[int]:
        if place.name in (PC, told_in(PC)):
            return self.places
        domain = self.system.var(place).domain
        return range(domain.lo, domain.hi + 1) if isinstance(domain, Range) else ()

    def _allowed(self, literal: Expr, place: Place) -> Iterator[int]:
        for value in self._every(place):
            state = dict.fromkeys(self.instance.slots(), value)  # of which the literal reads one variable
            at = Context(self.instance, state, bound={THREAD: 1, OBJECT: 2})
            if evaluate(literal, at):
                yield value

    def _listed(self, place: Place, values: frozenset[int]) -> Expr:
        rest = [value for value in self._every(place) if value not in values]
        if len(values) <= len(rest):
            return _or([Binary("==", place, Const(value)) for value in sorted(values)])
        if len(rest) == 1:
            return Binary("!=", place, Const(rest[0]))
        return Unary("!", _or([Binary("==", place, Const(value)) for value in rest]))


def _implied(one: _Small, other: _Small, earlier: bool) -> bool:  # noqa: FBT001 - of two alike the first stays
    """Whether a clause says no more than another one does."""
    if one is other or (one == other and not earlier):
        return False
    weaker = all(values <= other.allowed.get(place, frozenset()) for place, values in one.allowed.items())
    return weaker and set(one.rest) <= set(other.rest)


def _resolvent(one: _Small, two: _Small) -> _Small | None:
    """What two clauses say together, if that is one clause."""
    differ = [p for p in {**one.allowed, **two.allowed} if one.allowed.get(p) != two.allowed.get(p)]
    if one.rest == two.rest and len(differ) == 1:
        place = differ[0]
        both = one.allowed.get(place, frozenset()) & two.allowed.get(place, frozenset())
        return _Small({p: both if p == place else v for p, v in one.allowed.items() if p != place or both}, one.rest)
    if not differ:
        mine, theirs = set(one.rest) - set(two.rest), set(two.rest) - set(one.rest)
        if len(mine) == len(theirs) == 1 and _not(next(iter(mine))) in theirs:
            return _Small(one.allowed, tuple(literal for literal in one.rest if literal not in mine))
    return None


def _or(literals: Iterable[Expr]) -> Expr:
    found: Expr = FALSE
    for literal in literals:
        found = literal if found == FALSE else Binary("||", found, literal)
    return found
