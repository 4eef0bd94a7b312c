"""Everything a file declares, collected before any code is checked: C's order of declaration does not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from verify.diagnostics import Diagnostic
from verify.source import Span
from verify.syntax.ast import (
    AnyOf,
    Call,
    Decl,
    Declare,
    EnumDecl,
    FieldDecl,
    FunctionDecl,
    GlobalDecl,
    Labeled,
    Name,
    New,
    StructDecl,
    SystemDecl,
)
from verify.syntax.check.constants import constant
from verify.syntax.check.conversions import wrap
from verify.syntax.check.declared import allowed, same_signature
from verify.syntax.check.expressions import value
from verify.syntax.check.initial import initial
from verify.syntax.check.scope import BUILT_IN, File, Scope, once
from verify.syntax.check.walk import expressions, statements
from verify.syntax.types import INT, Bool, Enum, Int, Lock, Pointer, Struct, Type

DEFAULT_THREAD = "task"

_Enumerators = dict[str, tuple[int, Type]]


class _Seen(NamedTuple):
    """Where each tag of a struct or enum, and each other name, is first declared."""

    tags: dict[str, Span]
    names: dict[str, Span]



def collect(declarations: Sequence[Decl], errors: list[Diagnostic]) -> File:
    """Return what the file declares, with errors added for what is declared twice or with a wrong type."""
    structs: dict[str, dict[str, FieldDecl]] = {}
    enums: dict[str, dict[str, int]] = {}
    enumerators: dict[str, tuple[int, Type]] = {}
    globals_: dict[str, GlobalDecl] = {}
    functions: dict[str, FunctionDecl] = {}
    labels = {d.name: _labels(d) for d in declarations if isinstance(d, FunctionDecl) and d.body is not None}
    file = File(structs, enums, enumerators, globals_, functions, labels, _thread(declarations), errors, set())
    scope = Scope(file, "constant")
    for decl in declarations:
        match decl:
            case StructDecl(name):
                structs.setdefault(name, {})
            case EnumDecl(name) if name:
                enums.setdefault(name, {})
            case _:
                pass
    seen = _Seen({}, {})
    for decl in declarations:
        match decl:
            case StructDecl():
                _struct(decl, scope, seen.tags, structs)
            case EnumDecl():
                _enum(decl, scope, seen, enums, enumerators)
            case GlobalDecl():
                _global(decl, scope, seen.names, globals_)
            case FunctionDecl():
                _function(decl, scope, seen.names, functions)
            case _:
                pass
    for struct, fields in structs.items():
        for field in fields.values():
            structs[struct][field.name] = replace(field, value=initial(field, scope))
    for decl in list(globals_.values()):
        globals_[decl.name] = replace(decl, value=initial(decl, scope))
    return file


def _labels(function: FunctionDecl) -> frozenset[str]:
    body = () if function.body is None else statements(function.body)
    return frozenset(s.label for s in body if isinstance(s, Labeled))


def _struct(decl: StructDecl, scope: Scope, tags: dict[str, Span], structs: dict[str, dict[str, FieldDecl]]) -> None:
    if not once(scope.file, tags, decl.name, decl.span, "struct"):
        return
    seen: dict[str, Span] = {}
    for field in decl.fields:
        if not once(scope.file, seen, field.name, field.span, "field"):
            continue
        if allowed(field.declared, "field", field.span, scope):
            structs[decl.name][field.name] = _field(field, scope)
        else:
            scope.file.broken.add(f"{decl.name}.{field.name}")
    if not decl.fields:
        scope.file.error("KC116", f"`struct {decl.name}` has no fields", decl.span)


def _field(field: FieldDecl, scope: Scope) -> FieldDecl:
    """Return the field with the width of its bit-field in its type."""
    if field.ghost and isinstance(field.declared, Lock):
        scope.file.error("KC116", f"the lock `{field.name}` cannot be a ghost", field.span)
    match field.declared, field.bits:
        case _, None:
            return field
        case Int(width, signed), int(bits) if 0 < bits <= width:
            return replace(field, declared=Int(bits, signed))
        case (Bool(), 1) | (Enum(), _):
            return replace(field, bits=None)  # the values of an enum are its enumerators, whatever the width
        case Int() | Bool(), _:
            scope.file.error("KC116", f"a bit-field of {field.bits} bits is not possible in this type", field.span)
        case _:
            scope.file.error("KC116", "only integers can be bit-fields", field.span)
    return replace(field, bits=None)


def _enum(decl: EnumDecl, scope: Scope, seen: _Seen, enums: dict[str, dict[str, int]], known: _Enumerators) -> None:
    if decl.name and not once(scope.file, seen.tags, decl.name, decl.span, "enum"):
        return
    type_: Type = Enum(decl.name) if decl.name else INT
    following = 0
    for item, given in decl.items:
        if given is not None:
            done = value(given, scope)
            number = constant(done)
            if number is None and done.type is not None:
                scope.file.error("KC118", f"the value of `{item}` is not constant", given.span)
            following = following if number is None else number
        span = decl.span if given is None else given.span
        if wrap(following, INT) != following:
            scope.file.error("KC118", f"{following} does not fit an `int`", span)
        if _new_name(scope.file, seen.names, item, span, "enumerator"):
            known[item] = (following, type_)
            if decl.name:
                enums[decl.name][item] = following
        following += 1


def _global(decl: GlobalDecl, scope: Scope, names: dict[str, Span], globals_: dict[str, GlobalDecl]) -> None:
    if not _new_name(scope.file, names, decl.name, decl.span, "variable"):
        return
    if not allowed(decl.declared, "global", decl.span, scope):
        scope.file.broken.add(decl.name)
        return
    if decl.ghost and isinstance(decl.declared, Lock | Struct):
        scope.file.error("KC116", f"`{decl.name}` cannot be a ghost", decl.span, hint="ghosts are numbers and pointers")
    globals_[decl.name] = decl


def _function(decl: FunctionDecl, scope: Scope, names: dict[str, Span], functions: dict[str, FunctionDecl]) -> None:
    earlier = functions.get(decl.name)
    if earlier is None and not _new_name(scope.file, names, decl.name, decl.span, "function"):
        return
    if earlier is not None and earlier.body is not None and decl.body is not None:
        hint = "a definition that is `__weak` is replaced by a later one"
        once(scope.file, names, decl.name, decl.span, "function", hint)
        return
    if earlier is not None:
        types = [(f.result, *(p.declared for p in f.params)) for f in (earlier, decl)]
        same_signature(scope.file, decl.name, types[0], types[1], decl.span)
    seen: dict[str, Span] = {}
    allowed(decl.result, "result", decl.span, scope)
    for param in decl.params:
        if param.name or decl.body is not None:
            once(scope.file, seen, param.name, param.span, "parameter")
            _not_built_in(scope.file, param.name, param.span)
        allowed(param.declared, "parameter", param.span, scope)
    if earlier is None or earlier.body is None:
        functions[decl.name] = decl


def _new_name(file: File, names: dict[str, Span], name: str, span: Span, what: str) -> bool:
    return _not_built_in(file, name, span) and once(file, names, name, span, what)


def _not_built_in(file: File, name: str, span: Span) -> bool:
    if name not in BUILT_IN:
        return True
    file.error("KC106", f"`{name}` is built in", span, hint="remove this declaration or choose another name")
    return False


# ---- the thread class --------------------------------------------------------------------------------


def _thread(declarations: Sequence[Decl]) -> str:
    """Return the struct of the first system's groups, else of the first `spawn`, else "task" if there is one."""
    structs = [d.name for d in declarations if isinstance(d, StructDecl)]
    grouped = [g.struct for d in declarations if isinstance(d, SystemDecl) for g in d.groups]
    spawned = (s for d in declarations if isinstance(d, FunctionDecl) for s in _spawned(d, declarations))
    for name in chain(grouped, spawned, [DEFAULT_THREAD]):
        if name in structs:
            return name
    return ""


def _spawned(function: FunctionDecl, declarations: Sequence[Decl]) -> Iterable[str]:
    if function.body is None:
        return
    types: Mapping[str, Type] = {
        **{d.name: d.declared for d in declarations if isinstance(d, GlobalDecl)},
        **{p.name: p.declared for p in function.params},
        **{s.name: s.declared for s in statements(function.body) if isinstance(s, Declare)},
    }
    for expr in expressions(function.body):
        match expr:
            case Call("spawn", (New(struct) | AnyOf(struct), _)):
                yield struct
            case Call("spawn", (Name(name), _)):
                type_ = types.get(name)
                if isinstance(type_, Pointer) and isinstance(type_.to, Struct):
                    yield type_.to.name
            case _:
                pass
