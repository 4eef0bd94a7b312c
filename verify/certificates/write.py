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
from verify.certificates.statement import claimed, is_bundled, proved, source_files, statement
from verify.engine.verdict import Basis, Proved, Unknown
from verify.lower.small import Guess, Passes
from verify.outcome import Judgement, aside
from verify.resources import specs_root
from verify.writing import replace_file

if TYPE_CHECKING:
    from verify.judging import Options, Selection
    from verify.syntax.ast import ClaimDecl

MOST_NAME = 80
Hashes = dict[tuple[object, ...], str]


def write(  # noqa: PLR0913, PLR0917 - what was asked, what was found, where it goes
    folder: Path, selection: Selection, options: Options, claim: ClaimDecl, judgement: Judgement,
    versions: Mapping[str, str], known: Hashes,
) -> Path | None:  # fmt: skip
    """Write the certificate of a claim into a folder; return its path, None if there is none to write.

    Then one that was written of this claim before goes, unless it may still show what it claims to show. `known` keeps
    what is worked out once for claims that share a proof. Raises OSError.
    """
    given = _given(selection, options, folder)
    path = folder / f"{file_stem(selection, options, claim)}.json"
    found = certified(given, selection, claim, judgement, versions, known)
    if found is None:
        said = claimed(claim, selection.system(claim))
        _withdraw(path, given, said, open_still=isinstance(judgement.verdict, Unknown))
        return None
    replace_file(path, found.text())
    return path


def certified(  # noqa: PLR0913, PLR0917 - what was asked, what was found
    given: Given, selection: Selection, claim: ClaimDecl, judgement: Judgement, versions: Mapping[str, str],
    known: Hashes,
) -> Certificate | None:  # fmt: skip
    """The certificate of a claim; None without a proof for any number of tasks, and where that says nothing."""
    verdict = judgement.verdict
    if not isinstance(verdict, Proved) or verdict.basis is None or judgement.unreached or judgement.idle:
        return None
    lines = Writer()
    clauses = tuple(lines.said(clause) for clause in verdict.basis.clauses)
    return Certificate(
        SCHEMA, versions, given, claimed(claim, selection.system(claim)), Scope("any", "any"),
        statement(selection.program, judgement.together or (claim,)),
        _rests(selection, claim, judgement, verdict.basis, known), tuple(lines.lines), clauses,
    )  # fmt: skip


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


def _given(selection: Selection, options: Options, folder: Path) -> Given:
    """The files and options, as a certificate in the folder says them."""
    main = _main(selection.program.sources[0].path, folder)
    return Given(source_files(selection.program, main), dict(options.defines), options.system, options.without)


def _main(path: str, folder: Path) -> str:
    """How a certificate in the folder names the main file: a bundled spec by its name, another by the way to it."""
    if is_bundled(path):
        return Path(path).resolve().relative_to(specs_root().resolve()).as_posix()
    return Path(os.path.relpath(Path(path).resolve(), folder.resolve())).as_posix()


def _rests(selection: Selection, claim: ClaimDecl, judgement: Judgement, basis: Basis, known: Hashes) -> Rests:
    claims = judgement.together or (claim,)
    about = statement(selection.program, claims)
    guess = Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)
    passes = Passes(basis.reduce, basis.slice)
    key = (selection.system(claim), about, guess, passes)
    if key not in known:
        variant = selection.system(claim), frozenset(about.removed), frozenset(about.optional)
        lowered = selection.lower(variant, *aside(claim))
        told = proved(selection.program, lowered, claims, guess, passes).told()
        known[key] = system_hash(told.system, told.prop)
    return Rests(
        tuple(sorted(basis.keys)), basis.pending, basis.spins, basis.places, basis.counts, basis.reduce, basis.slice,
        known[key],
    )  # fmt: skip


def file_stem(selection: Selection, options: Options, claim: ClaimDecl) -> str:
    """A name that no file of another claim has, whatever the claim is called."""
    path, system = selection.program.sources[0].path, selection.system(claim)
    place = _main(path, specs_root()) if is_bundled(path) else os.fspath(Path(path).resolve())
    whole = repr((place, sorted(options.defines.items()), system, claim.name))
    words = f"{Path(path).stem} {claim.name}"
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", words.replace(".", "_")).strip("-")[:MOST_NAME]
    return f"{plain}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
