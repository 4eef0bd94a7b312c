"""Bounds on what is read, so that any input, however hostile, ends soon and later stages may recurse."""

from __future__ import annotations

from dataclasses import dataclass

from verify.diagnostics import Diagnostic, InputError
from verify.source import Span

MAX_BYTES = 8 * 1024 * 1024  # of text, over all files
MAX_WORDS = 100_000  # read, over all files; as many may come out of macros
MAX_STEPS = 200_000  # of macro expansion
MAX_INCLUDE_DEPTH = 20
MAX_MACRO_DEPTH = 100  # of macro calls within the arguments of macro calls
MAX_BRACKETS = 200  # open at once
MAX_DEPTH = 100  # of the syntax tree: a recursive reader of the tree needs a few frames of Python for each level
MAX_ERRORS = 50  # reported in one run


class LimitError(InputError):
    """A bound on the whole run is passed: nothing more is read."""

    def __init__(self, code: str, message: str, at: Span, hint: str = "") -> None:
        """Say which bound, and where."""
        super().__init__([Diagnostic(code, message, at, hint=hint)])


@dataclass(slots=True)
class Budget:
    """What may still be read; shared by all files of one run."""

    size: int = MAX_BYTES
    words: int = MAX_WORDS
    steps: int = MAX_STEPS

    def read_bytes(self, count: int, at: Span) -> None:
        """Pay for `count` bytes of text, or raise LimitError."""
        self.size -= count
        if self.size < 0:
            raise LimitError("KC003", f"more than {MAX_BYTES // 1024 // 1024} MB of text", at, "split the file")

    def read_word(self, at: Span) -> None:
        """Pay for one word, or raise LimitError."""
        self.words -= 1
        if self.words < 0:
            raise LimitError("KC003", f"more than {MAX_WORDS} words of text", at, "split the file")

    def expand(self, count: int, at: Span) -> None:
        """Pay for `count` steps of macro expansion, or raise LimitError."""
        self.steps -= count
        if self.steps < 0:
            raise LimitError("KC025", "macros expand to too much text", at, "look for a macro that doubles its text")
