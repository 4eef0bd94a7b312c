"""Where the engines stand, for the impatient: on a terminal a line that changes, elsewhere a line now and then."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from verify.engine.verdict import Progress

DEFAULT_WIDTH, MIN_WIDTH = 100, 60
PATIENCE, PAUSE, TICK = 1.0, 5.0, 0.1  # seconds: until the first progress on a terminal; between lines; between updates


def width() -> int:
    """The columns that there are to write in."""
    return max(MIN_WIDTH, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns)


@dataclass(slots=True)
class Meter:
    """Progress on stderr: one line that changes on a terminal, else a line for each claim now and then."""

    stream: TextIO
    starts: dict[str, float] = field(default_factory=dict)  # by claim
    lasts: dict[str, float] = field(default_factory=dict)
    shown: str = ""  # the claim of the line on the terminal

    def __call__(self, claim: str, progress: Progress) -> None:
        """Show where an engine stands, unless it is too early to say."""
        now = time.monotonic()
        start, last = self.starts.setdefault(claim, now), self.lasts.get(claim, 0.0)
        figures = ", ".join(f"{name} {count:,}" for name, count in progress.figures.items())
        text = f"{claim}: {progress.phase}" + (f": {figures}" if figures else "")
        if not self.stream.isatty():
            if now - max(start, last) < PAUSE:
                return
            self.stream.write(f"verify: {text}\n")
        else:
            held = self.shown not in ("", claim) and now - self.lasts[self.shown] < PATIENCE  # by one that goes on
            if now - start < PATIENCE or now - last < TICK or held:
                return
            self.stream.write(f"\r\x1b[K{text[: width() - 1]}")
            self.shown = claim
        self.stream.flush()
        self.lasts[claim] = now

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
        self.shown = ""
