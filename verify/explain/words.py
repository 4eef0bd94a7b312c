"""Clauses in the words of the source: one sentence for what is said of the same threads at the same places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verify.explain.literals import PENDING, negated
from verify.explain.outline import Topic, disjuncts, of_one_variable, topics
from verify.explain.places import Places, places
from verify.ir import (
    FALSE,
    FREE,
    LIFE,
    PC,
    PRIVATE,
    PUBLISHED,
    Binary,
    Bound,
    Const,
    Expr,
    Field,
    Global,
    Local,
    Ptr,
    Range,
    System,
    Threads,
    Unary,
    Wrap,
)
from verify.lower.races import BEFORE
from verify.report.names import bare
from verify.universal import MAKER, OBJECT, THREAD, Clause, parts, told_in

LIVES = {FREE: "does not exist", PRIVATE: "is not yet published", PUBLISHED: "is published"}
NOT_LIVES = {FREE: "exists", PRIVATE: "is not being made", PUBLISHED: "is not published"}
STARTER, START = "#starter", "#start"
TOLD = told_in("")


@dataclass(frozen=True, slots=True)
class Wording:
    """How variables are called: locals by location and name."""

    system: System
    places: Places
    locals: Mapping[tuple[int, str], str]


class Said(NamedTuple):
    """A sentence in parts: of what it speaks, under which conditions, and what it says."""

    subject: str
    conditions: tuple[str, ...]
    then: str


def sentences(
    system: System,
    clauses: Sequence[Clause],
    names: Mapping[tuple[int, str], str],
    background: Collection[Clause] = (),
) -> Sequence[str]:
    """What the clauses say, one sentence for each topic, and one for all of the background."""
    never = frozenset[int]().union(*(c.locations or () for c in clauses if c.body == FALSE))
    wording = Wording(system, places(system, never), names)
    said = [_told(wording, topic) for topic in _outline(wording, [c for c in clauses if c not in background])]
    plain = [_told(wording, topic) for topic in _outline(wording, [c for c in clauses if c in background])]
    if len(plain) > 1:
        numbered = "; ".join(f"({chr(ord('a') + n)}) {text}" for n, text in enumerate(plain))
        plain = [f"of how {system.thread}s are made, started and pointed to, whatever their fields hold: {numbered}"]
    return [*said, *plain]


def _outline(wording: Wording, clauses: Sequence[Clause]) -> Sequence[Topic]:
    order = sorted(clauses, key=lambda c: (c.thread, c.cls, sorted(c.locations or ()), len(list(parts(c.body)))))
    return topics(order, frozenset(wording.places.order))


def _told(wording: Wording, topic: Topic) -> str:
    """One sentence."""
    system = wording.system
    if topic.clauses[0].body == FALSE:
        return f"no {system.thread} is ever {places(system).within(topic.clauses[0].locations or ())}"
    said = [_sentence(wording, clause, topic.shared) for clause in topic.clauses]
    further = defaultdict[str, list[Said]](list)
    for part in topic.inner:
        where = wording.places.within(part.places or ())
        further[where] += [_sentence(wording, clause, part.shared) for clause in part.clauses]
    more = [f"while it is {where}: {_joined(some)}" for where, some in further.items()]
    return "; ".join([f"{said[0].subject}: {_joined(said)}", *more])


def _joined(group: Sequence[Said]) -> str:
    """What is said of one subject; what has the same conditions is said once under them, after what has none."""
    under = defaultdict[tuple[str, ...], list[str]](list)
    for said in sorted(group, key=lambda said: len(said.conditions)):
        under[said.conditions].append(said.then)
    return "; ".join(
        (f"if {' and '.join(conditions)}, " if conditions else "") + " and ".join(dict.fromkeys(then))
        for conditions, then in under.items()
    )


def _sentence(wording: Wording, clause: Clause, shared: Expr | None) -> Said:
    """Of what a clause speaks, and what it says, if the opposite of `shared` is its condition."""
    system = wording.system
    live = frozenset(wording.places.order)
    here = live if clause.locations is None else clause.locations & live
    tests = disjuncts(clause.body)
    if not clause.thread:
        subject = f"every {clause.cls}" if clause.cls else "always"
        return _if(wording, subject, tests, here, {OBJECT: "its "}, shared=shared)
    subject = f"every {system.thread}" if here == live else f"while a {system.thread} is {wording.places.within(here)}"
    if not clause.cls:
        return _if(wording, subject, tests, here, {THREAD: "its own "})
    pointer, other = _pointer(clause), "another" if clause.cls == system.thread else "a"
    if pointer is None:
        whose = "the other's " if clause.cls == system.thread else f"that {clause.cls}'s "
        said = _if(wording, subject, tests, here, {THREAD: "its own ", OBJECT: whose})
        return said._replace(conditions=(f"there is {other} {clause.cls}", *said.conditions))
    tie = Binary("!=", Local(pointer, Bound(THREAD)), Bound(OBJECT))
    rest = [test for test in tests if test != tie]
    name = local_name(wording, pointer, here)
    owner, to = (f"{name}->", f"its `{name}` points to") if name else (f"that {clause.cls}'s ", "it works on")
    said = _if(wording, subject, rest, here, {THREAD: "its own ", OBJECT: owner})
    return said._replace(conditions=(f"{to} {other} {clause.cls}", *said.conditions))


def _pointer(clause: Clause) -> str | None:
    """The local of a clause that says something only where this points to the object."""
    for test in disjuncts(clause.body):
        match test:
            case Binary("!=", Local(name), Bound(other)) if other == OBJECT:
                return name
            case _:
                pass
    return None


Owners = Mapping[str, str]


def _if(  # noqa: PLR0913 - what to say, and in which words
    wording: Wording, subject: str, tests: Sequence[Expr], here: frozenset[int], owners: Owners,
    *, shared: Expr | None = None,
) -> Said:  # fmt: skip
    """A disjunction as an implication: of what is most said of other things to what is left."""
    if len(tests) > 1 and of_one_variable(tests):
        return Said(subject, (), _or([phrase(wording, test, here, owners) for test in tests]))
    *conditions, last = sorted(tests, key=lambda test: (test != shared, _late(test)))
    said = [phrase(wording, negated(test), here, owners) for test in conditions]
    return Said(subject, tuple(said), phrase(wording, last, here, owners))


def _or(said: Sequence[str]) -> str:
    """That one of these is so; what all begin with is said once."""
    first, *others = said
    begin, _, value = first.rpartition(" is ")
    begin = f"{begin} is "
    if all(each.startswith(begin) for each in others):
        return f"{begin}{' or '.join([value, *(each.removeprefix(begin) for each in others)])}"
    return " or ".join(said)


def _late(test: Expr) -> int:
    """What reads better as a condition comes first: whether something exists, who makes it."""
    names = {part.name for part in parts(test) if isinstance(part, Field)}
    if names & {START}:
        return 0
    positive = isinstance(test, Binary) and test.op == "==" and test.right != Const(0)
    return 2 if positive or names & {LIFE} else 1


def phrase(wording: Wording, test: Expr, here: frozenset[int], owners: Owners) -> str:
    """A literal in words; `owners` says whose the variables of `t` and of `o` are: "its own ", "task 2's "."""
    match test:
        case Unary("!", Binary("has", left, right)):
            return f"{_who(right, owners)} {_among(left, wording, here, owners, 'is not', 'does not stand')}"
        case Binary("has", left, right):
            return f"{_who(right, owners)} {_among(left, wording, here, owners, 'is', 'stands')}"
        case Binary("==" | "!=" as op, Field(Bound(owner), _, name), Const(value)) if name == LIFE:
            words = (LIVES if op == "==" else NOT_LIVES)[value]
            return f"{_subject(owner, owners)} {words}"
        case Binary("==" | "!=" as op, Field(Bound(owner), _, name), right) if name in (MAKER, STARTER):
            deed = "is being made by" if name == MAKER else "is to be started by"
            if right == Const(0):
                who = "nobody" if op == "==" else "somebody"
            else:
                who = "itself" if right == Bound(owner) else _who(right, owners)
                deed = deed if op == "==" else deed.replace("is ", "is not ")
            return f"{_subject(owner, owners)} {deed} {who}"
        case Binary("==" | "!=" as op, Field(Bound(owner), _, name), Const(value)) if name == START:
            told = (op == "==") == (value > 0)
            at = f" at `{wording.system.locations[value].name}`" if value > 0 else ""
            return f"{_subject(owner, owners)} {'is' if told else 'is not'} told to begin{at}"
        case Binary("==" | "!=" as op, Field(Bound(owner), _, name), Const(value)) if name == told_in(PC):
            thread = f"{_thread_of(owner, owners)} thread {'is' if op == '==' else 'is not'}"
            return f"{thread} {wording.places.within([value])}"
        case Binary("==" | "!=" as op, Global() | Field() as place, right) if _is_lock(wording.system, place):
            named = _place(wording, place, here, owners)
            if right == Const(0):
                return f"{named} is {'free' if op == '==' else 'taken'}"
            return f"{_who(right, owners)} {'holds' if op == '==' else 'does not hold'} {named}"
        case Binary("==" | "!=" as op, Binary("&", place, Const(bit)), Const(0)):
            return f"bit {bit:#x} of {_place(wording, place, here, owners)} is {'clear' if op == '==' else 'set'}"
        case Binary("==" | "!=" as op, left, Const(value)):
            return f"{_place(wording, left, here, owners)} {_value(left, op, value, wording)}"
        case Binary("==" | "!=" as op, Local(name), Bound(owner)) if owner == THREAD:
            called = local_name(wording, name, here)
            if called:
                return f"its `{called}` {'points' if op == '==' else 'does not point'} to itself"
            return f"it {'works' if op == '==' else 'does not work'} on itself"
        case Binary("==" | "!=" as op, left, Bound() as right):
            return f"{_place(wording, left, here, owners)} {'is' if op == '==' else 'is not'} {_who(right, owners)}"
        case Binary("==" | "!=" as op, left, right):
            a, b = _place(wording, left, here, owners), _place(wording, right, here, owners)
            return f"{a} {'is' if op == '==' else 'is not'} {b}"
        case _:
            return str(test)


def _is_lock(system: System, place: Global | Field) -> bool:
    var = system.var(place)
    return var.lock and isinstance(var.domain, Ptr)


def _value(place: Expr, op: str, value: int, wording: Wording) -> str:
    """That a variable has a value, or has not; of one with two values it is said which it has."""
    assert isinstance(place, Global | Local | Field)  # noqa: S101 - of a test
    domain = wording.system.var(place).domain
    if isinstance(domain, Threads):
        return "is empty" if op == "==" else "is not empty"
    if not isinstance(domain, Range):
        return "is NULL" if op == "==" else "is not NULL"
    if op == "!=" and domain.hi - domain.lo == 1:
        op, value = "==", domain.lo + domain.hi - value
    return f"is {value}" if op == "==" else f"is not {value}"


def _among(left: Expr, wording: Wording, here: frozenset[int], owners: Owners, reads: str, stands: str) -> str:  # noqa: PLR0913, PLR0917 - what is said of whom
    """That a thread is in a set: of the readers of a lock, or of those that are about to access a field."""
    match left:
        case Field(pointer, cls, name) if name.startswith(BEFORE):
            how, _, field = name.removeprefix(BEFORE).partition(".")
            place = _place(wording, Field(pointer, cls, field), here, owners)
            return f"{stands} before a {how.replace('_', ' ')} of {place}"
        case Global(name) if BEFORE in name:  # of a global, or of a field of an object that is there from the start
            owner, _, rest = name.partition(BEFORE)
            how, _, field = rest.partition(".")
            return f"{stands} before a {how.replace('_', ' ')} of `{owner}{field}`"
        case _:
            return f"{reads} among the readers of {_place(wording, left, here, owners)}"


def _who(expr: Expr, owners: Owners) -> str:
    if expr == Bound(THREAD):
        mine = owners.get(THREAD, "its own ")
        return "it" if mine.startswith("its ") else mine.removesuffix("'s ")
    owner = owners.get(OBJECT, "its ")
    if owner.endswith("->"):
        return f"`{owner[:-2]}`"
    return "it" if owner == "its " else owner.removesuffix("'s ")


def _thread_of(owner: str, owners: Owners) -> str:
    prefix = owners.get(owner, "its ")
    return f"{prefix}task's" if prefix.endswith("->") else prefix.strip()


def _subject(owner: str, owners: Owners) -> str:
    return _who(Bound(owner), owners)


def _place(wording: Wording, place: Expr, here: frozenset[int], owners: Owners) -> str:
    match place:
        case Field(Bound(owner), _, name):
            prefix = owners.get(owner, "its ")
            if name.startswith(PENDING):
                return f"what {prefix.strip()} thread is to store in `{name.removeprefix(PENDING)}`, plus one,"
            if name.startswith(TOLD):
                local = name.removeprefix(TOLD)
                thread = f"{_thread_of(owner, owners)} thread"
                return f"what {thread} has read" if "#" in local else f"{thread}'s `{bare(local)}`"
            return f"`{prefix}{name}`" if prefix.endswith("->") else f"{prefix}`{name}`"
        case Local(name, _):
            called = local_name(wording, name, here)
            return f"its local `{called}`" if called else "what it has read"
        case Global(name):
            return f"`{name}`"
        case Binary("+", left, Const(value)):
            return f"{_place(wording, left, here, owners)} + {value}"
        case Wrap(_, _, arg):
            return _place(wording, arg, here, owners)
        case _:
            return str(place)


def local_name(wording: Wording, local: str, here: frozenset[int]) -> str:
    """What the source calls a local at some locations; empty if it is a value in between at one of them."""
    found = {
        _source_name(wording.locals[at, local])
        for at in wording.places.order
        if at in here and (at, local) in wording.locals
    }
    if not found and not wording.locals:
        found = {_source_name(local)}
    return found.pop() if len(found) == 1 else ""


def _source_name(local: str) -> str:
    """What a local is called where it is declared; empty for one that only exists between two steps."""
    return "" if "#" in {local[:1], local.partition(".")[2][:1]} else bare(local)
