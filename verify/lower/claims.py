"""Claims as properties of a lowered system."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from verify.ir import (
    TRUE,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    LocationKind,
    Me,
    Ptr,
    Quant,
    System,
    Threads,
    Var,
)
from verify.lower import Lowered, claim_subject
from verify.lower.constants import Statics
from verify.lower.formulas import at, at_file_level, formula
from verify.lower.races import race_free
from verify.lower.refusals import refusals
from verify.lower.sections import sections
from verify.lower.simplify import binary, conj, disj, negate, rebuild, truth
from verify.lower.stores import key_of_target
from verify.response import Response
from verify.semantics import FINISHED
from verify.syntax import ast
from verify.syntax.program import Program

BUILT_IN: dict[str, LocationKind] = {
    "no_null_dereference": "null",
    "no_use_after_free": "freed",
    "no_failed_assertion": "assert",
    "no_bad_unlock": "unlock",
}


def property_of(claim: ast.ClaimDecl, program: Program, lowered: Lowered) -> Expr:
    """The property behind a claim: what must hold in every reachable state, or be shown not to.

    Of a claim about whole runs it is that there is nothing to say: nobody is where it speaks of.
    """
    match claim.kind:
        case "reach":
            return never_at(lowered.system, lowered.labels.get(claim.targets[0], frozenset()))
        case "dead":
            return never_at(lowered.system, lowered.fires.get(claim.targets[0], frozenset()))
        case "same_outcome":
            assert lowered.compared is not None  # noqa: S101 - it is lowered for this claim
            return never_at(lowered.system, lowered.compared.places)
        case "never_refused" | "refused":
            return never_at(lowered.system, refusals(lowered.labels, claim.targets[0]))
        case "lock_balanced":
            return balanced(lowered.system)
        case "deadlock_free":
            return TRUE
        case "eventually" | "no_starvation":
            return never_at(lowered.system, {place for one in responses(claim, lowered) for place in one.begin})
        case "writers":
            assert claim_subject(claim) in lowered.asked  # noqa: S101 - else its places are not marked
            key = key_of_target(claim.targets[0])
            others = [ends for (of, name), ends in lowered.ends.items() if of == key and name not in claim.functions]
            return never_at(lowered.system, frozenset().union(*others))
        case "race_free":
            assert claim_subject(claim) in lowered.asked  # noqa: S101 - else its accesses are not known
            return race_free(lowered.system, key_of_target(claim.targets[0]), lowered.accesses)
        case "atomic_sections":
            return never_at(lowered.system, sections(lowered, claim.targets))
        case _:
            assert claim.invariant is not None  # noqa: S101 - every other kind that gets here names one
            return invariant(program, lowered, claim.invariant)


def responses(claim: ast.ClaimDecl, lowered: Lowered) -> tuple[Response, ...]:
    """What a claim about what happens later says of every thread: each place where it waits is one to get away from."""
    (target,) = claim.targets
    if claim.kind == "no_starvation":
        return tuple(Response(frozenset({place})) for place in sorted(lowered.waiting.get(target, frozenset())))
    begin = lowered.begins.get(target.partition(".")[0], frozenset())
    return (Response(begin, lowered.labels.get(target, frozenset())),)


def invariant(program: Program, lowered: Lowered, name: str) -> Expr:
    """The property that an invariant of the file, or a built-in one, states."""
    declared = program.invariants.get(name)
    if declared is None:
        return never_at(lowered.system, _of_kind(lowered.system, BUILT_IN[name]))
    body = declared.body
    if declared.unless is not None:
        body = _unless(declared.unless, body)
    return truth(formula(body, at_file_level(_statics(lowered.system)), lowered.labels))


def never_at(system: System, locations: Iterable[int]) -> Expr:
    """No thread ever stands at one of the locations."""
    return _every_thread(system, lambda me: negate(at(me, frozenset(locations))))


def balanced(system: System) -> Expr:
    """No thread ends with a lock held, or lets go of one that it does not hold."""
    return conj([
        never_at(system, _of_kind(system, "unlock")),
        _every_thread(system, lambda me: disj([negate(at(me, _of_kind(system, "end"))), _holds_none(system, me)])),
    ])


def never_stuck(system: System) -> Expr:
    """Some thread can step, or all are finished."""
    me = Binder("thread", Ptr(system.thread))
    who = Bound(me.name)
    able = list[Expr]()
    for action in system.actions:
        enabled = rebuild(action.guard, lambda part: _of(part, who))
        for binder in reversed(action.binders):
            enabled = Quant("exists", binder, enabled)
        able.append(conj([at(who, frozenset({action.source})), enabled]))
    finished = frozenset(n for n, location in enumerate(system.locations) if location.kind in FINISHED)
    return disj([Quant("forall", me, at(who, finished)), Quant("exists", me, disj(able))])


def _of(part: Expr, who: Expr) -> Expr | None:
    """What the acting thread reads, as what the thread `who` would read."""
    match part:
        case Me():
            return who
        case Local(name, None):
            return Local(name, who)
        case _:
            return None


def _unless(cond: ast.Expr, body: ast.Expr) -> ast.Expr:
    """`cond || body`, under the quantifiers of the body."""
    if isinstance(body, ast.Quantified):
        inner = _unless(cond, body.body)
        return ast.Quantified(body.quantifier, body.variables, inner, span=body.span, type=body.type)
    return ast.Binary("||", cond, body, span=body.span, type=body.type)


def _statics(system: System) -> Statics:
    count: dict[str, int] = {}
    found: dict[str, tuple[str, int]] = {}
    for static in system.statics:
        count[static.cls] = count.get(static.cls, 0) + 1
        found[static.name] = (static.cls, count[static.cls])
    return found


def _of_kind(system: System, kind: LocationKind) -> frozenset[int]:
    return frozenset(number for number, location in enumerate(system.locations) if location.kind == kind)


def _every_thread(system: System, holds: Callable[[Expr], Expr]) -> Expr:
    binder = Binder("thread", Ptr(system.thread))
    body = holds(Bound(binder.name))
    return body if isinstance(body, Const) else Quant("forall", binder, body)


def _holds_none(system: System, me: Expr) -> Expr:
    """No lock has `me` as its owner or among its readers. Locks are the pointers that the source did not declare."""
    free = list[Expr]()
    for var in system.globals:
        free += [_not_owner(Global(var.name), var, me)]
    for cls in system.classes.values():
        member = Binder(f"each {cls.name}", Ptr(cls.name))
        for var in cls.fields:
            absent = _not_owner(Field(Bound(member.name), cls.name, var.name), var, me)
            free += [Quant("forall", member, absent)] if absent != Const(1) else []
    return conj(free)


def _not_owner(cell: Expr, var: Var, me: Expr) -> Expr:
    if isinstance(var.domain, Threads):
        return negate(binary("has", cell, me))
    return binary("!=", cell, me) if var.lock else Const(1)


