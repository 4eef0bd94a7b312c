"""Of what a test of a thread and an object speaks."""

from __future__ import annotations

from verify.ir import Binary, Bound, Expr, Field, Global, Local
from verify.universal import OBJECT, parts


def ties(test: Expr) -> bool:
    """Whether a test says that one of a thread and an object points to the other."""
    match test:
        case Binary("==" | "!=", Local() | Global(), Bound(name)):
            return name == OBJECT
        case Binary("==" | "!=", Field(Bound(one)), Bound(other)):
            return one != other
        case _:
            return False


def of_object(test: Expr, owner: str) -> bool:
    """Whether a test speaks of one object and the globals only."""
    return all(
        part == Bound(owner) if isinstance(part, Bound) else not isinstance(part, Local) for part in parts(test)
    )


def mentions(test: Expr, name: str) -> bool:
    """Whether a test names one of the two."""
    return Bound(name) in parts(test)
