"""The checked program: every name resolved, every expression typed. Lowering takes nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from verify.source import Source, Span
from verify.syntax.ast import (
    AssumptionDecl,
    ClaimDecl,
    EnumDecl,
    FunctionDecl,
    GlobalDecl,
    InvariantDecl,
    StructDecl,
    SystemDecl,
)

if TYPE_CHECKING:
    from verify.syntax.check.locks import Followed

GuardKind = Literal["check", "lock", "statement", "none"]


@dataclass(frozen=True, slots=True)
class Guard:
    """A named statement `function.label`.

    check: an `if`; removed, its condition is false. lock: an acquire; removed, it and the releases that match it are
    empty. statement: a write, call or barrier; removed, it is empty. none: a label that only `reach` can mean.
    """

    name: str  # "ptrace_attach.check"
    kind: GuardKind
    span: Span


@dataclass(frozen=True, slots=True)
class Program:
    """A file without errors. Mappings are keyed by name, in the order of the source."""

    path: str
    structs: Mapping[str, StructDecl]
    enums: Mapping[str, EnumDecl]
    enumerators: Mapping[str, int]
    globals: Mapping[str, GlobalDecl]
    functions: Mapping[str, FunctionDecl]  # those with a body
    systems: Mapping[str, SystemDecl]
    invariants: Mapping[str, InvariantDecl]
    claims: tuple[ClaimDecl, ...]
    guards: Mapping[str, Guard]
    assumptions: Mapping[str, AssumptionDecl]
    thread: str  # the struct whose objects are threads of control
    included: tuple[ClaimDecl, ...] = field(default=(), repr=False, compare=False)  # of included files, unchecked
    sources: tuple[Source, ...] = field(default=(), repr=False, compare=False)  # the files that were read, main first
    followed: Followed | None = field(default=None, repr=False, compare=False)  # what is known of its locks
