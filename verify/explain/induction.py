"""A counterexample to induction in the words of the source: what matters before a step, what is false after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from verify.engine.verdict import Counterexample
from verify.explain.decided import NOTHING, Known, decided
from verify.explain.places import places
from verify.explain.sayable import sayable
from verify.explain.words import Wording, local_name, phrase, sentences
from verify.induction import Broken
from verify.instances import THREAD as CELL
from verify.instances import Slot
from verify.ir import (
    PC,
    Action,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Place,
    Ptr,
    Range,
    System,
    Threads,
    Var,
)
from verify.lower.counting import COUNT, MOST, STAYS
from verify.universal import OBJECT, THREAD

ACTOR = 1  # who takes the step
Cell = tuple[str, int]


def counterexample(system: System, broken: Broken, names: Mapping[tuple[int, str], str]) -> Counterexample:
    """Return what is said of an obligation that is not met. `names` are those of locals, by location and local."""
    about = _About(system, broken, Wording(system, places(system), names))
    action, after = broken.action, about.looked(broken.after)
    looked = after | about.looked(broken.before)
    if action is not None:
        stored = after if broken.body is not None else None
        looked |= _looked_at(action, Known(broken.before, ACTOR, broken.choices), stored)
    before = [*about.stands(broken.before), *about.facts(broken.before, looked), *about.chosen()]
    return Counterexample(
        broken.obligation, action.micro if action is not None else (), tuple(before), tuple(about.changed()),
        about.false(),
    )  # fmt: skip


def _looked_at(action: Action, at: Known, stored: frozenset[Slot] | None) -> frozenset[Slot]:
    """The variables that a step reads to be taken, and for what it stores in some variables (None: in any)."""
    exprs: list[Expr] = [action.guard]
    for update in action.updates:
        place = update.place
        pointer = decided(place.pointer, at).value if isinstance(place, Field) else None
        if stored is not None and not any(_may_be(place, pointer, slot) for slot in stored):
            continue
        exprs += [place.pointer] if isinstance(place, Field) else []
        exprs += [update.when, update.value] if decided(update.when, at).value != 0 else [update.when]
    return NOTHING.union(*(decided(expr, at).slots for expr in exprs))


def _may_be(place: Place, pointer: int | None, slot: Slot) -> bool:
    """Whether a place of a step is a variable, as far as it is known where its pointer leads."""
    match place:
        case Global(name):
            return slot == Slot("", 0, name)
        case Local(name):
            return slot == Slot(CELL, ACTOR, name)
        case Field(_, cls, name):
            return (slot.cell, slot.name) == (cls, name) and pointer in (None, slot.index)
        case _:
            assert_never(place)


@dataclass(slots=True, eq=False)
class _About:
    """A counterexample whose cells get their numbers as they are named: the first is who takes the step."""

    system: System
    broken: Broken
    wording: Wording
    numbers: dict[Cell, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the first numbers: to the thread that takes the step, and to what the body speaks of."""
        tasks, clause, bound = self.system.thread, self.broken.clause, self.broken.bound
        cells = [(tasks, ACTOR)] if self.broken.action is not None else []
        if clause is not None:
            cells += [(tasks, bound[THREAD])] * clause.thread + [(clause.cls, bound[OBJECT])] * bool(clause.cls)
        else:
            slots = sorted(slot for slot in self.looked(self.broken.after) if slot.cell)
            cells += [(tasks if slot.cell == CELL else slot.cell, slot.index) for slot in slots]
        for cell in cells:
            self.called(cell)

    def called(self, cell: Cell) -> str:
        """What a cell is called: its class, and a number where there may be several."""
        if cell not in self.numbers:
            self.numbers[cell] = 1 + sum(cls == cell[0] for cls, _ in self.numbers)
        return f"{cell[0]} {self.numbers[cell]}"

    # ---- states ----------------------------------------------------------------------------------

    def looked(self, values: Mapping[Slot, int]) -> frozenset[Slot]:
        """The variables that make the body what it is."""
        body = self.broken.body
        return NOTHING if body is None else decided(body, Known(values, bound=self.broken.bound)).slots

    def stands(self, values: Mapping[Slot, int]) -> Iterator[str]:
        """Where the threads are that take the step, that the clause speaks of, or of which the body asks it."""
        threads = [ACTOR] if self.broken.action is not None else []
        if self.broken.clause is not None and self.broken.clause.thread:
            threads.append(self.broken.bound[THREAD])
        threads += sorted(slot.index for slot in self.looked(values) if slot.name == PC)
        for thread in dict.fromkeys(threads):
            if (at := values.get(Slot(CELL, thread, PC))) is not None:
                yield f"{self.called((self.system.thread, thread))} is {self._place(at)}"

    def _place(self, at: int) -> str:
        known = self.wording.places
        return known.within([at]) if at in known.order else f"at `{self.system.locations[at].name}`"

    def facts(self, values: Mapping[Slot, int], some: frozenset[Slot]) -> Iterator[str]:
        """The values of some variables, in words: those of globals last."""
        variables = {slot: var for slot, var in self._variables().items() if slot in some and slot in values}
        for slot, var in variables.items():
            if slot.name != PC:
                yield self._fact(slot, var, values)

    def _variables(self) -> Mapping[Slot, Var]:
        """All that has a value, in the order in which it is told."""
        system, slots = self.system, self.broken.after.keys() | self.broken.before.keys()
        known = {
            **{("", var.name): var for var in system.globals},
            **{(name, var.name): var for name, cls in system.classes.items() for var in cls.fields},
            **{(CELL, var.name): var for var in system.locals},
        }
        order = {key: number for number, key in enumerate(known)}
        cells = {(cls, index): number for (cls, index), number in self.numbers.items()}

        def told(slot: Slot) -> tuple[bool, int, int, int, int]:
            cell = (system.thread if slot.cell == CELL else slot.cell, slot.index)
            return (
                not slot.cell, cells.get(cell, len(cells)), slot.index, slot.cell != CELL,
                order[slot.cell, slot.name],
            )  # fmt: skip

        return {slot: known[slot.cell, slot.name] for slot in sorted(slots, key=told)}

    def _fact(self, slot: Slot, var: Var, values: Mapping[Slot, int]) -> str:
        value = values[slot]
        if slot.name.startswith(COUNT):
            return self._counted(slot, value)
        if slot.cell == CELL:
            return self._local(slot, var, value, values.get(Slot(CELL, slot.index, PC)))
        owners = {OBJECT: f"{self.called((slot.cell, slot.index))}'s "} if slot.cell else {}
        place = Field(Bound(OBJECT), slot.cell, slot.name) if slot.cell else Global(slot.name)
        match var.domain:
            case Threads() if value:
                shown = phrase(self.wording, Binary("!=", place, Const(0)), frozenset(), owners)
                return f"{shown.removesuffix('is not empty')}is {self._members(value)}"
            case Ptr(cls) if value:
                test = Binary("==", place, Bound(THREAD))
                return phrase(self.wording, test, frozenset(), {**owners, THREAD: f"{self._target(cls, value)}'s "})
            case Range() | Ptr() | Threads():
                return phrase(self.wording, Binary("==", place, Const(value)), frozenset(), owners)
            case _:
                assert_never(var.domain)

    def _local(self, slot: Slot, var: Var, value: int, at: int | None) -> str:
        task = self.called((self.system.thread, slot.index))
        name = local_name(self.wording, slot.name, frozenset(() if at is None else (at,)))
        said = f"{task}'s local `{name}`" if name else f"what {task} has read"
        match var.domain:
            case Ptr(cls) if value:
                return f"{said} points to {self._target(cls, value)}"
            case Ptr():
                return f"{said} is NULL"
            case Range():
                return f"{said} is {value}"
            case Threads():
                return f"{said} is {self._members(value)}"
            case _:
                assert_never(var.domain)

    def _counted(self, slot: Slot, value: int) -> str:
        """How many threads there are, as a counter has it."""
        place, _, local = slot.name.removeprefix(COUNT).partition(".")
        threads = f"{value} thread{'s' * (value != 1)}{' or more' * (value == MOST)}"
        said = f"{threads} {'is' if value == 1 else 'are'} counted {self._place(int(place))}"
        if not local:
            return said
        named = next(var.name for var in self.system.locals if var.name.removeprefix("#") == local)
        name = local_name(self.wording, named, frozenset({int(place)}))
        owner = f"`{name}`" if name else "what was read"
        return f"{said} from where {owner} points to {self.called((slot.cell, slot.index))}"

    def _target(self, cls: str, value: int) -> str:
        """What a pointer leads to: a cell at hand, or some other."""
        here = any((slot.cell, slot.index) == (cls, value) for slot in self.broken.before)
        return self.called((cls, value)) if here else f"some other {cls}"

    def _members(self, value: int) -> str:
        tasks = self.system.thread
        here = sorted({slot.index for slot in self.broken.before if slot.cell == tasks and value >> slot.index - 1 & 1})
        named = [self.called((tasks, index)) for index in here]
        others = ["others"] if value & ~sum(1 << index - 1 for index in here) else []
        return f"{{{', '.join([*named, *others])}}}"

    def chosen(self) -> Iterator[str]:
        """What the step chooses freely."""
        action = self.broken.action
        for binder in action.binders if action is not None else ():
            value = self.broken.choices.get(binder.name)
            if value is None or binder.name.startswith(STAYS):
                continue
            match binder.domain:
                case Ptr(cls):
                    yield f"{self.called((self.system.thread, ACTOR))} chooses {self._target(cls, value)}"
                case Range():
                    yield f"{self.called((self.system.thread, ACTOR))} chooses {value}"
                case _:
                    assert_never(binder.domain)

    # ---- after -----------------------------------------------------------------------------------

    def changed(self) -> Iterator[str]:
        """What the step changed of what the body looks at, and where the thread is if the clause asks for that."""
        broken = self.broken
        if broken.action is None:
            return
        changed = frozenset(slot for slot, value in broken.after.items() if broken.before.get(slot) != value)
        clause, now = broken.clause, broken.after.get(Slot(CELL, ACTOR, PC))
        if clause is not None and clause.locations is not None and broken.bound[THREAD] == ACTOR and now is not None:
            yield f"{self.called((self.system.thread, ACTOR))} is {self._place(now)}"
        yield from self.facts(broken.after, changed & self.looked(broken.after))

    def false(self) -> str:
        """What does not hold."""
        broken, clause = self.broken, self.broken.clause
        if broken.body is None:
            stored = dict.fromkeys(_named(update.place) for update in broken.action.updates) if broken.action else {}
            return f"what is stored lies in the domain of its variable: {', '.join(stored)}"
        if clause is None:
            return "what is to be proved"
        part = sayable(self.system, clause, Known(broken.after, bound=broken.bound))
        if part is not None:
            (said,) = sentences(self.system, [part], self.wording.locals)
            return said
        cells = [(self.system.thread, broken.bound[THREAD])] if clause.thread else []
        cells += [(clause.cls, broken.bound[OBJECT])] if clause.cls else []
        of = " and ".join(self.called(cell) for cell in cells)
        return f"what the invariant says of {of or 'the globals'}"


def _named(place: Place) -> str:
    return f"`{place.cls}.{place.name}`" if isinstance(place, Field) else f"`{place.name}`"
