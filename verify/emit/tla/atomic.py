"""A module above a model that follows, beside each run, its counterparts in which sections of locks are single steps.

A state of a counterpart is a record of all variables. What a step does to such a record is written as a set of records,
by the same code that writes the actions, so that a section is what its own steps come to when nobody else steps. An
invariant says that there is a counterpart. `verify.counterparts` says the same of one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import Template

from verify.emit.idents import Namer, camel
from verify.emit.nonnull import known_locals
from verify.emit.places import actions_from
from verify.emit.properties import Sections
from verify.emit.tla.kinds import kinds_of
from verify.emit.tla.layout import WIDTH, boxed, item, plain, wrapped
from verify.emit.tla.model import Model
from verify.emit.tla.module import Spec
from verify.emit.tla.names import Names
from verify.emit.tla.preamble import definitions
from verify.emit.tla.steps import Groups, Writer
from verify.emit.tla.stores import SELF, Stores
from verify.emit.tla.terms import Helpers, Reader
from verify.instances import THREAD
from verify.ir import PC, Action

WORDS = (
    "s", "might", "done", "state", "Inside", "Here", "Steps", "Alone", "Section", "Closed", "Follow", "AtomicInit",
    "AtomicNext", "HasCounterpart", "new", "seen", "within", "further", "m", "busy", "more", "was", "now", "after",
)  # fmt: skip
ABOUT = """
`$might` holds the states of all counterparts of the run so far: runs of the same steps in which each section is one \
step, taken at some instant between its beginning and its end, by which each thread has the same place and locals \
after each step that it takes outside of sections and after each section, and all is the same while no thread is in one.
""".strip()
TRACKING = r"""
(* A section as one step: what its steps come to while no other thread steps *)
RECURSIVE $Alone(_, _, _)
$Alone(self, $new, $seen) ==
    LET $within  == {$s \in $new : $s.pc[self] \in $Inside}
        $further == UNION {$Steps(self, $s) : $s \in $within} \ $seen
    IN  IF $further = {} THEN {$s \in $seen : $s.pc[self] \notin $Inside}
        ELSE $Alone(self, $further, $seen \cup $further)

$Section(self, $s) ==
    LET $new == {$m \in $Steps(self, $s) : $m.pc[self] \in $Inside}
    IN  $Alone(self, $new, $new)

(* The counterparts, and those after sections that threads within one have not yet taken *)
RECURSIVE $Closed(_, _)
$Closed($m, $busy) ==
    LET $more == UNION {UNION {{[$state |-> $s, $done |-> c.$done \cup {self}] : $s \in $Section(self, c.$state)} :
                               self \in $busy \ c.$done} : c \in $m}
    IN  IF $more \subseteq $m THEN $m ELSE $Closed($m \cup $more, $busy)

