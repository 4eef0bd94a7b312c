"""What differs between two versions: as values, as lines of text, and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from verify.diagnostics import Diagnostic
from verify.engine.verdict import Trace
from verify.report.cti import Json
from verify.report.json_object import claim_object, error_object, trace_object
from verify.report.result import BAD_INPUT, FAILS, HOLDS, UNKNOWN, ClaimResult
from verify.report.run import Styled, columns, ending
from verify.report.text import error_lines, scope, seconds
from verify.source import Span, where

SCHEMA = "verify-diff/1"
NARROW = 24


@dataclass(frozen=True, slots=True)
class Change:
    """Something named that is in one version only, or not the same in both: where it is in each."""

    name: str
    before: Span | None
    after: Span | None

    @property
    def word(self) -> str:
        """What happened to it."""
        return "added" if self.before is None else "dropped" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Texts:
    """What differs in the text."""

    functions: tuple[Change, ...] = ()
    declarations: tuple[Change, ...] = ()
    guards: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One statement, judged in both versions."""

    statement: str
    before: ClaimResult
    after: ClaimResult

    @property
    def differs(self) -> bool | None:
        """Whether it holds in one version only; None if that is not known."""
        words = {self.before.verdict, self.after.verdict}
        return None if "unknown" in words else len(words) > 1


@dataclass(frozen=True, slots=True)
class Left:
    """A claim of one version that cannot be stated in the other."""

    claim: str
    file: str  # that cannot have it
    reason: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is seen of a run, after so many of its steps."""

    step: int
    thread: int
    function: str  # "" of an error
    moment: str  # "call", "return", or the kind of error
    text: str  # "access_process_vm(task = task 1, write = 0)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A run of one version with what is seen of it; in the other version nothing that is seen begins like that."""

    able: str  # the version with the run
    other: str
    tasks: int
    happenings: tuple[Happening, ...]
    instead: tuple[str, ...]  # what the same thread can be seen to do in the other version before that
    trace: Trace = field(repr=False)
    shortest: bool  # no run with so many tasks or fewer shows a difference after fewer events


@dataclass(frozen=True, slots=True)
class Looked:
    """What was compared to the end: all runs of up to so many events, or of any number, with so many tasks."""

    tasks: int
    events: int
    complete: bool

    def __str__(self) -> str:
        events = "any number of events" if self.complete else f"up to {self.events} event{'s' * (self.events != 1)}"
        return f"all runs of {events} with {_tasks(self.tasks)}"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What each version can be seen to do that the other cannot."""

    functions: tuple[str, ...]  # whose calls are seen
    differences: tuple[Difference, ...] = ()
    looked: tuple[Looked, ...] = ()
    lost: bool = False  # whether there are differences, but no run of one was made in time


@dataclass(frozen=True, slots=True)
class DiffResult:
    """Everything about two versions. With `errors` there is nothing else."""

    before: str
    after: str
    system: str = ""
    rows: tuple[Row, ...] = ()
    left: tuple[Left, ...] = ()
    texts: Texts = Texts()
    behaviour: Behaviour = Behaviour(())
    errors: tuple[Diagnostic, ...] = ()
    reason: str = ""  # why there is no answer
    seconds: float = field(default=0.0, compare=False)


def exit_code(result: DiffResult) -> int:
    """0 nothing differs and all was compared, 1 something does, 2 the input is wrong, 3 not all was compared."""
    if result.errors:
        return BAD_INPUT
    told = {row.differs for row in result.rows}
    if True in told or result.behaviour.differences:
        return FAILS
    whole = all(one.complete for one in result.behaviour.looked) and not result.behaviour.lost
    return HOLDS if whole and None not in told else UNKNOWN


# ---- text ----------------------------------------------------------------------------------------


def diff_lines(result: DiffResult, width: int) -> Iterator[Styled]:
    """What differs, the text first, then claims, then runs."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    title = f"{result.before} and {result.after}, system `{result.system}`"
    yield ((title, "bold"), (f"   {seconds(result.seconds)}", "dim"))
    yield from _text_lines(result.texts, width)
    yield from _claim_lines(result, width)
    yield from _behaviour_lines(result, width)


def _text_lines(texts: Texts, width: int) -> Iterator[Styled]:
    groups = (("functions", texts.functions), ("declared", texts.declarations), ("guards", texts.guards))
    if not any(changes for _, changes in groups):
        yield ()
        yield (("text", "bold"), ("    the same, but for spelling, comments and names of statements", ""))
        return
    yield ()
    yield (("text", "bold"),)
    for title, changes in groups:
        by_word = defaultdict[str, list[str]](list)
        for change in changes:
            span = change.after or change.before
            by_word[change.word].append(f"{change.name} ({where(span)})" if span else change.name)
        for word in ("changed", "added", "dropped"):
            if by_word[word]:
                yield from _wrapped(f"  {title:9} {word:8}", ", ".join(by_word[word]), width)


