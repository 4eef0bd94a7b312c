"""A system of a file in TLA+, with a model for TLC and what that should find."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from verify.diagnostics import InputError
from verify.emit.idents import camel
from verify.emit.properties import EmitError
from verify.emit.tla.apalache import apalache
from verify.emit.tla.atomic import Atomic, atomic
from verify.emit.tla.idents import module
from verify.emit.tla.manifest import Expected, manifest
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Spec, specify
from verify.emit.tla.sourcemap import source_map
from verify.engine.search import search
from verify.exporting.subject import Asked, Subject
from verify.selecting import problem

MOST_STATES = 100_000  # that an export looks at to say what is to be expected
STEPS = 10  # of the runs that Apalache is asked about
SECONDS = 5.0  # that it takes for that
ABOUT = """
Each action is one step of the thread `self`, with at most one access to shared memory, and carries the statement that \
it comes from. A thread and the object that it is have one name.

Memory is sequentially consistent. A local that is not needed any more is reset, as is a cell that is free: the number \
of states depends on that.
""".rstrip().split("\n")


@dataclass(frozen=True, slots=True)
class Export:
    """A subject as a module with its model: `files` by name; `asked` names properties as the module does.

    `atomic` has, by the names of locks, a module above the model for sections that are to be as single steps.
    """

    subject: Subject
    spec: Spec
    model: Model
    asked: tuple[Asked, ...]
    files: Mapping[str, str]
    atomic: Mapping[str, Atomic]


def export_tla(of: Subject) -> Export:
    """Export a system. Raises InputError for what TLC has no numbers for."""
    try:
        header = [*of.header, *ABOUT]
        spec = specify(module_name(of), of.lowered.system, list(of.properties.values()), header, liveness=of.liveness)
    except EmitError as error:
        message = f"this cannot be said in TLA+ for TLC: {error}"
        raise InputError([problem("KC905", message, of.selection.file)]) from error
    identifiers = {prop.name: name for name, prop in spec.properties}
    asked = tuple(replace(one, name=identifiers[one.name]) for one in of.asked)
    model = model_of(spec, of.instance)
    wanted = {one.sections.locks: one.sections for one in asked if one.sections is not None}
    above = {locks: atomic(spec, model, one) for locks, one in wanted.items()}
    files = {
        f"{spec.module}.tla": spec.text,
        f"{model.module}.tla": model.text,
        **{f"{name}.cfg": text for name, text in model.configs.items()},
        **apalache(spec, model, _checks(of, identifiers)),
        **{f"{one.module}.tla": one.text for one in above.values()},
        **{f"{one.module}.cfg": one.config for one in above.values()},
        f"{spec.module}.map.json": source_map(spec, model),
    }
    return Export(of, spec, model, asked, files, above)


def _checks(of: Subject, identifiers: Mapping[str, str]) -> Mapping[str, str]:
    """What Apalache may be asked: what is claimed to hold, in runs of few steps."""
    kept = [name for name, prop in of.properties.items() if prop.holds and prop.expr is not None]
    return {f"{name}:": f"--length={STEPS} --inv={identifiers[name]}" for name in kept}


def with_manifest(found: Export) -> Mapping[str, str]:
    """The files with a manifest, which says what is to be expected as far as that is quickly found out."""
    text = manifest(found.spec, found.model, list(found.atomic.values()), found.subject.source, expected(found))
    return {**found.files, "manifest.json": text}


def expected(found: Export) -> Expected | None:
    """What TLC should find in all states; None if that takes too long."""
    inst = found.subject.instance
    whole = search(inst, None, symmetry=False, max_states=MOST_STATES, deadline=time.monotonic() + SECONDS)
    if not whole.complete:
        return None
    broken = list[str]()
    for one in {asked.name: asked for asked in found.asked}.values():
        run = search(inst, one.prop, symmetry=True, deadlock=one.prop is None)
        broken += [one.name] if run.trace is not None else []
    return Expected(whole.states, whole.depth + 1, broken)


def module_name(of: Subject) -> str:
    """What the module of a subject is called."""
    return module(camel(of.name))