$Follow(self) ==  \* the counterparts after a step of self
    LET $was   == pc[self] \in $Inside
        $now   == pc'[self] \in $Inside
        $busy  == {t \in $tasks : pc'[t] \in $Inside}
        $after ==
            IF $was THEN {[c EXCEPT !.$done = @ \ {self}] : c \in {$m \in $might : self \in $m.$done}}
            ELSE IF $now THEN $might
            ELSE UNION {{[c EXCEPT !.$state = $s] : $s \in $Steps(self, c.$state)} : c \in $might}
    IN  IF $was /\ $now THEN $might
        ELSE {c \in $Closed($after, $busy) :
                /\ $busy = {} => c.$state = $Here'
                /\ $now \/ $same}

$AtomicInit == Init /\ $might = {[$state |-> $Here, $done |-> {}]}
$AtomicNext == \E self \in $tasks : Step(self) /\ $might' = $Follow(self)

$HasCounterpart == $might # {}
"""


@dataclass(frozen=True, slots=True)
class Atomic:
    """A module about the sections of some locks, its configuration, and the name of its invariant."""

    module: str
    text: str
    config: str
    invariant: str


def atomic(spec: Spec, model: Model, of: Sections) -> Atomic:
    """Follow counterparts in which sections of some locks are single steps."""
    names, system = spec.names, spec.system
    namer = Namer(names.namer.used | set(model.cells), names.namer.identifier)
    words = {word: namer.name(word) for word in WORDS} | {"tasks": names.sets[system.thread]}
    fields = {key: f"{words['s']}.{name}" for key, name in names.variables.items()}
    helpers = Helpers(state=words["s"])
    there = replace(names, variables=fields, namer=namer)
    lines = list(_steps(spec, there, helpers, words))
    mine = [name for (cell, key), name in names.variables.items() if cell == THREAD and key != PC]
    same = " /\\ ".join(f"c.{words['state']}.{name}[self] = {name}'[self]" for name in ["pc", *mine])
    module = names.namer.name(f"{model.module}Atomic{camel(of.locks)}")
    within = ", ".join(f'"{names.labels[place]}"' for place in sorted(of.inside) if place in names.labels)
    record = ", ".join(f"{name} |-> {name}" for name in names.variables.values())
    title = f" MODULE {module} "
    told = Template(TRACKING).substitute(words, same=f"({same})").splitlines()
    helped = definitions(system, there, helpers, spec.helpers)
    text = [
        f"{'-' * max(4, (79 - len(title)) // 2)}{title}{'-' * max(4, (79 - len(title)) // 2)}",
        *boxed([plain(of.note), "", *Template(ABOUT).substitute(words).splitlines()]),
        f"EXTENDS {model.module}",
        "",
        f"VARIABLE {words['might']}",
        "",
        *wrapped(f"{words['Inside']} == {{{within}}}", 0, 4),
        "",
        *wrapped(f"{words['Here']} == [{record}]", 0, 4),
        "",
        *(*helped, *([""] if helped else [])),
        *lines,
        *(row for line in told for row in _fitted(line)),
        "=" * 79,
        "",
    ]
    full = model.configs.get(f"{model.module}_full", model.configs[model.module])
    constants = full[full.index("CONSTANTS") : full.index("INVARIANTS")]
    config = (
        f"INIT {words['AtomicInit']}\nNEXT {words['AtomicNext']}\n{constants}"
        f"INVARIANTS\n    {words['HasCounterpart']}\n"
    )
    return Atomic(module, "\n".join(text), config, words["HasCounterpart"])


def _fitted(line: str) -> Sequence[str]:
    indent = len(line) - len(line.lstrip())
    return wrapped(line.lstrip(), indent, indent + 4) if len(line) > WIDTH else [line]


def _steps(spec: Spec, names: Names, helpers: Helpers, words: dict[str, str]) -> Iterator[str]:
    """For each location an operator: the records that a step of self from there leads to; and one for all."""
    system = spec.system
    known = known_locals(system)
    reader = Reader(system, names, kinds_of(system), helpers, me=SELF)
    write = Writer(system, names, Groups({}), reader, Stores(system, names), known)
    state = words["s"]
    yield f"(* What a step of self leads to from a state {state} *)"
    called = dict[str, str]()
    for location, actions in sorted(actions_from(system).items()):
        label = names.labels[location]
        called[label] = names.namer.name(f"{label}_from")
        here = replace(reader, known=known.get(location, frozenset()))
        yield f"{called[label]}(self, {state}) =="
        for number, action in enumerate(actions):
            begin, fields, end = _outcomes(write, action, here, state)
            yield from item("\\cup", begin, 4) if number else wrapped(begin, 4, 8)
            for field in fields[:-1]:
                yield from wrapped(f"{field},", 8, 12)
            yield from wrapped(f"{fields[-1]}{end}", 8, 12)
        yield ""
    yield f"{words['Steps']}(self, {state}) =="
    for number, (label, name) in enumerate(called.items()):
        yield f'    {"[]" if number else "CASE"} {state}.pc[self] = "{label}" -> {name}(self, {state})'
    yield "    [] OTHER -> {}"


def _outcomes(write: Writer, action: Action, here: Reader, state: str) -> tuple[str, Sequence[str], str]:
    """The set of records that an action leads to, one for each choice of its binders: what is around the fields."""
    bound = list[tuple[str, str]]()
    for binder in action.binders:
        here, name, values = here.bind(binder)
        bound.append((name, values))
    guard = here.cond(action.guard)
    changed = write.outcome(action, here.branches(action.guard)[0])
    fields = [f"!{name.removeprefix(state)} = {value}" for name, value in changed.items()]
    record = f"[{state} EXCEPT"
    if not bound and guard == "TRUE":
        return f"{{{record}", fields, "]}"
    if not bound:
        return f"(IF {guard} THEN {{{record}", fields, "]} ELSE {})"
    *outer, (name, values) = bound
    end = f"] : {name} \\in {{{name} \\in {values} : {guard}}}}}"
    end += "".join(f" : {name} \\in {values}}}" for name, values in reversed(outer))
    return f"{'UNION {' * len(outer)}{{{record}", fields, end
