"""What has to be shown of a universal invariant, as the theorem of docs/semantics.md states it, in SMT-LIB 2.

Thread 1 takes the steps, thread 2 looks on, object 3 is any object of its class, and objects from 4 on are those that
a step goes through besides. Each question is whether an obligation can be broken: the answer has to be `unsat`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from verify.certificates.cells import (
    THREADS,
    Env,
    NotCoveredError,
    Reader,
    any_value,
    at_hand,
    room,
    variables,
)
from verify.certificates.said import Pair, Said, is_about, keys, objects_of, parts_of
from verify.certificates.starts import initiation
from verify.certificates.steps import enough, step
from verify.certificates.witness import Witness
from verify.certificates.words import Term, Words
from verify.ir import PC, Action, Binary, Bound, Expr, Field, Me, Ptr, Quant, System
from verify.universal import OBJECT, THREAD, Clause

ACTOR, OTHER, VIEWED, FURTHER = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Query:
    """Obligations that are all met if the script is unsatisfiable; `halves` are the same as two, or none."""

    name: str
    count: int
    pose: Callable[[], Witness]
    halves: Callable[[], Sequence[Query]] = tuple
    action: Action | None = None  # the only one whose steps it is about

    def script(self) -> str:
        """The question as text."""
        return self.pose().script()


def queries(
    system: System, clauses: Sequence[Clause], prop: Expr, axioms: Sequence[Clause] = ()
) -> Iterator[Query]:
    """All that has to be shown, where the axioms are true. Raises NotCoveredError for what few cells do not tell."""
    yield from _safety(system, [*clauses, *axioms], prop)
    if clauses:
        yield _begins(system, list(enumerate(clauses, start=1)), "initiation")
    yield from _consecution(system, clauses, axioms)


def _begins(system: System, some: Sequence[tuple[int, Clause]], name: str) -> Query:
    """That some clauses hold at the start."""

    def halves() -> Sequence[Query]:
        middle = len(some) // 2
        parts = [some[:middle], some[middle:]] if middle else []
        return [_begins(system, part, f"initiation x {part[0][0]}") for part in parts]

    return Query(name, len(some), partial(initiation, system, [clause for _, clause in some]), halves)


# ---- consecution and typing ----------------------------------------------------------------------


def _consecution(system: System, clauses: Sequence[Clause], axioms: Sequence[Clause]) -> Iterator[Query]:
    """That a step keeps what is said of the thread that takes it, of another thread and of any object."""
    tasks = system.thread
    for who in (ACTOR, OTHER, 0):
        for cls in ("", *system.classes):
            for index in [0] if not cls else [VIEWED] if cls != tasks or who == ACTOR else [VIEWED, ACTOR]:
                pair = (who, cls, index)
                about = [(n, clause) for n, clause in enumerate(clauses, start=1) if is_about(clause, pair)]
                risks = [_risk(action, about, pair) for action in system.actions]
                if risks := [risk for risk in risks if risk.lost or risk.stray]:
                    yield _steps(system, clauses, axioms, pair, risks)


class Risk(NamedTuple):
    """What an action might do: break some clauses, and store a value outside of its domain."""

    action: Action
    lost: Sequence[tuple[int, Clause]]
    stray: bool


def _risk(action: Action, about: Sequence[tuple[int, Clause]], pair: Pair) -> Risk:
    """What a step might do with a pair: break clauses that read what it writes, or that begin to speak where it leads.

    The typing of an action is asked with the thread that takes it: of its own stores, and of those in any object.
    """
    own = pair[0] == ACTOR
    written = {key for update in action.updates for key in keys(update.place, top=True)}
    written = written | {(THREADS, PC)} if own else {key for key in written if key[0] != THREADS}
    lost = []
    for number, clause in about:
        moved = own and clause.locations is not None and action.source not in clause.locations
        if moved or not written.isdisjoint(keys(clause.body)):
            lost.append((number, clause))
    each = {update.each.domain for update in action.updates if update.each}
    stray = pair == (ACTOR, "", 0) or (pair[0] == 0 and pair[2] == VIEWED and Ptr(pair[1]) in each)
    return Risk(action, lost, stray)


def _steps(
    system: System, clauses: Sequence[Clause], axioms: Sequence[Clause], pair: Pair, risks: Sequence[Risk]
) -> Query:
    count = sum(len(risk.lost) + risk.stray for risk in risks)

    def halves() -> Sequence[Query]:
        middle, (action, lost, stray) = len(risks) // 2, risks[0]
        if middle:
            parts = [risks[:middle], risks[middle:]]
        elif count > 1:
            half = len(lost) // 2 + (len(lost) == 1)
            parts = [[Risk(action, lost[:half], False)], [Risk(action, lost[half:], stray)]]
        else:
            parts = []
        return [_steps(system, clauses, axioms, pair, part) for part in parts if part[0].lost or part[0].stray]

    first = risks[0]
    what = ", ".join([*(str(number) for number, _ in first.lost), *["domains"] * first.stray])
    who = {ACTOR: "its own thread", OTHER: "another thread", 0: "any object"}[pair[0]]
    who += f", {pair[1]}" * bool(pair[1]) + " of the step" * (pair[2] == ACTOR)
    of = f" of {who}" if pair != (ACTOR, "", 0) else ""
    alone = first.action if len(risks) == 1 else None
    name = f"{alone.label} x {what}{of}" if alone else f"steps x {who}"
    return Query(name, count, partial(_broken, system, clauses, axioms, pair, risks), halves, alone)


def _broken(
    system: System, clauses: Sequence[Clause], axioms: Sequence[Clause], pair: Pair, risks: Sequence[Risk]
) -> Witness:
    """That all clauses hold, one of the actions is taken, and breaks a clause of the pair or leaves a domain."""
    words, tasks = Words(), system.thread
    fixed = {(tasks, ACTOR), *objects_of(system, pair)}
    more = {cls: max(len(_followed(risk.action, cls)) for risk in risks) for cls in system.classes}
    objects = {
        cls: [*sorted(i for c, i in fixed if c == cls), *range(FURTHER, FURTHER + more[cls])] for cls in system.classes
    }
    real = {(cls, i): words.flag() for cls in system.classes for i in objects[cls] if (cls, i) not in fixed}
    threads = [ACTOR, OTHER] if pair[0] == OTHER else [ACTOR]
    binders = max(len(risk.action.binders) for risk in risks)
    before = at_hand(words, system, objects, threads, real, further=FURTHER, binders=binders)
    most = room(system, objects, threads)
    seen = [
        (slot, var) for slot, var in variables(system, objects, threads)
        if (slot[:2] in ({("", 0), (THREADS, ACTOR)} if pair[0] == ACTOR else {("", 0)}))
        or (slot[0], slot[1]) in objects_of(system, pair)
    ]
    after = {slot: any_value(words, var, most, max(objects[tasks])) for slot, var in seen}
    later = Said(clauses, Reader(replace(before, values={**before.values, **after})))
    cases = []
    for action, lost, stray in risks:
        does = step(before, action)
        same = [words.equal(after[slot], does.stores.get(slot, before.values[slot])) for slot in after]
        broken = [words.inverse(later.body(clause, pair)) for _, clause in lost]
        kept = words.both([*same, words.some(broken)])
        cases.append(words.both([does.can, words.some([kept, does.strays if stray else 0])]))
    known = Said([*clauses, *axioms], Reader(before)).known()
    within = _within(system, pair)
    afterwards = [later.body(axiom, part) for part in within for axiom in axioms if is_about(axiom, part)]
    asserted = words.both([*known, *afterwards, words.some(cases)])
    if len(risks) > 1 or len(lost) + stray > 1:
        return Witness(words, asserted, before.values)
    clause = lost[0][1] if lost else None
    bound = {THREAD: words.number(pair[0]), OBJECT: words.number(pair[2])}
    return Witness(
        words, asserted, before.values, does.stores, does.choices, bound, action, clause,
        clause.body if clause is not None else None,
    )  # fmt: skip


def _within(system: System, pair: Pair) -> list[Pair]:
    """A pair and what it is made of."""
    found: list[Pair] = [pair, (pair[0], "", 0), (0, "", 0), *((0, *each) for each in objects_of(system, pair))]
    return list(dict.fromkeys(found))


def _followed(action: Action, cls: str) -> set[Expr]:
    """The pointers to a class that an action goes through, besides its own object and those of a broadcast."""
    exprs = _exprs(action)
    inner = {part.binder.name for part in parts_of(*exprs) if isinstance(part, Quant)}
    inner |= {update.each.name for update in action.updates if update.each}
    inner -= {binder.name for binder in action.binders}
    through = {part.pointer for part in parts_of(*exprs) if isinstance(part, Field) and part.cls == cls}
    return through - {Me(), *map(Bound, inner)}


def _exprs(action: Action) -> list[Expr]:
    return [action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))]


# ---- safety --------------------------------------------------------------------------------------


def _safety(system: System, clauses: Sequence[Clause], prop: Expr) -> Iterator[Query]:
    """That the clauses imply each conjunct of the property."""
    todo, number = [prop], 0
    while todo:
        part = todo.pop()
        if isinstance(part, Binary) and part.op == "&&":
            todo += [part.right, part.left]
            continue
        number += 1
        yield Query(f"safety x {number}", 1, partial(_violated, system, clauses, part))


def _violated(system: System, clauses: Sequence[Clause], prop: Expr) -> Witness:
    """That all clauses hold of some cells, and the property is false of them."""
    words, chosen, bound = Words(), list[tuple[str, Term]](), dict[str, Term]()
    count = max(sum(isinstance(part, Quant) and isinstance(part.binder.domain, Ptr) for part in parts_of(prop)), 1)
    further = count + len(_through(prop))
    objects = {cls: range(1, further + 1) for cls in system.classes}
    real = {(cls, i): words.flag() for cls in objects for i in objects[cls] if (cls, i) != (system.thread, 1)}
    cells = at_hand(words, system, objects, range(1, count + 1), real, further=count + 1)
    reader = Reader(cells)

    def false(part: Expr, env: Env) -> Term:
        match part:
            case Quant("forall", binder, body):
                if isinstance(binder.domain, Ptr):
                    term = words.variable(1, count)
                    chosen.append((binder.domain.cls, term))
                else:
                    term = words.variable(binder.domain.lo, binder.domain.hi)
                bound[binder.name] = term
                return false(body, (*env, (binder.name, term)))
            case Binary("&&", left, right) if _quantified(part):
                return words.some([false(left, env), false(right, env)])
            case Binary("||", left, right) if _quantified(part):
                return words.both([false(left, env), false(right, env)])
            case _ if _quantified(part):
                raise NotCoveredError("the property has other quantifiers than `forall`")
            case _:
                return words.inverse(reader.read(part, env))

    needs = [false(prop, ())]
    further_on = [each for each in reader.touched if each not in chosen]
    for cls, pointer in (*enough(cells, further_on), *chosen):
        leads = [words.equal(pointer, words.number(index)) for index in objects[cls]]
        needs.append(words.some([words.inverse(words.truth(pointer)), *leads]))
        needs += [words.some([words.inverse(leads[i - 1]), cells.exists(cls, i)]) for i in objects[cls]]
    asserted = words.both([*Said(clauses, Reader(cells)).known(), *needs])
    return Witness(words, asserted, cells.values, bound=bound, body=_matrix(prop))


def _matrix(prop: Expr) -> Expr:
    """A property without its quantifiers."""
    match prop:
        case Quant(_, _, body):
            return _matrix(body)
        case Binary(op, left, right) if _quantified(prop):
            return Binary(op, _matrix(left), _matrix(right))
        case _:
            return prop


def _through(prop: Expr) -> set[Expr]:
    """The pointers that a property goes through, besides names."""
    return {part.pointer for part in parts_of(prop) if isinstance(part, Field) and not isinstance(part.pointer, Bound)}


def _quantified(expr: Expr) -> bool:
    return any(isinstance(part, Quant) for part in parts_of(expr))
