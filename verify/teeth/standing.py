"""The claims that are asked of mutants: those about the program as it is that hold, and what shows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from verify.engine.verdict import Proved, Refuted, Report, Verdict
from verify.instances import exact_tasks
from verify.judging import Options, Selection, question_of
from verify.lower.small import Guess
from verify.outcome import Judgement, conclude, removed, wants
from verify.question import Memory, Question, Tools
from verify.report.result import ClaimResult
from verify.strategy import deadlock_question, decide
from verify.syntax.ast import ClaimDecl
from verify.unbounded import Tried

ASKED = frozenset({"prove", "refute", "reach", "dead", "lock_balanced", "deadlock_free"})
VARIANT = "it is about a variant of the program"
OTHER = "it is about another system"
KIND = "claims of its kind are not asked of mutants"


@dataclass(frozen=True, slots=True)
class Standing:
    """A claim that holds, the proof or run that shows it, and what was found out on the way."""

    claim: ClaimDecl
    verdict: Proved | Refuted
    tried: Tried

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


def stand(selection: Selection, options: Options, claim: ClaimDecl, report: Report) -> tuple[ClaimResult, Standing | None]:
    """Decide a claim about the program as it is. Raises InputError for what cannot be lowered."""
    memory = Memory()
    question = asking(selection, options, claim, memory, report)
    verdict = decide(question)
    result = concluded(claim, verdict, question)
    if result.holds is not True or not isinstance(verdict, Proved | Refuted):
        return result, None
    return result, Standing(claim, verdict, memory.tried)


def concluded(claim: ClaimDecl, verdict: Verdict, question: Question) -> ClaimResult:
    """What a verdict means for a claim, which is about any number of tasks unless the system says how many there are."""
    prop = None if question.deadlock else question.prop
    exact = exact_tasks(question.system) is not None
    return conclude(claim, Judgement(verdict, prop, exact), seconds=0.0, any_asked=True)


def asking(
    selection: Selection, options: Options, claim: ClaimDecl, memory: Memory, report: Report, tools: Tools | None = None
) -> Question:
    """The question behind a claim, of the whole program of a selection."""
    question = question_of(selection, options, claim, memory, tools or Tools(), report=report)
    return deadlock_question(question) if claim.kind == "deadlock_free" else question


def until(options: Options, deadline: float, most: float) -> Options:
    """The options with the time that is left, but no more than `most` seconds."""
    return replace(options, budget=max(0.0, min(most, deadline - time.monotonic())))


def wanted(claim: ClaimDecl) -> bool:
    """Whether the claim wants its property proved."""
    return wants(claim) == "proved"
