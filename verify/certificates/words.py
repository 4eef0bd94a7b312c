"""Formulas of integers and truths as SMT-LIB 2 text: numbers are bit-vectors, all of one width that none outgrows.

A term is a number that names a node; equal nodes are one, so that what is shared is written once. Each number carries
bounds, from which the width follows when everything is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Term = int
Bounds = tuple[int, int]
Node = tuple[object, ...]  # an operator of SMT-LIB and terms, or what a leaf is

SHOWN = re.compile(r"\(n([0-9]+) (#b[01]+|#x[0-9a-f]+|true|false)\)")
MAX_BITS = 512
MAX_SHIFT = 63  # a shift by less than 0 or more than this gives 0
COMPARED = {"<": "bvslt", "<=": "bvsle", ">": "bvsgt", ">=": "bvsge"}
ARITHMETIC = {"+": "bvadd", "-": "bvsub", "*": "bvmul", "&": "bvand", "|": "bvor", "^": "bvxor"}


class TooWideError(Exception):
    """A number may need more bits than are given to any."""


@dataclass(slots=True)
class Words:
    """The nodes of formulas; the first two are false and true."""

    nodes: list[Node] = field(default_factory=lambda: [("false",), ("true",)])
    bounds: list[Bounds | None] = field(default_factory=lambda: [None, None])  # None: a truth
    known: dict[Node, Term] = field(default_factory=lambda: {("false",): 0, ("true",): 1})
    limits: dict[Term, Term] = field(default_factory=dict)  # of a variable: that it lies within its bounds

    def _node(self, node: Node, bounds: Bounds | None = None) -> Term:
        found = self.known.get(node)
        if found is None:
            found = self.known[node] = len(self.nodes)
            self.nodes.append(node)
            self.bounds.append(bounds)
            if bounds is not None and _width(bounds) > MAX_BITS:
                raise TooWideError(f"a number may need {_width(bounds)} bits")
        return found

    # ---- leaves ----------------------------------------------------------------------------------

    def number(self, value: int) -> Term:
        """The number `value`."""
        return self._node(("number", value), (value, value))

    def variable(self, least: int, most: int) -> Term:
        """Some number from `least` to `most`, wherever the term of `limits` is assumed."""
        found = self._node(("variable", len(self.nodes)), (least, most))
        self.limits[found] = self.both([self.compare("<=", self.number(least), found),
                                        self.compare("<=", found, self.number(most))])
        return found

    def opaque(self, most: int) -> Term:
        """Some number that is only compared for equality or looked at bit by bit; there are more than `most`."""
        return self._node(("variable", len(self.nodes)), (0, most))

    def flag(self) -> Term:
        """A truth that may be either."""
        return self._node(("flag", len(self.nodes)))

    # ---- truths ----------------------------------------------------------------------------------

    def inverse(self, a: Term) -> Term:
        """That `a` is false."""
        a = self.truth(a)
        if a < 2:  # noqa: PLR2004 - false and true
            return 1 - a
        node = self.nodes[a]
        return int(str(node[1])) if node[0] == "not" else self._node(("not", a))

    def both(self, parts: Iterable[Term]) -> Term:
        """That all of `parts` are true."""
        return self._junction("and", parts, 0)

    def some(self, parts: Iterable[Term]) -> Term:
        """That one of `parts` is true."""
        return self._junction("or", parts, 1)

    def _junction(self, word: str, parts: Iterable[Term], decisive: Term) -> Term:
        found = dict.fromkeys(self.truth(part) for part in parts)
        if decisive in found:
            return decisive
        found.pop(1 - decisive, None)
        if len(found) < 2:  # noqa: PLR2004 - no junction
            return next(iter(found), 1 - decisive)
        return self._node((word, *found))

    def truth(self, a: Term) -> Term:
        """That `a` is true, or a number other than 0."""
        return a if self.bounds[a] is None else self.inverse(self.equal(a, self.number(0)))

    def value(self, a: Term) -> Term:
        """`a` as a number: 0 or 1 for a truth."""
        return a if self.bounds[a] is not None else self.either(a, self.number(1), self.number(0))

    def within(self, a: Term) -> Bounds:
        """The bounds of a number."""
        return self.bounds[a] or (0, 1)

    def constant(self, a: Term) -> int | None:
        """The number that `a` is, if it is a numeral."""
        node = self.nodes[a]
        return node[1] if node[0] == "number" and isinstance(node[1], int) else None

    def equal(self, a: Term, b: Term) -> Term:
        """That two numbers or two truths are the same."""
        if self.bounds[a] is not None or self.bounds[b] is not None:
            a, b = self.value(a), self.value(b)
            one, other = self.constant(a), self.constant(b)
            if one is not None and other is not None:
                return int(one == other)
        return 1 if a == b else self._node(("=", min(a, b), max(a, b)))

    def compare(self, op: str, a: Term, b: Term) -> Term:
        """That `a` is less than `b`, or as `op` says."""
        return self._node((COMPARED[op], self.value(a), self.value(b)))

    # ---- numbers ---------------------------------------------------------------------------------

    def either(self, test: Term, then: Term, other: Term) -> Term:
        """`then` if `test` is true, else `other`."""
        test = self.truth(test)
        if test < 2 or then == other:  # noqa: PLR2004 - false and true
            return then if test else other
        if self.bounds[then] is None and self.bounds[other] is None:
            return self._node(("ite", test, then, other))
        then, other = self.value(then), self.value(other)
        return self._node(("ite", test, then, other), _hull(self.within(then), self.within(other)))

    def arithmetic(self, op: str, a: Term, b: Term) -> Term:
        """`a op b` of unbounded integers; C's division, with 0 for a division by 0 and for a shift too far."""
        a, b = self.value(a), self.value(b)
        bounds = BOUNDS[op](self.within(a), self.within(b))
        zero = self.number(0)
        match op:
            case "/" | "%":
                divided = self._node(("bvsdiv" if op == "/" else "bvsrem", a, b), bounds)
                return self.either(self.equal(b, zero), zero, divided)
            case "<<" | ">>":
                inside = [self.compare("<=", zero, b), self.compare("<=", b, self.number(MAX_SHIFT))]
                return self.either(
                    self.both(inside), self._node(("bvshl" if op == "<<" else "bvashr", a, b), bounds), zero
                )
            case _:
                return self._node((ARITHMETIC[op], a, b), bounds)

    def wrapped(self, bits: int, a: Term, *, signed: bool) -> Term:
        """`a` as a C integer of `bits` bits."""
        a = self.value(a)
        full = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if full[0] <= self.within(a)[0] and self.within(a)[1] <= full[1]:
            return a
        low = self._node(("bvand", a, self.number((1 << bits) - 1)), (0, (1 << bits) - 1))
        if not signed:
            return low
        sign = self.compare("<=", self.number(1 << bits - 1), low)
        less = self._node(("bvsub", low, self.number(1 << bits)), (-(1 << bits), -1))
        return self._node(("ite", sign, less, low), full)

    def bit(self, a: Term, place: int) -> Term:
        """Whether bit `place` of a set is on."""
        return self.truth(self._node(("bvand", a, self.number(1 << place)), (0, 1 << place)))

    # ---- text ------------------------------------------------------------------------------------

    def script(self, asserted: Term, shown: Iterable[Term] = ()) -> str:
        """The question whether `asserted` can be true of variables within their bounds, as an SMT-LIB 2 script.

        It asks also for the values of those terms `shown` that it speaks of.
        """
        claims = [asserted]
        needed = self._below(claims)
        within = [limit for variable, limit in self.limits.items() if variable in needed]
        claims += within
        needed |= self._below(within)
        width = max((_width(bounds) for term in needed if (bounds := self.bounds[term]) is not None), default=1)
        lines = ["(set-logic QF_BV)"]
        lines += [self._line(term, width) for term in sorted(needed) if self.nodes[term][0] != "number"]
        lines += [f"(assert {self._name(claim, width)})" for claim in claims]
        names = [f"n{term}" for term in sorted(needed.intersection(shown)) if self.nodes[term][0] != "number"]
        asked = [f"(get-value ({' '.join(names)}))"] if names else []
        return "\n".join([*lines, "(check-sat)", *asked, ""])

    def values(self, said: str) -> Mapping[Term, int]:
        """The values of terms that a solver said, a truth as 0 or 1."""
        return {int(name): _numeral(value) for name, value in SHOWN.findall(said)}

    def _below(self, terms: Iterable[Term]) -> set[Term]:
        """All that some terms are made of."""
        found, todo = set[Term](), list(terms)
        while todo:
            term = todo.pop()
            if term not in found:
                found.add(term)
                if self.nodes[term][0] not in LEAVES:
                    todo += self._parts(term)
        return found

    def _parts(self, term: Term) -> Iterator[Term]:
        return (part for part in self.nodes[term][1:] if isinstance(part, int))

    def _name(self, term: Term, width: int) -> str:
        value = self.constant(term)
        return f"n{term}" if value is None else f"(_ bv{value % (1 << width)} {width})"

    def _line(self, term: Term, width: int) -> str:
        word, sort = self.nodes[term][0], "Bool" if self.bounds[term] is None else f"(_ BitVec {width})"
        if word in ("variable", "flag"):
            return f"(declare-const n{term} {sort})"
        parts = " ".join(self._name(part, width) for part in self._parts(term)) if word not in LEAVES else ""
        return f"(define-fun n{term} () {sort} {f'({word} {parts})' if parts else word})"


