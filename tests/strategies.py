"""Random small systems, instances and properties for every reader of the IR.

All of them are well formed as lowering would make them: stores stay inside domains; a free cell and an idle thread
hold defaults; statics are never freed; pointers are compared for equality only, unless `ordered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce

from hypothesis import assume
from hypothesis import strategies as st

from verify.instances import Instance, State, Step, instance, least_tasks
from verify.ir import (
    BOOL,
    FREE,
    IDLE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    TRUE,
    Action,
    Binary,
    BinaryOp,
    Binder,
    Bound,
    Class,
    Const,
    Domain,
    Expr,
    Field,
    Fresh,
    Global,
    Group,
    InitValue,
    Ite,
    Local,
    Location,
    Me,
    Micro,
    Ptr,
    Quant,
    Range,
    Referenced,
    Static,
    System,
    Threads,
    Unary,
    Update,
    Var,
    Wrap,
)
from verify.semantics import initial_states, successors
from verify.source import NOWHERE

TASK, MM = "task", "mm"
TASKS = Ptr(TASK)
WRAPS: Mapping[Range, tuple[int, bool]] = {
    BOOL: (1, False),
    Range(-1, 0): (1, True),
    Range(0, 3): (2, False),
    Range(-2, 1): (2, True),
}
RANGES = (BOOL, BOOL, Range(0, 2), Range(-1, 0), Range(0, 3), Range(-2, 1), Range(1, 2))
COMPARE: tuple[BinaryOp, ...] = ("<", ">", "<=", ">=", "==", "!=")
ARITHMETIC: tuple[BinaryOp, ...] = ("*", "/", "%", "+", "-", "<<", ">>", "&", "^", "|")


def every(*parts: Expr) -> Expr:
    """The conjunction of `parts`."""
    return reduce(lambda a, b: Binary("&&", a, b), parts) if parts else TRUE


def equal(left: Expr, right: Expr | int) -> Expr:
    """Whether two values are the same."""
    return Binary("==", left, Const(right) if isinstance(right, int) else right)


def life(pointer: Expr, cls: str) -> Expr:
    """The life of an object."""
    return Field(pointer, cls, LIFE)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may mention."""

    classes: Mapping[str, Class]
    globals: tuple[Var, ...]
    locals: tuple[Var, ...]
    locations: int
    statics: Mapping[str, int]
    bound: tuple[tuple[str, Domain], ...] = ()
    me: bool = True
    ordered: bool = False

    def bind(self, binder: Binder) -> Scope:
        """The scope inside a binder; the name hides an outer one."""
        kept = tuple(pair for pair in self.bound if pair[0] != binder.name)
        return replace(self, bound=(*kept, (binder.name, binder.domain)))


def _places(scope: Scope, accept: Callable[[Domain], bool]) -> list[Callable[[st.DrawFn], Expr]]:
    """The ways to read a variable whose domain is accepted."""
    ways: list[Callable[[st.DrawFn], Expr]] = []

    def field(cls: str, name: str) -> Callable[[st.DrawFn], Expr]:
        return lambda draw: Field(pointers(draw, scope, cls, 1), cls, name)

    def other(name: str) -> Callable[[st.DrawFn], Expr]:
        return lambda draw: Local(name, pointers(draw, scope, TASK, 1))

    def known(expr: Expr) -> Callable[[st.DrawFn], Expr]:
        return lambda _: expr

    ways += [known(Global(var.name)) for var in scope.globals if accept(var.domain)]
    ways += [field(cls.name, var.name) for cls in scope.classes.values() for var in cls.fields if accept(var.domain)]
    for var in scope.locals:
        if accept(var.domain):
            ways += [known(Local(var.name))] * 2 if scope.me else []
            ways.append(other(var.name))
    ways += [known(Bound(name)) for name, domain in scope.bound if accept(domain)]
    return ways


def _always(expr: Expr, _: st.DrawFn) -> Expr:
    return expr


