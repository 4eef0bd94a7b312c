"""Expressions: their steps, one shared access each, and the value that is left to use in the next step."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    LIFE,
    PUBLISHED,
    Binder,
    Bound,
    Const,
    Domain,
    Expr,
    Field,
    Global,
    Local,
    Me,
    Place,
    Ptr,
    Quant,
    Range,
    Referenced,
    Threads,
    Unary,
    Update,
)
from verify.lower.effects import create, special_step, word_step
from verify.lower.graph import END, Graph, domain_of, field_of, stem_of
from verify.lower.scope import Scope, known_place, name_value, variable
from verify.lower.simplify import binary, ite, negate, parts, truth, wrapped
from verify.syntax import ast
from verify.syntax.primitives import PRIMITIVES, Make, Primitive
from verify.syntax.types import INT, Bool, Enum, Function, Int, Lock, Pointer, Struct, Type, Void

WIDEST_CHOICE = 1 << 16


def shared(expr: Expr) -> bool:
    """Whether reading the value reads shared memory."""
    return any(isinstance(part, Global | Field | Quant | Referenced) for part in parts(expr))


def settle(graph: Graph, scope: Scope, value: Expr, domain: Domain) -> Expr:
    """Return the value with no shared read left in it: read now, in a step of its own, where there was one."""
    if not shared(value):
        return value
    temporary = _temporary(graph, scope, domain)
    graph.step(Update(temporary, value))
    return temporary


def _temporary(graph: Graph, scope: Scope, domain: Domain) -> Local:
    scope.temporaries += 1
    match domain:
        case Ptr(cls):
            kind = cls
        case Range(lo, hi):
            kind = f"{lo}..{hi}"
        case Threads():
            raise AssertionError("no expression is a set of threads")
        case _:
            assert_never(domain)
    return graph.local(f"{scope.function}.#{scope.temporaries}:{kind}", domain)


def evaluate(graph: Graph, scope: Scope, expr: ast.Expr) -> Expr:
    """Take the steps of `expr`; return its value, in which at most one shared read is left."""
    match expr:
        case ast.Number(value=value):
            return Const(value)
        case ast.Name():
            return name_value(scope, expr)
        case ast.Unary(op="&", operand=ast.Name(kind="object") as operand):
            return name_value(scope, operand)
        case ast.Member() | ast.Unary(op="*" | "&"):
            return place(graph, scope, expr)
        case ast.Unary(op=op, operand=operand):
            return _unary(op, evaluate(graph, scope, operand), expr.type)
        case ast.Binary(op="&&" | "||") | ast.Conditional():
            return _branching(graph, scope, expr)
        case ast.Binary(left=left, right=right):
            return _binary(graph, scope, expr, evaluate(graph, scope, left), right)
        case ast.Assign():
            return assign(graph, scope, expr)
        case ast.PostIncrement(target=target, op=op):
            cell = place(graph, scope, target)
            old = _temporary(graph, scope, domain_of(target.type))
            graph.step(Update(old, cell))
            _store(graph, scope, cell, expr, _in_type(binary(op, old, Const(1)), target.type))
            return old
        case ast.Cast(to=Bool(), operand=operand):
            return truth(evaluate(graph, scope, operand))
        case ast.Cast(to=to, operand=operand):
            return _in_type(evaluate(graph, scope, operand), to)
        case ast.Call(kind="primitive"):
            return _primitive(graph, scope, expr)
        case ast.Call():
            return _inline(graph, scope, expr)
        case ast.New(struct=struct):
            result = _temporary(graph, scope, Ptr(struct))
            create(graph, struct, result)
            return result
        case ast.AnyOf(struct=struct):
            life = Field(Bound(name := graph.fresh("any")), struct, LIFE)
            result = _temporary(graph, scope, Ptr(struct))
            binder = Binder(name, Ptr(struct))
            graph.step(Update(result, Bound(name)), guard=binary("==", life, Const(PUBLISHED)), binders=(binder,))
            return result
        case ast.Nondet(type=type_):
            chosen = Binder(graph.fresh("nondet"), values_of(graph, expr, type_))
            result = _temporary(graph, scope, chosen.domain)
            graph.step(Update(result, Bound(chosen.name)), binders=(chosen,))
            return result
        case ast.Quantified() | ast.Held() | ast.At():
            raise AssertionError("the checker allows these in invariants only")
        case _:
            assert_never(expr)


def values_of(graph: Graph, expr: ast.Expr, type_: Type | None) -> Range:
    """The values of a type that `nondet()` chooses from. Raises InputError where there are too many to try."""
    if isinstance(type_, Enum):
        values = [graph.program.enumerators[name] for name, _ in graph.program.enums[type_.name].items]
        return Range(min(values), max(values))
    domain = domain_of(type_)
    if not isinstance(domain, Range) or domain.hi - domain.lo >= WIDEST_CHOICE:
        message = "`nondet()` of a type with too many values to try one by one"
        hint = "use a bool, an enum, a u8 or a bit-field"
        raise InputError([Diagnostic("KC201", message, expr.span, hint=hint)])
    return domain


def _unary(op: ast.UnaryOp, value: Expr, type_: Type | None) -> Expr:
    match op:
        case "!":
            return negate(value)
        case "-" | "~":
            inner = Const(-value.value if op == "-" else ~value.value) if isinstance(value, Const) else Unary(op, value)
            return _in_type(inner, type_)
        case _:
            return value


def _in_type(value: Expr, type_: Type | None) -> Expr:
    return wrapped(type_.bits, value, signed=type_.signed) if isinstance(type_, Int) else value


def _binary(graph: Graph, scope: Scope, expr: ast.Binary, left: Expr, right: ast.Expr) -> Expr:
    if not _quiet(scope, right):
        left = settle(graph, scope, left, domain_of(expr.left.type))
    value = binary(expr.op, left, evaluate(graph, scope, right))
    return value if expr.op in ("==", "!=", "<", ">", "<=", ">=", "&", "|", "^") else _in_type(value, expr.type)


def _quiet(scope: Scope, expr: ast.Expr) -> bool:
    """Whether the expression takes no step and reads nothing shared."""
    match expr:
        case ast.Number():
            return True
        case ast.Name():
            return not shared(name_value(scope, expr))
        case ast.Unary(op="&", operand=operand):
            return isinstance(operand, ast.Name)
        case ast.Unary(op="!" | "-" | "+" | "~", operand=operand) | ast.Cast(operand=operand):
            return _quiet(scope, operand)
        case ast.Binary(left=left, right=right):
            return _quiet(scope, left) and _quiet(scope, right)
        case ast.Conditional(cond=cond, then=then, other=other):
            return _quiet(scope, cond) and _quiet(scope, then) and _quiet(scope, other)
        case _:
            return False


def _branching(graph: Graph, scope: Scope, expr: ast.Binary | ast.Conditional) -> Expr:
    """The value of `&&`, `||` and `?:`, decided by control flow where an operand takes a step."""
    match expr:
        case ast.Binary(op=op, left=left, right=right) if _quiet(scope, expr):
            return binary(op, truth(evaluate(graph, scope, left)), truth(evaluate(graph, scope, right)))
        case ast.Conditional(cond=cond, then=then, other=other) if _quiet(scope, expr):
            return ite(*(evaluate(graph, scope, part) for part in (cond, then, other)))
        case ast.Conditional(cond=cond, then=then, other=other):
            pass
        case _:
            cond, then, other = expr, ast.Number(1), ast.Number(0)
    yes, no, join = graph.location(), graph.location(), graph.location()
    result = _temporary(graph, scope, domain_of(expr.type))
    branch(graph, scope, cond, yes, no)
    for start, part in ((yes, then), (no, other)):
        graph.here = start
        graph.step(Update(result, evaluate(graph, scope, part)), to=join)
    return result


def branch(graph: Graph, scope: Scope, cond: ast.Expr, yes: int, no: int) -> None:
    """Take the steps of a condition, to `yes` where it holds and to `no` where it does not."""
    match cond:
        case ast.Unary(op="!", operand=operand):
            branch(graph, scope, operand, no, yes)
        case ast.Cast(to=Bool(), operand=operand):
            branch(graph, scope, operand, yes, no)
        case ast.Binary(op="&&" | "||" as op, left=left, right=right) if not _quiet(scope, cond):
            middle = graph.location()
            branch(graph, scope, left, *((middle, no) if op == "&&" else (yes, middle)))
            graph.here = middle
            branch(graph, scope, right, yes, no)
        case ast.Call(kind="function", callee=callee) if (body := _formula(graph, callee)) is not None:
            inner = _enter(graph, scope, cond)
            branch(graph, inner, body, yes, no)
            point(graph, scope, cond)
        case ast.Nondet():
            graph.action(yes)
            graph.action(no)
        case _:
            value = evaluate(graph, scope, cond)
            graph.action(yes, truth(value))
            graph.action(no, negate(value))


def point(graph: Graph, scope: Scope, node: ast.Node) -> None:
    """Let the next steps stand for this place of the source."""
    label = f"{scope.function}.{scope.label}" if scope.label else ""
    graph.micro = replace(graph.micro, label=label, function=scope.function, span=node.span, calls=scope.calls)


def place(graph: Graph, scope: Scope, expr: ast.Expr) -> Place:
    """Take the steps that find a variable; return it, with nothing but a local, Me or a constant to follow."""
    known = known_place(scope, expr)
    if known is not None:
        return known
    match expr:
        case ast.Unary(op="&", operand=operand) | ast.Cast(operand=operand):
            return place(graph, scope, operand)
        case ast.Member(base=base, field=name):
            pointer = base.operand if isinstance(base, ast.Unary) and base.op == "*" else base
            struct = _struct(base.type)
            return Field(settle(graph, scope, evaluate(graph, scope, pointer), Ptr(struct)), struct, name)
        case _:
            raise AssertionError(f"no place: {expr}")


def _struct(type_: Type | None) -> str:
    match type_:
        case Struct(name) | Pointer(Struct(name)):
            return name
        case _:
            raise AssertionError(f"no struct: {type_}")


def assign(graph: Graph, scope: Scope, expr: ast.Assign, *, marked: bool = False) -> Expr:
    """`target = value` and its compound forms, and the copy of a struct; return the value stored.

    With `marked`, of the store alone, the source says that it is to something that others access too.
    """
    if isinstance(expr.target.type, Struct):
        _copy(graph, scope, expr)
        return Const(0)
    target = place(graph, scope, expr.target)
    if expr.op is None:
        value = evaluate(graph, scope, expr.value)
    else:
        old = settle(graph, scope, target, domain_of(expr.target.type))
        inner = ast.Binary(expr.op, expr.target, expr.value, type=expr.target.type)
        value = _binary(graph, scope, inner, old, expr.value)
        value = truth(value) if isinstance(expr.target.type, Bool) else _in_type(value, expr.target.type)
    if shared(target):
        value = settle(graph, scope, value, domain_of(expr.target.type))
    if marked:
        graph.note_marked()
    return _store(graph, scope, target, expr, value)


def _store(
    graph: Graph, scope: Scope, target: Place, expr: ast.Assign | ast.PostIncrement, value: Expr
) -> Expr:
    """The step `target = value`, cut to the width of a bit-field; return what is stored."""
    match expr.target:
        case ast.Member(base=base, field=name):
            type_, bits = field_of(graph.program.structs, _struct(base.type), name)
            if bits is not None and isinstance(type_, Int):
                value = wrapped(bits, value, signed=type_.signed)
    graph.note_store(target, scope.function, expr.span)
    graph.step(Update(target, value))
    return target if isinstance(target, Local) else value


def _copy(graph: Graph, scope: Scope, expr: ast.Assign) -> None:
    """`*p = *q`: field by field in the order of the declaration, without locks and ghosts."""
    struct = _struct(expr.target.type)
    ends = list[Expr]()
    for side in (expr.target, expr.value):
        pointer = side.operand if isinstance(side, ast.Unary) and side.op == "*" else side
        ends.append(settle(graph, scope, evaluate(graph, scope, pointer), Ptr(struct)))
    plain = {f.name for f in graph.program.structs[struct].fields
             if not f.ghost and isinstance(f.declared, Bool | Int | Enum | Pointer)}
    for var in graph.fields[struct]:
        if var.name in plain:
            temporary = _temporary(graph, scope, var.domain)
            graph.step(Update(temporary, Field(ends[1], struct, var.name)))
            target = Field(ends[0], struct, var.name)
            graph.note_store(target, scope.function, expr.span)
            graph.step(Update(target, temporary))


# ---- calls -----------------------------------------------------------------------------------------


def _formula(graph: Graph, callee: str) -> ast.Expr | None:
    """What a function returns if that is all it does."""
    function = graph.program.functions[callee]
    match function.body:
        case ast.Block(body=(ast.Return(value=value),)) if value is not None and not graph.assigned(callee):
            return value
        case _:
            return None


def _enter(graph: Graph, scope: Scope, call: ast.Call) -> Scope:
    """Evaluate the arguments and bind them; return the scope of the called function."""
    name = scope.functions.get(call.callee, call.callee)
    function = graph.program.functions[name]
    inner = Scope(name, scope.statics, (*scope.calls, call.span))
    changed = graph.assigned(name)
    lent = {place(graph, scope, arg) for arg in call.args if _lends(arg)}
    copies = list[Update]()
    last = len(call.args) - 1
    for number, (param, arg) in enumerate(zip(function.params, call.args, strict=True)):
        match param.declared:
            case Function() | Pointer(Function()):
                target = arg.name if isinstance(arg, ast.Name) else ""
                inner.functions[param.name] = scope.functions.get(target, target)
            case Pointer(to) if not isinstance(to, Struct):
                inner.refs[param.name] = place(graph, scope, arg)
            case declared:
                value = evaluate(graph, scope, arg)
                if number != last or copies:
                    value = settle(graph, scope, value, domain_of(declared))
                if param.name in changed or value in lent or shared(value) or not isinstance(value, Const | Me | Local):
                    local = graph.local(
                        variable(inner, param.name), domain_of(declared), truth=isinstance(declared, Bool)
                    )
                    copies.append(Update(local, value))
                else:
                    inner.values[param.name] = value
    if copies:
        graph.step(*copies)
    return inner


def _lends(arg: ast.Expr) -> bool:
    """Whether the argument is the address of a local, which the callee may then change."""
    return isinstance(arg, ast.Unary) and arg.op == "&" and isinstance(arg.operand, ast.Name) and (
        arg.operand.kind == "local"
    )


def _inline(graph: Graph, scope: Scope, call: ast.Call) -> Expr:
    """A call of a function of the file, as its body; its value is in a local of its own."""
    name = scope.functions.get(call.callee, call.callee)
    function = graph.program.functions[name]
    body = _formula(graph, name)
    inner = _enter(graph, scope, call)
    if body is not None and not isinstance(function.result, Void):
        value = _brought(graph, scope, inner, evaluate(graph, inner, body), domain_of(function.result))
        point(graph, scope, call)
        return value
    if not isinstance(function.result, Void):
        inner.result = _temporary(graph, scope, domain_of(function.result))
    inner.exit = graph.location()
    assert function.body is not None  # noqa: S101 - the checker wants one where it is called
    graph.begins.setdefault(name, set()).add(graph.standing)
    graph.body(graph, inner, function.body)
    graph.step(to=inner.exit)
    point(graph, scope, call)
    return inner.result if inner.result is not None else Const(0)


def _sized(row: Primitive, call: ast.Call) -> Primitive:
    """The row for a variable of this size: what it stores and returns wraps around as C's integers do."""

    def sized(make: Make | None, type_: Type | None) -> Make | None:
        match make, type_:
            case None, _:
                return None
            case _, Bool():
                return lambda a: truth(make(a))
            case _, Int(bits, signed) if bits:
                return lambda a: wrapped(bits, make(a), signed=signed)
            case _:
                return make

    stored = call.args[row.ref].type
    cell = stored.to if isinstance(stored, Pointer) else stored
    cell = INT if isinstance(cell, Lock) and cell.kind == "atomic" else cell
    return replace(row, new=sized(row.new, cell), result=sized(row.result, call.type))


