"""What names mean at a place in the file, and where errors go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.ast import FieldDecl, FunctionDecl, GlobalDecl, NameKind
from verify.syntax.primitives import BIG_LOCK, PRIMITIVES
from verify.syntax.types import Type

CURRENT = "current"
TASK_LOCKS: Mapping[str, str] = {"task_lock": "spin_lock", "task_unlock": "spin_unlock"}
ALLOC_LOCK = "alloc_lock"
READS = ("atomic_read", "READ_ONCE", "test_bit")  # primitives that change nothing
BUILT_IN = frozenset({*PRIMITIVES, *TASK_LOCKS, CURRENT, BIG_LOCK})


@dataclass(frozen=True, slots=True)
class Local:
    """A local variable, a parameter, or a variable bound by a quantifier or `foreach`."""

    unique: str
    type: Type | None  # None where the declaration is wrong
    kind: NameKind = "local"


@dataclass(frozen=True, slots=True)
class File:
    """What the declarations of a file make known. `errors` collects; all else is fixed."""

    structs: Mapping[str, Mapping[str, FieldDecl]]
    enums: Mapping[str, Mapping[str, int]]
    enumerators: Mapping[str, tuple[int, Type]]
    globals: Mapping[str, GlobalDecl]
    functions: Mapping[str, FunctionDecl]  # the definition where there is one
    labels: Mapping[str, frozenset[str]]
    thread: str
    errors: list[Diagnostic]
    broken: set[str]  # names and "struct.field" whose declaration is wrong: their uses are no further errors
    lost: Mapping[str, str] = field(default_factory=dict)  # invariants without one of their labels, and that label

    def error(  # noqa: PLR0913 - the parts of a Diagnostic
        self, code: str, message: str, span: Span, *, label: str = "", hint: str = "",
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        """Add an error of the user's input."""
        self.errors.append(Diagnostic(code, message, span, label, hint, notes))


Mode = Literal["code", "invariant", "constant"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The names visible at one place. `counts` and `reported` are shared by all scopes of a function."""

    file: File
    mode: Mode
    function: FunctionDecl | None = None
    locals: Mapping[str, Local] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)  # locals of each name so far
    reported: set[str] = field(default_factory=set)  # unknown names already reported: one error for each

    def unknown(  # noqa: PLR0913, PLR0917 - the parts of a Diagnostic
        self, code: str, what: str, name: str, span: Span, known: Iterable[str], hint: str = ""
    ) -> None:
        """Report an unknown name, once for each function; the hint is for one that none of the known is close to."""
        if (what + name) in self.reported:
            return
        self.reported.add(what + name)
        self.file.error(code, f"unknown {what} `{name}`", span, hint=closest(name, known) or hint)


def closest(name: str, known: Iterable[str]) -> str:
    """Return the hint that names the most similar known name, or no hint."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else ""


def once(file: File, seen: dict[str, Span], name: str, span: Span, what: str, hint: str = "") -> bool:  # noqa: PLR0913, PLR0917 - the parts of an error
    """Whether `name` is new in `seen`, to which it is added; reports the second declaration."""
    if name in seen:
        note = (f"`{name}` is first declared here", seen[name])
        file.error("KC105", f"{what} `{name}` is declared twice", span, notes=(note,), hint=hint)
        return False
    seen[name] = span
    return True
