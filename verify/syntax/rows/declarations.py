"""Types and declarations, from the parts that the grammar finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from verify.source import Span
from verify.syntax.ast import Block, Declare, EnumDecl, Expr, FieldDecl, FunctionDecl, GlobalDecl, Param, StructDecl
from verify.syntax.lex import Word
from verify.syntax.rows.place import Place, integer, only
from verify.syntax.types import INT, Bool, Enum, Function, Int, Lock, Pointer, Struct, Type, Void

Where = Literal["local variable", "global", "field", "parameter", "result", "cast"]

LOCK_STRUCTS: Mapping[str, Lock] = {
    "mutex": Lock("mutex"),
    "semaphore": Lock("semaphore"),
    "rw_semaphore": Lock("rwsem"),
    "completion": Lock("completion"),
}

_S8, _S16, _S32, _S64 = (Int(bits, signed=True) for bits in (8, 16, 32, 64))
_U8, _U16, _U32, _U64 = (Int(bits, signed=False) for bits in (8, 16, 32, 64))

# Sizes are those of a 64-bit kernel. The words of a type stand here in alphabetical order.
TYPES: Mapping[str, Type] = {
    "void": Void(), "bool": Bool(), "_Bool": Bool(),
    "char": _S8, "char signed": _S8, "char unsigned": _U8,
    "short": _S16, "int short": _S16, "short signed": _S16, "int short signed": _S16,
    "short unsigned": _U16, "int short unsigned": _U16,
    "int": _S32, "signed": _S32, "int signed": _S32, "unsigned": _U32, "int unsigned": _U32,
    "long": _S64, "int long": _S64, "long signed": _S64, "int long signed": _S64,
    "long unsigned": _U64, "int long unsigned": _U64,
    "long long": _S64, "int long long": _S64, "long long signed": _S64, "int long long signed": _S64,
    "long long unsigned": _U64, "int long long unsigned": _U64,
    **{f"{under}s{t.bits}": t for under in ("", "__") for t in (_S8, _S16, _S32, _S64)},
    **{f"{under}u{t.bits}": t for under in ("", "__") for t in (_U8, _U16, _U32, _U64)},
    **{f"int{t.bits}_t": t for t in (_S8, _S16, _S32, _S64)},
    **{f"uint{t.bits}_t": t for t in (_U8, _U16, _U32, _U64)},
    "size_t": _U64, "ssize_t": _S64, "uid_t": _U32, "gid_t": _U32, "pid_t": _S32,
    "spinlock_t": Lock("spinlock"), "rwlock_t": Lock("rwlock"), "atomic_t": Lock("atomic"),
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A type as written, without the stars."""

    type: Type
    span: Span


@dataclass(frozen=True, slots=True)
class Star:
    """One `*` of a declarator."""


@dataclass(frozen=True, slots=True)
class Declarator:
    """`**name : bits = value`."""

    stars: int
    name: str
    span: Span
    bits: Word | None = None
    value: Expr | None = None


def plain_type(at: Place, *words: Word) -> Spec:
    """`unsigned long`."""
    found = TYPES.get(" ".join(sorted(word.text for word in words)))
    if found is None:
        at.refuse("KC033", f"`{' '.join(word.text for word in words)}` is no type")
    return Spec(found or INT, at.span)


def struct_type(at: Place, name: Word) -> Spec:
    """`struct task`, or a lock as `struct mutex`."""
    return Spec(LOCK_STRUCTS.get(name.text, Struct(name.text)), at.span)


def enum_type(at: Place, name: Word) -> Spec:
    """`enum state`."""
    return Spec(Enum(name.text), at.span)


def star(_at: Place) -> Star:
    """`*`."""
    return Star()


def declarator(at: Place, *parts: Star | Word) -> Declarator:
    """`**name`."""
    name = only(Word, parts)[-1]
    return Declarator(len(parts) - 1, name.text, at.span)


def variable(at: Place, what: Declarator, value: Expr | None) -> Declarator:
    """`*name = value`."""
    return Declarator(what.stars, what.name, at.span, None, value)


def field_name(at: Place, what: Declarator, bits: Word | None, value: Expr | None) -> Declarator:
    """`name : 5 = value`."""
    return Declarator(what.stars, what.name, at.span, bits, value)


def _declared(at: Place, spec: Spec, stars: int, where: Where, span: Span) -> Type:
    """Return the type with its stars, after refusing what may not stand there."""
    base = spec.type
    match base:
        case Void() if stars == 0 and where not in ("result", "cast"):
            at.refuse("KC039", f"a {where} of type `void`", span=span)
        case Struct(name) if stars == 0 and where != "global":
            hint = f"write `struct {name} *`: objects are global, or come from `new struct {name}`"
            at.refuse("KC036", f"a {where} cannot be a struct", hint, span)
        case Struct() if stars < 2:  # noqa: PLR2004 - one star
            pass
        case _ if stars and where != "parameter":
            what = "a pointer" if stars > 1 else "this type"
            instead = "" if where == "cast" else "; write a `bool` if all that matters is whether it is NULL"
            at.refuse("KC038", f"a {where} cannot be a pointer to {what}", f"only a parameter can{instead}", span)
    for _ in range(stars):
        base = Pointer(base)
    return base


