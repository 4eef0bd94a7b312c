"""Initial values: constants, addresses of global objects, and what a system may give its first objects."""

from __future__ import annotations

from verify.syntax.ast import Call, Expr, FieldDecl, GlobalDecl, Name, New, Nondet, Number, Unary
from verify.syntax.check.constants import constant
from verify.syntax.check.conversions import describe, wrap
from verify.syntax.check.expressions import converted, value
from verify.syntax.check.scope import File, Scope
from verify.syntax.primitives import COUNT_MAX
from verify.syntax.types import INT, Bool, Enum, Int, Lock, LockKind, Null, Pointer, Struct, Type

UNLOCKED: dict[str, LockKind] = {"SPIN_LOCK_UNLOCKED": "spinlock", "RW_LOCK_UNLOCKED": "rwlock"}
MAX_CHOICE_BITS = 8  # the widest field that `nondet()` may fill: 256 initial states for each object


def initial(decl: FieldDecl | GlobalDecl, scope: Scope) -> Expr | None:
    """Return the initial value of a field or global as a Number or `&object`; None is zero, NULL, unlocked."""
    return None if decl.value is None else start_value(decl.value, decl.declared, scope)


def start_value(given: Expr, to: Type, scope: Scope, *, chosen: bool = False) -> Expr | None:
    """Return a checked initial value; `chosen` allows what only a system may say: `nondet()` and `new`."""
    file = scope.file
    if isinstance(to, Lock):
        return _lock_value(given, to.kind, scope)
    if isinstance(to, Struct):
        file.error("KC118", "a global object has the initial values of its fields", given.span,
                   hint=f"give them in `{describe(to)}`")  # fmt: skip
        return None
    if isinstance(given, Nondet | New) and not chosen:
        hint = "a system may choose values: `with { ... }`"
        file.error("KC118", "an initial value is constant", given.span, hint=hint)
        return None
    done = converted(given, to, scope, "this initial value")
    if done.type is None:
        return None
    if isinstance(done, Nondet):
        return _choice(done, file)
    match done:
        case New() | Unary("&", Name(kind="object")):
            return done
        case _ if isinstance(done.type, Null):
            return done
    number = constant(done)
    if number is None or isinstance(done.type, Pointer):
        file.error("KC118", "an initial value is constant", given.span)
        return None
    return Number(number, type=to, span=given.span)


def _choice(done: Nondet, file: File) -> Expr | None:
    match done.type:
        case Bool() | Enum():
            return done
        case Int(bits) if bits <= MAX_CHOICE_BITS:
            return done
        case _:
            file.error(
                "KC117", f"`nondet()` is too wide for an initial value: at most {MAX_CHOICE_BITS} bits", done.span,
                hint="declare the field as a bit-field, as `unsigned f : 2;`",
            )
            return None


def _lock_value(given: Expr, kind: LockKind, scope: Scope) -> Expr | None:
    """Check `SPIN_LOCK_UNLOCKED`, `ATOMIC_INIT(n)` and the counts of semaphores and completions."""
    match given:
        case Name(name) if UNLOCKED.get(name) == kind:
            return None
        case Call("ATOMIC_INIT", (inner,)) if kind == "atomic":
            given = inner
        case _ if kind not in ("semaphore", "completion", "atomic"):
            scope.file.error("KC118", "a lock starts unlocked", given.span, hint="leave the initial value out")
            return None
    done = value(given, scope)
    number = constant(done)
    if done.type is None:
        return None
    if number is None or isinstance(done.type, Null):
        scope.file.error("KC118", "an initial count is constant", given.span)
        return None
    if kind != "atomic" and not 0 <= number <= COUNT_MAX:
        scope.file.error("KC118", f"a count is between 0 and {COUNT_MAX}", given.span)
        return None
    return Number(wrap(number, INT), type=INT, span=given.span)
