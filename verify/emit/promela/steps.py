"""Actions of the IR as options of the loop that a thread runs, each of them one `d_step`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from verify.emit.nonnull import Known
from verify.emit.places import actions_from
from verify.emit.promela.layout import WIDTH, comment, packed, printed, wrapped
from verify.emit.promela.stores import assignments
from verify.emit.promela.terms import MOST_CHOICES, SELF, Reader, choices, joined, literal
from verify.emit.properties import EmitError
from verify.instances import THREAD
from verify.ir import PC, Action, Binder, Location
from verify.source import statement, where

NO_STEP: Final = ("  :: d_step { false -> skip }",)  # a loop has to have an option


@dataclass(frozen=True, slots=True)
class Steps:
    """The lines of all steps: definitions of those that have a choice, and the options of the loop."""

    inlines: tuple[str, ...]
    options: tuple[str, ...]


def steps_of(reader: Reader, known: Mapping[int, Known]) -> Steps:
    """Write the actions of a system. Raises EmitError, with the place in the source, for what Spin has not."""
    inlines, options = list[str](), list[str]()
    system = reader.inst.system
    for location, actions in sorted(actions_from(system).items()):
        here = replace(reader, me=SELF, known=known.get(location, frozenset()))
        options.append(comment(_about(actions[0], system.locations[location]), 2))
        try:
            for action in actions:
                more, found = _option(action, here)
                inlines += more
                options += found
        except EmitError as error:
            span = actions[0].micro[0].span
            raise EmitError(f"{span}: {error}" if span.end else str(error)) from error
    return Steps(tuple(inlines), tuple(options) if any("::" in line for line in options) else NO_STEP)


def _option(action: Action, here: Reader) -> tuple[list[str], list[str]]:
    """The definition of an action with binders, if it has any, and its options in the loop."""
    if not action.binders:
        return [], list(_step(action, here, "  :: "))
    values = [choices(here.inst, binder.domain) for binder in action.binders]
    if not all(values):
        return [], []
    name = here.names.namer.name(f"{here.names.labels[action.source]}_with")
    params, inner = list[str](), here
    for binder, found in zip(action.binders, values, strict=True):
        params.append(_param(binder, here))
        inner = inner.bind(binder.name, params[-1], (found[0], found[-1]))
    every = list(product(*values))
    if len(every) > MOST_CHOICES:
        message = f"a choice of {len(every)} values, each of which has to be written: more than {MOST_CHOICES}"
        raise EmitError(message)
    calls = [f":: {name}({', '.join(literal(value) for value in chosen)})" for chosen in every]
    about = comment(_about(action, here.inst.system.locations[action.source]), 0)
    return [about, f"inline {name}({', '.join(params)}) {{", *_step(action, inner, "  "), "}", ""], packed(calls, 2)


def _step(action: Action, here: Reader, start: str) -> Iterator[str]:
    """The lines of one `d_step`."""
    names, blanks = here.names, len(start)
    label, micro = names.labels[action.source], action.micro[0]
    at = f"{names.variables[THREAD, PC]}[{SELF}] == {label}"
    guard, _ = joined([at, here.truth(action.guard)], "&&")
    yield from wrapped(f"{start}d_step {{ {guard} ->", 0, blanks + 4)
    told = f"{names.process} %d: {label}"
    room = WIDTH - blanks - len(f'    printf("{told}  \\n", {SELF});')
    said = printed(f"{where(micro.span)}  {statement(micro.span)}", room) if micro.span.end else ""
    yield f'{" " * blanks}  printf("{told}{"  " if said else ""}{said}\\n", {SELF});'
    *most, last = assignments(action, here.where(action.guard))
    for line in most:
        yield from wrapped(f"{line};", blanks + 2, blanks + 6)
    yield from wrapped(f"{last} }}", blanks + 2, blanks + 6)


def _about(action: Action, location: Location) -> str:
    if location.kind != "run":
        return "nobody knows of it any more"
    span = action.micro[0].span
    return f"{statement(span)}  {where(span)}" if span.end else action.label


def _param(binder: Binder, here: Reader) -> str:
    return here.names.namer.name(binder.name.rstrip("0123456789") or "choice")
