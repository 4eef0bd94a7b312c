"""One state for each orbit, against the permutations themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import MM, TASK, Space, key, properties, spaces, systems
from verify.engine.packing import layout, pack, unpack
from verify.engine.rigidity import rigid
from verify.engine.search import search
from verify.engine.symmetry import canonical
from verify.instances import THREAD, Instance, Slot, State, instance, least_tasks
from verify.ir import (
    LIFE,
    PC,
    TRUE,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Fresh,
    Group,
    Local,
    Location,
    Ptr,
    Quant,
    Range,
    Static,
    System,
    Threads,
    Var,
    Wrap,
)
from verify.semantics import holds, replay

Permutation = Mapping[str, tuple[int, ...]]  # class: new number of each object, 0 for NULL


def group(inst: Instance) -> Iterator[Permutation]:
    """Every renumbering of tasks and objects that leaves the statics alone."""
    columns = []
    for cls, size in inst.sizes.items():
        fixed = sum(static.cls == cls for static in inst.system.statics)
        columns.append([(cls, (*range(fixed + 1), *p)) for p in permutations(range(fixed + 1, size + 1))])
    return (dict(column) for column in product(*columns))


def moved(inst: Instance, state: State, by: Permutation) -> State:
    """The state after a renumbering."""
    after = {}
    for slot, var in inst.slots().items():
        number = state[slot]
        match var.domain:
            case Ptr(cls):
                number = by[cls][number]
            case Threads():
                number = sum(1 << by[TASK][i + 1] - 1 for i in range(inst.tasks) if number >> i & 1)
            case _:
                pass
        cls = TASK if slot.cell == THREAD else slot.cell
        after[slot._replace(index=by[cls][slot.index]) if cls else slot] = number
    return after


def orbit(inst: Instance, state: State) -> tuple[int, ...]:
    """A name for the orbit of a state."""
    return min(key(moved(inst, state, by)) for by in group(inst))


@pytest.mark.slow
@given(systems(), st.integers(1, 3), st.data())
@settings(max_examples=150, deadline=None)
def test_the_canonical_form_is_exact_for_any_state(system: System, tasks: int, data: st.DataObject) -> None:
    inst = instance(system, max(tasks, least_tasks(system)))
    places = layout(inst)
    canon = canonical(places, None)
    if canon is None:
        assert sum(1 for _ in group(inst)) == 1
        return
    few = {slot: data.draw(st.sampled_from(inst.values(var.domain))) for slot, var in inst.slots().items()}
    first = canon(pack(places, few))
    assert orbit(inst, unpack(places, first)) == orbit(inst, few)
    for by in group(inst):
        assert canon(pack(places, moved(inst, few, by))) == first


def chains(groups: int) -> System:
    """Tasks and objects that point to each other every way there is; one object is a static, with a name."""
    alive = Var(LIFE, Range(0, 2))
    links = (Var("next", Ptr(MM)), Var("owner", Ptr(TASK)), Var("users", Threads()))
    return System(
        name="chains",
        classes={TASK: Class(TASK, (alive, Var("mm", Ptr(MM)))), MM: Class(MM, (alive, *links))},
        thread=TASK,
        globals=(Var("head", Ptr(MM)), Var("big", Ptr(TASK)), Var("all", Threads()))[:groups],
        locals=(Var(PC, Range(0, 1)), Var("peer", Ptr(TASK)), Var("last", Ptr(MM))),
        locations=(Location("idle", "idle"), Location("f:1")),
        actions=(),
        groups=(Group("g", None, 1, {"mm": Fresh(MM)}),),
        statics=(Static("init_mm", MM),),
    )


@pytest.mark.parametrize(("tasks", "groups"), [(2, 0), (2, 3), (3, 1)])
@given(st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_chains_of_objects_have_one_form(tasks: int, groups: int, chance: Random) -> None:
    inst = instance(chains(groups), tasks)
    places = layout(inst)
    canon = canonical(places, None)
    assert canon is not None
    few = {slot: chance.choice(inst.values(var.domain)) for slot, var in inst.slots().items()}
    if chance.random() < 0.5:  # the pointers that keep an object from being met are rare
        few |= dict.fromkeys((slot for slot in few if slot.name in ("mm", "last", "head")), 0)
    first = canon(pack(places, few))
    assert orbit(inst, unpack(places, first)) == orbit(inst, few)
    assert {canon(pack(places, moved(inst, few, by))) for by in group(inst)} == {first}


def test_circles_of_objects_that_nothing_points_to_have_one_form() -> None:
    inst = instance(chains(0), 4)  # object 1 is the static
    places = layout(inst)
    canon = canonical(places, None)
    assert canon is not None
    empty = {slot: inst.values(var.domain)[0] for slot, var in inst.slots().items()}
    found = set[int]()
    for one, other in (((2, 3), (4, 5)), ((2, 4), (3, 5)), ((2, 5), (3, 4))):
        partner = {a: b for pair in (one, other) for a, b in (pair, pair[::-1])}
        found.add(canon(pack(places, empty | {Slot(MM, a, "next"): b for a, b in partner.items()})))
    assert len(found) == 1


def test_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inst = instance(chains(3), 2)
    places = layout(inst)
    remembering = canonical(places, None)
    monkeypatch.setattr("verify.engine.orbits.MEMORY", 1)
    monkeypatch.setattr("verify.engine.symmetry.MEMORY", 1)
    forgetting = canonical(places, None)
    assert remembering is not None
    assert forgetting is not None
    chance = Random(1)  # noqa: S311 - to be repeated, not to be secret
    for _ in range(200):
        state = pack(places, {slot: chance.choice(inst.values(var.domain)) for slot, var in inst.slots().items()})
        assert forgetting(state) == remembering(state)


@pytest.mark.slow
@given(spaces())
@settings(max_examples=60, deadline=None)
def test_one_state_of_each_orbit_is_explored(space: Space) -> None:
    inst = space.instance
    orbits: dict[tuple[int, ...], int] = {}
    depths: dict[tuple[int, ...], int] = {}
    for number, state in enumerate(space.states):  # nearest first
        orbits.setdefault(orbit(inst, state), number)
        depths.setdefault(orbit(inst, state), space.depths[key(state)])
    got = search(inst, None)
    assert got.states == len(orbits)
    chosen = set(orbits.values())
    assert got.transitions == sum(pre in chosen for pre, _, _ in space.steps)
    assert got.depth == max(depths.values())
    assert got.complete


@pytest.mark.slow
@given(spaces(), st.data())
@settings(max_examples=80, deadline=None)
def test_symmetry_changes_neither_verdict_nor_length(space: Space, data: st.DataObject) -> None:
    inst = space.instance
    prop = data.draw(properties(inst.system))
    length = space.depth(lambda state: not holds(inst, prop, state))
    got, plain = search(inst, prop), search(inst, prop, symmetry=False)
    assert got.complete == plain.complete == (length is None)
    assert got.states <= plain.states
    if length is not None:
        assert got.trace is not None
        assert len(got.trace.steps) == length
        assert replay(got.trace)
        assert not holds(inst, prop, got.trace.states[-1])


@pytest.mark.slow
@given(spaces(ordered=True, limit=150), st.data())
@settings(max_examples=80, deadline=None)
def test_pointers_put_in_order_do_not_mislead(space: Space, data: st.DataObject) -> None:
    inst = space.instance
    prop = data.draw(properties(inst.system, ordered=True))
    length = space.depth(lambda state: not holds(inst, prop, state))
    got = search(inst, prop)
    assert (got.trace is None) == (length is None)
    if got.trace is not None:
        assert len(got.trace.steps) == length


A, B = Bound("a"), Bound("b")
M = Bound("m")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (Binary("<", A, B), {TASK}),
        (Binary("==", A, B), set()),
        (Binary("==", A, Const(0)), set()),
        (Binary("==", A, Const(1)), {TASK}),
        (Binary("==", M, Const(1)), set()),
        (Binary("==", M, Const(2)), {MM}),
        (Binary("!=", A, M), {TASK, MM}),
        (Binary("+", A, Const(1)), {TASK}),
        (Wrap(1, False, M), {MM}),
        (Field(Const(2), TASK, LIFE), {TASK}),
        (Field(Const(1), MM, LIFE), set()),
        (Field(Local("#pc", A), MM, LIFE), {MM}),
        (Local("#pc", M), {TASK, MM}),
        (Binary("==", Binary("with", Const(0), A), Const(2)), {TASK}),
        (Binary("has", Binary("with", Const(0), A), B), set()),
        (Binary("has", Const(2), B), {TASK}),
    ],
    ids=lambda value: ",".join(sorted(value)) if isinstance(value, set) else str(value),
)
@given(systems().filter(lambda system: system.statics))
@settings(max_examples=3, deadline=None)
def test_numbers_of_cells_make_a_class_rigid(body: Expr, found: set[str], system: System) -> None:
    prop: Expr = body
    for name, cls in (("a", TASK), ("b", TASK), ("m", MM)):
        prop = Quant("forall", Binder(name, Ptr(cls)), prop)
    assert rigid(system, TRUE) == set()
    assert rigid(system, prop) == found
