"""The grammar as tables: which word is which terminal, and the actions of the LALR parser in each of its states."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, cast

from verify.resources import automaton_path, grammar
from verify.syntax.lex import Word

if TYPE_CHECKING:
    from verify.syntax.automaton import Automaton, Row

Start = Literal["unit", "condition"]

# Words of the language that C does not have are names wherever the grammar has no place for them. Where it has a place
# for both, the next word decides; of several, the one that the grammar has a place for after it.
C_WORDS = frozenset({
    "break", "case", "char", "const", "continue", "default", "do", "else", "enum", "extern", "for", "goto", "if",
    "inline", "int", "long", "register", "return", "short", "signed", "static", "struct", "switch", "unsigned", "void",
    "volatile", "while", "bool", "_Bool", "true", "false", "NULL",
})
DECIDES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("any", "assert", "assume", "at", "exists", "forall", "foreach", "held", "nondet"), ("(",)),
    "atomic": ("{", "("), "choose": ("{",), "new": ("struct",),
}


@dataclass(frozen=True, slots=True)
class Reduction:
    """Replace the top `size` values by one made from them."""

    size: int
    name: str  # the rule, or its alias
    origin: str  # the nonterminal
    passes: bool  # the one value stays as it is
    single: bool  # a value that is left alone stays as it is
    inner: bool  # its values become values of the rule that uses it
    kept: tuple[tuple[int, bool, int], ...]  # which value; whether it is such a list of values; absent ones before it
    absent: int  # after the last

    def parts(self, values: Sequence[object]) -> list[object]:
        """What a row of the syntax tree is given: no words in quotes, None for what is left out."""
        found: list[object] = []
        for place, spread, absent in self.kept:
            if absent:
                found += [None] * absent
            value = values[place]
            if not spread:
                found.append(value)
            elif found:
                found += cast("list[object]", value)
            else:
                found = cast("list[object]", value)  # nobody else has it; a long list grows by one at a time
        if self.absent:
            found += [None] * self.absent
        return found


@dataclass(frozen=True, slots=True)
class Tables:
    """The LALR automaton: in each state, what to do on each terminal, and where to go on each nonterminal."""

    shifts: Sequence[Mapping[str, int]]  # nonterminals included
    reductions: Sequence[Mapping[str, Reduction]]
    first: Mapping[Start, int]
    last: Mapping[Start, int]
    terminals: Mapping[str, str]  # fixed texts, as "->" or "if"
    families: tuple[tuple[str, re.Pattern[str]], ...]  # terminals of several fixed texts, as TYPE
    number: re.Pattern[str]

    def terminal(self, word: Word) -> str:
        """Return the terminal of a word, soft words not considered: "" if it has none."""
        match word.kind:
            case "number":
                return "NUMBER" if self.number.fullmatch(word.text) else ""
            case "name":
                fixed = self.fixed(word.text)
                return fixed if fixed and _reserved(fixed, word.text) else "NAME"
            case "punctuator":
                return self.fixed(word.text)
            case _:
                return ""

    def fixed(self, text: str) -> str:
        """Return the terminal that `text` is when read as a word of the language; "" if it is none."""
        known = self.terminals.get(text)
        return known or next((name for name, pattern in self.families if pattern.fullmatch(text)), "")


def _reserved(terminal: str, text: str) -> bool:
    return text in C_WORDS or terminal == "TYPE"


@cache
def tables() -> Tables:
    """Return the tables of the grammar file; made once."""
    text = grammar()
    return tables_of(_stored(text) or _built(text))


def tables_of(automaton: Automaton) -> Tables:
    """Return an automaton as the parser uses it."""
    rules = [_reduction(row) for row in automaton["rules"]]
    return Tables(
        automaton["shifts"],
        [{terminal: rules[rule] for terminal, rule in row.items()} for row in automaton["reductions"]],
        cast("dict[Start, int]", automaton["first"]),
        cast("dict[Start, int]", automaton["last"]),
        automaton["terminals"],
        tuple((name, re.compile(pattern)) for name, pattern in automaton["families"]),
        re.compile(automaton["number"]),
    )


def _stored(text: str) -> Automaton | None:
    """The automaton that lies beside the grammar, if it is of this text."""
    try:
        found = json.loads(automaton_path().read_bytes())
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("grammar") == sha256(text.encode()).hexdigest()
    return cast("Automaton", found) if fits else None


def _built(text: str) -> Automaton:
    from verify.syntax.automaton import build  # noqa: PLC0415 - Lark takes long to import, and longer to build

    return build(text)


def _reduction(row: Row) -> Reduction:
    kept = tuple((place, spread, absent) for place, spread, absent in row["kept"])
    inner = row["name"].startswith("_")
    return Reduction(
        row["size"], row["name"], row["origin"], row["passes"], row["single"], inner, kept, row["absent"]
    )
