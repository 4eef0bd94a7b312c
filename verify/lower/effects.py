"""What the primitives do: the steps behind each row of the table, and behind `new` and stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from verify.ir import (
    FREE,
    IDLE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Binder,
    Bound,
    Const,
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
    Update,
)
from verify.lower.graph import Graph
from verify.lower.simplify import binary, conj, disj, ite, negate
from verify.syntax import primitives
from verify.syntax.primitives import COUNT_MAX, Access, Primitive, Special

BIG_LOCK = Global(primitives.BIG_LOCK)  # the big kernel lock's owner
DEPTH = "lock_depth"  # how often the thread has taken it
DEPTH_MAX = 7
COUNT_RANGE = Range(0, COUNT_MAX)
QUIET = "preempt_count"  # how often the thread has switched preemption off
QUIET_MAX = 15


def readers(place: Place) -> Place:
    """The set of readers of an rwlock, beside its writer."""
    match place:
        case Global(name):
            return Global(f"{name}.readers")
        case Field(pointer, cls, name):
            return Field(pointer, cls, f"{name}.readers")
        case Local():
            raise AssertionError("a lock is no local")
        case _:
            assert_never(place)


def word_step(graph: Graph, row: Primitive, place: Place, args: Sequence[Expr], result: Local | None) -> None:
    """Take the one step of a row that concerns one variable; leave its result in `result`."""
    graph.note_marked()
    shared = readers(place) if "rwlock" in row.params or "rwsem" in row.params else None
    mine, others = (shared, place) if row.readers and shared is not None else (place, shared)
    access = Access(mine, others or Const(0), tuple(args))
    guard = row.guard(access) if row.guard else Const(1)
    updates = list[Update]()
    if row.result and result is not None:
        updates.append(Update(result, row.result(access)))
    if row.new:
        updates.append(Update(mine, row.new(access)))
    if row.wrong is not None:
        guard = conj([guard, negate(row.wrong(access))])
        graph.error_at("unlock", row.wrong(access))
    updates += preempt(graph, row.preempt)
    after = graph.location()
    if row.guard is not None:
        graph.waiting.setdefault(lock_name(place), set()).add(graph.standing)
        graph.past.setdefault(lock_name(place), set()).add(after)
    if row.lock:
        graph.mark(lock_name(place), row.lock, after)
    graph.action(after, guard, updates)
    if row.sleeps:
        graph.waits.add(graph.here)
    if row.sleeps and graph.big_lock and row.guard is not None:
        graph.waiting[lock_name(place)].add(_wait_without_big_lock(graph, row, place, after, guard, updates))
    graph.here = after


def lock_name(place: Place) -> str:
    """What claims call a lock: `struct.field`, or the name of a global."""
    return f"{place.cls}.{place.name}" if isinstance(place, Field) else place.name


def _wait_without_big_lock(  # noqa: PLR0913, PLR0917 - a step, and what it is of
    graph: Graph, row: Primitive, place: Place, after: int, guard: Expr, updates: Sequence[Update]
) -> int:
    """The steps of a sleeper that holds the big lock: let it go, wait, take it again. Returns where it sleeps."""
    depth = graph.local(DEPTH, Range(0, DEPTH_MAX))
    asleep, awake = graph.location(), graph.location()
    graph.waits |= {asleep, awake}
    graph.action(asleep, conj([binary(">", depth, Const(0)), negate(guard)]), [Update(BIG_LOCK, Const(0))])
    graph.here = asleep
    graph.note_marked()
    if row.lock:
        graph.mark(lock_name(place), row.lock, awake)
    graph.action(awake, guard, updates)
    graph.here = awake
    graph.action(after, binary("==", BIG_LOCK, Const(0)), [Update(BIG_LOCK, Me())])
    return asleep


def preempt(graph: Graph, change: int) -> list[Update]:
    """The change of the thread's preemption depth, where the system looks at it."""
    if not change or not graph.preemption:
        return []
    depth = graph.local(QUIET, Range(0, QUIET_MAX))
    inside = binary("<", depth, Const(QUIET_MAX)) if change > 0 else binary(">", depth, Const(0))
    return [Update(depth, ite(inside, binary("+", depth, Const(change)), depth))]


