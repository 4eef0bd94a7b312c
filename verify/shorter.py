"""A shorter run to the same violation.

The first run that is found is the shortest of a small system, and that leaves steps out. Among the runs in which each
thread takes the same alternatives there may be one of fewer steps of the source.
"""

from __future__ import annotations

from verify.engine.search import search
from verify.instances import Trace
from verify.ir import Expr
from verify.lower.held import held, taken
from verify.semantics import holds

MOST_STATES = 20_000  # that are searched for it


def shorter(trace: Trace, prop: Expr, deadline: float) -> Trace | None:
    """A run to where the property is false that is shorter than the way there in `trace`, if one is found soon."""
    length = next(number for number, state in enumerate(trace.states) if not holds(trace.instance, prop, state))
    part = held(trace.instance, taken(trace))
    found = search(
        part.instance, prop, symmetry=False, max_depth=length - 1, max_states=MOST_STATES, deadline=deadline
    ).trace
    return None if found is None else part.freed(found)