def pointers(draw: st.DrawFn, scope: Scope, cls: str, depth: int = 2) -> Expr:
    """A pointer to an object of class `cls`, or NULL."""
    ways: list[Callable[[st.DrawFn], Expr]] = [lambda _: Const(0)]
    bound = [name for name, domain in scope.bound if domain == Ptr(cls)]
    ways += [partial(_always, Bound(name)) for name in bound * 3]
    if cls == TASK and scope.me:
        ways += [lambda _: Me()] * 3
    if scope.statics.get(cls):
        ways.append(lambda draw: Const(draw(st.integers(1, scope.statics[cls]))))
    simple = [Global(var.name) for var in scope.globals if var.domain == Ptr(cls)]
    own = [Local(var.name) for var in scope.locals if var.domain == Ptr(cls) and scope.me]
    places: list[Expr] = [*simple, *own, *own]
    ways += [partial(_always, place) for place in places]
    if depth > 0:
        ways += _places(scope, lambda domain: domain == Ptr(cls)) if depth > 1 else []
        ways.append(
            lambda draw: Ite(
                conditions(draw, scope, 0), pointers(draw, scope, cls, depth - 1), pointers(draw, scope, cls, depth - 1)
            )
        )
    return draw(st.sampled_from(ways))(draw)


def sets(draw: st.DrawFn, scope: Scope, depth: int = 2) -> Expr:
    """A set of threads."""
    ways: list[Callable[[st.DrawFn], Expr]] = [lambda _: Const(0)]
    if depth > 0:
        ways += _places(scope, lambda domain: domain == Threads()) * 2
        change: tuple[BinaryOp, ...] = ("with", "without")

        def changed(draw: st.DrawFn) -> Expr:
            return Binary(draw(st.sampled_from(change)), sets(draw, scope, depth - 1), pointers(draw, scope, TASK, 1))

        ways += [changed] * 2
        both: tuple[BinaryOp, ...] = ("&", "|", "^")
        ways.append(
            lambda draw: Binary(draw(st.sampled_from(both)), sets(draw, scope, depth - 1), sets(draw, scope, depth - 1))
        )
    return draw(st.sampled_from(ways))(draw)


def numbers(draw: st.DrawFn, scope: Scope, depth: int = 2) -> Expr:
    """An integer that is neither a pointer nor a set."""
    ways: list[Callable[[st.DrawFn], Expr]] = [lambda draw: Const(draw(st.integers(-3, 4)))]
    ways += _places(scope, lambda domain: isinstance(domain, Range)) * 2
    if depth > 0:
        ways += [
            lambda draw: Binary(
                draw(st.sampled_from(ARITHMETIC)), numbers(draw, scope, depth - 1), numbers(draw, scope, depth - 1)
            ),
            lambda draw: Unary(draw(st.sampled_from(("-", "~"))), numbers(draw, scope, depth - 1)),
            lambda draw: Wrap(draw(st.integers(1, 3)), draw(st.booleans()), numbers(draw, scope, depth - 1)),
            lambda draw: Ite(
                conditions(draw, scope, depth - 1), numbers(draw, scope, depth - 1), numbers(draw, scope, depth - 1)
            ),
            lambda draw: conditions(draw, scope, depth - 1),
        ]
    return draw(st.sampled_from(ways))(draw)


