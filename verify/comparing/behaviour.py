"""What each of two versions can be seen to do that the other cannot: inclusion of their words, in both directions.

Seen are the calls of some functions, with their values, and the errors at which threads stop. The words of both are
followed together, the short ones first; where one version can go on and the other cannot, they differ.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from verify.comparing.texts import changed
from verify.comparing.words import Event, Limits, Machine, OutOfReachError, Subset, Word, machine
from verify.engine.verdict import Progress, Refuted
from verify.instances import Trace, exact_tasks, least_tasks
from verify.ir import System
from verify.judging import BOUNDED, Options, Selection, quiet
from verify.lower import Lowered, lower
from verify.lower.claims import property_of
from verify.lower.graph import domain_of
from verify.lower.observe import RESULT, Numbers, callees, eventful, numbered, observable, observed, shown, silent
from verify.outcome import to_first_violation
from verify.question import Memory, Question, Tools, share
from verify.report.diff import Behaviour, Difference, Happening, Looked
from verify.report.names import cell_name, value_name
from verify.report.steps import STOPS
from verify.schedule import Hear
from verify.semantics import replay
from verify.strategy import decide
from verify.syntax.ast import ClaimDecl, FunctionDecl
from verify.syntax.program import Program
from verify.syntax.types import Bool, Enum, Type, Void

Hints = tuple[Sequence[ClaimDecl], Sequence[ClaimDecl]]  # claims that a run of the one or the other version decides

STATES = 1_500_000  # states that are looked at for each number of tasks: no answer depends on the time it takes
MOST = 6  # differences that are told of each version
GRACE = 20.0  # seconds that it may take to show a difference that was found


@dataclass(frozen=True, slots=True)
class Side:
    """A version whose calls can be seen."""

    file: str
    program: Program
    system: System  # which says what happens
    quiet: Lowered  # the same, saying nothing


@dataclass(frozen=True, slots=True)
class Node:
    """A word that both versions have, and the states that it may have led to in each."""

    word: Word
    subsets: tuple[Subset, Subset]


@dataclass(slots=True)
class Hunt:
    """The words of both versions, as far as they are known."""

    machines: tuple[Machine, Machine]
    numbers: Numbers
    limits: Limits
    found: dict[Kind, Found] = field(default_factory=dict)
    seen: set[tuple[Subset, Subset]] = field(default_factory=set)

    def spent(self) -> int:
        """How many states were looked at."""
        return sum(machine.looked for machine in self.machines)

    def root(self) -> Node:
        """Where nothing has happened yet. Raises OutOfReachError."""
        one, other = self.machines
        return Node((), (one.starts(self.limits), other.starts(self.limits)))

    def further(self, node: Node) -> Iterator[Node]:
        """The words with one event more that both have; those that one of them has are kept. Raises OutOfReachError."""
        if self.spent() > STATES:
            raise OutOfReachError
        mine, theirs = (m.after(s, self.limits) for m, s in zip(self.machines, node.subsets, strict=True))
        for event in sorted(mine.keys() | theirs.keys()):
            if event not in mine or event not in theirs:
                other = mine if event in theirs else theirs
                instead = frozenset(one for one in other if one.thread == event.thread)
                self.keep(int(event in theirs), (*node.word, event), instead)
                continue
            subsets = (mine[event], theirs[event])
            if subsets not in self.seen:
                self.seen.add(subsets)
                yield Node((*node.word, event), subsets)

    def keep(self, able: int, word: Word, instead: frozenset[Event]) -> None:
        """Keep a difference, unless there is one like it that takes less."""
        result = tuple(value for value in word[-1].values if value[0].startswith(f"#{RESULT}:"))
        kind = Kind(able, word[-1].number, result, frozenset(event.number for event in word))
        add(self.found, kind, Found(self, word, instead))


class Kind(NamedTuple):
    """Differences that are told as one: which version can do what in the end, and what has happened before."""

    able: int
    last: int
    result: tuple[tuple[str, int], ...]
    happened: frozenset[int]


class Found(NamedTuple):
    """A difference: the word that one version has, and how the same thread can go on in the other."""

    hunt: Hunt
    word: Word
    instead: frozenset[Event]


def add(found: dict[Kind, Found], kind: Kind, new: Found) -> None:
    """Keep a difference where none comes to the same by less: those of more are given up."""
    alike = [other for other in found if other[:3] == kind[:3]]
    if any(o.happened <= kind.happened and len(found[o].word) <= len(new.word) for o in alike):
        return
    for other in alike:
        if kind.happened <= other.happened and len(new.word) <= len(found[other].word):
            del found[other]
    found[kind] = new


def seen_functions(before: Program, after: Program, systems: Sequence[str]) -> tuple[str, ...]:
    """The functions whose calls are seen.

    Those that threads call themselves, where they are the system calls; and those that the change is in, as far as
    what is the same in both versions calls them.
    """
    programs = (before, after)
    entries = {g.entry for p, s in zip(programs, systems, strict=True) for g in p.systems[s].groups}
    different = changed(before, after)
    found = set[str]()
    for program in programs:
        for name, function in program.functions.items():
            called = callees(function)
            found |= called if name in entries else called & different if name not in different else set()
    return tuple(sorted(name for name in found if all(_can_be_seen(name, programs, p) for p in programs)))


def _can_be_seen(name: str, programs: Sequence[Program], program: Program) -> bool:
    known = [p.functions[name] for p in programs if name in p.functions]
    same = len({(f.result, tuple(p.declared for p in f.params)) for f in known}) == 1
    return same and (name not in program.functions or name in observable(program))


def behaviour(
    versions: Sequence[Selection], systems: Sequence[str], hints: Hints, options: Options, hear: Hear
) -> Behaviour:
    """Compare what two versions can be seen to do, with each number of tasks, and near where `hints` lead.

    Raises InputError.
    """
    programs = [version.program for version in versions]
    functions = seen_functions(programs[0], programs[1], systems)
    numbers = numbered(functions)
    sides = [
        _side(version.file, version.program, system, functions, numbers)
        for version, system in zip(versions, systems, strict=True)
    ]
    sizes = _sizes([side.system for side in sides], options.tasks)
    found: dict[Kind, Found] = {}
    looked = list[Looked]()
    deadline = time.monotonic() + options.budget
    shares = len(sizes) * (1 + any(hints))  # what hints lead to gets half of the time
    for place, tasks in enumerate(sizes):
        hunt = _hunt(sides, numbers, tasks, share(deadline, 1 / (shares - place)))
        looked.append(_levels(hunt, tasks, lambda figures: hear("runs", Progress("compare", figures))))
        for kind, new in hunt.found.items():
            add(found, kind, new)
    for word, tasks in _led(sides, hints, sizes, deadline):
        hunt = _hunt(sides, numbers, tasks, deadline)
        _along(hunt, word)
        for kind, new in hunt.found.items():
            add(found, kind, new)
    differences = sorted(_told(sides, found, looked), key=lambda one: len(one.happenings))
    return Behaviour(functions, tuple(differences), tuple(looked), lost=bool(found) and not differences)


def _side(file: str, program: Program, system: str, functions: Sequence[str], numbers: Numbers) -> Side:
    visible = observed(program, functions, numbers)
    lowered = lower(visible, system)
    whole = eventful(lowered.system, numbers)
    return Side(file, visible, whole, replace(lowered, system=silent(whole)))


def _hunt(sides: Sequence[Side], numbers: Numbers, tasks: int, deadline: float) -> Hunt:
    one, other = (machine(side.system, tasks) for side in sides)
    return Hunt((one, other), numbers, Limits(deadline))


def _led(sides: Sequence[Side], hints: Hints, sizes: Sequence[int], deadline: float) -> Iterator[tuple[Word, int]]:
    """What is seen of runs of either version that decide these claims, and with how many tasks."""
    for side, claims in zip(sides, hints, strict=True):
        memory, tools = Memory(), Tools()
        for number, claim in enumerate(claims):
            until = share(deadline, 1 / (1 + len(claims) - number))
            question = Question(
                side.quiet.system, property_of(claim, side.program, side.quiet), max(sizes), until, "auto", quiet,
                True, True, memory, tools, hunt=True,
            )  # fmt: skip
            verdict = decide(question)
            if isinstance(verdict, Refuted):
                teller = machine(side.system, verdict.trace.instance.tasks)
                trace = to_first_violation(verdict.trace, question.prop)
                yield tuple(event for event, _ in teller.seen_of(trace)), trace.instance.tasks


def _along(hunt: Hunt, word: Word) -> None:
    """Follow a word of one version as far as the other has it, then look a little further from its end backwards."""
    try:
        nodes = [hunt.root()]
        for event in word:
            following = next((node for node in hunt.further(nodes[-1]) if node.word[-1] == event), None)
            if following is None:
                break
            nodes.append(following)
        for node in reversed(nodes):
            for further in hunt.further(node):
                deque(hunt.further(further), maxlen=0)
    except OutOfReachError:
        return


def _told(sides: Sequence[Side], found: Mapping[Kind, Found], looked: Sequence[Looked]) -> Iterator[Difference]:
    """The differences with their runs, the short ones of each kind first, and not too many of each version."""
    sure = min((one.events + 1 for one in looked if not one.complete), default=1 << 30)  # events of a shortest one
    shortest = min([sure, *(len(new.word) for new in found.values())])
    told, alike = Counter[int](), Counter[object]()
    ranked = list[tuple[int, Kind, Found]]()
    for kind, new in sorted(found.items(), key=lambda each: (len(each[1].word), each[0].able, each[1].word)):
        ranked.append((alike[kind[:3]], kind, new))  # what ends in another way is told before what begins in another
        alike[kind[:3]] += 1
    for _, kind, new in sorted(ranked, key=lambda each: each[0]):
        if told[kind.able] < MOST:
            made = _difference(sides, new.hunt, kind.able, new.word, new.instead)
            if made is not None:
                told[kind.able] += 1
                yield replace(made, shortest=len(new.word) == shortest)


def _sizes(systems: Sequence[System], tasks: int | None) -> Sequence[int]:
    """The numbers of tasks to look at."""
    exact = {exact_tasks(system) for system in systems}
    least = max(least_tasks(system) for system in systems)
    most = max(least, tasks or BOUNDED)
    return [least] if None not in exact else range(least, most + 1)


def _levels(hunt: Hunt, tasks: int, tell: Callable[[Mapping[str, int]], None]) -> Looked:
    """Follow all words, those of fewer events first."""
    events = 0
    try:
        level = [hunt.root()]
        while level:
            following = list[Node]()
            for node in level:
                tell({"tasks": tasks, "events": events, "states": hunt.spent()})
                following += hunt.further(node)
            level, events = following, events + 1
    except OutOfReachError:
        return Looked(tasks, events, complete=False)
    return Looked(tasks, events, complete=True)


def _difference(
    sides: Sequence[Side], hunt: Hunt, able: int, word: Word, instead: frozenset[Event]
) -> Difference | None:
    """A difference with its run, replayed; None if either version says otherwise or cannot be asked in time."""
    limits = Limits(time.monotonic() + GRACE)
    try:
        trace = hunt.machines[able].run(word, limits)
        if trace is None or not replay(trace) or hunt.machines[1 - able].accepts(word, limits):
            return None
    except OutOfReachError:
        return None
    side, other = sides[able], sides[1 - able]
    seen = hunt.machines[able].seen_of(trace)
    if tuple(event for event, _ in seen) != word:
        return None
    names = {number: key for key, number in hunt.numbers.items()}
    happenings = tuple(_happening(side.program, trace, names, event, step) for event, step in seen)
    others = sorted({_happening(other.program, trace, names, event, 0).text for event in instead})
    return Difference(
        side.file, other.file, trace.instance.tasks, happenings, tuple(others), trace, shortest=False
    )


def _happening(
    program: Program, trace: Trace, names: Mapping[int, tuple[str, str]], event: Event, step: int
) -> Happening:
    system = trace.instance.system
    function, moment = names[event.number]
    who = cell_name(system, system.thread, event.thread)
    values = {name[1:].partition(":")[0]: value for name, value in event.values}
    if not function:
        text = f"{who} {STOPS[moment]}"  # type: ignore[index] # the kinds of error are those that stop
    elif moment == "call":
        text = f"{who} calls {function}({_arguments(program, system, program.functions[function], values)})"
    else:
        result = program.functions[function].result
        value = "" if isinstance(result, Void) or not shown(result, system.thread) else (
            f" {_value(program, system, result, values.get(RESULT, 0))}"
        )
        text = f"{who}: {function} returns{value}"
    return Happening(step, event.thread, function, moment, text)


def _arguments(program: Program, system: System, function: FunctionDecl, values: Mapping[str, int]) -> str:
    return ", ".join(
        f"{param.name} = {_value(program, system, param.declared, values.get(str(number), 0))}"
        for number, param in enumerate(function.params)
        if shown(param.declared, system.thread)
    )


def _value(program: Program, system: System, type_: Type, value: int) -> str:
    match type_:
        case Enum(name):
            named = [n for n, _ in program.enums[name].items if program.enumerators[n] == value]
            return named[0] if named else str(value)
        case Bool():
            return "true" if value else "false"
        case _:
            return value_name(system, domain_of(type_), value)
