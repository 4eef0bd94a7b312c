"""Identifiers of another language: never used twice, and as near to the source's as that leaves them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


@dataclass(slots=True)
class Namer:
    """Hands out names, each once."""

    used: set[str]  # those that are taken; grows
    identifier: Callable[[str], str]  # makes one of a text

    def name(self, *wanted: str) -> str:
        """The first of the names that is free, else the last with a number."""
        candidates = [self.identifier(name) for name in wanted]
        chosen = next((name for name in candidates if name not in self.used), None)
        number = 2
        while chosen is None:
            numbered = f"{candidates[-1]}_{number}"
            chosen, number = (None if numbered in self.used else numbered), number + 1
        self.used.add(chosen)
        return chosen


def camel(text: str) -> str:
    """`no_traced_thread` as `NoTracedThread`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)


def plural(name: str) -> str:
    """What a set of these is called: `Tasks` of `task`."""
    return f"{camel(name)}s"
