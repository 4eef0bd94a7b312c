"""The definition: what an expression means in a state, and which steps there are.

Short and slow on purpose. Whatever another reader of the IR says is measured against this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import assert_never

from verify.instances import THREAD, Instance, Slot, State, Step, Trace, starts
from verify.ir import (
    PC,
    Action,
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
    refers,
)

SHIFT_MAX = 63
FINISHED = frozenset({"idle", "end", "null", "freed", "assert", "unlock"})  # kinds of location with nothing left to do


class SemanticsError(Exception):
    """The IR is not well formed: an unbound name, or a value outside the domain of its variable."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression is read: `me` is 0 in a property."""

    instance: Instance
    state: State
    me: int = 0
    bound: Mapping[str, int] = field(default_factory=dict)

    def bind(self, binder: Binder, value: int) -> Context:
        """Return this context with one more name bound."""
        return replace(self, bound={**self.bound, binder.name: value})


def evaluate(expr: Expr, at: Context) -> int:
    """The value of `expr`. Raises SemanticsError for a name that nothing binds."""
    match expr:
        case Const(value):
            return value
        case Me():
            return at.me
        case Bound(name):
            if name not in at.bound:
                raise SemanticsError(f"unbound name `{name}`")
            return at.bound[name]
        case Global() | Local() | Field():
            slot = locate(expr, at)
            return 0 if slot is None else at.state[slot]
        case Unary(op, arg):
            value = evaluate(arg, at)
            return int(value == 0) if op == "!" else -value if op == "-" else ~value
        case Binary(op, left, right):
            return operate(op, evaluate(left, at), evaluate(right, at))
        case Ite(cond, then, other):
            return evaluate(then if evaluate(cond, at) else other, at)
        case Wrap(bits, signed, arg):
            return wrap(evaluate(arg, at), bits, signed=signed)
        case Quant(quantifier, binder, body):
            values = (evaluate(body, at.bind(binder, v)) for v in at.instance.choices(binder))
            return int(all(values) if quantifier == "forall" else any(values))
        case Referenced(pointer, cls, mine):
            return int(_referenced(evaluate(pointer, at), cls, at, mine=mine))
        case _:
            assert_never(expr)


def locate(place: Place, at: Context) -> Slot | None:
    """The variable that a place denotes; None behind NULL."""
    match place:
        case Global(name):
            return Slot("", 0, name)
        case Local(name, of):
            cell, index = THREAD, at.me if of is None else evaluate(of, at)
        case Field(pointer, cls, name):
            cell, index = cls, evaluate(pointer, at)
        case _:
            assert_never(place)
    slot = Slot(cell, index, name)
    return slot if slot in at.state else None


def operate(op: BinaryOp, left: int, right: int) -> int:
    """The value of a binary operator over unbounded integers, C's where C defines one."""
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" | "%":
            quotient = 0 if right == 0 else abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return quotient if op == "/" else 0 if right == 0 else left - right * quotient
        case "<<":
            return left << right if 0 <= right <= SHIFT_MAX else 0
        case ">>":
            return left >> right if 0 <= right <= SHIFT_MAX else 0
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
        case "&&":
            return int(bool(left and right))
        case "||":
            return int(bool(left or right))
        case "==":
            return int(left == right)
        case "!=":
            return int(left != right)
        case "<":
            return int(left < right)
        case ">":
            return int(left > right)
        case "<=":
            return int(left <= right)
        case ">=":
            return int(left >= right)
        case "has":
            return int(right > 0 and left >> (right - 1) & 1)
        case "with":
            return left | (1 << (right - 1) if right > 0 else 0)
        case "without":
            return left & ~(1 << (right - 1) if right > 0 else 0)
        case _:
            assert_never(op)


def wrap(value: int, bits: int, *, signed: bool) -> int:
    """The value as a C integer of `bits` bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _referenced(index: int, cls: str, at: Context, *, mine: bool) -> bool:
    """See `ir.Referenced`."""
    system = at.instance.system

    def counts(slot: Slot) -> bool:
        if slot.cell == THREAD:
            return slot.index != at.me
        if slot.cell == cls and slot.index == index:
            return False
        return mine or slot.cell != system.thread or slot.index != at.me

    pointers = (slot for slot, var in at.instance.slots().items() if refers(slot.name, var.domain, cls))
    return index > 0 and any(at.state[slot] == index and counts(slot) for slot in pointers)


def initial_states(inst: Instance) -> Iterator[State]:
    """Every state the instance can begin in."""
    for start in starts(inst):
        for values in product(*start.values()):
            yield dict(zip(start, values, strict=True))


def contexts(action: Action, at: Context) -> Iterator[tuple[tuple[int, ...], Context]]:
    """The choices of the binders under which Me can take the action, each with the context that binds them."""
    if at.state[Slot(THREAD, at.me, PC)] != action.source:
        return
    for choice in product(*(at.instance.choices(binder) for binder in action.binders)):
        bound = {binder.name: value for binder, value in zip(action.binders, choice, strict=True)}
        here = Context(at.instance, at.state, at.me, bound)
        if evaluate(action.guard, here):
            yield choice, here


def apply(action: Action, at: Context) -> State:
    """The state after the action, whose guard holds at `at`. Raises SemanticsError for a value outside its domain."""
    post = dict(at.state)
    post[Slot(THREAD, at.me, PC)] = action.target
    variables = at.instance.slots()
    for update in action.updates:
        each = update.each
        scopes = [at] if each is None else [at.bind(each, v) for v in at.instance.choices(each)]
        for scope in scopes:
            slot = locate(update.place, scope) if evaluate(update.when, scope) else None
            if slot is not None:
                post[slot] = evaluate(update.value, scope)
                if post[slot] not in at.instance.values(variables[slot].domain):
                    raise SemanticsError(f"{slot} := {post[slot]} leaves its domain in `{action.label}`")
    return post


def successors(inst: Instance, state: State) -> Iterator[tuple[Step, State]]:
    """Every interleaving choice: one enabled action of one thread, with one choice of its binders."""
    for me in range(1, inst.tasks + 1):
        for action in inst.system.actions:
            for choice, here in contexts(action, Context(inst, state, me)):
                yield Step(me, action, choice), apply(action, here)


def holds(inst: Instance, prop: Expr, state: State) -> bool:
    """Whether a property is nonzero in a state."""
    return evaluate(prop, Context(inst, state)) != 0


def stuck(inst: Instance, state: State) -> bool:
    """Whether nobody can step although some thread is not finished: a deadlock."""
    kinds = (inst.system.locations[state[Slot(THREAD, i, PC)]].kind for i in range(1, inst.tasks + 1))
    return any(kind not in FINISHED for kind in kinds) and next(successors(inst, state), None) is None


def replay(trace: Trace) -> bool:
    """Whether the run begins in an initial state and every step leads to the state after it."""
    first, *rest = trace.states
    actions = {id(action) for action in trace.instance.system.actions}
    if len(rest) != len(trace.steps) or not is_initial(trace.instance, first):
        return False
    for pre, step, post in zip(trace.states, trace.steps, rest, strict=False):
        at = Context(trace.instance, pre, step.thread)
        found = [here for choice, here in contexts(step.action, at) if choice == step.choice]
        known = id(step.action) in actions or step.action in trace.instance.system.actions
        if not known or not found or apply(step.action, found[0]) != post:
            return False
    return True


def is_initial(inst: Instance, state: State) -> bool:
    """Whether the instance can begin in `state`."""
    return any(
        start.keys() == state.keys() and all(state[slot] in values for slot, values in start.items())
        for start in starts(inst)
    )