def conditions(draw: st.DrawFn, scope: Scope, depth: int = 2) -> Expr:
    """A truth value."""
    classes = list(scope.classes)

    def same(draw: st.DrawFn) -> Expr:
        cls = draw(st.sampled_from(classes))
        op: BinaryOp = draw(st.sampled_from(("==", "!=")))
        return Binary(op, pointers(draw, scope, cls, 1), pointers(draw, scope, cls, 1))

    def compare(draw: st.DrawFn) -> Expr:
        op = draw(st.sampled_from(COMPARE))
        return Binary(op, numbers(draw, scope, min(depth, 1)), numbers(draw, scope, 0))

    def alive(draw: st.DrawFn) -> Expr:
        cls = draw(st.sampled_from(classes))
        return equal(life(pointers(draw, scope, cls, 1), cls), draw(st.integers(FREE, PUBLISHED)))

    def member(draw: st.DrawFn) -> Expr:
        return Binary("has", sets(draw, scope, 1), pointers(draw, scope, TASK, 1))

    def at(draw: st.DrawFn) -> Expr:
        return equal(Local(PC, pointers(draw, scope, TASK, 1)), draw(st.integers(0, scope.locations - 1)))

    ways: list[Callable[[st.DrawFn], Expr]] = [same, compare, compare, alive, member, at]
    if depth > 0:
        logic: tuple[BinaryOp, ...] = ("&&", "||")

        def join(draw: st.DrawFn) -> Expr:
            op = draw(st.sampled_from(logic))
            return Binary(op, conditions(draw, scope, depth - 1), conditions(draw, scope, depth - 1))

        def negate(draw: st.DrawFn) -> Expr:
            return Unary("!", draw(st.sampled_from((conditions, numbers)))(draw, scope, depth - 1))

        def choose(draw: st.DrawFn) -> Expr:
            return Ite(*(conditions(draw, scope, depth - 1) for _ in range(3)))

        def quantified(draw: st.DrawFn) -> Expr:
            binder = draw(st.sampled_from([*(Binder("q", Ptr(cls)) for cls in classes), Binder("r", Range(-1, 1))]))
            body = conditions(draw, scope.bind(binder), depth - 1)
            return Quant(draw(st.sampled_from(("forall", "exists"))), binder, body)

        def referenced(draw: st.DrawFn) -> Expr:
            cls = draw(st.sampled_from(classes))
            return Referenced(pointers(draw, scope, cls, 1), cls, draw(st.booleans()))

        ways += [join, join, negate, choose, quantified, quantified, referenced]
    if scope.ordered:

        def order(draw: st.DrawFn) -> Expr:
            cls = draw(st.sampled_from(classes))
            return Binary("<", pointers(draw, scope, cls, 1), pointers(draw, scope, cls, 1))

        ways += [order] * 4
    return draw(st.sampled_from(ways))(draw)


def values(draw: st.DrawFn, scope: Scope, domain: Domain) -> Expr:
    """A value that lies in `domain` in every state."""
    match domain:
        case Ptr(cls):
            return pointers(draw, scope, cls)
        case Threads():
            return sets(draw, scope)
        case Range(lo, hi):
            constant = Const(draw(st.integers(lo, hi)))
            ways: list[Expr] = [constant, constant]
            if domain in WRAPS:
                bits, signed = WRAPS[domain]
                ways.append(Wrap(bits, signed, numbers(draw, scope)))
            if domain == BOOL:
                ways.append(conditions(draw, scope))
            other = Const(draw(st.integers(lo, hi)))
            ways.append(Ite(conditions(draw, scope, 1), constant, other))
            return draw(st.sampled_from(ways))


# ---- systems -------------------------------------------------------------------------------------


def _variables(draw: st.DrawFn, prefix: str, most: int, classes: Sequence[str]) -> tuple[Var, ...]:
    made = []
    for number in range(draw(st.sampled_from((1, most, most, 0)))):
        ranges: list[Domain] = [draw(st.sampled_from(RANGES))]
        domain = draw(st.sampled_from([*ranges, *ranges, *(Ptr(cls) for cls in classes), TASKS, Threads()]))
        default = draw(st.integers(domain.lo, domain.hi)) if isinstance(domain, Range) else 0
        made.append(Var(f"{prefix}{number}", domain, default))
    return tuple(made)


def _blank(pointer: Expr, variables: Sequence[Var], cls: str | None) -> tuple[Update, ...]:
    """Set a cell to its defaults."""
    return tuple(
        Update(Local(var.name, pointer) if cls is None else Field(pointer, cls, var.name), Const(var.default))
        for var in variables
    )


@dataclass(frozen=True, slots=True)
class Move:
    """What one kind of action does: its binders, guard and updates."""

    guard: Expr = TRUE
    updates: tuple[Update, ...] = ()
    binders: tuple[Binder, ...] = ()


