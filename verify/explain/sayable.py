"""Of a clause that is false of some cells: what part of it a sentence can be made of."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from verify.explain.decided import Known, decided
from verify.explain.outline import disjuncts
from verify.explain.words import LIVES, START
from verify.ir import FALSE, LIFE, Binary, Bound, Const, Expr, Field, Global, Ite, Local, System, Unary
from verify.lower.counting import COUNT
from verify.universal import Clause, parts

MOST_PARTS = 60  # of a clause that a sentence is made of


def sayable(system: System, clause: Clause, at: Known) -> Clause | None:
    """What is false of a clause that is false in a state, as a disjunction of tests; None if it is not so simple."""
    body = clause.body
    for _ in range(MOST_PARTS):
        match body:
            case Binary("&&", one, other):
                body = one if decided(one, at).value == 0 else other
            case _:
                break
    if len(list(islice(parts(body), MOST_PARTS + 1))) > MOST_PARTS:
        return None
    part = replace(clause, body=_part(body, at, right=True))
    return part if _is_sayable(system, part) else None


def _part(expr: Expr, at: Known, *, right: bool) -> Expr:
    """A part that is false of an expression that is or, if not `right`, of its opposite; it is implied by that."""
    match expr:
        case Unary("!", arg):
            return _part(arg, at, right=not right)
        case Binary("&&" | "||" as op, one, other) if (op == "&&") is right:
            is_false = decided(one, at).value is not None and bool(decided(one, at).value) is not right
            return _part(one if is_false else other, at, right=right)
        case Binary("&&" | "||", one, other):
            return Binary("||", _part(one, at, right=right), _part(other, at, right=right))
        case Ite(test, then, other):
            taken = bool(decided(test, at).value)
            way = _part(then if taken else other, at, right=right)
            return Binary("||", _part(test, at, right=not taken), way)
        case Binary("==" | "!=" as op, one, other):
            return Binary(op if right else "!=" if op == "==" else "==", one, other)
        case Global() | Local() | Field() | Binary("&"):
            return Binary("!=" if right else "==", expr, Const(0))
        case _:
            return expr if right else Unary("!", expr)


def _is_sayable(system: System, clause: Clause) -> bool:
    """Whether a sentence can be made of a clause: it is a disjunction of literals."""
    if clause.body == FALSE:
        return clause.thread and not clause.cls
    return all(_is_literal(system, test) for test in disjuncts(clause.body))


def _is_literal(system: System, test: Expr) -> bool:
    match test:
        case Binary(_, Global(name) | Field(_, _, name), _) if name.startswith(COUNT):
            return False
        case Unary("!", Binary("has", place, Bound())) | Binary("has", place, Bound()):
            return isinstance(place, Global | Local | Field)
        case Binary("==" | "!=", Field(_, _, name), Const(value)) if name in (LIFE, START):
            return value in (LIVES if name == LIFE else range(len(system.locations)))
        case Binary("==" | "!=", Binary("&", Global() | Local() | Field(), Const()), Const(0)):
            return True
        case Binary("==" | "!=", Global() | Local() | Field(), Const() | Bound() | Global() | Local() | Field()):
            return True
        case Binary("==" | "!=", Field(), Binary("+", Local(), Const())):
            return True
        case _:
            return False
