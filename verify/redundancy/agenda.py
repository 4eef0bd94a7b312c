"""What to ask of each invariant next, as answers come in: units of work that share nothing but what is known before.

First grow the proofs for many guards, of invariants that are near to each other together; then runs are looked for
without each guard that is in none of them, and each without which there is none soon is a unit; at last come all sets.
An invariant of which nothing grows is one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verify.engine.verdict import Refuted, Trace, Verdict
from verify.redundancy.bench import Guards, Together
from verify.redundancy.singly import Singly
from verify.report.redundancy import Cell


@dataclass(frozen=True, slots=True)
class Begin:
    """To find out how much a proof of an invariant has to know."""

    invariant: str


@dataclass(frozen=True, slots=True)
class Grow:
    """To find one proof of these invariants for many of these guards."""

    invariants: tuple[str, ...]
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """To look for a run that breaks an invariant without each of these guards alone."""

    invariant: str
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alone:
    """To decide an invariant without one guard, where a look has found no run."""

    invariant: str
    guard: str


@dataclass(frozen=True, slots=True)
class Sets:
    """To decide an invariant for all sets of guards, and whatever is not known of it by then."""

    invariant: str


@dataclass(frozen=True, slots=True)
class Row:
    """To say what there is to say of a guard whatever the invariant."""

    guard: str


Unit = Begin | Grow | Look | Alone | Sets | Row
# Which invariants, of which so large guesses are enough, grow together for these guards: what takes longest first.
Near = Callable[[Sequence[str], Sequence[int], Sequence[str]], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Found:
    """What holds of an invariant without one guard: for the table, and for what it says of sets."""

    invariant: str
    guard: str
    cell: Cell
    verdict: Verdict
    more: Sequence[Together]
    hinges: Guards | None  # of what a run may not go without


@dataclass(frozen=True, slots=True)
class Begun:
    """The number of the first guess that is enough; None if none is."""

    unit: Begin
    number: int | None


@dataclass(frozen=True, slots=True)
class Grew:
    """What has grown, if anything has."""

    unit: Grow
    together: Together | None


@dataclass(frozen=True, slots=True)
class Left:
    """That a look has found no run that breaks an invariant without a guard."""

    invariant: str
    guard: str


@dataclass(slots=True)
class Known:
    """What is known of one invariant."""

    growing: int = 0  # proofs that are being looked for
    many: list[Together] = field(default_factory=list)
    left: set[str] = field(default_factory=set)  # guards that are being decided alone
    found: dict[str, Found] = field(default_factory=dict)

    def together(self) -> list[Together]:
        """The proofs for many guards, those of more before others."""
        return sorted(self.many, key=lambda one: (-len(one.optional), min(one.optional)))

    def singly(self) -> Singly | None:
        """What is known of guards one by one, if anything has grown."""
        many = self.together()
        if not many:
            return None
        known = Singly(many[0].proof, together=many)
        for one in many:
            known.verdicts |= dict.fromkeys(one.optional, one.proof)
        for guard, found in sorted(self.found.items()):
            known.verdicts[guard] = found.verdict
            known.together += found.more
            if found.hinges is not None:
                known.hinges[guard] = found.hinges
        return known


@dataclass(slots=True)
class Agenda:
    """The units that can be begun, and what is known of each invariant."""

    order: Sequence[str]  # of the invariants
    guards: Sequence[str]
    parts: Sequence[tuple[str, ...]]  # the guards that grow together
    near: Near
    ready: list[Unit] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)  # of the first guess that is enough
    rows: list[Row] = field(default_factory=list)  # which are short, and come last
    known: dict[str, Known] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)  # guards without which some invariant is being decided

    def begin(self, invariants: Sequence[str]) -> None:
        """Plan to answer what there is to be asked of these invariants."""
        self.waiting = set(invariants)
        self.ready += [Begin(name) for name in invariants]

    def begun(self, what: Begun) -> None:
        """Take in how much a proof of an invariant has to know: when that is known of all, proofs can grow."""
        name, number = what.unit.invariant, what.number
        self.waiting.discard(name)
        if number is None or not self.guards:
            self.known[name] = Known()
            self.ready.append(Sets(name))
        else:
            self.numbers[name] = number
        if self.numbers and not self.waiting:
            order = [name for name in self.order if name in self.numbers]
            for part in self.parts:
                for some in self.near(order, [self.numbers[name] for name in order], part):
                    self._grow(tuple(order[place] for place in some), part)

    def _grow(self, names: tuple[str, ...], part: tuple[str, ...]) -> None:
        self.ready.append(Grow(names, part))
        for name in names:
            self.known.setdefault(name, Known()).growing += 1

    def take(self) -> Unit | None:
        """The next unit that can be begun, if there is one now.

        A guard is decided for one invariant after the other: a run that breaks the first may break the next.
        """
        for place, unit in enumerate(self.ready):
            if not isinstance(unit, Alone) or unit.guard not in self.alone:
                self.alone |= {unit.guard} if isinstance(unit, Alone) else set()
                return self.ready.pop(place)
        return self.rows.pop(0) if self.rows else None

    def runs(self, guard: str) -> list[Trace]:
        """The runs without a guard that break some invariant."""
        verdicts = [known.found[guard].verdict for known in self.known.values() if guard in known.found]
        return [verdict.trace for verdict in verdicts if isinstance(verdict, Refuted)]

    def grew(self, what: Grew) -> None:
        """Take in what has grown; what has not for several invariants is tried for each."""
        unit, together = what.unit, what.together
        if together is None and len(unit.invariants) > 1:
            for name in unit.invariants:
                self._grow((name,), unit.guards)
        for name in unit.invariants:
            known = self.known[name]
            known.growing -= 1
            if together is not None and together.optional:
                known.many.append(together)
            if not known.growing:
                self._one_by_one(name, known)

    def _one_by_one(self, invariant: str, known: Known) -> None:
        if known.many:
            done = {guard for one in known.many for guard in one.optional}
            known.left = set(self.guards) - done
        if known.left:
            self.ready.append(Look(invariant, tuple(guard for guard in self.guards if guard in known.left)))
        else:
            self.ready.append(Sets(invariant))

    def looked(self, what: Left) -> None:
        """Take in that a guard is left to be decided."""
        self.ready.append(Alone(what.invariant, what.guard))

    def decided(self, found: Found) -> None:
        """Take in what holds without one guard."""
        known = self.known[found.invariant]
        known.found[found.guard] = found
        known.left.discard(found.guard)
        self.alone.discard(found.guard)
        if not known.left:
            self.ready.insert(0, Sets(found.invariant))  # which may take long
