"""The answer about a file, as values: what `api` makes and every report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from verify.alone import Difference
from verify.diagnostics import Diagnostic
from verify.engine.verdict import Counterexample, Scope, Trace
from verify.ir import Expr
from verify.source import NOWHERE, Span

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimKind  # the parser takes a while to import, and a report can do without it

HOLDS, FAILS, BAD_INPUT, UNKNOWN, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130
Word = Literal["proved", "refuted", "unknown", "vacuous"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a property holds: what is true in every reachable state, kept by every step; no sentences if that is long."""

    sentences: tuple[str, ...]
    rests: tuple[str, ...]  # on which locks and variables
    follows: tuple[str, ...]  # what the sentences say together
    clauses: int  # how many the proof has
    minimal: bool  # whether none of them can be left out


@dataclass(frozen=True, slots=True)
class Round:
    """How a run goes on for ever: it repeats what comes after so many steps, or stays if nothing does.

    `thread` waits for what it never gets, from after `since` steps on.
    """

    after: int
    thread: int
    since: int


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """One claim, judged. `verdict` is about the property behind the claim; `holds` is about the claim."""

    name: str  # as the source has it: "necessary ptrace_attach.check for no_traced_kernel_thread"
    kind: ClaimKind
    invariant: str | None
    guard: str | None
    system: str | None
    verdict: Word
    holds: bool | None  # None is not known
    scope: Scope | None  # what the verdict speaks of; None if nothing was decided
    engine: str
    seconds: float
    removed: tuple[str, ...] = ()  # the guards and assumptions that were removed
    assumptions: tuple[str, ...] = ()  # those under which it was judged
    trace: Trace | None = None
    difference: Difference | None = field(default=None, repr=False)  # of outcomes in the last state of `trace`
    round: Round | None = None  # of a run that goes on for ever
    invariant_found: tuple[str, ...] | None = None  # clauses in source terms
    why: Explanation | None = field(default=None, repr=False)
    certificate: str | None = None  # path
    trace_file: str | None = None  # path
    reason: str = ""  # why unknown
    shown: str = ""  # the strongest thing that was shown all the same
    expected: str = ""  # the claim in a sentence
    broken: Expr | None = field(default=None, repr=False)  # the property that the last state of `trace` violates
    span: Span = field(default=NOWHERE, compare=False)
    cti: Counterexample | None = field(default=None, repr=False)  # why an invariant that was found is none
    toothless: tuple[str, ...] = ()  # the guards without all of which what is proved holds as well
    fault: str = field(default="", repr=False)  # what broke in `verify` itself, and where; then nothing is known


@dataclass(frozen=True, slots=True)
class FileResult:
    """Everything about one file. With `errors` there are no claims."""

    file: str
    versions: Mapping[str, str] = field(hash=False)
    errors: tuple[Diagnostic, ...] = ()
    claims: tuple[ClaimResult, ...] = ()
    interrupted: bool = False
    included: Mapping[str, int] = field(default_factory=dict, hash=False)  # claims of included files, not decided here
    seconds: float = field(default=0.0, compare=False)  # less than those of the claims, where some had a core each


def exit_code(result: FileResult) -> int:
    """0 all claims hold, 1 some fails, 2 the input is wrong, 3 some is unknown, 70 internal error, 130 interrupted."""
    verdicts = {claim.holds for claim in result.claims}
    if result.errors:
        return BAD_INPUT
    if result.interrupted:
        return INTERRUPTED
    if any(claim.fault for claim in result.claims):
        return INTERNAL
    return FAILS if False in verdicts else UNKNOWN if None in verdicts else HOLDS
