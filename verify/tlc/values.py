"""TLA+ values, as TLC prints them: `(t1 :> "idle" @@ t2 :> <<1, TRUE>>)`.

As in TLA+, a record is a function of strings. A sequence is a tuple here, as TLC prints it; an interval is the set of
its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, Union

from verify.tlc.errors import TlcOutputError

MAX_DEPTH = 100  # of values in values: no state has more, and the parser's own stack has to hold them
MAX_INTERVAL = 100_000  # numbers; `a..b` is short to write and long to hold

Value: TypeAlias = Union[bool, int, str, "Model", "Function", tuple["Value", ...], frozenset["Value"]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model value, which is equal to itself alone."""

    name: str


class Function(Mapping[Value, Value]):
    """A function or record, by its pairs; equal to another, or a dict, that has the same."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[Value, Value]) -> None:
        """Take what each member of the domain is sent to."""
        self._pairs = dict(pairs)

    def __getitem__(self, key: Value) -> Value:
        return self._pairs[key]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs.items()))

    def __repr__(self) -> str:
        return f"Function({self._pairs!r})"


def parse_value(text: str) -> Value:
    """The value that stands in `text`, over any number of lines.

    Raises TlcOutputError if there is none, or more than it: sets that TLC prints unevaluated (`SUBSET S`) are none.
    """
    words = _Words(text)
    found = _value(words, MAX_DEPTH)
    words.end()
    return found


def parse_state(text: str, known: dict[str, Value]) -> dict[str, Value]:
    r"""What each variable is in a state: `/\ x = 1` at the start of a line for each, or `x = 1` alone.

    `known` are the values that texts had; it grows, for most variables are the same in most states.
    Raises TlcOutputError as above.
    """
    state = dict[str, Value]()
    for part in _CONJUNCT.split(text.strip()):
        if found := _VARIABLE.match(part):
            value = part[found.end() :].rstrip()
            if value not in known:
                known[value] = parse_value(value)
            state[found[1]] = known[value]
        elif part:
            raise TlcOutputError(f"no variable and its value: {part[:60]!r}")
    return state


# ---- words ---------------------------------------------------------------------------------------

_WORD = re.compile(
    r"""\s*(?: (?P<string>"(?:[^"\\]|\\.)*") | (?P<name>[0-9]*[A-Za-z_][A-Za-z0-9_]*) | (?P<number>-?[0-9]{1,18})
             | (?P<sign><<|>>|\|->|:>|@@|\.\.|[{}\[\](),=]) | (?P<end>\Z) )""",
    re.VERBOSE,
)
_CONJUNCT = re.compile(r"^/\\ ", re.MULTILINE)  # no value has a line that starts so: its strings escape line ends
_VARIABLE = re.compile(r"([0-9]*[A-Za-z_][A-Za-z0-9_]*) = ")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class _Words:
    """The words of a text, one at a time; a sign is of its own kind."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind = self.word = ""
        self.next()

    def next(self) -> str:
        """Go on, and return the word that was there."""
        before = self.word
        found = _WORD.match(self.text, self.at)
        if found is None or found.lastgroup is None:
            raise self.error()
        self.word = found[found.lastgroup]
        self.kind = self.word if found.lastgroup == "sign" else found.lastgroup
        self.at = found.end()
        return before

    def take(self, kind: str) -> str:
        """Return a word that has to be of this kind."""
        if self.kind != kind:
            raise self.error()
        return self.next()

    def end(self) -> None:
        if self.kind != "end":
            raise self.error()

    def error(self) -> TlcOutputError:
        start = max(0, self.at - len(self.word))
        return TlcOutputError(f"no TLA+ value at character {start + 1}: {self.text[start : start + 60]!r}")


# ---- values --------------------------------------------------------------------------------------


def _value(words: _Words, depth: int) -> Value:
    if not depth:
        raise TlcOutputError(f"more than {MAX_DEPTH} values in each other")
    match words.kind:
        case "number":
            return _number(words)
        case "string":
            return _string(words.next())
        case "name":
            name = words.next()
            return name == "TRUE" if name in {"TRUE", "FALSE"} else Model(name)
        case "{":
            return frozenset(_list(words, "}", depth))
        case "<<":
            return tuple(_list(words, ">>", depth))
        case "[":
            return _record(words, depth)
        case "(":
            return _function(words, depth)
        case _:
            raise words.error()


def _number(words: _Words) -> Value:
    """A number, or all from one to another."""
    first = int(words.next())
    if words.kind != "..":
        return first
    words.next()
    last = int(words.take("number"))
    if last - first > MAX_INTERVAL:
        raise TlcOutputError(f"an interval of more than {MAX_INTERVAL} numbers: {first}..{last}")
    return frozenset(range(first, last + 1))


def _string(word: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[0]), word[1:-1])


def _list(words: _Words, close: str, depth: int) -> Iterator[Value]:
    words.next()
    while words.kind != close:
        yield _value(words, depth - 1)
        if words.kind != close:
            words.take(",")
            if words.kind == close:
                raise words.error()
    words.next()


def _record(words: _Words, depth: int) -> Function:
    fields = dict[Value, Value]()
    while not fields or words.kind == ",":
        words.next()
        name = words.take("name")
        words.take("|->")
        fields[name] = _value(words, depth - 1)
    words.take("]")
    return Function(fields)


def _function(words: _Words, depth: int) -> Function:
    pairs = dict[Value, Value]()
    while not pairs or words.kind == "@@":
        words.next()
        key = _value(words, depth - 1)
        words.take(":>")
        pairs[key] = _value(words, depth - 1)
    words.take(")")
    return Function(pairs)
