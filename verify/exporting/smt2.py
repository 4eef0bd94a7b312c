"""The obligations of proofs for any number of tasks as SMT-LIB 2.6 files, each of which a solver has to find `unsat`.

They are those that `verify check` puts to the solvers for a certificate of the same proof, apart: a file for each step
and for whom it might concern.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from verify.certificates.check import posed
from verify.certificates.form import Certificate, Given
from verify.certificates.query import Query
from verify.certificates.reading import NotCoveredError, TooWideError
from verify.certificates.statement import source_files
from verify.certificates.write import Hashes, certified
from verify.diagnostics import InputError
from verify.engine.verdict import Proved, Refuted, Scope, Unknown, Verdict
from verify.judging import Options, Selection, judge_of
from verify.outcome import Judgement, conclude
from verify.report.result import ClaimResult
from verify.report.text import scope as scope_of
from verify.schedule import Voice
from verify.selecting import problem
from verify.smt.widths import EncodingError
from verify.source import where

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl

SCHEMA = "verify-smt2/1"
INDEX = "index.json"
MOST_NAME = 60
SCOPE = str(Scope(None, None))
Tell = Callable[[str, str], None]  # the name of a claim that has no file, and why


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof, the folder of its obligations, and what the index says of each."""

    folder: str
    certificate: Certificate
    obligations: tuple[Mapping[str, object], ...]


def obligations(
    selection: Selection, options: Options, versions: Mapping[str, str], voice: Voice, tell: Tell
) -> Iterator[tuple[str, str]]:
    """The obligations of every proof that is found for a claim, by file; last the index, which says what they are.

    `tell` hears of the claims that have no proof for any number of tasks. Raises InputError if there are no claims, and
    as it goes on for what cannot be lowered.
    """
    if not selection.claims:
        raise InputError([problem("KC905", "the file has no claims", selection.file)])
    return _files(selection, options, versions, voice, tell)


def _files(
    selection: Selection, options: Options, versions: Mapping[str, str], voice: Voice, tell: Tell
) -> Iterator[tuple[str, str]]:
    name = Path(selection.program.sources[0].path).name
    given = Given(source_files(selection.program, name), dict(options.defines), options.system, options.without)
    judge, known = judge_of(selection, options, voice), Hashes()
    proofs = dict[object, Proof]()
    rows = list[Mapping[str, object]]()
    for claim in selection.claims:
        voice.claim = claim.name
        judgement = judge(claim)
        result = conclude(claim, judgement, seconds=0.0, any_asked=options.tasks is None)
        found = certified(given, selection, claim, judgement, versions, known)
        folder, reason = None, "" if found else _reason(judgement.verdict, result)
        if found:
            key = (found.claim.system, found.statement, found.basis, found.lines, found.clauses)
            try:
                if key not in proofs:
                    proof, texts = _proof(len(proofs) + 1, found, selection, claim, judgement)
                    proofs[key] = proof
                    yield from texts.items()
                folder = proofs[key].folder
            except (NotCoveredError, TooWideError, EncodingError) as error:
                reason = f"there are no words for its obligations: {error}"
        if reason:
            tell(claim.name, reason)
        rows.append({"claim": claim.name, "holds": result.holds, "proof": folder, "reason": reason})
    whole = {
        "schema": SCHEMA, "versions": versions, "given": asdict(given), "claims": rows,
        "proofs": [_described(proof) for proof in proofs.values()],
    }  # fmt: skip
    yield INDEX, json.dumps(whole, indent=1) + "\n"


def _proof(
    number: int, found: Certificate, selection: Selection, claim: ClaimDecl, judgement: Judgement
) -> tuple[Proof, Mapping[str, str]]:
    """A proof, and the text of each obligation by its file.

    Raises NotCoveredError, TooWideError or EncodingError before there is any of them.
    """
    folder = f"{number:02}-{_plain(claim.name)}"
    _, asked = posed(found, selection.program, judgement.together or (claim,))
    rows, texts = list[Mapping[str, object]](), dict[str, str]()
    for query in (part for each in asked for part in _apart(each)):
        file = f"{folder}/{len(rows) + 1:04}-{_plain(query.name)}.smt2"
        place = _place(query, claim)
        texts[file] = _text(query, place, found)
        rows.append({"name": query.name, "count": query.count, "place": place, "file": file})
    return Proof(folder, found, tuple(rows)), texts


def _apart(query: Query) -> Iterator[Query]:
    """The parts of a question that are about one step each, or about one clause at the start.

    All obligations of a step have their terms in common, so that a file for each would be ten times as much text.
    """
    parts = () if query.action else query.halves()
    for part in parts:
        yield from _apart(part)
    if not parts:
        yield query


def _place(query: Query, claim: ClaimDecl) -> str:
    """Where in the source the step stands, or the claim."""
    if query.action is None:
        return where(claim.span)
    named = [micro for micro in query.action.micro if micro.label]
    return where((named or query.action.micro)[0].span)


def _text(query: Query, place: str, found: Certificate) -> str:
    """A question, what it is about, and the expected answer."""
    about = [
        f"obligation: {query.name}",
        f"at: {place}",
        *(f"claim: {name}" for name in found.statement.claims),
        f"system: {found.claim.system} of {found.given.files[0].path}",
        f"scope: {SCOPE}",
        f"written by verify {found.versions['verify']}",
    ]
    lines = [
        "(set-info :smt-lib-version 2.6)",
        *("; " + re.sub(r"[^ -~]", "?", line) for line in about),
        "(set-info :status unsat)",
    ]
    return "\n".join([*lines, query.script()])


def _described(proof: Proof) -> Mapping[str, object]:
    found = proof.certificate
    return {
        "folder": proof.folder, "scope": asdict(found.scope), "system": found.claim.system,
        "statement": asdict(found.statement), "lines": found.lines,
        "clauses": [asdict(clause) for clause in found.clauses], "obligations": proof.obligations,
    }  # fmt: skip


def _reason(verdict: Verdict, result: ClaimResult) -> str:
    """Why a claim has no proof for any number of tasks that could be written down."""
    match verdict:
        case _ if result.verdict == "vacuous":
            return f"its proof says nothing: {result.reason}"
        case Proved(Scope(None)):
            return "its proof is none by clauses of an invariant"
        case Proved(scope):
            return f"it is proved for {scope}"
        case Refuted():
            return f"it is decided by {scope_of(result)}"
        case Unknown(reason):
            return f"it is unknown: {reason}"
        case _ as unreachable:
            assert_never(unreachable)


def _plain(name: str) -> str:
    """A name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)[:MOST_NAME].strip("-.")