def _assign(draw: st.DrawFn, scope: Scope) -> Move:
    """One to three stores, to live objects, perhaps broadcasts."""
    guards: list[Expr] = []
    updates: list[Update] = []
    binders: list[Binder] = []
    if draw(st.integers(0, 3)) == 0:
        binder = draw(st.sampled_from([Binder("x", BOOL), Binder("p", TASKS), Binder("x", Range(-1, 1))]))
        binders.append(binder)
        scope = scope.bind(binder)
        guards.append(conditions(draw, scope, 1))
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(("global", "local", "field", "field", "each")))
        if kind == "global" and scope.globals:
            var = draw(st.sampled_from(scope.globals))
            updates.append(Update(Global(var.name), values(draw, scope, var.domain)))
        elif kind == "local" and len(scope.locals) > 1:
            var = draw(st.sampled_from(scope.locals[1:]))
            updates.append(Update(Local(var.name), values(draw, scope, var.domain)))
        elif kind in ("field", "each"):
            cls = scope.classes[draw(st.sampled_from(list(scope.classes)))]
            if len(cls.fields) == 1:
                continue
            var = draw(st.sampled_from(cls.fields[1:]))
            if kind == "field":
                pointer = pointers(draw, scope, cls.name)
                guards.append(Binary("||", Unary("!", pointer), life(pointer, cls.name)))
                updates.append(Update(Field(pointer, cls.name, var.name), values(draw, scope, var.domain)))
            else:
                each = Binder(draw(st.sampled_from(("c", "p"))), Ptr(cls.name))
                inner = scope.bind(each)
                when = every(life(Bound(each.name), cls.name), conditions(draw, inner, 1))
                place = Field(Bound(each.name), cls.name, var.name)
                updates.append(Update(place, values(draw, inner, var.domain), each, when))
    return Move(every(*guards), tuple(updates), tuple(binders))


def _lock(draw: st.DrawFn, scope: Scope) -> Move | None:
    """Acquire or release: a pointer to a task is the owner."""
    owners = [(cls.name, var.name) for cls in scope.classes.values() for var in cls.fields if var.domain == TASKS]
    if not owners:
        return None
    cls, name = draw(st.sampled_from(owners))
    pointer = pointers(draw, scope, cls, 1)
    place = Field(pointer, cls, name)
    changes: list[tuple[Expr, Expr]] = [(Const(0), Me()), (Me(), Const(0))]
    old, new = draw(st.sampled_from(changes))
    return Move(every(life(pointer, cls), Binary("==", place, old)), (Update(place, new),))


def _enter(draw: st.DrawFn, scope: Scope) -> Move | None:
    """Join or leave a set of threads."""
    groups = [var for var in scope.globals if var.domain == Threads()]
    if not groups:
        return None
    place = Global(draw(st.sampled_from(groups)).name)
    op: BinaryOp = draw(st.sampled_from(("with", "without")))
    return Move(TRUE, (Update(place, Binary(op, place, Me())),))


def _take(draw: st.DrawFn, scope: Scope) -> Move | None:
    """Keep any published object: `p = any(struct S)`."""
    local = [var for var in scope.locals if isinstance(var.domain, Ptr)]
    if not local:
        return None
    var = draw(st.sampled_from(local))
    cls = var.domain.cls if isinstance(var.domain, Ptr) else TASK
    return Move(
        equal(life(Bound("p"), cls), PUBLISHED), (Update(Local(var.name), Bound("p")),), (Binder("p", Ptr(cls)),)
    )


def _create(draw: st.DrawFn, scope: Scope) -> Move:
    """Take a free cell; of the thread class, start its thread at once."""
    cls = draw(st.sampled_from(list(scope.classes)))
    fresh = Bound("p")
    guard = equal(life(fresh, cls), FREE)
    updates = [Update(life_place(fresh, cls), Const(draw(st.sampled_from((PRIVATE, PUBLISHED)))))]
    if cls == TASK:
        guard = every(guard, equal(Local(PC, fresh), IDLE))
        updates.append(Update(Local(PC, fresh), Const(draw(st.integers(1, scope.locations - 1)))))
    homes = [var for var in scope.locals if var.domain == Ptr(cls)]
    if homes:
        updates.append(Update(Local(draw(st.sampled_from(homes)).name), fresh))
    return Move(guard, tuple(updates), (Binder("p", Ptr(cls)),))


