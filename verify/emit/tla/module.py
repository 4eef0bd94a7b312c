"""The module of a system: declarations, TypeOK, Init, an operator for each location, Next, Spec, properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from verify.emit.idents import camel
from verify.emit.places import Key, local_of, variables
from verify.emit.properties import EmitError, Liveness, Property
from verify.emit.tla.invariant import Conjunct, conjuncts_of, definitions_of
from verify.emit.tla.kinds import Kinds, kinds_of
from verify.emit.tla.later import later
from verify.emit.tla.layout import WIDTH, boxed, item, noted, plain, titled, wrapped
from verify.emit.tla.names import Names, names_of
from verify.emit.tla.preamble import definitions, needed
from verify.emit.tla.starts import Starts
from verify.emit.tla.steps import Groups, by_function, groups_of, writer
from verify.emit.tla.terms import CHAINED, Helpers, Reader, chain
from verify.emit.tla.types import type_ok, types_of
from verify.instances import THREAD
from verify.ir import PC, Ptr, Quant, System, Var
from verify.universal import MAKER, Clause, told_in

RULE = "-" * 79
HISTORY: Mapping[str, str] = {  # of a system that was made small for a proof
    MAKER: "which thread makes it",
    "#starter": "which thread is to start it",
    "#start": "the number of the place where its thread is to begin",
    told_in(PC): "where its thread stands",
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A system as a module."""

    module: str
    system: System
    names: Names
    kinds: Kinds
    properties: tuple[tuple[str, Property], ...]  # with their identifiers
    lines: tuple[str, ...]
    types: Mapping[str, str]  # of each variable the set that it is in
    conjuncts: tuple[Conjunct, ...] = ()  # of the invariant, if there is one
    liveness: tuple[tuple[str, Liveness], ...] = ()  # with theirs; without those that nobody can break
    helpers: frozenset[str] = frozenset()  # the operators of the preamble that it defines

    @property
    def text(self) -> str:
        """The text of the module."""
        return "\n".join(self.lines) + "\n"


def specify(  # noqa: PLR0913 - what a module may have
    module: str, system: System, properties: Sequence[Property], header: Sequence[str],
    *, liveness: Sequence[Liveness] = (), clauses: Sequence[Clause] | None = None,
) -> Spec:  # fmt: skip
    """Write a system as a module, with the `clauses` of an invariant, if there is one.

    Raises EmitError for numbers that TLC cannot count with, and for an invariant that is too long.
    """
    names = names_of(system)
    helpers = Helpers()
    reader = Reader(system, names, kinds_of(system), helpers)
    groups = groups_of(system, names)
    called = [(names.namer.name(camel(prop.name), f"{camel(prop.name)}Inv"), prop) for prop in properties]
    actions = list(_actions(system, names, groups, reader))
    said = [line for name, prop in called for line in definition_of(name, prop, reader)]
    promised = later(liveness, names, names.sets[system.thread])
    conjuncts = conjuncts_of(clauses or (), reader)
    invariant = [] if clauses is None else [RULE, *definitions_of(conjuncts)]
    begin = Starts(system, names, reader).lines()
    types = types_of(reader)
    lines = [
        titled(module),
        *boxed(header),
        "EXTENDS Integers, Sequences",
        "",
        *constants(names),
        "",
        *_variables(system, names, groups),
        "",
        *type_ok(types),
        "",
        RULE,
        *_helpers(system, names, helpers),
        *begin,
        "",
        RULE,
        *actions,
        RULE,
        *_next(system, names),
        "",
        RULE,
        *said,
        *promised.lines,
        *invariant,
        "=" * 79,
    ]
    return Spec(
        module, system, names, reader.kinds, tuple(called), tuple(lines), types, tuple(conjuncts), promised.properties,
        needed(helpers),
    )


# ---- declarations --------------------------------------------------------------------------------


def constants(names: Names) -> Iterator[str]:
    """The cells, and what is assumed of them."""
    yield "CONSTANTS"
    for cls, name in names.ids.items():
        yield noted(f"    {name},", f"cells for each struct {cls}, in the order in which the first are taken", 20)
    yield noted("    NULL", "the pointer to nothing", 20)
    yield ""
    for cls, name in names.sets.items():
        yield f"{name} == {{{names.ids[cls]}[i] : i \\in DOMAIN {names.ids[cls]}}}"
    yield ""
    yield "ASSUME Cells =="
    for name in names.ids.values():
        yield f"    /\\ \\A i, j \\in DOMAIN {name} : {name}[i] = {name}[j] => i = j"
    for name in names.sets.values():
        yield f"    /\\ NULL \\notin {name}"
    sets = list(names.sets.values())
    for number, one in enumerate(sets):
        for two in sets[number + 1 :]:
            yield f"    /\\ {one} \\cap {two} = {{}}"
    if names.statics:
        yield ""
    for (cls, index), name in names.statics.items():
        yield f"{name} == {names.ids[cls]}[{index}]"


