"""Generated code against the definition: any expression in any state, and the awkward stores."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import MM, TASK, TASKS, Scope, pointers, systems
from verify.engine.packing import beginnings, layout, pack, unpack
from verify.engine.search import search
from verify.engine.stepcode import Sink, compiled, predicate
from verify.instances import THREAD, Instance, Slot, State, instance, least_tasks
from verify.ir import (
    BOOL,
    LIFE,
    PC,
    TRUE,
    Action,
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Ite,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    Referenced,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
)
from verify.semantics import Context, SemanticsError, evaluate, successors
from verify.source import NOWHERE

SETS: tuple[BinaryOp, ...] = ("has", "with", "without")
OPERATORS: tuple[BinaryOp, ...] = (
    "*", "/", "%", "+", "-", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "^", "|", "&&", "||", *SETS,
)  # fmt: skip

MEMBERS: tuple[Expr, ...] = (Const(-1), Const(0), Const(9), Me(), Local(PC), Ite(Const(1), Me(), Const(70)))


def wild(draw: st.DrawFn, scope: Scope, depth: int) -> Expr:
    """Any expression at all: numbers as pointers, pointers as numbers, shifts by anything."""
    kind = draw(st.integers(0, 11 if depth else 5))
    classes = list(scope.classes.values())
    if kind == 0:
        return Const(draw(st.sampled_from((-70, -2, -1, 0, 1, 2, 3, 4, 63, 64))))
    if kind == 1 and scope.globals:
        return Global(draw(st.sampled_from(scope.globals)).name)
    if kind == 2 and scope.bound:
        return Bound(draw(st.sampled_from(scope.bound))[0])
    if kind in (3, 4) and depth:
        name = draw(st.sampled_from(scope.locals)).name
        return Local(name, wild(draw, scope, depth - 1) if draw(st.booleans()) else None)
    if kind == 5 and depth:
        cls = draw(st.sampled_from(classes))
        return Field(wild(draw, scope, depth - 1), cls.name, draw(st.sampled_from(cls.fields)).name)
    if kind in (6, 7):
        op = draw(st.sampled_from(OPERATORS))
        if op in SETS:  # a bit for thread 2**63 takes more room than there is
            return Binary(op, wild(draw, scope, depth - 1), draw(st.sampled_from(MEMBERS)))
        return Binary(op, wild(draw, scope, depth - 1), wild(draw, scope, depth - 1))
    if kind == 8:
        return Unary(draw(st.sampled_from(("!", "-", "~"))), wild(draw, scope, depth - 1))
    if kind == 9:
        return Ite(*(wild(draw, scope, depth - 1) for _ in range(3)))
    if kind == 10:
        if draw(st.booleans()):
            return Wrap(draw(st.integers(1, 9)), draw(st.booleans()), wild(draw, scope, depth - 1))
        cls = draw(st.sampled_from(classes))
        return Referenced(wild(draw, scope, depth - 1), cls.name, draw(st.booleans()))
    if kind == 11:
        domains: tuple[Range | Ptr, ...] = (TASKS, Ptr(classes[-1].name), Range(-2, 1), Range(-130, 140))
        binder = Binder(draw(st.sampled_from(("q", "r"))), draw(st.sampled_from(domains)))
        body = wild(draw, scope.bind(binder), depth - 1)
        return Quant(draw(st.sampled_from(("forall", "exists"))), binder, body)
    return pointers(draw, replace(scope, me=True), TASK, 0)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Instance, Expr, list[State]]:
    """An instance, an expression and some states, reachable or not."""
    system = draw(systems())
    inst = instance(system, max(least_tasks(system), draw(st.integers(1, 3))))
    scope = Scope(system.classes, system.globals, system.locals, len(system.locations), {MM: len(system.statics)})
    values = {slot: inst.values(var.domain) for slot, var in inst.slots().items()}
    states: list[State] = [{slot: draw(st.sampled_from(options)) for slot, options in values.items()} for _ in range(3)]
    return inst, wild(draw, scope, 4), states


@pytest.mark.slow
@given(scenes())
@settings(max_examples=150, deadline=None)
def test_an_expression_without_thread_has_its_value(scene: tuple[Instance, Expr, list[State]]) -> None:
    inst, expr, states = scene
    places = layout(inst)
    for state in states:
        value = evaluate(expr, Context(inst, state))
        packed = pack(places, state)
        assert predicate(places, expr)(packed) == (value != 0)
        assert predicate(places, Binary("==", expr, Const(value)))(packed)
        assert not predicate(places, Binary("!=", Const(value), expr))(packed)


@pytest.mark.slow
@given(scenes())
@settings(max_examples=150, deadline=None)
def test_an_expression_of_a_thread_has_its_value(scene: tuple[Instance, Expr, list[State]]) -> None:
    inst, expr, states = scene
    binder = Binder("v", Range(-1, 1))
    for state in states:
        here = {**state, **{Slot(THREAD, me, PC): 1 for me in range(1, inst.tasks + 1)}}
        actions = tuple(
            Action(1, 2, guard, (), (Micro("", "f", NOWHERE),), (binder,))
            for me in range(1, inst.tasks + 1)
            for value in [evaluate(expr, Context(inst, here, me))]
            for guard in (Binary("&&", Binary("==", Me(), Const(me)), Binary("==", expr, Const(value))),)
        )
        system = replace(inst.system, actions=actions)
        tried = replace(inst, system=system)
        places = layout(tried)
        assert compiled(places, Sink({}, lambda _: None))([pack(places, here)], None) == 3 * inst.tasks


# ---- stores --------------------------------------------------------------------------------------

LIVES = Var(LIFE, Range(0, 2))


def machine(*updates: Update, guard: Expr = TRUE, binders: tuple[Binder, ...] = (), target: int = 2) -> System:
    """A system whose only action makes some updates."""
    thread = Class(TASK, (LIVES, Var("f", Range(-2, 5), 1), Var("p", TASKS), Var("one", Range(7, 7), 7)))
    return System(
        name="machine",
        classes={TASK: thread, MM: Class(MM, (LIVES, Var("n", Range(3, 9), 3)))},
        thread=TASK,
        globals=(Var("g", Range(0, 9)), Var("s", Threads()), Var("t", TASKS)),
        locals=(Var(PC, Range(0, 2)), Var("l", Range(-2, 2)), Var("b", BOOL), Var("m", Ptr(MM)), Var("q", TASKS)),
        locations=(Location("idle", "idle"), Location("f:1"), Location("f:end", "end")),
        actions=(Action(1, target, guard, updates, (Micro("f.a{0}", "f", NOWHERE),), binders),),
        groups=(Group("g", None, 1, {"p": (0, 1), "f": (-2, 0, 5)}),),
        created=frozenset({MM}),
        initial={(MM, "n"): 3},
    )


F, G, L, P, Q = Field(Me(), TASK, "f"), Global("g"), Local("l"), Field(Me(), TASK, "p"), Local("q")
EACH = Binder("c", TASKS)
MANY = Binder("c", Range(-1, 20))
PICK = Binder("v", TASKS)

MACHINES = {
    "two stores to one place": machine(Update(G, Const(3)), Update(G, Const(4))),
    "own field and the same by pointer": machine(
        Update(F, Const(2)), Update(Field(P, TASK, "f"), Const(3)), Update(F, Const(4))
    ),
    "by pointer, then own": machine(Update(Field(P, TASK, "f"), Const(3)), Update(F, Binary("-", F, F))),
    "own local and the same of a thread": machine(Update(L, Const(1)), Update(Local("l", Const(1)), Const(2))),
    "swap": machine(Update(F, Wrap(2, True, L)), Update(L, Ite(Binary(">", F, Const(0)), Const(2), Const(-1)))),
    "broadcast": machine(
        Update(Field(Bound("c"), TASK, "f"), Wrap(2, True, Field(Bound("c"), TASK, "p")), EACH, P)
    ),
    "broadcast to one place": machine(Update(Local("l"), Wrap(2, True, Bound("c")), MANY, Binary("<", Bound("c"), F))),
    "broadcast under a condition": machine(
        Update(G, Const(1)), Update(G, Const(2), EACH, Binary("==", Bound("c"), P)), Update(Local("b"), Const(1))
    ),
    "spawn": machine(
        Update(Local(PC, Bound("v")), Const(1)), Update(Local("q", Bound("v")), Me()), binders=(PICK,),
        guard=Binary("==", Local(PC, Bound("v")), Const(2)),
    ),
    "own location": machine(Update(Local(PC), Const(1)), Update(Local("l"), Const(2))),
    "sets": machine(Update(Global("s"), Binary("with", Global("s"), Me())), Update(Global("t"), Me())),
    "one value only": machine(Update(Field(P, TASK, "one"), Const(7)), Update(Field(Me(), TASK, "one"), Const(7))),
    "behind NULL": machine(Update(Field(Const(0), TASK, "f"), Const(3)), Update(Local("l", Const(0)), Const(1))),
    "a store that cannot matter": machine(Update(F, Const(9), None, Binary("&&", P, Unary("!", P)))),
    "behind NULL, outside its domain": machine(
        Update(Field(Local("m"), MM, "n"), Const(2)), guard=Unary("!", Local("m"))
    ),
    "known beforehand": machine(Update(F, Const(0)), Update(G, Const(1)), guard=Binary("==", F, Const(-2))),
    "large choice": machine(Update(G, Wrap(3, False, Bound("w"))), binders=(Binder("w", Range(0, 30)),)),
    "an unknown class of cells": machine(Update(Field(Q, MM, "n"), Const(4)), Update(Q, Me())),
    "a number that only some threads have": machine(Update(L, Const(0)), guard=Binary("==", L, Me())),
    "no number for some threads": machine(
        Update(G, Binary("%", G, Const(4))),
        guard=Binary("&&", Binary("==", F, Const(-2)), Binary("==", Field(Const(1), TASK, "f"), Const(2))),
    ),
    "not even one": machine(
        Update(G, Binary("/", G, Const(3))),
        guard=Binary("||", Binary("!=", F, Const(-2)), Binary("!=", Field(Const(1), TASK, "f"), Const(2))),
    ),
    "nothing": machine(target=1),
}  # fmt: skip


@pytest.mark.parametrize("system", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("tasks", [1, 2, 9])
def test_stores_are_those_of_the_definition(system: System, tasks: int) -> None:
    inst = instance(system, tasks)
    places = layout(inst)
    seen: dict[int, int | None] = {}
    step = compiled(places, Sink(seen, lambda _: None))
    for number in range(40):  # any states: every slot takes its values in turn, at its own pace
        state = {
            slot: values[(number * (7 + place) // 5) % len(values)]
            for place, (slot, var) in enumerate(inst.slots().items())
            for values in [inst.values(var.domain)]
        }
        wanted = [pack(places, post) for _, post in successors(inst, state)]
        seen.clear()
        assert step([pack(places, state)], None) == len(wanted)
        assert seen.keys() == set(wanted)
        assert all(pack(places, unpack(places, post)) == post for post in seen)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (machine(Update(G, Const(10))), "g := 10 leaves its domain in `f.a{0}`"),
        (machine(Update(L, Binary("+", L, Const(3)))), "thread::l := 3 leaves its domain"),
        (machine(Update(Field(Bound("c"), TASK, "f"), Const(6), EACH)), "task::f := 6 leaves"),
        (machine(Update(Local("l", Bound("c")), Bound("c"), MANY)), "thread::l := 3 leaves"),
    ],
)
def test_a_store_outside_its_domain_is_an_error(system: System, message: str) -> None:
    with pytest.raises(SemanticsError) as caught:
        search(instance(system, 4), None)
    assert message in str(caught.value)
    with pytest.raises(SemanticsError):
        list(successors(instance(system, 4), _first(instance(system, 4))))


def test_a_location_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SemanticsError, match="#pc := 3 leaves its domain"):
        search(instance(machine(target=3), 1), None)


def _first(inst: Instance) -> State:
    places = layout(inst)
    return unpack(places, _beginnings(inst)[0])


def _beginnings(inst: Instance) -> list[int]:
    return list(beginnings(layout(inst)))


def test_an_unbound_name_is_an_error() -> None:
    with pytest.raises(SemanticsError, match="unbound name `x`"):
        predicate(layout(instance(machine(), 1)), Bound("x"))


def test_deep_expressions_are_no_problem() -> None:
    inst = instance(machine(), 2)
    places = layout(inst)
    deep: Expr = Field(Const(1), TASK, "f")
    logic: Expr = Binary("<", Field(Const(2), TASK, "f"), Const(3))
    for number in range(90):
        deep = Binary("-", Const(number % 3), Ite(Binary("<", Const(number % 2), G), Const(1), deep))
        logic = Unary("!", Binary("==", logic, Binary("&", G, Const(number % 2))))
    state = _first(inst)
    for expr in (deep, logic):
        value = evaluate(expr, Context(inst, state))
        assert predicate(places, Binary("==", expr, Const(value)))(pack(places, state))


def test_long_conjunctions_are_one_comparison() -> None:
    inst = instance(machine(), 3)
    places = layout(inst)
    parts: list[Expr] = [Binary("==", Field(Const(i), TASK, "p"), Const(0)) for i in (1, 2, 3)]
    parts += [Unary("!", Binary("!=", Field(Const(i), TASK, "f"), Const(5))) for i in (1, 2, 3)]
    prop = reduce(lambda a, b: Binary("&&", a, b), parts)
    states = [unpack(places, packed) for packed in _beginnings(inst)]
    truths = [evaluate(prop, Context(inst, state)) != 0 for state in states]
    assert [predicate(places, prop)(pack(places, state)) for state in states] == truths
    assert any(truths)
    assert not all(truths)
