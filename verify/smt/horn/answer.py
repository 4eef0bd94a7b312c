"""Spacer's answer as clauses: the formula of each predicate, said of the places that its arguments tell of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import assert_never

import z3

from verify.ir import FALSE, PC, TRUE, Binary, BinaryOp, Bound, Const, Expr, Field, Ite, Local, System, Unary
from verify.smt.horn.rules import Horn, used_locations
from verify.smt.horn.views import Aspect, Spot, View
from verify.smt.widths import EncodingError
from verify.universal import OBJECT, THREAD, Clause, told_in

HERE = Local(PC, Bound(THREAD))


def clauses_of(of: Horn, answer: z3.ExprRef) -> Iterator[Clause]:
    """The clauses that an answer is made of, each at the locations where it says something."""
    named = {p.name(): (view, spot) for view in of.views.values() for spot, p in view.predicates.items()}
    said = defaultdict[tuple[str, Expr], set[Spot]](set)
    for predicate, formula, variables in _definitions(answer):
        if predicate not in named:
            continue
        view, spot = named[predicate]
        places = _places(view, variables)
        for lemma in _conjuncts(formula):
            if spot:
                said[view.cls, expression(lemma, places)].add(spot)
            else:
                yield from _at_locations(of.system, view, lemma, places)
    for (cls, body), spots in said.items():
        yield from _where(of, cls, body, spots)


def unused(of: Horn, derivable: AbstractSet[str]) -> Iterator[Clause]:
    """That no thread, or pair, is where none can come."""
    if not of.how.located:
        return
    never = {
        view.cls: {spot for spot, predicate in view.predicates.items() if predicate.name() not in derivable}
        for view in of.views.values()
    }
    nowhere = set(range(len(of.system.locations))) - used_locations(of.system) | {here for (here,) in never[""]}
    if nowhere:
        yield Clause(True, "", frozenset(nowhere), FALSE)
    for cls in of.system.classes:
        yield from _where(of, cls, FALSE, {spot for spot in never[cls] if spot[0] not in nowhere})


def _where(of: Horn, cls: str, body: Expr, spots: AbstractSet[Spot]) -> Iterator[Clause]:
    """A body that holds at some locations of the thread, or of it and the object's thread."""
    every = used_locations(of.system)
    places = defaultdict[frozenset[int], set[int]](set)
    others = defaultdict[int, set[int]](set)
    for here, *there in spots:
        others[here] |= set(there)
    for here, found in others.items():
        places[frozenset(found)].add(here)
    for beside, threads in places.items():
        said = body
        if beside and beside != every:
            at = Field(Bound(OBJECT), cls, told_in(PC))
            elsewhere = _all([Binary("!=", at, Const(k)) for k in sorted(beside)], "&&")
            said = elsewhere if body == FALSE else Binary("||", elsewhere, body)
        yield Clause(True, cls, None if threads >= every else frozenset(threads), said)


def told_clauses(system: System) -> Iterator[Clause]:
    """That an object tells of its thread what is so."""
    t = Bound(THREAD)
    for var in system.locals:
        body = Binary("==", Field(t, system.thread, told_in(var.name)), Local(var.name, t))
        yield Clause(True, "", None, body)


def _definitions(answer: z3.ExprRef) -> Iterator[tuple[str, z3.ExprRef, Sequence[z3.ExprRef]]]:
    """Each predicate with its formula, and the arguments that it speaks of."""
    for part in _conjuncts(answer):
        count = 0
        inner = part
        while z3.is_quantifier(inner):
            count += inner.num_vars()
            inner = inner.body()
        if not z3.is_eq(inner):
            continue
        left, right = inner.children()
        if left.decl().kind() != z3.Z3_OP_UNINTERPRETED:
            left, right = right, left
        yield left.decl().name(), right, left.children()


def _conjuncts(formula: z3.ExprRef) -> Iterator[z3.ExprRef]:
    if z3.is_and(formula):
        for part in formula.children():
            yield from _conjuncts(part)
    elif not z3.is_true(formula):
        yield formula


Places = Mapping[int, tuple[Aspect, z3.ExprRef]]  # by the number of a variable


def _places(view: View, variables: Sequence[z3.ExprRef]) -> Places:
    return {z3.get_var_index(var): (aspect, var) for aspect, var in zip(view.aspects, variables, strict=True)}


