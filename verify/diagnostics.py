"""Numbered errors: what is wrong, where, and what to try."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verify.source import Span

MAX_CARETS = 60
MAX_LINE = 160


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error of the user's input; `code` is a key of the table in `docs/language.md`."""

    code: str  # "KC101"
    message: str  # lower case, no period, code in backticks
    span: Span
    label: str = ""  # what stands beside the carets
    hint: str = ""  # what to try
    notes: tuple[tuple[str, Span], ...] = ()  # further places, as the path to a lock leak

    def render(self) -> str:
        """Return the error as text: header, the user's line, carets, notes, help."""
        header = f"{self.span.source.path}:{self.span.line}:{self.span.column}"
        lines = [f"{header}: error[{self.code}]: {self.message}", *_excerpt(self.span, self.label)]
        for text, place in self.notes:
            lines.append(f"  note: {place.source.path}:{place.line}: {text}")
        if self.hint:
            lines.append(f"  = help: {self.hint}")
        return "\n".join(lines)


def _excerpt(span: Span, label: str) -> list[str]:
    line, column = span.line, span.column
    text = span.source.line(line).replace("\t", " ")
    if not text.strip():
        return []
    shift = max(0, column - MAX_LINE // 2) if len(text) > MAX_LINE else 0
    shown = "".join(c if c.isprintable() else "?" for c in text[shift : shift + MAX_LINE])
    width = max(1, min(span.end - span.start, len(text) - column + 1, MAX_CARETS))
    margin = " " * len(str(line))
    carets = " " * (column - 1 - shift) + "^" * width
    return [f"{margin} |", f"{line} | {shown}", f"{margin} | {carets} {label}".rstrip()]


class InputError(Exception):
    """The input cannot be used; carries every error found, in the order of the source."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Carry the errors; the text of the exception is all of them, rendered."""
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(d.render() for d in self.diagnostics))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...]]]:
        """What makes it again, where a worker sends it."""
        return InputError, (self.diagnostics,)
