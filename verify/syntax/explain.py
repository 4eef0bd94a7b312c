"""Syntax errors in the user's words: what cannot stand here, what could, and what C has that the language has not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.grammar import tables
from verify.syntax.lex import Word
from verify.syntax.rows.declarations import TYPES

# What begins an expression, a type, or goes on after an operand, as terminals of the grammar and as texts.
_EXPRESSION = frozenset({
    "NAME", "NUMBER", "CONSTANT", "QUANTIFIER", "STEP", "(", "!", "-", "+", "~", "*", "&", "new", "any", "nondet",
    "held", "at",
})
_TYPE = frozenset({"TYPE", "struct", "enum", "const", "static", "inline", "volatile", "extern", "register"})
_OPERATORS = frozenset({"*", "/", "%", "+", "-", "SHIFT", "RELATION", "EQUALITY", "&", "^", "|", "&&", "||", "?"})
_STATEMENT = _EXPRESSION | {
    "TAG", ";", "{", "if", "while", "do", "for", "switch", "break", "continue", "goto", "return", "choose", "atomic",
    "foreach", "assume", "assert",
}
_ITEM = _TYPE | {
    "GHOST", "WEAK", "system", "assume", "invariant", "CLAIM_INVARIANT", "CLAIM_GUARD", "CLAIM_PLACE", "CLAIM_SYSTEM",
    "minimal", "race_free", "no_starvation", "atomic_sections", "writers",
}

# A phrase stands for all words of its set when all of them could come next.
_PHRASES: tuple[tuple[str, frozenset[str]], ...] = (
    ("a declaration, a system or a claim", _ITEM),
    ("a statement", _STATEMENT),
    ("an expression", _EXPRESSION),
    ("an expression", _EXPRESSION - {"QUANTIFIER"}),
    ("an operator", _OPERATORS | {"=", "ASSIGN", "->", ".", "STEP"}),
    ("an operator", _OPERATORS | {"->", ".", "STEP"}),
    ("an operator", _OPERATORS),
    ("a declaration", _TYPE),
    ("a type", frozenset({"TYPE", "struct", "enum"})),
    ("a name", frozenset({"NAME"})),
    ("a number", frozenset({"NUMBER"})),
    ("`on` or `off`", frozenset({"SWITCH"})),
)

MAX_SHOWN = 5  # of what could stand in a place
MAX_TEXT = 60  # of a word in a message


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the parser could not go on."""

    words: Sequence[Word]
    at: int
    end: Word
    expected: frozenset[str]  # texts, and names of terminals that are no single text
    opened: Word | None  # the innermost open brace

    def word(self, ahead: int = 0) -> Word:
        """Return the word at fault, or one near it."""
        index = self.at + ahead
        return self.words[index] if 0 <= index < len(self.words) else self.end

    def error(self, code: str, message: str, hint: str = "", label: str = "") -> Diagnostic:
        """Report the word at fault."""
        return Diagnostic(code, message, self.word().span, label, hint)


def reason(spot: Spot) -> Diagnostic | None:
    """Say why the word cannot stand here if there is a particular reason."""
    return next((found for known in REASONS if (found := known(spot)) is not None), None)


def unexpected(spot: Spot) -> Diagnostic:
    """Say that the word cannot stand here, and what could."""
    word = spot.word()
    hint = "the word comes out of the macro used here" if word.hidden else ""
    return spot.error("KC030", f"unexpected `{_shown(word.text)}`", hint, wanted(spot.expected))


