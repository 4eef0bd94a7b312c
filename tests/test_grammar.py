"""The tables beside the grammar are those that Lark makes of it, and nobody depends on them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from lark import Lark, Token, Tree

from verify import resources
from verify.source import Source, Span
from verify.syntax import grammar, parse_file
from verify.syntax.automaton import build, text_of
from verify.syntax.lex import Word
from verify.syntax.parse import Parser, parse
from verify.syntax.rows import ROWS

STORED = resources.automaton_path().read_text(encoding="utf-8")
FIX = resources.specs_root() / "fix.kc"
BUILT = cache(grammar._built)  # what Lark builds, once


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another file in the place of the stored tables."""
    place = tmp_path / "kc.json"
    monkeypatch.setattr(grammar, "automaton_path", lambda: place)
    monkeypatch.setattr(grammar, "_built", BUILT)
    grammar.tables.cache_clear()
    yield place
    grammar.tables.cache_clear()


def test_the_stored_automaton_is_that_of_the_grammar() -> None:
    wanted = text_of(build(resources.grammar()))
    assert wanted == STORED, "the grammar has changed: make grammar/kc.json"


def test_the_parser_needs_no_lark() -> None:
    code = f"import sys, verify.syntax as s; s.parse_file({str(FIX)!r}); print('lark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "{}", '{"grammar": null}', STORED[:-3], STORED.replace('r": "', 'r": "0', 1)]
)
def test_lark_builds_what_is_not_stored(beside: Path, text: str | None) -> None:
    wanted = grammar.tables_of(json.loads(STORED))
    if text is not None:
        beside.write_text(text)
    assert grammar.tables() == wanted


def test_bytes_that_are_no_text_are_not_read(beside: Path) -> None:
    beside.write_bytes(b"\xff\xfe{\x80}")
    assert grammar.tables().first == {"unit": 0, "condition": 1}


def test_the_stored_automaton_is_used(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> Any:
        raise AssertionError

    beside.write_text(STORED)
    monkeypatch.setattr(grammar, "_built", refuse)
    assert parse_file(FIX).declarations


@cache
def parser() -> Lark:
    """Lark's own parser."""
    return Lark(resources.grammar(), parser="lalr", lexer="basic", start=["unit", "condition"])


def lark_values(text: str, terminals: list[str]) -> list[tuple[str, list[object]]]:
    """What Lark makes of each construct of a text, innermost first: its name, and what it consists of."""
    run = parser().parse_interactive(start="unit")
    for word, terminal in zip(text.split(), terminals, strict=True):
        run.feed_token(Token(terminal, word))
    tree: Tree[Token] = run.feed_eof(Token("$END", ""))  # type: ignore[no-untyped-call] # of Lark
    return [(str(node.data), [plain(child) for child in node.children]) for node in tree.iter_subtrees()]


def plain(value: object) -> object:
    return str(value) if isinstance(value, Token) else None if value is None else "tree"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "struct s { ghost unsigned long x : 3 = 1 , * y ; int z ; } ;",
        "struct s ; enum { A , B = 2 , } ; enum e { C } ; int g ;",
        "static int f ( struct s * p , void ( * g ) ( void ) ) { if ( x ) return ; else return 1 + 2 * 3 ; }",
        "void f ( ) { for ( ; ; ) g ( ) ; for ( int i = 0 ; i < 3 ; i ++ ) { } switch ( x ) { case 1 : default : ; } }",
        "void f ( ) { foreach ( struct s * p where p -> x ) p . x = ( struct s * ) any ( struct s ) ; }",
        "system { struct s t [ * ] runs f with { x = 1 ; y = nondet ( ) ; } ; cpus any ; preempt on ; } ;",
        "invariant i unless held ( k ) = forall ( struct s * a , struct s * b ) ! ( a == b || at ( a , f . l ) ) ;",
        "assume a : forall ( struct s * p ) ! p -> x && y ; assume b : atomic ( f . a , g . b ) ; prove i without b ;",
        "prove i in s without f . a , f . b ; minimal { f . a , f . b } for i ; race_free s . x ; dead f . a ;",
        "writers x = { f , g } ; necessary f . a for i in s ; deadlock_free ;",
        "eventually f . a in s ; no_starvation k ; no_starvation s . k without f . a ;",
        "same_outcome f . a ; same_outcome f . a in s without f . b ;",
        "never_refused f while x && y ; refused f while forall ( struct s * p ) p -> x in s without f . a ;",
        "atomic_sections k ; atomic_sections s . k , k in s without f . a ;",
    ],
)
def test_constructs_have_the_parts_that_lark_gives_them(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, list[object]]] = []
    read: list[str] = []

    def row(name: str) -> Any:
        def note(_: object, *parts: object) -> Tree[Token]:
            got.append((name, [part.text if isinstance(part, Word) else plain(part) for part in parts]))
            return Tree(name, [])

        return note

    def shift(run: Any, terminal: str, target: int, before: Any = Parser.shift) -> None:
        read.append(terminal)
        before(run, terminal, target)

    for name in ROWS:
        monkeypatch.setitem(cast("dict[str, object]", ROWS), name, row(name))
    monkeypatch.setattr(Parser, "shift", shift)
    source = Source("text", text)
    starts = [place for place, char in enumerate(text) if char != " " and text[place - 1 : place] in ("", " ")]
    words = [
        Word(kind(word), word, Span(source, start, start + len(word)), tight=False)
        for word, start in zip(text.split(), starts, strict=True)
    ]
    _, errors = parse(words, Span(source, len(text), len(text)), "unit")
    assert not errors
    assert sorted(map(repr, got)) == sorted(map(repr, lark_values(text, read)))


def kind(word: str) -> Any:
    return "name" if word[0].isalpha() else "number" if word.isdigit() else "punctuator"
