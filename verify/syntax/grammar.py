"""The grammar as tables: which word is which terminal, and the actions of the LALR parser in each of its states."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from lark import Lark
from lark.grammar import Rule
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Shift

from verify.resources import grammar
from verify.syntax.lex import Word

Start = Literal["unit", "condition"]

# Words of the language that C does not have are names wherever the grammar has no place for them. Where it has a place
# for both, the next word decides.
C_WORDS = frozenset({
    "break", "case", "char", "const", "continue", "default", "do", "else", "enum", "extern", "for", "goto", "if",
    "inline", "int", "long", "register", "return", "short", "signed", "static", "struct", "switch", "unsigned", "void",
    "volatile", "while", "bool", "_Bool", "true", "false", "NULL",
})
DECIDES: Mapping[str, str] = {
    "any": "(", "assert": "(", "assume": "(", "at": "(", "atomic": "{", "choose": "{", "exists": "(", "forall": "(",
    "foreach": "(", "held": "(", "new": "struct", "nondet": "(",
}


@dataclass(frozen=True, slots=True)
class Reduction:
    """Replace the top `size` values by one; `shape` makes it from them, None passes a single one on."""

    size: int
    name: str  # the rule, or its alias
    origin: str  # the nonterminal
    shape: Callable[[list[object]], object] | None


@dataclass(frozen=True, slots=True)
class Tables:
    """The LALR automaton: in each state, what to do on each terminal, and where to go on each nonterminal."""

    shifts: Mapping[int, Mapping[str, int]]  # nonterminals included
    reductions: Mapping[int, Mapping[str, Reduction]]
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
    """Return the tables of the grammar file; built once."""
    starts: tuple[Start, ...] = ("unit", "condition")
    lark = Lark(grammar(), parser="lalr", lexer="basic", start=list(starts), propagate_positions=False)
    confs = {start: lark.parse_interactive(start=start).parser_state.parse_conf for start in starts}
    conf = confs["unit"]
    made: dict[Rule, Reduction] = {}
    shifts: dict[int, dict[str, int]] = {}
    reductions: dict[int, dict[str, Reduction]] = {}
    for state, actions in conf.states.items():
        shifts[state], reductions[state] = {}, {}
        for symbol, (action, target) in actions.items():
            if action is Shift:
                shifts[state][symbol] = target
            else:
                if target not in made:
                    made[target] = _reduction(target, conf.callbacks[target])
                reductions[state][symbol] = made[target]
    named = {t.name: t.pattern for t in lark.terminals}
    return Tables(
        shifts,
        reductions,
        {start: cast("int", conf.start_state) for start, conf in confs.items()},
        {start: cast("int", conf.end_state) for start, conf in confs.items()},
        {p.value: name for name, p in named.items() if isinstance(p, PatternStr)},
        tuple(
            (name, re.compile(p.to_regexp())) for name, p in named.items()
            if not isinstance(p, PatternStr) and name not in ("NAME", "TAG", "NUMBER") and not name.startswith("_")
        ),
        re.compile(named["NUMBER"].to_regexp()),
    )


def _reduction(rule: Rule, shape: Callable[[list[object]], object]) -> Reduction:
    """Make a row of the table; a rule `?a: b` that has no name of its own passes its value on."""
    size = len(rule.expansion)
    kept = [s for s in rule.expansion if not getattr(s, "filter_out", False) or rule.options.keep_all_tokens]
    passes = rule.options.expand1 and rule.alias is None and size == len(kept) == 1
    name = rule.alias or str(rule.origin.name)
    return Reduction(size, name, str(rule.origin.name), None if passes else shape)
