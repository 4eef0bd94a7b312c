"""Locks as the user reads them."""

from __future__ import annotations

from verify.syntax.ast import Call, Expr, Member, Name, Unary

KERNEL_NAME = "the big kernel lock"


def lock_name(call: Call) -> str:
    """Return the lock of a primitive as code in backticks, as `task->alloc_lock`."""
    if not call.args:
        return KERNEL_NAME
    arg = call.args[0]
    return f"`{source(arg.operand if isinstance(arg, Unary) and arg.op == '&' else arg)}`"


def source(expr: Expr) -> str:
    """Return a place as C writes it; `task_lock(t)` names `t->alloc_lock`, which stands nowhere in the source."""
    match expr:
        case Name(name):
            return name
        case Member(base, field, arrow):
            return f"{source(base)}{'->' if arrow else '.'}{field}"
        case Unary(op, operand):
            return f"{op}{source(operand)}"
        case _:
            return expr.span.text
