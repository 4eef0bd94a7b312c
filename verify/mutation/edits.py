"""Statements of a checked program replaced by others, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from verify.lower.without import without
from verify.source import Span
from verify.syntax import ast
from verify.syntax.check.walk import statements
from verify.syntax.program import Program

T = TypeVar("T")
Change = Callable[[ast.Stmt], ast.Stmt]
Operator = Literal["remove", "drop", "negate", "delay", "hasten"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A statement of a program, and what to make of it once all within it is changed."""

    stmt: ast.Stmt  # this very one: statements are told apart by identity
    change: Change


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program that differs in one place.

    What is changed is the `guard`, which is removed, or what `edit` says. `either` makes a program that does all that
    the program does with the change and all that it does without; there is none for some, and a guard has its own.
    """

    operator: Operator
    what: str  # the statement or condition, as a reader knows it: "`kernel_thread.flag`"
    sort: str  # "check", "lock", "barrier", "statement", "condition", "store"
    function: str
    span: Span
    guard: str = ""
    edit: Edit | None = None
    either: Edit | None = None
    neighbour: str = ""  # what a lock is moved past
    waits: bool = False  # whether the change may concern what a thread waits for
    hides: frozenset[str] = frozenset()  # "function.label": the statements that nobody comes to any more

    @property
    def optional(self) -> bool:
        """Whether a program may have the change or not, anew at each visit."""
        return bool(self.guard) or self.either is not None


def mutated(program: Program, mutant: Mutant) -> Program:
    """The program with the change."""
    return without(_edited(program, [mutant.edit]), [mutant.guard] if mutant.guard else [])


def perhaps_mutated(program: Program, mutants: Sequence[Mutant]) -> Program:
    """The program with each of these changes made or not, anew at each visit; all are `optional`.

    It does all that the program does with any of the changes, and more: what holds of it holds of each mutant.
    """
    edited = _edited(program, [mutant.either for mutant in mutants])
    return without(edited, (), [mutant.guard for mutant in mutants if mutant.guard])


def _edited(program: Program, edits: Iterable[Edit | None]) -> Program:
    """The program with the statements of the edits changed. Raises ValueError if one of them is none of its own."""
    changes: dict[int, list[Change]] = {}
    for edit in edits:
        if edit is not None:
            changes.setdefault(id(edit.stmt), []).append(edit.change)
    if not changes:
        return program
    bodies = [function.body for function in program.functions.values() if function.body is not None]
    if not changes.keys() <= {id(stmt) for body in bodies for stmt in statements(body)}:
        raise ValueError("a mutant of another program")
    return replace(program, functions={name: _rewritten(f, changes) for name, f in program.functions.items()})


def _rewritten(value: T, changes: Mapping[int, Sequence[Change]]) -> T:
    """Rebuild what has changed of a tree, from the inside out."""
    match value:
        case tuple():
            parts = tuple(_rewritten(part, changes) for part in value)
            same = all(new is old for new, old in zip(parts, value, strict=True))
            return value if same else parts  # type: ignore[return-value] # a tuple again
        case ast.Node():
            made = value
            fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
            new = {name: _rewritten(old, changes) for name, old in fields.items() if isinstance(old, tuple | ast.Node)}
            new = {name: part for name, part in new.items() if part is not fields[name]}
            made = replace(value, **new) if new else value  # type: ignore[arg-type] # what is new has the old class
            for change in changes.get(id(value), ()):
                made = change(made)  # type: ignore[assignment, arg-type] # a statement for a statement
            return made
        case _:
            return value
