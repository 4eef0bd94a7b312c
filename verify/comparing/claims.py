"""Claims that two versions have in common: what one of them states, stated in the other, and judged in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from verify.comparing.texts import plain
from verify.diagnostics import InputError
from verify.judging import Options, Selection, default_system
from verify.outcome import adapted, removed
from verify.report.diff import Left
from verify.syntax import ast
from verify.syntax.check import check
from verify.syntax.program import Program

HOLD = frozenset({"prove", "refute", "redundant", "necessary"})  # claims of whether an invariant holds
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One of the two: its file as it was parsed, and as it was checked."""

    file: str
    unit: ast.Unit
    program: Program


def statement(claim: ast.ClaimDecl) -> str:
    """What the claim is about, whatever it says of that."""
    if claim.kind not in HOLD:
        return claim.name
    gone = removed(claim)
    words = [claim.invariant or "", *(["in", claim.system] if claim.system else [])]
    return " ".join([*words, "without", ", ".join(gone)] if gone else words)


def key(claim: ast.ClaimDecl, program: Program) -> Key:
    """What two claims have in common if one answer does for both."""
    system = claim.system or default_system(program)
    if claim.kind in HOLD:
        return ("holds", claim.invariant, frozenset(removed(claim)), system)
    return (claim.kind, claim.targets, claim.functions, frozenset(claim.without), system)


def in_common(before: Version, after: Version, options: Options) -> tuple[tuple[Selection, ...], tuple[Left, ...]]:
    """Both versions with the claims that can be stated in both, in one order; and those that cannot."""
    pair = _apart(before, after)
    left = list[Left]()
    made = list[Program]()
    for here, other in (pair, pair[::-1]):
        added, lost = _added(here, other, options)
        made.append(added)
        left += lost
    own = [{key(c, p): c for c in p.claims if asked(c, options)} for p in made]
    shared = [k for k in own[0] if k in own[1]]
    selections = tuple(
        Selection(version.file, program, tuple(adapted(claims[k], options.system, ()) for k in shared))
        for version, program, claims in zip(pair, made, own, strict=True)
    )
    return selections, tuple(left)


def asked(claim: ast.ClaimDecl, options: Options) -> bool:
    """Whether the options ask for the claim."""
    return options.system is None or claim.system in (None, options.system)


def _apart(before: Version, after: Version) -> tuple[Version, Version]:
    """The versions, where invariants of one name that say different things have two names."""
    one, other = before.program.invariants, after.program.invariants
    twice = [name for name in one if name in other and plain(one[name]) != plain(other[name])]
    return tuple(_renamed(v, {name: f"{name} [{v.file}]" for name in twice}) for v in (before, after))  # type: ignore[return-value] # two again


def _renamed(version: Version, names: dict[str, str]) -> Version:
    if not names:
        return version

    def called(decl: ast.Decl) -> ast.Decl:
        match decl:
            case ast.InvariantDecl(name=name) if name in names:
                return replace(decl, name=names[name])
            case ast.ClaimDecl(invariant=str(name)) if name in names:
                return replace(decl, invariant=names[name])
            case _:
                return decl

    unit = replace(version.unit, declarations=tuple(called(decl) for decl in version.unit.declarations))
    return replace(version, unit=unit, program=check(unit))


def _added(version: Version, other: Version, options: Options) -> tuple[Program, list[Left]]:
    """A version with the claims of the other that it does not have, and those that it cannot have."""
    own = {key(claim, version.program) for claim in version.program.claims}
    left = list[Left]()
    wanted = list[ast.ClaimDecl]()
    for claim in other.program.claims:
        if key(claim, other.program) in own or not asked(claim, options):
            continue
        missing = next(_missing(claim, version.program), "")
        if missing:
            left.append(Left(statement(claim), version.file, missing))
        else:
            wanted.append(claim)
    try:
        return check(_with(version.unit, other.unit, wanted)), left
    except InputError:
        pass
    kept = list[ast.ClaimDecl]()
    for claim in wanted:
        try:
            check(_with(version.unit, other.unit, [claim]))
            kept.append(claim)
        except InputError as error:
            left.append(Left(statement(claim), version.file, error.diagnostics[0].message))
    return check(_with(version.unit, other.unit, kept)), left


def _missing(claim: ast.ClaimDecl, program: Program) -> Iterator[str]:
    """Why a claim cannot be stated, where that is soon seen."""
    if claim.system is not None and claim.system not in program.systems:
        yield f"which has no system `{claim.system}`"
    for name in (*removed(claim), *(claim.targets if claim.kind in ("reach", "dead", "minimal") else ())):
        if name not in program.guards and name not in program.assumptions:
            yield f"which has no `{name}`"


def _with(unit: ast.Unit, other: ast.Unit, claims: Sequence[ast.ClaimDecl]) -> ast.Unit:
    """A file with claims of another, and the invariants that they are about."""
    known = {decl.name for decl in unit.declarations if isinstance(decl, ast.InvariantDecl)}
    about = {claim.invariant for claim in claims} - known
    invariants = [d for d in other.declarations if isinstance(d, ast.InvariantDecl) and d.name in about]
    return replace(unit, declarations=(*unit.declarations, *invariants, *claims))
