"""Which variables a proof of a property may have to know: guesses, by where the code tests and changes what.

They say only where to begin: what is known too little of is a proof that is not found (`verify.unbounded`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from verify.ir import (
    LIFE,
    PRIVATE,
    Action,
    Binary,
    Const,
    Expr,
    Field,
    Local,
    Me,
    Ptr,
    Range,
    Referenced,
    System,
    Threads,
    Update,
)
from verify.lower.hidden import reads
from verify.lower.localize import shared_keys
from verify.lower.refusals import CALLER
from verify.lower.simplify import conjuncts, parts
from verify.lower.visible import Key, key_of, seen

COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})


def first_keys(system: System, prop: Expr) -> frozenset[Key]:
    """What a localization begins with: what the property reads."""
    to = seen(prop)
    return (to.keys | {(cls, LIFE) for cls in to.exists}) & shared_keys(system)


def of_watched_calls(system: System) -> frozenset[Key]:
    """What says which call is watched, and what the condition of that reads; nothing where none is."""
    begins = [action for action in system.actions if Update(CALLER, Me()) in action.updates]
    exprs = [expr for action in begins for expr in (action.guard, *(update.value for update in action.updates))]
    found = {key for expr in exprs for key in reads(system, expr)}
    found |= {key_of(update.place) for action in begins for update in action.updates}
    return frozenset(found) & shared_keys(system)


def looked_at(system: System, prop: Expr) -> frozenset[Key]:
    """The plain fields of tasks that the code tests which changes, in another's object, what the property reads.

    A guess at what a proof needs to know, and what keeps most false alarms away.
    """
    return _tests_before(system, first_keys(system, prop))


def closely_read(system: System, prop: Expr) -> frozenset[Key]:
    """What the property reads, what is looked at before that is changed, before this is changed, and so on."""
    found = first_keys(system, prop)
    while more := _tests_before(system, found) - found:
        found |= more
    return found


def tested_on_the_way(system: System, keys: Collection[Key]) -> frozenset[Key]:
    """The fields of tasks, locks and pointers to tasks too, that are tested in the calls in which these are changed.

    Changes of one's own object and of one that is being made do not count.
    """
    branches = {
        system.locations[action.source].branch
        for action, place in _changes(system)
        if key_of(place) in keys and not system.var(place).lock
    }
    ways = {branch[:length] for branch in branches for length in range(1, len(branch) + 1)}
    inside = [action for action in system.actions if system.locations[action.source].branch in ways]
    fields = {(system.thread, var.name): var for var in system.classes[system.thread].fields}
    told = {k for k in fields if isinstance(fields[k].domain, Range) or fields[k].domain == Ptr(system.thread)}
    return _tested(system, inside) & told - {(system.thread, LIFE)}


def _changes(system: System) -> Iterator[tuple[Action, Field]]:
    """The stores of a thread to objects that are not its own; those of functions that make objects are to these."""
    makers = {
        action.micro[0].function
        for action in system.actions
        for update in action.updates
        if isinstance(update.place, Field) and update.place.name == LIFE and update.value == Const(PRIVATE)
    }
    for action in system.actions:
        if action.micro[0].function not in makers:
            for place in (update.place for update in action.updates):
                if isinstance(place, Field) and place.pointer != Me():
                    yield action, place


def often_tested(system: System, prop: Expr) -> frozenset[Key]:
    """Of what is looked at before what the property reads is changed, that which several statements look at."""
    lines = defaultdict[Key, set[tuple[str, int]]](set)
    for action in _changing(system, first_keys(system, prop)):
        micro = action.micro[0]
        stores = (u.value for u in action.updates if isinstance(u.place, Local))
        for key in (key for expr in (action.guard, *stores) for key in reads(system, expr)):
            lines[key].add((micro.function, micro.span.line))
    return frozenset(key for key in looked_at(system, prop) if len(lines[key]) > 1)


def compared_with(system: System, prop: Expr, keys: Collection[Key]) -> frozenset[Key]:
    """Of what is looked at before what the property reads is changed, that which is compared with one of these.

    To know one side of a comparison is to know nothing.
    """
    inside = _changing(system, first_keys(system, prop))
    loads = defaultdict[Key, set[Key]](set)
    for update in (update for action in inside for update in action.updates):
        if isinstance(update.place, Local):
            loads[key_of(update.place)] |= reads(system, update.value)

    def told(expr: Expr) -> set[Key]:
        return {source for key in reads(system, expr) for source in loads.get(key, {key})}

    found = set[Key]()
    for expr in (expr for action in inside for expr in (action.guard, *(u.value for u in action.updates))):
        for part in parts(expr):
            if isinstance(part, Binary) and part.op in COMPARISONS:
                left, right = told(part.left), told(part.right)
                found |= (set() if left.isdisjoint(keys) else right) | (set() if right.isdisjoint(keys) else left)
    return frozenset(found) & looked_at(system, prop)


def tested_pointers(system: System, prop: Expr) -> frozenset[Key]:
    """The pointers of tasks to other things that are looked at before what the property reads is changed."""
    fields = {(system.thread, var.name): var.domain for var in system.classes[system.thread].fields}
    others = {key for key, domain in fields.items() if isinstance(domain, Ptr) and domain.cls != system.thread}
    return _tested(system, _changing(system, first_keys(system, prop))) & others


def _changing(system: System, keys: Collection[Key]) -> list[Action]:
    """The actions of the functions that change one of these in an object that is not the thread's own."""
    acting = {action.micro[0].function for action, place in _changes(system) if key_of(place) in keys}
    return [action for action in system.actions if action.micro[0].function in acting]


