"""Few locals: those of one kind that are never live at once share one variable (Chaitin 1982, by colouring).

Finders pay for every variable of a thread cell; the source has a local for each temporary. Dead locals hold their
default, so the shared variable means the one that is live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from verify.ir import PC, Action, Expr, Field, Local, Place, Ptr, Range, System, Threads, Update, Var
from verify.lower.flow import live
from verify.lower.simplify import rebuild


def share_locals(system: System) -> System:
    """The system with its locals coloured: as few variables as are live at once, kind by kind."""
    alive = live(system.actions)
    colour, shared = _coloured(system, alive)
    actions = tuple(_renamed(action, colour, alive) for action in system.actions)
    return replace(system, locals=(system.locals[0], *shared), actions=actions)


def named_at(system: System) -> Mapping[tuple[int, str], str]:
    """What `share_locals` calls the locals that are live at a location: by that and the shared variable, the local."""
    alive = live(system.actions)
    colour, _ = _coloured(system, alive)
    return {(location, colour[name]): name for location, names in alive.items() for name in names}


def _coloured(
    system: System, alive: Mapping[int, frozenset[str]]
) -> tuple[Mapping[str, str], Sequence[Var]]:
    """The shared variable of each local, and all of these."""
    together: dict[str, set[str]] = {var.name: set() for var in system.locals}
    for names in alive.values():
        for name in names:
            together[name] |= names - {name}
    colour: dict[str, str] = {PC: PC}
    shared = list[Var]()
    for var in system.locals:
        if var.name == PC:
            continue
        taken = {colour[other] for other in together[var.name] if other in colour}
        home = next((s for s in shared if s.name not in taken and _kind(s) == _kind(var)), None)
        if home is None:
            home = Var(f"{_kind(var)}#{len(shared)}", var.domain, var.default)
            shared.append(home)
        colour[var.name] = home.name
    return colour, shared


def _kind(var: Var) -> str:
    """Two locals may share a variable only with the same values: a wider one would forget what is known of them."""
    match var.domain:
        case Ptr(cls):
            return cls
        case Range(lo, hi):
            return f"{lo}..{hi}" if var.default == 0 else f"{lo}..{hi} from {var.default}"
        case Threads():
            return "threads"
        case _:
            assert_never(var.domain)


def _renamed(action: Action, colour: Mapping[str, str], alive: Mapping[int, frozenset[str]]) -> Action:
    def leaf(part: Expr) -> Expr | None:
        return Local(colour[part.name]) if isinstance(part, Local) and part.of is None else None

    def expr(old: Expr) -> Expr:
        return rebuild(old, leaf)

    def place(old: Place) -> Place:
        match old:
            case Field(pointer, cls, name):
                return Field(expr(pointer), cls, name)
            case Local(name, None):
                return Local(colour[name])
            case Local(name, of) if of is not None:
                return Local(name, expr(of))
            case _:
                return old

    after = alive[action.target]
    homes = {colour[name] for name in after}
    updates = tuple(
        Update(place(u.place), expr(u.value), u.each, expr(u.when))
        for u in action.updates
        if not (isinstance(u.place, Local) and u.place.of is None and u.place.name not in after
                and colour[u.place.name] in homes)
    )
    return replace(action, guard=expr(action.guard), updates=updates)
