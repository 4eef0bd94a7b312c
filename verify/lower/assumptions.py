"""Assumptions: what the steps of a system keep to, and where its runs begin.

A step into a state in which an assumption is false is not taken, and no run begins in one. So every reachable state
keeps to all assumptions, and what a step has to be asked is only whether what it writes does: its guard gets the
weakest precondition (Dijkstra 1975) of the condition, for the objects that it writes. To every reader of the system
assumptions are guards, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    BOOL,
    FALSE,
    LIFE,
    PC,
    TRUE,
    Action,
    Binary,
    Binder,
    Bound,
    Class,
    Const,
    Expr,
    Field,
    Global,
    Group,
    Local,
    Me,
    Ptr,
    Quant,
    System,
    Update,
    Var,
)
from verify.lower.compose import is_plain, substitute
from verify.lower.cursors import Cursors, is_of_call, with_cursors
from verify.lower.formulas import Names, formula
from verify.lower.refusals import CALLER
from verify.lower.simplify import binary, conj, conjuncts, disj, parts, rebuild, truth
from verify.lower.started import Clause, started
from verify.lower.visible import Key, key_of
from verify.syntax import ast

PLACE = "#at "  # begins the name of a field that tells whether a thread is at a label
Labels = Mapping[str, frozenset[int]]


def assume(
    system: System, declared: Iterable[ast.AssumptionDecl], names: Names, labels: Labels,
    watch: ast.AssumptionDecl | None = None,
) -> System:
    """The system whose runs keep to these assumptions, and while a call is watched to what `watch` says of it.

    Raises InputError where no run begins, and where the initial values of a task cannot be told apart one by one.
    """
    conditions = [decl for decl in declared if decl.cond is not None]
    every = [*conditions, *([watch] if watch else [])]
    if not every:
        return system
    places = dict.fromkeys(label for decl in every for label in _labels(decl.cond))
    system = _with_places(system, [(label, labels.get(label, frozenset())) for label in places])
    numbers = {label: frozenset({-number}) for number, label in enumerate(places, start=1)}
    clauses = [c for decl in conditions for c in _clauses(system, decl, names, numbers, list(places))]
    watched = list(_clauses(system, watch, names, numbers, list(places))) if watch else []
    system = started(system, clauses) if clauses else system
    followed = with_cursors(system, [clause.body for clause in watched])
    watched = [replace(clause, body=body) for clause, body in zip(watched, followed.conditions, strict=True)]
    system = followed.system

    def kept(action: Action) -> Action:
        still = (_still(action, clause, followed.cursors) for clause in watched)
        after = [*(_after(action, clause) for clause in clauses), *still]
        return replace(action, guard=conj([action.guard, *after]))

    actions = (kept(action) for action in system.actions)
    return replace(system, actions=tuple(action for action in actions if action.guard != FALSE))


def asked(thread: str, declared: Iterable[ast.AssumptionDecl], names: Names) -> frozenset[Key]:
    """The variables that the assumptions read: a step that writes none of them keeps to all.

    Where threads are is one too, whose name begins with PLACE. `thread` is the class of threads.
    """
    system, found = System("", {}, thread, (), (), (), (), ()), set[Key]()
    for decl in declared:
        places = list(dict.fromkeys(_labels(decl.cond)))
        numbers = {label: frozenset({-number}) for number, label in enumerate(places, start=1)}
        for clause in _clauses(system, decl, names, numbers, places) if decl.cond is not None else ():
            found |= {key_of(part) for part in parts(clause.body) if isinstance(part, Global | Field)}
            found |= {(b.domain.cls, LIFE) for b in clause.objects if isinstance(b.domain, Ptr)}
    return frozenset(found)


# ---- conditions ----------------------------------------------------------------------------------


def _labels(node: object) -> Iterator[str]:
    """The labels that a condition asks whether threads are at."""
    match node:
        case ast.At(label=label):
            yield label
        case tuple():
            for item in node:
                yield from _labels(item)
    if isinstance(node, ast.Node):
        for name in node.__dataclass_fields__:
            yield from _labels(getattr(node, name))


def place_name(label: str) -> str:
    """The field that tells whether the thread of a task is at a label."""
    return PLACE + label


def _with_places(system: System, places: Sequence[tuple[str, frozenset[int]]]) -> System:
    """The system in which tasks tell whether their threads are at some labels."""
    if not places:
        return system
    thread = system.classes[system.thread]
    fields = tuple(Var(place_name(label), BOOL, truth=True) for label, _ in places)

    def told(action: Action) -> Action:
        updates = list(action.updates)
        for label, found in places:
            before, after = action.source in found, action.target in found
            if before != after:
                updates.append(Update(Field(Me(), system.thread, place_name(label)), Const(int(after))))
            for update in action.updates:
                match update.place, update.value:
                    case Local(name, of), Const(entry) if name == PC and of is not None and entry in found:
                        updates.append(Update(Field(of, system.thread, place_name(label)), TRUE, when=update.when))
        return replace(action, updates=tuple(updates))

    def group(old: Group) -> Group:
        here = {place_name(label): (1,) for label, found in places if old.entry in found}
        return replace(old, values={**old.values, **here})

    return replace(
        system,
        classes={**system.classes, system.thread: Class(thread.name, thread.fields + fields)},
        actions=tuple(told(action) for action in system.actions),
        groups=tuple(group(old) for old in system.groups),
    )


def _clauses(
    system: System, decl: ast.AssumptionDecl, names: Names, numbers: Labels, places: Sequence[str]
) -> Iterator[Clause]:
    def told(part: Expr) -> Expr | None:
        match part:
            case Binary("==" | "!=" as op, Local(name, of), Const(value)) if name == PC and of is not None:
                field = Field(rebuild(of, told), system.thread, place_name(places[-value - 1]))
                return truth(field) if op == "==" else binary("==", field, FALSE)
            case _:
                return None

    assert decl.cond is not None  # noqa: S101 - the caller has looked
    for objects, body in _matrices(decl.cond, ()):
        called = {name: f"assumed {number} {name}" for number, (name, _) in enumerate(objects)}
        whole = truth(rebuild(formula(body, names, numbers), told))
        binders = tuple(Binder(called[name], Ptr(cls)) for name, cls in objects)
        for part in conjuncts(_renamed(whole, called)):
            yield Clause(decl, binders, part)


def _renamed(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The expression with names that no action has."""
    return rebuild(expr, lambda part: Bound(names[part.name]) if isinstance(part, Bound) else None)