def life_place(pointer: Expr, cls: str) -> Field:
    """The life of an object, to store to."""
    return Field(pointer, cls, LIFE)


def _free(draw: st.DrawFn, scope: Scope) -> Move | None:
    """Give a cell back: an object that is no static, or a task whose thread is at its end."""
    cls = draw(st.sampled_from(list(scope.classes)))
    pointer = Bound("p")
    fixed = [Binary("!=", pointer, Const(number)) for number in range(1, scope.statics.get(cls, 0) + 1)]
    guards = [life(pointer, cls), *fixed]
    updates = _blank(pointer, scope.classes[cls].fields, cls)
    if cls == TASK:
        guards += [equal(Local(PC, pointer), scope.locations - 1), Binary("!=", pointer, Me())]
        updates += _blank(pointer, scope.locals, None)
    if draw(st.booleans()):
        guards.append(Unary("!", Referenced(pointer, cls, draw(st.booleans()))))
    return Move(every(*guards), updates, (Binder("p", Ptr(cls)),))


KINDS = (_assign, _assign, _assign, _assign, _lock, _lock, _enter, _take, _create, _free)


@st.composite
def systems(draw: st.DrawFn, *, ordered: bool = False) -> System:
    """A system of one or two classes, three to five locations and three to nine actions."""
    names = [TASK, *([MM] if draw(st.integers(0, 2)) else [])]
    alive = Var(LIFE, Range(FREE, PUBLISHED))
    classes = {name: Class(name, (alive, *_variables(draw, f"{name}_", 2, names))) for name in names}
    statics = tuple(Static(f"mm{number}", MM) for number in range(draw(st.integers(0, 1)) if MM in names else 0))
    count = draw(st.integers(3, 5))
    scope = Scope(
        classes,
        _variables(draw, "g", 2, names),
        (Var(PC, Range(0, count - 1), IDLE), *_variables(draw, "l", 2, names)),
        count,
        {MM: len(statics)},
        ordered=ordered,
    )
    actions = []
    created = set()
    for number in range(draw(st.integers(4, 10))):
        first = number < count - 2  # gives each location an action that is often enabled
        kind = draw(st.sampled_from(KINDS[:5] if first else KINDS))
        step = kind(draw, scope) or _assign(draw, scope)
        created |= {binder.domain.cls for binder in step.binders if kind is _create and isinstance(binder.domain, Ptr)}
        source = 1 + number if first else draw(st.integers(1, count - 2))
        inner = reduce(Scope.bind, step.binders, scope)
        extra = conditions(draw, inner, 1) if not first and draw(st.booleans()) else TRUE
        micro = (Micro(f"f.a{number}", "f", NOWHERE),)
        target = draw(st.sampled_from([*range(1, count), *range(1, count - 1), source + 1]))
        actions.append(Action(source, target, every(step.guard, extra), step.updates, micro, step.binders))
    kinds = [Location("idle", "idle"), *(Location(f"f:{i}", function="f") for i in range(1, count - 1))]
    return System(
        name="system",
        classes=classes,
        thread=TASK,
        globals=scope.globals,
        locals=scope.locals,
        locations=(*kinds, Location("f:end", "end", "f")),
        actions=tuple(actions),
        groups=_groups(draw, scope),
        statics=statics,
        created=frozenset(created),
        initial=_initial(draw, scope),
    )


def _initial(draw: st.DrawFn, scope: Scope) -> Mapping[tuple[str, str], int]:
    return {
        (cls.name, var.name): draw(st.integers(var.domain.lo, var.domain.hi))
        for cls in scope.classes.values()
        for var in cls.fields[1:]
        if isinstance(var.domain, Range) and draw(st.integers(0, 2)) == 0
    }


