"""The claims that are asked of mutants: those about the program as it is that hold, and what shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from verify.engine.verdict import Invariant, Proved, Refuted, Report, Verdict
from verify.instances import exact_tasks
from verify.judging import Options, Selection, question_of, quiet
from verify.lower.lock_order import ordered_locks
from verify.lower.small import Guess, Passes, small_for_proof
from verify.outcome import Judgement, conclude, removed, wants
from verify.question import Memory, Question, Tools
from verify.report.result import ClaimResult
from verify.strategy import deadlock_question, decide
from verify.syntax.ast import ClaimDecl
from verify.unbounded import Tried, remember

ASKED = frozenset({"prove", "refute", "reach", "dead", "lock_balanced", "deadlock_free", "race_free", "writers"})
VARIANT = "about the program without some guards or assumptions"
OTHER = "about another system"
KIND = "of a kind that is not asked of mutants"

LEAST, SLOWER, MOST = 5.0, 4.0, 60.0  # seconds for one question: at least, more of what the claim took, at most


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim that holds, the proof or run that shows it, and what was found out on the way."""

    claim: ClaimDecl
    verdict: Proved | Refuted
    tried: Tried
    seconds: float = field(default=0.0, compare=False)  # that it took to decide

    @property
    def patience(self) -> float:
        """The seconds that one question about the claim and a mutant, or a group of them, may take."""
        return min(LEAST + SLOWER * self.seconds, MOST)

    @property
    def guess(self) -> Guess | None:
        """What the proof knows of the system, if that is known."""
        basis = self.verdict.basis if isinstance(self.verdict, Proved) else None
        if basis is None:
            return None
        return Guess(basis.keys, basis.pending, basis.spins, basis.places, basis.counts)


def asked(claims: Sequence[ClaimDecl], system: str, default: str) -> tuple[list[ClaimDecl], list[tuple[str, str]]]:
    """The claims to ask of mutants, and the others, with the reason."""
    chosen, left = list[ClaimDecl](), list[tuple[str, str]]()
    for claim in claims:
        why = _why_not(claim, system, default)
        if why:
            left.append((claim.name, why))
        else:
            chosen.append(claim)
    return chosen, left


def _why_not(claim: ClaimDecl, system: str, default: str) -> str:
    if (claim.system or default) != system:
        return OTHER
    if claim.kind in ("redundant", "necessary", "minimal") or removed(claim):
        return VARIANT
    return "" if claim.kind in ASKED else KIND


def stand(
    selection: Selection, options: Options, claim: ClaimDecl, report: Report
) -> tuple[ClaimResult, Proved | Refuted | None]:
    """Decide a claim about the program as it is; the verdict if it holds. Raises InputError for what has no meaning."""
    start = time.perf_counter()
    question = asking(selection, options, claim, Memory(), report)
    verdict = decide(question)
    result = replace(concluded(claim, verdict, question), seconds=time.perf_counter() - start)
    match verdict:
        case Proved(basis=basis) if result.holds:
            short = None if basis is None else replace(basis, clauses=())
            return result, replace(verdict, invariant=Invariant(()), basis=short, cti=None)  # a large one is not sent
        case Refuted() if result.holds:
            return result, verdict
        case _:
            return result, None


def standing(selection: Selection, claim: ClaimDecl, verdict: Proved | Refuted, seconds: float = 0.0) -> Standing:
    """A claim that holds, with the small system that its proof is of, to be known again."""
    found = Standing(claim, verdict, Tried(), seconds)
    if found.guess is not None and isinstance(verdict, Proved):
        question = asking(selection, Options(), claim, Memory(), quiet)
        small = small_for_proof(question.system, question.prop, found.guess, Passes(question.reduce, question.slice))
        remember(found.tried, small, verdict)
    return found


def concluded(claim: ClaimDecl, verdict: Verdict, question: Question) -> ClaimResult:
    """What a verdict means for a claim; short of any number of tasks it is not known, unless the system has so many."""
    prop = None if question.deadlock else question.prop
    exact = exact_tasks(question.system) is not None
    return conclude(claim, Judgement(verdict, prop, exact), seconds=0.0, any_asked=True)


def asking(  # noqa: PLR0913 - what is asked, and what is known
    selection: Selection, options: Options, claim: ClaimDecl, memory: Memory, report: Report = quiet, *,
    tools: Tools | None = None,
) -> Question:
    """The question behind a claim, of the whole program of a selection."""
    question = question_of(selection, options, claim, memory, tools or Tools(), report=report)
    return _about_deadlocks(question) if claim.kind == "deadlock_free" else question


def _about_deadlocks(question: Question) -> Question:
    """The question whether threads can get stuck, of a system of which an order of its locks may show it."""
    asked = deadlock_question(question)
    if ordered_locks(asked.system) is None and ordered_locks(question.system) is not None:
        return deadlock_question(replace(question, reduce=False))  # what is joined may have too many conditions
    return asked


def until(options: Options, deadline: float, most: float) -> Options:
    """The options with the time that is left, but no more than `most` seconds."""
    return replace(options, budget=max(0.0, min(most, deadline - time.monotonic())))


def wanted(claim: ClaimDecl) -> bool:
    """Whether the claim wants its property proved."""
    return wants(claim) == "proved"
