"""Spacer, with a deadline: from a system and a property to clauses that Spacer takes for a proof."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import z3

from verify.ir import Expr, System
from verify.smt.horn.answer import clauses_of, told_clauses
from verify.smt.horn.arithmetic import Arithmetic
from verify.smt.horn.rules import How, Rule, rules
from verify.smt.horn.views import View, views
from verify.universal import Clause

OPTIONS: Mapping[str, object] = {
    "engine": "spacer",
    # The answer has to speak of every predicate, and of all its arguments.
    "xform.slice": False,
    "xform.inline_eager": False,
    "xform.inline_linear": False,
}


class NoAnswerError(Exception):
    """Spacer has no proof, or not in time."""


def horn_invariant(
    system: System, prop: Expr, how: How, *, deadline: float | None = None
) -> tuple[Clause, ...]:
    """Return what Spacer says of all views of a system with history, from which the property follows.

    Raises NoAnswerError, and EncodingError for a system that it does not cover. No word of this is taken on trust.
    """
    z = Arithmetic()
    kinds = views(z, system, two=how.two)
    never = z3.Bool("never", z.context)
    spacer = z3.Fixedpoint(ctx=z.context)
    spacer.set(**OPTIONS)
    spacer.register_relation(never.decl(), *(view.predicate for view in kinds.values()))
    for rule in rules(z, system, kinds, prop, how):
        if deadline is not None and time.monotonic() > deadline:
            raise NoAnswerError("out of time")
        _add(z, spacer, rule, never)
    with _interrupted(z.context, deadline):
        try:
            found = spacer.query(never)
        except z3.Z3Exception as error:
            raise NoAnswerError("out of time" if _late(deadline) else f"Spacer: {error}") from error
    if found == z3.sat:
        raise NoAnswerError("Spacer finds no clauses about one thread and one object that imply the property")
    if found != z3.unsat:
        raise NoAnswerError("out of time" if _late(deadline) else f"Spacer: {spacer.reason_unknown()}")
    told = told_clauses(system) if how.two else ()
    return (*told, *clauses_of(system, kinds, spacer.get_answer()))


def _add(z: Arithmetic, spacer: z3.Fixedpoint, rule: Rule, never: z3.BoolRef) -> None:
    body = z3.And([*rule.body, *z.limits_of(rule.body)])
    head = never if rule.head is None else rule.head
    names = z.variables_of([*rule.body, head])
    said = z3.Implies(body, head)
    spacer.add_rule(z3.ForAll(names, said) if names else said)


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
