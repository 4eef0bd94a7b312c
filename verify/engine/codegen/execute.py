"""The only place where text becomes code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

KEPT = 1 << 12  # texts: what differs between most steps are numbers, which are given


def execute(lines: Sequence[str]) -> Callable[..., Any]:
    """Run the definition of a function called `make` and return it.

    The callers write the text from the numbers and the structure of the IR alone, with positional identifiers: no name
    of the user's program gets here.
    """
    return _made("\n".join(lines))


@lru_cache(maxsize=KEPT)
def _made(text: str) -> Callable[..., Any]:
    scope: dict[str, Callable[..., Any]] = {}
    exec(compile(text, "<generated>", "exec"), scope)  # noqa: S102 - see the docstring
    return scope["make"]
