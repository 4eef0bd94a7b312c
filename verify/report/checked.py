"""The answer about a certificate, as a value, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.engine.verdict import Counterexample
from verify.report.cti import Json, cti_object, cti_rows
from verify.report.run import Styled

SCHEMA = "verify-check/1"
MARKS = {"accepted": ("✓", "green"), "rejected": ("✗", "bold red"), "unreadable": ("?", "yellow")}
INDENT = " " * 12
TRUSTED = (
    "that the source says what the kernel does",
    "the front end and the passes that make the small system of it",
    "where that starts (instances.py)",
    "the theorem about few cells, and that counters count (docs/semantics.md)",
    "the obligations as the check writes them",
    "that z3 and cvc5 are not both wrong",
)


@dataclass(frozen=True, slots=True)
class Checked:
    """One certificate: whether it shows what it claims to show, or why not."""

    file: str
    verdict: Literal["accepted", "rejected", "unreadable"]
    reason: str = ""
    claim: str = ""
    source: str = ""
    holds: bool | None = None  # the claim, if the certificate is accepted
    scope: str = ""
    obligations: int = 0
    solvers: Mapping[str, str] = field(default_factory=dict, hash=False)  # versions
    seconds: float = field(default=0.0, compare=False)
    cti: Counterexample | None = None  # where an obligation is not met


def exit_code(results: Sequence[Checked]) -> int:
    """0 all are accepted, 1 some is rejected, 2 some cannot be read."""
    verdicts = {result.verdict for result in results}
    return 1 if "rejected" in verdicts else 2 if "unreadable" in verdicts else 0


def checked_lines(result: Checked, width: int) -> Iterator[Styled]:
    """What is said of one certificate."""
    mark, style = MARKS[result.verdict]
    yield ((f"{mark} {result.verdict:9} ", style), (result.file, ""))
    said = [result.reason] if result.reason else []
    if result.claim:
        said.insert(0, f"{result.claim}   ({result.source})")
    if result.verdict == "accepted":
        said.append(f"{'holds' if result.holds else 'fails'}: {result.scope}")
        names = " and ".join(f"{name} {version}" for name, version in result.solvers.items())
        said.append(f"{result.obligations} obligations, each met for {names}   {result.seconds:.1f} s")
    for text in said:
        for row in textwrap.wrap(text, width - len(INDENT), break_on_hyphens=False, subsequent_indent="  "):
            yield ((INDENT + row, style if text is result.reason else ""),)
    for row in cti_rows(result.cti, width - len(INDENT)) if result.cti is not None else ():
        yield ((INDENT + row, ""),)


def trusted_lines(width: int) -> Iterator[Styled]:
    """What an accepted certificate still rests on."""
    text = f"trusted: {'; '.join(TRUSTED)}"
    for row in textwrap.wrap(text, width, break_on_hyphens=False, subsequent_indent="  "):
        yield ((row, "dim"),)


def checked_text(results: Sequence[Checked]) -> str:
    """All of it as one JSON object."""
    found: list[Json] = [
        {
            "file": result.file, "verdict": result.verdict, "reason": result.reason, "claim": result.claim or None,
            "source": result.source or None, "holds": result.holds, "scope": result.scope or None,
            "obligations": result.obligations, "solvers": dict(result.solvers),
            "seconds": round(result.seconds, 3), "cti": None if result.cti is None else cti_object(result.cti),
        }
        for result in results
    ]  # fmt: skip
    return json.dumps({"schema": SCHEMA, "trusted": list(TRUSTED), "certificates": found}, indent=2, ensure_ascii=False)
