"""Actions of the IR as functions of C: one for each location, which takes a step from there and says where it leads.

It returns BLOCKED, and has changed nothing, if the step cannot be taken. Guards, values and pointers are read before
the first store: what a store would spoil for a later one is kept in a constant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from verify.emit.c.arithmetic import ATOM, Code, literal
from verify.emit.c.layout import commented, statements
from verify.emit.c.terms import Reader
from verify.emit.places import actions_from
from verify.emit.properties import EmitError
from verify.ir import PC, TRUE, Action, Binary, Const, Expr, Global, Local, Quant, Unary, Update
from verify.source import statement, where

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Store:
    """One store, in the making: which variable, which cell of it (None: the only one), whether, and what."""

    variable: str
    index: Code | None
    when: Code
    value: Code
    place: bool = False  # where a thread stands: that of another thread must not be running


def functions(reader: Reader) -> Iterator[str]:
    """The functions of all locations that there are steps from."""
    here = reader.acting()
    for location, actions in actions_from(here.instance.system).items():
        yield from commented(about(here, location, actions))
        yield f"static int {here.names.step(location)}(int me)"
        yield "{"
        try:
            yield from _body(actions, here)
        except EmitError as error:
            span = actions[0].micro[0].span
            raise EmitError(f"{span}: {error}" if span.end else str(error)) from error
        yield "}"
        yield ""


def about(reader: Reader, location: int, actions: Sequence[Action]) -> str:
    """The statement and the line of a step."""
    micro = actions[0].micro[0]
    if reader.instance.system.locations[location].kind != "run":
        return "nobody knows of it any more"
    return f"{statement(micro.span)}  {where(micro.span)}" if micro.span.end else micro.label


def _body(actions: Sequence[Action], here: Reader) -> Iterator[str]:
    if len(actions) == 1:
        yield from _way(actions[0], here, INDENT)
    elif alternative(actions):
        one, two = actions
        yield f"{INDENT}if ({here.cond(one.guard).text}) {{"
        yield from _effects(one, here, INDENT * 2)
        yield f"{INDENT}}}"
        yield from _effects(two, here, INDENT)
    else:
        yield f"{INDENT}switch (choose(1, {len(actions)})) {{"
        for number, action in enumerate(actions, start=1):
            yield f"{INDENT}case {number}: {{"
            yield from _way(action, here, INDENT * 2)
            yield f"{INDENT}}}"
        yield f"{INDENT}default:"
        yield f"{INDENT * 2}return BLOCKED;"
        yield f"{INDENT}}}"


def alternative(actions: Sequence[Action]) -> bool:
    """Whether there are two, one with the opposite guard of the other."""
    if len(actions) != 2 or any(action.binders for action in actions):  # noqa: PLR2004 - a pair
        return False
    one, two = (action.guard for action in actions)
    return two == opposite(one) or one == opposite(two)


def opposite(expr: Expr) -> Expr:
    """A condition that holds where another does not."""
    match expr:
        case Unary("!", arg):
            return arg
        case Binary("==", left, right):
            return Binary("!=", left, right)
        case Binary("!=", left, right):
            return Binary("==", left, right)
        case Binary("&&" | "||" as op, left, right):
            return Binary("||" if op == "&&" else "&&", opposite(left), opposite(right))
        case Quant(quantifier, binder, body):
            return Quant("exists" if quantifier == "forall" else "forall", binder, opposite(body))
        case _:
            return Unary("!", expr)


def _way(action: Action, here: Reader, indent: str) -> Iterator[str]:
    """One action: its choices, its guard and its effects."""
    for binder in action.binders:
        values = here.instance.choices(binder)
        if not values:
            yield f"{indent}return BLOCKED;"
            return
        here, code = here.named(binder)
        chosen = f"choose({literal(values[0]).text}, {literal(values[-1]).text})"
        yield f"{indent}const {code.type} {code.text} = {'' if code.wide else '(int)'}{chosen};"
    guard = here.negated(action.guard)
    body = list(_effects(action, here, indent))
    read = set(re.findall(r"\w+", " ".join([guard.text, *body])))
    for name in (here.bound[binder.name].text for binder in action.binders):
        if name not in read:
            yield f"{indent}(void){name};"
    if guard.low == guard.high == 1:
        yield f"{indent}return BLOCKED;"
        return
    if guard.low != guard.high:
        yield from statements(indent, f"if ({guard.text})")
        yield f"{indent}{INDENT}return BLOCKED;"
    yield from body


def _effects(action: Action, here: Reader, indent: str) -> Iterator[str]:
    """The stores of an action, in order, and where it leads."""
    goal = Store("pc", here.me, literal(1), Code(here.names.place(action.target), ATOM, 0, 0))
    stores = [store for update in action.updates for store in _stores(update, here)]
    moves = any(store.place for store in stores)
    stores = [goal, *stores] if moves else stores
    written = set[str]()
    constants, lines = list[str](), list[str]()

    def kept(code: Code) -> Code:
        """The term, or a constant where something that it reads has been written before."""
        if not here.reads(code.text) & written:
            return code
        name = f"value{len(constants) + 1}"
        constants.append(f"{indent}const {code.type} {name} = {code.text};")
        return replace(code, text=name, level=ATOM, chain="")

    for store in stores:
        when, value = kept(store.when), kept(store.value)
        index = None if store.index is None else kept(store.index)
        lines += _store(replace(store, when=when, value=value, index=index), indent)
        written.add(store.variable)
    yield from constants
    yield from lines
    if moves:
        yield f"{indent}return {goal.variable}[me];"
    else:
        yield f"{indent}return go(me, {goal.value.text});"


def _stores(update: Update, here: Reader) -> Iterator[Store]:
    """The stores that an update comes to; none where nothing is ever stored."""
    scopes = [here]
    if update.each is not None:
        scopes = [here.binding(update.each.name, literal(v)) for v in here.every(update.each)]
    for scope in scopes:
        when, variable = scope.cond(update.when), scope.variable(update.place)
        index = None if isinstance(update.place, Global) else scope.index(update.place)
        if (when.low == when.high == 0) or not variable or (index is not None and index.high == 0):
            continue
        place = isinstance(update.place, Local) and update.place.name == PC
        value = scope.value(update.value)
        if place and isinstance(update.value, Const):
            value = replace(value, text=scope.names.place(update.value.value))
        yield Store(variable, index, when, value, place)


def _store(store: Store, indent: str) -> Iterator[str]:
    target = store.variable if store.index is None else f"{store.variable}[{store.index.text}]"
    tests = list[str]()
    if store.index is not None and store.index.low == 0:
        tests.append(f"{store.index.at(ATOM)} != 0")
    if store.when.low != store.when.high:
        tests.append(store.when.at(ATOM) if tests else store.when.text)
    if tests:
        yield from statements(indent, f"if ({' && '.join(tests)})")
        indent += INDENT
    if store.place:
        index = "me" if store.index is None else store.index.text
        target = target if index == "me" else f"*restarted(me, {index})"
    yield from statements(indent, f"{target} = {store.value.text};")


# ---- deadlock ------------------------------------------------------------------------------------


def deadlock(reader: Reader) -> Iterator[str]:
    """`can_step`: whether a thread has a step; `finished`: whether it is where nothing is left to do."""
    here = reader.acting()
    cases = list[str]()
    for location, actions in actions_from(here.instance.system).items():
        enabled: Expr = TRUE
        for number, action in enumerate(actions):
            guard = action.guard
            for binder in reversed(action.binders):
                guard = Quant("exists", binder, guard)
            enabled = Binary("||", enabled, guard) if number else guard
        test = here.cond(enabled)
        cases += [f"{INDENT}case {here.names.place(location)}:", *statements(INDENT * 2, f"return {test.text};")]
    yield from ("static inline int can_step(int me)", "{", f"{INDENT}switch (pc[me]) {{", *cases)
    yield from (f"{INDENT}default:", f"{INDENT * 2}return 0;", f"{INDENT}}}", "}", "")
    kinds = here.instance.system.locations
    ended = [here.names.place(place) for place in here.names.labels if kinds[place].kind != "run"]
    yield from ("static inline int finished(int me)", "{")
    yield from statements(INDENT, f"return {' || '.join(f'pc[me] == {name}' for name in ended)};")
    yield from ("}", "")


def restarts(reader: Reader) -> bool:
    """Whether some step says where another thread goes on."""
    return any(
        isinstance(update.place, Local) and update.place.name == PC
        for action in reader.instance.system.actions
        for update in action.updates
    )

