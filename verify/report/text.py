"""Claims as lines of text: a mark, what was claimed, how far the answer reaches, and the run where one is due."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from verify.diagnostics import Diagnostic
from verify.report.cti import cti_rows
from verify.report.result import ClaimResult, Explanation, FileResult
from verify.report.run import Styled, run
from verify.source import clean

MARKS = {True: ("✓", "holds", "green"), False: ("✗", "fails", "bold red"), None: ("?", "unknown", "yellow")}
FINITE_RUNS = frozenset({"refute"})  # claims whose run is shown although they hold
DETAILS = 3 + 30 + 3 + 5 + 3 + 8  # what stands to the right of a claim's name
INDENT = " " * 11
NARROW = 24
PLAIN = str.maketrans({"✓": "+", "✗": "x", "→": ">", "⇒": "=", "│": "|", "·": ".", "…": "~"})


def name_width(names: Sequence[str], width: int) -> int:
    """The width of the column of claims; where they have no room beside the details, the details go below them."""
    longest = max((len(word) for name in names for word in name.split()), default=0)
    beside = width - len(INDENT) - DETAILS
    return min(max(map(len, names), default=0), beside if beside >= max(NARROW, longest + 2) else width - len(INDENT))


def claim_lines(claim: ClaimResult, width: int, names: int, *, chosen: bool = False) -> Iterator[Styled]:
    """The report on one claim: its line, the reason it is unknown or fails, and its run.

    A run is shown for a claim that fails, for `refute`, and for any claim that the user has `chosen` by name.
    """
    mark, word, style = MARKS[claim.holds]
    first, *rest = textwrap.wrap(claim.name, names, subsequent_indent="  ", break_on_hyphens=False) or [""]
    details = f"{scope(claim):30}   {claim.engine:5}   {seconds(claim.seconds):>8}"
    beside = len(INDENT) + names + DETAILS <= width
    yield ((f"{mark} {word:7}  ", style), (f"{first:{names}}", ""), (f"   {details}" if beside else "", "dim"))
    for row in rest:
        yield ((INDENT + row, ""),)
    if not beside:
        yield ((INDENT + details, "dim"),)
    if claim.assumptions:
        for row in textwrap.wrap(f"under {', '.join(claim.assumptions)}", max(NARROW, width - len(INDENT))):
            yield ((INDENT + row, "dim"),)
    for text in _because(claim):
        for row in textwrap.wrap(text, max(NARROW, width - len(INDENT)), break_on_hyphens=False):
            yield ((INDENT + row, style if claim.holds is not True else "dim"),)
    for row in textwrap.wrap(_toothless(claim), max(NARROW, width - len(INDENT)), break_on_hyphens=False):
        yield ((INDENT + row, "bold yellow"),)
    if claim.cti is not None:
        yield ((f"{INDENT}Z3 did not discharge `{claim.cti.obligation}`:", "dim"),)
        for row in cti_rows(claim.cti, width - len(INDENT)):
            yield ((INDENT + row, "dim"),)
    if claim.why is not None:
        yield from _why(claim.why, width)
    if claim.trace is not None and (claim.holds is not True or claim.kind in FINITE_RUNS or chosen):
        yield ()
        yield from run(claim, width)
        yield ()


def _why(why: Explanation, width: int) -> Iterator[Styled]:
    """The sentences of a proof, and what it rests on."""
    if why.sentences:
        count = f"{len(why.sentences)} sentence{'s' * (len(why.sentences) != 1)}"
        least = "; none can be left out" if why.minimal else ""
        yield ((f"{INDENT}because of {count}, true at the start and kept by every step{least}:", "dim"),)
    else:
        count = f"{why.clauses} clause{'s' * (why.clauses != 1)}"
        yield ((f"{INDENT}because of {count}; no shorter proof was found in time", "dim"),)
    for number, said in enumerate(why.sentences, start=1):
        head = f"{number:>2}. "
        rows = textwrap.wrap(said, max(NARROW, width - len(INDENT) - len(head)), break_on_hyphens=False)
        for row, before in zip(rows, (head, *([" " * len(head)] * len(rows))), strict=False):
            yield ((f"{INDENT}{before}{row}", ""),)
    for said in (*(f"so {text}" for text in why.follows), *why.rests):
        for row in textwrap.wrap(said, max(NARROW, width - len(INDENT)), subsequent_indent="  "):
            yield ((INDENT + row, "dim"),)


def scope(claim: ClaimResult) -> str:
    """How far the answer reaches."""
    if claim.verdict == "vacuous":
        return "vacuous"
    if claim.trace is not None:
        steps, tasks = len(claim.trace.steps), claim.trace.instance.tasks
        return f"a run of {steps} step{'s' * (steps != 1)}, {tasks} task{'s' * (tasks != 1)}"
    return str(claim.scope) if claim.scope is not None else ""


def seconds(value: float) -> str:
    """A time with three digits, as far as they mean something."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"  # noqa: PLR2004


def _because(claim: ClaimResult) -> Iterator[str]:
    if claim.holds is False and claim.expected:
        yield f"expected: {claim.expected}"
    if claim.reason:
        yield claim.reason
    if claim.shown:
        yield f"shown: {claim.shown}"


def _toothless(claim: ClaimResult) -> str:
    """What is said of a proof that does not need the patch."""
    if not claim.toothless:
        return ""
    without = ", ".join(f"`{guard}`" for guard in claim.toothless)
    meaning = "either the patch is larger than this claim or the model misses the attack"
    return f"toothless: also holds without {without}: {meaning}"


def summary(result: FileResult) -> Styled:
    """The count of claims that hold, fail and are unknown, and the time it took."""
    if not result.claims:
        return ((f"{result.file}: no claims", "yellow"),)
    counts = Counter(claim.holds for claim in result.claims)
    words = {True: "hold" + "s" * (counts[True] == 1), False: "fail" + "s" * (counts[False] == 1), None: "unknown"}
    parts = [f"{counts[holds]} {word}" for holds, word in words.items() if counts[holds]]
    total = len(result.claims)
    style = MARKS[False if counts[False] else None if counts[None] else True][2]
    return ((f"{total} claim{'s' * (total != 1)}: {', '.join(parts)}", style), (f"   {seconds(result.seconds)}", "dim"))


def included(result: FileResult, width: int) -> Iterator[Styled]:
    """What is said of the claims that included files have: nothing if they have none."""
    files = [f"{count} of {clean(file.rsplit('/', 1)[-1])}" for file, count in result.included.items()]
    said = f"claims of included files, not decided here: {', '.join(files)}" if files else ""
    for row in textwrap.wrap(said, max(NARROW, width), subsequent_indent="  "):
        yield ((row, "dim"),)


def error_lines(errors: Sequence[Diagnostic]) -> Iterator[Styled]:
    """Every error of the input, with the user's own line."""
    for error in errors:
        header, *rest = error.render().splitlines()
        yield ((header, "bold red"),)
        for row in rest:
            yield ((row, ""),)


def plain(lines: Iterator[Styled]) -> str:
    """The lines without their styles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
