"""Write the certificate of a claim that was proved for any number of tasks."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from verify.certificates.bodies import Writer
from verify.certificates.canonical import system_hash
from verify.certificates.form import (
    SCHEMA,
    BadCertificateError,
    Certificate,
    Claimed,
    Given,
    NoCertificateError,
    Rests,
    Scope,
    certificate,
)
from verify.certificates.statement import is_bundled, proved, source_files, statement
from verify.engine.verdict import Basis, Proved, Unknown
from verify.lower.small import Guess, Passes
from verify.outcome import Judgement, removed, wants
from verify.resources import specs_root
from verify.writing import replace_file

if TYPE_CHECKING:
    from verify.judging import Options, Selection
    from verify.report.result import ClaimResult
    from verify.syntax.ast import ClaimDecl

MOST_NAME = 80
Hashes = dict[tuple[object, ...], str]


def write(  # noqa: PLR0913, PLR0917 - what was asked, what was found, where it goes
    folder: Path, selection: Selection, options: Options, claim: ClaimDecl, judgement: Judgement, result: ClaimResult,
    versions: Mapping[str, str], known: Hashes,
) -> Path | None:  # fmt: skip
    """Write the certificate of a claim into a folder; return its path, None if there is none to write.

    Then one that was written of this claim before goes, unless it may still show what it claims to show. `known` keeps
    what is worked out once for claims that share a proof. Raises OSError.
    """
    verdict = judgement.verdict
    name = file_name(selection, options, claim)
    main = selection.program.sources[0].path
    given = Given(
        source_files(selection.program, _main(main, folder)), dict(options.defines), options.system, options.without
    )
    said = Claimed(
        claim.name, claim.kind, claim.invariant, result.guard, selection.system(claim), removed(claim),
        wants(claim) == "proved",
    )
    if not isinstance(verdict, Proved) or verdict.basis is None or judgement.unreached:
        _withdraw(folder / name, given, said, open_still=isinstance(verdict, Unknown))
        return None
    lines = Writer()
    clauses = tuple(lines.said(clause) for clause in verdict.basis.clauses)
    found = Certificate(
        SCHEMA, versions, given, said, Scope("any", "any"),
        statement(judgement.together or (claim,)),
        _rests(selection, claim, judgement, verdict.basis, known), tuple(lines.lines), clauses,
    )  # fmt: skip
    replace_file(folder / name, found.text())
    return folder / name


def _withdraw(path: Path, given: Given, said: Claimed, *, open_still: bool) -> None:
    """Delete the certificate of a claim that has no proof now; nothing else, whatever has its name.

    If it is still open whether there is one, a certificate of the same sources may well show it, and stays.
    """
    try:
        found = certificate(path.read_bytes())
    except (OSError, NoCertificateError, BadCertificateError):
        return
    alike = (_asked(found.given), found.claim.name, found.claim.system) == (_asked(given), said.name, said.system)
    if alike and not (open_still and found.given.files == given.files):
        path.unlink()


def _asked(given: Given) -> tuple[object, ...]:
    """Which file, and with which options."""
    return [file.path for file in given.files[:1]], dict(given.defines), given.system, given.without


def _main(path: str, folder: Path) -> str:
    """How a certificate in the folder names the main file: a bundled spec by its name, another by the way to it."""
    if is_bundled(path):
        return Path(path).resolve().relative_to(specs_root().resolve()).as_posix()
    return Path(os.path.relpath(Path(path).resolve(), folder.resolve())).as_posix()


def _rests(selection: Selection, claim: ClaimDecl, judgement: Judgement, basis: Basis, known: Hashes) -> Rests:
    claims = judgement.together or (claim,)
    about = statement(claims)
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)
    passes = Passes(basis.reduce, basis.slice)
    key = (selection.system(claim), about, guess, passes)
    if key not in known:
        lowered = selection.lower((selection.system(claim), frozenset(about.removed), frozenset(about.optional)))
        told = proved(selection.program, lowered, claims, guess, passes).told()
        known[key] = system_hash(told.system, told.prop)
    return Rests(
        tuple(sorted(basis.keys)), basis.pending, basis.spins, basis.places, basis.counts, basis.reduce, basis.slice,
        known[key],
    )  # fmt: skip


def file_name(selection: Selection, options: Options, claim: ClaimDecl) -> str:
    """A name that no certificate of another claim has, whatever the claim is called."""
    path, system = selection.program.sources[0].path, selection.system(claim)
    place = _main(path, specs_root()) if is_bundled(path) else os.fspath(Path(path).resolve())
    whole = repr((place, sorted(options.defines.items()), system, claim.name))
    words = f"{Path(path).stem} {claim.name}"
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", words.replace(".", "_")).strip("-")[:MOST_NAME]
    return f"{plain}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}.json"
