"""A system of a file in the language of another tool, with the claims about it as properties.

What is exported is the whole system, before anything is left out or merged for a claim: its states are those of
`verify.instances`, one by one.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verify.diagnostics import Diagnostic, InputError
from verify.emit.tla.idents import camel, identifier
from verify.emit.tla.manifest import Expected, manifest
from verify.emit.tla.model import Model, model_of
from verify.emit.tla.module import Property, Spec, specify
from verify.emit.tla.sourcemap import source_map
from verify.emit.tla.terms import EmitError
from verify.engine.search import search
from verify.instances import Instance, exact_tasks, instance, least_tasks
from verify.ir import Expr
from verify.judging import UNDECIDED, Options, Selection, default_system
from verify.lower import Lowered
from verify.lower.claims import property_of
from verify.outcome import removed, wants
from verify.source import Source, Span, where
from verify.syntax.ast import ClaimDecl
from verify.writing import prepare, replace_file

TASKS = 2  # that there are in an export unless it is said
MOST_STATES = 100_000  # that an export looks at to say what is to be expected
SECONDS = 5.0  # that it takes for that
ABOUT = """
Each action is one step of the thread `self`, with at most one access to shared memory, and carries the statement that \
it comes from. A thread and the object that it is have one name.

Memory is sequentially consistent. A local that is not needed any more is reset, as is a cell that is free: the number \
of states depends on that.
""".rstrip().split("\n")


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim, the name of the property that decides it, and what that says; None for a deadlock."""

    claim: ClaimDecl
    name: str
    prop: Expr | None


@dataclass(frozen=True, slots=True)
class Export:
    """A system as a module with its model: `files` by name, the claims it decides, and those about other systems."""

    lowered: Lowered
    instance: Instance
    spec: Spec
    model: Model
    asked: tuple[Asked, ...]
    left: tuple[ClaimDecl, ...]
    files: Mapping[str, str]


def export_tla(selection: Selection, options: Options, version: str) -> Export:
    """Export the system that the options name. Raises InputError for what TLC has no numbers for."""
    program = selection.program
    system = options.system or default_system(program)
    gone = frozenset(options.without)
    lowered = selection.lower((system, gone, frozenset()))
    least = least_tasks(lowered.system)
    tasks = options.tasks or exact_tasks(lowered.system) or max(TASKS, least)
    if tasks < least:
        raise _problem("KC905", f"system `{system}` starts with {least} tasks", selection.file)
    mine = [c for c in selection.claims if selection.system(c) == system and frozenset(removed(c)) == gone]
    mine = [claim for claim in mine if claim.kind not in UNDECIDED]
    left = tuple(claim for claim in selection.claims if claim not in mine)
    wanted = {c: None if c.kind == "deadlock_free" else property_of(c, program, lowered) for c in mine}
    named = {_name(c): Property(_name(c), prop, _note(c), wants(c) == "proved") for c, prop in wanted.items()}
    module = _module(selection, system)
    try:
        spec = specify(module, lowered.system, list(named.values()), _header(selection, system, options, version))
    except EmitError as error:
        raise _problem("KC905", f"this cannot be said in TLA+ for TLC: {error}", selection.file) from error
    identifiers = {prop.name: name for name, prop in spec.properties}
    asked = tuple(Asked(claim, identifiers[_name(claim)], prop) for claim, prop in wanted.items())
    inst = instance(lowered.system, tasks)
    model = model_of(spec, inst)
    files = {
        f"{spec.module}.tla": spec.text,
        f"{model.module}.tla": model.text,
        **{f"{name}.cfg": text for name, text in model.configs.items()},
        f"{spec.module}.map.json": source_map(spec, model),
    }
    return Export(lowered, inst, spec, model, asked, left, files)


def with_manifest(found: Export, source: str) -> Export:
    """The export with a manifest, which says what is to be expected as far as that is quickly found out."""
    text = manifest(found.spec, found.model, source, expected(found))
    return replace(found, files={**found.files, "manifest.json": text})


def expected(found: Export) -> Expected | None:
    """What TLC should find in all states; None if that takes too long."""
    deadline = time.monotonic() + SECONDS
    whole = search(found.instance, None, symmetry=False, max_states=MOST_STATES, deadline=deadline)
    if not whole.complete:
        return None
    broken = list[str]()
    for one in {asked.name: asked for asked in found.asked}.values():
        run = search(found.instance, one.prop, symmetry=True, deadlock=one.prop is None)
        broken += [one.name] if run.trace is not None else []
    return Expected(whole.states, whole.depth + 1, broken)


def written(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write files into a folder, made if there is none; return their paths. Raises InputError where that cannot be."""
    try:
        prepare(folder)
        for name, text in files.items():
            replace_file(folder / name, text)
    except OSError as error:
        reason = (error.strerror or "it is no folder").lower()
        raise _problem("KC906", f"nothing can be written to `{folder}`: {reason}", str(folder)) from error
    return tuple(str(folder / name) for name in files)


def _name(claim: ClaimDecl) -> str:
    """What the property behind a claim is called in the source; that of a label is that nobody comes there."""
    match claim.kind:
        case "reach":
            return f"never_at_{claim.targets[0]}"
        case "dead":
            return f"never_fires_{claim.targets[0]}"
        case "lock_balanced" | "deadlock_free":
            return claim.kind
        case _:
            return claim.invariant or claim.kind


def _note(claim: ClaimDecl) -> str:
    return f"{where(claim.span)}: {claim.name}"


def _module(selection: Selection, system: str) -> str:
    stem = camel(Path(selection.program.sources[0].path).stem)
    name = identifier(stem if system == default_system(selection.program) else f"{stem}_{system}")
    return name[:1].upper() + name[1:]


def _header(selection: Selection, system: str, options: Options, version: str) -> Sequence[str]:
    source = selection.program.sources[0]
    name = Path(source.path).name
    gone = f", without {', '.join(options.without)}" if options.without else ""
    macros = "".join(f", {key}={value}" for key, value in options.defines.items())
    lines = [f"System `{system}` of {name}{gone}{macros}, written by verify {version}.", ""]
    for one in selection.program.sources:
        lines.append(f"{Path(one.path).name} {hashlib.sha256(one.text.encode()).hexdigest()}")
    return [*(re.sub(r"[^ -~]", "?", line) for line in lines), *ABOUT]


def _problem(code: str, message: str, path: str) -> InputError:
    return InputError([Diagnostic(code, message, Span(Source(path, ""), 0, 0))])