def _at_locations(system: System, view: View, lemma: z3.ExprRef, places: Places) -> Iterator[Clause]:
    """One lemma as clauses: a clause for all locations at which it says the same."""
    where = [var for aspect, var in places.values() if aspect.place == HERE]
    said = defaultdict[Expr, list[int]](list)
    if not where or not _mentions(lemma, where[0]):
        said[expression(lemma, places)] = list(range(len(system.locations)))
    else:
        for location in range(len(system.locations)):
            number = z3.IntVal(location, lemma.ctx)
            here = z3.simplify(z3.substitute(lemma, (where[0], number)))
            said[expression(here, places)].append(location)
    for body, locations in said.items():
        if body != TRUE:
            everywhere = len(locations) == len(system.locations)
            yield Clause(True, view.cls, None if everywhere else frozenset(locations), body)


def _mentions(formula: z3.ExprRef, var: z3.ExprRef) -> bool:
    return formula.eq(var) or any(_mentions(part, var) for part in formula.children())


# ---- formulas ------------------------------------------------------------------------------------

COMPARISONS: Mapping[int, BinaryOp] = {
    z3.Z3_OP_LE: "<=", z3.Z3_OP_LT: "<", z3.Z3_OP_GE: ">=", z3.Z3_OP_GT: ">", z3.Z3_OP_EQ: "==",
    z3.Z3_OP_IFF: "==",
}  # fmt: skip
SUMS: Mapping[int, BinaryOp] = {z3.Z3_OP_ADD: "+", z3.Z3_OP_MUL: "*", z3.Z3_OP_SUB: "-"}


def expression(formula: z3.ExprRef, places: Places) -> Expr:
    """What a formula says, in the words of a clause. Raises EncodingError for what these cannot say."""
    if z3.is_var(formula):
        return _said(places[z3.get_var_index(formula)][0])
    if z3.is_int_value(formula):
        return Const(formula.as_long())
    kind = formula.decl().kind()
    args = [expression(part, places) for part in formula.children()]
    if kind == z3.Z3_OP_TRUE:
        return TRUE
    if kind == z3.Z3_OP_FALSE:
        return FALSE
    if kind == z3.Z3_OP_NOT:
        return _negated(args[0])
    if kind == z3.Z3_OP_AND:
        return _all(args, "&&")
    if kind == z3.Z3_OP_OR:
        return _all(args, "||")
    if kind == z3.Z3_OP_IMPLIES:
        return Binary("||", _negated(args[0]), args[1])
    if kind == z3.Z3_OP_ITE:
        return Ite(args[0], args[1], args[2])
    if kind == z3.Z3_OP_UMINUS:
        return Unary("-", args[0])
    if kind == z3.Z3_OP_DISTINCT:
        return Binary("!=", args[0], args[1])
    if kind in COMPARISONS:
        return Binary(COMPARISONS[kind], args[0], args[1])
    if kind in SUMS:
        return _all(args, SUMS[kind])
    if kind in {z3.Z3_OP_MOD, z3.Z3_OP_IDIV} and isinstance(args[1], Const) and args[1].value > 0:
        return _divided(kind, args[0], args[1])
    raise EncodingError(f"Spacer speaks of `{formula.decl().name()}`")


def _said(aspect: Aspect) -> Expr:
    match aspect.tells:
        case "value":
            return aspect.place
        case "null":
            return Binary("==", aspect.place, Const(0))
        case "thread":
            return Binary("==", aspect.place, Bound(THREAD))
        case "object":
            return Binary("==", aspect.place, Bound(OBJECT))
        case _:
            assert_never(aspect.tells)


def _negated(expr: Expr) -> Expr:
    opposite: Mapping[str, BinaryOp] = {"==": "!=", "!=": "==", "<=": ">", "<": ">=", ">": "<=", ">=": "<"}
    match expr:
        case Unary("!", inner):
            return inner
        case Binary(op, left, right) if op in opposite:
            return Binary(opposite[op], left, right)
        case _:
            return Unary("!", expr)


def _all(args: Sequence[Expr], op: BinaryOp) -> Expr:
    found = args[0]
    for arg in args[1:]:
        match op, arg:
            case "+", Binary("*", Const(-1), less):
                found = Binary("-", found, less)
            case _:
                found = Binary(op, found, arg)
    return found


def _divided(kind: int, of: Expr, by: Const) -> Expr:
    """Z3 rounds down, C towards 0."""
    rest = Binary("%", Binary("+", Binary("%", of, by), by), by)
    return rest if kind == z3.Z3_OP_MOD else Binary("/", Binary("-", of, rest), by)
