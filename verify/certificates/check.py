"""Check a certificate from its text and the source alone: that it is about its claim, and proves it.

The front end and the passes that make the small system are those that the proof used, and are trusted. What has to be
shown of the small system is written anew, by code that the finders and the judges do not share, and put to two solvers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from verify.certificates.bodies import clauses_of
from verify.certificates.canonical import system_hash
from verify.certificates.form import (
    MOST_BYTES,
    BadCertificateError,
    Certificate,
    NoCertificateError,
    Scope,
    certificate,
)
from verify.certificates.obligations import queries
from verify.certificates.query import Query
from verify.certificates.reading import NotCoveredError, TooWideError
from verify.certificates.statement import (
    by_name,
    claimed,
    is_bundled,
    place_of,
    proved,
    redundancies,
    source_files,
    statement,
    text_hash,
    unknown_guards,
)
from verify.diagnostics import InputError
from verify.engine.verdict import Counterexample
from verify.explain.induction import counterexample
from verify.judging import UNDECIDED, default_system
from verify.lower.small import Guess, Passes, Small
from verify.outcome import adapted, aside, removed
from verify.report.checked import Checked
from verify.schedule import WITHOUT_GUARDS
from verify.smt.ask import SOLVERS, Bench, Solver
from verify.smt.covered import refuse, refuse_property
from verify.smt.widths import EncodingError
from verify.universal import prenex

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program


class Met(NamedTuple):
    """How many obligations are met, and the solvers that say so with their versions."""

    obligations: int
    solvers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tools:
    """The solvers, how long each may take for the obligations of a proof, and what is known from other certificates."""

    bench: Bench
    seconds: float
    programs: dict[tuple[object, ...], Program] = field(default_factory=dict)
    proofs: dict[tuple[object, ...], Met] = field(default_factory=dict)  # many claims have one in common


def check(path: str, tools: Tools) -> Checked:
    """Whether the certificate in a file shows what it claims to show."""
    start = time.perf_counter()
    result = Checked(path, "rejected")
    try:
        found = certificate(_read(Path(path)))
        result = replace(result, claim=found.claim.name, source=found.given.files[0].path if found.given.files else "")
        met = _check(found, Path(path).parent, tools)
    except NoCertificateError as error:
        return replace(result, verdict="unreadable", reason=str(error))
    except BadCertificateError as error:
        return replace(result, reason=str(error), cti=error.cti, seconds=time.perf_counter() - start)
    except (NotCoveredError, TooWideError, EncodingError) as error:
        return replace(result, reason=str(error), seconds=time.perf_counter() - start)
    except InputError as error:
        first = error.diagnostics[0]
        reason = f"the source has an error: {first.code}, line {first.span.line}: {first.message}"
        return replace(result, reason=reason, seconds=time.perf_counter() - start)
    except RecursionError:
        return replace(result, reason="the source is nested too deeply", seconds=time.perf_counter() - start)
    return replace(
        result, verdict="accepted", holds=found.claim.holds, scope="any number of tasks, any number of steps",
        obligations=met.obligations, solvers=met.solvers, seconds=time.perf_counter() - start,
    )  # fmt: skip


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise NoCertificateError("it is no regular file" if path.exists() else "there is no such file")
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise NoCertificateError("it cannot be read") from error


def _check(found: Certificate, folder: Path, tools: Tools) -> Met:
    """Check that it is about its claim, and that its proof is one."""
    if found.scope != Scope("any", "any"):
        raise BadCertificateError("its scope is not any number of tasks and steps")
    program = _program(found, folder, tools)
    claims = by_name([
        *(adapted(claim, found.given.system, found.given.without) for claim in program.claims),
        *redundancies(program, found.statement.claims),
    ])
    about = _about(found, program, claims)
    key = (id(program), found.claim.system, found.statement, found.basis, found.lines, found.clauses)
    if key not in tools.proofs:
        tools.proofs[key] = _proof(found, program, about, tools)
    return tools.proofs[key]


def _proof(found: Certificate, program: Program, about: Sequence[ClaimDecl], tools: Tools) -> Met:
    """Check that the clauses prove what these claims say."""
    small, asked = posed(found, program, about)
    return _answered(asked, small, tools)


def posed(found: Certificate, program: Program, about: Sequence[ClaimDecl]) -> tuple[Small, Sequence[Query]]:
    """The small system that a certificate is about, and all that has to be shown of it for these claims.

    Raises BadCertificateError if it is another than that of the program, NotCoveredError, TooWideError or EncodingError
    if that is more than the theorem covers or the scripts have words for.
    """
    small = _small(found, program, about)
    system, prop, axioms = small.told()
    if system_hash(system, prop) != found.basis.system:
        versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
        raise BadCertificateError(f"the proof is about another system than that of the source (made with {versions})")
    clauses = tuple(clauses_of(system, found.lines, found.clauses))
    refuse(system)
    for binders, matrix in prenex(prop) or [((), prop)]:
        refuse_property(system, binders, matrix)
    return small, list(queries(system, clauses, prop, axioms))


# ---- the source and the claim --------------------------------------------------------------------


def _program(found: Certificate, folder: Path, tools: Tools) -> Program:
    """The program, read from files with the hashes that the certificate says."""
    from verify.syntax import load  # noqa: PLC0415 - the parser takes long to import
    from verify.syntax.files import read  # noqa: PLC0415 - the same
    from verify.syntax.limits import Budget  # noqa: PLC0415 - the same

    given = found.given
    path = place_of(given.files[0], folder) if given.files else None
    if path is None:
        raise BadCertificateError("it does not name its source")
    if not path.is_file():
        raise BadCertificateError(f"its source `{given.files[0].path}` is not there")
    # A file that is not the one that was proved is not even parsed: errors would show what is in it.
    here = text_hash(read(path, str(path), Budget()).text)
    if here != given.files[0].sha256 or given.files[0].bundled != is_bundled(str(path)):
        raise BadCertificateError(f"its source `{given.files[0].path}` is another than the one that was proved")
    key = (path.resolve(), tuple(sorted(given.defines.items())), here)
    program = tools.programs[key] = tools.programs.get(key) or load(path, defines=given.defines)
    if source_files(program, given.files[0].path) != given.files:
        raise BadCertificateError("the files that its source includes are others than those that were proved")
    return program


def _about(found: Certificate, program: Program, claims: Mapping[str, ClaimDecl]) -> Sequence[ClaimDecl]:
    """The claims that the proof is for, the certificate's own among them."""
    given, said = found.given, found.claim
    if given.system is not None and given.system not in program.systems:
        raise BadCertificateError("it speaks of a system that the source has not")
    if unknown := next(unknown_guards(program, given.without), None):
        raise BadCertificateError(f"no guard `{unknown[:80]}` can be removed")
    claim = claims.get(said.name)
    if claim is None:
        raise BadCertificateError("the source makes no such claim")
    if said != claimed(claim, _system_of(claim, program)):
        raise BadCertificateError("what it says of its claim is not what the source says")
    names = found.statement.claims
    if said.name not in names or not all(name in claims for name in names):
        raise BadCertificateError("the claims that it proves together are not its own and others of the source")
    about = [claims[name] for name in names]
    alike = all(_system_of(each, program) == said.system and each.kind in WITHOUT_GUARDS for each in about)
    if claim.kind in UNDECIDED or claim.kind == "deadlock_free" or (len(about) > 1 and not alike):
        raise BadCertificateError("claims of these kinds have no such proof together")
    from verify.lower.stores import idle_writers  # noqa: PLC0415 - see `_program`

    if idle_writers(claim, program):
        raise BadCertificateError("the claim lists functions that have no such store")
    if statement(program, about) != found.statement:
        raise BadCertificateError("what it proves is not what these claims say")
    # A system with guards there or not does all that each of the systems without some of them does.
    assert set(removed(claim)) <= {*found.statement.removed, *found.statement.optional}  # noqa: S101 - by `statement`
    return about


