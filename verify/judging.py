"""Judge a claim: the system and the property it is about, and what was found out about them.

What the claims of a unit have in common is done once. Where several say that an invariant holds also without some
guard, one proof for the program in which each of these guards may be there or not answers them all.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

from verify.diagnostics import InputError
from verify.engine.verdict import Progress, Proved, Refuted, Report, Scope, Unknown, Verdict
from verify.instances import exact_tasks, least_tasks
from verify.ir import Expr
from verify.outcome import BY_TLC, Judgement, aside, named, removed, subjects, wants
from verify.schedule import WITHOUT_GUARDS, Unit, provable_together, unit

if TYPE_CHECKING:
    from verify.explain import Explanation
    from verify.lower import Lowered
    from verify.question import Memory, Question, Tools
    from verify.syntax.ast import ClaimDecl
    from verify.syntax.program import Program

Engine = Literal["auto", "bfs", "views", "chc", "bmc"]
Variant = tuple[str, frozenset[str], frozenset[str]]  # a system, guards taken out, guards that may be there or not
NOT_YET = "not decided here; `verify tlc` checks it, for a fixed number of tasks"
UNDECIDED: Mapping[str, str] = {  # claims that no engine decides, and why
    **dict.fromkeys(BY_TLC, NOT_YET),
}
SEEN = frozenset({"writers", "race_free"})  # claims about what a system shows only where it is asked for
EXPLAINING = 2.0  # times the time for a claim, to explain why it holds
BOUNDED = 3  # tasks that are looked at where any number is asked for


@dataclass(frozen=True, slots=True)
class Options:
    """What to check and how hard to try. `budget` is in seconds of wall clock for each claim."""

    claims: tuple[str, ...] = ()  # names; none is all
    without: tuple[str, ...] = ()  # guards removed in addition to those a claim names
    defines: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None  # leave out claims about other systems; claims that name none are about this one
    tasks: int | None = None  # any number
    engine: Engine = "auto"
    budget: float = 60.0
    reduce: bool = True
    slice: bool = True
    certificates: str | None = None  # the folder for those of what is proved for any number of tasks
    explain: bool = False  # say why, of proofs for any number of tasks
    traces: str | None = None  # the folder for the runs that decide claims


@dataclass(frozen=True, slots=True)
class Selection:
    """A file without errors, and its claims that the options ask for."""

    file: str
    program: Program
    claims: tuple[ClaimDecl, ...]
    lowered: dict[tuple[Variant, tuple[ClaimDecl, ...]], Lowered] = field(
        default_factory=dict, compare=False, repr=False
    )  # as far as it was needed
    aside: dict[tuple[Variant, str, ClaimDecl | None], Lowered] = field(
        default_factory=dict, compare=False, repr=False
    )  # the same, of systems that are those of one claim

    def system(self, claim: ClaimDecl) -> str:
        """The name of the system that a claim is about."""
        return claim.system or default_system(self.program)

    def lower(self, variant: Variant, compare: str = "", watch: ClaimDecl | None = None) -> Lowered:
        """A system, lowered once; with the outcomes of a check compared, or with calls watched.

        Raises InputError if it cannot be.
        """
        from verify.lower import lower  # noqa: PLC0415 - who only selects needs none of it

        name, gone, optional = variant
        if compare or watch:
            key = variant, compare, watch
            if key not in self.aside:
                self.aside[key] = lower(
                    self.program, name, removed=gone, optional=optional, compare=compare, watch=watch
                )
            return self.aside[key]
        besides = tuple(claim for claim in self.claims if claim.kind in SEEN and claim not in self.program.claims)
        if (variant, besides) not in self.lowered:
            program = replace(self.program, claims=(*self.program.claims, *besides)) if besides else self.program
            self.lowered[variant, besides] = lower(program, name, removed=gone, optional=optional)
        return self.lowered[variant, besides]


Judge = Callable[["ClaimDecl"], Judgement]


def quiet(_: Progress) -> None:
    """Report nothing."""


def judge_of(selection: Selection, options: Options, report: Report = quiet, tools: Tools | None = None) -> Judge:
    """How to decide the claims of one file, with `tools` that may have been made ready before."""
    from verify.lower.stores import idle_writers  # noqa: PLC0415 - who only selects needs none of it
    from verify.question import Memory, Tools  # noqa: PLC0415 - it imports the solver
    from verify.strategy import deadlock_question, decide, proof_of  # noqa: PLC0415 - the same

    bench = _Bench(selection, options, report, defaultdict(Memory), tools or Tools())
    known: dict[tuple[Unit, frozenset[str], Expr], Verdict] = {}
    together: dict[tuple[ClaimDecl, ...], Verdict | None] = {}

    def proved_together(claim: ClaimDecl, group: Unit) -> Judgement | None:
        """One proof for many claims of a unit, or for those about one invariant, if there are several and one does."""
        if claim.kind not in WITHOUT_GUARDS or options.engine not in ("auto", "views"):
            return None
        unit_claims = [peer for peer in selection.claims if bench.unit(peer) == group]
        parts = provable_together(unit_claims, selection.claims, default_system(selection.program))
        peers = next(part for part in parts if claim in part)
        for alike in (peers, tuple(peer for peer in peers if peer.invariant == claim.invariant)):
            if alike not in together:
                several = len({_what(peer) for peer in alike}) > 1
                varied = len({removed(peer) for peer in alike}) > 1
                together[alike] = proof_of(*bench.questions(alike), varied=varied) if several else None
            if (proof := together[alike]) is not None:
                return Judgement(proof, together=alike, why=bench.why_together(claim, proof, alike))
        return None

    def judge(claim: ClaimDecl) -> Judgement:
        found = decided(claim)
        return found._replace(
            unreached=bench.unreached(claim, found.verdict), toothless=bench.toothless(claim, found.verdict),
            idle=idle_writers(claim, selection.program), absent=bench.absent(selection.system(claim)),
        )  # fmt: skip

    def decided(claim: ClaimDecl) -> Judgement:
        if claim.kind in UNDECIDED:
            return Judgement(Unknown(UNDECIDED[claim.kind], "", ""))
        if claim.kind == "minimal":
            return minimal(claim)
        return proved_together(claim, bench.unit(claim)) or separately(claim)

    def separately(claim: ClaimDecl) -> Judgement:
        group, gone = bench.unit(claim), frozenset(removed(claim))
        question = bench.question(claim, gone)
        if claim.kind == "deadlock_free":
            question = deadlock_question(question)
        key = (group, gone, question.prop)
        if key not in known:
            known[key] = decide(question)
        exact = exact_tasks(question.system) is not None
        if claim.kind == "same_outcome":
            return bench.told_apart(claim, known[key], question, exact=exact)
        prop = None if claim.kind == "deadlock_free" else question.prop
        return Judgement(known[key], prop, exact, why=bench.why(known[key], question))

    def minimal(claim: ClaimDecl) -> Judgement:
        """Whether the guards are enough, all other checks and locks removed, and none of them can go."""
        others = bench.others(claim)
        enough = separately(replace(claim, kind="prove", targets=(), without=(*claim.without, *others)))
        if not isinstance(enough.verdict, Proved):
            return enough._replace(lacking=others if isinstance(enough.verdict, Refuted) else ())
        spare = list[str]()
        for guard in claim.targets:
            less = separately(replace(claim, kind="necessary", targets=(guard,), without=(*claim.without, *others)))
            if isinstance(less.verdict, Unknown):
                reason = f"whether `{guard}` can go: {less.verdict.reason}"
                return Judgement(Unknown(reason, less.verdict.shown, less.verdict.engine))
            spare += [guard] if isinstance(less.verdict, Proved) else []
        return enough._replace(verdict=replace(enough.verdict, basis=None), together=(), spare=tuple(spare))

    return judge


@dataclass(frozen=True, slots=True)
class _Bench:
    """A file, and what was learned about each unit of its claims."""

    selection: Selection
    options: Options
    report: Report
    memories: defaultdict[Unit, Memory]
    tools: Tools
    never: dict[tuple[str, frozenset[str], tuple[str, ...]], bool] = field(default_factory=dict)  # guards reached
    reasons: dict[tuple[int, Expr], Explanation] = field(default_factory=dict)  # by proof and property
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by system: see `absent`

    def others(self, claim: ClaimDecl) -> tuple[str, ...]:
        """The checks and locks of the system besides those that the claim names."""
        program = self.selection.program
        gone = {*claim.targets, *removed(claim)}
        labels = self.selection.lower((self.selection.system(claim), frozenset(removed(claim)), frozenset())).labels
        return tuple(
            guard.name
            for guard in program.guards.values()
            if guard.kind in ("check", "lock") and guard.name not in gone and labels.get(guard.name)
        )

    def why_together(self, claim: ClaimDecl, proof: Verdict, alike: Sequence[ClaimDecl]) -> Explanation | None:
        """Why a claim holds, one of several that share a proof."""
        from verify.lower.simplify import conj  # noqa: PLC0415 - who only selects needs none of it

        if not self.options.explain:
            return None
        questions = self.questions(alike)
        own = [subject.invariant for subject in subjects(alike)].index(claim.invariant)
        return self.why(proof, questions[own], conj([question.prop for question in questions]))

    def why(self, verdict: Verdict, question: Question, whole: Expr | None = None) -> Explanation | None:
        """Why a claim holds, if that is asked for and it has a proof for any number of tasks, of `whole`."""
        if not self.options.explain or not isinstance(verdict, Proved) or verdict.basis is None:
            return None
        from verify.explain import explain  # noqa: PLC0415 - it imports the solver

        key = (id(verdict), question.prop)
        if key not in self.reasons:
            deadline = time.monotonic() + EXPLAINING * self.options.budget
            self.reasons[key] = explain(
                question.system, whole or question.prop, question.prop, verdict.basis, deadline=deadline
            )
        return self.reasons[key]

    def told_apart(self, claim: ClaimDecl, verdict: Verdict, question: Question, *, exact: bool) -> Judgement:
        """What a verdict says of the outcomes of a check: a run counts if `semantics` finds two that differ."""
        from verify.lower.comparison import told_apart  # noqa: PLC0415 - who only selects needs none of it

        if not isinstance(verdict, Refuted):
            return Judgement(verdict, question.prop, exact, why=self.why(verdict, question))
        both = self.lowered(claim, frozenset(removed(claim))).compared
        assert both is not None  # noqa: S101 - it is lowered for this claim
        found = told_apart(verdict.trace, both)
        if found is None:
            tasks = f"{verdict.scope.tasks} task{'s' * (verdict.scope.tasks != 1)}"
            fires = f"the check can fire, in a run of {len(verdict.trace.steps) - 1} steps with {tasks}"
            why = both.forks.why or "no difference was found where one was seen"
            return Judgement(Unknown(why, fires, verdict.engine))
        scope = Scope(verdict.scope.tasks, len(found[0].steps))
        return Judgement(Refuted(scope, found[0], verdict.engine), None, exact, difference=found[1])

    def lowered(self, claim: ClaimDecl, gone: frozenset[str], optional: frozenset[str] = frozenset()) -> Lowered:
        """The system that a claim is about, without some guards and with others there or not."""
        return self.selection.lower((self.selection.system(claim), gone, optional), *aside(claim))

    def absent(self, system: str) -> tuple[str, ...]:
        """The structs of which the program looks for an object that is never there."""
        from verify.lower.absent import absent  # noqa: PLC0415 - who only selects needs none of it

        if system not in self.missing:
            self.missing[system] = absent(self.selection.program, system)
        return self.missing[system]

    def unreached(self, claim: ClaimDecl, verdict: Verdict) -> tuple[str, ...]:
        """The guards that a claim that is proved is about, if no run of the system with them comes to any.

        Of a claim about calls it is their function, if no call is watched.
        """
        from verify.lower.refusals import UNWATCHED  # noqa: PLC0415 - who only selects needs none of it
        from verify.vacuity import never, never_reached  # noqa: PLC0415 - it imports the solver

        if claim.cond is not None:
            question = self.question(claim, frozenset(removed(claim)))
            return claim.targets if isinstance(verdict, Proved) and never(question, UNWATCHED) else ()
        guards = named(claim, self.options.without)
        if not guards or not isinstance(verdict, Proved):
            return ()
        gone = frozenset(removed(claim)) - set(guards)
        key = (self.selection.system(claim), gone, guards)
        if key not in self.never:
            lowered = self.lowered(claim, gone)
            self.never[key] = never_reached(self.question(claim, gone), lowered, guards)
        return guards if self.never[key] else ()

    def toothless(self, claim: ClaimDecl, verdict: Verdict) -> tuple[str, ...]:
        """The guards of the patch, if what is proved holds also without all of them."""
        from verify.toothless import holds_all_the_same, patch  # noqa: PLC0415 - it imports the solver

        if not isinstance(verdict, Proved) or self.options.engine != "auto":
            return ()
        guards = patch(claim, self.selection.program, default_system(self.selection.program))
        if not guards or not holds_all_the_same(self.question(claim, frozenset(guards))):
            return ()
        return guards

    def unit(self, claim: ClaimDecl) -> Unit:
        """The claims that a claim shares its proof with."""
        return unit(claim, self.selection.claims, default_system(self.selection.program))

    def questions(self, claims: Sequence[ClaimDecl]) -> Sequence[Question]:
        """A question for each invariant that claims are about, of a system in which their guards are there or not."""
        guards = frozenset(chain.from_iterable(removed(claim) for claim in claims))
        return [self.question(claim, frozenset(), guards) for claim in subjects(claims)]

    def question(self, claim: ClaimDecl, gone: frozenset[str], optional: frozenset[str] = frozenset()) -> Question:
        """The question behind a claim, of the system without some guards and with others there or not."""
        return question_of(
            self.selection, self.options, claim, self.memories[self.unit(claim)], self.tools, gone=gone,
            optional=optional, report=self.report,
        )  # fmt: skip


NONE: frozenset[str] = frozenset()


def question_of(  # noqa: PLR0913 - what is asked, and what is known
    selection: Selection, options: Options, claim: ClaimDecl, memory: Memory, tools: Tools, *,
    gone: frozenset[str] = NONE, optional: frozenset[str] = NONE, report: Report = quiet,
) -> Question:
    """The question behind a claim, of the system without some guards and with others there or not."""
    from verify.lower.claims import property_of  # noqa: PLC0415 - as above
    from verify.overlap import taken_in  # noqa: PLC0415 - as above
    from verify.question import Question  # noqa: PLC0415 - as above

    system, hunt = selection.system(claim), wants(claim) == "refuted"
    lowered = selection.lower((system, gone, optional), *aside(claim))
    guards = selection.program.guards
    locks = frozenset(name for name in gone if hunt and name in guards and guards[name].kind == "lock")
    inside = taken_in(selection.lower((system, gone - locks, optional), *aside(claim)), locks) if locks else frozenset()
    tasks = options.tasks or exact_tasks(lowered.system) or max(BOUNDED, least_tasks(lowered.system))
    return Question(
        lowered.system, property_of(claim, selection.program, lowered), tasks, time.monotonic() + options.budget,
        options.engine, report, options.reduce, options.slice, memory, tools, hunt=hunt,
        inside=inside,
    )


def _what(claim: ClaimDecl) -> tuple[str | None, frozenset[str]]:
    """The invariant that a claim is about, and the guards that it is judged without."""
    return claim.invariant, frozenset(removed(claim))


def ready_ahead(
    selection: Selection, options: Options, order: Sequence[tuple[int, ...]], tools: Tools
) -> Callable[[tuple[int, ...]], None]:
    """How to do what a unit needs and others need too, before its process begins, so that theirs have it.

    That is to lower systems, and to begin with Z3 where runs are expected.
    """
    wanted = {places: _variants(selection, options, places) for places in order}
    uses = Counter(chain.from_iterable(wanted.values()))
    by_runs = {places for places in order if wants(selection.claims[places[0]]) == "refuted"}

    def ahead(places: tuple[int, ...]) -> None:
        if places in by_runs and len(by_runs) > 1:
            tools.terms_for_runs()
        for variant in wanted[places]:
            if uses[variant] > 1:
                with suppress(InputError):  # the claim will tell
                    selection.lower(variant)

    return ahead


def _variants(selection: Selection, options: Options, places: Sequence[int]) -> list[Variant]:
    """The systems that a unit of claims cannot do without."""
    claims = [claim for claim in map(selection.claims.__getitem__, places) if claim.kind not in UNDECIDED]
    claims = [claim for claim in claims if not any(aside(claim))]  # their systems are nobody else's
    gone = [frozenset(removed(claim)) for claim in claims]
    if not claims:
        return []
    if claims[0].kind not in WITHOUT_GUARDS or options.engine not in ("auto", "views"):
        return list(dict.fromkeys((selection.system(claims[0]), guards, frozenset[str]()) for guards in gone))
    found = dict[Variant, None]()
    for part in provable_together(claims, selection.claims, default_system(selection.program)):
        gone = list(dict.fromkeys(frozenset(removed(claim)) for claim in part))
        one = (frozenset[str](), frozenset().union(*gone)) if len(gone) > 1 else (gone[0], frozenset[str]())
        found[selection.system(claims[0]), *one] = None  # one proof may do for all of it
    return list(found)


def default_system(program: Program) -> str:
    """The system of a claim that names none: the only one, or the one called `system`; "" if there is none."""
    return "system" if "system" in program.systems else next(iter(program.systems), "")
