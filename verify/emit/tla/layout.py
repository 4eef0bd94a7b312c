"""Lines of a module: bullets, wrapped where they are long, and comments beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap

WIDTH = 100
WIDTH_OF_RULES = 79
GLUE = "\x00"  # for a blank that no line ends at
CONNECTIVE = re.compile(r" (?=(?:/\\|\\/|=>|THEN|ELSE) )")
LISTS = ("UNCHANGED", "vars", "/\\ UNCHANGED")  # broken anywhere


def titled(module: str) -> str:
    """The first line of a module."""
    title = f" MODULE {module} "
    dashes = "-" * max(4, (WIDTH_OF_RULES - len(title)) // 2)
    return f"{dashes}{title}{dashes}"


def item(symbol: str, text: str, indent: int) -> list[str]:
    """A part of a list with its symbol in front, its further lines right of that."""
    return wrapped(f"{symbol} {text}", indent, indent + len(symbol) + 3)


def wrapped(text: str, first: int, rest: int) -> list[str]:
    """The text on lines of at most WIDTH characters, indented by so many blanks.

    It is broken at blanks, in front of connectives as long as what stands between them fits on a line.
    """
    glued = " ".join(_glue(piece, WIDTH - rest) for piece in CONNECTIVE.split(text))
    lines = wrap(
        glued, WIDTH, initial_indent=" " * first, subsequent_indent=" " * rest,
        break_long_words=False, break_on_hyphens=False,
    )
    return [line.replace(GLUE, " ") for line in lines]


def _glue(piece: str, room: int) -> str:
    return piece.replace(" ", GLUE) if len(piece) <= room and not piece.startswith(LISTS) else piece


def nested(symbol: str, inner: Sequence[str]) -> list[str]:
    """Lines that are indented by some blanks, as one part of an outer list: the bullet stands in front of the first."""
    first, *rest = inner
    blanks = len(first) - len(first.lstrip())
    start = blanks - len(symbol) - 1
    return [f"{' ' * start}{symbol} {first.lstrip()}", *rest]


def noted(line: str, comment: str, column: int = 40) -> str:
    """A line with a comment behind it, cut where the line would get too long."""
    if not comment:
        return line
    start = f"{line:<{column}}  \\* "
    room = WIDTH - len(start)
    text = comment if len(comment) <= room else f"{comment[: max(0, room - 3)].rstrip()}..."
    return f"{start}{text}".rstrip()


def boxed(lines: Iterable[str]) -> list[str]:
    """A comment in a frame."""
    width = 75
    rule = f"({'*' * (width + 2)})"
    paragraphs = [piece for line in lines for piece in (wrap(plain(line), width - 2, break_on_hyphens=False) or [""])]
    return [rule, *(f"(* {text:<{width - 2}} *)" for text in paragraphs), rule]


def plain(text: str) -> str:
    """The text in ASCII, with nothing that a comment could end at."""
    ascii_ = "".join(char if " " <= char <= "~" else "?" for char in text)
    return ascii_.replace("(*", "( *").replace("*)", "* )")
