"""What a thread is about to store in its own object, told in the object: a history variable for proofs.

`x |= y` is a load and a store, and in between others may have changed `x`: the store undoes that. A view of one thread
and another's object does not show the other thread, nor what it loaded; with these variables the object shows it
(Owicki & Gries 1976).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from verify.ir import PC, Action, Const, Expr, Field, Local, Me, Range, System, Update, Var
from verify.lower.facts import facts
from verify.lower.flow import incoming, live
from verify.lower.simplify import binary, parts
from verify.lower.visible import roots

NOTHING = 0  # the value of the history variable while nothing is pending; else one more than the value that was loaded


def with_pending(system: System) -> System:
    """The system with such a variable for each field that its owner loads and stores, and somebody else stores too."""
    alive = live(system.actions)
    fields = {var.name: var for var in system.classes[system.thread].fields}
    windows = {name: places for name, places in _windows(system, alive).items() if _most(fields[name])}
    added = [Var(_name(field), Range(NOTHING, _most(fields[field]) + 1)) for field in sorted(windows)]
    actions = tuple(_telling(system, action, windows) for action in system.actions)
    cls = system.classes[system.thread]
    cls = replace(cls, fields=(*cls.fields, *added))
    return replace(system, classes={**system.classes, system.thread: cls}, actions=actions)


Windows = Mapping[str, Mapping[int, str]]  # field: location: the local that holds what was loaded


def _windows(system: System, alive: Mapping[int, frozenset[str]]) -> Windows:
    """Where a thread has loaded a field of its own and is to store it again."""
    known = facts(system, [*roots(system)], alive)
    theirs = {
        place.name
        for action in system.actions
        for place in (update.place for update in action.updates)
        if isinstance(place, Field) and place.cls == system.thread and place.pointer != Me()
        and not (isinstance(place.pointer, Local) and place.pointer.name in known[action.source].private)
    }
    back = incoming(system.actions)
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for action in system.actions:
        for update in action.updates:
            match update.place:
                case Field(Me(), cls, name) if cls == system.thread and name in theirs and not name.startswith("#"):
                    for local in _locals(update.value):
                        window = _window(back, alive, action.source, local, update.place)
                        found[name] |= dict.fromkeys(window, local)
    return {name: places for name, places in found.items() if places}


def _window(
    back: Mapping[int, Sequence[Action]], alive: Mapping[int, frozenset[str]], end: int, local: str, loaded: Field
) -> set[int]:
    """The locations on the way to a store at `end` since `local` was loaded; none if it may hold anything else."""
    window, todo = set[int](), [end]
    while todo:
        location = todo.pop()
        if location in window:
            continue
        window.add(location)
        for action in back.get(location, ()):
            given = [u.value for u in action.updates if isinstance(u.place, Local) and u.place == Local(local)]
            if not given:
                if local not in alive[action.source]:
                    return set()
                todo.append(action.source)
            elif given[-1] != loaded:
                return set()
    return window


def _telling(system: System, action: Action, windows: Windows) -> Action:
    """The action that also says what is pending after it."""
    more = list[Update]()
    for field, places in windows.items():
        place = Field(Me(), system.thread, _name(field))
        after = places.get(action.target)
        if after is None:
            if action.source in places:
                more.append(Update(place, Const(NOTHING)))
            continue
        given = [u.value for u in action.updates if u.place == Local(after)]
        if given:
            more.append(Update(place, binary("+", given[-1], Const(1))))
    return replace(action, updates=(*action.updates, *more))


def _locals(expr: Expr) -> list[str]:
    return sorted({part.name for part in parts(expr) if isinstance(part, Local) and part.of is None} - {PC})


def _name(field: str) -> str:
    return f"#pending.{field}"


def _most(var: Var) -> int:
    """The largest value of a variable that holds small numbers; 0 of any other."""
    match var.domain:
        case Range(0, hi):
            return hi
        case _:
            return 0
