"""What is exported: a system of a file as a whole, with the claims about it as properties.

It is the system before anything is left out or merged for a claim: its states are those of `verify.instances`, one by
one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from verify.diagnostics import InputError
from verify.emit.properties import Liveness, Property, Sections
from verify.instances import Instance, exact_tasks, instance, least_tasks
from verify.ir import Expr
from verify.judging import UNDECIDED, Options, Selection, default_system
from verify.lower import Lowered
from verify.lower.claims import property_of, responses
from verify.lower.sections import sections
from verify.outcome import BY_TLC, LIVENESS, assumed, compared, entered, named, removed, wants, watched
from verify.selecting import problem
from verify.source import where
from verify.syntax.ast import ClaimDecl
from verify.writing import prepare, replace_file

TASKS = 2  # that there are in an export unless it is said


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim, the name of the property of states behind it, and what that says; None for a deadlock."""

    claim: ClaimDecl
    name: str
    prop: Expr | None
    liveness: Liveness | None = None  # of a claim about what happens later; `prop` is that nobody waits for it
    sections: Sections | None = None  # of a claim about sections as single steps; `prop` is that nobody is in one
    guards: tuple[str, ...] = ()  # that the claim is about: if it is to say anything, some run comes to one of them


@dataclass(frozen=True, slots=True)
class Subject:
    """A system of a file with `tasks` tasks, what it is called, what its claims ask, and those about other systems.

    `header` says where it comes from, in ASCII and with no path; `properties` have each name once.
    """

    selection: Selection
    lowered: Lowered
    instance: Instance
    name: str  # of the file without its ending, and of the system unless it is the only one
    header: tuple[str, ...]
    properties: Mapping[str, Property]
    liveness: tuple[Liveness, ...]
    asked: tuple[Asked, ...]
    left: tuple[ClaimDecl, ...]

    def only(self, kept: Callable[[Asked], bool]) -> Subject:
        """The same with some of its claims alone."""
        asked = tuple(one for one in self.asked if kept(one))
        names = {one.name for one in asked}
        later = tuple(one for one in self.liveness if any(one == each.liveness for each in asked))
        properties = {name: prop for name, prop in self.properties.items() if name in names}
        return replace(self, asked=asked, properties=properties, liveness=later)

    @property
    def source(self) -> str:
        """The name of the file."""
        return Path(self.selection.program.sources[0].path).name


def subject(selection: Selection, options: Options, version: str) -> Subject:
    """The system that the options name, with watched calls if all claims are about the same ones.

    Raises InputError if there is none, or too few tasks for it.
    """
    program = selection.program
    system = options.system or default_system(program)
    if system not in program.systems:
        raise InputError([problem("KC905", "the file has no system", selection.file)])
    gone = frozenset(options.without)
    mine = [c for c in selection.claims if selection.system(c) == system and frozenset(removed(c)) == gone]
    mine = [claim for claim in mine if claim.kind not in UNDECIDED or claim.kind in BY_TLC]
    mine = [claim for claim in mine if not compared(claim)]  # they have a system of their own
    alike = {watched(claim): claim for claim in mine}
    watch = next(iter(alike)) if len(alike) == 1 else None
    mine = [claim for claim in mine if watched(claim) == watch]
    lowered = selection.lower((system, gone, frozenset()), watch=watch)
    least = least_tasks(lowered.system)
    room = least + (lowered.system.thread in lowered.system.created)  # for a thread that is made
    tasks = options.tasks or exact_tasks(lowered.system) or max(TASKS, room)
    if tasks < least:
        raise InputError([problem("KC905", f"system `{system}` starts with {least} tasks", selection.file)])
    wanted = {c: None if c.kind == "deadlock_free" else property_of(c, program, lowered) for c in mine}
    later = {claim: _liveness(claim, lowered) for claim in mine if claim.kind in LIVENESS}
    whole = {claim: _sections(claim, lowered) for claim in mine if claim.kind == "atomic_sections"}
    stem = Path(program.sources[0].path).stem
    return Subject(
        selection,
        lowered,
        instance(lowered.system, tasks),
        stem if system == default_system(program) else f"{stem}_{system}",
        _header(selection, system, options, version),
        {_name(c): Property(_name(c), prop, _note(c), _is_to_hold(c)) for c, prop in wanted.items()},
        tuple({one.name: one for one in later.values()}.values()),
        tuple(
            Asked(claim, _name(claim), prop, later.get(claim), whole.get(claim), named(claim, options.without))
            for claim, prop in wanted.items()
        ),
        tuple(claim for claim in selection.claims if claim not in mine),
    )


def written(folder: Path, files: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Write files into a folder, made if there is none; return their paths. Raises InputError where that cannot be."""
    found = list[str]()
    try:
        prepare(folder)
        for name, text in files:
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            replace_file(path, text)
            found.append(str(path))
    except OSError as error:
        reason = (error.strerror or "it is no folder").lower()
        raise InputError([problem("KC906", f"nothing can be written to `{folder}`: {reason}", str(folder))]) from error
    return tuple(found)


def _name(claim: ClaimDecl) -> str:
    """What the property behind a claim is called in the source; that of a label is that nobody comes there."""
    match claim.kind:
        case "reach":
            return f"never_at_{claim.targets[0]}"
        case "dead":
            return f"never_fires_{claim.targets[0]}"
        case "lock_balanced" | "deadlock_free":
            return claim.kind
        case "eventually":
            return f"never_enters_{entered(claim)}"
        case "no_starvation":
            return f"never_waits_for_{claim.targets[0]}"
        case "race_free":
            return f"race_free_{claim.targets[0]}"
        case "writers":
            return f"writers_{claim.targets[0]}_{'_'.join(claim.functions)}"
        case "never_refused" | "refused":
            return f"never_refused_{claim.targets[0]}"
        case "atomic_sections":
            return f"never_in_section_of_{'_'.join(claim.targets)}"
        case _:
            return claim.invariant or claim.kind


def _is_to_hold(claim: ClaimDecl) -> bool:
    """Whether the property of states behind a claim is to hold; that nobody is where a claim begins is not."""
    return wants(claim) == "proved" and claim.kind not in BY_TLC


def _liveness(claim: ClaimDecl, lowered: Lowered) -> Liveness:
    """What a claim says of fair runs, in words for names: where a thread is, and where it comes to."""
    (target,) = claim.targets
    place = f"enters_{entered(claim)}", f"at_{target}"
    begins, ends = place if claim.kind == "eventually" else (f"waits_for_{target}", "")
    return Liveness(f"{claim.kind}_{target}", responses(claim, lowered), begins, ends, _note(claim))


def _sections(claim: ClaimDecl, lowered: Lowered) -> Sections:
    return Sections(", ".join(claim.targets), sections(lowered, claim.targets), _note(claim))


def _note(claim: ClaimDecl) -> str:
    return f"{where(claim.span)}: {claim.name}"


def _header(selection: Selection, system: str, options: Options, version: str) -> tuple[str, ...]:
    source = selection.program.sources[0]
    name = Path(source.path).name
    gone = f", without {', '.join(options.without)}" if options.without else ""
    kept = assumed(selection.program, options.without)
    under = f", under {', '.join(kept)}" if kept else ""
    macros = "".join(f", {key}={value}" for key, value in options.defines.items())
    lines = [f"System `{system}` of {name}{gone}{under}{macros}, written by verify {version}.", ""]
    for one in selection.program.sources:
        lines.append(f"{Path(one.path).name} {hashlib.sha256(one.text.encode()).hexdigest()}")
    return tuple(re.sub(r"[^ -~]", "?", line) for line in lines)
