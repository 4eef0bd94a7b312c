"""The steps out of one place: whether one can always be taken, and which of them say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from verify.ir import TRUE, Action, Binary, Binder, Bound, Const, Expr, Global, Range, Unary
from verify.lower.flow import is_skip
from verify.lower.simplify import conj, conjuncts, disj, negate, parts, rebuild

MOST_ATOMS = 8


def always(actions: Sequence[Action]) -> bool:
    """Whether one of the actions out of a location can be taken in any state, as far as their guards show."""
    if any(is_skip(action) or (action.guard == Const(1) and not action.binders) for action in actions):
        return True
    guards = [action.guard for action in actions if not action.binders]
    return tautology(disj(guards))


def tautology(expr: Expr) -> bool:
    """Whether the expression is true whatever its atoms are: a sufficient test."""
    atoms = list[Expr]()
    shape = _abstract(expr, atoms)
    if len(atoms) > MOST_ATOMS:
        return False
    for values in product((0, 1), repeat=len(atoms)):
        state = {f"atom{n}": v for n, v in enumerate(values)}
        ground = rebuild(shape, lambda e, s=state: Const(s[e.name]) if isinstance(e, Global) else None)  # type: ignore[misc]
        if not (isinstance(ground, Const) and ground.value):
            return False
    return True


def _abstract(expr: Expr, atoms: list[Expr]) -> Expr:
    """The Boolean shape of an expression, with a variable for each atom."""
    match expr:
        case Const():
            return expr
        case Binary("&&", left, right):
            return conj([_abstract(left, atoms), _abstract(right, atoms)])
        case Binary("||", left, right):
            return disj([_abstract(left, atoms), _abstract(right, atoms)])
        case Unary("!", arg):
            return negate(_abstract(arg, atoms))
        case Binary("==", arg, Const(0)):
            return negate(_abstract(arg, atoms))
        case Binary("!=", left, right):
            return negate(_abstract(Binary("==", left, right), atoms))
        case Binary(">=", left, right):
            return negate(_abstract(Binary("<", left, right), atoms))
        case Binary("<=", left, right):
            return negate(_abstract(Binary(">", left, right), atoms))
        case _:
            if expr not in atoms:
                atoms.append(expr)
            return Binary("!=", Global(f"atom{atoms.index(expr)}"), Const(0))


def fewest(actions: Sequence[Action]) -> list[Action]:
    """The actions without those that can do nothing another cannot: same places, same stores, no weaker guard."""
    groups = defaultdict[tuple[object, ...], list[Action]](list)
    for action in actions:
        groups[action.source, action.target, action.updates, action.binders].append(action)
    result = list[Action]()
    for found in groups.values():
        if len(found) > 1 and not found[0].binders and always(found):
            result.append(replace(min(found, key=lambda a: len(a.micro)), guard=TRUE))
        else:
            result += _weakest(found)
    return result


def _weakest(found: Sequence[Action]) -> list[Action]:
    """The actions whose guard asks for no more than another's, the shortest in the source first."""
    kept = list[tuple[frozenset[Expr], Action]]()
    todo = [(frozenset(conjuncts(a.guard)), a) for a in sorted(found, key=lambda a: len(a.micro), reverse=True)]
    while todo:
        asks, action = todo.pop()
        if any(other <= asks for other, _ in kept):
            continue
        kept = [(other, a) for other, a in kept if not asks < other]
        for other, partner in kept:
            pair = _resolved(asks, other)
            if pair is not None and action.binders == partner.binders:
                kept.remove((other, partner))
                todo.append((pair, min(action, partner, key=lambda a: len(a.micro))))
                break
        else:
            kept.append((asks, action))
    return [replace(a, guard=conj(part for part in conjuncts(a.guard) if part in asks)) for asks, a in kept]


def _resolved(one: frozenset[Expr], other: frozenset[Expr]) -> frozenset[Expr] | None:
    """What is left of two conjunctions that differ in one part, which one has and the other denies."""
    left, right = one - other, other - one
    if len(left) == len(right) == 1 and negate(next(iter(left))) == next(iter(right)):
        return one & other
    return None


def without_idle_choices(action: Action) -> Action | None:
    """The action without choices of which nothing depends but whether it can be taken; None if it never can."""
    idle = [b for b in action.binders if not _decides(action, b.name)]
    names = {b.name for b in idle}
    asking = [part for part in conjuncts(action.guard) if (found := _bound(part)) and found <= names]
    rest = [part for part in conjuncts(action.guard) if part not in asking]
    tied = {name for part in rest for name in _bound(part)}
    asking = [part for part in asking if not _bound(part) & tied]
    free = [b for b in idle if b.name not in tied]
    if not _satisfiable(conj(asking), free):
        return None
    gone = {b.name for b in free}
    kept = [part for part in conjuncts(action.guard) if part not in asking]
    return replace(action, guard=conj(kept), binders=tuple(b for b in action.binders if b.name not in gone))


def _decides(action: Action, name: str) -> bool:
    """Whether a store depends on the choice."""
    exprs = (e for u in action.updates for e in (u.place, u.value, u.when))
    return any(name in _bound(expr) for expr in exprs)


def _bound(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Bound)}


def _satisfiable(expr: Expr, binders: Sequence[Binder]) -> bool:
    """Whether some choice may make the expression true; any object might."""
    names = {b.name: b.domain for b in binders if b.name in _bound(expr) and isinstance(b.domain, Range)}
    values = [range(domain.lo, domain.hi + 1) for domain in names.values()]
    for chosen in product(*values):
        given = dict(zip(names, chosen, strict=True))
        ground = rebuild(expr, lambda e, g=given: Const(g[e.name]) if isinstance(e, Bound) and e.name in g else None)  # type: ignore[misc]
        if not isinstance(ground, Const) or ground.value:
            return True
    return False
