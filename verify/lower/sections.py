"""Where a thread is within a section of some locks: between the step that takes one and that which gives it back."""

from __future__ import annotations

from collections.abc import Sequence

from verify.diagnostics import Diagnostic, InputError
from verify.lower import Lowered
from verify.lower.flow import outgoing, spawned
from verify.lower.graph import ANY
from verify.source import Span


def sections(lowered: Lowered, locks: Sequence[str]) -> frozenset[int]:
    """The locations within sections of some locks, also where guards that take them are removed.

    A section ends where the last of them is given back, or at an error. Raises InputError where a location is within
    one on some ways there and not on others, or where a lock is taken that may be one of these or not.
    """
    for lock in (*locks, ANY):
        if lock in lowered.unclear:
            raise _uncertain(locks, *lowered.unclear[lock])
    system = lowered.system
    change = {(source, target): by for lock in locks for source, target, by in lowered.sections.get(lock, ())}
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
                raise _uncertain(locks, system.locations[target].span, "is held here on some ways, and not on others")
    return frozenset(location for location, held in depth.items() if held)


def _uncertain(locks: Sequence[str], span: Span, why: str) -> InputError:
    message = f"where sections of `{', '.join(locks)}` begin and end is not certain: it {why}"
    hint = "take it by a call that waits, outside of `atomic`, and give it back on every path"
    return InputError([Diagnostic("KC167", message, span, hint=hint)])
