"""Expressions on a path: every way their evaluation can go, with the value and what becomes known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
from verify.syntax.check.conversions import wrap
from verify.syntax.check.locks.effects import ANYTHING, stored
from verify.syntax.check.locks.state import State, assumed, renewed, resolved, truth
from verify.syntax.check.locks.symbols import (
    CURRENT,
    MAX_DEPTH,
    NOTHING,
    Sym,
    Value,
    negated,
    operation,
    subterms,
)
from verify.syntax.check.scope import File
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.types import Bool, Int, Pointer, Struct

Paths = list[tuple[State, Value]]


@dataclass(frozen=True, slots=True)
class Reader:
    """How expressions are read in one function. `call` decides what a call does."""

    file: File
    call: Callable[[Call, State, Reader], Paths]
    numbers: dict[int, int] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()  # what others may have stored to while the thread waited

    def number(self, place: object) -> int:
        """Return a number of its own for each expression or statement, from 1."""
        return self.numbers.setdefault(id(place), len(self.numbers) + 1)


def paths(expr: Expr, state: State, reader: Reader) -> Paths:
    """Return every outcome of evaluating a checked expression."""
    match expr:
        case Number(number):
            return [(state, number)]
        case Name() | Member() | Unary("*"):
            return [load(expr, s, where, reader) for s, where in places(expr, state, reader)]
        case Unary("&", operand):
            return places(operand, state, reader)
        case Unary(op, operand):
            return [(s, _prefix(op, resolved(s, v))) for s, v in paths(operand, state, reader)]
        case Binary("&&" | "||" as op, left, right):
            return _short(op == "&&", left, right, state, reader)
        case Binary(op, left, right):
            return [
                _shallow(t, operation(op, resolved(t, a), resolved(t, b)), expr, reader)
                for s, a in paths(left, state, reader) for t, b in paths(right, s, reader)
            ]
        case Conditional(cond, then, other):
            return [p for s, yes in tested(cond, state, reader) for p in paths(then if yes else other, s, reader)]
        case Assign():
            return _assign(expr, state, reader)
        case PostIncrement(target, op):
            return [
                (store(target, where, operation(op, resolved(t, old), 1), t, expr, reader), old)
                for s, where in places(target, state, reader) for t, old in [load(target, s, where, reader)]
            ]
        case Cast(to, operand):
            return [(s, _cast(resolved(s, v), to, operand)) for s, v in paths(operand, state, reader)]
        case Call():
            return reader.call(expr, state, reader)
        case New() | AnyOf() | Nondet():
            return [fresh(state, expr, reader)]
        case Quantified() | Held() | At():
            return [fresh(state, expr, reader)]
        case _:
            assert_never(expr)


def tested(cond: Expr, state: State, reader: Reader) -> list[tuple[State, bool]]:
    """Return the ways a condition can go."""
    outcomes: list[tuple[State, bool]] = []
    for s, value in paths(cond, state, reader):
        known = truth(s, value)
        for way in (True, False) if known is None else (known,):
            outcomes.append((assumed(s, value, way), way))
    return outcomes


def _short(both: bool, left: Expr, right: Expr, state: State, reader: Reader) -> Paths:  # noqa: FBT001
    done: Paths = []
    for s, first in tested(left, state, reader):
        if first != both:
            done.append((s, int(first)))
        else:
            done += [(t, int(second)) for t, second in tested(right, s, reader)]
    return done


def _prefix(op: str, value: Value) -> Value:
    match op:
        case "!":
            return negated(value)
        case "-":
            return operation("-", 0, value)
        case "~":
            return operation("^", -1, value)
        case _:
            return value


def _cast(value: Value, to: object, operand: Expr) -> Value:
    """Convert: a wider type keeps the value, a narrower one makes another."""
    if isinstance(value, int):
        return wrap(value, to if isinstance(to, Bool | Int) else None)
    if isinstance(to, Bool):
        return negated(negated(value))
    source = operand.type
    narrower = isinstance(to, Int) and isinstance(source, Int) and to.bits < source.bits
    return Sym("op", (str(to), value)) if narrower else value


def _shallow(state: State, value: Value, place: Expr, reader: Reader) -> tuple[State, Value]:
    if isinstance(value, Sym) and value.depth > MAX_DEPTH:
        return fresh(state, place, reader)
    return state, value


def fresh(state: State, place: object, reader: Reader) -> tuple[State, Sym]:
    """Return a value that no expression had before."""
    made = Sym("site", (reader.number(place),))
    return renewed(state, made), made


# ---- places ------------------------------------------------------------------------------------------


def places(expr: Expr, state: State, reader: Reader) -> Paths:
    """Return what `&expr` is: the name of a field, variable or object."""
    match expr:
        case Name(name, kind="object"):
            return [(state, Sym("object", (name,)))]
        case Name(name, kind="global"):
            return [(state, Sym("variable", (name,)))]
        case Name(_, unique=unique):
            return [(state, Sym("local", (unique,)))]
        case Member(base, name, arrow):
            struct = base.type.to if isinstance(base.type, Pointer) else base.type
            field_name = f"{struct.name}.{name}" if isinstance(struct, Struct) else name
            bases = paths(base, state, reader) if arrow else places(base, state, reader)
            return [(s, Sym("field", (_known(s, b), field_name))) for s, b in bases]
        case Unary("*", operand):
            return paths(operand, state, reader)
        case _:
            return paths(expr, state, reader)


def _known(state: State, value: Value) -> Value:
    return resolved(state, value)


def load(expr: Expr, state: State, where: Value, reader: Reader) -> tuple[State, Value]:
    """Return the value of the variable at `where`, which `expr` names."""
    if isinstance(expr, Name):
        if expr.value is not None:
            return state, expr.value
        if expr.kind == "function":
            return state, Sym("function", (expr.name,))
        if expr.unique == "current":
            return state, CURRENT
        if expr.kind == "local":
            return state, resolved(state, state.env.get(expr.unique, Sym("param", (expr.unique,))))
    if not isinstance(where, Sym):
        return fresh(state, expr, reader)  # through NULL
    return _shallow(state, resolved(state, read(state, where)), expr, reader)


def read(state: State, where: Sym) -> Value:
    """Return what memory holds at a place, as far as this path knows."""
    match where.kind:
        case "local":
            name = where.parts[0]
            return state.env.get(name, where) if isinstance(name, str) else where
        case "field":
            base, name = where.parts
            version, last, value = state.memory.get(str(name), (0, 0, 0))
            return value if version and last == base else Sym("load", (base, name, version))
        case "variable":
            version, last, value = state.memory.get(str(where.parts[0]), (0, 0, 0))
            return value if version and last == 0 else Sym("global", (*where.parts, version))
        case _:
            version, last, value = state.memory.get(behind(where), (0, 0, 0))
            return value if version and last == 0 else Sym("target", (where, version))


def behind(reference: Sym) -> str:
    """Return the name in memory of what a reference parameter refers to."""
    return ANYTHING + str(reference.parts[0])


def store(target: Expr, where: Value, value: Value, state: State, place: object, reader: Reader) -> State:  # noqa: PLR0913, PLR0917
    """Return the state after a store to the variable at `where`, which `target` names."""
    after = put(state, where, value, reader.number(place))
    return after._replace(shared=after.shared | {value}) if isinstance(value, Sym) and _pointer(target) else after


def put(state: State, where: Value, value: Value, version: int) -> State:
    """Return the state after a store to a place; one through NULL is lost."""
    match where:
        case Sym("local", (str(name),)):
            return state._replace(env={**state.env, name: value})
        case Sym("field", (base, str(name))) if not isinstance(base, str):
            state = overwritten(state, (name,), version)
            return state._replace(memory={**state.memory, name: (version, base, value)})
        case Sym("variable", (str(name),)):
            state = overwritten(state, (name,), version)
            return state._replace(memory={**state.memory, name: (version, 0, value)})
        case Sym():
            return state._replace(memory={**state.memory, behind(where): (version, 0, value)})
        case _:
            return state


def _pointer(target: Expr) -> bool:
    return isinstance(target.type, Pointer)


def forget(state: State, names: Iterable[str], version: int) -> State:
    """Return the state after stores of unknown values to fields and variables."""
    entry: tuple[int, Value, Value] = (version, NOTHING, 0)
    unknown = dict.fromkeys(names, entry)
    return overwritten(state, unknown, version)._replace(memory={**state.memory, **unknown})


def overwritten(state: State, names: Iterable[str], version: int) -> State:
    """Return the state in which these versions of fields are about to be made again, as in a loop."""
    for name in names:
        terms = (*state.env.values(), *state.facts, *state.known, *state.locks, *state.needs)
        spoken = (term for term in terms if isinstance(term, Sym) and name in term.fields)
        loads = {t for term in spoken for t in subterms(term) if t.kind in ("load", "global")}
        made = {t for t in loads if t.parts[-2:] == (name, version)}
        for sym in sorted(made, key=repr):
            state = renewed(state, sym)
    return state


def _assign(expr: Assign, state: State, reader: Reader) -> Paths:
    if isinstance(expr.target.type, Struct):
        done: Paths = []
        for s, _ in places(expr.target, state, reader):
            for t, _ in places(expr.value, s, reader):
                done.append((forget(t, stored(expr, reader.file), reader.number(expr)), 0))
        return done
    done = []
    for s, where in places(expr.target, state, reader):
        for t, given in paths(expr.value, s, reader):
            if expr.op is None:
                value: Value = resolved(t, given)
                after = t
            else:
                after, old = load(expr.target, t, where, reader)
                result = operation(expr.op, resolved(after, old), resolved(after, given))
                after, value = _shallow(after, _cast(result, expr.target.type, expr.value), expr, reader)
            done.append((store(expr.target, where, value, after, expr, reader), value))
    return done


def primitive(call: Call, state: State, reader: Reader) -> Paths:
    """Return the outcomes of a primitive that is no lock: it may change a variable and give a new value."""
    row = PRIMITIVES[call.callee]
    place = row.special in ("load", "store")
    done: list[tuple[State, tuple[Value, ...]]] = [(state, ())]
    for index, arg in enumerate(call.args):
        evaluate = places if place and index == 0 else paths
        done = [(t, (*given, v)) for s, given in done for t, v in evaluate(arg, s, reader)]
    if row.special == "load":
        return [load(call.args[0], s, given[0], reader) for s, given in done]
    if row.special == "store":
        return [(store(call.args[0], given[0], given[1], s, call, reader), 0) for s, given in done]
    names = stored(call, reader.file)
    result: Paths = []
    for s, _ in done:
        after = forget(s, names, reader.number(call)) if names else s
        if row.special == "put" and isinstance(call.args[0], Name):
            after = after._replace(env={**after.env, call.args[0].unique: 0})
        result.append(fresh(after, call, reader))
    return result
