"""IR expressions as Python source over packed states.

What the numbers can be is known by interval arithmetic: wrapping and checks that cannot matter are left out.
Quantifiers are written out where that is not too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from verify.engine.codegen.conditions import OPPOSITE, Operand, compare, has, join, truth
from verify.engine.codegen.operators import binary, choice, flag, unary, wrapped
from verify.engine.codegen.places import Where, read, where
from verify.engine.codegen.pysource import (
    ATOM,
    BITOR,
    COMPARE,
    DEEP,
    IF,
    NO,
    NOT,
    OR,
    YES,
    Code,
    Cond,
    Writer,
    constant,
)
from verify.instances import THREAD, Slot
from verify.ir import (
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Ite,
    Local,
    Me,
    Place,
    Quant,
    Referenced,
    Unary,
    Wrap,
)
from verify.semantics import SemanticsError

UNROLL = 256  # bodies of nested quantifiers that are written out; beyond, a loop
Env = Mapping[str, Code]  # what the bound names stand for


def place(writer: Writer, target: Place, env: Env) -> Where | None:
    """The bits that a place denotes; None if it lies behind NULL for sure."""
    match target:
        case Global(name):
            return where(writer, "", name, constant(writer, (0,) * len(writer.threads)))
        case Local(name, of):
            return where(writer, THREAD, name, value(writer, of or Me(), env))
        case Field(pointer, cls, name):
            return where(writer, cls, name, value(writer, pointer, env))
        case _:
            assert_never(target)


def value(writer: Writer, expr: Expr, env: Env) -> Code:
    """The number that `expr` denotes. Raises SemanticsError for a name that nothing binds."""
    code = _value(writer, expr, env)
    if code.depth <= DEEP or writer.varies(code.text):
        return code
    return code._replace(text=writer.read(code.text, eager=True), level=ATOM, depth=0)


def _value(writer: Writer, expr: Expr, env: Env) -> Code:
    match expr:
        case Const(number):
            return constant(writer, (number,) * len(writer.threads))
        case Me():
            return constant(writer, writer.threads)
        case Bound(name):
            if name not in env:
                raise SemanticsError(f"unbound name `{name}`")
            return env[name]
        case Global() | Local() | Field():
            return read(writer, place(writer, expr, env))
        case Unary("!") | Binary("&&" | "||" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "has") | Quant() | Referenced():
            return flag(writer, condition(writer, expr, env))
        case Unary(op, arg):
            return unary(writer, op, value(writer, arg, env))
        case Binary(op, left, right):
            return binary(writer, op, value(writer, left, env), value(writer, right, env))
        case Ite(cond, then, other):
            return choice(condition(writer, cond, env), value(writer, then, env), value(writer, other, env))
        case Wrap(bits, signed, arg):
            return wrapped(writer, value(writer, arg, env), bits, signed=signed)
        case _:
            assert_never(expr)


def condition(writer: Writer, expr: Expr, env: Env, *, wanted: bool = True) -> Cond:
    """Whether `expr` is nonzero (or, `wanted` false, is zero)."""
    cond = _condition(writer, expr, env, wanted=wanted)
    if cond.depth <= DEEP or writer.varies(cond.text):
        return cond
    return Cond(writer.read(cond.text, eager=True), ATOM)


def _condition(writer: Writer, expr: Expr, env: Env, *, wanted: bool) -> Cond:
    match expr:
        case Unary("!", arg):
            return condition(writer, arg, env, wanted=not wanted)
        case Binary("&&" | "||" as op, _, _):
            parts = [condition(writer, part, env, wanted=wanted) for part in flat(expr, op)]
            return join(writer, parts, every=(op == "&&") == wanted)
        case Binary("==" | "!=" | "<" | ">" | "<=" | ">=" as op, left, right):
            one, two = _operand(writer, left, env), _operand(writer, right, env)
            return compare(writer, op if wanted else OPPOSITE[op], one, two)
        case Binary("has", group, thread):
            return has(writer, value(writer, group, env), value(writer, thread, env), wanted=wanted)
        case Ite(cond, then, other):
            chosen = condition(writer, cond, env)
            yes, no = (condition(writer, branch, env, wanted=wanted) for branch in (then, other))
            if chosen.always is not None:
                return yes if chosen.always else no
            depth = max(chosen.depth, yes.depth, no.depth) + 1
            return Cond(f"{yes.at(OR)} if {chosen.at(OR)} else {no.text}", IF, depth=depth)
        case Quant(quantifier, binder, body):
            every = (quantifier == "forall") == wanted
            envs = unrolled(writer, binder, env, limit=UNROLL // _size(writer, body))
            if envs is not None:
                return join(writer, [condition(writer, body, inner, wanted=wanted) for inner in envs], every=every)
            name, values, inner = loop(writer, binder, env)
            writer.within += 1
            each = condition(writer, body, inner, wanted=wanted)
            writer.within -= 1
            text = each.text if each.always is None else str(each.always)
            return Cond(f"{'all' if every else 'any'}({text} for {name} in {values})", ATOM, depth=each.depth + 1)
        case Referenced():
            return _referenced(writer, expr, env, wanted=wanted)
        case Global() | Local() | Field():
            zero = Operand(constant(writer, (0,) * len(writer.threads)))
            return compare(writer, "!=" if wanted else "==", _operand(writer, expr, env), zero)
        case _:
            return truth(value(writer, expr, env), wanted=wanted)


def _operand(writer: Writer, expr: Expr, env: Env) -> Operand:
    if isinstance(expr, Global | Local | Field):
        found = place(writer, expr, env)
        return Operand(read(writer, found), found)
    return Operand(value(writer, expr, env))


def flat(expr: Expr, op: BinaryOp) -> Iterator[Expr]:
    """The operands of a chain of one operator, in order."""
    if isinstance(expr, Binary) and expr.op == op:
        yield from flat(expr.left, op)
        yield from flat(expr.right, op)
    else:
        yield expr


def unrolled(writer: Writer, binder: Binder, env: Env, *, limit: int = UNROLL) -> list[Env] | None:
    """One environment for each value of a binder; None if there are too many."""
    values = writer.places.instance.choices(binder)
    if len(values) > limit:
        return None
    return [{**env, binder.name: constant(writer, (number,) * len(writer.threads))} for number in values]


def loop(writer: Writer, binder: Binder, env: Env) -> tuple[str, str, Env]:
    """A loop variable for a binder, the text of its values, and the environment within."""
    values = writer.places.instance.choices(binder)
    name = f"b{writer.loops}"
    writer.loops += 1
    low, high = (values[0], values[-1]) if values else (1, 1)
    return name, writer.give((values,) * len(writer.threads)), {**env, binder.name: Code(name, ATOM, low, high)}


def _size(writer: Writer, expr: Expr) -> int:
    """How many bodies the quantifiers inside `expr` come to; at most UNROLL."""
    match expr:
        case Quant(_, binder, body):
            return max(1, min(UNROLL, len(writer.places.instance.choices(binder)) * _size(writer, body)))
        case Unary(_, arg) | Wrap(arg=arg):
            return _size(writer, arg)
        case Binary(_, left, right):
            return max(_size(writer, left), _size(writer, right))
        case Ite(cond, then, other):
            return max(_size(writer, part) for part in (cond, then, other))
        case _:
            return 1


def _referenced(writer: Writer, expr: Referenced, env: Env, *, wanted: bool) -> Cond:
    """See `ir.Referenced`: one comparison for each variable that may point to the object."""
    pointer = value(writer, expr.pointer, env)
    if pointer.hi <= 0:
        return NO if wanted else YES
    threads, layout = writer.threads, writer.places
    system = layout.instance.system

    def relevant(slot: Slot, me: int) -> bool:
        return not (slot.index == me and (slot.cell == THREAD or (slot.cell == system.thread and not expr.mine)))

    pointers = layout.pointers(expr.cls)
    columns = zip(*([slot for slot in pointers if relevant(slot, me)] for me in threads), strict=True)
    yes: list[Cond] = []
    for column in columns:
        shifts = tuple(layout.bits[slot].shift for slot in column)
        mask = (1 << layout.bits[column[0]].width) - 1
        part = f"s >> {writer.number(shifts)} & {mask} == {pointer.at(BITOR)}"
        if column[0].cell == expr.cls:  # an object does not refer to itself
            part = f"{part} != {writer.number(tuple(slot.index for slot in column))}"
        yes.append(Cond(part, COMPARE, depth=pointer.depth + 2))
    found = join(writer, yes, every=False)
    if found.always is None:
        found = join(writer, [truth(pointer, wanted=True), found], every=True)
    return found if wanted else Cond(f"not {found.at(NOT)}", NOT, depth=found.depth + 1)