def _system_of(claim: ClaimDecl, program: Program) -> str:
    return claim.system or default_system(program)


def _small(found: Certificate, program: Program, about: Sequence[ClaimDecl]) -> Small:
    """The small system that the clauses have to be about, and what they have to show of it."""
    from verify.lower import lower  # noqa: PLC0415 - see `_program`
    from verify.lower.counting import COUNTS  # noqa: PLC0415 - the same
    from verify.lower.localize import shared_keys  # noqa: PLC0415 - the same

    gone, optional = frozenset(found.statement.removed), frozenset(found.statement.optional)
    compare, watch = aside(about[0])
    lowered = lower(program, found.claim.system, removed=gone, optional=optional, compare=compare, watch=watch)
    basis = found.basis
    if not frozenset(basis.keys) <= shared_keys(lowered.system):
        raise BadCertificateError("it rests on variables that the system has not")
    if basis.counts not in COUNTS:
        raise BadCertificateError("it rests on counters that there are not")
    guess = Guess(frozenset(basis.keys), basis.pending, basis.spins, basis.places, basis.counts)
    passes = Passes(basis.reduce, basis.slice)
    return proved(program, lowered, about, guess, passes)


# ---- the solvers ---------------------------------------------------------------------------------


def _answered(asked: Sequence[Query], small: Small, tools: Tools) -> Met:
    """Put the obligations to the solvers. Raises BadCertificateError unless both find all of them met."""
    scripts = [query.script() for query in asked]
    waiting = [tools.bench.ask(solver, scripts, tools.seconds) for solver in SOLVERS]
    versions: dict[str, str] = {}
    for answer in (future.result() for future in waiting):
        for query, word in zip(asked, answer.words, strict=False):
            if word != "unsat":
                culprit, why = _culprit(query, answer.solver, word, tools)
                reason = f"{answer.solver} does not find `{culprit.name}` met: {why}"
                raise BadCertificateError(reason, _counterexample(culprit, why, small, tools))
        if len(answer.words) != len(asked):
            raise BadCertificateError(f"{answer.solver} did not answer all questions")
        versions[answer.solver] = answer.version
    return Met(sum(query.count for query in asked), versions)


def _culprit(query: Query, solver: Solver, word: str, tools: Tools) -> tuple[Query, str]:
    """The one obligation that a solver does not find met, and its answer."""
    for half in query.halves() if word == "sat" else ():
        again = tools.bench.ask(solver, [half.script()], tools.seconds).result().words[-1]
        if again != "unsat":
            return _culprit(half, solver, again, tools)
    return query, word


def _counterexample(query: Query, word: str, small: Small, tools: Tools) -> Counterexample | None:
    """Where Z3 says that the one obligation is not met, in words."""
    if word != "sat" or query.count > 1:
        return None
    witness = query.pose()
    said = tools.bench.ask("z3", [witness.asking()], tools.seconds).result().words[-1]
    if said.partition(" ")[0] != "sat":
        return None
    return counterexample(small.told().system, witness.broken(query.name, said), small.names())
