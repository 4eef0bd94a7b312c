"""The arguments of calls that are more than values: references, places, functions, and the task of `task_lock`.

Each is checked as an expression already; what is left is whether it may be passed.
"""

from __future__ import annotations

from dataclasses import replace

from verify.syntax.ast import Call, Expr, Member, Name, Unary
from verify.syntax.check.calls import fits, wanted
from verify.syntax.check.conversions import describe, is_reference, is_scalar
from verify.syntax.check.names import ghost, readable, writable
from verify.syntax.check.scope import ALLOC_LOCK, CURRENT, TASK_LOCKS, Scope
from verify.syntax.primitives import Param as Rule
from verify.syntax.types import Function, Lock, Pointer, Struct, Type, Void


def kept(call: Call, done: Expr, scope: Scope) -> Expr:
    """Check the argument of `put`, which is emptied: it must be a local pointer."""
    if call.callee != "put" or done.type is None:
        return done
    if isinstance(done, Name) and done.kind == "local" and done.unique != CURRENT:
        return done
    scope.file.error(
        "KC137", "`put` drops the reference in a local pointer, which this is not", done.span,
        hint="copy the pointer to a local variable first",
    )
    return replace(done, type=None)


def place_given(call: Call, arg: Expr, done: Expr, scope: Scope) -> Expr:
    """Check a variable that a primitive reads or writes; `done` is it, checked as a place."""
    if done.type is None:
        return done
    if call.callee != "WRITE_ONCE":
        done = readable(done, scope)
    elif not writable(done, scope):
        return replace(done, type=None)
    if done.type is not None and not (isinstance(done, Name | Member | Unary) and is_scalar(done.type)):
        scope.file.error("KC113", f"`{call.callee}` needs a variable", arg.span)
        return replace(done, type=None)
    return done


def reference(call: Call, arg: Expr, inner: Expr, rule: Type | Rule, scope: Scope) -> Expr:
    """Check `&variable`, or a reference parameter that is passed on; `inner` is it without `&`, checked as a place."""
    with_ampersand = isinstance(arg, Unary) and arg.op == "&"
    if inner.type is None:
        return Unary("&", inner, span=arg.span)
    target, problem, hint = inner.type, "", ""
    if with_ampersand and (not isinstance(inner, Name | Member | Unary) or not _has_address(inner)):
        problem = f"`{arg.span.text or call.callee}` has no address"
    elif not with_ampersand and isinstance(inner, Name) and is_reference(inner.type):
        target = inner.type.to if isinstance(inner.type, Pointer) else inner.type
    elif not with_ampersand:
        problem = f"`{call.callee}` needs {wanted(rule)} given with `&`"
        hint = f"write `&{arg.span.text}`" if fits(rule, target) else ""
    if not problem and not fits(rule, target):
        problem = f"`{call.callee}` needs {wanted(rule)}, not a `{describe(target)}`"
    if problem:
        scope.file.error("KC115", problem, arg.span, hint=hint)
        return Unary("&", inner, span=arg.span)
    if ghost(inner, scope):
        readable(inner, scope)
        return Unary("&", inner, span=arg.span)
    if not with_ampersand:
        return inner
    if isinstance(inner, Unary):
        return inner.operand
    return Unary("&", inner, type=Pointer(target), span=arg.span)


def _has_address(inner: Name | Member | Unary) -> bool:
    match inner:
        case Name(kind="constant" | "function" | "bound") | Name(unique="current"):
            return False
        case Name() | Member():
            return not is_reference(inner.type)
        case Unary(op):
            return op == "*"


def function_given(call: Call, arg: Expr, done: Expr, result: Type | None, scope: Scope) -> Expr:
    """Check the name of a function without parameters; with `result` None any result will do."""
    if done.type is None:
        return done
    if not isinstance(done.type, Function):
        scope.file.error("KC110", f"`{call.callee}` needs the name of a function here", arg.span)
        return replace(done, type=None)
    declared = scope.file.functions.get(done.name) if isinstance(done, Name) and done.kind == "function" else None
    problem = ""
    if declared is not None and declared.params:
        problem = f"`{declared.name}` has parameters, so it cannot be passed by name"
    elif declared is not None and declared.body is None:
        scope.file.error("KC131", f"`{declared.name}` is used but has no body", arg.span)
        return replace(done, type=None)
    elif result is not None and done.type.result != result:
        given = describe(done.type.result)
        problem = f"`{call.callee}` needs a function that returns `{describe(result)}`, not `{given}`"
    if problem:
        scope.file.error("KC110", problem, arg.span)
        return replace(done, type=None)
    return done


def task_lock(expr: Call, task: Expr, scope: Scope) -> Expr:
    """Return `task_lock(t)` as `spin_lock(&t->alloc_lock)`; `task` is `t`, checked."""
    lock = Member(task, ALLOC_LOCK, arrow=True, span=expr.args[0].span)
    if task.type is None:
        return Call(TASK_LOCKS[expr.callee], (lock,), "primitive", span=expr.span)
    struct = task.type.to.name if isinstance(task.type, Pointer) and isinstance(task.type.to, Struct) else ""
    fields = scope.file.structs.get(struct, {})
    found = fields[ALLOC_LOCK].declared if ALLOC_LOCK in fields else None
    if found != Lock("spinlock"):
        scope.file.error(
            "KC110", f"`{expr.callee}` needs a pointer to a struct with a field `spinlock_t {ALLOC_LOCK}`", expr.span
        )
        return Call(TASK_LOCKS[expr.callee], (lock,), "primitive", span=expr.span)
    reference = Unary("&", replace(lock, type=found), type=Pointer(found), span=lock.span)
    return Call(TASK_LOCKS[expr.callee], (reference,), "primitive", type=Void(), span=expr.span)
