"""What an emitted system is checked for."""

from __future__ import annotations

from dataclasses import dataclass

from verify.ir import Expr


@dataclass(frozen=True, slots=True)
class Property:
    """What must hold in every state: its name in the source, and what it says there."""

    name: str
    expr: Expr | None  # None: that no state is a deadlock
    note: str = ""
    holds: bool = True  # what is claimed


class EmitError(Exception):
    """Something that cannot be said in the other language."""
