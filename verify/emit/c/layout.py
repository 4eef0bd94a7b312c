"""Lines of C: long ones wrapped, comments that end where they should, strings."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

WIDTH = 100


def statements(indent: str, text: str) -> Iterator[str]:
    """A statement on as many lines as it needs, broken at blanks."""
    yield from wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ",
        break_long_words=False, break_on_hyphens=False,
    )


def commented(text: str, indent: str = "") -> Iterator[str]:
    """A comment, cut where it would be too long for a line."""
    room = WIDTH - len(indent) - 6
    inner = plain(text)
    yield f"{indent}/* {inner if len(inner) <= room else f'{inner[: room - 3].rstrip()}...'} */"


def plain(text: str) -> str:
    """The text in ASCII, with nothing that a comment could end at, or that a compiler warns of in one."""
    found = "".join(char if " " <= char <= "~" else "?" for char in text)
    for pair in ("*/", "/*", "??"):
        found = found.replace(pair, f"{pair[0]} {pair[1]}")
    return found


def string(text: str) -> str:
    """A string of C."""
    found = "".join(char if " " <= char <= "~" else "?" for char in text)
    return '"' + found.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'