def _numeral(value: str) -> int:
    """The number that a numeral in two's complement is, or a truth."""
    if value in ("true", "false"):
        return int(value == "true")
    bits = (len(value) - 2) * (1 if value[1] == "b" else 4)
    number = int(value[2:], 2 if value[1] == "b" else 16)
    return number - (1 << bits) if number >> bits - 1 else number


LEAVES = frozenset({"number", "variable", "flag", "false", "true"})

# ---- bounds --------------------------------------------------------------------------------------


def _width(bounds: Bounds) -> int:
    """The bits of two's complement that hold every number within the bounds."""
    return max((~end if end < 0 else end).bit_length() for end in bounds) + 1


def _hull(*bounds: Bounds) -> Bounds:
    return min(least for least, _ in bounds), max(most for _, most in bounds)


def _corners(values: Iterable[int]) -> Bounds:
    every = list(values)
    return min(every), max(every)


def _quotient(a: Bounds, _: Bounds) -> Bounds:
    most = max(map(abs, a))
    return -most, most


def _bitwise(a: Bounds, b: Bounds) -> Bounds:
    most = 1 << max(_width(a), _width(b)) - 1
    return (0 if min(a[0], b[0]) >= 0 else -most), most - 1


def _shifted(a: Bounds, b: Bounds) -> Bounds:
    most = 1 << min(max(b[1], 0), MAX_SHIFT)
    return _hull((0, 0), a, (a[0] * most, a[1] * most))


BOUNDS: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "+": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "-": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "*": lambda a, b: _corners(x * y for x in a for y in b),
    "/": _quotient,
    "%": _quotient,
    "&": _bitwise,
    "|": _bitwise,
    "^": _bitwise,
    "<<": _shifted,
    ">>": lambda a, _: _hull((0, 0), a),
}
