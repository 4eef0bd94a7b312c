"""What is asked of the guards of a system: which of them, and of which invariants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verify.diagnostics import InputError
from verify.judging import Options, Selection
from verify.lower.without import refuse_unbalanced
from verify.redundancy.bench import NONE
from verify.selecting import studied
from verify.syntax.program import Program


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked: which guards of one system, and of which invariants."""

    selection: Selection
    options: Options
    system: str
    invariants: tuple[str, ...]
    guards: tuple[str, ...]  # those that threads of the system come to
    fixed: tuple[str, ...] = ()  # locks among these that cannot be removed


def study(selection: Selection, options: Options, invariants: Sequence[str]) -> Study:
    """What to ask; no invariants are those that claims prove, or all if there is no such claim.

    Raises InputError for names that the file does not have, and for what cannot be lowered.
    """
    program = selection.program
    system, about = studied(selection, options, invariants, {"prove", "redundant", "necessary"})
    labels = selection.lower((system, frozenset(options.without), NONE)).labels
    removable = (g for g in program.guards.values() if g.kind != "none" and g.name not in options.without)
    names = [g.name for g in removable if labels.get(g.name)]
    fixed = tuple(name for name in names if not _balanced(program, name))
    return Study(selection, options, system, about, tuple(name for name in names if name not in fixed), fixed)


def _balanced(program: Program, guard: str) -> bool:
    try:
        refuse_unbalanced(program, [guard])
    except InputError:
        return False
    return True
