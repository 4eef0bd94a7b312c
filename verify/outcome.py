"""What the verdict on a property means for the claim behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, assert_never

from verify.alone import Difference
from verify.engine.verdict import Proved, Refuted, Scope, Trace, Unknown, Verdict
from verify.ir import Expr
from verify.report.result import ClaimResult, Explanation
from verify.semantics import holds

if TYPE_CHECKING:
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program


LIVENESS = frozenset({"eventually", "no_starvation"})  # claims about what happens later, on fair runs
BY_TLC = LIVENESS | {"atomic_sections"}  # claims about whole runs, which TLC is asked about


class Judgement(NamedTuple):
    """What was found out about a claim: the verdict on the property behind it, and that property."""

    verdict: Verdict
    prop: Expr | None = None
    exact: bool = False  # whether the system itself says how many tasks there are
    together: tuple[ClaimDecl, ...] = ()  # the claims that the verdict is a proof of, if one does for several
    why: Explanation | None = None  # a proof for any number of tasks, explained
    unreached: tuple[str, ...] = ()  # the guards that the claim is about, if no run comes to any of them
    toothless: tuple[str, ...] = ()  # the guards of the patch, if what is proved holds also without all of them
    difference: Difference | None = None  # between the outcomes that the claim compares, in the last state of the run
    spare: tuple[str, ...] = ()  # of guards that are enough together: those that can go alone
    lacking: tuple[str, ...] = ()  # of guards that are not: the others, all removed
    idle: tuple[str, ...] = ()  # the functions that a claim lists as writers, without a store in their text
    absent: tuple[str, ...] = ()  # structs that `any` names, of which there is never an object


def conclude(
    claim: ClaimDecl, judgement: Judgement, *, seconds: float, any_asked: bool = False, fault: str = ""
) -> ClaimResult:
    """What the verdict on its property means for the claim."""
    verdict, prop, exact, _, why, unreached, toothless, difference, spare, lacking, idle, absent = judgement
    result = ClaimResult(
        claim.name, claim.kind, claim.invariant, ", ".join(claim.targets) or None, claim.system, "unknown", holds=None,
        scope=None, engine=verdict.engine, seconds=seconds, removed=removed(claim), expected=expectation(claim),
        span=claim.span, fault=fault,
    )
    match verdict:
        case Proved(scope) if unreached:
            reason = no_call(claim) if claim.said else f"no run comes to `{', '.join(unreached)}`"
            return replace(result, verdict="vacuous", holds=False, scope=scope, reason=reason)
        case Proved(scope) if idle:
            return replace(result, verdict="vacuous", holds=False, scope=scope, reason=no_store(claim, idle))
        case Proved(scope, invariant, cti=cti):
            found = (tuple(why.sentences) if why else tuple(invariant.summary)) or None
            short = any_asked and not exact and scope.tasks is not None
            good = None if short else wants(claim) == "proved" and not spare
            reason = f"asked for any number of tasks, proved for {scope.tasks}" if short else ""
            reason = f"not minimal: `{', '.join(spare)}` can go" if spare else reason
            reason = never_found(absent) if absent and claim.kind == "reach" else reason
            return replace(
                result, verdict="proved", holds=good, scope=scope, invariant_found=found, reason=reason, why=why,
                cti=cti if short else None, toothless=toothless,
            )  # fmt: skip
        case Refuted(scope, trace):
            trace = to_first_violation(trace, prop)
            scope = Scope(scope.tasks, len(trace.steps))
            good = wants(claim) == "refuted"
            return replace(
                result, verdict="refuted", holds=good, scope=scope, trace=trace, broken=prop, difference=difference,
                removed=(*result.removed, *lacking),
            )  # fmt: skip
        case Unknown(reason, shown, cti=cti):
            return replace(result, reason=reason, shown=shown, cti=cti)
        case _:
            assert_never(verdict)


def no_store(claim: ClaimDecl, idle: Sequence[str]) -> str:
    """Why a `writers` claim fails that lists functions without a store."""
    return f"`{', '.join(idle)}` has no store to `{', '.join(claim.targets)}`"


def no_call(claim: ClaimDecl) -> str:
    """Why a claim about calls fails of which none is watched."""
    return f"no call of `{', '.join(claim.targets)}` begins while `{claim.said}`"


def never_found(structs: Sequence[str]) -> str:
    """Why a program may do nothing."""
    return "; ".join(f"`any(struct {name})` waits for ever: no `struct {name}` is ever published" for name in structs)


def to_first_violation(trace: Trace, prop: Expr | None) -> Trace:
    """The run up to the first state in which the property is false: what follows proves nothing more."""
    for length, state in enumerate(trace.states):
        if prop is not None and not holds(trace.instance, prop, state):
            return Trace(trace.instance, trace.states[: length + 1], trace.steps[:length])
    return trace


def wants(claim: ClaimDecl) -> Literal["proved", "refuted"]:
    """The verdict on its property with which the claim holds."""
    return "refuted" if claim.kind in ("refute", "reach", "necessary", "refused") else "proved"


def adapted(claim: ClaimDecl, system: str | None, without: Sequence[str]) -> ClaimDecl:
    """The claim as the command line asks for it: in the given system, without the given guards."""
    more = tuple(guard for guard in without if guard not in claim.without)
    return replace(claim, system=system or claim.system, without=(*claim.without, *more))


def subjects(claims: Sequence[ClaimDecl]) -> list[ClaimDecl]:
    """One claim for each invariant that claims are about."""
    return list({claim.invariant: claim for claim in reversed(claims)}.values())


def removed(claim: ClaimDecl) -> tuple[str, ...]:
    """The guards and assumptions that the claim is judged without."""
    return (*(claim.targets if claim.kind in ("redundant", "necessary") else ()), *claim.without)


def compared(claim: ClaimDecl) -> str:
    """The check whose outcomes the claim compares; empty for other claims."""
    return claim.targets[0] if claim.kind == "same_outcome" else ""


def watched(claim: ClaimDecl) -> ClaimDecl | None:
    """What calls a claim has watched, alike for claims about the same calls; None for other claims."""
    if claim.cond is None:
        return None
    return replace(claim, kind="never_refused", system=None, without=())


def aside(claim: ClaimDecl) -> tuple[str, ClaimDecl | None]:
    """What makes the system of a claim its own: a check whose outcomes are compared, or calls that are watched."""
    return compared(claim), watched(claim)


def named(claim: ClaimDecl, besides: Sequence[str]) -> tuple[str, ...]:
    """The guards that a claim is about: if its proof is to say anything, some run has to come to one of them.

    None for a claim that holds because of a run.
    `besides` are removed from all claims, whatever they are about.
    """
    if wants(claim) == "refuted":
        return ()
    if claim.kind in ("redundant", "dead", "same_outcome"):
        return claim.targets
    return tuple(name for name in claim.without if name not in besides and is_guard(name))


def is_guard(name: str) -> bool:
    """Whether what is removed is a guard `function.label`; else it is an assumption."""
    return "." in name


def assumed(program: Program, gone: Collection[str]) -> tuple[str, ...]:
    """The assumptions that are left without those in `gone`."""
    return tuple(name for name in program.assumptions if name not in gone)


def entered(claim: ClaimDecl) -> str:
    """The function of the statement that a claim is about."""
    return claim.targets[0].partition(".")[0]


def expectation(claim: ClaimDecl) -> str:
    """What the claim says, in a sentence."""
    targets = ", ".join(claim.targets)
    without = f", without `{', '.join(claim.without)}`" if claim.without else ""
    match claim.kind:
        case "prove":
            said = f"`{claim.invariant}` holds in every reachable state"
        case "refute":
            said = f"some run breaks `{claim.invariant}`"
        case "reach":
            said = f"some run reaches `{targets}`"
        case "dead":
            said = f"`{targets}` never fires"
        case "redundant":
            said = f"`{claim.invariant}` holds also with `{targets}` removed"
        case "necessary":
            said = f"some run breaks `{claim.invariant}` once `{targets}` is removed"
        case "minimal":
            said = f"`{targets}` suffice for `{claim.invariant}` and none of them can go"
        case "lock_balanced":
            said = "every lock is released by the thread that took it"
        case "deadlock_free":
            said = "some thread can always step until all are finished"
        case "eventually":
            said = f"every thread that enters `{entered(claim)}` later comes to `{targets}`"
        case "no_starvation":
            said = f"every thread that waits for `{targets}` later gets it"
        case "atomic_sections":
            said = f"every run is one in which each section of `{targets}` is one step"
        case "race_free":
            said = f"no two threads stand before conflicting accesses of one `{targets}`"
        case "writers":
            said = f"only {', '.join(f'`{name}`' for name in claim.functions)} store to `{targets}`"
        case "same_outcome":
            said = f"no caller can tell whether `{targets}` is there"
        case "never_refused":
            said = f"no call of `{targets}` is refused while `{claim.said}`"
        case "refused":
            said = f"some call of `{targets}` is refused although `{claim.said}`, all the while"
        case _:
            assert_never(claim.kind)
    return said + without
