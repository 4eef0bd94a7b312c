"""What everything of a system is called in its TLA+ module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verify.emit.idents import Namer, camel, plural
from verify.emit.places import KINDS, Key, actions_from, local_of, never_changes, owner, places
from verify.emit.tla.idents import namer_of_tla
from verify.instances import THREAD
from verify.ir import LIFE, PC, System
from verify.universal import told_in


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers of one module."""

    variables: Mapping[Key, str] = field(hash=False)  # PC among the locals, LIFE among the fields
    labels: Mapping[int, str] = field(hash=False)  # of every location that a thread can stand at; an action's name
    sets: Mapping[str, str] = field(hash=False)  # class: the set of its cells
    ids: Mapping[str, str] = field(hash=False)  # class: the sequence of its cells
    statics: Mapping[tuple[str, int], str] = field(hash=False)  # (class, index): the name of that object
    groups: Mapping[str, str] = field(hash=False)  # group: how many tasks it begins with
    functions: Mapping[str, str] = field(hash=False)  # function: the disjunction of its actions
    namer: Namer = field(hash=False, compare=False)  # for what is named later


def names_of(system: System, namer: Namer | None = None) -> Names:
    """Name everything in a system; unless `namer` is given, with what a module of TLA+ alone allows."""
    namer = namer or namer_of_tla()
    sets = {cls: namer.name(plural(cls)) for cls in system.classes}
    ids = {cls: namer.name(f"{camel(cls)}Ids") for cls in system.classes}
    labels = _labels(system, namer)
    functions = {name: namer.name(name, f"{name}_steps") for name in _functions(system)}
    count = Counter(name for _, name in _keys(system))
    variables = dict[Key, str]()
    for cell, name in _keys(system):
        if not never_changes(system, (cell, name)):
            variables[cell, name] = "pc" if name == PC else namer.name(*_wanted(cell, name, alone=count[name] == 1))
    found = Counter[str]()
    statics = dict[tuple[str, int], str]()
    for static in system.statics:
        found[static.cls] += 1
        statics[static.cls, found[static.cls]] = namer.name(static.name, f"{static.name}_object")
    groups = {group.name: namer.name(f"n_{group.name}") for group in system.groups}
    return Names(variables, labels, sets, ids, statics, groups, functions, namer)




def cells_of(names: Names, sizes: Mapping[str, int]) -> Mapping[str, tuple[str, int]]:
    """The model value of each cell of an instance: its class and index, in their order."""
    cells = [(cls, index) for cls in names.ids for index in range(1, sizes[cls] + 1)]
    return {f"{names.statics[cell]}_cell" if cell in names.statics else f"{cell[0]}{cell[1]}": cell for cell in cells}


def _labels(system: System, namer: Namer) -> Mapping[int, str]:
    leaving = actions_from(system)
    steps = Counter[str]()
    found = dict[int, str]()
    for number in sorted(places(system)):
        location = system.locations[number]
        if location.kind != "run":
            found[number] = namer.name(KINDS[location.kind], f"thread_{location.kind}")
            continue
        label = leaving[number][0].label if number in leaving else ""
        function = location.function or "step"
        if label and ":" not in label:
            found[number] = namer.name(label)
        else:
            steps[function] += 1
            found[number] = namer.name(f"{function}_{steps[function]}")
    return found


def _functions(system: System) -> Sequence[str]:
    leaving = actions_from(system)
    return list(dict.fromkeys(owner(system, place) for place in sorted(leaving)))


def _keys(system: System) -> Iterator[Key]:
    yield from (("", var.name) for var in system.globals)
    for cls in system.classes.values():
        yield from ((cls.name, var.name) for var in cls.fields)
    yield from ((THREAD, var.name) for var in system.locals)


def _wanted(cell: str, name: str, *, alone: bool) -> Sequence[str]:
    """What a variable might be called, best first."""
    if name == LIFE:
        return [f"{cell}_life"]
    if name.startswith(told_in("")):
        return [f"at_{local_of(name.removeprefix(told_in('')))[1]}"]
    if cell == THREAD:
        function, rest = local_of(name)
        return [f"{function}_{rest}" if function else rest]
    if not cell:
        return [name, f"global_{name}"]
    return [name, f"{cell}_{name}"] if alone else [f"{cell}_{name}"]
