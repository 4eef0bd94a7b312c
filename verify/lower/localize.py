"""Localization: the system with some shared variables forgotten, whose values are then anybody's guess.

The result allows at least the runs of the whole (Kurshan 1994; Clarke et al., CEGAR, JACM 2003). A condition that reads
a forgotten variable no longer restrains; a value that does may be anything. A proof of it is a proof; a run of it
counts once `verify.lower.expand` has found it in the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from verify.ir import (
    BOOL,
    LIFE,
    PC,
    PRIVATE,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Ptr,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
)
from verify.lower.facts import outcomes
from verify.lower.hidden import closed, reads
from verify.lower.refusals import CALLER
from verify.lower.simplify import conj, conjuncts, is_boolean, ite, parts
from verify.lower.visible import Key, key_of, seen

__all__ = [
    "closely_read", "compared_with", "decisive", "first_keys", "localize", "looked_at",
    "of_watched_calls", "often_tested", "plain_locks", "reads", "shared_keys", "tested_on_the_way", "tested_pointers",
]

COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})


def shared_keys(system: System) -> frozenset[Key]:
    """Every variable that can be forgotten: globals and fields, but not whether a task exists."""
    fields = {(name, var.name) for name, cls in system.classes.items() for var in cls.fields}
    return frozenset(fields | {("", var.name) for var in system.globals}) - {(system.thread, LIFE)}


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


def localize(system: System, known: Collection[Key]) -> System:
    """The system that knows only these of its shared variables."""
    shared = shared_keys(system)
    if shared <= set(known):
        return system
    hidden = closed(system, shared, known)[1]
    actions = tuple(dict.fromkeys(_guessing(system, action, hidden) for action in system.actions))
    return replace(system, actions=actions)


def _is_start(place: Place) -> bool:
    return isinstance(place, Local) and place.name == PC


def _matters_unused(part: Expr, unknown: Collection[Key]) -> bool:
    """Whether the condition is that nobody refers to an object, of a class of which it is known what exists."""
    match part:
        case Unary("!", Referenced(_, cls, _)):
            return (cls, LIFE) not in unknown
        case _:
            return False


def _escaping(system: System, action: Action, unknown: Collection[Key]) -> list[Local]:
    """The locals whose objects the action shows to others in a way that is forgotten.

    A store of such a local to itself says so to the passes after this one: its object is private no longer.
    """
    stores = [u for u in action.updates if isinstance(u.place, Global | Field) and key_of(u.place) in unknown]
    values = {value for u in stores if isinstance(system.var(u.place).domain, Ptr) for value in outcomes(u.value)}
    own = [v for v in values if isinstance(v, Local) and v.of is None]
    own += [u.place for u in action.updates if isinstance(u.place, Local) and u.value in values and u.place.of is None]
    return sorted({local for local in own if key_of(local) not in unknown}, key=lambda local: local.name)


def _guessing(system: System, action: Action, hidden: Collection[Key]) -> Action:
    """The action with what it cannot know guessed."""
    unknown = set(hidden)
    guesses = _Guesses(system, unknown, list(action.binders))
    updates = [Update(local, local) for local in _escaping(system, action, unknown)]
    for update in action.updates:
        place, value, when = update.place, update.value, update.when
        if key_of(place) in unknown and not _is_start(place):
            continue
        value = guesses.value(value, system.var(place).domain)
        when = guesses.truth(when)
        if isinstance(place, Field) and not guesses.clear(place.pointer):
            place = Field(guesses.guess(place.pointer, Ptr(place.cls)), place.cls, place.name)
        updates.append(Update(place, value, update.each, when))
    guard = conj(p for p in conjuncts(action.guard) if guesses.clear(p) or _matters_unused(p, unknown))
    return replace(action, guard=guard, updates=tuple(updates), binders=tuple(guesses.binders))


@dataclass(frozen=True, slots=True)
class _Guesses:
    """What an action cannot know, guessed: as little of each expression as possible, and what is the same once."""

    system: System
    unknown: Collection[Key]
    binders: list[Binder]
    known: dict[tuple[Expr, Range | Ptr], Expr] = field(default_factory=dict)

    def clear(self, expr: Expr) -> bool:
        """Whether an expression can be known."""
        return reads(self.system, expr).isdisjoint(self.unknown)

    def guess(self, expr: Expr, domain: Range | Ptr) -> Expr:
        """Any value for an expression; within an action it has one."""
        if (expr, domain) not in self.known:
            binder = Binder(f"guess{len(self.binders)}", domain)
            self.binders.append(binder)
            self.known[expr, domain] = Bound(binder.name)
        return self.known[expr, domain]

    def value(self, expr: Expr, domain: Range | Ptr | Threads) -> Expr:
        """A value to be stored: of a choice it is known between what, even where it is not known which."""
        if self.clear(expr):
            return expr
        match expr, domain:
            case Ite(cond, then, other), _:
                return ite(self.truth(cond), self.value(then, domain), self.value(other, domain))
            case _, Range():
                return self.guess(expr, BOOL if is_boolean(expr) else domain)
            case _, Ptr():
                return ite(self.guess(expr, BOOL), self.guess(expr, domain), Const(0))
            case _:
                return expr

    def truth(self, cond: Expr) -> Expr:
        """A condition; of several at once those that are known still have to hold."""
        told = [part for part in conjuncts(cond) if self.clear(part)]
        hidden = conj(part for part in conjuncts(cond) if not self.clear(part))
        if hidden == TRUE:
            return cond
        return conj([*told, self.guess(hidden, BOOL)]) if told else self.guess(hidden, BOOL)
