"""The only place where text becomes code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def execute(lines: Sequence[str]) -> Callable[..., Any]:
    """Run the definition of a function called `make` and return it.

    The callers write the text from the numbers and the structure of the IR alone, with positional identifiers: no name
    of the user's program gets here.
    """
    scope: dict[str, Callable[..., Any]] = {}
    exec(compile("\n".join(lines), "<generated>", "exec"), scope)  # noqa: S102 - see the docstring
    return scope["make"]