def _shown(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


def wanted(expected: frozenset[str]) -> str:
    """Return "expected ..." for a set of terminals, as texts or names."""
    rest, parts = set(expected), list[str]()
    for phrase, covered in _PHRASES:
        if covered <= rest:
            parts.append(phrase)
            rest -= covered
    texts = sorted(f"`{text}`" for text in rest if not text.isupper() and text != "$END")
    shown = (texts + parts if len(texts) < MAX_SHOWN else parts + texts)[:MAX_SHOWN]
    return "expected " + (", ".join(shown[:-1]) + " or " if len(shown) > 1 else "") + shown[-1] if shown else ""


# ---- particular reasons, most particular first ---------------------------------------------------


def _ends(spot: Spot) -> Diagnostic | None:
    if spot.at < len(spot.words):
        return None
    before = spot.word(-1).span if spot.at else spot.end.span
    span = Span(before.source, before.end, before.end + 1)
    if spot.opened is None:
        return Diagnostic("KC031", "the text ends too early", span, wanted(spot.expected))
    place = ("this `{` is not closed", spot.opened.span)
    return Diagnostic("KC031", "the text ends inside `{ ... }`", span, wanted(spot.expected), "add a `}`", (place,))


REFUSED: Mapping[str, tuple[str, str]] = {
    "typedef": ("`typedef`", "write the type itself, or `#define` a name for it"),
    "union": ("`union`", "use a struct with one field for each case"),
    "float": ("floating point", "use integers"),
    "double": ("floating point", "use integers"),
    "sizeof": ("`sizeof`", "memory has no layout here: write the number"),
    "asm": ("inline assembly", "use a primitive such as `xchg`, `cmpxchg` or `mb`"),
    "__asm__": ("inline assembly", "use a primitive such as `xchg`, `cmpxchg` or `mb`"),
    "auto": ("`auto`", "leave it out"),
    "restrict": ("`restrict`", "leave it out"),
    "typeof": ("`typeof`", "write the type itself"),
    "__typeof__": ("`typeof`", "write the type itself"),
    "__attribute__": ("`__attribute__`", "leave it out"),
    "_Atomic": ("`_Atomic`", "use `atomic_t` and its operations"),
    "_Complex": ("floating point", "use integers"),
}


ANNOTATIONS = frozenset({
    "__acquires", "__always_inline", "__cacheline_aligned", "__cold", "__exit", "__force", "__init", "__iomem",
    "__kernel", "__maybe_unused", "__must_check", "__must_hold", "__noreturn", "__percpu", "__rcu", "__read_mostly",
    "__releases", "__sched", "__unused", "__used", "__user", "asmlinkage", "noinline",
})  # fmt: skip


def _annotation(spot: Spot) -> Diagnostic | None:
    for word in (spot.word(), spot.word(-1)):
        if word.text in ANNOTATIONS:
            return Diagnostic("KC035", f"`{word.text}` is not part of the language", word.span, hint="leave it out")
    return None


def _refused(spot: Spot) -> Diagnostic | None:
    what, hint = REFUSED.get(spot.word().text, ("", ""))
    return spot.error("KC035", f"{what} is not part of the language", hint) if what else None


def _literal(spot: Spot) -> Diagnostic | None:
    match spot.word().kind:
        case "string" | "char" as kind:
            what = "strings are" if kind == "string" else "character constants are"
            return spot.error("KC013", f"{what} not part of the language", "use a number or an enum")
        case "number" if "NUMBER" in spot.expected and not tables().terminal(spot.word()):
            hint = "numbers are integers such as 12, 0x1f, 017 and 0b101, with a suffix `u` or `l`"
            return spot.error("KC012", f"`{_shown(spot.word().text)}` is not a number of the language", hint)
        case _:
            return None


def _array(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "[" or "NAME" in spot.expected:
        return None
    hint = "use a field for each element, or objects of a struct"
    return spot.error("KC034", "arrays are not part of the language", hint)


def _function_pointer(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "(" or spot.word(1).text != "*" or "NAME" not in spot.expected:
        return None
    hint = "`void (*fn)(void)` may be a parameter, called as `fn()`"
    return spot.error("KC037", "a function pointer that is not a parameter", hint)


def _nested_function(spot: Spot) -> Diagnostic | None:
    declares = {";", ",", "="} <= spot.expected and "/" not in spot.expected
    if spot.word().text != "(" or spot.opened is None or not declares:
        return None
    found = spot.error("KC030", "a function cannot be declared here", "is a `}` missing before?", wanted(spot.expected))
    place = ("this `{` is still open", spot.opened.span)
    return Diagnostic(found.code, found.message, found.span, found.label, found.hint, (place,))


def _initializer(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "{" or spot.word(-1).text != "=":
        return None
    hint = "give each field its initial value where the struct declares it"
    return spot.error("KC035", "initializer lists are not part of the language", hint)


def _nested_struct(spot: Spot) -> Diagnostic | None:
    words = ("struct", "enum")
    if spot.word().text != "{" or not {spot.word(-1).text, spot.word(-2).text} & {*words}:
        return None
    return spot.error("KC035", "a type is defined at file level, with a name, and apart from what uses it")


def _comma(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "," or spot.opened is None or not spot.expected & {";", ")"}:
        return None
    return spot.error("KC035", "the comma operator is not part of the language", "write two statements")


def _variadic(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "...":
        return None
    return spot.error("KC035", "functions with `...` are not part of the language", "name every parameter")


def _declaration(spot: Spot) -> Diagnostic | None:
    starts = spot.word().text in _TYPE or tables().terminal(spot.word()) == "TYPE"
    if not starts or "return" not in spot.expected or "TYPE" in spot.expected:
        return None
    return spot.error("KC030", "a declaration cannot stand here", "put it into a block `{ ... }`, or before the label")


def _quantifier(spot: Spot) -> Diagnostic | None:
    word = spot.word(-2)
    if spot.word().text != "struct" or spot.word(-1).text != "(" or word.text not in ("forall", "exists"):
        return None
    hint = f"put it into parentheses: `({word.text} (struct S *x) ...)`"
    return Diagnostic("KC030", f"`{word.text}` cannot stand after an operator", word.span, hint=hint)


def _case(spot: Spot) -> Diagnostic | None:
    word = spot.word().text
    if word == "else":
        return spot.error("KC030", "`else` without `if`", "are there two statements between them without `{ }`?")
    if word in ("case", "default"):
        hint = "it may stand directly within a `switch`, after a whole statement"
        return spot.error("KC030", f"`{word}` cannot stand here", hint)
    return None


def _closing(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "}" or spot.opened is not None:
        return None
    return spot.error("KC030", "`}` closes nothing", "is a `{` missing before?")


def _unknown_type(spot: Spot) -> Diagnostic | None:
    here, before = spot.word(), spot.word(-1)
    if here.kind == "name" and "TYPE" in spot.expected and spot.word(1).kind == "name":
        word = here
    elif here.kind == "name" and before.kind == "name" and "/" in spot.expected:
        word = before
    elif here.kind == "name" and "TYPE" in spot.expected and "NAME" not in spot.expected:
        word = here
    elif here.text == "=" and before.kind == "name" and spot.word(-2).text == "*" and spot.word(-4).text in "{};":
        word = spot.word(-3)  # `foo_t *p = x` reads as a product
    else:
        return None
    if tables().terminal(word) != "NAME" or word.text in REFUSED:
        return None
    structs = {b.text for a, b in zip(spot.words, spot.words[1:], strict=False) if a.text == "struct"}
    near = get_close_matches(word.text[:MAX_TEXT], TYPES, 1)
    hint = "the types are C's integers, `bool`, `enum`, `struct` and the locks"
    if word.text in structs:
        hint = f"write `struct {word.text}`"
    elif near:
        hint = f"did you mean `{near[0]}`?"
    return Diagnostic("KC032", f"unknown type `{_shown(word.text)}`", word.span, hint=hint)


def _weak(spot: Spot) -> Diagnostic | None:
    if spot.word().text != "__weak":
        return None
    return spot.error("KC030", "unexpected `__weak`", "it stands first, or after the type: `int __weak f(void)`")


Reason = Callable[[Spot], Diagnostic | None]

REASONS: tuple[Reason, ...] = (
    _ends, _weak, _refused, _annotation, _literal, _array, _function_pointer, _nested_function, _initializer,
    _nested_struct, _comma, _variadic, _declaration, _quantifier, _case, _closing, _unknown_type,
)
