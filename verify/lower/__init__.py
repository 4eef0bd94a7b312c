"""From the checked program to the IR: one system, with functions inlined and one shared access a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from verify.alone import Fork, Forks
from verify.diagnostics import Diagnostic, InputError
from verify.ir import (
    BOOL,
    FREE,
    IDLE,
    LIFE,
    PC,
    PUBLISHED,
    Action,
    Class,
    Const,
    Field,
    Fresh,
    Group,
    InitValue,
    Location,
    Me,
    Micro,
    Ptr,
    Range,
    Referenced,
    Static,
    System,
    Threads,
    Var,
)
from verify.lower.assumptions import asked, assume
from verify.lower.comparison import Compared, compared, draft
from verify.lower.constants import Statics, births, constant
from verify.lower.effects import BIG_LOCK, COUNT_RANGE, clear
from verify.lower.expressions import values_of
from verify.lower.flow import merge_inner, outgoing, reachable, reset_dead, without_skips
from verify.lower.formulas import at_file_level, struct_of
from verify.lower.graph import ANY, END, FIXED, Graph, Key, Mark, Store, Unclear, domain_of
from verify.lower.known import settle_locals
from verify.lower.narrow import narrow
from verify.lower.races import Accesses, accesses, with_sets
from verify.lower.refusals import watching
from verify.lower.scope import Scope, walk
from verify.lower.simplify import binary, conj, negate
from verify.lower.single import with_single_steps
from verify.lower.statements import statement
from verify.lower.stores import Ends, key_of_target, with_ends
from verify.lower.uniprocessor import on_one_cpu
from verify.lower.without import refuse_unbalanced, switch, without
from verify.syntax import ast
from verify.syntax.program import Program
from verify.syntax.types import Bool, Int, Lock, Struct, Type

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lowered:
    """A system and where the names of the source are in it."""

    system: System
    labels: Mapping[str, frozenset[int]]  # "function.label": the locations before that statement
    fires: Mapping[str, frozenset[int]]  # of a check: the locations where its condition was true
    begins: Mapping[str, frozenset[int]] = field(default_factory=dict)  # function: the locations where calls begin
    waiting: Mapping[str, frozenset[int]] = field(default_factory=dict)  # lock: the locations where threads wait
    sections: Mapping[str, frozenset[Mark]] = field(default_factory=dict)  # lock: the steps that take or release it
    unclear: Mapping[str, Unclear] = field(default_factory=dict)  # lock, empty for any: where that is not certain
    stores: Mapping[Key, tuple[Store, ...]] = field(default_factory=dict)  # variable: the stores that lowering met
    ends: Ends = field(default_factory=dict)  # of stores that a `writers` claim does not list
    asked: frozenset[ast.ClaimDecl] = frozenset()  # the claims about stores and races, for which it has what they need
    accesses: Accesses = field(default_factory=dict)  # of the variables that `race_free` speaks of
    compared: Compared | None = None  # the outcomes of a check, if they are compared


def lower(  # noqa: PLR0913 - what of a program to take
    program: Program, system: str, *, removed: frozenset[str] = frozenset(), optional: frozenset[str] = frozenset(),
    switched: frozenset[str] = frozenset(), compare: str = "", watch: ast.ClaimDecl | None = None,
) -> Lowered:
    """Lower one system of the program, without the removed guards and with the optional ones there or not.

    Of each switched guard a rigid global says whether it is there (see `without.switch`). `compare` is a check whose
    outcomes are compared, see `verify.lower.comparison`, `watch` a claim of which calls are watched, see
    `verify.lower.refusals`.

    Raises InputError for what has no finite meaning.
    """
    assumed = [decl for name, decl in program.assumptions.items() if name not in removed | optional]
    guards = [sorted(name for name in names if name in program.guards) for names in (removed, optional, switched)]
    for together in (guards[0], *([name] for names in guards[1:] for name in names)):
        refuse_unbalanced(program, together)
    program = with_single_steps(without(program, *guards), assumed)
    program, condition = watching(program, watch) if watch is not None else (program, None)
    declared = program.systems[system]
    statics = _statics(program)
    graph = replace(_graph(program, declared, statics), compared=compare, room=watch is not None)
    alone = bool(compare or watch)
    seen = [] if alone else _asked(program, system, "writers")
    raced = [] if alone else _asked(program, system, "race_free")
    graph.raced = frozenset(key_of_target(one.targets[0]) for one in raced)
    for function, entry in graph.entries.items():
        _thread(graph, function, entry, statics)
    variables = _globals(program, statics, big_lock=graph.big_lock)
    names = at_file_level(statics)
    drafted = draft(graph, compare, variables, asked(program.thread, assumed, names)) if compare else None
    if drafted is not None:
        graph.actions += drafted.actions
    kept = {*graph.entries.values(), *range(len(FIXED)), *graph.begun}
    spoken_of = _spoken_of(graph, system)
    kept |= spoken_of
    kept |= {place for lock in graph.tracked for *ends, _ in graph.sections.get(lock, ()) for place in ends}
    kept |= {loc for found in (*graph.labels.values(), *graph.fires.values()) for loc in found}
    if declared.cpus == 1 or spoken_of:  # where it goes round for ever, a thread that may stay outside is seen to step
        kept |= graph.waits | {number for number, location in enumerate(graph.locations) if location.rest}
    groups = tuple(_group(graph, group, statics) for group in declared.groups)
    roots = {group.entry for group in groups} | {IDLE}
    actions = reachable([*graph.actions, *_reap(graph)], roots | {END})
    actions = reachable(settle_locals(actions, roots | {END}, graph.locals), roots | {END})
    actions = merge_inner(without_skips(actions, kept), graph.inner)
    forks: dict[int, Fork] = {}
    if drafted is not None:
        actions, forks = compared(drafted, actions)
    actions, ends = with_ends(
        reachable(actions, roots | {END}), graph.locations, graph.stores, seen,
        {*roots, *kept},
    )  # fmt: skip
    whole = System(
        declared.name,
        {name: Class(name, fields) for name, fields in graph.fields.items()},
        program.thread,
        (*variables, *_switches(switched)),
        (Var(PC, Range(0, len(graph.locations) - 1)), *graph.locals.values()),
        _named(graph.locations, actions),
        tuple(actions),
        groups,
        tuple(Static(name, struct) for name, (struct, _) in statics.items()),
        frozenset(graph.created),
        graph.births,
    )
    if declared.cpus == 1:
        whole = on_one_cpu(whole, graph.waits, preempt=declared.preempt)
    met = accesses(whole, graph.raced, graph.marked)
    whole = with_sets(whole, met)  # before loads whose value nobody wants are gone
    whole = assume(whole, assumed, names, _frozen(graph.labels), condition)
    actions = reset_dead(reachable(whole.actions, {*roots, END}), whole.locals[1:])
    whole = replace(whole, actions=tuple(actions))
    places = [_frozen(of) for of in (graph.labels, graph.fires, graph.begins, graph.waiting)]
    found = Lowered(narrow(whole), places[0], places[1], places[2], places[3], ends=ends, accesses=met)
    stores = {key: tuple(each) for key, each in graph.stores.items()}
    about = frozenset(claim_subject(claim) for claim in (*seen, *raced))
    found = replace(found, sections=_frozen(graph.sections), unclear=graph.unclear, stores=stores, asked=about)
    if drafted is None:
        return found
    return replace(found, compared=Compared(Forks(compare, whole, forks), drafted.differs, drafted.unsure))


def _tracked(program: Program, system: str) -> frozenset[str]:
    """The locks with sections that claims speak of; no other claim needs to know where these are."""
    claims = (c for c in program.claims if c.kind == "atomic_sections" and c.system in (None, system))
    asked = frozenset(lock for claim in claims for lock in claim.targets)
    return asked | {ANY} if asked else asked


def _asked(program: Program, system: str, *kinds: ast.ClaimKind) -> list[ast.ClaimDecl]:
    """The claims of some kinds that may be about a system."""
    return [claim for claim in program.claims if claim.kind in kinds and claim.system in (None, system)]


def claim_subject(claim: ast.ClaimDecl) -> ast.ClaimDecl:
    """A claim about stores or races, whatever the system and the guards that it is judged without."""
    return ast.ClaimDecl(claim.kind, targets=claim.targets, functions=claim.functions)


def _frozen(places: Mapping[str, set[T]]) -> Mapping[str, frozenset[T]]:
    return {name: frozenset(found) for name, found in places.items()}


def _spoken_of(graph: Graph, system: str) -> set[int]:
    """The locations that claims about what happens later speak of: no other claim needs them."""
    found = set[int]()
    for claim in graph.program.claims:
        if claim.system in (None, system) and claim.kind == "eventually":
            found |= graph.begins.get(claim.targets[0].partition(".")[0], set())
        if claim.system in (None, system) and claim.kind == "no_starvation":
            found |= graph.waiting.get(claim.targets[0], set()) | graph.past.get(claim.targets[0], set())
    return found


def _graph(program: Program, declared: ast.SystemDecl, statics: Statics) -> Graph:
    nodes = [node for function in program.functions.values() for node in walk(function)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    freed = {struct_of(call.args[0].type) for call in calls if call.callee == "kfree"}
    started = dict.fromkeys(group.entry for group in declared.groups)
    started |= dict.fromkeys(n.name for n in nodes if isinstance(n, ast.Name) and n.kind == "function")
    first = len(FIXED)
    entries = {name: first + number for number, name in enumerate(started)}
    graph = Graph(
        program,
        {name: _fields(program, struct) for name, struct in program.structs.items()},
        births(program.structs, statics),
        entries,
        statement,
        frozenset(freed),
        any(call.callee == "lock_kernel" for call in calls),
        declared.cpus == 1 and declared.preempt,
        _tracked(program, declared.name),
    )
    graph.locations += [Location("") for _ in entries]
    return graph


def _thread(graph: Graph, function: str, entry: int, statics: Statics) -> None:
    """Lower one function that threads start at."""
    body = graph.program.functions[function].body
    scope = Scope(function, statics, exit=END)
    graph.here = entry
    graph.begins.setdefault(function, set()).add(entry)
    graph.micro = Micro("", function, graph.program.functions[function].span)
    if body is not None:
        statement(graph, scope, body)
    graph.step(to=END)


def _reap(graph: Graph) -> list[Action]:
    """The step that frees the cell of a thread that has ended, once it is found by nobody and nobody refers to it."""
    thread = graph.program.thread
    if thread not in graph.created:
        return []
    life = Field(Me(), thread, LIFE)
    guard = conj([binary("!=", life, Const(PUBLISHED)), negate(Referenced(Me(), thread))])
    return [Action(END, IDLE, guard, tuple(clear(graph, Me(), thread)), (Micro("", "exit", graph.micro.span),))]


def _statics(program: Program) -> Statics:
    count: dict[str, int] = {}
    found: dict[str, tuple[str, int]] = {}
    for name, declared in program.globals.items():
        if isinstance(declared.declared, Struct):
            struct = declared.declared.name
            if struct == program.thread:
                message = f"`{name}` would be a thread that no group starts"
                hint = f"give the system a group for it: `struct {struct} {name}[1] runs ...`"
                raise InputError([Diagnostic("KC205", message, declared.span, hint=hint)])
            count[struct] = count.get(struct, 0) + 1
            found[name] = (struct, count[struct])
    return found


def _variables(program: Program, name: str, type_: Type, bits: int | None = None) -> list[Var]:
    """The IR variables of a field or global: two for an rwlock."""
    match type_:
        case Lock("spinlock" | "mutex"):
            return [Var(name, Ptr(program.thread), lock=True)]
        case Lock("rwlock" | "rwsem"):
            return [Var(name, Ptr(program.thread), lock=True), Var(f"{name}.readers", Threads(), lock=True)]
        case Lock("semaphore" | "completion"):
            return [Var(name, COUNT_RANGE)]
        case Int(_, signed) if bits is not None:
            return [Var(name, domain_of(Int(bits, signed)))]
        case _:
            return [Var(name, domain_of(type_), truth=isinstance(type_, Bool))]


def _fields(program: Program, struct: ast.StructDecl) -> tuple[Var, ...]:
    life = Var(LIFE, Range(FREE, PUBLISHED))
    return (life, *(v for f in struct.fields for v in _variables(program, f.name, f.declared, f.bits)))


def _globals(program: Program, statics: Statics, *, big_lock: bool) -> tuple[Var, ...]:
    found = list[Var]()
    for name, declared in program.globals.items():
        if not isinstance(declared.declared, Struct):
            first, *rest = _variables(program, name, declared.declared)
            value = 0 if declared.value is None else constant(declared.value, statics)
            found += [replace(first, default=value), *rest]
    if big_lock:
        found.append(Var(BIG_LOCK.name, Ptr(program.thread), lock=True))
    return tuple(found)


def _switches(guards: Iterable[str]) -> list[Var]:
    return [Var(switch(guard), BOOL, truth=True, rigid=True) for guard in sorted(guards)]


def _group(graph: Graph, group: ast.GroupDecl, statics: Statics) -> Group:
    values: dict[str, InitValue] = {}
    for name, expr in group.values:
        match expr:
            case ast.New(struct=struct):
                values[name] = Fresh(struct)
            case ast.Nondet(type=type_) | ast.Cast(to=type_, operand=ast.Nondet()):
                domain = next(var.domain for var in graph.fields[group.struct] if var.name == name)
                chosen = values_of(graph, expr, type_)
                least, most = (domain.lo, domain.hi) if isinstance(domain, Range) else (chosen.lo, chosen.hi)
                values[name] = tuple(range(max(least, chosen.lo), min(most, chosen.hi) + 1))
            case _:
                values[name] = (constant(expr, statics),)
    return Group(group.name, group.count, graph.entries[group.entry], values)


def _named(locations: list[Location], actions: list[Action]) -> tuple[Location, ...]:
    """The locations, each called after the statement that leaves it."""
    leaving = outgoing(actions)
    result = list[Location]()
    for number, location in enumerate(locations):
        found = leaving.get(number)
        if location.kind != "run" or not found:
            result.append(location)
            continue
        micro = found[0].micro[0]
        name = micro.label or f"{micro.function}:{micro.span.line}"
        result.append(replace(location, name=name, function=micro.function, span=micro.span))
    return tuple(result)


__all__ = ["Lowered", "lower"]