def declaration(at: Place, spec: Spec, *names: Declarator) -> tuple[Declare, ...]:
    """`int a = 1, *b;` in a function."""
    return tuple(
        Declare(n.name, _declared(at, spec, n.stars, "local variable", n.span), n.value, span=_whole(at, names, n))
        for n in names
    )


def global_(at: Place, ghost: Word | None, spec: Spec, *names: Declarator) -> tuple[GlobalDecl, ...]:
    """`ghost int a = 1, b;` at file level."""
    return tuple(
        GlobalDecl(
            n.name, _declared(at, spec, n.stars, "global", n.span), n.value, ghost is not None,
            span=_whole(at, names, n),
        )
        for n in names
    )


def field(at: Place, ghost: Word | None, spec: Spec, *names: Declarator) -> tuple[FieldDecl, ...]:
    """`unsigned ptrace : 5, flags;` in a struct."""
    return tuple(
        FieldDecl(
            n.name, _declared(at, spec, n.stars, "field", n.span), n.value,
            integer(at, n.bits) if n.bits else None, ghost is not None, span=_whole(at, names, n),
        )
        for n in names
    )


def _whole(at: Place, names: tuple[Declarator, ...], name: Declarator) -> Span:
    """Return the span of the whole declaration if it declares one name, else that of the name."""
    return at.span if len(names) == 1 else name.span


def struct(at: Place, name: Word, *fields: tuple[FieldDecl, ...]) -> StructDecl:
    """`struct task { ... };`."""
    if name.text in LOCK_STRUCTS:
        at.refuse("KC041", f"`struct {name.text}` is built in", "give it another name", name.span)
    return StructDecl(name.text, tuple(f for group in fields for f in group), span=at.span)


def forward(_at: Place, _name: Word) -> tuple[()]:
    """`struct task;`, which declares nothing: structs may be used before they are defined."""
    return ()


def enumerator(_at: Place, name: Word, value: Expr | None) -> tuple[str, Expr | None]:
    """`A = 3`."""
    return name.text, value


def enum(at: Place, name: Word | None, *items: tuple[str, Expr | None] | None) -> EnumDecl:
    """`enum state { A, B = 3 };`."""
    return EnumDecl(name.text if name else "", tuple(i for i in items if i is not None), span=at.span)


def param(at: Place, spec: Spec, *parts: Star | Word | None) -> Param:
    """`struct task *t`; the name may be absent, and the type then `void`."""
    names, stars = only(Word, parts), len(only(Star, parts))
    alone = not names and not stars and spec.type == Void()
    declared = spec.type if alone else _declared(at, spec, stars, "parameter", at.span)
    return Param(names[0].text if names else "", declared, span=at.span)


def function_param(at: Place, spec: Spec, name: Word, *params: Param | None) -> Param:
    """`void (*fn)(void)`."""
    if _taken(params):
        at.refuse("KC037", f"`{name.text}` points to a function with arguments", "it must take `(void)`")
    return Param(name.text, Function(spec.type), span=at.span)


def function(
    at: Place, before: Word | None, spec: Spec, after: Word | None, name: Declarator, *rest: Param | Block | None
) -> FunctionDecl:
    """`int __weak f(struct task *t) { ... }`, or the same without a body."""
    result = _declared(at, spec, name.stars, "result", name.span)
    bodies = only(Block, rest)
    params = _taken(only(Param, rest))
    for p in params:
        if p.declared == Void() and not p.name:  # one with a name is refused already
            at.refuse("KC039", "a parameter of type `void`", span=p.span)
        elif bodies and not p.name:
            at.refuse("KC040", "the parameter has no name", span=p.span)
    weak = before or after
    if weak and not bodies:
        hint = "write `__weak` where the body is"
        at.refuse("KC035", "a weak declaration is not part of the language", hint, weak.span)
    return FunctionDecl(name.name, result, params, bodies[0] if bodies else None, weak is not None, span=at.span)


def _taken(params: tuple[Param | None, ...]) -> tuple[Param, ...]:
    """Return the parameters; a single `void` is none."""
    given = only(Param, params)
    return () if len(given) == 1 and given[0].declared == Void() and not given[0].name else given


def cast_type(at: Place, spec: Spec, stars: int) -> Type:
    """Return the type of a cast."""
    return _declared(at, spec, stars, "cast", spec.span)