def _claim_lines(result: DiffResult, width: int) -> Iterator[Styled]:
    yield ()
    same = sum(row.differs is False for row in result.rows)
    neither = [row for row in result.rows if row.before.verdict == row.after.verdict == "unknown"]
    told = [row for row in result.rows if row.differs is not False and row not in neither]
    yield (("claims", "bold"), (f"  {same} of {len(result.rows)} the same", ""))
    if told:
        cells = [(row.statement, _verdict(row.before), _verdict(row.after)) for row in told]
        header = ("", result.before, result.after)
        verdicts = [max(len(row[i]) for row in [*cells, header]) for i in (1, 2)]
        room = max(NARROW, width - sum(verdicts) - 8)
        names = min(room, max(len(row[0]) for row in cells))
        for name, one, other in [header, *cells]:
            first, *rest = textwrap.wrap(name, names, break_on_hyphens=False) or [""]
            style = "dim" if not name else ""
            yield ((f"  {first:{names}}   {one:{verdicts[0]}}   {other}", style),)
            yield from (((f"    {row}", ""),) for row in rest)
    if neither:
        yield from _wrapped("  ", f"not decided in either: {', '.join(row.statement for row in neither)}", width, "dim")
    for reason, claims in _by_reason(result.left).items():
        yield from _wrapped("  ", f"not in {reason}: {', '.join(claims)}", width, "dim")


def _by_reason(left: Sequence[Left]) -> dict[str, list[str]]:
    found = defaultdict[str, list[str]](list)
    for one in left:
        found[f"{one.file}, {one.reason}"].append(one.claim)
    return found


def _verdict(claim: ClaimResult) -> str:
    if claim.kind == "reach" and claim.verdict in ("refuted", "proved"):
        return f"reached: {scope(claim)}" if claim.trace else f"never: {scope(claim)}"
    word = {"refuted": "broken", "proved": "holds"}.get(claim.verdict, claim.verdict)
    reach = scope(claim)
    return f"{word}: {reach}" if reach and reach != word else word


def _behaviour_lines(result: DiffResult, width: int) -> Iterator[Styled]:
    behaviour = result.behaviour
    yield ()
    if not behaviour.functions:
        yield (("runs", "bold"), ("    nothing but errors is seen of them: threads call no function of their own", ""))
    else:
        yield from _wrapped("runs", f"    what is seen: calls of {', '.join(behaviour.functions)}; errors", width)
    told = set[str]()
    for number, one in enumerate(behaviour.differences, start=1):
        yield ()
        least = "no fewer events show a difference" if one.shortest else "the shortest that was found"
        title = f"{number}  {one.able} can do what {one.other} cannot"
        yield ((title, "bold red"), (f"   {_tasks(one.tasks)}; {least}", "dim"))
        last = one.happenings[-1]
        for seen in one.happenings:
            yield ((f"  step {seen.step:3}  ", "dim"), (seen.text, "bold" if seen is last else ""))
        if one.instead:
            yield from _wrapped(f"  {one.other}: ", " or ".join(one.instead), width)
        if one.able not in told:
            told.add(one.able)
            yield ()
            yield from columns(one.trace, width)
            yield from ending(f"{last.text}; after the same events that never happens in {one.other}.", width)
    yield ()
    looked = "; ".join(map(str, behaviour.looked)) or "no run"
    if behaviour.lost:
        yield (("differences are seen, but no run was made of one in time", "yellow"),)
    elif behaviour.differences:
        yield from _wrapped("compared: ", looked, width, "dim")
    else:
        yield from _wrapped("no difference is seen: ", f"compared are {looked}", width)


def _wrapped(title: str, text: str, width: int, style: str = "") -> Iterator[Styled]:
    rows = textwrap.wrap(text, max(NARROW, width - len(title)), break_on_hyphens=False, break_long_words=False)
    for number, row in enumerate(rows or [""]):
        yield ((title if number == 0 else " " * len(title), style or "bold"), (row, style))


def _tasks(tasks: int) -> str:
    return f"{tasks} task{'s' * (tasks != 1)}"


# ---- JSON ----------------------------------------------------------------------------------------


def diff_text(result: DiffResult) -> str:
    """The answer as one JSON object."""
    return json.dumps(_object(result), indent=2, ensure_ascii=False)


def _object(result: DiffResult) -> dict[str, Json]:
    texts = result.texts
    return {
        "schema": SCHEMA,
        "before": result.before,
        "after": result.after,
        "system": result.system,
        "errors": [error_object(error) for error in result.errors],
        "reason": result.reason,
        "functions": [_change(change) for change in texts.functions],
        "declarations": [_change(change) for change in texts.declarations],
        "guards": [_change(change) for change in texts.guards],
        "claims": [
            {"statement": row.statement, "differs": row.differs, "before": claim_object(row.before),
             "after": claim_object(row.after)}
            for row in result.rows
        ],
        "left": [{"claim": one.claim, "file": one.file, "reason": one.reason} for one in result.left],
        "observed": list(result.behaviour.functions),
        "differences": [_difference(one) for one in result.behaviour.differences],
        "compared": [
            {"tasks": one.tasks, "events": "any" if one.complete else one.events} for one in result.behaviour.looked
        ],
    }  # fmt: skip


def _change(change: Change) -> Json:
    return {"name": change.name, "change": change.word, "before": _line(change.before), "after": _line(change.after)}


def _line(span: Span | None) -> Json:
    return None if span is None else {"file": span.source.path, "line": span.line}


def _difference(one: Difference) -> Json:
    return {
        "able": one.able,
        "other": one.other,
        "tasks": one.tasks,
        "shortest": one.shortest,
        "events": [
            {"step": seen.step, "thread": seen.thread, "function": seen.function or None, "moment": seen.moment,
             "text": seen.text}
            for seen in one.happenings
        ],
        "instead": list(one.instead),
        "trace": trace_object(one.trace),
    }  # fmt: skip
