"""What TLC says of the invariants behind proofs for any number of tasks: as lines of text, and as a JSON object."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verify.diagnostics import Diagnostic
from verify.engine.verdict import Counterexample
from verify.report.cti import cti_object, cti_rows
from verify.report.json_object import error_object
from verify.report.result import BAD_INPUT, HOLDS, UNKNOWN
from verify.report.run import Styled
from verify.report.text import MARKS, error_lines, seconds

Said = Literal["inductive", "too weak", "unknown"]
SCHEMA = "verify-tlc-inductive/1"
INDENT = " " * 13


@dataclass(frozen=True, slots=True)
class InductiveClaim:
    """A claim, and what TLC says of the invariant that shows it for any number of tasks.

    `states` are those that the invariant allows; `cti` is where it is too weak, as far as that can be put in words.
    """

    name: str
    property: str
    said: Said
    module: str = ""
    states: int | None = None
    reason: str = ""
    cti: Counterexample | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class InductiveResult:
    """The answer of TLC about a file; `left` are the claims that no invariant shows."""

    file: str
    system: str = ""
    tasks: int = 0
    version: str = ""
    sha256: str = ""
    claims: tuple[InductiveClaim, ...] = ()
    left: tuple[str, ...] = ()
    errors: Sequence[Diagnostic] = ()


def inductive_exit(result: InductiveResult) -> int:
    """0 all invariants are inductive, 2 the input is wrong, 3 some is not known to be so, or there is none."""
    if result.errors:
        return BAD_INPUT
    return HOLDS if {claim.said for claim in result.claims} == {"inductive"} else UNKNOWN


def inductive_lines(result: InductiveResult, width: int) -> Iterator[Styled]:
    """A line for each claim, and where an invariant is too weak."""
    if result.errors:
        yield from error_lines(result.errors)
        return
    about = f"system `{result.system}` of {result.file}, {result.tasks} task{'s' * (result.tasks != 1)}"
    yield ((f"{about}; {result.version}" if result.version else about, "dim"),)
    names = max((len(claim.name) for claim in result.claims), default=0)
    for claim in result.claims:
        mark, _, style = MARKS[True if claim.said == "inductive" else None]
        told = f"{claim.states:,} states" if claim.states is not None else ""
        yield (
            (f"{mark} {claim.said:9}  ", style), (f"{claim.name:{names}}", ""), (f"   {told}", "dim"),
            (f"   {seconds(claim.seconds)}" if told else "", "dim"),
        )  # fmt: skip
        for row in textwrap.wrap(claim.reason, max(24, width - len(INDENT)), break_on_hyphens=False):
            yield ((INDENT + row, style),)
        if claim.cti is not None:
            yield from (((INDENT + row, ""),) for row in cti_rows(claim.cti, width - len(INDENT)))
    if result.left:
        several = "s" * (len(result.left) != 1)
        yield ((f"not asked  {len(result.left)} claim{several} that no invariant of this system shows", "dim"),)


def inductive_text(result: InductiveResult) -> str:
    """The answer as one JSON object."""
    whole = {
        "schema": SCHEMA,
        "file": result.file,
        "system": result.system,
        "tasks": result.tasks,
        "tlc": {"version": result.version, "sha256": result.sha256},
        "errors": [error_object(error) for error in result.errors],
        "claims": [
            {
                "name": claim.name, "property": claim.property, "said": claim.said, "module": claim.module or None,
                "states": claim.states, "reason": claim.reason,
                "cti": None if claim.cti is None else cti_object(claim.cti),
            }
            for claim in result.claims
        ],
        "left": list(result.left),
    }  # fmt: skip
    return json.dumps(whole, indent=2, ensure_ascii=False)
