"""What a run of the program without some guards says of the program without others.

A run in which a check does not fire is, but for the steps that evaluate the check, a run of the program without it; one
in which a lock is taken is, but for the steps on the lock, a run of the program without the lock. So a run counts for
every larger set of removed guards, unless it hinges on one of those (docs/semantics.md has the argument).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot
from verify.ir import PC, Binary, Const, Expr, Field, Global, Ite, Local, Micro, Quant, Referenced, System, Unary
from verify.lower import Lowered
from verify.lower.simplify import parts
from verify.lower.visible import seen
from verify.lower.without import lock_name, matching
from verify.redundancy.bench import Guards
from verify.source import Span
from verify.syntax import ast
from verify.syntax.check.walk import expressions, roots, statements, subexpressions
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Program
from verify.syntax.types import Pointer

GOING = frozenset({"idle", "run", "end"})  # locations of threads without an error
READS = frozenset({"READ_ONCE", "atomic_read", "test_bit", "sole"})  # primitives that change nothing


def hinges(  # noqa: PLR0913, PLR0917 - a run, and what it is of
    trace: Trace, lowered: Lowered, program: Program, system: str, prop: Expr, guards: Guards
) -> Guards:
    """The guards among these, all in the program of the run, that the run may not go without."""
    inst = trace.instance
    slots = [Slot(THREAD, thread, PC) for thread in range(1, inst.tasks + 1)]
    been = {state[slot] for state in trace.states for slot in slots}
    delicate = _places_matter(trace, program, been) or any(isinstance(p, Local) and p.name != PC for p in parts(prop))
    named = seen(prop).locations
    told = {trace.states[-1][slot] for slot in slots} | named if named else set[int]()
    declared = program.systems[system]
    locks = declared.cpus != 1 and free_of_locks(inst.system, prop)
    asks = any(isinstance(part, Referenced) for step in trace.steps for part in parts(step.action.guard))

    def needed(guard: str) -> bool:
        if been.isdisjoint(lowered.labels.get(guard, frozenset())):
            return False
        stmt = _labelled(program, guard)[1]
        if delicate or (asks and _refers(stmt)) or not told.isdisjoint(_at(program, guard, lowered)):
            return True
        match program.guards[guard].kind:
            case "check":
                return not been.isdisjoint(lowered.fires.get(guard, frozenset())) or not _pure(program, stmt)
            case "lock":
                return not locks or _entangled(program, guard)
            case _:
                return True

    return frozenset(filter(needed, guards))


def _places_matter(trace: Trace, program: Program, been: Collection[int]) -> bool:
    """Whether it may matter where in a guard a thread stands on the way: to an assumption, or at an error.

    An error at a guard is not one of the program without it, and what an assumption says of held locks may keep a step
    from being taken without the lock.
    """
    kinds = {trace.instance.system.locations[where].kind for where in been}
    conds = [decl.cond for decl in program.assumptions.values() if decl.cond is not None]
    return not kinds <= GOING or any(
        isinstance(part, ast.At | ast.Held) for cond in conds for part in subexpressions(cond)
    )


def _at(program: Program, guard: str, lowered: Lowered) -> frozenset[int]:
    """The locations before and within what goes with a guard: its condition, or its call and the releases of that.

    Where a thread stands at one of these, it stands before what comes next in the program without the guard.
    """
    function, stmt = _labelled(program, guard)
    match stmt:
        case ast.If(cond=cond):
            gone = [cond.span]
        case ast.Do(expr=ast.Call() as call):
            gone = [stmt.span, *(release.span for release in matching(function, call))]
        case _:
            gone = [stmt.span]
    found = {action.source for action in lowered.system.actions if any(_within(m, gone) for m in action.micro)}
    return lowered.labels.get(guard, frozenset()) | found


def _within(micro: Micro, spans: Sequence[Span]) -> bool:
    return any(
        where.source is span.source and span.start <= where.start and where.end <= span.end
        for where in (micro.span, *micro.calls) for span in spans
    )  # fmt: skip


def free_of_locks(system: System, prop: Expr) -> bool:
    """Whether the property, where it is false, stays so when locks are free that were not."""
    return _grows(prop, lambda part: isinstance(part, Field | Global) and system.var(part).lock, up=True)


def _grows(expr: Expr, lock: Callable[[Expr], bool], *, up: bool) -> bool:
    """Whether it is true of more states (or of fewer, not `up`) the more locks are held."""
    if not any(lock(part) for part in parts(expr)):
        return True
    match expr:
        case Binary("&&" | "||", left, right):
            return _grows(left, lock, up=up) and _grows(right, lock, up=up)
        case Unary("!", arg):
            return _grows(arg, lock, up=not up)
        case Quant(_, _, body):
            return _grows(body, lock, up=up)
        case Ite(cond, then, other):
            return not any(map(lock, parts(cond))) and _grows(then, lock, up=up) and _grows(other, lock, up=up)
        case Binary("!=", place, Const(0)):
            return up and lock(place)
        case Binary("==", place, Const(0)):
            return not up and lock(place)
        case _:
            return False


def _labelled(program: Program, guard: str) -> tuple[ast.FunctionDecl, ast.Stmt]:
    name, label = guard.split(".", 1)
    function = program.functions[name]
    found = (s for s in _statements(function) if isinstance(s, ast.Labeled) and s.label == label)
    stmt: ast.Stmt = next(found)
    while isinstance(stmt, ast.Labeled):
        stmt = stmt.body
    return function, stmt


def _statements(function: ast.FunctionDecl) -> Iterator[ast.Stmt]:
    return iter(()) if function.body is None else statements(function.body)


def _pure(program: Program, stmt: ast.Stmt) -> bool:
    """Whether to evaluate the condition of a check changes nothing and waits for nothing."""
    return isinstance(stmt, ast.If) and not any(_acts(program, part) for part in subexpressions(stmt.cond))


def _refers(stmt: ast.Stmt) -> bool:
    """Whether a thread in this guard may refer to an object to which it else does not."""
    return any(
        (isinstance(part, ast.Member) and isinstance(part.type, Pointer))
        or (isinstance(part, ast.Call) and part.kind != "primitive")
        for root in roots(stmt) for part in subexpressions(root)
    )  # fmt: skip


def _acts(program: Program, expr: ast.Expr) -> bool:
    match expr:
        case ast.Call(callee, kind="primitive"):
            return callee not in READS
        case ast.Call(callee):
            function = program.functions.get(callee)
            return function is None or any(_acts(program, part) for part in _expressions(function)) or _loops(function)
        case ast.Assign() | ast.PostIncrement() | ast.New() | ast.AnyOf() | ast.Nondet():
            return True
        case _:
            return False


def _loops(function: ast.FunctionDecl) -> bool:
    return any(isinstance(s, ast.Loop | ast.Goto | ast.Assume | ast.Choose) for s in _statements(function))


def _entangled(program: Program, guard: str) -> bool:
    """Whether a step of a thread that does not wait for this lock may hinge on whether it is taken here.

    It does not where every release of a lock that may be this one is of what the same function took by the same name.
    """
    function, stmt = _labelled(program, guard)
    if not (isinstance(stmt, ast.Do) and isinstance(stmt.expr, ast.Call)):
        return True
    taken = stmt.expr
    calls = {
        name: [c for c in _primitives(f) if PRIMITIVES[c.callee].lock and _maybe_same(c, taken)]
        for name, f in program.functions.items()
    }
    every = [call for found in calls.values() for call in found]
    own = [c for c in calls[function.name] if PRIMITIVES[c.callee].lock == "acquire"]
    readers = sum(PRIMITIVES[c.callee].readers and PRIMITIVES[c.callee].lock == "acquire" for c in every)
    slept = PRIMITIVES[taken.callee].sleeps and any(
        c.callee == "lock_kernel" for f in program.functions.values() for c in _primitives(f)
    )
    return (
        slept  # to wait for it lets go of the big kernel lock
        or len(own) > 1
        or (PRIMITIVES[taken.callee].readers and readers > 1)  # who is a reader twice is none after one release
        or any("trylock" in c.callee for f in program.functions.values() for c in _primitives(f))
        or any(not _paired(program.functions[name], found) for name, found in calls.items())
    )


def _maybe_same(one: ast.Call, other: ast.Call) -> bool:
    """Whether two calls may be about one lock."""
    if not one.args or not other.args:
        return not one.args and not other.args
    names = {lock_name(one.args[0]), lock_name(other.args[0])}
    return len(names) == 1 or "" in names


def _paired(function: ast.FunctionDecl, calls: Sequence[ast.Call]) -> bool:
    """Whether the function itself took all that it releases, and calls it by a name that stays."""
    releases = [c for c in calls if PRIMITIVES[c.callee].lock == "release"]
    matched = {
        id(release.expr)
        for call in calls if PRIMITIVES[call.callee].lock == "acquire"
        for release in matching(function, call) if isinstance(release, ast.Do)
    }  # fmt: skip
    return all(id(c) in matched and _stays(function, c) for c in releases)


def _stays(function: ast.FunctionDecl, call: ast.Call) -> bool:
    """Whether the lock of a call is the same one wherever the function says so."""
    match call.args[:1]:
        case ():
            return True
        case (ast.Unary("&", ast.Name(kind="global") | ast.Member(ast.Name(kind="object"))),):
            return True
        case (ast.Unary("&", ast.Member(ast.Name(kind="local", unique=name))),):
            return name == "current" or not any(_moves(part, name) for part in _expressions(function))
        case _:
            return False


def _moves(expr: ast.Expr, local: str) -> bool:
    """Whether the expression may store to the local variable."""
    match expr:
        case ast.Assign(ast.Name(unique=name)) | ast.Unary("&", ast.Name(unique=name)):
            return name == local
        case ast.Call("put", (ast.Name(unique=name), *_)):
            return name == local
        case _:
            return False


def _primitives(function: ast.FunctionDecl) -> Iterator[ast.Call]:
    yield from (e for e in _expressions(function) if isinstance(e, ast.Call) and e.kind == "primitive")


def _expressions(function: ast.FunctionDecl) -> Iterator[ast.Expr]:
    return iter(()) if function.body is None else expressions(function.body)
