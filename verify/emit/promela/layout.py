"""Lines of a model: wrapped where they are long, comments and strings of which nothing but text is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final

WIDTH: Final = 100
GLUE: Final = "\x00"  # for a blank that no line ends at
AFTER_OPERATOR = re.compile(rf"(?<=&&|\|\||->|\x00:|.[=;,{{]){GLUE}")
CONTINUED: Final = " \\"  # at the end of a line of a macro that goes on


def wrapped(text: str, first: int, rest: int, width: int = WIDTH) -> list[str]:
    """The text on lines of at most `width` characters, if it can be broken, indented by so many blanks.

    To Spin the end of a line may be that of a statement, but not behind an operator, and there lines are broken.
    """
    glued = text.replace(" ", GLUE)
    lines = wrap(
        AFTER_OPERATOR.sub(" ", glued), width, initial_indent=" " * first, subsequent_indent=" " * rest,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(GLUE, " ") for line in lines]


def macro(head: str, body: str) -> list[str]:
    """The definition of a macro, on as many lines as it takes."""
    lines = wrapped(f"#define {head} {body}", 0, 4, WIDTH - len(CONTINUED))
    return [line + CONTINUED for line in lines[:-1]] + lines[-1:]


def packed(parts: Iterable[str], indent: int) -> list[str]:
    """Parts that are never broken, as many on a line as fit."""
    lines = list[str]()
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(" " * indent + part)
    return lines


def comment(text: str, indent: int) -> str:
    """A comment on a line of its own, cut where that would get too long."""
    return f"{' ' * indent}/* {_cut(_inside(text), WIDTH - indent - 6)} */"


def boxed(lines: Sequence[str]) -> list[str]:
    """A comment of many lines."""
    found = [piece for line in lines for piece in _pieces(_inside(line))]
    return ["/*", *(f" * {line}".rstrip() for line in found), " */"]


def printed(text: str, room: int) -> str:
    """The text as a part of the format of `printf`, of at most so many characters."""
    safe = _cut(_plain(text).replace("\\", "/").replace('"', "'"), room)
    return safe.replace("%", "%%")


def _pieces(line: str) -> list[str]:
    """The line, on more than one if it is long, those further right than the first."""
    blanks = " " * (len(line) - len(line.lstrip()))
    return wrap(line, WIDTH - 3, subsequent_indent=blanks and f"{blanks}    ", break_on_hyphens=False) or [""]


def _inside(text: str) -> str:
    return _plain(text).replace("*/", "* /").replace("/*", "/ *")


def _plain(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(0, room - 3)].rstrip()}..."
