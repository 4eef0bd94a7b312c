"""Source text and places in it: every later stage points back here."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was read; `path` is what the user calls it, never resolved further."""

    path: str
    text: str = field(repr=False)
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)  # offset of each line

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", (0, *map(re.Match.end, re.finditer("\n", self.text))))

    def position(self, offset: int) -> tuple[int, int]:
        """Return (line, column) of a character offset, both counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the text of line `number` (from 1) without its end; empty past the last line."""
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] - 1 if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` (exclusive) of a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character, from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The source text, with white space folded to single blanks."""
        return " ".join(self.source.text[self.start : self.end].split())

    def to(self, other: Span) -> Span:
        """Return the span from here to the end of `other`; this one if they lie in two files."""
        if other.source is not self.source or other.end < self.start:
            return self
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}"


NOWHERE = Span(Source("<built-in>", ""), 0, 0)


# ---- what is shown of it ------------------------------------------------------------------------


def clean(text: str) -> str:
    """The text without anything that could move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def statement(span: Span) -> str:
    """The statement at a place, without what it governs; a condition with the word that it belongs to."""
    before = re.search(r"\b(if|while|switch) *\($", span.source.text[: span.start])
    if before:
        return clean(f"{before[1]} ({span.text})")
    return clean(head(span.text))


def head(text: str) -> str:
    """A statement without the body that it governs."""
    if not re.match(r"(if|while|for|switch) ?\(", text):
        return text.split("{", maxsplit=1)[0].rstrip()
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == ")" and depth == 0:
            return text[: position + 1]
    return text


def where(span: Span) -> str:
    """The file's last part and the line."""
    return clean(f"{span.source.path.rsplit('/', 1)[-1]}:{span.line}")
