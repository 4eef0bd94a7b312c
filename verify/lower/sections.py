"""Where a thread is within a section of a lock: between the step that takes it and the one that gives it back."""

from __future__ import annotations

from verify.diagnostics import Diagnostic, InputError
from verify.lower import Lowered
from verify.lower.flow import outgoing, spawned
from verify.source import Span

ALL = ""  # the lock of what may be any


def sections(lowered: Lowered, lock: str) -> frozenset[int]:
    """The locations within sections of a lock, also where its guards are removed.

    A section ends where the last lock of that name is given back, or at an error. Raises InputError where a location
    is within one on some ways there and not on others, or where a lock is taken that may be this one or not.
    """
    for name in (lock, ALL):
        if name in lowered.unclear:
            raise _uncertain(lock, *lowered.unclear[name])
    system = lowered.system
    change = {(source, target): by for source, target, by in lowered.sections.get(lock, ())}
    leaving = outgoing(system.actions)
    roots = {group.entry for group in system.groups}.union(*map(spawned, system.actions))
    depth, todo = dict.fromkeys(roots, 0), sorted(roots)
    while todo:
        for action in leaving.get(todo.pop(), ()):
            target = action.target
            goes_on = system.locations[target].kind == "run"
            held = max(0, depth[action.source] + change.get((action.source, target), 0)) if goes_on else 0
            if target not in depth:
                depth[target] = held
                todo.append(target)
            elif depth[target] != held:
                raise _uncertain(lock, system.locations[target].span, "is held here on some ways, and not on others")
    return frozenset(location for location, held in depth.items() if held)


def _uncertain(lock: str, span: Span, why: str) -> InputError:
    message = f"where sections of `{lock}` begin and end is not certain: it {why}"
    hint = "take it by a call that waits, outside of `atomic`, and give it back on every path"
    return InputError([Diagnostic("KC167", message, span, hint=hint)])
