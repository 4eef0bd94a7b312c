"""Where a thread is, in words: parts of the code named by the nearest labels, functions and lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from verify.ir import System
from verify.source import where

FIXED = {"idle": "not started", "end": "at its end"}


@dataclass(frozen=True, slots=True)
class Places:
    """The locations of a system where threads can be, in the order of the code, those with one name side by side."""

    system: System
    order: Sequence[int]
    names: dict[int, str] = field(repr=False)

    def within(self, locations: Collection[int]) -> str:
        """Where a thread is that is at one of these: "from `f.a` (x.kc:3) to `f.b` (x.kc:7)"."""
        here = [at for at in self.order if at in locations]
        if not here:  # no step leads there
            return f"at {' or '.join(self._named(at) for at in sorted(locations))}"
        there = [at for at in self.order if at not in locations]
        if not there:
            return "wherever it is"
        if len(self._ranges(there)) < len(self._ranges(here)) or (len(here) > 2 * len(there) and len(there) > 0):
            return f"anywhere but {self._listed(there)}"
        return self._listed(here)

    def _listed(self, some: Sequence[int]) -> str:
        if not some:
            return "nowhere"
        said = list(dict.fromkeys(self._said(part) for part in self._ranges(some)))
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"

    def _ranges(self, some: Sequence[int]) -> Sequence[Sequence[int]]:
        """Parts of the order without gaps; `idle` and `end` are no part of any other."""
        kinds = {at: self.system.locations[at].kind for at in some}
        numbered = [(self.order.index(at), at) for at in some]
        runs = groupby(enumerate(numbered), key=lambda x: (x[1][0] - x[0], kinds[x[1][1]]))
        return [[at for _, (_, at) in run] for _, run in runs]

    def _said(self, part: Sequence[int]) -> str:
        first, last = part[0], part[-1]
        if self.system.locations[first].kind in FIXED:
            return FIXED[self.system.locations[first].kind]
        if self.names[first] == self.names[last]:
            return f"at {self._named(first)}"
        return f"from {self._named(first)} to {self._named(last)}"

    def _named(self, at: int) -> str:
        location = self.system.locations[at]
        name = location.name
        place = where(location.span)
        label, _, line = name.partition(":")
        return f"`{label}` ({place})" if not line else f"`{location.function}` ({place})"


def places(system: System, never: Collection[int] = ()) -> Places:
    """Return the places of a system, but for those where nobody ever is."""
    live = {*(a.source for a in system.actions), *(a.target for a in system.actions)} - set(never)
    names = {at: system.locations[at].name for at in live}
    first: dict[str, int] = {}
    for at in sorted(live):
        first.setdefault(names[at], at)
    return Places(system, sorted(live, key=lambda at: (first[names[at]], at)), names)
