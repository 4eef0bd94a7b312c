"""The languages that a file can be exported to, what each needs of it, and the files that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, assert_never

from verify.exporting.c import export_c
from verify.exporting.dot import export_dot
from verify.exporting.inductive import Proofs, proofs_of
from verify.exporting.pluscal import pluscal_files
from verify.exporting.promela import promela_files
from verify.exporting.smt2 import Tell, obligations
from verify.exporting.subject import Asked, Subject, subject
from verify.exporting.tla import export_tla, with_manifest
from verify.judging import Options, Selection
from verify.outcome import compared, watched
from verify.schedule import Voice

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl

Language = Literal["c", "dot", "pluscal", "promela", "smt2", "tla"]
Files = Iterable[tuple[str, str]]  # the name of each, in a folder or not, and its text; in the order of writing


@dataclass(frozen=True, slots=True)
class OfSystem:
    """A language for a system, with the claims about it as properties."""

    files: Callable[[Subject], Mapping[str, str]]
    says: Callable[[Asked], bool]  # which claims it has a form for
    proofs: Callable[[Subject, Options], Proofs] | None = None  # with what shows its claims for any number of tasks


@dataclass(frozen=True, slots=True)
class OfProofs:
    """A language for the proofs of claims, which are looked for first: `Tell` hears of those without a file."""

    files: Callable[[Selection, Options, Mapping[str, str], Voice, Tell], Files]


def _tla(of: Subject) -> Mapping[str, str]:
    return with_manifest(export_tla(of))


def _of_states(asked: Asked) -> bool:
    return asked.liveness is None and asked.sections is None


def _of_runs(asked: Asked) -> bool:
    return asked.sections is None


LANGUAGES: Final[Mapping[Language, OfSystem | OfProofs]] = {
    "c": OfSystem(export_c, _of_states),
    "dot": OfSystem(export_dot, _of_states),
    "pluscal": OfSystem(pluscal_files, _of_runs),
    "promela": OfSystem(promela_files, _of_states),
    "smt2": OfProofs(obligations),
    "tla": OfSystem(_tla, lambda _: True, proofs_of),
}


def files(  # noqa: PLR0913, PLR0917 - what is exported, and whom to tell of it
    language: Language, selection: Selection, options: Options, versions: Mapping[str, str], voice: Voice, tell: Tell,
    *, proofs: bool = False,
) -> Files:  # fmt: skip
    """The files of an export, those of proofs as they are found. Raises InputError for what the language cannot say."""
    def tell_aside(claim: ClaimDecl) -> None:
        if compared(claim):
            tell(claim.name, "outcomes are compared in a system of their own; `--to smt2` has its proof")
        elif watched(claim):
            tell(claim.name, "calls are watched in a system of their own; `--claim` exports that")

    match LANGUAGES[language]:
        case OfSystem(made, says, proved):
            of = subject(selection, options, versions["verify"])
            for asked in of.asked:
                if not says(asked):
                    tell(asked.claim.name, f"{language} has no form for it; `--to tla` has")
            for claim in of.left:
                if selection.system(claim) == of.lowered.system.name:
                    tell_aside(claim)
            of = of.only(says)
            found = proved(of, options) if proofs and proved else Proofs({}, ())
            for asked, reason in found.missing:
                tell(asked.claim.name, reason)
            return {**made(of), **found.files}.items()
        case OfProofs(made_of_proofs):
            return made_of_proofs(selection, options, versions, voice, tell)
        case _ as unreachable:
            assert_never(unreachable)
