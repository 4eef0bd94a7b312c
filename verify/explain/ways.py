"""Which clauses to choose, so that one of them excludes each of some states: a hitting set, found greedily."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import reduce
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from operator import or_

from verify.explain.candidates import Candidate


@dataclass(slots=True, eq=False)
class Ways:
    """For each state that has to be excluded, what excludes it, and at which price."""

    states: list[Mapping[Candidate, float]] = field(default_factory=list)
    among: dict[Candidate, int] = field(default_factory=dict)  # a mask of the states that each excludes

    def add(self, way: Mapping[Candidate, float]) -> None:
        """One more state."""
        for candidate in way:
            self.among[candidate] = self.among.get(candidate, 0) | 1 << len(self.states)
        self.states.append(way)

    def cheapest(self) -> Collection[Candidate]:
        """Candidates that exclude them all, cheap in sum: always one that costs least for each state more."""
        prices = {candidate: price for way in self.states for candidate, price in way.items()}
        every = left = (1 << len(self.states)) - 1
        picked = list[Candidate]()
        heap = [
            (prices[candidate] / mask.bit_count(), prices[candidate], number, candidate)
            for number, (candidate, mask) in enumerate(self.among.items())
        ]
        heapify(heap)
        while left:
            equal = list[tuple[float, float, int, Candidate]]()
            while heap and (not equal or heap[0][:2] == equal[0][:2]):
                ratio, price, number, candidate = heap[0]
                here = self.among[candidate] & left
                now = price / here.bit_count() if here else inf
                if now > ratio:  # others have excluded some of these since
                    heapreplace(heap, (now, price, number, candidate))
                else:
                    equal.append(heappop(heap))
            best = self._first(left, {candidate for *_, candidate in equal})
            picked.append(best)
            left &= ~self.among[best]
            for entry in equal:
                if entry[3] is not best:
                    heappush(heap, entry)
        for candidate in list(picked):
            rest = [other for other in picked if other != candidate]
            if reduce(or_, (self.among[other] for other in rest), 0) == every:
                picked = rest
        return picked

    def _first(self, left: int, some: Collection[Candidate]) -> Candidate:
        """Of some candidates the one that is liked best of those that exclude the first state that is left."""
        states = (way for number, way in enumerate(self.states) if left >> number & 1)
        return next(candidate for way in states for candidate in way if candidate in some)
