"""What a name or a field is, and what may be done with it."""

from __future__ import annotations

from dataclasses import replace

from verify.syntax.ast import At, Expr, Member, Name, Quantified, Unary
from verify.syntax.check.conversions import describe, is_reference
from verify.syntax.check.scope import CURRENT, Local, Scope, closest
from verify.syntax.types import Function, Lock, Pointer, Struct


def name(expr: Name, scope: Scope) -> Name:
    """Return the name resolved: innermost local, then `current`, enumerators, globals and functions."""
    file, spelled = scope.file, expr.name
    if spelled in scope.locals:
        local = scope.locals[spelled]
        return replace(expr, kind=local.kind, unique=local.unique, type=local.type)
    if spelled == CURRENT:
        return _current(expr, scope)
    if spelled in file.enumerators:
        value, type_ = file.enumerators[spelled]
        return replace(expr, kind="constant", value=value, type=type_)
    if spelled in file.globals:
        declared = file.globals[spelled].declared
        return replace(expr, kind="object" if isinstance(declared, Struct) else "global", type=declared)
    if spelled in file.functions:
        return replace(expr, kind="function", type=Function(file.functions[spelled].result))
    if spelled in file.broken:
        return expr
    known = [*scope.locals, CURRENT, *file.enumerators, *file.globals, *file.functions]
    hint = f"no constant is predefined: write `#define {spelled}` and its value" if spelled.isupper() else ""
    scope.unknown("KC100", "name", spelled, expr.span, known, hint)
    return expr


def _current(expr: Name, scope: Scope) -> Name:
    if scope.mode != "code":
        hint = "quantify: `forall (struct task *t) ...`"
        scope.file.error("KC150", "`current` has no meaning outside of code", expr.span, hint=hint)
        return expr
    if not scope.file.thread:
        if CURRENT not in scope.reported:
            scope.file.error(
                "KC140", "`current` needs a struct whose objects are threads", expr.span,
                hint="add `system { task init[*] runs FUNCTION; }`",
            )
        scope.reported.add(CURRENT)
        return expr
    return replace(expr, kind="local", unique=CURRENT, type=Pointer(Struct(scope.file.thread)))


def member(expr: Member, base: Expr, scope: Scope) -> Expr:
    """Return `base->field` or `base.field` with the type of the field; `base` is checked already."""
    result = Member(base, expr.field, expr.arrow, span=expr.span)
    match base.type:
        case None:
            return result
        case Pointer(Struct(struct)) if expr.arrow:
            pass
        case Struct(struct) if not expr.arrow:
            pass
        case Pointer(Struct()):
            scope.file.error("KC111", "`.` on a pointer", expr.span, hint=f"write `->{expr.field}`")
            return result
        case Struct():
            scope.file.error("KC111", "`->` on a struct that is no pointer", expr.span, hint=f"write `.{expr.field}`")
            return result
        case other:
            scope.file.error("KC111", f"`{describe(other)}` has no fields", expr.span)
            return result
    fields = scope.file.structs.get(struct)
    if fields is None:
        return result  # reported where the struct is named
    if f"{struct}.{expr.field}" in scope.file.broken:
        return result
    if expr.field not in fields:
        scope.unknown("KC101", f"field of `struct {struct}`", expr.field, expr.span, fields)
        return result
    return replace(result, type=fields[expr.field].declared)


def ghost(expr: Expr, scope: Scope) -> bool:
    """Whether a checked place is for specification only."""
    match expr:
        case Name(kind="global" | "object"):
            return scope.file.globals[expr.name].ghost
        case Member(base, field):
            struct = base.type.to if isinstance(base.type, Pointer) else base.type
            return isinstance(struct, Struct) and scope.file.structs[struct.name][field].ghost
        case _:
            return False


def readable(expr: Expr, scope: Scope) -> Expr:
    """Return a checked place as a value, which ends C's lvalue; reports what has no value."""
    if expr.type is None:
        return expr
    if scope.mode == "code" and ghost(expr, scope):
        scope.file.error(
            "KC120", f"code reads the ghost `{_last(expr)}`", expr.span,
            hint="a ghost is for invariants: code may only set it, to values that do not depend on ghosts",
        )
        return replace(expr, type=None)
    problem = _no_value(expr)
    if problem:
        scope.file.error(problem[0], problem[1], expr.span, hint=problem[2])
        return replace(expr, type=None)
    return expr


def _no_value(expr: Expr) -> tuple[str, str, str] | None:
    match expr.type:
        case Lock(kind):
            hint = "`atomic_read(&x)` reads it" if kind == "atomic" else "in an invariant `held(x)` asks for its holder"
            return "KC114", "a lock has no value", hint
        case Struct():
            return "KC116", "a struct is no value", "use a pointer to it, or copy with `*p = *q;`"
        case Function():
            return "KC111", "a function is no value", "pass its name to a parameter `void (*fn)(void)`"
        case type_ if is_reference(type_):
            return (
                "KC115", f"`{_last(expr)}` stands for a variable and is no value",
                f"write `*{_last(expr)}` for its value, or pass `{_last(expr)}` on",
            )
        case _:
            return None


def writable(expr: Expr, scope: Scope) -> bool:
    """Whether code may assign to a checked place; reports why not."""
    problem: tuple[str, str, str] | None = None
    match expr:
        case Name(name="current", unique="current"):
            problem = "KC113", "`current` cannot be assigned", ""
        case Name(spelled, kind="constant" | "function" | "bound" as kind):
            what = {"constant": "an enumerator", "function": "a function", "bound": "bound by `foreach`"}[kind]
            problem = "KC113", f"`{spelled}` is {what} and cannot be assigned", ""
        case Name() | Member() | Unary("*"):
            if not isinstance(expr.type, Struct):
                problem = _no_value(expr)
        case _:
            problem = "KC113", "this is no variable and cannot be assigned", ""
    if problem:
        scope.file.error(problem[0], problem[1], expr.span, hint=problem[2])
    return problem is None


def _last(expr: Expr) -> str:
    return expr.field if isinstance(expr, Member) else expr.name if isinstance(expr, Name) else "this"


def without_ampersand(expr: Expr) -> Expr:
    """Return `x` of `&x`, and anything else as it is."""
    return expr.operand if isinstance(expr, Unary) and expr.op == "&" else expr


def label_known(label: str, at: At, scope: Scope) -> bool:
    """Whether `function.label` exists; reports if not."""
    known = [f"{function}.{tag}" for function, tags in scope.file.labels.items() for tag in tags]
    if label in known:
        return True
    scope.file.error("KC161", f"unknown label `{label}`", at.span, hint=closest(label, known))
    return False


def bind(expr: Quantified, variables: tuple[tuple[str, str], ...], scope: Scope) -> Scope:
    """Return the scope under a quantifier; one variable never hides another."""
    bound = dict(scope.locals)
    for variable, struct in variables:
        if variable in bound or variable == CURRENT:
            scope.file.error("KC105", f"`{variable}` is bound twice", expr.span, hint="choose another name")
        if struct not in scope.file.structs:
            scope.unknown("KC103", "struct", struct, expr.span, scope.file.structs)
        type_ = Pointer(Struct(struct)) if struct in scope.file.structs else None
        bound[variable] = Local(variable, type_, "bound")
    return replace(scope, locals=bound)
