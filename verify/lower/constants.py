"""Constant expressions: initial values, case labels, the values of a system's tasks."""

from __future__ import annotations

from collections.abc import Mapping

from verify.ir import Const, Expr
from verify.lower.simplify import binary, negate, truth, wrapped
from verify.syntax import ast
from verify.syntax.types import Bool, Int

Statics = Mapping[str, tuple[str, int]]  # global object: (struct, index in its class)


def constant(expr: ast.Expr, statics: Statics) -> int:
    """The value of a constant expression, as the checker has found it to be."""
    value = _value(expr, statics)
    assert isinstance(value, Const)  # noqa: S101 - the checker has found it constant
    return value.value


def _value(expr: ast.Expr, statics: Statics) -> Expr:
    match expr:
        case ast.Number(value=value):
            return Const(value)
        case ast.Name(value=int(value)):
            return Const(value)
        case ast.Unary(op="&", operand=ast.Name(name=name)):
            return Const(statics[name][1])
        case ast.Unary(op="!", operand=operand):
            return negate(_value(operand, statics))
        case ast.Unary(op=op, operand=operand):
            value = constant(operand, statics)
            return Const(-value if op == "-" else ~value if op == "~" else value)
        case ast.Binary(op=op, left=left, right=right):
            result = binary(op, _value(left, statics), _value(right, statics))
            return wrapped(expr.type.bits, result, signed=expr.type.signed) if isinstance(expr.type, Int) else result
        case ast.Conditional(cond=cond, then=then, other=other):
            return _value(then if constant(cond, statics) else other, statics)
        case ast.Cast(to=Bool(), operand=operand):
            return truth(_value(operand, statics))
        case ast.Cast(to=Int(bits, signed), operand=operand):
            return wrapped(bits, _value(operand, statics), signed=signed)
        case ast.Cast(operand=operand):
            return _value(operand, statics)
        case _:
            raise AssertionError(f"not constant: {expr}")


def births(structs: Mapping[str, ast.StructDecl], statics: Statics) -> dict[tuple[str, str], int]:
    """The value at birth of every field that is not 0 then, by (struct, field)."""
    return {
        (struct.name, declared.name): value
        for struct in structs.values()
        for declared in struct.fields
        if declared.value is not None and (value := constant(declared.value, statics))
    }
