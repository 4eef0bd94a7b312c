"""What every fair run comes to, as temporal properties of a module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from verify.emit.idents import camel
from verify.emit.properties import Liveness
from verify.emit.tla.layout import noted, plain, wrapped
from verify.emit.tla.names import Names
from verify.instances import THREAD
from verify.ir import PC

TITLE = "(* Liveness: on every run of FairSpec, on which no thread that could always step is left out *)"


@dataclass(frozen=True, slots=True)
class Later:
    """The properties with their identifiers, and the lines that define them."""

    properties: tuple[tuple[str, Liveness], ...]
    lines: tuple[str, ...]


def later(liveness: Sequence[Liveness], names: Names, threads: str) -> Later:
    """The liveness of a module; `threads` names the set of all threads.

    What begins nowhere is left out: nobody can break it. Nor is FALSE ever written: to TLC 2.15, `FALSE ~> P` is
    violated.
    """
    predicates = _Predicates(names)
    found, said = list[tuple[str, Liveness]](), list[str]()
    for one in liveness:
        if leads := list(_leads(one, predicates)):
            name = names.namer.name(camel(one.name), f"{camel(one.name)}Live")
            found.append((name, one))
            bullet = "/\\ " if len(leads) > 1 else ""
            said += [noted("", plain(one.note), 0).lstrip()] if one.note else []
            said += [f"{name} ==", f"    \\A self \\in {threads} :"]
            said += [f"      {bullet}{lead}" for lead in leads]
            said.append("")
    return Later(tuple(found), (TITLE, *predicates.lines, "", *said) if found else ())


@dataclass(frozen=True, slots=True)
class _Predicates:
    """What a thread can be at, each defined once."""

    names: Names
    lines: list[str] = field(default_factory=list)
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, wanted: str, places: frozenset[int]) -> str:
        """The name of a predicate of threads that stand at one of the places, called as wanted if that is free."""
        labels = self.labels(places)
        among = f"= {labels[0]}" if len(labels) == 1 else f"\\in {{{', '.join(labels)}}}"
        if (wanted, among) not in self.known:
            name = self.names.namer.name(camel(wanted))
            self.known[wanted, among] = name
            at = self.names.variables[THREAD, PC]
            self.lines.extend(wrapped(f"{name}(self) == {at}[self] {among}", 0, 4))
        return self.known[wanted, among]

    def labels(self, places: frozenset[int]) -> list[str]:
        """The labels of those that a thread can stand at."""
        return [f'"{label}"' for place, label in self.names.labels.items() if place in places]


def _leads(one: Liveness, predicates: _Predicates) -> Iterator[str]:
    for response in one.responses:
        if predicates.labels(response.begin):
            begin = predicates.of(one.begins, response.begin)
            end = f"~{begin}" if response.end is None else predicates.of(one.ends, response.end)
            yield f"{begin}(self) ~> {end}(self)"
