"""What a localization forgets: the variables that are not asked for, and those that cannot be known without them.

What each store reads is worked out once; the fixpoints are over that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from verify.ir import LIFE, PC, Expr, Field, Global, Local, Ptr, Range, Referenced, System, Update
from verify.lower.facts import outcomes
from verify.lower.simplify import is_boolean, parts
from verify.lower.slice import pointers_to
from verify.lower.visible import Key, key_of

WIDEST_GUESS = 64
NOTHING = frozenset[Key]()


@dataclass(frozen=True, slots=True)
class Flow:
    """What a store to a variable is worked out from; `each` if that must be known of all objects of a broadcast."""

    key: Key
    value: frozenset[Key]
    when: frozenset[Key]
    each: bool
    local: bool
    guessed: bool  # whether an unknown value may be guessed
    pointer: str  # the local whose value may be guessed where it is followed, or ""


@dataclass(frozen=True, slots=True)
class Flows:
    """The stores of a system, and the pointers that lead to its variables."""

    flows: Collection[Flow]
    followed: dict[Key, frozenset[str]]  # locals through which a variable is come to, or that are stored in it
    copied: dict[str, frozenset[str]]  # local: the locals it is copied from


def closed(system: System, shared: frozenset[Key], known: Collection[Key]) -> tuple[frozenset[Key], frozenset[Key]]:
    """The variables that must be known for these to be, and those that are then hidden; `shared` may be forgotten.

    To know an object's fields is to know whether it exists. A known variable whose new value cannot be guessed needs
    what that is worked out from.
    """
    flows = _flows(system)
    found = frozenset({*known, *((cls, LIFE) for cls, _ in known)}) & shared
    while True:
        hidden = _hidden(flows, shared - found)
        lost = hidden & found
        if not lost:
            return found, hidden
        needed = _sources(flows, lost) & shared
        found |= needed | {(cls, LIFE) for cls, _ in needed if cls in system.classes}


def _flows(system: System) -> Flows:
    flows = dict[Flow, None]()
    followed = defaultdict[Key, set[str]](set)
    copied = defaultdict[str, set[str]](set)
    for action in system.actions:
        for update in action.updates:
            place, value = update.place, update.value
            if not (isinstance(place, Local) and place.name == PC):
                flows[_flow(system, update)] = None
            source = {value.name} if isinstance(value, Local) else set[str]()
            if isinstance(place, Local) and place.of is None:
                copied[place.name] |= source
            else:
                followed[key_of(place)] |= source | _locals(place)
        for expr in (action.guard, *(u.value for u in action.updates)):
            for part in parts(expr):
                if isinstance(part, Field) and part.name != LIFE:
                    followed[key_of(part)] |= _locals(part.pointer)
    return Flows(
        tuple(flows),
        {key: frozenset(names) for key, names in followed.items() if names},
        {name: frozenset(sources) for name, sources in copied.items() if sources},
    )


def _flow(system: System, update: Update) -> Flow:
    place, each = update.place, update.each is not None
    value, when = _worked_out_from(system, update), frozenset(reads(system, update.when))
    local = isinstance(place, Local)
    match system.var(place).domain:
        case Ptr():
            guessed, pointer = not local, place.name if local else ""
        case Range(lo, hi):
            guessed, pointer = not local and hi - lo < WIDEST_GUESS, ""
        case _:
            guessed, pointer = False, ""
    return Flow(key_of(place), value, when if each else NOTHING, each, local, guessed, pointer)


def _worked_out_from(system: System, update: Update) -> frozenset[Key]:
    """What a stored value is worked out from; of a choice between values it may be guessed which it is.

    To guess a truth is to know nothing; and one guess does not do for all objects of a broadcast.
    """
    told = [update.value] if update.each or is_boolean(update.value) else outcomes(update.value)
    return frozenset(key for value in told for key in reads(system, value))


def _locals(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Local)}


def _sources(flows: Flows, keys: Collection[Key]) -> set[Key]:
    """What the values of these variables are worked out from, through any number of locals."""
    into = defaultdict[Key, list[Flow]](list)
    for flow in flows.flows:
        if flow.local or flow.key in keys:
            into[flow.key].append(flow)
    found, todo = set(keys), list(keys)
    while todo:
        for flow in into[todo.pop()]:
            fresh = (flow.value | flow.when) - found
            found |= fresh
            todo += fresh
    return found


def _hidden(flows: Flows, unknown: Collection[Key]) -> frozenset[Key]:
    """The unknown variables, and those that some step sets to an unknown value which is not worth guessing.

    Guessed are the values of shared variables with few of them, and pointers.
    """
    hidden = frozenset(unknown)
    while True:
        followed = _followed(flows, hidden)
        grown = hidden | {f.key for f in flows.flows if f.key not in hidden and _doubtful(f, hidden, followed)}
        if grown == hidden:
            return hidden
        hidden = grown


def _doubtful(flow: Flow, hidden: frozenset[Key], followed: Collection[str]) -> bool:
    """Whether what is stored is unknown and cannot be guessed; one guess does not do for all objects of a broadcast."""
    if not hidden.isdisjoint(flow.value):
        return flow.each or not (flow.guessed or flow.pointer in followed)
    return not hidden.isdisjoint(flow.when)


def _followed(flows: Flows, hidden: Collection[Key]) -> set[str]:
    """The locals through which some step comes to a variable that is known, or that it stores in one."""
    found = set[str]().union(*(names for key, names in flows.followed.items() if key not in hidden))
    todo = list(found)
    while todo:
        fresh = flows.copied.get(todo.pop(), frozenset()) - found
        found |= fresh
        todo += fresh
    return found


def reads(system: System, expr: Expr) -> set[Key]:
    """The variables that an expression reads."""
    found = set[Key]()
    for part in parts(expr):
        match part:
            case Global() | Field():
                found.add(key_of(part))
            case Local(name) if name != PC:
                found.add(key_of(part))
            case Referenced(_, cls, _):
                found |= pointers_to(system, cls)
    return found
