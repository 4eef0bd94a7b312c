"""What a run of the program without some guards says of the program without others.

A run in which a check does not fire is, but for the steps that evaluate the check, a run of the program without it; one
in which a lock is taken is, but for the steps on the lock, a run of the program without the lock. So a run counts for
every larger set of removed guards, unless it hinges on one of those (docs/semantics.md has the argument).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from verify.engine.verdict import Trace
from verify.instances import THREAD, Slot
from verify.ir import PC, Binary, Const, Expr, Field, Global, Ite, Quant, System, Unary
from verify.lower import Lowered
from verify.lower.simplify import parts
from verify.redundancy.bench import Guards
from verify.syntax import ast
from verify.syntax.check.walk import expressions, statements, subexpressions
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Program

READS = frozenset({"READ_ONCE", "atomic_read", "test_bit", "sole"})  # primitives that change nothing


def hinges(trace: Trace, lowered: Lowered, program: Program, prop: Expr, guards: Guards) -> Guards:
    """The guards among these, all in the program of the run, that the run may not go without."""
    inst = trace.instance
    slots = [Slot(THREAD, thread, PC) for thread in range(1, inst.tasks + 1)]
    been = {state[slot] for state in trace.states for slot in slots}
    locks = free_of_locks(inst.system, prop)

    def needed(guard: str) -> bool:
        if been.isdisjoint(lowered.labels.get(guard, frozenset())):
            return False
        match program.guards[guard].kind:
            case "check":
                return not been.isdisjoint(lowered.fires.get(guard, frozenset())) or not _pure(program, guard)
            case "lock":
                return not locks or _entangled(program, guard)
            case _:
                return True

    return frozenset(filter(needed, guards))


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


def _pure(program: Program, guard: str) -> bool:
    """Whether to evaluate the condition of a check changes nothing and waits for nothing."""
    stmt = _labelled(program, guard)[1]
    if not isinstance(stmt, ast.If):
        return False
    return not any(_acts(program, part) for part in subexpressions(stmt.cond))


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
    """Whether its releases may be those of another acquire too, or some lock can be tried without waiting."""
    function, stmt = _labelled(program, guard)
    if not (isinstance(stmt, ast.Do) and isinstance(stmt.expr, ast.Call)):
        return True
    lock = stmt.expr.args[:1]
    taken = [c for c in _primitives(function) if PRIMITIVES[c.callee].lock == "acquire" and c.args[:1] == lock]
    tried = (c for f in program.functions.values() for c in _primitives(f) if "trylock" in c.callee)
    return len(taken) > 1 or any(tried)


def _primitives(function: ast.FunctionDecl) -> Iterator[ast.Call]:
    yield from (e for e in _expressions(function) if isinstance(e, ast.Call) and e.kind == "primitive")


def _expressions(function: ast.FunctionDecl) -> Iterator[ast.Expr]:
    return iter(()) if function.body is None else expressions(function.body)
