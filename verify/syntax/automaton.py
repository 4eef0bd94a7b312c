"""The LALR automaton of the grammar as plain data: what Lark makes of `kc.lark`, and `kc.json` keeps.

Lark takes longer to build the tables than the parser to read a file. So they lie beside the grammar, with the hash of
the text that they belong to; `make grammar/kc.json` renews them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TypedDict, cast

from lark import Lark
from lark.grammar import Rule
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Shift

from verify.resources import automaton_path, grammar

STARTS = ("unit", "condition")


class Row(TypedDict):
    """A rule that the automaton may reduce by."""

    name: str  # its alias, or its nonterminal
    origin: str  # its nonterminal
    size: int  # symbols on the right
    passes: bool  # `?a: b`: the value of b is that of a
    single: bool  # `?a: ...` without an alias: a value that is left alone is that of a
    kept: list[tuple[int, bool, int]]  # symbol; its value is a list whose items are taken; absent ones before it
    absent: int  # optional parts that are left out after the last symbol


class Automaton(TypedDict):
    """The tables; states are numbered as they are reached, symbols in the order of their names."""

    grammar: str  # the hash of its text
    terminals: dict[str, str]  # by fixed text
    families: list[tuple[str, str]]  # terminals of several fixed texts, and a regular expression for these
    number: str  # a regular expression
    first: dict[str, int]
    last: dict[str, int]
    rules: list[Row]
    shifts: list[dict[str, int]]  # by state: the next one on a symbol
    reductions: list[dict[str, int]]  # by state: the rule on a terminal


def build(text: str) -> Automaton:
    """Let Lark build the automaton of a grammar."""
    lark = Lark(text, parser="lalr", lexer="basic", start=list(STARTS), propagate_positions=False)
    confs = {start: lark.parse_interactive(start=start).parser_state.parse_conf for start in STARTS}
    states = cast("States", confs["unit"].states)
    number = _numbered(states, [cast("int", confs[start].start_state) for start in STARTS])
    rules: dict[Rule, int] = {}
    shifts: list[dict[str, int]] = [{} for _ in number]
    reductions: list[dict[str, int]] = [{} for _ in number]
    for state, here in number.items():
        for symbol, (action, target) in sorted(states[state].items()):
            if action is Shift:
                shifts[here][symbol] = number[cast("int", target)]
            else:
                reductions[here][symbol] = rules.setdefault(cast("Rule", target), len(rules))
    named = {t.name: t.pattern for t in lark.terminals}
    return Automaton(
        grammar=sha256(text.encode()).hexdigest(),
        terminals={p.value: name for name, p in named.items() if isinstance(p, PatternStr)},
        families=[
            (name, p.to_regexp()) for name, p in named.items()
            if not isinstance(p, PatternStr) and name not in ("NAME", "TAG", "NUMBER") and not name.startswith("_")
        ],
        number=named["NUMBER"].to_regexp(),
        first={start: number[cast("int", conf.start_state)] for start, conf in confs.items()},
        last={start: number[cast("int", conf.end_state)] for start, conf in confs.items()},
        rules=[_row(rule) for rule in rules],
        shifts=shifts,
        reductions=reductions,
    )


States = Mapping[int, Mapping[str, tuple[object, object]]]


def _numbered(states: States, starts: list[int]) -> dict[int, int]:
    """Number the states as they are reached: Lark's own numbers may differ from run to run."""
    number = {state: place for place, state in enumerate(starts)}
    queue = list(number)
    for state in queue:
        for _, (action, target) in sorted(states[state].items()):
            if action is Shift and target not in number:
                number[cast("int", target)] = len(number)
                queue.append(cast("int", target))
    return number


def _row(rule: Rule) -> Row:
    """What becomes of the values of a rule: words in quotes are dropped, lists of `_rules` are taken apart."""
    options = rule.options
    kept = list[tuple[int, bool, int]]()
    absent = 0
    blanks = _blanks(options.empty_indices, len(rule.expansion))
    for place, symbol in enumerate(rule.expansion):
        absent += blanks[place]
        if options.keep_all_tokens or not getattr(symbol, "filter_out", False):
            kept.append((place, not symbol.is_term and symbol.name.startswith("_"), absent))
            absent = 0
    single = bool(options.expand1 and rule.alias is None)
    return Row(
        name=rule.alias or str(rule.origin.name),
        origin=str(rule.origin.name),
        size=len(rule.expansion),
        passes=single and len(rule.expansion) == len(kept) == 1,
        single=single,
        kept=kept,
        absent=absent + blanks[-1],
    )


def _blanks(absent: tuple[bool, ...], size: int) -> list[int]:
    """How many optional parts are left out before each symbol, and after the last."""
    if not absent:
        return [0] * (size + 1)
    return [len(run) for run in "".join("1" if out else "0" for out in absent).split("0")]


def text_of(automaton: Automaton) -> str:
    """The automaton as JSON, a line for each rule and state."""
    return "{\n" + ",\n".join(_lines(automaton)) + "\n}\n"


def _lines(automaton: Automaton) -> Iterator[str]:
    for key, value in automaton.items():
        if isinstance(value, list):
            items = ",\n".join(json.dumps(item, separators=(",", ":")) for item in value)
            yield f"{json.dumps(key)}: [\n{items}\n]"
        else:
            yield f"{json.dumps(key)}: {json.dumps(value)}"


def store() -> None:
    """Write the automaton of the grammar beside it."""
    automaton_path().write_text(text_of(build(grammar())), encoding="utf-8")
