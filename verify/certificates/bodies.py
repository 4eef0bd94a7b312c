"""Clauses as text: each part of a body is a line of its own that names earlier ones, as `(and n3 n7)`.

So what a decision diagram shares is written once, and reading it back needs no recursion. What is read is untrusted:
anything but a clause about variables of the system, with operands of the right kinds, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from verify.certificates.form import BadCertificateError, Said
from verify.ir import (
    Binary,
    BinaryOp,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Ptr,
    Range,
    System,
    Threads,
    Unary,
    UnaryOp,
    Wrap,
)
from verify.universal import OBJECT, THREAD, Clause, operands

BINARY: Mapping[str, BinaryOp] = {
    "and": "&&", "or": "||", "=": "==", "distinct": "!=", "bitand": "&", "bitor": "|", "bitxor": "^", "div": "/",
    "mod": "%", "shl": "<<", "shr": ">>",
    "<": "<", "<=": "<=", ">": ">", ">=": ">=", "+": "+", "-": "-", "*": "*", "has": "has",
}  # fmt: skip
UNARY: Mapping[str, UnaryOp] = {"not": "!", "neg": "-", "inv": "~"}
NAMES: Mapping[str, str] = {op: name for name, op in (*UNARY.items(), *BINARY.items())}
NUMBER = re.compile(r"-?[0-9]{1,40}")
LINE = re.compile(r"\(([^\s()]+(?: [^\s()]+)*)\)")
MOST_BITS = 64


# ---- writing -------------------------------------------------------------------------------------


class Writer:
    """Makes lines of bodies; equal ones are one."""

    def __init__(self) -> None:
        """Begin without any."""
        self.lines: dict[str, str] = {}  # what it is called, by the line
        self._known: dict[int, str] = {}
        self._keep: list[Expr] = []

    def said(self, clause: Clause) -> Said:
        """What a clause says, its body by name."""
        where = None if clause.locations is None else tuple(sorted(clause.locations))
        return Said(clause.thread, clause.cls, where, self._name(clause.body))

    def _name(self, body: Expr) -> str:
        self._keep.append(body)
        todo = [body]
        while todo:
            part = todo[-1]
            missing = [each for each in operands(part) if id(each) not in self._known]
            if missing and id(part) not in self._known:
                todo += missing
                continue
            todo.pop()
            if id(part) not in self._known:
                words = _words(part, [self._known[id(each)] for each in operands(part)])
                self._known[id(part)] = words[0] if len(words) == 1 else self._line(f"({' '.join(words)})")
        return self._known[id(body)]

    def _line(self, line: str) -> str:
        return self.lines.setdefault(line, f"n{len(self.lines)}")


def _words(part: Expr, args: Sequence[str]) -> Sequence[str]:
    match part:
        case Const(value):
            return [str(value)]
        case Bound(name):
            return [name]
        case Global(name):
            return ["global", name]
        case Local(name, _):
            return ["local", *args, name]
        case Field(_, cls, name):
            return ["field", *args, cls, name]
        case Unary("-"):
            return ["neg", *args]
        case Unary(op) | Binary(op):
            return [NAMES[op], *args]
        case Ite():
            return ["ite", *args]
        case Wrap(bits, signed, _):
            return ["wrap", str(bits), "signed" if signed else "unsigned", *args]
        case _:
            raise AssertionError("no clause says that")


# ---- reading -------------------------------------------------------------------------------------


def clauses_of(system: System, nodes: Sequence[str], said: Sequence[Said]) -> Iterator[Clause]:
    """The clauses that a certificate holds. Raises BadCertificateError for anything that is none of the system."""
    lines = _Lines(system)
    for number, line in enumerate(nodes):
        lines.take(number, line)
    for number, each in enumerate(said, start=1):
        yield _clause(system, lines, number, each)


def _clause(system: System, lines: _Lines, number: int, said: Said) -> Clause:
    found = said.locations
    if said.object not in ("", *system.classes) or (found is not None and not said.thread):
        raise BadCertificateError(f"clause {number} speaks of nothing in the system")
    if found is not None and not all(0 <= location < len(system.locations) for location in found):
        raise BadCertificateError(f"clause {number} speaks of locations that the system has not")
    body = lines.operand(said.body)
    owners = ({THREAD: system.thread} if said.thread else {}) | ({OBJECT: said.object} if said.object else {})
    if not _is_about(system, body, owners):
        raise BadCertificateError(f"clause {number} is none about a thread and an object")
    return Clause(said.thread, said.object, None if found is None else frozenset(found), body)


class _Lines:
    """The expressions of the lines so far."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.known: dict[str, Expr] = {THREAD: Bound(THREAD), OBJECT: Bound(OBJECT)}

    def operand(self, word: str) -> Expr:
        if NUMBER.fullmatch(word):
            return Const(int(word))
        if word not in self.known:
            raise BadCertificateError(f"`{word[:40]}` is used before it is said what it is")
        return self.known[word]

    def take(self, number: int, line: str) -> None:
        found = LINE.fullmatch(line)
        expr = None if found is None else self._expr(found[1].split(" "))
        if expr is None:
            raise BadCertificateError(f"line {number} is no part of a clause: `{line[:60]}`")
        self.known[f"n{number}"] = expr

    def _expr(self, words: Sequence[str]) -> Expr | None:
        expr = self._variable(words)
        if expr is not None:
            return expr
        head, *rest = words
        match head, len(rest):
            case "wrap", 3 if rest[0].isascii() and rest[0].isdigit() and rest[1] in ("signed", "unsigned"):
                bits = int(rest[0][:4])
                return Wrap(bits, rest[1] == "signed", self.operand(rest[2])) if 0 < bits <= MOST_BITS else None
            case "ite", 3:
                return Ite(self.operand(rest[0]), self.operand(rest[1]), self.operand(rest[2]))
            case _, 1 if head in UNARY:
                return Unary(UNARY[head], self.operand(rest[0]))
            case _, 2 if head in BINARY:
                return Binary(BINARY[head], self.operand(rest[0]), self.operand(rest[1]))
            case _:
                return None

    def _variable(self, words: Sequence[str]) -> Expr | None:
        match words:
            case ["global", name]:
                place: Global | Local | Field = Global(name)
            case ["local", who, name] if who == THREAD:
                place = Local(name, Bound(THREAD))
            case ["field", who, cls, name] if who in (THREAD, OBJECT):
                place = Field(Bound(who), cls, name)
            case _:
                return None
        try:
            self.system.var(place)
        except KeyError:
            return None
        return place


