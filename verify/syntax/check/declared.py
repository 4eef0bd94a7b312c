"""Which types a field, variable, parameter or result may have."""

from __future__ import annotations

from typing import Literal

from verify.source import Span
from verify.syntax.check.conversions import describe, is_scalar
from verify.syntax.check.scope import File, Scope
from verify.syntax.types import Enum, Function, Lock, Null, Pointer, Struct, Type, Void

Where = Literal["field", "global", "local", "parameter", "result"]
WORDS: dict[Where, str] = {
    "field": "a field", "global": "a global variable", "local": "a local variable", "parameter": "a parameter",
    "result": "a result",
}  # fmt: skip


def allowed(type_: Type, where: Where, span: Span, scope: Scope) -> bool:
    """Whether something may be declared with the type; reports if not."""
    if not _names_known(type_, span, scope):
        return False
    if is_scalar(type_) or _special(type_, where):
        return True
    scope.file.error("KC116", f"{WORDS[where]} cannot be a `{describe(type_)}`", span, hint=_hint(type_))
    return False


def _special(type_: Type, where: Where) -> bool:
    match type_, where:
        case (Void(), "result") | (Lock(), "field" | "global") | (Struct(), "global") | (Function(), "parameter"):
            return True
        case Pointer(to), "parameter":
            return is_scalar(to) or isinstance(to, Lock)
        case _:
            return False


def _hint(type_: Type) -> str:
    match type_:
        case Lock():
            return "a lock is a field or a global variable; parameters take a pointer to it"
        case Pointer(Void()):
            return "name the struct it points to"
        case Pointer():
            return "a pointer points to a struct, or as a parameter to a number, a lock or such a pointer"
        case _:
            return "use an integer, `bool`, an enum or a pointer to a struct"


def _names_known(type_: Type, span: Span, scope: Scope) -> bool:
    file = scope.file
    match type_:
        case Struct(name) if name not in file.structs:
            scope.unknown("KC103", "struct", name, span, file.structs)
            return False
        case Enum(name) if name and name not in file.enums:
            scope.unknown("KC103", "enum", name, span, file.enums)
            return False
        case Pointer(inner) | Function(inner):
            return _names_known(inner, span, scope)
        case _:
            return not isinstance(type_, Null)


def same_signature(file: File, name: str, first: tuple[Type, ...], second: tuple[Type, ...], span: Span) -> None:
    """Report two declarations of a function that differ."""
    if first != second:
        words = ", ".join(describe(t) for t in first[1:]) or "void"
        file.error(
            "KC107", f"`{name}` is declared with two different types", span,
            hint=f"the other declaration is `{describe(first[0])} {name}({words})`",
        )
