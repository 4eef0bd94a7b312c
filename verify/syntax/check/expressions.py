"""Expressions: every name resolved, every operator typed, every conversion written out.

`value` checks what is read, `place` what is named, `_argument` what is passed. For `x op= v` the type of the completed
`v` is the type in which C computes `x op v`; of a shift, that is computed in the promoted type of `x`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from verify.syntax.ast import (
    AnyOf,
    Assign,
    At,
    Binary,
    Call,
    Cast,
    Conditional,
    Expr,
    Held,
    Member,
    Name,
    New,
    Nondet,
    Number,
    PostIncrement,
    Quantified,
    Unary,
)
from verify.syntax.check import operators
from verify.syntax.check.calls import Signature, fits, has_type_of_variable, signature, takes_reference, wanted
from verify.syntax.check.conversions import (
    LONG_BITS,
    describe,
    is_arithmetic,
    is_object_pointer,
    is_reference,
    is_scalar,
    promote,
    usual,
    wrap,
)
from verify.syntax.check.names import ghost, member, name, readable, writable
from verify.syntax.check.scope import ALLOC_LOCK, CURRENT, READS, TASK_LOCKS, Local, Scope, closest
from verify.syntax.primitives import Param as Rule
from verify.syntax.types import INT, Bool, Enum, Function, Int, Lock, Pointer, Struct, Type, Void

OWNED = ("spinlock", "rwlock", "mutex", "rwsem")


def value(expr: Expr, scope: Scope, want: Type | None = None) -> Expr:
    """Return the expression completed, as a value; `want` is the type that `nondet()` takes here."""
    match expr:
        case Number():
            return _number(expr, scope)
        case Name() | Member() | Unary("*"):
            return readable(place(expr, scope), scope)
        case Unary("&"):
            return _address(expr, scope)
        case Unary(op, operand):
            return operators.unary(scope.file, op, value(operand, scope, Bool() if op == "!" else None), expr.span)
        case Binary(op, left, right):
            inner = Bool() if op in ("&&", "||") else None
            return operators.binary(
                scope.file, op, value(left, scope, inner), value(right, scope, inner), expr.span
            )
        case Conditional(cond, then, other):
            return operators.conditional(
                scope.file, value(cond, scope, Bool()), value(then, scope, want), value(other, scope, want), expr.span
            )
        case Cast(to, operand):
            return _cast(expr, to, operand, scope)
        case Call():
            return _call(expr, scope)
        case Assign() | PostIncrement() | New() | AnyOf() | Nondet():
            return _effect(expr, scope, want)
        case Quantified() | Held() | At():
            return _specification(expr, scope)
        case _:
            assert_never(expr)


def condition(expr: Expr, scope: Scope) -> Expr:
    """Return an expression used as a truth value, completed."""
    return operators.condition(scope.file, value(expr, scope, Bool()))


def converted(expr: Expr, to: Type | None, scope: Scope, what: str) -> Expr:
    """Return an expression completed and converted to `to`; `what` names the context in an error."""
    done = value(expr, scope, to)
    return done if to is None else operators.convert(scope.file, done, to, what)


def place(expr: Expr, scope: Scope) -> Expr:
    """Return a variable, field, object or `*p` completed, whether it is read or written."""
    match expr:
        case Name():
            return name(expr, scope)
        case Member(base):
            inner = place(base, scope)
            return member(expr, inner if isinstance(inner.type, Struct) else readable(inner, scope), scope)
        case Unary("*", operand):
            inner = place(operand, scope) if isinstance(operand, Name) else value(operand, scope)
            match inner.type:
                case None:
                    return Unary("*", inner, span=expr.span)
                case Pointer(to):
                    if not is_reference(inner.type):
                        inner = readable(inner, scope)
                    return Unary("*", inner, type=to if inner.type is not None else None, span=expr.span)
                case other:
                    scope.file.error("KC111", f"`*` does not apply to `{describe(other)}`", expr.span)
                    return Unary("*", inner, span=expr.span)
        case _:
            return value(expr, scope)


def _number(expr: Number, scope: Scope) -> Expr:
    if expr.type is not None:
        return expr
    for type_ in (INT, Int(LONG_BITS, signed=True), Int(LONG_BITS, signed=False)):
        if wrap(expr.value, type_) == expr.value:
            return replace(expr, type=type_)
    scope.file.error("KC118", f"{expr.value} does not fit any integer type", expr.span)
    return expr


def _address(expr: Unary, scope: Scope) -> Expr:
    inner = place(expr.operand, scope)
    if isinstance(inner.type, Function):
        return readable(inner, scope)
    if inner.type is not None and not isinstance(inner.type, Struct):
        scope.file.error(
            "KC115", f"the address of a `{describe(inner.type)}` is no value", expr.span,
            hint="`&x` may be passed to a function or primitive; only objects have addresses to keep",
        )
        return Unary("&", inner, span=expr.span)
    if isinstance(inner, Unary) and inner.op == "*":
        return inner.operand
    if inner.type is not None and ghost(inner, scope):
        return readable(inner, scope)
    return Unary("&", inner, type=Pointer(inner.type) if inner.type is not None else None, span=expr.span)


def _cast(expr: Cast, to: Type, operand: Expr, scope: Scope) -> Expr:
    done = value(operand, scope, to)
    if isinstance(to, Void) or done.type is None:
        return done
    if isinstance(to, Int | Bool) and is_arithmetic(done.type):
        return replace(operators.cast(done, to), span=expr.span)
    return operators.convert(scope.file, done, to, "this cast")


def _effect(expr: Assign | PostIncrement | New | AnyOf | Nondet, scope: Scope, want: Type | None) -> Expr:
    if scope.mode == "invariant":
        scope.file.error("KC150", "an invariant has no side effects and no choices", expr.span)
        return expr
    match expr:
        case Assign(target, given, op):
            return _assign(expr, place(target, scope), given, scope) if op is None else _update(expr, scope)
        case PostIncrement(target, _):
            done = place(target, scope)
            if done.type is None or not writable(done, scope) or readable(done, scope).type is None:
                return replace(expr, target=done)
            if not isinstance(done.type, Int | Bool):
                scope.file.error("KC111", f"`{expr.op}{expr.op}` does not apply to `{describe(done.type)}`", expr.span)
                return replace(expr, target=done)
            return replace(expr, target=done, type=done.type)
        case New(struct) | AnyOf(struct):
            if struct not in scope.file.structs:
                scope.unknown("KC103", "struct", struct, expr.span, scope.file.structs)
                return expr
            return replace(expr, type=Pointer(Struct(struct)))
        case Nondet():
            if isinstance(want, Bool | Int | Enum):
                return replace(expr, type=want)
            hint = "`any(struct S)` chooses an object" if is_object_pointer(want) else "assign it to a variable first"
            scope.file.error("KC117", "`nondet()` has no number type here", expr.span, hint=hint)
            return expr
        case _:
            assert_never(expr)


def _assign(expr: Assign, target: Expr, given: Expr, scope: Scope) -> Expr:
    if target.type is None or not writable(target, scope):
        value(given, scope, target.type)
        return replace(expr, target=target)
    if not isinstance(target.type, Struct):
        done = converted(given, target.type, scope, "this assignment")
        return replace(expr, target=target, value=done, type=target.type if done.type is not None else None)
    source = place(given, scope)
    if source.type is not None and source.type != target.type:
        scope.file.error("KC110", f"`{describe(target.type)}` is copied from `{describe(source.type)}`", expr.span)
        source = replace(source, type=None)
    return replace(expr, target=target, value=source, type=target.type if source.type is not None else None)


def _update(expr: Assign, scope: Scope) -> Expr:
    """Check `target op= value`."""
    file, target, given = scope.file, place(expr.target, scope), value(expr.value, scope)
    broken = replace(expr, target=target, value=given)
    if target.type is None or not writable(target, scope) or readable(target, scope).type is None or given.type is None:
        return broken
    if not (is_arithmetic(target.type) and is_arithmetic(given.type)):
        wrong = given.type if is_arithmetic(target.type) else target.type
        hint = "there is no pointer arithmetic" if is_object_pointer(wrong) else ""
        file.error("KC111", f"`{expr.op}=` does not apply to `{describe(wrong)}`", expr.span, hint=hint)
        return broken
    if isinstance(target.type, Enum):
        file.error(
            "KC121", f"the result of `{expr.op}=` need not be an enumerator of `{describe(target.type)}`", expr.span,
            hint="declare the variable as an integer if it holds other values",
        )
        return broken
    if expr.op in ("<<", ">>"):
        if not operators.shift_defined(file, promote(target.type), given):
            return broken
        return replace(broken, value=operators.cast(given, promote(given.type)), type=target.type)
    if expr.op in ("/", "%") and not operators.divisor_defined(file, given):
        return broken
    return replace(broken, value=operators.cast(given, usual(target.type, given.type)), type=target.type)


# ---- calls -----------------------------------------------------------------------------------------


def _call(expr: Call, scope: Scope) -> Expr:
    found = signature(expr, scope)
    if found is None:
        for arg in expr.args:  # what each should be is not known
            inner = arg.operand if isinstance(arg, Unary) and arg.op == "&" else arg
            if isinstance(inner, Name | Member):
                place(inner, scope)
            elif inner is arg:
                value(arg, scope, INT)
        return expr
    if scope.mode == "invariant" and found.kind != "function" and expr.callee not in READS:
        scope.file.error(
            "KC150", f"an invariant cannot call `{expr.callee}`", expr.span,
            hint="only functions that are a single `return EXPRESSION;` can be called",
        )
        return expr
    if found.kind == "task_lock":
        return _task_lock(expr, scope)
    args = _arguments(expr, found, scope)
    result: Type | None = found.result
    if has_type_of_variable(found.result):
        first = args[0].type
        result = first.to if isinstance(first, Pointer) and found.params[0] == "cell" else first
    if any(a.type is None for a in args):
        result = None
    return Call(expr.callee, args, found.kind, type=result, span=expr.span)


def _arguments(expr: Call, found: Signature, scope: Scope) -> tuple[Expr, ...]:
    """Check the arguments; the values for a variable come after it, and take its type."""
    args: list[Expr] = []
    variable: Type | None = None
    for arg, rule in zip(expr.args, found.params, strict=True):
        done = _argument(expr, arg, rule, variable, scope)
        if rule in ("cell", "place"):
            variable = done.type.to if rule == "cell" and isinstance(done.type, Pointer) else done.type
        args.append(done)
    return tuple(args)


def _argument(call: Call, arg: Expr, rule: Type | Rule, variable: Type | None, scope: Scope) -> Expr:
    what = f"an argument of `{call.callee}`"
    if takes_reference(rule):
        return _reference(call, arg, rule, scope)
    match rule:
        case "int":
            return converted(arg, INT, scope, what)
        case "value":
            return converted(arg, variable, scope, what)
        case "place":
            return _place_argument(call, arg, scope)
        case "object":
            done = value(arg, scope)
            if done.type is not None and not is_object_pointer(done.type):
                scope.file.error("KC110", f"{what} needs a pointer to an object", arg.span)
                return replace(done, type=None)
            return _kept(call, done, scope)
        case "thread":
            thread = Pointer(Struct(scope.file.thread)) if scope.file.thread else None
            return converted(arg, thread, scope, what)
        case "function":
            return _function(call, arg, None, scope)
        case Function(result):
            return _function(call, arg, result, scope)
        case str():
            raise AssertionError(rule)  # every other rule takes a reference
        case _:
            return converted(arg, rule, scope, what)


def _kept(call: Call, done: Expr, scope: Scope) -> Expr:
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


def _place_argument(call: Call, arg: Expr, scope: Scope) -> Expr:
    done = place(arg, scope)
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


def _reference(call: Call, arg: Expr, rule: Type | Rule, scope: Scope) -> Expr:
    """Check `&variable`, or a reference parameter that is passed on."""
    with_ampersand = isinstance(arg, Unary) and arg.op == "&"
    inner = place(arg.operand if isinstance(arg, Unary) and with_ampersand else arg, scope)
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


def _function(call: Call, arg: Expr, result: Type | None, scope: Scope) -> Expr:
    """Check the name of a function without parameters; with `result` None any result will do."""
    inner = arg.operand if isinstance(arg, Unary) and arg.op == "&" else arg
    done = place(inner, scope) if isinstance(inner, Name) else value(inner, scope)
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


def _task_lock(expr: Call, scope: Scope) -> Expr:
    """Return `task_lock(t)` as `spin_lock(&t->alloc_lock)`."""
    task = value(expr.args[0], scope)
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


# ---- what only invariants say ----------------------------------------------------------------------


def _specification(expr: Quantified | Held | At, scope: Scope) -> Expr:
    if scope.mode != "invariant":
        word = expr.quantifier if isinstance(expr, Quantified) else "held" if isinstance(expr, Held) else "at"
        scope.file.error("KC151", f"`{word}` can only stand in an invariant", expr.span)
        return expr
    match expr:
        case Quantified(_, variables, body):
            inner = bind(expr, variables, scope)
            done = condition(body, inner)
            return replace(expr, body=done, type=INT if done.type is not None else None)
        case Held(lock):
            stripped = lock.operand if isinstance(lock, Unary) and lock.op == "&" else lock
            done = place(stripped, scope)
            if done.type is not None and not (isinstance(done.type, Lock) and done.type.kind in OWNED):
                scope.file.error(
                    "KC110", f"`held` needs a lock that has a holder, not a `{describe(done.type)}`", expr.span
                )
                return replace(expr, lock=done)
            return replace(expr, lock=done, type=Bool() if done.type is not None else None)
        case At(thread, label):
            class_ = Pointer(Struct(scope.file.thread)) if scope.file.thread else None
            done = converted(thread, class_, scope, "`at`")
            known = label_known(label, expr, scope)
            return replace(expr, thread=done, type=Bool() if known and done.type is not None else None)
        case _:
            assert_never(expr)


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