def _variables(system: System, names: Names, groups: Groups) -> Iterator[str]:
    yield "VARIABLES"
    keys = [(key, var) for key, var in variables(system) if key in names.variables]
    for number, (key, var) in enumerate(keys):
        comma = "," if number < len(keys) - 1 else ""
        yield noted(f"    {names.variables[key]}{comma}", meaning(key, var), 36)
    for name, members in groups.of.items():
        if len(members) > 1:
            yield ""
            yield from wrapped(f"{name} == <<{', '.join(members)}>>", 0, 4)
    yield ""
    yield from wrapped(f"vars == <<{', '.join(groups.of)}>>", 0, 4)


def meaning(key: Key, var: Var) -> str:
    """What a variable is, in a few words."""
    cell, name = key
    match cell, name:
        case _, "#life":
            return f"whether a struct {cell} is there, and known to others"
        case _, _ if name in HISTORY:
            return f"history: {HISTORY[name]}"
        case _, _ if name.startswith(told_in("")):
            return f"history: what {local_of(name.removeprefix(told_in('')))[1]} is in its thread"
        case _, _ if name.startswith("#") and cell != THREAD:
            return "history"
        case "thread", "#pc":
            return "where each thread stands"
        case "", _:
            return f"{name}{', a lock: its owner' if var.lock else ''}"
        case "thread", _:
            function, what = local_of(name)
            return f"between two steps of {function}" if ".#" in name else f"local {what} of {function or 'a thread'}"
        case _:
            return f"{cell}->{name}{', a lock: its owner' if var.lock and isinstance(var.domain, Ptr) else ''}"


# ---- behaviour -----------------------------------------------------------------------------------


def _helpers(system: System, names: Names, helpers: Helpers) -> Iterator[str]:
    yield "(* Helpers *)"
    yield "Goto(self, from, to) == pc[self] = from /\\ pc' = [pc EXCEPT ![self] = to]"
    yield "Rank(c, ids) == CHOOSE i \\in DOMAIN ids : ids[i] = c"
    yield from definitions(system, names, helpers)
    yield ""
    yield RULE


def _actions(system: System, names: Names, groups: Groups, reader: Reader) -> Iterator[str]:
    write = writer(system, names, groups, reader)
    for function, found in by_function(system).items():
        yield f"(* {function}() *)" if function != "exit" else "(* the end of a thread *)"
        yield ""
        for location, actions in found:
            try:
                yield from write.operator(location, actions)
            except EmitError as error:
                span = actions[0].micro[0].span
                message = f"{span}: {error}" if span.end else str(error)
                raise EmitError(message) from error
            yield ""
        yield f"{names.functions[function]}(self) =="
        yield from _either(f"{names.labels[location]}(self)" for location, _ in found)
        yield ""


def _either(parts: Iterator[str]) -> Iterator[str]:
    """A disjunction, as many parts on a line as fit; of none, what is never true."""
    found = list(parts)
    line = "   " if found else "    FALSE"
    for part in found:
        if len(line) + len(part) + 4 > WIDTH - 10:
            yield line
            line = "   "
        line += f" \\/ {part}"
    yield line


def _next(system: System, names: Names) -> Iterator[str]:
    thread = names.sets[system.thread]
    ended = [f'"{names.labels[place]}"' for place in names.labels if system.locations[place].kind != "run"]
    yield "Step(self) =="
    yield from _either(f"{name}(self)" for name in names.functions.values())
    yield ""
    yield "Finished =="
    yield from wrapped(f"\\A t \\in {thread} : pc[t] \\in {{{', '.join(ended)}}}", 4, 6)
    yield ""
    yield "Terminating ==  \\* all is done: stutter, so that this is no deadlock"
    yield "    Finished /\\ UNCHANGED vars"
    yield ""
    yield f"Next == (\\E self \\in {thread} : Step(self)) \\/ Terminating"
    yield ""
    yield f"Fairness == \\A self \\in {thread} : WF_vars(Step(self))"
    yield ""
    yield "Spec     == Init /\\ [][Next]_vars"
    yield "FairSpec == Spec /\\ Fairness"
    yield ""


def definition_of(name: str, prop: Property, reader: Reader) -> Iterator[str]:
    """A property as an operator."""
    if prop.note:
        yield noted("", plain(prop.note), 0).lstrip()
    yield f"{name} =="
    body = prop.expr
    if body is None:
        yield f"    Finished \\/ \\E self \\in {reader.names.sets[reader.system.thread]} : ENABLED Step(self)"
        yield ""
        return
    here, indent = reader, 4
    while isinstance(body, Quant) and body.quantifier == "forall":
        here, bound, values = here.bind(body.binder)
        yield f"{' ' * indent}\\A {bound} \\in {values} :"
        body, indent = body.body, indent + 2
    parts = chain(body, "&&")
    if len(parts) == 1:
        yield from wrapped(here.cond(body), indent, indent + 4)
    for part in parts if len(parts) > 1 else ():
        yield from item("/\\", here.cond(part, CHAINED), indent)
        here = here.branches(part)[0]
    yield ""
