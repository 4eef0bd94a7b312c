"""What has to be shown of a universal invariant: the theorem of docs/semantics.md in SMT-LIB 2.

Each question is whether something can go wrong, and the answer has to be `unsat`. Were there a state, of any number of
cells, in which it does, then that would be an answer: all that is claimed of the state before is so in every one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from verify import ir
from verify.certificates.query import DOMAINS, Pair, Part, Posed, Query
from verify.certificates.reading import (
    GLOBALS,
    ME,
    NULL,
    OTHER,
    THREADS,
    VIEWED,
    Env,
    NotCoveredError,
    Question,
    Term,
    Variable,
    every,
    place_of,
    some,
)
from verify.instances import spare
from verify.universal import OBJECT, THREAD, Clause, distinct, quantified

AFTER = "'"  # what the variables of the state after a step are marked with
Born = Mapping[str, ir.InitValue] | None  # values of fields; None: the object is free
Objects = Mapping[str, Sequence[Term]]  # by class
Keys = frozenset[tuple[str, str]]  # variables: their cells and names


def queries(
    system: ir.System, clauses: Sequence[Clause], prop: ir.Expr, axioms: Sequence[Clause] = ()
) -> Iterator[Query]:
    """All that has to be shown, where the axioms are true. Raises NotCoveredError for what few cells do not tell."""
    for update in (update for action in system.actions for update in action.updates):
        _refuse(update)
    for number, part in enumerate(_conjuncts(prop), start=1):
        yield Query("safety", [Part(None, number)], partial(_violated, system, [*clauses, *axioms], part))
    numbered = dict(enumerate(clauses, start=1))
    if clauses:
        yield Query("initiation", [Part(None, number) for number in numbered], partial(_begins, system, numbered))
    reads = {number: _keys(*distinct(clause.body)) for number, clause in numbered.items()}
    # A clause is about the thread that takes the step, another or none, and about that thread's object or any other.
    for thread in (ME, OTHER, NULL):
        for cls in ("", *system.classes):
            for viewed in [NULL] if not cls else [VIEWED, ME] if cls == system.thread and thread != ME else [VIEWED]:
                pair = Pair(thread, cls, viewed)
                about = {n: one for n, one in numbered.items() if (one.thread, one.cls) == (thread != NULL, cls)}
                parts = [part for action in system.actions for part in _risks(action, pair, about, reads)]
                if parts:
                    yield Query("steps", parts, partial(_broken, system, numbered, axioms, pair), pair)


def _refuse(update: ir.Update) -> None:
    """Raise NotCoveredError for a store to cells that are not told by the step and the cell alone."""
    match update:
        case ir.Update(ir.Local(_, of)) if of is not None:
            raise NotCoveredError("a step changes another thread's locals")
        case ir.Update(place, _, ir.Binder(name, domain)):
            if not isinstance(place, ir.Field) or place.pointer != ir.Bound(name) or domain != ir.Ptr(place.cls):
                raise NotCoveredError("a broadcast stores somewhere else than in the objects that it goes to")


def _keys(*exprs: ir.Expr) -> Keys:
    """The variables among some expressions."""
    return frozenset(place_of(expr)[:2] for expr in exprs if isinstance(expr, ir.Place))


def _said(q: Question, clause: Clause, thread: Term, viewed: Term, prime: str = "") -> Term:
    """That a clause holds of a thread and an object not its own, as far as it is about such and they are there."""
    env = ((THREAD, thread), (OBJECT, viewed))
    holds = [q.holds(clause.body, env, prime).name]
    holds += [f"(= {thread} c0)"] * clause.thread + [f"(= {viewed} c0)"] * bool(clause.cls)
    holds += [f"(= {thread} {viewed})"] * (clause.thread and clause.cls == q.system.thread)
    if clause.locations is not None:
        pc = q.variable(THREADS, q.system.locals[0], thread, prime)
        holds.append(f"(not {some(f'(= {pc} {q.number(at)})' for at in sorted(clause.locations))})")
    return q.term(some(holds))


def _all_said(
    q: Question, clauses: Sequence[Clause], threads: Sequence[Term], objects: Objects, prime: str = ""
) -> Iterator[Term]:
    """That clauses hold of all of some threads and objects."""
    for clause in clauses:
        for thread in threads if clause.thread else [NULL]:
            for viewed in objects[clause.cls] if clause.cls else [NULL]:
                yield _said(q, clause, thread, viewed, prime)


def _cells(system: ir.System, *cells: tuple[str, Term]) -> dict[str, list[Term]]:
    """Objects by class."""
    return {cls: list(dict.fromkeys(at for of, at in cells if of == cls and at != NULL)) for cls in system.classes}


# ---- consecution and typing ----------------------------------------------------------------------


def _risks(
    action: ir.Action, pair: Pair, about: Mapping[int, Clause], reads: Mapping[int, Keys]
) -> Iterator[Part]:
    """The clauses about a pair that a step may break: they read what it writes, or begin to speak where it leads.

    Its stores are asked about with its own thread, and those of a broadcast with any object as well.
    """
    own, written = pair.thread == ME, _keys(*(update.place for update in action.updates))
    written = written | {(THREADS, ir.PC)} if own else frozenset(each for each in written if each[0] != THREADS)
    for number, clause in about.items():
        if written & reads[number] or (own and clause.locations is not None and action.source not in clause.locations):
            yield Part(action, number)
    goes_to = {update.each.domain for update in action.updates if update.each}
    if pair == (ME, "", NULL) or (pair.thread == NULL and pair.object == VIEWED and ir.Ptr(pair.cls) in goes_to):
        yield Part(action, DOMAINS)


def _broken(
    system: ir.System, clauses: Mapping[int, Clause], axioms: Sequence[Clause], pair: Pair, parts: Sequence[Part]
) -> Posed:
    """That all clauses hold, one of the actions is taken, and breaks a clause of the pair or leaves a domain."""
    its = [(system.thread, pair.thread), (pair.cls, pair.object)]
    q = Question(system, ME, [ME, *[OTHER] * (pair.thread == OTHER)], _cells(system, (system.thread, ME), *its))
    steps = {id(a): (a, tuple((b.name, q.chosen(b.name, b.domain)) for b in a.binders)) for a, _ in parts if a}
    for action, env in steps.values():
        q.follow([action.guard, *(e for u in action.updates for e in (u.place, u.value, u.when))], env)
    lost = {n: f"(not {_said(q, clauses[n], pair.thread, pair.object, AFTER)})" for _, n in parts if n != DOMAINS}
    q.claim(_all_said(q, [*clauses.values(), *axioms], q.threads, q.objects))
    q.claim(_all_said(q, axioms, [pair.thread] * (pair.thread != NULL), _cells(system, *its), AFTER))
    after = [(term, variable) for term, variable in q.variables.items() if variable[-1]]
    cases = list[str]()
    for action, env in steps.values():
        numbers = [number for of, number in parts if of is action]
        can = [f"(= {q.variable(THREADS, system.locals[0], ME)} {q.number(action.source)})", q.holds(action.guard, env)]
        can += [q.truth(dict(env)[b.name]) for b in action.binders if isinstance(b.domain, ir.Ptr)]
        does = [f"(= {term} {_stored(q, action, env, variable)})" for term, variable in after]
        strays = _strays(q, action, env) if DOMAINS in numbers else ()
        wrong = every([*does, some(lost[number] for number in numbers if number != DOMAINS)])
        cases.append(every([*can, some([wrong, *strays])]))
    q.claim([some(cases)])
    return Posed(q, env, ((THREAD, pair.thread), (OBJECT, pair.object)), action, clauses.get(parts[0].number))


def _stored(q: Question, action: ir.Action, env: Env, variable: Variable) -> Term:
    """What a variable is after the step."""
    cell, var, at, _ = variable
    found = q.variable(cell, var, at)
    if (cell, var.name) == (THREADS, ir.PC):
        found = q.either(f"(= {at} {ME})", q.number(action.target), found)
    for update in action.updates:
        if place_of(update.place)[:2] == (cell, var.name):
            inner = (*env, (update.each.name, at)) if update.each else env
            hit = f"(and (= {q.cell(update.place, inner)} {at}) {q.holds(update.when, inner)})"
            found = q.either(hit, q.read(update.value, inner), found)
    return found


def _strays(q: Question, action: ir.Action, env: Env) -> Iterator[str]:
    """That the step stores a value outside of the domain of its variable."""
    for update in action.updates:
        domain = q.system.var(update.place).domain
        if isinstance(domain, ir.Range):
            for at in q.objects[place_of(update.place)[0]] if update.each else [NULL]:
                inner = (*env, (update.each.name, at)) if update.each else env
                value = q.value(q.read(update.value, inner))
                out = f"(or (bvslt {value} {q.number(domain.lo)}) (bvslt {q.number(domain.hi)} {value}))"
                yield every([f"(distinct {q.cell(update.place, inner)} c0)", q.holds(update.when, inner), out])


# ---- initiation ----------------------------------------------------------------------------------


def _begins(system: ir.System, clauses: Mapping[int, Clause], parts: Sequence[Part]) -> Posed:
    """That some clause does not hold of a thread of any group, or an idle one, and of any object at the start."""
    q, tasks, some_clauses = Question(system, NULL, [ME], {}), system.thread, [clauses[number] for _, number in parts]
    threads: list[tuple[int, Born]] = [(group.entry, group.values) for group in system.groups]
    shared = [_is(q, GLOBALS, var, ME, (var.default,)) for var in system.globals if not var.rigid]
    cases = list[str]()
    for entry, values in [*threads, *[(ir.IDLE, None)] * (tasks in system.created)]:
        own = [_is(q, THREADS, v, ME, (entry if v.name == ir.PC else v.default,)) for v in system.locals]
        for cls in ("", *system.classes):
            there = some(_born(q, cls, VIEWED, way) for way in _births(system, cls)) if cls else "true"
            lost = some(f"(not {_said(q, clause, ME, VIEWED)})" for clause in some_clauses if clause.cls == cls)
            cases.append(every([*shared, *own, _born(q, tasks, ME, values), there, lost]))
    q.claim([some(cases)])
    return Posed(q, (), ((THREAD, ME), (OBJECT, VIEWED)), None, some_clauses[0])


def _births(system: ir.System, cls: str) -> Iterator[Born]:
    """How objects of a class can be at the start."""
    groups = [group.values for group in system.groups]
    yield from [None] * (cls in spare(system))
    yield from groups if cls == system.thread else []
    yield from [{}] * (cls != system.thread and any(ir.Fresh(cls) in values.values() for values in groups))


def _born(q: Question, cls: str, at: Term, values: Born) -> str:
    """That an object is as it is born, with some values for its fields; or free."""
    initial = {name: (value,) for (of, name), value in q.system.initial.items() if of == cls}
    born = {} if values is None else {**initial, **values, ir.LIFE: (ir.PUBLISHED,)}
    return every(_is(q, cls, var, at, born.get(var.name, (var.default,))) for var in q.system.classes[cls].fields)


def _is(q: Question, cell: str, var: ir.Var, at: Term, values: ir.InitValue) -> str:
    """That a variable has one of the values that it may have at the start."""
    here = q.variable(cell, var, at)
    if isinstance(values, ir.Fresh):
        return f"(distinct {here} c0)"
    if not isinstance(var.domain, ir.Range) and set(values) != {0}:
        raise NotCoveredError(f"`{var.name}` points to a certain object at the start")
    return some(f"(= {here} {q.number(value)})" for value in values)


# ---- safety --------------------------------------------------------------------------------------


def _conjuncts(prop: ir.Expr) -> Iterator[ir.Expr]:
    todo = [prop]
    while todo:
        match todo.pop():
            case ir.Binary("&&", left, right):
                todo += [right, left]
            case part:
                yield part


def _violated(system: ir.System, known: Sequence[Clause], prop: ir.Expr, _: Sequence[Part]) -> Posed:
    """That all clauses hold of some thread and of all that the property speaks of, and it is false of them."""
    q, bound = Question(system, NULL, [ME], _cells(system, (system.thread, ME))), list[tuple[str, Term]]()

    def false(part: ir.Expr, env: Env) -> str:
        match part:
            case ir.Quant("forall", ir.Binder(name, domain), body):
                one = q.chosen(f"{name}, {len(bound)}", domain)
                bound.append((name, one))
                if isinstance(domain, ir.Range):
                    return false(body, (*env, (name, one)))
                q.objects[domain.cls].append(one)
                q.threads += [one] * (domain.cls == system.thread)
                return f"(and (distinct {one} c0) {false(body, (*env, (name, one)))})"
            case ir.Binary("&&" | "||" as op, left, right) if quantified(part):
                return f"({'or' if op == '&&' else 'and'} {false(left, env)} {false(right, env)})"
            case _ if quantified(part):
                raise NotCoveredError("the property has other quantifiers than `forall`")
            case _:
                q.follow([part], env)
                return f"(not {q.holds(part, env)})"

    q.claim([false(prop, ())])
    q.claim(_all_said(q, known, q.threads, q.objects))
    return Posed(q, (), tuple(bound), None, None, prop)