def _matrices(
    cond: ast.Expr, objects: tuple[tuple[str, str], ...]
) -> Iterator[tuple[tuple[tuple[str, str], ...], ast.Expr]]:
    """The conditions without quantifiers that a condition says of all objects; an inner name hides an outer one."""
    match cond:
        case ast.Binary(op="&&", left=left, right=right):
            yield from _matrices(left, objects)
            yield from _matrices(right, objects)
        case ast.Quantified(variables=variables, body=body):
            yield from _matrices(body, tuple({**dict(objects), **dict(variables)}.items()))
        case _:
            yield objects, cond


def _after(action: Action, clause: Clause) -> Expr:
    """Whether the clause holds after the action, if it does before."""
    reads = _reads(clause)
    found = [update for update in action.updates if key_of(update.place) in reads]
    if not found:
        return TRUE
    if not all(is_plain(update) for update in action.updates):
        message = f"whether `{action.label}` keeps to `{clause.of.name}` cannot be said before that step"
        raise InputError([Diagnostic("KC180", message, clause.of.span)])
    after = substitute(clause.matrix(), action.updates)
    pointers = _written(clause, found)
    if pointers is not None:
        return conj(_of(after, clause.objects[0].name, pointer) for pointer in pointers)
    for binder in reversed(clause.objects):
        after = after if isinstance(after, Const) else Quant("forall", binder, after)
    return after


def _still(action: Action, clause: Clause, cursors: Cursors) -> Expr:
    """Whether the clause holds after the action of a call that is watched then, if it does before of one that is.

    Where the action stores to one object only, the guard asks whether that is what the call is about, and reads no
    other: so it speaks of few cells. While no call is watched, none is: what a call is about is NULL then.
    """
    watched = replace(clause, body=disj([binary("==", CALLER, Const(0)), clause.body]))
    reads = _reads(watched)
    found = [update for update in action.updates if key_of(update.place) in reads]
    moved = [cursors.get(update.place) for update in found if isinstance(update.place, Global)]
    stored = {key_of(update.place) for update in found} | {key_of(place) for place in moved if place is not None}
    stores = [u for u in action.updates if isinstance(u.place, Field) and key_of(u.place) in stored]
    read = {part for part in parts(clause.body) if isinstance(part, Field) and key_of(part) in stored}
    owners = {place.pointer for place in (*read, *moved) if place is not None}
    pointers = {update.place.pointer for update in stores if isinstance(update.place, Field)}
    if None in moved or any(update.each for update in stores) or not len(owners) == len(pointers) == 1:
        return _after(action, watched)
    (owner,), (pointer,) = owners, pointers
    if clause.objects or not isinstance(owner, Global) or not is_of_call(owner, cursors):
        return _after(action, watched)

    def same(expr: Expr) -> Expr:
        return rebuild(expr, lambda part: pointer if part == owner else None)

    updates = tuple(replace(update, value=same(update.value)) for update in action.updates)
    after = _after(replace(action, updates=updates), replace(clause, body=same(clause.body)))
    return disj([binary("==", pointer, Const(0)), binary("!=", pointer, owner), after])


def _reads(clause: Clause) -> set[Key]:
    reads = {key_of(part) for part in parts(clause.body) if isinstance(part, Global | Field)}
    return reads | {(b.domain.cls, LIFE) for b in clause.objects if isinstance(b.domain, Ptr)}


def _written(clause: Clause, found: Sequence[Update]) -> list[Expr] | None:
    """The objects of which alone the clause may change, if it speaks of single objects and the globals stay."""
    if len(clause.objects) != 1:
        return None
    (binder,) = clause.objects
    own = all(
        not isinstance(part, Field) or part.pointer == Bound(binder.name) or not _wrote(part, found)
        for part in parts(clause.body)
    )
    pointers = list[Expr]()
    for update in found:
        if not isinstance(update.place, Field) or update.each is not None or Ptr(update.place.cls) != binder.domain:
            return None
        pointers.append(update.place.pointer)
    return list(dict.fromkeys(pointers)) if own else None


def _wrote(part: Field, found: Sequence[Update]) -> bool:
    return any(key_of(update.place) == key_of(part) for update in found)


def _of(after: Expr, name: str, pointer: Expr) -> Expr:
    """What is said of any object, said of the one that a pointer leads to; true of none."""

    def told(part: Expr) -> Expr | None:
        match part:
            case Bound(found) if found == name:
                return pointer
            case Binary("!=", Bound(found), Const(0)) if found == name:
                return TRUE
            case _:
                return None

    nobody = FALSE if isinstance(pointer, Bound) else binary("==", pointer, Const(0))  # what is chosen is never NULL
    return disj([nobody, rebuild(after, told)])
