"""Python source in the making: expressions with what is known about them, and the parts of a state they read.

Only positional identifiers and integers reach the text: `s` the state, `r3_` a part of it that is read, `k3` an object
handed to the generated code (numbers that differ from thread to thread, tables indexed by a pointer), `b3` a loop
variable.

A vector is a tuple with one entry for each thread that the code is made for: the same text serves them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.engine.packing import Layout

# Levels of Python's grammar, loosest first.
IF, OR, AND, NOT, COMPARE, BITOR, BITXOR, BITAND, SHIFT, SUM, PRODUCT, ATOM = range(12)
DEEP = 40  # an expression nested deeper is computed ahead of time
LOOPS = re.compile(r"\bb\d+\b")
READS = re.compile(r"\br(\d+)_")

Vector = tuple[int, ...]


class Code(NamedTuple):
    """A Python expression whose value lies in `lo` to `hi`; `fixed` if it is known beforehand."""

    text: str
    level: int
    lo: int
    hi: int
    fixed: Vector | None = None
    depth: int = 0

    def at(self, level: int) -> str:
        """The text, in parentheses where an operand of `level` needs them."""
        return self.text if self.level >= level else f"({self.text})"


class Cond(NamedTuple):
    """A Python condition. `always`: its truth is known. `pin`: it says that s & mask == value (or, `sharp`, !=)."""

    text: str
    level: int
    always: bool | None = None
    pin: tuple[Vector, Vector] | None = None
    sharp: bool = False
    depth: int = 0

    def at(self, level: int) -> str:
        """The text, in parentheses where an operand of `level` needs them."""
        return self.text if self.level >= level else f"({self.text})"


YES, NO = Cond("True", ATOM, always=True), Cond("False", ATOM, always=False)
Env = Mapping[str, Code]  # what the bound names stand for


@dataclass(slots=True)
class Writer:
    """What is collected while the text of one function is written, for the threads `threads` (0: a property)."""

    places: Layout
    threads: Vector
    given: dict[tuple[object, ...], str] = field(default_factory=dict)  # entries for each thread: name
    reads: list[str] = field(default_factory=list)  # the text of r0, r1, ...
    named: dict[str, int] = field(default_factory=dict)  # text: its number in `reads`
    eager: set[int] = field(default_factory=set)  # reads to be made once, at the top
    looped: set[int] = field(default_factory=set)  # reads that depend on a loop variable
    constants: dict[Vector, Code] = field(default_factory=dict)
    loops: int = 0  # loop variables so far
    within: int = 0  # loops around the text being written

    def give(self, entries: Sequence[object]) -> str:
        """Return the name of an object that has one value for each thread."""
        return self.given.setdefault(tuple(entries), f"k{len(self.given)}")

    def number(self, entries: Vector) -> str:
        """Return a literal or a name for numbers fixed beforehand."""
        if entries.count(entries[0]) < len(entries):
            return self.give(entries)
        return str(entries[0]) if abs(entries[0]) < 1 << 16 else hex(entries[0])

    def read(self, text: str, *, eager: bool = False) -> str:
        """Return the name of a part of the state."""
        index = self.named.setdefault(text, len(self.reads))
        if index == len(self.reads):
            self.reads.append(text)
            if self.varies(text):
                self.looped.add(index)
        if eager or self.within:
            self.eager.add(index)
        return f"r{index}_"

    def varies(self, text: str) -> bool:
        """Whether the text depends on a loop variable."""
        if not self.loops:
            return False
        return LOOPS.search(text) is not None or any(int(found[1]) in self.looped for found in READS.finditer(text))


def finish(writer: Writer, lines: Sequence[str]) -> list[str]:
    """Return `lines` with every read written out where it is used once, and made ahead where it is used often."""
    body = "\n".join(lines)
    ahead = ""
    for index in reversed(range(len(writer.reads))):
        name, text = f"r{index}_", writer.reads[index]
        uses = body.count(name) + ahead.count(name)
        if index not in writer.looped and uses > (0 if index in writer.eager else 1):
            ahead = f"{name} = {text}\n{ahead}"
        elif uses:
            body, ahead = body.replace(name, f"({text})"), ahead.replace(name, f"({text})")
    return [*ahead.splitlines(), *body.split("\n")]


def constant(writer: Writer, entries: Vector) -> Code:
    """Numbers known beforehand."""
    code = writer.constants.get(entries)
    if code is None:
        text = writer.number(entries)
        code = Code(text, SUM if text.startswith("-") else ATOM, min(entries), max(entries), entries)
        writer.constants[entries] = code
    return code
