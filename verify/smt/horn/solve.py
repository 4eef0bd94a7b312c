"""Spacer, with a deadline: from a system and a property to clauses that Spacer takes for a proof."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

import z3

from verify.ir import Expr, System
from verify.smt.horn.answer import clauses_of, told_clauses, unused
from verify.smt.horn.arithmetic import Arithmetic
from verify.smt.horn.rules import Horn, Rule, steps, unsafe
from verify.smt.horn.start import initial
from verify.smt.horn.views import How, views
from verify.smt.widths import EncodingError
from verify.universal import Clause

OPTIONS: Mapping[str, object] = {
    "engine": "spacer",
    # The answer has to speak of every predicate, and of all its arguments.
    "xform.slice": False,
    "xform.inline_eager": False,
    "xform.inline_linear": False,
}
MOST_RULES = 6_000


class NoAnswerError(Exception):
    """Spacer has no proof, or not in time: then it is `late`."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        """Say why."""
        super().__init__(why)
        self.late = late



def horn_invariant(
    system: System, prop: Expr, how: How, *, deadline: float | None = None, options: Mapping[str, object] | None = None
) -> tuple[Clause, ...]:
    """Return what Spacer says of all views of a system with history, from which the property follows.

    With `how.two`, of one in which objects also tell what their threads know (`universal.told_in`). Raises
    NoAnswerError, and EncodingError for a system that it does not cover. No word of this is taken on trust.
    """
    if system.statics:
        raise EncodingError("the system has static objects")
    z = Arithmetic()
    of = Horn(z, system, views(z, system, how), how)
    every = list(_in_time(chain(initial(of), steps(of), unsafe(of, prop)), deadline))
    never = z3.Bool("never", z.context)
    spacer = z3.Fixedpoint(ctx=z.context)
    spacer.set(**{**OPTIONS, **(options or {})})
    spacer.register_relation(never.decl(), *(p for view in of.views.values() for p in view.predicates.values()))
    for rule in every:
        _add(z, spacer, rule, never)
    with _interrupted(z.context, deadline):
        try:
            found = spacer.query(never)
        except z3.Z3Exception as error:
            raise _none(deadline, str(error)) from error
    if found == z3.sat:
        raise NoAnswerError("no clauses about a thread and an object imply the property, says Spacer")
    if found != z3.unsat:
        raise _none(deadline, spacer.reason_unknown())
    told = told_clauses(system) if how.two else ()
    nowhere = unused(of, derivable(every))
    try:
        return (*told, *nowhere, *clauses_of(of, spacer.get_answer()))
    except z3.Z3Exception as error:  # an interrupt that came too late for the query
        raise _none(deadline, str(error)) from error


def derivable(every: Sequence[Rule]) -> set[str]:
    """The predicates that may be true of something, as far as the rules' shape tells."""
    found, grown = set[str](), True
    shapes = {
        (frozenset(part.decl().name() for part in rule.said), rule.head.decl().name())
        for rule in every
        if rule.head is not None
    }
    while grown:
        new = {head for said, head in shapes if said <= found} - found
        found |= new
        grown = bool(new)
    return found


def _in_time(every: Iterator[Rule], deadline: float | None) -> Iterator[Rule]:
    for number, rule in enumerate(every):
        if _late(deadline):
            raise _none(deadline, "")
        if number == MOST_RULES:
            raise NoAnswerError("the system has too many steps for Horn clauses")
        yield rule


def _add(z: Arithmetic, spacer: z3.Fixedpoint, rule: Rule, never: z3.BoolRef) -> None:
    body, head = [*rule.said, rule.then], never if rule.head is None else rule.head
    names = z.variables_of([*body, head])
    said = z3.Implies(z3.And([*body, *z.limits_of(names)]), head)
    spacer.add_rule(z3.ForAll(names, said) if names else said)


def _none(deadline: float | None, why: str) -> NoAnswerError:
    late = _late(deadline)
    return NoAnswerError("out of time" if late else f"Spacer: {why}", late=late)


def _late(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


@contextmanager
def _interrupted(context: z3.Context, deadline: float | None) -> Iterator[None]:
    """Interrupt what Z3 does in a context once the deadline is over: its own timeout does not reach everything."""
    if deadline is None:
        yield
        return
    timer = threading.Timer(max(0.01, deadline - time.monotonic()), context.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