# ---- kinds ---------------------------------------------------------------------------------------


class Number(NamedTuple):
    """The kind of numbers, and with `zero` of 0 alone, which is a NULL and an empty set as well."""

    zero: bool = False


Kind = Number | Ptr | Threads | None  # None: it depends on how cells are numbered
ZERO = Number(zero=True)


def _is_about(system: System, body: Expr, owners: Mapping[str, str]) -> bool:
    """Whether a body reads only the cells that the clause is about, and does not tell how they are numbered."""
    kinds: dict[int, Kind] = {}
    todo = [body]
    while todo:
        part = todo[-1]
        missing = [each for each in operands(part) if id(each) not in kinds]
        if id(part) not in kinds and missing:
            todo += missing
            continue
        if id(part) not in kinds:
            kinds[id(part)] = _kind(system, part, [kinds[id(each)] for each in operands(part)], owners)
            if kinds[id(part)] is None:
                return False
        todo.pop()
    return True


def _kind(system: System, part: Expr, args: Sequence[Kind], owners: Mapping[str, str]) -> Kind:
    match part:
        case Const(value):
            return Number(zero=value == 0)
        case Bound(name):
            return Ptr(owners[name]) if name in owners else None
        case Global() | Local() | Field():
            owner = part.cls if isinstance(part, Field) else system.thread
            mine = isinstance(part, Global) or args[0] == Ptr(owner)
            domain = system.var(part).domain
            return None if not mine else Number() if isinstance(domain, Range) else domain
        case Binary("&&" | "||") | Unary("!"):
            return Number()
        case Binary("==" | "!="):
            told = _alike(*args) and (Threads() not in args or ZERO in args)
            return Number() if told else None
        case Binary("has", _, member):
            told = isinstance(member, Bound) and args[1] == Ptr(system.thread)
            return Number() if told and args[0] in (Threads(), ZERO) else None
        case Ite():
            return None if not _alike(*args[1:]) else args[2] if args[1] == ZERO else args[1]
        case _:
            return Number() if all(isinstance(kind, Number) for kind in args) else None


def _alike(one: Kind, other: Kind) -> bool:
    numbers = isinstance(one, Number) and isinstance(other, Number)
    return numbers or one == other or ZERO in (one, other)

