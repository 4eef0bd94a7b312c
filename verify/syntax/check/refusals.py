"""Claims about calls that are refused: which function, and what holds from the call to the return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from verify.syntax.ast import ClaimDecl, FunctionDecl, Param
from verify.syntax.check.assumptions import universal
from verify.syntax.check.expressions import condition
from verify.syntax.check.pure import expand
from verify.syntax.check.scope import CURRENT, File, Local, Scope, closest
from verify.syntax.types import Bool, Enum, Int, Pointer, Struct, Type

CODE: Final = "KC152"


def refusal(decl: ClaimDecl, file: File, functions: Mapping[str, FunctionDecl]) -> ClaimDecl:
    """Return the claim with its condition completed, over `current` and the parameters, calls written out."""
    (name,) = decl.targets
    function = file.functions.get(name)
    assert decl.cond is not None  # noqa: S101 - the grammar wants one
    if function is None:
        file.error("KC102", f"unknown function `{name}`", decl.span, hint=closest(name, file.functions))
        return decl
    if function.body is None:
        file.error("KC131", f"`{name}` is used but has no body", decl.span)
    elif not refuses(function.result):
        file.error(
            CODE, f"no result of `{name}` is a refusal", decl.span, notes=((f"`{name}` is here", function.span),),
            hint="a refusal is a negative `int`, `false`, or NULL",
        )
    names = {param.name: Local(param.name, param.declared, "bound") for param in function.params if _is_value(param)}
    names[CURRENT] = Local(CURRENT, Pointer(Struct(file.thread)), "bound")
    cond = condition(decl.cond, Scope(file, "invariant", locals=names))
    cond = expand(cond, file, functions, current=True)
    universal(cond, f"{decl.kind} {name}", file)
    return replace(decl, cond=cond)


def refuses(result: Type) -> bool:
    """Whether a function with such a result can refuse: by a negative number, `false` or NULL."""
    match result:
        case Bool() | Pointer(Struct()) | Int(_, True):
            return True
        case _:
            return False


def _is_value(param: Param) -> bool:
    """Whether a parameter is a value that a condition can speak of: it stands for no variable or function."""
    return isinstance(param.declared, Bool | Int | Enum) or (
        isinstance(param.declared, Pointer) and isinstance(param.declared.to, Struct)
    )
