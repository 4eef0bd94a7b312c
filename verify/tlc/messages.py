"""What TLC prints with `-tool`: messages in frames, which nest, and lines between them.

    @!@!@STARTMSG 2110:1 @!@!@
    Invariant Safe is violated.
    @!@!@ENDMSG 2110 @!@!@

An exception's message starts one inside its own, behind other words of the line. SANY's lines, and what a module
prints, come without a frame. Strings are printed in quotes and their line ends escaped, so that no module can print a
frame: only at the start of its line is one believed, or, within another, behind words without a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from verify.tlc.errors import TlcOutputError

ERROR: Final = 1  # severities: 0 none, 1 error, 2 a bug of TLC, 3 warning, 4 a state
BUG: Final = 2

_START = re.compile(r"(?P<before>[^\"]*)@!@!@STARTMSG (?P<code>\d+):(?P<severity>\d+) @!@!@\s*")
_END = re.compile(r"@!@!@ENDMSG (?P<code>\d+) @!@!@\s*")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its code and severity, its lines, and the messages in it, in the order in which they ended."""

    code: int
    severity: int
    lines: tuple[str, ...] = ()
    inner: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """Its own lines, without those of the messages in it."""
        return "\n".join(self.lines).strip()

    def words(self) -> str:
        """All that it says, with the messages in it, in one line."""
        return " ".join(" ".join([self.text, *(message.words() for message in self.inner)]).split())

    def all(self) -> Iterator[Message]:
        """Itself and the messages in it."""
        yield self
        for message in self.inner:
            yield from message.all()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is in no message."""

    text: str


@dataclass(slots=True)
class _Open:
    code: int
    severity: int
    lines: list[str] = field(default_factory=list)
    inner: list[Message] = field(default_factory=list)


class Reader:
    """Messages out of lines, which come one at a time."""

    def __init__(self) -> None:
        """Begin outside all messages."""
        self._open: list[_Open] = []

    @property
    def is_open(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._open)

    def feed(self, line: str) -> Message | Line | None:
        """The message that ends with this line, or the line, if it is in none; None within a message.

        Raises TlcOutputError if a message ends that is not the last one to begin.
        """
        if (start := _START.fullmatch(line)) and (self._open or not start["before"]):
            if self._open:
                self._open[-1].lines.append(start["before"])
            self._open.append(_Open(int(start["code"]), int(start["severity"])))
            return None
        if end := _END.fullmatch(line):
            return self._end(int(end["code"]))
        if not self._open:
            return Line(line)
        self._open[-1].lines.append(line)
        return None

    def _end(self, code: int) -> Message | None:
        if not self._open or self._open[-1].code != code:
            raise TlcOutputError(f"a message {code} ends that did not begin")
        last = self._open.pop()
        message = Message(last.code, last.severity, tuple(last.lines), tuple(last.inner))
        if not self._open:
            return message
        self._open[-1].inner.append(message)
        return None
