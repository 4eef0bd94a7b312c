"""What can be changed of a function: statements removed, conditions negated, sections of locks made shorter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from verify.mutation.edits import Edit, Mutant
from verify.source import Span, clean, head, where
from verify.source import statement as text_of
from verify.syntax import ast
from verify.syntax.check.walk import expressions, parts, roots, statements, subexpressions
from verify.syntax.primitives import PRIMITIVES
from verify.syntax.program import Program
from verify.syntax.types import INT, Bool, Pointer, Struct

JUMPS = ast.Return | ast.Goto | ast.Break | ast.Continue
WIDEST = 60  # characters of a statement in a name


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: its function, its names there, whether it is part of one step, and its neighbours."""

    program: Program
    function: str
    targets: frozenset[str]  # labels that some `goto` means
    labels: tuple[str, ...] = ()
    step: bool = False  # inside `atomic` or `foreach`
    broadcast: bool = False  # inside `foreach`
    block: tuple[ast.Stmt, int] | None = field(default=None, repr=False)  # the block, and which of its statements it is


def places(program: Program, function: ast.FunctionDecl) -> Iterator[tuple[ast.Stmt, Place]]:
    """Every statement of a function with its place, in the order of the source; a label is a place of what it names."""
    if function.body is None:
        return
    targets = frozenset(s.label for s in statements(function.body) if isinstance(s, ast.Goto))
    todo: list[tuple[ast.Stmt, Place]] = [(function.body, Place(program, function.name, targets))]
    while todo:
        stmt, place = todo.pop()
        yield stmt, place
        inner = replace(place, labels=(), block=None)
        match stmt:
            case ast.Labeled(label, body):
                below = [(body, replace(place, labels=(*place.labels, label)))]
            case ast.Block(body=body):
                below = [(part, replace(inner, block=(stmt, number))) for number, part in enumerate(body)]
            case ast.Atomic():
                below = [(part, replace(inner, step=True)) for part in parts(stmt)]
            case ast.Foreach():
                below = [(part, replace(inner, step=True, broadcast=True)) for part in parts(stmt)]
            case _:
                below = [(part, inner) for part in parts(stmt)]
        todo += reversed(below)


# ---- guards and stores ---------------------------------------------------------------------------


def removals(stmt: ast.Stmt, place: Place) -> Iterator[Mutant]:
    """A named statement removed, as `without` removes it; a store without a name left out."""
    named = [g for label in place.labels if (g := place.program.guards.get(f"{place.function}.{label}")) is not None]
    guards = [guard for guard in named if guard.kind != "none"]
    if guards and not isinstance(stmt, ast.Labeled):
        guard = guards[-1]
        sort = "barrier" if _is_barrier(stmt) else guard.kind
        yield Mutant(
            "remove" if guard.kind != "statement" else "drop", f"`{guard.name}`", sort, place.function, stmt.span,
            guard=guard.name, waits=place.step or guard.kind == "lock" or _waits(stmt), hides=_hidden(stmt, place),
        )  # fmt: skip
    elif not guards and stores(stmt, place.program):
        either = None if place.step else Edit(stmt, lambda s: ast.Choose((s, ast.Empty(span=s.span)), span=s.span))
        yield Mutant(
            "drop", _quoted(stmt.span), "store", place.function, stmt.span,
            edit=Edit(stmt, lambda s: ast.Empty(span=s.span)), either=either, waits=place.step or _waits(stmt),
        )  # fmt: skip


def _hidden(stmt: ast.Stmt, place: Place) -> frozenset[str]:
    """The names that are in the branch of a check: without it that is never taken."""
    inner = statements(stmt.then) if isinstance(stmt, ast.If) else iter(())
    return frozenset(f"{place.function}.{each.label}" for each in inner if isinstance(each, ast.Labeled))


def stores(stmt: ast.Stmt, program: Program) -> bool:
    """Whether a statement is a store that other threads can see; one of a ghost is part of what is claimed."""
    match stmt:
        case ast.Do(expr=ast.Assign(target=target) | ast.PostIncrement(target=target)):
            return _is_shared(target) and not _is_ghost(target, program)
        case ast.Do(expr=ast.Call(callee, args, "primitive")):
            row = PRIMITIVES[callee]
            writes = row.special in ("store", "publish", "unpublish", "put") or (row.new is not None and not row.lock)
            return writes and not _is_ghost(args[row.ref], program)
        case _:
            return False


def _is_barrier(stmt: ast.Stmt) -> bool:
    match stmt:
        case ast.Do(expr=ast.Call(callee, kind="primitive")):
            return PRIMITIVES[callee].special == "barrier"
        case _:
            return False


def _is_shared(target: ast.Expr) -> bool:
    match target:
        case ast.Member() | ast.Unary("*") | ast.Name(kind="global" | "object"):
            return True
        case _:
            return False


def _is_ghost(target: ast.Expr, program: Program) -> bool:
    match target:
        case ast.Unary("&", inner):
            return _is_ghost(inner, program)
        case ast.Member(base, name):
            struct = base.type.to if isinstance(base.type, Pointer) else base.type
            fields = program.structs[struct.name].fields if isinstance(struct, Struct) else ()
            return any(each.ghost for each in fields if each.name == name)
        case ast.Name(name, "global"):
            return program.globals[name].ghost
        case _:
            return False


