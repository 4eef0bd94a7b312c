"""The system that a proof for any number of threads speaks of: with history variables, and started by message.

One thread and one object see that only the thread points to an object it is making; not that no other thread thinks
the same. Two history variables (Owicki & Gries 1976) say who made an object that nobody else can find yet, and who is
to start a task. A thread is started by a message in its object, which it takes itself: so a step changes the locals of
its own thread only. The threads of the two systems take the same steps but for that one, in which nothing else happens.

That holds of a thread that is idle when it is started: where the action does not ask for that itself, the thread that
starts it has to be the one that is to. Else the message is no value of its variable, and there is no proof.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from verify.ir import (
    FREE,
    IDLE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Action,
    Binary,
    Const,
    Expr,
    Field,
    Ite,
    Local,
    Me,
    Micro,
    Ptr,
    Range,
    System,
    Update,
    Var,
)
from verify.lower.simplify import conjuncts, rebuild
from verify.universal import MAKER

STARTER = "#starter"  # of a task: 0 once it is started, or if it was there from the start
START = "#start"  # the location where the thread is to begin, or 0
NO_LOCATION = Const(-1)


def with_history(system: System) -> System:
    """Return the system with those variables in every object that can be made, and threads that start themselves."""
    thread = system.thread
    entries = sorted({entry for action in system.actions for entry in _started(action)})
    added: dict[str, tuple[Var, ...]] = {name: (Var(MAKER, Ptr(thread)),) for name in system.created}
    if entries:
        last = len(system.locations) - 1
        added[thread] = (*added.get(thread, ()), Var(STARTER, Ptr(thread)), Var(START, Range(0, last)))
    classes = {name: replace(cls, fields=(*cls.fields, *added.get(name, ()))) for name, cls in system.classes.items()}
    begin = tuple(_begin(system, entry) for entry in entries)
    actions = tuple(_recording(system, action, starts=bool(entries)) for action in system.actions)
    return replace(system, classes=classes, actions=(*begin, *actions))


def of_history(system: System, prop: Expr) -> Expr:
    """Return what a property of the system says of the one with history: a thread that was started is where it begins.

    `system` is the one with history.
    """
    if all(var.name != START for var in system.classes[system.thread].fields):
        return prop

    def leaf(part: Expr) -> Expr | None:
        match part:
            case Local(name, of) if name == PC and of is not None:
                start = Field(of, system.thread, START)
                sent = Binary("&&", Binary("==", part, Const(IDLE)), Binary("!=", start, Const(0)))
                return Ite(sent, start, part)
            case _:
                return None

    return rebuild(prop, leaf)


def _started(action: Action) -> Iterator[int]:
    for update in action.updates:
        if _starts(update) and isinstance(update.value, Const):
            yield update.value.value


def _starts(update: Update) -> bool:
    """Whether it starts another thread, at a location that is known."""
    match update:
        case Update(Local(name, of), Const(entry)):
            return name == PC and of is not None and entry != IDLE
        case _:
            return False


def _begin(system: System, entry: int) -> Action:
    start = Field(Me(), system.thread, START)
    span = system.locations[entry].span
    micro = Micro("", system.locations[entry].function, span)
    return Action(IDLE, entry, Binary("==", start, Const(entry)), (Update(start, Const(0)),), (micro,))


def _recording(system: System, action: Action, *, starts: bool) -> Action:
    idle = {
        part.left.of
        for part in conjuncts(action.guard)
        if isinstance(part, Binary) and isinstance(part.left, Local)
        and part == Binary("==", Local(PC, part.left.of), Const(IDLE))
    }
    started = [number for number, update in enumerate(action.updates) if _starts(update)]
    updates = list[Update]()
    for number, update in enumerate(action.updates):
        sure = idle if not started or number <= started[0] else set[Expr | None]()
        updates += _recorded(system, update, sure, starts=starts)
    return replace(action, updates=tuple(updates))


def _recorded(system: System, update: Update, idle: Collection[Expr | None], *, starts: bool) -> Iterator[Update]:
    """The update, and what it means for the history variables; the threads of `idle` are so before the action."""
    match update.place:
        case Field(pointer, cls, name) if name == LIFE and cls in system.created:
            yield update
            yield replace(update, place=Field(pointer, cls, MAKER), value=_if(update.value, PRIVATE, Me(), Const(0)))
            if cls == system.thread and starts:
                place = Field(pointer, cls, STARTER)
                born = Ite(Binary("==", update.place, Const(FREE)), Me(), place)
                first = born if pointer in idle else Const(0)
                kept = _if(update.value, PUBLISHED, born if pointer in idle else place, Const(0))
                yield replace(update, place=place, value=_if(update.value, PRIVATE, first, kept))
        case Local(_, of) if _starts(update) and of is not None:
            mine = Binary("==", Field(of, system.thread, STARTER), Me())
            message = update.value if of in idle else Ite(mine, update.value, NO_LOCATION)
            yield replace(update, place=Field(of, system.thread, START), value=message)
            yield replace(update, place=Field(of, system.thread, STARTER), value=Const(0))
        case _:
            yield update


def _if(life: Expr, value: int, then: Expr, other: Expr) -> Expr:
    if isinstance(life, Const):
        return then if life.value == value else other
    return Ite(Binary("==", life, Const(value)), then, other)
