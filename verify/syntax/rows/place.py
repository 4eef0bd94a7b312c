"""What every row of the table gets: where its text stands, and where to report what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.lex import Word

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """The text of one construct."""

    span: Span
    errors: list[Diagnostic]

    def refuse(self, code: str, message: str, hint: str = "", span: Span | None = None) -> None:
        """Report an error, here or at `span`; the construct is still built, so that later errors are found."""
        self.errors.append(Diagnostic(code, message, span or self.span, hint=hint))


def only(kind: type[T], values: tuple[object, ...]) -> tuple[T, ...]:
    """Return those values that are of `kind`: what is optional in the grammar leaves None behind."""
    return tuple(value for value in values if isinstance(value, kind))


MAX_DIGITS = 66  # of a number of 64 bits in base 2, with its prefix; reading longer ones takes quadratic time


def integer(at: Place, word: Word) -> int:
    """Return the value of a number as C reads it; reports one that needs more than 64 bits, and returns 0."""
    digits = word.text.rstrip("uUlL")
    octal = digits.isdigit() and digits[0] == "0"
    value = int(digits, 8 if octal else 0) if len(digits) <= MAX_DIGITS else 1 << 64
    if value >= 1 << 64:
        at.refuse("KC012", "the number does not fit into 64 bits", span=word.span)
        return 0
    return value