# ---- conditions ----------------------------------------------------------------------------------


def negations(stmt: ast.Stmt, place: Place) -> Iterator[Mutant]:
    """The condition of an `if` or a loop negated, if there is anything to know of it."""
    match stmt:
        case ast.If(cond=cond) | ast.Loop(cond=ast.ExprNode() as cond):
            if isinstance(_bare(cond), ast.Number | ast.Nondet) or getattr(cond, "value", None) is not None:
                return
        case _:
            return
    named = place.labels and isinstance(stmt, ast.If)
    what = f"`{place.function}.{place.labels[-1]}`" if named else _quoted(cond.span)
    yield Mutant(
        "negate", what, "condition", place.function, cond.span, edit=Edit(stmt, _negated),
        either=None if place.step else Edit(stmt, _either_way), waits=place.step or _waits(stmt, deep=False),
    )


def _bare(expr: ast.Expr) -> ast.Expr:
    while isinstance(expr, ast.Cast):
        expr = expr.operand
    return expr


def _negated(stmt: ast.Stmt) -> ast.Stmt:
    assert isinstance(stmt, ast.If | ast.Loop) and stmt.cond is not None  # noqa: S101, PT018 - no other is edited
    return replace(stmt, cond=ast.Unary("!", stmt.cond, span=stmt.cond.span, type=INT))


def _either_way(stmt: ast.Stmt) -> ast.Stmt:
    """Evaluate the condition, and go either way: it may be one that ends the thread."""
    assert isinstance(stmt, ast.If | ast.Loop) and stmt.cond is not None  # noqa: S101, PT018 - no other is edited
    span = stmt.cond.span
    truth = ast.Unary("!", stmt.cond, span=span, type=INT)
    return replace(stmt, cond=ast.Binary("!=", truth, ast.Nondet(span=span, type=Bool()), span=span, type=INT))


# ---- locks ---------------------------------------------------------------------------------------


def moves(stmt: ast.Stmt, place: Place) -> Iterator[Mutant]:
    """A lock taken one statement later, or let go one statement earlier: one statement less in its section."""
    taken = _locks(stmt)
    if place.block is None or taken is None or not place.targets.isdisjoint(place.labels):
        return
    block, number = place.block
    assert isinstance(block, ast.Block)  # noqa: S101 - that is what a place has
    other = number + 1 if taken == "acquire" else number - 1
    if not 0 <= other < len(block.body):
        return
    past = block.body[other]
    if not _can_change_places(past, place) or (taken == "release" and _declares(past, stmt)):
        return
    first = min(number, other)

    def swap(changed: ast.Stmt) -> ast.Stmt:
        assert isinstance(changed, ast.Block)  # noqa: S101 - the same block
        body = changed.body
        return replace(changed, body=(*body[:first], body[first + 1], body[first], *body[first + 2 :]))

    what = f"`{place.function}.{place.labels[-1]}`" if place.labels else _quoted(stmt.span)
    yield Mutant(
        "delay" if taken == "acquire" else "hasten", what, "lock", place.function, stmt.span, edit=Edit(block, swap),
        neighbour=_quoted(_inner(past).span), waits=True,
    )


def _locks(stmt: ast.Stmt) -> str | None:
    match stmt:
        case ast.Do(expr=ast.Call(callee, kind="primitive")) if PRIMITIVES[callee].lock in ("acquire", "release"):
            return PRIMITIVES[callee].lock
        case _:
            return None


def _can_change_places(stmt: ast.Stmt, place: Place) -> bool:
    """Whether a lock may be moved past a statement, and that may matter: control comes there from above and goes on."""
    within = list(statements(stmt))
    labels = {each.label for each in within if isinstance(each, ast.Labeled)}
    return (
        labels.isdisjoint(place.targets)
        and not isinstance(_inner(stmt), JUMPS)
        and not _is_barrier(_inner(stmt))
        and any(_touches(expr) for each in within for root in roots(each) for expr in subexpressions(root))
    )


def _declares(stmt: ast.Stmt, user: ast.Stmt) -> bool:
    """Whether a statement declares what another reads."""
    names = {each.unique for each in expressions(user) if isinstance(each, ast.Name)}
    return any(isinstance(each, ast.Declare) and each.unique in names for each in statements(stmt))


def _touches(expr: ast.Expr) -> bool:
    """Whether an expression may concern other threads."""
    match expr:
        case ast.Member() | ast.Unary("*") | ast.Call() | ast.Name(kind="global" | "object"):
            return True
        case _:
            return False


# ---- what they have in common --------------------------------------------------------------------


def _inner(stmt: ast.Stmt) -> ast.Stmt:
    return _inner(stmt.body) if isinstance(stmt, ast.Labeled) else stmt


def _waits(stmt: ast.Stmt, *, deep: bool = True) -> bool:
    """Whether a thread may wait in a statement, or in what it begins with: whatever is called might."""
    found = expressions(stmt) if deep else (e for root in roots(stmt) for e in subexpressions(root))
    return any(isinstance(expr, ast.Call) for expr in found)


def _quoted(span: Span) -> str:
    """A statement or a condition without a name, and where it is."""
    text = clean(text_of(span))
    text = head(text)
    return f"`{text if len(text) <= WIDEST else text[: WIDEST - 1] + '…'}` ({where(span)})"