def _brought(graph: Graph, scope: Scope, inner: Scope, value: Expr, domain: Domain) -> Expr:
    """The value in terms of the caller: the next call of the same function uses the callee's locals again."""
    frame = f"{inner.function}."
    if not any(isinstance(part, Local) and part.name.startswith(frame) for part in parts(value)):
        return value
    temporary = _temporary(graph, scope, domain)
    graph.step(Update(temporary, value))
    return temporary


def _primitive(graph: Graph, scope: Scope, call: ast.Call) -> Expr:
    """A call of a row of the table; its value is in a temporary."""
    row = PRIMITIVES[call.callee]
    if row.special == "load":
        return _load(graph, scope, call.args[0])
    if row.special == "store":
        return assign(graph, scope, ast.Assign(call.args[0], call.args[1], span=call.span), marked=True)
    if row.special is None:
        cell = place(graph, scope, call.args[row.ref])
        rest = [settle(graph, scope, evaluate(graph, scope, arg), domain_of(arg.type))
                for number, arg in enumerate(call.args) if number != row.ref]
        result = None if row.result is None else _temporary(graph, scope, domain_of(call.type))
        if row.new is not None:
            graph.note_store(cell, scope.function, call.span)
        word_step(graph, _sized(row, call), cell, rest, result)
        return result if result is not None else Const(0)
    values = [settle(graph, scope, evaluate(graph, scope, arg), domain_of(arg.type)) for arg in call.args[:1]]
    cls = _struct(call.args[0].type) if call.args else ""
    if row.special == "sole":
        return negate(Referenced(values[0], cls, mine=False))
    entry = END
    if row.special == "spawn" and isinstance(call.args[1], ast.Name):
        entry = graph.entries[scope.functions.get(call.args[1].name, call.args[1].name)]
    special_step(graph, row.special, values, cls, entry)
    return Const(0)


def _load(graph: Graph, scope: Scope, expr: ast.Expr) -> Expr:
    """What a marked access reads: in a step of its own where a claim tells it from one that is not marked."""
    value = evaluate(graph, scope, expr)
    if not (isinstance(value, Global | Field) and stem_of(value) in graph.raced):
        return value
    graph.note_marked()
    return settle(graph, scope, value, domain_of(expr.type))
