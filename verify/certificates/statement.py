"""What a certificate is about, worked out from the source: the files, the claim, what is proved for it, the system."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from verify.certificates.form import Claimed, File, Statement
from verify.lower.claims import BUILT_IN
from verify.lower.small import Guess, Passes, Small, small_for_proof
from verify.outcome import assumed, removed, subjects, wants
from verify.resources import specs_root
from verify.source import NOWHERE

if TYPE_CHECKING:
    from verify.lower import Lowered
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program


REDUNDANT = re.compile(r"redundant ([\w.]+) for (\w+)(?: in (\w+))?(?: without ([\w., ]+))?")  # the name of a claim


def source_files(program: Program, main: str) -> tuple[File, ...]:
    """The files that a program was read from. `main` is what the first is called."""
    first, *others = program.sources
    folder, root = Path(first.path).resolve().parent, specs_root().resolve()
    found = [File(main, is_bundled(first.path), text_hash(first.text))]
    for source in others:
        path = Path(source.path).resolve()
        bundled = not path.is_relative_to(folder) or found[0].bundled
        found.append(File(path.relative_to(root if bundled else folder).as_posix(), bundled, text_hash(source.text)))
    return tuple(found)


def text_hash(text: str) -> str:
    """The SHA-256 of a source file: its bytes, without a byte order mark."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_bundled(path: str) -> bool:
    """Whether a file is one of the bundled specs."""
    return Path(path).resolve().is_relative_to(specs_root().resolve())


def place_of(file: File, folder: Path) -> Path | None:
    """Where the main file of a certificate in `folder` lies; None for a path that none can have."""
    name = PurePosixPath(file.path)
    if not file.path or "\0" in file.path or name.is_absolute():
        return None
    if not file.bundled:
        return folder / name
    return None if ".." in name.parts else specs_root() / name


def statement(program: Program, claims: Sequence[ClaimDecl]) -> Statement:
    """What is proved for a claim, or for several together: then each of their guards may be there or not.

    What is proved with an assumption there or not is proved without it.
    """
    names = tuple(claim.name for claim in claims)
    gone = tuple(dict.fromkeys(chain.from_iterable(removed(claim) for claim in claims)))
    about = tuple(claim.invariant for claim in subjects(claims) if claim.invariant)
    together = len(claims) > 1
    return Statement(names, about, () if together else gone, gone if together else (), assumed(program, gone))


def redundancies(program: Program, names: Sequence[str]) -> Iterator[ClaimDecl]:
    """The claims of these names that a guard is redundant, which a source need not make to be asked about them.

    Names that speak of what the program has not are left out.
    """
    from verify.syntax.ast import ClaimDecl  # noqa: PLC0415 - the parser takes long to import

    removable = {guard.name for guard in program.guards.values() if guard.kind != "none"}
    gone = removable | set(program.assumptions)
    for name in names:
        found = REDUNDANT.fullmatch(name)
        if found is None:
            continue
        guard, invariant, system, without = found.groups()
        removed = tuple(without.split(", ")) if without else ()
        known = guard in removable and set(removed) <= gone and (system is None or system in program.systems)
        if known and (invariant in program.invariants or invariant in BUILT_IN):
            yield ClaimDecl("redundant", invariant, (guard,), system=system, without=removed, span=NOWHERE)


def claimed(claim: ClaimDecl, system: str) -> Claimed:
    """What a certificate says of its claim, which is about that system."""
    guard = ", ".join(claim.targets) or None
    return Claimed(
        claim.name, claim.kind, claim.invariant, guard, system, removed(claim), wants(claim) == "proved"
    )


def proved(
    program: Program, lowered: Lowered, claims: Sequence[ClaimDecl], guess: Guess, passes: Passes
) -> Small:
    """The small system that a proof is about, with what it has to show of that.

    `lowered` is without the guards that the statement removes, and with those that it leaves open there or not.
    """
    from verify.lower.claims import property_of  # noqa: PLC0415 - the parser takes long to import
    from verify.lower.simplify import conj  # noqa: PLC0415 - the same

    props = [property_of(claim, program, lowered) for claim in subjects(claims)]
    prop = conj(props) if len(claims) > 1 else props[0]
    return small_for_proof(lowered.system, prop, guess, passes)


def by_name(claims: Sequence[ClaimDecl]) -> Mapping[str, ClaimDecl]:
    """The first claim of each name."""
    return {claim.name: claim for claim in reversed(claims)}


def unknown_guards(program: Program, names: Sequence[str]) -> Iterator[str]:
    """Those of some names that no assumption has and no guard that can be removed."""
    known = {*program.assumptions, *(guard.name for guard in program.guards.values() if guard.kind != "none")}
    return (name for name in names if name not in known)
