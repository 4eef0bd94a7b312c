"""Responses: what a thread comes to sooner or later, once it stands somewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Response:
    """Whenever a thread stands at a location of `begin`, it later stands at one of `end`; None is any outside `begin`.

    `p ~> q` of TLA+, for every thread; Manna & Pnueli call such a property a response.
    """

    begin: frozenset[int]
    end: frozenset[int] | None = None

    def ends(self, location: int) -> bool:
        """Whether it is what the thread was to come to."""
        return location not in self.begin if self.end is None else location in self.end
