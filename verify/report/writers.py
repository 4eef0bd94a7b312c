"""Every store to a variable, as values, as text and as JSON; and what they say about the variable together."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from verify.diagnostics import Diagnostic
from verify.report.cti import Json
from verify.report.json_object import error_object
from verify.report.run import Styled
from verify.report.text import error_lines
from verify.source import Span, where

SCHEMA = "verify-writers/1"
INDENT = "    "
Object = Literal["any", "global", "own", "private", "static"]
Whose = Literal["current", "global", "object", "other"]
WAYS = {
    "store": "a store", "two steps": "a load and a store", "one step": "one read-modify-write",
    "copy": "a copy of the struct", "each": "a store to every object that matches",
}


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """A lock that is surely held: of the object that is stored to, of current, another's, or a global one."""

    whose: Whose
    name: str
    cls: str
    mode: str  # of an rwlock, "for writing" or "for reading"

    @property
    def words(self) -> str:
        """The lock as a reader knows it."""
        name = self.name if self.name.startswith("the ") else f"`{self.name}`"
        owner = {"object": f" of the {self.cls} stored to", "current": " of current"}.get(self.whose, "")
        return f"{name}{owner}{' ' * bool(self.mode)}{self.mode}"

    @property
    def excludes(self) -> bool:
        """Whether no two threads hold it for one object at the same time."""
        return self.whose in ("object", "global") and self.mode != "for reading"


@dataclass(frozen=True, slots=True)
class StoreFound:
    """A store in the text, and what is true of it on every way on which a thread comes to it."""

    function: str
    label: str  # "function.label", or ""
    span: Span
    text: str
    way: str
    value: int | None  # None if it is not one constant
    objects: tuple[Object, ...]  # what it is to
    held: tuple[Held, ...]
    reached: bool  # whether control comes there in the system

    @property
    def shared(self) -> bool:
        """Whether another thread may access the object at the same time."""
        return self.reached and self.objects != ("private",)


@dataclass(frozen=True, slots=True)
class WritersResult:
    """The stores to a variable of a file, or what is wrong."""

    file: str
    versions: Mapping[str, str] = field(hash=False)
    system: str = ""
    name: str = ""  # "struct.field", or that of a global
    stores: tuple[StoreFound, ...] = ()
    errors: Sequence[Diagnostic] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions whose stores the threads of the system come to."""
        return tuple(dict.fromkeys(store.function for store in self.stores if store.reached))

    @property
    def shared(self) -> tuple[StoreFound, ...]:
        """The stores to what others can access too."""
        return tuple(store for store in self.stores if store.shared)

    @property
    def common(self) -> tuple[Held, ...]:
        """The locks that every store to what others can access holds, and that no two threads can hold at once."""
        sets = [{held for held in store.held if held.excludes} for store in self.shared]
        return tuple(sorted(set.intersection(*sets))) if sets else ()


# ---- text ----------------------------------------------------------------------------------------


def writers_lines(result: WritersResult, width: int) -> Iterator[Styled]:
    """Every store in two lines, then what they say together."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    yield ((f"stores to `{result.name}` in system `{result.system}` of {result.file}", "bold"),)
    places = [where(store.span) for store in result.stores]
    names = [store.label or store.function for store in result.stores]
    for store, place, name in zip(result.stores, places, names, strict=True):
        yield ()
        head = f"{name:{max(map(len, names))}}   {place:{max(map(len, places))}}   "
        yield ((head, ""), (store.text, "cyan"))
        for row in textwrap.wrap(_said(store), max(40, width - len(INDENT))):
            yield ((f"{INDENT}{row}", "" if store.reached else "dim"),)
    yield ()
    for sentence in conclusion(result):
        for row in textwrap.wrap(sentence, width):
            yield ((row, ""),)


def _said(store: StoreFound) -> str:
    way = WAYS[store.way] + (f" of {store.value}" if store.value is not None and store.way == "store" else "")
    if not store.reached:
        return f"{way}; no thread of the system comes here"
    held = ", ".join(held.words for held in store.held) or "no lock"
    return f"{way}; {' or '.join(map(_object, store.objects))}; held: {held}"


def _object(one: Object) -> str:
    match one:
        case "private":
            return "to an object that no other thread can reach yet"
        case "own":
            return "to current"
        case "any":
            return "to any that others can reach"
        case "static" | "global":
            return "to a global"
        case _:
            assert_never(one)


def conclusion(result: WritersResult) -> Iterator[str]:
    """What all stores say together: who makes them, and which lock they have in common."""
    name, shared = f"`{result.name}`", result.shared
    if not result.functions:
        yield f"No thread of the system stores to {name}."
        return
    functions = result.functions
    yield f"{_many(len(functions), 'function')} store{'s' * (len(functions) == 1)} to {name}: {', '.join(functions)}."
    if not shared:
        yield "Every store is to an object that no other thread can reach yet."
        return
    by_lock = {held: [store for store in shared if held in store.held] for store in shared for held in store.held}
    groups = [(held.words, stores) for held, stores in by_lock.items()]
    groups.sort(key=lambda group: (-len(group[1]), group[0]))
    groups += [("no lock", [store for store in shared if not store.held])]
    told = [f"{len(stores)} hold{'s' * (len(stores) == 1)} {words} ({_functions(stores)})"
            for words, stores in groups if stores]
    yield f"Of the {_many(len(shared), 'store')} to what others can reach, {', '.join(told)}."
    common = [held.words for held in result.common]
    if common:
        yield f"Every store holds {' and '.join(common)}: two of them never meet."
        return
    yield "No lock protects every store."
    if all(store.objects == ("own",) for store in shared):
        yield "Every store is a thread's to its own object: no two of them meet in one."


def _functions(stores: Sequence[StoreFound]) -> str:
    return ", ".join(dict.fromkeys(store.function for store in stores))


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# ---- JSON ----------------------------------------------------------------------------------------


def writers_text(result: WritersResult) -> str:
    """The answer as one JSON object, indented, without a newline at the end."""
    said: Json = {
        "schema": SCHEMA,
        "file": result.file,
        "versions": dict(result.versions),
        "errors": [error_object(error) for error in result.errors],
        "system": result.system or None,
        "field": result.name or None,
        "stores": [_store(store) for store in result.stores],
        "functions": list(result.functions),
        "protected_by": [_lock(held) for held in result.common],
        "conclusion": [] if result.errors else list(conclusion(result)),
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


def _store(store: StoreFound) -> Json:
    return {
        "function": store.function,
        "label": store.label or None,
        "file": store.span.source.path,
        "line": store.span.line,
        "text": store.text,
        "way": store.way,
        "value": store.value,
        "objects": list(store.objects),
        "locks": [_lock(held) for held in store.held],
        "reached": store.reached,
    }


def _lock(held: Held) -> Json:
    return {"lock": held.name, "of": held.whose, "struct": held.cls or None, "mode": held.mode or None}


def exit_code(result: WritersResult) -> int:
    """0, or 2 if something is wrong with the input."""
    return 2 if result.errors else 0
