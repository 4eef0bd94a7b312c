"""Text to words: what C calls preprocessing tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from verify.diagnostics import Diagnostic
from verify.source import Source, Span
from verify.syntax.limits import Budget

WordKind = Literal["name", "number", "string", "char", "punctuator", "newline", "bad"]

NO_NAMES: frozenset[str] = frozenset()

# Every character belongs to some match. The order matters: comments before `/`, longer punctuators before shorter.
# Repetitions are possessive, so that no text is looked at more than a few times.
PATTERN = re.compile(
    r"""
      (?P<space>      (?:[ \t\r\f\v]++|\\\r?\n)++ | //[^\\\n]*+(?:\\(?:\r?\n)?[^\\\n]*+)*+ | /\*(?s:.*?)\*/ )
    | (?P<newline>    \n )
    | (?P<name>       [A-Za-z_][A-Za-z_0-9]*+ )
    | (?P<number>     \.?[0-9][A-Za-z_0-9.]*+ )
    | (?P<string>     "[^"\\\n]*+(?:\\.[^"\\\n]*+)*+" )
    | (?P<char>       '[^'\\\n]*+(?:\\.[^'\\\n]*+)*+' )
    | (?P<open>       /\*(?s:.*) | ["'][^\n]*+ )
    | (?P<punctuator> \.\.\. | <<= | >>= | -> | \+\+ | -- | && | \|\| | << | >> | \#\# | [-+*/%&|^<>=!]=
                    | [][(){}<>+\-*/%&|^~!?:;,.=\#] )
    | (?P<bad>        (?s:.) )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word; `span` is where the user wrote it, for the text of a macro where the macro is used."""

    kind: WordKind
    text: str
    span: Span
    tight: bool  # nothing stands between this word and the one before
    hidden: frozenset[str] = NO_NAMES  # macros that made this word and must not expand it again


def words(source: Source, budget: Budget) -> Iterator[Word]:
    """Yield the words of `source`, line ends included, comments and other white space not.

    What is no word has kind "bad" (`problem` says why), since text that `#if` leaves out need not be words.
    Raises InputError when the budget is spent.
    """
    tight = False
    for found in PATTERN.finditer(source.text):
        kind = found.lastgroup
        if kind != "space":
            span = Span(source, found.start(), found.end())
            budget.read_word(span)
            yield Word(cast("WordKind", "bad" if kind == "open" else kind), found[0], span, tight)
        tight = kind not in ("space", "newline")


def problem(word: Word) -> Diagnostic:
    """Say what is wrong with a word of kind "bad"."""
    match word.text[0]:
        case "/":
            start = Span(word.span.source, word.span.start, word.span.start + 2)
            return Diagnostic("KC011", "the comment is not closed", start, "opened here", "close it with `*/`")
        case '"' | "'" as quote:
            hint = f"close it with `{quote}` on this line"
            return Diagnostic("KC011", "the literal is not closed", word.span, hint=hint)
        case char if char.isprintable() and char.isascii():
            return Diagnostic("KC010", f"`{char}` is not a character of the language", word.span)
        case char:
            return Diagnostic("KC010", f"character U+{ord(char):04X} outside a comment", word.span)
