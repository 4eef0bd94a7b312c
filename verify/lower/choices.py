"""The steps out of one place: whether one can always be taken, and which of them say the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from verify.ir import TRUE, Action, Binary, Binder, Bound, Const, Expr, Range, Unary
from verify.lower.flow import is_skip
from verify.lower.simplify import INVERSE, conj, conjuncts, disj, negate, parts, rebuild

PAIR = 2
MOST_ATOMS = 8
ALL_ROWS = (1 << (1 << MOST_ATOMS)) - 1
ROWS = tuple(sum(1 << row for row in range(1 << MOST_ATOMS) if row >> atom & 1) for atom in range(MOST_ATOMS))


def always(actions: Sequence[Action]) -> bool:
    """Whether one of the actions out of a location can be taken in any state, as far as their guards show."""
    if any(is_skip(action) or (action.guard == Const(1) and not action.binders) for action in actions):
        return True
    guards = [action.guard for action in actions if not action.binders]
    opposite = len(guards) == PAIR and (negate(guards[0]) == guards[1] or negate(guards[1]) == guards[0])
    return opposite or tautology(disj(guards))


def tautology(expr: Expr) -> bool:
    """Whether the expression is true whatever its atoms are: a sufficient test."""
    atoms: dict[Expr, int] = {}
    return _table(expr, atoms) == ALL_ROWS and len(atoms) <= MOST_ATOMS


def _table(expr: Expr, atoms: dict[Expr, int]) -> int:
    """The truth table of the Boolean shape of an expression, a bit for each row; an atom past the last is false."""
    match expr:
        case Const(value):
            return ALL_ROWS if value else 0
        case Binary("&&", left, right):
            return _table(left, atoms) & _table(right, atoms)
        case Binary("||", left, right):
            return _table(left, atoms) | _table(right, atoms)
        case Unary("!", arg) | Binary("==", arg, Const(0)):
            return ALL_ROWS ^ _table(arg, atoms)
        case Binary("!=" | ">=" | "<=" as op, left, right):
            return ALL_ROWS ^ _table(Binary(INVERSE[op], left, right), atoms)
        case _:
            number = atoms.setdefault(expr, len(atoms))
            return ROWS[number] if number < MOST_ATOMS else 0


def fewest(actions: Sequence[Action]) -> list[Action]:
    """The actions without those that can do nothing another cannot: same places, same stores, no weaker guard."""
    groups = defaultdict[tuple[object, ...], list[Action]](list)
    ways = Counter((action.source, action.target) for action in actions)
    for action in actions:
        alone = ways[action.source, action.target] == 1
        deed = () if alone else (action.updates, action.binders)
        groups[action.source, action.target, *deed].append(action)
    result = list[Action]()
    for found in groups.values():
        if len(found) == 1:
            result += found
        elif not found[0].binders and always(found):
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
    if not action.binders:
        return action
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
