"""What a called name is, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from verify.syntax.ast import Call
from verify.syntax.check.conversions import LOCK_NAMES, describe, is_reference, is_scalar
from verify.syntax.check.scope import TASK_LOCKS, Scope
from verify.syntax.primitives import PRIMITIVES, Primitive
from verify.syntax.primitives import Param as Rule
from verify.syntax.types import Bool, Function, Int, Lock, Pointer, Type


@dataclass(frozen=True, slots=True)
class Signature:
    """How to check a call: each argument against a declared type or against the rule of a primitive."""

    kind: Literal["function", "parameter", "primitive", "task_lock"]
    params: tuple[Type | Rule, ...]
    result: Type
    primitive: Primitive | None = None


def signature(call: Call, scope: Scope) -> Signature | None:
    """Return what the call calls, None after reporting that it calls nothing; also checks the number of arguments."""
    found = _callee(call, scope)
    if found is not None and len(found.params) != len(call.args):
        count = len(found.params)
        words = "1 argument" if count == 1 else f"{count} arguments"
        declared = scope.file.functions[call.callee].span if found.kind == "function" else None
        scope.file.error(
            "KC112", f"`{call.callee}` takes {words}, not {len(call.args)}", call.span,
            notes=() if declared is None else ((f"`{call.callee}` is declared here", declared),),
        )
        return None
    return found


def _callee(call: Call, scope: Scope) -> Signature | None:
    name, file = call.callee, scope.file
    if name in scope.locals:
        local = scope.locals[name].type
        if isinstance(local, Function):
            return Signature("parameter", (), local.result)
        if local is not None:
            file.error("KC111", f"`{name}` is a variable, not a function", call.span)
        return None
    if name in file.functions:
        declared = file.functions[name]
        if declared.body is None:
            if name not in scope.reported:
                file.error(
                    "KC131", f"`{name}` is called but has no body", call.span,
                    hint="write what it does to the fields of this file, or `{}` if nothing",
                    notes=((f"`{name}` is declared here", declared.span),),
                )
            scope.reported.add(name)
            return None
        return Signature("function", tuple(p.declared for p in declared.params), declared.result)
    if name in TASK_LOCKS:
        return Signature("task_lock", ("object",), PRIMITIVES[TASK_LOCKS[name]].type)
    if name in PRIMITIVES:
        primitive = PRIMITIVES[name]
        return Signature("primitive", primitive.params, primitive.type, primitive)
    known = [*file.functions, *PRIMITIVES, *TASK_LOCKS, *scope.locals]
    hint = "write what it does to the fields of this file; `nondet()` is a result that may be anything"
    scope.unknown("KC102", "function", name, call.span, known, hint)
    return None


def has_type_of_variable(result: Type) -> bool:
    """Whether a row of the primitives gives the value of its variable, as `xchg` does."""
    return isinstance(result, Int) and result.bits == 0


def takes_reference(rule: Type | Rule) -> bool:
    """Whether the argument is a variable or lock given with `&`."""
    return rule in LOCK_NAMES or rule in ("word", "cell") or (not isinstance(rule, str) and is_reference(rule))


def fits(rule: Type | Rule, target: Type) -> bool:
    """Whether a reference to a variable of type `target` may be passed."""
    match rule:
        case Pointer(to):
            return target == to
        case "word":
            return isinstance(target, Int | Bool)
        case "cell":
            return is_scalar(target)
        case _:
            return isinstance(target, Lock) and target.kind == rule


def wanted(rule: Type | Rule) -> str:
    """Return what a reference rule asks for, in words."""
    match rule:
        case "word":
            return "an integer variable"
        case Pointer(to):
            return f"a variable of type `{describe(to)}`"
        case _:
            return f"a `{describe(Lock(rule))}`" if rule in LOCK_NAMES else "a variable"