def special_step(graph: Graph, special: Special, args: Sequence[Expr], cls: str, entry: int) -> None:
    """Take the steps of a primitive that concerns the thread or an object; `cls` is the class of its argument."""
    match special:
        case "lock_kernel":
            _lock_kernel(graph)
        case "unlock_kernel":
            _unlock_kernel(graph)
        case "sleep":
            _sleep(graph)
        case "barrier":
            graph.step()
        case "preempt_off" | "preempt_on":
            graph.step(*preempt(graph, 1 if special == "preempt_off" else -1))
        case "publish" | "unpublish":
            life = Const(PUBLISHED if special == "publish" else PRIVATE)
            graph.step(Update(Field(args[0], cls, LIFE), life), follow=args[:1], cls=cls)
        case "spawn":
            graph.step(Update(Local(PC, args[0]), Const(entry)), follow=args[:1], cls=cls)
        case "free":
            graph.step(*clear(graph, args[0], cls), follow=args[:1], cls=cls)
        case "put":
            _put(graph, args[0], cls)
        case "load" | "store" | "sole":
            raise AssertionError(f"`{special}` is an expression")
        case _:
            assert_never(special)


def _lock_kernel(graph: Graph) -> None:
    depth = graph.local(DEPTH, Range(0, DEPTH_MAX))
    after = graph.location()
    graph.action(
        after, binary(">", depth, Const(0)), [Update(depth, binary("+", depth, Const(1))), *preempt(graph, 1)]
    )
    first = conj([binary("==", depth, Const(0)), binary("==", BIG_LOCK, Const(0))])
    graph.action(after, first, [Update(BIG_LOCK, Me()), Update(depth, Const(1)), *preempt(graph, 1)])
    graph.here = after


def _unlock_kernel(graph: Graph) -> None:
    depth = graph.local(DEPTH, Range(0, DEPTH_MAX))
    after = graph.location()
    graph.error_at("unlock", binary("==", depth, Const(0)))
    less = Update(depth, binary("-", depth, Const(1)))
    graph.action(after, binary(">", depth, Const(1)), [less, *preempt(graph, -1)])
    last = [Update(BIG_LOCK, Const(0)), Update(depth, Const(0)), *preempt(graph, -1)]
    graph.action(after, binary("==", depth, Const(1)), last)
    graph.here = after


def _sleep(graph: Graph) -> None:
    """Give up the processor; a holder of the big lock is without it until it goes on."""
    after = graph.location()
    graph.waits.add(after)
    if not graph.big_lock:
        graph.action(after)
        graph.here = after
        return
    depth = graph.local(DEPTH, Range(0, DEPTH_MAX))
    asleep = graph.location()
    graph.waits.add(asleep)
    graph.action(after, binary("==", depth, Const(0)))
    graph.action(asleep, binary(">", depth, Const(0)), [Update(BIG_LOCK, Const(0))])
    graph.here = asleep
    graph.action(after, binary("==", BIG_LOCK, Const(0)), [Update(BIG_LOCK, Me())])
    graph.here = after


def clear(graph: Graph, pointer: Expr, cls: str) -> list[Update]:
    """The updates that free an object: every field back to its default."""
    return [Update(Field(pointer, cls, var.name), Const(var.default)) for var in graph.fields[cls]]


def _put(graph: Graph, pointer: Expr, cls: str) -> None:
    """Drop a reference: the local becomes NULL, and an object that nobody else refers to is freed."""
    forget = [Update(pointer, Const(0))] if isinstance(pointer, Local) else []
    after = graph.location()
    used = Referenced(pointer, cls)
    some = [binary("!=", pointer, Const(0))]
    if cls in graph.freed:
        free = binary("==", Field(pointer, cls, LIFE), Const(FREE))
        graph.error("freed", conj([*some, free]))
        some.append(negate(free))
    graph.action(after, binary("==", pointer, Const(0)), forget)
    graph.action(after, conj([*some, used]), forget)
    graph.follow(after, conj([*some, negate(used)]), [*clear(graph, pointer, cls), *forget])
    graph.here = after


def create(graph: Graph, cls: str, result: Local) -> None:
    """`new struct S`: a free cell, private and with its initial values; NULL where there is none, or no step."""
    graph.created.add(cls)
    binder = Binder(graph.fresh("new"), Ptr(cls))
    cell = Bound(binder.name)
    free = binary("==", Field(cell, cls, LIFE), Const(FREE))
    if cls == graph.program.thread:
        free = conj([free, binary("==", Local(PC, cell), Const(IDLE))])
    born = [Update(Field(cell, cls, name), Const(value)) for (c, name), value in graph.births.items() if c == cls]
    after = graph.location()
    other = Binder(graph.fresh("full"), Ptr(cls))  # a name of its own: composed steps may bind the first again
    taken = binary("!=", Field(Bound(other.name), cls, LIFE), Const(FREE))
    if cls == graph.program.thread:
        taken = disj([taken, binary("!=", Local(PC, Bound(other.name)), Const(IDLE))])
    if not graph.room:
        graph.action(after, Quant("forall", other, taken), [Update(result, Const(0))])
    graph.action(
        after, free, [Update(Field(cell, cls, LIFE), Const(PRIVATE)), *born, Update(result, cell)], (binder,)
    )
    graph.here = after
