"""A universal invariant in TLA+: each clause as a formula of threads `t` and objects `o`, IndInv their conjunction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verify.emit.places import Key, key_of
from verify.emit.properties import EmitError
from verify.emit.tla.kinds import Kind
from verify.emit.tla.layout import WIDTH, wrapped
from verify.emit.tla.terms import Reader
from verify.instances import THREAD as LOCALS
from verify.ir import FALSE, PC, TRUE, Expr, Field, Global, Local
from verify.universal import OBJECT, THREAD, Clause, operands

MOST_PARTS = 20_000  # of all bodies, written out


@dataclass(frozen=True, slots=True)
class Conjunct:
    """A clause with its name in the module, the variables that it reads, and its definition."""

    name: str
    clause: Clause
    reads: frozenset[Key]
    lines: tuple[str, ...]


def conjuncts_of(clauses: Sequence[Clause], reader: Reader) -> Sequence[Conjunct]:
    """The clauses that say something of where threads can stand. Raises EmitError where they are too long."""
    if sum(_size(clause.body, {}) for clause in clauses) > MOST_PARTS:
        raise EmitError("the invariant is too long to be read")
    found = list[Conjunct]()
    for clause in clauses:
        if clause.body != TRUE and (clause.locations is None or clause.locations & reader.names.labels.keys()):
            name = reader.names.namer.name(f"Inv{len(found) + 1}")
            where = frozenset({(LOCALS, PC)}) if clause.locations is not None else frozenset[Key]()
            lines = _defined(name, *_clause(clause, reader))
            found.append(Conjunct(name, clause, where | _reads(clause.body), tuple(lines)))
    return found


def definitions_of(conjuncts: Sequence[Conjunct]) -> Iterator[str]:
    """The lines that define the conjuncts and IndInv, which is a test of a state: each part asks what a value is in."""
    for conjunct in conjuncts:
        yield from conjunct.lines
    yield ""
    yield "IndInv =="
    yield "    /\\ TypeOK"
    yield from (f"    /\\ {conjunct.name}" for conjunct in conjuncts)
    yield ""


# ---- a clause ------------------------------------------------------------------------------------


def _defined(name: str, head: str, said: str) -> list[str]:
    """The definition, on one line if it fits."""
    line = f"{name} == {head}{said}"
    return [line] if len(line) <= WIDTH else [f"{name} ==", *wrapped(f"{head}{said}", 4, 8)]


def _clause(clause: Clause, reader: Reader) -> tuple[str, str]:
    """Of whom it speaks, and what it says."""
    system, sets = reader.system, reader.names.sets
    owners = {THREAD: system.thread} if clause.thread else {}
    owners |= {OBJECT: clause.cls} if clause.cls else {}
    here = replace(
        reader,
        bound={name: name for name in owners},
        sorts=dict.fromkeys(owners, Kind.CELL),
        ranges=dict.fromkeys(owners, (0, 1 << 31)),
        classes=owners,
    )
    who = [f"{THREAD} \\in {sets[system.thread]}"] if clause.thread else []
    if clause.thread and clause.cls == system.thread:
        who.append(f"{OBJECT} \\in {sets[clause.cls]} \\ {{{THREAD}}}")
        head = "".join(f"\\A {one} : " for one in who)
    else:
        who += [f"{OBJECT} \\in {sets[clause.cls]}"] if clause.cls else []
        head = f"\\A {', '.join(who)} : " if who else ""
    places = [] if clause.locations is None else [place for place in here.names.labels if place in clause.locations]
    if clause.body == FALSE and places:
        return head, _stands(places, here, there=False)
    body = here.cond(clause.body)
    if places and len(places) < len(here.names.labels):
        return head, f"{_stands(places, here, there=True)} => {body}"
    return head, body


def _stands(places: Sequence[int], here: Reader, *, there: bool) -> str:
    """That a thread is at one of some places, or at none of them; of all that there are, the fewer are listed."""
    labels = here.names.labels
    rest = [place for place in labels if place not in places]
    if 0 < len(rest) < len(places):
        places, there = rest, not there
    pc = f"{here.names.variables[LOCALS, PC]}[{THREAD}]"
    if len(places) == 1:
        return f"{pc} {'=' if there else '#'} {here.place(places[0])}"
    symbol = "\\in" if there else "\\notin"
    return f"{pc} {symbol} {{{', '.join(here.place(place) for place in places)}}}"


# ---- expressions whose parts may be shared -------------------------------------------------------


def _reads(body: Expr) -> frozenset[Key]:
    found, seen, todo = set[Key](), set[int](), [body]
    while todo:
        part = todo.pop()
        if id(part) not in seen:
            seen.add(id(part))
            found |= {key_of(part)} if isinstance(part, Global | Local | Field) else set()
            todo += operands(part)
    return frozenset(found)


def _size(expr: Expr, known: dict[int, int]) -> int:
    """How many parts an expression has if what is shared is written each time."""
    if id(expr) not in known:
        known[id(expr)] = 1 + sum(_size(part, known) for part in operands(expr))
    return known[id(expr)]


def last_read(conjuncts: Sequence[Conjunct], order: Sequence[Key]) -> Mapping[Key | None, Sequence[Conjunct]]:
    """The conjuncts by the last variable in that order that each reads; None of one that reads no variable."""
    place = {key: number for number, key in enumerate(order)}
    found = dict[Key | None, list[Conjunct]]()
    for conjunct in conjuncts:
        last = max((place[key] for key in conjunct.reads if key in place), default=None)
        found.setdefault(None if last is None else order[last], []).append(conjunct)
    return found