def _tests_before(system: System, to: Collection[Key]) -> frozenset[Key]:
    acting = _acting(system, to)
    fields = {(system.thread, var.name): var for var in system.classes[system.thread].fields}
    plain = {k for k in fields if isinstance(fields[k].domain, Range) and k[1] != LIFE}
    inside = [action for action in system.actions if action.micro[0].function in acting]
    return _tested(system, inside) & plain


def _acting(system: System, to: Collection[Key]) -> frozenset[str]:
    """The functions that change these variables in an object by a pointer to it."""
    return frozenset(
        action.micro[0].function
        for action in system.actions
        for update in action.updates
        if isinstance(update.place, Field) and update.place.pointer != Me() and key_of(update.place) in to
        and update.place.name != LIFE
    )


def _tested(system: System, actions: Collection[Action], loads: Collection[Action] | None = None) -> frozenset[Key]:
    """What guards read, directly or from a local: not what is only copied, or asked for who refers to an object.

    Locals get what `loads` store in them, by default what the same actions do.
    """
    tests = [part for action in actions for part in conjuncts(action.guard)]
    plain = [part for part in tests if not any(isinstance(inner, Referenced) for inner in parts(part))]
    found = {key for part in plain for key in reads(system, part)}
    stores = [
        (key_of(update.place), reads(system, update.value))
        for action in (actions if loads is None else loads)
        for update in action.updates
        if isinstance(update.place, Local)
    ]
    grown = True
    while grown:
        more = {key for place, read in stores if place in found for key in read} - found
        found |= more
        grown = bool(more)
    return frozenset(found)


def decisive(system: System, prop: Expr) -> frozenset[Key]:
    """What is tested in the steps to a location that the property names, and the locks in objects of those classes."""
    named = seen(prop).locations
    inside = [action for action in system.actions if action.target in named]
    tested = _tested(system, inside, system.actions) & shared_keys(system)
    fields = {(cls, var.name): var for cls in {cls for cls, _ in tested if cls} for var in system.classes[cls].fields}
    return tested | {key for key, var in fields.items() if var.lock and isinstance(var.domain, Ptr)}


def plain_locks(system: System) -> frozenset[Key]:
    """The global locks with one owner and no readers."""
    locks = {var.name: var for var in system.globals if var.lock and isinstance(var.domain, Ptr)}
    shared = {var.name.removesuffix(".readers") for var in system.globals if isinstance(var.domain, Threads)}
    return frozenset(("", name) for name in locks.keys() - shared)
