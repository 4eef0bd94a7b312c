"""What an emitted system is checked for."""

from __future__ import annotations

from dataclasses import dataclass

from verify.ir import Expr
from verify.response import Response


@dataclass(frozen=True, slots=True)
class Property:
    """What must hold in every state: its name in the source, and what it says there."""

    name: str
    expr: Expr | None  # None: that no state is a deadlock
    note: str = ""
    holds: bool = True  # what is claimed


@dataclass(frozen=True, slots=True)
class Liveness:
    """What every thread comes to on fair runs: its name in the source, what it says there, and in which words.

    `begins` and `ends` name what a thread is at where a response begins and ends, as `enters_user` and `at_user.enter`;
    without `ends` it ends where it does not begin.
    """

    name: str
    responses: tuple[Response, ...]
    begins: str
    ends: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sections:
    """What sections are to be as single steps: those of which locks, the locations within, and what the source says."""

    locks: str
    inside: frozenset[int]
    note: str = ""


class EmitError(Exception):
    """Something that cannot be said in the other language."""
