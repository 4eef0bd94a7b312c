"""Formulas: expressions that are read at one instant: invariants, `assume`, `assert`, `foreach`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import assert_never

from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    FREE,
    LIFE,
    PC,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Ptr,
    Quant,
    Unary,
)
from verify.lower.constants import Statics
from verify.lower.effects import readers
from verify.lower.simplify import binary, conj, disj, ite, negate, truth, wrapped
from verify.syntax import ast
from verify.syntax.types import Bool, Int, Lock, Pointer, Struct, Type

Names = Callable[[ast.Name], Expr]  # the value of a name
Labels = Mapping[str, frozenset[int]]
Functions = Mapping[str, ast.FunctionDecl]
NO_FUNCTIONS: Functions = MappingProxyType({})


def formula(expr: ast.Expr, names: Names, labels: Labels, functions: Functions = NO_FUNCTIONS) -> Expr:
    """The value of an expression without effects, all of it read in one state.

    Raises InputError for a call of a function that does more than return an expression.
    """

    def value(part: ast.Expr) -> Expr:
        return formula(part, names, labels, functions)

    match expr:
        case ast.Number(value=number):
            return Const(number)
        case ast.Name() | ast.Unary(op="*", operand=ast.Name()):
            return names(expr if isinstance(expr, ast.Name) else _name(expr.operand))
        case ast.Unary(op="&", operand=operand):
            return value(operand)
        case ast.Member(base=base, field=name):
            pointer = base.operand if isinstance(base, ast.Unary) and base.op == "*" else base
            return Field(value(pointer), struct_of(base.type), name)
        case ast.Unary(op="!", operand=operand):
            return negate(value(operand))
        case ast.Unary(op="-" | "~" as op, operand=operand):
            return _in_type(Unary(op, value(operand)), expr.type)
        case ast.Unary(operand=operand):
            return value(operand)
        case ast.Binary(op="&&", left=left, right=right):
            return conj([truth(value(left)), truth(value(right))])
        case ast.Binary(op="||", left=left, right=right):
            return disj([truth(value(left)), truth(value(right))])
        case ast.Binary(op=op, left=left, right=right):
            both = binary(op, value(left), value(right))
            plain = op in ("==", "!=", "<", ">", "<=", ">=", "&", "|", "^")
            return both if plain else _in_type(both, expr.type)
        case ast.Conditional(cond=cond, then=then, other=other):
            return ite(value(cond), value(then), value(other))
        case ast.Cast(to=Bool(), operand=operand):
            return truth(value(operand))
        case ast.Cast(to=to, operand=operand):
            return _in_type(value(operand), to)
        case ast.Quantified(quantifier=quantifier, variables=variables, body=body):
            whole = truth(value(body))
            for name, struct in reversed(variables):
                binder = Binder(name, Ptr(struct))
                free = binary("==", Field(Bound(name), struct, LIFE), Const(FREE))
                inner = disj([free, whole]) if quantifier == "forall" else conj([negate(free), whole])
                whole = Quant(quantifier, binder, inner)
            return whole
        case ast.Held(lock=lock):
            return held(value(lock), lock.type)
        case ast.At(thread=thread, label=label):
            return at(value(thread), labels.get(label, frozenset()))
        case ast.Call(callee=callee, args=args):
            match functions.get(callee):
                case ast.FunctionDecl(params=params, body=ast.Block(body=(ast.Return(value=result),))):
                    given = {p.name: value(arg) for p, arg in zip(params, args, strict=True)}
                    inside = result or ast.Number(0)
                    return formula(inside, lambda name: given.get(name.name) or names(name), labels, functions)
                case _:
                    raise InputError([_not_a_formula(expr)])
        case ast.Assign() | ast.PostIncrement() | ast.New() | ast.AnyOf() | ast.Nondet():
            raise InputError([_not_a_formula(expr)])
        case _:
            assert_never(expr)


def at_file_level(statics: Statics) -> Names:
    """What names mean outside of functions."""

    def names(found: ast.Name) -> Expr:
        match found.kind:
            case "bound":
                return Bound(found.name)
            case "object":
                return Const(statics[found.name][1])
            case _:
                return Const(found.value) if found.value is not None else Global(found.name)

    return names


def _not_a_formula(expr: ast.Expr) -> Diagnostic:
    message = "what is read at one instant can have no effect and take no step"
    hint = "call functions that are a single `return EXPR;`, or work the value out before, in a local"
    return Diagnostic("KC202", message, expr.span, hint=hint)


def _name(expr: ast.Expr) -> ast.Name:
    assert isinstance(expr, ast.Name)  # noqa: S101 - guarded by the pattern
    return expr


def _in_type(value: Expr, type_: Type | None) -> Expr:
    return wrapped(type_.bits, value, signed=type_.signed) if isinstance(type_, Int) else value


def struct_of(type_: Type | None) -> str:
    """The name of the struct that a struct or pointer type speaks of."""
    match type_:
        case Struct(name) | Pointer(Struct(name)):
            return name
        case _:
            raise AssertionError(f"no struct: {type_}")


def held(lock: Expr, type_: Type | None) -> Expr:
    """Whether some thread holds the lock."""
    owned = binary("!=", lock, Const(0))
    if isinstance(type_, Lock) and type_.kind in ("rwlock", "rwsem") and not isinstance(lock, Const):
        assert isinstance(lock, Field) or hasattr(lock, "name")  # noqa: S101 - a lock is a variable
        return disj([owned, binary("!=", readers(lock), Const(0))])  # type: ignore[arg-type] # a lock is a place
    return owned


def at(thread: Expr, locations: frozenset[int]) -> Expr:
    """Whether control of a thread stands at one of the locations."""
    return disj(binary("==", Local(PC, thread), Const(location)) for location in sorted(locations))
