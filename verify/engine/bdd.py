"""Decision diagrams (BDDs; Bryant 1986): CUDD's where `dd` was built with it, else Python's.

At each call, `dd` makes anew the set of the bits that are forgotten and the table of those that are renamed, from the
names of all bits. That takes longer than most of what is asked here, so these are made once.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from logging import ERROR, getLogger
from typing import Any

Node = Any  # a diagram of `dd`, which ships no types
MEMORY = 3 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Renaming:
    """New names of bits. What is renamed has none of the new ones, unless it is one of the old."""

    names: Mapping[str, str]
    same: Node  # each bit is what its new name is; None if an old name is given anew
    old: Node  # all the bits


@dataclass(slots=True)
class Manager:
    """The diagrams over some bits."""

    library: Any = field(repr=False)
    cudd: Any = field(repr=False)  # None where there is none
    true: Node = field(repr=False)
    false: Node = field(repr=False)
    sets: dict[tuple[str, ...], Node] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.library)

    def declare(self, *bits: str) -> None:
        """Add bits below all others."""
        self.library.declare(*bits)

    def var(self, bit: str) -> Node:
        """That a bit is set."""
        return self.library.var(bit)

    def cube(self, code: Mapping[str, bool]) -> Node:
        """That bits have these values."""
        return self.library.cube(code)

    def ite(self, cond: Node, then: Node, other: Node) -> Node:
        """`then` where `cond` holds, else `other`."""
        return self.library.ite(cond, then, other)

    def equal(self, left: Node, right: Node) -> Node:
        """That both hold, or neither."""
        return self.library.apply("equiv", left, right)

    def pick(self, node: Node, bits: Collection[str]) -> dict[str, bool]:
        """Values of these bits with which a diagram that is not false holds."""
        found: dict[str, bool] = self.library.pick(node, care_vars=bits)
        return found

    def exist(self, bits: Iterable[str], node: Node) -> Node:
        """The diagram, whatever these bits are."""
        if self.cudd is None:
            return self.library.exist(bits, node)
        return self.library.apply("exists", self._set(bits), node)

    def product(self, left: Node, right: Node, bits: Iterable[str]) -> Node:
        """Both, whatever these bits are."""
        if self.cudd is None:
            return self.library.exist(bits, left & right)
        return self.cudd.and_exists(left, right, (self._set(bits),))

    def simplify(self, node: Node, within: Node) -> Node:
        """A diagram, a small one if can be, that is the first wherever the second holds."""
        return node if self.cudd is None else self.cudd.restrict(node, within)

    def let(self, values: Mapping[str, bool] | Mapping[str, str], node: Node) -> Node:
        """The diagram with values put in for bits, or other bits, all at once."""
        return self.library.let(values, node) if values else node

    def renaming(self, names: Mapping[str, str]) -> Renaming:
        """The renaming of bits, ready to be used again and again."""
        if not names.keys().isdisjoint(names.values()):
            return Renaming(names, None, None)
        same = self.true
        for old, new in sorted(names.items(), reverse=True):
            same &= self.equal(self.var(old), self.var(new))
        return Renaming(names, same, self._set(names))

    def rename(self, renaming: Renaming, node: Node) -> Node:
        """The diagram with its bits renamed."""
        if not renaming.names:
            return node
        if self.cudd is None or renaming.same is None:
            return self.library.let(renaming.names, node)
        return self.cudd.and_exists(node, renaming.same, (renaming.old,))

    def _set(self, bits: Iterable[str]) -> Node:
        names = bits if isinstance(bits, tuple) else tuple(bits)
        if names not in self.sets:
            self.sets[names] = self.library.cube(dict.fromkeys(names, True))
        return self.sets[names]


def manager() -> Manager:
    """No diagrams, of no bits."""
    try:
        with _unwanted("networkx"):
            cudd = import_module("dd.cudd")
    except ImportError:
        plain = import_module("dd.autoref").BDD()
        return Manager(plain, None, plain.true, plain.false)
    getLogger("dd").setLevel(ERROR)  # it warns of renaming nothing, on stderr

    class Library(cudd.BDD):  # type: ignore[misc,name-defined] # its calls ask for sets of bits by this method
        def cube(self, bits: Node) -> Node:
            """A set of bits that is made already, alone in a set, or else what the library makes."""
            if type(bits) is set and len(bits) == 1:
                (one,) = bits
                if isinstance(one, cudd.Function):
                    return one
            return super().cube(bits)

    found = Library()
    found.configure(reordering=False, max_memory=MEMORY)
    return Manager(found, cudd, found.true, found.false)


@contextmanager
def _unwanted(name: str) -> Iterator[None]:
    """Let no module be imported that a library can do without: this one takes longer than all the rest of it."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # what makes an import fail
    try:
        yield
    finally:
        del sys.modules[name]