def _groups(draw: st.DrawFn, scope: Scope) -> tuple[Group, ...]:
    groups = []
    for number in range(draw(st.sampled_from((1, 1, 2)))):
        given: dict[str, InitValue] = {}
        for var in scope.classes[TASK].fields[1:]:
            kind = draw(st.integers(0, 3))
            if kind == 0 and isinstance(var.domain, Range):
                given[var.name] = tuple(range(var.domain.lo, var.domain.hi + 1))
            elif kind == 1 and isinstance(var.domain, Range):
                given[var.name] = (var.domain.hi,)
            elif kind > 1 and var.domain == Ptr(MM):
                given[var.name] = Fresh(MM) if kind == 2 or not scope.statics[MM] else (1,)
        groups.append(Group(f"g{number}", draw(st.sampled_from((None, None, None, 1))), draw(st.integers(1, 2)), given))
    return tuple(groups)


@st.composite
def properties(draw: st.DrawFn, system: System, *, ordered: bool = False) -> Expr:
    """Something that may or may not hold in every reachable state of a system."""
    scope = Scope(
        system.classes, system.globals, system.locals, len(system.locations), {MM: len(system.statics)},
        me=False, ordered=ordered,
    )  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        return conditions(draw, scope, 3)
    binders = [Binder(name, TASKS) for name in ("s", "t")[: draw(st.integers(1, 2))]]
    inner = reduce(Scope.bind, binders, scope)
    places = st.sampled_from([*range(1, scope.locations), *[scope.locations - 1] * 4])
    bad: list[Expr] = [equal(Local(PC, Bound(binder.name)), draw(places)) for binder in binders]
    if len(binders) > 1:
        bad.append(Binary("!=", Bound("s"), Bound("t")))
    body: Expr = Unary("!", every(*bad, conditions(draw, inner, 1)))
    return reduce(lambda body, binder: Quant("forall", binder, body), binders, body)


# ---- instances -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Space:
    """All that a naive search over `semantics` finds: every state with its depth, and every step."""

    instance: Instance
    depths: Mapping[tuple[int, ...], int] = field(repr=False)
    states: Sequence[State] = field(repr=False)
    steps: Sequence[tuple[int, Step, int]] = field(repr=False)  # by number of state

    def depth(self, bad: Callable[[State], bool]) -> int | None:
        """The length of a shortest run to a bad state."""
        return min((self.depths[key(state)] for state in self.states if bad(state)), default=None)


def key(state: State) -> tuple[int, ...]:
    """The values of a state, in the order of its slots."""
    return tuple(state[slot] for slot in sorted(state))


def explore(inst: Instance, limit: int) -> Space | None:
    """Everything reachable, by the definition; None if that is more than `limit` states or 8 times as many steps."""
    depths: dict[tuple[int, ...], int] = {}
    numbers_: dict[tuple[int, ...], int] = {}
    states: list[State] = []
    steps: list[tuple[int, Step, int]] = []

    def enter(state: State, depth: int) -> int:
        name = key(state)
        if name not in numbers_:
            numbers_[name] = len(states)
            depths[name] = depth
            states.append({slot: state[slot] for slot in sorted(state)})
        return numbers_[name]

    for count, state in enumerate(initial_states(inst)):
        enter(state, 0)
        if count > limit:
            return None
    done = 0
    while done < len(states):
        pre = states[done]
        for step, post in successors(inst, pre):
            steps.append((done, step, enter(post, depths[key(pre)] + 1)))
        done += 1
        if len(states) > limit or len(steps) > 8 * limit:
            return None
    return Space(inst, depths, states, steps)


@st.composite
def spaces(draw: st.DrawFn, *, limit: int = 400, tasks: int = 3, ordered: bool = False) -> Space:
    """A random instance of up to `tasks` tasks with at most `limit` reachable states, explored by the definition."""
    system = draw(systems(ordered=ordered))
    most = draw(st.sampled_from([*range(1, tasks), *[tasks] * 3]))
    least = least_tasks(system)
    for count in range(max(most, least), least - 1, -1):
        space = explore(instance(system, count), limit)
        if space is not None:
            return space
    assume(condition=False)
    raise AssertionError
