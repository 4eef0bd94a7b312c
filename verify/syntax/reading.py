"""What the preprocessor keeps while it reads: open files, open `#if`s, macros, the words and errors so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from verify.diagnostics import Diagnostic
from verify.source import Source, Span
from verify.syntax.lex import Word
from verify.syntax.limits import Budget
from verify.syntax.macros import Expander, Macro


@dataclass(slots=True)
class Branch:
    """An open `#if`: whether its text counts, whether some branch was taken, whether `#else` has been."""

    span: Span
    active: bool
    taken: bool
    last: bool = False


@dataclass(slots=True)
class File:
    """A file while it is read."""

    source: Source
    path: Path | None  # None for text that is no file
    depth: int
    branches: list[Branch] = field(default_factory=list)
    waiting: list[Word] = field(default_factory=list)  # text that macros have not been expanded in yet

    @property
    def active(self) -> bool:
        """Whether the text here counts; an inner branch is active only within active ones."""
        return not self.branches or self.branches[-1].active


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the preprocessor: what files and directives share."""

    roots: tuple[Path, ...]
    budget: Budget
    macros: dict[str, Macro] = field(default_factory=dict)
    included: set[Path] = field(default_factory=set)
    sources: list[Source] = field(default_factory=list)  # in the order in which they were opened
    output: list[Word] = field(default_factory=list)
    errors: list[Diagnostic] = field(default_factory=list)

    @property
    def expander(self) -> Expander:
        """The macros now in force."""
        return Expander(self.macros, self.budget, self.errors)

    def report(self, code: str, message: str, at: Span, hint: str = "") -> None:
        """Add an error."""
        self.errors.append(Diagnostic(code, message, at, hint=hint))


def extent(name: Word, rest: list[Word]) -> Span:
    """Return the span of a directive from its name on, or of what is given of it."""
    return name.span.to(rest[-1].span) if rest else name.span
